/*
 * hold.h: what one request has committed: all accounts of its path or none. No lock, no memory but
 * the hold itself, which lies in the request. One thread at a time has a hold; accounts are
 * shared by all.
 *
 * A path is in order of width: accounts that are the request's own first (key, tenant), shared
 * ones last (org, budgets over tenants, gateway). All are looked at before any is touched, and
 * then taken in that order. So one that lacks in an account of its own leaves no trace in a shared
 * one, not even for an instant, and changes no decision of another.
 *
 * The last accounts of a path may be those of the target that a request is sent to. They have what
 * was spent there, and are left for others when the request moves on to another target.
 */
#ifndef TG_QUOTA_HOLD_H
#define TG_QUOTA_HOLD_H

#include "quota/fall.h"
#include "quota/offline.h"

#define QUOTA_PATH_MAX 24

struct quota_hold {
	unsigned n;                     /* accounts; 0: holds nothing */
	unsigned lasting;               /* how many stay at every target; the others follow */
	int64_t amount[QUOTA_DIM__MAX]; /* held of each account, by its dimension */
	int64_t before[QUOTA_DIM__MAX]; /* those of the target have so much less: spent elsewhere */
	struct quota_hold_item {
		struct quota_account *account; /* of the path */
		struct quota_account *charged; /* the same, or the bucket of a rolling one */
	} item[QUOTA_PATH_MAX];
	const struct quota_offline *offline; /* what is let in where the centre of a leased account
						cannot be asked; NULL: nothing. Set before, kept by
						all that is done to it */
	struct quota_falls falls; /* besides: amounts that may come from several sources */
};

/* Why a request was refused. The account is the path's: the caller has a reference, or the hold. */
struct quota_denied {
	struct quota_account *account; /* the first in the path that lacked */
	enum quota_result result;
	int64_t asked, headroom; /* in its dimension: what was wanted, and what was free */
	wall_us opens;           /* quota_account_opens; QUOTA_ASK, QUOTA_UNSURE: now */
	enum quota_unsure why;   /* QUOTA_UNSURE: as far as it still is so */
};

/*
 * Commits amount[dim] in every account of the path: n up to QUOTA_PATH_MAX, each account once. The
 * caller has references; the hold takes its own. QUOTA_OK: to be ended by exactly one
 * quota_settle or quota_release. Otherwise nothing is held, and denied says why.
 */
enum quota_result quota_reserve(struct quota_account *const *path, unsigned n,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now, struct quota_hold *hold,
	struct quota_denied *denied) TG_MUST_CHECK;
/* The same for a path that has falls, too (n_steps of them), which come first. */
enum quota_result quota_reserve_falls(struct quota_account *const *path, unsigned n,
	const struct quota_step *step, unsigned n_steps, const int64_t amount[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_hold *hold, struct quota_denied *denied) TG_MUST_CHECK;
/* The last n accounts of a hold that has just been reserved are those of the target. */
static inline void quota_hold_of_target(struct quota_hold *hold, unsigned n)
{
	tg_assert(n <= hold->n);
	hold->lasting = hold->n - n;
}
static inline bool quota_hold_is_empty(const struct quota_hold *hold)
{
	return hold->n + hold->falls.n == 0;
}
/*
 * So much more, before a second leg is sent: all or nothing; the hold stays as it was when it is
 * refused. Rolling accounts may be charged in another bucket afterwards (window.h): what the ledger
 * says of the hold is `charged` after this.
 */
enum quota_result quota_raise(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_denied *denied) TG_MUST_CHECK;
/*
 * The same for an answer that is under way: a rate is no reason to end it, for waiting would help.
 * What a rate has no room for is its debt, that later requests wait for.
 */
enum quota_result quota_extend(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_denied *denied) TG_MUST_CHECK;
/*
 * The same for a leg to another target, whose accounts (n of path) take the place of the last
 * target's: all or nothing. spent: what the request was up to now; what of it was spent at the
 * last target stays in that one's accounts. (0 requests and generations: they go on to the next
 * one.) For a hold without accounts, too, that is all zero.
 */
enum quota_result quota_move(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	const int64_t spent[QUOTA_DIM__MAX], struct quota_account *const *path, unsigned n,
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
