/*
 * plan.c: from configuration to plan. Control thread; everything in the plan's arena.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cred_token.h"
#include "core/key_pool.h"
#include "core/label.h"
#include "core/plan.h"
#include "core/plan_keys.h"
#include "core/plan_prices.h"
#include "core/provider.h"
#include "core/ratio.h"
#include "core/shadow.h"
#include "io/resolve.h"
#include "io/tls.h"
#include "proto/json_scan.h"

#define PLAN_MAX_ROUTES 64 /* req.tried is a 64 bit set */

static int plan_fail(struct conf_error *err, const struct conf_pos *pos, const char *fmt, ...)
	TG_PRINTF(3, 4);

static int plan_fail(struct conf_error *err, const struct conf_pos *pos, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (pos != NULL && pos->file != NULL)
		snprintf(err->text, sizeof(err->text), "%.90s:%u:%u: %s", pos->file, pos->line,
			pos->col, text);
	else
		snprintf(err->text, sizeof(err->text), "%s", text);
	return -1;
}

static void *plan_alloc(struct tg_conf *c, size_t n)
{
	void *p = arena_zalloc(&c->arena, n > 0 ? n : 1);

	tg_assert(p != NULL);
	return p;
}

/* ---- targets */

static struct cfg_upstream clocks_inherit(
	const struct cfg_upstream *own, const struct cfg_upstream *def)
{
	struct cfg_upstream c = *own;

	if (c.connect_us == 0)
		c.connect_us = def->connect_us;
	if (c.first_byte_us == 0)
		c.first_byte_us = def->first_byte_us;
	if (c.between_bytes_us == 0)
		c.between_bytes_us = def->between_bytes_us;
	if (c.send_us == 0)
		c.send_us = def->send_us;
	if (c.total_us == 0)
		c.total_us = def->total_us;
	if (c.idle_us == 0)
		c.idle_us = def->idle_us;
	if (c.pool == 0)
		c.pool = def->pool;
	return c;
}

static struct str plan_host_field(struct tg_conf *c, const struct url *u)
{
	bool v6 = str_chr(u->host, ':') != (size_t)-1;
	bool standard = u->port == (u->tls ? 443 : 80);

	if (standard)
		return arena_printf(&c->arena, v6 ? "[%.*s]" : "%.*s", STR_FMT(u->host));
	return arena_printf(&c->arena, v6 ? "[%.*s]:%u" : "%.*s:%u", STR_FMT(u->host), u->port);
}

static int plan_target_tls(struct tg_conf *c, struct target *t, struct conf_error *err)
{
	char why[256];
	const char *ca = t->cfg->ca.n > 0 ? arena_dup(&c->arena, t->cfg->ca).p : NULL;

	if (!t->url.tls)
		return 0;
	t->tls = tls_client_ctx(ca, t->cfg->tls_verify, why, sizeof(why));
	return t->tls != NULL ? 0 : plan_fail(err, &t->cfg->pos, "%s", why);
}

/* Its credential, where it is one that changes: a file's, a command's, or as its provider has it.
 */
static int plan_target_cred(struct tg_conf *c, struct target *t, struct conf_error *err)
{
	const struct cfg_target *cfg = t->cfg;
	struct cred_source src = { .kind = NULL };
	char why[256] = "";

	if (cfg->token_file.n > 0)
		src = (struct cred_source){ &cred_token_file, { cfg->token_file } };
	else if (cfg->token_command.n > 0)
		src = (struct cred_source){ &cred_token_command, { cfg->token_command } };
	else if (t->provider->credential != NULL &&
		 t->provider->credential(cfg, &c->arena, &src, why, sizeof why) != 0)
		return plan_fail(err, &cfg->pos, "target '%.*s': %s", STR_FMT(cfg->name), why);
	if (src.kind != NULL)
		t->cred = cred_get(src.kind, src.arg, cfg->name);
	return 0;
}

/* Each with the lines that carry it, so that a request only takes one. */
static void plan_target_keys(struct tg_conf *c, struct target *t)
{
	const struct cfg_target_key *v = t->cfg->keys.v;

	t->n_keys = (unsigned)t->cfg->keys.n;
	tg_assert(t->n_keys <= KEY_POOL_MAX);
	t->keys = plan_alloc(c, t->n_keys * sizeof *t->keys);
	for (unsigned i = 0; i < t->n_keys; i++)
		t->keys[i] = (struct pool_key){ .id = v[i].id,
			.secret = v[i].key,
			.weight = (uint32_t)v[i].weight,
			.auth = t->provider->credentials(&c->arena, v[i].key) };
}

/* Where it is: as the configuration says, or else where its provider is for everybody. */
static int plan_target_url(struct target *t, struct conf_error *err)
{
	const struct cfg_target *cfg = t->cfg;
	struct str base = cfg->base_url;
	const char *why = NULL;

	if (base.n == 0)
		base = str_z(t->provider->base_url);
	if (base.n == 0)
		return plan_fail(err, &cfg->pos,
			"target '%.*s' needs a base_url: provider '%s' is somewhere else for "
			"everybody",
			STR_FMT(cfg->name), t->provider->name);
	if (url_parse(base, &t->url, &why) != 0)
		return plan_fail(
			err, &cfg->pos, "base_url of target '%.*s': %s", STR_FMT(cfg->name), why);
	return 0;
}

