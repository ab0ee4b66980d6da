/*
 * anthropic_parts_write.c: content blocks of a request to Anthropic's messages API: text, images,
 * documents, tool calls and results, thinking. What a block cannot say is noted as unsupported.
 * Owns nothing; any thread.
 */
#include "chat/anthropic.h"

#include <inttypes.h>
#include <stdio.h>

void anthropic_cache_write(struct json_out *o, enum chat_cache cache)
{
	if (cache == CHAT_CACHE_NONE)
		return;
	jo_key(o, "cache_control");
	jo_obj(o);
	jo_m_lit(o, "type", "ephemeral");
	if (cache == CHAT_CACHE_1H)
		jo_m_lit(o, "ttl", "1h");
	jo_obj_end(o);
}

/* An id as it is; one with characters that the API refuses under a name that is made of it, so that
 * a call and its result keep the same, in this request and the next (FNV-1a). */
static void write_id(struct json_out *o, const char *key, struct str id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	char name[32];
	int n;

	if (chat_is_name(id, 256)) {
		jo_m_jstr(o, key, id);
		return;
	}
	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * UINT64_C(0x100000001b3);
	n = snprintf(name, sizeof name, "toolu_%016" PRIx64, h);
	jo_m_text(o, key, str_mk(name, (size_t)n));
}

/* ---- media */

/* The media type as the API wants it written; empty: one that it does not take. */
static struct str image_type(struct chat_context *cx, struct str mime)
{
	static const struct str known[] = { STR("image/png"), STR("image/jpeg"), STR("image/gif"),
		STR("image/webp") };
	struct str m = mime.p != NULL ? json_jstr_decode(cx->arena, mime) : STR_NONE;

	if (str_eq_ci(m, STR("image/jpg")))
		return known[1];
	for (size_t i = 0; i < TG_ARRAY_LEN(known); i++)
		if (str_eq_ci(m, known[i]))
			return known[i];
	return STR_NONE;
}

enum document { DOCUMENT_NONE, DOCUMENT_PDF, DOCUMENT_TEXT };

static enum document document_type(struct chat_context *cx, const struct chat_part *p)
{
	struct str m = p->mime.p != NULL ? json_jstr_decode(cx->arena, p->mime) : STR_NONE;

