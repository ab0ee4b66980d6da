/*
 * mod_accesslog.c: one JSON line a request, into the worker's ring; the log thread writes it out.
 * Never blocks: a full ring drops the line and counts it.
 */
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "core/hedge.h"
#include "core/plan.h"
#include "core/req.h"
#include "core/shadow.h"
#include "core/usage_text.h"
#include "ledger/names.h"
#include "modules.h"
#include "proto/json_scan.h"

#define LINE_MAX_BYTES (64 * 1024) /* all a client may say, each byte escaped, and its tags */

/* So much of the ring is for lines that tell a cost: a flood of others cannot push them out. */
#define KEPT_BYTES (256 * 1024)

struct line {
	char *p;
	size_t n, cap;
};

static void put(struct line *l, struct str s)
{
	size_t n = TG_MIN(s.n, l->cap - l->n);

	if (n > 0)
		memcpy(l->p + l->n, s.p, n);
	l->n += n;
}

#define put_lit(l, lit) put((l), STR(lit))

static void put_quoted(struct line *l, struct str s)
{
	size_t n = json_quote(l->p + l->n, l->cap - l->n, str_mk(s.p, TG_MIN(s.n, (size_t)512)));

	if (n == 0)
		put_lit(l, "null");
	l->n += n;
}

static void put_member(struct line *l, struct str name, struct str value)
{
	if (value.n == 0)
		return;
	put(l, name);
	put_quoted(l, value);
}

static void put_num(struct line *l, struct str name, int64_t v)
{
	if (l->cap - l->n < name.n + 24)
		return;
	put(l, name);
	l->n += num_put_i64(l->p + l->n, v);
}

static void put_who(struct line *l, const struct req *r)
{
	put_member(l, STR(",\"client\":"), str_z(r->client_text));
	if (r->place.country[0] != '\0')
		put_member(l, STR(",\"country\":"), str_mk(r->place.country, 2));
	if (r->place.asn != 0)
		put_num(l, STR(",\"asn\":"), r->place.asn);
	if (r->key != NULL)
		put(l, r->key->log_text);
	put_member(l, STR(",\"session\":"), r->session);
	put_member(l, STR(",\"end_user\":"), r->end_user);
	if (r->tags_json.n > 2 && r->tags_json.n < (l->cap - l->n) / 2) {
		put_lit(l, ",\"tags\":");
		put(l, r->tags_json);
	}
}

static void put_target(struct line *l, const struct target *t)
{
	put_member(l, STR(",\"target\":"), t->name);
	put_member(l, STR(",\"region\":"), t->cfg->region);
}

/* Of a target with several keys, which one; never more than its name. */
static void put_provider_key(struct line *l, const struct req *r)
{
	if (r->keys.key != NULL && r->keys.of == r->route->target)
		put_member(l, STR(",\"provider_key\":"), r->keys.key->id);
}

/* Whose copy it is. */
static void put_copy(struct line *l, const struct req *r)
{
	char id[REQ_ID_LEN];

	if (TG_UNLIKELY(r->shadow != NULL)) {
		rec_id_text(id, r->shadow->of);
		put_member(l, STR(",\"shadow_of\":"), str_mk(id, sizeof id));
	}
	if (TG_UNLIKELY(r->hedge != NULL && r->hedge->twin == r)) {
		rec_id_text(id, r->hedge->of);
		put_member(l, STR(",\"hedge_of\":"), str_mk(id, sizeof id));
	}
}

static void put_what(struct line *l, const struct req *r)
{
	put_member(l, STR(",\"method\":"), http_method_text(&r->head));
	put_member(l, STR(",\"path\":"), r->url.path);
	put_member(l, STR(",\"model\":"), r->model_asked);
	put_member(l, STR(",\"model_served\":"), r->model_served);
	put_member(l, STR(",\"degraded\":"), r->degraded);
	if (r->rule != NULL)
		put_member(l, STR(",\"rule\":"), r->rule->name);
	if (r->route != NULL) {
		put_target(l, r->route->target);
		put_provider_key(l, r);
	}
	put_num(l, STR(",\"attempts\":"), r->n_attempts);
	put(l, r->stream ? STR(",\"stream\":true") : STR(",\"stream\":false"));
	if (r->clamp.sent > 0)
		put_num(l, STR(",\"max_tokens_clamped\":"), (int64_t)r->clamp.sent);
	put_num(l, STR(",\"status\":"), r->status);
	put_member(l, STR(",\"end\":"), str_z(rec_end_name(r->end)));
	if (r->error != TG_E_NONE)
		put_member(l, STR(",\"error\":"), str_z(tg_error_row(r->error)->code));
	put_member(l, STR(",\"denied_by\":"), r->denied);
}

