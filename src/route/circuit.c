/*
 * circuit.c: see circuit.h. Relaxed atomics throughout: each figure stands for itself.
 */
#include "route/circuit.h"

#include "base/defs.h"

#define get(p)    atomic_load_explicit(p, memory_order_relaxed)
#define set(p, v) atomic_store_explicit(p, v, memory_order_relaxed)

enum circuit_state circuit_state(const struct circuit *c, mono_us now)
{
	int64_t until = get(&c->open_until_us);

	if (until == 0)
		return CIRCUIT_CLOSED;
	return until > now.us ? CIRCUIT_OPEN : CIRCUIT_HALF_OPEN;
}

bool circuit_wants_probe(const struct circuit *c, mono_us now)
{
	return circuit_state(c, now) == CIRCUIT_HALF_OPEN && get(&c->probes) == 0;
}

bool circuit_probe_begin(struct circuit *c)
{
	uint32_t none = 0;

	return atomic_compare_exchange_strong_explicit(
		&c->probes, &none, 1, memory_order_relaxed, memory_order_relaxed);
}

void circuit_probe_end(struct circuit *c)
{
	set(&c->probes, 0);
}

static void circuit_close(struct circuit *c, mono_us now)
{
	set(&c->good, 0);
	set(&c->closed_at_us, TG_MAX(now.us, 1));
	set(&c->open_until_us, 0);
}

void circuit_success(struct circuit *c, mono_us now)
{
	if (get(&c->failures) != 0)
		set(&c->failures, 0);
	if (TG_LIKELY(get(&c->open_until_us) == 0))
		return;
	if (atomic_fetch_add_explicit(&c->good, 1, memory_order_relaxed) + 1 >= CIRCUIT_GOOD)
		circuit_close(c, now);
}

/* Up to a quarter less by chance, so that many gateways do not come back at once. */
static int64_t jittered(int64_t us, uint32_t random)
{
	return us - (int64_t)((uint64_t)us / 4 * (random & 0xffff) >> 16);
}

static void circuit_open(struct circuit *c, mono_us now, uint32_t random)
{
	int64_t closed_at = get(&c->closed_at_us), us = CIRCUIT_OPEN_US;
	uint32_t n = get(&c->opened);

	if (get(&c->open_until_us) == 0 && closed_at > 0 && now.us - closed_at > CIRCUIT_FORGET_US)
		n = 0;
	for (uint32_t i = 0; i < n && us < CIRCUIT_OPEN_MAX_US; i++)
		us *= 2;
	set(&c->opened, n < 16 ? n + 1 : n);
	set(&c->good, 0);
	set(&c->open_until_us, now.us + jittered(TG_MIN(us, CIRCUIT_OPEN_MAX_US), random));
}

bool circuit_failure(
	struct circuit *c, mono_us now, unsigned halves, bool too_many, uint32_t random)
{
	uint32_t n = atomic_fetch_add_explicit(&c->failures, halves, memory_order_relaxed) + halves;

	switch (circuit_state(c, now)) {
	case CIRCUIT_OPEN: /* of a request that was sent before it opened, or for want of others */
		set(&c->good, 0);
		return false;
	case CIRCUIT_HALF_OPEN: circuit_open(c, now, random); return true;
	case CIRCUIT_CLOSED: break;
	}
	if (n < 2 * CIRCUIT_FAILURES && !too_many)
		return false;
	circuit_open(c, now, random);
	return true;
}

void circuit_eject(struct circuit *c, mono_us now)
{
	uint32_t n = TG_MIN(get(&c->ejected) + 1, 64u);

	if (now.us - get(&c->ejected_until_us) > CIRCUIT_FORGET_US)
		n = 1;
	set(&c->ejected, n);
	set(&c->ejected_until_us,
		now.us + TG_MIN((int64_t)n * CIRCUIT_EJECT_US, CIRCUIT_EJECT_MAX_US));
}

bool circuit_borrow(struct circuit *c, int64_t until_us)
{
	int64_t closed = 0;

	if (until_us == 0 || !atomic_compare_exchange_strong_explicit(&c->open_until_us, &closed,
				     until_us, memory_order_relaxed, memory_order_relaxed))
		return false;
	set(&c->good, 0);
	return true;
}

void circuit_unborrow(struct circuit *c, int64_t until_us, mono_us now)
{
	int64_t ours = until_us;

	if (until_us > now.us)
		(void)atomic_compare_exchange_strong_explicit(&c->open_until_us, &ours,
			TG_MAX(now.us, 1), memory_order_relaxed, memory_order_relaxed);
}

void circuit_reset(struct circuit *c)
{
	set(&c->failures, 0);
	set(&c->good, 0);
	set(&c->opened, 0);
	set(&c->ejected, 0);
	set(&c->ejected_until_us, 0);
	set(&c->closed_at_us, 0);
	set(&c->open_until_us, 0);
}

uint32_t circuit_share(const struct circuit *c, int64_t since_us, mono_us now)
{
	int64_t from = TG_MAX(get(&c->closed_at_us), since_us), age = now.us - from;

	if (from == 0 || age >= CIRCUIT_SLOW_US)
		return 1024;
	age = TG_MAX(age, 0);
	/* from a tenth, in a straight line */
	return 102 + (uint32_t)((uint64_t)age * 922 / CIRCUIT_SLOW_US);
}

/* ---- outliers */

#define OUTLIER_LEAST_Q16 (65536 / 5)
#define OUTLIER_TIMES     4

int outlier_find(const struct outlier *v, unsigned n)
{
	unsigned in = 0, worst = 0;
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		if (v[i].out || v[i].volume < CIRCUIT_VOLUME)
			continue;
		if (in == 0 || v[i].fail_q16 > v[worst].fail_q16)
			worst = i;
		sum += v[i].fail_q16;
		in++;
	}
	/* one of two: which of them is right? */
	if (in < 3 || v[worst].fail_q16 < OUTLIER_LEAST_Q16)
		return -1;
	sum -= v[worst].fail_q16;
	if ((uint64_t)v[worst].fail_q16 * (in - 1) < OUTLIER_TIMES * sum)
		return -1;
	return 2 * (in - 1) >= n ? (int)worst : -1;
}
