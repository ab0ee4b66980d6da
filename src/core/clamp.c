/*
 * clamp.c: see clamp.h. Only what an API's own members say counts: a provider passes over others.
 */
#include "core/clamp.h"

#include "core/attempt.h"
#include "core/hold_mode.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/req.h"

/* Of each form, known again by where it is. */
static const char placeholder[CLAMP__FORMS][5] = { "null", "null", "null", "null" };

static struct str mark(enum clamp_form form)
{
	return str_mk(placeholder[form], 4);
}

/* Beyond the limit, or no plain number, which a lenient server might read as a large one. */
static bool exceeds(const struct json_val *v, uint64_t most)
{
	uint64_t n;

	return json_get_u64(v, &n) != 0 || n > most;
}

static void replace(struct req *r, const struct json_val *v, enum clamp_form form)
{
	tg_assert(json_edit_replace(&r->edit, v, mark(form)) == 0);
	r->clamp.n++;
}

/* The limits among the members of the body itself. */
static void read_members(struct req *r, const struct json_watch *bound, uint64_t most)
{
	enum bound_key keys[BOUND_OUTPUT_KEYS];
	unsigned n = bound_output_keys(r->ep.ep->meter, keys);
	bool given = n == 0;

	for (unsigned i = 0; i < n; i++) {
		const struct json_val *v = &bound[keys[i]].val;

		if (v->type == JSON_NONE)
			continue;
		given = true;
		if (exceeds(v, most))
			replace(r, v, CLAMP_VALUE);
	}
	if (given)
		return;
	tg_assert(json_edit_insert(&r->edit, mark(CLAMP_MEMBER)) == 0);
	r->clamp.n++;
}

/* Gemini's: one level down, in either spelling. */
static void read_config(struct req *r, const struct json_val *config, uint64_t most)
{
	struct json_watch w[] = { { STR("maxOutputTokens"), { 0 } },
		{ STR("max_output_tokens"), { 0 } } };
	struct json_fail fail;
	bool given = false;

	if (config->type != JSON_OBJECT ||
		json_scan_member(config, w, TG_ARRAY_LEN(w), &fail) != 0) {
		replace(r, config, CLAMP_OBJECT); /* nothing, or what readers differ about */
		return;
	}
	for (size_t i = 0; i < TG_ARRAY_LEN(w); i++) {
		if (w[i].val.type == JSON_NONE)
			continue;
		given = true;
		if (exceeds(&w[i].val, most))
			replace(r, &w[i].val, CLAMP_VALUE);
	}
	if (given)
		return;
	tg_assert(json_edit_insert_in(&r->edit, config, mark(CLAMP_MEMBER)) == 0);
	r->clamp.n++;
}

static void read_configs(struct req *r, const struct json_watch *bound, uint64_t most)
{
	const struct json_val *camel = &bound[BOUND_K_GENERATION_CONFIG].val,
			      *snake = &bound[BOUND_K_GENERATION_CONFIG_SNAKE].val;

	if (camel->type != JSON_NONE)
		read_config(r, camel, most);
	if (snake->type != JSON_NONE)
		read_config(r, snake, most);
	if (camel->type != JSON_NONE || snake->type != JSON_NONE)
		return;
	tg_assert(json_edit_insert(&r->edit, mark(CLAMP_CONFIG)) == 0);
	r->clamp.n++;
}

void clamp_read(struct req *r, const struct json_watch *bound)
{
	uint64_t most = r->key != NULL ? r->key->max_tokens : 0;

	if (most == 0)
		return;
	if (r->ep.ep->meter == METER_GEMINI)
		read_configs(r, bound, most);
	else
		read_members(r, bound, most);
	if (r->clamp.n > 0) {
		r->bound.max_output = most;
		r->bound.output_known = true;
	}
}

/* A place in the table of placeholders. */
static bool is_mark(const char *p, enum clamp_form *form)
{
	for (unsigned i = 0; i < CLAMP__FORMS; i++) {
		*form = (enum clamp_form)i;
		if (p == placeholder[i])
			return true;
	}
	return false;
}

void clamp_find_edits(struct req *r)
{
	enum clamp_form form;
	unsigned n = 0;

	for (unsigned i = 0; i < r->edit.n && n < r->clamp.n; i++)
		if (is_mark(r->edit.op[i].with.p, &form)) {
			r->clamp.form[n] = (uint8_t)form;
			r->clamp.edit[n++] = (uint8_t)i;
		}
	tg_assert(n == r->clamp.n);
}

static bool is_vendor(const struct target *t)
{
	return str_ends(t->url.host, STR("openai.com")) || str_ends(t->url.host, STR("azure.com"));
}

/* Of models that think their vendor takes no max_tokens. */
bool clamp_says_completion(const struct route_target *t)
{
	int says = t->target->cfg->output_limit;

	switch ((enum output_limit)(
		says != OUTPUT_LIMIT_AUTO ? says : t->target->provider->output_limit)) {
	case OUTPUT_LIMIT_MAX_TOKENS: return false;
	case OUTPUT_LIMIT_COMPLETION: return true;
	case OUTPUT_LIMIT_AUTO: break;
	}
	return is_vendor(t->target) || hold_model_thinks(t->model);
}

static struct str member(const struct attempt *a)
{
	switch (a->req->ep.ep->meter) {
	case METER_OPENAI_CHAT:
		return clamp_says_completion(a->route) ? STR("max_completion_tokens")
						       : STR("max_tokens");
	case METER_OPENAI_RESPONSES: return STR("max_output_tokens");
	case METER_GEMINI: return STR("maxOutputTokens");
	default: return STR("max_tokens");
	}
}

static struct str text_of(const struct attempt *a, enum clamp_form form, uint64_t most)
{
	struct arena *mem = &a->req->arena;
	struct str name = member(a);
	unsigned long long n = most;

	switch (form) {
	case CLAMP_MEMBER: return arena_printf(mem, "\"%.*s\":%llu", STR_FMT(name), n);
	case CLAMP_OBJECT: return arena_printf(mem, "{\"%.*s\":%llu}", STR_FMT(name), n);
	case CLAMP_CONFIG:
		return arena_printf(mem, "\"generationConfig\":{\"%.*s\":%llu}", STR_FMT(name), n);
	case CLAMP_VALUE:
	case CLAMP__FORMS: break;
	}
	return arena_printf(mem, "%llu", n);
}

int clamp_apply(const struct attempt *a)
{
	struct req *r = a->req;
	struct clamp *c = &r->clamp;
	uint64_t most, model = r->leg.price != NULL ? price_max_output(r->leg.price) : 0;

	if (c->n == 0)
		return 0;
	/* More than a model can write is refused by some providers. */
	most = model > 0 ? TG_MIN(r->key->max_tokens, model) : r->key->max_tokens;
	for (unsigned i = 0; i < c->n; i++) {
		struct str with = text_of(a, (enum clamp_form)c->form[i], most);

		if (with.n == 0)
			return -1;
		r->edit.op[c->edit[i]].with = with;
	}
	c->sent = most;
	return 0;
}
