/*
 * fall.c: see fall.h. Runs on workers; only requests that have falls come here.
 */
#include "quota/fall.h"

#include "quota/hold.h"

#define TRIES 3 /* at what a source has, while others draw on it, too */

static bool same_source(const struct quota_falls *f, unsigned i, unsigned k)
{
	const struct quota_step *a = &f->item[i].step, *b = &f->item[k].step;

	return a->fall == b->fall && a->source == b->source;
}

/* Behind the source that begins with this item; and behind its fall. */
static unsigned source_end(const struct quota_falls *f, unsigned from)
{
	unsigned to = from + 1;

	while (to < f->n && same_source(f, to, from))
		to++;
	return to;
}

static unsigned fall_end(const struct quota_falls *f, unsigned from)
{
	unsigned to = from;

	while (to < f->n && f->item[to].step.fall == f->item[from].step.fall)
		to++;
	return to;
}

static enum quota_dim dim_of(const struct quota_falls *f, unsigned i)
{
	return f->item[i].step.account->dim;
}

/* The items give back `amount` each. */
static void lower(
	struct quota_falls *f, unsigned from, unsigned to, int64_t amount, struct quota_time now)
{
	for (unsigned i = from; i < to; i++) {
		quota_account_settle(f->item[i].charged, amount, 0, now);
		f->item[i].held -= amount;
	}
}

/* Each of a source's accounts takes `amount`, or none. *at: which one lacks. */
static enum quota_result source_take(struct quota_falls *f, unsigned from, unsigned to,
	int64_t amount, struct quota_time now, unsigned *at)
{
	for (unsigned i = from; i < to; i++) {
		struct quota_fall_item *item = &f->item[i];
		enum quota_result r = quota_account_raise(
			item->step.account, item->held, amount, now, &item->charged);

		if (r != QUOTA_OK) {
			lower(f, from, i, amount, now);
			*at = i;
			return r;
		}
		item->held += amount;
	}
	return QUOTA_OK;
}

static int64_t source_room(
	const struct quota_falls *f, unsigned from, unsigned to, struct quota_time now)
{
	int64_t room = INT64_MAX;

	for (unsigned i = from; i < to; i++)
		room = TG_MIN(room, quota_account_headroom(f->item[i].step.account, now));
	return room;
}

/* All of *amount, or what there is. OK whatever is left in *amount; ASK, UNSURE: *at says who. */
static enum quota_result source_draw(struct quota_falls *f, unsigned from, unsigned to,
	int64_t *amount, struct quota_time now, unsigned *at)
{
	enum quota_result r = source_take(f, from, to, *amount, now, at);
	unsigned lacks = *at;

	if (r == QUOTA_OK)
		*amount = 0;
	if (r == QUOTA_OK || r == QUOTA_ASK || r == QUOTA_UNSURE)
		return r;
	for (int i = 0; i < TRIES; i++) {
		int64_t room = TG_MIN(source_room(f, from, to, now), *amount);
		unsigned other;

		if (room == 0)
			break;
		if (source_take(f, from, to, room, now, &other) == QUOTA_OK) {
			*amount -= room;
			break;
		}
	}
	*at = lacks;
	return QUOTA_OK;
}

static enum quota_result deny(const struct quota_falls *f, unsigned from, unsigned at,
	enum quota_result r, int64_t asked, struct quota_time now, struct quota_denied *denied)
{
	struct quota_account *a = f->item[at].step.account;
	unsigned end = fall_end(f, from);
	int64_t room = 0;

	for (unsigned i = from, to; i < end; i = to) {
		to = source_end(f, i);
		room = TG_MIN(room + source_room(f, i, to, now), QUOTA_AMOUNT_MAX);
	}
	*denied = (struct quota_denied){
		.account = a,
		.result = r,
		.asked = asked,
		.headroom = room,
		.why = r == QUOTA_UNSURE ? (enum quota_unsure)atomic_load(&a->unsure) : QUOTA_SURE,
		.opens = r == QUOTA_LACKS ? quota_account_opens(a, TG_MIN(asked, a->limit), now)
					  : now.wall,
	};
	return r;
}

/* What the items [from, to) had before: `was`. */
static void restore(struct quota_falls *f, unsigned from, unsigned to,
	const int64_t was[QUOTA_FALL_MAX], struct quota_time now)
{
	for (unsigned i = from; i < to; i++)
		lower(f, i, i + 1, f->item[i].held - was[i], now);
}

static enum quota_result fall_draw(struct quota_falls *f, unsigned from, int64_t amount,
	struct quota_time now, struct quota_denied *denied)
{
	unsigned end = fall_end(f, from), first = end, at = from;
	int64_t left = amount, was[QUOTA_FALL_MAX];
	enum quota_result r = QUOTA_OK;

