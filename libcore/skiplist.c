#include "skiplist.h"

#include <stdlib.h>

#define LEVELS 20

/* With the rank of the node that it leads to: who need not go there need not
 * touch it. */
struct link {
	struct node *node;
	uint64_t rank;
};

struct node {
	void *item;
	struct link next[]; /* as many as the node is high */
};

struct skiplist {
	int (*order)(const void *a, const void *b);
	uint64_t (*rank_of)(const void *item); /* NULL: all are equal */
	uint64_t random; /* xorshift: only the heights depend on it */
	int height;
	struct node *head; /* LEVELS high, no item */
};

static struct node *
node_new(int height, void *item)
{
	struct node *n =
	    calloc(1, sizeof(*n) + (size_t)height * sizeof(n->next[0]));

	if (n != NULL)
		n->item = item;
	return n;
}

enum blk_status
skiplist_new(int (*order)(const void *a, const void *b),
    uint64_t (*rank)(const void *item), struct skiplist **out,
    struct fault *why)
{
	struct skiplist *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL || (s->head = node_new(LEVELS, NULL)) == NULL) {
		free(s);
		return fault_nomem(why);
	}
	s->order = order;
	s->rank_of = rank;
	s->random = 0x9e3779b97f4a7c15u;
	s->height = 1;
	*out = s;
	return BLK_OK;
}

void
skiplist_free(struct skiplist *s, void (*release)(void *item))
{
	struct node *n, *next;

	if (s == NULL)
		return;
	for (n = s->head->next[0].node; n != NULL; n = next) {
		next = n->next[0].node;
		if (release != NULL)
			release(n->item);
		free(n);
	}
	free(s->head);
	free(s);
}

/* One level more with probability 1/4. */
static int
random_height(struct skiplist *s)
{
	int height = 1;

	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	for (uint64_t r = s->random; height < LEVELS && (r & 3) == 0; r >>= 2)
		height++;
	return height;
}

static uint64_t
rank_of(const struct skiplist *s, const void *item)
{
	return s->rank_of == NULL ? 0 : s->rank_of(item);
}

/*
 * The last node below key (or not above it, with after); before[], unless
 * NULL, is filled with the same for each level.
 */
static struct node *
seek(const struct skiplist *s, const void *key, int after, struct node **before)
{
	const uint64_t rank = rank_of(s, key);
	struct node *n = s->head;

	for (int i = s->height - 1; i >= 0; i--) {
		const struct link *l = &n->next[i];

		while (l->node != NULL &&
		    (l->rank != rank ? l->rank < rank
		                     : s->order(l->node->item, key) < after)) {
			n = l->node;
			l = &n->next[i];
		}
		if (before != NULL)
			before[i] = n;
	}
	return n;
}

enum blk_status
skiplist_put(struct skiplist *s, void *item, struct fault *why)
{
	struct node *before[LEVELS], *n;
	int height;

	if (s == NULL)
		return fault_nomem(why);
	height = random_height(s);
	n = node_new(height, item);
	if (n == NULL)
		return fault_nomem(why);
	while (s->height < height)
		s->height++;
	seek(s, item, 0, before);
	for (int i = 0; i < height; i++) {
		n->next[i] = before[i]->next[i];
		before[i]->next[i] = (struct link){ n, rank_of(s, item) };
	}
	return BLK_OK;
}

void *
skiplist_take(struct skiplist *s, const void *key)
{
	struct node *before[LEVELS], *n;
	void *item;

	if (s == NULL)
		return NULL;
	n = seek(s, key, 0, before)->next[0].node;
	if (n == NULL || s->order(n->item, key) != 0)
		return NULL;
	for (int i = 0; i < s->height && before[i]->next[i].node == n; i++)
		before[i]->next[i] = n->next[i];
	item = n->item;
	free(n);
	return item;
}

static void *
item_of(const struct node *n)
{
	return n == NULL ? NULL : n->item;
}

void *
skiplist_from(const struct skiplist *s, const void *key)
{
	return s == NULL ? NULL : item_of(seek(s, key, 0, NULL)->next[0].node);
}

void *
skiplist_after(const struct skiplist *s, const void *key)
{
	return s == NULL ? NULL : item_of(seek(s, key, 1, NULL)->next[0].node);
}

void *
skiplist_get(const struct skiplist *s, const void *key)
{
	void *item = skiplist_from(s, key);

	return item != NULL && s->order(item, key) == 0 ? item : NULL;
}

void *
skiplist_first(const struct skiplist *s)
{
	return s == NULL ? NULL : item_of(s->head->next[0].node);
}
