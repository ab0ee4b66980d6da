/*
 * check_worker.c: a worker's turn and what reaches it from the control thread: one look at the
 * clock, turns for long pipelines, listeners that come, pause and go, a configuration that lives as
 * long as its last request, the drain and its deadline; and all of it once on a thread of its own.
 */
#include "unit/core/fake.h"

#include <sys/resource.h>

#define A                                                                                     \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\nmodels: { m: { " \
	"targets: a } }\n"
#define GET    "GET / HTTP/1.1\r\nhost: gw\r\n\r\n"
#define SECOND 1000000LL

static struct fake f;
static char err[256];

static void setup(void)
{
	fake_init(&f, "listen: 127.0.0.1:0\nlimits: { memory: 640m }\nlog: { access: stdout }\n" A);
}

static void teardown(void)
{
	fake_fini(&f);
}

static struct tg_conf *plan(const char *yaml)
{
	struct conf_error why = { { 0 } };
	struct tg_conf *c = fake_plan(f.resolver, yaml, 2, &why);

	ck_assert_msg(c != NULL, "%s", why.text);
	return c;
}

static uint64_t count(const struct worker *w, enum worker_counter n)
{
	return stat_get(&w->stats.c[n]);
}

/* One round of the poller, one end of the turn. */
static void turn(void)
{
	event_base_loop(f.w.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	worker_turn_end(&f.w);
}

/* ---- the turn */

START_TEST(one_look_at_the_clock)
{
	mono_us first = worker_now(&f.w);

	usleep(2000);
	ck_assert_int_eq(worker_now(&f.w).us, first.us);
	ck_assert_int_eq(f.w.wheel.now.us, first.us);
	fake_turn(&f);
	ck_assert_int_gt(worker_now(&f.w).us, first.us);
	ck_assert_int_eq(f.w.wheel.now.us, f.w.now.us);
}
END_TEST

START_TEST(date)
{
	worker_now(&f.w);
	f.w.wall.us = 784111777 * SECOND;
	UNIT_STR_EQ(worker_date(&f.w), STR("Sun, 06 Nov 1994 08:49:37 GMT"));
	f.w.wall.us += 999999;
	UNIT_STR_EQ(worker_date(&f.w), STR("Sun, 06 Nov 1994 08:49:37 GMT"));
	f.w.wall.us += 1;
	UNIT_STR_EQ(worker_date(&f.w), STR("Sun, 06 Nov 1994 08:49:38 GMT"));
}
END_TEST

/* A thousand pipelined requests do not stop the others: AGAIN_PER_TURN a turn. */
START_TEST(pipelines_take_turns)
{
	enum { CONNS = AGAIN_PER_TURN + 6 };
	int fd[CONNS];
	uint64_t done;

	for (int i = 0; i < CONNS; i++) {
		fake_conn(&f);
		fd[i] = f.client;
		f.client = -1;
		ck_assert_int_eq(write(fd[i], GET GET GET, 3 * strlen(GET)), 3 * strlen(GET));
	}
	done = f.w.id_seq;
	do
		event_base_loop(f.w.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	while (f.w.id_seq < done + CONNS);
	ck_assert_uint_eq(f.w.id_seq, done + CONNS); /* the first of each */
	worker_turn_end(&f.w);
	ck_assert_uint_eq(f.w.id_seq, done + CONNS + AGAIN_PER_TURN);
	worker_turn_end(&f.w); /* who did not come up is first now */
	ck_assert_uint_eq(f.w.id_seq, done + CONNS + 2 * AGAIN_PER_TURN);
	worker_turn_end(&f.w);
	ck_assert_uint_eq(f.w.id_seq, done + 3 * CONNS);
	worker_turn_end(&f.w); /* nothing left to ask: they become idle */
	worker_turn_end(&f.w);
	ck_assert(list_empty(&f.w.again));
	ck_assert_uint_eq(f.w.id_seq, done + 3 * CONNS);
	for (int i = 0; i < CONNS; i++) {
		f.client = fd[i];
		fake_read(&f);
		ck_assert_int_eq(fake_status(&f), 200);
		close(fd[i]);
	}
	f.client = -1;
}
END_TEST

START_TEST(memory_is_shared_out)
{
	static struct worker w;
	struct req *r;

	ck_assert_uint_eq(f.w.blocks.max_out_bytes, 640u << 20);
	ck_assert_int_eq(worker_init(&w, 5, f.conf), 0);
	ck_assert_uint_eq(w.blocks.max_out_bytes, 128u << 20);
	worker_fini(&w);
	/* and shown at the end of each turn */
	r = fake_req(&f, fake_conn(&f), GET);
	ck_assert_ptr_eq(r->w, &f.w);
	worker_turn_end(&f.w);
	ck_assert_uint_gt(count(&f.w, WC_MEMORY), 0);
	ck_assert_uint_eq(count(&f.w, WC_MEMORY), f.w.blocks.out_bytes);
	fake_drop(&f);
	ck_assert_uint_eq(count(&f.w, WC_MEMORY), 0);
}
END_TEST

/* ---- listeners */

static struct sockaddr_any at;

/* One more listening socket of the worker's. */
static void listener(bool tls)
{
	struct sockaddr_any want;
	int fd;

	ck_assert_int_eq(sockaddr_parse(STR("127.0.0.1:0"), &want, err, sizeof err), 0);
	fd = listen_open(&want, 512, &at, err, sizeof err);
	ck_assert_msg(fd >= 0, "%s", err);
	worker_post_listen(&f.w, fd, &at, tls);
	fake_turn(&f);
	ck_assert(!list_empty(&f.w.listens));
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, &at.u.sa, at.len), 0);
	return fd;
}

