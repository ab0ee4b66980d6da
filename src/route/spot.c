/*
 * spot.c: see spot.h.
 */
#include "route/spot.h"

#include <stdlib.h>

#include "base/defs.h"
#include "route/decay.h"

#define COUNT_ONE  SPOT_ONE
#define COUNT_TICK 100000 /* counts decay in steps of this */
#define COUNT_MAX  (UINT32_MAX / 2)

#define get(p)     atomic_load_explicit(p, memory_order_relaxed)
#define set(p, v)  atomic_store_explicit(p, v, memory_order_relaxed)

void spot_fini(struct spot *s)
{
	for (unsigned i = 0; i < SPOT_SLOTS; i++)
		free(get(&s->slot[i]));
	free(get(&s->peers));
}

static struct spot_slot *slot_new(_Atomic(struct spot_slot *) *at)
{
	struct spot_slot *p = aligned_alloc(64, sizeof *p);

	tg_assert(p != NULL);
	*p = (struct spot_slot){ .inflight = 0 };
	atomic_store_explicit(at, p, memory_order_release);
	return p;
}

static struct spot_slot *slot_of(struct spot *s, unsigned thread)
{
	struct spot_slot *p;

	tg_assert(thread < SPOT_SLOTS);
	p = get(&s->slot[thread]);
	return TG_LIKELY(p != NULL) ? p : slot_new(&s->slot[thread]);
}

void spot_begin(struct spot *s, unsigned thread)
{
	struct spot_slot *p = slot_of(s, thread);

	set(&p->inflight, get(&p->inflight) + 1);
}

void spot_end(struct spot *s, unsigned thread)
{
	struct spot_slot *p = slot_of(s, thread);
	uint32_t n = get(&p->inflight);

	tg_assert(n > 0);
	set(&p->inflight, n - 1);
}

/* ---- counts */

static void slot_fade(struct spot_slot *p, mono_us now)
{
	int64_t age = now.us - get(&p->counted_us);
	uint64_t left;

	if (age < COUNT_TICK)
		return;
	left = decay_q32(age, SPOT_COUNT_US);
	set(&p->good, (uint32_t)decay_of(get(&p->good), left));
	set(&p->bad, (uint32_t)decay_of(get(&p->bad), left));
	set(&p->counted_us, now.us);
}

static void slot_count(struct spot_slot *p, mono_us now, unsigned good, unsigned bad)
{
	const uint32_t unit = COUNT_ONE / SPOT_FULL;

	slot_fade(p, now);
	if (get(&p->good) < COUNT_MAX && get(&p->bad) < COUNT_MAX) {
		set(&p->good, get(&p->good) + good * unit);
		set(&p->bad, get(&p->bad) + bad * unit);
	}
}

static void counts_add(const struct spot_slot *p, mono_us now, uint64_t *good, uint64_t *bad)
{
	uint64_t left;

	if (p == NULL)
		return;
	left = decay_q32(now.us - get(&p->counted_us), SPOT_COUNT_US);
	*good += decay_of(get(&p->good), left);
	*bad += decay_of(get(&p->bad), left);
}

/* All slots of our own, as of now. */
static void counts_sum(const struct spot *s, mono_us now, uint64_t *good, uint64_t *bad)
{
	*good = *bad = 0;
	for (unsigned i = 0; i < SPOT_SLOTS; i++)
		counts_add(atomic_load_explicit(&s->slot[i], memory_order_acquire), now, good, bad);
}

/* The others', of which no more counts than of what was seen here. */
static void counts_peers(
	const struct spot *s, mono_us now, uint64_t own, uint64_t *good, uint64_t *bad)
{
	uint64_t most = TG_MAX(own, (uint64_t)SPOT_PEERS_LEAST * COUNT_ONE), sum;

	*good = *bad = 0;
	counts_add(atomic_load_explicit(&s->peers, memory_order_acquire), now, good, bad);
	sum = *good + *bad;
	if (sum <= most)
		return;
	*good = *good * most / sum;
	*bad = *bad * most / sum;
}

