/*
 * rate.c: rates by GCRA, the generic cell rate algorithm in its virtual-scheduling form (ITU-T
 * I.371, annex A). A limit of A units in U nanoseconds: one unit takes U/A; the theoretical
 * arrival time (TAT) is when all that was taken will have been refilled. An amount may be taken
 * when the TAT behind it is no more than U ahead of now: so up to A at once.
 *
 * Nanoseconds of an amount are rounded up when it is taken and down when it is given back: never
 * does rounding let in more. So that A single units still fit where U/A is no whole number, the TAT
 * may be A nanoseconds further ahead as long as these are less than one unit (A * A < U).
 */
#include "quota/account_int.h"

#define SECOND_NS  INT64_C(1000000000)
#define NS_PER_US  1000
#define HORIZON_NS (INT64_C(1) << 62) /* a debt that nobody waits for */
#define NOW_MAX_US (HORIZON_NS / 2 / NS_PER_US)

struct rate {
	int64_t amount, span_ns, ahead_ns; /* A, U, and how far ahead of now the TAT may be */
};

static struct rate rate_of(const struct quota_account *a)
{
	struct rate r = { atomic_load(&a->granted), a->rate_s * SECOND_NS, 0 };
	bool small = (__int128)r.amount * r.amount < r.span_ns;

	tg_assert(r.amount > 0 && r.span_ns > 0);
	r.ahead_ns = r.span_ns + (small ? r.amount : 0);
	return r;
}

static int64_t now_ns(mono_us now)
{
	return TG_MAX(0, TG_MIN(now.us, NOW_MAX_US)) * NS_PER_US;
}

/* Below 2^56 units times 2^42 ns: no product wraps. */
static int64_t span_down(const struct rate *r, int64_t units)
{
	__int128 ns = (__int128)units * r->span_ns / r->amount;

	return ns > HORIZON_NS ? HORIZON_NS : (int64_t)ns;
}

static int64_t span_up(const struct rate *r, int64_t units)
{
	__int128 ns = ((__int128)units * r->span_ns + r->amount - 1) / r->amount;

	return ns > HORIZON_NS ? HORIZON_NS : (int64_t)ns;
}

/* How far ahead of now the TAT would be with so much more taken. */
static int64_t ahead_with(int64_t tat, int64_t now, int64_t more_ns)
{
	int64_t ahead = tat > now ? tat - now : 0;

	return ahead > HORIZON_NS - more_ns ? HORIZON_NS : ahead + more_ns;
}

static int64_t later(int64_t now, int64_t ahead)
{
	return now + TG_MIN(ahead, HORIZON_NS - now);
}

/* More than there is at once: of a share, another one may have room for it. */
static enum quota_result too_much(const struct quota_account *a, int64_t amount)
{
	return amount > atomic_load(&a->limit) ? QUOTA_NEVER : QUOTA_TOO_FAST;
}

/*
 * What is free at once stays what it was, or is less where the share is; it refills faster or
 * slower. So all shares together never have more free than before one of them was changed.
 */
void quota_rate_share(struct quota_account *a, int64_t share, mono_us now)
{
	const struct rate before = rate_of(a);
	struct rate after = before;
	int64_t tat = atomic_load(&a->tat_ns), t = now_ns(now), room;

	after.amount = share;
	if (share < before.amount)
		atomic_store(&a->granted, share);
	do {
		room = before.ahead_ns - ahead_with(tat, t, 0);
		room = (int64_t)((__int128)room * before.amount / before.span_ns); /* or a debt */
		room = TG_MIN(TG_MIN(room, before.amount), share);
	} while (!atomic_compare_exchange_weak(
		&a->tat_ns, &tat, later(t, span_up(&after, share - room))));
	if (share > before.amount)
		atomic_store(&a->granted, share);
}

enum quota_result quota_rate_peek(const struct quota_account *a, int64_t amount, mono_us now)
{
	struct rate r = rate_of(a);

	if (amount == 0)
		return QUOTA_OK;
	if (amount > r.amount)
		return too_much(a, amount);
	return ahead_with(atomic_load(&a->tat_ns), now_ns(now), span_up(&r, amount)) <= r.ahead_ns
		       ? QUOTA_OK
		       : QUOTA_TOO_FAST;
}

enum quota_result quota_rate_take(struct quota_account *a, int64_t amount, mono_us now)
{
	struct rate r = rate_of(a);
	int64_t t = now_ns(now), tat = atomic_load(&a->tat_ns), ahead, ns;

	if (amount == 0)
		return QUOTA_OK;
	if (amount > r.amount)
		return too_much(a, amount);
	ns = span_up(&r, amount);
	do {
		ahead = ahead_with(tat, t, ns);
		if (ahead > r.ahead_ns)
			return QUOTA_TOO_FAST;
	} while (!atomic_compare_exchange_weak(&a->tat_ns, &tat, later(t, ahead)));
	return QUOTA_OK;
}

static void debit(struct quota_account *a, int64_t ns, int64_t now)
{
	int64_t tat = atomic_load(&a->tat_ns);

	while (!atomic_compare_exchange_weak(
		&a->tat_ns, &tat, later(now, ahead_with(tat, now, ns))))
		;
}

/* Not below now: a rate that stood still is full, not more. */
static void refund(struct quota_account *a, int64_t ns, int64_t now)
{
	int64_t tat = atomic_load(&a->tat_ns);

	do {
		if (tat <= now)
			return;
	} while (!atomic_compare_exchange_weak(&a->tat_ns, &tat, tat - now > ns ? tat - ns : now));
}

void quota_rate_settle(struct quota_account *a, int64_t held, int64_t actual, mono_us now)
{
	struct rate r = rate_of(a);

	if (actual > held)
		debit(a, span_up(&r, actual - held), now_ns(now));
	else if (actual < held)
		refund(a, span_down(&r, held - actual), now_ns(now));
}

int64_t quota_rate_headroom(const struct quota_account *a, mono_us now)
{
	struct rate r = rate_of(a);
	int64_t room = r.ahead_ns - ahead_with(atomic_load(&a->tat_ns), now_ns(now), 0);

	if (room <= 0)
		return 0;
	return TG_MIN((int64_t)((__int128)room * r.amount / r.span_ns), r.amount);
}

int64_t quota_rate_wait_us(const struct quota_account *a, int64_t amount, mono_us now)
{
	struct rate r = rate_of(a);
	int64_t wait;

	if (amount > r.amount) /* of a share: a second later it may be more */
		return amount > atomic_load(&a->limit) ? -1 : INT64_C(1000000);
	wait = ahead_with(atomic_load(&a->tat_ns), now_ns(now), span_up(&r, amount)) - r.ahead_ns;
	return wait > 0 ? (wait + NS_PER_US - 1) / NS_PER_US : 0;
}
