/*
 * targets_page.c: see targets_page.h.
 */
#include "admin/targets_page.h"

#include "base/log.h"
#include "core/choice.h"
#include "core/key_pool.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/spots.h"
#include "proto/json_scan.h"
#include "proto/outbuf.h"
#include "proto/url.h"

#define VALUE_MAX 512
#define get(p)    atomic_load_explicit(p, memory_order_relaxed)

/* ---- state */

/* Is any model of it asked now? */
static bool any_up(const struct tg_conf *c, const struct target *t, mono_us now)
{
	bool any = circuit_state(&t->spot->circuit, now) == CIRCUIT_CLOSED, some = false;

	for (unsigned i = 0; i < c->n_models; i++)
		for (unsigned k = 0; k < c->models[i].n_routes; k++) {
			const struct route_target *r = &c->models[i].route[k];

			if (r->target != t)
				continue;
			if (circuit_state(&r->spot->circuit, now) == CIRCUIT_CLOSED)
				return true;
			some = true;
		}
	return !some && any;
}

const char *targets_status(const struct tg_conf *c, const struct target *t, mono_us now)
{
	if (get(&t->state->drained))
		return "drained";
	if (get(&t->state->refused_until_us) > now.us)
		return "refused";
	return !get(&t->state->check_down) && any_up(c, t, now) ? "up" : "down";
}

static void put_seconds(struct outbuf *b, const char *name, int64_t until_us, mono_us now)
{
	int64_t ms = TG_MAX(until_us - now.us, 0) / 1000;

	outbuf_printf(
		b, ",\"%s\":%lld.%03lld", name, (long long)(ms / 1000), (long long)(ms % 1000));
}

static void put_spot(struct outbuf *b, struct str model, struct spot *s, mono_us now)
{
	static const char *const states[] = { "closed", "open", "half_open" };

	spot_refresh(s, now);
	outbuf_lit(b, "{\"model\":");
	outbuf_json(b, model);
	outbuf_printf(b, ",\"circuit\":\"%s\"", states[circuit_state(&s->circuit, now)]);
	put_seconds(b, "open_seconds", get(&s->circuit.open_until_us), now);
	put_seconds(b, "ejected_seconds", get(&s->circuit.ejected_until_us), now);
	put_seconds(b, "limited_seconds", get(&s->not_before_us), now);
	outbuf_printf(b,
		",\"in_flight\":%u,\"first_token_ms\":%u,\"token_us\":%u,\"requests\":%u,"
		"\"of_members\":%u,\"failures\":0.%04u}",
		get(&s->view.inflight), get(&s->view.first_us) / 1000,
		get(&s->view.token_ns) / 1000, get(&s->view.volume), get(&s->view.peer_volume),
		get(&s->view.bad_q16) * 9999u / 65536u);
}

static void put_spots(
	struct outbuf *b, const struct tg_conf *c, const struct target *t, mono_us now)
{
	const struct spot *seen[256];
	unsigned n = 0;

	for (unsigned i = 0; i < c->n_models; i++)
		for (unsigned k = 0; k < c->models[i].n_routes; k++) {
			const struct route_target *r = &c->models[i].route[k];
			unsigned j = 0;

			while (j < n && seen[j] != r->spot)
				j++;
			if (r->target != t || j < n || n == TG_ARRAY_LEN(seen))
				continue;
			outbuf_put(b, n > 0 ? STR(",") : STR_NONE);
			seen[n++] = r->spot;
			put_spot(b, r->model, r->spot, now);
		}
}

static void put_keys(struct outbuf *b, const struct tg_conf *c, const struct target *t, mono_us now)
{
	outbuf_lit(b, ",\"keys\":[");
	for (unsigned i = 0; i < t->n_keys; i++) {
		const struct pool_key *k = &t->keys[i];
		int64_t refused = get(&k->state->refused_until_us);
		int64_t limited = key_pool_limited_until(c, t, k);

		outbuf_put(b, i > 0 ? STR(",{\"id\":") : STR("{\"id\":"));
		outbuf_json(b, k->id);
		outbuf_printf(b, ",\"state\":\"%s\"",
			refused > now.us   ? "refused"
			: limited > now.us ? "limited"
					   : "up");
		put_seconds(b, "refused_seconds", refused, now);
		put_seconds(b, "limited_seconds", limited, now);
		outbuf_printf(b, ",\"refusals\":%u,\"limited\":%u}", get(&k->state->refusals),
			get(&k->state->limited));
	}
	outbuf_lit(b, "]");
}

static void put_target(
	struct outbuf *b, const struct tg_conf *c, const struct target *t, mono_us now)
{
	const struct capacity_limits *l = &t->cfg->limits.limit;

