/*
 * catalog-memory.h - what the files of the catalog in memory share: a hash
 * table of ids, and ordered lists of the rest.
 */
#ifndef CATALOG_MEMORY_H
#define CATALOG_MEMORY_H

#include "catalog.h"
#include "skiplist.h"

struct entry { /* one id: of an object, a version, a segment */
	struct digest id;
	uint64_t count[CLASSES];
	struct catalog_copy *copy; /* any order; no room for more */
	struct row *version;       /* that has this id; NULL: none */
	uint64_t segment; /* the seq of the one with this id; 0: none */
	uint32_t copies;
	uint32_t unnamed; /* versions whose name is this id: 0, 1, rarely 2 */
	uint8_t lost;     /* a bit a class */
};

/* Where an entry is, and enough of its id to pass most others by without
 * touching them. */
struct slot {
	uint32_t at; /* of its entry, plus 1; 0: free */
	uint32_t check;
};

struct row { /* one version */
	struct digest vid;
	struct version v;
};

struct name_row {
	char *name;
	uint64_t number;
	struct digest vid;
};

struct setting_row {
	char *key, *value;
};

struct stat_row {
	uint64_t commit;
	char *line;
};

struct record_row {
	uint64_t number;
	struct digest hash;
	void *text;
	size_t len;
};

struct damage_row {
	struct digest segment;
	uint32_t ordinal;
};

struct memory {
	struct catalog base;
	struct catalog_head head;
	struct entry *entry; /* as they came: those of a commit side by side */
	size_t entries, entries_cap;
	struct slot *slot; /* open addressing, a power of two */
	size_t slots;
	struct catalog_segment *segment; /* by seq */
	size_t segments, segments_cap;
	struct skiplist *version; /* struct row, by name and number */
	struct skiplist *name, *setting;
	struct stat_row *stat;
	size_t stats, stats_cap;
	struct record_row *record;
	size_t records, records_cap;
	struct damage_row *damage;
	size_t damages, damages_cap;
	uint64_t counted; /* (id, class) pairs with a count */
	bool any_lost;    /* something was said lost, once */
};

static inline struct memory *
memory_of(struct catalog *c)
{
	return (struct memory *)c;
}

/* catalog-memory-ids.c: segments, copies, counts. */
enum blk_status memory_segment_add(
    struct catalog *c, const struct catalog_segment *s, struct fault *why);
enum blk_status memory_segment_update(
    struct catalog *c, const struct catalog_segment *s, struct fault *why);
enum blk_status memory_segment_live(struct catalog *c, const struct digest *id,
    const struct catalog_copy *copy, bool live, struct fault *why);
enum blk_status memory_segment_drop(
    struct catalog *c, uint64_t seq, struct fault *why);
enum blk_status memory_segment_get(struct catalog *c, uint64_t seq,
    struct catalog_segment *s, struct fault *why);
enum blk_status memory_segment_find(struct catalog *c, const struct digest *id,
    struct catalog_segment *s, struct fault *why);
enum blk_status memory_segment_next(struct catalog *c, uint64_t after,
    struct catalog_segment *s, struct fault *why);
enum blk_status memory_segment_last(
    struct catalog *c, uint64_t *seq, struct fault *why);
enum blk_status memory_copies_add(struct catalog *c, uint64_t seq,
    const struct segment_table *t, struct fault *why);
void memory_facts_of(const struct memory *m, const struct digest *id,
    bool condemned, struct catalog_facts *f);
enum blk_status memory_facts(struct catalog *c, const struct digest *id,
    struct catalog_facts *f, struct fault *why);
enum blk_status memory_copies_all(struct catalog *c, const struct digest *id,
    struct catalog_facts *f, struct fault *why);
enum blk_status memory_facts_many(struct catalog *c, const struct digest *id,
    size_t n, struct catalog_facts *f, struct fault *why);
enum blk_status memory_count_set(struct catalog *c, const struct digest *id,
    enum class class, uint64_t count, struct fault *why);
enum blk_status memory_counts_clear(struct catalog *c, struct fault *why);
bool memory_counts_empty(struct catalog *c);
enum blk_status memory_lost_set(struct catalog *c, const struct digest *id,
    enum class class, bool lost, struct fault *why);
int memory_entry_order(const void *a, const void *b);
enum blk_status memory_lost_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const struct digest *id,
        enum class class, struct fault *why),
    void *arg, struct fault *why);
struct catalog_segment *memory_segment_at(const struct memory *m, uint64_t seq);
/* The entry of an id, until the next is made; NULL: there is none. */
struct entry *memory_entry(const struct memory *m, const struct digest *id);
enum blk_status memory_entry_make(struct memory *m, const struct digest *id,
    struct entry **out, struct fault *why);

/* catalog-memory-rows.c: versions, names, settings, records. */
int version_order(const void *a, const void *b);
uint64_t version_rank(const void *item);
int name_order(const void *a, const void *b);
int setting_order(const void *a, const void *b);
void row_free(void *item);
void name_free(void *item);
void setting_free(void *item);
enum blk_status memory_version_drop(
    struct catalog *c, const struct digest *vid, struct fault *why);
enum blk_status memory_version_put(struct catalog *c, const struct digest *vid,
    const struct version *v, struct fault *why);
enum blk_status memory_version_get(struct catalog *c, const struct digest *vid,
    struct catalog_version *v, struct fault *why);
enum blk_status memory_version_each(struct catalog *c,
    const struct catalog_query *q,
    enum blk_status (*visit)(
        void *arg, const struct catalog_version *v, struct fault *why),
    void *arg, struct fault *why);
enum blk_status memory_name_set(struct catalog *c, const char *name,
    uint64_t number, const struct digest *vid, struct fault *why);
enum blk_status memory_name_get(struct catalog *c, const char *name,
    uint64_t *number, struct digest *vid, struct fault *why);
enum blk_status memory_name_each(struct catalog *c,
    enum blk_status (*visit)(void *arg, const char *name, uint64_t number,
        const struct digest *vid, struct fault *why),
    void *arg, struct fault *why);
enum blk_status memory_setting_set(
    struct catalog *c, const char *key, const char *value, struct fault *why);
enum blk_status memory_setting_get(
    struct catalog *c, const char *key, char **value, struct fault *why);
enum blk_status memory_setting_each(struct catalog *c,
    enum blk_status (*visit)(
        void *arg, const char *key, const char *value, struct fault *why),
    void *arg, struct fault *why);
enum blk_status memory_stat_add(
    struct catalog *c, uint64_t commit, const char *line, struct fault *why);
enum blk_status memory_stat_each(struct catalog *c,
    enum blk_status (*visit)(
        void *arg, uint64_t commit, const char *line, struct fault *why),
    void *arg, struct fault *why);
enum blk_status memory_record_add(struct catalog *c, uint64_t number,
    const struct digest *hash, const void *text, size_t len, struct fault *why);
enum blk_status memory_record_each(struct catalog *c, uint64_t from,
    enum blk_status (*visit)(void *arg, uint64_t number,
        const struct digest *hash, struct span text, struct fault *why),
    void *arg, struct fault *why);
enum blk_status memory_records_drop(
    struct catalog *c, uint64_t below, struct fault *why);

#endif
