/*
 * anthropic_request_write.c: a request for Anthropic's messages API out of the hub: alternating
 * turns, the limits and the reasoning that the model's family takes (model_traits.h), and what the
 * API cannot say noted as unsupported. Facts: providers.md 10.1.
 *
 * max_tokens is money: where the client or the configuration named it, it is never raised to make
 * room for a thinking budget; the budget gives way, and below the API's least there is no thinking.
 * Owns nothing; any thread.
 */

#include "chat/anthropic.h"

#define MADE_TOOLS 64

enum think { THINK_UNSAID, THINK_DISABLED, THINK_BUDGET, THINK_ADAPTIVE };

/* What the model's family makes of the request. */
struct plan {
	struct chat_context *cx;
	const struct chat_request *rq;
	const struct model_traits *traits;
	uint64_t max_tokens, budget;
	enum think think;
	enum chat_effort effort;         /* EFFORT_UNSET: not written */
	bool free_limit;                 /* nobody named max_tokens */
	bool made_tools;                 /* tools are named in the history alone */
	const struct chat_turn *prefill; /* the last turn when it is the assistant's */
};

/* ---- turns */

/* A model that does not think takes no thoughts of another either. */
static bool fits(const void *arg, const struct chat_turn *t, const struct chat_part *q)
{
	const struct plan *p = arg;

	if (t == p->prefill && model_has(p->traits, TRAIT_NO_PREFILL)) {
		chat_unsupported(p->cx, CHAT_PREFILL);
		return false;
	}
	if (p->traits->thinking == THINKING_NONE &&
		(q->kind == PART_THINKING || q->kind == PART_REDACTED))
		return false;
	return anthropic_part_fits(p->cx, q, t->role);
}

static struct chat_walk walk(const struct plan *p)
{
	return (struct chat_walk){ .turn = p->rq->turn, .fits = fits, .arg = p };
}

static bool says_anything(const struct plan *p)
{
	struct chat_walk w = walk(p);

	return chat_walk_turn(&w);
}

static void write_part(const struct plan *p, const struct chat_walk *w, const struct chat_part *q,
	struct json_out *o)
{
	struct chat_part end = *q;

	end.text = chat_walk_text(w, q);
	anthropic_part_write(p->cx, &end, o);
}

static void write_content(const struct plan *p, struct chat_walk w, struct json_out *o)
{
	const struct chat_part *q = chat_walk_only_text(w);

	jo_key(o, "content");
	if (q != NULL && q->cache == CHAT_CACHE_NONE) {
		q = chat_walk_part(&w);
		jo_jstr(o, chat_walk_text(&w, q));
		return;
	}
	jo_arr(o);
	while ((q = chat_walk_part(&w)) != NULL)
		write_part(p, &w, q, o);
	jo_arr_end(o);
}

static void write_messages(const struct plan *p, struct json_out *o)
{
	struct chat_walk w = walk(p);

	jo_key(o, "messages");
	jo_arr(o);
	while (chat_walk_turn(&w)) {
		jo_obj(o);
		jo_m_text(o, "role", w.role == CHAT_USER ? STR("user") : STR("assistant"));
		write_content(p, w, o);
		jo_obj_end(o);
	}
	jo_arr_end(o);
}

/* ---- system */

struct system {
	unsigned n;
	bool cached;
};

static struct system look_at_system(const struct plan *p)
{
	struct system s = { 0 };

	for (const struct chat_turn *t = p->rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *q = t->role == CHAT_SYSTEM ? t->part : NULL; q != NULL;
			q = q->next) {
			if (q->kind != PART_TEXT)
				chat_unsupported(
					p->cx, "messages[].content[] of a system turn (text only)");
			else if (!chat_blank(q->text))
				s.n++;
			s.cached |= q->cache != CHAT_CACHE_NONE;
		}
	return s;
}

/* One string, paragraphs between the turns; blocks where a cache breakpoint stands behind one. */
static void write_system(const struct plan *p, struct json_out *o)
{
	struct system s = look_at_system(p);
	bool first = true;

	if (s.n == 0)
		return;
	jo_key(o, "system");
	if (s.cached)
		jo_arr(o);
	else
		jo_str_begin(o);
	for (const struct chat_turn *t = p->rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *q = t->role == CHAT_SYSTEM ? t->part : NULL; q != NULL;
			q = q->next) {
			if (q->kind != PART_TEXT || chat_blank(q->text))
				continue;
			if (s.cached) {
				anthropic_part_write(p->cx, q, o);
				continue;
			}
			if (!first)
				jo_piece(o, STR("\\n\\n"));
			jo_piece(o, q->text);
			first = false;
		}
	if (s.cached)
		jo_arr_end(o);
	else
		jo_str_end(o);
}

