/*
 * cohere_answer.c: Cohere's answers and errors into the hub. Owns nothing; any thread.
 */
#include "chat/cohere.h"

enum chat_finish cohere_finish(struct str reason)
{
	static const struct {
		struct str word;
		enum chat_finish finish;
	} words[] = {
		{ STR("COMPLETE"), FINISH_STOP },
		{ STR("STOP_SEQUENCE"), FINISH_STOP_SEQUENCE },
		{ STR("MAX_TOKENS"), FINISH_LENGTH },
		{ STR("TOOL_CALL"), FINISH_TOOL },
		{ STR("ERROR"), FINISH_ERROR },
		{ STR("ERROR_TOXIC"), FINISH_FILTER },
		{ STR("TIMEOUT"), FINISH_ERROR },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_eq(reason, words[i].word))
			return words[i].finish;
	return FINISH_STOP;
}

static bool figure(const struct json_node *o, struct str key, uint64_t *out)
{
	return json_node_u64(json_get(o, key), out) == 0;
}

bool cohere_usage(const struct json_node *usage, struct usage *u)
{
	const struct json_node *billed = json_get_type(usage, STR("billed_units"), JSON_OBJECT);
	bool any;

	*u = (struct usage){ 0 };
	if (billed == NULL)
		billed = json_get_type(usage, STR("tokens"), JSON_OBJECT);
	any = figure(billed, STR("input_tokens"), &u->n[USAGE_IN]);
	any |= figure(billed, STR("output_tokens"), &u->n[USAGE_OUT]);
	if (any)
		u->source = USAGE_PROVIDER;
	return any;
}

static struct chat_part *add_part(
	struct chat_context *cx, struct chat_part ***end, enum chat_part_kind kind, struct str text)
{
	struct chat_part *p = CHAT_NEW(cx, chat_part);

	if (p == NULL)
		return NULL;
	p->kind = kind;
	p->text = text;
	**end = p;
	*end = &p->next;
	return p;
}

bool cohere_picture(const struct json_node *content, struct chat_part *p)
{
	const struct json_node *v = json_get(content, STR("image_url"));
	struct str url =
		v != NULL && v->type == JSON_OBJECT ? json_get_jstr(v, STR("url")) : json_jstr(v);

	*p = (struct chat_part){ .kind = PART_IMAGE };
	if (url.n > 0 && !chat_data_url(url, &p->mime, &p->data))
		p->url = url;
	return url.n > 0;
}

static int add_picture(struct chat_context *cx, const struct chat_part *p, struct chat_part ***end)
{
	struct chat_part *own = add_part(cx, end, PART_IMAGE, STR_NONE);

	if (own == NULL)
		return -1;
	own->mime = p->mime;
	own->data = p->data;
	own->url = p->url;
	return 0;
}

static int read_content(
	struct chat_context *cx, const struct json_node *message, struct chat_part ***end)
{
	struct str plan = json_get_jstr(message, STR("tool_plan"));

	json_each(c, json_get_type(message, STR("content"), JSON_ARRAY))
	{
		struct str text = json_get_jstr(c, STR("text")),
			   thinking = json_get_jstr(c, STR("thinking"));
		struct chat_part picture;

		if (thinking.n > 0 && add_part(cx, end, PART_THINKING, thinking) == NULL)
			return -1;
		if (text.n > 0 && add_part(cx, end, PART_TEXT, text) == NULL)
			return -1;
		if (cohere_picture(c, &picture) && add_picture(cx, &picture, end) != 0)
			return -1;
	}
	return plan.n > 0 && add_part(cx, end, PART_TEXT, plan) == NULL ? -1 : 0;
}

static int read_calls(
	struct chat_context *cx, const struct json_node *message, struct chat_part ***end)
{
	json_each(c, json_get_type(message, STR("tool_calls"), JSON_ARRAY))
	{
		const struct json_node *f = json_get_type(c, STR("function"), JSON_OBJECT);
		struct chat_part *p = add_part(cx, end, PART_CALL, STR_NONE);

		if (p == NULL)
			return -1;
		p->id = json_get_jstr(c, STR("id"));
		p->name = json_get_jstr(f, STR("name"));
		p->args = chat_args_of_jstr(cx, json_get_jstr(f, STR("arguments")));
		if (p->args.n == 0)
			return chat_fail(cx, "no memory");
	}
	return 0;
}

int cohere_read_answer(struct chat_context *cx, const struct json_node *root, struct chat_answer *a)
{
	const struct json_node *message = json_get_type(root, STR("message"), JSON_OBJECT);
	struct chat_choice *c = &a->choice[0];
	struct chat_part **end = &c->part;

	if (message == NULL)
		return chat_fail(cx, "it has no message");
	if (read_content(cx, message, &end) != 0 || read_calls(cx, message, &end) != 0)
		return -1;
	a->id = json_get_jstr(root, STR("id"));
	a->n_choices = 1;
	c->finish = chat_finish_of(
		cohere_finish(json_get_jstr(root, STR("finish_reason"))), chat_has_calls(c->part));
	(void)cohere_usage(json_get(root, STR("usage")), &a->usage);
	return 0;
}

/* {"message":"...","id":"..."} */
void cohere_read_error(struct chat_context *cx, const struct json_node *root, struct chat_error *e)
{
	(void)cx;
	e->message = json_get_jstr(root, STR("message"));
	if (e->message.p == NULL)
		e->message = json_get_jstr(root, STR("data"));
}
