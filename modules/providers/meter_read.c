/*
 * meter_read.c: what the events and bodies of a response say: usage, names, ends and errors, and
 * what is counted beside usage (tool calls, images). Works on the taps of its meter; same thread.
 */
#include "money/estimate.h"
#include "providers/meter_int.h"

static const struct str chat_keys[K__MAX] = { STR("object"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("x_groq"), STR("choices"), STR("item") };
static const struct str stream_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("response"), STR("output"), STR("item") };
static const struct str body_of_responses_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("response"), STR("output"), STR("tools") };
static const struct str image_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("size"), STR("data"), STR("quality") };
static const struct str audio_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("response"), STR("output"), STR("duration") };
static const struct str anthropic_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("message"), STR("output"), STR("item") };
static const struct str body_keys[B__MAX] = { STR("model"), STR("usage"), STR("service_tier"),
	STR("output"), STR("tools"), STR("error") };
/* Of an item of the output. */
enum { I_TYPE, I_CONTAINER, I_SIZE, I_QUALITY, I__MAX };
static const struct str item_keys[I__MAX] = { STR("type"), STR("container_id"), STR("size"),
	STR("quality") };
enum { T_TYPE, T_SEARCH, T_MODEL, T__MAX };
static const struct str tool_keys[T__MAX] = { STR("type"), STR("search_context_size"),
	STR("model") };

static const struct str *keys_of(const struct meter *m)
{
	switch (m->api) {
	case METER_OPENAI_CHAT:
	case METER_OPENAI_COMPLETIONS: return chat_keys;
	case METER_OPENAI_RESPONSES: return m->stream ? stream_keys : body_of_responses_keys;
	case METER_OPENAI_IMAGES: return image_keys;
	case METER_OPENAI_AUDIO: return audio_keys;
	case METER_ANTHROPIC_MESSAGES:
	case METER_ANTHROPIC_COUNT: return anthropic_keys;
	default: return stream_keys;
	}
}

static struct str tap_text(const struct json_tap *t, size_t i)
{
	struct json_val v = json_tap_get(t, i);
	struct str s;

	return json_get_plain(&v, &s) == 0 ? s : STR_NONE;
}

/* A container, unless it was seen. */
static void container_add(struct meter_containers *c, uint64_t hash)
{
	for (uint32_t i = 0; i < TG_MIN(c->n, (uint32_t)METER_CONTAINERS); i++)
		if (c->hash[i] == hash)
			return;
	if (c->n < METER_CONTAINERS)
		c->hash[c->n] = hash;
	if (c->n < UINT32_MAX)
		c->n++;
}

/* One item of the output; t's keys are item_keys. */
static void call_count(struct meter_calls *c, const struct json_tap *t)
{
	struct str type = tap_text(t, I_TYPE);

	if (str_eq(type, STR("web_search_call"))) {
		c->web++;
	} else if (str_eq(type, STR("file_search_call"))) {
		c->file++;
	} else if (str_eq(type, STR("code_interpreter_call"))) {
		container_add(&c->containers, str_hash(tap_text(t, I_CONTAINER)));
	} else if (str_eq(type, STR("image_generation_call"))) {
		c->image++;
		c->image_tokens += est_image_tokens(tap_text(t, I_SIZE), tap_text(t, I_QUALITY));
	}
}

static void on_list_elem(struct json_tap *t)
{
	struct meter_list *l = TG_CONTAINER_OF(t, struct meter_list, tap);

	call_count(&l->calls, t);
}

static void on_tool(struct json_tap *t)
{
	struct meter_tools *tools = TG_CONTAINER_OF(t, struct meter_tools, tap);
	struct str type = tap_text(t, T_TYPE), size = tap_text(t, T_SEARCH),
		   model = tap_text(t, T_MODEL);

	if (str_starts(type, STR("web_search")) && size.n > 0)
		tools->search = usage_openai_search(size);
	if (str_eq(type, STR("image_generation")) && model.n <= METER_WORD_MAX) {
		if (model.n > 0)
			memcpy(tools->image_model, model.p, model.n);
		tools->image_model_len = (uint8_t)model.n;
	}
}

