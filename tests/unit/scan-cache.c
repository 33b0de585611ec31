#include "scan-cache.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "walk.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CHANGES 8
#define LARGE 2500 /* links of 1000 bytes: more than a block holds */

static char cache_path[PATH_MAX + 16];
static int caches = -1; /* the directory that they lie in */

static struct scan_cache_key
key_of(const char *name)
{
	return (struct scan_cache_key){ .store = "0123456789abcde",
		.name = span_str(name) };
}

/*
 * --- the trees, made once and old enough ---
 */

static void
go(const char *name)
{
	assert_int_equal(chdir(here), 0);
	snprintf(root, sizeof(root), "%s/%s", here, name);
	if (access(root, F_OK) != 0)
		make_dir(root);
	assert_int_equal(chdir(root), 0);
}

static void
make_plain(void)
{
	make_file("f", "f");
	make_file("g%h i", "g");
	make_dir("d");
	make_file("d/1", "1");
	make_file("d/2", "2");
	make_dir("d/e");
	make_file("d/e/3", "3");
	make_dir("empty");
	assert_int_equal(symlink("x", "l"), 0);
	assert_int_equal(mkfifo("p", 0600), 0);
	assert_int_equal(link("f", "d/link"), 0);
}

static void
make_large(void)
{
	char name[32], target[1001];

	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	make_dir("d");
	for (int i = 0; i < LARGE; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		assert_int_equal(symlink(target, name), 0);
	}
	make_dir("d/0sub");
	make_file("d/0sub/f", "");
}

static void
make_random(void)
{
	char name[32];

	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		make_dir(name);
		for (int j = 0; j < 12; j++) {
			snprintf(name, sizeof(name), "d%d/f%d", i, j);
			make_file(name, name);
		}
	}
}

static int
setup(void **state)
{
	char name[32];

	if (walk_setup(state) != 0)
		return 1;
	snprintf(cache_path, sizeof(cache_path), "%s/caches", here);
	make_dir(cache_path);
	caches = open(cache_path, O_RDONLY | O_DIRECTORY);
	go("plain");
	make_plain();
	for (int i = 0; i < CHANGES; i++) {
		snprintf(name, sizeof(name), "changed%d", i);
		go(name);
		make_plain();
	}
	go("damaged");
	make_plain();
	go("links");
	make_dir("a");
	make_file("a/f", "f");
	assert_int_equal(link("a/f", "m"), 0);
	go("large");
	make_large();
	go("random");
	make_random();
	grow_old();
	return caches < 0;
}

static int
teardown(void **state)
{
	close(caches);
	return walk_teardown(state);
}

/*
 * --- walks ---
 */

/* Walk root beside the cache of this name, and write it anew. */
static void
walk_cached(struct walk *w, const char *name)
{
	struct scan_cache_key key = key_of(name);
	struct fault why = FAULT_NONE;
	struct scan_cache *c = NULL;
	struct scan_cache_writer *n = NULL;
	enum blk_status st = scan_cache_open(caches, &key, &c, &why);

	assert_true(st == BLK_OK || st == BLK_ABSENT);
	assert_int_equal(scan_cache_create(caches, &key, 7, &n, &why), BLK_OK);
	walk_init(w, paths, 1);
	w->options.cache = c;
	w->options.writer = n;
	if (walk_run(w, &why) != BLK_OK)
		fail_msg("%s", why.text);
	scan_cache_writer_free(n);
	scan_cache_close(c);
}

/* The id of the tree, from a walk without a cache. */
static struct digest
walk_plain(void)
{
	struct fault why = FAULT_NONE;
	struct digest id;
	struct walk w;

	walk_init(&w, paths, 1);
	if (walk_run(&w, &why) != BLK_OK)
		fail_msg("%s", why.text);
	id = w.id;
	walk_release(&w);
	return id;
}

