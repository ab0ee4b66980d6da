/*
 * guests.c: see guests.h. Any worker.
 */
#include "quota/guests.h"

#include <stdlib.h>

#include "base/digest.h"
#include "quota/account_int.h"

#define SEED_BYTES     QUOTA_GUESTS_SEED
#define NAME_MAX_BYTES 512
#define ID_MAX_BYTES   512 /* more of a name does not tell guests apart */

struct guest {
	struct quota_account account;
	_Atomic uint64_t key[2]; /* changes only while the account has no reference at all */
	_Atomic int64_t used_us; /* monotonic */
};

struct quota_guests {
	unsigned magic;
#define QUOTA_GUESTS_MAGIC 0x71677374
	size_t mask; /* sets less one */
	struct guest *place;
	uint8_t seed[SEED_BYTES];
	atomic_flag *making; /* of each set: who makes an account there */
	_Atomic size_t count;
	_Atomic uint64_t forgotten;
};

struct quota_guests *quota_guests_new(size_t max, const uint8_t seed[QUOTA_GUESTS_SEED])
{
	struct quota_guests *g = calloc(1, sizeof *g);
	size_t sets = 1;

	tg_assert(max >= 1 && max <= QUOTA_GUESTS_MAX);
	if (g == NULL)
		return NULL;
	while (sets * QUOTA_GUESTS_WAYS < max)
		sets *= 2;
	g->magic = QUOTA_GUESTS_MAGIC;
	g->mask = sets - 1;
	/* pages that nobody touches cost nothing */
	g->place = aligned_alloc(TG_CACHE_LINE, sets * QUOTA_GUESTS_WAYS * sizeof *g->place);
	g->making = calloc(sets, sizeof *g->making);
	if (g->place == NULL || g->making == NULL) {
		free(g->place);
		free(g->making);
		free(g);
		return NULL;
	}
	memcpy(g->seed, seed, SEED_BYTES);
	memset(g->place, 0, sets * QUOTA_GUESTS_WAYS * sizeof *g->place);
	return g;
}

static bool is_there(const struct guest *p)
{
	return (atomic_load(&p->account.refs) & QUOTA_REFS_MASK) != 0;
}

void quota_guests_free(struct quota_guests *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < (g->mask + 1) * QUOTA_GUESTS_WAYS; i++)
		if (is_there(&g->place[i])) {
			quota_account_put(&g->place[i].account);
			quota_account_fini(&g->place[i].account);
		}
	free(g->place);
	free(g->making);
	FINI_OBJ(g);
	free(g);
}

/* What the account is known by: nobody outside can make two that are alike, or choose a set. */
static void key_of(const struct quota_guests *g, const struct quota_guest *who, struct str name,
	uint64_t key[2])
{
	char text[SEED_BYTES + NAME_MAX_BYTES + 1 + ID_MAX_BYTES];
	size_t n = TG_MIN(who->id.n, (size_t)ID_MAX_BYTES);
	uint8_t hash[SHA256_LEN];

	memcpy(text, g->seed, SEED_BYTES);
	memcpy(text + SEED_BYTES, name.p, name.n);
	text[SEED_BYTES + name.n] = '\0';
	memcpy(text + SEED_BYTES + name.n + 1, who->id.p, n);
	digest_sha256(str_mk(text, SEED_BYTES + name.n + 1 + n), hash);
	memcpy(key, hash, 2 * sizeof *key);
}

static bool is_key(const struct guest *p, const uint64_t key[2])
{
	return atomic_load_explicit(&p->key[0], memory_order_relaxed) == key[0] &&
	       atomic_load_explicit(&p->key[1], memory_order_relaxed) == key[1];
}

static struct quota_account *look(struct guest *set, const uint64_t key[2])
{
	for (int i = 0; i < QUOTA_GUESTS_WAYS; i++) {
		struct guest *p = &set[i];

		if (!is_key(p, key) || !quota_account_try_get(&p->account))
			continue;
		if (is_key(p, key))
			return &p->account;
		quota_account_put(&p->account);
	}
	return NULL;
}

