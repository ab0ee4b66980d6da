/*
 * lease_reply.c: what the centre's answers mean. An answer that its call cannot have is refused as
 * a whole before anything is done: what it said of one account might be as wrong. Control thread.
 */
#include <stdio.h>

#include "quota/lease_int.h"

static int refuse(char *err, size_t err_size, const struct lease_bucket *b, const char *what)
{
	snprintf(err, err_size, "bucket %u: %s", b->index, what);
	return -1;
}

/* ---- is it an answer to this call? */

/*
 * What was told is merged: never less of it comes back. (dup: a later call was there, of another
 * process of our name; its g is not ours.)
 */
static const char *item_wrong(const struct lease *l, const struct lease_answer_item *item)
{
	if (item->s < l->call_s)
		return "the answer has less settled than the call told";
	if (item->status == LEASE_ITEM_DUP)
		return NULL;
	if (item->g < l->call_g)
		return "the answer has less granted than the call told";
	return item->g < item->s ? "the answer has more settled than granted" : NULL;
}

static const char *answer_wrong(const struct lease_bucket *b, const struct lease_answer *answer)
{
	const char *wrong = NULL;

	if (answer->status != LEASE_OK)
		return answer->n == 0 ? NULL : "an answer other than ok has accounts";
	if (!str_eq(answer->epoch, str_mk(b->epoch, b->epoch_n)))
		return "an answer of another epoch than the call's";
	if (answer->n != b->n)
		return "an answer with another number of accounts than the call";
	for (unsigned i = 0; i < b->n && wrong == NULL; i++)
		wrong = item_wrong(b->item[i], &answer->item[i]);
	return wrong;
}

static const char *epoch_wrong(const struct lease_bucket *b, struct str text)
{
	struct lease_epoch told, known;

	if (lease_epoch_parse(text, &told) != 0)
		return "learn without an epoch: NUMBER.INCARNATION.SEQ.MEMBER";
	if (b->epoch_n == 0)
		return NULL;
	tg_assert(lease_epoch_parse(str_mk(b->epoch, b->epoch_n), &known) == 0);
	return lease_epoch_above(&told, &known) ? NULL : "learn with an epoch that is not new";
}

/* ---- accounts */

static void merge(struct lease *l, const struct lease_answer_item *item, bool unsafe, mono_us now)
{
	struct lease_bucket *b = l->bucket;

	/* settled by an earlier process of ours, and lost with a disk */
	if (item->s > l->call_s)
		quota_account_restore(l->account, item->s - l->call_s);
	l->s_told = item->s;
	l->sum_g = item->sum_g;
	l->sum_s = item->sum_s;
	atomic_store(&l->account->others, item->sum_s - item->s);
	l->lim = l->limit == l->call_limit ? item->limit : TG_MIN(item->limit, l->limit);
	l->recall_until_us = now.us + item->recall_ms * 1000;
	if (item->status == LEASE_ITEM_DUP)
		return;
	if (!unsafe)
		l->g = TG_MAX(l->g, item->g);
	l->serial = b->serial;
	l->synced = b->sent;
	l->stale = false;
	l->closed = item->status == LEASE_ITEM_CLOSED;
	/* a reload since the call was made has another one */
	l->dirty = l->dirty && l->limit != l->call_limit;
}

/* Less than was needed when the call was sent: those who wait hear it at once, others for a while.
 */
static bool is_refused(const struct lease *l, const struct lease_answer_item *item)
{
	return item->status == LEASE_ITEM_OK && !l->bucket->learning && !l->returns &&
	       item->g - l->call_g < l->call_need;
}

