/*
 * prompt_kind.c: see prompt_kind.h.
 *
 *	code      fence? | lines with so many marks that prose does not have
 *	language  letters by script -> the script of most of them -> its language, or the one whose
 *	          commonest words are met most often
 */
#include "route/prompt_kind.h"

#include "base/defs.h"

/* ---- code */

#define LINE_MARKS   2  /* a line with so many of them, */
#define LINE_DENSITY 20 /* of at most so many times as many bytes, looks like code */
#define CODE_LINES   2  /* so many such lines are code, */
#define ONE_LINE     6  /* or one with so many marks */

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static struct str line_trim(struct str s)
{
	while (s.n > 0 && (*s.p == ' ' || *s.p == '\t'))
		s = str_skip(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

/* What programs are full of and prose is not: a call's bracket has no space before it, and names
 * have underscores inside. Dashes, dots, stars and bars are Markdown's. */
static unsigned line_marks(struct str s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n; i++) {
		bool inside = i > 0 && is_word_byte(s.p[i - 1]);

		switch (s.p[i]) {
		case '{':
		case '}':
		case ';':
		case '=':
		case '<':
		case '>':
		case '[':
		case ']':
		case '\\':
		case '+': n++; break;
		case '(': n += inside; break;
		case '_': n += inside && i + 1 < s.n && is_word_byte(s.p[i + 1]); break;
		default: break;
		}
	}
	if (s.n > 0 && (s.p[s.n - 1] == ';' || s.p[s.n - 1] == '{' || s.p[s.n - 1] == '}' ||
			       str_ends(s, STR("):"))))
		n++;
	return n;
}

bool prompt_is_code(struct str text)
{
	unsigned lines = 0;

	while (text.n > 0) {
		size_t end = str_chr(text, '\n');
		struct str line = line_trim(str_mk(text.p, end == (size_t)-1 ? text.n : end));
		unsigned marks = line_marks(line);

		if (str_starts(line, STR("```")) || str_starts(line, STR("~~~")))
			return true;
		if (marks >= LINE_MARKS && line.n <= (size_t)marks * LINE_DENSITY) {
			lines++;
			if (lines >= CODE_LINES || marks >= ONE_LINE)
				return true;
		}
		text = str_skip(text, end == (size_t)-1 ? text.n : end + 1);
	}
	return false;
}

/* ---- letters */

enum script {
	SCRIPT_NONE,
	SCRIPT_LATIN,
	SCRIPT_GREEK,
	SCRIPT_CYRILLIC,
	SCRIPT_HEBREW,
	SCRIPT_ARABIC,
	SCRIPT_DEVANAGARI,
	SCRIPT_THAI,
	SCRIPT_HANGUL,
	SCRIPT_KANA,
	SCRIPT_HAN,
	SCRIPT__MAX
};

static enum script script_of(uint32_t c)
{
	static const struct {
		uint32_t first, last;
		enum script script;
	} rows[] = {
#define X(script, first, last) { first, last, SCRIPT_##script },
#include "route/tbl/scripts.h"
#undef X
	};

	if (c == 0xd7 || c == 0xf7) /* times and divided by */
		return SCRIPT_NONE;
	for (size_t i = 0; i < TG_ARRAY_LEN(rows) && c >= rows[i].first; i++)
		if (c <= rows[i].last)
			return rows[i].script;
	return SCRIPT_NONE;
}

/* The code point at the front, and its length; 0 for what is no UTF-8. */
static uint32_t code_point(struct str s, size_t *len)
{
	uint8_t c = (uint8_t)*s.p;
	size_t n = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
	uint32_t v = n == 1 ? c : n == 0 ? 0 : c & (0x7fu >> n);

	*len = 1;
	if (n == 0 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s.p[i] & 0x3f);
	}
	*len = n;
	return v;
}

/* ---- words */

#define WORD_MAX      16 /* bytes; longer ones are nobody's commonest */
#define HITS_LEAST    2  /* words met */
#define HITS_SHARE    8  /* one of so many words at least is a common one */
#define LANGUAGES     (PROMPT_LANGUAGE_el - PROMPT_LANGUAGE_UNKNOWN - 1)
#define LETTERS_LEAST 2
#define MAIN_PERCENT  60 /* of the letters are of the one script */

struct counts {
	unsigned letters[SCRIPT__MAX], all;
	unsigned words, hits[LANGUAGES];
	char word[WORD_MAX + 2]; /* between spaces, as in the table */
	size_t n;                /* bytes of it, beginning with a space; 0: none */
	bool too_long;
};

static const struct str commonest[LANGUAGES] = {
#define X(code, words) STR(words),
#include "route/tbl/languages.h"
#undef X
};

static void word_end(struct counts *c)
{
	if (c->n > 1)
		c->words++;
	if (c->n > 1 && !c->too_long) {
		c->word[c->n] = ' ';
		for (unsigned i = 0; i < LANGUAGES; i++)
			c->hits[i] +=
				str_find(commonest[i], str_mk(c->word, c->n + 1)) != (size_t)-1;
	}
	c->n = 0;
	c->too_long = false;
}