/* The next `n` bytes of the memory at *at. */
static char *carve(char **at, size_t n)
{
	*at += n;
	return *at - n;
}

static void list_init(struct meter_list *l, char *buf, size_t cap)
{
	json_tap_init(&l->tap, item_keys, I__MAX, buf, cap);
	json_tap_each(&l->tap, on_list_elem);
}

static void tools_init(struct meter *m, char *buf, size_t cap)
{
	m->image_model = STR("gpt-image-1");
	m->tools.search = USAGE_NONE;
	json_tap_init(&m->tools.tap, tool_keys, T__MAX, buf, cap);
	json_tap_each(&m->tools.tap, on_tool);
}

void meter_read_init(struct meter *m, char *capture, size_t cap)
{
	/* The small taps keep a few words each, the rest is the event's and its body's. */
	size_t words = TG_MIN((size_t)192, cap / 10), body = (cap - 4 * words) / 5;
	char *at = capture;

	json_tap_init(&m->nothing, NULL, 0, NULL, 0);
	list_init(&m->list, carve(&at, words), words);
	list_init(&m->body_list, carve(&at, words), words);
	tools_init(m, carve(&at, words), words);
	json_tap_init(&m->item, item_keys, I__MAX, carve(&at, words), words);
	json_tap_init(&m->body, body_keys, B__MAX, carve(&at, body), body);
	json_tap_nest(&m->body, B_LIST, &m->body_list.tap);
	json_tap_nest(&m->body, B_TOOLS, &m->tools.tap);
	json_tap_nest(&m->body, B_ERROR, &m->nothing);
	json_tap_init(&m->event, keys_of(m), K__MAX, at, (size_t)(capture + cap - at));
	json_tap_nest(&m->event, K_ERROR, &m->nothing);
	json_tap_nest(&m->event, K_LIST, &m->list.tap);
	if (m->api != METER_OPENAI_IMAGES)
		json_tap_nest(&m->event, K_BODY, &m->body);
	if (m->api == METER_OPENAI_RESPONSES)
		json_tap_nest(&m->event, K_EXTRA, m->stream ? &m->item : &m->tools.tap);
	if (meter_is_gemini(m))
		meter_gemini_init(m);
	if (meter_is_host(m))
		meter_host_init(m);
}

/* A short string member, decoded into buf: replaces *out unless it is absent, empty or too long. */
static void read_text(const struct json_val *v, char *buf, size_t cap, struct str *out)
{
	char tmp[METER_MODEL_MAX];
	struct str s;

	if (json_decode(v, tmp, TG_MIN(cap, sizeof tmp), &s) != 0 || s.n == 0)
		return;
	memcpy(buf, s.p, s.n);
	*out = str_mk(buf, s.n);
}

static void read_tier(struct meter *m, const struct json_val *v)
{
	read_text(v, m->tier_buf, sizeof m->tier_buf, &m->service_tier);
}

static void read_model(struct meter *m, const struct json_val *v)
{
	if (m->model.n == 0)
		read_text(v, m->model_buf, sizeof m->model_buf, &m->model);
}

static bool type_is(struct str type, const char *const *list)
{
	for (; *list != NULL; list++)
		if (str_eq(type, str_z(*list)))
			return true;
	return false;
}

/* The end markers an event's type can be; [DONE] is the other one. */
static bool is_final_type(const struct meter *m, struct str type)
{
	static const char *const responses[] = { "response.completed", "response.incomplete",
		"response.failed", NULL };
	static const char *const media[] = { "image_generation.completed", "image_edit.completed",
		"speech.audio.done", "transcript.text.done", NULL };

	switch (m->api) {
	case METER_OPENAI_CHAT:
	case METER_OPENAI_COMPLETIONS: /* Perplexity's last chunk; it has usage, as all of them */
		return json_tap_type(&m->event, K_USAGE) == JSON_OBJECT &&
		       str_eq(type, STR("chat.completion.done"));
	case METER_OPENAI_RESPONSES: return type_is(type, responses);
	case METER_OPENAI_IMAGES:
	case METER_OPENAI_AUDIO: return type_is(type, media);
	case METER_ANTHROPIC_MESSAGES: return str_eq(type, STR("message_stop"));
	default: return false;
	}
}

