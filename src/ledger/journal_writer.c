/*
 * journal_writer.c: records go into the writer's front, by memory copy. The writer's thread owns
 *the front up to `at`, its open holds and their reservations; what the ledger thread sees of it is
 * `end`, released with each record.
 *
 *	0      HEAD        at                                      bytes
 *	| head | records   | free | reserved for settlements | CLOSE |
 *
 * The reservations are an amount, not a place: a settlement goes to `at` like any other record. A
 * front is left for the next one when it is full, or early when the other is free again: so the few
 * pages that are written to are always the same, warm and without page faults.
 */
#include "ledger/journal_int.h"

#include <stdlib.h>

#define COPY_BYTES 496 /* most holds with their progress; larger copies are made for one hold */

static uint64_t room_end(const struct journal_writer *w)
{
	return w->front->bytes - JOURNAL_CLOSE_BYTES;
}

bool journal_writer_fits(const struct journal_writer *w, uint64_t n)
{
	return w->at + w->reserved + n <= room_end(w);
}

static struct rec_head head_of(
	struct journal_writer *w, enum rec_type type, uint16_t flags, wall_us now)
{
	return (struct rec_head){
		.type = type, .flags = flags, .stamp = w->stamp, .seq = ++w->seq, .time = now
	};
}

static void publish(struct journal_writer *w, size_t n)
{
	w->at += n;
	w->wrote = true;
	atomic_store_explicit(&w->front->end, w->at, memory_order_release);
	stat_add(&w->records, 1);
	stat_add(&w->bytes, n);
}

void journal_append(struct journal_writer *w, enum rec_type type, const void *payload, wall_us now)
{
	struct rec_head head = head_of(w, type, 0, now);

	publish(w, rec_put(w->front->map + w->at, &head, payload));
}

/* ---- fronts */

void journal_writer_begin(struct journal_writer *w, struct journal_front *first)
{
	w->front = first;
	w->at = FRONT_HEAD;
}

void journal_writer_rewind(struct journal_writer *w)
{
	struct journal_front *f = w->front;

	tg_assert(f->flushed == w->at);
	f->base += w->at - FRONT_HEAD;
	w->at = f->flushed = FRONT_HEAD;
	atomic_store(&f->end, FRONT_HEAD);
}

/* Only who has taken a front may look into it. */
static struct journal_front *take_next(struct journal_writer *w, uint64_t bytes)
{
	struct journal_front *next;

	if (atomic_load_explicit(&w->next, memory_order_relaxed) == NULL)
		return NULL;
	next = atomic_exchange_explicit(&w->next, NULL, memory_order_acq_rel);
	if (next == NULL || next->bytes >= bytes)
		return next;
	atomic_store_explicit(&w->rejected, next, memory_order_release);
	return NULL;
}

/* On to the next front, with room for n more than what is reserved. */
static bool go_on(struct journal_writer *w, uint64_t n)
{
	uint64_t need = FRONT_HEAD + w->reserved + n + JOURNAL_CLOSE_BYTES;
	struct journal_front *old = w->front, *next;

	atomic_store_explicit(&w->load, w->reserved + w->carry + n, memory_order_relaxed);
	next = take_next(w, need);
	if (next == NULL)
		return false;
	next->base = old->base + w->at - FRONT_HEAD;
	w->front = next;
	w->at = FRONT_HEAD;
	atomic_store_explicit(&old->finished, true, memory_order_release);
	w->asked = false;
	return true;
}

/* Woken once, until a front has come. */
static void ask(struct journal_writer *w)
{
	if (w->asked)
		return;
	w->asked = true;
	journal_wake(w->j);
}

/* Room for a record of n bytes, and `more` to be reserved. */
static bool make_room(struct journal_writer *w, uint64_t n, uint64_t more)
{
	if (TG_UNLIKELY(atomic_load_explicit(&w->blocked, memory_order_relaxed)))
		return false;
	if (TG_LIKELY(journal_writer_fits(w, n + more)) || go_on(w, n + more))
		return true;
	ask(w);
	return false;
}

