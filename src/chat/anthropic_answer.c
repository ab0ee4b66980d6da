/*
 * anthropic_answer.c: whole answers of the messages API, read and written; finish reasons; the
 * helpers of the codec. Owns nothing; any thread.
 */
#include "chat/anthropic.h"

static const struct {
	struct str word;
	enum chat_finish finish;
} reasons[] = {
	/* The first of a finish is how it is written */
	{ STR("end_turn"), FINISH_STOP },
	{ STR("stop_sequence"), FINISH_STOP_SEQUENCE },
	{ STR("max_tokens"), FINISH_LENGTH },
	{ STR("model_context_window_exceeded"), FINISH_LENGTH },
	{ STR("tool_use"), FINISH_TOOL },
	{ STR("refusal"), FINISH_FILTER },
	{ STR("pause_turn"), FINISH_PAUSE },
	{ STR("compaction"), FINISH_PAUSE },
};

/* A reason that is newer than this table is an end like any other. */
enum chat_finish anthropic_finish(struct str stop_reason)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(reasons); i++)
		if (str_eq(stop_reason, reasons[i].word))
			return reasons[i].finish;
	return stop_reason.n > 0 ? FINISH_STOP : FINISH_NONE;
}

/* FINISH_ERROR has no word: refusal at least says that the answer is not what was asked for. */
const char *anthropic_stop_reason(enum chat_finish f)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(reasons); i++)
		if (reasons[i].finish == f)
			return reasons[i].word.p;
	return f == FINISH_ERROR ? "refusal" : "end_turn";
}

struct str anthropic_word(struct chat_context *cx, const struct json_node *o, struct str key)
{
	struct str s = json_get_jstr(o, key);

	return s.n == 0 ? STR_NONE : json_jstr_decode(cx->arena, s);
}

/* ---- reading */

static struct chat_part *part_of(
	struct chat_context *cx, const struct json_node *block, enum chat_part_kind kind)
{
	struct chat_part *p = CHAT_NEW(cx, chat_part);

	if (p == NULL)
		return NULL;
	p->kind = kind;
	p->text = json_get_jstr(block, kind == PART_THINKING ? STR("thinking") : STR("text"));
	p->id = json_get_jstr(block, STR("id"));
	p->name = json_get_jstr(block, STR("name"));
	p->signature = json_get_jstr(block, STR("signature"));
	p->data = json_get_jstr(block, STR("data"));
	if (kind == PART_CALL) {
		const struct json_node *input = json_get_type(block, STR("input"), JSON_OBJECT);

		p->args = input != NULL ? input->raw : STR("{}");
	}
	return p;
}

static const struct {
	struct str type;
	enum chat_part_kind kind;
} kinds[] = {
	{ STR("text"), PART_TEXT },
	{ STR("tool_use"), PART_CALL },
	{ STR("thinking"), PART_THINKING },
	{ STR("redacted_thinking"), PART_REDACTED },
};

struct reader {
	struct chat_context *cx;
	struct chat_part **end;
};

static int add_media(void *arg, const struct chat_part *medium)
{
	struct reader *r = arg;
	struct chat_part *p = CHAT_NEW(r->cx, chat_part);

	if (p == NULL)
		return -1;
	*p = *medium;
	*r->end = p;
	r->end = &p->next;
	return 0;
}

static int read_block(struct reader *r, const struct json_node *block)
{
	struct str type = anthropic_word(r->cx, block, STR("type"));

	for (size_t i = 0; i < TG_ARRAY_LEN(kinds); i++) {
		if (!str_eq(type, kinds[i].type))
			continue;
		*r->end = part_of(r->cx, block, kinds[i].kind);
		if (*r->end == NULL)
			return -1;
		r->end = &(*r->end)->next;
		return 0;
	}
	return anthropic_read_media(r->cx, block, add_media, r);
}

/* The reason for a refusal, where nothing else was said. */
static int add_refusal(
	struct chat_context *cx, const struct json_node *details, struct chat_choice *c)
{
	struct str why = json_get_jstr(details, STR("explanation"));

