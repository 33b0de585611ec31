/*
 * Any input of blk-put --batch is served or refused, and what comes of it is a
 * sound store.  The bits of the first byte are options.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "put.h"

extern const size_t fuzz_passes;
const size_t fuzz_passes = 300;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct store_config config = {
	.format = 1, .chunker = 1, .min = 4096, .target = 12288, .max = 65536
};

static void
must(bool so)
{
	if (!so)
		abort();
}

static int64_t
now(void *arg)
{
	(void)arg;
	return INT64_C(1700000000000000000);
}

static struct store *
make_store(void)
{
	struct store_options o = { .url = "mem:fuzz",
		.host = "host",
		.program = "fuzz",
		.max_memory = 8 << 20,
		.create = true,
		.made_as = &config,
		.now = now };
	struct store *s = NULL;
	struct fault why;

	must(catalog_memory_new(&o.catalog, &why) == BLK_OK);
	must(store_open(&o, &s, &why) == BLK_OK);
	return s;
}

/* Run the batch with in as standard input, its answers and messages lost. */
static int
serve(struct put *p, int in)
{
	FILE *null = fopen("/dev/null", "w"), *out = stdout, *err = stderr;
	int old = dup(STDIN_FILENO), code;

	must(null != NULL && old >= 0 && dup2(in, STDIN_FILENO) >= 0);
	stdout = stderr = null;
	code = put_batch(p);
	stdout = out;
	stderr = err;
	must(dup2(old, STDIN_FILENO) >= 0);
	close(old);
	fclose(null);
	return code;
}

static int
run(const struct put_request *r, struct cli *c, struct store *s, int in)
{
	const struct writer_options o = { .lanes = 1, .max_memory = 4 << 20 };
	struct put p = { .c = c, .r = r, .opened = { .store = s } };
	struct fault why;
	int code;

	must(writer_open(s, &o, &p.w, &why) == BLK_OK);
	p.lane = writer_lane(p.w, 0);
	code = serve(&p, in);
	writer_close(p.w);
	return code;
}

static void
is_sound(struct store *s)
{
	const struct check_options o = {
		.share = CHECK_ALL, .jobs = 1, .max_memory = 8 << 20
	};
	struct check_report r;
	struct fault why;

	must(check_run(s, &o, &r, &why) == BLK_OK);
	must(r.findings == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct put_request r = { .batch = true };
	struct cli c = { .command = &put_command,
		.chosen = &put_command,
		.common = { .jobs = 1, .max_memory = 8 << 20 } };
	struct store *s;
	int in, code;

	if (size == 0)
		return 0;
	c.common.null = (data[0] & 1) != 0;
	c.common.json = (data[0] & 2) != 0;
	c.common.dry_run = (data[0] & 4) != 0;
	r.atomic = (data[0] & 8) != 0;
	r.every.objects = (data[0] & 16) != 0 ? 2 : 0;
	in = memfd_create("fuzz", MFD_CLOEXEC);
	must(in >= 0 && write(in, data + 1, size - 1) == (ssize_t)size - 1);
	must(lseek(in, 0, SEEK_SET) == 0);
	s = make_store();
	code = run(&r, &c, s, in);
	must(code == EXIT_DONE || code == EXIT_USAGE);
	is_sound(s);
	store_close(s);
	close(in);
	return 0;
}
