/*
 * Any trees, restored into a directory in which somebody has planted links:
 * what lies beside it stays as it is.  Parts of the input are parted by NUL;
 * the first byte are options, each part is a tree, and the last one is the
 * root.  A byte from 0x80 on stands for an id: of the part with that number,
 * as far as there is one before it, else of some data.
 */
#include "restore.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/reader-store.h"
#include "../unit/tmpdir.h"

#define PARTS 16
#define TEXT_MAX ((size_t)1 << 20)

extern const size_t fuzz_passes;
const size_t fuzz_passes = 40;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "hidden";

static void
must(bool so)
{
	if (!so)
		abort();
}

/* --- what the store holds --- */

struct parts {
	struct shop *shop;
	struct digest id[PARTS], data;
	size_t count;
};

/* A tree whose text is part, with ids in the place of bytes. */
static void
add_part(struct parts *p, struct span part)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	char hex[DIGEST_HEX];
	struct fault why;

	for (size_t i = 0; i < part.len; i++) {
		size_t n = (uint8_t)part.p[i] & 0x7f;

		if ((uint8_t)part.p[i] < 0x80) {
			must(buf_add(&text, part.p + i, 1, &why) == BLK_OK);
			continue;
		}
		digest_hex(n < p->count ? &p->id[n] : &p->data, hex);
		if (buf_add(&text, hex, DIGEST_HEX - 1, &why) != BLK_OK)
			break;
	}
	p->id[p->count++] = shop_add(p->shop, KIND_TREE,
	    text.len > 0 ? text.data : (void *)"", text.len);
	buf_release(&text);
}

static void
add_parts(struct parts *p, struct span all)
{
	p->data = shop_add(p->shop, KIND_DATA, "data\n", 5);
	while (p->count < PARTS) {
		const char *end = memchr(all.p, '\0', all.len);
		size_t len = end != NULL ? (size_t)(end - all.p) : all.len;

		add_part(p, span_of(all.p, len));
		if (end == NULL)
			return;
		all = span_of(all.p + len + 1, all.len - len - 1);
	}
}

/* --- the directory and what is beside it --- */

struct place {
	char dir[TMPDIR_MAX];
	int fd, target, outside;
	struct stat before[2]; /* of outside, and of the secret in it */
};

static void
write_secret(int dir)
{
	int fd = openat(dir, "secret", O_WRONLY | O_CREAT, 0600);

	must(fd >= 0 && write(fd, secret, 6) == 6);
	close(fd);
}

static void
place_make(struct place *p)
{
	must(tmpdir_make(p->dir) == 0);
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY);
	must(mkdirat(p->fd, "target", 0700) == 0);
	must(mkdirat(p->fd, "outside", 0700) == 0);
	p->target = openat(p->fd, "target", O_RDONLY | O_DIRECTORY);
	p->outside = openat(p->fd, "outside", O_RDONLY | O_DIRECTORY);
	must(p->target >= 0 && p->outside >= 0);
	write_secret(p->outside);
	must(symlinkat("../outside", p->target, "a") == 0);
	must(symlinkat("../outside/secret", p->target, "b") == 0);
	must(linkat(p->outside, "secret", p->target, "c", 0) == 0);
	must(mkdirat(p->target, "d", 0700) == 0);
	must(symlinkat("../../outside", p->target, "d/a") == 0);
	must(symlinkat("../../outside/new", p->target, "d/b") == 0);
	must(fstat(p->outside, &p->before[0]) == 0);
	must(fstatat(p->outside, "secret", &p->before[1], 0) == 0);
}

/* It may have been a name for c, which may be gone: ctime and links may
 * differ. */
static void
is_same(const struct stat *a, const struct stat *b)
{
	must(a->st_ino == b->st_ino && a->st_mode == b->st_mode);
	must(a->st_uid == b->st_uid && a->st_gid == b->st_gid);
	must(a->st_size == b->st_size);
	must(a->st_mtim.tv_sec == b->st_mtim.tv_sec);
	must(a->st_mtim.tv_nsec == b->st_mtim.tv_nsec);
}

static void
is_unharmed(const struct place *p)
{
	struct stat st;
	char text[8] = "";
	int fd = openat(p->outside, "secret", O_RDONLY | O_NOFOLLOW);

	must(fd >= 0 && read(fd, text, sizeof(text)) == 6);
	must(memcmp(text, secret, 6) == 0);
	must(fstat(fd, &st) == 0);
	close(fd);
	is_same(&st, &p->before[1]);
	must(st.st_nlink <= 2);
	must(fstat(p->outside, &st) == 0);
	is_same(&st, &p->before[0]);
}

static int
names(int dir)
{
	DIR *d = fdopendir(dup(dir));
	int n = 0;

	must(d != NULL);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
place_remove(struct place *p)
{
	close(p->target);
	close(p->outside);
	close(p->fd);
	must(tmpdir_remove(p->dir) == 0);
}

/* --- the target --- */

static void
restore(struct shop *shop, const struct digest *tree, uint8_t options,
    const struct place *p)
{
	const struct tree_entry root = { .type = TREE_DIR,
		.mode = 0700,
		.uid = geteuid(),
		.gid = getegid(),
		.id = *tree };
	const struct restore_source source = { .entry = &root,
		.path = span_of("", 0) };
	char target[TMPDIR_MAX + 8];
	struct restore_options o = { .target = target,
		.overwrite = (enum restore_overwrite)(options & 3),
		.delete_others = (options & 4) != 0,
		.same_owner = (options & 8) != 0 && geteuid() == 0,
		.verify = (options & 16) != 0,
		.sparse = (options & 32) != 0,
		.dry_run = (options & 64) != 0,
		.jobs = 1,
		.max_memory = 4 << 20 };
	struct fault why = FAULT_NONE;
	enum blk_status st;

	snprintf(target, sizeof(target), "%s/target", p->dir);
	st = restore_tree(shop->s, &source, &o, &why);
	must(st == BLK_OK || why.text[0] != '\0');
	must(st == BLK_OK || st == BLK_CORRUPT || st == BLK_ABSENT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all;
	struct parts p = { .count = 0 };
	struct place place;
	struct shop shop;

	if (size < 2)
		return 0;
	all = span_of(data + 1, size - 1);
	shop_open(&shop, "mem:fuzz");
	p.shop = &shop;
	add_parts(&p, all);
	(void)shop_publish(&shop);
	shop_name(&shop, "name", CLASS_TREE, &p.id[p.count - 1], 0);
	if (shop_try_commit(&shop) == BLK_OK) {
		place_make(&place);
		restore(&shop, &p.id[p.count - 1], data[0], &place);
		is_unharmed(&place);
		must(names(place.fd) == 4 && names(place.outside) == 3);
		place_remove(&place);
	}
	shop_close(&shop);
	return 0;
}
