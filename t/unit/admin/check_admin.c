/*
 * The admin listener over real sockets: server and clients in one thread, the loop pumped between
 * reads.
 */
#include "unit/admin/client.h"

static int n_handled;

static void handle_live(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)q;
	(void)ctx;
	n_handled++;
	admin_reply_type(r, "text/plain");
	admin_reply_printf(r, "alive %d\n", 1);
}

static void handle_echo(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	n_handled++;
	ck_assert_ptr_eq(ctx, &n_handled);
	admin_reply_status(r, 201);
	admin_reply_field(r, STR("x-query"), q->query);
	admin_reply_field(r, STR("x-evil"), STR("a\r\nb: c"));
	admin_reply_write(r, q->body);
}

static void handle_big(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)q;
	(void)ctx;
	for (int i = 0; i < 400000; i++)
		admin_reply_printf(r, "%07d\n", i);
}

static void handle_error(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)q;
	(void)ctx;
	admin_reply_printf(r, "half an answer");
	admin_reply_error(r, 409, "busy", "say \"please\"");
}

static const struct admin_route routes[] = {
	{ "GET", "/livez", handle_live, true, false, "Whether the process runs." },
	{ "GET", "/metrics", handle_live, false, false, "Counters." },
	{ "POST", "/admin/v1/echo", handle_echo, false, false, "Says it again." },
	{ "GET", "/big", handle_big, false, false, NULL },
	{ "GET", "/error", handle_error, false, false, NULL },
};

static void start(const char *address, struct str token)
{
	client_listen(address, token, routes, TG_ARRAY_LEN(routes), &n_handled);
	n_handled = 0;
}

static void setup(void)
{
	start("127.0.0.1:0", STR("s3cret"));
}

static void setup_open(void)
{
	start("127.0.0.1:0", STR_NONE);
}

START_TEST(answers)
{
	const char *a = ask("GET /metrics?x=1 HTTP/1.1\r\n" AUTH "\r\n");

	HAS(a, "HTTP/1.1 200 OK\r\n");
	HAS(a, "content-type: text/plain\r\n");
	HAS(a, "content-length: 8\r\n");
	HAS(a, "connection: close\r\n");
	HAS(a, "\r\n\r\nalive 1\n");
}
END_TEST

START_TEST(head_has_no_body)
{
	const char *a = ask("HEAD /livez HTTP/1.1\r\n" CLOSE "\r\n");

	HAS(a, "HTTP/1.1 200 OK\r\n");
	HAS(a, "content-length: 8\r\n");
	ck_assert_msg(strcmp(a + strlen(a) - 4, "\r\n\r\n") == 0, "a body after HEAD: %s", a);
	ck_assert_int_eq(n_handled, 1);
}
END_TEST

static const struct {
	const char *request, *status, *part;
} refused[] = {
	{ "GET /metrics HTTP/1.1\r\n" CLOSE "\r\n", "401 Unauthorized",
		"www-authenticate: Bearer" },
	{ "GET /metrics HTTP/1.1\r\n" CLOSE "Authorization: Bearer s3cre\r\n\r\n", "401",
		"\"code\": \"unauthorized\"" },
	{ "GET /metrics HTTP/1.1\r\n" CLOSE "Authorization: Bearer s3cret2\r\n\r\n", "401", "" },
	{ "GET /metrics HTTP/1.1\r\n" CLOSE "Authorization: Bearer \r\n\r\n", "401", "" },
	{ "GET /metrics HTTP/1.1\r\n" CLOSE "Authorization: s3cret\r\n\r\n", "401", "" },
	{ "GET /metrics HTTP/1.1\r\n" CLOSE "Authorization: Basic s3cret\r\n\r\n", "401", "" },
	/* without a token not even what exists */
	{ "GET /nothing HTTP/1.1\r\n" CLOSE "\r\n", "401", "" },
	{ "POST /admin/v1/echo HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nhello", "401", "" },
	{ "POST /livez HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n", "401", "" },
	{ "GET /metric HTTP/1.1\r\n" AUTH "\r\n", "404 Not Found", "did you mean /metrics?" },
	{ "GET /livez/ HTTP/1.1\r\n" AUTH "\r\n", "404",
		"{\"method\": \"POST\", \"path\": \"/admin/v1/echo\", "
		"\"help\": \"Says it again.\"}" },
	{ "GET /%6civez HTTP/1.1\r\n" AUTH "\r\n", "404", "\"code\": \"not_found\"" },
	{ "POST /metrics HTTP/1.1\r\n" AUTH "Content-Length: 0\r\n\r\n", "405 Method Not Allowed",
		"allow: GET, HEAD\r\n" },
	{ "DELETE /admin/v1/echo HTTP/1.1\r\n" AUTH "\r\n", "405", "allow: POST\r\n" },
	{ "POST /admin/v1/echo HTTP/1.1\r\n" AUTH "Content-Length: 1048577\r\n\r\n", "413",
		"\"too_large\"" },
	{ "POST /admin/v1/echo HTTP/1.1\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400",
		"\"bad_request\"" },
	{ "GET /livez HTTP/1.1\r\n\r\n", "400", "Host" },
	{ "GET /livez HTTP/1.1\nHost: x\n\n", "400", "" },
	{ "GET /livez HTTP/1.1\r\nHost : x\r\n\r\n", "400", "" },
	{ "POST /livez HTTP/1.1\r\n" AUTH "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400",
		"" },
	{ "nonsense\r\n\r\n", "400", "" },
	{ "GET /error HTTP/1.1\r\n" AUTH "\r\n", "409 Conflict",
		"\r\n\r\n{\"error\": {\"status\": 409, \"code\": \"busy\", \"message\": \"say "
		"\\\"please\\\"\"}}\n" },
};

