#include "author.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "rules.h"

/* --- the universe --- */

static struct word words[WORDS];

static void
word_make(struct word *w, unsigned letters, unsigned n)
{
	struct fault why = FAULT_NONE;

	w->letters = letters;
	w->len = letters * LETTER_BYTES;
	for (unsigned i = letters; i-- > 0; n /= LETTERS)
		memset(w->text + i * LETTER_BYTES, 'a' + (int)(n % LETTERS),
		    LETTER_BYTES);
	if (digest_of(w->text, w->len, &w->id, &why) != BLK_OK)
		world_die("%s", why.text);
}

const struct word *
word_at(unsigned i)
{
	unsigned at = 0, many = LETTERS;

	if (words[0].len == 0)
		for (unsigned l = 1; l <= WORD_MAX; l++, many *= LETTERS)
			for (unsigned n = 0; n < many; n++)
				word_make(&words[at++], l, n);
	return &words[i % WORDS];
}

static const struct word *
word_find(const char *text, size_t len)
{
	for (unsigned i = 0; i < WORDS; i++)
		if (word_at(i)->len == len &&
		    memcmp(words[i].text, text, len) == 0)
			return &words[i];
	world_die("no such word");
}

const struct word *
word_of(const char *letters)
{
	char text[WORD_MAX * LETTER_BYTES];
	size_t n = strlen(letters);

	for (size_t i = 0; i < n; i++)
		memset(text + i * LETTER_BYTES, letters[i], LETTER_BYTES);
	return word_find(text, n * LETTER_BYTES);
}

const struct word *
word_part(const struct word *w, unsigned first, unsigned letters)
{
	return word_find(w->text + (size_t)first * LETTER_BYTES,
	    (size_t)letters * LETTER_BYTES);
}

/* --- life --- */

enum blk_status
author_open(struct author *a, struct proc *p, struct fault *why)
{
	enum blk_status st;

	*a = (struct author){ .p = p };
	st = hasher_new(&a->hash, why);
	if (st == BLK_OK)
		st = codec_state_new(&a->codecs, why);
	if (st == BLK_OK)
		st = world_open(p, false, &a->s, why);
	return st;
}

void
author_empty(struct author *a)
{
	for (size_t i = 0; i < a->objects; i++) {
		union {
			const void *in;
			void *out;
		} data = { a->object[i].data };

		free(data.out);
	}
	a->objects = a->owns = a->segments = a->leans = a->relies = 0;
	a->knowns = 0;
	for (int i = 0; i < 2; i++)
		if (a->lane[i] != NULL)
			segment_reset(a->lane[i]);
	version_release(&a->wish.made);
	a->wish = (struct wish){ .put = false };
}

void
author_close(struct author *a)
{
	author_empty(a);
	for (int i = 0; i < 2; i++)
		segment_builder_free(a->lane[i]);
	codec_state_free(a->codecs);
	hasher_free(a->hash);
	store_close(a->s);
}

/* --- what is there --- */

enum blk_status
author_full(struct fault *why)
{
	return fault(why, BLK_FAILED, "too much for an author");
}

static struct own *
own_of(struct author *a, const struct digest *id, enum class class)
{
	for (size_t i = 0; i < a->owns; i++)
		if (class_takes(class, (enum kind)a->own[i].kind) &&
		    digest_equal(&a->own[i].id, id))
			return &a->own[i];
	return NULL;
}

enum blk_status
author_lean(struct author *a, const struct digest *segment, struct fault *why)
{
	for (size_t i = 0; i < a->leans; i++)
		if (digest_equal(&a->lean[i], segment))
			return BLK_OK;
	if (a->leans == AUTHOR_REFS)
		return author_full(why);
	a->lean[a->leans++] = *segment;
	return BLK_OK;
}

static void
know(struct author *a, const struct segment_table *t,
    const struct digest *segment)
{
	for (uint32_t i = 0; i < t->objects && a->knowns < AUTHOR_REFS; i++)
		if (t->object[i].kind == KIND_DATA)
			a->known[a->knowns++] =
			    (struct known){ t->object[i].id, *segment };
}

