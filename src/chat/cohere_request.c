/*
 * cohere_request.c: a request for Cohere's v2 chat out of the hub. Its shape is OpenAI's chat of
 * old with words of its own: p, k, stop_sequences, tool_choice in capitals; what a model says
 * before it calls a tool is its tool_plan. Owns nothing; any thread.
 */

#include "chat/cohere.h"
#include "chat/model_traits.h"

/* ---- messages */

static void open_message(const char *role, struct json_out *o)
{
	jo_obj(o);
	jo_m_text(o, "role", str_z(role));
}

/* All text, joined, as one string; nothing when there is none. */
static void write_plan(struct chat_walk w, struct json_out *o)
{
	const struct chat_part *p;
	bool any = false;

	while ((p = chat_walk_part(&w)) != NULL) {
		if ((p->kind != PART_TEXT && p->kind != PART_REFUSAL) || p->text.n == 0)
			continue;
		if (!any) {
			jo_key(o, "tool_plan");
			jo_str_begin(o);
		}
		jo_piece(o, p->text);
		any = true;
	}
	if (any)
		jo_str_end(o);
}

static void write_image(const struct chat_part *p, struct json_out *o)
{
	jo_obj(o);
	jo_m_lit(o, "type", "image_url");
	jo_key(o, "image_url");
	jo_obj(o);
	if (p->data.n > 0) {
		jo_key(o, "url");
		jo_str_begin(o);
		jo_piece(o, STR("data:"));
		jo_piece(o, p->mime.n > 0 ? p->mime : STR("image/png"));
		jo_piece(o, STR(";base64,"));
		jo_piece(o, p->data);
		jo_str_end(o);
	} else {
		jo_m_jstr(o, "url", p->url);
	}
	jo_m_jstr(o, "detail", p->detail);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_typed(const char *type, struct str text, struct json_out *o)
{
	jo_obj(o);
	jo_m_text(o, "type", str_z(type));
	jo_m_jstr(o, type, text);
	jo_obj_end(o);
}

static void note_part(struct chat_context *cx, const struct chat_part *p)
{
	static const char *const names[] = {
		[PART_AUDIO] = "messages[].content[].audio",
		[PART_VIDEO] = "messages[].content[].video",
		[PART_FILE] = "messages[].content[].file",
	};

	if (p->kind == PART_IMAGE)
		chat_unsupported(cx, "messages[].content[].image by file_id");
	else if (p->kind < TG_ARRAY_LEN(names) && names[p->kind] != NULL)
		chat_unsupported(cx, names[p->kind]);
}

static void write_content(struct chat_context *cx, const struct chat_part *p, struct json_out *o)
{
	if ((p->kind == PART_TEXT || p->kind == PART_REFUSAL) && p->text.n > 0)
		write_typed("text", p->text, o);
	else if (p->kind == PART_THINKING && p->text.n > 0)
		write_typed("thinking", p->text, o);
	else if (p->kind == PART_IMAGE && (p->data.n > 0 || p->url.n > 0))
		write_image(p, o);
	else
		note_part(cx, p);
}

static bool is_said(const struct chat_part *p)
{
	return p->kind != PART_CALL && p->kind != PART_RESULT;
}

/* What has no place, or nothing to say, is left out, and a turn that says nothing else. */
static bool fits(const void *arg, const struct chat_turn *t, const struct chat_part *p)
{
	struct chat_context *cx = *(struct chat_context *const *)arg;

	if (p->kind == PART_CALL || p->kind == PART_RESULT)
		return true;
	if (p->kind == PART_TEXT || p->kind == PART_REFUSAL || p->kind == PART_THINKING)
		return p->text.n > 0;
	if (t->role == CHAT_ASSISTANT && chat_is_media(p->kind))
		chat_unsupported(cx, "media in an assistant's turn");
	else if (p->kind == PART_IMAGE && (p->data.n > 0 || p->url.n > 0))
		return true;
	else
		note_part(cx, p);
	return false;
}

static void write_result(struct chat_context *cx, const struct chat_part *p, struct json_out *o)
{
	open_message("tool", o);
	jo_m_jstr(o, "tool_call_id", p->id);
	jo_key(o, "content");
	jo_str_begin(o);
	for (const struct chat_part *q = p->part; q != NULL; q = q->next)
		if (q->kind == PART_TEXT)
			jo_piece(o, q->text);
		else
			chat_unsupported(cx, "messages[].content[] of a tool's result (text only)");
	jo_str_end(o);
	jo_obj_end(o);
}

static void write_call(const struct chat_part *p, struct json_out *o)
{
	jo_obj(o);
	jo_m_jstr(o, "id", p->id);
	jo_m_lit(o, "type", "function");
	jo_key(o, "function");
	jo_obj(o);
	jo_m_jstr(o, "name", p->name);
	jo_key(o, "arguments");
	jo_quote_jstr(o, p->args);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_calls(struct chat_walk w, struct json_out *o)
{
	const struct chat_part *p;

	open_message("assistant", o);
	write_plan(w, o);
	jo_key(o, "tool_calls");
	jo_arr(o);
	while ((p = chat_walk_part(&w)) != NULL)
		if (p->kind == PART_CALL)
			write_call(p, o);
	jo_arr_end(o);
	jo_obj_end(o);
}

/* Neighbours of one role are one message: calls that are made at once stand in one. */
static void write_turn(struct chat_context *cx, struct chat_walk w, struct json_out *o)
{
	struct chat_walk again = w;
	const struct chat_part *p;
	bool said = false, calls = false;

	while ((p = chat_walk_part(&w)) != NULL) {
		if (p->kind == PART_RESULT)
			write_result(cx, p, o);
		said |= is_said(p);
		calls |= p->kind == PART_CALL;
	}
	if (calls && w.role == CHAT_ASSISTANT) {
		write_calls(again, o);
		return;
	}
	if (!said)
		return;
	open_message(w.role == CHAT_ASSISTANT ? "assistant" : "user", o);
	jo_key(o, "content");
	jo_arr(o);
	while ((p = chat_walk_part(&again)) != NULL)
		if (is_said(p))
			write_content(cx, p, o);
	jo_arr_end(o);
	jo_obj_end(o);
}

static void write_system(struct chat_context *cx, const struct chat_turn *t, struct json_out *o)
{
	if (t->role != CHAT_SYSTEM || t->part == NULL)
		return;
	open_message("system", o);
	jo_key(o, "content");
	jo_arr(o);
	for (const struct chat_part *p = t->part; p != NULL; p = p->next)
		write_content(cx, p, o);
	jo_arr_end(o);
	jo_obj_end(o);
}

/* System turns stay in their places, but between two turns that are joined: behind them. */
static void write_messages(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	struct chat_walk w = { .turn = rq->turn, .fits = fits, .arg = &cx };
	const struct chat_turn *system = rq->turn;

	jo_key(o, "messages");
	jo_arr(o);
	while (chat_walk_turn(&w)) {
		for (; system != w.first; system = system->next)
			write_system(cx, system, o);
		write_turn(cx, w, o);
	}
	for (; system != NULL; system = system->next)
		write_system(cx, system, o);
	jo_arr_end(o);
}

/* ---- tools */

static void write_tool(const struct chat_tool *t, struct json_out *o)
{
	jo_obj(o);
	jo_m_lit(o, "type", "function");
	jo_key(o, "function");
	jo_obj(o);
	jo_m_jstr(o, "name", t->name);
	jo_m_jstr(o, "description", t->description);
	jo_m_raw(o, "parameters", t->schema);
	jo_obj_end(o);
	jo_obj_end(o);
}

/* One tool that is demanded by name is the only one that is offered. */
static void write_tools(struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	bool one = rq->choose == CHOOSE_TOOL, strict = false;

	if (rq->tool == NULL)
		return;
	jo_key(o, "tools");
	jo_arr(o);
	for (const struct chat_tool *t = rq->tool; t != NULL; t = t->next) {
		if (one && !str_eq(t->name, rq->choose_name))
			continue;
		write_tool(t, o);
		strict |= t->strict == 1;
	}
	jo_arr_end(o);
	if (strict)
		jo_m_bool(o, "strict_tools", true);
	if (one || rq->choose == CHOOSE_ANY)
		jo_m_lit(o, "tool_choice", "REQUIRED");
	else if (rq->choose == CHOOSE_NONE)
		jo_m_lit(o, "tool_choice", "NONE");
	chat_note_parallel(cx, rq);
}

/* ---- the rest */

static void write_thinking(const struct chat_request *rq, struct json_out *o)
{
	uint64_t budget =
		rq->think_budget > 0 ? (uint64_t)rq->think_budget : model_effort_budget(rq->effort);
	bool off = rq->think == 0 || rq->effort == EFFORT_NONE;

	if (!off && rq->think != 1 && rq->effort == EFFORT_UNSET && budget == 0)
		return;
	if (rq->max_tokens > 0)
		budget = TG_MIN(budget, rq->max_tokens - rq->max_tokens / 4);
	jo_key(o, "thinking");
	jo_obj(o);
	jo_m_text(o, "type", off ? STR("disabled") : STR("enabled"));
	if (!off && budget > 0)
		jo_m_u64(o, "token_budget", budget);
	jo_obj_end(o);
}

static void write_format(const struct chat_request *rq, struct json_out *o)
{
	if (rq->format == FORMAT_TEXT)
		return;
	jo_key(o, "response_format");
	jo_obj(o);
	jo_m_lit(o, "type", "json_object");
	if (rq->format == FORMAT_SCHEMA)
		jo_m_raw(o, "json_schema", rq->schema);
	jo_obj_end(o);
}

/* From 0 to 1. */
static void write_penalty(
	struct chat_context *cx, const char *key, struct str value, struct json_out *o)
{
	if (value.n == 0 || chat_number(value) == 0)
		return;
	if (chat_number(value) < 0)
		chat_unsupported(cx, key);
	else
		jo_m_raw(o, key, chat_number(value) > 1 ? STR("1") : value);
}

static void write_sampling(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	jo_m_raw(o, "temperature", rq->temperature);
	if (rq->top_p.n > 0)
		jo_m_raw(o, "p", chat_number(rq->top_p) > 0.99 ? STR("0.99") : rq->top_p);
	jo_m_raw(o, "k", rq->top_k);
	jo_m_raw(o, "seed", rq->seed);
	write_penalty(cx, "frequency_penalty", rq->frequency_penalty, o);
	write_penalty(cx, "presence_penalty", rq->presence_penalty, o);
	if (rq->n_stop == 0)
		return;
	jo_key(o, "stop_sequences");
	jo_arr(o);
	for (unsigned i = 0; i < TG_MIN(rq->n_stop, 5u); i++)
		jo_jstr(o, rq->stop[i]);
	jo_arr_end(o);
	if (rq->n_stop > 5)
		chat_unsupported(cx, "stop (more than 5)");
}

static void note_the_rest(struct chat_context *cx, const struct chat_request *rq)
{
	if (rq->n.n > 0 && chat_number(rq->n) != 1)
		chat_unsupported(cx, "n");
	if (rq->logprobs)
		chat_unsupported(cx, "logprobs");
	if (rq->top_logprobs.n > 0)
		chat_unsupported(cx, "top_logprobs");
	if (rq->tier.n > 0 && !str_eq(rq->tier, STR("auto")) && !str_eq(rq->tier, STR("default")))
		chat_unsupported(cx, "service_tier");
	/* No place for the end user's name, as with Gemini: nothing of the answer depends on it */
}

int cohere_write_request(struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	uint64_t max = rq->max_tokens;

	note_the_rest(cx, rq);
	jo_obj(o);
	jo_m_jstr(o, "model", cx->model);
	jo_m_bool(o, "stream", rq->stream);
	write_messages(cx, rq, o);
	write_tools(cx, rq, o);
	if (max > 0)
		jo_m_u64(o, "max_tokens", max);
	write_sampling(cx, rq, o);
	write_format(rq, o);
	write_thinking(rq, o);
	jo_obj_end(o);
	return 0;
}

const struct chat_codec chat_codec_cohere = {
	.name = "cohere",
	.write_request = cohere_write_request,
	.read_answer = cohere_read_answer,
	.in_open = cohere_in_open,
	.read_event = cohere_read_event,
	.read_end = cohere_read_end,
	.read_error = cohere_read_error,
};
