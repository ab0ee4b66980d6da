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
		.why = r == QUOTA_UNSURE ? (enum quota_unsure)atomic_load(&a->unsure) : QUOTA_SURE,
	};
	return r;
}

static const int64_t nothing[QUOTA_DIM__MAX];

static inline int64_t less(int64_t amount, int64_t before)
{
	return TG_MAX(amount - before, 0);
}

/*
 * Replaces what items have of `held` by what it was, and gives their references back. before: of
 * amounts of the whole request, what is not theirs.
 */
static void end(struct quota_hold_item *item, unsigned n, const int64_t held[QUOTA_DIM__MAX],
	const int64_t actual[QUOTA_DIM__MAX], const int64_t before[QUOTA_DIM__MAX],
	struct quota_time now)
{
	while (n-- > 0) {
		struct quota_account *a = item[n].account, *charged = item[n].charged;
		enum quota_dim d = a->dim;

		quota_account_settle(
			charged, less(held[d], before[d]), less(actual[d], before[d]), now);
		if (charged != a)
			quota_account_put(charged);
		quota_account_put(a);
	}
}

/* Nobody knows whether there is more, and then some is to be let in. */
static bool passes(enum quota_result r, const struct quota_offline *offline)
{
	return TG_UNLIKELY(offline != NULL) && (r == QUOTA_UNSURE || r == QUOTA_ASK);
}

static enum quota_result peek_all(struct quota_account *const *path, unsigned n,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now,
	const struct quota_offline *offline, struct quota_denied *denied)
{
	for (unsigned i = 0; i < n; i++) {
		enum quota_result r = quota_account_peek(path[i], amount[path[i]->dim], now);

		if (TG_UNLIKELY(atomic_load_explicit(&path[i]->shared, memory_order_relaxed)))
			atomic_fetch_add_explicit(
				&path[i]->tried, amount[path[i]->dim], memory_order_relaxed);

		if (r != QUOTA_OK &&
			!(passes(r, offline) &&
				quota_offline_fits(path[i], amount[path[i]->dim], offline)))
			return deny(path[i], r, amount[path[i]->dim], now, denied);
	}
	return QUOTA_OK;
}

/* None of them when it is refused. */
static enum quota_result take_all(struct quota_hold_item *to, struct quota_account *const *path,
	unsigned n, const int64_t amount[QUOTA_DIM__MAX], struct quota_time now,
	const struct quota_offline *offline, struct quota_denied *denied)
{
	for (unsigned i = 0; i < n; i++) {
		enum quota_result r;

		to[i].account = path[i];
		r = quota_account_take(path[i], amount[path[i]->dim], now, &to[i].charged);
		if (r != QUOTA_OK && passes(r, offline))
			r = quota_offline_take(path[i], amount[path[i]->dim], offline);
		if (TG_UNLIKELY(r != QUOTA_OK)) {
			end(to, i, amount, nothing, nothing, now);
			return deny(path[i], r, amount[path[i]->dim], now, denied);
		}
		quota_account_get(path[i]);
	}
	return QUOTA_OK;
}

enum quota_result quota_reserve_falls(struct quota_account *const *path, unsigned n,
	const struct quota_step *step, unsigned n_steps, const int64_t amount[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_hold *hold, struct quota_denied *denied)
{
	enum quota_result r;

	tg_assert(n <= QUOTA_PATH_MAX);
	hold->n = hold->falls.n = 0;
	r = peek_all(path, n, amount, now, hold->offline, denied);
	if (r == QUOTA_OK && n_steps > 0)
		r = quota_falls_take(&hold->falls, step, n_steps, amount, now, denied);
	if (r != QUOTA_OK)
		return r;
	r = take_all(hold->item, path, n, amount, now, hold->offline, denied);
	if (r != QUOTA_OK) {
		quota_falls_settle(&hold->falls, nothing, now);
		return r;
	}
	memcpy(hold->amount, amount, sizeof hold->amount);
	memset(hold->before, 0, sizeof hold->before);
	hold->lasting = hold->n = n;
	return QUOTA_OK;
}

enum quota_result quota_reserve(struct quota_account *const *path, unsigned n,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now, struct quota_hold *hold,
	struct quota_denied *denied)
{
	return quota_reserve_falls(path, n, NULL, 0, amount, now, hold, denied);
}

static void lower_all(struct quota_hold_item *item, unsigned n, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now)
{
	while (n-- > 0)
		quota_account_settle(item[n].charged, more[item[n].account->dim], 0, now);
}

/* May an account owe what it has no room for? */
enum owing { OWE_NOTHING, OWE_RATES };

static enum quota_result raise_one(struct quota_hold_item *item, int64_t held, int64_t more,
	struct quota_time now, enum owing owing, const struct quota_offline *offline)
{
	if (owing == OWE_NOTHING || item->account->kind != QUOTA_RATE) {
		enum quota_result r =
			quota_account_raise(item->account, held, more, now, &item->charged);

		return passes(r, offline) ? quota_offline_take(item->account, more, offline) : r;
	}
	quota_account_settle(item->charged, 0, more, now);
	return QUOTA_OK;
}

static enum quota_result raise_all(struct quota_hold_item *item, unsigned n,
	const int64_t held[QUOTA_DIM__MAX], const int64_t before[QUOTA_DIM__MAX],
	const int64_t more[QUOTA_DIM__MAX], struct quota_time now, enum owing owing,
	const struct quota_offline *offline, struct quota_denied *denied)
{
	for (unsigned i = 0; i < n; i++) {
		struct quota_account *a = item[i].account;
		enum quota_result r = raise_one(&item[i], less(held[a->dim], before[a->dim]),
			more[a->dim], now, owing, offline);

		if (r == QUOTA_OK)
			continue;
		lower_all(item, i, more, now);
		return deny(a, r, more[a->dim], now, denied);
	}
	return QUOTA_OK;
}

/* A dimension without an account has no bound. */
static void add(int64_t to[QUOTA_DIM__MAX], const int64_t more[QUOTA_DIM__MAX])
{
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		if (__builtin_add_overflow(to[d], more[d], &to[d]))
			to[d] = INT64_MAX;
}

/* Falls and accounts that stay. */
static enum quota_result raise_lasting(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, enum owing owing, struct quota_denied *denied)
{
	enum quota_result r = QUOTA_OK;

	if (TG_UNLIKELY(hold->falls.n > 0))
		r = quota_falls_raise(&hold->falls, more, now, denied);
	if (r != QUOTA_OK)
		return r;
	r = raise_all(hold->item, hold->lasting, hold->amount, nothing, more, now, owing,
		hold->offline, denied);
	if (r != QUOTA_OK)
		quota_falls_lower(&hold->falls, more, now);
	return r;
}

static void lower_lasting(
	struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX], struct quota_time now)
{
	lower_all(hold->item, hold->lasting, more, now);
	quota_falls_lower(&hold->falls, more, now);
}

