/*
 * lease_call.c: what a member asks for and gives back, and when. A lease that has something to ask
 * or to tell is on its bucket's hot list and knows when; the others cost nothing. Control thread.
 *
 *	must     synced in this epoch; requests wait; recalled or near the limit and headroom is
 *left soon     below low water a second after it was last told: what was settled since later    too
 *much headroom for 5 s; nothing spent for a minute; half of revalidate
 */
#include "base/test_switch.h"
#include "quota/lease_int.h"

/* ---- how much */

static int64_t clamp_amount(__int128 v)
{
	return v < 0 ? 0 : v > LEASE_AMOUNT_MAX ? LEASE_AMOUNT_MAX : (int64_t)v;
}

static int64_t committed(const struct lease *l)
{
	return atomic_load(&l->account->committed);
}

/* What holds can take of what was granted; below 0 where it was cut. */
static int64_t headroom(const struct lease *l)
{
	return TG_MIN(l->g, l->lim) - committed(l);
}

int64_t lease_need(const struct lease *l)
{
	return clamp_amount((__int128)atomic_load(&l->account->waiting) - headroom(l));
}

/* What is settled in a second: up at once, down over some seconds. */
static void rate_sample(struct lease *l, mono_us now)
{
	int64_t us = mono_since(now, l->rate_at), s = atomic_load(&l->account->settled), sample;

	if (us < SECOND_US)
		return;
	sample = clamp_amount((__int128)TG_MAX(0, s - l->rate_s) * SECOND_US / us);
	if (sample > l->rate || us >= LEASE_HORIZON_S * SECOND_US)
		l->rate = sample;
	else
		l->rate += (sample - l->rate) / 4;
	l->rate_s = s;
	l->rate_at = now;
}

static void largest_sample(struct lease *l, mono_us now)
{
	int64_t asked = atomic_exchange(&l->account->largest, 0);

	if (mono_since(now, l->rotated) >= LEASE_LARGEST_US) {
		l->largest[1] = l->largest[0];
		l->largest[0] = 0;
		l->rotated = now;
	}
	l->largest[0] = TG_MAX(l->largest[0], asked);
}

static int64_t largest(const struct lease *l)
{
	return TG_MAX(l->largest[0], l->largest[1]);
}

static bool recalled(const struct lease *l, mono_us now)
{
	return now.us < l->recall_until_us || l->sum_g > l->lim;
}

void lease_size(struct lease *l, mono_us now)
{
	__int128 zone = (__int128)LEASE_RECALL_NEAR * l->bucket->member->n_members;

	rate_sample(l, now);
	largest_sample(l, now);
	l->near = recalled(l, now) || (l->serial != 0 && l->lim - l->sum_g < zone * largest(l));
	l->want = clamp_amount(
		(__int128)TG_MAX(2 * (__int128)largest(l), (__int128)l->rate * LEASE_HORIZON_S));
	l->low = l->near ? 0 : l->want / 100 * LEASE_LOW_PERCENT;
}

/* ---- what goes back */

static int64_t kept(const struct lease *l, mono_us now)
{
	if (l->retired || recalled(l, now) || l->near)
		return 0;
	if (l->idle_since.us != NEVER_US && mono_since(now, l->idle_since) >= LEASE_IDLE_US)
		return l->want;
	return LEASE_AMOUNT_MAX;
}

int64_t lease_excess(const struct lease *l, mono_us now)
{
	__int128 keep = (__int128)committed(l) + atomic_load(&l->account->waiting) + kept(l, now);

	return keep < l->g ? (int64_t)keep : l->g;
}

static void idle_sample(struct lease *l, mono_us now)
{
	bool much = (__int128)l->g - committed(l) > 4 * (__int128)l->want;

	if (!much)
		l->idle_since.us = NEVER_US;
	else if (l->idle_since.us == NEVER_US)
		l->idle_since = now;
}

/* ---- when */

static int64_t earlier(int64_t a, int64_t b)
{
	return TG_MIN(a, b);
}

/* Requests wait and were not refused just now. */
static bool lacks(const struct lease *l, mono_us now)
{
	return lease_bucket_sure(l->bucket) && !l->closed && lease_need(l) > 0 &&
	       now.us >= atomic_load(&l->account->refused_until_us);
}

static bool is_low(const struct lease *l)
{
	return l->low > 0 && lease_bucket_sure(l->bucket) && !l->closed &&
	       l->g - committed(l) < l->low;
}

/* With headroom it is looked at now and then, so that it neither ends nor stays for nothing. */
static int64_t when_headroom(const struct lease *l)
{
	int64_t at = l->synced.us + l->bucket->member->revalidate_us / 2;

	at = earlier(at, l->rotated.us + LEASE_LARGEST_US);
	return l->idle_since.us == NEVER_US ? at : earlier(at, l->idle_since.us + LEASE_IDLE_US);
}

static bool is_over(const struct lease *l, mono_us now)
{
	const struct lease_bucket *b = l->bucket;

	return l->pe != 0 && b->time_ms != 0 &&
	       b->time_ms + mono_since(now, b->heard) / 1000 >=
		       l->pe * 1000 + LEASE_AFTER_PERIOD_MS;
}

