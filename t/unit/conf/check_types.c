/*
 * check_types.c: scalar types: exact values, what is refused and what the refusal says, and text ->
 * value -> text -> value.
 */
#include "unit/unit.h"

#include "conf/types.h"

static const char *const words[] = { "ignore", "warn", "reject", NULL };

static const struct conf_directive any_int = { .name = "x", .type = CONF_INT };
static const struct conf_directive small_int = {
	.name = "x", .type = CONF_INT, .min = 1, .max = 1000, .flags = CONF_ALLOW_AUTO
};
static const struct conf_directive from_zero = {
	.name = "x", .type = CONF_INT, .min = 0, .max = INT64_MAX
};
static const struct conf_directive size = { .name = "x", .type = CONF_SIZE };
static const struct conf_directive head = {
	.name = "x", .type = CONF_SIZE, .min = 1024, .max = 65535
};
static const struct conf_directive duration = { .name = "x", .type = CONF_DURATION };
static const struct conf_directive clock_s = {
	.name = "x", .type = CONF_DURATION, .min = 10000, .max = 600000000
};
static const struct conf_directive money = { .name = "x", .type = CONF_MONEY };
static const struct conf_directive credit = {
	.name = "x", .type = CONF_MONEY, .min = -5000000000000, .max = INT64_MAX
};
static const struct conf_directive percent = { .name = "x", .type = CONF_PERCENT, .max = 10000 };
static const struct conf_directive date = { .name = "x", .type = CONF_DATE };

static const struct number {
	const struct conf_directive *d;
	const char *text;
	int64_t want;
	const char *again; /* as written back; NULL: as read */
} numbers[] = {
	{ &any_int, "0", 0, NULL },
	{ &any_int, "9223372036854775807", INT64_MAX, NULL },
	{ &any_int, "-9223372036854775808", INT64_MIN, NULL },
	{ &small_int, "auto", 0, NULL },
	{ &small_int, "1", 1, NULL },
	{ &small_int, "1000", 1000, NULL },
	{ &size, "0", 0, NULL },
	{ &size, "1", 1, NULL },
	{ &size, "64k", 65536, NULL },
	{ &size, "64K", 65536, "64k" },
	{ &size, "1024", 1024, "1k" },
	{ &size, "1025", 1025, NULL },
	{ &size, "8388607t", 8388607LL << 40, NULL },
	{ &size, "9223372036854775807", INT64_MAX, NULL },
	{ &head, "65535", 65535, NULL },
	{ &duration, "0", 0, NULL },
	{ &duration, "0s", 0, "0" },
	{ &duration, "1us", 1, NULL },
	{ &duration, "50ms", 50000, NULL },
	{ &duration, "10s", 10000000, NULL },
	{ &duration, "5m", 300000000, NULL },
	{ &duration, "60m", 3600000000, "1h" },
	{ &duration, "90m", 5400000000, NULL },
	{ &duration, "1d", 86400000000, NULL },
	{ &duration, "106751991d", 106751991 * 86400000000, NULL },
	{ &clock_s, "10ms", 10000, NULL },
	{ &clock_s, "10m", 600000000, NULL },
	{ &money, "0 usd", 0, NULL },
	{ &money, "0.50 usd", 500000000000, "0.5 usd" },
	{ &money, "0.50 USD", 500000000000, "0.5 usd" },
	{ &money, "0.000000000001 usd", 1, NULL },
	{ &money, "1.000000000000 usd", 1000000000000, "1 usd" },
	{ &money, "9223372.036854775807 usd", INT64_MAX, NULL },
	{ &credit, "-5 usd", -5000000000000, NULL },
	{ &percent, "0%", 0, NULL },
	{ &percent, "15%", 1500, NULL },
	{ &percent, "12.5%", 1250, NULL },
	{ &percent, "0.01%", 1, NULL },
	{ &percent, "100%", 10000, NULL },
	{ &date, "1970-01-01", 0, NULL },
	{ &date, "2027-01-01", 1798761600000000, NULL },
	{ &date, "2024-02-29", 1709164800000000, NULL },
	{ &date, "2000-02-29", 951782400000000, NULL },
	{ &date, "2027-01-01T00:00:00Z", 1798761600000000, "2027-01-01" },
	{ &date, "2027-01-01T01:30:00+01:30", 1798761600000000, "2027-01-01" },
	{ &date, "2026-12-31T19:00:00-05:00", 1798761600000000, "2027-01-01" },
	{ &date, "2027-01-01 00:00:00z", 1798761600000000, "2027-01-01" },
	{ &date, "2027-01-01T00:00:00.000001Z", 1798761600000001, NULL },
	{ &date, "2027-01-01T00:00:00.1234569Z", 1798761600123456, "2027-01-01T00:00:00.123456Z" },
	{ &date, "9999-12-31T23:59:59.999999Z", 253402300799999999, NULL },
};

