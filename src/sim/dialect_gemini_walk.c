/*
 * dialect_gemini_walk.c: what a Gemini request says: the text of its contents, the media in it, its
 * functions; and what the vendor refuses: calls of Gemini 3 that lost their signature, turns whose
 * responses are not as many as the calls before them.
 */
#include "sim/dialect_gemini.h"

#define IMAGE_TOKENS 258
#define AUDIO_TOKENS 50
#define FILE_TOKENS  100

static void walk_media(struct sim_gemini_walk *w, const struct json_val *media)
{
	struct json_watch mime = { STR("mimeType"), { 0 } };
	struct json_fail fail;
	uint64_t tokens = FILE_TOKENS;

	if (media->type != JSON_OBJECT)
		return;
	(void)!json_scan_member(media, &mime, 1, &fail);
	if (str_starts(mime.val.raw, STR("\"image/"))) {
		tokens = IMAGE_TOKENS;
		w->image_tokens += tokens;
	} else if (str_starts(mime.val.raw, STR("\"audio/"))) {
		tokens = AUDIO_TOKENS;
		w->audio_tokens += tokens;
	}
	w->r->prompt.fixed_tokens += tokens;
}

static void walk_part(struct sim_gemini_walk *w, const struct json_val *part, bool *first_call)
{
	enum { TEXT, INLINE, FILE_DATA, CALL, RESPONSE, SIGNATURE };
	struct json_watch p[] = { { STR("text"), { 0 } }, { STR("inlineData"), { 0 } },
		{ STR("fileData"), { 0 } }, { STR("functionCall"), { 0 } },
		{ STR("functionResponse"), { 0 } }, { STR("thoughtSignature"), { 0 } } };
	struct json_fail fail;

	if (part->type != JSON_OBJECT || json_scan_member(part, p, TG_ARRAY_LEN(p), &fail) != 0)
		return;
	sim_prompt_text(&w->r->prompt, &p[TEXT].val);
	walk_media(w, &p[INLINE].val);
	walk_media(w, &p[FILE_DATA].val);
	sim_prompt_raw(&w->r->prompt, &p[CALL].val);
	sim_prompt_raw(&w->r->prompt, &p[RESPONSE].val);
	if (p[CALL].val.type == JSON_OBJECT) {
		if (*first_call && w->signs && p[SIGNATURE].val.type != JSON_STRING)
			w->wrong = "Function call is missing a thought_signature in functionCall "
				   "parts. This is required for tools to work correctly.";
		*first_call = false;
		w->calls++;
	}
	if (p[RESPONSE].val.type == JSON_OBJECT) {
		w->r->prompt.user = w->r->prompt.tool_word = false;
		w->results++;
	}
}

static void walk_parts(struct sim_gemini_walk *w, const struct json_val *parts)
{
	struct json_iter it = { 0 };
	struct json_val part;
	bool first_call = true;

	if (parts->type == JSON_OBJECT)
		walk_part(w, parts, &first_call);
	if (parts->type != JSON_ARRAY)
		return;
	while (json_array_next(parts, &it, &part))
		walk_part(w, &part, &first_call);
}

static const struct json_val *scan_content(const struct json_val *content, struct json_watch c[2])
{
	struct json_fail fail;

	c[0] = (struct json_watch){ STR("role"), { 0 } };
	c[1] = (struct json_watch){ STR("parts"), { 0 } };
	if (content->type == JSON_OBJECT)
		(void)!json_scan_member(content, c, 2, &fail);
	return &c[1].val;
}

static void walk_content(struct sim_gemini_walk *w, const struct json_val *content)
{
	struct json_watch c[2];
	const struct json_val *parts = scan_content(content, c);
	unsigned calls = w->calls;
	bool model = str_eq(c[0].val.raw, STR("\"model\""));

	w->r->prompt.user = !model;
	if (!model)
		w->r->prompt.tool_word = false; /* only the last user message counts */
	w->calls = w->results = 0;
	walk_parts(w, parts);
	if (w->calls != 0 && !model)
		w->wrong = "Please ensure that function call turn comes immediately after a user "
			   "turn or after a function response turn.";
	if (calls != w->results && (calls != 0 || w->results != 0))
		w->wrong = "Please ensure that the number of function response parts is equal to "
			   "the number of function call parts of the function call turn.";
}

void sim_gemini_walk_system(struct sim_gemini_walk *w, const struct json_val *instruction)
{
	struct json_watch c[2];

	if (instruction->type == JSON_OBJECT)
		walk_parts(w, scan_content(instruction, c));
	sim_prompt_text(&w->r->prompt, instruction);
}

void sim_gemini_walk_contents(struct sim_gemini_walk *w, const struct json_val *contents)
{
	struct json_iter it = { 0 };
	struct json_val content;

	w->calls = w->results = 0;
	while (json_array_next(contents, &it, &content) && w->wrong == NULL)
		walk_content(w, &content);
	if (w->calls != 0 && w->wrong == NULL)
		w->wrong = "Please ensure that function call turn is followed by a function "
			   "response turn.";
}

void sim_gemini_walk_text(struct sim_prompt *p, const struct json_val *content)
{
	struct json_watch c[2], text = { STR("text"), { 0 } };
	struct json_fail fail;
	struct json_iter it = { 0 };
	struct json_val part;
	const struct json_val *parts = scan_content(content, c);

	sim_prompt_text(p, content);
	if (parts->type != JSON_ARRAY)
		return;
	while (json_array_next(parts, &it, &part))
		if (part.type == JSON_OBJECT && json_scan_member(&part, &text, 1, &fail) == 0)
			sim_prompt_text(p, &text.val);
}

static struct str find_declared(
	const struct json_val *list, struct str want, struct json_val *schema)
{
	struct json_iter it = { 0 };
	struct json_val fn;
	struct json_fail fail;
	struct str name;

	if (list->type != JSON_ARRAY)
		return STR_NONE;
	while (json_array_next(list, &it, &fn)) {
		struct json_watch f[] = { { STR("name"), { 0 } }, { STR("parameters"), { 0 } },
			{ STR("parametersJsonSchema"), { 0 } } };

		if (fn.type != JSON_OBJECT ||
			json_scan_member(&fn, f, TG_ARRAY_LEN(f), &fail) != 0 ||
			json_get_plain(&f[0].val, &name) != 0 || name.n == 0 ||
			(want.n != 0 && !str_eq(name, want)))
			continue;
		*schema = f[1].val.type == JSON_OBJECT ? f[1].val : f[2].val;
		return name;
	}
	return STR_NONE;
}

struct str sim_gemini_find_tool(
	const struct json_val *tools, struct str want, struct json_val *schema)
{
	struct json_watch list = { STR("functionDeclarations"), { 0 } };
	struct json_iter it = { 0 };
	struct json_val tool;
	struct json_fail fail;
	struct str name;

	if (tools->type != JSON_ARRAY)
		return STR_NONE;
	while (json_array_next(tools, &it, &tool)) {
		if (tool.type != JSON_OBJECT || json_scan_member(&tool, &list, 1, &fail) != 0)
			continue;
		name = find_declared(&list.val, want, schema);
		if (name.n != 0)
			return name;
	}
	return STR_NONE;
}
