/*
 * peers.c: see peers.h.
 */
#include "core/peers_int.h"

#include <stdlib.h>

#include "base/digest.h"
#include "base/log.h"
#include "core/plan.h"
#include "route/decay.h"

#define SLACK_US  2000000   /* what is told twice may differ by so much */
#define SOON_US   500000    /* not worth a word */
#define FORGET_US 120000000 /* figures of that age say nothing */

#define get(p)    atomic_load_explicit(p, memory_order_relaxed)

struct peers *peers_new(void)
{
	struct peers *p = calloc(1, sizeof *p);
	unsigned char random[PEERS_OWN_NAME / 2];

	tg_assert(p != NULL);
	digest_random(random, sizeof random);
	digest_hex(p->own, random, sizeof random);
	return p;
}

static void spots_free(struct peer_spot *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		free(v[i].key);
		free(v[i].key_us);
	}
	free(v);
}

void peers_free(struct peers *p)
{
	if (p == NULL)
		return;
	spots_free(p->spot, p->n);
	free(p);
}

const struct peers_stats *peers_stats(const struct peers *p)
{
	return &p->stats;
}

/* ---- which spots there are */

static uint64_t digest_pair(struct str a, struct str b)
{
	uint8_t sha[SHA256_LEN], both[2 * SHA256_LEN];
	uint64_t v = 0;

	digest_sha256(a, both);
	digest_sha256(b, both + SHA256_LEN);
	digest_sha256(str_mk((const char *)both, sizeof both), sha);
	for (unsigned i = 0; i < sizeof v; i++)
		v = v << 8 | sha[i];
	return v;
}

/* 32 bits of what is a digest already: enough to tell accounts apart, and nothing of a secret. */
static uint32_t digest_secret(struct str place, uint64_t secret)
{
	return (uint32_t)digest_pair(place, str_mk((const char *)&secret, sizeof secret));
}

static int by_id(const void *a, const void *b)
{
	const struct peer_spot *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct peer_spot *peers_find(const struct peers *p, uint64_t id)
{
	struct peer_spot key = { .id = id };

	return p->n > 0 ? bsearch(&key, p->spot, p->n, sizeof *p->spot, by_id) : NULL;
}

static void spot_fill(struct peer_spot *s, const struct route_target *t)
{
	unsigned n = t->target->n_keys;

	*s = (struct peer_spot){ .id = digest_pair(t->target->place, t->model),
		.account = digest_secret(t->target->place, t->target->state->secret),
		.route = *t };
	if (n == 0)
		return;
	s->key = calloc(n, sizeof *s->key);
	s->key_us = calloc(n, sizeof *s->key_us);
	tg_assert(s->key != NULL && s->key_us != NULL);
	for (unsigned i = 0; i < n; i++)
		s->key[i] = digest_secret(t->target->place, t->target->keys[i].state->secret);
}

/* What was known of it before the plan was another one. */
static void spot_carry(const struct peers *p, struct peer_spot *s)
{
	const struct peer_spot *old = peers_find(p, s->id);

	if (old == NULL)
		return;
	s->open_us = old->open_us;
	s->limit_us = old->limit_us;
	memcpy(s->word, old->word, sizeof s->word);
	if (s->key != NULL && old->key != NULL &&
		old->route.target->n_keys == s->route.target->n_keys)
		memcpy(s->key_us, old->key_us, s->route.target->n_keys * sizeof *s->key_us);
}

static unsigned spots_of(const struct tg_conf *c, struct peer_spot *v)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n_targets; i++) {
		struct target *t = &c->targets[i];
		struct route_target own = {
			.target = t, .model = STR_NONE, .spot = t->spot, .key_rate = t->key_rate
		};

		spot_fill(&v[n++], &own);
	}
	for (unsigned i = 0; i < c->n_models; i++)
		for (unsigned k = 0; k < c->models[i].n_routes; k++)
			spot_fill(&v[n++], &c->models[i].route[k]);
	return n;
}

