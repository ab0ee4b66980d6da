/*
 * check_usage_page.c: GET /admin/v1/usage: the query's words as a URL has them, what is wrong with
 * one, and the sums of a real ledger.
 */
#include "unit/ledger/journal_fake.h"

#include <jansson.h>

#include "admin/admin_int.h"
#include "admin/usage_page.h"
#include "base/log.h"

static struct fake_ledger ledger;
static struct admin_reply reply;
static json_t *answer;

/* Of 2025-11-28; i-th request costs 1000 * i pico, billed 1100 * i. */
static void put(struct fake_segment *s, unsigned i, const char *tenant, const char *tags)
{
	struct rec_settle settle = sample_settle(i);

	settle.who.tenant = str_z(tenant);
	settle.who.tags = str_z(tags);
	settle.money = sample_money(i);
	fake_put(s, REC_SETTLE, &settle);
}

static void setup(void)
{
	struct fake_segment s;

	log_threshold = LOG_L_ERROR + 1;
	fake_ledger_init(&ledger);
	fake_segment_init(&s, &ledger, 1, 0);
	put(&s, 1, "research", "{\"team\":\"a&b\"}");
	put(&s, 2, "research", "{\"team\":\"c\"}");
	put(&s, 4, "sales & more", "{\"team\":\"c\"}");
	put(&s, 8, "caf\xc3\xa9", "");
	fake_sync(&s);
	fake_segment_fini(&s);
	admin_reply_init(&reply);
	answer = NULL;
}

static void teardown(void)
{
	json_decref(answer);
	admin_reply_fini(&reply);
	fake_remove_all(ledger.path);
}

/* The answer to a query; always JSON. */
static void ask(const char *query, const char *path)
{
	char *copy = unit_copy(query, strlen(query));
	json_error_t why;

	json_decref(answer);
	admin_reply_fini(&reply);
	admin_reply_init(&reply);
	usage_page(&reply, str_mk(copy, strlen(query)), path);
	free(copy);
	answer = json_loadb(reply.body.p, reply.body.n, 0, &why);
	ck_assert_msg(answer != NULL, "%s: %.*s", why.text, (int)reply.body.n, reply.body.p);
	ck_assert_str_eq(reply.type, "application/json");
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	ck_assert_msg(s != NULL, "no %s in %.*s", name, (int)reply.body.n, reply.body.p);
	return s;
}

#define MONTH "month=2025-11"

static const struct {
	const char *query;
	size_t rows;
	long long requests;
	const char *billed, *first; /* of the total; the dearest row's tenant, or NULL */
} answers[] = {
	{ MONTH, 1, 4, "0.0000000165", NULL },
	{ MONTH "&by=tenant", 3, 4, "0.0000000165", "caf\xc3\xa9" },
	{ "by=tenant&" MONTH, 3, 4, "0.0000000165", "caf\xc3\xa9" },
	{ MONTH "&by=tenant%2Ctag:team", 4, 4, "0.0000000165", "caf\xc3\xa9" },
	{ MONTH "&by=tenant&tenant=sales+%26+more", 1, 1, "0.0000000044", "sales & more" },
	{ MONTH "&by=tenant&tenant=sales%20%26%20more", 1, 1, "0.0000000044", "sales & more" },
	{ MONTH "&by=tenant&tenant=caf%C3%A9", 1, 1, "0.0000000088", "caf\xc3\xa9" },
	{ MONTH "&by=tenant&tag=team%3Dc", 2, 2, "0.0000000066", "sales & more" },
	{ MONTH "&by=tenant&tag=team=a%26b", 1, 1, "0.0000000011", "research" },
	{ MONTH "&tag=team=c&tenant=research", 1, 1, "0.0000000022", NULL },
	{ "%6donth=2025-11&by=%74enant", 3, 4, "0.0000000165", "caf\xc3\xa9" },
	{ "since=2025-11-28&until=2025-11-29T00:00:00%2B00:00&by=day", 1, 4, "0.0000000165", NULL },
	{ "since=2025-11-29&until=2025-11-30&by=tenant", 0, 0, "0", NULL },
	{ MONTH "&tenant=nobody", 0, 0, "0", NULL },
	{ "month=2025-10&by=tenant", 0, 0, "0", NULL },
	{ MONTH "&&by=tenant&", 3, 4, "0.0000000165", "caf\xc3\xa9" },
};

