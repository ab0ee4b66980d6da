/*
 * refusal_quota.h: what a request that a limit refused is answered: which limit, when it opens
 * again, what would fit.
 */
#ifndef TG_CORE_REFUSAL_QUOTA_H
#define TG_CORE_REFUSAL_QUOTA_H

#include "core/module.h"
#include "quota/hold.h"

enum quota_admitted {
	QUOTA_ADMITTED,
	QUOTA_REFUSED,  /* by the account that struct quota_denied names */
	QUOTA_TOO_DEAR, /* for a single request: ceiling_say has found the words */
	QUOTA_UNKNOWN,  /* nobody can say: an account is missing (its period has begun and it could
			   not be made), or others share it and cannot be asked */
	QUOTA_PARKED,   /* it waits for a grant: its step shall wait, and is run again */
};

/*
 * Tokens of an answer that would fit into what is free of such a limit, as max_tokens says them: of
 * each choice, of the leg that has begun. -1: that is not the question.
 */
int64_t refusal_affordable(const struct req *r, enum quota_dim dim, int64_t headroom);
/* Answers what was not admitted, and does not wait. */
enum step_rc refusal_quota(struct req *r, enum quota_admitted how, const struct quota_denied *d);

#endif
