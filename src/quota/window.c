/*
 * window.c: the ring behind a rolling limit. Buckets are numbered from 1; number k is at place
 * k % size. The ring has one place more than a window sums up: the next bucket waits there while
 * the window is still whole.
 *
 * A place is overwritten only when the number that stood there is behind every window that can
 * be open, so "open is still k" after a sum says that the sum was over window k.
 */
#include "quota/window.h"

#include <stdlib.h>

#include "quota/account_int.h"

struct place {
	struct quota_account *_Atomic bucket;
	_Atomic int64_t start_us, leaves_us;
};

struct quota_window {
	unsigned buckets, size;  /* summed up; places */
	_Atomic uint64_t open;   /* the open bucket's number; 0: none yet */
	_Atomic uint64_t newest; /* brought; open or the one after */
	_Atomic int64_t until_us;
	struct place place[];
};

struct quota_window *quota_window_new(unsigned buckets)
{
	unsigned size = buckets + 1;
	struct quota_window *w = calloc(1, sizeof *w + size * sizeof w->place[0]);

	tg_assert(buckets >= 1 && buckets <= PERIOD_ROLLING_MAX + 1);
	if (w == NULL)
		return NULL;
	w->buckets = buckets;
	w->size = size;
	atomic_store(&w->until_us, INT64_MIN);
	return w;
}

void quota_window_free(struct quota_window *w)
{
	for (unsigned i = 0; i < w->size; i++) {
		struct quota_account *b = atomic_load(&w->place[i].bucket);

		if (b != NULL)
			quota_account_put(b);
	}
	free(w);
}

static struct quota_window *window_of(const struct quota_account *head)
{
	CHECK_OBJ(head, QUOTA_ACCOUNT_MAGIC);
	tg_assert(head->kind == QUOTA_ROLLING && head->window != NULL);
	return head->window;
}

int quota_window_push(
	struct quota_account *head, struct quota_account *bucket, struct quota_account **left)
{
	struct quota_window *w = window_of(head);
	uint64_t number = atomic_load(&w->newest) + 1;
	struct place *p = &w->place[number % w->size];

	CHECK_OBJ(bucket, QUOTA_ACCOUNT_MAGIC);
	*left = NULL;
	if (atomic_load(&w->open) != number - 1)
		return -1;
	*left = atomic_exchange(&p->bucket, bucket);
	atomic_store(&p->start_us, bucket->start.us);
	atomic_store(&p->leaves_us, bucket->leaves.us);
	atomic_store(&w->until_us, bucket->end.us);
	atomic_store(&w->newest, number);
	return 0;
}

static uint64_t turn(struct quota_window *w, wall_us now)
{
	uint64_t k = atomic_load(&w->open);

	while (k != atomic_load(&w->newest) &&
		atomic_load(&w->place[(k + 1) % w->size].start_us) <= now.us)
		if (atomic_compare_exchange_weak(&w->open, &k, k + 1))
			k++;
	return k;
}

void quota_window_turn(const struct quota_account *head, wall_us now)
{
	turn(window_of(head), now);
}

wall_us quota_window_until(const struct quota_account *head)
{
	return (wall_us){ atomic_load(&window_of(head)->until_us) };
}

/* The open bucket with a reference, and its number; NULL: none was brought yet. */
static struct quota_account *open_bucket(struct quota_window *w, wall_us now, uint64_t *number)
{
	for (;;) {
		uint64_t k = turn(w, now);
		struct quota_account *b = atomic_load(&w->place[k % w->size].bucket);

		*number = k;
		if (k == 0)
			return NULL;
		if (!quota_account_try_get(b))
			continue;
		/* the ring's own reference kept it what it is up to here */
		if (atomic_load(&w->open) == k)
			return b;
		quota_account_put(b);
	}
}

/*
 * Places may have other accounts by now, and accounts other names: what was read is thrown away
 * then. *own (unless NULL) is set to 0 when `old` is not among those summed up.
 */
static int64_t sum(struct quota_window *w, uint64_t open, size_t counter,
	const struct quota_account *old, int64_t *own)
{
	int64_t total = 0;
	bool found = false;

	for (uint64_t i = 0; i < w->buckets && i < open; i++) {
		struct quota_account *b = atomic_load(&w->place[(open - i) % w->size].bucket);
		_Atomic int64_t *v = (_Atomic int64_t *)(void *)((char *)b + counter);

		found |= b == old;
		if (__builtin_add_overflow(total, atomic_load(v), &total))
			total = INT64_MAX;
	}
	if (own != NULL && !found)
		*own = 0;
	return total;
}