	for (unsigned i = from; i < end; i++)
		was[i] = f->item[i].held;
	for (unsigned i = from, to; i < end && left > 0 && r == QUOTA_OK; i = to) {
		to = source_end(f, i);
		r = source_draw(f, i, to, &left, now, &at);
		if (left > 0 && first == end)
			first = at;
	}
	if (left == 0)
		return QUOTA_OK;
	restore(f, from, end, was, now);
	return r == QUOTA_OK ? deny(f, from, first, QUOTA_LACKS, amount, now, denied)
			     : deny(f, from, at, r, left, now, denied);
}

enum quota_result quota_falls_raise(struct quota_falls *f, const int64_t more[QUOTA_DIM__MAX],
	struct quota_time now, struct quota_denied *denied)
{
	int64_t was[QUOTA_FALL_MAX];

	for (unsigned i = 0; i < f->n; i++)
		was[i] = f->item[i].held;
	for (unsigned i = 0; i < f->n; i = fall_end(f, i)) {
		enum quota_result r = fall_draw(f, i, more[dim_of(f, i)], now, denied);

		if (r != QUOTA_OK) {
			restore(f, 0, i, was, now);
			return r;
		}
	}
	return QUOTA_OK;
}

void quota_falls_lower(
	struct quota_falls *f, const int64_t more[QUOTA_DIM__MAX], struct quota_time now)
{
	for (unsigned from = 0, end; from < f->n; from = end) {
		int64_t left = more[dim_of(f, from)];

		end = fall_end(f, from);
		for (unsigned to = end, i; to > from && left > 0; to = i) {
			int64_t back;

			for (i = to - 1; i > from && same_source(f, i - 1, i);)
				i--;
			back = TG_MIN(left, f->item[i].held);
			lower(f, i, to, back, now);
			left -= back;
		}
	}
}

enum quota_result quota_falls_take(struct quota_falls *f, const struct quota_step *step, unsigned n,
	const int64_t amount[QUOTA_DIM__MAX], struct quota_time now, struct quota_denied *denied)
{
	static const int64_t nothing[QUOTA_DIM__MAX];
	enum quota_result r;

	tg_assert(n <= QUOTA_FALL_MAX);
	f->n = n;
	for (unsigned i = 0; i < n; i++) {
		struct quota_fall_item *item = &f->item[i];

		*item = (struct quota_fall_item){ .step = step[i] };
		/* 0 gets in everywhere; a window says its bucket */
		tg_assert(quota_account_take(step[i].account, 0, now, &item->charged) == QUOTA_OK);
		quota_account_get(step[i].account);
	}
	r = quota_falls_raise(f, amount, now, denied);
	if (r != QUOTA_OK)
		quota_falls_settle(f, nothing, now);
	return r;
}

/* What of `actual` each item has: out of the first source as far as that was drawn on, and so on.
 */
static void split(const struct quota_falls *f, const int64_t actual[QUOTA_DIM__MAX],
	int64_t out[QUOTA_FALL_MAX])
{
	for (unsigned from = 0, end; from < f->n; from = end) {
		int64_t left = actual[dim_of(f, from)];
		unsigned first = source_end(f, from);

		end = fall_end(f, from);
		for (unsigned i = from, to; i < end; i = to) {
			int64_t part = TG_MIN(left, f->item[i].held);

			to = source_end(f, i);
			left -= part;
			for (unsigned k = i; k < to; k++)
				out[k] = part;
		}
		for (unsigned k = from; k < first; k++)
			out[k] += left; /* more than was held */
	}
}

void quota_falls_settle(
	struct quota_falls *f, const int64_t actual[QUOTA_DIM__MAX], struct quota_time now)
{
	int64_t was[QUOTA_FALL_MAX];

	split(f, actual, was);
	for (unsigned i = f->n; i-- > 0;) {
		struct quota_fall_item *item = &f->item[i];

		quota_account_settle(item->charged, item->held, was[i], now);
		if (item->charged != item->step.account)
			quota_account_put(item->charged);
		quota_account_put(item->step.account);
	}
	f->n = 0;
}

void quota_falls_drawn(const struct quota_falls *f, const int64_t actual[QUOTA_DIM__MAX],
	int64_t drawn[QUOTA_PURSE__MAX])
{
	int64_t was[QUOTA_FALL_MAX];

	memset(drawn, 0, QUOTA_PURSE__MAX * sizeof *drawn);
	split(f, actual, was);
	for (unsigned i = 0; i < f->n; i++)
		if (f->item[i].step.source > 0)
			drawn[f->item[i].step.purse] += was[i];
}
