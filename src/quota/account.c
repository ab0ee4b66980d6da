/*
 * account.c: accounts as their users see them, and stocks and gauges. Everything that is compared
 * is sequentially consistent: a hold raises c and then reads g; who lowers g writes it and then
 * reads c; one of the two sees the other.
 */
#include "quota/account_int.h"

#include <stdlib.h>

#include "base/digest.h"
#include "quota/window.h"

#define ID_DIM_BITS 3
#define REF_TAKEN   (UINT64_C(1) << 32)

uint64_t quota_account_id(struct str name, enum quota_dim dim)
{
	uint8_t hash[SHA256_LEN];
	uint64_t v = 0;

	tg_assert((unsigned)dim < QUOTA_DIM__MAX);
	digest_sha256(name, hash);
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | hash[i];
	return (v & ~UINT64_C(7)) | (uint64_t)dim;
}
_Static_assert(1 << ID_DIM_BITS == 8, "the mask above");

static void set_period(struct quota_account *a, const struct period *p)
{
	a->start.us = p != NULL ? p->start_us : INT64_MIN;
	a->end.us = p != NULL ? p->end_us : INT64_MAX;
	a->leaves.us = p != NULL ? p->leaves_us : INT64_MAX;
}

int quota_account_init(struct quota_account *a, struct str name, const struct quota_limit *l,
	const struct period *p)
{
	bool bucket = l->kind == QUOTA_ROLLING && p != NULL;

	tg_assert((l->kind == QUOTA_STOCK || bucket) == (p != NULL));
	a->kind = bucket ? QUOTA_STOCK : l->kind;
	a->dim = l->dim;
	a->rate_s = l->rate_s;
	a->window = NULL;
	set_period(a, p);
	if (a->kind == QUOTA_ROLLING) {
		a->window = quota_window_new(period_buckets(&l->period));
		if (a->window == NULL)
			return -1;
	}
	a->name = str_mk(str_dup(name), name.n);
	a->magic = QUOTA_ACCOUNT_MAGIC;
	atomic_store(&a->committed, 0);
	atomic_store(&a->settled, 0);
	atomic_store(&a->over, 0);
	atomic_store(&a->tat_ns, INT64_MIN);
	atomic_store(&a->tried, 0);
	atomic_store(&a->shared, false);
	quota_lease_init(a);
	atomic_store(&a->id, quota_account_id(name, l->dim));
	quota_account_set_limit(a, bucket ? QUOTA_AMOUNT_MAX : l->amount);
	/* from here on quota_account_try_get succeeds */
	atomic_fetch_add(&a->refs, REF_TAKEN + 1);
	return 0;
}

void quota_account_fini(struct quota_account *a)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert((atomic_load(&a->refs) & QUOTA_REFS_MASK) == 0);
	if (a->window != NULL)
		quota_window_free(a->window);
	a->window = NULL;
	free((char *)(uintptr_t)a->name.p);
	a->name = STR_NONE;
	FINI_OBJ(a);
}

void quota_account_get(struct quota_account *a)
{
	uint64_t before = atomic_fetch_add(&a->refs, REF_TAKEN + 1);

	tg_assert((before & QUOTA_REFS_MASK) != 0);
}

bool quota_account_try_get(struct quota_account *a)
{
	uint64_t v = atomic_load(&a->refs);

	while ((v & QUOTA_REFS_MASK) != 0)
		if (atomic_compare_exchange_weak(&a->refs, &v, v + REF_TAKEN + 1))
			return true;
	return false;
}

void quota_account_put(struct quota_account *a)
{
	uint64_t before = atomic_fetch_sub(&a->refs, 1);

	tg_assert((before & QUOTA_REFS_MASK) != 0);
}

static void add_saturating(_Atomic int64_t *v, int64_t more)
{
	int64_t old = atomic_load(v);

	while (!atomic_compare_exchange_weak(
		v, &old, old > QUOTA_TOTAL_MAX - more ? QUOTA_TOTAL_MAX : old + more))
		;
}

/* More is settled than the limit: it was cut, or restored so. That is nobody's doing from here on.
 */
static void note_over(struct quota_account *a)
{
	int64_t excess = atomic_load(&a->settled) - atomic_load(&a->limit),
		over = atomic_load(&a->over);

	while (excess > over && !atomic_compare_exchange_weak(&a->over, &over, excess))
		;
}

void quota_account_set_limit(struct quota_account *a, int64_t limit)
{
	limit = quota_clamp(limit);
	if (a->kind == QUOTA_RATE)
		limit = TG_MAX(limit, 1);
	atomic_store(&a->limit, limit);
	if (!quota_account_leased(a))
		atomic_store(&a->granted, limit);
	note_over(a);
}

void quota_account_share(struct quota_account *a, int64_t share, mono_us now)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(a->kind != QUOTA_STOCK && share >= 0);
	if (a->kind == QUOTA_RATE)
		quota_rate_share(a, TG_MAX(share, 1), now);
	else
		atomic_store(&a->granted, share);
}

void quota_account_restore(struct quota_account *a, int64_t settled)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(a->kind == QUOTA_STOCK);
	settled = TG_MAX(0, TG_MIN(settled, QUOTA_TOTAL_MAX));
	add_saturating(&a->committed, settled);
	add_saturating(&a->settled, settled);
	note_over(a);
	if (!quota_account_leased(a))
		return;
	add_saturating(&a->offline_base, settled);
	quota_attend(a, QUOTA_ATTEND_SETTLED); /* the centre may not have heard of it */
}