/* ---- tools */

static bool forced(const struct chat_request *rq)
{
	return rq->tool != NULL && (rq->choose == CHOOSE_ANY || rq->choose == CHOOSE_TOOL);
}

static int check_name(struct chat_context *cx, struct str name)
{
	return chat_is_name(name, 128)
		       ? 0
		       : chat_fail(cx,
				 "the tool's name \"%.*s\" cannot go to this model's API, which "
				 "takes "
				 "1 to 128 of A-Z, a-z, 0-9, _ and -",
				 (int)TG_MIN(name.n, 64), name.p != NULL ? name.p : "");
}

static int check_names(struct plan *p)
{
	for (const struct chat_tool *t = p->rq->tool; t != NULL; t = t->next)
		if (check_name(p->cx, t->name) != 0)
			return -1;
	for (const struct chat_turn *t = p->rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *q = t->part; q != NULL; q = q->next) {
			if (q->kind != PART_CALL)
				continue;
			if (check_name(p->cx, q->name) != 0)
				return -1;
			p->made_tools = p->rq->tool == NULL;
		}
	return 0;
}

static void write_tool(const struct plan *p, const struct chat_tool *t, struct json_out *o)
{
	jo_obj(o);
	jo_m_jstr(o, "name", t->name);
	if (t->description.n > 0)
		jo_m_jstr(o, "description", t->description);
	jo_key(o, "input_schema");
	if (t->strict == 1 && !model_has(p->traits, TRAIT_NO_SCHEMA)) {
		anthropic_schema_write(p->cx, "tools[].parameters.", t->schema, o);
		jo_m_bool(o, "strict", true);
	} else {
		jo_raw(o, t->schema);
		if (t->strict == 1)
			chat_unsupported(p->cx, "tools[].strict");
	}
	anthropic_cache_write(o, t->cache);
	jo_obj_end(o);
}

/* A history with calls needs tools, although the client offers none any more. */
static void write_made_tools(const struct plan *p, struct json_out *o)
{
	struct str done[MADE_TOOLS];
	unsigned n = 0, i;

	for (const struct chat_turn *t = p->rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *q = t->part; q != NULL; q = q->next) {
			for (i = 0; i < n && !str_eq(done[i], q->name); i++)
				;
			if (q->kind != PART_CALL || i < n)
				continue;
			if (n == MADE_TOOLS) {
				chat_unsupported(p->cx,
					"messages[].tool_calls (of many tools, none "
					"offered)");
				return;
			}
			done[n++] = q->name;
			jo_obj(o);
			jo_m_jstr(o, "name", q->name);
			jo_m_raw(o, "input_schema", STR("{\"type\":\"object\"}"));
			jo_obj_end(o);
		}
}

static void write_tools(const struct plan *p, struct json_out *o)
{
	if (p->rq->tool == NULL && !p->made_tools)
		return;
	jo_key(o, "tools");
	jo_arr(o);
	for (const struct chat_tool *t = p->rq->tool; t != NULL; t = t->next)
		write_tool(p, t, o);
	if (p->made_tools)
		write_made_tools(p, o);
	jo_arr_end(o);
}

static void write_tool_choice(const struct plan *p, struct json_out *o)
{
	static const char *const word[] = { [CHOOSE_UNSET] = "auto",
		[CHOOSE_AUTO] = "auto",
		[CHOOSE_NONE] = "none",
		[CHOOSE_ANY] = "any",
		[CHOOSE_TOOL] = "tool" };
	enum chat_choose choose = p->made_tools ? CHOOSE_NONE : p->rq->choose;

	if (p->rq->tool == NULL && !p->made_tools)
		return;
	if (forced(p->rq) && model_has(p->traits, TRAIT_NO_FORCED_TOOL)) {
		chat_unsupported(p->cx, "tool_choice");
		choose = CHOOSE_AUTO;
	}
	if (choose == CHOOSE_UNSET && p->rq->parallel != 0)
		return;
	jo_key(o, "tool_choice");
	jo_obj(o);
	jo_m_text(o, "type", str_z(word[choose]));
	if (choose == CHOOSE_TOOL)
		jo_m_jstr(o, "name", p->rq->choose_name);
	if (p->rq->parallel == 0 && choose != CHOOSE_NONE)
		jo_m_bool(o, "disable_parallel_tool_use", true);
	jo_obj_end(o);
}

