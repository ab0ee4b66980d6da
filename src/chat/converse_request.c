/*
 * converse_request.c: a request for Bedrock's Converse out of the hub. Facts: providers.md 10.1:
 * turns alternate, text is never empty, toolConfig stays as long as the history has tool blocks,
 * and there is no tool_choice none; what only one vendor's models know goes into
 * additionalModelRequestFields.
 *
 * maxTokens is money: where the client or the configuration named it, a thinking budget gives way
 * to it. Owns nothing; any thread.
 */

#include "chat/anthropic.h"
#include "chat/converse.h"

/* What additionalModelRequestFields the model's vendor has. */
enum vendor { VENDOR_OTHER, VENDOR_CLAUDE, VENDOR_NOVA };

struct plan {
	struct chat_context *cx;
	const struct chat_request *rq;
	const struct model_traits *traits;
	struct converse_parts parts;
	enum vendor vendor;
	uint64_t budget;    /* 0: no thinking by budget */
	bool adaptive, off; /* thinking */
	bool history;       /* has tool blocks */
	bool tools;         /* toolConfig is written */
	struct str *called; /* tools of the history, where none are offered */
	size_t n_called;
	const struct chat_turn *prefill; /* the last turn when it is the assistant's */
};

static bool has_word(struct str model, struct str word)
{
	return str_find(model, word) != (size_t)-1;
}

/* ---- turns */

