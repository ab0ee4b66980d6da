/*
 * dialect_openai_media.c: images, speech, transcriptions and translations.
 *
 * Models of the older kind are billed in units, and say nothing of what they used: dall-e by the
 * image, tts-1 by the character, whisper by the second.
 *
 * Units: an image is 272, 1056 or 4160 output tokens (low, medium or auto, high); an input image
 * 323 input tokens; speech 256 bytes of sound for each byte of text; sound lasts ceil(bytes/16000)
 * seconds and is ten input tokens a second.
 */
#include "base/num.h"
#include "sim/dialect.h"
#include "sim/sim_json.h"
#include "sim/sim_text.h"

#define IMAGE_INPUT_TOKENS      323
#define SPEECH_BYTES_PER_BYTE   256
#define SOUND_BYTES_PER_SECOND  16000
#define SOUND_TOKENS_PER_SECOND 10
#define MAX_IMAGES              10

/* One grey pixel. */
static const char png_b64[] =
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5"
	"ErkJggg==";

static struct str body_or_form(const struct sim_req *r, const struct json_watch *w, struct str name)
{
	struct str s;

	if (r->form != NULL)
		return sim_form_text(r->form, name);
	return w != NULL && json_get_plain(&w->val, &s) == 0 ? s
	       : w != NULL                                   ? w->val.raw
							     : STR_NONE;
}

static void image_usage(struct sim_req *r, struct sim_buf *b, uint64_t image)
{
	struct sim_usage u = sim_usage_shown(r);

	sim_buf_fmt(b,
		"{\"total_tokens\":%llu,\"input_tokens\":%llu,\"output_tokens\":%llu,"
		"\"input_tokens_details\":{\"text_tokens\":%llu,\"image_tokens\":%llu}",
		(unsigned long long)(u.input + u.output), (unsigned long long)u.input,
		(unsigned long long)u.output,
		(unsigned long long)(u.input - TG_MIN(image, u.input)), (unsigned long long)image);
	sim_put_cost(r, b);
	sim_buf_lit(b, "}");
}

static uint64_t image_tokens(struct str quality)
{
	return str_eq(quality, STR("low")) ? 272 : str_eq(quality, STR("high")) ? 4160 : 1056;
}

/* One partial and one completed event, the second with the usage. */
static bool image_next(struct sim_req *r, struct sim_buf *b)
{
	struct str kind = r->form != NULL ? STR("image_edit") : STR("image_generation");
	bool last = r->step++ != 0;

	sim_buf_fmt(b,
		"event: %.*s.%s\ndata: "
		"{\"type\":\"%.*s.%s\",\"b64_json\":\"%s\",\"created_at\":%llu",
		STR_FMT(kind), last ? "completed" : "partial_image", STR_FMT(kind),
		last ? "completed" : "partial_image", png_b64, (unsigned long long)sim_created(r));
	if (!last)
		sim_buf_lit(b, ",\"partial_image_index\":0");
	if (last && !sim_usage_hidden(r)) {
		sim_buf_lit(b, ",\"usage\":");
		image_usage(r, b, r->prompt.fixed_tokens);
		r->ev_usage = true;
	}
	if (last)
		r->ev_tokens = r->usage.output;
	sim_buf_lit(b, "}\n\n");
	return !last;
}

