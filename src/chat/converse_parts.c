/*
 * converse_parts.c: content blocks of a Converse request: text, media, tool calls and results,
 * reasoning, cache points. Facts: providers.md 10.1. Owns nothing; any thread.
 */
#include <stdio.h>

#include "chat/converse.h"

/* ---- media: the format is a word of the block's own */

struct format {
	const char *mime, *word;
};

static const struct format images[] = {
	{ "image/png", "png" },
	{ "image/jpeg", "jpeg" },
	{ "image/jpg", "jpeg" },
	{ "image/gif", "gif" },
	{ "image/webp", "webp" },
	{ NULL, NULL },
};
static const struct format audios[] = {
	{ "audio/mpeg", "mp3" },
	{ "audio/mp3", "mp3" },
	{ "audio/wav", "wav" },
	{ "audio/x-wav", "wav" },
	{ "audio/aac", "aac" },
	{ "audio/flac", "flac" },
	{ "audio/mp4", "mp4" },
	{ "audio/m4a", "m4a" },
	{ "audio/ogg", "ogg" },
	{ "audio/opus", "opus" },
	{ "audio/webm", "webm" },
	{ NULL, NULL },
};
static const struct format videos[] = {
	{ "video/mp4", "mp4" },
	{ "video/quicktime", "mov" },
	{ "video/x-matroska", "mkv" },
	{ "video/webm", "webm" },
	{ "video/x-flv", "flv" },
	{ "video/mpeg", "mpeg" },
	{ "video/x-ms-wmv", "wmv" },
	{ "video/3gpp", "three_gp" },
	{ NULL, NULL },
};
static const struct format documents[] = {
	{ "application/pdf", "pdf" },
	{ "text/csv", "csv" },
	{ "application/msword", "doc" },
	{ "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx" },
	{ "application/vnd.ms-excel", "xls" },
	{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx" },
	{ "text/html", "html" },
	{ "text/plain", "txt" },
	{ "text/markdown", "md" },
	{ NULL, NULL },
};

/* By kind of part: how the block is called, its formats, and how what does not fit is called. */
struct medium {
	const char *block;
	const struct format *format;
	const char *bad_format, *by_url, *by_id;
};

static const struct medium media[] = {
	[PART_IMAGE] = { "image", images,
		"messages[].content[].image (png, jpeg, gif or webp only)",
		"messages[].content[].image by URL (send the image itself, as base64 or a data: "
		"URL)",
		"messages[].content[].image by file_id" },
	[PART_AUDIO] = { "audio", audios, "messages[].content[].audio (of this format)",
		"messages[].content[].audio by URL", "messages[].content[].audio by file_id" },
	[PART_VIDEO] = { "video", videos, "messages[].content[].video (of this format)",
		"messages[].content[].video by URL", "messages[].content[].video by file_id" },
	[PART_FILE] = { "document", documents, "messages[].content[].file (of this format)",
		"messages[].content[].file by URL", "messages[].content[].file by file_id" },
};

/* Up to a parameter ("text/plain; charset=utf-8"), in any case. */
static const char *format_of(const struct format *f, struct str mime)
{
	size_t end = str_chr(mime, ';');

	mime = str_trim(str_mk(mime.p, end == (size_t)-1 ? mime.n : end));
	for (; f->mime != NULL; f++)
		if (str_eq_ci(mime, str_z(f->mime)))
			return f->word;
	return NULL;
}

/* By its name's ending, where the type does not say. */
static const char *format_by_name(const struct format *f, struct str name)
{
	for (; f->mime != NULL; f++) {
		struct str word = str_z(f->word);

		if (name.n > word.n && name.p[name.n - word.n - 1] == '.' &&
			str_eq_ci(str_skip(name, name.n - word.n), word))
			return f->word;
	}
	return NULL;
}

bool converse_media_kind(struct str block, enum chat_part_kind *kind)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(media); i++)
		if (media[i].block != NULL && str_eq(block, str_z(media[i].block))) {
			*kind = (enum chat_part_kind)i;
			return true;
		}
	return false;
}

