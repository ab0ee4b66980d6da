/*
 * journal_writer.c: records go into the mapped segment. The writer's thread owns its segment up to
 * `at`, its open holds and their reservations; what the ledger thread sees of it is `end`, released
 * with each record.
 *
 *	0     HEAD                          at                                      bytes
 *	| head | carried, CHECKPOINT, records | free | reserved for settlements | CLOSE |
 *
 * The reservations are an amount, not a place: a settlement goes to `at` like any other record.
 */
#include "ledger/journal_int.h"

/* Where records must end so that what is reserved still fits. */
static uint64_t limit_of(const struct journal_writer *w)
{
	return w->seg->bytes - JOURNAL_CLOSE_BYTES - w->reserved;
}

static bool fits(const struct journal_writer *w, uint64_t n)
{
	return w->at + n <= limit_of(w);
}

static void publish(struct journal_writer *w, size_t n)
{
	w->at += n;
	w->wrote = true;
	atomic_store_explicit(&w->seg->end, w->at, memory_order_release);
	stat_add(&w->records, 1);
	stat_add(&w->bytes, n);
}

static struct rec_head head_of(
	struct journal_writer *w, enum rec_type type, uint16_t flags, wall_us now)
{
	return (struct rec_head){
		.type = type, .flags = flags, .stamp = w->seg->stamp, .seq = ++w->seq, .time = now
	};
}

void journal_append(struct journal_writer *w, enum rec_type type, const void *payload, wall_us now)
{
	struct rec_head head = head_of(w, type, 0, now);

	publish(w, rec_put(w->seg->map + w->at, &head, payload));
}

/* ---- rotation */

/* A record of the old segment, with its own time. False: its page was lost. */
static bool carry_copy(
	struct journal_writer *w, const struct journal_seg *old, uint64_t from, uint32_t n)
{
	struct rec_head was, head;
	struct rec_id id;
	size_t len;

	if (rec_glance(str_mk(old->map + from, n), &was, &id, &len) != REC_READ_OK)
		return false;
	head = head_of(w, was.type, REC_CARRIED, was.time);
	publish(w, rec_copy(w->seg->map + w->at, &head, old->map + from, len));
	return true;
}

/* A LEG says all that a HOLD of the leg that it began would. */
static bool carry_leg(
	struct journal_writer *w, const struct journal_seg *old, const struct journal_hold *h)
{
	struct rec_head head;
	struct rec_hold hold;
	struct rec r;
	size_t len;

	if (rec_decode(str_mk(old->map + h->state, h->state_bytes), &r, &len) != REC_READ_OK ||
		r.type != REC_LEG)
		return false;
	hold = (struct rec_hold){ .id = r.u.leg.id,
		.start = r.u.leg.start,
		.who = r.u.leg.who,
		.what = r.u.leg.next,
		.bound = r.u.leg.next_bound,
		.money = r.u.leg.next_money,
		.legs_over = r.u.leg.no };
	head = head_of(w, REC_HOLD, REC_CARRIED, r.time);
	publish(w, rec_put(w->seg->map + w->at, &head, &hold));
	return true;
}

static bool carry_hold(
	struct journal_writer *w, const struct journal_seg *old, struct journal_hold *h)
{
	uint64_t at = w->at, progress = h->progress;
	bool leg = old->map[h->state + 8] == REC_LEG;

	if (!(leg ? carry_leg(w, old, h) : carry_copy(w, old, h->state, h->state_bytes)))
		return false;
	w->carry -= h->state_bytes;
	h->state = at;
	h->state_bytes = (uint32_t)(w->at - at);
	w->carry += h->state_bytes;
	h->progress = 0;
	if (progress != 0) {
		at = w->at;
		if (carry_copy(w, old, progress, h->progress_bytes))
			h->progress = at;
		else
			w->carry -= h->progress_bytes;
	}
	return true;
}

/* All open holds, and the CHECKPOINT that says so. */
static void carry_all(struct journal_writer *w, const struct journal_seg *old, wall_us now)
{
	struct rec_checkpoint checkpoint = { .open = 0 };

	list_foreach (it, &w->open) {
		struct journal_hold *h = list_entry(it, struct journal_hold, node);

		if (h->state_bytes > 0 && carry_hold(w, old, h)) {
			checkpoint.open++;
			continue;
		}
		/* The page it was on is lost: it lives in memory alone, its settlement says all. */
		w->carry -= h->state_bytes + (h->progress != 0 ? h->progress_bytes : 0);
		h->state_bytes = 0;
		h->progress = 0;
	}
	journal_append(w, REC_CHECKPOINT, &checkpoint, now);
}

