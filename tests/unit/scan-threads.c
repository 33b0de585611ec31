#include "scan.h"

#include <pthread.h>
#include <sched.h>

#include "walk.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Two threads take directories from a stack, in whatever order. */
struct crew {
	struct walk *walk;
	pthread_mutex_t lock; /* of what follows, and of walk */
	struct scan_dir *stack[64];
	size_t waiting;
	bool over;
};

static enum blk_status
crew_enter(void *arg, struct scan_dir *d, struct fault *why)
{
	struct crew *c = arg;
	bool full = true;

	(void)why;
	scan_dir_hold(d);
	while (full) {
		pthread_mutex_lock(&c->lock);
		full = c->waiting == COUNT(c->stack);
		if (!full)
			c->stack[c->waiting++] = d;
		pthread_mutex_unlock(&c->lock);
		sched_yield();
	}
	return BLK_OK;
}

static enum blk_status
crew_complete(
    void *arg, struct scan_dir *d, struct digest *id, struct fault *why)
{
	struct crew *c = arg;
	enum blk_status st = BLK_OK;

	pthread_mutex_lock(&c->lock);
	st = walk_complete(c->walk, d, id, why);
	pthread_mutex_unlock(&c->lock);
	return st;
}

static void
crew_report(void *arg, enum scan_problem what, struct span path,
    const struct fault *why)
{
	walk_report(((struct crew *)arg)->walk, what, path, why);
}

static void
crew_read(struct scan_dir *d, struct scan_entry *e)
{
	struct fault why = FAULT_NONE;
	char data[256];
	ssize_t got = 0;
	int fd = -1;

	assert_int_equal(scan_file_open(d, e, &fd, &why), BLK_OK);
	got = read(fd, data, sizeof(data));
	assert_true(got >= 0);
	assert_int_equal(digest_of(data, (size_t)got, &e->id, &why), BLK_OK);
	close(fd);
	assert_int_equal(
	    scan_file_done(d, e, (uint64_t)got, true, &why), BLK_OK);
}

static void *
crew_work(void *arg)
{
	struct crew *c = arg;
	struct fault why = FAULT_NONE;
	bool over = false;

	while (!over) {
		struct scan_dir *d = NULL;

		pthread_mutex_lock(&c->lock);
		over = c->over && c->waiting == 0;
		if (c->waiting > 0)
			d = c->stack[--c->waiting];
		pthread_mutex_unlock(&c->lock);
		for (size_t i = 0; d != NULL && i < d->entries; i++)
			if (d->entry[i].type == TREE_FILE &&
			    d->entry[i].state == SCAN_NEW)
				crew_read(d, &d->entry[i]);
		if (d != NULL)
			assert_int_equal(scan_dir_drop(d, &why), BLK_OK);
		else
			sched_yield();
	}
	return NULL;
}

static void
make_bushy(int level)
{
	char name[16];

	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make_file(name, name);
	}
	for (int i = 0; i < 4 && level > 0; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		make_dir(name);
		assert_int_equal(chdir(name), 0);
		make_bushy(level - 1);
		assert_int_equal(link("../f0", "zlink"), 0);
		assert_int_equal(chdir(".."), 0);
	}
}

static void
several_threads_come_to_the_same_tree(void **state)
{
	struct walk serial, parallel;
	struct crew c = { .walk = &parallel };
	struct fault why = FAULT_NONE;
	struct scan *s = NULL;
	pthread_t thread[2];

	(void)state;
	fresh();
	make_bushy(3);
	walk_init(&serial, paths, 1);
	walk_all(&serial);
	walk_init(&parallel, paths, 1);
	parallel.visitor = (struct scan_visitor){ .enter = crew_enter,
		.line = walk_line,
		.complete = crew_complete,
		.report = crew_report,
		.arg = &c };
	pthread_mutex_init(&c.lock, NULL);
	assert_int_equal(scan_open(&parallel.options, &s, &why), BLK_OK);
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, crew_work, &c), 0);
	assert_int_equal(scan_run(s, &why), BLK_OK);
	pthread_mutex_lock(&c.lock);
	c.over = true;
	pthread_mutex_unlock(&c.lock);
	for (size_t i = 0; i < COUNT(thread); i++)
		pthread_join(thread[i], NULL);
	assert_memory_equal(&serial.id, &scan_root(s)->id, sizeof(serial.id));
	assert_string_equal(parallel.problems, "");
	scan_close(s);
	pthread_mutex_destroy(&c.lock);
	walk_release(&serial);
	walk_release(&parallel);
	back();
}

/* The first directory with files is held until one without is entered. */
struct patient {
	struct walk *walk;
	struct scan_dir *held;
	unsigned linked;
};

static enum blk_status
patient_enter(void *arg, struct scan_dir *d, struct fault *why)
{
	struct patient *p = arg;
	struct scan_entry before;

	if (d->todo > 0) {
		scan_dir_hold(d);
		p->held = d;
		return BLK_OK;
	}
	for (size_t i = 0; p->held != NULL && i < d->entries; i++) {
		if (d->entry[i].state != SCAN_LINKED)
			continue;
		before = d->entry[i];
		crew_read(p->held, &p->held->entry[0]);
		assert_int_equal(d->entry[i].state, SCAN_LINKED);
		assert_memory_equal(
		    &d->entry[i].stat, &before.stat, sizeof(before.stat));
		assert_memory_equal(
		    &d->entry[i].id, &before.id, sizeof(before.id));
		assert_int_equal(scan_dir_drop(p->held, why), BLK_OK);
		p->held = NULL;
		p->linked++;
	}
	return BLK_OK;
}

static enum blk_status
patient_line(void *arg, struct scan_dir *d, const struct scan_entry *e,
    struct span line, struct fault *why)
{
	struct patient *p = arg;

	if (e->type == TREE_FILE)
		assert_int_equal(e->state, SCAN_DONE);
	return walk_line(p->walk, d, e, line, why);
}

static enum blk_status
patient_complete(
    void *arg, struct scan_dir *d, struct digest *id, struct fault *why)
{
	return walk_complete(((struct patient *)arg)->walk, d, id, why);
}

static void
patient_report(void *arg, enum scan_problem what, struct span path,
    const struct fault *why)
{
	walk_report(((struct patient *)arg)->walk, what, path, why);
}

static void
a_link_of_what_others_read_stays_as_it_is_until_its_directory_ends(void **state)
{
	struct walk serial, w;
	struct patient p = { .walk = &w };
	struct fault why = FAULT_NONE;
	struct scan *s = NULL;

	(void)state;
	fresh();
	make_dir("a");
	make_dir("b");
	make_file("a/f", "bytes");
	assert_int_equal(link("a/f", "b/g"), 0);
	walk_init(&serial, paths, 1);
	walk_all(&serial);
	walk_init(&w, paths, 1);
	w.visitor = (struct scan_visitor){ .enter = patient_enter,
		.line = patient_line,
		.complete = patient_complete,
		.report = patient_report,
		.arg = &p };
	assert_int_equal(scan_open(&w.options, &s, &why), BLK_OK);
	assert_int_equal(scan_run(s, &why), BLK_OK);
	assert_int_equal(p.linked, 1);
	assert_memory_equal(&serial.id, &scan_root(s)->id, sizeof(serial.id));
	assert_string_equal(w.problems, "");
	scan_close(s);
	walk_release(&serial);
	walk_release(&w);
	back();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_threads_come_to_the_same_tree),
		cmocka_unit_test(
		    a_link_of_what_others_read_stays_as_it_is_until_its_directory_ends),
	};

	return cmocka_run_group_tests(tests, walk_setup, walk_teardown);
}
