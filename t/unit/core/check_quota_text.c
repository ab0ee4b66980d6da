/*
 * Figures of limits as text: amounts, a limit as JSON, and the fields of answers.
 */
#include "../unit.h"

#include "core/quota_text.h"

#define DAY_US   INT64_C(86400000000)
#define START_US (INT64_C(20785) * DAY_US)

static const struct {
	enum quota_dim dim;
	int64_t v;
	const char *text;
} amounts[] = {
	{ QUOTA_COST, 0, "0" },
	{ QUOTA_COST, 1, "0.000000001" },
	{ QUOTA_COST, 1000000000, "1" },
	{ QUOTA_COST, 12500000000, "12.5" },
	{ QUOTA_COST, 100000000000, "100" },
	{ QUOTA_COST, -1500000000, "-1.5" },
	{ QUOTA_COST, QUOTA_AMOUNT_MAX, "50000000" },
	{ QUOTA_TOKENS, 0, "0" },
	{ QUOTA_TOKENS, 1000, "1000" },
};

START_TEST(amount)
{
	char out[QUOTA_AMOUNT_LEN];
	size_t n = quota_amount_put(out, amounts[_i].dim, amounts[_i].v);

	UNIT_STR_EQ(str_mk(out, n), str_z(amounts[_i].text));
}
END_TEST

static struct quota_account accounts[4];

/* An account of this name and limit, today's, with so much settled and held. */
static struct quota_account *account(unsigned i, const char *name, enum quota_dim dim,
	const char *text, int64_t settled, int64_t held)
{
	static struct quota_limit limits[4];
	struct quota_account *a = &accounts[i], *charged;
	struct period day = {
		.start_us = START_US, .end_us = START_US + DAY_US, .leaves_us = START_US + DAY_US
	};
	struct quota_time now = { { START_US + DAY_US / 2 }, { 1000000 } };
	char err[200];

	ck_assert_msg(
		quota_limit_parse(dim, str_z(text), &limits[i], err, sizeof err) == 0, "%s", err);
	memset(a, 0, sizeof *a);
	ck_assert_int_eq(quota_account_init(a, str_z(name), &limits[i],
				 limits[i].kind == QUOTA_STOCK ? &day : NULL),
		0);
	if (settled > 0)
		quota_account_restore(a, settled);
	if (held > 0)
		ck_assert_int_eq(quota_account_take(a, held, now, &charged), QUOTA_OK);
	return a;
}

/* Whatever is held. */
static void over(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		quota_account_put(&accounts[i]);
}

static const struct quota_time noon = { { START_US + DAY_US / 2 }, { 1000000 } };

START_TEST(a_limit_as_json)
{
	struct quota_limit l;
	struct quota_slot s = { .limit = &l, .scope = STR("tenant:a\"b") };
	struct outbuf b;
	char err[200];

	ck_assert_int_eq(
		quota_limit_parse(QUOTA_COST, STR("2.50 usd/day"), &l, err, sizeof err), 0);
	atomic_store(&s.whole, l.amount);
	atomic_store(&s.raised_until_us, INT64_MAX);
	atomic_store(&s.now, account(0, "tenant:x/cost/day/2026-11-28", QUOTA_COST, "2.50 usd/day",
				     1000000000, 250000000));
	outbuf_init(&b);
	quota_slot_json(&b, &s, noon, true);
	UNIT_STR_EQ(outbuf_text(&b),
		STR("{\"scope\":\"tenant:a\\\"b\",\"dimension\":\"cost\",\"limit\":\"2.5 usd/day\","
		    "\"account\":\"tenant:x/cost/day/2026-11-28\",\"used\":\"1\",\"held\":\"0.25\","
		    "\"free\":\"1.25\",\"resets\":\"2026-11-29T00:00:00.000000Z\"}"));
	outbuf_fini(&b);
	over(1);
}
END_TEST

/* The narrowest of the own limits, and nobody else's. */
START_TEST(fields)
{
	struct quota_account *path[4];
	char out[QUOTA_FIELDS_MAX + 1];
	size_t n;

	path[0] = account(0, "key:k/requests/day/x", QUOTA_REQUESTS, "100/day", 3, 1);
	path[1] = account(1, "tenant:t/requests/day/x", QUOTA_REQUESTS, "10/day", 0, 1);
	path[2] = account(2, "tenant:t/tokens/rate/min", QUOTA_TOKENS, "600/m", 0, 0);
	path[3] = account(3, "org:o/requests/day/x", QUOTA_REQUESTS, "1/day", 0, 0);
	n = quota_fields_put(out, path, 4, false, noon);
	out[n] = '\0';
	ck_assert_str_eq(out,
		"ratelimit-policy: \"requests\";q=10;w=86400\r\nratelimit: "
		"\"requests\";r=9;t=43200\r\n"
		"x-ratelimit-limit-requests: 10\r\nx-ratelimit-remaining-requests: 9\r\n"
		"x-ratelimit-reset-requests: 43200s\r\n"
		"ratelimit-policy: \"tokens\";q=600;w=60\r\nratelimit: \"tokens\";r=600;t=0\r\n"
		"x-ratelimit-limit-tokens: 600\r\nx-ratelimit-remaining-tokens: 600\r\n"
		"x-ratelimit-reset-tokens: 0s\r\n");
	n = quota_fields_put(out, path, 2, true, noon);
	out[n] = '\0';
	ck_assert_str_eq(out, "ratelimit-policy: \"requests\";q=10;w=86400\r\nratelimit: "
			      "\"requests\";r=9;t=43200\r\n"
			      "anthropic-ratelimit-requests-limit: "
			      "10\r\nanthropic-ratelimit-requests-remaining: 9\r\n"
			      "anthropic-ratelimit-requests-reset: 2026-11-29T00:00:00Z\r\n");
	ck_assert_uint_eq(quota_fields_put(out, path + 3, 1, false, noon), 0);
	over(4);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, amount, 0, (int)TG_ARRAY_LEN(amounts));
	tcase_add_test(tc, a_limit_as_json);
	tcase_add_test(tc, fields);
}

UNIT_MAIN("quota_text", tests)