/* ---- reasoning */

static void note_reasoning(struct plan *p)
{
	chat_unsupported(p->cx, p->rq->effort > EFFORT_NONE ? "reasoning_effort" : "thinking");
}

static void plan_off(struct plan *p)
{
	p->think = p->traits->traits & TRAIT_THINKS_UNASKED ? THINK_DISABLED : THINK_UNSAID;
}

static void plan_budget(struct plan *p)
{
	const struct chat_request *rq = p->rq;
	uint64_t least = p->traits->budget_least;

	p->budget = rq->think_budget > 0
			    ? (uint64_t)rq->think_budget
			    : model_effort_budget(
				      rq->effort > EFFORT_NONE ? rq->effort : EFFORT_MEDIUM);
	p->budget = TG_MAX(p->budget, least);
	if (p->free_limit && p->budget >= p->max_tokens)
		p->max_tokens = TG_MIN(p->budget + 4096, p->traits->most_tokens);
	p->budget = TG_MIN(p->budget, p->max_tokens - p->max_tokens / 4);
	p->budget = TG_MAX(p->budget, least);
	if (p->budget < p->max_tokens && !chat_in_unthought_turn(rq))
		p->think = THINK_BUDGET;
}

static void plan_adaptive(struct plan *p)
{
	p->think = THINK_ADAPTIVE;
	if (p->rq->effort == EFFORT_UNSET && p->rq->think_budget > 0)
		p->effort = model_budget_effort(p->rq->think_budget);
}

static void plan_thinking(struct plan *p)
{
	const struct chat_request *rq = p->rq;
	bool off = rq->think == 0 || rq->effort == EFFORT_NONE;
	bool wanted = !off && (rq->think == 1 || rq->effort > EFFORT_NONE);

	if (model_has(p->traits, TRAIT_EFFORT) && rq->effort > EFFORT_NONE)
		p->effort = rq->effort;
	if (off && model_has(p->traits, TRAIT_THINKS_ALWAYS)) {
		note_reasoning(p);
	} else if (off || (!wanted && forced(rq))) {
		plan_off(p);
	} else if (!wanted) {
		p->think = THINK_UNSAID;
	} else if (p->traits->thinking != THINKING_BUDGET &&
		   p->traits->thinking != THINKING_ADAPTIVE) {
		if (rq->effort != EFFORT_MINIMAL)
			note_reasoning(p);
	} else if (forced(rq) && !model_has(p->traits, TRAIT_NO_FORCED_TOOL)) {
		/* A demanded tool and thinking exclude each other; effort alone is fine. */
		if (p->effort == EFFORT_UNSET || rq->think == 1)
			note_reasoning(p);
		p->effort = TG_MIN(p->effort, EFFORT_HIGH);
		plan_off(p);
	} else if (p->traits->thinking == THINKING_BUDGET) {
		plan_budget(p);
	} else {
		plan_adaptive(p);
	}
}

static void plan_make(struct plan *p, struct chat_context *cx, const struct chat_request *rq)
{
	*p = (struct plan){ .cx = cx, .rq = rq, .traits = model_traits_find(cx->model) };
	p->prefill = chat_prefill(rq);
	p->max_tokens = rq->max_tokens > 0 ? rq->max_tokens : cx->default_max_tokens;
	p->free_limit = p->max_tokens == 0 && cx->most_tokens == 0;
	if (p->max_tokens == 0)
		p->max_tokens = p->traits->default_max_tokens;
	if (p->traits->most_tokens > 0)
		p->max_tokens = TG_MIN(p->max_tokens, p->traits->most_tokens);
	if (cx->most_tokens > 0)
		p->max_tokens = TG_MIN(p->max_tokens, cx->most_tokens);
	plan_thinking(p);
}

static void write_thinking(const struct plan *p, struct json_out *o)
{
	if (p->think == THINK_UNSAID)
		return;
	jo_key(o, "thinking");
	jo_obj(o);
	if (p->think == THINK_DISABLED) {
		jo_m_lit(o, "type", "disabled");
	} else if (p->think == THINK_BUDGET) {
		jo_m_lit(o, "type", "enabled");
		jo_m_u64(o, "budget_tokens", p->budget);
	} else {
		jo_m_lit(o, "type", "adaptive");
		/* Left to itself it sends signatures without their text */
		if (p->rq->think_show)
			jo_m_lit(o, "display", "summarized");
	}
	jo_obj_end(o);
}