/* ---- times */

/* A slower one at once; a faster one as much as time has passed. */
static uint32_t peak(uint32_t old, uint64_t sample, uint64_t left_q32)
{
	sample = TG_MIN(TG_MAX(sample, (uint64_t)1), (uint64_t)SPOT_TIME_MAX);
	if (old == 0 || sample >= old)
		return (uint32_t)sample;
	return (uint32_t)(sample + decay_of(old - sample, left_q32));
}

static void slot_time(
	struct spot_slot *p, mono_us now, uint64_t first_us, uint64_t token_ns, bool cached)
{
	uint64_t left = decay_q32(now.us - get(&p->timed_us), SPOT_TAU_US);
	uint32_t first = get(&p->first_us);

	if (first_us > 0 && !(cached && first_us < first))
		set(&p->first_us, peak(first, first_us, left));
	if (token_ns > 0)
		set(&p->token_ns, peak(get(&p->token_ns), token_ns, left));
	set(&p->timed_us, now.us);
}

void spot_good(struct spot *s, unsigned thread, mono_us now, int64_t first_us, int64_t total_us,
	uint64_t tokens, bool cached)
{
	struct spot_slot *p = slot_of(s, thread);
	uint64_t total = (uint64_t)TG_MAX(total_us, 1), first = (uint64_t)TG_MAX(first_us, 0),
		 ns = 0;

	slot_count(p, now, SPOT_FULL, 0);
	if (tokens == 0) {
		first = first > 0 ? first : total;
	} else if (first > 0) { /* the first token came with the first byte */
		ns = tokens > 1 && total > first ? (total - first) * 1000 / (tokens - 1) : 0;
	} else { /* one piece: nobody can tell them apart */
		ns = total * 1000 / (tokens + SPOT_HEAD_TOKENS);
		first = ns * SPOT_HEAD_TOKENS / 1000;
	}
	slot_time(p, now, TG_MAX(first, (uint64_t)1), ns, cached);
}

void spot_fine(struct spot *s, unsigned thread, mono_us now)
{
	slot_count(slot_of(s, thread), now, SPOT_FULL, 0);
}

bool spot_bad(struct spot *s, unsigned thread, mono_us now, unsigned halves, int64_t took_us)
{
	struct spot_slot *p = slot_of(s, thread);
	uint64_t good, bad;

	slot_count(p, now, 0, halves);
	slot_time(p, now, (uint64_t)TG_MAX(took_us, SPOT_SLOW_US), 0, false);
	counts_sum(s, now, &good, &bad);
	return good + bad >= CIRCUIT_VOLUME * COUNT_ONE && bad >= good;
}

/* ---- the view */

static uint64_t root(uint64_t v)
{
	uint64_t r = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1)
		if ((r + bit) * (r + bit) <= v)
			r += bit;
	return r;
}

/* Of Beta(good + 9, bad + 1): the mean rate of failures and one standard deviation, 1/65536. */
static uint32_t fail_bound(uint64_t good, uint64_t bad)
{
	uint64_t a = good + SPOT_PRIOR_GOOD * COUNT_ONE, b = bad + SPOT_PRIOR_BAD * COUNT_ONE,
		 n = a + b, mean, var;

	mean = (b << 16) / n;
	/* mean (1 - mean) / (n + 1), in 1/2^32, the count in requests */
	var = mean * (65536 - mean) / (n / COUNT_ONE + 1);
	return (uint32_t)TG_MIN(TG_MAX(mean + root(var), (uint64_t)SPOT_FAIL_LEAST_Q16), 65536ul);
}

