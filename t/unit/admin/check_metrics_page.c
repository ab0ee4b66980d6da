/*
 * check_metrics_page.c: the page of two workers: sums per label set, cost over the dollar,
 * histograms, and every family of the table, each sample under its own family; and what it costs
 * with tens of thousands of label sets, in steps.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "core/label.h"
#include "core/stats.h"
#include "money/money.h"

/* What the page costs, in steps that a table which is walked would multiply. */
static size_t n_compared, n_texts;

static bool counted_eq(struct series_key a, struct series_key b)
{
	n_compared++;
	return series_key_eq(a, b);
}

static struct str counted_text(unsigned label)
{
	n_texts++;
	return label_text(label);
}

#define series_key_eq counted_eq
#define label_text    counted_text
#include "admin/metrics_page.c"
#include "admin/metrics_page_series.c"
#undef series_key_eq
#undef label_text

static struct worker workers[2];
static struct outbuf out;
static struct metrics_source src = { workers, 2, 3, 4, 5999999, { "gw-1", 4 }, NULL, NULL, NULL,
	NULL, NULL, 0, NULL };

static void setup(void)
{
	memset(workers, 0, sizeof workers);
	worker_stats_init(&workers[0].stats);
	worker_stats_init(&workers[1].stats);
	outbuf_init(&out);
}

static void teardown(void)
{
	worker_stats_fini(&workers[0].stats);
	worker_stats_fini(&workers[1].stats);
	outbuf_fini(&out);
}

static const char *page(void)
{
	static char *text;

	free(text);
	outbuf_fini(&out);
	outbuf_init(&out);
	metrics_page(&out, &src);
	text = str_dup(outbuf_text(&out));
	return text;
}

static struct series *series(unsigned w, unsigned t, unsigned m, unsigned g)
{
	return stats_series(&workers[w].stats, (struct series_key){ t, m, g });
}

/* The sample's value as it stands there, or NULL. */
static const char *value(const char *text, const char *sample)
{
	static char got[64];
	size_t n = strlen(sample);

	for (const char *p = text; (p = strstr(p, sample)) != NULL; p += n) {
		if ((p == text || p[-1] == '\n') && p[n] == ' ') {
			snprintf(got, sizeof got, "%.*s", (int)strcspn(p + n + 1, "\n"), p + n + 1);
			return got;
		}
	}
	return NULL;
}

static void is(const char *text, const char *sample, const char *want)
{
	const char *got = value(text, sample);

	ck_assert_msg(got != NULL && strcmp(got, want) == 0, "%s is %s, not %s", sample,
		got != NULL ? got : "absent", want);
}