static bool is_error(const struct json_tap *t, size_t i)
{
	enum json_type type = json_tap_type(t, i);

	return type != JSON_NONE && type != JSON_NULL;
}

static void read_error(struct meter *m, struct str type)
{
	static const char *const failed[] = { "error", "response.failed", NULL };

	if (is_error(&m->event, K_ERROR) || is_error(&m->body, B_ERROR))
		m->error_event = true;
	if (m->stream && (type_is(type, failed) || str_eq(sse_name(&m->sse), STR("error"))))
		m->error_event = true;
}

static void read_openai_usage(struct meter *m, struct str type)
{
	struct json_val top = json_tap_get(&m->event, K_USAGE),
			in = json_tap_get(&m->body, B_USAGE);
	enum usage_openai_output out = OAI_OUT_IS_TEXT;
	bool got = false;

	if (m->api == METER_OPENAI_MODERATION || m->api == METER_NONE)
		return;
	if (m->api == METER_OPENAI_IMAGES)
		out = OAI_OUT_IS_IMAGE;
	if (str_eq(type, STR("speech.audio.done")))
		out = OAI_OUT_IS_AUDIO;
	if (in.type == JSON_OBJECT)
		got = usage_openai_merge(&m->openai, in.raw) == 0;
	if (top.type == JSON_OBJECT && usage_openai_merge(&m->openai, top.raw) == 0)
		got = true;
	m->has_reported = m->openai.has_reported;
	m->reported = m->openai.reported;
	if (!got)
		return;
	m->has_usage = true;
	usage_openai_buckets(&m->openai, out, &m->usage);
	if (m->api == METER_OPENAI_AUDIO)
		m->audio_seconds = m->openai.v[OAI_SECONDS];
	m->usage.source = USAGE_PARTIAL;
}

/* Transcripts of older models tell the duration beside the text. */
static void read_duration(struct meter *m)
{
	struct json_val v = json_tap_get(&m->event, K_EXTRA);
	struct str s = v.raw;

	if (m->api != METER_OPENAI_AUDIO || m->has_usage)
		return;
	if (v.type == JSON_STRING && json_get_plain(&v, &s) != 0)
		return;
	if (v.type != JSON_STRING && v.type != JSON_NUMBER)
		return;
	if (usage_openai_seconds(s, &m->audio_seconds) == 0) {
		m->has_usage = true;
		m->usage.n[USAGE_IN_SECONDS] = m->audio_seconds;
		m->usage.source = USAGE_PARTIAL;
	}
}

/* The finished response lists once more what came item by item. */
static void calls_most(struct meter_calls *most, const struct meter_calls *c)
{
	most->web = TG_MAX(most->web, c->web);
	most->file = TG_MAX(most->file, c->file);
	most->image = TG_MAX(most->image, c->image);
	most->image_tokens = TG_MAX(most->image_tokens, c->image_tokens);
	for (uint32_t i = 0; i < TG_MIN(c->containers.n, (uint32_t)METER_CONTAINERS); i++)
		container_add(&most->containers, c->containers.hash[i]);
	most->containers.n = TG_MAX(most->containers.n, c->containers.n);
}

static void put_searches(struct meter *m, uint64_t n)
{
	m->usage.n[USAGE_WEB_SEARCHES] = m->usage.n[USAGE_WEB_SEARCHES_MEDIUM] =
		m->usage.n[USAGE_WEB_SEARCHES_HIGH] = 0;
	m->usage.n[m->search_bucket] = n;
}

/* What the response says of its tools. */
static void read_tools(struct meter *m)
{
	struct meter_tools *tools = &m->tools;

	if (tools->search != USAGE_NONE)
		m->search_bucket = tools->search;
	if (tools->image_model_len == 0)
		return;
	memcpy(m->image_model_buf, tools->image_model, tools->image_model_len);
	m->image_model = str_mk(m->image_model_buf, tools->image_model_len);
}

