/*
 * bound.c: see bound.h. Figures are saturated, never wrapped. Pure; any thread.
 */
#include "base/num.h"
#include "core/bound_int.h"
#include "money/estimate.h"

/* Tokens that providers add to what the body says. */
#define FRAME_TOKENS   64   /* priming; what a message adds its own JSON covers */
#define TOOLS_TOKENS   1024 /* the system prompt that explains tools */
#define BUILTIN_TOKENS 4096 /* a tool that the provider describes itself */

/* Worst tokens of one image in a prompt. */
#define IMAGE_TOKENS           10000 /* of the patch models at original detail */
#define IMAGE_TOKENS_4O_MINI   48169 /* 2833 + 8 tiles of 5667 */
#define IMAGE_TOKENS_ANTHROPIC 5000  /* 2576 pixels on the long edge */

/* Sound: the leanest format providers take is 6 kbit/s; the most tokens a second are Gemini's. */
#define AUDIO_BYTES_A_SECOND  750
#define AUDIO_TOKENS_A_SECOND 32
#define TEXT_TOKENS_A_SECOND  16                 /* of a transcript: nobody speaks as fast */
#define AUDIO_FORM_BYTES      (25 * 1024 * 1024) /* the largest file that is taken */
#define PROMPT_TOKENS         1024               /* beside the sound */
#define SPOKEN_TOKENS         16                 /* a character, at the slowest speed */

/* Forms: their fields pass unread. */
#define FORM_IMAGES    10 /* made, at most */
#define FORM_IMAGES_IN 16 /* to be edited, at most */

static const struct str bound_keys[BOUND_WATCHES] = {
#define X(id, key) STR(key),
#include "core/tbl/bound_keys.h"
#undef X
};

void bound_watch(struct json_watch w[BOUND_WATCHES])
{
	for (unsigned i = 0; i < BOUND_WATCHES; i++)
		w[i].key = bound_keys[i];
}

static uint64_t product(uint64_t a, uint64_t b)
{
	return __builtin_mul_overflow(a, b, &a) ? UINT64_MAX : a;
}

uint64_t bound_characters(const struct json_val *v)
{
	uint64_t n = 0;
	struct str s = v->raw;

	if (v->type != JSON_STRING)
		return 0;
	for (size_t i = 1; i + 1 < s.n; i++) {
		bool low = false;

		if (s.p[i] == '\\') {
			bool code = i + 5 < s.n && s.p[i + 1] == 'u';

			/* the second half of a surrogate pair is the same code point */
			low = code && (s.p[i + 2] | 0x20) == 'd' && (s.p[i + 3] | 0x20) >= 'c' &&
			      (s.p[i + 3] | 0x20) <= 'f';
			i += code ? 5 : 1;
		} else if ((s.p[i] & 0xc0) == 0x80) {
			continue;
		}
		n += !low;
	}
	return n;
}

unsigned bound_output_keys(enum meter_api api, enum bound_key keys[BOUND_OUTPUT_KEYS])
{
	switch (api) {
	case METER_OPENAI_CHAT:
		keys[0] = BOUND_K_MAX_TOKENS;
		keys[1] = BOUND_K_MAX_COMPLETION_TOKENS;
		return 2;
	case METER_OPENAI_COMPLETIONS:
	case METER_ANTHROPIC_MESSAGES: keys[0] = BOUND_K_MAX_TOKENS; return 1;
	case METER_OPENAI_RESPONSES: keys[0] = BOUND_K_MAX_OUTPUT_TOKENS; return 1;
	default: return 0;
	}
}

/* The largest of the limits that are given: servers differ about which they go by. */
static void read_output(
	struct bound *b, enum meter_api api, const struct json_watch w[BOUND_WATCHES])
{
	enum bound_key keys[BOUND_OUTPUT_KEYS];
	unsigned n_keys = bound_output_keys(api, keys);
	uint64_t n;

	for (unsigned i = 0; i < n_keys; i++) {
		if (json_get_u64(&w[keys[i]].val, &n) != 0)
			continue;
		b->max_output = TG_MAX(b->max_output, n);
		b->output_known = true;
	}
}

static void read_count(struct bound *b, const struct json_watch w[BOUND_WATCHES])
{
	uint64_t n;

	b->n = 1;
	if (json_get_u64(&w[BOUND_K_N].val, &n) == 0)
		b->n = TG_MAX(b->n, n);
	if (json_get_u64(&w[BOUND_K_BEST_OF].val, &n) == 0)
		b->n = TG_MAX(b->n, n);
	/* More is refused by every provider, and must not make a bound of millions. */
	b->n = TG_MIN(b->n, (uint64_t)BOUND_N_MAX);
}

