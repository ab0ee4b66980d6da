/*
 * clamp.c: see clamp.h. Only what an API's own members say counts: a provider passes over others.
 */
#include "core/clamp.h"

#include "core/attempt.h"
#include "core/hold_mode.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/req.h"

static const char placeholder[] = "null";

/* Beyond the limit, or no plain number, which a lenient server might read as a large one. */
static bool exceeds(const struct json_val *v, uint64_t most)
{
	uint64_t n;

	return json_get_u64(v, &n) != 0 || n > most;
}

void clamp_read(struct req *r, const struct json_watch *bound)
{
	uint64_t most = r->key != NULL ? r->key->max_tokens : 0;
	enum bound_key keys[BOUND_OUTPUT_KEYS];
	unsigned n = bound_output_keys(r->ep.ep->meter, keys);
	bool given = false;

	if (most == 0 || n == 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct json_val *v = &bound[keys[i]].val;

		if (v->type == JSON_NONE)
			continue;
		given = true;
		if (!exceeds(v, most))
			continue;
		tg_assert(json_edit_replace(&r->edit, v, str_mk(placeholder, 4)) == 0);
		r->clamp.n++;
	}
	if (!given) {
		tg_assert(json_edit_insert(&r->edit, str_mk(placeholder, 4)) == 0);
		r->clamp.n = 1;
		r->clamp.insert = true;
	}
	if (r->clamp.n > 0) {
		r->bound.max_output = most;
		r->bound.output_known = true;
	}
}

void clamp_find_edits(struct req *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->edit.n && r->clamp.n > 0; i++)
		if (r->edit.op[i].with.p == placeholder)
			r->clamp.edit[n++] = (uint8_t)i;
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
	default: return STR("max_tokens");
	}
}

int clamp_apply(const struct attempt *a)
{
	struct req *r = a->req;
	struct clamp *c = &r->clamp;
	uint64_t most, model = r->leg.price != NULL ? price_max_output(r->leg.price) : 0;
	struct str with;

	if (c->n == 0)
		return 0;
	/* More than a model can write is refused by some providers. */
	most = model > 0 ? TG_MIN(r->key->max_tokens, model) : r->key->max_tokens;
	with = c->insert ? arena_printf(&r->arena, "\"%.*s\":%llu", STR_FMT(member(a)),
				   (unsigned long long)most)
			 : arena_printf(&r->arena, "%llu", (unsigned long long)most);
	if (with.n == 0)
		return -1;
	for (unsigned i = 0; i < c->n; i++)
		r->edit.op[c->edit[i]].with = with;
	c->sent = most;
	return 0;
}