static bool fits(const void *arg, const struct chat_turn *t, const struct chat_part *q)
{
	const struct plan *p = arg;

	if (t == p->prefill && model_has(p->traits, TRAIT_NO_PREFILL)) {
		chat_unsupported(p->cx, CHAT_PREFILL);
		return false;
	}
	if (t->role == CHAT_ASSISTANT && chat_is_media(q->kind)) {
		chat_unsupported(p->cx, "media in an assistant's turn");
		return false;
	}
	return converse_part_fits(&p->parts, q);
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

static void write_part(
	struct plan *p, const struct chat_walk *w, const struct chat_part *q, struct json_out *o)
{
	struct chat_part end = *q;

	end.text = chat_walk_text(w, q);
	converse_part_write(&p->parts, &end, o);
	converse_cache_write(&p->parts, q->cache, o);
}

static void write_messages(struct plan *p, struct json_out *o)
{
	struct chat_walk w = walk(p);
	const struct chat_part *q;

	p->parts.documents = 0;
	jo_key(o, "messages");
	jo_arr(o);
	while (chat_walk_turn(&w)) {
		jo_obj(o);
		jo_m_text(o, "role", w.role == CHAT_USER ? STR("user") : STR("assistant"));
		jo_key(o, "content");
		jo_arr(o);
		while ((q = chat_walk_part(&w)) != NULL)
			write_part(p, &w, q, o);
		jo_arr_end(o);
		jo_obj_end(o);
	}
	jo_arr_end(o);
}

/* ---- system */

static void write_text(struct str jstr, struct json_out *o)
{
	jo_obj(o);
	jo_m_jstr(o, "text", jstr);
	jo_obj_end(o);
}

/* A history with tool blocks needs toolConfig, and no word forbids the use of it. */
static bool says_no_tools(const struct plan *p)
{
	return p->history && (p->rq->choose == CHOOSE_NONE || p->rq->tool == NULL);
}

static bool has_system(const struct plan *p)
{
	bool any = says_no_tools(p);

	for (const struct chat_turn *t = p->rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *q = t->role == CHAT_SYSTEM ? t->part : NULL; q != NULL;
			q = q->next) {
			if (q->kind != PART_TEXT)
				chat_unsupported(
					p->cx, "messages[].content[] of a system turn (text only)");
			else if (!chat_blank(q->text))
				any = true;
		}
	return any;
}

static void write_system(const struct plan *p, struct json_out *o)
{
	if (!has_system(p))
		return;
	jo_key(o, "system");
	jo_arr(o);
	for (const struct chat_turn *t = p->rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *q = t->role == CHAT_SYSTEM ? t->part : NULL; q != NULL;
			q = q->next) {
			if (q->kind != PART_TEXT || chat_blank(q->text))
				continue;
			write_text(q->text, o);
			converse_cache_write(&p->parts, q->cache, o);
		}
	if (says_no_tools(p))
		write_text(STR("Answer without calling a tool."), o);
	jo_arr_end(o);
}

/* ---- tools */

static int check_name(struct chat_context *cx, struct str name)
{
	if (chat_is_name(name, 64))
		return 0;
	return chat_fail(cx,
		"The tool's name \"%.*s\" cannot go to this model's API, which takes 1 to 64 of "
		"A-Z, a-z, 0-9, _ and -.",
		(int)TG_MIN(name.n, 64), name.p != NULL ? name.p : "");
}

static int check_names(struct plan *p)
{
	for (const struct chat_tool *t = p->rq->tool; t != NULL; t = t->next)
		if (check_name(p->cx, t->name) != 0)
			return -1;
	for (const struct chat_turn *t = p->rq->turn; t != NULL; t = t->next)
		for (const struct chat_part *q = t->part; q != NULL; q = q->next) {
			if (q->kind == PART_CALL && check_name(p->cx, q->name) != 0)
				return -1;
			p->history |= q->kind == PART_CALL || q->kind == PART_RESULT;
		}
	return 0;
}

static void open_spec(struct str name, struct json_out *o)
{
	jo_obj(o);
	jo_key(o, "toolSpec");
	jo_obj(o);
	jo_m_jstr(o, "name", name);
}

/* Claude's models take what Anthropic takes; others, the client's. */
static struct str schema_of(const struct plan *p, const char *where, struct str schema)
{
	struct json_out o;
	char *text;

	if (p->vendor != VENDOR_CLAUDE)
		return schema;
	jo_init(&o, NULL, 0);
	anthropic_schema_write(p->cx, where, schema, &o);
	text = arena_alloc(p->cx->arena, o.n);
	if (text == NULL)
		return schema; /* for them to judge */
	jo_init(&o, text, o.n);
	anthropic_schema_write(p->cx, where, schema, &o);
	return str_mk(text, o.n);
}

static void close_spec(struct str schema, struct json_out *o)
{
	jo_key(o, "inputSchema");
	jo_obj(o);
	jo_m_raw(o, "json", schema);
	jo_obj_end(o);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_tool(const struct plan *p, const struct chat_tool *t, struct json_out *o)
{
	struct str schema = t->schema;

	open_spec(t->name, o);
	if (!chat_blank(t->description))
		jo_m_jstr(o, "description", t->description);
	if (t->strict == 1 && !model_has(p->traits, TRAIT_NO_SCHEMA)) {
		jo_m_bool(o, "strict", true);
		schema = schema_of(p, "tools[].parameters.", schema);
	} else if (t->strict == 1) {
		chat_unsupported(p->cx, "tools[].strict");
	}
	close_spec(schema, o);
	converse_cache_write(&p->parts, t->cache, o);
}

/* Those that the history called, where the client offers none any more. */
static void write_made_tools(const struct plan *p, struct json_out *o)
{
	for (size_t i = 0; i < p->n_called; i++) {
		open_spec(p->called[i], o);
		close_spec(STR("{\"type\":\"object\"}"), o);
	}
	if (p->n_called > 0) /* results without their calls are the provider's to refuse */
		return;
	open_spec(STR("none"), o);
	close_spec(STR("{\"type\":\"object\"}"), o);
}

static bool forced(const struct plan *p)
{
	return p->rq->tool != NULL && (p->rq->choose == CHOOSE_ANY || p->rq->choose == CHOOSE_TOOL);
}

/* A tool is forced, and the model takes that. */
static bool demanded(const struct plan *p)
{
	return forced(p) && !model_has(p->traits, TRAIT_NO_FORCED_TOOL);
}

/* One call at a time, which Claude's own tool_choice says. */
static bool serial(const struct plan *p)
{
	return p->vendor == VENDOR_CLAUDE && p->rq->parallel == 0 && p->rq->tool != NULL &&
	       p->tools;
}

static void write_tool_choice(const struct plan *p, struct json_out *o)
{
	if (forced(p) && !demanded(p)) {
		chat_unsupported(p->cx, "tool_choice");
		return;
	}
	/* Said in one place: toolChoice and a tool_choice beside it are in conflict. */
	if (serial(p) || (!demanded(p) && p->rq->choose != CHOOSE_AUTO))
		return;
	jo_key(o, "toolChoice");
	jo_obj(o);
	jo_key(o, !demanded(p) ? "auto" : p->rq->choose == CHOOSE_ANY ? "any" : "tool");
	jo_obj(o);
	if (p->rq->choose == CHOOSE_TOOL)
		jo_m_jstr(o, "name", p->rq->choose_name);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_tools(const struct plan *p, struct json_out *o)
{
	if (!p->tools)
		return;
	jo_key(o, "toolConfig");
	jo_obj(o);
	jo_key(o, "tools");
	jo_arr(o);
	for (const struct chat_tool *t = p->rq->tool; t != NULL; t = t->next)
		write_tool(p, t, o);
	if (p->rq->tool == NULL)
		write_made_tools(p, o);
	jo_arr_end(o);
	if (p->rq->tool != NULL)
		write_tool_choice(p, o);
	jo_obj_end(o);
}

/* ---- reasoning */

static void note_reasoning(struct plan *p)
{
	chat_unsupported(p->cx, p->rq->effort > EFFORT_NONE ? "reasoning_effort" : "thinking");
}

static void plan_budget(struct plan *p)
{
	const struct chat_request *rq = p->rq;
	uint64_t least = TG_MAX(p->traits->budget_least, UINT64_C(1024));
	uint64_t limit = rq->max_tokens > 0 ? rq->max_tokens : p->traits->most_tokens;
	uint64_t budget = rq->think_budget > 0
				  ? (uint64_t)rq->think_budget
				  : model_effort_budget(
					    rq->effort > EFFORT_NONE ? rq->effort : EFFORT_MEDIUM);

	if (limit > 0)
		budget = TG_MIN(budget, limit - limit / 4);
	budget = TG_MAX(budget, least);
	if ((limit == 0 || budget < limit) && !chat_in_unthought_turn(rq))
		p->budget = budget;
	else
		note_reasoning(p);
}

static enum chat_effort effort_of(const struct plan *p)
{
	enum chat_effort e = p->rq->effort;

	if (e == EFFORT_UNSET && p->rq->think_budget > 0)
		e = model_budget_effort(p->rq->think_budget);
	return e;
}

static bool writes_effort(const struct plan *p)
{
	return p->vendor == VENDOR_CLAUDE && model_has(p->traits, TRAIT_EFFORT) &&
	       effort_of(p) > EFFORT_NONE;
}

static void plan_thinking(struct plan *p)
{
	const struct chat_request *rq = p->rq;
	bool wants = rq->think == 1 || rq->effort > EFFORT_NONE || rq->think_budget > 0;

	if (p->vendor != VENDOR_CLAUDE) {
		if (wants && p->vendor == VENDOR_OTHER && p->traits->thinking != THINKING_LEVEL)
			note_reasoning(p);
		return;
	}
	if (demanded(p)) { /* and thinking exclude each other; effort alone is fine (10.1) */
		if (wants && (!writes_effort(p) || rq->think == 1))
			note_reasoning(p);
		p->off = model_has(p->traits, TRAIT_THINKS_UNASKED);
	} else if (rq->think == 0 || (!wants && rq->effort == EFFORT_NONE))
		p->off = model_has(p->traits, TRAIT_THINKS_UNASKED);
	else if (wants && p->traits->thinking == THINKING_BUDGET)
		plan_budget(p);
	else if (wants && p->traits->thinking == THINKING_ADAPTIVE)
		p->adaptive = true;
	else if (wants)
		note_reasoning(p);
}

/* ---- inferenceConfig */

static bool takes_sampling(const struct plan *p)
{
	return p->budget == 0 && !p->adaptive && !model_has(p->traits, TRAIT_NO_SAMPLING);
}

static void write_samplers(const struct plan *p, struct json_out *o)
{
	const struct chat_request *rq = p->rq;
	bool heated = rq->temperature.n > 0 && takes_sampling(p);
	bool both = heated && model_has(p->traits, TRAIT_ONE_SAMPLER);

	if (heated)
		jo_m_raw(o, "temperature",
			chat_number(rq->temperature) > 1 ? STR("1") : rq->temperature);
	else if (rq->temperature.n > 0 && chat_number(rq->temperature) != 1)
		chat_unsupported(p->cx, "temperature");
	if (rq->top_p.n == 0)
		return;
	if (takes_sampling(p) && !both)
		jo_m_raw(o, "topP", rq->top_p);
	else if (chat_number(rq->top_p) != 1)
		chat_unsupported(p->cx, "top_p");
}

static void write_inference(const struct plan *p, struct json_out *o)
{
	if (p->rq->max_tokens == 0 && p->rq->temperature.n == 0 && p->rq->top_p.n == 0 &&
		p->rq->n_stop == 0)
		return;
	jo_key(o, "inferenceConfig");
	jo_obj(o);
	if (p->rq->max_tokens > 0)
		jo_m_u64(o, "maxTokens", p->rq->max_tokens);
	write_samplers(p, o);
	chat_write_stops(p->cx, p->rq, "stopSequences", p->vendor != VENDOR_CLAUDE, o);
	jo_obj_end(o);
}

/* ---- additionalModelRequestFields */

static void write_thinking(const struct plan *p, struct json_out *o)
{
	jo_key(o, "thinking");
	jo_obj(o);
	jo_m_text(o, "type",
		p->off        ? STR("disabled")
		: p->adaptive ? STR("adaptive")
			      : STR("enabled"));
	if (p->budget > 0)
		jo_m_u64(o, "budget_tokens", p->budget);
	jo_obj_end(o);
}

static void write_serial_choice(const struct plan *p, struct json_out *o)
{
	bool named = demanded(p) && p->rq->choose == CHOOSE_TOOL;

	jo_key(o, "tool_choice");
	jo_obj(o);
	jo_m_text(o, "type", named ? STR("tool") : demanded(p) ? STR("any") : STR("auto"));
	if (named)
		jo_m_jstr(o, "name", p->rq->choose_name);
	jo_m_bool(o, "disable_parallel_tool_use", true);
	jo_obj_end(o);
}

static void write_claude_fields(const struct plan *p, struct json_out *o)
{
	const struct chat_request *rq = p->rq;

	if (p->off || p->adaptive || p->budget > 0)
		write_thinking(p, o);
	if (rq->top_k.n > 0 && takes_sampling(p))
		jo_m_raw(o, "top_k", rq->top_k);
	else if (rq->top_k.n > 0)
		chat_unsupported(p->cx, "top_k");
	if (serial(p))
		write_serial_choice(p, o);
}

/* Nova: topK stands in an inferenceConfig of its own, reasoning by a word. */
static void write_nova_fields(const struct plan *p, struct json_out *o)
{
	enum chat_effort e = effort_of(p);

	if (p->rq->top_k.n > 0) {
		jo_key(o, "inferenceConfig");
		jo_obj(o);
		jo_m_raw(o, "topK", p->rq->top_k);
		jo_obj_end(o);
	}
	if (e <= EFFORT_NONE)
		return;
	jo_key(o, "reasoningConfig");
	jo_obj(o);
	jo_m_lit(o, "type", "enabled");
	jo_m_text(o, "maxReasoningEffort",
		chat_effort_word(TG_MIN(TG_MAX(e, EFFORT_LOW), EFFORT_HIGH)));
	jo_obj_end(o);
}

static void write_other_fields(const struct plan *p, struct json_out *o)
{
	enum chat_effort e = effort_of(p);

	jo_m_raw(o, "top_k", p->rq->top_k);
	if (e > EFFORT_NONE && p->traits->thinking == THINKING_LEVEL)
		jo_m_text(o, "reasoning_effort",
			chat_effort_word(TG_MIN(TG_MAX(e, EFFORT_LOW), EFFORT_HIGH)));
}

static void write_vendor_fields(const struct plan *p, struct json_out *o)
{
	if (p->vendor == VENDOR_CLAUDE)
		write_claude_fields(p, o);
	else if (p->vendor == VENDOR_NOVA)
		write_nova_fields(p, o);
	else
		write_other_fields(p, o);
	if (p->vendor != VENDOR_CLAUDE)
		chat_note_parallel(p->cx, p->rq);
}

static void write_additional(const struct plan *p, struct json_out *o)
{
	struct json_out count;

	jo_init(&count, NULL, 0);
	write_vendor_fields(p, &count);
	if (count.n == 0)
		return;
	jo_key(o, "additionalModelRequestFields");
	jo_obj(o);
	write_vendor_fields(p, o);
	jo_obj_end(o);
}

/* ---- the rest */

static void write_format(const struct plan *p, struct json_out *o)
{
	jo_key(o, "textFormat");
	jo_obj(o);
	jo_m_lit(o, "type", "json_schema");
	jo_key(o, "structure");
	jo_obj(o);
	jo_key(o, "jsonSchema");
	jo_obj(o);
	jo_key(o, "schema");
	jo_quote_jstr(o, schema_of(p, "response_format.schema.", p->rq->schema));
	jo_m_jstr(o, "name", p->rq->schema_name);
	jo_obj_end(o);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_output(const struct plan *p, struct json_out *o)
{
	bool schema = p->rq->format == FORMAT_SCHEMA && !model_has(p->traits, TRAIT_NO_SCHEMA);
	enum chat_effort e = TG_MIN(TG_MAX(effort_of(p), EFFORT_LOW), p->traits->effort_most);

	if (effort_of(p) == EFFORT_XHIGH && model_has(p->traits, TRAIT_NO_XHIGH))
		e = EFFORT_HIGH;
	if (p->rq->format != FORMAT_TEXT && !schema)
		chat_unsupported(p->cx, "response_format");
	if (!schema && !writes_effort(p))
		return;
	jo_key(o, "outputConfig");
	jo_obj(o);
	if (schema)
		write_format(p, o);
	if (writes_effort(p))
		jo_m_text(o, "effort", chat_effort_word(e));
	jo_obj_end(o);
}

static void write_tier(const struct plan *p, struct json_out *o)
{
	static const struct {
		struct str client, bedrock;
	} tiers[] = {
		{ STR("priority"), STR("priority") },
		{ STR("flex"), STR("flex") },
		{ STR("reserved"), STR("reserved") },
		{ STR("default"), STR("default") },
		{ STR("standard_only"), STR("default") },
		{ STR("auto"), STR_NONE },
	};

	if (p->rq->tier.n == 0)
		return;
	for (size_t i = 0; i < TG_ARRAY_LEN(tiers); i++) {
		if (!str_eq(p->rq->tier, tiers[i].client))
			continue;
		if (tiers[i].bedrock.n == 0)
			return;
		jo_key(o, "serviceTier");
		jo_obj(o);
		jo_m_text(o, "type", tiers[i].bedrock);
		jo_obj_end(o);
		return;
	}
	chat_unsupported(p->cx, "service_tier");
}

/* Bedrock logs it with the invocation; characters as its model has them. */
static void write_user(const struct plan *p, struct json_out *o)
{
	struct str user = p->rq->user;
	bool fits = user.n <= 256;

	if (user.p == NULL)
		return;
	for (size_t i = 0; fits && i < user.n; i++)
		fits = chat_name_char(user.p[i]) || memchr(" :@$#=/+,.", user.p[i], 10) != NULL;
	user = chat_user(p->cx, user, fits);
	if (user.p == NULL)
		return; /* no memory: it is for logs alone */
	jo_key(o, "requestMetadata");
	jo_obj(o);
	jo_m_jstr(o, "user", user);
	jo_obj_end(o);
}

static void plan_make(struct plan *p, struct chat_context *cx, const struct chat_request *rq)
{
	*p = (struct plan){ .cx = cx, .rq = rq, .parts = { .cx = cx } };
	p->traits = model_traits_find(cx->model);
	p->vendor = has_word(cx->model, STR("claude")) ? VENDOR_CLAUDE
		    : has_word(cx->model, STR("nova")) ? VENDOR_NOVA
						       : VENDOR_OTHER;
	p->prefill = chat_prefill(rq);
	p->parts.caches = p->vendor != VENDOR_OTHER;
}

int converse_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	struct plan p;

	plan_make(&p, cx, rq);
	if (check_names(&p) != 0)
		return -1;
	if (!says_anything(&p))
		return chat_fail(cx,
			"messages has no text, image or result of a user, which this model's API "
			"needs.");
	if (p.history && rq->tool == NULL && chat_called_tools(cx, rq, &p.called, &p.n_called) != 0)
		return -1;
	p.tools = p.history || (rq->tool != NULL && rq->choose != CHOOSE_NONE);
	plan_thinking(&p);
	chat_note_rest(cx, rq);
	jo_obj(o);
	write_messages(&p, o);
	write_system(&p, o);
	write_inference(&p, o);
	write_tools(&p, o);
	write_additional(&p, o);
	if (!cx->counting)
		write_output(&p, o);
	write_tier(&p, o);
	write_user(&p, o);
	jo_obj_end(o);
	return 0;
}

const struct chat_codec chat_codec_converse = {
	.name = "converse",
	.write_request = converse_write_request,
	.read_answer = converse_read_answer,
	.in_open = converse_in_open,
	.read_event = converse_read_event,
	.read_end = converse_read_end,
	.read_error = converse_read_error,
};
