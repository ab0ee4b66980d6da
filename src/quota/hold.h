/*
 * hold.h: what one request has committed: all accounts of its path or none. No lock, no memory but
 * the hold itself, which lies in the request. One thread at a time has a hold; accounts are
 * shared by all.
 *
 * A path is in order of width: accounts that are the request's own first (key, tenant), shared
 * ones last (org, budgets over tenants, gateway). All are looked at before any is touched, and
 * then taken in that order. So one that lacks in an account of its own leaves no trace in a shared
 * one, not even for an instant, and changes no decision of another.
 */
#ifndef TG_QUOTA_HOLD_H
#define TG_QUOTA_HOLD_H

#include "quota/account.h"

#define QUOTA_PATH_MAX 24

struct quota_hold {
	unsigned n;                     /* accounts; 0: holds nothing */
	int64_t amount[QUOTA_DIM__MAX]; /* held of each account, by its dimension */
	struct quota_hold_item {
		struct quota_account *account; /* of the path */
		struct quota_account *charged; /* the same, or the bucket of a rolling one */
	} item[QUOTA_PATH_MAX];
};

/* Why a request was refused. The account is the path's: the caller has a reference, or the hold. */
struct quota_denied {
	struct quota_account *account; /* the first in the path that lacked */
	enum quota_result result;
	int64_t asked, headroom; /* in its dimension: what was wanted, and what was free */
	wall_us opens;           /* quota_account_opens; QUOTA_ASK, QUOTA_UNSURE: now */
};

/*
 * Commits amount[dim] in every account of the path: n up to QUOTA_PATH_MAX, each account once. The
 * caller has references; the hold takes its own. QUOTA_OK: to be ended by exactly one
 * quota_settle or quota_release. Otherwise nothing is held, and denied says why.
 */
enum quota_result quota_reserve(struct quota_account *const *path, unsigned n,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now, struct quota_hold *hold,
	struct quota_denied *denied) TG_MUST_CHECK;
/*
 * So much more, before a second leg is sent: all or nothing; the hold stays as it was when it is
 * refused. Rolling accounts may be charged in another bucket afterwards (window.h): what the ledger
 * says of the hold is `charged` after this.
 */
enum quota_result quota_raise(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_denied *denied) TG_MUST_CHECK;
/*
 * The request ended, and this is what it was: it takes the place of what was held, in the period in
 * which it was held. More than that is charged all the same, and counted in `over`.
 */
void quota_settle(
	struct quota_hold *hold, const int64_t actual[QUOTA_DIM__MAX], struct quota_time now);
/* Nothing was sent: all is given back, rates too. */
void quota_release(struct quota_hold *hold, struct quota_time now);

#endif
