/*
 * error_class.c: see error_class.h. {"error": {"code", "type", "status", "message"}} or the same
 * without "error" around it.
 */
#include "core/error_class.h"

#include "base/defs.h"
#include "proto/json_scan.h"

struct word {
	struct str text;
	enum error_class is;
};

static const struct word words[] = {
#define X(text, class) { { text, sizeof text - 1 }, ERROR_##class },
#include "core/tbl/error_words.h"
#undef X
};
static const struct word texts[] = {
#define X(text, class)
#define T(text, class) { { text, sizeof text - 1 }, ERROR_##class },
#include "core/tbl/error_words.h"
#undef T
#undef X
};

enum { W_CODE, W_TYPE, W_STATUS, W_MESSAGE, W_ERROR, W_INNER, W__N };
static const struct str keys[W__N] = { { "code", 4 }, { "type", 4 }, { "status", 6 },
	{ "message", 7 }, { "error", 5 }, { "innererror", 10 } };

static enum error_class class_of_word(const struct json_val *v)
{
	struct str s;

	if (json_get_plain(v, &s) != 0)
		return ERROR_OTHER;
	for (size_t i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_eq(s, words[i].text))
			return words[i].is;
	return ERROR_OTHER;
}

/* As it is written: none of the texts has anything to escape in it. */
static enum error_class class_of_text(const struct json_val *v)
{
	if (v->type != JSON_STRING)
		return ERROR_OTHER;
	for (size_t i = 0; i < TG_ARRAY_LEN(texts); i++)
		if (str_find(v->raw, texts[i].text) != (size_t)-1)
			return texts[i].is;
	return ERROR_OTHER;
}

/* depth: how far to look into what is inside. */
static enum error_class class_of_object(struct str text, int depth)
{
	struct json_watch w[W__N];
	struct json_fail fail;
	enum error_class is = ERROR_OTHER;

	for (unsigned i = 0; i < W__N; i++)
		w[i] = (struct json_watch){ .key = keys[i] };
	if (json_scan_object(text, w, W__N, &fail) != 0)
		return ERROR_OTHER;
	for (unsigned i = W_CODE; i <= W_STATUS && is == ERROR_OTHER; i++)
		is = class_of_word(&w[i].val);
	for (unsigned i = W_ERROR; i < W__N && is == ERROR_OTHER && depth > 0; i++)
		if (w[i].val.type == JSON_OBJECT)
			is = class_of_object(w[i].val.raw, depth - 1);
	return is != ERROR_OTHER ? is : class_of_text(&w[W_MESSAGE].val);
}

enum error_class error_class_of(struct str body)
{
	return body.n <= ERROR_BODY_MAX ? class_of_object(body, 2) : ERROR_OTHER;
}

/* In the words of its dialect; what is in *e lies in the body and in mem. */
static void error_read(
	enum chat_shape shape, struct str body, struct arena *mem, struct chat_error *e)
{
	const struct chat_codec *codec = chat_codecs[shape];
	struct chat_context cx = { .fail = "", .arena = mem };
	struct json_node *root;
	struct json_fail fail;

	if (codec == NULL || codec->read_error == NULL || body.n > ERROR_BODY_MAX)
		return;
	if (json_tree_parse(mem, body, ERROR_BODY_MAX, &root, &fail) == 0)
		codec->read_error(&cx, root, e);
}

uint64_t error_retry_ms(enum chat_shape shape, struct str body, struct block_pool *pool)
{
	struct chat_error e = { .status = 429 };
	struct arena mem;

	arena_init(&mem, pool, 0);
	error_read(shape, body, &mem, &e);
	arena_fini(&mem);
	return e.retry_ms;
}

bool error_is_key(enum chat_shape shape, struct str body, struct block_pool *pool)
{
	struct chat_error e = { .status = 400 };
	struct arena mem;
	bool is;

	if (shape != SHAPE_GEMINI)
		return false;
	arena_init(&mem, pool, 0);
	error_read(shape, body, &mem, &e);
	is = str_eq(e.code, STR("API_KEY_INVALID"));
	arena_fini(&mem);
	return is;
}
