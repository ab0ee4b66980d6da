/*
 * converse_answer.c: Converse's answers and errors into the hub. Facts: providers.md sections 1
 * (usage), 10.2 (finish), 13 (errors). Owns nothing; any thread.
 */
#include "chat/converse.h"

enum chat_finish converse_finish(struct str reason)
{
	static const struct {
		struct str word;
		enum chat_finish finish;
	} words[] = {
		{ STR("end_turn"), FINISH_STOP },
		{ STR("stop_sequence"), FINISH_STOP_SEQUENCE },
		{ STR("max_tokens"), FINISH_LENGTH },
		{ STR("model_context_window_exceeded"), FINISH_LENGTH },
		{ STR("tool_use"), FINISH_TOOL },
		{ STR("content_filtered"), FINISH_FILTER },
		{ STR("guardrail_intervened"), FINISH_FILTER },
		{ STR("malformed_model_output"), FINISH_ERROR },
		{ STR("malformed_tool_use"), FINISH_ERROR },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_eq(reason, words[i].word))
			return words[i].finish;
	return FINISH_STOP;
}

static uint64_t figure(const struct json_node *usage, struct str key)
{
	uint64_t n;

	return json_node_u64(json_get(usage, key), &n) == 0 ? n : 0;
}

static void split_writes(const struct json_node *usage, uint64_t total, struct usage *u)
{
	uint64_t w5 = 0, w1 = 0;

	json_each(detail, json_get_type(usage, STR("cacheDetails"), JSON_ARRAY))
	{
		struct str ttl = json_get_jstr(detail, STR("ttl"));
		uint64_t n = figure(detail, STR("inputTokens"));

		if (str_eq(ttl, STR("1h")))
			w1 = n;
		else if (str_eq(ttl, STR("5m")))
			w5 = n;
	}
	w1 = TG_MIN(w1, total);
	w5 = TG_MIN(w5, total - w1);
	u->n[USAGE_IN_CACHE_WRITE_1H] = w1;
	u->n[USAGE_IN_CACHE_WRITE_5M] = w5;
	u->n[USAGE_IN_CACHE_WRITE] = total - w1 - w5;
}

bool converse_usage(const struct json_node *usage, struct usage *u)
{
	*u = (struct usage){ 0 };
	if (usage == NULL || usage->type != JSON_OBJECT)
		return false;
	u->source = USAGE_PROVIDER;
	u->n[USAGE_IN] = figure(usage, STR("inputTokens"));
	u->n[USAGE_OUT] = figure(usage, STR("outputTokens"));
	u->n[USAGE_IN_CACHE_READ] = figure(usage, STR("cacheReadInputTokens"));
	split_writes(usage, figure(usage, STR("cacheWriteInputTokens")), u);
	return true;
}

/* ---- an answer */

static struct chat_part *add_part(
	struct chat_context *cx, struct chat_part ***end, enum chat_part_kind kind)
{
	struct chat_part *p = CHAT_NEW(cx, chat_part);

	if (p == NULL)
		return NULL;
	p->kind = kind;
	**end = p;
	*end = &p->next;
	return p;
}

static int read_text(struct chat_context *cx, const struct json_node *text, struct chat_part ***end)
{
	struct chat_part *p;

	if (json_jstr(text).n == 0)
		return 0;
	p = add_part(cx, end, PART_TEXT);
	if (p == NULL)
		return -1;
	p->text = json_jstr(text);
	return 0;
}

struct str converse_media_error(struct arena *a, const struct chat_part *p, struct str why)
{
	struct chat_media m = { .kind = p->kind, .mime = p->mime, .url = why };

	return chat_media_text(a, &m);
}

/* {"image":{"format":"png","source":{"bytes":".."}}}; in its place an error, if it has one. */
static int read_media(struct chat_context *cx, const struct json_node *v, enum chat_part_kind kind,
	struct chat_part ***end)
{
	const struct json_node *source = json_get(v, STR("source"));
	struct str why = json_get_jstr(json_get(v, STR("error")), STR("message"));
	struct chat_part *p = add_part(cx, end, kind);

	if (p == NULL)
		return -1;
	p->mime = converse_media_mime(cx->arena, kind, json_get_jstr(v, STR("format")));
	p->data = json_get_jstr(source, STR("bytes"));
	p->url = json_get_jstr(json_get(source, STR("s3Location")), STR("uri"));
	if (p->data.n > 0 || p->url.n > 0)
		return 0;
	p->text = converse_media_error(cx->arena, p, why.n > 0 ? why : STR("empty"));
	p->kind = PART_TEXT;
	return 0;
}