static void write_output_config(const struct plan *p, struct json_out *o)
{
	enum chat_effort effort = p->effort;
	bool schema = p->rq->format == FORMAT_SCHEMA;

	/* Without a schema there is no JSON mode; nor had the families before 4.5 one with it. */
	if (p->rq->format == FORMAT_JSON || (schema && model_has(p->traits, TRAIT_NO_SCHEMA))) {
		chat_unsupported(p->cx, "response_format");
		schema = false;
	}
	effort = TG_MIN(effort, p->traits->effort_most);
	if (effort == EFFORT_XHIGH && model_has(p->traits, TRAIT_NO_XHIGH))
		effort = EFFORT_HIGH;
	if (effort <= EFFORT_NONE && !schema)
		return;
	jo_key(o, "output_config");
	jo_obj(o);
	if (effort > EFFORT_NONE)
		jo_m_text(o, "effort", chat_effort_word(TG_MAX(effort, EFFORT_LOW)));
	if (schema) {
		jo_key(o, "format");
		jo_obj(o);
		jo_m_lit(o, "type", "json_schema");
		jo_key(o, "schema");
		anthropic_schema_write(p->cx, "response_format.schema.", p->rq->schema, o);
		jo_obj_end(o);
	}
	jo_obj_end(o);
}

/* ---- sampling and the rest */

static bool thinks(const struct plan *p)
{
	return p->think == THINK_BUDGET || p->think == THINK_ADAPTIVE;
}

static void write_sampling(const struct plan *p, struct json_out *o)
{
	const struct chat_request *rq = p->rq;
	bool fixed = model_has(p->traits, TRAIT_NO_SAMPLING);
	bool heated = false;

	if (rq->temperature.n > 0) {
		double t = chat_number(rq->temperature);

		if (!fixed && !thinks(p)) {
			jo_m_raw(o, "temperature", t > 1 ? STR("1") : rq->temperature);
			heated = true;
		} else if (t != 1) {
			chat_unsupported(p->cx, "temperature");
		}
	}
	if (rq->top_p.n > 0) {
		double least = fixed ? 0.99 : thinks(p) ? 0.95 : 0;
		bool both = heated && model_has(p->traits, TRAIT_ONE_SAMPLER);

		if (chat_number(rq->top_p) < (both ? 1 : least))
			chat_unsupported(p->cx, "top_p");
		else if (!fixed && !both)
			jo_m_raw(o, "top_p", rq->top_p);
	}
	if (rq->top_k.n > 0 && (fixed || thinks(p)))
		chat_unsupported(p->cx, "top_k");
	else
		jo_m_raw(o, "top_k", rq->top_k);
}

static void write_tier(const struct plan *p, struct json_out *o)
{
	struct str tier = p->rq->tier;

	if (tier.n == 0)
		return;
	if (str_eq(tier, STR("auto")))
		jo_m_lit(o, "service_tier", "auto");
	else if (str_eq(tier, STR("default")) || str_eq(tier, STR("standard_only")))
		jo_m_lit(o, "service_tier", "standard_only");
	else
		chat_unsupported(p->cx, "service_tier");
}

static void write_user(const struct plan *p, struct json_out *o)
{
	if (p->rq->user.n == 0)
		return;
	jo_key(o, "metadata");
	jo_obj(o);
	jo_m_jstr(o, "user_id", p->rq->user);
	jo_obj_end(o);
}

int anthropic_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	struct plan p;

	plan_make(&p, cx, rq);
	if (check_names(&p) != 0)
		return -1;
	if (!says_anything(&p))
		return chat_fail(cx,
			"messages has no text, image or result of a user, which this model's "
			"API needs");
	chat_note_rest(cx, rq);
	jo_obj(o);
	jo_m_jstr(o, "model", cx->model);
	if (!cx->counting)
		jo_m_u64(o, "max_tokens", p.max_tokens);
	write_system(&p, o);
	write_messages(&p, o);
	write_tools(&p, o);
	write_tool_choice(&p, o);
	write_thinking(&p, o);
	write_output_config(&p, o);
	write_sampling(&p, o);
	chat_write_stops(p.cx, p.rq, "stop_sequences", false, o);
	write_user(&p, o);
	write_tier(&p, o);
	if (rq->stream)
		jo_m_bool(o, "stream", true);
	jo_obj_end(o);
	return 0;
}