static void view_counts(struct spot *s, mono_us now)
{
	struct spot_view *v = &s->view;
	uint64_t good, bad, peer_good, peer_bad;
	uint32_t fail;

	counts_sum(s, now, &good, &bad);
	counts_peers(s, now, good + bad, &peer_good, &peer_bad);
	set(&v->peer_volume, (uint32_t)((peer_good + peer_bad) / COUNT_ONE));
	good += peer_good;
	bad += peer_bad;
	fail = fail_bound(good, bad);
	set(&v->fail_q16, fail);
	set(&v->tries_q10, (uint32_t)((UINT64_C(1) << 26) / TG_MAX(65536 - fail, 1024u)));
	set(&v->volume, (uint32_t)TG_MIN((good + bad) / COUNT_ONE, (uint64_t)UINT32_MAX));
	set(&v->bad_q16, (uint32_t)(good + bad > 0 ? (bad << 16) / (good + bad) : 0));
}

struct times_mean {
	unsigned __int128 first, token;
	uint64_t first_n, token_n;
};

/* n: the most that it counts. */
static void times_add(struct times_mean *m, const struct spot_slot *p, mono_us now, uint64_t most)
{
	uint64_t left, n;

	if (p == NULL || get(&p->first_us) == 0)
		return;
	left = decay_q32(now.us - get(&p->timed_us) - SPOT_FADE_US, SPOT_FADE_US);
	n = 1 + TG_MIN(decay_of((uint64_t)get(&p->good) + get(&p->bad), left), most);
	m->first += (unsigned __int128)decay_of(get(&p->first_us), left) * n;
	m->first_n += n;
	if (get(&p->token_ns) > 0) {
		m->token += (unsigned __int128)decay_of(get(&p->token_ns), left) * n;
		m->token_n += n;
	}
}

/* The mean of the slots, by how much each has counted lately; what is old fades. */
static void times_own(const struct spot *s, mono_us now, struct times_mean *m)
{
	*m = (struct times_mean){ .first = 0 };
	for (unsigned i = 0; i < SPOT_SLOTS; i++)
		times_add(m, atomic_load_explicit(&s->slot[i], memory_order_acquire), now,
			UINT64_MAX - 1);
}

static uint32_t times_first(const struct times_mean *m)
{
	return (uint32_t)(m->first_n > 0 ? m->first / m->first_n : 0);
}

static uint32_t times_token(const struct times_mean *m)
{
	return (uint32_t)(m->token_n > 0 ? m->token / m->token_n : 0);
}

static void view_times(struct spot *s, mono_us now)
{
	struct times_mean m;

	times_own(s, now, &m);
	times_add(&m, atomic_load_explicit(&s->peers, memory_order_acquire), now,
		TG_MAX(m.first_n, (uint64_t)SPOT_PEERS_LEAST * COUNT_ONE));
	set(&s->view.first_us, times_first(&m));
	set(&s->view.token_ns, times_token(&m));
}

static void view_inflight(struct spot *s)
{
	uint32_t sum = 0, n;

	for (unsigned i = 0; i < SPOT_SLOTS; i++) {
		struct spot_slot *p = atomic_load_explicit(&s->slot[i], memory_order_acquire);

		if (p == NULL)
			continue;
		n = get(&p->inflight);
		set(&p->inflight_seen, n);
		sum += n;
	}
	set(&s->view.inflight, sum);
}

void spot_refresh(struct spot *s, mono_us now)
{
	int64_t at = get(&s->view.merged_us);

	if (TG_LIKELY(at != INT64_MIN && now.us - at < SPOT_MERGE_US))
		return;
	if (!atomic_compare_exchange_strong_explicit(
		    &s->view.merged_us, &at, now.us, memory_order_relaxed, memory_order_relaxed))
		return; /* another one does it */
	view_counts(s, now);
	view_times(s, now);
	view_inflight(s);
}

void spot_init(struct spot *s)
{
	*s = (struct spot){ .tokens_left = -1 };
	view_counts(s, (mono_us){ 0 });
	set(&s->view.merged_us, INT64_MIN);
}

void spot_see(const struct spot *s, unsigned thread, struct spot_seen *out)
{
	const struct spot_slot *p = get(&s->slot[thread]);
	const struct spot_view *v = &s->view;
	int64_t inflight = get(&v->inflight);

	if (p != NULL) /* of its own, what is so now */
		inflight += (int64_t)get(&p->inflight) - get(&p->inflight_seen);
	*out = (struct spot_seen){ .inflight = (uint32_t)TG_MAX(inflight, 0),
		.first_us = get(&v->first_us),
		.token_ns = get(&v->token_ns),
		.fail_q16 = get(&v->fail_q16),
		.tries_q10 = get(&v->tries_q10),
		.volume = get(&v->volume) };
}

