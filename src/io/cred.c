/*
 * cred.c: see cred.h. One lock for all credentials, never held over a fetch. A thread stuck in a
 * fetch when its credential is let go is left behind, and frees it when it comes back.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "io/cred.h"

#define CRED_REFRESH_US   (300 * INT64_C(1000000))
#define CRED_AHEAD_US     (600 * INT64_C(1000000)) /* before it expires, at most */
#define CRED_RETRY_US     INT64_C(1000000)         /* after a failure; doubled, at most ... */
#define CRED_RETRY_MAX_US (60 * INT64_C(1000000))
#define CRED_REFUSED_US   (3 * INT64_C(1000000)) /* between two fetches because of refusals */

struct cred {
	unsigned magic;
#define CRED_MAGIC 0x43524544
	struct list node; /* in creds */
	const struct cred_kind *kind;
	char *name;
	struct str arg[CRED_ARGS];
	unsigned refs;
	_Atomic bool stop; /* nobody wants it any more; nodes of such are off the list */
	bool asked;        /* fetched, or failed, once */
	bool refused;      /* fetch it now */
	pthread_cond_t wake;
	mono_us last;         /* the last fetch began */
	struct cred_got *now; /* NULL: none yet */
	uint64_t fetched, failed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answer = PTHREAD_COND_INITIALIZER; /* some credential was asked for */
static pthread_cond_t gone = PTHREAD_COND_INITIALIZER;   /* a thread is at its end */
static struct list creds = { &creds, &creds };
static unsigned n_threads;
static bool fetch_nothing;

/* ---- what a fetch brings */

int cred_fail(struct cred_got *g, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(g->why, sizeof g->why, fmt, ap);
	va_end(ap);
	return -1;
}

bool cred_stopping(const struct cred_got *g)
{
	return g->cred != NULL && g->cred->stop;
}

int cred_got_part(struct cred_got *g, unsigned i, struct str text)
{
	tg_assert(i < CRED_PARTS);
	if (text.n >= sizeof g->buf - g->n)
		return cred_fail(g, "it has more than %d bytes", CRED_MAX);
	for (size_t k = 0; k < text.n; k++)
		if ((unsigned char)text.p[k] < 0x20 || text.p[k] == 0x7f)
			return cred_fail(g, "it has a control character in it");
	if (text.n > 0)
		memcpy(g->buf + g->n, text.p, text.n);
	g->part[i] = str_mk(g->buf + g->n, text.n);
	g->n += text.n;
	return 0;
}

int cred_got_printf(struct cred_got *g, unsigned i, const char *fmt, ...)
{
	size_t room = sizeof g->buf - g->n;
	va_list ap;
	int n;

	tg_assert(i < CRED_PARTS);
	va_start(ap, fmt);
	n = vsnprintf(g->buf + g->n, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		return cred_fail(g, "it has more than %d bytes", CRED_MAX);
	g->part[i] = str_mk(g->buf + g->n, (size_t)n);
	g->n += (size_t)n;
	return 0;
}

/* b64token, RFC 6750 section 2.1 */
static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~+/=", c) != NULL);
}

int cred_got_bearer(struct cred_got *g, struct str token)
{
	if (token.n == 0)
		return cred_fail(g, "it is empty");
	for (size_t i = 0; i < token.n; i++)
		if (!is_token_char(token.p[i]))
			return cred_fail(
				g, "it is no bearer token: byte %zu is none of RFC 6750's", i + 1);
	return cred_got_printf(g, 0, "authorization: Bearer %.*s\r\n", STR_FMT(token));
}

/* ---- its thread */

static void got_free(struct cred_got *g)
{
	if (g == NULL)
		return;
	explicit_bzero(g, sizeof *g);
	free(g);
}

static void cred_free(struct cred *c)
{
	got_free(c->now);
	pthread_cond_destroy(&c->wake);
	for (unsigned i = 0; i < CRED_ARGS; i++) { /* some are keys themselves */
		explicit_bzero((char *)(uintptr_t)c->arg[i].p, c->arg[i].n);
		free((char *)(uintptr_t)c->arg[i].p);
	}
	free(c->name);
	FINI_OBJ(c);
	free(c);
}

static bool is_valid(const struct cred_got *g, wall_us now)
{
	return g != NULL && (g->expires.us == 0 || now.us < g->expires.us);
}

/* The log tells of the first failure of a row, and of the end of the row. */
static void cred_say(const struct cred *c, const struct cred_got *g, bool ok, unsigned n_failed)
{
	if (!ok && n_failed == 0)
		log_warn("credential not fetched", "target=%s kind=%s reason=\"%s\" kept=%s",
			c->name, c->kind->name, g->why,
			is_valid(c->now, clock_wall()) ? "yes" : "no");
	else if (!ok)
		log_debug("credential not fetched", "target=%s kind=%s reason=\"%s\"", c->name,
			c->kind->name, g->why);
	else if (n_failed > 0)
		log_notice("credential fetched", "target=%s kind=%s after_failures=%u", c->name,
			c->kind->name, n_failed);
}

/* How long from now until the next fetch: a fifth of its life ahead of its end. */
static int64_t next_in_us(const struct cred *c, const struct cred_got *g)
{
	int64_t life = c->kind->refresh_us > 0 ? c->kind->refresh_us : CRED_REFRESH_US;

	if (g->expires.us == 0)
		return life;
	life = g->expires.us - clock_wall().us;
	return TG_MAX(life - TG_MIN(life / 5, CRED_AHEAD_US), CRED_RETRY_US);
}

static int64_t retry_in_us(unsigned n_failed)
{
	return TG_MIN(CRED_RETRY_US << TG_MIN(n_failed, 10u), CRED_RETRY_MAX_US);
}

/* One fetch, published. Under the lock, which is let go meanwhile. Returns when the next is due. */
static int64_t cred_fetch(struct cred *c, unsigned *n_failed)
{
	struct cred_got *g;
	int64_t wait;
	bool ok;

	c->last = clock_mono();
	c->refused = false;
	pthread_mutex_unlock(&lock);
	g = calloc(1, sizeof *g);
	tg_assert(g != NULL);
	g->cred = c;
	ok = c->kind->fetch(c->arg, g) == 0;
	if (ok && !is_valid(g, clock_wall()))
		ok = cred_fail(g, "it has expired already") == 0;
	wait = ok ? next_in_us(c, g) : retry_in_us(*n_failed);
	pthread_mutex_lock(&lock);
	if (!c->stop)
		cred_say(c, g, ok, *n_failed);
	*n_failed = ok ? 0 : *n_failed + 1;
	if (ok) {
		got_free(c->now);
		c->now = g;
		c->fetched++;
	} else {
		got_free(g);
		c->failed++;
	}
	c->asked = true;
	pthread_cond_broadcast(&answer);
	return wait;
}

static void cred_sleep(struct cred *c, int64_t us)
{
	mono_us until = { clock_mono().us + us };
	struct timespec ts;

	while (!c->stop) {
		if (c->refused)
			until.us = TG_MIN(until.us, c->last.us + CRED_REFUSED_US);
		if (clock_mono().us >= until.us)
			return;
		ts.tv_sec = until.us / 1000000;
		ts.tv_nsec = until.us % 1000000 * 1000;
		pthread_cond_timedwait(&c->wake, &lock, &ts);
	}
}

static void *cred_main(void *arg)
{
	struct cred *c = arg;
	unsigned n_failed = 0;
	sigset_t all;

	sigfillset(&all); /* they are the control thread's */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pthread_mutex_lock(&lock);
	while (!c->stop)
		cred_sleep(c, cred_fetch(c, &n_failed));
	cred_free(c);
	n_threads--;
	pthread_cond_broadcast(&gone);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* ---- the callers' side */

static struct cred *cred_find(const struct cred_kind *kind, const struct str arg[CRED_ARGS])
{
	list_foreach (it, &creds) {
		struct cred *c = list_entry(it, struct cred, node);
		unsigned i = 0;

		while (i < CRED_ARGS && str_eq(c->arg[i], arg[i]))
			i++;
		if (c->kind == kind && i == CRED_ARGS)
			return c;
	}
	return NULL;
}

static struct cred *cred_new(
	const struct cred_kind *kind, const struct str arg[CRED_ARGS], struct str name)
{
	struct cred *c = calloc(1, sizeof *c);
	pthread_condattr_t clock;
	pthread_attr_t attr;
	pthread_t id;

	tg_assert(c != NULL);
	INIT_OBJ(c, CRED_MAGIC);
	c->kind = kind;
	c->name = str_dup(name);
	for (unsigned i = 0; i < CRED_ARGS; i++)
		c->arg[i] = str_mk(str_dup(arg[i]), arg[i].n);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &clock);
	pthread_condattr_destroy(&clock);
	list_push_back(&creds, &c->node);
	if (fetch_nothing)
		return c;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	tg_assert(pthread_create(&id, &attr, cred_main, c) == 0);
	n_threads++;
	pthread_attr_destroy(&attr);
	return c;
}

struct cred *cred_get(
	const struct cred_kind *kind, const struct str arg[CRED_ARGS], struct str name)
{
	struct cred *c;

	pthread_mutex_lock(&lock);
	c = cred_find(kind, arg);
	if (c == NULL)
		c = cred_new(kind, arg, name);
	c->refs++;
	pthread_mutex_unlock(&lock);
	return c;
}

bool cred_drain(int64_t timeout_us)
{
	wall_us until = { clock_wall().us + timeout_us }; /* what a static condition waits by */
	struct timespec ts = { until.us / 1000000, until.us % 1000000 * 1000 };
	bool all;

	pthread_mutex_lock(&lock);
	while (n_threads > 0 && clock_wall().us < until.us)
		pthread_cond_timedwait(&gone, &lock, &ts);
	all = n_threads == 0;
	pthread_mutex_unlock(&lock);
	return all;
}

void cred_fetch_nothing(void)
{
	fetch_nothing = true;
}

void cred_put(struct cred *c)
{
	bool mine = false;

	CHECK_OBJ(c, CRED_MAGIC);
	pthread_mutex_lock(&lock);
	tg_assert(c->refs > 0);
	if (--c->refs == 0) { /* its thread frees it */
		list_del(&c->node);
		c->stop = true;
		mine = fetch_nothing;
		pthread_cond_signal(&c->wake);
	}
	pthread_mutex_unlock(&lock);
	if (mine)
		cred_free(c);
}

const struct cred_kind *cred_kind_of(const struct cred *c)
{
	CHECK_OBJ(c, CRED_MAGIC);
	return c->kind;
}

int cred_copy(struct cred *c, struct arena *a, struct str part[CRED_PARTS])
{
	int rc = -1;

	CHECK_OBJ(c, CRED_MAGIC);
	pthread_mutex_lock(&lock);
	if (is_valid(c->now, clock_wall())) {
		rc = 0;
		for (unsigned i = 0; i < CRED_PARTS; i++) {
			part[i] = STR_NONE;
			if (c->now->part[i].n == 0)
				continue;
			part[i] = arena_dup(a, c->now->part[i]);
			rc = part[i].p != NULL ? rc : -1;
		}
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void cred_refused(struct cred *c)
{
	CHECK_OBJ(c, CRED_MAGIC);
	pthread_mutex_lock(&lock);
	c->refused = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&lock);
}

bool cred_wait(struct cred *c, int64_t timeout_us)
{
	wall_us until = { clock_wall().us + timeout_us }; /* what a static condition waits by */
	struct timespec ts = { until.us / 1000000, until.us % 1000000 * 1000 };
	bool there;

	CHECK_OBJ(c, CRED_MAGIC);
	pthread_mutex_lock(&lock);
	while (!c->asked && clock_wall().us < until.us)
		pthread_cond_timedwait(&answer, &lock, &ts);
	there = is_valid(c->now, clock_wall());
	pthread_mutex_unlock(&lock);
	return there;
}

/* After a reload with another source the old one is there until its last request ends. */
static bool is_replaced(const struct cred *c)
{
	for (const struct list *it = c->node.next; it != &creds; it = it->next)
		if (strcmp(list_entry(it, struct cred, node)->name, c->name) == 0)
			return true;
	return false;
}

void cred_each(void (*each)(void *arg, const struct cred_stats *s), void *arg)
{
	wall_us now = clock_wall();

	pthread_mutex_lock(&lock);
	list_foreach (it, &creds) {
		const struct cred *c = list_entry(it, struct cred, node);

		if (is_replaced(c))
			continue;
		struct cred_stats s = { .name = str_z(c->name),
			.kind = c->kind->name,
			.valid = is_valid(c->now, now),
			.fetched = c->fetched,
			.failed = c->failed };

		if (c->now != NULL)
			s.expires = c->now->expires;
		each(arg, &s);
	}
	pthread_mutex_unlock(&lock);
}
