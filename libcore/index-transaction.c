#include "index-private.h"

#include "file.h"

#define LOCK_APPLY "locks/apply"
#define PAGE_SIZE 4096
#define WAL_PAGES ((1 << 20) / PAGE_SIZE) /* longer: checkpoint */

static void
unlock(struct index *x)
{
	file_close(x->apply_fd);
	x->apply_fd = -1;
}

enum blk_status
index_hold(struct catalog *c, bool keep, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;
	struct index_meta m;

	if (x->held || x->writing)
		return BLK_OK;
	x->memo.known = false;
	st = index_run(x, SQL_BEGIN, why, "");
	if (st != BLK_OK)
		return st;
	x->held = true;
	x->keep = keep;
	/* The state is that of the first read. */
	st = index_meta_now(x, &m, why);
	if (st == BLK_OK)
		index_refresh(x);
	if (st == BLK_OK && keep) /* how dense ids lie among all rows */
		st = index_sums_read(x, why);
	if (st != BLK_OK)
		index_release(c);
	return st;
}

/* Leave the transaction without a trace, if one is open: what failed may have
 * ended it.  A connection that cannot is of no use any more. */
static void
give_up(struct index *x)
{
	struct fault ignored = FAULT_NONE;

	if (x->db != NULL && sqlite3_get_autocommit(x->db) == 0 &&
	    index_run(x, SQL_ROLLBACK, &ignored, "") != BLK_OK)
		index_detach(x);
}

void
index_release(struct catalog *c)
{
	struct index *x = index_of(c);
	struct fault ignored = FAULT_NONE;

	if (!x->held)
		return;
	x->held = x->keep = x->memo.known = false;
	if (x->db != NULL && index_run(x, SQL_COMMIT, &ignored, "") != BLK_OK)
		give_up(x);
}

enum blk_status
index_read_begin(struct index *x, bool *own, struct fault *why)
{
	enum blk_status st;

	*own =
	    !x->writing && x->db != NULL && sqlite3_get_autocommit(x->db) != 0;
	if (!*own)
		return BLK_OK;
	st = index_run(x, SQL_BEGIN, why, "");
	*own = st == BLK_OK;
	return st;
}

enum blk_status
index_read_end(struct index *x, bool own, enum blk_status st, struct fault *why)
{
	struct fault end = FAULT_NONE;
	enum blk_status ended;

	if (!own)
		return st;
	ended = index_run(x, SQL_COMMIT, &end, "");
	if (ended == BLK_OK)
		return st;
	give_up(x);
	if (st == BLK_OK)
		*why = end;
	return st == BLK_OK ? ended : st;
}

enum blk_status
index_begin(struct catalog *c, struct fault *why)
{
	struct index *x = index_of(c);
	uint8_t store[16], generation[16];
	enum blk_status st = BLK_OK;
	uint64_t schema;

	index_release(c);
	if (x->o.read_only)
		return fault(
		    why, BLK_FAILED, "index %s is open for reading", x->path);
	if (!x->o.in_memory)
		st = file_lock(x->dir_fd, LOCK_APPLY, x->file_mode, true,
		    x->o.lock_wait_ms, &x->apply_fd, why);
	if (st != BLK_OK)
		return fault_in(why, st, "index %s", x->o.dir);
	st = index_run(x, SQL_BEGIN_WRITE, why, "");
	if (st != BLK_OK) {
		unlock(x);
		return st;
	}
	index_refresh(x);
	x->writing = true;
	st = index_meta_read(x, &x->meta, store, generation, &schema, why);
	if (st == BLK_OK)
		st = index_sums_read(x, why);
	/* Where there are no rows, none was kept that would tell anything. */
	if (st == BLK_OK && x->sum[TABLE_FACTS].rows == 0)
		index_pending_clear(x);
	if (st != BLK_OK)
		c->type->rollback(c);
	return st;
}

void
index_rollback(struct catalog *c)
{
	struct index *x = index_of(c);

	give_up(x);
	x->writing = false;
	index_pending_clear(x);
	index_segments_clear(x);
	unlock(x);
}

/* Bring the log of writes into the file, under "apply".  A reader in the
 * way: as much as can be, the next commit goes on. */
static void
checkpoint(struct index *x)
{
	if (x->o.in_memory || (x->wal_pages <= WAL_PAGES && !x->shrunk))
		return;
	sqlite3_busy_timeout(x->db, 0);
	if (sqlite3_wal_checkpoint_v2(x->db, "main", SQLITE_CHECKPOINT_TRUNCATE,
	        NULL, NULL) == SQLITE_OK) {
		x->wal_pages = 0;
		x->shrunk = false;
	}
	sqlite3_busy_timeout(x->db, index_busy_ms(x));
}

enum blk_status
index_commit(struct catalog *c, struct fault *why)
{
	struct index *x = index_of(c);
	enum blk_status st;

	st = index_pending_flush(x, why);
	if (st == BLK_OK)
		st = index_segments_flush(x, why);
	if (st == BLK_OK)
		st = index_sweep(x, false, why);
	if (st == BLK_OK)
		st = index_meta_write(x, why);
	if (st == BLK_OK)
		st = index_sums_write(x, why);
	if (st == BLK_OK)
		st = index_run(x, SQL_COMMIT, why, "");
	if (st != BLK_OK) {
		index_rollback(c);
		return st;
	}
	x->writing = false;
	/* What we wrote is in the cache already. */
	(void)sqlite3_file_control(
	    x->db, "main", SQLITE_FCNTL_DATA_VERSION, &x->version);
	checkpoint(x);
	unlock(x);
	return BLK_OK;
}

enum blk_status
index_clear(struct catalog *c, struct fault *why)
{
	struct index *x = index_of(c);
	uint64_t damaged = x->meta.totals.damaged;
	char sql[64];

	index_segments_clear(x);
	index_pending_clear(x);
	for (int i = TABLE_SEGMENTS; i < TABLE_DAMAGE; i++) {
		enum blk_status st;

		sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM %s",
		    index_table_name((enum index_table)i));
		st = index_execute(x, sql, why);
		if (st != BLK_OK)
			return st;
		x->sum[i] = (struct index_sum){ 0, 0, true };
	}
	x->meta = (struct index_meta){ .totals = { .damaged = damaged } };
	return BLK_OK;
}