/* Tool calls of the Responses API: charged apart, and not in usage. */
static void read_calls(struct meter *m, struct str type, bool early, bool final)
{
	if (m->api != METER_OPENAI_RESPONSES)
		return;
	if (early || final)
		read_tools(m);
	if (str_eq(type, STR("response.output_item.done")))
		call_count(&m->calls_done, &m->item);
	calls_most(&m->calls, &m->calls_done);
	if (final) {
		calls_most(&m->calls, &m->list.calls);
		calls_most(&m->calls, &m->body_list.calls);
	}
	if (m->calls.web > 0)
		put_searches(m, m->calls.web);
	m->usage.n[USAGE_FILE_SEARCHES] = m->calls.file;
	m->usage.n[USAGE_CODE_SESSIONS] = m->calls.containers.n;
	if (m->calls.image == 0)
		return;
	m->has_advisor = true;
	m->advisor_model = m->image_model;
	m->advisor.n[USAGE_OUT_IMAGE] = m->calls.image_tokens;
	m->advisor.source = USAGE_ESTIMATED;
}

/* Models that search for every answer charge for it and do not say so. */
static void read_search_model(struct meter *m)
{
	if (m->api == METER_OPENAI_CHAT && m->has_usage && m->openai.v[OAI_SEARCHES] == 0 &&
		str_find(m->model, STR("-search-")) != (size_t)-1)
		put_searches(m, 1);
}

/* Models without token usage are billed by image; others say what they used. */
static void read_images(struct meter *m, struct str type)
{
	struct json_val v;

	if (m->api != METER_OPENAI_IMAGES)
		return;
	v = json_tap_get(&m->event, K_BODY);
	read_text(&v, m->size_buf, sizeof m->size_buf, &m->size);
	v = json_tap_get(&m->event, K_EXTRA);
	read_text(&v, m->quality_buf, sizeof m->quality_buf, &m->quality);
	if (!m->stream)
		m->images = m->list.tap.n_elem;
	else if (is_final_type(m, type))
		m->images++;
	m->usage.n[USAGE_IMAGES] = m->has_usage ? 0 : m->images;
	if (m->images > 0 && m->usage.source == USAGE_ABSENT)
		m->usage.source = USAGE_PARTIAL;
}

static void read_raw(struct str raw, char *buf, size_t cap, struct str *out)
{
	struct json_val v = { .type = JSON_STRING, .raw = raw };

	read_text(&v, buf, cap, out);
}

static void read_anthropic_names(struct meter *m, const struct usage_anthropic_names *names)
{
	struct str fallback = usage_anthropic_fallback(&m->anthropic);

	read_raw(names->tier, m->tier_buf, sizeof m->tier_buf, &m->service_tier);
	if (!str_eq(names->geo, STR("\"not_available\"")))
		read_raw(names->geo, m->region_buf, sizeof m->region_buf, &m->region);
	read_raw(names->speed, m->speed_buf, sizeof m->speed_buf, &m->speed);
	if (fallback.n > 0) { /* message_start named the model that declined */
		memcpy(m->model_buf, fallback.p, fallback.n);
		m->model = str_mk(m->model_buf, fallback.n);
	}
}

static void read_anthropic_usage(struct meter *m, struct str type)
{
	struct usage_anthropic_names names;
	struct json_val v = { .type = JSON_NONE };
	bool start = m->stream && str_eq(type, STR("message_start"));

	if (m->api != METER_ANTHROPIC_MESSAGES)
		return;
	if (start)
		v = json_tap_get(&m->body, B_USAGE);
	else if (!m->stream || str_eq(type, STR("message_delta")))
		v = json_tap_get(&m->event, K_USAGE);
	if (v.type != JSON_OBJECT ||
		usage_anthropic_merge(&m->anthropic, v.raw, start, &names) != 0)
		return;
	m->has_usage = true;
	read_anthropic_names(m, &names);
	usage_anthropic_buckets(&m->anthropic, &m->usage);
	m->has_advisor = usage_anthropic_advisor(&m->anthropic, &m->advisor, &m->advisor_model);
	m->usage.source = m->anthropic.final_output ? USAGE_PROVIDER : USAGE_PARTIAL;
	m->advisor.source = m->usage.source;
}

/*
 * No choices and a usage object: the chunk that stream_options.include_usage asks for. One that
 * says twice which choices it has may have been passed on already when the first of them came.
 */