START_TEST(sums)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(answers); i++) {
		const json_t *rows, *total;

		ask(answers[i].query, ledger.path);
		ck_assert_msg(reply.status == 200, "%s: %u %.*s", answers[i].query, reply.status,
			(int)reply.body.n, reply.body.p);
		rows = json_object_get(answer, "rows");
		total = json_object_get(answer, "total");
		ck_assert_msg(json_array_size(rows) == answers[i].rows, "%s: %.*s",
			answers[i].query, (int)reply.body.n, reply.body.p);
		ck_assert_int_eq(json_integer_value(json_object_get(total, "requests")),
			answers[i].requests);
		ck_assert_str_eq(text(total, "billed_usd"), answers[i].billed);
		if (answers[i].first != NULL)
			ck_assert_str_eq(text(json_array_get(rows, 0), "tenant"), answers[i].first);
	}
}
END_TEST

/* Without a time it is this month, to the end of this hour. */
START_TEST(this_month)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(iso, clock_wall());
	ask("", ledger.path);
	ck_assert_uint_eq(reply.status, 200);
	ck_assert(strncmp(text(answer, "from"), iso, 7) == 0);
	ck_assert_str_eq(text(answer, "from") + 7, "-01T00:00:00Z");
	ck_assert_int_gt(strcmp(text(answer, "to"), text(answer, "from")), 0);
}
END_TEST

static const struct {
	const char *query, *says;
} wrong[] = {
	{ "by=tenent", "cannot group by `tenent`: did you mean tenant?" },
	{ "until=soon", "`soon` is no time such as 7d" },
	{ "since=2025-11-28T00:00:00+00:00", "is no time such as" }, /* + is a space in a URL */
	{ "month=2025-13", "`2025-13` is no month such as 2026-11" },
	{ "month", "`` is no month" },
	{ "tag=team", "`team` is no tag such as team=search" },
	{ "colour=red", "`colour` is not known; there are by, since" },
	{ "=x", "`` is not known" },
	{ "tenant=%", "percent-encoded" },
	{ "tenant=%4", "percent-encoded" },
	{ "tenant=%zz", "percent-encoded" },
	{ "tenant=a%00b", "percent-encoded" },
	{ "%=a", "percent-encoded" },
	{ "colour%22%0a=red", "`colour\"\n` is not known" },
	{ "colour%ff=red", "`colour\xef\xbf\xbd` is not known" },
	{ "by=tag:a&by=tag:b&by=tag:c&by=tag:d&by=tag:e", "at most 4 tags" },
};

START_TEST(refused)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(wrong); i++) {
		const json_t *e;

		ask(wrong[i].query, ledger.path);
		e = json_object_get(answer, "error");
		ck_assert_msg(reply.status == 400, "%s: %u", wrong[i].query, reply.status);
		ck_assert_str_eq(text(e, "code"), "bad_request");
		ck_assert_msg(strstr(text(e, "message"), wrong[i].says) != NULL, "%s: %s",
			wrong[i].query, text(e, "message"));
	}
}
END_TEST

/* As long as a head may be, and longer than there is memory for. */
START_TEST(long_queries)
{
	char *query = malloc(128 * 1024);
	const json_t *e;
	size_t n;

	ck_assert_ptr_nonnull(query);
	for (int i = 0; i < 2; i++) {
		n = (size_t)sprintf(query, "%s&tenant=", MONTH);
		memset(query + n, 'x', i == 0 ? 15000 : 100000);
		query[n + (i == 0 ? 15000 : 100000)] = '\0';
		ask(query, ledger.path);
		ck_assert_uint_eq(reply.status, i == 0 ? 200 : 400);
	}
	n = 0;
	for (int i = 0; i < 17; i++)
		n += (size_t)sprintf(query + n, "tenant=t%d&", i);
	ask(query, ledger.path);
	ck_assert_uint_eq(reply.status, 400);
	e = json_object_get(answer, "error");
	ck_assert_ptr_nonnull(strstr(text(e, "message"), "at most 16 conditions"));
	/* a message longer than there is room for is cut, and JSON all the same */
	n = 0;
	for (int i = 0; i < 400; i++)
		n += (size_t)sprintf(query + n, "%%c3%%a9");
	sprintf(query + n, "=x");
	ask(query, ledger.path);
	ck_assert_uint_eq(reply.status, 400);
	free(query);
}
END_TEST

START_TEST(no_ledger)
{
	const json_t *e;

	ask(MONTH, NULL);
	e = json_object_get(answer, "error");
	ck_assert_uint_eq(reply.status, 404);
	ck_assert_str_eq(text(e, "code"), "no_ledger");

	ask(MONTH, "/nonexistent/ledger");
	e = json_object_get(answer, "error");
	ck_assert_uint_eq(reply.status, 500);
	ck_assert_str_eq(text(e, "code"), "ledger");
	ck_assert_ptr_nonnull(strstr(text(e, "message"), "/nonexistent/ledger"));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, sums);
	tcase_add_test(tc, this_month);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, long_queries);
	tcase_add_test(tc, no_ledger);
}

UNIT_MAIN("usage_page", tests)