static void enter(struct journal_writer *w, struct journal_seg *s)
{
	w->seg = s;
	w->at = SEGMENT_HEAD;
	w->seq = 0;
}

void journal_writer_begin(struct journal_writer *w, struct journal_seg *first)
{
	list_init(&w->open);
	enter(w, first);
}

/* What the segment that comes next must have room for. */
static uint64_t needed(const struct journal_writer *w, uint64_t extra)
{
	struct rec_checkpoint none = { .open = 0 };

	return SEGMENT_HEAD + w->carry + rec_bound(REC_CHECKPOINT, &none) + w->reserved + extra +
	       JOURNAL_CLOSE_BYTES;
}

/* Only who has taken a segment may look into it. */
static struct journal_seg *take_next(struct journal_writer *w, uint64_t bytes)
{
	struct journal_seg *next = atomic_exchange_explicit(&w->next, NULL, memory_order_acq_rel);

	if (next == NULL || next->bytes >= bytes)
		return next;
	atomic_store_explicit(&w->rejected, next, memory_order_release);
	return NULL;
}

int journal_rotate(struct journal_writer *w, uint64_t extra, wall_us now)
{
	struct journal_seg *old = w->seg, *next;

	atomic_store_explicit(&w->load, w->carry + w->reserved + extra, memory_order_relaxed);
	if (atomic_load_explicit(&w->next, memory_order_relaxed) == NULL)
		return -1;
	next = take_next(w, needed(w, extra));
	if (next == NULL)
		return -1;
	next->base = old->base + old->bytes;
	enter(w, next);
	carry_all(w, old, now);
	next->carry_end = w->at;
	atomic_store_explicit(&w->move, false, memory_order_relaxed);
	atomic_store_explicit(&old->finished, true, memory_order_release);
	w->asked = false;
	return 0;
}

/* ---- admission */

/*
 * Room for n bytes now and `more` reserved, here or in the next segment. Asks the ledger thread for
 * a segment when there is none: once, until one has come.
 */
static bool make_room(struct journal_writer *w, uint64_t n, uint64_t more, wall_us now)
{
	bool move = atomic_load_explicit(&w->move, memory_order_relaxed);

	if (TG_UNLIKELY(move) && journal_rotate(w, n + more, now) == 0)
		move = false;
	if (TG_UNLIKELY(atomic_load_explicit(&w->blocked, memory_order_acquire)))
		return false;
	if (TG_LIKELY(!move && fits(w, n + more)))
		return true;
	if (journal_rotate(w, n + more, now) == 0)
		return true;
	if (!w->asked) {
		w->asked = true;
		journal_wake(w->j);
	}
	return false;
}

bool journal_ready(const struct journal_writer *w)
{
	CHECK_OBJ(w, JOURNAL_WRITER_MAGIC);
	if (atomic_load_explicit(&w->blocked, memory_order_relaxed))
		return false;
	return fits(w, w->typical) ||
	       (atomic_load_explicit(&w->next, memory_order_relaxed) != NULL &&
		       atomic_load_explicit(&w->next_bytes, memory_order_relaxed) >=
			       needed(w, w->typical));
}

bool journal_is_strict(const struct journal_writer *w)
{
	return w->j->opt.durability == JOURNAL_STRICT;
}

bool journal_synced(const struct journal_writer *w, uint64_t position)
{
	return atomic_load_explicit(&w->synced, memory_order_acquire) >= position;
}

/* ---- records */

int journal_hold(
	struct journal_writer *w, struct journal_hold *h, const struct rec_hold *rec, wall_us now)
{
	uint64_t n = rec_bound(REC_HOLD, rec), settle = rec_settle_bound(&rec->who, &rec->what);

	CHECK_OBJ(w, JOURNAL_WRITER_MAGIC);
	tg_assert(!h->open);
	w->typical = n + settle;
	if (!make_room(w, n, settle, now)) {
		stat_add(&w->refused, 1);
		return -1;
	}
	*h = (struct journal_hold){
		.id = rec->id, .state = w->at, .reserved = (uint32_t)settle, .open = true
	};
	journal_append(w, REC_HOLD, rec, now);
	h->state_bytes = (uint32_t)(w->at - h->state);
	h->position = w->seg->base + w->at;
	w->reserved += settle;
	w->carry += h->state_bytes;
	list_push_back(&w->open, &h->node);
	stat_set(&w->n_open, stat_get(&w->n_open) + 1);
	return 0;
}