START_TEST(sums)
{
	unsigned t = label_intern(STR("ten\"ant")), m = label_intern(STR("m\\1")),
		 g = label_intern(STR("up"));
	const char *text;

	stat_add(&series(0, t, m, g)->status[2], 3);
	stat_add(&series(1, t, m, g)->status[2], 4);
	stat_add(&series(1, t, m, g)->status[5], 1);
	stat_add(&series(1, t, 0, 0)->status[4], 9);
	stat_add(&series(0, 0, 0, 0)->status[0], 2);
	stat_add(&series(0, t, m, g)->units[USAGE_IN], 10);
	stat_add(&series(1, t, m, g)->units[USAGE_IN], 32);
	stat_add(&series(1, t, m, g)->units[USAGE_OUT_REASONING], 7);
	stat_add(&series(0, t, m, g)->unpriced, 1);
	stat_add(&series(1, t, m, g)->unpriced, 1);
	/* 0.9 and 0.8 USD and 1 pico: the carry is between the workers */
	series_add_cost(&series(0, t, m, g)->cost, 900000000000);
	series_add_cost(&series(1, t, m, g)->cost, 800000000001);
	wc_add(&workers[0].stats, WC_CONNECTIONS_TOTAL, 5);
	wc_add(&workers[1].stats, WC_CONNECTIONS_TOTAL, 6);
	/* a gauge may go below zero on one worker */
	wc_add(&workers[0].stats, WC_MEMORY, 10);
	wc_sub(&workers[1].stats, WC_MEMORY, 3);
	text = page();
#define SET "tenant=\"ten\\\"ant\",model=\"m\\\\1\",target=\"up\""
	is(text, "tollgate_requests_total{" SET ",status=\"2xx\"}", "7");
	is(text, "tollgate_requests_total{" SET ",status=\"5xx\"}", "1");
	is(text,
		"tollgate_requests_total{tenant=\"ten\\\"ant\",model=\"\",target=\"\",status="
		"\"4xx\"}",
		"9");
	is(text, "tollgate_requests_total{tenant=\"\",model=\"\",target=\"\",status=\"none\"}",
		"2");
	ck_assert(value(text, "tollgate_requests_total{" SET ",status=\"4xx\"}") == NULL);
	is(text, "tollgate_tokens_total{" SET ",bucket=\"input\"}", "42");
	is(text, "tollgate_tokens_total{" SET ",bucket=\"output_reasoning\"}", "7");
	is(text, "tollgate_cost_usd_total{" SET "}", "1.700000000001");
	is(text, "tollgate_unpriced_requests_total{" SET "}", "2");
	is(text, "tollgate_connections_total", "11");
	is(text, "tollgate_buffer_bytes", "7");
	is(text, "tollgate_config_generation", "3");
	is(text, "tollgate_config_reload_failures_total", "4");
	is(text, "tollgate_uptime_seconds", "5");
}
END_TEST

START_TEST(histograms)
{
	unsigned g = label_intern(STR("up")), h = label_intern(STR("idle"));
	const char *text;

	/* in another order on each worker */
	stats_target(&workers[0].stats, g);
	stats_target(&workers[1].stats, h);
	stat_hist_add(&stats_target(&workers[0].stats, g)->duration, 90);
	stat_hist_add(&stats_target(&workers[1].stats, g)->duration, 2000000);
	stat_hist_add(&stats_target(&workers[1].stats, g)->first_byte, 700);
	stat_hist_add(&workers[0].stats.overhead, 5);
	stat_hist_add(&workers[1].stats.overhead, 30);
	text = page();
	is(text, "tollgate_request_duration_seconds_count{target=\"up\"}", "2");
	is(text, "tollgate_request_duration_seconds_bucket{target=\"up\",le=\"0.0001\"}", "1");
	is(text, "tollgate_request_duration_seconds_bucket{target=\"up\",le=\"1\"}", "1");
	is(text, "tollgate_request_duration_seconds_bucket{target=\"up\",le=\"+Inf\"}", "2");
	is(text, "tollgate_request_duration_seconds_sum{target=\"up\"}", "2.00009");
	is(text, "tollgate_request_duration_seconds_count{target=\"idle\"}", "0");
	is(text, "tollgate_first_byte_seconds_count{target=\"up\"}", "1");
	is(text, "tollgate_overhead_seconds_count", "2");
	is(text, "tollgate_overhead_seconds_bucket{le=\"0.00001\"}", "1");
}
END_TEST

/* Every row of the table is a family, once, in its order, with its type and help; samples stay
 * within it. */
START_TEST(families)
{
	static const char *const rows[][3] = {
#define X(id, name, type, help) { name, #type, help },
#include "core/tbl/metrics.h"
#undef X
	};
	const char *p;
	char want[512];

	stat_add(&series(0, label_intern(STR("t")), 0, 0)->status[2], 1);
	p = page();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(want, sizeof want, "# HELP %s %s\n# TYPE %s %s\n", rows[i][0], rows[i][2],
			rows[i][0], rows[i][1]);
		ck_assert_msg(strncmp(p, want, strlen(want)) == 0, "%s expected at %.80s", want, p);
		p += strlen(want);
		while (*p != '#' && *p != '\0') {
			size_t n = strlen(rows[i][0]);

			ck_assert_msg(strncmp(p, rows[i][0], n) == 0 && strchr("{ _", p[n]) != NULL,
				"%.80s below %s", p, rows[i][0]);
			p += strcspn(p, "\n") + 1;
		}
	}
	ck_assert_str_eq(p, "");
}
END_TEST

