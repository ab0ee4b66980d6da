/* check_ip.c: addresses in every spelling that is one, and in some that are none; networks. */
#include "base/ip.h"
#include "unit/unit.h"

START_TEST(parsed_and_written)
{
	static const struct {
		const char *text, *back; /* NULL: refused */
	} rows[] = { { "192.0.2.1", "192.0.2.1" }, { "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" }, { "2001:db8::1", "2001:db8::1" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" }, { "::1", "::1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" }, { "::ffff:c000:201", "192.0.2.1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "", NULL }, { "1.2.3", NULL }, { "1.2.3.4.5", NULL }, { "01.2.3.4", NULL },
		{ "1.2.3.256", NULL }, { "1.2.3.4 ", NULL }, { " 1.2.3.4", NULL },
		{ "1.2.3.4:80", NULL }, { "[::1]", NULL }, { "fe80::1%eth0", NULL },
		{ "1::2::3", NULL }, { "12345::", NULL }, { "localhost", NULL }, { "0x7f.1", NULL },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", NULL } };
	char out[IP_TEXT_LEN];
	struct ip a;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		if (rows[i].back == NULL) {
			ck_assert_msg(ip_parse(str_z(rows[i].text), &a) == -1, "%s", rows[i].text);
			continue;
		}
		ck_assert_msg(ip_parse(str_z(rows[i].text), &a) == 0, "%s", rows[i].text);
		ck_assert_uint_eq(ip_format(a, out), strlen(rows[i].back));
		ck_assert_str_eq(out, rows[i].back);
		ck_assert_int_eq(ip_is_v4(a), strchr(rows[i].back, ':') == NULL);
	}
	ck_assert_int_eq(ip_parse(str_mk("1.2.3.4\0x", 9), &a), -1);
}
END_TEST

START_TEST(unset)
{
	struct ip a, none = { { 0 } };

	ck_assert(!ip_is_set(none));
	ck_assert_int_eq(ip_parse(STR("0.0.0.0"), &a), 0);
	ck_assert(ip_is_set(a) && !ip_eq(a, none));
}
END_TEST

START_TEST(networks)
{
	static const struct {
		const char *net, *addr;
		bool in;
	} rows[] = { { "10.0.0.0/8", "10.255.0.1", true }, { "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "::ffff:10.1.1.1", true }, { "10.64.0.0/10", "10.127.0.1", true },
		{ "10.64.0.0/10", "10.128.0.1", false }, { "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false }, { "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false }, { "::/0", "2001:db8::1", true },
		{ "::/0", "203.0.113.9", false }, { "::ffff:10.0.0.0/104", "10.2.3.4", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::/33", "2001:db8:7fff::", true },
		{ "2001:db8::/33", "2001:db8:8000::", false }, { "::1", "::1", true },
		{ "fe80::/10", "febf::1", true }, { "fe80::/10", "fec0::1", false } };
	const char *why = NULL;
	struct ip_net n;
	struct ip a;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		ck_assert_msg(ip_net_parse(str_z(rows[i].net), &n, &why) == 0, "%s", rows[i].net);
		ck_assert_int_eq(ip_parse(str_z(rows[i].addr), &a), 0);
		ck_assert_msg(
			ip_net_has(&n, a) == rows[i].in, "%s in %s", rows[i].addr, rows[i].net);
	}
}
END_TEST

START_TEST(networks_refused)
{
	static const struct {
		const char *net, *why;
	} rows[] = { { "10.0.0.0/33", "0 to 32" }, { "::/129", "0 to 128" },
		{ "10.0.0.0/", "0 to 32" }, { "10.0.0.0/-1", "0 to 32" },
		{ "10.0.0.1/8", "behind its length" }, { "2001:db8::1/64", "behind its length" },
		{ "lan", "no network" }, { "", "no network" }, { "/8", "no network" } };
	struct ip_net n;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		const char *why = "";

		ck_assert_msg(ip_net_parse(str_z(rows[i].net), &n, &why) == -1, "%s", rows[i].net);
		ck_assert_msg(strstr(why, rows[i].why) != NULL, "%s: %s", rows[i].net, why);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, parsed_and_written);
	tcase_add_test(tc, unset);
	tcase_add_test(tc, networks);
	tcase_add_test(tc, networks_refused);
}

UNIT_MAIN("ip", tests)