static void members_follow(struct peers *p, const struct conf_strings *names)
{
	bool same = p->n_members == names->n;

	for (unsigned i = 0; same && i < p->n_members; i++)
		same = str_eq(names->v[i], str_mk(p->member[i].name, p->member[i].name_n));
	if (same)
		return;
	tg_assert(names->n <= CFG_MEMBERS_MAX);
	memset(p->member, 0, sizeof p->member);
	p->n_members = (unsigned)names->n;
	for (unsigned i = 0; i < p->n_members; i++) {
		tg_assert(names->v[i].n <= CFG_MEMBER_MAX);
		memcpy(p->member[i].name, names->v[i].p, names->v[i].n);
		p->member[i].name_n = names->v[i].n;
	}
	for (unsigned i = 0; i < p->n; i++)
		memset(p->spot[i].word, 0, sizeof p->spot[i].word);
}

void peers_follow(struct peers *p, const struct tg_conf *c)
{
	unsigned n = c->n_targets, kept = 0;
	struct peer_spot *v;

	for (unsigned i = 0; i < c->n_models; i++)
		n += c->models[i].n_routes;
	v = calloc(n > 0 ? n : 1, sizeof *v);
	tg_assert(v != NULL);
	members_follow(p, &c->cfg.redis.members);
	n = spots_of(c, v);
	qsort(v, n, sizeof *v, by_id);
	for (unsigned i = 0; i < n; i++) { /* several models may lead to one spot */
		if (kept > 0 && v[kept - 1].id == v[i].id) {
			free(v[i].key);
			free(v[i].key_us);
			continue;
		}
		v[kept++] = v[i];
	}
	for (unsigned i = 0; i < kept; i++)
		spot_carry(p, &v[i]);
	spots_free(p->spot, p->n);
	p->spot = v;
	p->n = kept;
}

/* ---- what is made of it */

/* All members' figures as those of one: counts added, times by how much each has counted. */
static void words_merge(
	const struct peers *p, const struct peer_spot *s, mono_us now, struct spot_figures *out)
{
	unsigned __int128 first = 0, token = 0;
	uint64_t first_n = 0, token_n = 0, good = 0, bad = 0;

	*out = (struct spot_figures){ .timed_us = INT64_MIN };
	for (unsigned i = 0; i < p->n_members; i++) {
		const struct peer_word *w = &s->word[i];
		uint64_t left, g, b, n;

		if (w->told_us == 0 || now.us - w->told_us > FORGET_US)
			continue;
		left = decay_q32(now.us - w->told_us, SPOT_COUNT_US);
		g = decay_of(w->f.good, left);
		b = decay_of(w->f.bad, left);
		good += g;
		bad += b;
		if (w->f.first_us == 0)
			continue;
		n = 1 + decay_of(g + b, decay_q32(now.us - w->f.timed_us, SPOT_COUNT_US));
		out->timed_us = TG_MAX(out->timed_us, w->f.timed_us);
		first += (unsigned __int128)w->f.first_us * n;
		first_n += n;
		token += (unsigned __int128)w->f.token_ns * n;
		token_n += w->f.token_ns > 0 ? n : 0;
	}
	out->good = (uint32_t)TG_MIN(good, (uint64_t)UINT32_MAX / 2);
	out->bad = (uint32_t)TG_MIN(bad, (uint64_t)UINT32_MAX / 2);
	out->first_us = (uint32_t)(first_n > 0 ? first / first_n : 0);
	out->token_ns = (uint32_t)(token_n > 0 ? token / token_n : 0);
}

struct heard {               /* of one spot */
	unsigned open, know; /* members that live and say that; that know it at all */
	int64_t open_us, limit_us;
};

