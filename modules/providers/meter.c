/*
 * meter.c: what the events and bodies of a response say. Bytes go
 *
 *	payload -> (probe: whole quiet events skipped) -> sse -> json_tap -> on_object() -> usage
 *
 * and meter_filter() turns the place of each event into the spans to pass on.
 * Owns nothing but itself; runs on the worker of its request.
 */
#include "providers/meter.h"

#include "base/defs.h"
#include "providers/meter_probe.h"

/* Members of an event's object or of a whole body. */
enum { K_TYPE, K_MODEL, K_USAGE, K_TIER, K_ERROR, K_BODY, K_LIST, K_EXTRA, K__MAX };
/* Members of the object inside it: a response of OpenAI, a message of Anthropic. */
enum { B_MODEL, B_USAGE, B_TIER, B_LIST, B__MAX };

static const struct str chat_keys[K__MAX] = { STR("object"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("response"), STR("choices"), STR("item") };
static const struct str other_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("response"), STR("output"), STR("item") };
static const struct str audio_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("response"), STR("output"), STR("duration") };
static const struct str anthropic_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("message"), STR("output"), STR("item") };
static const struct str body_keys[B__MAX] = { STR("model"), STR("usage"), STR("service_tier"),
	STR("output") };
static const struct str type_key[1] = { STR("type") };

/* So many events may pass before the model is known; then the search for it ends. */
#define METER_WINDOW 8

static const struct str *keys_of(enum meter_api api)
{
	switch (api) {
	case METER_OPENAI_CHAT:
	case METER_OPENAI_COMPLETIONS: return chat_keys;
	case METER_OPENAI_AUDIO: return audio_keys;
	case METER_ANTHROPIC_MESSAGES:
	case METER_ANTHROPIC_COUNT: return anthropic_keys;
	default: return other_keys;
	}
}

static bool is_chat(const struct meter *m)
{
	return m->api == METER_OPENAI_CHAT || m->api == METER_OPENAI_COMPLETIONS;
}

static bool is_anthropic(const struct meter *m)
{
	return m->api == METER_ANTHROPIC_MESSAGES || m->api == METER_ANTHROPIC_COUNT;
}

static void on_list_elem(struct json_tap *t)
{
	struct meter_list *l = TG_CONTAINER_OF(t, struct meter_list, tap);
	struct json_val v = json_tap_get(t, 0);
	struct str type;

	if (json_get_plain(&v, &type) == 0 && str_eq(type, STR("web_search_call")))
		l->searches++;
}

