/*
 * window.h: rolling windows: an account of kind QUOTA_ROLLING (the head) with a ring of buckets,
 * which are stock accounts of their own names and ids, so that the ledger can tell them apart.
 *
 * The open bucket is where holds go. A hold raises the open bucket, then sums the open one and
 * the n before it, then looks whether the bucket is still the open one; if not it starts anew.
 * So of two holds that together would be too much at least one sees the other, whatever buckets
 * they meet (period.h says what the sum bounds). The control thread brings the next bucket before
 * it is due; the first thread whose clock says so opens it. Until it is brought the last one stays
 * open, and nothing leaves the window: late means strict.
 */
#ifndef TG_QUOTA_WINDOW_H
#define TG_QUOTA_WINDOW_H

#include "quota/account.h"

/*
 * Control thread: the next bucket in time, whose reference goes to the window. At the start the
 * oldest of period_window first, each turned to before the next. -1 (the reference stays with
 * the caller): the one brought last is not open yet. *left is the bucket that fell out of
 * the ring, for quota_account_put; NULL while the ring is not full.
 */
int quota_window_push(struct quota_account *head, struct quota_account *bucket,
	struct quota_account **left) TG_MUST_CHECK;
/* Opens what is due. Any thread; every hold does it too. */
void quota_window_turn(const struct quota_account *head, wall_us now);
/* The end of the newest bucket that was brought: when the next one is due. INT64_MIN us: none was.
 */
wall_us quota_window_until(const struct quota_account *head);

/* The sum that is compared with the limit; of what is settled; of what was settled beyond holds. */
int64_t quota_window_committed(const struct quota_account *head, wall_us now);
int64_t quota_window_settled(const struct quota_account *head, wall_us now);
int64_t quota_window_over(const struct quota_account *head, wall_us now);
/* When enough buckets will have left for an amount. */
wall_us quota_window_opens(const struct quota_account *head, int64_t amount, wall_us now);
/* Control thread: is nothing in it that a window after `now` would count? */
bool quota_window_idle(const struct quota_account *head, wall_us now);

#endif
