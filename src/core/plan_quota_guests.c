/*
 * plan_quota_guests.c: limits of sessions and end users: which there are (control thread), and the
 * accounts of those that a request names (workers). The accounts are the process', over reloads.
 */
#include <sys/random.h>

#include "core/plan.h"
#include "core/plan_quota.h"
#include "quota/guests.h"

static struct quota_guests *guests; /* before workers start, or a reload is published */

/* The members of a Redis divide everything: nobody is asked about a guest. */
static void add(struct tg_conf *c, struct quota_guests_of *to, struct str scope,
	const struct zone *z, const struct cfg_quota *from)
{
	const struct conf_strings *m = &c->cfg.redis.members;
	unsigned index = 0;

	for (size_t i = 0; i < m->n; i++)
		index += str_cmp(m->v[i], c->cfg.member) < 0;
	for (unsigned i = 0; i < from->n; i++) {
		struct quota_guest_limit *g = to->v;

		while (g < to->v + to->n && !quota_limit_same(&g->limit, &from->limit[i]))
			g++;
		to->n = TG_MAX(to->n, (unsigned)(g - to->v) + 1);
		*g = (struct quota_guest_limit){ from->limit[i], z, scope };
		if (m->n > 0)
			g->limit.amount = plan_quota_share(&from->limit[i], (unsigned)m->n, index);
	}
}

void plan_quota_guests_build(struct tg_conf *c, struct quota_guests_of *to, struct str scope,
	const struct zone *z, const struct cfg_quota *tier, const struct cfg_quota *own)
{
	unsigned n = own->n + (tier != NULL ? tier->n : 0);

	if (n == 0)
		return;
	to->v = arena_zalloc(&c->arena, n * sizeof *to->v);
	tg_assert(to->v != NULL);
	if (tier != NULL)
		add(c, to, scope, z, tier);
	add(c, to, scope, z, own); /* instead of the tier's of the same kind */
	c->quota.guests = true;
}

int plan_quota_guests_open(const struct tg_conf *c)
{
	uint8_t seed[QUOTA_GUESTS_SEED];

	if (c->quota.guests && guests == NULL && getrandom(seed, sizeof seed, 0) == sizeof seed)
		guests = quota_guests_new((size_t)c->cfg.limits.sessions, seed);
	return !c->quota.guests || guests != NULL ? 0 : -1;
}

void plan_quota_guests_close(void)
{
	quota_guests_free(guests);
	guests = NULL;
}

int plan_quota_guests_add(struct quota_path *path, const struct quota_guests_of *of, struct str id,
	struct quota_time now)
{
	for (unsigned i = 0; i < of->n && id.n > 0; i++) {
		const struct quota_guest_limit *l = &of->v[i];
		struct quota_guest who = { .scope = l->scope, .id = id, .limit = &l->limit };
		struct quota_account *a;
		struct period p;

		if (l->limit.kind == QUOTA_STOCK) {
			period_at(&l->limit.period, l->zone, now.wall, &p);
			who.period = &p;
		}
		if (guests == NULL || path->guests == QUOTA_GUEST_LIMITS)
			return -1;
		a = quota_guests_get(guests, &who, now);
		if (a == NULL)
			return -1;
		path->account[path->n++] = a;
		path->guests++;
	}
	return 0;
}

void plan_quota_guests_restore(const struct quota_guests_of *of, struct str id, wall_us charged,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now)
{
	for (unsigned i = 0; guests != NULL && i < of->n && id.n > 0; i++) {
		const struct quota_guest_limit *l = &of->v[i];
		struct quota_guest who = { .scope = l->scope, .id = id, .limit = &l->limit };
		struct quota_account *a;
		struct period p;

		if (l->limit.kind != QUOTA_STOCK || amount[l->limit.dim] == 0)
			continue;
		period_at(&l->limit.period, l->zone, now.wall, &p);
		if (charged.us < p.start_us || charged.us >= p.end_us)
			continue;
		who.period = &p;
		a = quota_guests_get(guests, &who, now);
		if (a == NULL)
			continue; /* no place: as if it had been forgotten */
		quota_account_restore(a, amount[l->limit.dim]);
		quota_account_put(a);
	}
}
