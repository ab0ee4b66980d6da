/*
 * share.h: a member's part of limits that it need not ask anybody for while it admits: a rate, a
 * number at a time, a rolling window. Members tell the centre once a second what they use and what
 * was asked of them (tgq_share_v1 in quota.lua), and are told their share: by demand, with a floor.
 *
 * Calls say when they were sent by the centre's clock, so that it passes over late ones; and from
 * SILENT_US on, that the even part is about to be used, so that others make room for it.
 *
 *	answer          the share holds from now on: lower at once; a raise is of what nobody has
 *	SILENT_US       without one: what is above the even part is given up, for others may get it
 *	4 * SILENT_US   the even part again, whatever it was: all of them have given up by then
 *
 * So the shares of all come to the limit at most, whoever can reach the centre. Time runs from when
 * the last answered call was sent, which is before the centre has seen it. Pure; the control
 * thread's, but for what workers count in the account.
 */
#ifndef TG_QUOTA_SHARE_H
#define TG_QUOTA_SHARE_H

#include "quota/account.h"

#define SHARE_SILENT_US INT64_C(3000000) /* as SHARE_SILENT_MS of quota.lua */

struct share {
	struct quota_account *account; /* a reference */
	int64_t limit, even;           /* of all members; of this one, when nobody can be asked */
	int64_t now;                   /* what holds are compared with */
	int64_t demand;
	mono_us heard; /* when the last call was sent that was answered */
	bool ever;     /* there was one */
};

/* From now on: its even part, as it was. Takes a reference; not a stock. */
void share_begin(struct share *s, struct quota_account *a, int64_t limit, int64_t even);
/* It is told nothing any more: the even part. Gives the reference back. */
void share_end(struct share *s, struct quota_time now);
/* The limit is another one. A cut holds at once. */
void share_limit(struct share *s, int64_t limit, int64_t even, struct quota_time now);
/* What the next call says: what is used or cannot be given up, and how much is asked for. True: the
 * flag "e", it goes by its even part. After share_tick. */
bool share_call(
	struct share *s, struct quota_time now, int64_t *use, int64_t *demand) TG_MUST_CHECK;
/* The answer to a call that was sent then. */
void share_answer(struct share *s, int64_t share, mono_us sent, struct quota_time now);
/* Now and then: what no answer came for. */
void share_tick(struct share *s, struct quota_time now);

#endif
