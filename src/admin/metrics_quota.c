/*
 * metrics_quota.c: see metrics_quota.h.
 */
#include "admin/metrics_quota.h"

static int64_t settled_of(const struct quota_account *a, wall_us now)
{
	if (a->kind == QUOTA_GAUGE)
		return atomic_load(&a->committed);
	return a->kind == QUOTA_ROLLING ? quota_window_settled(a, now)
					: atomic_load(&a->settled) + atomic_load(&a->others);
}

static int64_t held_of(const struct quota_account *a, wall_us now)
{
	if (a->kind == QUOTA_GAUGE)
		return 0; /* who is inside is `used` */
	if (a->kind == QUOTA_ROLLING)
		return quota_window_committed(a, now) - quota_window_settled(a, now);
	return atomic_load(&a->committed) - atomic_load(&a->settled);
}

static unsigned share_of(int64_t used, int64_t limit)
{
	__int128 share = limit > 0 ? (__int128)used * 1000 / limit : used > 0 ? 1000 : 0;

	return share > 1000000 ? 1000000 : (unsigned)TG_MAX(share, 0);
}

/* In order, the nearest first; the last one falls out. */
static void insert(struct quota_near *out, const struct quota_near_slot *s)
{
	unsigned at = out->n < METRICS_QUOTA_MAX ? out->n++ : METRICS_QUOTA_MAX - 1;

	for (; at > 0 && out->v[at - 1].share < s->share; at--)
		out->v[at] = out->v[at - 1];
	out->v[at] = *s;
}

void quota_near_find(struct quota_near *out, const struct plan_quota *q, struct quota_time now)
{
	out->n = 0;
	for (unsigned i = 0; i < q->n_slots; i++) {
		const struct quota_slot *slot = &q->slots[i];
		const struct quota_account *a = atomic_load(&slot->now);
		struct quota_near_slot s = { .slot = slot, .account = a };

		if (a == NULL || a->kind == QUOTA_RATE)
			continue;
		s.used = settled_of(a, now.wall);
		s.held = TG_MAX(held_of(a, now.wall), 0);
		s.share = share_of(s.used + s.held, atomic_load(&a->limit));
		if (out->n < METRICS_QUOTA_MAX || s.share > out->v[METRICS_QUOTA_MAX - 1].share)
			insert(out, &s);
	}
}

int64_t quota_near_figure(const struct quota_near_slot *s, enum quota_figure f)
{
	switch (f) {
	case QUOTA_LIMIT: return atomic_load(&s->account->limit);
	case QUOTA_USED: return s->used;
	case QUOTA_HELD: return s->held;
	case QUOTA_GRANTED: return atomic_load(&s->account->granted);
	case QUOTA_OVER: break;
	}
	return atomic_load(&s->account->over);
}

struct str quota_near_period(const struct quota_near_slot *s, char buf[QUOTA_LIMIT_LEN])
{
	struct str text = str_mk(buf, quota_limit_put(buf, s->slot->limit));
	size_t slash = str_chr(text, '/');

	return slash == (size_t)-1 ? STR_NONE : str_skip(text, slash + 1);
}
