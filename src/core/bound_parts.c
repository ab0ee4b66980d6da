/*
 * bound_parts.c: what is inside messages and tools. Most requests are text alone, which the scan
 * has seen already (json_val.types); where it has not, their values are searched, as bytes, for
 * types that matter; only where one may be are they walked, and then by structure: text that looks
 * like a part is none. Pure; any thread.
 */
#include "base/defs.h"
#include "core/bound_int.h"
#include "proto/json_run.h"

#define PARTS_DEPTH 8 /* content of results of tools of messages, and some to spare */
#define TYPE_MAX    48

enum part_kind { PART_TEXT, PART_IMAGE, PART_AUDIO, PART_DOCUMENT, PART_ELSEWHERE };

struct word {
	struct str text;
	bool whole; /* else any word that begins so */
	enum part_kind kind;
};

static const struct word media_types[] = {
	{ STR("image"), true, PART_IMAGE },
	{ STR("image_url"), true, PART_IMAGE },
	{ STR("image_file"), true, PART_IMAGE },
	{ STR("input_image"), true, PART_IMAGE },
	{ STR("computer_screenshot"), true, PART_IMAGE },
	{ STR("image_generation_call"), true, PART_IMAGE },
	{ STR("audio"), true, PART_AUDIO },
	{ STR("audio_url"), true, PART_AUDIO },
	{ STR("input_audio"), true, PART_AUDIO },
	{ STR("document"), true, PART_DOCUMENT },
	{ STR("file"), true, PART_DOCUMENT },
	{ STR("input_file"), true, PART_DOCUMENT },
	{ STR("container_upload"), true, PART_DOCUMENT },
	{ STR("video_url"), true, PART_DOCUMENT },
	{ STR("input_video"), true, PART_DOCUMENT },
	{ STR("item_reference"), true, PART_ELSEWHERE },
};

/* Tools that the provider runs, or describes itself. */
static const struct word builtin_types[] = {
	{ STR("web_"), false, 0 },
	{ STR("file_search"), false, 0 },
	{ STR("code_"), false, 0 },
	{ STR("image_generation"), false, 0 },
	{ STR("mcp"), false, 0 },
	{ STR("computer"), false, 0 },
	{ STR("local_shell"), false, 0 },
	{ STR("shell"), false, 0 },
	{ STR("apply_patch"), false, 0 },
	{ STR("bash_"), false, 0 },
	{ STR("text_editor_"), false, 0 },
	{ STR("memory_"), false, 0 },
	{ STR("tool_search"), false, 0 },
	{ STR("advisor"), false, 0 },
};

#define MEDIA   media_types, TG_ARRAY_LEN(media_types)
#define BUILTIN builtin_types, TG_ARRAY_LEN(builtin_types)

static const struct word *word_find(struct str s, const struct word *words, size_t n)
{
	char first = s.n > 0 ? *s.p : '\0';

	for (size_t i = 0; i < n; i++) {
		if (*words[i].text.p != first)
			continue;
		if (words[i].whole ? str_eq(s, words[i].text) : str_starts(s, words[i].text))
			return &words[i];
	}
	return NULL;
}

/* s begins with an escape of an ASCII letter: what it spells is not seen at a glance. */
static bool hides(struct str s)
{
	return s.n >= 6 && str_starts(s, STR("\\u00")) && s.p[4] >= '4' && s.p[4] <= '7';
}

static struct str skip_space(struct str s)
{
	while (s.n > 0 && (*s.p == ' ' || *s.p == '\n' || *s.p == '\r' || *s.p == '\t'))
		s = str_skip(s, 1);
	return s;
}

/* s begins with a type member of one of these words. */
static bool is_type_of(struct str s, const struct word *words, size_t n)
{
	const char *end;

	if (!str_starts(s, STR("\"type\"")))
		return false;
	s = skip_space(str_skip(s, 6));
	if (s.n == 0 || *s.p != ':')
		return false;
	s = skip_space(str_skip(s, 1));
	if (s.n == 0 || *s.p != '"')
		return false;
	s = str_skip(s, 1);
	end = memchr(s.p, '"', TG_MIN(s.n, (size_t)TYPE_MAX));
	s.n = end != NULL ? (size_t)(end - s.p) : TG_MIN(s.n, (size_t)TYPE_MAX);
	return word_find(s, words, n) != NULL;
}