	outbuf_lit(b, "{\"name\":");
	outbuf_json(b, t->name);
	outbuf_lit(b, ",\"provider\":");
	outbuf_json(b, str_z(t->provider->name));
	outbuf_lit(b, ",\"region\":");
	outbuf_json(b, t->cfg->region);
	outbuf_printf(b, ",\"state\":\"%s\"", targets_status(c, t, now));
	put_seconds(b, "refused_seconds", get(&t->state->refused_until_us), now);
	if (l->concurrency > 0)
		outbuf_printf(b, ",\"concurrency\":{\"used\":%lld,\"limit\":%lld}",
			(long long)get(&t->state->capacity.inflight), (long long)l->concurrency);
	if (t->cfg->health_check.path.n > 0)
		outbuf_printf(b, ",\"health_check\":{\"state\":\"%s\",\"checks\":%u,\"failed\":%u}",
			get(&t->state->check_down) ? "down" : "up", get(&t->state->checks),
			get(&t->state->checks_failed));
	if (t->n_keys > 0)
		put_keys(b, c, t, now);
	outbuf_lit(b, ",\"models\":[");
	put_spots(b, c, t, now);
	outbuf_lit(b, "]}");
}

void targets_page(struct admin_reply *r, const struct tg_conf *c)
{
	struct outbuf *b = admin_reply_body(r);
	mono_us now = clock_mono();

	outbuf_lit(b, "{\"targets\":[");
	for (unsigned i = 0; i < c->n_targets; i++) {
		outbuf_put(b, i > 0 ? STR(",\n") : STR_NONE);
		put_target(b, c, &c->targets[i], now);
	}
	outbuf_lit(b, "]}\n");
}

/* ---- drain and enable */

static void spots_reset(const struct tg_conf *c, const struct target *t)
{
	circuit_reset(&t->spot->circuit);
	for (unsigned i = 0; i < c->n_models; i++)
		for (unsigned k = 0; k < c->models[i].n_routes; k++)
			if (c->models[i].route[k].target == t) {
				circuit_reset(&c->models[i].route[k].spot->circuit);
				spot_unlimit(c->models[i].route[k].spot);
			}
}

static struct target *find_target(
	struct admin_reply *r, struct str name, const struct tg_conf *c, const char **near)
{
	const char *words[256];
	struct target *t = map_get(&c->target_by_name, name);
	size_t n = 0;

	*near = NULL;
	if (t != NULL)
		return t;
	for (; n < c->n_targets && n < TG_ARRAY_LEN(words); n++)
		words[n] = c->targets[n].name.p;
	*near = str_nearest(name, words, n);
	admin_reply_error(r, 404, "not_found", "there is no target `%.*s`%s%s%s", STR_FMT(name),
		*near != NULL ? "; did you mean `" : "", *near != NULL ? *near : "",
		*near != NULL ? "`?" : "");
	return NULL;
}

void targets_drain_page(struct admin_reply *r, struct str body, const struct tg_conf *c, bool drain)
{
	struct json_watch w[1] = { { STR("target"), { .type = JSON_NONE } } };
	char name[VALUE_MAX];
	struct json_fail fail;
	const char *near;
	struct str text;
	struct target *t;

	if (json_scan_object(body, w, 1, &fail) != 0 ||
		json_decode(&w[0].val, name, sizeof name, &text) != 0)
		admin_reply_error(r, 400, "bad_request",
			"the body is {\"target\": NAME}: which target is meant?");
	else if ((t = find_target(r, text, c, &near)) != NULL) {
		atomic_store(&t->state->drained, drain);
		if (!drain) {
			atomic_store(&t->state->refused, 0);
			atomic_store(&t->state->forbidden, 0);
			atomic_store(&t->state->refused_until_us, 0);
			key_pool_reset(c, t);
			spots_reset(c, t);
		}
		log_notice(
			drain ? "target drained" : "target enabled", "target=%.*s", STR_FMT(text));
		put_target(admin_reply_body(r), c, t, clock_mono());
		admin_reply_write(r, STR("\n"));
	}
}

/* ---- explain */

enum { Q_MODEL, Q_TENANT, Q_TOKENS, Q_OUTPUT, Q_ROUTE, Q_NEEDS, Q__N };

struct asked {
	char buf[Q__N][VALUE_MAX];
	struct str v[Q__N];
};

/* -1: answered. */
static int read_query(struct admin_reply *r, struct str query, struct asked *q)
{
	static const struct str names[Q__N] = { { "model", 5 }, { "tenant", 6 }, { "tokens", 6 },
		{ "output", 6 }, { "route", 5 }, { "needs", 5 } };
	struct str name, value;

	while (url_query_next(&query, &name, &value)) {
		size_t i = 0;

		while (i < Q__N && !str_eq(name, names[i]))
			i++;
		if (i == Q__N) {
			admin_reply_error(r, 400, "bad_request",
				"no parameter `%.*s`; there are model, tenant, tokens, output, "
				"route and needs",
				STR_FMT(name));
			return -1;
		}
		if (value.n >= VALUE_MAX || url_decode(value, q->buf[i], value.n, &q->v[i]) != 0) {
			admin_reply_error(r, 400, "bad_request",
				"the query is not name=value pairs, percent-encoded");
			return -1;
		}
	}
	return 0;
}

