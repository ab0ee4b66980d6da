/*
 * openai_words.c: why answers of OpenAI's shape end, and errors of it and of its many copies (the
 * shapes: one row each in read_error below). Pure; any thread.
 */
#include "chat/openai_int.h"

static const struct {
	enum chat_finish finish;
	struct str word;
} finishes[] = {
#define X(id, word) { FINISH_##id, STR(word) },
#include "chat/tbl/openai_finish.h"
#undef X
};

/* A word that nobody knows is taken for an ordinary end; none at all is none. */
enum chat_finish openai_finish_of(struct str word)
{
	if (word.n == 0)
		return FINISH_NONE;
	for (size_t i = 0; i < TG_ARRAY_LEN(finishes); i++)
		if (str_eq(word, finishes[i].word))
			return finishes[i].finish;
	return FINISH_STOP;
}

struct str openai_finish_word(enum chat_finish f)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(finishes); i++)
		if (finishes[i].finish == f)
			return finishes[i].word;
	return STR("stop");
}

struct str openai_call_id(struct chat_context *cx, size_t n)
{
	return arena_printf(cx->arena, "call_%.*s_%zu", STR_FMT(cx->id), n);
}

/* ---- errors, read */

/* A string, or a number's text; absent otherwise. */
static struct str scalar(const struct json_node *v)
{
	if (v != NULL && v->type == JSON_NUMBER)
		return v->raw;
	return json_jstr(v);
}

static struct str first_of(struct str a, struct str b)
{
	return a.n > 0 ? a : b;
}

/* {"detail":"text"} or {"detail":[{"loc":[..],"msg":"text","type":".."}]}. */
static struct str detail_text(const struct json_node *o)
{
	const struct json_node *d = json_get(o, STR("detail"));

	if (d != NULL && d->type == JSON_ARRAY)
		d = json_get(d->child, STR("msg"));
	return json_jstr(d);
}

/* The members of an error object, or of a body that is one. */
static void read_members(const struct json_node *o, struct chat_error *e)
{
	struct str message = first_of(json_get_jstr(o, STR("message")), detail_text(o));

	e->message =
		first_of(message, detail_text(json_get(o, STR("message")))); /* Mistral's 422 */
	e->type = first_of(
		json_get_jstr(o, STR("type")), json_get_jstr(o, STR("status"))); /* Google's */
	e->code = scalar(json_get(o, STR("code")));
	e->param = json_get_jstr(o, STR("param"));
}

/* A status that stands in the code ("code":429), as it does in streams. */
static int status_of_code(struct str code)
{
	int n = 0;

	if (code.n != 3)
		return 0;
	for (size_t i = 0; i < code.n; i++) {
		if (code.p[i] < '0' || code.p[i] > '9')
			return 0;
		n = 10 * n + (code.p[i] - '0');
	}
	return n >= 400 && n <= 599 ? n : 0;
}

static const struct {
	struct str word; /* a type or a code */
	int status;
} statuses[] = {
	{ STR("invalid_request_error"), 400 },
	{ STR("context_length_exceeded"), 400 },
	{ STR("content_filter"), 400 },
	{ STR("authentication_error"), 401 },
	{ STR("invalid_api_key"), 401 },
	{ STR("permission_error"), 403 },
	{ STR("not_found_error"), 404 },
	{ STR("model_not_found"), 404 },
	{ STR("rate_limit_error"), 429 },
	{ STR("rate_limit_exceeded"), 429 },
	{ STR("insufficient_quota"), 429 },
	{ STR("requests"), 429 },
	{ STR("tokens"), 429 },
	{ STR("server_error"), 500 },
	{ STR("overloaded_error"), 503 },
};

static int status_of(const struct chat_error *e)
{
	int status = status_of_code(e->code);

	for (size_t i = 0; i < TG_ARRAY_LEN(statuses) && status == 0; i++)
		if (str_eq(e->code, statuses[i].word) || str_eq(e->type, statuses[i].word))
			status = statuses[i].status;
	return status != 0 ? status : 502;
}

/*
 * {"error":{...}}, {"error":"text"}, {"code":"..","error":"text"} (xAI), {"message":..} (Mistral,
 * proxies), {"detail":..}; all of it in an array (Google). e->status stays where the caller knows
 * it.
 */
void openai_read_error(struct chat_context *cx, const struct json_node *root, struct chat_error *e)
{
	const struct json_node *error;
	int status = e->status;

	(void)cx;
	if (root != NULL && root->type == JSON_ARRAY)
		root = root->child;
	error = json_get(root, STR("error"));
	if (error != NULL && error->type == JSON_OBJECT) {
		read_members(error, e);
	} else {
		read_members(root, e);
		e->message = first_of(json_jstr(error), e->message);
	}
	e->status = status != 0 ? status : status_of(e);
}

/* ---- errors, written */

static struct str type_of_status(int status)
{
	switch (status) {
	case 401: return STR("authentication_error");
	case 403: return STR("permission_error");
	case 429: return STR("rate_limit_error");
	default: return status >= 500 ? STR("server_error") : STR("invalid_request_error");
	}
}

static void write_or_null(struct json_out *o, const char *key, struct str jstr)
{
	jo_key(o, key);
	if (jstr.p != NULL)
		jo_jstr(o, jstr);
	else
		jo_null(o);
}

void openai_write_error_object(const struct chat_error *e, struct json_out *o)
{
	jo_obj(o);
	jo_m_jstr(o, "message", e->message.n > 0 ? e->message : STR("The provider failed."));
	jo_m_jstr(o, "type", e->type.n > 0 ? e->type : type_of_status(e->status));
	write_or_null(o, "param", e->param);
	write_or_null(o, "code", e->code);
	jo_obj_end(o);
}

void openai_write_error(struct chat_context *cx, const struct chat_error *e, struct json_out *o)
{
	(void)cx;
	jo_obj(o);
	jo_key(o, "error");
	openai_write_error_object(e, o);
	jo_obj_end(o);
}