static bool matters(struct str s, const struct word *words, size_t n)
{
	if (s.n < 6)
		return false;
	return s.p[1] == 't' ? is_type_of(s, words, n) : s.p[1] == 'u' && hides(s);
}

/* Whether a type member of one of the words may be somewhere in the text: more than there are,
 * never fewer. What it looks for begins with a quote or a backslash, where runs of text end. */
static bool may_have(struct str s, const struct word *words, size_t n)
{
	const char *end = s.p + s.n;

	for (const char *p = json_run_far(s.p, end); p < end; p = json_run_far(p + 1, end))
		if (matters(str_mk(p, (size_t)(end - p)), words, n))
			return true;
	return false;
}

/* Does a type begin as one of the words does? */
static bool begins(uint32_t types, const struct word *words, size_t n)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < n; i++)
		bits |= json_type_bit(*words[i].text.p);
	return (types & bits) != 0;
}

/* Of a value that readers differ about: what may it have? */
static bool could_have(const struct json_val *v, const struct word *words, size_t n)
{
	return begins(json_types(v), words, n) && may_have(v->raw, words, n);
}

enum { P_TYPE, P_CONTENT, P_OUTPUT, P_SOURCE, P__MAX };

static const struct str part_keys[P__MAX] = { STR("type"), STR("content"), STR("output"),
	STR("source") };

/* Media bytes are no text; base64 decodes to three quarters. */
static uint64_t media_bytes(struct bound *b, const struct json_val *v)
{
	b->input_bytes -= TG_MIN(b->input_bytes, (uint64_t)v->raw.n);
	return (v->raw.n + 3) / 4 * 3;
}

static void image_part(struct bound *b, const struct json_val *v)
{
	(void)media_bytes(b, v);
	b->images++;
	b->has_images = true;
}

/* A text document's text stays what it is. */
static void document_part(struct bound *b, const struct json_val *v, const struct json_val *source)
{
	struct json_watch w = { STR("type"), { .type = JSON_NONE } };
	struct json_fail fail;
	struct str type;

	if (source->type == JSON_OBJECT && json_scan_member(source, &w, 1, &fail) == 0 &&
		json_get_plain(&w.val, &type) == 0 && str_eq(type, STR("text")))
		return;
	b->document_bytes += media_bytes(b, v);
	b->has_documents = b->open = b->refers = true;
}

static void walk(struct bound *b, const struct json_val *v, unsigned depth);

static void walk_object(struct bound *b, const struct json_val *v, unsigned depth)
{
	struct json_watch w[P__MAX];
	struct json_fail fail;
	const struct word *word;
	struct str type = STR_NONE;
	char buf[TYPE_MAX];

	for (int i = 0; i < P__MAX; i++)
		w[i].key = part_keys[i];
	if (json_scan_member(v, w, P__MAX, &fail) != 0) {
		if (could_have(v, MEDIA)) { /* readers differ about what it is */
			b->images++;
			b->has_images = b->open = b->refers = true;
		}
		return;
	}
	if (w[P_TYPE].val.type != JSON_NONE &&
		json_decode(&w[P_TYPE].val, buf, sizeof buf, &type) != 0)
		type = STR_NONE;
	word = word_find(type, MEDIA);
	switch (word != NULL ? word->kind : PART_TEXT) {
	case PART_IMAGE: image_part(b, v); break;
	case PART_AUDIO: b->audio_bytes += media_bytes(b, v); break;
	case PART_DOCUMENT: document_part(b, v, &w[P_SOURCE].val); break;
	case PART_ELSEWHERE: b->open = b->refers = true; break;
	case PART_TEXT:
		walk(b, &w[P_CONTENT].val, depth + 1);
		walk(b, &w[P_OUTPUT].val, depth + 1);
		break;
	}
}

