/*
 * openai_answer.c: a chat completion, read and written. Reasoning is read from the members that
 * copies of this API use for it, and written to reasoning_content, with thinking_blocks beside it
 * where blocks are signed or opaque (docs/internals/translation.md, rule 4). Pure; any thread.
 */
#include "chat/openai_int.h"

/* ---- read */

/* Where an answer's parts are hung. */
struct reader {
	struct chat_context *cx;
	struct chat_part **tail;
	bool failed;
};

static struct chat_part *add(struct reader *r, enum chat_part_kind kind, struct str text)
{
	struct chat_part *p = CHAT_NEW(r->cx, chat_part);

	if (p == NULL) {
		r->failed = true;
		return NULL;
	}
	p->kind = kind;
	p->text = text;
	*r->tail = p;
	r->tail = &p->next;
	return p;
}

static void add_text(struct reader *r, enum chat_part_kind kind, struct str text)
{
	if (text.n > 0)
		(void)!add(r, kind, text);
}

/* OpenRouter's, which say more than `reasoning` beside them. */
static void read_details(struct reader *r, const struct json_node *details)
{
	json_each(d, details)
	{
		struct str type = json_get_jstr(d, STR("type"));
		struct str text = json_get_jstr(d, STR("text"));
		struct chat_part *p;

		if (str_eq(type, STR("reasoning.summary")))
			text = json_get_jstr(d, STR("summary"));
		if (str_eq(type, STR("reasoning.encrypted"))) {
			p = add(r, PART_REDACTED, STR_NONE);
			if (p != NULL)
				p->data = json_get_jstr(d, STR("data"));
		} else if (text.n > 0) {
			p = add(r, PART_THINKING, text);
			if (p != NULL)
				p->signature = json_get_jstr(d, STR("signature"));
		}
	}
}

static void read_blocks(struct reader *r, const struct json_node *blocks)
{
	json_each(b, blocks)
	{
		bool redacted = str_eq(json_get_jstr(b, STR("type")), STR("redacted_thinking"));
		struct chat_part *p = add(r, redacted ? PART_REDACTED : PART_THINKING,
			json_get_jstr(b, STR("thinking")));

		if (p == NULL)
			return;
		p->data = json_get_jstr(b, STR("data"));
		p->signature = json_get_jstr(b, STR("signature"));
	}
}

static void read_reasoning(struct reader *r, const struct json_node *m)
{
	const struct json_node *blocks = json_get_type(m, STR("thinking_blocks"), JSON_ARRAY);
	const struct json_node *details = json_get_type(m, STR("reasoning_details"), JSON_ARRAY);
	struct str text = json_get_jstr(m, STR("reasoning_content"));

	if (blocks != NULL && blocks->child != NULL)
		read_blocks(r, blocks);
	else if (details != NULL && details->child != NULL)
		read_details(r, details);
	else
		add_text(r, PART_THINKING, text.n > 0 ? text : json_get_jstr(m, STR("reasoning")));
}

static void read_image(struct reader *r, const struct json_node *image)
{
	struct str url = openai_image_url(image);
	struct chat_part *p = url.n > 0 ? add(r, PART_IMAGE, STR_NONE) : NULL;

	if (p != NULL)
		openai_read_image(p, url, STR_NONE);
}

/* Speech: what was said is text. Its format stands in the request alone, so no other API can take
 * the sound. */
static void read_audio(struct reader *r, const struct json_node *audio)
{
	struct str data = json_get_jstr(audio, STR("data"));

	add_text(r, PART_TEXT, json_get_jstr(audio, STR("transcript")));
	if (data.n > 0)
		add_text(r, PART_TEXT, openai_audio_text(r->cx->arena, chat_base64_bytes(data)));
}

/* Mistral's content may be parts: text, and thinking that is parts itself. */
static void read_content(struct reader *r, const struct json_node *content)
{
	add_text(r, PART_TEXT, json_jstr(content));
	if (content == NULL || content->type != JSON_ARRAY)
		return;
	json_each(c, content)
	{
		json_each(t, json_get(c, STR("thinking")))
			add_text(r, PART_THINKING, json_get_jstr(t, STR("text")));
		add_text(r, PART_TEXT, json_get_jstr(c, STR("text")));
		add_text(r, PART_REFUSAL, json_get_jstr(c, STR("refusal")));
		read_image(r, c);
	}
}