struct str converse_media_mime(struct arena *a, enum chat_part_kind kind, struct str format)
{
	for (const struct format *f = media[kind].format; f->mime != NULL; f++)
		if (str_eq(format, str_z(f->word)))
			return str_z(f->mime);
	return format.n > 0 && kind != PART_FILE
		       ? arena_printf(a, "%s/%.*s", media[kind].block, STR_FMT(format))
		       : STR_NONE;
}

/* JSON may write a slash with an escape. */
static bool is_s3(struct str url)
{
	return str_starts(url, STR("s3://")) || str_starts(url, STR("s3:\\/\\/"));
}

static const char *part_format(const struct chat_part *p)
{
	const struct format *f = media[p->kind].format;
	const char *word = format_of(f, p->mime);

	if (word == NULL)
		word = format_by_name(f, p->filename);
	return word != NULL ? word : format_by_name(f, p->url);
}

static bool medium_fits(struct chat_context *cx, const struct chat_part *p)
{
	const struct medium *m = &media[p->kind];
	const char *lost = NULL;

	if (p->data.n == 0 && p->file_id.n > 0)
		lost = m->by_id;
	else if (p->data.n == 0 && !is_s3(p->url))
		lost = m->by_url;
	else if (part_format(p) == NULL)
		lost = m->bad_format;
	if (lost != NULL)
		chat_unsupported(cx, lost);
	return lost == NULL;
}

/* Letters, digits, single spaces, hyphens, brackets; 200 at most; no two alike: the number says
 * which one it is, and is the same in every turn of a conversation. */
static void write_document_name(struct converse_parts *w, struct str filename, struct json_out *o)
{
	char name[200];
	size_t n = 0, dot = filename.n;

	while (dot > 0 && filename.p[dot - 1] != '.')
		dot--;
	if (dot > 1)
		filename.n = dot - 1;
	for (size_t i = 0; i < filename.n && n < 180; i++) {
		char c = filename.p[i];
		bool keep = (chat_name_char(c) && c != '_') || memchr("()[]", c, 4) != NULL;

		if (!keep && n > 0 && name[n - 1] != ' ')
			name[n++] = ' ';
		if (keep)
			name[n++] = c;
	}
	while (n > 0 && name[n - 1] == ' ')
		n--;
	if (n == 0)
		n = (size_t)snprintf(name, sizeof name, "document");
	n += (size_t)snprintf(name + n, sizeof name - n, " %u", ++w->documents);
	jo_m_text(o, "name", str_mk(name, n));
}

static void write_medium(struct converse_parts *w, const struct chat_part *p, struct json_out *o)
{
	const struct medium *m = &media[p->kind];

	jo_key(o, m->block);
	jo_obj(o);
	jo_m_text(o, "format", str_z(part_format(p)));
	if (p->kind == PART_FILE)
		write_document_name(w, p->filename, o);
	jo_key(o, "source");
	jo_obj(o);
	if (p->data.n > 0) {
		jo_m_jstr(o, "bytes", p->data);
	} else {
		jo_key(o, "s3Location");
		jo_obj(o);
		jo_m_jstr(o, "uri", p->url);
		jo_obj_end(o);
	}
	jo_obj_end(o);
	jo_obj_end(o);
}

/* ---- tools */

static bool id_char(char c)
{
	return chat_name_char(c) || c == '.' || c == ':';
}

/* An id as the API takes it: [a-zA-Z0-9_.:-]{1,64}. Another one is made of its hash, the same for
 * the call and its result, in this request and in the next one, wherever that goes. */
