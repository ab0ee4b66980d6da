/*
 * key_pool.c: see key_pool.h. Relaxed atomics: a lost update costs one more try.
 */
#include "core/key_pool.h"

#include "core/plan.h"
#include "core/req.h"
#include "core/spots.h"
#include "core/worker.h"

#define get(p) atomic_load_explicit(p, memory_order_relaxed)

/* When key i of the route may be asked: 0, or a time that may have passed. */
static int64_t ready_us(const struct route_target *t, unsigned i)
{
	int64_t refused = get(&t->target->keys[i].state->refused_until_us);

	return TG_MAX(refused, get(&t->key_rate[i]->not_before_us));
}

/* Is it one that was refused, and may be tried again? Not with what cannot be sent again. */
static bool is_risky(const struct req *r, const struct pool_key *k)
{
	return r->upload != NULL && get(&k->state->refused) > 0;
}

/* 0: nothing speaks against it; 1: it is refused or waits; 2: this request tried it. */
static unsigned key_level(const struct req *r, unsigned i)
{
	const struct route_target *t = r->route;

	if (r->keys.of == t->target && (r->keys.tried >> i & 1) != 0)
		return 2;
	return ready_us(t, i) > worker_now(r->w).us || is_risky(r, &t->target->keys[i]);
}

/* By weight among the keys of the least level. */
static unsigned key_pick(const struct req *r, uint32_t random)
{
	const struct target *t = r->route->target;
	uint8_t level[KEY_POOL_MAX];
	unsigned least = 2, last = 0;
	uint32_t sum = 0, at;

	for (unsigned i = 0; i < t->n_keys; i++) {
		level[i] = (uint8_t)key_level(r, i);
		least = TG_MIN(least, (unsigned)level[i]);
	}
	for (unsigned i = 0; i < t->n_keys; i++)
		if (level[i] == least)
			sum += t->keys[i].weight;
	at = (uint32_t)((uint64_t)random * sum >> 32);
	for (unsigned i = 0; i < t->n_keys; i++) {
		if (level[i] != least)
			continue;
		last = i;
		if (at < t->keys[i].weight)
			break;
		at -= t->keys[i].weight;
	}
	return last;
}

const struct pool_key *key_pool_take(struct req *r)
{
	const struct target *t = r->route->target;
	mono_us now = worker_now(r->w);
	const struct pool_key *k;

	tg_assert(t->n_keys > 0 && t->n_keys <= KEY_POOL_MAX);
	if (r->keys.of != t)
		r->keys = (struct key_use){ .of = t };
	k = &t->keys[key_pick(r, worker_random(r->w))];
	/* One that was refused and may be tried again: by one request at a time. */
	if (TG_UNLIKELY(get(&k->state->refused) > 0) && get(&k->state->refused_until_us) <= now.us)
		atomic_store_explicit(&k->state->refused_until_us, now.us + CREDENTIAL_PROBE_US,
			memory_order_relaxed);
	r->keys.key = k;
	return k;
}

bool key_pool_has_other(const struct req *r)
{
	const struct route_target *t = r->route;

	if (TG_LIKELY(t->target->n_keys == 0) || get(&t->target->state->drained))
		return false;
	for (unsigned i = 0; i < t->target->n_keys; i++)
		if (&t->target->keys[i] != r->keys.key && key_level(r, i) == 0)
			return true;
	return false;
}

void key_pool_again(struct req *r)
{
	const struct target *t = r->route->target;

	tg_assert(r->keys.of == t && r->keys.key != NULL);
	r->keys.tried |= UINT64_C(1) << (r->keys.key - t->keys);
	r->keys.again = true;
}

/* ---- what is known of them */

static struct key_rate *rate_of(const struct route_target *t, const struct pool_key *k)
{
	return t->key_rate[k - t->target->keys];
}

void key_pool_limit(const struct route_target *t, const struct pool_key *k, int64_t until_us)
{
	struct key_rate *rate = rate_of(t, k);

	if (get(&rate->not_before_us) < until_us)
		atomic_store_explicit(&rate->not_before_us, until_us, memory_order_relaxed);
}

void key_pool_unlimit(const struct route_target *t, const struct pool_key *k)
{
	struct key_rate *rate = rate_of(t, k);

	if (TG_UNLIKELY(get(&rate->not_before_us) != 0))
		atomic_store_explicit(&rate->not_before_us, 0, memory_order_relaxed);
}

void key_pool_heed(const struct route_target *t, mono_us now)
{
	struct account_state *whole = t->target->state;
	int64_t ready = INT64_MAX, refused = INT64_MAX;

	for (unsigned i = 0; i < t->target->n_keys; i++) {
		ready = TG_MIN(ready, ready_us(t, i));
		refused = TG_MIN(refused, get(&t->target->keys[i].state->refused_until_us));
	}
	if (refused > now.us) {
		atomic_store_explicit(&whole->refused, 1, memory_order_relaxed);
		atomic_store_explicit(&whole->refused_until_us, refused, memory_order_relaxed);
	}
	if (ready > now.us)
		spot_limit(t->spot, ready);
}

/* ---- pages */

int64_t key_pool_limited_until(
	const struct tg_conf *c, const struct target *t, const struct pool_key *k)
{
	size_t at = (size_t)(k - t->keys);
	int64_t until = get(&t->key_rate[at]->not_before_us);

	for (unsigned i = 0; i < c->n_models; i++)
		for (unsigned j = 0; j < c->models[i].n_routes; j++) {
			const struct route_target *r = &c->models[i].route[j];

			if (r->target == t)
				until = TG_MAX(until, get(&r->key_rate[at]->not_before_us));
		}
	return until;
}

static void account_reset(struct account_state *s)
{
	atomic_store(&s->refused, 0);
	atomic_store(&s->forbidden, 0);
	atomic_store(&s->refused_until_us, 0);
}

void key_pool_reset(const struct tg_conf *c, const struct target *t)
{
	for (unsigned k = 0; k < t->n_keys; k++) {
		account_reset(t->keys[k].state);
		atomic_store(&t->key_rate[k]->not_before_us, 0);
	}
	for (unsigned i = 0; i < c->n_models; i++)
		for (unsigned j = 0; j < c->models[i].n_routes; j++)
			if (c->models[i].route[j].target == t)
				for (unsigned k = 0; k < t->n_keys; k++)
					atomic_store(
						&c->models[i].route[j].key_rate[k]->not_before_us,
						0);
}
