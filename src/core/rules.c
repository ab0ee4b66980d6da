/*
 * rules.c: see rules.h.
 */
#include "core/rules.h"

#include "core/plan.h"
#include "core/plan_quota.h"
#include "core/prompt_text.h"
#include "core/req.h"
#include "route/prompt_kind.h"

static bool count_is(const struct rule_count *c, uint64_t v)
{
	return (c->equal && v == c->n) || (c->above ? v > c->n : v < c->n);
}

static bool path_is(struct str path, struct str want)
{
	if (want.n > 0 && want.p[want.n - 1] == '*')
		return str_starts(path, str_mk(want.p, want.n - 1));
	return str_eq(path, want);
}

static bool header_is(const struct http_head *h, struct str name, struct str value)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (str_eq_ci(http_field_name(h, i), name) && str_eq(http_field_value(h, i), value))
			return true;
	return false;
}

/* What the first rule that asks finds out for all of them. */
struct seen {
	bool text, code, language;
	struct str prompt;
	bool is_code;
	enum prompt_language is_language;
	char buf[PROMPT_TEXT_MAX];
};

static struct str prompt_of(const struct req *r, struct seen *s)
{
	if (!s->text && r->body_kind == BODY_KIND_JSON)
		s->prompt = prompt_text(str_mk(r->body, r->body_len), s->buf);
	s->text = true;
	return s->prompt;
}

static bool is_code(const struct req *r, struct seen *s)
{
	if (!s->code)
		s->is_code = prompt_is_code(prompt_of(r, s));
	s->code = true;
	return s->is_code;
}

static enum prompt_language language_of(const struct req *r, struct seen *s)
{
	if (!s->language)
		s->is_language = prompt_language_of(prompt_of(r, s));
	s->language = true;
	return s->is_language;
}

static bool is_so(const struct req *r, const struct plan_match *m, struct seen *s)
{
	switch (m->word) {
	case RULE_TENANT: return str_eq(r->tenant->name, m->value);
	case RULE_ORG: return str_eq(r->tenant->org, m->value);
	case RULE_TIER: return str_eq(r->tenant->tier, m->value);
	case RULE_KEY: return str_eq(r->key->id, m->value);
	case RULE_COUNTRY: return geo_word_has(m->value, &r->place);
	case RULE_PATH: return path_is(r->ep.upstream_path, m->value);
	case RULE_PROMPT_TOKENS: return count_is(&m->count, est_input(NULL, r->bound.input_bytes));
	case RULE_TOOLS: return r->bound.has_tools == m->flag;
	case RULE_IMAGES: return r->bound.has_images == m->flag;
	case RULE_DOCUMENTS: return r->bound.has_documents == m->flag;
	case RULE_STREAM: return r->stream == m->flag;
	case RULE_CODE: return is_code(r, s) == m->flag;
	case RULE_LANGUAGE: return (m->languages >> language_of(r, s) & 1) != 0;
	case RULE_TAG: return plan_quota_has_tag(r->tags_json, m->name, m->value);
	case RULE_HEADER: return header_is(&r->head, m->name, m->value);
	case RULE__MAX: break;
	}
	return false;
}

static struct str drawn_by(const struct req *r, enum cfg_draw how)
{
	switch (how) {
	case DRAW_SESSION: return r->session;
	case DRAW_END_USER: return r->end_user;
	case DRAW_KEY: return r->key->id;
	case DRAW_TENANT: return r->tenant->name;
	case DRAW_REQUEST: break;
	}
	return STR_NONE;
}

/* Is it one of the rule's share? A function of what sticks, or of the request's id: asked again it
 * says the same, and of a larger share those are a part that were in a smaller one. */
static bool is_in_share(const struct plan_rule *rule, uint64_t h)
{
	return hash_mix(h ^ hash_mix(rule->salt)) % 10000 < rule->share_bp;
}

static uint64_t stuck_hash(struct str by, struct str tenant)
{
	return str_hash_fixed(by) ^ hash_mix(str_hash_fixed(tenant));
}

static bool is_drawn(const struct req *r, const struct plan_rule *rule)
{
	struct str by;

	if (TG_LIKELY(rule->share_bp == 10000))
		return true;
	by = drawn_by(r, rule->stick);
	return is_in_share(rule, by.n > 0 ? stuck_hash(by, r->tenant->name)
					  : hash_mix(r->rec_id.hi ^ hash_mix(r->rec_id.lo)));
}

bool rules_draws_tenant(const struct plan_rule *rule, struct str tenant)
{
	return is_in_share(rule, stuck_hash(tenant, tenant));
}

/* The first that matches and has drawn it, or that matches and has not. */
static const struct plan_rule *find(const struct req *r, bool drawn)
{
	struct seen seen; /* of its buffer only what is asked for is touched */

	seen.text = seen.code = seen.language = false;
	seen.prompt = STR_NONE;
	for (unsigned i = 0; i < r->conf->route.n_rules; i++) {
		const struct plan_rule *rule = &r->conf->route.rules[i];
		unsigned k = 0;

		if (rule->when_model.n > 0 && !str_eq(rule->when_model, r->model_asked))
			continue;
		while (k < rule->n && is_so(r, &rule->match[k], &seen))
			k++;
		if (k == rule->n && is_drawn(r, rule) == drawn)
			return rule;
		if (!drawn && rule == r->rule)
			return NULL;
	}
	return NULL;
}

const struct plan_rule *rules_find(const struct req *r)
{
	return find(r, true);
}

const struct plan_rule *rules_passed_by(const struct req *r)
{
	return find(r, false);
}