/* Is a copy that the catalog names really there (R6)? */
static enum blk_status
try_copy(struct author *a, const struct digest *id,
    const struct catalog_copy *copy, bool *found, struct fault *why)
{
	struct catalog *c = store_catalog(a->s);
	const struct segment_table *t;
	struct frames_place place;
	struct catalog_segment seg;
	enum blk_status st;

	st = c->type->segment_get(c, copy->seq, &seg, why);
	if (st == BLK_ABSENT || (st == BLK_OK && seg.condemned != 0))
		return BLK_OK;
	if (st != BLK_OK)
		return st;
	place = store_place(&seg);
	st = frames_table(store_frames(a->s), &place, &t, why);
	if (st != BLK_OK)
		return st == BLK_ABSENT ? BLK_OK : st;
	*found = !RULE(R6) ||
	    (copy->ordinal < t->objects &&
	        t->object[copy->ordinal].kind == KIND_DATA &&
	        digest_equal(&t->object[copy->ordinal].id, id));
	if (*found) {
		know(a, t, &seg.id);
		st = author_lean(a, &seg.id, why);
	}
	frames_release(store_frames(a->s), t);
	return st;
}

/* Need this chunk not be stored? */
static enum blk_status
look_up(
    struct author *a, const struct digest *id, bool *found, struct fault *why)
{
	struct catalog *c = store_catalog(a->s);
	const struct catalog_copy *copy;
	struct catalog_facts f;
	enum blk_status st;

	*found = own_of(a, id, CLASS_DATA) != NULL;
	if (*found || a->no_dedup)
		return BLK_OK;
	for (size_t i = 0; i < a->knowns; i++)
		if (digest_equal(&a->known[i].id, id)) {
			*found = true;
			return author_lean(a, &a->known[i].segment, why);
		}
	st = c->type->facts(c, id, &f, why);
	if (st != BLK_OK)
		return st;
	copy = catalog_winner(&f, CLASS_DATA);
	if (copy == NULL || f.lost[CLASS_DATA] || f.lost[CLASS_CONTENT])
		return BLK_OK;
	return try_copy(a, id, copy, found, why);
}

/* --- writing --- */

static enum blk_status
remember(struct author *a, const struct own *o, struct fault *why)
{
	if (a->owns == AUTHOR_OWN)
		return author_full(why);
	a->own[a->owns++] = *o;
	return BLK_OK;
}

static enum blk_status
add_data(struct author *a, const struct word *w, struct fault *why)
{
	const struct segment_origin origin = store_origin(a->s);
	const struct segment_options o = { .codec = codec_by_tag(CODEC_RAW) };
	unsigned lane = a->one_lane ? 0 : rng_below(&a->p->w->rng, 2);
	struct own own = { .id = w->id, .kind = KIND_DATA, .lane = lane };
	enum blk_status st = BLK_OK;

	if (a->lane[lane] == NULL)
		st = segment_builder_new(
		    &origin, &o, a->codecs, a->hash, &a->lane[lane], why);
	if (st != BLK_OK)
		return st;
	own.ordinal = segment_count(a->lane[lane]);
	st =
	    segment_add(a->lane[lane], &w->id, KIND_DATA, w->text, w->len, why);
	/* Frames of one object and of several. */
	if (st == BLK_OK && rng_chance(&a->p->w->rng, 2))
		st = segment_end_frame(a->lane[lane], why);
	return st == BLK_OK ? remember(a, &own, why) : st;
}

enum blk_status
author_add_object(struct author *a, const struct digest *id, enum kind kind,
    const void *data, size_t len, struct fault *why)
{
	void *copy = malloc(len + 1);

	if (copy == NULL)
		return fault_nomem(why);
	if (a->objects == AUTHOR_REFS) {
		free(copy);
		return author_full(why);
	}
	memcpy(copy, data, len);
	a->object[a->objects++] = (struct store_object){ *id, kind, copy, len };
	return BLK_OK;
}

static enum blk_status
add_structure(struct author *a, const struct digest *id, enum kind kind,
    const struct buf *text, struct fault *why)
{
	const struct own own = {
		.id = *id, .kind = (uint8_t)kind, .place = PLACE_COMMIT
	};
	struct world *w = a->p->w;
	enum blk_status st;

	w->past[w->pasts++ % WORLD_PAST] = (struct past){ *id,
		kind == KIND_TREE ? CLASS_TREE : CLASS_CONTENT };
	st = author_add_object(a, id, kind, text->data, text->len, why);
	return st == BLK_OK ? remember(a, &own, why) : st;
}