static void image_answer(struct sim_req *r, uint64_t n, struct str quality, bool url)
{
	r->by_unit = str_starts(r->model, STR("dall-e"));
	n = TG_MIN(TG_MAX(n, (uint64_t)1), (uint64_t)MAX_IMAGES);
	r->usage.images = n;
	r->usage.output = n * image_tokens(quality);
	r->usage.input = sim_tokens_of(r->prompt.bytes) + r->prompt.fixed_tokens;
	r->usage_image = r->prompt.fixed_tokens;
	if (r->by_unit) {
		r->usage.output = r->usage.input = r->usage_image = 0;
		r->stream = false;
	}
	if (r->stream) {
		sim_answer_stream(r, image_next, 2);
		return;
	}
	sim_buf_fmt(&r->json, "{\"created\":%llu,\"data\":[", (unsigned long long)sim_created(r));
	for (uint64_t i = 0; i < n; i++)
		sim_buf_fmt(&r->json,
			url ? "%s{\"url\":\"https://sim.invalid/%s\"}" : "%s{\"b64_json\":\"%s\"}",
			i != 0 ? "," : "", url ? "image.png" : png_b64);
	sim_buf_lit(&r->json, "],\"output_format\":\"png\",\"size\":\"1024x1024\"");
	if (!sim_usage_hidden(r) && !r->by_unit) {
		sim_buf_lit(&r->json, ",\"usage\":");
		image_usage(r, &r->json, r->prompt.fixed_tokens);
	}
	sim_buf_lit(&r->json, "}\n");
	sim_answer_json(r, 200, !r->by_unit);
}

void sim_openai_images(struct sim_req *r)
{
	enum { MODEL, PROMPT, N, QUALITY, FORMAT, STREAM, IMAGES };
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("prompt"), { 0 } },
		{ STR("n"), { 0 } }, { STR("quality"), { 0 } }, { STR("response_format"), { 0 } },
		{ STR("stream"), { 0 } }, { STR("images"), { 0 } } };
	struct json_iter it = { 0 };
	struct json_val elem;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return;
	sim_prompt_walk(&r->prompt, &w[PROMPT].val);
	while (w[IMAGES].val.type == JSON_ARRAY && json_array_next(&w[IMAGES].val, &it, &elem))
		r->prompt.fixed_tokens += IMAGE_INPUT_TOKENS;
	r->stream = json_true(&w[STREAM].val);
	image_answer(r, sim_count(&w[N].val, 1), body_or_form(r, &w[QUALITY], STR("quality")),
		str_eq(w[FORMAT].val.raw, STR("\"url\"")));
}

/* False after answering 400. */
static bool form_ready(struct sim_req *r, struct str file)
{
	if (!sim_form_ok(r->form))
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("The multipart body is not well formed."), STR_NONE);
	else if (sim_form_get(r->form, file) == NULL || !sim_form_get(r->form, file)->is_file)
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST, STR("Missing required file."), file);
	return !r->answered;
}

void sim_openai_image_edits(struct sim_req *r)
{
	uint64_t n = 1;

	if (r->form == NULL) {
		sim_openai_images(r);
		return;
	}
	if (!form_ready(r, STR("image")) ||
		sim_take_model_text(r, sim_form_text(r->form, STR("model"))) != 0)
		return;
	r->prompt.bytes = sim_form_text(r->form, STR("prompt")).n;
	for (unsigned i = 0; i < r->form->n_parts; i++)
		r->prompt.fixed_tokens += r->form->part[i].is_file ? IMAGE_INPUT_TOKENS : 0;
	if (num_parse_u64(sim_form_text(r->form, STR("n")), &n) != 0)
		n = 1;
	r->stream = str_eq(sim_form_text(r->form, STR("stream")), STR("true"));
	image_answer(r, n, sim_form_text(r->form, STR("quality")),
		str_eq(sim_form_text(r->form, STR("response_format")), STR("url")));
}

/* ---- speech */

static const struct {
	struct str name, type, magic;
} sound[] = { { { "mp3", 3 }, { "audio/mpeg", 10 }, { "ID3\4\0\0\0\0\0\0", 10 } },
	{ { "wav", 3 }, { "audio/wav", 9 }, { "RIFF\xff\xff\xff\xffWAVEfmt ", 16 } },
	{ { "opus", 4 }, { "audio/opus", 10 }, { "OggS", 4 } },
	{ { "aac", 3 }, { "audio/aac", 9 }, { "\xff\xf1", 2 } },
	{ { "flac", 4 }, { "audio/flac", 10 }, { "fLaC", 4 } },
	{ { "pcm", 3 }, { "audio/pcm", 9 }, { "", 0 } } };

