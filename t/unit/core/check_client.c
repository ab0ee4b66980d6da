/*
 * check_client.c: whose address a request is held to, by who connected and what was written down;
 * and how many of its requests are at work.
 */
#include <arpa/inet.h>

#include "unit/core/fake.h"

#include "core/client.h"

static struct fake f;

static const char yaml[] = "listen: 127.0.0.1:0\n"
			   "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
			   "models: { m: { targets: a } }\n"
			   "limits: { connections_per_address: 2 }\n"
			   "trusted_proxies: [ 10.0.0.0/8, 'fd00::/8', unix ]\n"
			   "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n";
static const char rfc_yaml[] = "listen: 127.0.0.1:0\n"
			       "trusted_proxies: 10.0.0.0/8\n"
			       "client_header: forwarded\n";

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

/* Connected from there; "": a unix socket. Its other end is closed by the test's end. */
static struct conn *conn_from(const char *addr)
{
	struct sockaddr_any peer;
	int fd[2];

	memset(&peer, 0, sizeof peer);
	peer.u.sa.sa_family = addr[0] == '\0'             ? AF_UNIX
			      : strchr(addr, ':') != NULL ? AF_INET6
							  : AF_INET;
	if (peer.u.sa.sa_family != AF_UNIX)
		ck_assert_int_eq(
			inet_pton(peer.u.sa.sa_family, addr,
				peer.u.sa.sa_family == AF_INET ? (void *)&peer.u.in.sin_addr
							       : (void *)&peer.u.in6.sin6_addr),
			1);
	if (f.client >= 0)
		close(f.client);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	conn_open(&f.w, fd[0], &peer, NULL, false);
	f.client = fd[1];
	return list_entry(f.w.conns.prev, struct conn, node);
}

static struct req *request(const char *peer, const char *fields)
{
	char head[512];

	snprintf(head, sizeof head, "GET /v1/models HTTP/1.1\r\nhost: gw\r\n%s\r\n", fields);
	return fake_req(&f, conn_from(peer), head);
}

#define XFF "x-forwarded-for: "

START_TEST(whose)
{
	static const struct {
		const char *peer, *fields, *want;
	} rows[] = {
		{ "192.0.2.1", "", "192.0.2.1" },
		{ "192.0.2.1", XFF "203.0.113.5\r\n", "192.0.2.1" },
		{ "10.0.0.1", "", "10.0.0.1" },
		{ "10.0.0.1", XFF "203.0.113.5\r\n", "203.0.113.5" },
		{ "10.0.0.1", XFF "9.9.9.9, 203.0.113.5, 10.0.0.2\r\n", "203.0.113.5" },
		{ "10.0.0.1", XFF "203.0.113.5\r\nX-Forwarded-For: 203.0.113.6\r\n",
			"203.0.113.6" },
		{ "10.0.0.1", "forwarded: for=203.0.113.5\r\n", "10.0.0.1" },
		{ "10.0.0.1", XFF "nonsense\r\n", "10.0.0.1" },
		{ "fd00::1", XFF "2001:db8::5\r\n", "2001:db8::5" },
		{ "2001:db8::9", XFF "2001:db8::5\r\n", "2001:db8::9" },
		{ "::ffff:10.0.0.1", XFF "203.0.113.5\r\n", "203.0.113.5" },
		{ "", "", "unix" },
		{ "", XFF "203.0.113.5\r\n", "203.0.113.5" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct req *r = request(rows[i].peer, rows[i].fields);
		char text[IP_TEXT_LEN];

		ck_assert_int_eq((int)client_enter(r), (int)TG_E_NONE);
		ck_assert_msg(strcmp(r->client_text, rows[i].want) == 0, "row %zu: %s", i,
			r->client_text);
		ip_format(r->client, text);
		ck_assert(!ip_is_set(r->client) || strcmp(text, rows[i].want) == 0);
		fake_drop(&f);
	}
}
END_TEST

/* Two at a time of one client; those of the proxy itself are not counted. */
START_TEST(counted)
{
	struct req *one = request("10.0.0.1", XFF "203.0.113.5\r\n");
	struct req *two = request("10.0.0.1", XFF "203.0.113.5\r\n");
	struct req *three = request("10.0.0.2", XFF "203.0.113.5\r\n");
	struct req *other = request("10.0.0.1", XFF "203.0.113.6\r\n");

	ck_assert_int_eq((int)client_enter(one), (int)TG_E_NONE);
	ck_assert_int_eq((int)client_enter(two), (int)TG_E_NONE);
	ck_assert_int_eq((int)client_enter(three), (int)TG_E_TOO_MANY_CONNECTIONS);
	ck_assert_int_eq((int)client_enter(other), (int)TG_E_NONE);
	client_leave(three);
	client_leave(two);
	client_leave(two); /* once */
	ck_assert_int_eq((int)client_enter(three), (int)TG_E_NONE);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq((int)client_enter(request("10.0.0.1", "")), (int)TG_E_NONE);
	fake_drop(&f);
	/* all were settled */
	ck_assert_uint_eq(conn_addr_count_more(conn_addr_hash(STR("203.0.113.5")), 0), 0);
	ck_assert_uint_eq(conn_addr_count_more(conn_addr_hash(STR("203.0.113.6")), 0), 0);
}
END_TEST

START_TEST(by_forwarded)
{
	struct req *r;

	fake_fini(&f);
	fake_init(&f, rfc_yaml);
	r = request(
		"10.0.0.1", "forwarded: for=9.9.9.9, for=\"203.0.113.5:80\"\r\n" XFF "8.8.8.8\r\n");
	ck_assert_int_eq((int)client_enter(r), (int)TG_E_NONE);
	ck_assert_str_eq(r->client_text, "203.0.113.5");
	ck_assert_uint_eq(r->client_hash, 0); /* there is no limit */
	r = request("10.0.0.1", "forwarded: for=\"9.9.9.9, for=203.0.113.5\r\n");
	ck_assert_int_eq((int)client_enter(r), (int)TG_E_BAD_REQUEST);
	fake_drop(&f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, whose);
	tcase_add_test(tc, counted);
	tcase_add_test(tc, by_forwarded);
}

UNIT_MAIN("client", tests)
