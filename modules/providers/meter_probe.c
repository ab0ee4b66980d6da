/*
 * meter_probe.c: the search behind meter_probe.h: every place where one of a few words begins,
 * found 16 bytes at a time by its first two characters. Everything the meter acts on in a later
 * event contains one of these words as it stands (json_tap compares keys as they stand); more is
 * found than is needed, never less. Owns nothing; any thread.
 */
#include "providers/meter_probe.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/defs.h"

struct word {
	struct str text; /* behind its opening quote */
	bool nullable;   /* a key: says nothing when its value is null */
};

struct words {
	const struct word *w;
	size_t n;
	char more[2]; /* second characters of words beside u and e */
};

static const struct word chat_words[] = {
	{ STR("usage\""), true },
	{ STR("error\""), true },
};
static const struct word response_words[] = {
	{ STR("usage\""), true },
	{ STR("error\""), true },
	{ STR("response.completed\""), false },
	{ STR("response.incomplete\""), false },
	{ STR("response.failed\""), false },
	{ STR("response.output_item.done\""), false },
};
static const struct word anthropic_words[] = {
	{ STR("usage\""), true },
	{ STR("error\""), true },
	{ STR("message_stop\""), false },
};

#define WORDS(list, ...)                    \
	{                                   \
		(list), TG_ARRAY_LEN(list), \
		{                           \
			__VA_ARGS__         \
		}                           \
	}
static const struct words chat = WORDS(chat_words, 'u', 'u');
static const struct words responses = WORDS(response_words, 'r', 'r');
static const struct words anthropic = WORDS(anthropic_words, 'm', 'm');

static const struct words *words_of(enum meter_api api)
{
	switch (api) {
	case METER_OPENAI_CHAT:
	case METER_OPENAI_COMPLETIONS: return &chat;
	case METER_OPENAI_RESPONSES: return &responses;
	case METER_ANTHROPIC_MESSAGES: return &anthropic;
	default: return NULL;
	}
}

bool meter_probe_knows(enum meter_api api)
{
	return words_of(api) != NULL;
}

static struct str skip_blanks(struct str s)
{
	while (s.n > 0 && (*s.p == ' ' || *s.p == '\t'))
		s = str_skip(s, 1);
	return s;
}

/* s follows a key: its value is certainly null. */
static bool value_is_null(struct str s)
{
	s = skip_blanks(s);
	if (s.n == 0 || *s.p != ':')
		return false;
	return str_starts(skip_blanks(str_skip(s, 1)), STR("null"));
}

/* s begins a line that names an error event. */
static bool line_is_error(struct str s)
{
	return str_starts(s, STR("event:error")) || str_starts(s, STR("event: error"));
}

/* Something that matters begins at s. */
static bool matters(const struct words *ws, struct str s)
{
	struct str rest = str_skip(s, 1);

	if (*s.p == '[')
		return str_starts(s, STR("[DONE]"));
	if (*s.p == '\n' || *s.p == '\r')
		return line_is_error(rest);
	if (*s.p != '"')
		return false;
	for (size_t i = 0; i < ws->n; i++)
		if (str_starts(rest, ws->w[i].text))
			return !ws->w[i].nullable ||
			       !value_is_null(str_skip(rest, ws->w[i].text.n));
	return false;
}

#ifdef __SSE2__
/*
 * Bit i: a word, an event: line or [DONE] may begin at p[i]; reads 17 bytes. A word begins with a
 * quote and u or e (0x65 and 0x75: one bit apart) or one of `more`, a line behind LF or CR.
 */
static inline unsigned begins(const char *p, __m128i more0, __m128i more1)
{
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
	__m128i first = _mm_or_si128(_mm_cmpeq_epi8(a, _mm_set1_epi8('"')),
		_mm_cmpeq_epi8(_mm_min_epu8(a, _mm_set1_epi8('\r')), a));
	__m128i second = _mm_cmpeq_epi8(_mm_or_si128(b, _mm_set1_epi8(0x10)), _mm_set1_epi8('u'));

	second = _mm_or_si128(
		second, _mm_or_si128(_mm_cmpeq_epi8(b, more0), _mm_cmpeq_epi8(b, more1)));
	first = _mm_and_si128(first, second);
	return (unsigned)_mm_movemask_epi8(
		_mm_or_si128(first, _mm_cmpeq_epi8(b, _mm_set1_epi8('D'))));
}
#endif

/* The offset of the first place that matters, or s.n. */
static size_t find(const struct words *ws, struct str s)
{
	size_t i = 0;

#ifdef __SSE2__
	__m128i more0 = _mm_set1_epi8(ws->more[0]), more1 = _mm_set1_epi8(ws->more[1]);

	for (; s.n - i >= 17; i += 16) {
		for (unsigned bits = begins(s.p + i, more0, more1); bits != 0; bits &= bits - 1) {
			size_t at = i + (unsigned)__builtin_ctz(bits);

			if (matters(ws, str_skip(s, at)))
				return at;
		}
	}
#endif
	for (; i < s.n; i++)
		if (matters(ws, str_skip(s, i)))
			return i;
	return s.n;
}

size_t meter_probe_border(struct str s)
{
	while (s.n > 1) {
		const char *lf = memrchr(s.p + 1, '\n', s.n - 1);

		if (lf == NULL)
			return 0;
		if (lf[-1] == '\n' || (lf[-1] == '\r' && lf - s.p > 1 && lf[-2] == '\n'))
			return (size_t)(lf + 1 - s.p);
		s.n = (size_t)(lf - s.p);
	}
	return 0;
}

size_t meter_probe_quiet(enum meter_api api, struct str events)
{
	const struct words *ws = words_of(api);
	size_t at;

	if (ws == NULL || line_is_error(events))
		return 0;
	at = find(ws, events);
	return at == events.n ? at : meter_probe_border(str_mk(events.p, at + 1));
}