static int64_t sum_now(const struct quota_account *head, wall_us now, size_t counter)
{
	struct quota_window *w = window_of(head);

	for (;;) {
		uint64_t k = turn(w, now);
		int64_t total = sum(w, k, counter, NULL, NULL);

		if (atomic_load(&w->open) == k)
			return total;
	}
}

int64_t quota_window_committed(const struct quota_account *head, wall_us now)
{
	return sum_now(head, now, offsetof(struct quota_account, committed));
}

int64_t quota_window_settled(const struct quota_account *head, wall_us now)
{
	return sum_now(head, now, offsetof(struct quota_account, settled));
}

int64_t quota_window_over(const struct quota_account *head, wall_us now)
{
	return sum_now(head, now, offsetof(struct quota_account, over));
}

/* A hold in an older bucket that is to move. */
struct move {
	const struct quota_account *old; /* NULL: none */
	int64_t held;
};

/*
 * Adds to bucket k; 1 when it is no longer the open one. Nothing stays of what is not QUOTA_OK.
 * What moves is in the sum twice as long as the window has the old bucket.
 */
static int try_add(const struct quota_account *head, struct quota_account *b, uint64_t k,
	int64_t amount, struct move from, enum quota_result *r)
{
	struct quota_window *w = head->window;
	int64_t total;
	bool still;

	atomic_fetch_add(&b->committed, amount);
	total = sum(w, k, offsetof(struct quota_account, committed), from.old, &from.held);
	still = atomic_load(&w->open) == k;
	*r = total - from.held <= atomic_load(&head->granted) ? QUOTA_OK : QUOTA_LACKS;
	if (still && *r == QUOTA_OK)
		return 0;
	atomic_fetch_sub(&b->committed, amount);
	return still ? 0 : 1;
}

static enum quota_result take(const struct quota_account *head, int64_t amount, struct move from,
	wall_us now, struct quota_account **charged)
{
	struct quota_window *w = window_of(head);
	enum quota_result r = QUOTA_OK;
	uint64_t k;

	for (;;) {
		struct quota_account *b = open_bucket(w, now, &k);
		int again = 0;

		if (b == NULL)
			return QUOTA_LACKS;
		if (amount > 0)
			again = try_add(head, b, k, amount, from, &r);
		if (again == 0 && r == QUOTA_OK) {
			*charged = b;
			return QUOTA_OK;
		}
		quota_account_put(b);
		if (again == 0)
			return r;
	}
}

enum quota_result quota_window_take(
	struct quota_account *head, int64_t amount, wall_us now, struct quota_account **charged)
{
	static const struct move none = { NULL, 0 };

	if (amount > atomic_load(&head->limit))
		return QUOTA_NEVER;
	return take(head, amount, none, now, charged);
}

/* Held and more go to the open bucket, then held leaves where it was. */
enum quota_result quota_window_raise(struct quota_account *head, int64_t held, int64_t more,
	wall_us now, struct quota_account **charged)
{
	struct quota_account *old = *charged, *fresh;
	int64_t limit = atomic_load(&head->limit);
	enum quota_result r;

	if (more > limit || held > limit - more)
		return QUOTA_NEVER;
	r = take(head, held + more, (struct move){ old, held }, now, &fresh);
	if (r != QUOTA_OK)
		return r;
	atomic_fetch_sub(&old->committed, held);
	quota_account_put(old);
	*charged = fresh;
	return QUOTA_OK;
}

wall_us quota_window_opens(const struct quota_account *head, int64_t amount, wall_us now)
{
	struct quota_window *w = window_of(head);
	wall_us at = { INT64_MAX };
	uint64_t k = turn(w, now);
	int64_t lacking = amount - atomic_load(&head->granted);

	if (__builtin_add_overflow(lacking,
		    sum(w, k, offsetof(struct quota_account, committed), NULL, NULL), &lacking))
		return at;
	/* the oldest leave first */
	for (uint64_t i = TG_MIN(k, w->buckets); i-- > 0 && lacking > 0;) {
		struct place *p = &w->place[(k - i) % w->size];

		lacking -= atomic_load(&atomic_load(&p->bucket)->committed);
		at.us = atomic_load(&p->leaves_us);
	}
	return lacking > 0 ? (wall_us){ INT64_MAX } : at.us == INT64_MAX ? now : at;
}

bool quota_window_idle(const struct quota_account *head, wall_us now)
{
	struct quota_window *w = window_of(head);

	for (unsigned i = 0; i < w->size; i++) {
		struct quota_account *b = atomic_load(&w->place[i].bucket);

		if (b != NULL && now.us < b->leaves.us && atomic_load(&b->committed) != 0)
			return false;
	}
	return true;
}
