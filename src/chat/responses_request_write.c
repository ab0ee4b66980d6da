/*
 * responses_request_write.c: a request of the Responses API, written for a target that is asked in
 * it. Nothing is kept there (store: false): the whole conversation goes along, and reasoning comes
 * back as encrypted content, which clients carry as a signature behind the word "encrypted:".
 * providers.md 10.1 and 11. Pure; any thread.
 */
#include "chat/responses_int.h"

/* ---- content */

static void write_image(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	if (p->data.p == NULL && p->url.p == NULL && p->file_id.p == NULL) {
		chat_unsupported(cx, "images without data");
		return;
	}
	jo_obj(o);
	jo_m_lit(o, "type", "input_image");
	if (p->data.p != NULL || p->url.p != NULL) {
		jo_key(o, "image_url");
		openai_write_url(o, p);
	} else {
		jo_m_jstr(o, "file_id", p->file_id);
	}
	jo_m_jstr(o, "detail", p->detail);
	jo_obj_end(o);
}

static void write_file(struct json_out *o, const struct chat_part *p)
{
	jo_obj(o);
	jo_m_lit(o, "type", "input_file");
	if (p->data.p != NULL) {
		jo_key(o, "filename");
		jo_jstr(o, p->filename.n > 0 ? p->filename : STR("document.pdf"));
		jo_key(o, "file_data");
		openai_write_url(o, p);
	} else if (p->url.p != NULL) {
		jo_m_jstr(o, "file_url", p->url);
	} else {
		jo_m_jstr(o, "file_id", p->file_id);
	}
	jo_obj_end(o);
}

static void write_text(struct json_out *o, const char *type, const char *key, struct str text)
{
	jo_obj(o);
	jo_m_text(o, "type", str_z(type));
	jo_key(o, key);
	jo_jstr(o, text);
	jo_obj_end(o);
}

/* What users and the results of tools say. */
static void write_input_part(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: write_text(o, "input_text", "text", p->text); break;
	case PART_IMAGE: write_image(cx, o, p); break;
	case PART_FILE: write_file(o, p); break;
	case PART_AUDIO: chat_unsupported(cx, "audio"); break;
	case PART_VIDEO: chat_unsupported(cx, "video"); break;
	case PART_CALL:
	case PART_RESULT:
	case PART_THINKING:
	case PART_REDACTED: break;
	}
}

static void write_parts(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	jo_arr(o);
	for (; p != NULL; p = p->next)
		write_input_part(cx, o, p);
	jo_arr_end(o);
}

/* ---- items */

static void begin_item(struct json_out *o, struct str type)
{
	jo_obj(o);
	jo_m_text(o, "type", type);
}

static void begin_message(struct json_out *o, struct str role)
{
	begin_item(o, STR("message"));
	jo_m_text(o, "role", role);
	jo_key(o, "content");
}

static void write_result(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	const struct chat_part *first = p->part;

	begin_item(o, STR("function_call_output"));
	jo_m_jstr(o, "call_id", p->id);
	jo_key(o, "output");
	if (first == NULL || (first->next == NULL && first->kind == PART_TEXT))
		jo_jstr(o, first != NULL ? first->text : STR(""));
	else
		write_parts(cx, o, first);
	jo_obj_end(o);
}

static void write_call(struct json_out *o, const struct chat_part *p)
{
	begin_item(o, STR("function_call"));
	jo_m_jstr(o, "call_id", p->id);
	jo_m_jstr(o, "name", p->name);
	jo_key(o, "arguments");
	jo_quote_jstr(o, p->args);
	jo_obj_end(o);
}

/* Thoughts go back as the item they came as; others' are of no use to this API. */
static void write_reasoning(struct json_out *o, const struct chat_part *p)
{
	struct str value = p->kind == PART_REDACTED ? p->data : p->signature;

	if (!chat_is_encrypted(value))
		return;
	begin_item(o, STR("reasoning"));
	jo_key(o, "summary");
	jo_arr(o);
	if (p->kind == PART_THINKING && p->text.n > 0)
		write_text(o, "summary_text", "text", p->text);
	jo_arr_end(o);
	jo_m_jstr(o, "encrypted_content", str_skip(value, STR(CHAT_ENCRYPTED).n));
	jo_obj_end(o);
}