/*
 * Workers ask for nothing where the centre has said that it is closed: when it would say otherwise.
 * Its clock may be behind ours by more than it takes for granted, or the period be longer now.
 */
static int64_t when_open(const struct lease *l, mono_us now)
{
	const struct lease_bucket *b = l->bucket;
	int64_t ms = b->time_ms + mono_since(now, b->heard) / 1000;
	int64_t opens = l->ps * 1000 - LEASE_GRACE_MS;

	if (l->pe != 0 && ms >= l->pe * 1000 + LEASE_GRACE_MS)
		return NEVER_US;
	return earlier(l->synced.us + LEASE_CLOSED_US,
		TG_MAX(l->synced.us + LEASE_REPORT_US, now.us + (opens - ms) * 1000));
}

static bool is_told(const struct lease *l)
{
	int64_t s = atomic_load(&l->account->settled);

	return committed(l) == s && l->s_told == s && atomic_load(&l->account->waiting) == 0;
}

/* Nothing that the centre could forget and would have to be told again. */
static bool may_end(const struct lease *l, mono_us now)
{
	if (l->in_call || !is_told(l))
		return false;
	return is_over(l, now) || (l->retired && l->g == 0 && l->s_told == 0);
}

/* Low water is seconds of headroom: the bucket's next call does, unless few more holds fit. */
static int64_t low_when(const struct lease *l)
{
	return headroom(l) < 2 * largest(l) ? INT64_MIN : l->bucket->call_at.us;
}

static int64_t when(const struct lease *l, mono_us now)
{
	int64_t at = NEVER_US;

	if (lease_owes(l) || l->unheard || lacks(l, now))
		return now.us;
	if (!l->closed && lease_excess(l, now) < l->g)
		return now.us;
	if (lease_need(l) > 0 && lease_bucket_sure(l->bucket))
		at = TG_MAX(now.us, l->closed ? l->synced.us + LEASE_REPORT_US
					      : atomic_load(&l->account->refused_until_us));
	if (is_low(l))
		at = earlier(at, TG_MAX(now.us, TG_MAX(l->low_from.us, low_when(l))));
	if (atomic_load(&l->account->settled) != l->s_told)
		at = earlier(at, TG_MAX(now.us, l->synced.us + LEASE_REPORT_US));
	if (l->g > committed(l))
		at = earlier(at, TG_MAX(now.us, when_headroom(l)));
	if (l->closed)
		at = earlier(at, TG_MAX(now.us, when_open(l, now)));
	return at;
}

static void place(struct lease *l)
{
	struct lease_bucket *b = l->bucket;

	list_del(&l->link);
	if (l->due.us == NEVER_US) {
		list_push_back(&b->cold, &l->link);
		return;
	}
	if (atomic_load(&l->account->waiting) > 0)
		list_push_front(&b->hot, &l->link);
	else
		list_push_back(&b->hot, &l->link);
	b->due.us = earlier(b->due.us, l->due.us);
}

/* Workers say when it is low where that leads to something. */
static void arm(struct lease *l, mono_us now)
{
	bool heard = now.us < l->low_from.us || l->in_call || is_low(l);

	atomic_store(&l->account->low_water, heard ? 0 : l->low);
}

void lease_judge(struct lease *l, mono_us now)
{
	lease_cover(l);
	idle_sample(l, now);
	l->due.us = l->in_call ? NEVER_US : when(l, now);
	arm(l, now);
	place(l);
}

void lease_attend(struct lease_member *m, mono_us now)
{
	struct quota_account *a, *next;

	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	for (a = quota_attention_take(&m->attention); a != NULL; a = next) {
		struct lease *l = a->lease;
		uint32_t heard = QUOTA_ATTEND_LISTED | QUOTA_ATTEND_WAITS | QUOTA_ATTEND_LOW;

		next = a->attended;
		/* what is settled is told once a second: until then workers need not say it again,
		 * unless what it leaves over is to go back, or there is nothing to be told */
		if (l == NULL || l->near || l->retired || l->s_told == atomic_load(&a->settled))
			heard |= QUOTA_ATTEND_SETTLED;
		(void)quota_account_attended(a, heard);
		if (l != NULL)
			lease_judge(l, now);
		quota_account_put(a);
	}
}

/* ---- calls */

static bool give_back(struct lease *l, struct lease_item *item, mono_us now)
{
	int64_t to = lease_excess(l, now), granted = atomic_load(&l->account->granted);

	if (to >= l->g || l->closed || lacks(l, now))
		return false;
	/* g is lowered before it is told; where less than that was let in anyway, it is */
	if (granted > to && !test_off(TEST_LEASE_RETURN) && !quota_account_lower(l->account, to))
		return false;
	if (granted <= to && committed(l) > to)
		return false;
	l->g = to;
	atomic_store(&l->account->offline_base, to);
	item->returns = true;
	l->bucket->member->counts.returns++;
	return true;
}