static int plan_target(
	struct tg_conf *c, struct target *t, const struct cfg_target *cfg, struct conf_error *err)
{
	const char *why = NULL;
	const struct url *dial;

	t->name = cfg->name;
	t->cfg = cfg;
	t->label = label_intern(cfg->name);
	t->weight = cfg->weight;
	t->provider = provider_find(cfg->provider);
	if (t->provider == NULL)
		return plan_fail(err, &cfg->pos, "unknown provider '%.*s'", STR_FMT(cfg->provider));
	if (t->provider->variant != NULL)
		t->provider = t->provider->variant(cfg);
	if (cfg->chat_api == CHAT_API_RESPONSES && t->provider->shape != SHAPE_RESPONSES)
		return plan_fail(err, &cfg->pos,
			"chat_api of target '%.*s': only provider openai has responses, not '%s'",
			STR_FMT(cfg->name), t->provider->name);
	if (plan_target_url(t, err) != 0 || plan_target_cred(c, t, err) != 0)
		return -1;
	if (cfg->proxy.n > 0 && url_parse(cfg->proxy, &t->proxy, &why) != 0)
		return plan_fail(
			err, &cfg->pos, "proxy of target '%.*s': %s", STR_FMT(cfg->name), why);
	if (t->proxy.tls)
		return plan_fail(err, &cfg->pos,
			"proxy of target '%.*s': only http:// proxies are spoken to",
			STR_FMT(cfg->name));
	t->clocks = clocks_inherit(&cfg->timeouts, &c->cfg.upstream);
	t->host_field = plan_host_field(c, &t->url);
	t->auth = t->provider->credentials(&c->arena, cfg->key);
	plan_target_keys(c, t);
	t->pool_key =
		arena_printf(&c->arena, "%d|%.*s|%u|%.*s|%d|%.*s", t->url.tls, STR_FMT(t->url.host),
			t->url.port, STR_FMT(cfg->ca), cfg->tls_verify, STR_FMT(cfg->proxy));
	dial = t->proxy.host.n > 0 ? &t->proxy : &t->url;
	t->addr = resolve_name_get(c->resolver, dial->host, dial->port);
	return plan_target_tls(c, t, err);
}

static int plan_targets(struct tg_conf *c, struct conf_error *err)
{
	const struct cfg_target *v = c->cfg.targets.v;

	c->targets = plan_alloc(c, c->cfg.targets.n * sizeof(*c->targets));
	for (size_t i = 0; i < c->cfg.targets.n; i++) {
		c->targets[i].index = c->n_targets++;
		if (plan_target(c, &c->targets[i], &v[i], err) != 0)
			return -1;
		map_put(&c->target_by_name, v[i].name, &c->targets[i]);
	}
	return 0;
}

/* ---- models */

static int plan_model(
	struct tg_conf *c, struct model *m, const struct cfg_model *cfg, struct conf_error *err)
{
	const struct cfg_model_target *v = cfg->targets.v;
	struct route_target *r;
	char *quoted;

	m->name = cfg->name;
	m->cfg = cfg;
	m->label = label_intern(cfg->name);
	m->n_routes = (unsigned)cfg->targets.n;
	if (m->n_routes > PLAN_MAX_ROUTES)
		return plan_fail(err, &cfg->pos,
			"model '%.*s' has %u targets; at most %d are possible", STR_FMT(cfg->name),
			m->n_routes, PLAN_MAX_ROUTES);
	m->route = plan_alloc(c, m->n_routes * sizeof(*m->route));
	for (unsigned i = 0; i < m->n_routes; i++) {
		r = &m->route[i];
		r->target = map_get(&c->target_by_name, v[i].target);
		if (r->target == NULL)
			return plan_fail(err, &v[i].pos, "no target '%.*s'", STR_FMT(v[i].target));
		r->model = v[i].model.n > 0 ? v[i].model : cfg->name;
		r->weight = v[i].weight > 0 ? v[i].weight : r->target->weight;
		r->says = capability_over(config_capabilities(&v[i].capabilities),
			config_capabilities(&r->target->cfg->capabilities));
		r->ratio = ratio_of(str_z(r->target->provider->name), r->model);
		quoted = plan_alloc(c, 6 * r->model.n + 3);
		r->model_json = str_mk(quoted, json_quote(quoted, 6 * r->model.n + 3, r->model));
	}
	return 0;
}

static int plan_models(struct tg_conf *c, struct conf_error *err)
{
	const struct cfg_model *v = c->cfg.models.v;

	c->models = plan_alloc(c, c->cfg.models.n * sizeof(*c->models));
	for (size_t i = 0; i < c->cfg.models.n; i++) {
		c->models[i].index = c->n_models++;
		if (plan_model(c, &c->models[i], &v[i], err) != 0)
			return -1;
		map_put(&c->model_by_name, v[i].name, &c->models[i]);
	}
	return 0;
}

