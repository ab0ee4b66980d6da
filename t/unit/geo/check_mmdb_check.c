/*
 * check_mmdb_check.c: a sound database passes; what is wrong with a broken one is said; and of the
 * sound one each part of it, and each with a byte changed, is either refused or harmless.
 */
#include "geo/mmdb_check.h"
#include "unit/geo/mmdb_make.h"

static struct mmdb_make m;
static char err[200];

static const struct mmdb_row rows[] = {
	{ "2001:db8::/32", { COUNTRY("CH"), sizeof(COUNTRY("CH")) - 1 } },
	{ "10.0.0.0/8", { COUNTRY_EU("DE"), sizeof(COUNTRY_EU("DE")) - 1 } },
	{ "10.1.0.0/16", { COUNTRY("US"), sizeof(COUNTRY("US")) - 1 } },
};

START_TEST(sound)
{
	static const struct mmdb_row asn[] = { { "10.0.0.0/8",
		{ ASN("\x12\x34"), sizeof(ASN("\x12\x34")) - 1 } } };
	struct mmdb_facts f;

	mmdb_make(&m, rows, TG_ARRAY_LEN(rows));
	ck_assert_msg(mmdb_check(m.b, m.n, &f, err, sizeof err) == 0, "%s", err);
	ck_assert_uint_eq(f.node_count, m.nodes);
	ck_assert_uint_eq(f.record_bits, 24);
	ck_assert_uint_eq(f.ip_version, 6);
	ck_assert_uint_eq(f.build_s, 1700000000);
	ck_assert_str_eq(f.type, "Test");
	ck_assert(f.has_country && !f.has_asn);
	mmdb_make(&m, asn, 1);
	ck_assert_msg(mmdb_check(m.b, m.n, &f, err, sizeof err) == 0, "%s", err);
	ck_assert(!f.has_country && f.has_asn);
}
END_TEST

/* One value, for one network. */
#define V(t)                     \
	{                        \
		t, sizeof(t) - 1 \
	}
static const struct value_row {
	struct str value;
	const char *why; /* NULL: sound */
} values[] = {
	{ V("\x41z"), NULL },
	{ V("\xe0"), NULL },
	{ V("\x00\x04"), NULL },                 /* an empty array */
	{ V("\x02\x04\xa1\x07\xa1\x07"), NULL }, /* of two */
	{ V("\x68\0\0\0\0\0\0\0\0"), NULL },     /* a double */
	{ V("\x04\x08\0\0\0\0"), NULL },         /* a float */
	{ V("\xe1\x41z\x00\x07"), NULL },        /* a boolean */
	{ V("\xe1\x41z\x20\x05\x41z"), NULL },   /* a pointer */
	{ V("\x5d\x01"
	    "123456789012345678901234567890"),
		NULL }, /* a size of two bytes */
	{ V("\xe1\x41z\x20\x00"), "contains itself" },
	{ V("\xe1\x41z\x20\x05\x20\x03"), "a pointer leads to a pointer" },
	{ V("\xe1\x41z\x3f\xff\xff\xff\xff"), "behind the end" },
	{ V("\xe1\x41z\x28"), "a pointer is cut off" },
	{ V("\xe2\x41z\xa1\x07"), "behind the end" },
	{ V("\xff\xff\xff\xff\x41z\xa1\x07"), "behind the end" },
	{ V("\x5f\xff\xff\xff"
	    "abc"),
		"goes on behind the end" },
	{ V("\x5d"), "a size is cut off" },
	{ V("\x00"), "a type is cut off" },
	{ V("\x00\x05"), "no type" },
	{ V("\x00\x06"), "no type" },
	{ V("\x00\x09"), "no type" },
	{ V("\x00\xff"), "no type" },
	{ V("\x02\x07"), "neither 0 nor 1" },
	{ V("\xa3"
	    "123"),
		"a number has a size" },
	{ V("\xc5"
	    "12345"),
		"a number has a size" },
	{ V("\x05\x01"
	    "12345"),
		"a number has a size" },
	{ V("\x09\x02"
	    "123456789"),
		"a number has a size" },
	{ V("\x11\x03"
	    "12345678901234567"),
		"a number has a size" },
	{ V("\x67"
	    "1234567"),
		"a number has a size" },
	{ V("\x03\x08"
	    "123"),
		"a number has a size" },
	{ V("\xe1\xa1\x01\xa1\x01"), "the key of a map is no string" },
	{ V("\xe1\x42\xc3\x28\xa1\x01"), "no UTF-8" },
	{ V("\xe1\x42\xc0\x80\xa1\x01"), "no UTF-8" },
	{ V("\xe1\x43\xed\xa0\x80\xa1\x01"), "no UTF-8" },
	{ V("\xe1\x44\xf4\x90\x80\x80\xa1\x01"), "no UTF-8" },
	{ V("\xe1\x44\xf0\x9f\x98\x80\xa1\x01"), NULL },
};