static bool speech_next(struct sim_req *r, struct sim_buf *b)
{
	struct sim_usage u = sim_usage_shown(r);
	uint64_t step = r->step++;

	if (step < r->plan.events) {
		sim_buf_lit(b, "data: {\"type\":\"speech.audio.delta\",\"audio\":\"");
		sim_buf_base64(b, STR("ID3\4 simulated sound"));
		sim_buf_lit(b, "\"}\n\n");
		r->ev_tokens = sim_piece_tokens(r, step);
		return true;
	}
	sim_buf_lit(b, "data: {\"type\":\"speech.audio.done\"");
	if (!sim_usage_hidden(r)) {
		sim_buf_fmt(b,
			",\"usage\":{\"input_tokens\":%llu,\"output_tokens\":%llu,\"total_tokens\":"
			"%llu}",
			(unsigned long long)u.input, (unsigned long long)u.output,
			(unsigned long long)(u.input + u.output));
		r->ev_usage = true;
	}
	sim_buf_lit(b, "}\n\n");
	return false;
}

void sim_openai_speech(struct sim_req *r)
{
	enum { MODEL, INPUT, FORMAT, STREAM };
	struct json_watch w[] = { { STR("model"), { 0 } }, { STR("input"), { 0 } },
		{ STR("response_format"), { 0 } }, { STR("stream_format"), { 0 } } };
	struct str name;
	size_t i;

	if (sim_body_scan(r, w, TG_ARRAY_LEN(w)) != 0 || sim_take_model(r, &w[MODEL].val) != 0)
		return;
	sim_prompt_walk(&r->prompt, &w[INPUT].val);
	r->usage.input = sim_tokens_of(r->prompt.bytes);
	r->usage.output = r->usage.input * 2;
	r->usage.characters = sim_json_text_chars(&w[INPUT].val);
	r->by_unit = str_starts(r->model, STR("tts-1"));
	if (r->by_unit)
		r->usage.input = r->usage.output = 0;
	if (str_eq(w[STREAM].val.raw, STR("\"sse\""))) {
		r->stream = true;
		r->plan.tokens = r->usage.output;
		r->plan.events = TG_MAX(r->usage.input, (uint64_t)1);
		sim_answer_stream(r, speech_next, r->plan.events + 1);
		return;
	}
	name = body_or_form(r, &w[FORMAT], STR("response_format"));
	for (i = TG_ARRAY_LEN(sound) - 1; i > 0 && !str_eq(name, sound[i].name); i--)
		;
	sim_buf_add(&r->json, sound[i].magic);
	sim_answer_bytes(r, sound[i].type, r->prompt.bytes * SPEECH_BYTES_PER_BYTE, true);
}

/* ---- transcriptions, translations */

static void transcript_usage(struct sim_req *r, struct sim_buf *b)
{
	struct sim_usage u = sim_usage_shown(r);

	if (str_starts(r->model, STR("whisper"))) {
		sim_buf_fmt(b, ",\"usage\":{\"type\":\"duration\",\"seconds\":%llu}",
			(unsigned long long)u.seconds);
		return;
	}
	sim_buf_fmt(b,
		",\"usage\":{\"type\":\"tokens\",\"input_tokens\":%llu,\"input_token_details\":{"
		"\"text_tokens\":%llu,\"audio_tokens\":%llu},\"output_tokens\":%llu,\"total_"
		"tokens\":%llu}",
		(unsigned long long)u.input, (unsigned long long)r->prompt.fixed_tokens,
		(unsigned long long)(u.input - TG_MIN(u.input, r->prompt.fixed_tokens)),
		(unsigned long long)u.output, (unsigned long long)(u.input + u.output));
}