/* What of the legs that were over, and of the last. */
static pico_usd sum_usd(pico_usd spent, pico_usd last)
{
	return money_add(&spent, last) == 0 ? spent : INT64_MAX;
}

/* The three prices: mostly one amount, written out once. */
static void put_prices(struct line *l, const struct req *r)
{
	const struct rec_money *m = &r->leg.money, *s = &r->spent;
	const struct {
		struct str name;
		pico_usd v;
	} rows[] = { { STR(",\"cost_usd\":"), sum_usd(s->contracted, m->contracted) },
		{ STR(",\"list_usd\":"), sum_usd(s->list, m->list) },
		{ STR(",\"billed_usd\":"), sum_usd(s->billed, m->billed) } };
	char text[MONEY_USD_LEN];
	size_t n = 0;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		if (i == 0 || rows[i].v != rows[i - 1].v)
			n = money_put_usd(text, rows[i].v);
		put(l, rows[i].name);
		put_lit(l, "\"");
		put(l, str_mk(text, n));
		put_lit(l, "\"");
	}
}

/* Of the last leg, or of those before it. */
static bool has_cost(const struct req *r)
{
	return r->metered || r->leg.charge > CHARGE_NOTHING || r->spent.contracted > 0 ||
	       r->spent.billed > 0;
}

static void put_money(struct line *l, const struct req *r)
{
	char text[USAGE_JSON_MAX];

	if (!has_cost(r))
		return;
	put_lit(l, ",\"usage\":");
	put(l, str_mk(text, usage_json(text, &r->leg.usage)));
	put_member(l, STR(",\"usage_source\":"), str_z(usage_source_name(r->leg.usage.source)));
	put_member(l, STR(",\"service_tier\":"), r->service_tier);
	put_prices(l, r);
	put_member(l, STR(",\"quality\":"), str_z(rec_quality_name(r->leg.quality)));
	if (((r->leg.money.flags | r->spent.flags) & MONEY_UNPRICED) != 0)
		put_lit(l, ",\"unpriced\":true");
}

static void put_timing(struct line *l, const struct req *r)
{
	put_num(l, STR(",\"bytes_in\":"), (int64_t)r->bytes_in);
	put_num(l, STR(",\"bytes_out\":"), (int64_t)r->bytes_out);
	put_num(l, STR(",\"us\":{\"head\":"), r->at.head);
	put_num(l, STR(",\"body\":"), r->at.body);
	put_num(l, STR(",\"sent\":"), r->at.sent);
	put_num(l, STR(",\"first_byte\":"), r->at.first_byte);
	put_num(l, STR(",\"done\":"), r->at.done);
	put_num(l, STR(",\"overhead\":"), r->overhead_us);
	put_lit(l, "}}\n");
}

static void accesslog_settled(struct req *r)
{
	struct line l = { r->w->scratch2, 0, LINE_MAX_BYTES - 512 };
	char time[CLOCK_ISO_LEN], *room;

	if (!r->w->log_requests)
		return;
	clock_iso(time, r->start_wall);
	put_lit(&l, "{\"time\":\"");
	put(&l, str_mk(time, CLOCK_ISO_LEN));
	put_lit(&l, "\",\"id\":\"");
	put(&l, str_mk(r->id, REQ_ID_LEN));
	put_lit(&l, "\"");
	put_copy(&l, r);
	put_who(&l, r);
	put_what(&l, r);
	put_money(&l, r);
	l.cap = LINE_MAX_BYTES;
	put_timing(&l, r);
	room = ring_reserve(&r->w->log_ring, l.n + (has_cost(r) ? 0 : KEPT_BYTES));
	if (room == NULL) {
		wc_add(&r->w->stats, WC_LOG_DROPPED, 1);
		return;
	}
	memcpy(room, l.p, l.n);
	ring_commit(&r->w->log_ring, l.n);
}

const struct tg_module mod_accesslog = {
	.name = "accesslog",
	.settled = accesslog_settled,
};
