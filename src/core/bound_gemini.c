/*
 * bound_gemini.c: what bounds a request to Gemini's API: its limits stand one level down, in
 * generationConfig, its media in parts, and what the provider runs are tools by name. Both
 * spellings of a member count (the vendor reads both); what readers differ about bounds nothing.
 * Pure; any thread.
 */
#include "core/bound_int.h"

#include "base/defs.h"

#define CANDIDATES_MAX 8 /* the vendor takes no more */
#define PARTS_DEPTH    3 /* media in the parts of a function's response */

/* A member in either spelling: two watches each, in this order. */
enum { CAMEL, SNAKE, SPELLINGS };

static const struct json_val *either(const struct json_watch *w)
{
	return w[CAMEL].val.type != JSON_NONE ? &w[CAMEL].val : &w[SNAKE].val;
}

/* ---- generationConfig */

enum {
	C_MAX,
	C_N = 2,
	C_THINKING = 4,
	C_MODALITIES = 6,
	C_SCHEMA = 8,
	C_JSON_SCHEMA = 10,
	C__END = 12
};

static void read_limits(struct bound *b, const struct json_watch w[C__END])
{
	uint64_t n;

	for (unsigned i = 0; i < SPELLINGS; i++) {
		if (json_get_u64(&w[C_MAX + i].val, &n) == 0) {
			b->max_output = TG_MAX(b->max_output, n);
			b->output_known = true;
		}
		if (json_get_u64(&w[C_N + i].val, &n) == 0)
			b->n = TG_MAX(b->n, TG_MIN(n, (uint64_t)CANDIDATES_MAX));
	}
}

static void read_config(struct bound *b, const struct json_val *config)
{
	struct json_watch w[C__END] = { { STR("maxOutputTokens"), { 0 } },
		{ STR("max_output_tokens"), { 0 } }, { STR("candidateCount"), { 0 } },
		{ STR("candidate_count"), { 0 } }, { STR("thinkingConfig"), { 0 } },
		{ STR("thinking_config"), { 0 } }, { STR("responseModalities"), { 0 } },
		{ STR("response_modalities"), { 0 } }, { STR("responseSchema"), { 0 } },
		{ STR("response_schema"), { 0 } }, { STR("responseJsonSchema"), { 0 } },
		{ STR("response_json_schema"), { 0 } } };
	struct json_fail fail;

	if (config->type != JSON_OBJECT)
		return;
	if (json_scan_member(config, w, C__END, &fail) != 0) {
		b->n = CANDIDATES_MAX;
		b->thinks = true;
		return;
	}
	read_limits(b, w);
	b->thinks |= either(w + C_THINKING)->type == JSON_OBJECT;
	for (unsigned i = C_SCHEMA; i < C__END; i++)
		b->schema |= w[i].val.type == JSON_OBJECT;
	b->audio_out |= str_find(either(w + C_MODALITIES)->raw, STR("AUDIO")) != (size_t)-1;
}

/* ---- parts */

enum { P_INLINE, P_FILE = 2, P_RESPONSE = 4, P__END = 6 };

/* Media bytes are no text; base64 decodes to three quarters. */
static void read_inline(struct bound *b, const struct json_val *blob)
{
	struct json_watch w[] = { { STR("mimeType"), { 0 } }, { STR("mime_type"), { 0 } } };
	struct json_fail fail;
	struct str mime = STR_NONE;
	uint64_t bytes = (blob->raw.n + 3) / 4 * 3;

	if (json_scan_member(blob, w, SPELLINGS, &fail) != 0 ||
		json_get_plain(either(w), &mime) != 0)
		mime = STR_NONE;
	b->input_bytes -= TG_MIN(b->input_bytes, (uint64_t)blob->raw.n);
	if (str_starts(mime, STR("image/"))) {
		b->images++;
		b->has_images = true;
	} else if (str_starts(mime, STR("audio/"))) {
		b->audio_bytes += bytes;
	} else { /* videos, documents: as much as they show */
		b->document_bytes += bytes;
		b->has_documents = b->open = b->refers = true;
	}
}

static void read_parts(struct bound *b, const struct json_val *parts, unsigned depth);