static enum quota_result raise(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, enum owing owing, struct quota_denied *denied)
{
	struct quota_hold_item *of_target = hold->item + hold->lasting;
	enum quota_result r = raise_lasting(hold, more, now, owing, denied);

	if (r != QUOTA_OK)
		return r;
	r = raise_all(of_target, hold->n - hold->lasting, hold->amount, hold->before, more, now,
		owing, hold->offline, denied);
	if (r != QUOTA_OK) {
		lower_lasting(hold, more, now);
		return r;
	}
	add(hold->amount, more);
	return QUOTA_OK;
}

enum quota_result quota_raise(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_denied *denied)
{
	return raise(hold, more, now, OWE_NOTHING, denied);
}

enum quota_result quota_extend(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_denied *denied)
{
	return raise(hold, more, now, OWE_RATES, denied);
}

enum quota_result quota_move(struct quota_hold *hold, const int64_t more[QUOTA_DIM__MAX],
	const int64_t spent[QUOTA_DIM__MAX], struct quota_account *const *path, unsigned n,
	struct quota_time now, struct quota_denied *denied)
{
	struct quota_hold_item next[QUOTA_PATH_MAX], *of_target = hold->item + hold->lasting;
	int64_t want[QUOTA_DIM__MAX], amount[QUOTA_DIM__MAX];
	enum quota_result r;

	tg_assert(hold->lasting + n <= QUOTA_PATH_MAX);
	memcpy(amount, hold->amount, sizeof amount);
	add(amount, more);
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		want[d] = less(amount[d], spent[d]);
	r = peek_all(path, n, want, now, hold->offline, denied);
	if (r == QUOTA_OK)
		r = raise_lasting(hold, more, now, OWE_NOTHING, denied);
	if (r != QUOTA_OK)
		return r;
	r = take_all(next, path, n, want, now, hold->offline, denied);
	if (r != QUOTA_OK) {
		lower_lasting(hold, more, now);
		return r;
	}
	end(of_target, hold->n - hold->lasting, hold->amount, spent, hold->before, now);
	memcpy(of_target, next, n * sizeof *next);
	memcpy(hold->amount, amount, sizeof amount);
	memcpy(hold->before, spent, sizeof hold->before);
	hold->n = hold->lasting + n;
	return QUOTA_OK;
}

/* What it had; and afterwards it has nothing. */
static void end_all(
	struct quota_hold *hold, const int64_t actual[QUOTA_DIM__MAX], struct quota_time now)
{
	end(hold->item + hold->lasting, hold->n - hold->lasting, hold->amount, actual, hold->before,
		now);
	end(hold->item, hold->lasting, hold->amount, actual, nothing, now);
	if (TG_UNLIKELY(hold->falls.n > 0))
		quota_falls_settle(&hold->falls, actual, now);
	hold->n = hold->lasting = 0;
}

void quota_settle(
	struct quota_hold *hold, const int64_t actual[QUOTA_DIM__MAX], struct quota_time now)
{
	end_all(hold, actual, now);
}

void quota_release(struct quota_hold *hold, struct quota_time now)
{
	end_all(hold, nothing, now);
}
