/*
 * sim_plan.c: from what was understood to what will be answered: length, events, tool call, usage.
 * The formulas are documented in --help; nothing here depends on time or chance, but for prompts
 * with cache_control, which are a cache write the first time and a read from then on.
 */
#include "sim/sim_json.h"
#include "sim/sim_req.h"
#include "sim/sim_store.h"
#include "sim/sim_text.h"

#define DEFAULT_OUTPUT_TOKENS 32
#define MAX_OUTPUT_TOKENS     1000000000
#define MAX_WHOLE_TOKENS      4000000 /* composed in memory */
#define MAX_CHOICES           128
#define STREAM_PIECE_BYTES    4096 /* of filler, with x-sim-body-bytes on a stream */

static void plan_length(struct sim_req *r, uint64_t max_tokens)
{
	struct sim_plan *p = &r->plan;
	const struct sim_knobs *k = &r->knobs;

	if (p->tool || p->shaped)
		p->tokens = sim_tokens_of(p->tool_args.n);
	else if (k->output_tokens != SIM_UNSET)
		p->tokens = k->output_tokens;
	else
		p->tokens = k->events != SIM_UNSET ? k->events : DEFAULT_OUTPUT_TOKENS;
	if (k->body_bytes != 0 && r->stream && !p->tool && !p->shaped) {
		p->events = (k->body_bytes + STREAM_PIECE_BYTES - 1) / STREAM_PIECE_BYTES;
		if (k->output_tokens == SIM_UNSET)
			p->tokens = p->events * (STREAM_PIECE_BYTES / SIM_TOKEN_BYTES);
		p->pad_bytes = STREAM_PIECE_BYTES;
	}
	p->tokens = TG_MIN(p->tokens, (uint64_t)(r->stream ? MAX_OUTPUT_TOKENS : MAX_WHOLE_TOKENS));
	if (max_tokens < p->tokens && !p->tool) {
		p->tokens = max_tokens;
		p->cut = true;
	}
	if (p->pad_bytes != 0)
		return;
	p->events = p->tokens;
	if (k->events != SIM_UNSET && !p->tool)
		p->events = TG_MIN(k->events, (uint64_t)MAX_OUTPUT_TOKENS);
	if (p->events == 0 && p->tokens != 0)
		p->events = 1;
}

/* Which part of the prompt a provider's cache would hold. */
static void plan_cache(struct sim_req *r, uint64_t prompt_tokens)
{
	const struct sim_knobs *k = &r->knobs;
	struct sim_usage *u = &r->usage;
	uint64_t left = prompt_tokens;

	if (k->cached == SIM_UNSET && k->cache_write == SIM_UNSET &&
		k->cache_write_1h == SIM_UNSET && r->prompt.mark) {
		uint64_t prefix = TG_MIN(sim_tokens_of(r->prompt.mark_bytes), left);

		if (sim_store_prefix_seen(r->conf->store, sim_hash(r->prompt.mark_hash, r->model)))
			u->cached_read = prefix;
		else if (r->prompt.mark_1h)
			u->cache_write_1h = prefix;
		else
			u->cache_write = prefix;
		left -= prefix;
	}
	if (k->cached != SIM_UNSET) {
		u->cached_read = TG_MIN(k->cached, left);
		left -= u->cached_read;
	}
	if (k->cache_write != SIM_UNSET) {
		u->cache_write = TG_MIN(k->cache_write, left);
		left -= u->cache_write;
	}
	if (k->cache_write_1h != SIM_UNSET) {
		u->cache_write_1h = TG_MIN(k->cache_write_1h, left);
		left -= u->cache_write_1h;
	}
	u->input = left;
}

static void plan_arguments(struct sim_req *r, const struct json_val *schema)
{
	struct sim_plan *p = &r->plan;

	if (r->knobs.tool_arguments.n != 0)
		sim_buf_add(&p->tool_args, r->knobs.tool_arguments);
	else
		sim_json_arguments(&p->tool_args, schema, p->seed);
}

void sim_plan_make(struct sim_req *r, uint64_t max_tokens, uint64_t n, struct str tool_name,
	const struct json_val *tool_schema)
{
	struct sim_plan *p = &r->plan;

	if (sim_fault_has(&r->knobs.fault, SIM_F_WRONG_KIND))
		r->stream = r->include_usage = !r->stream;
	p->seed = sim_hash(r->prompt.hash, r->model);
	p->n = TG_MIN(TG_MAX(n, (uint64_t)1), (uint64_t)MAX_CHOICES);
	p->tool = tool_name.n != 0;
	p->tool_name = p->tool && r->knobs.tool.n != 0 ? r->knobs.tool : tool_name;
	if (p->tool)
		plan_arguments(r, tool_schema);
	else
		p->shaped = sim_put_shape(r, &p->tool_args, p->seed);
	plan_length(r, max_tokens);
	plan_cache(r, sim_tokens_of(r->prompt.bytes) + r->prompt.fixed_tokens);
	r->usage.output = p->tokens * p->n;
	r->usage.reasoning = r->knobs.reasoning + p->think_tokens;
}

struct sim_usage sim_usage_shown(const struct sim_req *r)
{
	struct sim_usage u = r->usage;