/* ---- members */

void spot_own(const struct spot *s, mono_us now, struct spot_figures *out)
{
	uint64_t good, bad;
	struct times_mean m;

	*out = (struct spot_figures){ .timed_us = INT64_MIN };
	counts_sum(s, now, &good, &bad);
	out->good = (uint32_t)TG_MIN(good, (uint64_t)COUNT_MAX);
	out->bad = (uint32_t)TG_MIN(bad, (uint64_t)COUNT_MAX);
	for (unsigned i = 0; i < SPOT_SLOTS; i++) {
		const struct spot_slot *p = atomic_load_explicit(&s->slot[i], memory_order_acquire);

		if (p != NULL && get(&p->first_us) > 0)
			out->timed_us = TG_MAX(out->timed_us, get(&p->timed_us));
	}
	if (out->timed_us == INT64_MIN)
		return;
	/* not yet faded: who hears of it does that, by the age that it is told */
	times_own(s, (mono_us){ out->timed_us }, &m);
	out->first_us = times_first(&m);
	out->token_ns = times_token(&m);
}

static void origin_of(const struct spot_slot *p, int64_t *counted_us, int64_t *timed_us)
{
	if (p == NULL)
		return;
	if (get(&p->good) + get(&p->bad) > 0)
		*counted_us = TG_MAX(*counted_us, get(&p->counted_us));
	if (get(&p->first_us) > 0)
		*timed_us = TG_MAX(*timed_us, get(&p->timed_us));
}

void spot_origin(const struct spot *s, mono_us now, struct spot_origin *out)
{
	uint64_t good, bad, peer_good, peer_bad;

	*out = (struct spot_origin){ .own_counted_us = INT64_MIN,
		.own_timed_us = INT64_MIN,
		.members_counted_us = INT64_MIN,
		.members_timed_us = INT64_MIN };
	counts_sum(s, now, &good, &bad);
	counts_peers(s, now, good + bad, &peer_good, &peer_bad);
	out->own = (uint32_t)TG_MIN((good + bad) / COUNT_ONE, (uint64_t)UINT32_MAX);
	out->members = (uint32_t)((peer_good + peer_bad) / COUNT_ONE);
	for (unsigned i = 0; i < SPOT_SLOTS; i++)
		origin_of(atomic_load_explicit(&s->slot[i], memory_order_acquire),
			&out->own_counted_us, &out->own_timed_us);
	origin_of(atomic_load_explicit(&s->peers, memory_order_acquire), &out->members_counted_us,
		&out->members_timed_us);
}

void spot_told(struct spot *s, mono_us now, const struct spot_figures *f)
{
	struct spot_slot *p = get(&s->peers);

	if (p == NULL && f->first_us == 0 && f->good + f->bad == 0)
		return;
	if (p == NULL)
		p = slot_new(&s->peers);
	set(&p->good, TG_MIN(f->good, COUNT_MAX));
	set(&p->bad, TG_MIN(f->bad, COUNT_MAX));
	set(&p->counted_us, now.us);
	set(&p->timed_us, f->first_us > 0 ? f->timed_us : 0);
	set(&p->first_us, TG_MIN(f->first_us, SPOT_TIME_MAX));
	set(&p->token_ns, TG_MIN(f->token_ns, SPOT_TIME_MAX));
}

/* ---- the provider's own limits */

void spot_limit(struct spot *s, int64_t until_us)
{
	if (get(&s->not_before_us) < until_us)
		set(&s->not_before_us, until_us);
}

void spot_unlimit(struct spot *s)
{
	if (TG_UNLIKELY(get(&s->not_before_us) != 0))
		set(&s->not_before_us, 0);
}
