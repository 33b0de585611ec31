/*
 * blk-put - store bytes and print their id.
 */
#include <stdlib.h>

#include "file.h"
#include "input.h"
#include "put.h"

/* Small objects that were put together are seldom asked for together. */
#define BATCH_FRAME ((size_t)64 << 10)

static enum blk_status
make_writer(struct put *p, struct fault *why)
{
	const struct writer_options o = { .lanes = p->c->common.jobs,
		.no_dedup = p->r->no_dedup,
		.frame_size = p->r->batch ? BATCH_FRAME : 0,
		.max_memory = p->c->common.max_memory / 2 };
	enum blk_status st = writer_open(p->opened.store, &o, &p->w, why);

	if (st == BLK_OK)
		p->lane = writer_lane(p->w, 0);
	return st;
}

/*
 * The default store need not be there in a dry run, and is made only for
 * something that can be read.
 */
static enum blk_status
open_it(struct put *p, struct fault *why)
{
	bool is_default = cli_store_is_default(p->c);
	bool dry = p->c->common.dry_run, batch = p->r->batch;
	enum blk_status st;

	st = open_store(
	    p->c, is_default && batch && !dry, NULL, &p->opened, why);
	if (st != BLK_ABSENT || !is_default || batch || p->r->ref != NULL)
		return st;
	p->unmade = !dry;
	*why = (struct fault)FAULT_NONE;
	return BLK_OK;
}

enum blk_status
put_make_store(struct put *p, struct fault *why)
{
	enum blk_status st;

	if (!p->unmade)
		return BLK_OK;
	p->unmade = false;
	st = open_store(p->c, true, NULL, &p->opened, why);
	return st == BLK_OK ? make_writer(p, why) : st;
}

static enum blk_status
prepare(struct put *p, struct fault *why)
{
	enum blk_status st = open_it(p, why);

	p->committed_ms = file_clock_ms();
	if (st != BLK_OK || p->r->ref != NULL)
		return st;
	p->block = malloc(PUT_BLOCK);
	if (p->block == NULL)
		return fault_nomem(why);
	if (p->c->common.dry_run && !p->r->batch)
		return hasher_new(&p->hash, why);
	return p->unmade ? BLK_OK : make_writer(p, why);
}

static void
put_release(struct put *p)
{
	put_print_release(p);
	writer_close(p->w);
	open_close(&p->opened);
	hasher_free(p->hash);
	free(p->block);
	free(p->item);
	free(p->add);
}

int
main(int argc, char *argv[])
{
	struct fault why = FAULT_NONE;
	struct put p = { .code = EXIT_DONE };
	struct put_request r;
	enum blk_status st;
	struct cli c;
	int code;

	cli_begin(&c, &put_command, argc, argv);
	r = put_parse(&c);
	p.c = &c;
	p.r = &r;
	cli_catch_stop();
	p.progress = cli_progress(&c);
	st = prepare(&p, &why);
	if (st != BLK_OK)
		code = cli_fail(&c, st, &why);
	else
		code = r.batch ? put_batch(&p) : put_files(&p);
	put_release(&p);
	version_wish_release(&r.wish);
	return cli_end(&c, code);
}
