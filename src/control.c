/*
 * control.c: see control.h.
 *
 *	load --> workers --> listeners --> admin --> ready --> loop --> end
 *	                                                       SIGHUP reload
 *	                                                       SIGUSR1 logs
 *	                                                       SIGTERM drain
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "control_int.h"
#include "core/health_check.h"
#include "core/module.h"
#include "core/req.h"
#include "geod.h"
#include "io/cred.h"
#include "ledgerd.h"
#include "ledgership.h"
#include "listeners.h"
#include "logwriter.h"
#include "quotad.h"
#include "quotaops.h"
#include "quotasync.h"

#define CRED_WAIT_US  5000000 /* for all of them together */
#define CRED_DRAIN_US 1000000

/* ---- reload */

static const char *access_path(const struct tg_conf *conf)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%.*s", STR_FMT(conf->cfg.log.access));
	return path;
}

static void warn_restart(const char *directive)
{
	log_warn("only a restart takes this up", "directive=%s", directive);
}

int control_reload(struct control *c, struct conf_error *err)
{
	struct tg_conf *next = plan_load(c->opt->conf_path, c->resolver, c->generation + 1, err),
		       *old;

	if (next != NULL &&
		(quotasync_reload(next, err->text, sizeof(err->text)) != 0 ||
			quotad_open(next, ledgerd_path(), err->text, sizeof(err->text)) != 0 ||
			listeners_prepare(next, c->n_workers, err->text, sizeof(err->text)) != 0)) {
		quotasync_apply(c->conf); /* accounts that only it has are not asked for */
		plan_put(next);
		next = NULL;
	}
	if (next == NULL) {
		c->reload_failures++;
		log_error(
			"reload refused, the old configuration stays", "reason=\"%s\"", err->text);
		return -1;
	}
	old = c->conf;
	quotaops_apply(next);
	plan_quota_apply(next);
	quotasync_apply(next);
	ledgership_apply(&next->cfg, c->resolver);
	conf_changed_at_start(&config_root, &old->cfg, &next->cfg, warn_restart);
	c->conf = next;
	c->generation++;
	for (unsigned i = 0; i < c->n_workers; i++)
		worker_post_conf(&c->workers[i], next);
	listeners_publish(next, c->workers, c->n_workers);
	health_checks_apply(next);
	(void)!quotad_watch(c->base, next); /* it watches the old one already */
	geod_reload(next);
	log_threshold = (enum log_level)next->cfg.log.level;
	logwriter_set_path(access_path(next));
	if (c->admin != NULL)
		admin_set_token(c->admin, next->cfg.admin.token);
	log_notice("configuration loaded", "generation=%u", c->generation);
	plan_put(old);
	return 0;
}

static void on_hup(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	struct conf_error err;

	(void)fd;
	(void)what;
	if (c->starting)
		c->pending = c->pending != 0 ? c->pending : SIGHUP;
	else if (!c->draining)
		(void)!control_reload(c, &err);
}

static void on_usr1(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	logwriter_reopen();
	if (log_reopen() != 0)
		log_error("error log cannot be reopened", "reason=\"%s\"", strerror(errno));
}

/* ---- drain */

static void on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < c->n_workers; i++)
		if (!atomic_load(&c->workers[i].exited))
			return;
	event_base_loopbreak(c->base);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	struct timeval tick = { 0, 20000 };
	int64_t drain_us = c->draining ? 0 : c->conf->cfg.timeouts.drain_us;

	(void)fd;
	(void)what;
	if (c->starting) {
		c->pending = SIGTERM;
		return;
	}
	log_notice(c->draining ? "ending now" : "draining", "limit_s=%lld",
		(long long)drain_us / 1000000);
	for (unsigned i = 0; i < c->n_workers; i++)
		if (!atomic_load(&c->workers[i].exited))
			worker_post_drain(&c->workers[i], drain_us);
	if (!c->draining) {
		c->drain_tick = event_new(c->base, -1, EV_PERSIST, on_drain_tick, c);
		tg_assert(c->drain_tick != NULL);
		event_add(c->drain_tick, &tick);
	}
	c->draining = true;
}

/* ---- start */

static void panic_hook(void)
{
	const struct req *r = tg_worker != NULL ? tg_worker->current : NULL;
	struct str tenant = r != NULL && r->tenant != NULL ? r->tenant->name : STR("-");

	if (r != NULL)
		fprintf(stderr, "panic: request %s tenant %.*s path %.*s stage %s\n", r->id,
			STR_FMT(tenant), STR_FMT(r->url.path),
			stage_name(r->step < tg_n_steps ? tg_steps[r->step].stage : STAGE__MAX));
}

