/*
 * check_resolve.c: numeric addresses, localhost, a name that cannot exist, and the answers' order.
 * The file under test is included with a getaddrinfo of the test's own, so that no test asks the
 * net and one query can be made to hang.
 */
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

static int fake_getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out);
static void fake_freeaddrinfo(struct addrinfo *ai);

#define getaddrinfo  fake_getaddrinfo
#define freeaddrinfo fake_freeaddrinfo
#include "io/resolve.c"
#undef getaddrinfo
#undef freeaddrinfo

#include "unit/unit.h"

#define LONG_US 30000000

static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fake_cond = PTHREAD_COND_INITIALIZER;
static int n_asked, hang_over;

static struct addrinfo *fake_addr(struct addrinfo *next, const char *host, int port)
{
	struct addrinfo *ai = calloc(1, sizeof *ai + sizeof(struct sockaddr_in6));
	struct sockaddr_any a;

	ck_assert(name_is_numeric(host, (uint16_t)port, &a));
	ai->ai_family = a.u.sa.sa_family;
	ai->ai_addr = (struct sockaddr *)(ai + 1);
	ai->ai_addrlen = a.len;
	memcpy(ai->ai_addr, &a.u, a.len);
	ai->ai_next = next;
	return ai;
}

static void fake_freeaddrinfo(struct addrinfo *ai)
{
	while (ai != NULL) {
		struct addrinfo *next = ai->ai_next;

		free(ai);
		ai = next;
	}
}

/*
 * "many": 3 of IPv6, then 2 of IPv4. "flaky": every second query fails. "hang": until the test
 * ends. "nonexistent.invalid": never. "localhost": the system's own.
 */
static int fake_getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int port = atoi(service), asked;

	pthread_mutex_lock(&fake_lock);
	asked = n_asked++;
	pthread_cond_broadcast(&fake_cond);
	while (strcmp(host, "hang") == 0 && !hang_over)
		pthread_cond_wait(&fake_cond, &fake_lock);
	pthread_mutex_unlock(&fake_lock);
	*out = NULL;
	if (strcmp(host, "localhost") == 0) {
		struct addrinfo *real, *copy = NULL;
		int rc = getaddrinfo(host, service, hints, &real);

		if (rc != 0)
			return rc;
		for (struct addrinfo *it = real; it != NULL; it = it->ai_next)
			if (it->ai_family == AF_INET)
				copy = fake_addr(copy, "127.0.0.1", port);
			else
				copy = fake_addr(copy, "::1", port);
		freeaddrinfo(real);
		*out = copy;
		return 0;
	}
	if (strcmp(host, "nonexistent.invalid") == 0 || strcmp(host, "hang") == 0)
		return EAI_NONAME;
	if (strcmp(host, "flaky") == 0 && asked % 2 == 1)
		return EAI_AGAIN;
	*out = fake_addr(*out, "10.0.0.2", port);
	*out = fake_addr(*out, "10.0.0.1", port);
	*out = fake_addr(*out, "fd00::3", port);
	*out = fake_addr(*out, "fd00::2", port);
	*out = fake_addr(*out, "fd00::1", port);
	return 0;
}

static void wait_for_queries(int n)
{
	pthread_mutex_lock(&fake_lock);
	while (n_asked < n)
		pthread_cond_wait(&fake_cond, &fake_lock);
	pthread_mutex_unlock(&fake_lock);
}

static struct resolver *r;

static void setup(void)
{
	n_asked = hang_over = 0;
	r = resolver_new(0);
}

static void teardown(void)
{
	resolver_free(r);
}

/* All addresses as one text. */
static const char *answer_text(struct resolve_name *n)
{
	static char text[RESOLVE_MAX_ADDRS * 64];
	struct sockaddr_any a[RESOLVE_MAX_ADDRS];
	const char *err;
	int count = resolve_name_addrs(n, a, &err);
	size_t at = 0;

	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (i > 0)
			text[at++] = ' ';
		at += sockaddr_format(&a[i], text + at, sizeof text - at);
	}
	if (count == 0)
		snprintf(text, sizeof text, "error: %s", err);
	return text;
}

START_TEST(numeric_is_answered_at_once)
{
	static const struct {
		const char *host, *want;
	} row[] = {
		{ "127.0.0.1", "127.0.0.1:443" },
		{ "::1", "[::1]:443" },
		{ "[fd00::5]", "[fd00::5]:443" },
	};
	struct resolve_name *n = resolve_name_get(r, str_z(row[_i].host), 443);

	ck_assert_str_eq(answer_text(n), row[_i].want);
	ck_assert(resolve_name_wait(n, 0));
	ck_assert_int_eq(n_asked, 0);
	resolve_name_put(r, n);
}
END_TEST

START_TEST(families_take_turns)
{
	struct resolve_name *n = resolve_name_get(r, STR("many"), 80);

	ck_assert(resolve_name_wait(n, LONG_US));
	ck_assert_str_eq(
		answer_text(n), "[fd00::1]:80 10.0.0.1:80 [fd00::2]:80 10.0.0.2:80 [fd00::3]:80");
	resolve_name_put(r, n);
}
END_TEST

