/*
 * errors.h: the one table of answers the gateway gives itself (tbl/errors.h), rendered in the
 * caller's dialect.
 */
#ifndef TG_CORE_ERRORS_H
#define TG_CORE_ERRORS_H

#include <stdbool.h>

#include "base/str.h"

enum tg_error {
	TG_E_NONE,
#define X(id, code, status, openai, anthropic, text) TG_E_##id,
#include "core/tbl/errors.h"
#undef X
	TG_E__MAX
};

enum dialect {
	DIALECT_OPENAI,
	DIALECT_ANTHROPIC,
	DIALECT_GEMINI,
	DIALECT_PROBLEM, /* RFC 9457 */
	DIALECT_OTHER    /* of providers alone: no client's path speaks it */
};

struct tg_error_row {
	const char *code;
	int status;
	const char *openai_type, *anthropic_type, *text;
};

const struct tg_error_row *tg_error_row(enum tg_error e);

/*
 * The error's JSON body: message NULL means the table's. request_id goes in where the dialect has a
 * place (in the message otherwise). Returns its length; cut short never: cap of 4096 always
 * suffices for messages up to 360 bytes (longer ones are cut).
 */
size_t tg_error_body(char *out, size_t cap, enum dialect d, enum tg_error e, const char *message,
	struct str request_id);

#endif