/* ---- the rest */

static int plan_listeners(struct tg_conf *c, struct conf_error *err)
{
	const struct cfg_listen *v = c->cfg.listen.v;
	char why[256];

	c->n_listen = (unsigned)c->cfg.listen.n;
	c->listen = plan_alloc(c, c->n_listen * sizeof(*c->listen));
	for (unsigned i = 0; i < c->n_listen; i++) {
		struct plan_listen *l = &c->listen[i];
		const struct cfg_cert *certs = v[i].tls.v;
		struct tls_cert *tc = plan_alloc(c, v[i].tls.n * sizeof(*tc));
		l->cfg = &v[i];
		if (sockaddr_parse(v[i].address, &l->want, why, sizeof(why)) != 0)
			return plan_fail(err, &v[i].pos, "listen address '%.*s': %s",
				STR_FMT(v[i].address), why);
		for (size_t k = 0; k < v[i].tls.n; k++)
			tc[k] = (struct tls_cert){ arena_dup(&c->arena, certs[k].certificate).p,
				arena_dup(&c->arena, certs[k].key).p };
		if (v[i].tls.n > 0) {
			l->tls = tls_server_ctx(tc, v[i].tls.n, why, sizeof(why));
			if (l->tls == NULL)
				return plan_fail(err, &certs[0].pos, "%s", why);
		}
	}
	return 0;
}

static const struct price *route_price_at(
	const struct tg_conf *c, const struct route_target *t, wall_us at)
{
	return pricebook_find_at(c->prices, str_z(t->target->provider->name), t->model, at);
}

static int plan_prices(struct tg_conf *c, struct conf_error *err)
{
	char why[300];

	c->prices = plan_prices_build(&c->arena, &c->cfg, why, sizeof(why));
	if (c->prices == NULL)
		return plan_fail(err, NULL, "prices: %s", why);
	c->priced_from = clock_wall();
	c->priced_until = pricebook_next_change(c->prices, c->priced_from);
	for (unsigned i = 0; i < c->n_models; i++)
		for (unsigned k = 0; k < c->models[i].n_routes; k++) {
			struct route_target *t = &c->models[i].route[k];

			t->price = route_price_at(c, t, c->priced_from);
		}
	return 0;
}

const struct price *plan_route_price(
	const struct tg_conf *c, const struct route_target *t, wall_us at)
{
	if (at.us >= c->priced_from.us && at.us < c->priced_until.us)
		return t->price;
	return route_price_at(c, t, at);
}

static int plan_build(struct tg_conf *c, struct conf_error *err)
{
	const struct conf_pos *at;
	char why[400];

	if (plan_targets(c, err) != 0)
		return -1;
	if (plan_geo_build(c, why, sizeof(why)) != 0)
		return plan_fail(err, &c->cfg.geoip.pos, "geoip: %s", why);
	if (plan_models(c, err) != 0 || plan_route_build(c) != 0 || plan_keys(c) != 0 ||
		plan_quota_build(c, err) != 0 || guardrail_build(c, err) != 0 ||
		plan_listeners(c, err) != 0 || plan_prices(c, err) != 0)
		return -1;
	if (plan_shadows(c, &at, why, sizeof why) != 0)
		return plan_fail(err, at, "%s", why);
	return 0;
}

struct tg_conf *plan_load(
	const char *path, struct resolver *r, unsigned generation, struct conf_error *err)
{
	struct tg_conf *c = calloc(1, sizeof(*c));

	tg_assert(c != NULL);
	INIT_OBJ(c, TG_CONF_MAGIC);
	atomic_store(&c->refs, 1);
	c->generation = generation;
	c->resolver = r;
	arena_init(&c->arena, NULL, 0);
	map_init(&c->model_by_name);
	map_init(&c->target_by_name);
	if (conf_load_file(path, &config_root, &c->arena, &c->cfg, err) != 0 ||
		plan_build(c, err) != 0) {
		plan_put(c);
		return NULL;
	}
	return c;
}

void plan_get(struct tg_conf *c)
{
	CHECK_OBJ(c, TG_CONF_MAGIC);
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void plan_put(struct tg_conf *c)
{
	CHECK_OBJ(c, TG_CONF_MAGIC);
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < c->n_targets; i++) {
		if (c->targets[i].addr != NULL)
			resolve_name_put(c->resolver, c->targets[i].addr);
		if (c->targets[i].tls != NULL)
			tls_ctx_free(c->targets[i].tls);
		if (c->targets[i].cred != NULL)
			cred_put(c->targets[i].cred);
	}
	for (unsigned i = 0; i < c->n_listen; i++)
		if (c->listen[i].tls != NULL)
			tls_ctx_free(c->listen[i].tls);
	if (c->prices != NULL)
		pricebook_free(c->prices);
	plan_quota_fini(c);
	plan_geo_fini(c);
	map_fini(&c->model_by_name);
	map_fini(&c->target_by_name);
	arena_fini(&c->arena);
	FINI_OBJ(c);
	free(c);
}

struct model *plan_find_model(const struct tg_conf *c, struct str name)
{
	return map_get(&c->model_by_name, name);
}
