/*
 * fuzz_prompt_kind.c: any bytes as a request's body, and as what its user says: the text fits and
 * is UTF-8 that was there; guesses are of the table, the same again, and a line more makes code no
 * less.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "core/prompt_text.h"
#include "proto/json_scan.h"
#include "route/prompt_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void guess(struct str text)
{
	enum prompt_language l = prompt_language_of(text);
	bool code = prompt_is_code(text);
	char *more;

	tg_assert((unsigned)l < PROMPT_LANGUAGE__MAX);
	tg_assert(prompt_language_named(str_z(prompt_language_code(l))) == l);
	tg_assert(prompt_language_of(text) == l);
	if (!code)
		return;
	more = malloc(text.n + 8);
	tg_assert(more != NULL);
	memcpy(more, text.p, text.n);
	memcpy(more + text.n, "\nand so", 7);
	tg_assert(prompt_is_code(str_mk(more, text.n + 7)));
	free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = { (const char *)data, size }, text;
	char out[PROMPT_TEXT_MAX];

	if (size == 0)
		return 0;
	guess(all);
	text = prompt_text(all, out);
	tg_assert(text.n <= PROMPT_TEXT_MAX && text.n <= size);
	guess(text);
	return 0;
}
