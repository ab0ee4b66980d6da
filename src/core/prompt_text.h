/*
 * prompt_text.h: the text of the last thing the user says in a request, in whatever chat API, for
 * rules that guess what it is. Pure; any thread.
 */
#ifndef TG_CORE_PROMPT_TEXT_H
#define TG_CORE_PROMPT_TEXT_H

#include "base/str.h"
#include "route/prompt_kind.h"

/*
 * Of a whole JSON body that was scanned before (anything else has none): the last message of role
 * user that has text, with its text parts line by line; the beginning of it, as much as fits. In
 * out; empty: there is none. Looks at messages, input, contents and prompt.
 */
struct str prompt_text(struct str body, char out[PROMPT_TEXT_MAX]);

#endif