START_TEST(numbers_are_exact)
{
	const struct number *n = &numbers[_i];
	char text[CONF_TYPE_WRITE_LEN];
	struct conf_why why = { "" };
	int64_t got = 4711;
	size_t len;

	ck_assert_msg(
		conf_type_read(n->d, str_z(n->text), &got, &why) == 0, "%s: %s", n->text, why.text);
	ck_assert_msg(got == n->want, "%s: %lld", n->text, (long long)got);
	len = conf_type_write(n->d, &got, text);
	UNIT_STR_EQ(str_mk(text, len), str_z(n->again != NULL ? n->again : n->text));
	ck_assert_int_eq(conf_type_read(n->d, str_mk(text, len), &got, &why), 0);
	ck_assert_int_eq(got, n->want);
}
END_TEST

static const struct refusal {
	const struct conf_directive *d;
	const char *text;
	const char *why;
} refusals[] = {
	{ &any_int, "", "must be a whole number, not empty" },
	{ &any_int, "1e3", "must be a whole number, not `1e3`" },
	{ &any_int, "0x10", "must be a whole number, not `0x10`" },
	{ &any_int, "+1", "must be a whole number, not `+1`" },
	{ &any_int, " 1", "must be a whole number, not ` 1`" },
	{ &any_int, "auto", "must be a whole number, not `auto`" },
	{ &any_int, "9223372036854775808", "must be a whole number, not `9223372036854775808`" },
	{ &small_int, "0", "must be auto or a whole number from 1 to 1000, not `0`" },
	{ &small_int, "1001", "must be auto or a whole number from 1 to 1000, not `1001`" },
	{ &small_int, "Auto", "must be auto or a whole number from 1 to 1000, not `Auto`" },
	{ &from_zero, "-1", "must be a whole number, at least 0, not `-1`" },
	{ &size, "k", "must be a size such as 512, 64k, 8m or 1g, not `k`" },
	{ &size, "64kb", "must be a size such as 512, 64k, 8m or 1g, not `64kb`" },
	{ &size, "1.5g", "must be a size such as 512, 64k, 8m or 1g, not `1.5g`" },
	{ &size, "-1", "must be a size such as 512, 64k, 8m or 1g, not `-1`" },
	{ &size, "8388608t", "must be a size such as 512, 64k, 8m or 1g, not `8388608t`" },
	{ &size, "9223372036854775808",
		"must be a size such as 512, 64k, 8m or 1g, not `9223372036854775808`" },
	{ &head, "64k", "must be a size such as 512, 64k, 8m or 1g, from 1k to 65535, not `64k`" },
	{ &head, "1023",
		"must be a size such as 512, 64k, 8m or 1g, from 1k to 65535, not `1023`" },
	{ &duration, "10", "needs a unit: write `10s` for seconds (units: ms, s, m, h, d)" },
	{ &duration, "5M", "must be a duration such as 50ms, 10s, 5m, 1h or 1d, not `5M`" },
	{ &duration, "10 s", "must be a duration such as 50ms, 10s, 5m, 1h or 1d, not `10 s`" },
	{ &duration, "1h30m", "must be a duration such as 50ms, 10s, 5m, 1h or 1d, not `1h30m`" },
	{ &duration, "106751992d",
		"must be a duration such as 50ms, 10s, 5m, 1h or 1d, not `106751992d`" },
	{ &clock_s, "0",
		"must be a duration such as 50ms, 10s, 5m, 1h or 1d, from 10ms to 10m, not `0`" },
	{ &clock_s, "601s",
		"must be a duration such as 50ms, 10s, 5m, 1h or 1d, from 10ms to 10m, not "
		"`601s`" },
	{ &money, "0.50", "must be an amount such as `0.50 usd`, not `0.50`" },
	{ &money, "0.50usd", "must be an amount such as `0.50 usd`, not `0.50usd`" },
	{ &money, "0.50 eur", "must be an amount such as `0.50 usd`, not `0.50 eur`" },
	{ &money, "1e3 usd", "must be an amount such as `0.50 usd`, not `1e3 usd`" },
	{ &money, "1,000 usd", "must be an amount such as `0.50 usd`, not `1,000 usd`" },
	{ &money, ".5 usd", "must be an amount such as `0.50 usd`, not `.5 usd`" },
	{ &money, "5. usd", "must be an amount such as `0.50 usd`, not `5. usd`" },
	{ &money, "1.2.3 usd", "must be an amount such as `0.50 usd`, not `1.2.3 usd`" },
	{ &money, "-1 usd", "must be an amount such as `0.50 usd`, not `-1 usd`" },
	{ &money, " usd", "must be an amount such as `0.50 usd`, not ` usd`" },
	{ &money, "0.0000000000001 usd", "has 13 digits after the point; at most 12 are exact" },
	{ &money, "0.0000000000000 usd", "has 13 digits after the point; at most 12 are exact" },
	{ &money, "9223372.036854775808 usd",
		"is more than this version can count: at most 9223372 usd" },
	{ &credit, "-5.01 usd",
		"must be an amount such as `0.50 usd`, at least -5 usd, not `-5.01 usd`" },
	{ &percent, "15", "must be a percentage such as 15% or 12.5%, from 0% to 100%, not `15`" },
	{ &percent, "%", "must be a percentage such as 15% or 12.5%, from 0% to 100%, not `%`" },
	{ &percent, "100.01%",
		"must be a percentage such as 15% or 12.5%, from 0% to 100%, not `100.01%`" },
	{ &percent, "-1%",
		"must be a percentage such as 15% or 12.5%, from 0% to 100%, not `-1%`" },
	{ &percent, "0.125%", "has 3 digits after the point; at most 2 are exact" },
	{ &date, "2027-1-1",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not `2027-1-1`" },
	{ &date, "2027-02-29",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not `2027-02-29`" },
	{ &date, "2100-02-29",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not `2100-02-29`" },
	{ &date, "2027-04-31",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not `2027-04-31`" },
	{ &date, "2027-13-01",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not `2027-13-01`" },
	{ &date, "2027-00-01",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not `2027-00-01`" },
	{ &date, "1969-12-31",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not `1969-12-31`" },
	{ &date, "1970-01-01T00:00:00+00:01",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not "
		"`1970-01-01T00:00:00+00:01`" },
	{ &date, "9999-12-31T23:59:59-00:01",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not "
		"`9999-12-31T23:59:59-00:01`" },
	{ &date, "2027-01-01T00:00:00", /* whose midnight? */
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not "
		"`2027-01-01T00:00:00`" },
	{ &date, "2027-01-01T24:00:00Z",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not "
		"`2027-01-01T24:00:00Z`" },
	{ &date, "2027-01-01T00:00:00Zx",
		"must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z, not "
		"`2027-01-01T00:00:00Zx`" },
};

START_TEST(refusals_say_what_is_right)
{
	const struct refusal *r = &refusals[_i];
	struct conf_why why = { "" };
	int64_t got = 4711;

	ck_assert_msg(
		conf_type_read(r->d, str_z(r->text), &got, &why) == -1, "%s was taken", r->text);
	ck_assert_str_eq(why.text, r->why);
	ck_assert_int_eq(got, 4711);
}
END_TEST

START_TEST(bools_and_words)
{
	static const struct conf_directive flag = { .name = "x", .type = CONF_BOOL };
	static const struct conf_directive word = {
		.name = "x", .type = CONF_ENUM, .words = words
	};
	static const char *const yes[] = { "true", "on", "yes" }, *const no[] = { "false", "off",
		"no" };
	static const char *const neither[] = { "", "1", "0", "True", "YES", "y", "truee" };
	struct conf_why why;
	bool b;
	int w = 9;

	for (size_t i = 0; i < TG_ARRAY_LEN(yes); i++) {
		b = false;
		ck_assert_int_eq(conf_type_read(&flag, str_z(yes[i]), &b, &why), 0);
		ck_assert(b);
		ck_assert_int_eq(conf_type_read(&flag, str_z(no[i]), &b, &why), 0);
		ck_assert(!b);
	}
	for (size_t i = 0; i < TG_ARRAY_LEN(neither); i++)
		ck_assert_int_eq(conf_type_read(&flag, str_z(neither[i]), &b, &why), -1);
	ck_assert_int_eq(conf_type_read(&word, STR("reject"), &w, &why), 0);
	ck_assert_int_eq(w, 2);
	ck_assert_int_eq(conf_type_read(&word, STR("warm"), &w, &why), -1);
	ck_assert_str_eq(
		why.text, "must be one of ignore, warn, reject, not `warm`; did you mean `warn`?");
}
END_TEST

START_TEST(hashes_are_not_repeated)
{
	static const struct conf_directive hash = { .name = "x", .type = CONF_SHA256 };
	char text[65] = "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100";
	struct conf_why why = { "" };
	uint8_t got[32] = { 9 };

	ck_assert_int_eq(conf_type_read(&hash, str_z(text), got, &why), 0);
	ck_assert_uint_eq(got[1], 0x11);
	ck_assert_uint_eq(got[16], 0xff);
	ck_assert_int_eq(conf_type_read(&hash, STR("tg-secretsecret"), got, &why), -1);
	ck_assert_ptr_null(strstr(why.text, "secret"));
	ck_assert_ptr_nonnull(strstr(why.text, "64 hex digits"));
	text[5] = 'g';
	ck_assert_int_eq(conf_type_read(&hash, str_z(text), got, &why), -1);
	ck_assert_ptr_null(strstr(why.text, "0011"));
}
END_TEST

START_TEST(long_texts_are_shortened)
{
	struct conf_why why = { "" };
	char text[4000];
	int64_t got;

	memset(text, 'x', sizeof text);
	/* a character of two bytes over the place of the cut */
	memcpy(text + 63, "\xc3\xa9", 2);
	ck_assert_int_eq(conf_type_read(&date, str_mk(text, sizeof text), &got, &why), -1);
	ck_assert_ptr_nonnull(strstr(why.text, "xxx`"));
	ck_assert_ptr_null(strchr(why.text, '\xc3'));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, numbers_are_exact, 0, TG_ARRAY_LEN(numbers));
	tcase_add_loop_test(tc, refusals_say_what_is_right, 0, TG_ARRAY_LEN(refusals));
	tcase_add_test(tc, bools_and_words);
	tcase_add_test(tc, hashes_are_not_repeated);
	tcase_add_test(tc, long_texts_are_shortened);
}

UNIT_MAIN("conf types", tests)