	if (c->finish != FINISH_FILTER || c->part != NULL || why.n == 0)
		return 0;
	c->part = part_of(cx, NULL, PART_REFUSAL);
	if (c->part == NULL)
		return -1;
	c->part->text = why;
	return 0;
}

int anthropic_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a)
{
	struct chat_choice *c = &a->choice[0];
	struct reader r = { cx, &c->part };
	struct anthropic_usage figures = { 0 };

	if (json_get_type(root, STR("content"), JSON_ARRAY) == NULL)
		return chat_fail(cx, "the provider's answer is no message: it has no \"content\"");
	a->id = json_get_jstr(root, STR("id"));
	a->model = json_get_jstr(root, STR("model"));
	a->n_choices = 1;
	json_each(block, json_get(root, STR("content"))) if (read_block(&r, block) != 0) return -1;
	c->finish = anthropic_finish(anthropic_word(cx, root, STR("stop_reason")));
	c->stop_sequence = json_get_jstr(root, STR("stop_sequence"));
	if (add_refusal(cx, json_get(root, STR("stop_details")), c) != 0)
		return -1;
	anthropic_usage_read(&figures, json_get(root, STR("usage")));
	anthropic_usage_buckets(&figures, &a->usage);
	a->reasoning = a->usage.n[USAGE_OUT_REASONING];
	return 0;
}

/* ---- writing */

/* The API has no media in answers: they are told of. */
static void write_block(struct chat_context *cx, const struct chat_part *p, struct json_out *o)
{
	if ((p->kind == PART_TEXT || p->kind == PART_REFUSAL) && p->text.n == 0)
		return;
	jo_obj(o);
	switch (p->kind) {
	case PART_CALL:
		jo_m_lit(o, "type", "tool_use");
		jo_m_jstr(o, "id", p->id);
		jo_m_jstr(o, "name", p->name);
		jo_m_raw(o, "input", p->args.n > 0 ? p->args : STR("{}"));
		break;
	case PART_THINKING:
		jo_m_lit(o, "type", "thinking");
		jo_key(o, "thinking");
		jo_jstr(o, p->text);
		jo_key(o, "signature");
		jo_jstr(o, p->signature);
		break;
	case PART_REDACTED:
		jo_m_lit(o, "type", "redacted_thinking");
		jo_m_jstr(o, "data", p->data);
		break;
	default:
		jo_m_lit(o, "type", "text");
		jo_key(o, "text");
		jo_jstr(o, chat_is_media(p->kind) ? chat_media_text_part(cx->arena, p) : p->text);
		break;
	}
	jo_obj_end(o);
}

static bool writable(enum chat_part_kind k)
{
	return k == PART_TEXT || k == PART_REFUSAL || k == PART_CALL || k == PART_THINKING ||
	       k == PART_REDACTED || chat_is_media(k);
}

void anthropic_write_answer(
	struct chat_context *cx, const struct chat_answer *a, struct json_out *o)
{
	const struct chat_choice *c = &a->choice[0];

	jo_obj(o);
	jo_m_jstr(o, "id", a->id.n > 0 ? a->id : cx->id);
	jo_m_lit(o, "type", "message");
	jo_m_lit(o, "role", "assistant");
	jo_m_jstr(o, "model", a->model.n > 0 ? a->model : cx->model);
	jo_key(o, "content");
	jo_arr(o);
	for (const struct chat_part *p = a->n_choices > 0 ? c->part : NULL; p != NULL; p = p->next)
		if (writable(p->kind))
			write_block(cx, p, o);
	jo_arr_end(o);
	jo_m_text(o, "stop_reason", str_z(anthropic_stop_reason(c->finish)));
	jo_key(o, "stop_sequence");
	if (c->finish == FINISH_STOP_SEQUENCE && c->stop_sequence.p != NULL)
		jo_jstr(o, c->stop_sequence);
	else
		jo_null(o);
	anthropic_usage_write(o, &a->usage);
	jo_obj_end(o);
}