static void
what_is_unchanged_is_known_and_not_said_again(void **state)
{
	struct digest id;
	struct walk w;

	(void)state;
	go("plain");
	id = walk_plain();
	walk_cached(&w, "plain");
	assert_int_equal(w.files_known, 0);
	assert_int_equal(w.files_new, 5);
	assert_memory_equal(&w.id, &id, sizeof(id));
	walk_release(&w);
	for (int i = 0; i < 3; i++) {
		walk_cached(&w, "plain");
		assert_int_equal(w.files_new, 0);
		assert_int_equal(w.files_known, 6);
		assert_int_equal(w.dirs, 4);
		assert_int_equal(w.unchanged, 4);
		assert_memory_equal(&w.id, &id, sizeof(id));
		walk_release(&w);
	}
}

static void
the_header_names_the_tree_and_the_start(void **state)
{
	struct scan_cache_key key = key_of("plain");
	struct fault why = FAULT_NONE;
	struct scan_cache *c = NULL;
	struct walk w;

	(void)state;
	go("plain");
	walk_cached(&w, "plain");
	assert_int_equal(scan_cache_open(caches, &key, &c, &why), BLK_OK);
	assert_memory_equal(scan_cache_tree(c), &w.id, sizeof(w.id));
	assert_int_equal(scan_cache_start(c), 7);
	scan_cache_close(c);
	walk_release(&w);
	key.store[0]++;
	assert_int_equal(scan_cache_open(caches, &key, &c, &why), BLK_ABSENT);
	assert_null(c);
	key = key_of("plain");
	key.flags = 1;
	assert_int_equal(scan_cache_open(caches, &key, &c, &why), BLK_ABSENT);
	key = key_of("other");
	assert_int_equal(scan_cache_open(caches, &key, &c, &why), BLK_ABSENT);
}

static void
what_is_young_is_read_again_and_compared(void **state)
{
	/* nothing before; the same; g changed */
	static const size_t same[] = { 0, 2, 1 }, dirs[] = { 0, 2, 1 };
	struct walk w;

	(void)state;
	go("young");
	make_dir("d");
	make_file("d/f", "f");
	make_file("g", "g");
	for (size_t i = 0; i < 3; i++) {
		if (i == 2)
			assert_int_equal(chmod("g", 0600), 0);
		walk_cached(&w, "young");
		assert_int_equal(w.files_new, 2);
		assert_int_equal(w.same, same[i]);
		assert_int_equal(w.dirs_same, dirs[i]);
		walk_release(&w);
	}
}

static void
rename_over(void)
{
	make_file("new", "F");
	assert_int_equal(rename("new", "f"), 0);
}

/* The same size, and the time of before. */
static void
edit_in_secret(void)
{
	struct stat st;

	assert_int_equal(stat("d/1", &st), 0);
	make_file("d/1", "X");
	assert_int_equal(utimensat(AT_FDCWD, "d/1",
	                     (struct timespec[2]){ st.st_atim, st.st_mtim }, 0),
	    0);
}

static void
change_mode(void)
{
	assert_int_equal(chmod("d/e/3", 0600), 0);
}

static void
change_mode_of_directory(void)
{
	assert_int_equal(chmod("d", 0700), 0);
}

static void
remove_file(void)
{
	assert_int_equal(unlink("g%h i"), 0);
}

static void
add_file(void)
{
	make_file("empty/a", "");
}

static void
make_file_a_directory(void)
{
	assert_int_equal(unlink("d/2"), 0);
	make_dir("d/2");
}

static void
rename_directory(void)
{
	assert_int_equal(rename("d", "dd"), 0);
}

