/*
 * check_report.c: questions to a ledger whose records are partly in files, partly in the journal
 * behind them; the question's words; the answer as JSON and CSV.
 */
#include "unit/ledger/journal_fake.h"

#include <jansson.h>

#include "base/log.h"
#include "ledger/report.h"
#include "ledger/rollup_int.h"

static struct fake_ledger ledger;
static const wall_us now = { INT64_C(1764374400000000) + 3600000000 / 2 }; /* 2025-11-29 00:30 */

#define HOUR0 (INT64_C(1764288000) / 3600) /* 2025-11-28 00:00 */

static void setup(void)
{
	fake_ledger_init(&ledger);
	log_threshold = LOG_L_ERROR + 1;
}

static void teardown(void)
{
	fake_remove_all(ledger.path);
}

/* i-th request: hour i % 30 from HOUR0, tenant, team and model by i; costs i pico. */
static void put(struct fake_segment *s, unsigned i)
{
	static const char *const tenants[] = { "research", "sales" };
	static const char *const tags[] = { "{\"team\":\"a\",\"env\":\"x\"}", "{\"team\":\"b\"}",
		"", "{\"team\":\"\"}" };
	struct rec_settle settle = sample_settle(i);

	settle.start.us = (HOUR0 + i % 30) * 3600000000 + i;
	settle.who.tenant = str_z(tenants[i % 2]);
	settle.who.tags = str_z(tags[i % 4]);
	settle.model_served = i % 3 == 0 ? STR("m-0") : STR("m-1");
	settle.money = (struct rec_money){ .list = i, .contracted = i, .billed = 2 * i };
	settle.usage = sample_usage(i, 1);
	fake_put_at(s, REC_SETTLE, 0, &settle, settle.start.us);
}

/* 120 requests: 90 in the files, 30 behind them. */
static void make(void)
{
	struct fake_segment s[2];
	struct rollup *r = rollup_new(1000);
	char err[512];

	for (unsigned k = 0; k < 2; k++)
		fake_segment_init(&s[k], &ledger, k + 1, k);
	for (unsigned i = 0; i < 120; i++) {
		put(&s[i % 2], i);
		if (i != 89)
			continue;
		fake_sync(&s[0]);
		fake_sync(&s[1]);
		ck_assert_int_eq(rollup_open(r, ledger.rollup, err, sizeof err), 0);
		ck_assert_int_eq(rollup_replay(r, ledger.journal, false, err, sizeof err), 0);
		ck_assert_int_eq(rollup_flush(r, err, sizeof err), 0);
	}
	for (unsigned k = 0; k < 2; k++) {
		fake_sync(&s[k]);
		fake_segment_fini(&s[k]);
	}
	rollup_free(r);
}

static struct report_query ask(const char *const *settings)
{
	struct report_query q;
	char err[512];

	report_query_init(&q, now);
	for (; *settings != NULL; settings += 2)
		ck_assert_msg(report_query_set(&q, str_z(settings[0]), str_z(settings[1]), now, err,
				      sizeof err) == 0,
			"%s", err);
	return q;
}

static struct report run(const struct report_query *q)
{
	struct report r;
	char err[1024];

	ck_assert_msg(report_run(ledger.path, q, &r, err, sizeof err) == 0, "%s", err);
	return r;
}

#define ASK(...) ask((const char *const[]){ __VA_ARGS__ NULL })

/* Does request i pass? Sums over those that do. */
static void check_total(const struct report *r, bool (*pass)(unsigned i), const char *what)
{
	uint64_t n = 0;
	pico_sum contracted = 0, billed = 0;
	uint64_t input = 0;

	for (unsigned i = 0; i < 120; i++)
		if (pass(i)) {
			n++;
			contracted += i;
			billed += 2 * i;
			input += i;
		}
	ck_assert_msg(n > 0 && r->total.requests == n, "%s: %llu requests, not %llu", what,
		(unsigned long long)r->total.requests, (unsigned long long)n);
	ck_assert(r->total.contracted == contracted && r->total.billed == billed);
	ck_assert_uint_eq(r->total.units[USAGE_IN], input);
	ck_assert_uint_eq(r->total.units[USAGE_OUT], n);
}

static bool any(unsigned i)
{
	return i < 120;
}

static bool first_day(unsigned i)
{
	return i % 30 < 24;
}

static bool is_sales(unsigned i)
{
	return i % 2 == 1;
}

