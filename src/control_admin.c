/*
 * control_admin.c: the pages of the admin listener, and who answers them. They run on the control
 * thread, which the configuration belongs to; those that wait say that they have a thread of their
 * own.
 */
#include <stdio.h>

#include "admin/metrics.h"
#include "admin/metrics_page.h"
#include "admin/quota_page.h"
#include "admin/targets_page.h"
#include "admin/usage_page.h"
#include "base/log.h"
#include "control_int.h"
#include "geod.h"
#include "ledger/journal.h"
#include "ledgerd.h"
#include "ledgership.h"
#include "quotaops.h"
#include "quotasync.h"

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

int control_admin_open(struct control *c)
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