static bool transcript_next(struct sim_req *r, struct sim_buf *b)
{
	uint64_t step = r->step++;

	if (step < r->plan.events) {
		sim_buf_lit(b, "data: {\"type\":\"transcript.text.delta\",\"delta\":\"");
		sim_put_piece(r, b, 0, step);
		sim_buf_lit(b, "\"}\n\n");
		r->ev_tokens = sim_piece_tokens(r, step);
		return true;
	}
	sim_buf_lit(b, "data: {\"type\":\"transcript.text.done\",\"text\":\"");
	sim_put_text(r, b, 0);
	sim_buf_lit(b, "\"");
	if (!sim_usage_hidden(r)) {
		transcript_usage(r, b);
		r->ev_usage = true;
	}
	sim_buf_lit(b, "}\n\n");
	return false;
}

static void transcript_text(struct sim_req *r, struct str format)
{
	struct sim_buf *b = &r->json;

	if (str_eq(format, STR("srt")))
		sim_buf_lit(b, "1\n00:00:00,000 --> 00:00:01,000\n");
	else if (str_eq(format, STR("vtt")))
		sim_buf_lit(b, "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n");
	sim_put_text(r, b, 0);
	sim_buf_lit(b, "\n");
	sim_answer_body(r, 200, STR("text/plain; charset=utf-8"), false);
}

static void transcript_json(struct sim_req *r, bool verbose)
{
	struct sim_buf *b = &r->json;

	sim_buf_lit(b, "{\"text\":\"");
	sim_put_text(r, b, 0);
	sim_buf_lit(b, "\"");
	if (verbose)
		sim_buf_fmt(b,
			",\"task\":\"transcribe\",\"language\":\"english\",\"duration\":%llu,"
			"\"segments\":[]",
			(unsigned long long)r->usage.seconds);
	if (!sim_usage_hidden(r))
		transcript_usage(r, b);
	sim_buf_lit(b, "}\n");
	sim_answer_json(r, 200, true);
}

void sim_openai_transcriptions(struct sim_req *r)
{
	const struct sim_part *file;
	struct str format;
	uint64_t prompt;

	if (r->form == NULL) {
		sim_answer_error(
			r, 400, SIM_E_BAD_REQUEST, STR("Expected multipart/form-data."), STR_NONE);
		return;
	}
	if (!form_ready(r, STR("file")) ||
		sim_take_model_text(r, sim_form_text(r->form, STR("model"))) != 0)
		return;
	file = sim_form_get(r->form, STR("file"));
	prompt = sim_tokens_of(sim_form_text(r->form, STR("prompt")).n);
	r->prompt.hash = sim_hash(0, str_mk((const char *)file->sha, SHA256_LEN));
	r->prompt.fixed_tokens = prompt; /* now the text part of the input */
	r->stream = str_eq(sim_form_text(r->form, STR("stream")), STR("true")) &&
		    !str_starts(r->model, STR("whisper"));
	sim_plan_make(r, SIM_UNSET, 1, STR_NONE, NULL);
	r->usage.seconds = (file->bytes + SOUND_BYTES_PER_SECOND - 1) / SOUND_BYTES_PER_SECOND;
	r->usage.input = prompt + r->usage.seconds * SOUND_TOKENS_PER_SECOND;
	r->by_unit = str_starts(r->model, STR("whisper"));
	if (r->by_unit)
		r->usage.input = r->usage.output = 0;
	else
		r->usage.seconds = 0;
	r->usage_audio = r->usage.input - TG_MIN(r->usage.input, prompt);
	format = sim_form_text(r->form, STR("response_format"));
	if (r->stream)
		sim_answer_stream(r, transcript_next, r->plan.events + 1);
	else if (str_eq(format, STR("text")) || str_eq(format, STR("srt")) ||
		 str_eq(format, STR("vtt")))
		transcript_text(r, format);
	else
		transcript_json(r, str_eq(format, STR("verbose_json")));
}
