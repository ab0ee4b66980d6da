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

#include <event2/event.h>

#include "admin/admin.h"
#include "admin/metrics.h"
#include "admin/metrics_page.h"
#include "admin/quota_page.h"
#include "admin/targets_page.h"
#include "admin/usage_page.h"
#include "base/log.h"
#include "control.h"
#include "core/health_check.h"
#include "core/module.h"
#include "core/plan.h"
#include "core/req.h"
#include "core/worker.h"
#include "geod.h"
#include "io/cred.h"
#include "io/resolve.h"
#include "ledger/journal.h"
#include "ledgerd.h"
#include "ledgership.h"
#include "listeners.h"
#include "logwriter.h"
#include "quotad.h"
#include "quotaops.h"
#include "quotasync.h"

#define NAME_WAIT_US  2000000
#define CRED_WAIT_US  5000000 /* for all of them together */
#define CRED_DRAIN_US 1000000

struct control {
	const struct control_options *opt;
	struct event_base *base;
	struct resolver *resolver;
	struct tg_conf *conf; /* current; one reference */
	struct worker *workers;
	unsigned n_workers;
	struct admin *admin;
	struct sockaddr_any admin_bound;
	struct event *sig[5], *drain_tick;
	mono_us start;
	unsigned generation;
	uint64_t reload_failures;
	bool draining;
	bool starting;
	int pending; /* a signal that came meanwhile; 0: none */
};

/* ---- admin listener */

static void admin_livez(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)q;
	(void)ctx;
	admin_reply_printf(r, "{\"status\":\"ok\"}\n");
}

static const char ledger_failing[] = "failing";

static const char *ledger_status(void)
{
	struct journal_stats s;

	if (ledgerd_journal() == NULL)
		return "none";
	journal_stats_get(ledgerd_journal(), &s);
	return s.failing ? ledger_failing : "ok";
}

static void admin_readyz(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	struct control *c = ctx;
	const char *ledger = ledger_status();
	bool ledger_ok = ledger != ledger_failing;

	(void)q;
	if (c->draining || !ledger_ok)
		admin_reply_status(r, 503);
	admin_reply_printf(r,
		"{\"status\":\"%s\",\"config_generation\":%u,\"workers\":%u,\"ledger\":\"%s\","
		"\"redis\":\"%s\",\"targets\":{",
		c->draining ? "draining"
		: ledger_ok ? "ready"
			    : "ledger_unavailable",
		c->generation, c->n_workers, ledger, quotasync_status());
	for (unsigned i = 0; i < c->conf->n_targets; i++) {
		const struct target *t = &c->conf->targets[i];

		admin_reply_printf(r, "%s\"%.*s\":\"%s\"", i > 0 ? "," : "", STR_FMT(t->name),
			targets_status(c->conf, t, clock_mono()));
	}
	admin_reply_printf(r, "}}\n");
}

static void admin_metrics(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	struct control *c = ctx;
	struct metrics_source src = { c->workers, c->n_workers, c->generation, c->reload_failures,
		mono_since(clock_mono(), c->start), c->conf->cfg.member, ledgerd_journal(),
		quotasync_stats(), &c->conf->quota, ledgership_stats(), geod_current(),
		geod_failures(), c->conf };

	(void)q;
	admin_reply_type(r, METRICS_CONTENT_TYPE);
	metrics_page(admin_reply_body(r), &src);
}

static int control_reload(struct control *c, struct conf_error *err);

static void admin_reload(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	struct control *c = ctx;
	struct conf_error err;

	(void)q;
	if (c->draining)
		admin_reply_error(r, 503, "draining", "the gateway is shutting down");
	else if (control_reload(c, &err) != 0)
		admin_reply_error(r, 400, "invalid_configuration", "%s", err.text);
	else
		admin_reply_printf(r, "{\"status\":\"reloaded\"}\n");
}

/* On a thread of its own: the path is that of the ledger that is open. */
static void admin_usage(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)ctx;
	usage_page(r, q->query, ledgerd_path());
}

static void admin_quota(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	const struct control *c = ctx;

	quota_page(r, q->query, c->conf);
}

static void admin_quota_adjust(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	struct control *c = ctx;

	quotaops_adjust_page(r, q->body, c->conf);
}

static void admin_quota_set(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	struct control *c = ctx;

	quotaops_set_page(r, q->body, c->conf);
	quotasync_apply(c->conf); /* shared ones */
}

/* On a thread of its own: it waits for Redis. */
static void admin_quota_fence(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	(void)ctx;
	quotasync_fence_page(r, q->body);
}

static void admin_targets(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	const struct control *c = ctx;

	(void)q;
	targets_page(r, c->conf);
}

static void admin_targets_drain(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	const struct control *c = ctx;

	targets_drain_page(r, q->body, c->conf, true);
}

static void admin_targets_enable(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	const struct control *c = ctx;

	targets_drain_page(r, q->body, c->conf, false);
}

static void admin_route_explain(struct admin_reply *r, const struct admin_request *q, void *ctx)
{
	const struct control *c = ctx;

	route_explain_page(r, q->query, c->conf);
}

