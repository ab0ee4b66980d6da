/*
 * reply.h: answers the gateway composes itself: errors in the caller's dialect, models, CORS.
 */
#ifndef TG_CORE_REPLY_H
#define TG_CORE_REPLY_H

#include "core/errors.h"
#include "core/module.h"

struct req;

/* Answer with an error; fmt NULL: the table's message. Always STEP_REPLY, so that a step can return
 * it. */
enum step_rc reply_error(struct req *r, enum tg_error e, const char *fmt, ...) TG_PRINTF(3, 4);
/* Answer with a body of our own. extra: further field lines, or empty. */
enum step_rc reply_body(
	struct req *r, int status, struct str content_type, struct str extra, struct str body);

#endif
