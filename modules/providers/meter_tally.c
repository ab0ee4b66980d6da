/*
 * meter_tally.c: counts events and the bytes of their text. Owns nothing; any thread.
 */
#include "providers/meter_tally.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/defs.h"
#include "proto/json_run.h"

#define LOOK_HEAD  160 /* bytes of an event in which its types are */
#define LOOK_FIRST 4   /* events, */
#define LOOK_EVERY 16  /* then at one in so many calls */

/* Members whose strings are output, in all of the APIs. */
static const struct str text_keys[] = { STR("content"), STR("text"), STR("delta"), STR("arguments"),
	STR("partial_json"), STR("thinking"), STR("reasoning_content"), STR("reasoning"),
	STR("refusal") };

/* The string that ends at `end` (its closing quote) is one of those keys. */
static bool is_text_key(const char *from, const char *end)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(text_keys); i++) {
		struct str k = text_keys[i];

		if ((size_t)(end - from) > k.n && end[-(ptrdiff_t)k.n - 1] == '"' &&
			memcmp(end - k.n, k.p, k.n) == 0)
			return true;
	}
	return false;
}

/* The next '"' with a ':' behind it, or `end`. */
static const char *key_end(const char *p, const char *end)
{
#ifdef __SSE2__
	for (; end - p >= 17; p += 16) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
		unsigned bits = (unsigned)_mm_movemask_epi8(
			_mm_and_si128(_mm_cmpeq_epi8(a, _mm_set1_epi8('"')),
				_mm_cmpeq_epi8(b, _mm_set1_epi8(':'))));

		if (bits != 0)
			return p + __builtin_ctz(bits);
	}
#endif
	for (; p + 1 < end; p++)
		if (p[0] == '"' && p[1] == ':')
			return p;
	return end;
}

/* p behind a string's opening quote: at its closing one, or at `end`. */
static const char *string_close(const char *p, const char *end)
{
	for (;;) {
		p = json_run_end(p, end);
		if (p >= end || *p == '"')
			return TG_MIN(p, end);
		p += *p == '\\' ? 2 : 1;
		if (p >= end)
			return end;
	}
}

uint64_t meter_text_bytes(struct str json)
{
	const char *p = json.p, *end = p + json.n;
	uint64_t n = 0;

	for (;;) {
		const char *key = key_end(p, end), *value = key + 2, *close;

		if (key >= end)
			return n;
		if (value < end && *value == ' ')
			value++;
		if (value >= end || *value != '"') {
			p = value;
			continue;
		}
		close = string_close(value + 1, end);
		if (is_text_key(p, key))
			n += (uint64_t)(close - value - 1);
		p = close;
	}
}

bool meter_is_delta(struct str type)
{
	return str_ends(type, STR(".delta"));
}

/* Behind the first blank line, or s.n. */
static size_t event_end(struct str s)
{
	const char *p = s.p, *end = p + s.n;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		if (p < end && *p == '\n')
			return (size_t)(p + 1 - s.p);
		if (end - p > 1 && p[0] == '\r' && p[1] == '\n')
			return (size_t)(p + 2 - s.p);
	}
	return s.n;
}

/* A signature over reasoning is long and no output. */
static bool is_signature(struct str event)
{
	return str_find(str_mk(event.p, TG_MIN(event.n, (size_t)LOOK_HEAD)),
		       STR("\"signature_delta\"")) != (size_t)-1;
}

/* Events of the Responses API that repeat what was said, or say nothing. */
static bool is_silent(enum meter_api api, struct str event)
{
	const char *lf;
	struct str line;

	if (*event.p == ':' || *event.p == '\n' || *event.p == '\r')
		return true;
	if (api != METER_OPENAI_RESPONSES)
		return false;
	lf = memchr(event.p, '\n', event.n);
	line = str_mk(event.p, lf != NULL ? (size_t)(lf - event.p) : event.n);
	if (!str_starts(line, STR("event:")))
		return str_find(str_mk(line.p, TG_MIN(line.n, (size_t)LOOK_HEAD)),
			       STR(".delta\"")) == (size_t)-1;
	if (str_ends(line, STR("\r")))
		line.n--;
	return !meter_is_delta(line);
}

static void beyond_envelope(struct meter_tally *t, uint64_t bytes)
{
	if (bytes > t->envelope)
		t->text += bytes - t->envelope;
}

/* An event of which so many bytes are text. */
static void looked_into(struct meter_tally *t, uint64_t bytes, uint64_t text)
{
	uint32_t envelope = (uint32_t)TG_MIN(bytes - text, (uint64_t)UINT32_MAX / 4);

	t->text += text;
	t->n_looked += t->n_looked < LOOK_FIRST;
	t->envelope = t->envelope > 0 ? (t->envelope * 3 + envelope) / 4 : envelope;
}

void meter_tally_event(struct meter_tally *t, struct str event)
{
	uint64_t text = meter_text_bytes(event);

	t->events++;
	t->pieces = 0;
	if (text > 0)
		looked_into(t, event.n, text);
	else if (t->envelope > 0 &&
		 !is_signature(event)) /* it tells nothing about the others' envelopes */
		beyond_envelope(t, event.n);
}

/* Whether to look into an event: a few at first, and now and then one, for envelopes change. */
static bool is_due(struct meter_tally *t)
{
	if (t->n_looked >= LOOK_FIRST && ++t->unlooked < LOOK_EVERY)
		return false;
	t->unlooked = 0;
	return true;
}

void meter_tally_events(struct meter_tally *t, enum meter_api api, struct str events)
{
	bool look = is_due(t);

	while (events.n > 0) {
		struct str event = str_mk(events.p, event_end(events));

		events = str_skip(events, event.n);
		if (is_silent(api, event))
			continue;
		if (look || t->envelope == 0) {
			meter_tally_event(t, event);
			look = false;
			continue;
		}
		t->events++;
		if (event.n < t->envelope + LOOK_HEAD || !is_signature(event))
			beyond_envelope(t, event.n);
	}
}

void meter_tally_piece(struct meter_tally *t, struct str data)
{
	bool look = t->envelope == 0 || t->n_looked < LOOK_FIRST;

	t->piece_text = t->pieces == 0 && look ? meter_text_bytes(data) : 0;
	t->pieces++;
}

void meter_tally_size(struct meter_tally *t, uint64_t bytes)
{
	bool known = t->pieces == 1 && t->piece_text > 0;

	t->events++;
	t->pieces = 0;
	if (known) {
		looked_into(t, bytes, t->piece_text);
	} else if (t->envelope > 0) {
		beyond_envelope(t, bytes);
	} else {
		t->unsized += bytes;
		t->n_unsized++;
	}
}

uint64_t meter_tally_text(const struct meter_tally *t)
{
	uint64_t around = (uint64_t)t->envelope * t->n_unsized;

	return t->text + (t->unsized > around ? t->unsized - around : 0);
}
