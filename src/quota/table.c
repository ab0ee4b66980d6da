/*
 * table.c: open addressing over ids that are hashes already. Slots point to accounts, or to a
 * gravestone where one was dropped. Gravestones are used again; when they and accounts fill three
 * quarters, the control thread writes the accounts to a second array and makes that the one in use.
 *
 * A reader that finds something takes a reference and compares the id: whatever happened, it is
 * right. A reader that finds nothing was right unless the arrays were exchanged meanwhile: then
 * it looks again. Nobody waits for anybody.
 */
#include "quota/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "quota/account_int.h"
#include "quota/window.h"

#define CHUNK 256

typedef struct quota_account *_Atomic slot;

struct quota_table {
	unsigned magic;
#define QUOTA_TABLE_MAGIC 0x71746162
	size_t max, mask; /* accounts; slots of an array less one */
	slot *array[2];
	_Atomic uint64_t exchanges; /* its lowest bit says which array is in use */
	_Atomic size_t count;

	/* The control thread's */
	size_t used; /* slots that are not empty: accounts and gravestones */
	struct quota_account *free;

	_Atomic size_t made; /* accounts that have memory */
	struct quota_account *_Atomic *chunk;
};

/* Never an account: its refs are 0 for ever. */
static struct quota_account gravestone;

static size_t home(const struct quota_table *t, uint64_t id)
{
	return (size_t)(id >> 3) & t->mask;
}

static size_t chunks(size_t max)
{
	return (max + CHUNK - 1) / CHUNK;
}

struct quota_table *quota_table_new(size_t max)
{
	struct quota_table *t = calloc(1, sizeof *t);
	size_t slots = 16;

	tg_assert(max >= 1 && max <= QUOTA_TABLE_MAX);
	if (t == NULL)
		return NULL;
	while (slots < max * 2)
		slots *= 2;
	t->magic = QUOTA_TABLE_MAGIC;
	t->max = max;
	t->mask = slots - 1;
	/* pages that nobody touches cost nothing */
	t->array[0] = calloc(slots, sizeof(slot));
	t->array[1] = calloc(slots, sizeof(slot));
	t->chunk = calloc(chunks(max), sizeof *t->chunk);
	if (t->array[0] == NULL || t->array[1] == NULL || t->chunk == NULL) {
		quota_table_free(t);
		return NULL;
	}
	return t;
}

static slot *in_use(const struct quota_table *t)
{
	return t->array[atomic_load(&t->exchanges) & 1];
}

static struct quota_account *account_at(const struct quota_table *t, size_t index)
{
	return &atomic_load(&t->chunk[index / CHUNK])[index % CHUNK];
}

/* Out of the array and its memory to the free ones; nobody has a reference. */
static void bury(struct quota_table *t, struct quota_account *a)
{
	slot *s = in_use(t);
	size_t i = home(t, atomic_load(&a->id));

	while (atomic_load(&s[i]) != a)
		i = (i + 1) & t->mask;
	atomic_store(&s[i], &gravestone);
	quota_account_fini(a);
	a->next_free = t->free;
	t->free = a;
	atomic_fetch_sub(&t->count, 1);
}

void quota_table_free(struct quota_table *t)
{
	if (t == NULL)
		return;
	CHECK_OBJ(t, QUOTA_TABLE_MAGIC);
	/* windows first: their rings have references */
	for (int windows = 1; windows >= 0; windows--)
		for (size_t i = 0; i < atomic_load(&t->made); i++) {
			struct quota_account *a = account_at(t, i);

			if (a->magic != QUOTA_ACCOUNT_MAGIC ||
				(a->kind == QUOTA_ROLLING) != (windows == 1))
				continue;
			quota_account_put(a);
			bury(t, a);
		}
	if (t->chunk != NULL)
		for (size_t i = 0; i < chunks(t->max); i++)
			free(atomic_load(&t->chunk[i]));
	free(t->chunk);
	free(t->array[0]);
	free(t->array[1]);
	FINI_OBJ(t);
	free(t);
}

/* One pass over an array; NULL: not there. */
static struct quota_account *look(struct quota_table *t, slot *s, uint64_t id)
{
	for (size_t i = home(t, id), n = 0; n <= t->mask; i = (i + 1) & t->mask, n++) {
		struct quota_account *a = atomic_load(&s[i]);

		if (a == NULL)
			return NULL;
		if (a == &gravestone || atomic_load(&a->id) != id || !quota_account_try_get(a))
			continue;
		if (atomic_load(&a->id) == id)
			return a;
		quota_account_put(a);
	}
	return NULL;
}

struct quota_account *quota_table_find(struct quota_table *t, uint64_t id)
{
	CHECK_OBJ(t, QUOTA_TABLE_MAGIC);
	for (;;) {
		uint64_t before = atomic_load(&t->exchanges);
		struct quota_account *a = look(t, t->array[before & 1], id);

		if (a != NULL || atomic_load(&t->exchanges) == before)
			return a;
	}
}

struct quota_account *quota_table_find_name(
	struct quota_table *t, struct str name, enum quota_dim dim)
{
	struct quota_account *a = quota_table_find(t, quota_account_id(name, dim));

	if (a != NULL && !str_eq(a->name, name)) {
		quota_account_put(a);
		a = NULL;
	}
	return a;
}

