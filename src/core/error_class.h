/*
 * error_class.h: what a provider's error is about, where its status does not say: the account's
 * money, the model's context, the provider's content policy. Pure: a peer's bytes in, a class out.
 */
#ifndef TG_CORE_ERROR_CLASS_H
#define TG_CORE_ERROR_CLASS_H

#include <stdbool.h>

#include "base/str.h"

#define ERROR_BODY_MAX 16384 /* longer ones are not looked at */

enum error_class {
	ERROR_OTHER,
	ERROR_MONEY,   /* nothing will go there before somebody pays */
	ERROR_CONTEXT, /* longer than this model takes */
	ERROR_POLICY,  /* declined for what it says */
};

/* Could an error with this status be of another class than its status says? */
static inline bool error_class_asks(int status)
{
	return status == 400 || status == 413 || status == 422 || status == 429;
}
/* body: the whole of it. What is no JSON is ERROR_OTHER. */
enum error_class error_class_of(struct str body);

#endif
