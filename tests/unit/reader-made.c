/*
 * Objects with a list, and what they should give.
 */
#include "reader-made.h"

struct shop p;

int
fresh(void **state)
{
	(void)state;
	shop_open(&p, "mem:reader");
	return 0;
}

int
gone(void **state)
{
	(void)state;
	shop_close(&p);
	return 0;
}

uint32_t
draw(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

enum blk_status
keep_piece(void *arg, const struct digest *id, const void *text, size_t len,
    struct fault *why)
{
	(void)arg;
	(void)why;
	shop_add_as(&p, id, KIND_PIECE, text, len);
	return BLK_OK;
}

void
add_chunk_line(struct made *m, const struct digest *id, size_t len)
{
	struct buf line = BUF_INIT(200);

	OK(structure_add_data(&line, id, len, &p.why));
	OK(cutter_line(m->cutter, line.data, line.len, len, &p.why));
	buf_release(&line);
}

/* n chunks of about size bytes, in frames of 64; some come again. */
void
make_chunks(struct made *m, size_t n, size_t size, uint32_t seed)
{
	uint8_t *data = malloc(2 * size);
	uint32_t state = seed;

	assert_non_null(data);
	*m = (struct made){ .bytes = BUF_INIT(SIZE_MAX) };
	OK(cutter_new(p.hash, keep_piece, NULL, &m->cutter, &p.why));
	for (size_t i = 0; i < n; i++) {
		size_t len = size / 2 + draw(&state) % size + 1;

		if (i % 64 == 63)
			shop_end_frame(&p);
		if (i % 97 == 96) { /* the first one, once more */
			len = m->bytes.len < 2 ? 1 : get_le32(m->bytes.data);
			len = len % size / 2 + 8;
		}
		for (size_t k = 0; k < len; k++)
			data[k] =
			    (uint8_t)(i % 97 == 96 ? 7 : draw(&state) >> 14);
		m->last = shop_add(&p, KIND_DATA, data, len);
		if (i == 0)
			m->first = m->last;
		OK(buf_add(&m->bytes, data, len, &p.why));
		add_chunk_line(m, &m->last, len);
	}
	free(data);
	m->segment = shop_publish(&p);
}

/* End the list, in a segment of its own, and name the object. */
struct digest
make_list(struct made *m, const char *name)
{
	struct digest segment;
	const void *head;
	size_t len;

	OK(digest_of(m->bytes.data, m->bytes.len, &m->id, &p.why));
	OK(cutter_end(m->cutter, &head, &len, &p.why));
	shop_add_as(&p, &m->id, KIND_LIST, head, len);
	segment = shop_finish(&p, name, CLASS_CONTENT, &m->id);
	cutter_free(m->cutter);
	m->cutter = NULL;
	return segment;
}

void
make(struct made *m, size_t n, size_t size)
{
	make_chunks(m, n, size, SEED);
	make_list(m, "made");
}

void
made_release(struct made *m)
{
	cutter_free(m->cutter);
	buf_release(&m->bytes);
}

enum blk_status
take(void *arg, const void *data, size_t len, struct fault *why)
{
	struct taker *t = arg;

	t->calls++;
	if (t->stop != BLK_OK && t->got.len + len > t->stop_at)
		return t->stop;
	return buf_add(&t->got, data, len, why);
}

void
assert_gives(const struct digest *id, const struct buf *bytes, uint64_t offset,
    uint64_t len, unsigned jobs)
{
	uint64_t n = len == READER_ALL ? bytes->len - offset : len;
	struct taker t = TAKER;

	if (reader_content(p.s, id, offset, len, jobs, take, &t, &p.why) !=
	    BLK_OK)
		fail_msg("%s", p.why.text);
	assert_int_equal(t.got.len, n);
	if (n > 0)
		assert_memory_equal(t.got.data, bytes->data + offset, n);
	buf_release(&t.got);
}

/* What came out before it was noticed is right. */
void
assert_fails(
    enum blk_status st, const struct made *m, unsigned jobs, const char *said)
{
	struct taker t = TAKER;

	assert_int_equal(
	    reader_content(p.s, &m->id, 0, READER_ALL, jobs, take, &t, &p.why),
	    st);
	if (said != NULL)
		assert_non_null(strstr(p.why.text, said));
	assert_true(t.got.len < m->bytes.len);
	if (t.got.len > 0)
		assert_memory_equal(t.got.data, m->bytes.data, t.got.len);
	buf_release(&t.got);
}

uint64_t
damaged(void)
{
	struct catalog_totals t;

	OK(store_catalog(p.s)->type->totals(store_catalog(p.s), &t, &p.why));
	return t.damaged;
}

const char *
hex_of(const struct digest *id)
{
	static char hex[DIGEST_HEX];

	digest_hex(id, hex);
	return hex;
}

enum blk_status
first_vid(void *arg, const struct catalog_version *v, struct fault *why)
{
	(void)why;
	*(struct digest *)arg = v->vid;
	return BLK_OK;
}