void quota_account_adjust(struct quota_account *a, int64_t amount)
{
	int64_t settled = atomic_load(&a->settled);

	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(a->kind == QUOTA_STOCK);
	if (amount >= 0) {
		quota_account_restore(a, amount);
		return;
	}
	amount = TG_MAX(amount, -settled); /* others only add to it */
	atomic_fetch_add(&a->settled, amount);
	atomic_fetch_add(&a->committed, amount);
}

static enum quota_result stock_lacks(const struct quota_account *a, struct quota_time now)
{
	if (a->kind == QUOTA_GAUGE)
		return QUOTA_BUSY;
	return TG_UNLIKELY(quota_account_leased(a)) ? quota_lease_lacks(a, now.mono) : QUOTA_LACKS;
}

static enum quota_result stock_peek(
	const struct quota_account *a, int64_t amount, struct quota_time now)
{
	int64_t room;

	if (amount == 0)
		return QUOTA_OK;
	if (amount > atomic_load(&a->limit))
		return QUOTA_NEVER;
	room = atomic_load(&a->granted) - atomic_load(&a->committed);
	return amount <= room ? QUOTA_OK : stock_lacks(a, now);
}

/* The peek spares an account that is used up every write. */
static enum quota_result stock_take(struct quota_account *a, int64_t amount, struct quota_time now)
{
	enum quota_result r = stock_peek(a, amount, now);
	int64_t room;

	if (r != QUOTA_OK || amount == 0)
		return r;
	room = -(atomic_fetch_add(&a->committed, amount) + amount);
	room += atomic_load(&a->granted);
	if (TG_LIKELY(room >= 0)) {
		if (TG_UNLIKELY(quota_account_leased(a)))
			quota_lease_taken(a, amount, room);
		return QUOTA_OK;
	}
	atomic_fetch_sub(&a->committed, amount);
	return stock_lacks(a, now);
}

/* c before s in both directions, so that s <= c whoever looks. */
void quota_stock_settle(struct quota_account *a, int64_t held, int64_t actual)
{
	if (TG_UNLIKELY(actual > held)) {
		add_saturating(&a->over, actual - held);
		add_saturating(&a->committed, actual - held);
		add_saturating(&a->settled, actual);
	} else {
		if (actual < held)
			atomic_fetch_sub(&a->committed, held - actual);
		if (actual > 0)
			atomic_fetch_add(&a->settled, actual);
	}
	if (TG_UNLIKELY(quota_account_leased(a)))
		quota_attend(a, QUOTA_ATTEND_SETTLED);
}

enum quota_result quota_account_take(struct quota_account *a, int64_t amount, struct quota_time now,
	struct quota_account **charged)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(amount >= 0);
	*charged = a;
	switch (a->kind) {
	case QUOTA_RATE: return quota_rate_take(a, amount, now.mono);
	case QUOTA_ROLLING: return quota_window_take(a, amount, now.wall, charged);
	case QUOTA_STOCK:
	case QUOTA_GAUGE: break;
	}
	return stock_take(a, amount, now);
}

enum quota_result quota_account_peek(
	const struct quota_account *a, int64_t amount, struct quota_time now)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(amount >= 0);
	if (a->kind == QUOTA_RATE)
		return quota_rate_peek(a, amount, now.mono);
	if (a->kind != QUOTA_ROLLING || amount == 0)
		return stock_peek(a, amount, now);
	if (amount > atomic_load(&a->limit))
		return QUOTA_NEVER;
	return amount <= quota_account_headroom(a, now) ? QUOTA_OK : QUOTA_LACKS;
}

enum quota_result quota_account_raise(struct quota_account *a, int64_t held, int64_t more,
	struct quota_time now, struct quota_account **charged)
{
	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	tg_assert(held >= 0 && more >= 0);
	if (more == 0)
		return QUOTA_OK;
	if (a->kind == QUOTA_ROLLING)
		return quota_window_raise(a, held, more, now.wall, charged);
	return a->kind == QUOTA_RATE ? quota_rate_take(a, more, now.mono)
				     : stock_take(a, more, now);
}

void quota_account_settle(
	struct quota_account *charged, int64_t held, int64_t actual, struct quota_time now)
{
	CHECK_OBJ(charged, QUOTA_ACCOUNT_MAGIC);
	tg_assert(charged->kind != QUOTA_ROLLING && held >= 0);
	actual = quota_clamp(actual);
	switch (charged->kind) {
	case QUOTA_RATE: quota_rate_settle(charged, held, actual, now.mono); break;
	case QUOTA_GAUGE: atomic_fetch_sub(&charged->committed, held); break;
	case QUOTA_STOCK:
	case QUOTA_ROLLING: quota_stock_settle(charged, held, actual); break;
	}
}

int64_t quota_account_headroom(const struct quota_account *a, struct quota_time now)
{
	int64_t used;

	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	if (a->kind == QUOTA_RATE)
		return quota_rate_headroom(a, now.mono);
	used = a->kind == QUOTA_ROLLING ? quota_window_committed(a, now.wall)
					: atomic_load(&a->committed);
	return TG_MAX(0, atomic_load(&a->granted) - used);
}

wall_us quota_account_opens(const struct quota_account *a, int64_t amount, struct quota_time now)
{
	const wall_us never = { INT64_MAX };
	wall_us at = now.wall;
	int64_t wait_us;

	CHECK_OBJ(a, QUOTA_ACCOUNT_MAGIC);
	if (amount > atomic_load(&a->limit))
		return never;
	switch (a->kind) {
	case QUOTA_STOCK: return a->end;
	case QUOTA_ROLLING: return quota_window_opens(a, amount, now.wall);
	case QUOTA_GAUGE: return at;
	case QUOTA_RATE: break;
	}
	wait_us = quota_rate_wait_us(a, amount, now.mono);
	return wait_us < 0 || __builtin_add_overflow(at.us, wait_us, &at.us) ? never : at;
}
