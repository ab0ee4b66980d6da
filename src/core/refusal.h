/*
 * refusal.h: what of a provider's refusal of our credentials may be told: its status, and its
 * error's type and code where they are plain words. A 403 is often about the request and not about
 * the key (a region, a model the account may not use), and these words say so. The text is not
 * passed on: it may name the account, or quote a part of the key.
 */
#ifndef TG_CORE_REFUSAL_H
#define TG_CORE_REFUSAL_H

#include "proto/json_tap.h"

#define REFUSAL_MAX_BYTES 16384 /* of the body that are looked at */
#define REFUSAL_WORD_MAX  64
#define REFUSAL_TEXT_MAX  (3 * REFUSAL_WORD_MAX)

struct refusal { /* points into itself: not to be moved */
	int status;
	size_t bytes;
	struct json_tap body, error;
	char body_buf[REFUSAL_WORD_MAX + 2], error_buf[2 * (REFUSAL_WORD_MAX + 2)];
};

void refusal_init(struct refusal *x, int status);
/* Bytes of the body, in any pieces. False: no more are wanted. */
bool refusal_feed(struct refusal *x, struct str bytes);
/* "status 403, type invalid_request_error, code unsupported_country": NUL-terminated, in out. A
 * word that is a part of the secret is left out. */
void refusal_text(const struct refusal *x, struct str secret, char out[REFUSAL_TEXT_MAX]);

#endif
