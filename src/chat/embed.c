/*
 * embed.c: the table of codecs for embeddings, and what they share. Pure; any thread.
 */
#include "chat/embed.h"

#include <stdlib.h>

#define NUMBER_MAX 63 /* characters of a number in a vector */

extern const struct embed_codec embed_openai, embed_gemini, embed_cohere, embed_titan, embed_vertex;

const struct embed_codec *const embed_codecs[EMBED__MAX] = {
	[EMBED_NONE] = NULL,
	[EMBED_OPENAI] = &embed_openai,
	[EMBED_GEMINI] = &embed_gemini,
	[EMBED_COHERE] = &embed_cohere,
	[EMBED_TITAN] = &embed_titan,
	[EMBED_VERTEX] = &embed_vertex,
};

enum embed_shape embed_shape_of_model(struct str model)
{
	if (str_find(model, STR("cohere.embed-")) != (size_t)-1)
		return EMBED_COHERE;
	if (str_find(model, STR("amazon.titan-embed-")) != (size_t)-1)
		return EMBED_TITAN;
	return EMBED_NONE;
}

/* ---- reading */

/* At the value behind it, or NULL. */
static const char *member_value(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n' || *p == ':'))
		p++;
	return p < end ? p : NULL;
}

static const char *string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

/* Behind the value that begins at p; its structure was checked. */
static const char *value_end(const char *p, const char *end)
{
	unsigned depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = string_end(p, end);
			if (depth == 0)
				return p;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
			return p;
		else if ((*p == '}' || *p == ']') && --depth == 0)
			return p + 1;
		p++;
	}
	return end;
}

static bool is_watched(const struct json_watch *w, size_t n, struct str key)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(w[i].key, key))
			return true;
	return false;
}

/* Names of an object that was scanned; a key with escapes is nobody's. */
static void each_unknown(struct chat_context *cx, struct str text, const struct json_watch *w,
	size_t n, const char *where)
{
	const char *p = text.p, *end = text.p + text.n;

	while (p < end && *p != '{')
		p++;
	for (p = p < end ? p + 1 : end; p < end;) {
		const char *key = p, *close, *value;

		while (key < end && *key != '"' && *key != '}')
			key++;
		if (key >= end || *key == '}')
			return;
		close = string_end(key, end);
		value = member_value(close, end);
		if (value == NULL)
			return;
		if (!is_watched(w, n, str_mk(key + 1, (size_t)(close - key) - 2)))
			chat_unsupported_in(cx, where, str_mk(key + 1, (size_t)(close - key) - 2));
		p = value_end(value, end);
	}
}

int embed_scan(
	struct chat_context *cx, struct str text, struct json_watch *w, size_t n, const char *where)
{
	struct json_fail f;

	if (json_scan_strict(text, w, n, &f) != 0)
		return chat_fail(cx, "%s%sis not as it should be: %s at byte %zu", where,
			*where != '\0' ? " " : "the body ", json_error_text(f.err), f.offset);
	each_unknown(cx, text, w, n, where);
	return 0;
}

int embed_list(struct chat_context *cx, const struct json_val *array, size_t size, void **list,
	unsigned *n)
{
	struct json_iter it = { 0 };
	struct json_val elem;

	*n = 0;
	while (json_array_next(array, &it, &elem))
		++*n;
	*list = arena_zalloc(cx->arena, (*n + (size_t)1) * size);
	return *list != NULL ? 0 : chat_fail(cx, "there are too many elements");
}

bool embed_is_vector(const struct json_val *v)
{
	struct json_iter it = { 0 };
	struct json_val elem;
	unsigned n = 0;

	if (v->type != JSON_ARRAY)
		return false;
	for (; json_array_next(v, &it, &elem); n++)
		if (elem.type != JSON_NUMBER)
			return false;
	return n > 0;
}

int embed_vectors(struct chat_context *cx, const struct json_val *array, struct embed_answer *a)
{
	struct json_iter it = { 0 };
	void *list;

	if (array->type != JSON_ARRAY ||
		embed_list(cx, array, sizeof *a->vector, &list, &a->n) != 0)
		return chat_fail(cx, "it has no list of vectors");
	a->vector = list;
	for (unsigned i = 0; json_array_next(array, &it, &a->vector[i]); i++)
		if (!embed_is_vector(&a->vector[i]))
			return chat_fail(cx, "vector %u is no list of numbers", i);
	return 0;
}

struct str embed_jstr(const struct json_val *v)
{
	return v->type == JSON_STRING ? str_mk(v->raw.p + 1, v->raw.n - 2) : STR_NONE;
}

int embed_dimensions(
	struct chat_context *cx, const struct json_val *v, const char *name, uint64_t *out)
{
	*out = 0;
	if (v->type == JSON_NONE || v->type == JSON_NULL)
		return 0;
	if (json_get_u64(v, out) != 0 || *out == 0)
		return chat_fail(cx, "'%s' must be a whole number above 0", name);
	return 0;
}

/* ---- purposes */

static const struct {
	struct str gemini, cohere;
} tasks[] = {
#define X(id, gemini, cohere) { STR(gemini), STR(cohere) },
	EMBED_TASKS(X)
#undef X
};

struct str embed_task_gemini(struct chat_context *cx, struct str task, const char *name)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(tasks); i++)
		if (str_eq(task, tasks[i].cohere) || str_eq(task, tasks[i].gemini))
			return tasks[i].gemini;
	if (task.n > 0)
		chat_unsupported(cx, name);
	return STR_NONE;
}

struct str embed_task_cohere(struct chat_context *cx, struct str task, const char *name)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(tasks); i++)
		if (str_eq(task, tasks[i].cohere) || str_eq(task, tasks[i].gemini))
			return tasks[i].cohere;
	if (task.n > 0)
		chat_unsupported(cx, name);
	return STR_NONE;
}

/* ---- base64 (RFC 4648 section 4) of singles (IEEE 754, little-endian), as OpenAI's SDKs ask for
 */

struct base64 {
	struct json_out *o;
	uint32_t bits;
	unsigned n_bytes; /* in bits: 0 to 2 */
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_group(struct base64 *b, unsigned n_chars)
{
	char four[4] = { '=', '=', '=', '=' };

	for (unsigned i = 0; i < n_chars; i++)
		four[i] = digits[b->bits >> (18 - 6 * i) & 63];
	jo_piece(b->o, str_mk(four, 4));
	b->bits = 0;
	b->n_bytes = 0;
}

static void base64_put(struct base64 *b, uint8_t byte)
{
	b->bits |= (uint32_t)byte << (16 - 8 * b->n_bytes);
	if (++b->n_bytes == 3)
		base64_group(b, 4);
}

static float number_of(struct str raw)
{
	char text[NUMBER_MAX + 1];
	size_t n = TG_MIN(raw.n, (size_t)NUMBER_MAX); /* digits beyond do not reach a single */

	memcpy(text, raw.p, n);
	text[n] = '\0';
	return strtof(text, NULL);
}

void embed_put_base64(struct json_out *o, const struct json_val *vector)
{
	struct base64 b = { .o = o };
	struct json_iter it = { 0 };
	struct json_val elem;
	uint32_t bits;
	float f;

	jo_str_begin(o);
	while (json_array_next(vector, &it, &elem)) {
		f = number_of(elem.raw);
		memcpy(&bits, &f, sizeof bits);
		for (unsigned i = 0; i < 4; i++)
			base64_put(&b, (uint8_t)(bits >> 8 * i));
	}
	if (b.n_bytes > 0)
		base64_group(&b, b.n_bytes + 1);
	jo_str_end(o);
}