static int read_count(struct admin_reply *r, const char *name, struct str v, uint64_t *out)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9' || i >= 9) {
			admin_reply_error(r, 400, "bad_request",
				"%s is a number of tokens, not `%.*s`", name, STR_FMT(v));
			return -1;
		}
		*out = *out * 10 + (uint64_t)(v.p[i] - '0');
	}
	return 0;
}

/* The tenant's first key: regions may differ by key, most do not. */
static const struct key *find_key(const struct tg_conf *c, struct str tenant)
{
	const struct key *found = NULL;

	for (size_t i = 0; i < c->key_cap; i++) {
		const struct key *k = c->key_slots[i];

		if (k != NULL && str_eq(k->tenant->name, tenant) &&
			(found == NULL || k->cfg < found->cfg))
			found = k;
	}
	return found;
}

/* "vision,tools" */
static int read_needs(struct admin_reply *r, struct str v, unsigned *out)
{
	while (v.n > 0) {
		size_t comma = str_chr(v, ',');
		struct str word = str_mk(v.p, comma == (size_t)-1 ? v.n : comma);
		enum capability c = capability_of(word);

		if (c == CAPABILITY__MAX) {
			admin_reply_error(r, 400, "bad_request",
				"needs are of vision, tools, json_schema, documents, audio and "
				"reasoning, with commas; `%.*s` is none",
				STR_FMT(word));
			return -1;
		}
		*out |= 1u << c;
		v = str_skip(v, comma == (size_t)-1 ? v.n : comma + 1);
	}
	return 0;
}

/* -1: answered. */
static int fill_ask(struct admin_reply *r, const struct asked *q, struct choice_ask *a)
{
	a->input = q->v[Q_TOKENS].n == 0 ? 1000 : 0;
	if (read_count(r, "tokens", q->v[Q_TOKENS], &a->input) != 0 ||
		read_count(r, "output", q->v[Q_OUTPUT], &a->output) != 0 ||
		read_needs(r, q->v[Q_NEEDS], &a->needs) != 0)
		return -1;
	a->model = plan_find_model(a->conf, q->v[Q_MODEL]);
	if (a->model == NULL) {
		admin_reply_error(
			r, 404, "not_found", "there is no model `%.*s`", STR_FMT(q->v[Q_MODEL]));
		return -1;
	}
	a->preset = a->model->preset;
	a->asked = a->model->name;
	if (q->v[Q_ROUTE].n > 0 && (a->preset = plan_preset(a->conf, q->v[Q_ROUTE])) == NULL) {
		admin_reply_error(
			r, 404, "not_found", "there is no route `%.*s`", STR_FMT(q->v[Q_ROUTE]));
		return -1;
	}
	if (q->v[Q_TENANT].n > 0 && (a->key = find_key(a->conf, q->v[Q_TENANT])) == NULL) {
		admin_reply_error(r, 404, "not_found", "there is no tenant `%.*s` with a key",
			STR_FMT(q->v[Q_TENANT]));
		return -1;
	}
	return 0;
}

/* A tenant's request may be another model's by now. */
static void explain_degrade(struct choice_ask *a, char text[GUARDRAIL_TEXT_MAX])
{
	const struct guardrail_case c = { .conf = a->conf,
		.key = a->key,
		.model_asked = a->model->name,
		.tags = a->key != NULL ? a->key->tags_json : STR_NONE,
		.now = a->at };
	bool own = a->preset == a->model->preset;
	const struct plan_guardrail *by;
	struct model *m;
	int64_t bp;

	if (a->key == NULL || !a->conf->guards.degrade)
		return;
	m = guardrail_find(&c, plan_find_model(a->conf, a->model->name), &by, &bp);
	if (by == NULL)
		return;
	a->model = m;
	a->preset = own ? m->preset : a->preset;
	a->degraded = guardrail_text(text, m, by, bp);
}

void route_explain_page(struct admin_reply *r, struct str query, const struct tg_conf *c)
{
	static uint32_t random = 2463534242;
	struct choice_ask a = {
		.conf = c, .now = clock_mono(), .at = clock_wall(), .thread = SPOT_SLOTS - 1
	};
	struct choice choice;
	char text[GUARDRAIL_TEXT_MAX];
	struct asked q = { .v = { { NULL, 0 } } };

	for (size_t i = 0; i < TG_ARRAY_LEN(a.random); i++) {
		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		a.random[i] = random;
	}
	if (read_query(r, query, &q) != 0 || fill_ask(r, &q, &a) != 0)
		return;
	explain_degrade(&a, text);
	choice_make(&a, &choice);
	choice_json(admin_reply_body(r), &a, &choice);
}