/* R5: may it be referred to as it is?  Then it is relied on. */
static enum blk_status
reuse(struct author *a, const struct digest *id, enum class class, bool *reused,
    struct fault *why)
{
	enum blk_status st;

	*reused = own_of(a, id, class) != NULL;
	if (*reused)
		return BLK_OK;
	st = state_reusable(store_catalog(a->s), id, class, reused, why);
	if (st != BLK_OK || !*reused)
		return st;
	if (a->relies == AUTHOR_REFS)
		return author_full(why);
	a->rely[a->relies++] = (struct state_ref){ *id, class };
	return BLK_OK;
}

static enum blk_status
put_chunk(struct author *a, const struct word *w, struct fault *why)
{
	enum blk_status st;
	bool found;

	st = look_up(a, &w->id, &found, why);
	return st == BLK_OK && !found ? add_data(a, w, why) : st;
}

enum blk_status
author_word(
    struct author *a, const struct word *w, unsigned cuts, struct fault *why)
{
	struct buf list = BUF_INIT(4096);
	enum blk_status st = BLK_OK;
	bool reused = false;
	unsigned first = 0;

	cuts &= (1U << (w->letters - 1)) - 1;
	if (cuts == 0)
		return put_chunk(a, w, why);
	/* As the writer does: its chunks come first, then the list. */
	for (unsigned i = 0; st == BLK_OK && i < w->letters; i++) {
		const struct word *c;

		if (i + 1 < w->letters && (cuts >> i & 1) == 0)
			continue;
		c = word_part(w, first, i + 1 - first);
		first = i + 1;
		st = put_chunk(a, c, why);
		if (st == BLK_OK)
			st = structure_add_data(&list, &c->id, c->len, why);
	}
	if (st == BLK_OK && !a->no_dedup && !a->always_list)
		st = reuse(a, &w->id, CLASS_CONTENT, &reused, why);
	if (st == BLK_OK && !reused)
		st = add_structure(a, &w->id, KIND_LIST, &list, why);
	buf_release(&list);
	return st;
}

static enum blk_status
tree_text(
    const struct author_entry *e, size_t n, struct buf *b, struct fault *why)
{
	enum blk_status st = BLK_OK;
	char hex[DIGEST_HEX];

	for (size_t i = 0; st == BLK_OK && i < n; i++) {
		digest_hex(
		    e[i].word != NULL ? &e[i].word->id : &e[i].tree, hex);
		if (e[i].word != NULL)
			st = buf_printf(b, why, "F 644 0 0 0 %zu %s %c\n",
			    e[i].word->len, hex, (int)('f' + i));
		else
			st = buf_printf(
			    b, why, "D 755 0 0 0 %s %c\n", hex, (int)('f' + i));
	}
	return st;
}

enum blk_status
author_known_tree(struct author *a, const struct author_entry *e, size_t n,
    struct digest *id, bool *reused, struct fault *why)
{
	struct buf text = BUF_INIT(4096);
	enum blk_status st = tree_text(e, n, &text, why);

	*reused = false;
	if (st == BLK_OK)
		st = hasher_of(a->hash, text.data, text.len, id, why);
	if (st == BLK_OK)
		st = reuse(a, id, CLASS_TREE, reused, why);
	buf_release(&text);
	return st;
}

enum blk_status
author_tree(struct author *a, const struct author_entry *e, size_t n,
    struct digest *id, struct fault *why)
{
	struct buf text = BUF_INIT(4096);
	enum blk_status st = BLK_OK;
	bool reused = false;

	for (size_t i = 0; st == BLK_OK && i < n; i++)
		if (e[i].word != NULL)
			st = author_word(a, e[i].word, e[i].cuts, why);
	if (st == BLK_OK)
		st = tree_text(e, n, &text, why);
	if (st == BLK_OK)
		st = hasher_of(a->hash, text.data, text.len, id, why);
	if (st == BLK_OK)
		st = reuse(a, id, CLASS_TREE, &reused, why);
	if (st == BLK_OK && !reused)
		st = add_structure(a, id, KIND_TREE, &text, why);
	buf_release(&text);
	return st;
}

enum blk_status
author_ref(struct author *a, const struct digest *id, enum class class,
    bool *reused, struct fault *why)
{
	a->wish.class = class;
	a->wish.id = *id;
	return reuse(a, id, class, reused, why);
}
