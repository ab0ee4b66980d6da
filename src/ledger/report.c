/*
 * report.c: days' files and the journal behind them, filtered and added up (report.h). The
 * positions are read first, then the files, then the journal: a file is then at least as new as the
 * positions, and says itself which records of the journal it has.
 */
#include "ledger/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "ledger/intern.h"
#include "ledger/rollup_int.h"
#include "ledger/walk.h"
#include "proto/json_scan.h"

#define HOUR_US     INT64_C(3600000000)
#define HOURS_A_DAY 24
#define FIRST_SLOTS 256
#define NO_TAG      UINT32_MAX
#define UNKNOWN     UINT32_MAX
#define ATTEMPTS    3 /* a journal's segment may be deleted while it is read */

/* What rows are told apart by; without padding, since it is hashed as bytes. */
struct group {
	int64_t time; /* the bucket's first hour */
	uint32_t id[ROLLUP__TEXTS];
	uint32_t tag[REPORT_TAGS_MAX];
};
_Static_assert(sizeof(struct group) == 8 + 4 * (ROLLUP__TEXTS + REPORT_TAGS_MAX), "no padding");

struct group_row {
	struct group group;
	uint64_t hash;
	struct report_row row;
};

/* What a tag set means to the question, found out once a set. */
struct tag_set {
	bool known, pass;
	uint32_t tag[REPORT_TAGS_MAX];
};

struct adding {
	const struct report_query *q;
	struct report *out;
	struct intern strings;
	uint32_t filter[REPORT_FILTERS_MAX]; /* the values' numbers */
	struct tag_set *sets;                /* by number of the tags' text */
	size_t n_sets;
	struct group_row **slots;
	size_t n_rows, n_slots;
	struct day_in { /* what is in the files */
		int64_t day;
		struct positions in;
	} * days;
	size_t n_days;
	int64_t bucket_day, bucket; /* the month's first hour, of the day that was asked last */
	unsigned n_tag_questions;   /* filters and groups that ask for a tag */
	bool too_many;
};

/* ---- tags */

static struct str find_tag(struct str tags, struct str name, char *buf, size_t cap)
{
	struct json_watch w = { .key = name };
	struct json_fail fail;
	struct str value;

	if (tags.n == 0 || json_scan_object(tags, &w, 1, &fail) != 0 ||
		json_decode(&w.val, buf, cap, &value) != 0)
		return STR_NONE;
	return value.p != NULL ? value : STR("");
}

static void read_tags(struct adding *a, struct str tags, struct tag_set *set)
{
	const struct report_query *q = a->q;
	char buf[REC_TAGS_MAX];

	set->known = true;
	set->pass = true;
	for (unsigned i = 0; i < q->n_filters; i++) {
		struct str value;

		if (q->filter[i].what != REPORT_BY_TAG)
			continue;
		value = find_tag(tags, q->filter[i].name, buf, sizeof buf);
		set->pass = set->pass && value.p != NULL && str_eq(value, q->filter[i].value);
	}
	for (unsigned i = 0; i < q->n_by_tags; i++) {
		struct str value = find_tag(tags, q->by_tag[i], buf, sizeof buf);

		set->tag[i] = value.p != NULL ? intern_put(&a->strings, value) : NO_TAG;
	}
}

static const struct tag_set *tag_set(struct adding *a, uint32_t id)
{
	if (id >= a->n_sets) {
		size_t n = TG_MAX((size_t)id + 1, 2 * a->n_sets);

		a->sets = realloc(a->sets, n * sizeof *a->sets);
		tg_assert(a->sets != NULL);
		memset(a->sets + a->n_sets, 0, (n - a->n_sets) * sizeof *a->sets);
		a->n_sets = n;
	}
	if (!a->sets[id].known) {
		struct tag_set set = { .known = false };

		read_tags(a, intern_text(&a->strings, id), &set);
		a->sets[id] = set;
	}
	return &a->sets[id];
}

/* ---- groups */

static int64_t month_of(struct adding *a, int64_t day)
{
	char iso[CLOCK_ISO_LEN];

	if (a->bucket_day != day) {
		clock_iso(iso, (wall_us){ day * HOURS_A_DAY * HOUR_US });
		a->bucket_day = day;
		a->bucket = (day - (iso[8] - '0') * 10 - (iso[9] - '0') + 1) * HOURS_A_DAY;
	}
	return a->bucket;
}