START_TEST(one_value)
{
	struct mmdb_row row = { "10.0.0.0/8", values[_i].value };
	struct mmdb_facts f;
	int rc;

	mmdb_make(&m, &row, 1);
	rc = mmdb_check(m.b, m.n, &f, err, sizeof err);
	ck_assert_msg(rc == (values[_i].why == NULL ? 0 : -1), "%s", err);
	if (rc != 0)
		ck_assert_msg(strstr(err, values[_i].why) != NULL, "%s", err);
}
END_TEST

START_TEST(nested_too_deeply)
{
	char deep[200];
	struct mmdb_row row = { "10.0.0.0/8", { deep, 0 } };
	struct mmdb_facts f;

	for (unsigned n = 1; n < 60; n++) {
		memset(deep, 0, sizeof deep);
		for (unsigned i = 0; i < n; i++)
			memcpy(deep + 2 * i, "\x01\x04", 2);
		memcpy(deep + 2 * n, "\xa0", 1);
		row.value.n = 2 * n + 1;
		mmdb_make(&m, &row, 1);
		ck_assert_int_eq(mmdb_check(m.b, m.n, &f, err, sizeof err), n <= 32 ? 0 : -1);
	}
}
END_TEST

START_TEST(trees)
{
	struct mmdb_facts f;

	mmdb_make(&m, rows, TG_ARRAY_LEN(rows));
	memset(m.b, 0, 3); /* the root leads back to itself */
	ck_assert_int_eq(mmdb_check(m.b, m.n, &f, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "deeper than addresses") != NULL, "%s", err);
	mmdb_make(&m, rows, TG_ARRAY_LEN(rows));
	m.b[3] = (uint8_t)((m.nodes + 3) >> 16);
	m.b[4] = (uint8_t)((m.nodes + 3) >> 8);
	m.b[5] = (uint8_t)(m.nodes + 3);
	ck_assert_int_eq(mmdb_check(m.b, m.n, &f, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "into the gap") != NULL, "%s", err);
	memset(m.b + 3, 0xff, 3);
	ck_assert_int_eq(mmdb_check(m.b, m.n, &f, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "behind the end") != NULL, "%s", err);
}
END_TEST

/* No part of a file is a whole one, but for what stands before its last byte's meaning. */
START_TEST(parts)
{
	struct mmdb_facts f;

	mmdb_make(&m, rows, TG_ARRAY_LEN(rows));
	for (size_t n = 0; n < m.n; n++) {
		char *copy = unit_copy((const char *)m.b, n);

		ck_assert_msg(mmdb_check((const uint8_t *)copy, n, &f, err, sizeof err) == -1,
			"the first %zu of %zu", n, m.n);
		free(copy);
	}
	for (size_t n = 1; n < m.n;
		n++) { /* from the other end: within its bounds, whatever it says */
		char *copy = unit_copy((const char *)m.b + n, m.n - n);

		(void)!mmdb_check((const uint8_t *)copy, m.n - n, &f, err, sizeof err);
		free(copy);
	}
}
END_TEST

START_TEST(bytes_changed)
{
	struct mmdb_facts f;
	unsigned refused = 0;

	mmdb_make(&m, rows, TG_ARRAY_LEN(rows));
	for (size_t i = 0; i < m.n; i++)
		for (unsigned k = 0; k < 3; k++) {
			char *copy = unit_copy((const char *)m.b, m.n);

			copy[i] = (char)(k == 0 ? 0 : k == 1 ? 0xff : copy[i] ^ 0x20);
			refused += mmdb_check((const uint8_t *)copy, m.n, &f, err, sizeof err) != 0;
			free(copy);
		}
	ck_assert_uint_gt(refused, 200);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, sound);
	tcase_add_loop_test(tc, one_value, 0, TG_ARRAY_LEN(values));
	tcase_add_test(tc, nested_too_deeply);
	tcase_add_test(tc, trees);
	tcase_add_test(tc, parts);
	tcase_add_test(tc, bytes_changed);
}

UNIT_MAIN("mmdb_check", tests)
