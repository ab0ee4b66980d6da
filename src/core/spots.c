/*
 * spots.c: see spots.h. Lists: they are searched at load only.
 */
#include "core/spots.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/defs.h"
#include "base/digest.h"
#include "core/key_pool.h"

struct spot_entry {
	struct spot_entry *next;
	struct str target, model;
	struct spot *s;
};

struct account_entry {
	struct account_entry *next;
	struct str target, key; /* key empty: of the whole target */
	struct account_state a;
};

struct rate_entry {
	struct rate_entry *next;
	struct str target, key, model;
	struct key_rate r;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct spot_entry *spots;
static struct account_entry *accounts;
static struct rate_entry *rates;

static struct spot_entry *spot_new(struct str target, struct str model, bool fresh, mono_us now)
{
	struct spot_entry *e = calloc(1, sizeof *e);

	tg_assert(e != NULL);
	e->s = aligned_alloc(
		TG_CACHE_LINE, (sizeof *e->s + TG_CACHE_LINE - 1) / TG_CACHE_LINE * TG_CACHE_LINE);
	tg_assert(e->s != NULL);
	spot_init(e->s);
	if (fresh)
		atomic_store(&e->s->since_us, now.us);
	e->target = str_mk(str_dup(target), target.n);
	e->model = str_mk(str_dup(model), model.n);
	e->next = spots;
	spots = e;
	return e;
}

struct spot *spot_of(struct str target, struct str model, bool fresh, mono_us now)
{
	struct spot_entry *e;

	pthread_mutex_lock(&lock);
	for (e = spots; e != NULL; e = e->next)
		if (str_eq(e->model, model) && str_eq(e->target, target))
			break;
	if (e == NULL)
		e = spot_new(target, model, fresh, now);
	pthread_mutex_unlock(&lock);
	return e->s;
}

static uint64_t digest_of(struct str secret)
{
	uint8_t sha[SHA256_LEN];
	uint64_t v;

	digest_sha256(secret, sha);
	memcpy(&v, sha, sizeof v);
	return v;
}

struct account_state *account_state_of_key(struct str target, struct str key, struct str secret)
{
	uint64_t digest = digest_of(secret);
	struct account_entry *e;

	pthread_mutex_lock(&lock);
	for (e = accounts; e != NULL; e = e->next)
		if (str_eq(e->target, target) && str_eq(e->key, key))
			break;
	if (e == NULL) {
		e = calloc(1, sizeof *e);
		tg_assert(e != NULL);
		e->target = str_mk(str_dup(target), target.n);
		e->key = str_mk(str_dup(key), key.n);
		e->a.secret = digest;
		e->next = accounts;
		accounts = e;
	}
	if (e->a.secret != digest) { /* what was refused was another one */
		e->a.secret = digest;
		atomic_store(&e->a.refused, 0);
		atomic_store(&e->a.forbidden, 0);
		atomic_store(&e->a.refused_until_us, 0);
	}
	pthread_mutex_unlock(&lock);
	return &e->a;
}

struct account_state *account_state_of(struct str target, struct str secret)
{
	return account_state_of_key(target, STR_NONE, secret);
}

struct key_rate *key_rate_of(struct str target, struct str key, struct str model)
{
	struct rate_entry *e;

	pthread_mutex_lock(&lock);
	for (e = rates; e != NULL; e = e->next)
		if (str_eq(e->model, model) && str_eq(e->key, key) && str_eq(e->target, target))
			break;
	if (e == NULL) {
		e = calloc(1, sizeof *e);
		tg_assert(e != NULL);
		e->target = str_mk(str_dup(target), target.n);
		e->key = str_mk(str_dup(key), key.n);
		e->model = str_mk(str_dup(model), model.n);
		e->next = rates;
		rates = e;
	}
	pthread_mutex_unlock(&lock);
	return &e->r;
}