static int64_t bound_below(const struct report_query *q, int64_t hour)
{
	size_t low = 0, high = q->n_bounds;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (q->bounds[mid] <= hour)
			low = mid;
		else
			high = mid;
	}
	return q->bounds[low];
}

static int64_t bucket_of(struct adding *a, int64_t hour)
{
	if (a->q->by & REPORT_BY_HOUR)
		return hour;
	if (a->q->by & REPORT_BY_DAY)
		return hour / HOURS_A_DAY * HOURS_A_DAY;
	if (a->q->by & REPORT_BY_MONTH)
		return month_of(a, hour / HOURS_A_DAY);
	if (a->q->by & REPORT_BY_BOUNDS)
		return bound_below(a->q, hour);
	return 0;
}

static void grow(struct adding *a)
{
	size_t n = a->n_slots != 0 ? a->n_slots * 2 : FIRST_SLOTS;
	struct group_row **bigger = calloc(n, sizeof(struct group_row *));

	tg_assert(bigger != NULL);
	for (size_t i = 0; i < a->n_slots; i++) {
		size_t to;

		if (a->slots[i] == NULL)
			continue;
		to = a->slots[i]->hash & (n - 1);
		while (bigger[to] != NULL)
			to = (to + 1) & (n - 1);
		bigger[to] = a->slots[i];
	}
	free(a->slots);
	a->slots = bigger;
	a->n_slots = n;
}

static struct str time_text(struct adding *a, int64_t hour)
{
	char iso[CLOCK_ISO_LEN];
	struct arena *arena = &a->out->arena;

	clock_iso(iso, (wall_us){ hour * HOUR_US });
	if (a->q->by & REPORT_BY_HOUR)
		return arena_printf(arena, "%.19sZ", iso);
	if (a->q->by & REPORT_BY_DAY)
		return arena_printf(arena, "%.10s", iso);
	return a->q->by & REPORT_BY_MONTH ? arena_printf(arena, "%.7s", iso) : STR_NONE;
}

static struct group_row *group_new(struct adding *a, const struct group *g, uint64_t hash)
{
	struct group_row *row = arena_zalloc(&a->out->arena, sizeof *row);

	tg_assert(row != NULL);
	row->group = *g;
	row->hash = hash;
	row->row.time = time_text(a, g->time);
	row->row.key.hour = g->time;
	for (size_t i = 0; i < ROLLUP__TEXTS; i++)
		row->row.key.text[i] = intern_text(&a->strings, g->id[i]);
	for (unsigned i = 0; i < a->q->n_by_tags; i++)
		row->row.tag[i] =
			g->tag[i] == NO_TAG ? STR_NONE : intern_text(&a->strings, g->tag[i]);
	a->n_rows++;
	a->too_many = a->q->max_rows != 0 && a->n_rows > a->q->max_rows;
	return row;
}

static struct rollup_value *group_value(struct adding *a, const struct group *g)
{
	uint64_t hash = str_hash(str_mk((const char *)g, sizeof *g));
	struct group_row **at;
	size_t i;

	if (2 * a->n_rows >= a->n_slots)
		grow(a);
	for (i = hash & (a->n_slots - 1);; i = (i + 1) & (a->n_slots - 1)) {
		at = &a->slots[i];
		if (*at == NULL)
			*at = group_new(a, g, hash);
		else if ((*at)->hash != hash || memcmp(&(*at)->group, g, sizeof *g) != 0)
			continue;
		return &(*at)->row.value;
	}
}

/* ---- rows in */

static bool in_range(const struct adding *a, int64_t hour)
{
	return hour >= a->q->from_hour && hour < a->q->to_hour;
}

/* One row (or one record) whose hour is in range. id: numbers of a->strings. */
static void add_row(
	struct adding *a, int64_t hour, const uint32_t *id, const struct rollup_value *v)
{
	const struct report_query *q = a->q;
	const struct tag_set *set = NULL;
	struct group g = { .time = bucket_of(a, hour) };

	for (unsigned i = 0; i < q->n_filters; i++) {
		enum report_by what = q->filter[i].what;

		if (what != REPORT_BY_TAG && a->filter[i] != id[__builtin_ctz((unsigned)what) - 3])
			return;
	}
	if (a->n_tag_questions > 0) {
		set = tag_set(a, id[ROLLUP_TAGS]);
		if (!set->pass)
			return;
		memcpy(g.tag, set->tag, sizeof g.tag);
	}
	for (size_t i = 0; i < ROLLUP__TEXTS; i++)
		g.id[i] = q->by & 8u << i ? id[i] : 0;
	rollup_value_add(group_value(a, &g), v);
	rollup_value_add(&a->out->total, v);
}

