/*
 * choice_beside.c: what happens beside a choice, in words: the canary rules of a model, whether a
 * second try would be made and where it would go, copies to other models. For choice_text.c.
 */
#include "core/choice_int.h"
#include "core/hedge.h"
#include "core/req.h"
#include "core/rules.h"
#include "core/shadow.h"

/* ---- canary */

void choice_say_canary(struct choice_line *l, const struct choice_ask *a)
{
	const struct plan_rule *rule = a->r != NULL ? rules_passed_by(a->r) : NULL;

	if (rule != NULL)
		choice_say(l, ", not by rule %.*s (of %u.%02u%%)", STR_FMT(rule->name),
			rule->share_bp / 100, rule->share_bp % 100);
}

static void put_canary(struct outbuf *b, const struct choice_ask *a, const struct plan_rule *rule)
{
	static const char *const by[] = { [DRAW_REQUEST] = "request",
		[DRAW_SESSION] = "session",
		[DRAW_END_USER] = "end_user",
		[DRAW_KEY] = "key",
		[DRAW_TENANT] = "tenant" };

	outbuf_lit(b, "{\"rule\":");
	outbuf_json(b, rule->name);
	outbuf_printf(b, ",\"percent\":%u.%02u,\"by\":\"%s\",\"conditions\":%u,\"use\":",
		rule->share_bp / 100, rule->share_bp % 100, by[rule->stick], rule->n);
	if (rule->use != NULL)
		outbuf_json(b, rule->use->name);
	else
		outbuf_lit(b, "null");
	if (rule->stick == DRAW_TENANT && a->key != NULL)
		outbuf_printf(b, ",\"drawn\":%s}",
			rules_draws_tenant(rule, a->key->tenant->name) ? "true" : "false");
	else
		outbuf_lit(b, ",\"drawn\":null}");
}

static void put_canaries(struct outbuf *b, const struct choice_ask *a)
{
	bool some = false;

	for (unsigned i = 0; i < a->conf->route.n_rules; i++) {
		const struct plan_rule *rule = &a->conf->route.rules[i];

		if (rule->share_bp == 10000 ||
			(rule->when_model.n > 0 && !str_eq(rule->when_model, a->asked)))
			continue;
		outbuf_put(b, some ? STR(",") : STR(",\"canaries\":["));
		put_canary(b, a, rule);
		some = true;
	}
	if (some)
		outbuf_lit(b, "]");
}

/* ---- hedge */

/* Where the second try would go: another choice, of what was not tried. NULL: nowhere. */
static const struct target *hedge_to(const struct choice_ask *a, const struct choice *c)
{
	struct choice_ask again = *a;
	struct choice other;

	again.tried |= UINT64_C(1) << c->at;
	choice_make(&again, &other);
	return other.at >= 0 && other.how != CHOICE_CHEAPEST ? other.row[other.at].route->target
							     : NULL;
}

static const char *why_not(const struct choice_ask *a, const struct choice *c)
{
	if (c->at < 0)
		return "it goes nowhere";
	if (a->r != NULL && a->r->leg.no > 0)
		return "it was tried before";
	if (a->r != NULL)
		return hedge_why_not(a->r, a->model->hedge);
	return a->model->n_routes < 2 ? "its model has one target" : NULL;
}

void choice_say_hedge(struct choice_line *l, const struct choice_ask *a, const struct choice *c)
{
	const struct model_hedge *m = a->model->hedge;
	const struct target *to;
	const char *why;
	int64_t ms;

	if (m == NULL)
		return;
	ms = hedge_due_us(m) / 1000;
	why = why_not(a, c);
	if (why != NULL)
		choice_say(l, "; no hedge: %s", why);
	else if ((to = hedge_to(a, c)) == NULL)
		choice_say(l, "; no hedge: no other target");
	else if (ms == 0)
		choice_say(l, "; no hedge: p95 known after %d answers", HEDGE_SAMPLES);
	else
		choice_say(l, "; hedge after %lld.%03lld s to %.*s%s", (long long)(ms / 1000),
			(long long)(ms % 1000), STR_FMT(to->name),
			hedge_is_used_up(m) ? " (its share is used up now)" : "");
}

static void put_hedge(struct outbuf *b, const struct choice_ask *a, const struct choice *c)
{
	const struct model_hedge *m = a->model->hedge;
	const char *why = why_not(a, c);
	const struct target *to = why == NULL ? hedge_to(a, c) : NULL;
	int64_t ms = hedge_due_us(m) / 1000;

	if (why == NULL && to == NULL)
		why = "no other target";
	if (why == NULL && ms == 0)
		why = "the p95 is not known yet";
	outbuf_printf(b, ",\"hedge\":{\"would\":%s,\"after\":\"%s\",\"after_seconds\":",
		why == NULL ? "true" : "false", m->after_us > 0 ? "configured" : "p95");
	if (ms > 0)
		outbuf_printf(b, "%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));
	else
		outbuf_lit(b, "null");
	outbuf_printf(b, ",\"answers\":%u,\"answers_needed\":%d,\"percent\":%lld.%02lld",
		atomic_load_explicit(&m->samples, memory_order_relaxed),
		m->after_us > 0 ? 0 : HEDGE_SAMPLES, (long long)(m->share_bp / 100),
		(long long)(m->share_bp % 100));
	outbuf_printf(b, ",\"used_up\":%s,\"to\":", hedge_is_used_up(m) ? "true" : "false");
	if (to != NULL)
		outbuf_json(b, to->name);
	else
		outbuf_lit(b, "null");
	if (why != NULL)
		outbuf_printf(b, ",\"why\":\"%s\"", why);
	outbuf_lit(b, "}");
}

/* ---- shadows */

static void put_shadows(struct outbuf *b, const struct model *m)
{
	for (unsigned i = 0; i < m->n_shadows; i++) {
		const struct shadow *s = &m->shadow[i];

		outbuf_put(b, i == 0 ? STR(",\"shadows\":[") : STR(","));
		outbuf_lit(b, "{\"to\":");
		outbuf_json(b, s->to->name);
		outbuf_lit(b, ",\"key\":");
		outbuf_json(b, s->key->id);
		outbuf_printf(b, ",\"percent\":%u.%02u,\"in_flight\":%u}", s->share_bp / 100,
			s->share_bp % 100,
			atomic_load_explicit(&s->in_flight, memory_order_relaxed));
	}
	if (m->n_shadows > 0)
		outbuf_lit(b, "]");
}

void choice_put_beside(struct outbuf *b, const struct choice_ask *a, const struct choice *c)
{
	put_canaries(b, a);
	if (a->model->hedge != NULL)
		put_hedge(b, a, c);
	put_shadows(b, a->model);
}
