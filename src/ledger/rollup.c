/*
 * rollup.c: rollups in memory (rollup.h). A day owns its rows and their strings in an arena; a row
 * is found by one hash over its whole key, brought into one piece. The owner's thread alone.
 */
#include "ledger/rollup_int.h"

#include <stdlib.h>

#include "base/log.h"
#include "ledger/copy_short.h"

#define HOURS_A_DAY   24
#define FIRST_SLOTS   256
#define ROW_BYTES     1024 /* of a row with its strings: max_rows bounds memory too */

#define OVERFLOW_TAGS STR("{\"tollgate/overflow\":\"true\"}")
#define OVERFLOW_TEXT STR("tollgate/overflow")

struct rollup *rollup_new(size_t max_rows)
{
	struct rollup *r = calloc(1, sizeof *r);

	tg_assert(r != NULL && max_rows > 0);
	INIT_OBJ(r, ROLLUP_MAGIC);
	r->max_rows = max_rows;
	positions_init(&r->in);
	return r;
}

void rollup_free(struct rollup *r)
{
	CHECK_OBJ(r, ROLLUP_MAGIC);
	tg_assert(!r->flushing);
	while (r->days != NULL) {
		struct rollup_day *d = r->days;

		r->days = d->next;
		rollup_day_free(d);
	}
	positions_fini(&r->in);
	free(r->folder);
	free(r->journal_folder);
	FINI_OBJ(r);
	free(r);
}

struct rollup_day *rollup_day_new(int64_t day)
{
	struct rollup_day *d = calloc(1, sizeof *d);

	tg_assert(d != NULL);
	INIT_OBJ(d, ROLLUP_DAY_MAGIC);
	d->day = day;
	arena_init(&d->arena, NULL, 0);
	intern_init(&d->strings, &d->arena);
	positions_init(&d->in);
	positions_init(&d->since);
	return d;
}

void rollup_day_free(struct rollup_day *d)
{
	CHECK_OBJ(d, ROLLUP_DAY_MAGIC);
	free(d->slots);
	free(d->sources);
	positions_fini(&d->in);
	positions_fini(&d->since);
	intern_fini(&d->strings);
	arena_fini(&d->arena);
	FINI_OBJ(d);
	free(d);
}

/* The key in one piece; its length. Texts are cut to what a record can hold. */
static size_t blob_of(const struct rollup_key *key, char *blob)
{
	char *p = blob + ROLLUP_BLOB_HEAD;

	blob[2 * ROLLUP__TEXTS] = (char)(key->hour % HOURS_A_DAY);
	for (size_t i = 0; i < ROLLUP__TEXTS; i++) {
		uint16_t n = (uint16_t)TG_MIN(key->text[i].n, (size_t)REC_TAGS_MAX);

		memcpy(blob + 2 * i, &n, sizeof n);
		copy_short(p, key->text[i].p, n);
		p += n;
	}
	return (size_t)(p - blob);
}

static void grow(struct rollup_day *d)
{
	size_t n = d->n_slots != 0 ? d->n_slots * 2 : FIRST_SLOTS;
	struct rollup_slot *bigger = calloc(n, sizeof *bigger);

	tg_assert(bigger != NULL);
	for (size_t i = 0; i < d->n_slots; i++) {
		const struct rollup_slot *s = &d->slots[i];
		size_t to = s->hash & (n - 1);

		if (s->row == NULL)
			continue;
		while (bigger[to].row != NULL)
			to = (to + 1) & (n - 1);
		bigger[to] = *s;
	}
	free(d->slots);
	d->slots = bigger;
	d->n_slots = n;
}

static struct rollup_slot *slot_find(
	const struct rollup_day *d, uint64_t hash, const char *blob, size_t n)
{
	for (size_t i = hash & (d->n_slots - 1);; i = (i + 1) & (d->n_slots - 1)) {
		struct rollup_slot *s = &d->slots[i];

		if (s->row == NULL || (s->hash == hash && s->row->blob_bytes == n &&
					      memcmp(s->row->blob, blob, n) == 0))
			return s;
	}
}

static struct rollup_row *row_new(
	struct rollup_day *d, const struct rollup_key *key, const char *blob, size_t n)
{
	struct rollup_row *row = arena_alloc(&d->arena, sizeof *row + n);

	tg_assert(row != NULL);
	memset(row, 0, sizeof *row);
	for (size_t i = 0; i < ROLLUP__TEXTS; i++)
		row->id[i] = intern_put(&d->strings,
			str_mk(key->text[i].p, TG_MIN(key->text[i].n, (size_t)REC_TAGS_MAX)));
	row->blob_bytes = (uint32_t)n;
	memcpy(row->blob, blob, n);
	d->n_rows++;
	return row;
}