static void item_reply(
	struct lease *l, const struct lease_answer_item *item, bool unsafe, mono_us now)
{
	merge(l, item, unsafe, now);
	if (!unsafe && is_refused(l, item)) {
		atomic_store(&l->account->refused_until_us, now.us + LEASE_REFUSED_US);
		l->bucket->member->counts.refusals++;
	}
	lease_tell_unsure(l);
	lease_size(l, now);
	lease_bound(l);
	if (lease_bucket_sure(l->bucket))
		lease_offline_note(l, TG_MAX(l->lim - l->sum_g, 0));
	l->in_call = l->unheard = false;
	if (l->low > 0 && l->g - atomic_load(&l->account->committed) < l->low)
		l->low_from.us = now.us + LEASE_REFUSED_US;
	lease_judge(l, now);
}

static void items_reply(struct lease_bucket *b, const struct lease_answer *answer, mono_us now,
	struct lease_outcome *out)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct lease *l = b->item[i];

		item_reply(l, &answer->item[i], answer->unsafe, now);
		if (atomic_load(&l->account->waiting) > 0)
			out->woken[out->n_woken++] = l->account;
	}
}

/* Nothing was done: all is as if it had not been sent. */
static void items_void(struct lease_bucket *b, mono_us now)
{
	for (unsigned i = 0; i < b->n; i++) {
		b->item[i]->in_call = false;
		lease_judge(b->item[i], now);
	}
}

/* ---- buckets */

static void note(struct lease_bucket *b, const struct lease_answer *answer, mono_us now)
{
	b->status = answer->status;
	b->awaited_n = TG_MIN(answer->awaited.n, sizeof b->awaited);
	if (b->awaited_n > 0)
		memcpy(b->awaited, answer->awaited.p, b->awaited_n);
	b->time_ms = answer->time_ms;
	b->heard = now;
}

static void reply_ok(struct lease_bucket *b, const struct lease_answer *answer, mono_us now,
	struct lease_outcome *out)
{
	b->learning = answer->learning;
	b->asserted = b->asserted || b->asserts;
	lease_bucket_set_barred(b, false);
	lease_bucket_set_unsure(b, b->learning      ? QUOTA_UNSURE_LEARNING
				   : answer->unsafe ? QUOTA_UNSURE_REPLICAS
						    : QUOTA_SURE);
	items_reply(b, answer, now, out);
	out->wake_bucket = b->learning || answer->unsafe;
}

static enum quota_unsure unsure_of(enum lease_status status)
{
	switch (status) {
	case LEASE_LEARN: return QUOTA_UNSURE_LEARNING;
	case LEASE_MEMBERS: return QUOTA_UNSURE_MEMBERS;
	default: return QUOTA_UNSURE_BARRED;
	}
}

static void reply_other(struct lease_bucket *b, const struct lease_answer *answer, mono_us now,
	struct lease_outcome *out)
{
	lease_bucket_set_unsure(b, unsure_of(answer->status));
	out->wake_bucket = true;
	if (answer->status == LEASE_LEARN) {
		lease_bucket_set_barred(b, false);
		lease_bucket_set_epoch(b, answer->epoch, true, now);
		b->member->counts.epochs++;
		out->save_epoch = true;
	} else if (answer->status != LEASE_MEMBERS) {
		/* out of it: what we let in now would be nobody's */
		lease_bucket_set_barred(b, true);
	}
	items_void(b, now);
}

int lease_reply(struct lease_member *m, unsigned bucket, const struct lease_answer *answer,
	mono_us now, struct lease_outcome *out, char *err, size_t err_size)
{
	struct lease_bucket *b;
	const char *wrong;

	CHECK_OBJ(m, LEASE_MEMBER_MAGIC);
	tg_assert(bucket < LEASE_BUCKETS && m->bucket[bucket].under_way);
	b = &m->bucket[bucket];
	wrong = answer_wrong(b, answer);
	if (wrong == NULL && answer->status == LEASE_LEARN)
		wrong = epoch_wrong(b, answer->epoch);
	if (wrong != NULL)
		return refuse(err, err_size, b, wrong);
	*out = (struct lease_outcome){ .status = answer->status };
	b->under_way = false;
	note(b, answer, now);
	if (answer->status == LEASE_OK)
		reply_ok(b, answer, now, out);
	else
		reply_other(b, answer, now, out);
	return 0;
}