static void fill(struct lease *l, struct lease_item *item, mono_us now)
{
	struct lease_member *m = l->bucket->member;

	(void)quota_account_attended(
		l->account, QUOTA_ATTEND_SETTLED | QUOTA_ATTEND_LOW | QUOTA_ATTEND_WAITS);
	lease_size(l, now);
	lease_cover(l);
	*item = (struct lease_item){
		.name = l->account->name,
		.op_seq = m->incarnation << 32 | ++l->counter,
		.limit = l->limit,
		.ps = l->ps,
		.pe = l->pe,
		.lease = l,
	};
	if (!give_back(l, item, now) && !l->retired) {
		item->need = lease_need(l);
		item->want = l->near ? 0 : clamp_amount((__int128)l->want - headroom(l));
		item->want = TG_MAX(item->need, item->want);
	}
	item->tells = !item->returns && item->want == 0;
	item->s = TG_MIN(atomic_load(&l->account->settled), LEASE_AMOUNT_MAX);
	lease_cover(l);
	item->g = l->g;
	l->in_call = true;
	l->returns = item->returns;
	l->op_seq = item->op_seq;
	l->call_s = item->s;
	l->call_g = item->g;
	l->call_need = item->need;
	l->call_limit = item->limit;
	l->due.us = NEVER_US;
	arm(l, now);
}

/*
 * Fills in what is due, and what would be before the call after this one: so a bucket has one call
 * a second for all that is not urgent. What is left over keeps the member from asserting, or waits.
 */
static void fill_items(struct lease_bucket *b, struct lease_call *call, mono_us now)
{
	b->due.us = NEVER_US;
	list_foreach_safe (it, next, &b->hot) {
		struct lease *l = list_entry(it, struct lease, link);

		if (l->due.us <= now.us + LEASE_HEARTBEAT_US && call->n < b->member->call_max) {
			fill(l, &call->item[call->n], now);
			b->item[call->n++] = l;
			continue;
		}
		call->asserts = test_off(TEST_LEASE_ASSERT) || (call->asserts && !lease_owes(l));
		b->due.us = earlier(b->due.us, l->due.us);
	}
	/* those that were left out come first the next time */
	for (unsigned i = 0; i < call->n; i++) {
		list_del(&b->item[i]->link);
		list_push_back(&b->cold, &b->item[i]->link);
	}
}

static void make_call(struct lease_bucket *b, mono_us now, struct lease_call *call)
{
	struct lease_member *m = b->member;

	*call = (struct lease_call){
		.bucket = b->index,
		.member = str_z(m->name),
		.instance = str_z(m->instance),
		.run_id = str_mk(b->run_id, b->run_id_n),
		.epoch = str_mk(b->epoch, b->epoch_n),
		.members = str_z(m->members),
		.incarnation = m->incarnation,
		.version = m->version,
		.asserts = b->epoch_n > 0,
	};
	if (b->epoch_n > 0) /* otherwise the answer is an epoch, whatever is told */
		fill_items(b, call, now);
	b->under_way = true;
	b->asserts = call->asserts;
	b->n = call->n;
	b->sent = now;
	b->call_at.us = now.us + (b->learning ? LEASE_LEARN_US : LEASE_HEARTBEAT_US);
	m->counts.calls++;
	m->counts.items += call->n;
}

static void sweep(struct list *leases, mono_us now)
{
	list_foreach_safe (it, next, leases) {
		struct lease *l = list_entry(it, struct lease, link);

		if (may_end(l, now))
			lease_end(l);
	}
}

/* What was not synced for too long lets nothing in. */
static void expire(struct lease_bucket *b, mono_us now)
{
	list_foreach (it, &b->hot) {
		struct lease *l = list_entry(it, struct lease, link);

		if (l->stale || mono_since(now, l->synced) < b->member->revalidate_us)
			continue;
		l->stale = true;
		b->member->counts.expired++;
		lease_bound(l);
	}
	b->expire_at.us = now.us + SECOND_US / 4;
	if (now.us < b->sweep_at.us)
		return;
	sweep(&b->hot, now);
	sweep(&b->cold, now);
	b->sweep_at.us = now.us + LEASE_SWEEP_US;
}

/* When the next call is made; one that the centre does not want to hear is not repeated at once. */
static int64_t call_when(const struct lease_bucket *b)
{
	bool welcome = b->status == LEASE_OK || b->status == LEASE_LEARN;

	if (!b->up || b->unsaved || b->under_way)
		return NEVER_US;
	return welcome ? earlier(b->call_at.us, b->due.us) : b->call_at.us;
}

bool lease_due(struct lease_member *m, mono_us now, struct lease_call *call, mono_us *again)
{
	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	lease_attend(m, now);
	again->us = NEVER_US;
	for (unsigned i = 0; i < LEASE_BUCKETS; i++) {
		struct lease_bucket *b = &m->bucket[i];

		if (now.us >= b->expire_at.us)
			expire(b, now);
		again->us = earlier(again->us, b->expire_at.us);
		if (now.us >= call_when(b)) {
			make_call(b, now, call);
			return true;
		}
		again->us = earlier(again->us, call_when(b));
	}
	return false;
}
