#include "skiplist.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS 16
#define FULL 64 /* items of a node */

struct place {
	uint64_t rank;
	void *item;
};

/* With the rank that the first item of the node had when it was made, or
 * something between that and the items before: who need not go there need not
 * touch it. */
struct link {
	struct node *node;
	uint64_t rank;
};

/*
 * Items that follow on each other.  Many of them side by side, so that a
 * search among many nodes meets few; only the first node may be empty.
 */
struct node {
	struct place place[FULL];
	size_t used;
	struct link next[]; /* as many as the node is high */
};

struct skiplist {
	int (*order)(const void *a, const void *b);
	uint64_t (*rank_of)(const void *item); /* NULL: all are equal */
	uint64_t random; /* xorshift: only the heights depend on it */
	int height;
	struct node *head; /* LEVELS high; what is before all other nodes */
};

static struct node *
node_new(int height)
{
	struct node *n =
	    malloc(sizeof(*n) + (size_t)height * sizeof(n->next[0]));

	if (n == NULL)
		return NULL;
	n->used = 0;
	for (int i = 0; i < height; i++)
		n->next[i] = (struct link){ NULL, 0 };
	return n;
}

enum blk_status
skiplist_new(int (*order)(const void *a, const void *b),
    uint64_t (*rank)(const void *item), struct skiplist **out,
    struct fault *why)
{
	struct skiplist *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL || (s->head = node_new(LEVELS)) == NULL) {
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
	for (n = s->head; n != NULL; n = next) {
		next = n->next[0].node;
		for (size_t i = 0; release != NULL && i < n->used; i++)
			release(n->place[i].item);
		free(n);
	}
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

/* What is looked for. */
struct target {
	const void *key;
	uint64_t rank;
};

static struct target
target_of(const struct skiplist *s, const void *key)
{
	return (struct target){ key, s->rank_of == NULL ? 0 : s->rank_of(key) };
}

/* Is an item of this rank below t, or, with after, not above it? */
static bool
is_below(const struct skiplist *s, uint64_t rank, const void *item,
    const struct target *t, bool after)
{
	if (rank != t->rank)
		return rank < t->rank;
	return s->order(item, t->key) < (after ? 1 : 0);
}

/*
 * The node that t is in, or belongs into: the last whose first item is not
 * above it, but for except.  before[], unless NULL, is filled with the last
 * such node of each level.
 */
static struct node *
seek(const struct skiplist *s, const struct target *t,
    const struct node *except, struct node **before)
{
	struct node *n = s->head;

	for (int i = s->height - 1; i >= 0; i--) {
		const struct link *l = &n->next[i];

		while (l->node != NULL && l->node != except &&
		    is_below(s, l->rank, l->node->place[0].item, t, true)) {
			n = l->node;
			l = &n->next[i];
		}
		if (before != NULL)
			before[i] = n;
	}
	return n;
}

/* The first item of n that is not below t, or, with after, above it. */
static size_t
bound(const struct skiplist *s, const struct node *n, const struct target *t,
    bool after)
{
	size_t low = 0, high = n->used;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct place *p = &n->place[middle];

		if (is_below(s, p->rank, p->item, t, after))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The upper half of a full node goes into one of its own behind it. */
static enum blk_status
split(struct skiplist *s, struct node *n, struct node **before,
    struct node **upper, struct fault *why)
{
	int height = random_height(s);
	struct node *u = node_new(height);

	if (u == NULL)
		return fault_nomem(why);
	while (s->height < height)
		before[s->height++] = s->head;
	u->used = FULL / 2;
	n->used -= u->used;
	memcpy(u->place, n->place + n->used, u->used * sizeof(*u->place));
	for (int i = 0; i < height; i++) {
		u->next[i] = before[i]->next[i];
		before[i]->next[i] = (struct link){ u, u->place[0].rank };
	}
	*upper = u;
	return BLK_OK;
}

enum blk_status
skiplist_put(struct skiplist *s, void *item, struct fault *why)
{
	struct node *before[LEVELS], *n, *upper = NULL;
	enum blk_status st = BLK_OK;
	struct target t;
	size_t at;

	if (s == NULL)
		return fault_nomem(why);
	t = target_of(s, item);
	n = seek(s, &t, NULL, before);
	at = bound(s, n, &t, false);
	if (n->used == FULL) {
		st = split(s, n, before, &upper, why);
		if (st != BLK_OK)
			return st;
		if (at > n->used) {
			at -= n->used;
			n = upper;
		}
	}
	memmove(n->place + at + 1, n->place + at,
	    (n->used - at) * sizeof(*n->place));
	n->place[at] = (struct place){ t.rank, item };
	n->used++;
	return BLK_OK;
}

/* Take an empty node out of the list; t is what was last in it. */
static void
drop(struct skiplist *s, struct node *n, const struct target *t)
{
	struct node *before[LEVELS];

	seek(s, t, n, before);
	for (int i = 0; i < s->height && before[i]->next[i].node == n; i++)
		before[i]->next[i] = n->next[i];
	free(n);
}

void *
skiplist_take(struct skiplist *s, const void *key)
{
	struct target t;
	struct node *n;
	void *item;
	size_t at;

	if (s == NULL)
		return NULL;
	t = target_of(s, key);
	n = seek(s, &t, NULL, NULL);
	at = bound(s, n, &t, false);
	if (at == n->used || s->order(n->place[at].item, key) != 0)
		return NULL;
	item = n->place[at].item;
	n->used--;
	memmove(n->place + at, n->place + at + 1,
	    (n->used - at) * sizeof(*n->place));
	if (n->used == 0 && n != s->head)
		drop(s, n, &t);
	return item;
}

/* The item there, or the next behind it. */
static void *
item_at(const struct node *n, size_t at)
{
	if (at < n->used)
		return n->place[at].item;
	n = n->next[0].node;
	return n == NULL ? NULL : n->place[0].item;
}

static void *
item_from(const struct skiplist *s, const void *key, bool after)
{
	struct target t;
	const struct node *n;

	if (s == NULL)
		return NULL;
	t = target_of(s, key);
	n = seek(s, &t, NULL, NULL);
	return item_at(n, bound(s, n, &t, after));
}

void *
skiplist_from(const struct skiplist *s, const void *key)
{
	return item_from(s, key, false);
}

void *
skiplist_after(const struct skiplist *s, const void *key)
{
	return item_from(s, key, true);
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
	return s == NULL ? NULL : item_at(s->head, 0);
}
