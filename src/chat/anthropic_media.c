/*
 * anthropic_media.c: what blocks of an answer show besides text. Anthropic's own models answer in
 * text, but hosts of its API pass pictures as the blocks that requests have them in, and its tools
 * that run programs leave files at the provider, which are named by their id: no other API can
 * fetch them, so they are told of in a text. Owns nothing; any thread.
 */
#include "chat/anthropic.h"

struct media {
	struct chat_context *cx;
	anthropic_media_f *f;
	void *arg;
};

static int tell(const struct media *m, const struct chat_media *what)
{
	const struct chat_part text = { .kind = PART_TEXT,
		.text = chat_media_text(m->cx->arena, what) };

	return m->f(m->arg, &text);
}

/* {"type":"base64",..}, {"type":"url",..}, {"type":"file",..} or a document's {"type":"text",..} */
static int read_source(
	const struct media *m, enum chat_part_kind kind, const struct json_node *source)
{
	struct str type = anthropic_word(m->cx, source, STR("type"));
	struct chat_part p = { .kind = kind,
		.mime = json_get_jstr(source, STR("media_type")),
		.url = json_get_jstr(source, STR("url")) };
	struct chat_media file = { .kind = kind, .url = json_get_jstr(source, STR("file_id")) };

	if (file.url.n > 0)
		return tell(m, &file);
	if (str_eq(type, STR("text"))) {
		p.kind = PART_TEXT;
		p.text = json_get_jstr(source, STR("data"));
	} else {
		p.data = json_get_jstr(source, STR("data"));
	}
	return p.text.n > 0 || p.data.n > 0 || p.url.n > 0 ? m->f(m->arg, &p) : 0;
}

static int read_file(const struct media *m, const struct json_node *v)
{
	struct chat_media file = { .kind = PART_FILE, .url = json_get_jstr(v, STR("file_id")) };

	return file.url.n > 0 ? tell(m, &file) : 0;
}

int anthropic_read_media(
	struct chat_context *cx, const struct json_node *block, anthropic_media_f *f, void *arg)
{
	const struct media m = { cx, f, arg };
	struct str type = anthropic_word(cx, block, STR("type"));

	if (str_eq(type, STR("image")))
		return read_source(&m, PART_IMAGE, json_get(block, STR("source")));
	if (str_eq(type, STR("document")))
		return read_source(&m, PART_FILE, json_get(block, STR("source")));
	if (str_eq(type, STR("container_upload")))
		return read_file(&m, block);
	if (!str_ends(type, STR("code_execution_tool_result")))
		return 0;
	json_each(v, json_get_type(json_get(block, STR("content")), STR("content"),
			     JSON_ARRAY)) if (read_file(&m, v) != 0) return -1;
	return 0;
}
