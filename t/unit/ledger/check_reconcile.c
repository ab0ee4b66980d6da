/*
 * check_reconcile.c: providers' files of three kinds beside a ledger: what they say, what differs,
 * and errors that name the line.
 */
#include "unit/ledger/journal_fake.h"

#include "base/log.h"
#include "ledger/reconcile.h"

static struct fake_ledger ledger;

#define DAY0 20420 /* 2025-11-28 */

static void setup(void)
{
	fake_ledger_init(&ledger);
	log_threshold = LOG_L_ERROR + 1;
}

static void teardown(void)
{
	fake_remove_all(ledger.path);
}

/* Two days: 3 of gpt-4o (one failed, free) and 2 of claude, at 0.001 USD, 100 in and 10 out. */
static void make(void)
{
	struct fake_segment s;

	fake_segment_init(&s, &ledger, 1, 0);
	for (unsigned i = 0; i < 10; i++) {
		struct rec_settle settle = sample_settle(i);

		settle.start.us += (int64_t)(i / 5) * 86400000000;
		settle.usage = sample_usage(90, 10);
		settle.usage.n[USAGE_IN_CACHE_READ] = 10;
		settle.money = (struct rec_money){ .list = 2000000000, .contracted = 1000000000 };
		if (i % 5 >= 3) {
			settle.model_served = STR("claude-sonnet-4");
			settle.what.provider = STR("anthropic");
			settle.what.target = STR("anthropic");
		}
		if (i % 5 == 2) {
			settle.status = 503;
			settle.usage = (struct usage){ .source = USAGE_PROVIDER };
			settle.money = (struct rec_money){ .list = 0 };
		}
		fake_put(&s, REC_SETTLE, &settle);
	}
	fake_sync(&s);
	fake_segment_fini(&s);
}

static const char csv[] = "day,model,requests,input_tokens,output_tokens,cost_usd\n"
			  "2025-11-28,gpt-4o-2024-08-06,2,200,20,0.002\n"
			  "2025-11-28,claude-sonnet-4,2,200,20,2e-3\r\n"
			  "\n"
			  "2025-11-29,\"gpt-4o-2024-08-06\",1,150,10,0.0015\n"
			  "2025-11-29,gpt-4o-2024-08-06,1,50,10,0.0005\n"
			  "2025-11-29,claude-sonnet-4,2,200,20,0.002\n";

static const char openai[] =
	"{\"object\":\"page\",\"data\":[{\"object\":\"bucket\",\"start_time\":1764288000,"
	"\"results\":["
	"{\"input_tokens\":180,\"input_cached_tokens\":20,\"input_audio_tokens\":20,\"output_"
	"tokens\":"
	"15,\"output_audio_tokens\":5,\"num_model_requests\":2,\"model\":\"gpt-4o-2024-08-06\"}]}],"
	"\"has_more\":false}";

static const char anthropic[] =
	" {\"data\":[{\"starting_at\":\"2025-11-28T00:00:00Z\",\"results\":[{\"uncached_input_"
	"tokens\":"
	"180,\"cache_creation\":{\"ephemeral_1h_input_tokens\":7,\"ephemeral_5m_input_tokens\":3},"
	"\"cache_read_input_tokens\":10,\"output_tokens\":20,\"model\":\"claude-sonnet-4\"}]}],"
	"\"has_more\":false}";

static size_t run(const char *text, const struct reconcile_options *opt, size_t *rows)
{
	struct reconcile r;
	char err[512];
	size_t n;

	reconcile_init(&r);
	ck_assert_msg(
		reconcile_parse(&r, str_z(text), "file", RECONCILE_GUESS, err, sizeof err) == 0,
		"%s", err);
	ck_assert_msg(reconcile_run(&r, ledger.path, opt, err, sizeof err) == 0, "%s", err);
	n = r.n_differ;
	*rows = r.n_rows;
	reconcile_fini(&r);
	return n;
}

START_TEST(files_that_agree)
{
	static const struct {
		const char *text, *provider;
		size_t rows;
	} cases[] = { { csv, NULL, 4 }, { openai, "openai", 1 }, { anthropic, "anthropic", 1 } };

	make();
	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		struct reconcile_options opt = { .provider = cases[i].provider };
		size_t rows;

		ck_assert_msg(run(cases[i].text, &opt, &rows) == 0, "case %zu", i);
		ck_assert_uint_eq(rows, cases[i].rows);
	}
}
END_TEST

