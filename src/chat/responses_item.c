/*
 * responses_item.c: what the Responses API answers: output items, and the response around them. The
 * same functions write an answer that came whole and the last events of a stream. Pure; any thread.
 */
#include "base/num.h"
#include "chat/responses_int.h"

/* ---- opaque values */

static const struct str opaque_words[] = {
	[OPAQUE_NONE] = { NULL, 0 },
	[OPAQUE_THINKING] = STR("thinking:"),
	[OPAQUE_REDACTED] = STR("redacted:"),
	[OPAQUE_SIGNATURE] = STR("signature:"),
};

struct str responses_opaque_word(enum responses_opaque what)
{
	return opaque_words[what];
}

enum responses_opaque responses_opaque_of(struct str jstr, struct str *value)
{
	for (size_t i = OPAQUE_NONE + 1; i < TG_ARRAY_LEN(opaque_words); i++) {
		if (!str_starts(jstr, opaque_words[i]))
			continue;
		*value = str_skip(jstr, opaque_words[i].n);
		return (enum responses_opaque)i;
	}
	return OPAQUE_NONE;
}

/* ---- items */

static const char *id_prefix(enum chat_part_kind kind)
{
	switch (kind) {
	case PART_CALL: return "fc_";
	case PART_THINKING: return "rs_";
	case PART_IMAGE: return "ig_";
	default: return "msg_";
	}
}

void responses_write_item_id(struct json_out *o, struct str id, const struct responses_item *i)
{
	char number[NUM_U64_MAX_LEN];

	jo_str_begin(o);
	jo_piece(o, str_z(id_prefix(i->kind)));
	jo_piece(o, id);
	jo_piece(o, STR("_"));
	jo_piece(o, str_mk(number, num_put_u64(number, i->index)));
	jo_str_end(o);
}

void responses_write_text(struct json_out *o, const struct responses_item *i)
{
	jo_str_begin(o);
	for (const struct responses_piece *p = i->piece; p != NULL; p = p->next)
		jo_piece(o, p->text);
	jo_str_end(o);
}

void responses_write_part(struct json_out *o, const struct responses_item *i, bool empty)
{
	bool refusal = i->kind == PART_REFUSAL;

	jo_obj(o);
	jo_m_text(o, "type", refusal ? STR("refusal") : STR("output_text"));
	jo_key(o, refusal ? "refusal" : "text");
	if (empty)
		jo_text(o, STR(""));
	else
		responses_write_text(o, i);
	if (!refusal) {
		jo_m_raw(o, "annotations", STR("[]"));
		jo_m_raw(o, "logprobs", STR("[]"));
	}
	jo_obj_end(o);
}

static void write_message(struct json_out *o, const struct responses_item *i, bool empty)
{
	jo_m_lit(o, "role", "assistant");
	jo_key(o, "content");
	jo_arr(o);
	if (!empty)
		responses_write_part(o, i, false);
	jo_arr_end(o);
}

static void write_reasoning(struct json_out *o, const struct responses_item *i, bool empty)
{
	jo_key(o, "summary");
	jo_arr(o);
	if (!empty && i->piece != NULL) {
		jo_obj(o);
		jo_m_lit(o, "type", "summary_text");
		jo_key(o, "text");
		responses_write_text(o, i);
		jo_obj_end(o);
	}
	jo_arr_end(o);
	if (empty || i->opaque == OPAQUE_NONE)
		return;
	jo_key(o, "encrypted_content");
	jo_str_begin(o);
	jo_piece(o, responses_opaque_word(i->opaque));
	jo_piece(o, i->value);
	jo_str_end(o);
}

static void write_call(struct json_out *o, const struct responses_item *i, bool empty)
{
	jo_key(o, "call_id");
	jo_jstr(o, i->id);
	jo_key(o, "name");
	jo_jstr(o, i->name);
	if (i->space.n > 0)
		jo_m_jstr(o, "namespace", i->space);
	jo_key(o, "arguments");
	if (empty)
		jo_text(o, STR(""));
	else if (i->args.n > 0)
		jo_quote_jstr(o, i->args);
	else
		responses_write_text(o, i);
}

bool responses_media_fits(enum chat_part_kind kind, struct str data)
{
	return kind == PART_IMAGE && data.n > 0;
}

struct str responses_picture_format(struct str mime)
{
	size_t slash = str_chr(mime, '/');