static bool remembers(const struct quota_account *a, struct quota_time now)
{
	switch (a->kind) {
	case QUOTA_STOCK: return atomic_load(&a->committed) != 0 && now.wall.us < a->end.us;
	case QUOTA_RATE: return atomic_load(&a->tat_ns) / 1000 >= now.mono.us;
	case QUOTA_GAUGE:
	case QUOTA_ROLLING: break;
	}
	return atomic_load(&a->committed) != 0;
}

/* The word of references also counts how often one was taken: nobody came by since the look. */
static bool drop(struct guest *p, uint64_t refs)
{
	return (refs & QUOTA_REFS_MASK) == 1 &&
	       atomic_compare_exchange_strong(&p->account.refs, &refs, refs - 1);
}

/* A place in the set that is free, or was made so. For one thread at a time. */
static struct guest *place_in(struct quota_guests *g, struct guest *set, struct quota_time now)
{
	for (int tries = 0; tries < QUOTA_GUESTS_WAYS; tries++) {
		struct guest *oldest = NULL;
		bool keeps = true;
		uint64_t refs = 0;

		for (int i = 0; i < QUOTA_GUESTS_WAYS; i++) {
			struct guest *p = &set[i];
			uint64_t r = atomic_load(&p->account.refs);
			bool k;

			if ((r & QUOTA_REFS_MASK) == 0)
				return p;
			if ((r & QUOTA_REFS_MASK) > 1)
				continue;
			k = remembers(&p->account, now);
			if (oldest == NULL || (!k && keeps) ||
				(k == keeps && atomic_load(&p->used_us) < oldest->used_us)) {
				oldest = p;
				keeps = k;
				refs = r;
			}
		}
		if (oldest == NULL)
			return NULL;
		if (!drop(oldest, refs))
			continue;
		quota_account_fini(&oldest->account);
		atomic_fetch_sub(&g->count, 1);
		atomic_fetch_add(&g->forgotten, keeps);
		return oldest;
	}
	return NULL;
}

static struct quota_account *make(struct quota_guests *g, struct guest *set,
	const struct quota_guest *who, struct str name, const uint64_t key[2],
	struct quota_time now)
{
	atomic_flag *making = &g->making[(set - g->place) / QUOTA_GUESTS_WAYS];
	struct quota_account *a;
	struct guest *p;

	while (atomic_flag_test_and_set(making)) /* as long as it takes to make one */
		;
	a = look(set, key); /* another one made it meanwhile */
	p = a == NULL ? place_in(g, set, now) : NULL;
	if (p != NULL) {
		atomic_store(&p->key[0], key[0]);
		atomic_store(&p->key[1], key[1]);
		atomic_store(&p->used_us, now.mono.us);
		if (quota_account_init(&p->account, name, who->limit, who->period) == 0) {
			a = &p->account;
			quota_account_get(a);
			atomic_fetch_add(&g->count, 1);
		}
	}
	atomic_flag_clear(making);
	return a;
}

struct quota_account *quota_guests_get(
	struct quota_guests *g, const struct quota_guest *who, struct quota_time now)
{
	char name[NAME_MAX_BYTES];
	struct quota_account *a;
	struct guest *set;
	uint64_t key[2];
	size_t n;

	CHECK_OBJ(g, QUOTA_GUESTS_MAGIC);
	tg_assert(who->limit->kind != QUOTA_ROLLING);
	n = quota_limit_account(who->limit, who->scope, who->period, name, sizeof name);
	tg_assert(n < sizeof name); /* names of tenants and keys end at 128 */
	key_of(g, who, str_mk(name, n), key);
	set = &g->place[(size_t)(key[0] & g->mask) * QUOTA_GUESTS_WAYS];
	a = look(set, key);
	if (a == NULL)
		return make(g, set, who, str_mk(name, n), key, now);
	atomic_store_explicit(&TG_CONTAINER_OF(a, struct guest, account)->used_us, now.mono.us,
		memory_order_relaxed);
	if (TG_UNLIKELY(atomic_load(&a->limit) != who->limit->amount)) /* a reload */
		quota_account_set_limit(a, who->limit->amount);
	return a;
}

size_t quota_guests_count(const struct quota_guests *g)
{
	return atomic_load(&g->count);
}

uint64_t quota_guests_forgotten(const struct quota_guests *g)
{
	return atomic_load(&g->forgotten);
}