	if (str_eq_ci(m, STR("application/pdf")) || str_starts(p->data, STR("JVBERi")))
		return DOCUMENT_PDF;
	return str_starts_ci(m, STR("text/")) ? DOCUMENT_TEXT : DOCUMENT_NONE;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* The text behind base64, piece by piece: a document may be larger than any buffer of ours. */
static void write_decoded(struct json_out *o, struct str data)
{
	char buf[768];
	size_t n = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	jo_str_begin(o);
	for (size_t i = 0; i < data.n && data.p[i] != '='; i++) {
		int v = base64_value(data.p[i]);

		if (v < 0) /* the backslash of an escaped "/" */
			continue;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		buf[n++] = (char)(bits >> have);
		if (n == sizeof buf) {
			jo_piece_text(o, str_mk(buf, n));
			n = 0;
		}
	}
	jo_piece_text(o, str_mk(buf, n));
	jo_str_end(o);
}

static bool image_fits(struct chat_context *cx, const struct chat_part *p)
{
	if (p->url.n > 0 || (p->data.n > 0 && image_type(cx, p->mime).n > 0))
		return true;
	chat_unsupported(cx, p->data.n > 0
				     ? "messages[].content[].image (PNG, JPEG, GIF and WebP only)"
				     : "messages[].content[].file_id");
	return false;
}

static bool document_fits(struct chat_context *cx, const struct chat_part *p)
{
	if (p->url.n > 0 || (p->data.n > 0 && document_type(cx, p) != DOCUMENT_NONE))
		return true;
	chat_unsupported(cx, p->data.n > 0 ? "messages[].content[].file (PDF and text only)"
					   : "messages[].content[].file_id");
	return false;
}

static void write_source(struct json_out *o, const struct chat_part *p, struct str media_type)
{
	jo_key(o, "source");
	jo_obj(o);
	if (p->data.n > 0) {
		jo_m_lit(o, "type", "base64");
		jo_m_text(o, "media_type", media_type);
		jo_m_jstr(o, "data", p->data);
	} else {
		jo_m_lit(o, "type", "url");
		jo_m_jstr(o, "url", p->url);
	}
	jo_obj_end(o);
}

static void write_image(struct chat_context *cx, const struct chat_part *p, struct json_out *o)
{
	jo_m_lit(o, "type", "image");
	write_source(o, p, image_type(cx, p->mime));
}

static void write_document(struct chat_context *cx, const struct chat_part *p, struct json_out *o)
{
	jo_m_lit(o, "type", "document");
	if (p->data.n > 0 && document_type(cx, p) == DOCUMENT_TEXT) {
		jo_key(o, "source");
		jo_obj(o);
		jo_m_lit(o, "type", "text");
		jo_m_lit(o, "media_type", "text/plain");
		jo_key(o, "data");
		write_decoded(o, p->data);
		jo_obj_end(o);
	} else {
		write_source(o, p, STR("application/pdf"));
	}
	if (p->filename.n > 0)
		jo_m_jstr(o, "title", p->filename);
}

/* ---- tools */

static void write_call(struct chat_context *cx, const struct chat_part *p, struct json_out *o)
{
	(void)cx;
	jo_m_lit(o, "type", "tool_use");
	write_id(o, "id", p->id);
	jo_m_jstr(o, "name", p->name);
	jo_m_raw(o, "input", p->args.n > 0 ? p->args : STR("{}"));
}

/* A result may be empty: then it has no content, since empty text is refused. */
static void write_result(struct chat_context *cx, const struct chat_part *p, struct json_out *o)
{
	const struct chat_part *first = NULL;
	unsigned n = 0;

	for (const struct chat_part *q = p->part; q != NULL; q = q->next)
		if (anthropic_part_fits(cx, q, CHAT_USER) && n++ == 0)
			first = q;
	jo_m_lit(o, "type", "tool_result");
	write_id(o, "tool_use_id", p->id);
	if (n == 1 && first->kind == PART_TEXT && first->cache == CHAT_CACHE_NONE) {
		jo_m_jstr(o, "content", first->text);
	} else if (n > 0) {
		jo_key(o, "content");
		jo_arr(o);
		for (const struct chat_part *q = first; q != NULL; q = q->next)
			if (anthropic_part_fits(cx, q, CHAT_USER))
				anthropic_part_write(cx, q, o);
		jo_arr_end(o);
	}
	if (p->is_error)
		jo_m_bool(o, "is_error", true);
}

/* ---- any part */

bool anthropic_part_fits(struct chat_context *cx, const struct chat_part *p, enum chat_role role)
{
	if (role == CHAT_ASSISTANT && chat_is_media(p->kind)) {
		chat_unsupported(cx, "media in an assistant's turn");
		return false;
	}
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL: return !chat_blank(p->text);
	case PART_IMAGE: return image_fits(cx, p);
	case PART_FILE: return document_fits(cx, p);
	case PART_AUDIO: chat_unsupported(cx, "messages[].content[].audio"); return false;
	case PART_VIDEO: chat_unsupported(cx, "messages[].content[].video"); return false;
	case PART_CALL: return role == CHAT_ASSISTANT;
	case PART_RESULT: return role == CHAT_USER;
	case PART_THINKING: /* unsigned, of another provider: the API cannot check it */
		return role == CHAT_ASSISTANT && p->signature.n > 0 &&
		       !chat_is_encrypted(p->signature);
	case PART_REDACTED:
		return role == CHAT_ASSISTANT && p->data.n > 0 && !chat_is_encrypted(p->data);
	}
	return false;
}

void anthropic_part_write(struct chat_context *cx, const struct chat_part *p, struct json_out *o)
{
	jo_obj(o);
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL:
		jo_m_lit(o, "type", "text");
		jo_m_jstr(o, "text", p->text);
		break;
	case PART_IMAGE: write_image(cx, p, o); break;
	case PART_FILE: write_document(cx, p, o); break;
	case PART_CALL: write_call(cx, p, o); break;
	case PART_RESULT: write_result(cx, p, o); break;
	case PART_THINKING:
		jo_m_lit(o, "type", "thinking");
		jo_key(o, "thinking");
		jo_jstr(o, p->text);
		jo_m_jstr(o, "signature", p->signature);
		break;
	case PART_REDACTED:
		jo_m_lit(o, "type", "redacted_thinking");
		jo_m_jstr(o, "data", p->data);
		break;
	case PART_AUDIO:
	case PART_VIDEO: break; /* never fit */
	}
	if (p->kind != PART_THINKING && p->kind != PART_REDACTED)
		anthropic_cache_write(o, p->cache);
	jo_obj_end(o);
}