void meter_init(struct meter *m, enum meter_api api, bool stream, char *buf, size_t cap)
{
	size_t capture = TG_MIN(cap, (size_t)METER_CAPTURE_BYTES);
	/* The small taps keep a word each, the rest is the event's and its body's. */
	size_t word = TG_MIN((size_t)64, capture / 8), body = (capture - 3 * word) / 5;
	char *at = buf;

	INIT_OBJ(m, METER_MAGIC);
	m->api = api;
	m->stream = stream;
	m->passed_event = UINT64_MAX;
	sse_init(&m->sse);
	json_tap_init(&m->nothing, NULL, 0, NULL, 0);
	json_tap_init(&m->list.tap, type_key, 1, at, word);
	json_tap_each(&m->list.tap, on_list_elem);
	json_tap_init(&m->body_list.tap, type_key, 1, at += word, word);
	json_tap_each(&m->body_list.tap, on_list_elem);
	json_tap_init(&m->item, type_key, 1, at += word, word);
	json_tap_init(&m->body, body_keys, B__MAX, at += word, body);
	json_tap_nest(&m->body, B_LIST, &m->body_list.tap);
	at += body;
	json_tap_init(&m->event, keys_of(api), K__MAX, at, (size_t)(buf + capture - at));
	json_tap_nest(&m->event, K_ERROR, &m->nothing);
	json_tap_nest(&m->event, K_BODY, &m->body);
	json_tap_nest(&m->event, K_LIST, &m->list.tap);
	if (api != METER_OPENAI_AUDIO)
		json_tap_nest(&m->event, K_EXTRA, &m->item);
	m->hold = buf + capture;
	m->hold_cap = TG_MIN(cap - capture, (size_t)METER_HOLD_BYTES);
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

static struct str read_type(const struct meter *m)
{
	struct json_val v = json_tap_get(&m->event, K_TYPE);
	struct str type;

	return json_get_plain(&v, &type) == 0 ? type : STR_NONE;
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

static void read_error(struct meter *m, struct str type)
{
	static const char *const failed[] = { "error", "response.failed", NULL };
	enum json_type error = json_tap_type(&m->event, K_ERROR);

	if (error != JSON_NONE && error != JSON_NULL)
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
	if (top.type == JSON_OBJECT)
		got = usage_openai_merge(&m->openai, top.raw) == 0;
	if (in.type == JSON_OBJECT && usage_openai_merge(&m->openai, in.raw) == 0)
		got = true;
	if (!got)
		return;
	m->has_usage = true;
	usage_openai_buckets(&m->openai, out, &m->usage);
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
		m->usage.source = USAGE_PARTIAL;
	}
}

static void count_searches(struct meter *m, struct str type)
{
	struct json_val v = json_tap_get(&m->item, 0);
	struct str item;
	uint32_t n;

	if (m->api != METER_OPENAI_RESPONSES)
		return;
	if (str_eq(type, STR("response.output_item.done")) && json_get_plain(&v, &item) == 0 &&
		str_eq(item, STR("web_search_call")))
		m->searches_done++;
	/* The finished response lists them all once more. */
	n = TG_MAX(m->searches_done, TG_MAX(m->list.searches, m->body_list.searches));
	m->usage.n[USAGE_WEB_SEARCHES] = TG_MAX(m->usage.n[USAGE_WEB_SEARCHES], (uint64_t)n);
}

static void read_anthropic_usage(struct meter *m, struct str type)
{
	struct json_val v = { .type = JSON_NONE }, tier;
	bool start = m->stream && str_eq(type, STR("message_start"));

	if (m->api != METER_ANTHROPIC_MESSAGES)
		return;
	if (start)
		v = json_tap_get(&m->body, B_USAGE);
	else if (!m->stream || str_eq(type, STR("message_delta")))
		v = json_tap_get(&m->event, K_USAGE);
	if (v.type != JSON_OBJECT || usage_anthropic_merge(&m->anthropic, v.raw, start) != 0)
		return;
	m->has_usage = true;
	tier = (struct json_val){ .type = JSON_STRING, .raw = usage_anthropic_tier(v.raw) };
	read_tier(m, &tier);
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
	return is_chat(m) && json_tap_done(&m->event) && json_tap_done(&m->list.tap) &&
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
	if ((early || late) && !is_anthropic(m)) {
		v = json_tap_get(&m->event, K_TIER);
		read_tier(m, &v);
		v = json_tap_get(&m->body, B_TIER);
		read_tier(m, &v);
	}
}

/* An event's object, or a whole body, is complete (or as complete as it will be). */
static void on_object(struct meter *m)
{
	bool early = m->model.n == 0 && m->n_events < METER_WINDOW, final;
	bool usage_here = json_tap_type(&m->event, K_USAGE) == JSON_OBJECT ||
			  json_tap_type(&m->body, B_USAGE) == JSON_OBJECT;
	struct str type = read_type(m);

	m->n_events++;
	if (m->stream && m->event.bad) /* not JSON: nothing in it can be trusted */
		return;
	m->usage_only = m->stream && is_usage_only(m);
	read_error(m, type);
	if (is_anthropic(m))
		read_anthropic_usage(m, type);
	else
		read_openai_usage(m, type);
	read_duration(m);
	count_searches(m, type);
	final = m->stream ? is_final_type(m, type) : json_tap_done(&m->event);
	read_names(m, early, usage_here || final);
	m->terminal |= final;
	if (m->has_usage && !is_anthropic(m) && (m->terminal || m->usage_only || !m->stream))
		m->usage.source = USAGE_PROVIDER;
}

static void on_data(struct meter *m, struct str piece)
{
	size_t keep = TG_MIN(piece.n, sizeof m->head - m->head_len);

	memcpy(m->head + m->head_len, piece.p, keep);
	m->head_len = (uint8_t)(m->head_len + keep);
	json_tap_feed(&m->event, piece);
}

static void on_event(struct meter *m)
{
	m->usage_only = false;
	if (!is_anthropic(m) && str_eq(str_mk(m->head, m->head_len), STR("[DONE]"))) {
		m->terminal = true;
		if (m->has_usage)
			m->usage.source = USAGE_PROVIDER;
	} else {
		on_object(m);
	}
	m->head_len = 0;
	m->list.searches = m->body_list.searches = 0;
	json_tap_reset(&m->event);
}

/* What meter_filter hands out. `from`: the first byte of `in` that is neither handed out nor
 * dropped. */
struct spans {
	struct iovec *iov;
	int n, max;
	struct str in;
	size_t from;
	uint64_t base; /* offset of in.p in the stream */
};

static bool strips(const struct meter *m)
{
	return m->strip && m->stream && is_chat(m);
}

static void span_put(struct spans *o, const char *p, size_t n)
{
	if (n == 0)
		return;
	tg_assert(o->n < o->max);
	o->iov[o->n].iov_base = (void *)(uintptr_t)p;
	o->iov[o->n].iov_len = n;
	o->n++;
}

static void span_to(struct spans *o, size_t to)
{
	if (to <= o->from)
		return;
	span_put(o, o->in.p + o->from, to - o->from);
	o->from = to;
}

static void hold_release(struct meter *m, struct spans *o)
{
	span_put(o, m->hold + m->hold_out, m->hold_len - m->hold_out);
	m->hold_out = m->hold_len;
}

/* Where the event in progress begins in `in`; 0 when it began earlier. */
static size_t event_begin(const struct meter *m, const struct spans *o)
{
	return m->sse.event_start > o->base ? (size_t)(m->sse.event_start - o->base) : 0;
}

/* An event is complete; the first `at` bytes of `in` were read. */
static void filter_event(struct meter *m, struct spans *o, size_t at)
{
	if (m->hold_len > m->hold_out && m->hold_event != m->sse.event_start)
		hold_release(m, o); /* a comment that no event followed */
	/* Two more spans may be wanted: what is before the cut, and the rest; and one for held
	 * bytes. */
	if (!m->usage_only || m->passed_event == m->sse.event_start || o->max - o->n < 3) {
		hold_release(m, o);
		return;
	}
	span_to(o, event_begin(m, o));
	m->hold_len = m->hold_out;
	o->from = at;
	m->drop_lf = !sse_at_border(&m->sse);
	m->cuts++;
	m->cut_from = m->sse.event_start;
	m->cut_to = m->sse.offset;
}

/* The input is used up: hold what may turn out to be the usage-only chunk, pass on the rest. */
static void filter_rest(struct meter *m, struct spans *o)
{
	bool partial = !m->sse.ended && m->sse.offset != m->sse.event_start;
	size_t begin = TG_MAX(event_begin(m, o), o->from), n = o->in.n - TG_MIN(begin, o->in.n);
	bool open = m->list.tap.n_elem == 0 && !m->list.tap.in_elem && !m->event.bad;

	if (m->hold_len > m->hold_out && (!partial || m->hold_event != m->sse.event_start))
		hold_release(m, o);
	if (partial && open && m->passed_event != m->sse.event_start &&
		n <= m->hold_cap - m->hold_len) {
		span_to(o, begin);
		if (n > 0)
			memcpy(m->hold + m->hold_len, o->in.p + begin, n);
		m->hold_len += n;
		m->hold_event = m->sse.event_start;
		return;
	}
	hold_release(m, o);
	span_to(o, o->in.n);
	if (partial)
		m->passed_event = m->sse.event_start;
}

/* How many bytes at the front of `events` need not be read. */
static size_t skippable(const struct meter *m, struct str events)
{
	bool early = m->model.n == 0 && m->n_events < METER_WINDOW;

	if (events.n == 0 || early || !sse_at_border(&m->sse))
		return 0;
	return meter_probe_quiet(m->api, events);
}

static void read_stream(struct meter *m, struct spans *o)
{
	size_t at = 0, border = meter_probe_knows(m->api) ? meter_probe_border(o->in) : 0;

	while (at < o->in.n) {
		size_t used = at < border ? skippable(m, str_mk(o->in.p + at, border - at)) : 0;
		enum sse_rc rc = SSE_MORE;
		struct str piece;

		if (used > 0)
			sse_skip(&m->sse, used);
		else
			rc = sse_feed(&m->sse, str_skip(o->in, at), &used, &piece);
		at += used;
		if (rc == SSE_DATA) {
			on_data(m, piece);
		} else if (rc == SSE_EVENT_END) {
			on_event(m);
			if (strips(m))
				filter_event(m, o, at);
		}
	}
}

int meter_filter(struct meter *m, struct str in, struct iovec *out, int max)
{
	struct spans o = { .iov = out, .max = max, .in = in, .base = m->sse.offset };

	CHECK_OBJ(m, METER_MAGIC);
	tg_assert(max >= 4);
	if (m->hold_out > 0) {
		m->hold_len -= m->hold_out;
		memmove(m->hold, m->hold + m->hold_out, m->hold_len);
		m->hold_out = 0;
	}
	if (in.n == 0)
		return 0;
	if (m->drop_lf && *in.p == '\n')
		o.from = 1;
	m->drop_lf = false;
	if (!m->stream)
		json_tap_feed(&m->event, in);
	else
		read_stream(m, &o);
	if (strips(m))
		filter_rest(m, &o);
	else
		span_to(&o, in.n);
	return o.n;
}

void meter_whole(struct meter *m, struct str body)
{
	/* Only the Responses API lists what is counted; the others' lists are the answer itself. */
	unsigned skip = m->api == METER_OPENAI_RESPONSES ? 0 : 1u << K_LIST;

	CHECK_OBJ(m, METER_MAGIC);
	tg_assert(!m->stream);
	if (!json_tap_whole(&m->event, body, skip))
		json_tap_feed(&m->event, body);
}

void meter_feed(struct meter *m, struct str bytes)
{
	struct iovec iov[4];

	tg_assert(!m->strip);
	(void)meter_filter(m, bytes, iov, 4);
}

void meter_finish(struct meter *m)
{
	CHECK_OBJ(m, METER_MAGIC);
	if (!m->stream) {
		on_object(m);
		return;
	}
	if (!m->sse.has_data || m->sse.ended)
		return;
	on_event(m);
	m->sse.ended = true;
	if (strips(m) && m->usage_only && m->hold_event == m->sse.event_start &&
		m->hold_len > m->hold_out) {
		m->hold_len = m->hold_out;
		m->cuts++;
		m->cut_from = m->sse.event_start;
		m->cut_to = m->sse.offset;
	}
}

struct str meter_held(const struct meter *m)
{
	return str_mk(m->hold + m->hold_out, m->hold_len - m->hold_out);
}