bool journal_ready(const struct journal_writer *w)
{
	CHECK_OBJ(w, JOURNAL_WRITER_MAGIC);
	if (atomic_load_explicit(&w->blocked, memory_order_relaxed))
		return false;
	return journal_writer_fits(w, w->typical) ||
	       (atomic_load_explicit(&w->next, memory_order_relaxed) != NULL &&
		       atomic_load_explicit(&w->next_bytes, memory_order_relaxed) >=
			       FRONT_HEAD + w->reserved + w->typical + JOURNAL_CLOSE_BYTES);
}

bool journal_is_strict(const struct journal_writer *w)
{
	return w->j->opt.durability == JOURNAL_STRICT;
}

bool journal_synced(const struct journal_writer *w, uint64_t position)
{
	return atomic_load_explicit(&w->synced, memory_order_acquire) >= position;
}

/* ---- what an open hold keeps of itself, to be carried */

static struct journal_copy *copy_take(struct journal_writer *w, uint32_t bytes)
{
	struct list *n = bytes <= COPY_BYTES ? list_pop_front(&w->free_copies) : NULL;
	struct journal_copy *c;

	if (n != NULL) {
		c = list_entry(n, struct journal_copy, node);
	} else {
		bytes = TG_MAX(bytes, COPY_BYTES);
		c = malloc(sizeof *c + bytes);
		tg_assert(c != NULL);
		c->cap = bytes;
	}
	list_push_front(&w->copies, &c->node);
	return c;
}

static void copy_give(struct journal_writer *w, struct journal_copy *c)
{
	list_del(&c->node);
	if (c->cap == COPY_BYTES)
		list_push_front(&w->free_copies, &c->node);
	else
		free(c);
}

void journal_writer_fini(struct journal_writer *w)
{
	struct list *n;

	while ((n = list_pop_front(&w->copies)) != NULL ||
		(n = list_pop_front(&w->free_copies)) != NULL)
		free(list_entry(n, struct journal_copy, node));
}

static uint64_t carried_bytes(const struct journal_hold *h)
{
	return h->copy_bytes + h->progress_bytes;
}

/* Room for so much; what is there stays. */
static void copy_grow(struct journal_writer *w, struct journal_hold *h, uint32_t bytes)
{
	struct journal_copy *old = h->copy;

	if (old != NULL && old->cap >= bytes)
		return;
	h->copy = copy_take(w, bytes);
	if (old != NULL) {
		memcpy(h->copy->bytes, old->bytes, carried_bytes(h));
		copy_give(w, old);
	}
}

/* The record that was written last is the hold's state now. */
static void keep_state(struct journal_writer *w, struct journal_hold *h, uint64_t at)
{
	uint32_t n = (uint32_t)(w->at - at);

	copy_grow(w, h, n);
	memcpy(h->copy->bytes, w->front->map + at, n);
	h->copy_bytes = n;
	h->progress_bytes = 0;
	w->carry += n;
}

/* A LEG says all that a HOLD of the leg that it began would. */
static void keep_leg(struct journal_writer *w, struct journal_hold *h, const struct rec_leg *leg)
{
	struct rec_hold hold = { .id = leg->id,
		.start = leg->start,
		.who = leg->who,
		.what = leg->next,
		.bound = leg->next_bound,
		.money = leg->next_money,
		.legs_over = leg->no,
		.generations = leg->generations,
		.drawn_tenant = leg->drawn_tenant,
		.drawn_org = leg->drawn_org };
	struct rec_head head = { .type = REC_HOLD };

	w->carry -= carried_bytes(h);
	h->copy_bytes = h->progress_bytes = 0;
	copy_grow(w, h, (uint32_t)rec_bound(REC_HOLD, &hold));
	h->copy_bytes = (uint32_t)rec_put(h->copy->bytes, &head, &hold);
	w->carry += h->copy_bytes;
}

/* So does the copy of a HOLD whose bound is another one now. */
static void keep_extend(
	struct journal_writer *w, struct journal_hold *h, const struct rec_extend *extend)
{
	static _Thread_local _Alignas(8) char out[REC_MAX_BYTES];
	struct rec_head head = { .type = REC_HOLD };
	struct rec r;
	size_t len;

