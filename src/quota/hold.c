/*
 * hold.c: all or nothing over a path of accounts. Runs on workers, in the way of every request:
 * no lock, no allocation, no clock.
 */
#include "quota/hold.h"

/* Where the answer is not the account's own, it may change at any moment. */
static wall_us opens(
	const struct quota_account *a, enum quota_result r, int64_t asked, struct quota_time now)
{
	switch (r) {
	case QUOTA_NEVER: return (wall_us){ INT64_MAX };
	case QUOTA_ASK:
	case QUOTA_UNSURE: return now.wall;
	default: return quota_account_opens(a, asked, now);
	}
}

static enum quota_result deny(struct quota_account *a, enum quota_result r, int64_t asked,
	struct quota_time now, struct quota_denied *denied)
{
	*denied = (struct quota_denied){
		.account = a,
		.result = r,
		.asked = asked,
		.headroom = quota_account_headroom(a, now),
		.opens = opens(a, r, asked, now),
	};
	return r;
}

/* Gives back what the first n items have of `amount`, and their references. */
static void end(struct quota_hold *hold, unsigned n, const int64_t actual[QUOTA_DIM__MAX],
	struct quota_time now)
{
	for (unsigned i = n; i-- > 0;) {
		struct quota_hold_item *item = &hold->item[i];
		enum quota_dim dim = item->account->dim;

		quota_account_settle(item->charged, hold->amount[dim], actual[dim], now);
		if (item->charged != item->account)
			quota_account_put(item->charged);
		quota_account_put(item->account);
	}
	hold->n = 0;
}

static const int64_t nothing[QUOTA_DIM__MAX];

enum quota_result quota_reserve(struct quota_account *const *path, unsigned n,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now, struct quota_hold *hold,
	struct quota_denied *denied)
{
	enum quota_result r;

	tg_assert(n <= QUOTA_PATH_MAX);
	hold->n = 0;
	for (unsigned i = 0; i < n; i++) {
		r = quota_account_peek(path[i], amount[path[i]->dim], now);
		if (r != QUOTA_OK)
			return deny(path[i], r, amount[path[i]->dim], now, denied);
	}
	memcpy(hold->amount, amount, sizeof hold->amount);
	for (unsigned i = 0; i < n; i++) {
		struct quota_hold_item *item = &hold->item[i];

		item->account = path[i];
		r = quota_account_take(path[i], amount[path[i]->dim], now, &item->charged);
		if (TG_UNLIKELY(r != QUOTA_OK)) {
			end(hold, i, nothing, now);
			return deny(path[i], r, amount[path[i]->dim], now, denied);
		}
		quota_account_get(path[i]);
	}
	hold->n = n;
	return QUOTA_OK;
}

enum quota_result quota_raise(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_denied *denied)
{
	for (unsigned i = 0; i < hold->n; i++) {
		struct quota_hold_item *item = &hold->item[i];
		enum quota_dim dim = item->account->dim;
		enum quota_result r = quota_account_raise(
			item->account, hold->amount[dim], more[dim], now, &item->charged);

		if (r == QUOTA_OK)
			continue;
		while (i-- > 0)
			quota_account_settle(
				hold->item[i].charged, more[hold->item[i].account->dim], 0, now);
		return deny(item->account, r, more[dim], now, denied);
	}
	/* a dimension without an account has no bound */
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		if (__builtin_add_overflow(hold->amount[d], more[d], &hold->amount[d]))
			hold->amount[d] = INT64_MAX;
	return QUOTA_OK;
}

void quota_settle(
	struct quota_hold *hold, const int64_t actual[QUOTA_DIM__MAX], struct quota_time now)
{
	end(hold, hold->n, actual, now);
}

void quota_release(struct quota_hold *hold, struct quota_time now)
{
	end(hold, hold->n, nothing, now);
}