/* Numbers of the file's strings to ours, as they are met. */
static uint32_t to_ours(struct adding *a, const struct rollup_file *f, uint32_t *ours, uint32_t id)
{
	if (ours[id] == UNKNOWN)
		ours[id] = intern_put(&a->strings, f->strings[id]);
	return ours[id];
}

static int add_file(struct adding *a, struct rollup_file *f, char *err, size_t err_len)
{
	uint32_t *ours = malloc((f->n_strings + 1) * sizeof *ours);
	struct rollup_file_row row;
	int rc;

	tg_assert(ours != NULL);
	memset(ours, 0xff, (f->n_strings + 1) * sizeof *ours);
	while ((rc = rollup_file_next(f, &row, err, err_len)) == 1 && !a->too_many) {
		int64_t hour = f->day * HOURS_A_DAY + row.hour;

		if (!in_range(a, hour))
			continue;
		for (size_t i = 0; i < ROLLUP__TEXTS; i++)
			row.id[i] = to_ours(a, f, ours, row.id[i]);
		add_row(a, hour, row.id, &row.value);
	}
	free(ours);
	return rc < 0 ? -1 : 0;
}

static int add_day(struct adding *a, const char *folder, int64_t day, char *err, size_t err_len)
{
	enum rollup_file_rc rc;
	struct rollup_file f;
	char name[ROLLUP_NAME_LEN], why[512], what[128];

	rc = rollup_file_read(&f, folder, day, why, sizeof why);
	if (rc == ROLLUP_FILE_OK) {
		a->days[a->n_days].day = day;
		positions_copy(&a->days[a->n_days++].in, &f.in);
		if (add_file(a, &f, what, sizeof what) != 0) {
			rollup_file_name(name, day);
			snprintf(why, sizeof why, "%.400s/%.15s %.80s", folder, name, what);
			rc = ROLLUP_FILE_CORRUPT;
		}
	}
	rollup_file_fini(&f);
	if (rc == ROLLUP_FILE_CORRUPT)
		snprintf(err, err_len,
			"%s; `tgctl ledger verify --rebuild` makes it anew from the journal", why);
	else if (rc == ROLLUP_FILE_IO)
		snprintf(err, err_len, "%s", why);
	return rc == ROLLUP_FILE_CORRUPT || rc == ROLLUP_FILE_IO ? -1 : 0;
}

static int add_days(struct adding *a, const char *folder, char *err, size_t err_len)
{
	int64_t *days;
	size_t n;
	int rc = 0;

	if (rollup_file_list(folder, &days, &n, err, err_len) != 0)
		return -1;
	a->days = calloc(n + 1, sizeof *a->days);
	tg_assert(a->days != NULL);
	for (size_t i = 0; rc == 0 && i < n && !a->too_many; i++)
		if (days[i] * HOURS_A_DAY < a->q->to_hour &&
			(days[i] + 1) * HOURS_A_DAY > a->q->from_hour)
			rc = add_day(a, folder, days[i], err, err_len);
	free(days);
	return rc;
}

static bool is_in_file(const struct adding *a, int64_t day, struct journal_position at)
{
	for (size_t i = a->n_days; i > 0; i--)
		if (a->days[i - 1].day == day)
			return positions_have(&a->days[i - 1].in, at);
	return false;
}

static void add_record(struct adding *a, const struct rec *rec, struct journal_position at)
{
	uint32_t id[ROLLUP__TEXTS];
	struct rollup_value value = { 0 };
	struct rollup_charge charge;
	struct rollup_key key;

	if (!rollup_charge_of(rec, &key, &charge) || !in_range(a, key.hour) ||
		is_in_file(a, key.hour / HOURS_A_DAY, at))
		return;
	for (size_t i = 0; i < ROLLUP__TEXTS; i++)
		id[i] = intern_put(&a->strings, key.text[i]);
	rollup_value_charge(&value, &charge);
	add_row(a, key.hour, id, &value);
	a->out->replayed++;
}

/* ---- the whole */

static void adding_init(struct adding *a, const struct report_query *q, struct report *out)
{
	*a = (struct adding){ .q = q, .out = out, .bucket_day = -1 };
	*out = (struct report){ .n_rows = 0 };
	arena_init(&out->arena, NULL, 0);
	intern_init(&a->strings, &out->arena);
	a->n_tag_questions = q->n_by_tags;
	for (unsigned i = 0; i < q->n_filters; i++) {
		a->filter[i] = intern_put(&a->strings, q->filter[i].value);
		a->n_tag_questions += q->filter[i].what == REPORT_BY_TAG;
	}
}