static int read_call(struct chat_context *cx, const struct json_node *use, struct chat_part ***end)
{
	const struct json_node *input = json_get_type(use, STR("input"), JSON_OBJECT);
	struct chat_part *p = add_part(cx, end, PART_CALL);

	if (p == NULL)
		return -1;
	p->id = json_get_jstr(use, STR("toolUseId"));
	p->name = json_get_jstr(use, STR("name"));
	p->args = input != NULL ? input->raw : STR("{}");
	return 0;
}

static int read_reasoning(
	struct chat_context *cx, const struct json_node *content, struct chat_part ***end)
{
	const struct json_node *text = json_get_type(content, STR("reasoningText"), JSON_OBJECT);
	struct str redacted = json_get_jstr(content, STR("redactedContent"));
	struct chat_part *p;

	if (text == NULL && redacted.p == NULL)
		return 0;
	p = add_part(cx, end, text != NULL ? PART_THINKING : PART_REDACTED);
	if (p == NULL)
		return -1;
	p->text = json_get_jstr(text, STR("text"));
	p->signature = json_get_jstr(text, STR("signature"));
	p->data = redacted;
	return 0;
}

/* A block has one member, which says what it is; one that is not known is passed over. */
static int read_block(
	struct chat_context *cx, const struct json_node *block, struct chat_part ***end)
{
	const struct json_node *v = json_get_type(block, STR("text"), JSON_STRING);
	enum chat_part_kind kind;

	if (v != NULL)
		return read_text(cx, v, end);
	v = json_get_type(block, STR("toolUse"), JSON_OBJECT);
	if (v != NULL)
		return read_call(cx, v, end);
	json_each(m, block) if (m->type == JSON_OBJECT &&
				converse_media_kind(m->key, &kind)) return read_media(cx, m, kind,
		end);
	v = json_get_type(block, STR("reasoningContent"), JSON_OBJECT);
	if (v != NULL)
		return read_reasoning(cx, v, end);
	v = json_get_type(block, STR("citationsContent"), JSON_OBJECT);
	json_each(piece, json_get_type(v, STR("content"),
				 JSON_ARRAY)) if (read_text(cx, json_get(piece, STR("text")),
							  end) != 0) return -1;
	return 0;
}

int converse_read_answer(
	struct chat_context *cx, const struct json_node *root, struct chat_answer *a)
{
	const struct json_node *output = json_get_type(root, STR("output"), JSON_OBJECT);
	const struct json_node *message = json_get_type(output, STR("message"), JSON_OBJECT);
	struct str reason = json_get_jstr(root, STR("stopReason"));
	struct chat_choice *c = &a->choice[0];
	struct chat_part **end = &c->part;

	if (message == NULL && reason.p == NULL)
		return chat_fail(cx, "it has neither output nor stopReason");
	json_each(block, json_get_type(message, STR("content"),
				 JSON_ARRAY)) if (read_block(cx, block, &end) != 0) return -1;
	a->n_choices = 1;
	c->finish = chat_finish_of(converse_finish(reason), chat_has_calls(c->part));
	c->stop_sequence = json_get_jstr(
		json_get(root, STR("additionalModelResponseFields")), STR("stop_sequence"));
	(void)converse_usage(json_get(root, STR("usage")), &a->usage);
	return 0;
}

/* ---- errors */

int converse_status(struct str name)
{
	static const struct {
		struct str name;
		int status;
	} errors[] = {
#define X(name, status) { STR(name), status },
#include "chat/tbl/converse_errors.h"
#undef X
	};

	if (name.n > 9 && str_eq_ci(str_skip(name, name.n - 9), STR("Exception")))
		name.n -= 9;
	for (size_t i = 0; i < TG_ARRAY_LEN(errors); i++)
		if (str_eq_ci(name, errors[i].name))
			return errors[i].status;
	return 0;
}

/* "com.amazon.coral.service#ThrottlingException:http://..." is called ThrottlingException. */
static struct str plain_type(struct str type)
{
	size_t hash = str_chr(type, '#'), colon;

	if (hash != (size_t)-1)
		type = str_skip(type, hash + 1);
	colon = str_chr(type, ':');
	if (colon != (size_t)-1)
		type.n = colon;
	return type;
}

void converse_read_error(
	struct chat_context *cx, const struct json_node *root, struct chat_error *e)
{
	(void)cx;
	e->message = json_get_jstr(root, STR("message"));
	if (e->message.p == NULL)
		e->message = json_get_jstr(root, STR("Message"));
	e->code = plain_type(json_get_jstr(root, STR("__type")));
	if (e->status == 0)
		e->status = converse_status(e->code);
}
