/*
 * offline.h: what an account lets in while its centre cannot be asked and what was granted is
 * spent. Closed: nothing. Otherwise so much beyond what the centre knows of, which the control
 * thread leaves in the account when it is told (lease.h) and nobody moves while the centre is away:
 *
 *	open      the lower of a share of the limit and an amount, divided by the members
 *	local     what was last known to be free, divided by the members
 *
 * Whatever is let in so is counted in `over`, and told to the centre when it is back. Until then
 * nothing of this grows: what is settled does not come back. When the centre is back,
 * and goes away again, what all together have beyond the limit comes off the allowance. Any thread:
 * atomics, no lock, no memory.
 */
#ifndef TG_QUOTA_OFFLINE_H
#define TG_QUOTA_OFFLINE_H

#include "quota/account.h"

enum quota_offline_how {
#define X(id, word) QUOTA_OFFLINE_##id,
#include "quota/tbl/offline.h"
#undef X
	QUOTA_OFFLINE__MAX
};

struct quota_offline {
	int how[QUOTA_DIM__MAX];      /* enum quota_offline_how */
	int64_t share_bp;             /* open: of the limit, in basis points, */
	int64_t most[QUOTA_DIM__MAX]; /* and at most so much; 0: not stated */
	unsigned members;             /* at least 1 */
};

/* Does it let anything in, in any dimension? */
bool quota_offline_opens(const struct quota_offline *o);
/* Would an amount be let in, after QUOTA_ASK or QUOTA_UNSURE? o NULL: no. */
bool quota_offline_fits(
	const struct quota_account *a, int64_t amount, const struct quota_offline *o);
/* Takes it. QUOTA_OK, or QUOTA_UNSURE, and nothing was taken. Ends as what quota_account_take took.
 */
enum quota_result quota_offline_take(
	struct quota_account *a, int64_t amount, const struct quota_offline *o) TG_MUST_CHECK;

#endif