START_TEST(accepts)
{
	enum { MANY = ACCEPTS_PER_TURN + 10 };
	int fd[MANY];

	listener(false);
	for (int i = 0; i < MANY; i++)
		fd[i] = dial();
	turn();
	ck_assert_uint_eq(f.w.n_conns, ACCEPTS_PER_TURN); /* the others have their turn, too */
	turn();
	ck_assert_uint_eq(f.w.n_conns, MANY);
	ck_assert_str_eq(list_entry(f.w.conns.next, struct conn, node)->addr, "127.0.0.1");
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
	fake_turn(&f);
	fake_turn(&f);
	ck_assert_uint_eq(f.w.n_conns, 0);
	ck_assert_uint_eq(worker_connections_total(), 0);
}
END_TEST

/* Out of descriptors: the poller would wake us for ever. */
START_TEST(accept_pauses)
{
	struct worker_listen *l;
	struct rlimit old, now;
	int fd, last;

	listener(false);
	l = list_entry(f.w.listens.next, struct worker_listen, node);
	fd = dial();
	last = dup(fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	now = old;
	now.rlim_cur = (rlim_t)last + 1;
	log_threshold = (enum log_level) - 1; /* it says so, as it should */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
	turn();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_uint_eq(f.w.n_conns, 0);
	ck_assert(!event_pending(&l->ev, EV_READ, NULL));
	ck_assert(timer_armed(&l->again));
	ck_assert_int_eq(l->again.deadline_us - f.w.wheel.now.us, ACCEPT_PAUSE_US);
	timer_disarm(&f.w.wheel, &l->again);
	l->again.on_fire(&l->again);
	turn();
	ck_assert_uint_eq(f.w.n_conns, 1);
	close(fd);
	close(last);
}
END_TEST

/* Told to speak TLS before the configuration that has the certificate: no plain answer by mistake.
 */
START_TEST(tls_without_a_certificate)
{
	char c;
	int fd;

	listener(true);
	fd = dial();
	turn();
	ck_assert_uint_eq(f.w.n_conns, 0);
	ck_assert_int_eq(recv(fd, &c, 1, 0), 0);
	close(fd);
}
END_TEST

START_TEST(listener_goes_with_its_address)
{
	char yaml[512], text[64];
	struct tg_conf *c;
	int fd;

	listener(false);
	sockaddr_format(&at, text, sizeof text);
	snprintf(yaml, sizeof yaml, "listen: '%s'\n" A, text);
	c = plan(yaml);
	c->listen[0].bound = at; /* as listeners.c fills it in */
	worker_post_conf(&f.w, c);
	fake_turn(&f);
	ck_assert(!list_empty(&f.w.listens));
	plan_put(c);
	c = plan("listen: 127.0.0.1:1\n" A);
	c->listen[0].bound = c->listen[0].want;
	worker_post_conf(&f.w, c);
	fake_turn(&f);
	ck_assert(list_empty(&f.w.listens));
	plan_put(c);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(connect(fd, &at.u.sa, at.len), 0);
	close(fd);
}
END_TEST

/* ---- configurations */

START_TEST(old_one_lives_with_its_requests)
{
	struct tg_conf *next = plan("listen: 127.0.0.1:0\nlog: { access: off }\n" A);
	int before = atomic_load(&f.conf->refs);
	struct req *r = fake_req(&f, fake_conn(&f), GET);

	ck_assert(f.w.log_requests);
	worker_post_conf(&f.w, next);
	fake_turn(&f);
	ck_assert_ptr_eq(f.w.conf->conf, next);
	ck_assert_ptr_eq(r->conf, f.conf);
	ck_assert(!f.w.log_requests);
	ck_assert_int_eq(atomic_load(&f.conf->refs), before); /* one for all requests */
	ck_assert_uint_eq(r->conf_ref->refs, 1);
	req_abort(r, END_CLIENT_GONE);
	fake_turn(&f);
	ck_assert_int_eq(atomic_load(&f.conf->refs), before - 1);
	/* One that nobody used goes at once. */
	worker_post_conf(&f.w, f.conf);
	fake_turn(&f);
	ck_assert_int_eq(atomic_load(&next->refs), 1);
	plan_put(next);
}
END_TEST

/* ---- the drain */

START_TEST(drains)
{
	struct req *r;
	int fd;

	listener(false);
	fake_conn(&f);
	fd = f.client;
	f.client = -1;
	r = fake_req(&f, fake_conn(&f), GET);
	worker_post_drain(&f.w, 50 * SECOND);
	turn();
	ck_assert(f.w.draining);
	ck_assert(list_empty(&f.w.listens));
	ck_assert_int_eq(f.w.drain_deadline_us / SECOND - worker_now(&f.w).us / SECOND, 50);
	ck_assert_uint_eq(f.w.n_conns, 1); /* the idle one is gone, the busy one is not */
	turn();
	ck_assert(!r->settled);
	/* Its time is over. */
	f.w.drain_deadline_us = 1;
	turn();
	turn();
	ck_assert_uint_eq(f.w.n_conns, 0);
	ck_assert_uint_eq(f.w.n_reqs, 0);
	close(fd);
}
END_TEST

/* Who was in the backlog when it began is told, not reset. */
START_TEST(drain_empties_the_backlog)
{
	int fd;
	char text[1024] = "";

	listener(false);
	fd = dial();
	ck_assert_int_eq(write(fd, GET, strlen(GET)), strlen(GET));
	worker_post_drain(&f.w, 50 * SECOND);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_int_gt(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 0);
	ck_assert_msg(strncmp(text, "HTTP/1.1 503 ", 13) == 0, "%s", text);
	ck_assert(strstr(text, "\"draining\"") != NULL);
	close(fd);
	turn();
	turn();
	ck_assert_uint_eq(f.w.n_conns, 0);
}
END_TEST

/* ---- on a thread of its own */

static struct worker threads[3];

START_TEST(threads_serve_and_end)
{
	struct tg_conf *next = plan("listen: 127.0.0.1:0\n" A);
	struct sockaddr_any want, bound[3];
	char text[1024];

	next->listen[0].bound = next->listen[0].want;
	ck_assert_int_eq(sockaddr_parse(STR("127.0.0.1:0"), &want, err, sizeof err), 0);
	for (int i = 0; i < 3; i++) {
		int l = listen_open(&want, 10, &bound[i], err, sizeof err);

		ck_assert_int_ge(l, 0);
		ck_assert_int_eq(worker_init(&threads[i], 3, f.conf), 0);
		ck_assert_int_eq(worker_start(&threads[i]), 0);
		worker_post_listen(&threads[i], l, &bound[i], false);
	}
	for (int n = 0; n < 30; n++) {
		ssize_t k = 0;
		int fd;

		at = bound[n % 3];
		fd = dial();
		ck_assert_int_eq(write(fd, GET, strlen(GET)), strlen(GET));
		ck_assert_int_gt(k = recv(fd, text, sizeof text - 1, 0), 0);
		text[k] = '\0';
		ck_assert_msg(strncmp(text, "HTTP/1.1 200 ", 13) == 0, "%s", text);
		close(fd);
	}
	/* A configuration that no longer names the address, then the end. */
	for (int i = 0; i < 3; i++)
		worker_post_conf(&threads[i], next);
	for (int i = 0; i < 3; i++)
		worker_post_drain(&threads[i], 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_join(threads[i].thread, NULL), 0);
		ck_assert(atomic_load(&threads[i].exited));
		ck_assert_uint_eq(threads[i].n_conns, 0);
		ck_assert_uint_eq(count(&threads[i], WC_CONNECTIONS_TOTAL), 10);
		worker_fini(&threads[i]);
	}
	ck_assert_int_eq(atomic_load(&next->refs), 1);
	plan_put(next);
	ck_assert_uint_eq(worker_connections_total(), 0);
}
END_TEST

