/*
 * meter.c: the way of a response's bytes to what they say (meter_read.c):
 *
 *	payload -> (probe: whole quiet events skipped) -> sse -> json_tap -> meter_read_object()
 *
 * and meter_filter() turns the place of each event into the spans to pass on.
 * Owns nothing but itself; runs on the worker of its request.
 */
#include "providers/meter_int.h"
#include "providers/meter_probe.h"

void meter_init(struct meter *m, enum meter_api api, bool stream, char *buf, size_t cap)
{
	size_t capture = TG_MIN(cap, (size_t)METER_CAPTURE_BYTES);

	INIT_OBJ(m, METER_MAGIC);
	m->api = api;
	m->stream = stream;
	m->search_bucket = USAGE_WEB_SEARCHES_MEDIUM;
	m->passed_event = UINT64_MAX;
	sse_init(&m->sse);
	meter_read_init(m, buf, capture);
	m->hold = buf + capture;
	m->hold_cap = TG_MIN(cap - capture, (size_t)METER_HOLD_BYTES);
}

static void on_data(struct meter *m, struct str piece)
{
	size_t keep = TG_MIN(piece.n, sizeof m->head - m->head_len);

	memcpy(m->head + m->head_len, piece.p, keep);
	m->head_len = (uint8_t)(m->head_len + keep);
	json_tap_feed(&m->event, piece);
	meter_tally_piece(&m->tally, piece);
}

/* `text`: the event, when all of it is in one piece; else STR_NONE. */
static void on_event(struct meter *m, struct str text)
{
	m->usage_only = false;
	if (!meter_is_anthropic(m) && str_eq(str_mk(m->head, m->head_len), STR("[DONE]"))) {
		meter_read_done(m);
	} else {
		meter_read_object(m);
		if (meter_read_said(m) && text.n > 0)
			meter_tally_event(&m->tally, text);
		else if (meter_read_said(m))
			meter_tally_size(&m->tally, m->sse.offset - m->sse.event_start);
	}
	m->head_len = 0;
	m->tally.pieces = 0;
	meter_read_reset(m);
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
	return m->strip && m->stream && meter_is_chat(m);
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

/* The event that ended behind the first `at` bytes of `in`. */
static struct str whole_event(const struct meter *m, const struct spans *o, size_t at)
{
	if (m->sse.event_start < o->base)
		return STR_NONE;
	return str_mk(o->in.p + (m->sse.event_start - o->base),
		at - (size_t)(m->sse.event_start - o->base));
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

		if (used > 0) {
			meter_tally_events(&m->tally, m->api, str_mk(o->in.p + at, used));
			sse_skip(&m->sse, used);
		} else {
			rc = sse_feed(&m->sse, str_skip(o->in, at), &used, &piece);
		}
		at += used;
		if (rc == SSE_DATA) {
			on_data(m, piece);
		} else if (rc == SSE_EVENT_END) {
			on_event(m, whole_event(m, o, at));
			if (strips(m))
				filter_event(m, o, at);
		}
	}
}

static void read_body(struct meter *m, struct str bytes)
{
	if (meter_is_gemini(m))
		meter_gemini_body(m, bytes);
	json_tap_feed(&m->event, bytes);
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
	m->tally.bytes += in.n;
	if (in.n == 0)
		return 0;
	if (m->drop_lf && *in.p == '\n')
		o.from = 1;
	m->drop_lf = false;
	if (!m->stream)
		read_body(m, in);
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
	/* Items, images and what each text took are counted; the others' lists are the answer
	 * itself. */
	bool counted = m->api == METER_OPENAI_RESPONSES || m->api == METER_OPENAI_IMAGES ||
		       m->api == METER_EMBED_UNITS || meter_is_gemini(m);
	unsigned skip = counted ? 0 : 1u << K_LIST;

	CHECK_OBJ(m, METER_MAGIC);
	tg_assert(!m->stream);
	if (!json_tap_whole(&m->event, body, skip))
		read_body(m, body);
	m->tally.bytes += body.n;
	if (json_tap_type(&m->event, K_USAGE) != JSON_OBJECT)
		m->tally.text += meter_text_bytes(body);
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
		if (!m->gemini.array) /* its elements were read one by one */
			meter_read_object(m);
		return;
	}
	if (!m->sse.has_data || m->sse.ended)
		return;
	on_event(m, STR_NONE);
	m->sse.ended = true;
	if (strips(m) && m->usage_only && m->hold_event == m->sse.event_start &&
		m->hold_len > m->hold_out) {
		m->hold_len = m->hold_out;
		m->cuts++;
	}
}

struct str meter_held(const struct meter *m)
{
	return str_mk(m->hold + m->hold_out, m->hold_len - m->hold_out);
}