static bool is_team_a_m0(unsigned i)
{
	return i % 4 == 0 && i % 3 == 0;
}

static bool is_team_empty(unsigned i)
{
	return i % 4 == 3;
}

static bool is_hour_5_to_7(unsigned i)
{
	return i % 30 >= 5 && i % 30 < 7;
}

START_TEST(files_and_what_is_behind_them)
{
	static const struct {
		const char *settings[10];
		bool (*pass)(unsigned);
	} cases[] = {
		{ { "until", "2025-12-01" }, any },
		{ { "since", "2025-11-28", "until", "2025-11-29" }, first_day },
		{ { "month", "2025-11", "tenant", "sales" }, is_sales },
		{ { "month", "2025-11", "tag", "team=a", "model", "m-0" }, is_team_a_m0 },
		{ { "month", "2025-11", "tag", "team=" }, is_team_empty },
		{ { "since", "2025-11-28T05:59:59Z", "until", "2025-11-28T07:30:00+01:00" },
			is_hour_5_to_7 },
		{ { "month", "2025-11", "key", "key_42", "target", "openai-eu", "org", "acme" },
			any },
	};

	make();
	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		struct report_query q = ask(cases[i].settings);
		struct report r = run(&q);

		check_total(&r, cases[i].pass, cases[i].settings[1]);
		ck_assert_uint_gt(r.replayed, 0);
		ck_assert_uint_le(r.replayed, 30);
		report_free(&r);
	}
}
END_TEST

START_TEST(nothing_passes)
{
	static const char *const settings[][3] = { { "tenant", "nobody" }, { "tag", "team=z" },
		{ "tag", "missing=" }, { "model", "m-" }, { "month", "2024-01" } };

	make();
	for (size_t i = 0; i < TG_ARRAY_LEN(settings); i++) {
		struct report_query q = ask(settings[i]);
		struct report r = run(&q);

		ck_assert_uint_eq(r.n_rows, 0);
		ck_assert_uint_eq(r.total.legs, 0);
		report_free(&r);
	}
}
END_TEST

START_TEST(rows_by_what_is_asked)
{
	struct report_query q = ASK("month", "2025-11", "by", "day,tenant,tag:team,tag:nix", );
	struct report r;
	uint64_t requests = 0;

	make();
	r = run(&q);
	/* research has a and none, sales b and "" */
	ck_assert_uint_eq(r.n_rows, 8);
	for (size_t i = 0; i < r.n_rows; i++) {
		const struct report_row *row = r.rows[i];

		UNIT_STR_EQ(row->time, i < 4 ? STR("2025-11-28") : STR("2025-11-29"));
		ck_assert_uint_eq(row->key.model.n, 0);
		ck_assert_ptr_null(row->tag[1].p);
		if (str_eq(row->key.tenant, STR("research")))
			ck_assert(row->tag[0].p == NULL || str_eq(row->tag[0], STR("a")));
		else
			ck_assert(row->tag[0].p != NULL &&
				  (row->tag[0].n == 0 || str_eq(row->tag[0], STR("b"))));
		if (i % 4 > 0)
			ck_assert(row->value.billed <= r.rows[i - 1]->value.billed);
		requests += row->value.requests;
	}
	ck_assert_uint_eq(requests, 120);
	report_free(&r);
	q = ASK("month", "2025-11", "by", "hour", );
	r = run(&q);
	ck_assert_uint_eq(r.n_rows, 30);
	UNIT_STR_EQ(r.rows[0]->time, STR("2025-11-28T00:00:00Z"));
	UNIT_STR_EQ(r.rows[29]->time, STR("2025-11-29T05:00:00Z"));
	report_free(&r);
	q = ASK("month", "2025-11", "by", "month,model", );
	r = run(&q);
	ck_assert_uint_eq(r.n_rows, 2);
	UNIT_STR_EQ(r.rows[0]->time, STR("2025-11"));
	UNIT_STR_EQ(r.rows[0]->key.model, STR("m-1"));
	ck_assert_uint_eq(r.rows[1]->value.requests, 40);
	report_free(&r);
	q = ASK("month", "2025-11", "by", "tags", );
	r = run(&q);
	ck_assert_uint_eq(r.n_rows, 4);
	report_free(&r);
}
END_TEST