static const struct admin_route admin_routes[] = {
	{ "GET", "/livez", admin_livez, true, false, "The process is alive." },
	{ "GET", "/readyz", admin_readyz, true, false,
		"The process takes requests; 503 while draining, or while the ledger cannot be "
		"written." },
	{ "GET", "/metrics", admin_metrics, false, false,
		"Metrics in the Prometheus text format." },
	{ "POST", "/admin/v1/reload", admin_reload, false, false,
		"Load the configuration again, as SIGHUP does." },
	{ "GET", "/admin/v1/usage", admin_usage, false, true,
		"Who spent what, from the ledger: by=tenant,model&since=7d, as tgctl usage." },
	{ "GET", "/admin/v1/quota", admin_quota, false, false,
		"Every limit and what is left of it: scope=tenant:acme&dimension=cost; tree=yes: "
		"also which scopes contain which." },
	{ "POST", "/admin/v1/quota/adjust", admin_quota_adjust, false, false,
		"Correct what is used, as tgctl quota adjust: {scope, dimension, value, why, "
		"who}." },
	{ "POST", "/admin/v1/quota/fence", admin_quota_fence, false, true,
		"Go on without a member of shared limits, as tgctl quota fence: {member, mode, "
		"why, "
		"who}." },
	{ "POST", "/admin/v1/quota/set", admin_quota_set, false, false,
		"Another amount for a limit, as tgctl quota set: {scope, dimension, value, why, "
		"who}." },
	{ "GET", "/admin/v1/targets", admin_targets, false, false,
		"Targets: state, circuits, what was learned of their models." },
	{ "POST", "/admin/v1/targets/drain", admin_targets_drain, false, false,
		"Send a target nothing new, as tgctl targets drain: {target}." },
	{ "POST", "/admin/v1/targets/enable", admin_targets_enable, false, false,
		"Send it requests again, and forget its failures: {target}." },
	{ "GET", "/admin/v1/route/explain", admin_route_explain, false, false,
		"Which target a request would go to, and why: "
		"model=M&tenant=T&tokens=N&output=N&route=R." },
};

static int control_admin(struct control *c)
{
	const struct cfg_admin *cfg = &c->conf->cfg.admin;
	struct sockaddr_any want;
	char err[256];

	if (cfg->address.n == 0)
		return 0;
	if (sockaddr_parse(cfg->address, &want, err, sizeof(err)) == 0)
		c->admin = admin_new(c->base, &want, cfg->token, admin_routes,
			TG_ARRAY_LEN(admin_routes), c, &c->admin_bound, err, sizeof(err));
	if (c->admin == NULL) {
		log_error("admin listener", "reason=\"%s\"", err);
		return -1;
	}
	return 0;
}

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

/* Builds the new tree aside; the old one keeps running on any error. */
static int control_reload(struct control *c, struct conf_error *err)
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

static int control_workers(struct control *c)
{
	int64_t want = c->conf->cfg.workers;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	sigset_t all, old;
	char why[512];
	int rc = 0;

	c->n_workers = (unsigned)(want > 0 ? want : TG_MIN(TG_MAX(cpus, 1), CFG_WORKERS_MAX));
	c->workers = calloc(c->n_workers, sizeof(*c->workers));
	tg_assert(c->workers != NULL);
	/* Signals are the control thread's alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; i < c->n_workers && rc == 0; i++)
		rc = worker_init(&c->workers[i], c->n_workers, c->conf);
	if (rc == 0 && ledgerd_open(&c->conf->cfg, c->generation, c->workers, c->n_workers, why,
			       sizeof(why)) != 0) {
		log_error("ledger", "reason=\"%s\"", why);
		rc = -1;
	}
	if (rc == 0 && ledgership_open(ledgerd_path(), why, sizeof(why)) != 0) {
		log_error("ledger", "reason=\"%s\"", why);
		rc = -1;
	}
	if (rc == 0 && quotasync_open(c->conf, c->base, c->resolver, ledgerd_path(), c->workers,
			       c->n_workers, why, sizeof(why)) != 0) {
		log_error("redis", "reason=\"%s\"", why);
		rc = -1;
	}
	if (rc == 0 && (quotaops_open(ledgerd_path(), why, sizeof(why)) != 0 ||
			       quotad_open(c->conf, ledgerd_path(), why, sizeof(why)) != 0)) {
		log_error("limits", "reason=\"%s\"", why);
		rc = -1;
	}
	if (rc == 0) {
		quotaops_apply(c->conf);
		plan_quota_apply(c->conf);
		quotasync_apply(c->conf);
	}
	for (unsigned i = 0; i < c->n_workers && rc == 0; i++)
		rc = worker_start(&c->workers[i]);
	ledgerd_tell(ledgership_told);
	if (rc == 0)
		rc = ledgerd_start();
	if (rc == 0 && logwriter_start(access_path(c->conf), c->workers, c->n_workers) != 0) {
		log_error("access log", "path=%s reason=\"%s\"", access_path(c->conf),
			strerror(errno));
		rc = -1;
	}
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
	if (c->conf == NULL) {
		log_error("configuration", "reason=\"%s\"", err.text);
		return -1;
	}
	log_threshold = (enum log_level)c->conf->cfg.log.level;
	if (control_error_log(c) != 0)
		return -1;
	modules_plan();
	tg_panic_hook = panic_hook;
	if (control_signals(c) != 0 || control_workers(c) != 0)
		return -1;
	if (listeners_prepare(c->conf, c->n_workers, why, sizeof(why)) != 0) {
		log_error("listener", "reason=\"%s\"", why);
		return -1;
	}
	control_wait_creds(c);
	c->starting = true; /* the loop may run already */
	quotasync_start();
	ledgership_apply(&c->conf->cfg, c->resolver);
	c->starting = false;
	if (control_admin(c) != 0 || quotad_watch(c->base, c->conf) != 0 ||
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
