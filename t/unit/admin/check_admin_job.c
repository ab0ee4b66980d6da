/*
 * check_admin_job.c: slow handlers: on a thread of their own while the listener goes on, and
 * answered in their place; whatever becomes of the client or the listener meanwhile. A handler
 * works until the test lets it.
 */
#include "unit/admin/client.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "admin/admin_int.h"

static sem_t go;             /* once for each handler that may end */
static _Atomic int n_inside; /* handlers that have begun */
static _Atomic int n_live;
static pthread_t control;

static void handle_live(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)q;
	(void)ctx;
	ck_assert(pthread_equal(pthread_self(), control));
	n_live++;
	admin_reply_write(r, STR("live\n"));
}

/* What it was told, and that it was told so on another thread that no signal disturbs. */
static void handle_slow(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	atomic_fetch_add(&n_inside, 1);
	while (sem_wait(&go) != 0)
		;
	admin_reply_status(r, 202);
	admin_reply_type(r, "text/plain");
	admin_reply_field(r, STR("x-own"), STR("yes"));
	admin_reply_printf(r, "%.*s %.*s?%.*s %d%d%d%d\n", STR_FMT(q->method), STR_FMT(q->path),
		STR_FMT(q->query), pthread_equal(pthread_self(), control) == 0, q->head == NULL,
		ctx == &go, sigismember(&blocked, SIGTERM));
	admin_reply_write(r, q->body);
}

static void handle_error(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)q;
	(void)ctx;
	admin_reply_write(r, STR("half an answer"));
	admin_reply_error(r, 409, "busy", "say \"please\"");
}

static void handle_big(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)q;
	(void)ctx;
	for (int i = 0; i < 200000; i++)
		admin_reply_printf(r, "%07d\n", i);
}

static const struct admin_route routes[] = {
	{ "GET", "/live", handle_live, true, false, NULL },
	{ "GET", "/slow", handle_slow, false, true, NULL },
	{ "POST", "/slow", handle_slow, false, true, NULL },
	{ "GET", "/error", handle_error, false, true, NULL },
	{ "GET", "/big", handle_big, false, true, NULL },
};

static void setup(void)
{
	ck_assert_int_eq(sem_init(&go, 0, 0), 0);
	n_inside = n_live = 0;
	control = pthread_self();
	client_listen("127.0.0.1:0", STR("s3cret"), routes, TG_ARRAY_LEN(routes), &go);
}

#define KEEP        "Host: x\r\nAuthorization: Bearer s3cret\r\n"
#define GET(fields) "GET /slow?a=1&b=%20 HTTP/1.1\r\n" fields "\r\n"
#define LIVE        "GET /live HTTP/1.1\r\n" CLOSE "\r\n"

static int begin(const char *request)
{
	int fd = connect_client();

	send_all(fd, str_z(request));
	return fd;
}

/* Until so many handlers have begun. */
static void wait_inside(int n)
{
	while (atomic_load(&n_inside) < n)
		pump();
}

static void let(int n)
{
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(sem_post(&go), 0);
}

/* All that the server says until it closes. */
static const char *rest(int fd)
{
	outbuf_fini(&got);
	while (read_some(fd))
		;
	close(fd);
	outbuf_lit(&got, "\0");
	return got.p;
}

START_TEST(beside_others)
{
	int fd = begin(GET(AUTH));
	const char *a;

	wait_inside(1);
	for (int i = 0; i < 3; i++)
		HAS(ask(LIVE), "200 OK");
	ck_assert_int_eq(n_live, 3);
	outbuf_fini(&got);
	ck_assert(read_some(fd));
	ck_assert_uint_eq(got.n, 0);
	let(1);
	a = rest(fd);
	HAS(a, "HTTP/1.1 202 Accepted\r\n");
	HAS(a, "content-type: text/plain\r\n");
	HAS(a, "x-own: yes\r\n");
	HAS(a, "connection: close\r\n");
	HAS(a, "\r\n\r\nGET /slow?a=1&b=%20 1111\n");
	ck_assert_int_eq(atomic_load(&n_inside), 1);
}
END_TEST

