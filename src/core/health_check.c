/*
 * health_check.c: see health_check.h. One lock for all, never held over a check.
 */
#include "core/health_check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "core/http_fetch.h"
#include "core/key_pool.h"
#include "core/plan.h"
#include "core/spots.h"

#define get(p) atomic_load_explicit(p, memory_order_relaxed)

struct checker {
	struct checker *next;
	char *name, *url, *fields, *ca; /* ca NULL: the system's */
	int64_t interval_us, timeout_us, healthy, unhealthy;
	struct account_state *state; /* never freed */
	bool stop, kept;
	pthread_cond_t wake;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct checker *checkers;

bool health_check_is_good(unsigned status)
{
	switch (status) {
	case 401:
	case 402:
	case 403:
	case 429: return true;
	default: return status / 100 == 2 || status / 100 == 3;
	}
}

static void checker_free(struct checker *c)
{
	pthread_cond_destroy(&c->wake);
	explicit_bzero(c->fields, strlen(c->fields));
	free(c->name);
	free(c->url);
	free(c->fields);
	free(c->ca);
	free(c);
}

/* ---- on its thread */

/* in_a_row: checks that said so, of those that say the other than what is known. */
static void checker_note(struct checker *c, bool good, const char *why, int64_t *in_a_row)
{
	bool down = get(&c->state->check_down);

	atomic_fetch_add_explicit(&c->state->checks, 1, memory_order_relaxed);
	if (!good)
		atomic_fetch_add_explicit(&c->state->checks_failed, 1, memory_order_relaxed);
	*in_a_row = good == down ? *in_a_row + 1 : 0;
	if (*in_a_row < (down ? c->healthy : c->unhealthy))
		return;
	*in_a_row = 0;
	atomic_store_explicit(&c->state->check_down, !down, memory_order_relaxed);
	if (down)
		log_notice("target is well", "target=%s", c->name);
	else
		log_warn("target is not well", "target=%s reason=\"%s\"", c->name, why);
}

static void checker_ask(struct checker *c, struct http_fetch *f, int64_t *in_a_row)
{
	char status[32];
	int rc;

	*f = (struct http_fetch){ .url = str_z(c->url),
		.method = "GET",
		.fields = str_z(c->fields),
		.ca = c->ca,
		.timeout_us = c->timeout_us };
	pthread_mutex_unlock(&lock);
	rc = http_fetch(f);
	pthread_mutex_lock(&lock);
	if (c->stop)
		return;
	snprintf(status, sizeof status, "status %u", f->status);
	checker_note(
		c, rc == 0 && health_check_is_good(f->status), rc == 0 ? status : f->why, in_a_row);
}

static void checker_sleep(struct checker *c)
{
	int64_t until = clock_mono().us + c->interval_us;
	struct timespec ts = { until / 1000000, until % 1000000 * 1000 };

	while (!c->stop && clock_mono().us < until)
		pthread_cond_timedwait(&c->wake, &lock, &ts);
}

static void *checker_main(void *arg)
{
	struct http_fetch *f = malloc(sizeof *f);
	struct checker *c = arg;
	int64_t in_a_row = 0;
	sigset_t all;

	tg_assert(f != NULL);
	sigfillset(&all); /* they are the control thread's */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pthread_mutex_lock(&lock);
	while (!c->stop) {
		checker_ask(c, f, &in_a_row);
		checker_sleep(c);
	}
	pthread_mutex_unlock(&lock);
	explicit_bzero(f, sizeof *f);
	free(f);
	checker_free(c);
	return NULL;
}

/* ---- the control thread's side */

static char *check_url(const struct target *t)
{
	struct str path = t->cfg->health_check.path;
	size_t cap = t->host_field.n + path.n + 16;
	char *url = malloc(cap);

	tg_assert(url != NULL);
	snprintf(url, cap, "%s://%.*s%.*s", t->url.tls ? "https" : "http", STR_FMT(t->host_field),
		STR_FMT(path));
	return url;
}

static struct checker *checker_new(const struct target *t)
{
	const struct cfg_health_check *cfg = &t->cfg->health_check;
	struct checker *c = calloc(1, sizeof *c);
	pthread_condattr_t clock;

	tg_assert(c != NULL);
	c->name = str_dup(t->name);
	c->url = check_url(t);
	c->fields = str_dup(t->n_keys > 0 ? t->keys[0].auth : t->auth);
	c->ca = t->cfg->ca.n > 0 ? str_dup(t->cfg->ca) : NULL;
	c->interval_us = cfg->interval_us;
	c->timeout_us = cfg->timeout_us;
	c->healthy = cfg->healthy;
	c->unhealthy = cfg->unhealthy;
	c->state = t->state;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &clock);
	pthread_condattr_destroy(&clock);
	return c;
}

static bool is_same(const struct checker *a, const struct checker *b)
{
	return a->state == b->state && strcmp(a->url, b->url) == 0 &&
	       strcmp(a->fields, b->fields) == 0 &&
	       strcmp(a->ca != NULL ? a->ca : "", b->ca != NULL ? b->ca : "") == 0 &&
	       a->interval_us == b->interval_us && a->timeout_us == b->timeout_us &&
	       a->healthy == b->healthy && a->unhealthy == b->unhealthy;
}

/* Under the lock. It goes on, or begins. */
static void checker_add(struct checker *c)
{
	pthread_attr_t attr;
	pthread_t id;

	for (struct checker *it = checkers; it != NULL; it = it->next)
		if (is_same(it, c)) {
			it->kept = true;
			checker_free(c);
			return;
		}
	c->kept = true;
	c->next = checkers;
	checkers = c;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	tg_assert(pthread_create(&id, &attr, checker_main, c) == 0);
	pthread_attr_destroy(&attr);
}

/* Under the lock: those that nobody wants any more. What they found is forgotten: another check of
 * the same target begins anew. */
static void checkers_sweep(void)
{
	struct checker **at = &checkers, *c;

	while ((c = *at) != NULL) {
		if (c->kept) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		c->stop = true;
		atomic_store_explicit(&c->state->check_down, false, memory_order_relaxed);
		pthread_cond_signal(&c->wake);
	}
}

static void checkers_let_go(void)
{
	for (struct checker *c = checkers; c != NULL; c = c->next)
		c->kept = false;
}

void health_checks_apply(const struct tg_conf *conf)
{
	pthread_mutex_lock(&lock);
	checkers_let_go();
	for (unsigned i = 0; i < conf->n_targets; i++)
		if (conf->targets[i].cfg->health_check.path.n > 0)
			checker_add(checker_new(&conf->targets[i]));
	checkers_sweep();
	pthread_mutex_unlock(&lock);
}

void health_checks_stop(void)
{
	pthread_mutex_lock(&lock);
	checkers_let_go();
	checkers_sweep();
	pthread_mutex_unlock(&lock);
}