	tg_assert(rec_decode(str_mk(h->copy->bytes, h->copy_bytes), &r, &len) == REC_READ_OK);
	tg_assert(r.type == REC_HOLD);
	r.u.hold.bound = extend->bound;
	r.u.hold.money = extend->money;
	r.u.hold.drawn_tenant = extend->drawn_tenant;
	r.u.hold.drawn_org = extend->drawn_org;
	len = rec_put(out, &head, &r.u.hold);
	w->carry -= carried_bytes(h);
	h->copy_bytes = h->progress_bytes = 0;
	copy_grow(w, h, (uint32_t)len);
	memcpy(h->copy->bytes, out, len);
	h->copy_bytes = (uint32_t)len;
	w->carry += len;
}

static void keep_progress(struct journal_writer *w, struct journal_hold *h, uint64_t at)
{
	uint32_t n = (uint32_t)(w->at - at);

	copy_grow(w, h, h->copy_bytes + n);
	memcpy(h->copy->bytes + h->copy_bytes, w->front->map + at, n);
	w->carry += n - h->progress_bytes;
	h->progress_bytes = n;
}

static void carry(
	struct journal_writer *w, enum rec_type type, const char *copy, uint32_t n, wall_us now)
{
	struct rec_head head = head_of(w, type, REC_CARRIED, now);

	publish(w, rec_copy(w->front->map + w->at, &head, copy, n));
}

/* All open holds, and the CHECKPOINT that says so: the segments before are not needed any more. */
static void checkpoint(struct journal_writer *w, wall_us now)
{
	struct rec_checkpoint rec = { .open = 0 };

	if (!make_room(w, w->carry + rec_bound(REC_CHECKPOINT, &rec), 0))
		return; /* at a later turn */
	atomic_store_explicit(&w->checkpoint, false, memory_order_relaxed);
	list_foreach (it, &w->open) {
		const struct journal_hold *h = list_entry(it, struct journal_hold, node);

		carry(w, REC_HOLD, h->copy->bytes, h->copy_bytes, now);
		if (h->progress_bytes > 0)
			carry(w, REC_PROGRESS, h->copy->bytes + h->copy_bytes, h->progress_bytes,
				now);
		rec.open++;
	}
	journal_append(w, REC_CHECKPOINT, &rec, now);
}

/* ---- records */

static int refuse(struct journal_writer *w)
{
	stat_add(&w->refused, 1);
	return -1;
}

/* Before a hold is written, and after its end is: who reads 0 has not missed one that is open. */
static void count_open(struct journal_writer *w, int by)
{
	uint64_t n = atomic_load_explicit(&w->n_open, memory_order_relaxed) + (uint64_t)by;

	atomic_store_explicit(&w->n_open, n, memory_order_release);
}

int journal_hold(
	struct journal_writer *w, struct journal_hold *h, const struct rec_hold *rec, wall_us now)
{
	uint64_t n = rec_bound(REC_HOLD, rec), settle = rec_settle_bound(&rec->who, &rec->what), at;

	CHECK_OBJ(w, JOURNAL_WRITER_MAGIC);
	tg_assert(!h->open);
	w->typical = n + settle;
	if (!make_room(w, n, settle))
		return refuse(w);
	count_open(w, 1);
	at = w->at;
	journal_append(w, REC_HOLD, rec, now);
	*h = (struct journal_hold){ .id = rec->id,
		.reserved = (uint32_t)settle,
		.position = w->front->base + w->at,
		.open = true };
	keep_state(w, h, at);
	w->reserved += settle;
	list_push_back(&w->open, &h->node);
	return 0;
}

int journal_leg(
	struct journal_writer *w, struct journal_hold *h, const struct rec_leg *rec, wall_us now)
{
	uint64_t n = rec_bound(REC_LEG, rec), settle = rec_settle_bound(&rec->who, &rec->next);
	uint64_t more = settle > h->reserved ? settle - h->reserved : 0;

	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!make_room(w, n, more))
		return refuse(w);
	journal_append(w, REC_LEG, rec, now);
	h->position = w->front->base + w->at;
	h->reserved += (uint32_t)more;
	w->reserved += more;
	keep_leg(w, h, rec);
	return 0;
}