static int control_signals(struct control *c)
{
	static const struct {
		int no;
		void (*fn)(evutil_socket_t, short, void *);
	} rows[] = { { SIGHUP, on_hup }, { SIGUSR1, on_usr1 }, { SIGTERM, on_term },
		{ SIGINT, on_term } };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		/* What libevent puts back when the events are freed: a signal on the way out must
		 * not turn a clean end into a death by signal. */
		signal(rows[i].no, SIG_IGN);
		c->sig[i] = evsignal_new(c->base, rows[i].no, rows[i].fn, c);
		if (c->sig[i] == NULL || event_add(c->sig[i], NULL) != 0)
			return -1;
	}
	return 0;
}

static int start_failed(const char *what, const char *why)
{
	log_error(what, "reason=\"%s\"", why);
	return -1;
}

/* The ledger, what is shared, and limits as they were: before a worker takes a request. */
static int control_books(struct control *c)
{
	const char *path;
	char why[512];

	if (ledgerd_open(
		    &c->conf->cfg, c->generation, c->workers, c->n_workers, why, sizeof(why)) != 0)
		return start_failed("ledger", why);
	path = ledgerd_path();
	if (ledgership_open(path, why, sizeof(why)) != 0)
		return start_failed("ledger", why);
	if (quotasync_open(c->conf, c->base, c->resolver, path, c->workers, c->n_workers, why,
		    sizeof(why)) != 0)
		return start_failed("redis", why);
	if (quotaops_open(path, why, sizeof(why)) != 0 ||
		quotad_open(c->conf, path, why, sizeof(why)) != 0)
		return start_failed("limits", why);
	quotaops_apply(c->conf);
	plan_quota_apply(c->conf);
	quotasync_apply(c->conf);
	return 0;
}

static int control_threads(struct control *c)
{
	for (unsigned i = 0; i < c->n_workers; i++)
		if (worker_start(&c->workers[i]) != 0)
			return -1;
	ledgerd_tell(ledgership_told);
	if (ledgerd_start() != 0)
		return -1;
	if (logwriter_start(access_path(c->conf), c->workers, c->n_workers) == 0)
		return 0;
	log_error("access log", "path=%s reason=\"%s\"", access_path(c->conf), strerror(errno));
	return -1;
}

static int control_workers(struct control *c)
{
	int64_t want = c->conf->cfg.workers;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	sigset_t all, old;
	int rc = 0;

	c->n_workers = (unsigned)(want > 0 ? want : TG_MIN(TG_MAX(cpus, 1), CFG_WORKERS_MAX));
	c->workers = calloc(c->n_workers, sizeof(*c->workers));
	tg_assert(c->workers != NULL);
	/* Signals are the control thread's alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; i < c->n_workers && rc == 0; i++)
		rc = worker_init(&c->workers[i], c->n_workers, c->conf);
	if (rc == 0)
		rc = control_books(c);
	if (rc == 0)
		rc = control_threads(c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

/* A start whose first requests are not refused for want of a token that comes in a moment. */
static void control_wait_creds(const struct control *c)
{
	mono_us until = { clock_mono().us + CRED_WAIT_US };

	for (unsigned i = 0; i < c->conf->n_targets; i++) {
		const struct target *t = &c->conf->targets[i];

		if (t->cred != NULL && !cred_wait(t->cred, until.us - clock_mono().us))
			log_warn("no credential yet", "target=%.*s", STR_FMT(t->name));
	}
}

static void control_ready_file(const struct control *c)
{
	char tmp[4200], text[128];
	FILE *f;

	if (c->opt->ready_file == NULL)
		return;
	snprintf(tmp, sizeof(tmp), "%s.tmp", c->opt->ready_file);
	f = fopen(tmp, "w");
	if (f == NULL) {
		log_error("ready file", "path=%s reason=\"%s\"", tmp, strerror(errno));
		return;
	}
	fprintf(f, "{\"pid\":%ld,\"listen\":[", (long)getpid());
	for (unsigned i = 0; i < c->conf->n_listen; i++) {
		sockaddr_format(&c->conf->listen[i].bound, text, sizeof(text));
		fprintf(f, "%s\"%s\"", i > 0 ? "," : "", text);
	}
	fprintf(f, "]");
	if (c->admin != NULL) {
		sockaddr_format(&c->admin_bound, text, sizeof(text));
		fprintf(f, ",\"admin\":\"%s\"", text);
	}
	fprintf(f, "}\n");
	if (fclose(f) != 0 || rename(tmp, c->opt->ready_file) != 0)
		log_error(
			"ready file", "path=%s reason=\"%s\"", c->opt->ready_file, strerror(errno));
}

static int control_error_log(const struct control *c)
{
	char *path;
	int rc = 0;

	if (c->conf->cfg.log.error.n == 0)
		return 0;
	path = str_dup(c->conf->cfg.log.error);
	if (log_open(path) != 0) {
		log_error("error log", "reason=\"%s\"", strerror(errno));
		rc = -1;
	}
	free(path);
	return rc;
}

/* A connection is a descriptor, two with its provider's: all that may be had are taken. */
static void control_raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		log_warn("file limit", "reason=\"%s\"", strerror(errno));
}

