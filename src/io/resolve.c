/*
 * resolve.c: getaddrinfo on a few threads of its own, so that neither a worker nor another name
 * waits for a server that does not answer. Every name is asked again when its answer gets old; a
 * failed refresh keeps the old answer and is retried sooner. One mutex guards all names and is
 * never held over a query. A thread stuck in getaddrinfo when the resolver is freed is left behind;
 * the last one out frees the memory.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "io/resolve.h"

#define RESOLVE_THREADS    3
#define RESOLVE_REFRESH_US 30000000
#define RESOLVE_RETRY_US   1000000 /* after a failure, doubled up to the refresh time */
#define RESOLVE_STOP_US    1000000 /* how long resolver_free waits for a query under way */

struct resolve_waiter {
	struct list node;
	void (*done)(void *arg);
	void *arg;
};

struct resolve_name {
	unsigned magic;
#define RESOLVE_NAME_MAGIC 0x524e414d
	struct list node; /* in resolver.names */
	struct resolver *resolver;
	char *host;
	uint16_t port;
	unsigned refs;
	bool numeric, asking, answered; /* answered: there was a first answer or failure */
	unsigned n_failed;              /* in a row */
	mono_us due;
	const char *error;
	int n_addrs;
	struct sockaddr_any addrs[RESOLVE_MAX_ADDRS];
	struct list waiters;
};

struct resolver {
	unsigned magic;
#define RESOLVER_MAGIC 0x52455356
	pthread_mutex_t lock;
	pthread_cond_t work;   /* a name is due sooner, or stop */
	pthread_cond_t answer; /* some name was answered, or a thread has left */
	struct list names;
	int64_t refresh_us;
	unsigned n_threads;
	bool stop;
};

static void deadline_make(struct timespec *ts, mono_us at)
{
	ts->tv_sec = at.us / 1000000;
	ts->tv_nsec = (at.us % 1000000) * 1000;
}

/* -- answers --------------------------------------------------------------------------------------
 */

static bool addr_copy(struct sockaddr_any *to, const struct addrinfo *from)
{
	if (from->ai_addrlen > sizeof to->u ||
		(from->ai_family != AF_INET && from->ai_family != AF_INET6))
		return false;
	memset(to, 0, sizeof *to);
	memcpy(&to->u, from->ai_addr, from->ai_addrlen);
	to->len = from->ai_addrlen;
	return true;
}

/* The next usable entry of (or not of) a family at or after ai. */
static const struct addrinfo *next_of(const struct addrinfo *ai, int family, bool same)
{
	while (ai != NULL && (ai->ai_family == family) != same)
		ai = ai->ai_next;
	return ai;
}

/* RFC 8305 section 4: the preferred family first, then turn about, each in the resolver's order. */
static int addrs_interleave(const struct addrinfo *ai, struct sockaddr_any *out)
{
	int family = ai != NULL ? ai->ai_family : AF_UNSPEC;
	const struct addrinfo *next[2] = { next_of(ai, family, true), next_of(ai, family, false) };
	int n = 0;

	for (int turn = 0; n < RESOLVE_MAX_ADDRS && (next[0] != NULL || next[1] != NULL);
		turn ^= 1) {
		const struct addrinfo *it = next[turn];

		if (it == NULL)
			continue;
		if (addr_copy(&out[n], it))
			n++;
		next[turn] = next_of(it->ai_next, family, turn == 0);
	}
	return n;
}

/* Without the lock. Number of addresses, or 0 and *error. */
static int query(const char *host, uint16_t port, struct sockaddr_any *out, const char **error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *ai = NULL;
	char service[8];
	int rc, n;

	snprintf(service, sizeof service, "%u", (unsigned)port);
	rc = getaddrinfo(host, service, &hints, &ai);
	if (rc != 0) {
		*error = rc == EAI_SYSTEM ? "the system's resolver failed" : gai_strerror(rc);
		return 0;
	}
	n = addrs_interleave(ai, out);
	freeaddrinfo(ai);
	*error = n > 0 ? NULL : "the name has no address";
	return n;
}

/* -- names, under the lock ------------------------------------------------------------------------
 */

/* Under the lock: a callback posts a message, and no more. */
static void waiters_tell(struct list *waiters)
{
	struct list *node;

	while ((node = list_pop_front(waiters)) != NULL) {
		struct resolve_waiter w = *list_entry(node, struct resolve_waiter, node);

		free(list_entry(node, struct resolve_waiter, node));
		w.done(w.arg);
	}
}

static void name_free(struct resolve_name *n)
{
	waiters_tell(&n->waiters);
	list_del(&n->node);
	FINI_OBJ(n);
	free(n->host);
	free(n);
}