void journal_progress(struct journal_writer *w, struct journal_hold *h,
	const struct rec_progress *rec, wall_us now)
{
	uint64_t at;

	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!make_room(w, rec_bound(REC_PROGRESS, rec), 0))
		return;
	at = w->at;
	journal_append(w, REC_PROGRESS, rec, now);
	keep_progress(w, h, at);
}

int journal_extend(
	struct journal_writer *w, struct journal_hold *h, const struct rec_extend *rec, wall_us now)
{
	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!make_room(w, rec_bound(REC_EXTEND, rec), 0))
		return refuse(w);
	journal_append(w, REC_EXTEND, rec, now);
	h->position = w->front->base + w->at;
	keep_extend(w, h, rec);
	return 0;
}

/*
 * May a record of this bound be written in place of the reservation? As a rule, because it repeats
 * the strings of the HOLD or LEG; when it has longer ones, only if there happens to be room.
 */
static bool has_room(struct journal_writer *w, const struct journal_hold *h, uint64_t n)
{
	return n <= h->reserved || make_room(w, n, 0);
}

/* The reservation is used up by the record that ends the hold. */
static void end_hold(struct journal_writer *w, struct journal_hold *h, enum rec_type type,
	const void *payload, wall_us now)
{
	journal_append(w, type, payload, now);
	w->reserved -= h->reserved;
	w->carry -= carried_bytes(h);
	copy_give(w, h->copy);
	h->copy = NULL;
	list_del(&h->node);
	h->open = false;
	count_open(w, -1);
}

void journal_settle(
	struct journal_writer *w, struct journal_hold *h, const struct rec_settle *rec, wall_us now)
{
	struct rec_settle cut;

	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!has_room(w, h, rec_bound(REC_SETTLE, rec))) { /* money before ornament */
		cut = *rec;
		cut.who.tags = cut.who.session = cut.who.end_user = STR_NONE;
		cut.model_served = cut.service_tier = cut.provider_request_id = STR_NONE;
		rec = &cut;
		tg_assert(rec_bound(REC_SETTLE, rec) <= h->reserved);
	}
	end_hold(w, h, REC_SETTLE, rec, now);
}

void journal_void(
	struct journal_writer *w, struct journal_hold *h, const struct rec_void *rec, wall_us now)
{
	struct rec_void cut;

	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!has_room(w, h, rec_bound(REC_VOID, rec))) {
		cut = *rec;
		cut.who.tags = cut.who.session = cut.who.end_user = STR_NONE;
		rec = &cut;
		tg_assert(rec_bound(REC_VOID, rec) <= h->reserved);
	}
	end_hold(w, h, REC_VOID, rec, now);
}

/* ---- the turn */

/*
 * More is open than half of the front has room for: on to a larger one before holds have to be
 * refused, or ask for one.
 */
static void make_way(struct journal_writer *w)
{
	uint64_t load = w->reserved + w->carry;

	atomic_store_explicit(&w->load, load, memory_order_relaxed);
	if (TG_LIKELY(load < w->front->bytes / 2))
		return;
	if (atomic_load_explicit(&w->next, memory_order_relaxed) == NULL ||
		atomic_load_explicit(&w->next_bytes, memory_order_relaxed) <= w->front->bytes)
		ask(w);
	else
		(void)go_on(w, w->typical);
}

void journal_turn_end(struct journal_writer *w)
{
	if (TG_UNLIKELY(atomic_load_explicit(&w->checkpoint, memory_order_acquire)))
		checkpoint(w, clock_wall());
	if (!w->wrote)
		return;
	w->wrote = false;
	make_way(w);
	if (w->at >= TG_MIN(JOURNAL_HOT_BYTES, w->front->bytes / 4) ||
		TG_UNLIKELY(atomic_load_explicit(&w->front->faulted, memory_order_relaxed)))
		(void)go_on(w, w->typical);
	/* Pairs with journal_sleep: either it sees `dirty`, or this sees it asleep. */
	atomic_store(&w->dirty, true);
	if (atomic_load(&w->j->asleep) && atomic_exchange(&w->j->asleep, false))
		journal_wake(w->j);
}