START_TEST(refuses)
{
	const char *a = ask(refused[_i].request);
	char line[64];

	snprintf(line, sizeof line, "HTTP/1.1 %s", refused[_i].status);
	ck_assert_msg(
		strncmp(a, line, strlen(line)) == 0, "not %s but:\n%s", refused[_i].status, a);
	HAS(a, refused[_i].part);
	ck_assert_int_eq(n_handled, 0);
}
END_TEST

#define ECHO_CHUNKED                                \
	"POST /admin/v1/echo?q=1 HTTP/1.1\r\n" AUTH \
	"Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n1;x=y\r\no\r\n0\r\n\r\n"
#define ECHO_LENGTH "POST /admin/v1/echo?q=1 HTTP/1.1\r\n" AUTH "Content-Length: 5\r\n\r\nhello"

static void split_once(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const char *answer = ask_split(str_mk(a, an), str_mk(b, bn));

	(void)arg;
	ck_assert_msg(strncmp(answer, "HTTP/1.1 201 Created\r\n", 22) == 0, "split at %zu: %s", an,
		answer);
	HAS(answer, "x-query: q=1\r\n");
	HAS(answer, "\r\n\r\nhello");
	ck_assert_ptr_null(strstr(answer, "x-evil"));
}

START_TEST(a_request_in_two_parts)
{
	unit_split(STR(ECHO_CHUNKED).p, strlen(ECHO_CHUNKED), split_once, NULL);
	unit_split(STR(ECHO_LENGTH).p, strlen(ECHO_LENGTH), split_once, NULL);
}
END_TEST

