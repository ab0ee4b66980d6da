/*
 * error_class.h: what a provider's error is about, where its status does not say: the account's
 * money, the model's context, the provider's content policy; and when to come back, where its head
 * does not say. Pure: a peer's bytes in.
 */
#ifndef TG_CORE_ERROR_CLASS_H
#define TG_CORE_ERROR_CLASS_H

#include <stdbool.h>

#include "base/str.h"
#include "chat/codec.h"

#define ERROR_BODY_MAX 16384 /* longer ones are not looked at */

enum error_class {
	ERROR_OTHER,
	ERROR_MONEY,   /* nothing will go there before somebody pays */
	ERROR_CONTEXT, /* longer than this model takes */
	ERROR_POLICY,  /* declined for what it says */
	ERROR_KEY,     /* the gateway's own key is not valid: error_is_key says so */
};

/* Could an error with this status be of another class than its status says? */
static inline bool error_class_asks(int status)
{
	return status == 400 || status == 413 || status == 422 || status == 429;
}
/* body: the whole of it. What is no JSON is ERROR_OTHER. */
enum error_class error_class_of(struct str body);
/*
 * In how many milliseconds to come back, as the body says in the words of its dialect (Google's
 * RetryInfo, providers.md 5.2); 0: it does not say. What is read of it lies in blocks of the pool
 * until this returns; without memory it does not say.
 */
uint64_t error_retry_ms(enum chat_shape shape, struct str body, struct block_pool *pool);
/* Is the key what a 400 is about, as Google says it of one that is not valid (reason
 * API_KEY_INVALID)? Memory likewise. */
bool error_is_key(enum chat_shape shape, struct str body, struct block_pool *pool);

#endif