static void walk(struct bound *b, const struct json_val *v, unsigned depth)
{
	struct json_iter it = { 0 };
	struct json_val elem;

	if (depth > PARTS_DEPTH)
		return;
	if (v->type == JSON_OBJECT)
		walk_object(b, v, depth);
	if (v->type != JSON_ARRAY)
		return;
	while (json_array_next(v, &it, &elem))
		if (elem.type == JSON_OBJECT || elem.type == JSON_ARRAY)
			walk(b, &elem, depth + 1);
}

void bound_parts_walk(struct bound *b, const struct json_val *v)
{
	walk(b, v, 0);
}

void bound_parts(struct bound *b, const struct json_val *v)
{
	if ((v->type == JSON_ARRAY || v->type == JSON_OBJECT) && begins(v->types, MEDIA) &&
		may_have(v->raw, MEDIA))
		bound_parts_walk(b, v);
}

void bound_images(struct bound *b, const struct json_val *v)
{
	struct json_iter it = { 0 };
	struct json_val elem;

	if (v->type != JSON_ARRAY)
		return;
	while (json_array_next(v, &it, &elem))
		image_part(b, &elem);
}

/* ---- tools */

enum { T_TYPE, T_USES, T_SEARCH, T_SIZE, T_QUALITY, T__MAX };
static const struct str tool_keys[T__MAX] = { STR("type"), STR("max_uses"),
	STR("search_context_size"), STR("size"), STR("quality") };

enum usage_bucket bound_search_bucket(const struct json_val *context_size)
{
	struct str size;

	if (json_get_plain(context_size, &size) != 0)
		return USAGE_WEB_SEARCHES_MEDIUM;
	if (str_eq(size, STR("low")))
		return USAGE_WEB_SEARCHES;
	return str_eq(size, STR("high")) ? USAGE_WEB_SEARCHES_HIGH : USAGE_WEB_SEARCHES_MEDIUM;
}

static void tool_read(struct bound *b, const struct json_val *tool)
{
	struct json_watch w[T__MAX];
	struct json_fail fail;
	struct str type;
	char buf[TYPE_MAX];
	uint64_t uses;

	for (int i = 0; i < T__MAX; i++)
		w[i].key = tool_keys[i];
	if (json_scan_member(tool, w, T__MAX, &fail) != 0) {
		if (could_have(tool, BUILTIN)) {
			b->builtin_tools++;
			b->open = true;
		}
		return;
	}
	if (json_decode(&w[T_TYPE].val, buf, sizeof buf, &type) != 0 ||
		word_find(type, BUILTIN) == NULL)
		return;
	b->builtin_tools++;
	b->open = true;
	if (json_get_u64(&w[T_USES].val, &uses) != 0)
		uses = BOUND_TOOL_CALLS;
	b->calls = TG_MAX(b->calls, uses);
	if (str_starts(type, STR("web_search"))) {
		b->web_search = true;
		b->search_bucket = bound_search_bucket(&w[T_SEARCH].val);
	}
	b->file_search |= str_starts(type, STR("file_search"));
	b->code |= str_starts(type, STR("code_"));
	if (str_starts(type, STR("image_generation"))) {
		b->image_tool = true;
		bound_word_take(&b->size, &w[T_SIZE].val);
		bound_word_take(&b->quality, &w[T_QUALITY].val);
	}
}

void bound_tools_walk(struct bound *b, const struct json_val *tools)
{
	struct json_iter it = { 0 };
	struct json_val tool;

	if (tools->type != JSON_ARRAY)
		return;
	while (json_array_next(tools, &it, &tool))
		if (tool.type == JSON_OBJECT)
			tool_read(b, &tool);
}

void bound_tools(struct bound *b, const struct json_val *tools)
{
	if (tools->type == JSON_ARRAY && begins(tools->types, BUILTIN) &&
		may_have(tools->raw, BUILTIN))
		bound_tools_walk(b, tools);
}
