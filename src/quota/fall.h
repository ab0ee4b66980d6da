/*
 * fall.h: amounts that come from several sources in a fixed order, as water falls from one basin
 * into the next: a tenant's limits on cost, then its credits, then its overdraft; what is reserved
 * for a tenant, then what its org's tenants share. Part of a hold (hold.h).
 *
 *	source 0: the accounts of limits, which all must have room      draws what all of them have,
 *	source 1, 2, ...: one account each                              the next one what is left
 *
 * A fall has its whole amount or nothing. It is settled in the same order: what a request was in
 * the end comes out of the first source as far as it had been drawn there, then out of the next.
 * More than was held is the first source's, counted in `over` as in any account.
 *
 * The rules of account.h: atomics alone. Two that draw at once may both go on to the next source
 * where one of them would have had room; never has a source given more than it has.
 */
#ifndef TG_QUOTA_FALL_H
#define TG_QUOTA_FALL_H

#include "quota/account.h"

#define QUOTA_FALL_MAX 16 /* accounts of all falls of a request */

struct quota_denied;

struct quota_step { /* of a path */
	struct quota_account *account;
	uint8_t fall; /* steps of one fall stand together, and in it those of a source, in order */
	uint8_t source; /* from 0; their accounts have one dimension */
	uint8_t purse;  /* what the ledger keeps: enum quota_purse */
};

/* Whose credits and overdraft sources behind the first one are. */
enum quota_purse { QUOTA_PURSE_NONE, QUOTA_PURSE_TENANT, QUOTA_PURSE_ORG, QUOTA_PURSE__MAX };

struct quota_falls { /* in a hold */
	unsigned n;
	struct quota_fall_item {
		struct quota_step step;
		struct quota_account *charged; /* as a hold's item */
		int64_t held;
	} item[QUOTA_FALL_MAX];
};

/*
 * All falls of a request take amount[dim]; references as quota_reserve. QUOTA_OK, or nothing is
 * held and denied names the account of the first source that lacked; headroom is that of all
 * sources. Leased accounts are asked for more (QUOTA_ASK) before the next source is drawn on.
 */
enum quota_result quota_falls_take(struct quota_falls *f, const struct quota_step *step, unsigned n,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now,
	struct quota_denied *denied) TG_MUST_CHECK;
/* So much more, or all as it was. */
enum quota_result quota_falls_raise(struct quota_falls *f, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_denied *denied) TG_MUST_CHECK;
/* `more` was the last raise: it is given back, from the last source on. */
void quota_falls_lower(
	struct quota_falls *f, const int64_t more[QUOTA_DIM__MAX], struct quota_time now);
/* It is over, and was this (0: nothing). */
void quota_falls_settle(
	struct quota_falls *f, const int64_t actual[QUOTA_DIM__MAX], struct quota_time now);
/* What of such an end comes out of each purse. Changes nothing. */
void quota_falls_drawn(const struct quota_falls *f, const int64_t actual[QUOTA_DIM__MAX],
	int64_t drawn[QUOTA_PURSE__MAX]);

#endif