/* 8, 7.5 and "8". */
static uint64_t read_seconds(const struct json_val *v)
{
	struct str s = v->raw;
	uint64_t n = 0;

	if (v->type == JSON_STRING && json_get_plain(v, &s) != 0)
		return 0;
	if (v->type != JSON_STRING && v->type != JSON_NUMBER)
		return 0;
	for (; s.n > 0 && *s.p >= '0' && *s.p <= '9'; s = str_skip(s, 1))
		n = num_sum_u64(product(n, 10), (uint64_t)(*s.p - '0'));
	return s.n > 0 ? num_sum_u64(n, 1) : n;
}

static bool present(const struct json_val *v)
{
	return v->type != JSON_NONE && v->type != JSON_NULL;
}

static void read_tools(
	struct bound *b, enum meter_api api, const struct json_watch w[BOUND_WATCHES])
{
	const struct json_val *options = &w[BOUND_K_WEB_SEARCH_OPTIONS].val;
	struct json_watch size = { STR("search_context_size"), { .type = JSON_NONE } };
	struct json_fail fail;
	uint64_t most;

	b->has_tools = w[BOUND_K_TOOLS].val.type == JSON_ARRAY && w[BOUND_K_TOOLS].val.raw.n > 2;
	if (api != METER_OPENAI_CHAT) /* functions alone */
		bound_tools(b, &w[BOUND_K_TOOLS].val);
	if (b->calls > 0 && json_get_u64(&w[BOUND_K_MAX_TOOL_CALLS].val, &most) == 0)
		b->calls = TG_MIN(b->calls, most);
	if (present(&w[BOUND_K_MCP_SERVERS].val))
		b->open = true;
	if (!present(options))
		return;
	b->web_search = b->open = true;
	b->calls = TG_MAX(b->calls, (uint64_t)1);
	if (options->type == JSON_OBJECT && json_scan_member(options, &size, 1, &fail) == 0)
		b->search_bucket = bound_search_bucket(&size.val);
}

/* ["text","audio"], in whatever spelling. */
static bool speaks(const struct json_val *modalities)
{
	return modalities->type == JSON_ARRAY &&
	       str_find(modalities->raw, STR("audio")) != (size_t)-1;
}

/* {"type":"disabled"} and "none" ask for none. */
static bool thinks(const struct json_watch w[BOUND_WATCHES])
{
	const struct json_val *thinking = &w[BOUND_K_THINKING].val,
			      *effort = &w[BOUND_K_REASONING_EFFORT].val;
	struct json_watch type = { STR("type"), { .type = JSON_NONE } };
	struct json_fail fail;
	struct str word;

	if (present(&w[BOUND_K_REASONING].val))
		return true;
	if (present(effort) && (json_get_plain(effort, &word) != 0 || !str_eq(word, STR("none"))))
		return true;
	if (thinking->type != JSON_OBJECT)
		return present(thinking);
	return json_scan_member(thinking, &type, 1, &fail) != 0 ||
	       json_get_plain(&type.val, &word) != 0 || !str_eq(word, STR("disabled"));
}

/* {"type":"json_schema", ...}; what readers differ about is not taken for one. */
static bool is_schema(const struct json_val *format)
{
	struct json_watch type = { STR("type"), { .type = JSON_NONE } };
	struct json_fail fail;
	struct str word;

	return format->type == JSON_OBJECT && json_scan_member(format, &type, 1, &fail) == 0 &&
	       json_get_plain(&type.val, &word) == 0 && str_eq(word, STR("json_schema"));
}

/* Chat says it in response_format, Responses in text.format, Anthropic in output_config.format (or
 * output_format, before). */
static bool wants_schema(const struct json_watch w[BOUND_WATCHES])
{
	static const enum bound_key plain[] = { BOUND_K_RESPONSE_FORMAT, BOUND_K_OUTPUT_FORMAT },
				    outer[] = { BOUND_K_TEXT, BOUND_K_OUTPUT_CONFIG };
	struct json_fail fail;

	for (size_t i = 0; i < TG_ARRAY_LEN(plain); i++)
		if (is_schema(&w[plain[i]].val))
			return true;
	for (size_t i = 0; i < TG_ARRAY_LEN(outer); i++) {
		struct json_watch format = { STR("format"), { .type = JSON_NONE } };

		if (w[outer[i]].val.type == JSON_OBJECT &&
			json_scan_member(&w[outer[i]].val, &format, 1, &fail) == 0 &&
			is_schema(&format.val))
			return true;
	}
	return false;
}