/* ---- small things */

START_TEST(randoms)
{
	uint32_t seen[64];

	for (int i = 0; i < 64; i++) {
		seen[i] = worker_random(&f.w);
		for (int k = 0; k < i; k++)
			ck_assert_uint_ne(seen[k], seen[i]);
	}
}
END_TEST

/* Request ids do not repeat when the counter's 32 bits do. */
START_TEST(ids)
{
	char id[4][REQ_ID_LEN + 1];

	f.w.id_seq = 0xfffffffe;
	for (int i = 0; i < 4; i++) {
		struct req *r = fake_req(&f, fake_conn(&f), GET);

		ck_assert_uint_eq(strlen(r->id), REQ_ID_LEN);
		strcpy(id[i], r->id);
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(id[k], id[i]);
		fake_drop(&f);
	}
	ck_assert_str_eq(id[0] + 20, "fffffffe");
	ck_assert_str_eq(id[2] + 20, "00000000");
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_look_at_the_clock);
	tcase_add_test(tc, date);
	tcase_add_test(tc, pipelines_take_turns);
	tcase_add_test(tc, memory_is_shared_out);
	tcase_add_test(tc, accepts);
	tcase_add_test(tc, accept_pauses);
	tcase_add_test(tc, tls_without_a_certificate);
	tcase_add_test(tc, listener_goes_with_its_address);
	tcase_add_test(tc, old_one_lives_with_its_requests);
	tcase_add_test(tc, drains);
	tcase_add_test(tc, drain_empties_the_backlog);
	tcase_add_test(tc, threads_serve_and_end);
	tcase_add_test(tc, randoms);
	tcase_add_test(tc, ids);
}

UNIT_MAIN("worker", tests)