	return slash != (size_t)-1 ? str_skip(mime, slash + 1) : STR("png");
}

static void write_picture(struct json_out *o, const struct responses_item *i, bool empty)
{
	jo_m_jstr(o, "output_format", i->format);
	jo_key(o, "result");
	if (empty)
		jo_null(o);
	else
		jo_jstr(o, i->value);
}

void responses_write_item(
	struct json_out *o, struct str id, const struct responses_item *i, const char *status)
{
	static const struct str begun = STR("in_progress");
	bool empty = str_eq(str_z(status), begun);

	jo_obj(o);
	jo_key(o, "id");
	responses_write_item_id(o, id, i);
	switch (i->kind) {
	case PART_CALL:
		jo_m_lit(o, "type", "function_call");
		jo_m_text(o, "status", str_z(status));
		write_call(o, i, empty);
		break;
	case PART_THINKING:
		jo_m_lit(o, "type", "reasoning");
		write_reasoning(o, i, empty);
		break;
	case PART_IMAGE:
		jo_m_lit(o, "type", "image_generation_call");
		jo_m_text(o, "status", str_z(status));
		write_picture(o, i, empty);
		break;
	default:
		jo_m_lit(o, "type", "message");
		jo_m_text(o, "status", str_z(status));
		write_message(o, i, empty);
		break;
	}
	jo_obj_end(o);
}

/* ---- the response */

static void write_null(struct json_out *o, const char *key)
{
	jo_key(o, key);
	jo_null(o);
}

static void write_error(struct json_out *o, const struct chat_error *e)
{
	if (e == NULL) {
		write_null(o, "error");
		return;
	}
	jo_key(o, "error");
	jo_obj(o);
	jo_m_text(o, "code", e->status == 429 ? STR("rate_limit_exceeded") : STR("server_error"));
	jo_m_jstr(o, "message", e->message.n > 0 ? e->message : STR("The provider failed."));
	jo_obj_end(o);
}

static void write_incomplete(struct json_out *o, const char *why)
{
	if (why == NULL) {
		write_null(o, "incomplete_details");
		return;
	}
	jo_key(o, "incomplete_details");
	jo_obj(o);
	jo_m_text(o, "reason", str_z(why));
	jo_obj_end(o);
}

/* What the API always has and clients rarely look at: as a response to a request that set none of
 * it. */
static void write_rest(struct json_out *o)
{
	write_null(o, "instructions");
	jo_m_raw(o, "metadata", STR("{}"));
	jo_m_bool(o, "parallel_tool_calls", true);
	write_null(o, "previous_response_id");
	jo_m_bool(o, "store", false);
	write_null(o, "temperature");
	jo_m_lit(o, "tool_choice", "auto");
	jo_m_raw(o, "tools", STR("[]"));
	write_null(o, "top_p");
}

void responses_write_object(struct json_out *o, const struct responses_object *r)
{
	jo_obj(o);
	jo_key(o, "id");
	jo_str_begin(o);
	jo_piece(o, STR("resp_"));
	jo_piece(o, r->id);
	jo_str_end(o);
	jo_m_lit(o, "object", "response");
	jo_key(o, "created_at");
	jo_i64(o, r->created);
	jo_m_text(o, "status", str_z(r->status));
	write_error(o, r->error);
	write_incomplete(o, r->why);
	jo_key(o, "model");
	jo_jstr(o, r->model);
	jo_key(o, "output");
	jo_arr(o);
	for (const struct responses_item *i = r->item; i != NULL; i = i->next)
		responses_write_item(o, r->id, i, i->cut ? "incomplete" : "completed");
	jo_arr_end(o);
	write_rest(o);
	jo_key(o, "usage");
	if (r->usage != NULL)
		openai_write_usage_responses(o, r->usage, r->reasoning);
	else
		jo_null(o);
	jo_obj_end(o);
}

static const struct chat_error malformed = { .status = 502,
	.message = { "The model's answer was malformed.", 33 } };

void responses_finish(struct responses_object *r, enum chat_finish f)
{
	r->status = "completed";
	if (f == FINISH_LENGTH || f == FINISH_FILTER) {
		r->status = "incomplete";
		r->why = f == FINISH_LENGTH ? "max_output_tokens" : "content_filter";
	} else if (f == FINISH_ERROR) {
		r->status = "failed";
		r->error = &malformed;
	}
}