START_TEST(head_has_no_body)
{
	const char *a;

	let(1);
	a = ask("HEAD /slow HTTP/1.1\r\n" AUTH "\r\n");
	HAS(a, "HTTP/1.1 202 Accepted\r\n");
	HAS(a, "content-length: 16\r\n");
	ck_assert_msg(strcmp(a + strlen(a) - 4, "\r\n\r\n") == 0, "a body after HEAD: %s", a);
	ck_assert_int_eq(atomic_load(&n_inside), 1);
}
END_TEST

/* The body outlives the connection's buffers, whatever its framing. */
static void split_once(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	(void)arg;
	let(1);
	HAS(ask_split(str_mk(a, an), str_mk(b, bn)), "\r\n\r\nPOST /slow?q 1111\nhello");
}

START_TEST(a_body)
{
	static const char chunked[] = "POST /slow?q HTTP/1.1\r\n" AUTH
				      "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n"
				      "0\r\n\r\n";

	unit_split(chunked, strlen(chunked), split_once, NULL);
}
END_TEST

START_TEST(the_largest_body)
{
	struct outbuf q;
	const char *a;

	outbuf_init(&q);
	outbuf_printf(
		&q, "POST /slow HTTP/1.1\r\n" AUTH "Content-Length: %u\r\n\r\n", ADMIN_BODY_MAX);
	memset(outbuf_room(&q, ADMIN_BODY_MAX), 'x', ADMIN_BODY_MAX);
	q.n += ADMIN_BODY_MAX;
	let(1);
	a = ask_split(outbuf_text(&q), STR_NONE);
	HAS(a, "HTTP/1.1 202");
	a = strstr(a, "1111\n");
	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(strspn(a + 5, "x"), ADMIN_BODY_MAX);
	outbuf_fini(&q);
}
END_TEST

START_TEST(errors_and_big_answers)
{
	const char *a = ask("GET /error HTTP/1.1\r\n" AUTH "\r\n");

	HAS(a, "HTTP/1.1 409 Conflict\r\n");
	HAS(a, "content-type: application/json\r\n");
	HAS(a, "\r\n\r\n{\"error\": {\"status\": 409, \"code\": \"busy\", \"message\": "
	       "\"say \\\"please\\\"\"}}\n");
	a = ask("GET /big HTTP/1.1\r\n" AUTH "\r\n");
	HAS(a, "content-length: 1600000\r\n");
	ck_assert_uint_eq(strlen(strstr(a, "\r\n\r\n") + 4), 1600000);
}
END_TEST

static const struct {
	const char *request, *status;
} refused[] = {
	{ "GET /slow HTTP/1.1\r\n" CLOSE "\r\n", "401" },
	{ "DELETE /slow HTTP/1.1\r\n" AUTH "\r\n", "405" },
	{ "GET /slowly HTTP/1.1\r\n" AUTH "\r\n", "404" },
	{ "POST /slow HTTP/1.1\r\n" AUTH "Content-Length: 1048577\r\n\r\n", "413" },
};

START_TEST(refused_before_any_thread)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(refused); i++)
		ck_assert_msg(strncmp(ask(refused[i].request) + 9, refused[i].status, 3) == 0,
			"%s: %s", refused[i].request, got.p);
	ck_assert_int_eq(atomic_load(&n_inside), 0);
}
END_TEST

/* Kept alive: what comes behind a slow request waits for its answer. */
START_TEST(in_order)
{
	int fd = begin(
		GET(KEEP) "GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
			  "POST /slow?two HTTP/1.1\r\n" KEEP "Content-Length: 3\r\n\r\nabc" LIVE
			  "GET /live HTTP/1.1\r\nHost: x\r\n\r\n");
	const char *a, *next;

	wait_inside(1);
	for (int i = 0; i < 20; i++)
		pump();
	ck_assert_int_eq(n_live, 0);
	let(1);
	wait_inside(2);
	ck_assert_int_eq(n_live, 1);
	let(1);
	a = rest(fd);
	next = strstr(a, "\r\n\r\nGET /slow?a=1&b=%20 1111\nHTTP/1.1 200");
	ck_assert_msg(next != NULL, "%s", a);
	next = strstr(next, "\r\n\r\nlive\nHTTP/1.1 202");
	ck_assert_msg(next != NULL, "%s", a);
	next = strstr(next, "\r\n\r\nPOST /slow?two 1111\nabcHTTP/1.1 200");
	ck_assert_msg(next != NULL, "%s", a);
	ck_assert_int_eq(n_live, 2); /* the one behind `close` is none */
}
END_TEST