static void read_call(struct reader *r, const struct json_node *v, size_t index)
{
	const struct json_node *f = json_get(v, STR("function"));
	struct chat_part *p = add(r, PART_CALL, STR_NONE);

	if (p == NULL)
		return;
	p->id = json_get_jstr(v, STR("id"));
	if (p->id.n == 0)
		p->id = openai_call_id(r->cx, index);
	p->name = json_get_jstr(f, STR("name"));
	p->signature = openai_thought_signature(v);
	p->args = chat_args_of_jstr(r->cx, json_get_jstr(f, STR("arguments")));
	if (p->args.n == 0)
		r->failed = true;
}

static void read_message(struct reader *r, const struct json_node *m)
{
	const struct json_node *calls = json_get_type(m, STR("tool_calls"), JSON_ARRAY);
	size_t index = 0;

	read_reasoning(r, m);
	read_content(r, json_get(m, STR("content")));
	add_text(r, PART_REFUSAL, json_get_jstr(m, STR("refusal")));
	json_each(v, json_get_type(m, STR("images"), JSON_ARRAY)) read_image(r, v);
	read_audio(r, json_get(m, STR("audio")));
	json_each(v, calls) read_call(r, v, index++);
}

static int read_choice(
	struct chat_context *cx, const struct json_node *v, struct chat_choice *choice)
{
	struct reader r = { .cx = cx, .tail = &choice->part };

	read_message(&r, json_get(v, STR("message")));
	choice->finish = chat_finish_of(openai_finish_of(json_get_jstr(v, STR("finish_reason"))),
		chat_has_calls(choice->part));
	if (choice->finish == FINISH_NONE)
		choice->finish = FINISH_STOP;
	return r.failed ? -1 : 0;
}

int openai_read_answer(struct chat_context *cx, const struct json_node *root, struct chat_answer *a)
{
	const struct json_node *choices = json_get_type(root, STR("choices"), JSON_ARRAY);
	struct openai_figures f = { 0 };

	*a = (struct chat_answer){ .id = json_get_jstr(root, STR("id")),
		.model = json_get_jstr(root, STR("model")) };
	if (choices == NULL)
		return chat_fail(cx, "The provider's answer has no choices.");
	json_each(v, choices) if (a->n_choices < CHAT_CHOICES &&
				  read_choice(cx, v, &a->choice[a->n_choices++]) !=
					  0) return chat_fail(cx,
		"The provider's answer is too large to be translated.");
	openai_figures_read(&f, json_get(root, STR("usage")));
	openai_figures_usage(&f, &a->usage);
	a->reasoning = a->usage.n[USAGE_OUT_REASONING];
	return 0;
}

/* ---- written */

static bool has_kind(const struct chat_part *p, enum chat_part_kind kind)
{
	for (; p != NULL; p = p->next)
		if (p->kind == kind)
			return true;
	return false;
}

/* Answers of this API show pictures beside their text; of other media they can only tell. */
static bool only_told(const struct chat_part *p)
{
	return chat_is_media(p->kind) && p->kind != PART_IMAGE;
}

static bool has_text(const struct chat_part *p, enum chat_part_kind kind)
{
	for (; p != NULL; p = p->next)
		if (p->kind == kind || (kind == PART_TEXT && only_told(p)))
			return true;
	return false;
}

/* All texts of a kind as one string. */
static void write_texts(struct chat_context *cx, struct json_out *o, const char *key,
	const struct chat_part *p, enum chat_part_kind kind)
{
	jo_key(o, key);
	if (!has_text(p, kind)) {
		jo_null(o);
		return;
	}
	jo_str_begin(o);
	for (; p != NULL; p = p->next)
		if (p->kind == kind)
			jo_piece(o, p->text);
		else if (kind == PART_TEXT && only_told(p))
			jo_piece(o, chat_media_text_part(cx->arena, p));
	jo_str_end(o);
}

struct str openai_thought_signature(const struct json_node *o)
{
	const struct json_node *extra = json_get(o, STR("extra_content"));

	return json_get_jstr(json_get(extra, STR("google")), STR("thought_signature"));
}

void openai_write_signature(struct json_out *o, struct str signature)
{
	if (signature.p == NULL)
		return;
	jo_key(o, "extra_content");
	jo_obj(o);
	jo_key(o, "google");
	jo_obj(o);
	jo_m_jstr(o, "thought_signature", signature);
	jo_obj_end(o);
	jo_obj_end(o);
}

