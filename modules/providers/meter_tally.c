/*
 * meter_tally.c: counts events and the bytes of their text. Owns nothing; any thread.
 */
#include "providers/meter_tally.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/defs.h"
#include "proto/json_run.h"

#define TYPE_BYTES 160 /* of an event in which its type is */
#define PAD_EVERY  16  /* padding is measured once in so many events */

/* Members whose strings are output, in all of the APIs. */
static const struct str text_keys[] = { STR("content"), STR("text"), STR("delta"), STR("arguments"),
	STR("partial_json"), STR("thinking"), STR("reasoning_content"), STR("reasoning"),
	STR("refusal"), STR("input"), STR("tool_plan") };

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

struct look {
	uint64_t text, pad;
	size_t text_at; /* where the first text that is not empty begins; 0: there is none */
};

static void look_at(
	struct look *l, struct str json, const char *key_from, const char *key, struct str value)
{
	if (is_text_key(key_from, key)) {
		l->text += value.n;
		if (l->text_at == 0 && value.n > 0)
			l->text_at = (size_t)(value.p - json.p);
	} else if ((key - key_from >= 12 && memcmp(key - 12, "\"obfuscation", 12) == 0) ||
		   (key - key_from >= 2 && memcmp(key - 2, "\"p", 2) == 0)) { /* Bedrock's */
		l->pad += value.n;
	}
}

static struct look look_into(struct str json)
{
	const char *p = json.p, *end = p + json.n;
	struct look l = { .text = 0 };

	for (;;) {
		const char *key = key_end(p, end), *value = key + 2, *close;

		if (key >= end)
			return l;
		if (value < end && *value == ' ')
			value++;
		if (value >= end || *value != '"') {
			p = value;
			continue;
		}
		value++;
		close = string_close(value, end);
		look_at(&l, json, p, key, str_mk(value, (size_t)(close - value)));
		p = close;
	}
}

uint64_t meter_text_bytes(struct str json)
{
	return look_into(json).text;
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
		return str_find(str_mk(line.p, TG_MIN(line.n, (size_t)TYPE_BYTES)),
			       STR(".delta\"")) == (size_t)-1;
	if (str_ends(line, STR("\r")))
		line.n--;
	return !meter_is_delta(line);
}

static uint64_t around_text(const struct meter_tally *t)
{
	return t->envelope + (t->n_pads > 0 ? t->pads / t->n_pads : 0);
}

static void beyond_envelope(struct meter_tally *t, uint64_t bytes)
{
	uint64_t around = around_text(t);

	t->events++;
	if (bytes > around)
		t->text += bytes - around;
}

/* An event of so many bytes that was looked into. One without text says nothing. */
static void looked_into(struct meter_tally *t, uint64_t bytes, const struct look *l)
{
	if (l->text == 0)
		return;
	t->events++;
	t->text += l->text;
	t->envelope = (uint32_t)TG_MIN(bytes - l->text - l->pad, (uint64_t)UINT32_MAX / 2);
	if (l->pad > 0 && t->n_pads < UINT32_MAX) {
		t->pads += l->pad;
		t->n_pads++;
	}
	t->since_pad = 0;
}

void meter_tally_event(struct meter_tally *t, struct str event)
{
	struct look l = look_into(event);

	t->pieces = 0;
	looked_into(t, event.n, &l);
	t->text_at = 0;
	if (l.text_at < METER_KIND || l.text_at > UINT32_MAX)
		return;
	t->text_at = (uint32_t)l.text_at;
	memcpy(t->kind, event.p + t->text_at - METER_KIND, METER_KIND);
}

static bool is_same_kind(const struct meter_tally *t, struct str event)
{
	return t->text_at > 0 && event.n > t->text_at &&
	       memcmp(event.p + t->text_at - METER_KIND, t->kind, METER_KIND) == 0;
}

void meter_tally_events(struct meter_tally *t, enum meter_api api, struct str events)
{
	while (events.n > 0) {
		struct str event = str_mk(events.p, event_end(events));

		events = str_skip(events, event.n);
		if (is_silent(api, event))
			continue;
		if (is_same_kind(t, event) && (t->n_pads == 0 || ++t->since_pad < PAD_EVERY))
			beyond_envelope(t, event.n);
		else
			meter_tally_event(t, event);
	}
}

void meter_tally_piece(struct meter_tally *t, struct str data)
{
	t->piece_text = t->pieces == 0 ? meter_text_bytes(data) : 0;
	t->pieces++;
}

void meter_tally_size(struct meter_tally *t, uint64_t bytes)
{
	bool whole = t->pieces == 1;

	t->pieces = 0;
	if (whole) {
		looked_into(t, bytes, &(struct look){ .text = t->piece_text });
		t->text_at = 0;
	} else if (t->envelope > 0) {
		beyond_envelope(t, bytes);
	} else {
		t->events++;
		t->unsized += bytes;
		t->n_unsized++;
	}
}

uint64_t meter_tally_text(const struct meter_tally *t)
{
	uint64_t around = around_text(t) * t->n_unsized;

	return t->text + (t->unsized > around ? t->unsized - around : 0);
}