int journal_leg(
	struct journal_writer *w, struct journal_hold *h, const struct rec_leg *rec, wall_us now)
{
	uint64_t n = rec_bound(REC_LEG, rec), settle = rec_settle_bound(&rec->who, &rec->next);
	uint64_t more = settle > h->reserved ? settle - h->reserved : 0;

	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!make_room(w, n, more, now)) {
		stat_add(&w->refused, 1);
		return -1;
	}
	w->carry -= h->state_bytes + (h->progress != 0 ? h->progress_bytes : 0);
	h->state = w->at;
	h->progress = 0;
	journal_append(w, REC_LEG, rec, now);
	h->state_bytes = (uint32_t)(w->at - h->state);
	h->position = w->seg->base + w->at;
	h->reserved += (uint32_t)more;
	w->reserved += more;
	w->carry += h->state_bytes;
	return 0;
}

void journal_progress(struct journal_writer *w, struct journal_hold *h,
	const struct rec_progress *rec, wall_us now)
{
	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!make_room(w, rec_bound(REC_PROGRESS, rec), 0, now))
		return;
	if (h->progress != 0)
		w->carry -= h->progress_bytes;
	h->progress = w->at;
	journal_append(w, REC_PROGRESS, rec, now);
	h->progress_bytes = (uint32_t)(w->at - h->progress);
	w->carry += h->progress_bytes;
}

/* The reservation is used up by what follows. */
static void release(struct journal_writer *w, struct journal_hold *h)
{
	w->reserved -= h->reserved;
	w->carry -= h->state_bytes + (h->progress != 0 ? h->progress_bytes : 0);
	list_del(&h->node);
	h->open = false;
	stat_set(&w->n_open, stat_get(&w->n_open) - 1);
}

/*
 * May a record of this bound be written in place of the reservation? As a rule, because it repeats
 * the strings of the HOLD or LEG; when it has longer ones, only if there happens to be room.
 */
static bool has_room(
	struct journal_writer *w, const struct journal_hold *h, uint64_t n, wall_us now)
{
	return n <= h->reserved || make_room(w, n, 0, now);
}

void journal_settle(
	struct journal_writer *w, struct journal_hold *h, const struct rec_settle *rec, wall_us now)
{
	struct rec_settle cut;

	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!has_room(w, h, rec_bound(REC_SETTLE, rec), now)) { /* money before ornament */
		cut = *rec;
		cut.who.tags = cut.who.session = cut.who.end_user = STR_NONE;
		cut.model_served = cut.service_tier = cut.provider_request_id = STR_NONE;
		rec = &cut;
		tg_assert(rec_bound(REC_SETTLE, rec) <= h->reserved);
	}
	release(w, h);
	journal_append(w, REC_SETTLE, rec, now);
}

void journal_void(
	struct journal_writer *w, struct journal_hold *h, const struct rec_void *rec, wall_us now)
{
	struct rec_void cut;

	tg_assert(h->open && rec_id_eq(h->id, rec->id));
	if (!has_room(w, h, rec_bound(REC_VOID, rec), now)) {
		cut = *rec;
		cut.who.tags = cut.who.session = cut.who.end_user = STR_NONE;
		rec = &cut;
		tg_assert(rec_bound(REC_VOID, rec) <= h->reserved);
	}
	release(w, h);
	journal_append(w, REC_VOID, rec, now);
}

void journal_turn_end(struct journal_writer *w)
{
	if (TG_UNLIKELY(atomic_load_explicit(&w->move, memory_order_relaxed)) &&
		journal_rotate(w, 0, clock_wall()) != 0 && !w->asked) {
		w->asked = true;
		journal_wake(w->j);
	}
	if (!w->wrote)
		return;
	w->wrote = false;
	/* Pairs with journal_sleep: either it sees `dirty`, or this sees it asleep. */
	atomic_store(&w->dirty, true);
	if (atomic_load(&w->j->asleep) && atomic_exchange(&w->j->asleep, false))
		journal_wake(w->j);
}
