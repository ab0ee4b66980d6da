/*
 * prompt_text.c: see prompt_text.h. One scan of the body's members, one walk along the messages,
 * and of the last of the user's only the text. What readers differ about is no text.
 */
#include "core/prompt_text.h"

#include <string.h>

#include "base/defs.h"
#include "proto/json_scan.h"

struct text {
	char *p;
	size_t n;
};

/* Of the escape at the front: two of them where they are the halves of a pair. */
static size_t escape_len(struct str s)
{
	if (s.n < 4 || s.p[1] != 'u')
		return 2;
	return (s.p[2] | 0x20) == 'd' && strchr("89abAB", s.p[3]) != NULL ? 12 : 6;
}

/* So much of what stands between a string's quotes that no character is cut in two, nor an escape,
 * nor a pair of them. Decoded it is never longer. */
static struct str cut(struct str s, size_t most)
{
	size_t i = 0, len;

	if (s.n <= most)
		return s;
	while (i < s.n) {
		struct str rest = str_skip(s, i);

		len = 1;
		if (*rest.p == '\\')
			len = escape_len(rest);
		else
			while (len < rest.n && (rest.p[len] & 0xc0) == 0x80)
				len++;
		if (i + len > most)
			break;
		i += len;
	}
	return str_mk(s.p, i);
}

static void put_text(struct text *t, const struct json_val *v)
{
	struct str s = v->raw, got;
	size_t room = PROMPT_TEXT_MAX - t->n;

	if (v->type != JSON_STRING || s.n < 2 || room < 2)
		return;
	if (t->n > 0) {
		t->p[t->n++] = '\n';
		room--;
	}
	s = cut(str_mk(s.p + 1, s.n - 2), room);
	if (json_decode_text(s, t->p + t->n, room, &got) == 0)
		t->n += got.n;
}

/* {"type": "text", "text": "..."}, or without a type; a string is its own. NONE: it has no text. */
static struct json_val part_text(const struct json_val *part)
{
	struct json_watch w[] = { { STR("type"), { .type = JSON_NONE } },
		{ STR("text"), { .type = JSON_NONE } } };
	const struct json_val none = { .type = JSON_NONE };
	struct json_fail fail;
	struct str type;

	if (part->type == JSON_STRING)
		return part->raw.n > 2 ? *part : none;
	if (part->type != JSON_OBJECT || json_scan_member(part, w, TG_ARRAY_LEN(w), &fail) != 0 ||
		w[1].val.type != JSON_STRING || w[1].val.raw.n <= 2)
		return none;
	if (w[0].val.type != JSON_NONE &&
		(json_get_plain(&w[0].val, &type) != 0 ||
			!(str_eq(type, STR("text")) || str_eq(type, STR("input_text")))))
		return none;
	return w[1].val;
}

static bool has_text(const struct json_val *content)
{
	struct json_iter it = { 0 };
	struct json_val part;

	if (content->type != JSON_ARRAY)
		return part_text(content).type != JSON_NONE;
	while (json_array_next(content, &it, &part))
		if (part_text(&part).type != JSON_NONE)
			return true;
	return false;
}

static void put_content(struct text *t, const struct json_val *content)
{
	struct json_iter it = { 0 };
	struct json_val part, text;

	if (content->type != JSON_ARRAY) {
		text = part_text(content);
		put_text(t, &text);
		return;
	}
	while (json_array_next(content, &it, &part)) {
		text = part_text(&part);
		put_text(t, &text);
	}
}

/* A message of the user's: its content, or Gemini's parts. NONE: it is another's. */
static struct json_val content_of(const struct json_val *message)
{
	struct json_watch w[] = { { STR("role"), { .type = JSON_NONE } },
		{ STR("content"), { .type = JSON_NONE } },
		{ STR("parts"), { .type = JSON_NONE } } };
	struct json_val none = { .type = JSON_NONE };
	struct json_fail fail;
	struct str role;

	if (message->type != JSON_OBJECT ||
		json_scan_member(message, w, TG_ARRAY_LEN(w), &fail) != 0)
		return none;
	if (w[0].val.type != JSON_NONE &&
		(json_get_plain(&w[0].val, &role) != 0 || !str_eq(role, STR("user"))))
		return none;
	return w[1].val.type != JSON_NONE ? w[1].val : w[2].val;
}

/* Results of tools alone are nothing that the user says: the message before them counts. */
static struct str text_of(const struct json_val *v, char *out)
{
	struct text t = { out, 0 };
	struct json_iter it = { 0 };
	struct json_val m, content, last = { .type = JSON_NONE };

	if (v->type == JSON_STRING)
		last = *v;
	else if (v->type == JSON_OBJECT)
		last = content_of(v);
	while (v->type == JSON_ARRAY && json_array_next(v, &it, &m)) {
		content = m.type == JSON_STRING ? m : content_of(&m);
		if (has_text(&content))
			last = content;
	}
	put_content(&t, &last);
	return str_mk(out, t.n);
}

struct str prompt_text(struct str body, char out[PROMPT_TEXT_MAX])
{
	struct json_watch w[] = { { STR("messages"), { .type = JSON_NONE } },
		{ STR("input"), { .type = JSON_NONE } }, { STR("contents"), { .type = JSON_NONE } },
		{ STR("prompt"), { .type = JSON_NONE } } };
	struct json_fail fail;
	struct str s = STR_NONE;

	if (body.n == 0 || json_scan_object(body, w, TG_ARRAY_LEN(w), &fail) != 0)
		return STR_NONE;
	for (size_t i = 0; i < TG_ARRAY_LEN(w) && s.n == 0; i++)
		s = text_of(&w[i].val, out);
	return s;
}
