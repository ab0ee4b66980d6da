/*
 * check_proxy_head.c: PROXY headers of both versions, byte by byte: what is one, how long it is and
 * whom it names; what never becomes one is refused as soon as that is known; nothing behind it
 * counts.
 */
#include "proto/proxy_head.h"
#include "unit/unit.h"

#define SIG     "\r\n\r\n\0\r\nQUIT\n"
#define A4      "\xcb\0\x71\x05\x7f\0\0\1\x12\x34\x01\xbb"
#define A6      "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2"
#define MAPPED6 "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2"
#define ZERO6   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2"
#define TEXT(t)                  \
	{                        \
		t, sizeof(t) - 1 \
	}
#define V1(rest) TEXT("PROXY " rest)

static const struct good {
	struct str bytes;
	enum proxy_kind kind;
	const char *client;
} goods[] = {
	{ V1("TCP4 203.0.113.5 127.0.0.1 56324 443\r\n"), PROXY_IP, "203.0.113.5" },
	{ V1("TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), PROXY_IP, "255.255.255.255" },
	{ V1("TCP4 1.1.1.1 2.2.2.2 0 0\r\n"), PROXY_IP, "1.1.1.1" },
	{ V1("TCP6 2001:db8::1 ::1 1 2\r\n"), PROXY_IP, "2001:db8::1" },
	{ V1("TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	     "65535 65535\r\n"),
		PROXY_IP, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ V1("TCP6 ::ffff:203.0.113.5 ::1 1 2\r\n"), PROXY_IP, "203.0.113.5" },
	{ V1("UNKNOWN\r\n"), PROXY_OWN, NULL },
	{ V1("UNKNOWN whatever it says\r\n"), PROXY_OWN, NULL },
	{ TEXT(SIG "\x21\x11\0\x0c" A4), PROXY_IP, "203.0.113.5" },
	{ TEXT(SIG "\x21\x21\0\x24" A6), PROXY_IP, "2001:db8::1" },
	{ TEXT(SIG "\x21\x21\0\x24" MAPPED6), PROXY_IP, "203.0.113.5" },
	{ TEXT(SIG "\x21\x11\0\x11" A4 "\x01\0\x02h2"), PROXY_IP, "203.0.113.5" },
	{ TEXT(SIG "\x21\x11\0\x14" A4 "\x04\0\x00\x01\0\x02h2"), PROXY_IP, "203.0.113.5" },
	{ TEXT(SIG "\x20\0\0\0"), PROXY_OWN, NULL },
	{ TEXT(SIG "\x20\x11\0\x0c" A4), PROXY_OWN, NULL },
	{ TEXT(SIG "\x20\xff\0\x02zz"), PROXY_OWN, NULL },
	{ TEXT(SIG "\x21\0\0\0"), PROXY_OWN, NULL },
	{ TEXT(SIG "\x21\0\0\x03\1\2\3"), PROXY_OWN, NULL },
};

static char *exactly(struct str bytes, size_t n)
{
	return unit_copy(bytes.p, n);
}

START_TEST(whole)
{
	const struct good *g = &goods[_i];
	struct proxy_head head;
	char text[IP_TEXT_LEN], *bytes;
	const char *why = NULL;

	/* every beginning asks for more */
	for (size_t n = 0; n < g->bytes.n; n++) {
		bytes = exactly(g->bytes, n);
		ck_assert_msg(proxy_head_parse(str_mk(bytes, n), &head, &why) == 0, "%zu bytes: %s",
			n, why);
		free(bytes);
	}
	/* and what follows the whole is not looked at */
	bytes = malloc(g->bytes.n + 20);
	memcpy(bytes, g->bytes.p, g->bytes.n);
	memset(bytes + g->bytes.n, '\r', 20);
	for (size_t more = 0; more <= 20; more++) {
		ck_assert_int_eq(proxy_head_parse(str_mk(bytes, g->bytes.n + more), &head, &why),
			(long)g->bytes.n);
		ck_assert_int_eq((int)head.kind, (int)g->kind);
		if (g->client != NULL) {
			ip_format(head.client, text);
			ck_assert_str_eq(text, g->client);
		}
	}
	free(bytes);
}
END_TEST

static const struct bad {
	struct str bytes;
	const char *why;
} bads[] = {
	{ TEXT("G"), "is missing" },
	{ TEXT("\x16\x03"), "is missing" },
	{ TEXT("PROX "), "is missing" },
	{ TEXT("\r\n\r\nGET"), "is missing" },
	{ TEXT("proxy TCP4"), "is missing" },
	{ V1("TCP4 1.1.1.1 2.2.2.2 1\r\n"), "two addresses" },
	{ V1("TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n"), "two addresses" },
	{ V1("TCP4 1.1.1.1 2.2.2.2 1 2 \r\n"), "two addresses" },
	{ V1("TCP4  1.1.1.1 2.2.2.2 1 2\r\n"), "two addresses" },
	{ V1("TCP5 1.1.1.1 2.2.2.2 1 2\r\n"), "two addresses" },
	{ V1("UNKNOWNS\r\n"), "two addresses" },
	{ V1("\r\n"), "two addresses" },
	{ V1("TCP4 1.1.1.01 2.2.2.2 1 2\r\n"), "none of its family" },
	{ V1("TCP4 1.1.1.1 ::1 1 2\r\n"), "none of its family" },
	{ V1("TCP4 ::ffff:1.1.1.1 ::1 1 2\r\n"), "none of its family" },
	{ V1("TCP6 1.1.1.1 2.2.2.2 1 2\r\n"), "none of its family" },
	{ V1("TCP6 fe80::1%eth0 ::1 1 2\r\n"), "none of its family" },
	{ V1("TCP6 :: ::1 1 2\r\n"), "names ::" },
	{ V1("TCP4 1.1.1.1 2.2.2.2 01 2\r\n"), "port" },
	{ V1("TCP4 1.1.1.1 2.2.2.2 1 65536\r\n"), "port" },
	{ V1("TCP4 1.1.1.1 2.2.2.2 -1 2\r\n"), "port" },
	{ V1("UNKNOWN\n"), "printable" },
	{ V1("UNKNOWN\rX"), "printable" },
	{ V1("UNKNOWN\t\r\n"), "printable" },
	{ V1("UNKNOWN\0\r\n"), "printable" },
	{ V1("UNKNOWN "
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	     "aaaaaaaa"),
		"no end within 107" },
	{ TEXT(SIG "\x11\x11\0\x0c"), "version or command" },
	{ TEXT(SIG "\x22\x11\0\x0c"), "version or command" },
	{ TEXT(SIG "\x21\x11\x07\xf1"), "longer than 2048" },
	{ TEXT(SIG "\x20\x11\xff\xff"), "longer than 2048" },
	{ TEXT(SIG "\x21\x12\0\x0c" A4), "no stream" },
	{ TEXT(SIG "\x21\x41\0\x0c" A4), "no stream" },
	{ TEXT(SIG "\x21\x01\0\x0c" A4), "no stream" },
	{ TEXT(SIG "\x21\x11\0\x0b" A4), "too short" },
	{ TEXT(SIG "\x21\x21\0\x0c" A4), "too short" },
	{ TEXT(SIG "\x21\x31\0\x0c" A4), "too short" },
	{ TEXT(SIG "\x21\x11\0\x0d" A4 "\x01"), "triples" },
	{ TEXT(SIG "\x21\x11\0\x0f" A4 "\x01\0\x01"), "triples" },
	{ TEXT(SIG "\x21\x11\0\x11" A4 "\x01\0\x01h2"), "triples" },
	{ TEXT(SIG "\x21\x21\0\x24" ZERO6), "names ::" },
};

START_TEST(refused)
{
	const struct bad *b = &bads[_i];
	struct proxy_head head;
	const char *why = "";
	char *bytes = exactly(b->bytes, b->bytes.n);

	ck_assert_int_eq(proxy_head_parse(str_mk(bytes, b->bytes.n), &head, &why), -1);
	ck_assert_msg(strstr(why, b->why) != NULL, "%s", why);
	free(bytes);
}
END_TEST

START_TEST(the_longest)
{
	static char b[PROXY_HEAD_MAX];
	struct proxy_head head;
	const char *why;

	memcpy(b, SIG "\x21\x11\x07\xf0" A4, 28);
	b[28] = 4; /* NOOP: all the rest */
	b[29] = (char)((sizeof b - 31) >> 8);
	b[30] = (char)((sizeof b - 31) & 0xff);
	ck_assert_int_eq(proxy_head_parse(str_mk(b, sizeof b - 1), &head, &why), 0);
	ck_assert_int_eq(proxy_head_parse(str_mk(b, sizeof b), &head, &why), PROXY_HEAD_MAX);
	/* a unix socket's two paths */
	memset(b, 0, sizeof b);
	memcpy(b, SIG "\x21\x31\0\xd8", 16);
	ck_assert_int_eq(proxy_head_parse(str_mk(b, 16 + 216), &head, &why), 16 + 216);
	ck_assert_int_eq((int)head.kind, (int)PROXY_UNIX);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, whole, 0, TG_ARRAY_LEN(goods));
	tcase_add_loop_test(tc, refused, 0, TG_ARRAY_LEN(bads));
	tcase_add_test(tc, the_longest);
}

UNIT_MAIN("proxy_head", tests)