START_TEST(what_differs)
{
	static const char *const only_claude[] = { "anthropic", NULL };
	struct reconcile_options opt = { .tolerance_ppm = 0 };
	char text[512];
	struct reconcile r;
	char err[512];
	size_t rows;

	make();
	/* a pico-dollar */
	snprintf(text, sizeof text,
		"day,model,cost_usd\n2025-11-28,claude-sonnet-4,0.002000000001\n");
	ck_assert_uint_eq(run(text, &opt, &rows), 2); /* and what they do not list */
	opt.targets = only_claude;
	ck_assert_uint_eq(run(text, &opt, &rows), 1);
	opt.tolerance_ppm = 1;
	ck_assert_uint_eq(run(text, &opt, &rows), 0);
	snprintf(text, sizeof text,
		"day,model,requests\n2025-11-28,claude-sonnet-4,3\n"
		"2025-11-28,other,1\n2025-11-28,nothing,0\n");
	opt.tolerance_ppm = 333332;
	reconcile_init(&r);
	ck_assert_int_eq(
		reconcile_parse(&r, str_z(text), "file", RECONCILE_CSV, err, sizeof err), 0);
	ck_assert_int_eq(reconcile_run(&r, ledger.path, &opt, err, sizeof err), 0);
	ck_assert_uint_eq(r.n_differ, 2);
	reconcile_sort(&r);
	UNIT_STR_EQ(r.rows->model, STR("claude-sonnet-4"));
	ck_assert(r.rows->differs[RECONCILE_REQUESTS] && !r.rows->differs[RECONCILE_COST]);
	ck_assert(r.rows->ours[RECONCILE_REQUESTS] == 2 && r.rows->theirs[RECONCILE_REQUESTS] == 3);
	ck_assert(!r.rows->next->in_ours);
	opt.tolerance_ppm = 333334;
	ck_assert_int_eq(reconcile_run(&r, ledger.path, &opt, err, sizeof err), 0);
	reconcile_fini(&r);
}
END_TEST

START_TEST(errors_say_where)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "file:1: the first line must have the titles day, model" },
		{ "day,model\n", "file:1: the first line" },
		{ "day,cost_usd\n2025-11-28,1\n", "file:1: the first line" },
		{ "day,model,requests\n2025-11-28,m\n", "file:2: 2 fields, not 3" },
		{ "day,model,requests\n2025-11-28,m,1,2\n", "file:2: 4 fields, not 3" },
		{ "day,model,requests\n28.11.2025,m,1\n", "file:2: `28.11.2025` is no day" },
		{ "day,model,requests\n2025-11-28,m,many\n", "file:2: `many` is no requests" },
		{ "day,model,requests\n2025-11-28,m,-1\n", "file:2: `-1` is no requests" },
		{ "day,model,requests\n2025-11-28,m,1.5\n", "file:2: `1.5` is no requests" },
		{ "day,model,cost_usd\n2025-11-28,m,$1\n", "file:2: `$1` is no cost_usd" },
		{ "day,model,requests\n2025-11-28,m,1\n2025-11-28,,1\n", "file:3: the model" },
		{ "day,model,requests\n2025-11-28,\"m,1\n", "file:2: a quote is not closed" },
		{ "{", "file:1: " },
		{ "{}", "file: this is neither" },
		{ "{\"data\":[]}", "file: this is neither" },
		{ "{\"data\":[{\"start_time\":1}]}", "file: a bucket has no results" },
		{ "{\"data\":[{\"start_time\":1,\"results\":[{\"model\":null}]}]}",
			"file: a result names no model: ask with group_by=model" },
		{ "{\"data\":[{\"start_time\":1,\"results\":[{\"model\":\"m\",\"input_tokens\":-1}]"
		  "}]}",
			"file: input_tokens is no number" },
		{ "{\"data\":[{\"starting_at\":\"x\",\"results\":[{\"model\":\"m\"}]}]}",
			"file: a bucket has no starting_at" },
	};
	struct reconcile r;
	char err[512];

	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		reconcile_init(&r);
		ck_assert_msg(reconcile_parse(&r, str_z(cases[i].text), "file", RECONCILE_GUESS,
				      err, sizeof err) == -1,
			"%s", cases[i].text);
		ck_assert_msg(str_starts(str_z(err), str_z(cases[i].error)), "%s: %s",
			cases[i].text, err);
		reconcile_fini(&r);
	}
	reconcile_init(&r);
	ck_assert_int_eq(reconcile_read(&r, "/nonexistent", RECONCILE_GUESS, err, sizeof err), -1);
	ck_assert_ptr_nonnull(strstr(err, "/nonexistent: No such file"));
	reconcile_fini(&r);
}
END_TEST

START_TEST(several_pages)
{
	struct reconcile_options opt = { .provider = "openai" };
	struct reconcile r;
	char err[512], page[sizeof openai + 8];
	char *more;

	make();
	strcpy(page, openai);
	more = strstr(page, "false");
	memcpy(more, "true}", 6);
	reconcile_init(&r);
	ck_assert_int_eq(
		reconcile_parse(&r, str_z(page), "a", RECONCILE_GUESS, err, sizeof err), 0);
	ck_assert_int_eq(reconcile_run(&r, ledger.path, &opt, err, sizeof err), -1);
	ck_assert_ptr_nonnull(strstr(err, "has_more"));
	ck_assert_int_eq(
		reconcile_parse(&r, str_z(openai), "b", RECONCILE_GUESS, err, sizeof err), 0);
	ck_assert_int_eq(reconcile_run(&r, ledger.path, &opt, err, sizeof err), 0);
	ck_assert_uint_eq(r.n_differ, 1);
	ck_assert(r.rows->theirs[RECONCILE_REQUESTS] == 4);
	ck_assert_int_eq(
		reconcile_parse(&r, str_z(csv), "c", RECONCILE_GUESS, err, sizeof err), -1);
	reconcile_fini(&r);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, files_that_agree);
	tcase_add_test(tc, what_differs);
	tcase_add_test(tc, errors_say_where);
	tcase_add_test(tc, several_pages);
}

UNIT_MAIN("reconcile", tests)