static void adding_fini(struct adding *a)
{
	for (size_t i = 0; i < a->n_days; i++)
		positions_fini(&a->days[i].in);
	free(a->days);
	free(a->sets);
	free(a->slots);
	intern_fini(&a->strings);
}

/* What rows are sorted by, beside each other: the rows themselves are all over memory. */
struct sortable {
	pico_sum billed;
	int64_t hour;
	struct report_row *row;
};

static int compare_names(const struct report_row *x, const struct report_row *y)
{
	int c = 0;

	for (size_t i = 0; c == 0 && i < ROLLUP__TEXTS; i++)
		c = str_cmp(x->key.text[i], y->key.text[i]);
	for (size_t i = 0; c == 0 && i < REPORT_TAGS_MAX; i++)
		c = str_cmp(x->tag[i], y->tag[i]);
	return c;
}

static int compare_rows(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;

	if (x->hour != y->hour)
		return x->hour < y->hour ? -1 : 1;
	if (x->billed != y->billed)
		return x->billed > y->billed ? -1 : 1;
	return compare_names(x->row, y->row);
}

static void collect(struct adding *a)
{
	struct sortable *v = calloc(a->n_rows + 1, sizeof *v);
	struct report *out = a->out;
	size_t n = 0;

	out->rows = arena_alloc(&out->arena, (a->n_rows + 1) * sizeof(struct report_row *));
	tg_assert(out->rows != NULL && v != NULL);
	for (size_t i = 0; i < a->n_slots; i++)
		if (a->slots[i] != NULL)
			v[n++] = (struct sortable){ a->slots[i]->row.value.billed,
				a->slots[i]->row.key.hour, &a->slots[i]->row };
	if (n > 0)
		qsort(v, n, sizeof *v, compare_rows);
	for (size_t i = 0; i < n; i++)
		out->rows[i] = v[i].row;
	out->n_rows = n;
	free(v);
}

/* 0, 1 to be tried again, -1 with err. */
static int run_once(struct adding *a, const char *ledger, char *err, size_t err_len)
{
	struct positions from = { 0 };
	struct journal_position at;
	char folder[512];
	enum walk_rc rc = WALK_ERROR;
	struct walk w;
	struct rec rec;
	int again = 0;

	snprintf(folder, sizeof folder, "%s/rollup", ledger);
	if (positions_read(&from, folder, err, err_len) == ROLLUP_FILE_IO)
		return -1;
	if (add_days(a, folder, err, err_len) == 0) {
		snprintf(folder, sizeof folder, "%s/journal", ledger);
		rc = WALK_END;
		if (walk_init(&w, folder, &(struct walk_options){ .from = &from }, err, err_len) !=
			0)
			rc = WALK_ERROR;
		while (rc != WALK_ERROR && !a->too_many &&
			(rc = walk_next(&w, &rec, &at, err, err_len)) == WALK_RECORD)
			add_record(a, &rec, at);
		again = w.vanished > 0;
		walk_fini(&w);
	}
	positions_fini(&from);
	if (rc == WALK_ERROR)
		return -1;
	if (a->too_many) {
		snprintf(err, err_len,
			"more than %zu rows: ask for less detail (by) or a shorter time (since, "
			"until)",
			a->q->max_rows);
		return -1;
	}
	return again;
}

int report_run(const char *ledger_path, const struct report_query *q, struct report *out, char *err,
	size_t err_len)
{
	struct adding a;
	int rc = 1;

	if (strlen(ledger_path) > 400) {
		snprintf(err, err_len, "%.64s...: the path is too long", ledger_path);
		return -1;
	}
	for (int i = 0; rc == 1 && i < ATTEMPTS; i++) {
		adding_init(&a, q, out);
		rc = run_once(&a, ledger_path, err, err_len);
		if (rc == 0)
			collect(&a);
		else
			arena_fini(&out->arena);
		adding_fini(&a);
	}
	if (rc == 1)
		snprintf(err, err_len, "%s/journal: segments are deleted while they are read",
			ledger_path);
	return rc == 0 ? 0 : -1;
}

void report_free(struct report *r)
{
	arena_fini(&r->arena);
	*r = (struct report){ .n_rows = 0 };
}