static void name_answer(
	struct resolve_name *n, const struct sockaddr_any *addrs, int n_addrs, const char *error)
{
	int64_t wait_us = n->resolver->refresh_us;

	if (n_addrs > 0) {
		memcpy(n->addrs, addrs, (size_t)n_addrs * sizeof addrs[0]);
		n->n_addrs = n_addrs;
		n->n_failed = 0;
	} else {
		int64_t retry_us = (int64_t)RESOLVE_RETRY_US << TG_MIN(n->n_failed, 16u);

		n->n_failed++;
		wait_us = TG_MIN(wait_us, retry_us);
	}
	n->error = error;
	n->answered = true;
	n->due.us = clock_mono().us + wait_us;
}

/* The name to ask next, or NULL; *next_due is when the next one will be. */
static struct resolve_name *name_due(struct resolver *r, mono_us now, mono_us *next_due)
{
	struct resolve_name *best = NULL;

	list_foreach (it, &r->names) {
		struct resolve_name *n = list_entry(it, struct resolve_name, node);

		if (n->numeric || n->asking || n->refs == 0)
			continue;
		if (best == NULL || n->due.us < best->due.us)
			best = n;
	}
	if (best == NULL)
		next_due->us = INT64_MAX;
	else
		*next_due = best->due;
	return best != NULL && best->due.us <= now.us ? best : NULL;
}

static void name_ask(struct resolver *r, struct resolve_name *n)
{
	struct sockaddr_any addrs[RESOLVE_MAX_ADDRS];
	const char *error;
	int n_addrs;

	n->asking = true;
	pthread_mutex_unlock(&r->lock);
	n_addrs = query(n->host, n->port, addrs, &error);
	pthread_mutex_lock(&r->lock);
	if (n->refs > 0 && !r->stop) {
		name_answer(n, addrs, n_addrs, error);
		pthread_cond_broadcast(&r->answer);
		waiters_tell(&n->waiters);
	}
	n->asking = false;
	pthread_cond_broadcast(&r->work); /* idle threads did not count with this one's next time */
	if (n->refs == 0)
		name_free(n);
}

/* -- the threads ----------------------------------------------------------------------------------
 */

static void resolver_destroy(struct resolver *r)
{
	struct list *it;

	while ((it = list_pop_front(&r->names)) != NULL)
		name_free(list_entry(it, struct resolve_name, node));
	pthread_cond_destroy(&r->work);
	pthread_cond_destroy(&r->answer);
	pthread_mutex_destroy(&r->lock);
	FINI_OBJ(r);
	free(r);
}

static void *resolver_main(void *arg)
{
	struct resolver *r = arg;
	struct resolve_name *n;
	struct timespec until;
	mono_us next;
	bool last;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		n = name_due(r, clock_mono(), &next);
		if (n != NULL) {
			name_ask(r, n);
		} else if (next.us == INT64_MAX) {
			pthread_cond_wait(&r->work, &r->lock);
		} else {
			deadline_make(&until, next);
			pthread_cond_timedwait(&r->work, &r->lock, &until);
		}
	}
	last = --r->n_threads == 0;
	pthread_cond_broadcast(&r->answer);
	pthread_mutex_unlock(&r->lock);
	if (last)
		resolver_destroy(r);
	return NULL;
}

static void resolver_start_thread(struct resolver *r)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t id;

	sigfillset(&all); /* they are the control thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&id, &attr, resolver_main, r) == 0)
		r->n_threads++;
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct resolver *resolver_new(int64_t refresh_us)
{
	struct resolver *r = calloc(1, sizeof *r);
	pthread_condattr_t attr;

	tg_assert(r != NULL);
	INIT_OBJ(r, RESOLVER_MAGIC);
	r->refresh_us = refresh_us > 0 ? refresh_us : RESOLVE_REFRESH_US;
	list_init(&r->names);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->work, &attr);
	pthread_cond_init(&r->answer, &attr);
	pthread_condattr_destroy(&attr);
	r->n_threads = 1; /* ours, until resolver_free */
	for (int i = 0; i < RESOLVE_THREADS; i++)
		resolver_start_thread(r);
	tg_assert(r->n_threads > 1);
	return r;
}

void resolver_stop(struct resolver *r)
{
	struct timespec until;

	CHECK_OBJ(r, RESOLVER_MAGIC);
	deadline_make(&until, (mono_us){ clock_mono().us + RESOLVE_STOP_US });
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->work);
	while (r->n_threads > 1)
		if (pthread_cond_timedwait(&r->answer, &r->lock, &until) == ETIMEDOUT)
			break;
	list_foreach (it, &r->names)
		waiters_tell(&list_entry(it, struct resolve_name, node)->waiters);
	pthread_mutex_unlock(&r->lock);
}