static void
every_change_is_seen(void **state)
{
	static const struct {
		void (*change)(void);
		size_t files_new, unchanged;
	} rows[] = {
		{ edit_in_secret, 1, 2 },
		{ rename_over, 2, 2 }, /* f, and d/link that it was */
		{ change_mode, 1, 1 },
		{ change_mode_of_directory, 0, 3 },
		{ remove_file, 0, 3 },
		{ make_file_a_directory, 0, 2 },
		{ add_file, 1, 2 },
		{ rename_directory, 4, 1 },
	};

	(void)state;
	assert_int_equal(COUNT(rows), CHANGES);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[32];
		struct digest id;
		struct walk w;

		snprintf(name, sizeof(name), "changed%zu", i);
		go(name);
		walk_cached(&w, name);
		walk_release(&w);
		rows[i].change();
		walk_cached(&w, name);
		id = walk_plain();
		if (w.files_new != rows[i].files_new ||
		    w.unchanged != rows[i].unchanged)
			fail_msg("row %zu: %zu new, %zu unchanged", i,
			    w.files_new, w.unchanged);
		assert_memory_equal(&w.id, &id, sizeof(id));
		walk_release(&w);
	}
}

/* Renaming a directory changes no ctime of the files in it. */
static void
a_link_that_leads_elsewhere_now_is_said_anew(void **state)
{
	struct digest before, id;
	struct walk w;

	(void)state;
	go("links");
	walk_cached(&w, "links");
	before = w.id;
	walk_release(&w);
	assert_int_equal(rename("a", "b"), 0);
	walk_cached(&w, "links");
	assert_non_null(strstr(w.text, " link=b/f m\n"));
	walk_release(&w);
	assert_int_equal(rename("b", "z"), 0);
	walk_cached(&w, "links");
	assert_non_null(strstr(w.text, " link=m f\n"));
	assert_null(strstr(w.text, " link=z/f m\n"));
	id = walk_plain();
	assert_memory_equal(&w.id, &id, sizeof(id));
	walk_release(&w);
	assert_int_equal(rename("z", "a"), 0);
	walk_cached(&w, "links");
	assert_memory_equal(&w.id, &before, sizeof(id));
	walk_release(&w);
}

static void
large_directories_are_known_too(void **state)
{
	struct digest id;
	struct walk w;

	(void)state;
	go("large");
	id = walk_plain();
	for (int i = 0; i < 3; i++) {
		walk_cached(&w, "large");
		assert_memory_equal(&w.id, &id, sizeof(id));
		assert_int_equal(w.unchanged, i == 0 ? 0 : 3);
		walk_release(&w);
	}
	assert_int_equal(unlink("d/77"), 0);
	for (int i = 0; i < 2; i++) {
		walk_cached(&w, "large");
		assert_int_equal(w.files_known, 1);
		id = walk_plain();
		assert_memory_equal(&w.id, &id, sizeof(id));
		walk_release(&w);
	}
}

/*
 * --- damage ---
 */

/* The only file in the directory of caches that holds this one. */
static void
slurp_cache(const char *name, char *path, uint8_t **data, size_t *len)
{
	struct scan_cache_key key = key_of(name);
	struct digest of, file;
	struct fault why = FAULT_NONE;
	uint8_t both[16 + DIGEST_LEN];
	char hex[33];
	struct stat st;
	FILE *f;

	assert_int_equal(digest_of(name, strlen(name), &of, &why), BLK_OK);
	memcpy(both, key.store, 16);
	memcpy(both + 16, of.byte, DIGEST_LEN);
	assert_int_equal(digest_of(both, sizeof(both), &file, &why), BLK_OK);
	digest_hex_of(file.byte, 16, hex);
	snprintf(path, PATH_MAX + 64, "%s/scan-%s", cache_path, hex);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*len = (size_t)st.st_size;
	*data = malloc(*len);
	assert_non_null(*data);
	assert_int_equal(fread(*data, 1, *len, f), *len);
	fclose(f);
}