static void words_hear(
	const struct peers *p, const struct peer_spot *s, mono_us now, struct heard *h)
{
	*h = (struct heard){ .open = 0 };
	for (unsigned i = 0; i < p->n_members; i++) {
		const struct peer_word *w = &s->word[i];

		/* what a provider said holds, whatever became of who asked */
		h->limit_us = TG_MAX(h->limit_us, TG_MAX(w->not_before_us, w->left_us));
		if (w->told_us == 0 || now.us - w->told_us > PEERS_ALIVE_US)
			continue;
		h->know += w->open || w->f.good + w->f.bad >= SPOT_ONE;
		h->open += w->open;
		if (w->open)
			h->open_us = TG_MAX(h->open_us, w->open_until_us);
	}
}

static void limit_apply(struct peers *p, struct peer_spot *s, const struct heard *h, mono_us now)
{
	struct spot *spot = s->route.spot;
	int64_t until = get(&spot->not_before_us);

	if (h->limit_us > now.us + SOON_US && h->limit_us > s->limit_us + SLACK_US &&
		h->limit_us > until + SLACK_US) {
		s->limit_us = h->limit_us;
		spot_limit(spot, h->limit_us);
		p->stats.borrowed++;
	} else if (h->limit_us <= now.us && s->limit_us > now.us && until == s->limit_us) {
		spot_unlimit(spot); /* it was asked after all, and answered */
	}
}

void peers_key_limit(
	struct peers *p, struct peer_spot *s, unsigned i, int64_t until_us, mono_us now)
{
	const struct route_target *t = &s->route;

	if (until_us <= now.us + SOON_US || until_us <= s->key_us[i] + SLACK_US ||
		until_us <= get(&t->key_rate[i]->not_before_us) + SLACK_US)
		return;
	s->key_us[i] = until_us;
	key_pool_limit(t, &t->target->keys[i], until_us);
	key_pool_heed(t, now);
	p->stats.borrowed++;
}

/* More was answered here than failed, lately: that counts more than what others say. */
static bool is_well_here(const struct spot *s, mono_us now)
{
	struct spot_figures own;

	spot_own(s, now, &own);
	return own.good >= SPOT_ONE / 2 && own.good > own.bad;
}

static void open_apply(struct peers *p, struct peer_spot *s, const struct heard *h, mono_us now)
{
	struct circuit *c = &s->route.spot->circuit;

	if (h->open == 0 && h->know > 0 && s->open_us > now.us) {
		circuit_unborrow(c, s->open_us, now);
		return;
	}
	if (2 * h->open <= h->know || h->open_us <= now.us + SOON_US ||
		h->open_us <= s->open_us + SLACK_US || is_well_here(s->route.spot, now) ||
		!circuit_borrow(c, h->open_us))
		return;
	s->open_us = h->open_us;
	p->stats.borrowed++;
	log_notice("target left alone: other members find it failing",
		"target=%.*s model=%.*s seconds=%lld", STR_FMT(s->route.target->name),
		STR_FMT(s->route.model), (long long)(h->open_us - now.us) / 1000000);
}

void peers_apply(struct peers *p, mono_us now)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct peer_spot *s = &p->spot[i];
		struct spot_figures f;
		struct heard h;

		words_merge(p, s, now, &f);
		spot_told(s->route.spot, now, &f);
		words_hear(p, s, now, &h);
		limit_apply(p, s, &h, now);
		open_apply(p, s, &h, now);
	}
}

void peers_forget(struct peers *p, mono_us now)
{
	static const struct spot_figures none;

	for (unsigned i = 0; i < p->n; i++) {
		struct peer_spot *s = &p->spot[i];

		memset(s->word, 0, sizeof s->word);
		spot_told(s->route.spot, now, &none);
		circuit_unborrow(&s->route.spot->circuit, s->open_us, now);
		if (s->limit_us > now.us && get(&s->route.spot->not_before_us) == s->limit_us)
			spot_unlimit(s->route.spot);
		s->open_us = s->limit_us = 0;
	}
	for (unsigned i = 0; i < p->n_members; i++)
		p->member[i].heard_us = 0;
}

unsigned peers_alive(const struct peers *p, mono_us now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n_members; i++)
		n += p->member[i].heard_us != 0 && now.us - p->member[i].heard_us <= PEERS_ALIVE_US;
	return n;
}