static void read_part(struct bound *b, const struct json_val *part, unsigned depth)
{
	struct json_watch w[P__END] = { { STR("inlineData"), { 0 } }, { STR("inline_data"), { 0 } },
		{ STR("fileData"), { 0 } }, { STR("file_data"), { 0 } },
		{ STR("functionResponse"), { 0 } }, { STR("function_response"), { 0 } } };
	struct json_watch inner = { STR("parts"), { 0 } };
	struct json_fail fail;

	if (json_scan_member(part, w, P__END, &fail) != 0) {
		b->images++;
		b->has_images = b->open = b->refers = true;
		return;
	}
	for (unsigned i = 0; i < SPELLINGS; i++)
		if (w[P_INLINE + i].val.type == JSON_OBJECT)
			read_inline(b, &w[P_INLINE + i].val);
	if (either(w + P_FILE)->type == JSON_OBJECT)
		b->has_documents = b->open = b->refers = true;
	if (either(w + P_RESPONSE)->type == JSON_OBJECT &&
		json_scan_member(either(w + P_RESPONSE), &inner, 1, &fail) == 0)
		read_parts(b, &inner.val, depth + 1);
}

static void read_parts(struct bound *b, const struct json_val *parts, unsigned depth)
{
	struct json_iter it = { 0 };
	struct json_val part;

	if (depth > PARTS_DEPTH)
		return;
	if (parts->type == JSON_OBJECT)
		read_part(b, parts, depth);
	while (parts->type == JSON_ARRAY && json_array_next(parts, &it, &part))
		if (part.type == JSON_OBJECT)
			read_part(b, &part, depth);
}

static void read_content(struct bound *b, const struct json_val *content)
{
	struct json_watch parts = { STR("parts"), { 0 } };
	struct json_fail fail;

	if (content->type != JSON_OBJECT)
		return;
	if (json_scan_member(content, &parts, 1, &fail) != 0)
		b->open = b->refers = true;
	else
		read_parts(b, &parts.val, 0);
}

/* Text alone, which nearly all are, is not walked. */
static bool may_have_media(const struct json_val *v)
{
	static const struct str words[] = { { "Data", 4 }, { "_data", 5 }, { "\\u00", 4 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_find(v->raw, words[i]) != (size_t)-1)
			return true;
	return false;
}

static void read_contents(struct bound *b, const struct json_val *contents)
{
	struct json_iter it = { 0 };
	struct json_val content;

	if (!may_have_media(contents))
		return;
	read_content(b, contents);
	while (contents->type == JSON_ARRAY && json_array_next(contents, &it, &content))
		read_content(b, &content);
}

/* ---- tools: all but functions are run by the provider */

static size_t bytes_beside_space(const char *p, const char *end)
{
	size_t n = 0;

	for (; p < end; p++)
		n += (unsigned char)*p > ' ';
	return n;
}

static bool has_only_functions(const struct json_val *tool)
{
	struct json_watch w[] = { { STR("functionDeclarations"), { 0 } },
		{ STR("function_declarations"), { 0 } } };
	struct json_fail fail;
	struct str list, all = tool->raw;

	if (json_scan_member(tool, w, SPELLINGS, &fail) != 0)
		return false;
	list = either(w)->raw;
	/* Around them their own key and the braces; a dearer tool's name would not fit in. */
	return list.n > 0 && bytes_beside_space(all.p, list.p) +
					     bytes_beside_space(list.p + list.n, all.p + all.n) <=
				     sizeof "{\"function_declarations\":}" - 1;
}

static void read_tool(struct bound *b, const struct json_val *tool)
{
	if (has_only_functions(tool))
		return;
	b->builtin_tools++;
	b->open = true;
	b->calls = TG_MAX(b->calls, (uint64_t)BOUND_TOOL_CALLS);
	if (str_find(tool->raw, STR("earch")) != (size_t)-1) { /* googleSearch, google_search */
		b->web_search = true;
		b->search_bucket = USAGE_WEB_SEARCHES;
	}
}

void bound_gemini(struct bound *b, const struct json_watch w[BOUND_WATCHES])
{
	struct json_iter it = { 0 };
	struct json_val tool;
	const struct json_val *tools = &w[BOUND_K_TOOLS].val;

	for (unsigned i = 0; i < SPELLINGS; i++) {
		read_config(b, &w[BOUND_K_GENERATION_CONFIG + i].val);
		if (w[BOUND_K_CACHED_CONTENT + i].val.type == JSON_STRING)
			b->open = b->refers = true;
		if (may_have_media(&w[BOUND_K_SYSTEM_INSTRUCTION + i].val))
			read_content(b, &w[BOUND_K_SYSTEM_INSTRUCTION + i].val);
	}
	read_contents(b, &w[BOUND_K_CONTENTS].val);
	while (tools->type == JSON_ARRAY && json_array_next(tools, &it, &tool))
		if (tool.type == JSON_OBJECT && tool.raw.n > 2)
			read_tool(b, &tool);
	if (w[BOUND_K_GEMINI_TIER].val.type == JSON_STRING)
		bound_word_take(&b->tier, &w[BOUND_K_GEMINI_TIER].val);
}