struct rollup_value *rollup_day_value(
	struct rollup_day *d, const struct rollup_key *key, char *blob)
{
	size_t n = blob_of(key, blob);
	uint64_t hash = str_hash(str_mk(blob, n));
	struct rollup_slot *s;

	if (TG_UNLIKELY(2 * d->n_rows >= d->n_slots))
		grow(d);
	s = slot_find(d, hash, blob, n);
	if (TG_UNLIKELY(s->row == NULL)) {
		s->row = row_new(d, key, blob, n);
		s->hash = hash;
	}
	return &s->row->value;
}

void rollup_day_source(struct rollup_day *d, uint64_t segment)
{
	size_t i = d->n_sources;

	while (i > 0 && d->sources[i - 1] > segment)
		i--;
	if (i > 0 && d->sources[i - 1] == segment)
		return;
	if (d->n_sources == d->cap_sources) {
		d->cap_sources = TG_MAX(d->cap_sources * 2, (size_t)16);
		d->sources = realloc(d->sources, d->cap_sources * sizeof *d->sources);
		tg_assert(d->sources != NULL);
	}
	memmove(d->sources + i + 1, d->sources + i, (d->n_sources - i) * sizeof *d->sources);
	d->sources[i] = segment;
	d->n_sources++;
}

void rollup_day_merge(struct rollup_day *to, const struct rollup_day *from, char *blob)
{
	for (size_t i = 0; i < from->n_slots; i++) {
		const struct rollup_row *row = from->slots[i].row;
		struct rollup_key key;

		if (row == NULL)
			continue;
		key.hour = row->blob[2 * ROLLUP__TEXTS];
		for (size_t t = 0; t < ROLLUP__TEXTS; t++)
			key.text[t] = intern_text(&from->strings, row->id[t]);
		rollup_value_add(rollup_day_value(to, &key, blob), &row->value);
	}
	for (size_t i = 0; i < from->n_sources; i++)
		rollup_day_source(to, from->sources[i]);
}

/* Are there as many rows as are allowed, and a share more? */
static bool is_full(const struct rollup *r, const struct rollup_day *d, size_t share)
{
	size_t most = r->max_rows + share;

	return d->n_rows >= most || d->arena.used_bytes / ROW_BYTES >= most;
}

/*
 * A day that is full takes no more rows of what clients (tags) or providers (the others) can make
 * up; what is left of the key comes from the configuration. Rows that are there go on.
 */
static void fold(struct rollup *r, const struct rollup_day *d, struct rollup_key *key)
{
	size_t n = blob_of(key, r->blob);

	if (d->n_slots > 0 && slot_find(d, str_hash(str_mk(r->blob, n)), r->blob, n)->row != NULL)
		return;
	r->folded++;
	if (key->tags.n > 0)
		key->tags = OVERFLOW_TAGS;
	if (!is_full(r, d, r->max_rows / 4 + 1))
		return;
	key->model = OVERFLOW_TEXT;
	key->asked = OVERFLOW_TEXT;
	key->region = OVERFLOW_TEXT;
	key->service_tier = OVERFLOW_TEXT;
}

static void add_charge(struct rollup *r, struct rollup_day *d, struct rollup_key *key,
	const struct rollup_charge *charge, wall_us time, uint64_t segment)
{
	rollup_day_source(d, segment);
	if (TG_UNLIKELY(is_full(r, d, 0)))
		fold(r, d, key);
	rollup_value_charge(rollup_day_value(d, key, r->blob), charge);
	d->touched.us = TG_MAX(d->touched.us, time.us);
	d->changed = true;
}

void rollup_add(struct rollup *r, const struct rec *rec, struct journal_position at)
{
	struct rollup_charge charge;
	struct rollup_key key;
	struct rollup_day *d;

	CHECK_OBJ(r, ROLLUP_MAGIC);
	if (positions_have(&r->in, at))
		return;
	if (rollup_charge_of(rec, &key, &charge)) {
		d = rollup_day_get(r, key.hour / HOURS_A_DAY);
		if (!positions_have(&d->in, at))
			add_charge(r, d, &key, &charge, rec->time, at.segment);
	}
	positions_set(&r->in, at);
	r->moved = true;
	r->added++;
	r->latest.us = TG_MAX(r->latest.us, rec->time.us);
}

void rollup_stats_get(const struct rollup *r, struct rollup_stats *out)
{
	CHECK_OBJ(r, ROLLUP_MAGIC);
	*out = (struct rollup_stats){ .folded = r->folded, .added = r->added };
	for (const struct rollup_day *d = r->days; d != NULL; d = d->next) {
		out->days++;
		out->rows += d->n_rows;
	}
}