START_TEST(localhost)
{
	struct resolve_name *n = resolve_name_get(r, STR("localhost"), 8080);

	ck_assert(resolve_name_wait(n, LONG_US));
	ck_assert_msg(strstr(answer_text(n), "127.0.0.1:8080") != NULL ||
			      strstr(answer_text(n), "[::1]:8080") != NULL,
		"%s", answer_text(n));
	resolve_name_put(r, n);
}
END_TEST

START_TEST(failing_name_says_why)
{
	struct resolve_name *n = resolve_name_get(r, STR("nonexistent.invalid"), 1);

	ck_assert(resolve_name_wait(n, LONG_US));
	ck_assert_str_eq(answer_text(n), "error: Name or service not known");
	resolve_name_put(r, n);
}
END_TEST

START_TEST(same_pair_same_object)
{
	struct resolve_name *a = resolve_name_get(r, STR("many"), 80);
	struct resolve_name *b = resolve_name_get(r, STR("MANY"), 80);
	struct resolve_name *c = resolve_name_get(r, STR("many"), 81);

	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, c);
	resolve_name_put(r, a);
	ck_assert(resolve_name_wait(b, LONG_US));
	ck_assert(resolve_name_wait(c, LONG_US));
	resolve_name_put(r, b);
	resolve_name_put(r, c);
}
END_TEST

static void on_done(void *arg)
{
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_SEQ_CST);
}

/* One server that never answers takes one thread; the rest go on. */
START_TEST(hanging_name_blocks_no_other)
{
	struct resolve_name *hang = resolve_name_get(r, STR("hang"), 1), *n[20];
	char host[16];
	int done = 0;

	wait_for_queries(1);
	resolve_name_notify(hang, on_done, &done);
	for (int i = 0; i < 20; i++) {
		snprintf(host, sizeof host, "h%d", i);
		n[i] = resolve_name_get(r, str_z(host), 1);
	}
	for (int i = 0; i < 20; i++) {
		ck_assert(resolve_name_wait(n[i], LONG_US));
		resolve_name_put(r, n[i]);
	}
	ck_assert_str_eq(answer_text(hang), "error: not resolved yet");
	ck_assert_int_eq(__atomic_load_n(&done, __ATOMIC_SEQ_CST), 0);
	pthread_mutex_lock(&fake_lock);
	hang_over = 1;
	pthread_cond_broadcast(&fake_cond);
	pthread_mutex_unlock(&fake_lock);
	ck_assert(resolve_name_wait(hang, LONG_US));
	resolve_name_notify(hang, on_done, &done); /* answered: runs before it returns */
	ck_assert_int_ge(__atomic_load_n(&done, __ATOMIC_SEQ_CST), 1);
	while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < 2)
		sched_yield();
	resolve_name_put(r, hang);
}
END_TEST

/* A name given back, and a resolver freed, while the query hangs: the thread cleans up when it
 * ends. */
START_TEST(free_under_a_query)
{
	struct resolver *own = resolver_new(0);
	struct resolve_name *hang = resolve_name_get(own, STR("hang"), 1);

	wait_for_queries(1);
	resolve_name_put(own, hang);
	resolver_free(own);
	pthread_mutex_lock(&fake_lock);
	hang_over = 1;
	pthread_cond_broadcast(&fake_cond);
	pthread_mutex_unlock(&fake_lock);
}
END_TEST

/* Whoever waits is told in any case: when the resolver stops, and when the name is given up. */
START_TEST(waiters_are_told_at_the_end)
{
	struct resolver *own = resolver_new(0);
	struct resolve_name *hang = resolve_name_get(own, STR("hang"), 1), *given_up;
	int done = 0;

	wait_for_queries(1);
	given_up = resolve_name_get(own, STR("hang"), 2);
	wait_for_queries(2);
	resolve_name_notify(hang, on_done, &done);
	resolver_stop(own);
	ck_assert_int_eq(done, 1);
	resolve_name_notify(given_up, on_done, &done);
	resolve_name_put(own, given_up);
	resolve_name_put(own, hang);
	resolver_free(own);
	pthread_mutex_lock(&fake_lock);
	hang_over = 1;
	pthread_cond_broadcast(&fake_cond);
	pthread_mutex_unlock(&fake_lock);
	while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < 2)
		sched_yield();
}
END_TEST

/* Asked again and again; a failed refresh keeps the last good answer. */
START_TEST(refresh_keeps_the_good_answer)
{
	struct resolver *own = resolver_new(1000);
	struct resolve_name *n = resolve_name_get(own, STR("flaky"), 80);

	ck_assert(resolve_name_wait(n, LONG_US));
	for (int i = 2; i < 12; i++) {
		wait_for_queries(i);
		ck_assert_str_eq(answer_text(n),
			"[fd00::1]:80 10.0.0.1:80 [fd00::2]:80 10.0.0.2:80 [fd00::3]:80");
	}
	resolve_name_put(own, n);
	resolver_free(own);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, numeric_is_answered_at_once, 0, 3);
	tcase_add_test(tc, families_take_turns);
	tcase_add_test(tc, localhost);
	tcase_add_test(tc, failing_name_says_why);
	tcase_add_test(tc, same_pair_same_object);
	tcase_add_test(tc, hanging_name_blocks_no_other);
	tcase_add_test(tc, free_under_a_query);
	tcase_add_test(tc, waiters_are_told_at_the_end);
	tcase_add_test(tc, refresh_keeps_the_good_answer);
}

UNIT_MAIN("resolve", tests)