/* Not by strstr: a sanitizer's looks for the end of the text each time. */
static size_t request_lines(const char *text)
{
	struct str rest = str_z(text);
	size_t n = 0, at;

	while ((at = str_find(rest, STR("\ntollgate_requests_total{"))) != (size_t)-1) {
		rest = str_skip(rest, at + 1);
		n++;
	}
	return n;
}

/* Two full tables with nothing in common. */
START_TEST(full)
{
	const char *text;
	size_t n;

	for (unsigned w = 0; w < 2; w++)
		for (unsigned i = 1; i <= SERIES_SLOTS; i++)
			stat_add(&series(w, 1 + w, i, 1)->status[2], 1);
	label_intern(STR("x"));
	text = page();
	n = request_lines(text);
	ck_assert_uint_eq(n, SERIES_SLOTS + 1);
	is(text, "tollgate_series_overflow_total", "65536");
	is(text, "tollgate_requests_total{tenant=\"\",model=\"\",target=\"\",status=\"2xx\"}",
		"65536");
}
END_TEST

/* Label sets as tenants, models and targets make them: many of one, few of another. */
static const struct {
	unsigned tenants, models, targets;
} shapes[] = {
	{ 10000, 3, 1 },
	{ 1, 10000, 3 },
	{ 3, 1, 10000 },
	{ 100, 100, 3 },
	{ 30, 30, 33 },
	{ 30000, 1, 1 },
};

/* Steps a label set do not grow with their number: neither to count a request, nor to make the
 * page. */
START_TEST(linear)
{
	static char name[16];
	const char *text;
	size_t sets = 0, lines, far = 0;

	/* one assertion for all: libcheck notes each that holds */
	for (unsigned i = 1; i <= 30000; i++) {
		sprintf(name, "l%u", i);
		if (label_intern(str_z(name)) != i)
			ck_abort_msg("label %u", i);
	}
	for (unsigned t = 1; t <= shapes[_i].tenants; t++)
		for (unsigned m = 1; m <= shapes[_i].models; m++)
			for (unsigned g = 1; g <= shapes[_i].targets; g++, sets++)
				for (unsigned w = 0; w < 2; w++)
					stats_series(
						&workers[w].stats, (struct series_key){ t, m, g })
						->status[2]
						.v++;
	for (unsigned g = 1; g <= 200; g++)
		for (unsigned w = 0; w < 2; w++)
			stat_hist_add(&stats_target(&workers[w].stats, g)->duration, 1);
	ck_assert_uint_eq(sets, workers[0].stats.n_series);
	/* How far an entry is from where its hash puts it */
	for (unsigned i = 0; i < SERIES_SLOTS; i++) {
		const struct series *e = atomic_load(&workers[0].stats.series[i]);

		if (e == NULL)
			continue;
		far += (i - (unsigned)(series_key_hash(e->key) % SERIES_SLOTS)) % SERIES_SLOTS;
	}
	ck_assert_uint_le(far, 2 * sets);
	n_compared = n_texts = 0;
	text = page();
	ck_assert_uint_le(n_compared, 2 * 3 * sets);
	lines = request_lines(text);
	ck_assert_uint_eq(lines, sets);
	ck_assert_uint_le(n_texts, 7 * 3 * sets + 2 * 200);
	is(text, "tollgate_requests_total{tenant=\"l1\",model=\"l1\",target=\"l1\",status=\"2xx\"}",
		"2");
	is(text, "tollgate_request_duration_seconds_count{target=\"l200\"}", "2");
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, sums);
	tcase_add_test(tc, histograms);
	tcase_add_test(tc, families);
	tcase_add_test(tc, full);
	tcase_add_loop_test(tc, linear, 0, sizeof shapes / sizeof *shapes);
}

UNIT_MAIN("metrics_page", tests)