/* Answers in order; the one that says close is the last, whatever comes behind it. */
START_TEST(pipelined)
{
	const char *a =
		ask("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
		    "POST /admin/v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\n"
		    "Content-Length: 3\r\n\r\none"
		    "POST /admin/v1/echo HTTP/1.1\r\nHost: x\r\nAuthorization: bearer s3cret\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
		    "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
		    "GET /livez HTTP/1.1\r\n" CLOSE "\r\n"
		    "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
	const char *one = strstr(a, "\r\n\r\nalive 1\nHTTP/1.1 201"), *two, *three, *four;

	ck_assert_msg(one != NULL, "%s", a);
	two = strstr(one, "\r\n\r\noneHTTP/1.1 201");
	ck_assert_msg(two != NULL, "%s", a);
	three = strstr(two, "\r\n\r\ntwoHTTP/1.1 401");
	ck_assert_msg(three != NULL, "%s", a);
	four = strstr(three, "}}\nHTTP/1.1 200 OK");
	ck_assert_msg(four != NULL, "%s", a);
	HAS(four, "connection: close\r\n");
	ck_assert_ptr_null(strstr(four + 4, "\nHTTP/1.1"));
	ck_assert_int_eq(n_handled, 4);
}
END_TEST

START_TEST(the_largest_body_and_one_more)
{
	static const char head[] =
		"POST /admin/v1/echo HTTP/1.1\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n";
	struct outbuf q;
	const char *a;

	for (unsigned extra = 0; extra < 2; extra++) {
		outbuf_init(&q);
		outbuf_put(&q, str_z(head));
		outbuf_printf(&q, "%x\r\n", ADMIN_BODY_MAX + extra);
		memset(outbuf_room(&q, ADMIN_BODY_MAX + extra), 'x', ADMIN_BODY_MAX + extra);
		q.n += ADMIN_BODY_MAX + extra;
		outbuf_lit(&q, "\r\n0\r\n\r\n");
		a = ask_split(outbuf_text(&q), STR_NONE);
		HAS(a, extra == 0 ? "HTTP/1.1 201" : "HTTP/1.1 413");
		if (extra == 0)
			HAS(a, "content-length: 1048576\r\n");
		outbuf_fini(&q);
	}
	ck_assert_int_eq(n_handled, 1);
}
END_TEST

START_TEST(a_head_that_never_ends)
{
	struct outbuf q;

	outbuf_init(&q);
	outbuf_lit(&q, "GET /livez HTTP/1.1\r\nHost: x\r\nX: ");
	memset(outbuf_room(&q, 100000), 'a', 100000);
	q.n += 100000;
	HAS(ask_split(outbuf_text(&q), STR_NONE), "HTTP/1.1 431");
	outbuf_fini(&q);
}
END_TEST

START_TEST(a_big_answer_to_a_slow_reader)
{
	const char *a = ask("GET /big HTTP/1.1\r\n" AUTH "\r\n"), *body = strstr(a, "\r\n\r\n");

	ck_assert_ptr_nonnull(body);
	HAS(a, "content-length: 3200000\r\n");
	ck_assert_uint_eq(strlen(body + 4), 3200000);
	ck_assert_str_eq(body + 4 + 3200000 - 8, "0399999\n");
}
END_TEST

START_TEST(continue_is_said)
{
	int fd = connect_client();

	outbuf_fini(&got);
	send_all(fd, STR("POST /admin/v1/echo HTTP/1.1\r\n" AUTH
			 "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	while (got.n < 25 && read_some(fd))
		;
	UNIT_STR_EQ(outbuf_text(&got), STR("HTTP/1.1 100 Continue\r\n\r\n"));
	send_all(fd, STR("ok"));
	while (read_some(fd))
		;
	ck_assert(str_ends(outbuf_text(&got), STR("\r\n\r\nok")));
	close(fd);
}
END_TEST

#define BIG "GET /big HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\n\r\n"

static const struct {
	const char *says;
	bool leaves;
} silent[] = {
	{ "", false }, { "GET /livez HT", false }, /* half a request */
	{ "POST /admin/v1/echo HTTP/1.1\r\n" AUTH "Content-Length: 9\r\n\r\nhalf", false },
	{ BIG, false }, /* an answer nobody reads */
	{ BIG, true },
	{ "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", true }, /* kept alive, then closed */
};

START_TEST(silent_clients_are_ended)
{
	int fd;

	admin_set_timeout(admin, silent[_i].leaves ? 3600 * INT64_C(1000000) : 100000);
	fd = connect_client();
	while (admin_connections(admin) == 0)
		pump();
	send_all(fd, str_z(silent[_i].says));
	if (silent[_i].leaves)
		close(fd);
	while (admin_connections(admin) > 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	if (!silent[_i].leaves)
		close(fd);
	ck_assert_int_le(n_handled, 1);
}
END_TEST

/* More than the maximum: idle ones make room, so that a scraper always gets in; busy ones keep it
 * waiting. */
START_TEST(full)
{
	int fd[ADMIN_CONNS], busy[ADMIN_CONNS];

	for (int i = 0; i < ADMIN_CONNS; i++) {
		fd[i] = connect_client();
		pump();
	}
	while (admin_connections(admin) < ADMIN_CONNS)
		pump();
	HAS(ask("GET /livez HTTP/1.1\r\n" CLOSE "\r\n"), "200 OK");
	for (int i = 0; i < ADMIN_CONNS; i++) {
		busy[i] = connect_client();
		send_all(busy[i], STR("GET /li"));
		ck_assert_uint_le(admin_connections(admin), ADMIN_CONNS);
	}
	for (int i = 0; i < ADMIN_CONNS; i++)
		close(fd[i]);
	for (int i = 0; i < 100; i++)
		pump();
	fd[0] = connect_client();
	send_all(fd[0], STR("GET /livez HTTP/1.1\r\n" CLOSE "\r\n"));
	for (int i = 0; i < 100; i++)
		pump();
	ck_assert_int_eq(recv(fd[0], busy, 1, MSG_PEEK), -1);
	ck_assert_uint_eq(admin_connections(admin), ADMIN_CONNS);
	for (int i = 0; i < ADMIN_CONNS; i++)
		close(busy[i]);
	outbuf_fini(&got);
	while (read_some(fd[0]))
		;
	ck_assert(str_starts(outbuf_text(&got), STR("HTTP/1.1 200")));
	close(fd[0]);
}
END_TEST

static const struct {
	const char *head, *status;
} browsers[] = {
	{ "GET /metrics HTTP/1.1\r\nHost: localhost:4001\r\n", "200" },
	{ "GET /metrics HTTP/1.1\r\nHost: LOCALHOST\r\n", "200" },
	{ "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:4001\r\n", "200" },
	{ "GET /metrics HTTP/1.1\r\nHost: [::1]:4001\r\n", "200" },
	{ "GET /metrics HTTP/1.0\r\n", "200" },
	{ "GET /metrics HTTP/1.1\r\nHost: evil.example:4001\r\n", "403" },
	{ "GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\n", "403" },
	{ "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n", "403" },
	{ "GET /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n", "403" },
	{ "GET /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n", "403" },
	{ "GET /livez HTTP/1.1\r\nHost: lb.example\r\n", "200" },
};

START_TEST(without_a_token_browsers_are_refused)
{
	char request[256], want[32];

	snprintf(request, sizeof request, "%sConnection: close\r\n\r\n", browsers[_i].head);
	snprintf(want, sizeof want, "HTTP/1.1 %s", browsers[_i].status);
	HAS(ask(request), want);
}
END_TEST

START_TEST(over_a_unix_socket)
{
	char address[64];

	snprintf(address, sizeof address, "unix:/tmp/tg-admin-%ld.sock", (long)getpid());
	start(address, STR_NONE);
	HAS(ask("GET /metrics HTTP/1.1\r\n" CLOSE "\r\n"), "200 OK");
	teardown();
	unlink(address + 5);
}
END_TEST

START_TEST(an_address_of_another_machine)
{
	struct sockaddr_any want;
	char err[256] = "";

	ck_assert_int_eq(sockaddr_parse(STR("192.0.2.1:0"), &want, err, sizeof err), 0);
	ck_assert_ptr_null(admin_new(
		base, &want, STR_NONE, routes, TG_ARRAY_LEN(routes), NULL, NULL, err, sizeof err));
	HAS(err, "192.0.2.1");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admin");
	TCase *tc = tcase_create("with a token"), *open = tcase_create("without"),
	      *bare = tcase_create("bare");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tc, UNIT_TIMEOUT_S);
	tcase_set_timeout(open, UNIT_TIMEOUT_S);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_checked_fixture(open, setup_open, teardown);
	tcase_add_test(tc, answers);
	tcase_add_test(tc, head_has_no_body);
	tcase_add_loop_test(tc, refuses, 0, (int)TG_ARRAY_LEN(refused));
	tcase_add_test(tc, a_request_in_two_parts);
	tcase_add_test(tc, pipelined);
	tcase_add_test(tc, the_largest_body_and_one_more);
	tcase_add_test(tc, a_head_that_never_ends);
	tcase_add_test(tc, a_big_answer_to_a_slow_reader);
	tcase_add_test(tc, continue_is_said);
	tcase_add_loop_test(tc, silent_clients_are_ended, 0, (int)TG_ARRAY_LEN(silent));
	tcase_add_test(tc, full);
	tcase_add_test(tc, an_address_of_another_machine);
	tcase_add_loop_test(
		open, without_a_token_browsers_are_refused, 0, (int)TG_ARRAY_LEN(browsers));
	tcase_add_test(bare, over_a_unix_socket);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, open);
	suite_add_tcase(suite, bare);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