/* Stretches of hours: a row each, from its bound up to the next one. */
START_TEST(rows_by_bounds)
{
	static const int64_t bounds[] = { HOUR0 + 1, HOUR0 + 2, HOUR0 + 24, HOUR0 + 40 };
	static const uint64_t requests[] = { 4, 22 * 4, 6 * 4 };
	struct report_query q = { .from_hour = HOUR0 + 1,
		.to_hour = HOUR0 + 48,
		.by = REPORT_BY_BOUNDS,
		.bounds = bounds,
		.n_bounds = TG_ARRAY_LEN(bounds) };
	struct report r;

	make();
	r = run(&q);
	ck_assert_uint_eq(r.n_rows, TG_ARRAY_LEN(requests));
	for (size_t i = 0; i < r.n_rows; i++) {
		ck_assert_int_eq(r.rows[i]->key.hour, bounds[i]);
		ck_assert_uint_eq(r.rows[i]->value.requests, requests[i]);
	}
	report_free(&r);
}
END_TEST

START_TEST(too_many_rows_are_an_error)
{
	struct report_query q = ASK("month", "2025-11", "by", "hour,tenant", );
	struct report r;
	char err[512];

	make();
	q.max_rows = 29;
	ck_assert_int_eq(report_run(ledger.path, &q, &r, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "more than 29 rows") != NULL, "%s", err);
	q.max_rows = 30;
	r = run(&q);
	ck_assert_uint_eq(r.n_rows, 30);
	report_free(&r);
}
END_TEST

START_TEST(a_ledger_that_is_not_there_or_damaged)
{
	struct report_query q = ASK("month", "2025-11", );
	struct report r;
	char err[1024], path[256];
	FILE *f;

	ck_assert_int_eq(report_run("/nonexistent", &q, &r, err, sizeof err), -1);
	ck_assert_ptr_nonnull(strstr(err, "/nonexistent/journal"));
	r = run(&q); /* an empty one */
	ck_assert_uint_eq(r.n_rows, 0);
	report_free(&r);
	make();
	snprintf(path, sizeof path, "%s/2025-11-28.tgr", ledger.rollup);
	ck_assert_int_eq(truncate(path, 100), 0);
	ck_assert_int_eq(report_run(ledger.path, &q, &r, err, sizeof err), -1);
	ck_assert_msg(strstr(err, path) != NULL && strstr(err, "--rebuild") != NULL, "%s", err);
	/* the other day can be asked for */
	q = ASK("since", "2025-11-29", "until", "2025-11-30", );
	r = run(&q);
	ck_assert_uint_eq(r.total.requests, 24);
	report_free(&r);
	/* without its positions the whole journal is read */
	snprintf(path, sizeof path, "%s/positions", ledger.rollup);
	f = fopen(path, "w");
	fclose(f);
	r = run(&q);
	ck_assert_uint_eq(r.total.requests, 24);
	report_free(&r);
}
END_TEST

START_TEST(words_of_questions)
{
	static const char *const bad[][3] = { { "by", "tenent", "did you mean tenant" },
		{ "by", "tenant,", NULL }, { "by", "tag:", "tag:team" },
		{ "by", "day,,tenant", "cannot group" }, { "since", "yesterday", "2026-11-28" },
		{ "since", "7", "7d" }, { "until", "2025-02-30", NULL },
		{ "month", "2025-13", NULL }, { "month", "25-11", NULL },
		{ "tag", "team", "team=search" }, { "tag", "=x", "team=search" },
		{ "tennant", "x", "is not known" },
		{ "by", "tag:a,tag:b,tag:c,tag:d,tag:e", "at most 4" } };
	struct report_query q;
	char err[512];

	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++) {
		bool ok_word = str_eq(str_z(bad[i][1]), STR("tenant,"));

		report_query_init(&q, now);
		ck_assert_msg(report_query_set(&q, str_z(bad[i][0]), str_z(bad[i][1]), now, err,
				      sizeof err) == (ok_word ? 0 : -1),
			"%s %s", bad[i][0], bad[i][1]);
		if (bad[i][2] != NULL)
			ck_assert_msg(strstr(err, bad[i][2]) != NULL, "%s", err);
	}
	report_query_init(&q, now);
	ck_assert_int_eq(q.from_hour, HOUR0 - 27 * 24);
	ck_assert_int_eq(q.to_hour, HOUR0 + 25);
	for (int i = 0; i < REPORT_FILTERS_MAX; i++)
		ck_assert_int_eq(
			report_query_set(&q, STR("tenant"), STR("a"), now, err, sizeof err), 0);
	ck_assert_int_eq(report_query_set(&q, STR("tenant"), STR("a"), now, err, sizeof err), -1);
	q = ASK("since", "24h", "until", "1h", );
	ck_assert_int_eq(q.from_hour, HOUR0);
	ck_assert_int_eq(q.to_hour, HOUR0 + 24);
	q = ASK("month", "2025-12", );
	ck_assert_int_eq(q.from_hour, HOUR0 + 3 * 24);
	ck_assert_int_eq(q.to_hour, HOUR0 + (3 + 31) * 24);
}
END_TEST

