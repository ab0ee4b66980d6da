/*
 * lease.c: a member, its buckets and leases: what they are and how they come and go. Owns the
 * leases; they own a reference of their account. Control thread.
 */
#include "quota/lease.h"

#include <stdlib.h>

#include "base/digest.h"
#include "base/num.h"
#include "quota/lease_int.h"

/* ---- member */

static int order(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static char *members_text(const struct str *members, unsigned n)
{
	struct str sorted[LEASE_MEMBERS_MAX];
	char text[LEASE_MEMBERS_MAX * (LEASE_NAME_MAX + 1)];
	size_t used = 0;

	tg_assert(n >= 1 && n <= LEASE_MEMBERS_MAX);
	memcpy(sorted, members, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, order);
	for (unsigned i = 0; i < n; i++) {
		tg_assert(sorted[i].n >= 1 && sorted[i].n <= LEASE_NAME_MAX);
		if (i > 0)
			text[used++] = ',';
		memcpy(text + used, sorted[i].p, sorted[i].n);
		used += sorted[i].n;
	}
	return str_dup(str_mk(text, used));
}

void lease_member_configure(struct lease_member *m, const struct lease_config *cfg)
{
	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	tg_assert(cfg->version >= 1 && cfg->version <= LEASE_AMOUNT_MAX && cfg->revalidate_us > 0);
	free(m->members);
	m->members = members_text(cfg->members, cfg->n_members);
	m->n_members = cfg->n_members;
	m->version = cfg->version;
	m->revalidate_us = cfg->revalidate_us;
}

struct str lease_members(const struct lease_member *m)
{
	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	return str_z(m->members);
}

static void bucket_init(struct lease_member *m, unsigned index)
{
	struct lease_bucket *b = &m->bucket[index];

	b->index = index;
	b->member = m;
	b->serial = 1;
	b->unsure = QUOTA_UNSURE_AWAY;
	list_init(&b->hot);
	list_init(&b->cold);
	b->due.us = NEVER_US;
}

struct lease_member *lease_member_new(
	const struct lease_config *cfg, uint64_t incarnation, void (*wake)(void *arg), void *arg)
{
	struct lease_member *m = calloc(1, sizeof *m);

	tg_assert(m != NULL && incarnation >= 1 && incarnation <= LEASE_INCARNATION_MAX);
	m->magic = LEASE_MEMBER_MAGIC;
	m->attention.wake = wake;
	m->attention.arg = arg;
	tg_assert(cfg->instance.n <= LEASE_INSTANCE_MAX);
	m->name = str_dup(cfg->name);
	m->instance = str_dup(cfg->instance);
	m->incarnation = incarnation;
	m->call_max = LEASE_CALL_MAX;
	list_init(&m->all);
	for (unsigned i = 0; i < LEASE_BUCKETS; i++)
		bucket_init(m, i);
	lease_member_configure(m, cfg);
	return m;
}

void lease_member_free(struct lease_member *m)
{
	struct quota_account *a, *next;

	if (m == NULL)
		return;
	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	for (a = quota_attention_take(&m->attention); a != NULL; a = next) {
		next = a->attended;
		(void)quota_account_attended(a, QUOTA_ATTEND_LISTED);
		quota_account_put(a);
	}
	for (unsigned i = 0; i < LEASE_BUCKETS; i++)
		lease_bucket_down(m, i, (mono_us){ 0 });
	while (!list_empty(&m->all))
		lease_end(list_entry(m->all.next, struct lease, all));
	free(m->name);
	free(m->instance);
	free(m->members);
	FINI_OBJ(m);
	free(m);
}

const struct lease_counts *lease_counts(const struct lease_member *m)
{
	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	return &m->counts;
}

/* ---- leases */

unsigned lease_bucket_of(struct str account)
{
	return digest_crc32c(0, account.p, account.n) % LEASE_BUCKETS;
}

struct lease *lease_find(const struct quota_account *a)
{
	return a->lease;
}

/* (A credit may expire before it begins, or before there were clocks.) */
static void set_period(struct lease *l, wall_us start, wall_us end)
{
	l->ps = l->pe = 0;
	if (end.us == INT64_MAX)
		return;
	l->ps = TG_MAX(0, start.us) / SECOND_US;
	l->pe = TG_MAX((end.us + SECOND_US - 1) / SECOND_US, l->ps + 1);
}

static struct lease *lease_new(struct lease_member *m, struct quota_account *a, mono_us now)
{
	struct lease *l = calloc(1, sizeof *l);

	tg_assert(l != NULL);
	l->magic = LEASE_MAGIC;
	l->account = a;
	l->bucket = &m->bucket[lease_bucket_of(a->name)];
	l->bucket->n_leases++;
	list_push_back(&l->bucket->cold, &l->link);
	list_push_back(&m->all, &l->all);
	set_period(l, a->start, a->end);
	l->due.us = l->idle_since.us = NEVER_US;
	l->synced = l->rotated = l->rate_at = now;
	l->low_from.us = INT64_MIN;
	l->counter = m->counter;
	quota_account_get(a);
	if (!quota_account_leased(a))
		quota_account_lease(a, &m->attention);
	a->lease = l;
	l->g = l->rate_s = atomic_load(&a->settled);
	lease_tell_unsure(l);
	atomic_store(&a->low_water, 0);
	return l;
}

struct lease *lease_add(struct lease_member *m, struct quota_account *a, int64_t limit, mono_us now)
{
	struct lease *l = a->lease;

	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	tg_assert(limit >= 0 && limit <= LEASE_LIMIT_MAX);
	if (l == NULL) {
		l = lease_new(m, a, now);
		l->limit = l->lim = limit;
	} else if (l->limit == limit && !l->retired) {
		return l; /* looked at again and again */
	} else if (l->limit != limit) {
		/* a cut holds here at once; a raise when the centre knows of it */
		l->lim = TG_MIN(l->lim, limit);
		l->limit = limit;
		l->dirty = l->changed = true;
	}
	l->retired = false;
	lease_bound(l);
	lease_judge(l, now);
	return l;
}

void lease_period(struct lease *l, wall_us start, wall_us end, mono_us now)
{
	int64_t ps = l->ps, pe = l->pe;

	CHECK_OBJ(l, LEASE_MAGIC);
	set_period(l, start, end);
	if (l->ps == ps && l->pe == pe)
		return;
	l->dirty = true;
	lease_judge(l, now);
}

void lease_retire(struct lease_member *m, struct lease *l, mono_us now)
{
	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	CHECK_OBJ(l, LEASE_MAGIC);
	l->retired = true;
	lease_judge(l, now);
}

void lease_end(struct lease *l)
{
	struct quota_account *a = l->account;

	CHECK_OBJ(l, LEASE_MAGIC);
	tg_assert(!l->in_call);
	l->bucket->n_leases--;
	l->bucket->member->counter = TG_MAX(l->bucket->member->counter, l->counter);
	list_del(&l->link);
	list_del(&l->all);
	a->lease = NULL;
	quota_account_grant(a, 0);
	quota_account_put(a);
	FINI_OBJ(l);
	free(l);
}

void lease_bound(struct lease *l)
{
	bool shut = l->stale || l->bucket->barred;

	atomic_store(&l->account->barred, l->bucket->barred);
	quota_account_grant(l->account, shut ? 0 : TG_MIN(l->g, l->lim));
}

void lease_cover(struct lease *l)
{
	int64_t s = atomic_load(&l->account->settled);

	if (s <= l->g)
		return;
	l->g = TG_MIN(s, LEASE_AMOUNT_MAX);
	lease_bound(l);
}

bool lease_owes(const struct lease *l)
{
	if (l->serial == l->bucket->serial)
		return l->dirty;
	return l->g > 0 || l->changed || atomic_load(&l->account->committed) > 0;
}

/* ---- buckets */

static struct lease_bucket *bucket_at(struct lease_member *m, unsigned index)
{
	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	tg_assert(index < LEASE_BUCKETS);
	return &m->bucket[index];
}

static void for_each(struct lease_bucket *b, void (*visit)(struct lease *l))
{
	list_foreach (it, &b->hot)
		visit(list_entry(it, struct lease, link));
	list_foreach (it, &b->cold)
		visit(list_entry(it, struct lease, link));
}

void lease_offline_note(struct lease *l, int64_t free)
{
	int64_t base = TG_MIN(l->g, l->lim) - TG_MAX(l->sum_g - l->lim, 0);

	atomic_store(&l->account->offline_base, TG_MAX(base, 0));
	atomic_store(&l->account->offline_free, free);
}

/* The centre goes away: what was last known to be free long before that, others may have by now. */
static void offline_age(struct lease_bucket *b, mono_us now)
{
	struct list *const lists[] = { &b->hot, &b->cold };

	for (size_t i = 0; i < TG_ARRAY_LEN(lists); i++)
		list_foreach (it, lists[i]) {
			struct lease *l = list_entry(it, struct lease, link);

			if (mono_since(now, l->synced) >= b->member->revalidate_us)
				atomic_store(&l->account->offline_free, 0);
		}
}

void lease_tell_unsure(struct lease *l)
{
	enum quota_unsure why = l->bucket->unsure;

	if (why == QUOTA_SURE && l->closed)
		why = QUOTA_UNSURE_PERIOD;
	atomic_store(&l->account->unsure, why);
}

static void tell_unsure(struct lease *l)
{
	lease_tell_unsure(l);
	/* sums of a centre that was learning lack some: nothing new is known to be free */
	if (lease_bucket_sure(l->bucket))
		lease_offline_note(l, TG_MIN(atomic_load(&l->account->offline_free),
					      TG_MAX(l->lim - l->sum_g, 0)));
}

void lease_bucket_set_unsure(struct lease_bucket *b, enum quota_unsure why)
{
	if (b->unsure == why)
		return;
	b->unsure = why;
	for_each(b, tell_unsure);
}

void lease_bucket_set_barred(struct lease_bucket *b, bool barred)
{
	if (b->barred == barred)
		return;
	b->barred = barred;
	for_each(b, lease_bound);
}

int lease_epoch_parse(struct str text, struct lease_epoch *out)
{
	uint64_t *const numbers[] = { &out->number, &out->incarnation, &out->seq };

	if (text.n > LEASE_EPOCH_MAX)
		return -1;
	for (size_t i = 0; i < TG_ARRAY_LEN(numbers); i++) {
		size_t dot = str_chr(text, '.');

		if (dot == (size_t)-1 || num_parse_u64(str_mk(text.p, dot), numbers[i]) != 0)
			return -1;
		text = str_skip(text, dot + 1);
	}
	out->member = text;
	return text.n >= 1 && text.n <= LEASE_NAME_MAX ? 0 : -1;
}

bool lease_epoch_above(const struct lease_epoch *a, const struct lease_epoch *b)
{
	int members = str_cmp(a->member, b->member);

	if (a->number != b->number)
		return a->number > b->number;
	if (members != 0)
		return members > 0;
	return a->incarnation != b->incarnation ? a->incarnation > b->incarnation : a->seq > b->seq;
}

/* Each is moved to where it belongs, which may be the list that it came from. */
static void judge_all(struct lease_bucket *b, mono_us now)
{
	struct list all, *it;

	list_init(&all);
	while ((it = list_pop_front(&b->hot)) != NULL || (it = list_pop_front(&b->cold)) != NULL)
		list_push_back(&all, it);
	while ((it = list_pop_front(&all)) != NULL)
		lease_judge(list_entry(it, struct lease, link), now);
}

void lease_bucket_set_epoch(struct lease_bucket *b, struct str text, bool unsaved, mono_us now)
{
	tg_assert(text.n <= sizeof b->epoch);
	memcpy(b->epoch, text.p, text.n);
	b->epoch_n = text.n;
	b->unsaved = unsaved;
	b->serial++;
	b->learning = true;
	b->asserted = false;
	offline_age(b, now);
	lease_bucket_set_unsure(b, QUOTA_UNSURE_LEARNING);
	judge_all(b, now);
}

int lease_epoch_restore(struct lease_member *m, unsigned bucket, struct str text)
{
	struct lease_bucket *b = bucket_at(m, bucket);
	struct lease_epoch epoch;

	if (lease_epoch_parse(text, &epoch) != 0)
		return -1;
	lease_bucket_set_epoch(b, text, false, (mono_us){ 0 });
	return 0;
}

struct str lease_epoch(const struct lease_member *m, unsigned bucket)
{
	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	tg_assert(bucket < LEASE_BUCKETS);
	return str_mk(m->bucket[bucket].epoch, m->bucket[bucket].epoch_n);
}

void lease_epoch_saved(struct lease_member *m, unsigned bucket, mono_us now)
{
	struct lease_bucket *b = bucket_at(m, bucket);

	b->unsaved = false;
	b->call_at = now;
}

void lease_bucket_up(struct lease_member *m, unsigned bucket, struct str run_id, mono_us now)
{
	struct lease_bucket *b = bucket_at(m, bucket);

	tg_assert(run_id.n >= 1 && run_id.n <= sizeof b->run_id);
	lease_bucket_down(m, bucket, now);
	b->up = true;
	b->status = LEASE_OK;
	memcpy(b->run_id, run_id.p, run_id.n);
	b->run_id_n = run_id.n;
	b->call_at = now;
}

void lease_bucket_down(struct lease_member *m, unsigned bucket, mono_us now)
{
	struct lease_bucket *b = bucket_at(m, bucket);

	b->up = false;
	if (lease_bucket_sure(b))
		offline_age(b, now);
	lease_bucket_set_unsure(b, QUOTA_UNSURE_AWAY);
	if (!b->under_way)
		return;
	b->under_way = false;
	m->counts.voided++;
	for (unsigned i = 0; i < b->n; i++) {
		b->item[i]->in_call = false;
		b->item[i]->unheard = true;
		lease_judge(b->item[i], now);
	}
}

/* ---- looking */

void lease_bucket_look(const struct lease_member *m, unsigned bucket, struct lease_bucket_info *out)
{
	const struct lease_bucket *b;

	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	tg_assert(bucket < LEASE_BUCKETS);
	b = &m->bucket[bucket];
	*out = (struct lease_bucket_info){
		.up = b->up,
		.learning = b->learning,
		.asserted = b->asserted,
		.unsaved = b->unsaved,
		.under_way = b->under_way,
		.run_id = str_mk(b->run_id, b->up ? b->run_id_n : 0),
		.epoch = str_mk(b->epoch, b->epoch_n),
		.awaited = str_mk(b->awaited, b->awaited_n),
		.status = b->status,
		.leases = b->n_leases,
	};
}

void lease_look(const struct lease *l, struct lease_info *out)
{
	CHECK_OBJ(l, LEASE_MAGIC);
	*out = (struct lease_info){
		.account = l->account,
		.bucket = l->bucket->index,
		.g = l->g,
		.s_told = l->s_told,
		.sum_g = l->sum_g,
		.sum_s = l->sum_s,
		.limit = l->lim,
		.want = l->want,
		.synced = l->serial == l->bucket->serial,
		.near = l->near,
		.recalled = l->recall_until_us > l->bucket->heard.us,
		.stale = l->stale,
	};
}

struct lease *lease_next(const struct lease_member *m, const struct lease *l)
{
	const struct list *next = l != NULL ? l->all.next : m->all.next;

	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	return next == &m->all ? NULL : list_entry(next, struct lease, all);
}
