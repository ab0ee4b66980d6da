/*
 * prompt_kind.h: is a text code, and in which language is it? Guesses by simple rules that a guide
 * can state, the same for the same text, in time proportional to its length: for `rules` of the
 * configuration (docs/guide/routing.md). Pure; any thread; the text may be any bytes.
 */
#ifndef TG_ROUTE_PROMPT_KIND_H
#define TG_ROUTE_PROMPT_KIND_H

#include <stdbool.h>

#include "base/str.h"

#define PROMPT_TEXT_MAX 8192 /* bytes that whoever asks looks at */

enum prompt_language {
	PROMPT_LANGUAGE_UNKNOWN,
#define X(code, words) PROMPT_LANGUAGE_##code,
#include "route/tbl/languages.h"
#undef X
	/* by their scripts alone */
	PROMPT_LANGUAGE_el,
	PROMPT_LANGUAGE_he,
	PROMPT_LANGUAGE_ar,
	PROMPT_LANGUAGE_hi,
	PROMPT_LANGUAGE_th,
	PROMPT_LANGUAGE_ko,
	PROMPT_LANGUAGE_ja,
	PROMPT_LANGUAGE_zh,
	PROMPT_LANGUAGE__MAX
};

/* A fenced block, or lines that look like a program's. */
bool prompt_is_code(struct str text);
/* UNKNOWN: too short, mixed, or of none of these. */
enum prompt_language prompt_language_of(struct str text);
/* "de"; "unknown". */
const char *prompt_language_code(enum prompt_language l);
/* __MAX: no such. */
enum prompt_language prompt_language_named(struct str code);

#endif