static void write_tool_id(struct str id, struct json_out *o)
{
	bool good = id.n > 0 && id.n <= 64;
	char made[32];

	for (size_t i = 0; good && i < id.n; i++)
		good = id_char(id.p[i]);
	if (good) {
		jo_m_jstr(o, "toolUseId", id);
		return;
	}
	snprintf(made, sizeof made, "call_%016llx", (unsigned long long)str_hash_fixed(id));
	jo_m_text(o, "toolUseId", str_z(made));
}

static void write_call(const struct chat_part *p, struct json_out *o)
{
	jo_key(o, "toolUse");
	jo_obj(o);
	write_tool_id(p->id, o);
	jo_m_jstr(o, "name", p->name);
	jo_m_raw(o, "input", p->args);
	jo_obj_end(o);
}

static bool result_takes(const struct converse_parts *w, const struct chat_part *p)
{
	if (p->kind == PART_TEXT)
		return !chat_blank(p->text);
	if (p->kind == PART_IMAGE || p->kind == PART_FILE || p->kind == PART_VIDEO)
		return medium_fits(w->cx, p);
	chat_unsupported(w->cx, "messages[].content[] of a tool's result (text, images, files)");
	return false;
}

static void write_result(struct converse_parts *w, const struct chat_part *p, struct json_out *o)
{
	bool any = false;

	jo_key(o, "toolResult");
	jo_obj(o);
	write_tool_id(p->id, o);
	jo_key(o, "content");
	jo_arr(o);
	for (const struct chat_part *q = p->part; q != NULL; q = q->next) {
		if (!result_takes(w, q))
			continue;
		jo_obj(o);
		if (q->kind == PART_TEXT)
			jo_m_jstr(o, "text", q->text);
		else
			write_medium(w, q, o);
		jo_obj_end(o);
		any = true;
	}
	if (!any) {
		jo_obj(o);
		jo_m_lit(o, "text", "(no output)");
		jo_obj_end(o);
	}
	jo_arr_end(o);
	if (p->is_error)
		jo_m_lit(o, "status", "error");
	jo_obj_end(o);
}

/* ---- reasoning: what has no signature cannot be checked, and is refused */

static void write_reasoning(const struct chat_part *p, struct json_out *o)
{
	jo_key(o, "reasoningContent");
	jo_obj(o);
	if (p->kind == PART_REDACTED) {
		jo_m_jstr(o, "redactedContent", p->data);
	} else {
		jo_key(o, "reasoningText");
		jo_obj(o);
		jo_m_jstr(o, "text", p->text.p != NULL ? p->text : STR(""));
		jo_m_jstr(o, "signature", p->signature);
		jo_obj_end(o);
	}
	jo_obj_end(o);
}

/* ---- all of them */

bool converse_part_fits(const struct converse_parts *w, const struct chat_part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: return !chat_blank(p->text);
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_FILE: return medium_fits(w->cx, p);
	case PART_CALL:
	case PART_RESULT: return true;
	case PART_THINKING: return p->signature.n > 0 && !chat_is_encrypted(p->signature);
	case PART_REDACTED: return p->data.n > 0 && !chat_is_encrypted(p->data);
	}
	return false;
}

void converse_part_write(struct converse_parts *w, const struct chat_part *p, struct json_out *o)
{
	jo_obj(o);
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: jo_m_jstr(o, "text", p->text); break;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_FILE: write_medium(w, p, o); break;
	case PART_CALL: write_call(p, o); break;
	case PART_RESULT: write_result(w, p, o); break;
	case PART_THINKING:
	case PART_REDACTED: write_reasoning(p, o); break;
	}
	jo_obj_end(o);
}

void converse_cache_write(const struct converse_parts *w, enum chat_cache cache, struct json_out *o)
{
	if (cache == CHAT_CACHE_NONE || !w->caches)
		return;
	jo_obj(o);
	jo_key(o, "cachePoint");
	jo_obj(o);
	jo_m_lit(o, "type", "default");
	if (cache == CHAT_CACHE_1H)
		jo_m_lit(o, "ttl", "1h");
	jo_obj_end(o);
	jo_obj_end(o);
}