void resolver_free(struct resolver *r)
{
	bool last;

	CHECK_OBJ(r, RESOLVER_MAGIC);
	if (!r->stop)
		resolver_stop(r);
	pthread_mutex_lock(&r->lock);
	last = --r->n_threads == 0;
	pthread_mutex_unlock(&r->lock);
	if (last)
		resolver_destroy(r);
}

/* -- the callers' side ----------------------------------------------------------------------------
 */

static struct resolve_name *name_find(struct resolver *r, struct str host, uint16_t port)
{
	list_foreach (it, &r->names) {
		struct resolve_name *n = list_entry(it, struct resolve_name, node);

		if (n->refs > 0 && n->port == port && str_eq_ci(str_z(n->host), host))
			return n;
	}
	return NULL;
}

static bool name_is_numeric(const char *host, uint16_t port, struct sockaddr_any *out)
{
	memset(out, 0, sizeof *out);
	out->u.in.sin_port = htons(port); /* the same place in both families */
	if (inet_pton(AF_INET, host, &out->u.in.sin_addr) == 1) {
		out->u.in.sin_family = AF_INET;
		out->len = sizeof out->u.in;
		return true;
	}
	if (inet_pton(AF_INET6, host, &out->u.in6.sin6_addr) == 1) {
		out->u.in6.sin6_family = AF_INET6;
		out->len = sizeof out->u.in6;
		return true;
	}
	return false;
}

static struct resolve_name *name_new(struct resolver *r, struct str host, uint16_t port)
{
	struct resolve_name *n = calloc(1, sizeof *n);

	tg_assert(n != NULL);
	INIT_OBJ(n, RESOLVE_NAME_MAGIC);
	n->resolver = r;
	n->host = str_dup(host);
	n->port = port;
	n->error = "not resolved yet";
	list_init(&n->waiters);
	list_push_back(&r->names, &n->node);
	if (name_is_numeric(n->host, port, &n->addrs[0])) {
		n->numeric = n->answered = true;
		n->n_addrs = 1;
		n->error = NULL;
	}
	return n;
}

struct resolve_name *resolve_name_get(struct resolver *r, struct str host, uint16_t port)
{
	struct resolve_name *n;

	CHECK_OBJ(r, RESOLVER_MAGIC);
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = str_mk(host.p + 1, host.n - 2);
	pthread_mutex_lock(&r->lock);
	n = name_find(r, host, port);
	if (n == NULL)
		n = name_new(r, host, port);
	n->refs++;
	if (!n->answered)
		pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	return n;
}

void resolve_name_put(struct resolver *r, struct resolve_name *n)
{
	CHECK_OBJ(n, RESOLVE_NAME_MAGIC);
	pthread_mutex_lock(&r->lock);
	tg_assert(n->refs > 0);
	if (--n->refs == 0 && !n->asking)
		name_free(n);
	pthread_mutex_unlock(&r->lock);
}

int resolve_name_addrs(
	struct resolve_name *n, struct sockaddr_any out[RESOLVE_MAX_ADDRS], const char **err)
{
	int n_addrs;

	CHECK_OBJ(n, RESOLVE_NAME_MAGIC);
	pthread_mutex_lock(&n->resolver->lock);
	n_addrs = n->n_addrs;
	memcpy(out, n->addrs, (size_t)n_addrs * sizeof out[0]);
	if (err != NULL)
		*err = n_addrs > 0 ? NULL : n->error;
	pthread_mutex_unlock(&n->resolver->lock);
	return n_addrs;
}

bool resolve_name_wait(struct resolve_name *n, int64_t timeout_us)
{
	struct resolver *r = n->resolver;
	struct timespec until;
	bool answered;

	CHECK_OBJ(n, RESOLVE_NAME_MAGIC);
	deadline_make(&until, (mono_us){ clock_mono().us + timeout_us });
	pthread_mutex_lock(&r->lock);
	while (!n->answered)
		if (pthread_cond_timedwait(&r->answer, &r->lock, &until) == ETIMEDOUT)
			break;
	answered = n->answered;
	pthread_mutex_unlock(&r->lock);
	return answered;
}

void resolve_name_notify(struct resolve_name *n, void (*done)(void *arg), void *arg)
{
	struct resolve_waiter *w = malloc(sizeof *w);
	bool answered;

	CHECK_OBJ(n, RESOLVE_NAME_MAGIC);
	tg_assert(w != NULL);
	*w = (struct resolve_waiter){ .done = done, .arg = arg };
	pthread_mutex_lock(&n->resolver->lock);
	answered = n->answered;
	if (!answered)
		list_push_back(&n->waiters, &w->node);
	pthread_mutex_unlock(&n->resolver->lock);
	if (answered) {
		free(w);
		done(arg);
	}
}
