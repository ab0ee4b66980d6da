/*
 * share.c: see share.h.
 */
#include "quota/share.h"

#include "quota/window.h"

static void apply(struct share *s, int64_t share, struct quota_time now)
{
	share = TG_MAX(0, TG_MIN(share, s->limit));
	if (share == s->now)
		return;
	s->now = share;
	quota_account_share(s->account, share, now.mono);
}

void share_begin(struct share *s, struct quota_account *a, int64_t limit, int64_t even)
{
	tg_assert(a->kind != QUOTA_STOCK && !quota_account_leased(a));
	quota_account_get(a);
	*s = (struct share){ .account = a, .limit = limit, .even = even, .now = even };
	atomic_store(&a->tried, 0);
	atomic_store(&a->shared, true);
	atomic_store(&a->limit, limit);
}

void share_end(struct share *s, struct quota_time now)
{
	apply(s, s->even, now);
	atomic_store(&s->account->shared, false);
	atomic_store(&s->account->limit, s->even);
	quota_account_put(s->account);
	s->account = NULL;
}

void share_limit(struct share *s, int64_t limit, int64_t even, struct quota_time now)
{
	bool alone = s->now == s->even;

	if (s->limit == limit && s->even == even)
		return;
	s->limit = limit;
	s->even = even;
	atomic_store(&s->account->limit, limit);
	/* a raise of the even part is nobody's else; of more than that the centre has to know */
	apply(s, alone ? even : TG_MIN(s->now, limit), now);
}

/* What is in use of it, and cannot be another's yet. (A rate that is lowered gives no credit.) */
static int64_t kept(const struct share *s, struct quota_time now)
{
	switch (s->account->kind) {
	case QUOTA_GAUGE: return atomic_load(&s->account->committed);
	case QUOTA_ROLLING: return quota_window_committed(s->account, now.wall);
	default: return 0;
	}
}

static int64_t silence(const struct share *s, struct quota_time now)
{
	return s->ever ? mono_since(now.mono, s->heard) : INT64_MAX;
}

bool share_call(struct share *s, struct quota_time now, int64_t *use, int64_t *demand)
{
	int64_t tried = atomic_exchange(&s->account->tried, 0);

	if (s->account->kind == QUOTA_GAUGE)
		tried += atomic_load(&s->account->committed);
	s->demand = TG_MAX(
		TG_MIN(tried, QUOTA_AMOUNT_MAX), s->demand - s->demand / 4 - (s->demand > 0));
	*use = TG_MAX(s->now, kept(s, now));
	*use = TG_MIN(*use, QUOTA_AMOUNT_MAX);
	*demand = s->demand;
	return silence(s, now) >= SHARE_SILENT_US;
}

void share_answer(struct share *s, int64_t share, mono_us sent, struct quota_time now)
{
	s->heard = sent;
	s->ever = true;
	apply(s, share, now);
}

void share_tick(struct share *s, struct quota_time now)
{
	int64_t since = silence(s, now);

	if (since >= 4 * SHARE_SILENT_US)
		apply(s, s->even, now);
	else if (since >= SHARE_SILENT_US)
		apply(s, TG_MIN(s->now, s->even), now);
}
