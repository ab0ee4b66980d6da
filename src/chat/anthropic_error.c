/*
 * anthropic_error.c: errors in Anthropic's shape, {"type":"error","error":{"type","message"}}, read
 * from whichever host serves its API and written for its clients (providers.md 5.1); and the
 * codec's object. Owns nothing; any thread.
 */
#include "chat/anthropic.h"

static const struct {
	struct str type;
	int status;
} types[] = {
#define X(name, code) { STR(name), code },
#include "chat/tbl/anthropic_errors.h"
#undef X
};

/* The status that goes with a type of theirs; 0: none of theirs. */
static int status_of(struct str type)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(types); i++)
		if (str_eq(type, types[i].type))
			return types[i].status;
	return 0;
}

static struct str type_of(int status)
{
	if (status == 503)
		return STR("overloaded_error");
	for (size_t i = 0; i < TG_ARRAY_LEN(types); i++)
		if (types[i].status == status)
			return types[i].type;
	return status >= 400 && status < 500 ? STR("invalid_request_error") : STR("api_error");
}

/* A string or number member as a jstr. */
static struct str scalar(const struct json_node *o, struct str key)
{
	const struct json_node *n = json_get(o, key);

	return n != NULL && n->type == JSON_NUMBER ? n->raw : json_jstr(n);
}

void anthropic_read_error(
	struct chat_context *cx, const struct json_node *root, struct chat_error *e)
{
	const struct json_node *o = root, *inner;

	(void)cx;
	if (o != NULL && o->type == JSON_ARRAY) /* Vertex, asked for a stream */
		o = o->child;
	inner = json_get(o, STR("error"));
	if (inner != NULL && inner->type == JSON_OBJECT)
		o = inner;
	e->message = json_get_jstr(o, STR("message"));
	if (e->message.p == NULL)
		e->message = json_get_jstr(o, STR("Message"));
	if (e->message.p == NULL)
		e->message = json_jstr(inner); /* {"error":"text"} */
	e->type = json_get_jstr(o, STR("type"));
	if (e->type.p == NULL)
		e->type = json_get_jstr(o, STR("status")); /* Vertex */
	if (e->type.p == NULL)
		e->type = json_get_jstr(o, STR("__type")); /* Bedrock */
	e->code = scalar(o, STR("code"));
	if (e->status == 0)
		e->status = status_of(e->type);
}

void anthropic_error_object(const struct chat_error *e, struct json_out *o)
{
	/* Other providers have words of theirs that are spelt the same, "invalid_request_error" of
	 * a 404 for one. */
	int status = status_of(e->type);
	bool known = status != 0 && (status == e->status || e->status == 0);

	jo_obj(o);
	jo_m_lit(o, "type", "error");
	jo_key(o, "error");
	jo_obj(o);
	jo_m_text(o, "type", known ? e->type : type_of(e->status));
	jo_key(o, "message");
	if (e->message.n > 0)
		jo_jstr(o, e->message);
	else
		jo_text(o, STR("The provider gave no reason."));
	jo_obj_end(o);
	jo_obj_end(o);
}

void anthropic_write_error(struct chat_context *cx, const struct chat_error *e, struct json_out *o)
{
	(void)cx;
	anthropic_error_object(e, o);
}

const struct chat_codec chat_codec_anthropic = {
	.name = "anthropic",
	.read_request = anthropic_read_request,
	.write_answer = anthropic_write_answer,
	.out_open = anthropic_out_open,
	.write_event = anthropic_write_event,
	.write_error = anthropic_write_error,
	.write_request = anthropic_write_request,
	.read_answer = anthropic_read_answer,
	.in_open = anthropic_in_open,
	.read_event = anthropic_read_event,
	.read_end = anthropic_read_end,
	.read_error = anthropic_read_error,
};
