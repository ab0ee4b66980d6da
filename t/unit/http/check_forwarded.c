/*
 * check_forwarded.c: the right-most address that is not a proxy's of ours, by both headers, over
 * several lines, past the ring's end; and what cannot be read.
 */
#include <stdio.h>

#include "proto/forwarded.h"
#include "unit/unit.h"

/* 10.0.0.0/8 and fd00::/8 are ours. */
static bool ours(const void *arg, struct ip a)
{
	(void)arg;
	return ip_is_v4(a) ? a.b[12] == 10 : a.b[0] == 0xfd;
}

static const char *client(const struct forwarded *f)
{
	static char text[IP_TEXT_LEN];
	struct ip a;

	if (!forwarded_client(f, ours, NULL, &a))
		return "";
	ip_format(a, text);
	return text;
}

START_TEST(x_forwarded_for)
{
	static const struct {
		const char *lines[3], *want;
	} rows[] = {
		{ { "192.0.2.1" }, "192.0.2.1" },
		{ { "9.9.9.9, 192.0.2.1" }, "192.0.2.1" },
		{ { "9.9.9.9", "192.0.2.1" }, "192.0.2.1" },
		{ { "9.9.9.9, 192.0.2.1", "10.0.0.1", " 10.0.0.2 ,, fd00::1" }, "192.0.2.1" },
		{ { "10.0.0.1, 10.0.0.2" }, "10.0.0.1" },
		{ { "192.0.2.1:4711, 10.0.0.1:80" }, "192.0.2.1" },
		{ { "[2001:db8::1]:4711,[fd00::2]" }, "2001:db8::1" },
		{ { "2001:db8::1" }, "2001:db8::1" },
		{ { "::ffff:192.0.2.1" }, "192.0.2.1" },
		{ { "192.0.2.1, unknown" }, "" },
		{ { "192.0.2.1, unknown, 10.0.0.1" }, "10.0.0.1" },
		{ { "192.0.2.1, ::" }, "" },
		{ { "192.0.2.1:" }, "" },
		{ { "192.0.2.1:99999" }, "" },
		{ { "192.0.2.1:-1" }, "" },
		{ { "[192.0.2.1]" }, "" },
		{ { "[2001:db8::1" }, "" },
		{ { "[2001:db8::1]x" }, "" },
		{ { "192.0.2.1 10.0.0.1" }, "" },
		{ { "\"192.0.2.1\"" }, "" },
		{ { "" }, "" },
		{ { " , ,\t," }, "" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct forwarded f = { .n = 0 };

		for (size_t k = 0; k < 3 && rows[i].lines[k] != NULL; k++)
			forwarded_add_xff(&f, str_z(rows[i].lines[k]));
		ck_assert_msg(strcmp(client(&f), rows[i].want) == 0, "row %zu: %s", i, client(&f));
	}
}
END_TEST

START_TEST(rfc7239)
{
	static const struct {
		const char *lines[2], *want; /* NULL: malformed */
	} rows[] = {
		{ { "for=192.0.2.1" }, "192.0.2.1" },
		{ { "For=192.0.2.1;proto=https;by=10.0.0.1" }, "192.0.2.1" },
		{ { "proto=https;FOR=\"192.0.2.1:4711\"" }, "192.0.2.1" },
		{ { "for=9.9.9.9, for=192.0.2.1, for=10.0.0.1" }, "192.0.2.1" },
		{ { "for=9.9.9.9,for=192.0.2.1", "for=10.0.0.1" }, "192.0.2.1" },
		{ { "for=\"[2001:db8::1]:4711\"" }, "2001:db8::1" },
		{ { "for=[2001:db8::1]:4711" }, "2001:db8::1" }, /* without its quotes */
		{ { "for=\"[2001:db8::1]\" ; proto=http , for=10.0.0.1" }, "2001:db8::1" },
		{ { "for=192.0.2.1;ext=\"a,b;for=1.1.1.1\"" }, "192.0.2.1" },
		{ { "for=192.0.2.1;ext=\"\\\", for=1.1.1.1\"" }, "192.0.2.1" },
		{ { ",, for=192.0.2.1 ,;," }, "192.0.2.1" },
		{ { "for=unknown" }, "" },
		{ { "for=192.0.2.1, for=_hidden" }, "" },
		{ { "for=192.0.2.1, proto=https" }, "" }, /* a hop that does not say */
		{ { "for=192.0.2.1, proto=https, for=10.0.0.1" }, "10.0.0.1" },
		{ { "" }, "" },
		{ { "for" }, NULL },
		{ { "for=" }, NULL },
		{ { "=192.0.2.1" }, NULL },
		{ { "for=\"192.0.2.1" }, NULL },
		{ { "for=\"192.0.2.1\\" }, NULL },
		{ { "for=\"a\"b" }, NULL },
		{ { "for=192.0.2.1 for=1.1.1.1" }, NULL },
		{ { "for=192.0.2.1;for=1.1.1.1" }, NULL },
		{ { "for=192.0.2.1/24" }, NULL },
		{ { "for =192.0.2.1" }, NULL },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct forwarded f = { .n = 0 };
		int rc = 0;

		for (size_t k = 0; k < 2 && rows[i].lines[k] != NULL; k++)
			rc |= forwarded_add_rfc7239(&f, str_z(rows[i].lines[k]));
		if (rc == 0 && rows[i].want != NULL)
			ck_assert_msg(strcmp(client(&f), rows[i].want) == 0, "row %zu: %s", i,
				client(&f));
		ck_assert_msg((rc != 0) == (rows[i].want == NULL), "row %zu", i);
	}
}
END_TEST

/* Of a row of proxies longer than any there is, the last ones count. */
START_TEST(many)
{
	struct forwarded f = { .n = 0 };
	char text[16 * 100];
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof text, "192.0.2.1");
	for (int i = 1; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, ",10.0.0.%d", i);
	forwarded_add_xff(&f, str_mk(text, n));
	ck_assert_uint_eq(f.n, 100);
	ck_assert_str_eq(client(&f), "10.0.0.68");
	forwarded_add_xff(&f, STR("192.0.2.2, 10.0.0.1"));
	ck_assert_str_eq(client(&f), "192.0.2.2");
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, x_forwarded_for);
	tcase_add_test(tc, rfc7239);
	tcase_add_test(tc, many);
}

UNIT_MAIN("forwarded", tests)