static bool has_parts(enum meter_api api)
{
	return api != METER_OPENAI_EMBEDDINGS && api != METER_OPENAI_AUDIO &&
	       api != METER_OPENAI_MODERATION;
}

void bound_read(struct bound *b, enum meter_api api, const struct json_watch w[BOUND_WATCHES],
	struct str body)
{
	*b = (struct bound){ .input_bytes = body.n, .search_bucket = USAGE_WEB_SEARCHES_MEDIUM };
	read_output(b, api, w);
	read_count(b, w);
	read_tools(b, api, w);
	if (has_parts(api)) {
		bound_parts(b, &w[BOUND_K_MESSAGES].val);
		bound_parts(b, &w[BOUND_K_INPUT].val);
		bound_parts(b, &w[BOUND_K_SYSTEM].val);
	}
	if (api == METER_OPENAI_IMAGES)
		bound_images(b, &w[BOUND_K_IMAGES].val);
	if (api == METER_OPENAI_RESPONSES)
		b->refers |= present(&w[BOUND_K_PREVIOUS_RESPONSE].val) ||
			     present(&w[BOUND_K_CONVERSATION].val) ||
			     w[BOUND_K_PROMPT].val.type == JSON_OBJECT;
	b->open |= b->refers;
	if (api == METER_OPENAI_AUDIO)
		b->characters = bound_characters(&w[BOUND_K_INPUT].val);
	if (api == METER_ANTHROPIC_MESSAGES && b->web_search)
		b->search_bucket = USAGE_WEB_SEARCHES;
	b->thinks = thinks(w);
	b->schema = wants_schema(w);
	b->audio_out = speaks(&w[BOUND_K_MODALITIES].val);
	b->seconds = read_seconds(&w[BOUND_K_SECONDS].val);
	if (!b->image_tool) {
		bound_word_take(&b->size, &w[BOUND_K_SIZE].val);
		bound_word_take(&b->quality, &w[BOUND_K_QUALITY].val);
	}
	bound_word_take(&b->tier, &w[BOUND_K_SERVICE_TIER].val);
	bound_word_take(&b->speed, &w[BOUND_K_SPEED].val);
	bound_word_take(&b->region, &w[BOUND_K_INFERENCE_GEO].val);
	if (api == METER_GEMINI)
		bound_gemini(b, w);
}

void bound_form(struct bound *b, enum meter_api api, uint64_t body_bytes)
{
	*b = (struct bound){ .form = true, .n = 1, .search_bucket = USAGE_WEB_SEARCHES_MEDIUM };
	if (api == METER_OPENAI_AUDIO) {
		b->audio_bytes = body_bytes > 0 ? body_bytes : AUDIO_FORM_BYTES;
	} else if (api == METER_OPENAI_IMAGES) {
		b->n = FORM_IMAGES;
		b->images = FORM_IMAGES_IN;
		b->has_images = true;
	}
}

static uint64_t image_tokens(enum meter_api api, const struct bound_model *m)
{
	if (api == METER_ANTHROPIC_MESSAGES)
		return IMAGE_TOKENS_ANTHROPIC;
	return str_find(m->name, STR("4o-mini")) != (size_t)-1 ? IMAGE_TOKENS_4O_MINI
							       : IMAGE_TOKENS;
}

static uint64_t audio_seconds(const struct bound *b)
{
	return b->audio_bytes > 0 ? b->audio_bytes / AUDIO_BYTES_A_SECOND + 1 : 0;
}

static uint64_t text_tokens(const struct bound *b)
{
	uint64_t n = num_sum_u64(b->input_bytes, FRAME_TOKENS);

	if (b->has_tools)
		n = num_sum_u64(n, TOOLS_TOKENS);
	return num_sum_u64(n, product(b->builtin_tools, BUILTIN_TOKENS));
}

/* Everything that a model reads, as one number of tokens. */
static uint64_t input_tokens(const struct bound *b, enum meter_api api, const struct bound_model *m)
{
	uint64_t context = m->max_input > 0 ? m->max_input : BOUND_CONTEXT_TOKENS, n;

	n = num_sum_u64(text_tokens(b), product(b->images, image_tokens(api, m)));
	n = num_sum_u64(n, product(audio_seconds(b), AUDIO_TOKENS_A_SECOND));
	return b->open ? TG_MAX(n, context) : n;
}

