#include "progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct numbers {
	uint64_t files, bytes, total_files, total_bytes, ms;
	const char *line, *json;
};

static void
fill(struct progress *p, const struct numbers *n)
{
	*p = (struct progress){ 0 };
	progress_expect(p, n->total_files, n->total_bytes);
	progress_files(p, n->files);
	progress_bytes(p, n->bytes);
}

static const struct numbers cases[] = {
	{ 0, 0, 0, 0, 0, "0 B, 0 files, 0 B/s, 0:00",
	    "{\"type\":\"status\",\"seconds_elapsed\":0,\"files_done\":0,"
	    "\"bytes_done\":0}" },
	{ 1, 1024, 0, 0, 1000, "1.0 KiB, 1 file, 1.0 KiB/s, 0:01",
	    "{\"type\":\"status\",\"seconds_elapsed\":1,\"files_done\":1,"
	    "\"bytes_done\":1024}" },
	{ 1, 1 << 20, 4, 4 << 20, 2000,
	    "25%  1.0 MiB of 4.0 MiB, 1 of 4 files, 512.0 KiB/s, 0:02, "
	    "0:06 left",
	    "{\"type\":\"status\",\"seconds_elapsed\":2,"
	    "\"seconds_remaining\":6,\"percent_done\":0.2500,"
	    "\"total_files\":4,\"files_done\":1,\"total_bytes\":4194304,"
	    "\"bytes_done\":1048576}" },
	/* no guess within the first second */
	{ 1, 1 << 20, 4, 4 << 20, 500,
	    "25%  1.0 MiB of 4.0 MiB, 1 of 4 files, 2.0 MiB/s, 0:00",
	    "{\"type\":\"status\",\"seconds_elapsed\":0,\"percent_done\":0."
	    "2500,"
	    "\"total_files\":4,\"files_done\":1,\"total_bytes\":4194304,"
	    "\"bytes_done\":1048576}" },
	/* files alone are known */
	{ 2, 0, 4, 0, 3661000,
	    "50%  0 B, 2 of 4 files, 0 B/s, 1:01:01, "
	    "1:01:01 left",
	    "{\"type\":\"status\",\"seconds_elapsed\":3661,"
	    "\"seconds_remaining\":3661,\"percent_done\":0.5000,"
	    "\"total_files\":4,\"files_done\":2,\"bytes_done\":0}" },
	/* the source grew meanwhile: never above the whole */
	{ 3, 300, 1, 100, 60000,
	    "100%  300 B of 100 B, 3 of 1 file, 5 B/s, 1:00, 0:00 left",
	    "{\"type\":\"status\",\"seconds_elapsed\":60,"
	    "\"seconds_remaining\":0,\"percent_done\":1.0000,"
	    "\"total_files\":1,\"files_done\":3,\"total_bytes\":100,"
	    "\"bytes_done\":300}" },
	/* a guess of more than ten years is none */
	{ 1, 1, 1, UINT64_MAX, 10000, "0%  1 B of 16384.0 PiB", NULL },
};

static void
a_line_says_what_is_known(void **state)
{
	struct progress p;
	char buf[400];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) - 1; i++) {
		fill(&p, &cases[i]);
		progress_line(&p, cases[i].ms, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].line);
		progress_json(&p, cases[i].ms, buf, sizeof(buf));
		assert_string_equal(buf, cases[i].json);
	}
}

static void
a_phase_is_counted_for_itself(void **state)
{
	struct progress p = { 0 };
	char buf[400];

	(void)state;
	progress_files(&p, 7);
	progress_bytes(&p, 7);
	progress_phase(&p, "repack", "segment");
	progress_line(&p, 0, buf, sizeof(buf));
	assert_string_equal(buf, "repack: 0 segments, 0:00");
	atomic_store(&p.phase_ms, 10000);
	progress_expect(&p, 4, 0);
	progress_files(&p, 1);
	progress_line(&p, 12000, buf, sizeof(buf));
	assert_string_equal(
	    buf, "repack: 25%  1 of 4 segments, 0:12, 0:06 left");
	progress_json(&p, 12000, buf, sizeof(buf));
	assert_string_equal(buf,
	    "{\"type\":\"status\",\"phase\":\"repack\",\"unit\":\"segment\","
	    "\"seconds_elapsed\":12,\"seconds_remaining\":6,"
	    "\"percent_done\":0.2500,\"total_files\":4,\"files_done\":1,"
	    "\"bytes_done\":0}");
	progress_expect(&p, 0, 1 << 20);
	progress_bytes(&p, 1 << 19);
	progress_line(&p, 12000, buf, sizeof(buf));
	assert_string_equal(buf,
	    "repack: 50%  512.0 KiB of 1.0 MiB, 1 of 4 segments, "
	    "256.0 KiB/s, 0:12, 0:02 left");
	progress_phase(&p, "fold", "checkpoint");
	progress_line(&p, 12000, buf, sizeof(buf));
	assert_string_equal(buf, "fold: 0 checkpoints, 0:12");
}

static void
the_largest_numbers_fit(void **state)
{
	struct progress p;
	char buf[400];

	(void)state;
	fill(&p, &cases[sizeof(cases) / sizeof(cases[0]) - 1]);
	progress_line(&p, 10000, buf, sizeof(buf));
	assert_null(strstr(buf, "left"));
	progress_files(&p, UINT64_MAX - 1);
	progress_bytes(&p, UINT64_MAX - 1);
	progress_line(&p, 1, buf, sizeof(buf));
	assert_true(strlen(buf) < 200);
	progress_json(&p, UINT64_MAX, buf, sizeof(buf));
	assert_true(strlen(buf) < 300);
	assert_int_equal(buf[strlen(buf) - 1], '}');
}

static void
a_line_that_does_not_fit_is_cut(void **state)
{
	struct progress p;
	char whole[400], buf[400];

	(void)state;
	fill(&p, &cases[2]);
	progress_line(&p, 2000, whole, sizeof(whole));
	for (size_t len = 1; len <= strlen(whole); len++) {
		memset(buf, '#', sizeof(buf));
		progress_line(&p, 2000, buf, len);
		assert_int_equal(strlen(buf), len - 1);
		assert_memory_equal(buf, whole, len - 1);
		assert_int_equal(buf[len], '#');
	}
}

static void
nothing_is_counted_where_there_is_no_progress(void **state)
{
	(void)state;
	progress_files(NULL, 1);
	progress_bytes(NULL, 1);
	progress_expect(NULL, 1, 1);
	progress_stop(); /* was not started */
}

static void
a_progress_can_be_started_again_and_again(void **state)
{
	struct fault why = FAULT_NONE;
	struct progress p = { 0 };

	(void)state;
	progress_catch("test", false);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(
		    progress_start(&p, PROGRESS_SILENT, &why), BLK_OK);
		progress_hide();
		progress_show();
		if (i % 2 == 0)
			progress_stop();
	}
	progress_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_what_is_known),
		cmocka_unit_test(a_phase_is_counted_for_itself),
		cmocka_unit_test(the_largest_numbers_fit),
		cmocka_unit_test(a_line_that_does_not_fit_is_cut),
		cmocka_unit_test(nothing_is_counted_where_there_is_no_progress),
		cmocka_unit_test(a_progress_can_be_started_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
