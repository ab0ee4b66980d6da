/*
 * openai_media.c: images, audio and files as OpenAI's dialects write them: URLs, data: URLs and
 * formats on their side, media types and base64 on the hub's. Pure; any thread.
 */
#include "chat/openai_int.h"

void openai_read_image(struct chat_part *p, struct str url, struct str detail)
{
	p->detail = detail;
	if (!chat_data_url(url, &p->mime, &p->data))
		p->url = url;
}

static const struct {
	struct str format, mime;
} audio_formats[] = {
	/* the first of a format is what is written of it */
	{ STR("wav"), STR("audio/wav") },
	{ STR("mp3"), STR("audio/mp3") },
	{ STR("mp3"), STR("audio/mpeg") },
	{ STR("wav"), STR("audio/x-wav") },
	{ STR("wav"), STR("audio/wave") },
};

struct str openai_audio_format(struct str mime)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(audio_formats); i++)
		if (str_eq_ci(mime, audio_formats[i].mime))
			return audio_formats[i].format;
	return STR_NONE;
}

static struct str audio_mime(struct chat_context *cx, struct str format)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(audio_formats); i++)
		if (str_eq(format, audio_formats[i].format))
			return audio_formats[i].mime;
	return arena_printf(cx->arena, "audio/%.*s", STR_FMT(format));
}

void openai_read_audio(struct chat_context *cx, struct chat_part *p, const struct json_node *audio)
{
	struct str data = json_get_jstr(audio, STR("data"));

	if (chat_data_url(data, &p->mime, &p->data))
		return;
	p->data = data;
	p->mime = audio_mime(cx, json_get_jstr(audio, STR("format")));
}

/* What a file is that comes without a media type. */
static struct str mime_of_name(struct str name)
{
	static const struct {
		struct str suffix, mime;
	} rows[] = {
		{ STR(".txt"), STR("text/plain") },
		{ STR(".md"), STR("text/markdown") },
		{ STR(".csv"), STR("text/csv") },
		{ STR(".html"), STR("text/html") },
		{ STR(".json"), STR("application/json") },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		if (str_ends(name, rows[i].suffix))
			return rows[i].mime;
	return STR("application/pdf");
}

void openai_read_file(struct chat_part *p, const struct json_node *file)
{
	struct str data = json_get_jstr(file, STR("file_data"));

	p->filename = json_get_jstr(file, STR("filename"));
	p->file_id = json_get_jstr(file, STR("file_id"));
	p->url = json_get_jstr(file, STR("file_url"));
	if (data.p == NULL || chat_data_url(data, &p->mime, &p->data))
		return;
	p->data = data;
	p->mime = mime_of_name(p->filename);
}

void openai_write_url(struct json_out *o, const struct chat_part *p)
{
	jo_str_begin(o);
	if (p->data.p == NULL) {
		jo_piece(o, p->url);
	} else {
		jo_piece(o, STR("data:"));
		jo_piece(o, p->mime.n > 0 ? p->mime : STR("application/octet-stream"));
		jo_piece(o, STR(";base64,"));
		jo_piece(o, p->data);
	}
	jo_str_end(o);
}

/* ---- answers */

struct str openai_image_url(const struct json_node *image)
{
	const struct json_node *v = json_get(image, STR("image_url"));

	return v != NULL && v->type == JSON_OBJECT ? json_get_jstr(v, STR("url")) : json_jstr(v);
}

void openai_write_image(struct json_out *o, const struct chat_part *p, unsigned index)
{
	jo_obj(o);
	jo_m_lit(o, "type", "image_url");
	jo_m_u64(o, "index", index);
	jo_key(o, "image_url");
	jo_obj(o);
	jo_key(o, "url");
	openai_write_url(o, p);
	jo_obj_end(o);
	openai_write_signature(o, p->signature);
	jo_obj_end(o);
}

struct str openai_audio_text(struct arena *a, uint64_t bytes)
{
	return chat_media_text(a, &(struct chat_media){ .kind = PART_AUDIO, .bytes = bytes });
}
