/*
 * refusal.c: see refusal.h. OpenAI and Azure: {"error":{"type":...,"code":...}}; Anthropic the same
 * with a type only; others have a code beside the error. Pure.
 */
#include <stdio.h>

#include "core/refusal.h"

enum { BODY_ERROR, BODY_CODE };
static const struct str body_keys[] = { { "error", 5 }, { "code", 4 } };
enum { ERROR_TYPE, ERROR_CODE };
static const struct str error_keys[] = { { "type", 4 }, { "code", 4 } };

void refusal_init(struct refusal *x, int status)
{
	x->status = status;
	x->bytes = 0;
	json_tap_init(
		&x->body, body_keys, TG_ARRAY_LEN(body_keys), x->body_buf, sizeof(x->body_buf));
	json_tap_init(&x->error, error_keys, TG_ARRAY_LEN(error_keys), x->error_buf,
		sizeof(x->error_buf));
	json_tap_nest(&x->body, BODY_ERROR, &x->error);
}

bool refusal_feed(struct refusal *x, struct str bytes)
{
	x->bytes += bytes.n;
	json_tap_feed(&x->body, bytes);
	return x->bytes < REFUSAL_MAX_BYTES;
}

/* [a-z_]{1,64}, and nothing of the secret: empty otherwise. */
static struct str refusal_word(struct json_val v, struct str secret)
{
	struct str s;

	if (json_get_plain(&v, &s) != 0 || s.n == 0 || s.n > REFUSAL_WORD_MAX)
		return STR_NONE;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 'a' || s.p[i] > 'z') && s.p[i] != '_')
			return STR_NONE;
	return str_find(secret, s) == (size_t)-1 ? s : STR_NONE;
}

void refusal_text(const struct refusal *x, struct str secret, char out[REFUSAL_TEXT_MAX])
{
	struct str type = refusal_word(json_tap_get(&x->error, ERROR_TYPE), secret);
	struct str code = refusal_word(json_tap_get(&x->error, ERROR_CODE), secret);
	int n;

	if (code.n == 0)
		code = refusal_word(json_tap_get(&x->body, BODY_CODE), secret);
	n = snprintf(out, REFUSAL_TEXT_MAX, "status %d%s%.*s%s%.*s", x->status,
		type.n > 0 ? ", type " : "", STR_FMT(type), code.n > 0 ? ", code " : "",
		STR_FMT(code));
	tg_assert(n > 0 && n < REFUSAL_TEXT_MAX);
}