static void
spill(const char *path, const uint8_t *data, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void
damage_of_any_kind_only_costs_time(void **state)
{
	char path[PATH_MAX + 64];
	struct digest id;
	struct walk w;
	uint8_t *data = NULL;
	size_t len = 0;

	(void)state;
	go("damaged");
	id = walk_plain();
	walk_cached(&w, "damaged");
	walk_release(&w);
	slurp_cache("damaged", path, &data, &len);
	for (size_t i = 0; i < len; i += i < 128 ? 1 : 3) {
		data[i] ^= (uint8_t)(1 << i % 8);
		spill(path, data, len);
		data[i] ^= (uint8_t)(1 << i % 8);
		walk_cached(&w, "damaged");
		assert_memory_equal(&w.id, &id, sizeof(id));
		assert_true(w.unchanged < 4); /* the damage was seen */
		walk_release(&w);
		spill(path, data, i);
		walk_cached(&w, "damaged");
		assert_memory_equal(&w.id, &id, sizeof(id));
		assert_int_equal(w.files_known, 0);
		walk_release(&w);
	}
	free(data);
}

static void
a_cache_that_cannot_be_written_is_no_loss(void **state)
{
	struct scan_cache_key key = key_of("plain");
	struct fault why = FAULT_NONE;
	struct scan_cache_writer *n = NULL;
	struct rlimit before, few;
	struct walk w;

	(void)state;
	go("plain");
	walk_cached(&w, "plain");
	walk_release(&w);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	few = before;
	few.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &few);
	assert_int_equal(scan_cache_create(caches, &key, 7, &n, &why), BLK_OK);
	walk_init(&w, paths, 1);
	w.options.writer = n;
	/* Only the end of it all, which is the commit, fails. */
	assert_int_equal(walk_run(&w, &why), BLK_FAILED);
	assert_int_equal(w.dirs, 4);
	setrlimit(RLIMIT_FSIZE, &before);
	scan_cache_writer_free(n);
	walk_release(&w);
	walk_cached(&w, "plain"); /* the old one stands there still */
	assert_int_equal(w.files_known, 6);
	walk_release(&w);
	assert_int_equal(scan_cache_create(-1, &key, 7, &n, &why), BLK_FAILED);
	assert_null(n);
}

/*
 * --- a model: any changes, with and without the cache ---
 */

static void
mutate(void)
{
	char a[32], b[32];

	snprintf(a, sizeof(a), "d%d/f%d", rand() % 14, rand() % 14);
	snprintf(b, sizeof(b), "d%d/f%d", rand() % 14, rand() % 14);
	switch (rand() % 8) {
	case 0:
		(void)!rename(a, b);
		break;
	case 1:
		(void)!link(a, b);
		break;
	case 2:
		(void)!unlink(a);
		break;
	case 3:
		(void)!mkdir(a, 0755);
		break;
	case 4:
		(void)!chmod(a, (mode_t)(rand() % 512) | 0600);
		break;
	case 5:
		*strchr(a, '/') = '\0';
		*strchr(b, '/') = '\0';
		(void)!rename(a, b);
		break;
	case 6:
		(void)!symlink(a, b);
		break;
	default:
		(void)!truncate(a, rand() % 50);
		break;
	}
}

static void
after_any_changes_the_cache_makes_no_difference(void **state)
{
	unsigned seed = (unsigned)time(NULL);

	(void)state;
	print_message("# seed %u\n", seed);
	srand(seed);
	go("random");
	for (int i = 0; i < 40; i++) {
		struct digest id;
		struct walk w;

		if (i % 20 == 0)
			grow_old(); /* so that much of it is known */
		for (int n = rand() % 8; n > 0; n--)
			mutate();
		walk_cached(&w, "random");
		id = walk_plain();
		assert_memory_equal(&w.id, &id, sizeof(id));
		walk_release(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_unchanged_is_known_and_not_said_again),
		cmocka_unit_test(the_header_names_the_tree_and_the_start),
		cmocka_unit_test(what_is_young_is_read_again_and_compared),
		cmocka_unit_test(every_change_is_seen),
		cmocka_unit_test(a_link_that_leads_elsewhere_now_is_said_anew),
		cmocka_unit_test(large_directories_are_known_too),
		cmocka_unit_test(damage_of_any_kind_only_costs_time),
		cmocka_unit_test(a_cache_that_cannot_be_written_is_no_loss),
		cmocka_unit_test(
		    after_any_changes_the_cache_makes_no_difference),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