START_TEST(json_has_every_figure)
{
	struct report_query q = ASK("month", "2025-11", "by", "month,tenant,tags,tag:team", );
	struct report r;
	struct outbuf b;
	json_t *j, *row, *total;
	json_int_t requests = 0;
	size_t i;

	make();
	r = run(&q);
	outbuf_init(&b);
	report_json(&r, &q, &b, NULL, NULL);
	j = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(j != NULL, "%.*s", (int)b.n, b.p);
	ck_assert_str_eq(json_string_value(json_object_get(j, "from")), "2025-11-01T00:00:00Z");
	ck_assert_str_eq(json_string_value(json_object_get(j, "to")), "2025-12-01T00:00:00Z");
	ck_assert_uint_eq(json_array_size(json_object_get(j, "rows")), 4);
	json_array_foreach(json_object_get(j, "rows"), i, row)
	{
		const json_t *tags = json_object_get(row, "tags");
		const json_t *team = json_object_get(row, "tag:team");

		ck_assert(json_is_object(tags));
		ck_assert(json_object_get(tags, "team") == NULL
				  ? json_is_null(team)
				  : json_equal(json_object_get(tags, "team"), team));
		ck_assert_str_eq(json_string_value(json_object_get(row, "month")), "2025-11");
		requests += json_integer_value(json_object_get(row, "requests"));
	}
	ck_assert_int_eq(requests, 120);
	total = json_object_get(j, "total");
	ck_assert_str_eq(
		json_string_value(json_object_get(total, "contracted_usd")), "0.00000000714");
	ck_assert_str_eq(json_string_value(json_object_get(total, "billed_usd")), "0.00000001428");
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(total, "quality"), "exact")),
		120);
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(total, "units"), "input")),
		7140);
	ck_assert_uint_eq(json_object_size(json_object_get(total, "units")), 2);
	json_decref(j);
	outbuf_fini(&b);
	report_free(&r);
}
END_TEST

static void count(void *arg, struct outbuf *b)
{
	++*(unsigned *)arg;
	ck_assert_uint_gt(b->n, 0);
}

START_TEST(csv_has_a_line_a_row)
{
	struct report_query q = ASK("month", "2025-11", "by", "tenant,tags", );
	unsigned flushed = 0, commas = 0, lines = 0;
	bool quoted = false;
	struct outbuf b;
	struct report r;

	make();
	r = run(&q);
	outbuf_init(&b);
	report_csv(&r, &q, &b, count, &flushed);
	ck_assert_uint_eq(flushed, 4);
	ck_assert(str_starts(outbuf_text(&b), STR("tenant,tags,requests,legs,voided,")));
	for (size_t i = 0; i < b.n; i++) {
		quoted ^= b.p[i] == '"';
		commas += b.p[i] == ',' && !quoted;
		if (b.p[i] != '\n')
			continue;
		ck_assert_int_eq(b.p[i - 1], '\r');
		ck_assert_uint_eq(commas, 2 + 9 + QUALITY__MAX + USAGE__MAX + 4 - 1);
		commas = 0;
		lines++;
	}
	ck_assert_uint_eq(lines, 5);
	ck_assert_ptr_nonnull(memmem(b.p, b.n, "\"{\"\"team\"\":\"\"b\"\"}\"", 18));
	outbuf_fini(&b);
	report_free(&r);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, files_and_what_is_behind_them);
	tcase_add_test(tc, nothing_passes);
	tcase_add_test(tc, rows_by_what_is_asked);
	tcase_add_test(tc, rows_by_bounds);
	tcase_add_test(tc, too_many_rows_are_an_error);
	tcase_add_test(tc, a_ledger_that_is_not_there_or_damaged);
	tcase_add_test(tc, words_of_questions);
	tcase_add_test(tc, json_has_every_figure);
	tcase_add_test(tc, csv_has_a_line_a_row);
}

UNIT_MAIN("report", tests)