static uint64_t output_tokens(const struct bound *b, const struct bound_model *m, unsigned *flags)
{
	uint64_t most = b->max_output;

	if (!b->output_known) {
		most = m->max_output > 0 ? m->max_output : BOUND_OUTPUT_TOKENS;
		*flags |= m->max_output > 0 ? 0 : BOUND_DEFAULT_OUTPUT;
	} else if (m->max_output > 0) {
		most = TG_MIN(most, m->max_output);
	}
	return product(most, b->n);
}

static unsigned worst_text(
	const struct bound *b, enum meter_api api, const struct bound_model *m, struct usage *worst)
{
	bool searches = b->web_search || (api == METER_OPENAI_CHAT &&
						 str_find(m->name, STR("-search-")) != (size_t)-1);
	unsigned flags = b->open ? BOUND_OPEN : 0;

	worst->n[USAGE_IN] = input_tokens(b, api, m);
	worst->n[b->audio_out ? USAGE_OUT_AUDIO : USAGE_OUT] = output_tokens(b, m, &flags);
	if (searches)
		worst->n[b->search_bucket] = TG_MAX(b->calls, (uint64_t)1);
	if (b->file_search)
		worst->n[USAGE_FILE_SEARCHES] = b->calls;
	if (b->code && api != METER_ANTHROPIC_MESSAGES) /* there the time of containers is billed */
		worst->n[USAGE_CODE_SESSIONS] = 1;
	if (b->image_tool)
		worst->n[USAGE_OUT_IMAGE] = product(
			b->calls, est_image_tokens(bound_text(&b->size), bound_text(&b->quality)));
	return flags;
}

static void worst_images(const struct bound *b, const struct bound_model *m, struct usage *worst)
{
	struct str size = bound_text(&b->size);
	uint64_t pixels = est_pixels(size);

	worst->n[USAGE_IN] = text_tokens(b);
	worst->n[USAGE_IN_IMAGE] = product(b->images, image_tokens(METER_OPENAI_IMAGES, m));
	worst->n[USAGE_OUT_IMAGE] = product(b->n, est_image_tokens(size, bound_text(&b->quality)));
	worst->n[USAGE_IMAGES] = b->n;
	worst->n[USAGE_PIXELS] = product(b->n, pixels > 0 ? pixels : est_pixels(STR("1792x1024")));
}

static void worst_audio(const struct bound *b, const struct bound_model *m, struct usage *worst)
{
	uint64_t seconds = audio_seconds(b);

	if (!b->form) { /* speech */
		worst->n[USAGE_IN] = text_tokens(b);
		worst->n[USAGE_IN_CHARACTERS] = b->characters;
		worst->n[USAGE_OUT_AUDIO] =
			num_sum_u64(product(b->characters, SPOKEN_TOKENS), FRAME_TOKENS);
		return;
	}
	worst->n[USAGE_IN] = PROMPT_TOKENS;
	worst->n[USAGE_IN_SECONDS] = seconds;
	worst->n[USAGE_IN_AUDIO] = product(seconds, AUDIO_TOKENS_A_SECOND);
	worst->n[USAGE_OUT] = product(seconds, TEXT_TOKENS_A_SECOND);
	if (m->max_output > 0)
		worst->n[USAGE_OUT] = TG_MIN(worst->n[USAGE_OUT], m->max_output);
}

unsigned bound_usage(
	const struct bound *b, enum meter_api api, const struct bound_model *m, struct usage *worst)
{
	*worst = (struct usage){ .source = USAGE_ESTIMATED };
	switch (api) {
	case METER_OPENAI_CHAT:
	case METER_OPENAI_COMPLETIONS:
	case METER_OPENAI_RESPONSES:
	case METER_ANTHROPIC_MESSAGES:
	case METER_GEMINI:
	case METER_BEDROCK:
	case METER_COHERE: return worst_text(b, api, m, worst);
	case METER_OPENAI_EMBEDDINGS:
	case METER_EMBED_UNITS:
	case METER_GEMINI_EMBED: worst->n[USAGE_IN] = text_tokens(b); return 0;
	case METER_OPENAI_IMAGES: worst_images(b, m, worst); return 0;
	case METER_OPENAI_AUDIO: worst_audio(b, m, worst); return 0;
	case METER_OPENAI_MODERATION:
	case METER_ANTHROPIC_COUNT:
	case METER_GEMINI_COUNT:
	case METER_NONE: return 0;
	}
	return 0;
}
