/*
 * gemini_error.c: the codec's object, its names in two spellings, and errors both ways:
 * {"error":{"code":429,"message":"...","status":"RESOURCE_EXHAUSTED","details":[...]}}, in an array
 * where a stream is one (providers.md 5.1). Pure; any thread.
 */
#include <stdio.h>

#include "chat/gemini_int.h"

bool gemini_key_is(const struct json_node *n, const char *camel)
{
	struct str k = n->key;
	bool snake = k.n > 0 && memchr(k.p, '_', k.n) != NULL;

	for (; *camel != '\0'; camel++) {
		char c = *camel;

		if (snake && c >= 'A' && c <= 'Z') {
			if (k.n == 0 || *k.p != '_')
				return false;
			k = str_skip(k, 1);
			c = (char)(c | 0x20);
		}
		if (k.n == 0 || *k.p != c)
			return false;
		k = str_skip(k, 1);
	}
	return k.n == 0;
}

const struct json_node *gemini_get(const struct json_node *o, const char *camel)
{
	if (o == NULL || o->type != JSON_OBJECT)
		return NULL;
	json_each(n, o) if (n->type != JSON_NULL && gemini_key_is(n, camel)) return n;
	return NULL;
}

struct str gemini_get_jstr(const struct json_node *o, const char *camel)
{
	return json_jstr(gemini_get(o, camel));
}

static const struct {
	int status;
	struct str word;
} statuses[] = {
#define X(status, word) { status, STR(word) },
#include "chat/tbl/gemini_status.h"
#undef X
};

static int status_of(struct str word)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(statuses); i++)
		if (str_eq(statuses[i].word, word))
			return statuses[i].status;
	return 0;
}

static struct str word_of(int status)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].word;
	return status >= 500 ? STR("INTERNAL") : STR("INVALID_ARGUMENT");
}

/* "34.4s" in milliseconds, rounded up; 0 when it is no such thing. */
static uint64_t delay_ms(struct str s)
{
	uint64_t ms = 0, unit = 1000;
	bool point = false, more = false;

	if (s.n < 2 || s.n > 16 || s.p[s.n - 1] != 's')
		return 0;
	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (s.p[i] < '0' || s.p[i] > '9')
			return 0;
		if (!point)
			ms = ms * 10 + (uint64_t)(s.p[i] - '0') * 1000;
		else if (unit > 1)
			ms += (uint64_t)(s.p[i] - '0') * (unit /= 10);
		else
			more |= s.p[i] != '0';
	}
	return ms + more;
}

static void details_read(const struct json_node *error, struct chat_error *e)
{
	json_each(d, gemini_get(error, "details"))
	{
		struct str type = json_get_jstr(d, STR("@type"));

		if (str_ends(type, STR("google.rpc.RetryInfo")))
			e->retry_ms = delay_ms(gemini_get_jstr(d, "retryDelay"));
		else if (str_ends(type, STR("google.rpc.ErrorInfo")))
			e->code = gemini_get_jstr(d, "reason");
	}
}

void gemini_error_read(struct chat_context *cx, const struct json_node *root, struct chat_error *e)
{
	const struct json_node *error;
	uint64_t code;

	(void)cx;
	if (root != NULL && root->type == JSON_ARRAY) /* of a stream that is one */
		root = root->child;
	error = gemini_get(root, "error");
	if (error == NULL)
		return;
	e->type = gemini_get_jstr(error, "status");
	e->message =
		error->type == JSON_STRING ? json_jstr(error) : gemini_get_jstr(error, "message");
	details_read(error, e);
	if (e->status != 0)
		return;
	if (json_node_u64(gemini_get(error, "code"), &code) == 0 && code >= 400 && code < 600)
		e->status = (int)code;
	else
		e->status = status_of(e->type);
	if (e->status == 0)
		e->status = 502;
}

static void retry_write(struct json_out *o, uint64_t ms)
{
	char text[40];
	int n = snprintf(text, sizeof text, "%llu.%03us", (unsigned long long)(ms / 1000),
		(unsigned)(ms % 1000));

	jo_key(o, "details");
	jo_arr(o);
	jo_obj(o);
	jo_m_lit(o, "@type", "type.googleapis.com/google.rpc.RetryInfo");
	jo_m_text(o, "retryDelay", str_mk(text, (size_t)n));
	jo_obj_end(o);
	jo_arr_end(o);
}

void gemini_error_write(struct json_out *o, const struct chat_error *e)
{
	int status = e->status >= 400 && e->status < 600 ? e->status : 500;

	jo_obj(o);
	jo_key(o, "error");
	jo_obj(o);
	jo_m_u64(o, "code", (uint64_t)status);
	jo_key(o, "message");
	jo_jstr(o, e->message);
	jo_m_text(o, "status", word_of(status));
	if (e->retry_ms > 0)
		retry_write(o, e->retry_ms);
	jo_obj_end(o);
	jo_obj_end(o);
}

static void write_error(struct chat_context *cx, const struct chat_error *e, struct json_out *o)
{
	if (cx->stream_array)
		jo_arr(o);
	gemini_error_write(o, e);
	if (cx->stream_array)
		jo_arr_end(o);
}

const struct chat_codec chat_codec_gemini = {
	.name = "gemini",
	.read_request = gemini_read_request,
	.write_answer = gemini_write_answer,
	.out_open = gemini_out_open,
	.write_event = gemini_write_event,
	.write_error = write_error,
	.write_request = gemini_write_request,
	.read_answer = gemini_read_answer,
	.in_open = gemini_in_open,
	.read_event = gemini_read_event,
	.read_end = gemini_read_end,
	.read_error = gemini_error_read,
};