/* Whether thoughts are more than text: then their blocks go along. */
static bool needs_blocks(const struct chat_part *p)
{
	for (; p != NULL; p = p->next)
		if (p->kind == PART_REDACTED ||
			(p->kind == PART_THINKING && p->signature.p != NULL))
			return true;
	return false;
}

static void write_blocks(struct json_out *o, const struct chat_part *p)
{
	jo_key(o, "thinking_blocks");
	jo_arr(o);
	for (; p != NULL; p = p->next) {
		if (p->kind != PART_THINKING && p->kind != PART_REDACTED)
			continue;
		jo_obj(o);
		if (p->kind == PART_REDACTED) {
			jo_m_lit(o, "type", "redacted_thinking");
			jo_m_jstr(o, "data", p->data);
		} else {
			jo_m_lit(o, "type", "thinking");
			jo_key(o, "thinking");
			jo_jstr(o, p->text);
			jo_m_jstr(o, "signature", p->signature);
		}
		jo_obj_end(o);
	}
	jo_arr_end(o);
}

void openai_write_call(struct json_out *o, const struct chat_part *p, bool with_signature)
{
	jo_obj(o);
	jo_key(o, "id");
	jo_jstr(o, p->id);
	jo_m_lit(o, "type", "function");
	jo_key(o, "function");
	jo_obj(o);
	jo_key(o, "name");
	jo_jstr(o, p->name);
	jo_key(o, "arguments");
	jo_quote_jstr(o, p->args);
	jo_obj_end(o);
	if (with_signature)
		openai_write_signature(o, p->signature);
	jo_obj_end(o);
}

static void write_calls(struct json_out *o, const struct chat_part *p)
{
	jo_key(o, "tool_calls");
	jo_arr(o);
	for (; p != NULL; p = p->next)
		if (p->kind == PART_CALL)
			openai_write_call(o, p, true);
	jo_arr_end(o);
}

static struct str text_signature(const struct chat_part *p)
{
	struct str s = STR_NONE;

	for (; p != NULL; p = p->next)
		if (p->kind == PART_TEXT && p->signature.p != NULL)
			s = p->signature;
	return s;
}

static void write_images(struct json_out *o, const struct chat_part *p)
{
	unsigned n = 0;

	jo_key(o, "images");
	jo_arr(o);
	for (; p != NULL; p = p->next)
		if (p->kind == PART_IMAGE)
			openai_write_image(o, p, n++);
	jo_arr_end(o);
}

static void write_message(struct chat_context *cx, struct json_out *o, const struct chat_part *p)
{
	jo_obj(o);
	jo_m_lit(o, "role", "assistant");
	write_texts(cx, o, "content", p, PART_TEXT);
	write_texts(cx, o, "refusal", p, PART_REFUSAL);
	if (has_kind(p, PART_THINKING))
		write_texts(cx, o, "reasoning_content", p, PART_THINKING);
	if (needs_blocks(p))
		write_blocks(o, p);
	if (has_kind(p, PART_IMAGE))
		write_images(o, p);
	if (has_kind(p, PART_CALL))
		write_calls(o, p);
	openai_write_signature(o, text_signature(p));
	jo_obj_end(o);
}

static void write_choice(
	struct chat_context *cx, struct json_out *o, const struct chat_choice *c, unsigned index)
{
	jo_obj(o);
	jo_m_u64(o, "index", index);
	jo_key(o, "message");
	write_message(cx, o, c->part);
	jo_key(o, "logprobs");
	jo_null(o);
	jo_m_text(o, "finish_reason", openai_finish_word(c->finish));
	jo_obj_end(o);
}

void openai_write_answer(struct chat_context *cx, const struct chat_answer *a, struct json_out *o)
{
	jo_obj(o);
	jo_key(o, "id");
	jo_jstr(o, cx->id.p != NULL ? cx->id : a->id);
	jo_m_lit(o, "object", "chat.completion");
	jo_key(o, "created");
	jo_i64(o, cx->created);
	jo_key(o, "model");
	jo_jstr(o, a->model.n > 0 ? a->model : cx->model);
	jo_key(o, "choices");
	jo_arr(o);
	for (unsigned i = 0; i < a->n_choices; i++)
		write_choice(cx, o, &a->choice[i], i);
	jo_arr_end(o);
	if (a->usage.source != USAGE_ABSENT) {
		jo_key(o, "usage");
		openai_write_usage(o, &a->usage, a->reasoning);
	}
	jo_obj_end(o);
}