/* More than there may be: said so at once, and later there is room again. */
START_TEST(too_many)
{
	int fd[ADMIN_JOBS + 1];
	const char *a;

	for (int i = 0; i < ADMIN_JOBS; i++)
		fd[i] = begin(GET(AUTH));
	wait_inside(ADMIN_JOBS);
	a = ask(GET(KEEP));
	HAS(a, "HTTP/1.1 503 Service Unavailable\r\n");
	HAS(a, "\"code\": \"busy\"");
	HAS(a, "connection: close\r\n");
	HAS(ask(LIVE), "200 OK");
	let(1);
	while (admin->n_jobs == ADMIN_JOBS)
		pump();
	fd[ADMIN_JOBS] = begin(GET(AUTH));
	wait_inside(ADMIN_JOBS + 1);
	let(ADMIN_JOBS);
	for (int i = 0; i <= ADMIN_JOBS; i++)
		HAS(rest(fd[i]), "HTTP/1.1 202");
	ck_assert_int_eq(atomic_load(&n_inside), ADMIN_JOBS + 1);
	ck_assert_uint_eq(admin->n_jobs, 0);
}
END_TEST

/* The client closes before its answer, or its time is over: the handler works to its end, and
 * nobody is told. */
START_TEST(nobody_waits_any_more)
{
	int fd = begin(GET(KEEP));
	struct admin_conn *c;

	wait_inside(1);
	c = list_entry(admin->conns.next, struct admin_conn, node);
	ck_assert_int_eq((int)c->state, ADMIN_WORK);
	ck_assert(timer_armed(&c->timer));
	if (_i == 0) {
		close(fd);
	} else {
		timer_disarm(&admin->wheel, &c->timer);
		c->timer.on_fire(&c->timer);
		ck_assert_uint_eq(admin_connections(admin), 0);
	}
	for (int i = 0; i < 20; i++)
		pump();
	ck_assert_uint_eq(admin->n_jobs, 1);
	HAS(ask(LIVE), "200 OK");
	let(1);
	while (admin->n_jobs > 0 || admin_connections(admin) > 0)
		pump();
	if (_i == 1)
		ck_assert_uint_eq(strlen(rest(fd)), 0);
	let(1);
	HAS(ask(GET(AUTH)), "HTTP/1.1 202");
}
END_TEST

/* The listener goes while handlers work: connections are closed first, then it waits. */
static void *let_when_closed(void *arg)
{
	int fd = *(int *)arg;
	char byte;

	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	ck_assert_int_eq(read(fd, &byte, 1), 0);
	let(2);
	return NULL;
}

START_TEST(the_listener_goes)
{
	int fd[2] = { begin(GET(KEEP)), begin(GET(KEEP)) };
	pthread_t t;

	wait_inside(2);
	ck_assert_int_eq(pthread_create(&t, NULL, let_when_closed, &fd[0]), 0);
	admin_free(admin);
	admin = NULL;
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	close(fd[0]);
	close(fd[1]);
	ck_assert_int_eq(sem_trywait(&go), -1); /* both have ended */
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, beside_others);
	tcase_add_test(tc, head_has_no_body);
	tcase_add_test(tc, a_body);
	tcase_add_test(tc, the_largest_body);
	tcase_add_test(tc, errors_and_big_answers);
	tcase_add_test(tc, refused_before_any_thread);
	tcase_add_test(tc, in_order);
	tcase_add_test(tc, too_many);
	tcase_add_loop_test(tc, nobody_waits_any_more, 0, 2);
	tcase_add_test(tc, the_listener_goes);
}

UNIT_MAIN("admin_job", tests)