/* All is there: credentials, what is shared, the admin listener; then the doors. */
static int control_open(struct control *c)
{
	control_wait_creds(c);
	c->starting = true; /* the loop may run already */
	quotasync_start();
	ledgership_apply(&c->conf->cfg, c->resolver);
	c->starting = false;
	if (control_admin_open(c) != 0 || quotad_watch(c->base, c->conf) != 0 ||
		geod_start(c->base, c->conf, c->workers, c->n_workers) != 0)
		return -1;
	for (unsigned i = 0; i < c->n_workers; i++)
		worker_post_conf(&c->workers[i], c->conf);
	listeners_publish(c->conf, c->workers, c->n_workers);
	health_checks_apply(c->conf);
	if (c->pending != 0)
		(void)raise(c->pending);
	return 0;
}

static int control_start(struct control *c)
{
	struct conf_error err;
	char why[256];

	control_raise_files();
	c->base = event_base_new();
	c->resolver = resolver_new(0);
	c->start = clock_mono();
	c->generation = 1;
	if (c->base == NULL || c->resolver == NULL)
		return -1;
	c->conf = plan_load(c->opt->conf_path, c->resolver, c->generation, &err);
	if (c->conf == NULL)
		return start_failed("configuration", err.text);
	log_threshold = (enum log_level)c->conf->cfg.log.level;
	if (control_error_log(c) != 0)
		return -1;
	modules_plan();
	tg_panic_hook = panic_hook;
	if (control_signals(c) != 0 || control_workers(c) != 0)
		return -1;
	if (listeners_prepare(c->conf, c->n_workers, why, sizeof(why)) != 0)
		return start_failed("listener", why);
	return control_open(c);
}

static void control_end(struct control *c)
{
	for (unsigned i = 0; i < c->n_workers; i++)
		pthread_join(c->workers[i].thread, NULL);
	health_checks_stop();
	quotasync_stop();           /* it asks the resolver */
	resolver_stop(c->resolver); /* it tells workers */
	ledgerd_stop();
	ledgership_stop();
	logwriter_stop();
	listeners_unlink();
	if (c->admin != NULL)
		admin_free(c->admin);
	for (unsigned i = 0; i < c->n_workers; i++)
		worker_fini(&c->workers[i]);
	ledgerd_free();
	quotasync_close(); /* after the workers' mailboxes: its letters may be in them */
	geod_stop();
	plan_put(c->conf);
	quotad_close();
	quotaops_close();
	resolver_free(c->resolver);
	for (size_t i = 0; i < TG_ARRAY_LEN(c->sig); i++)
		if (c->sig[i] != NULL)
			event_free(c->sig[i]);
	if (c->drain_tick != NULL)
		event_free(c->drain_tick);
	event_base_free(c->base);
	free(c->workers);
	log_notice("ended", "exit=0");
	/* Who fetches a credential still may be in a library that an orderly exit takes down. */
	if (!cred_drain(CRED_DRAIN_US))
		_exit(0);
}

int control_run(const struct control_options *opt)
{
	static struct control c; /* what a failed start leaves is still pointed to: no leak */

	c.opt = opt;
	if (control_start(&c) != 0)
		return 1; /* the process's memory goes with it */
	control_ready_file(&c);
	log_notice("ready", "workers=%u targets=%u models=%u prices=%zu", c.n_workers,
		c.conf->n_targets, c.conf->n_models, pricebook_size(c.conf->prices));
	event_base_dispatch(c.base);
	control_end(&c);
	return 0;
}