/* In lower case: of ASCII, Latin-1 and the Cyrillic of the table's languages. */
static void word_letter(struct counts *c, uint32_t v, const char *p, size_t len)
{
	char two[2];

	if (c->n == 0)
		c->word[c->n++] = ' ';
	if (c->n + len > WORD_MAX) {
		c->too_long = true;
		return;
	}
	if (v >= 'A' && v <= 'Z') {
		c->word[c->n++] = (char)(v + 32);
		return;
	}
	if ((v >= 0xc0 && v <= 0xde) || (v >= 0x410 && v <= 0x42f))
		v += 32;
	else if (v >= 0x400 && v <= 0x40f)
		v += 80;
	if (len == 2) {
		two[0] = (char)(0xc0 | v >> 6);
		two[1] = (char)(0x80 | (v & 0x3f));
		p = two;
	}
	memcpy(c->word + c->n, p, len);
	c->n += len;
}

static void count(struct counts *c, struct str text)
{
	size_t len;

	for (; text.n > 0; text = str_skip(text, len)) {
		uint32_t v = code_point(text, &len);
		enum script s = script_of(v);

		if (s == SCRIPT_NONE) {
			word_end(c);
			continue;
		}
		c->letters[s]++;
		c->all++;
		if (s == SCRIPT_LATIN || s == SCRIPT_CYRILLIC)
			word_letter(c, v, text.p, len);
		else
			word_end(c);
	}
	word_end(c);
}

/* ---- the guess */

static enum prompt_language by_words(const struct counts *c)
{
	unsigned best = 0, second = 0, at = 0;

	for (unsigned i = 0; i < LANGUAGES; i++) {
		if (c->hits[i] > best) {
			second = best;
			best = c->hits[i];
			at = i;
		} else if (c->hits[i] > second) {
			second = c->hits[i];
		}
	}
	if (best < HITS_LEAST || best == second || best * HITS_SHARE < c->words)
		return PROMPT_LANGUAGE_UNKNOWN;
	return (enum prompt_language)(PROMPT_LANGUAGE_UNKNOWN + 1 + at);
}

enum prompt_language prompt_language_of(struct str text)
{
	static const enum prompt_language alone[SCRIPT__MAX] = {
		[SCRIPT_GREEK] = PROMPT_LANGUAGE_el,
		[SCRIPT_HEBREW] = PROMPT_LANGUAGE_he,
		[SCRIPT_ARABIC] = PROMPT_LANGUAGE_ar,
		[SCRIPT_DEVANAGARI] = PROMPT_LANGUAGE_hi,
		[SCRIPT_THAI] = PROMPT_LANGUAGE_th,
		[SCRIPT_HANGUL] = PROMPT_LANGUAGE_ko,
	};
	struct counts c = { .all = 0 };
	unsigned east;

	count(&c, text);
	if (c.all < LETTERS_LEAST)
		return PROMPT_LANGUAGE_UNKNOWN;
	/* Japanese is written in both, Chinese in one of them */
	east = c.letters[SCRIPT_KANA] + c.letters[SCRIPT_HAN];
	if (east * 100 >= c.all * MAIN_PERCENT)
		return c.letters[SCRIPT_KANA] * 10 >= east ? PROMPT_LANGUAGE_ja
							   : PROMPT_LANGUAGE_zh;
	for (unsigned s = 1; s < SCRIPT__MAX; s++) {
		if (c.letters[s] * 100 < c.all * MAIN_PERCENT)
			continue;
		if (s == SCRIPT_LATIN || s == SCRIPT_CYRILLIC)
			return by_words(&c);
		return alone[s];
	}
	return PROMPT_LANGUAGE_UNKNOWN;
}

static const char *const codes[PROMPT_LANGUAGE__MAX] = {
	[PROMPT_LANGUAGE_UNKNOWN] = "unknown",
#define X(code, words) [PROMPT_LANGUAGE_##code] = #code,
#include "route/tbl/languages.h"
#undef X
	[PROMPT_LANGUAGE_el] = "el",
	[PROMPT_LANGUAGE_he] = "he",
	[PROMPT_LANGUAGE_ar] = "ar",
	[PROMPT_LANGUAGE_hi] = "hi",
	[PROMPT_LANGUAGE_th] = "th",
	[PROMPT_LANGUAGE_ko] = "ko",
	[PROMPT_LANGUAGE_ja] = "ja",
	[PROMPT_LANGUAGE_zh] = "zh",
};

const char *prompt_language_code(enum prompt_language l)
{
	tg_assert((unsigned)l < PROMPT_LANGUAGE__MAX);
	return codes[l];
}

enum prompt_language prompt_language_named(struct str code)
{
	unsigned l = 0;

	while (l < PROMPT_LANGUAGE__MAX && !str_eq(code, str_z(codes[l])))
		l++;
	return (enum prompt_language)l;
}