	if (sim_fault_has(&r->knobs.fault, SIM_F_WRONG_USAGE) && !r->by_unit) {
		u.input = 2 * u.input + 7;
		u.output = r->input_only ? 0 : 3 * u.output + 11;
	}
	return u;
}

struct sim_usage sim_usage_billed(const struct sim_req *r, bool completed)
{
	struct sim_usage u = r->usage;

	if (r->refused)
		return (struct sim_usage){ 0 };
	/* Who has told the usage has made all of it. */
	if (completed || !r->sse || r->usage_event != 0 || r->knobs.on_cancel == SIM_CANCEL_FULL)
		return u;
	u.output = r->gen_tokens;
	u.reasoning = r->gen_reasoning;
	u.web_searches = r->gen_searches;
	return u;
}

/* The tool's name member, and its parameters, in OpenAI's nested, OpenAI's flat or Anthropic's
 * shape. */
static struct str tool_name(const struct json_val *tool, struct json_val *schema)
{
	struct json_watch w[] = { { STR("function"), { 0 } }, { STR("name"), { 0 } },
		{ STR("parameters"), { 0 } }, { STR("input_schema"), { 0 } },
		{ STR("tools"), { 0 } } };
	struct json_fail fail;
	struct json_iter it = { 0 };
	struct json_val first;
	struct str name;

	if (tool->type != JSON_OBJECT || json_scan_member(tool, w, TG_ARRAY_LEN(w), &fail) != 0)
		return STR_NONE;
	if (w[0].val.type == JSON_OBJECT)
		return tool_name(&w[0].val, schema);
	if (w[4].val.type == JSON_ARRAY) /* a namespace of the Responses API: its first */
		return json_array_next(&w[4].val, &it, &first) ? tool_name(&first, schema)
							       : STR_NONE;
	*schema = w[2].val.type != JSON_NONE ? w[2].val : w[3].val;
	return json_get_plain(&w[1].val, &name) == 0 ? name : STR_NONE;
}

struct str sim_pick_tool(struct sim_req *r, const struct json_val *tools,
	const struct json_val *choice, struct json_val *schema)
{
	struct json_watch type = { STR("type"), { 0 } };
	struct json_iter it = { 0 };
	struct json_val tool, unused;
	struct json_fail fail;
	struct str word = choice->raw, want = STR_NONE, name;
	bool forced;

	if (choice->type == JSON_OBJECT) {
		if (json_scan_member(choice, &type, 1, &fail) != 0)
			return STR_NONE;
		word = type.val.raw;
		want = tool_name(choice, &unused);
	}
	if (tools->type != JSON_ARRAY || str_eq(word, STR("\"none\"")))
		return STR_NONE;
	forced = want.n != 0 || str_eq(word, STR("\"required\"")) || str_eq(word, STR("\"any\""));
	if (!forced && !r->prompt.tool_word)
		return STR_NONE;
	while (json_array_next(tools, &it, &tool)) {
		name = tool_name(&tool, schema);
		if (name.n != 0 && (want.n == 0 || str_eq(name, want)))
			return name;
	}
	return STR_NONE;
}

static uint64_t piece_from(const struct sim_plan *p, uint64_t event)
{
	/* 128 bits: 10^8 tokens times 10^8 events */
	return p->events != 0 ? (uint64_t)((unsigned __int128)p->tokens * event / p->events) : 0;
}

uint64_t sim_piece_tokens(const struct sim_req *r, uint64_t event)
{
	return piece_from(&r->plan, event + 1) - piece_from(&r->plan, event);
}

/* Argument bytes [from, to) as the inside of a JSON string. */
static void put_args(struct sim_buf *b, struct str args, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < TG_MIN(to, args.n); i++) {
		char *o = sim_buf_room(b, 2);

		if (args.p[i] == '"' || args.p[i] == '\\') {
			*o++ = '\\';
			b->n++;
		}
		*o = args.p[i];
		b->n++;
	}
}

void sim_put_piece(struct sim_req *r, struct sim_buf *b, uint64_t choice, uint64_t event)
{
	const struct sim_plan *p = &r->plan;
	uint64_t from = piece_from(p, event), to = piece_from(p, event + 1);

	if (p->tool || p->shaped) {
		put_args(b, sim_buf_str(&p->tool_args), from * SIM_TOKEN_BYTES,
			to * SIM_TOKEN_BYTES);
		return;
	}
	sim_text_put(b, p->seed + choice, from, to);
	if (p->pad_bytes > (to - from) * SIM_TOKEN_BYTES) {
		size_t pad = (size_t)(p->pad_bytes - (to - from) * SIM_TOKEN_BYTES);

		memset(sim_buf_room(b, pad), 'x', pad);
		b->n += pad;
	}
}

void sim_put_text(struct sim_req *r, struct sim_buf *b, uint64_t choice)
{
	const struct sim_plan *p = &r->plan;

	if (p->tool || p->shaped)
		put_args(b, sim_buf_str(&p->tool_args), 0, p->tool_args.n);
	else
		sim_text_put(b, p->seed + choice, 0,
			p->pad_bytes != 0 ? TG_MIN(p->tokens, (uint64_t)STREAM_PIECE_BYTES)
					  : p->tokens);
}