/* Into the first slot that is free: one by one for the array in use. */
static void insert(struct quota_table *t, slot *s, struct quota_account *a)
{
	size_t i = home(t, atomic_load(&a->id));
	struct quota_account *there;

	while ((there = atomic_load(&s[i])) != NULL && there != &gravestone)
		i = (i + 1) & t->mask;
	t->used += there == NULL;
	atomic_store(&s[i], a);
}

static void exchange(struct quota_table *t)
{
	slot *from = in_use(t), *to = t->array[(atomic_load(&t->exchanges) + 1) & 1];

	for (size_t i = 0; i <= t->mask; i++)
		atomic_store(&to[i], NULL);
	t->used = 0;
	for (size_t i = 0; i <= t->mask; i++) {
		struct quota_account *a = atomic_load(&from[i]);

		if (a != NULL && a != &gravestone)
			insert(t, to, a);
	}
	atomic_fetch_add(&t->exchanges, 1);
}

/* Memory for one more; NULL: none, or max are in use. */
static struct quota_account *account_new(struct quota_table *t)
{
	struct quota_account *a = t->free, *chunk;
	size_t made = atomic_load(&t->made);

	if (a != NULL) {
		t->free = a->next_free;
		return a;
	}
	if (made == t->max)
		return NULL;
	if (made % CHUNK == 0) {
		chunk = aligned_alloc(TG_CACHE_LINE, CHUNK * sizeof *chunk);
		if (chunk == NULL)
			return NULL;
		memset((void *)chunk, 0, CHUNK * sizeof *chunk);
		atomic_store(&t->chunk[made / CHUNK], chunk);
	}
	atomic_store(&t->made, made + 1);
	return account_at(t, made);
}

static struct quota_account *found_again(struct quota_account *a, struct str name,
	const struct quota_limit *l, const struct period *p, char *err, size_t err_size)
{
	if (!str_eq(a->name, name)) {
		snprintf(err, err_size, "the accounts `%.*s` and `%.*s` have the same id",
			STR_FMT(name), STR_FMT(a->name));
		quota_account_put(a);
		return NULL;
	}
	if (l->kind != QUOTA_ROLLING || p == NULL) /* a bucket has no limit of its own */
		quota_account_set_limit(a, l->amount);
	return a;
}

struct quota_account *quota_table_make(struct quota_table *t, struct str name,
	const struct quota_limit *l, const struct period *p, struct quota_time now, char *err,
	size_t err_size)
{
	struct quota_account *a = quota_table_find(t, quota_account_id(name, l->dim));

	if (a != NULL)
		return found_again(a, name, l, p, err, err_size);
	a = account_new(t);
	if (a == NULL && quota_table_sweep(t, now) > 0)
		a = account_new(t);
	if (a == NULL) {
		snprintf(err, err_size, "no room for the account `%.*s`: all %zu are in use",
			STR_FMT(name), t->max);
		return NULL;
	}
	if (quota_account_init(a, name, l, p) != 0) {
		a->next_free = t->free;
		t->free = a;
		snprintf(err, err_size, "no memory for the account `%.*s`", STR_FMT(name));
		return NULL;
	}
	quota_account_get(a);
	if (t->used >= t->mask / 4 * 3)
		exchange(t);
	insert(t, in_use(t), a);
	atomic_fetch_add(&t->count, 1);
	return a;
}

struct quota_account *quota_table_next(struct quota_table *t, size_t *cursor)
{
	CHECK_OBJ(t, QUOTA_TABLE_MAGIC);
	while (*cursor < atomic_load(&t->made)) {
		struct quota_account *a = account_at(t, (*cursor)++);

		if (quota_account_try_get(a))
			return a;
	}
	return NULL;
}

size_t quota_table_count(const struct quota_table *t)
{
	CHECK_OBJ(t, QUOTA_TABLE_MAGIC);
	return atomic_load(&t->count);
}

static bool forgettable(const struct quota_account *a, struct quota_time now)
{
	int64_t committed = atomic_load(&a->committed), settled = atomic_load(&a->settled);

	switch (a->kind) {
	case QUOTA_STOCK:
		return committed == settled && (committed == 0 || now.wall.us >= a->leaves.us);
	case QUOTA_ROLLING: return quota_window_idle(a, now.wall);
	case QUOTA_RATE: return atomic_load(&a->tat_ns) / 1000 < now.mono.us;
	case QUOTA_GAUGE: break;
	}
	return committed == 0;
}

/*
 * The word of references also counts how often one was taken: if it is what it was before the look
 * at the account, nobody came by meanwhile.
 */
static bool drop(struct quota_table *t, struct quota_account *a, struct quota_time now)
{
	uint64_t refs = atomic_load(&a->refs);

	if ((refs & QUOTA_REFS_MASK) != 1 || !forgettable(a, now) ||
		!atomic_compare_exchange_strong(&a->refs, &refs, refs - 1))
		return false;
	bury(t, a);
	return true;
}

/* Twice: a window that is dropped lets go of its buckets. */
size_t quota_table_sweep(struct quota_table *t, struct quota_time now)
{
	size_t dropped = 0;

	CHECK_OBJ(t, QUOTA_TABLE_MAGIC);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < atomic_load(&t->made); i++)
			dropped += drop(t, account_at(t, i), now);
	return dropped;
}