static bool is_usage_only(const struct meter *m)
{
	return meter_is_chat(m) && json_tap_done(&m->event) && json_tap_done(&m->list.tap) &&
	       m->list.tap.n_elem == 0 && (m->event.twice >> K_LIST & 1) == 0 &&
	       json_tap_type(&m->event, K_LIST) == JSON_ARRAY &&
	       json_tap_type(&m->event, K_USAGE) == JSON_OBJECT &&
	       json_tap_type(&m->event, K_ERROR) == JSON_NONE;
}

/*
 * Model and tier are taken from the first events, and from those that say something anyway: what is
 * reported must not depend on which events were skipped unread.
 */
static void read_names(struct meter *m, bool early, bool late)
{
	struct json_val v;

	if (early) {
		v = json_tap_get(&m->event, K_MODEL);
		read_model(m, &v);
		v = json_tap_get(&m->body, B_MODEL);
		read_model(m, &v);
	}
	if ((early || late) && !meter_is_anthropic(m)) {
		v = json_tap_get(&m->event, K_TIER);
		read_tier(m, &v);
		v = json_tap_get(&m->body, B_TIER);
		read_tier(m, &v);
	}
}

/* Figures are final once the end was seen; those of Anthropic say so themselves. */
static void settle_source(struct meter *m)
{
	/* Images that were counted are no figures: whether they are what is billed, the price says
	 */
	if (m->has_usage && !meter_is_anthropic(m) && (m->terminal || m->usage_only || !m->stream))
		m->usage.source = USAGE_PROVIDER;
	if (m->api == METER_OPENAI_MODERATION && m->terminal) /* costs nothing */
		m->usage.source = USAGE_PROVIDER;
}

static void read_object(struct meter *m)
{
	bool early = m->model.n == 0 && m->n_events < METER_WINDOW, final;
	bool usage_here = json_tap_type(&m->event, K_USAGE) == JSON_OBJECT ||
			  json_tap_type(&m->body, B_USAGE) == JSON_OBJECT;
	struct str type = tap_text(&m->event, K_TYPE);

	if (m->stream && m->event.bad) /* not JSON: nothing in it can be trusted */
		return;
	m->usage_only = m->stream && is_usage_only(m);
	read_error(m, type);
	final = m->stream ? is_final_type(m, type) : json_tap_done(&m->event);
	read_names(m, early, usage_here || final);
	if (meter_is_anthropic(m))
		read_anthropic_usage(m, type);
	else
		read_openai_usage(m, type);
	read_duration(m);
	read_calls(m, type, early, final || !m->stream);
	read_search_model(m);
	read_images(m, type);
	m->terminal |= final;
	settle_source(m);
}

void meter_read_object(struct meter *m)
{
	if (meter_is_gemini(m))
		meter_gemini_read(m);
	else if (meter_is_host(m))
		meter_host_read(m);
	else
		read_object(m);
	m->n_events++;
}

bool meter_read_said(const struct meter *m)
{
	struct str type;

	if (m->event.bad)
		return false;
	switch (m->api) {
	case METER_OPENAI_CHAT:
	case METER_OPENAI_COMPLETIONS:
	case METER_GEMINI: return m->list.tap.n_elem > 0;
	case METER_BEDROCK:
	case METER_COHERE: return meter_host_said(m);
	case METER_ANTHROPIC_MESSAGES:
		type = tap_text(&m->event, K_TYPE);
		return str_eq(type, STR("content_block_delta"));
	case METER_OPENAI_RESPONSES:
	case METER_OPENAI_AUDIO:
		type = tap_text(&m->event, K_TYPE);
		return meter_is_delta(type) && !str_starts(type, STR("speech."));
	default: return false;
	}
}

void meter_read_done(struct meter *m)
{
	m->terminal = true;
	settle_source(m);
}

void meter_read_reset(struct meter *m)
{
	memset(&m->list.calls, 0, sizeof m->list.calls);
	memset(&m->body_list.calls, 0, sizeof m->body_list.calls);
	m->tools.search = USAGE_NONE;
	m->tools.image_model_len = 0;
	json_tap_reset(&m->event);
}
