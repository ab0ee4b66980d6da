/*
 * offline.c: see offline.h. Runs on workers, when nobody can say what is left of a limit.
 */
#include "quota/offline.h"

#include "quota/account_int.h"

#define BASIS 10000

bool quota_offline_opens(const struct quota_offline *o)
{
	for (unsigned d = 0; d < QUOTA_DIM__MAX; d++)
		if (o->how[d] != QUOTA_OFFLINE_CLOSED)
			return true;
	return false;
}

/* Of this member; 0 or more. */
static int64_t allowance(const struct quota_account *a, const struct quota_offline *o)
{
	int64_t whole;

	if (o->how[a->dim] == QUOTA_OFFLINE_LOCAL) {
		whole = atomic_load(&a->offline_free);
	} else {
		whole = (int64_t)((__int128)atomic_load(&a->limit) * o->share_bp / BASIS);
		if (o->most[a->dim] > 0)
			whole = TG_MIN(whole, o->most[a->dim]);
	}
	return whole / o->members;
}

/* What may be committed; -1: nothing is to be let in. */
static int64_t bound(const struct quota_account *a, const struct quota_offline *o)
{
	if (o == NULL || o->how[a->dim] == QUOTA_OFFLINE_CLOSED || !quota_account_leased(a) ||
		atomic_load(&a->barred))
		return -1;
	return atomic_load(&a->offline_base) + allowance(a, o);
}

bool quota_offline_fits(
	const struct quota_account *a, int64_t amount, const struct quota_offline *o)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	return amount <= bound(a, o) - atomic_load(&a->committed);
}

enum quota_result quota_offline_take(
	struct quota_account *a, int64_t amount, const struct quota_offline *o)
{
	int64_t most = bound(a, o), beyond;

	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(amount >= 0);
	beyond = atomic_fetch_add(&a->committed, amount) + amount;
	if (beyond > most) {
		atomic_fetch_sub(&a->committed, amount);
		return QUOTA_UNSURE;
	}
	beyond = TG_MIN(beyond - atomic_load(&a->offline_base), amount);
	if (beyond > 0)
		atomic_fetch_add(&a->over, beyond);
	return QUOTA_OK;
}