static void write_said(struct json_out *o, const struct chat_part *p)
{
	bool refusal = p->kind == PART_REFUSAL;

	begin_message(o, STR("assistant"));
	jo_arr(o);
	write_text(o, refusal ? "refusal" : "output_text", refusal ? "refusal" : "text", p->text);
	jo_arr_end(o);
	jo_obj_end(o);
}

static void write_assistant(struct chat_context *cx, struct json_out *o, const struct chat_turn *t)
{
	for (const struct chat_part *p = t->part; p != NULL; p = p->next)
		switch (p->kind) {
		case PART_TEXT:
		case PART_REFUSAL: write_said(o, p); break;
		case PART_CALL: write_call(o, p); break;
		case PART_THINKING:
		case PART_REDACTED: write_reasoning(o, p); break;
		case PART_RESULT: break;
		default: chat_unsupported(cx, "media in an assistant's turn"); break;
		}
}

static void write_user(
	struct chat_context *cx, struct json_out *o, const struct chat_turn *t, struct str role)
{
	const struct chat_part *first = NULL;
	size_t n = 0;

	for (const struct chat_part *p = t->part; p != NULL; p = p->next) {
		if (p->kind == PART_RESULT)
			write_result(cx, o, p);
		else if (n++ == 0)
			first = p;
	}
	if (n == 0)
		return;
	begin_message(o, role);
	if (n == 1 && first->kind == PART_TEXT)
		jo_jstr(o, first->text);
	else
		write_parts(cx, o, t->part);
	jo_obj_end(o);
}

static void write_input(struct chat_context *cx, struct json_out *o, const struct chat_request *rq)
{
	jo_key(o, "input");
	jo_arr(o);
	for (const struct chat_turn *t = rq->turn; t != NULL; t = t->next)
		if (t->role == CHAT_ASSISTANT)
			write_assistant(cx, o, t);
		else
			write_user(cx, o, t, t->role == CHAT_USER ? STR("user") : STR("system"));
	jo_arr_end(o);
}

/* ---- the rest */

static void write_format(struct json_out *o, const struct chat_request *rq)
{
	if (rq->format == FORMAT_TEXT)
		return;
	jo_key(o, "text");
	jo_obj(o);
	jo_key(o, "format");
	begin_item(o, rq->format == FORMAT_JSON ? STR("json_object") : STR("json_schema"));
	if (rq->format == FORMAT_SCHEMA)
		openai_write_schema(o, rq, true);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_reasoning_knob(
	struct json_out *o, const struct chat_request *rq, const struct model_traits *t)
{
	struct str effort = openai_effort_word(rq, t);
	bool shown = rq->think_show && t->effort_most != EFFORT_UNSET;

	if (effort.n == 0 && !shown)
		return;
	jo_key(o, "reasoning");
	jo_obj(o);
	if (effort.n > 0)
		jo_m_text(o, "effort", effort);
	if (shown)
		jo_m_lit(o, "summary", "auto");
	jo_obj_end(o);
}

static void write_sampling(struct chat_context *cx, struct json_out *o,
	const struct chat_request *rq, const struct model_traits *t)
{
	if (!model_has(t, TRAIT_NO_SAMPLING)) {
		jo_m_raw(o, "temperature", rq->temperature);
		jo_m_raw(o, "top_p", rq->top_p);
	}
	if (rq->top_k.n > 0)
		chat_unsupported(cx, "top_k");
	if (rq->n_stop > 0)
		chat_unsupported(cx, "stop");
	chat_note_rest(cx, rq);
}

int responses_write_request(
	struct chat_context *cx, const struct chat_request *rq, struct json_out *o)
{
	const struct model_traits *t = model_traits_find(cx->model);

	jo_obj(o);
	jo_key(o, "model");
	jo_jstr(o, cx->model);
	write_input(cx, o, rq);
	openai_write_tools(o, rq, true);
	write_format(o, rq);
	write_reasoning_knob(o, rq, t);
	if (!cx->counting) {
		if (rq->max_tokens > 0)
			jo_m_u64(o, "max_output_tokens", rq->max_tokens);
		write_sampling(cx, o, rq, t);
		openai_write_user(cx, o, rq);
		openai_write_tier(cx, o, rq);
		jo_m_bool(o, "store", false);
		if (t->effort_most != EFFORT_UNSET)
			jo_m_raw(o, "include", STR("[\"reasoning.encrypted_content\"]"));
		if (rq->stream)
			jo_m_bool(o, "stream", true);
	}
	jo_obj_end(o);
	return 0;
}
