/*
 * rollup_open.c: how rollups get back to where they were: days from their files, records from the
 * journal, and a day anew from the journal when its file cannot be read. The owner's thread alone.
 */
#include "ledger/rollup_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "ledger/walk.h"

#define HOURS_A_DAY 24

/* The rows of a file into a day. -1 with err when one of them cannot be read. */
static int take_rows(
	struct rollup *r, struct rollup_day *d, struct rollup_file *f, char *err, size_t err_len)
{
	struct rollup_file_row row;
	struct rollup_key key;
	int rc;

	while ((rc = rollup_file_next(f, &row, err, err_len)) == 1) {
		key.hour = d->day * HOURS_A_DAY + row.hour;
		for (size_t i = 0; i < ROLLUP__TEXTS; i++)
			key.text[i] = f->strings[row.id[i]];
		rollup_value_add(rollup_day_value(d, &key, r->blob), &row.value);
	}
	for (size_t i = 0; rc == 0 && i < f->n_sources; i++)
		rollup_day_source(d, f->sources[i]);
	if (rc == 0)
		positions_copy(&d->in, &f->in);
	return rc;
}

struct rollup_day *rollup_day_load(
	struct rollup *r, int64_t day, enum rollup_file_rc *rc, char *err, size_t err_len)
{
	struct rollup_day *d = NULL;
	struct rollup_file f;
	char why[128], name[ROLLUP_NAME_LEN];

	*rc = rollup_file_read(&f, r->folder, day, err, err_len);
	if (*rc == ROLLUP_FILE_OK) {
		d = rollup_day_new(day);
		if (take_rows(r, d, &f, why, sizeof why) != 0) {
			rollup_file_name(name, day);
			snprintf(err, err_len, "%s/%s %s", r->folder, name, why);
			*rc = ROLLUP_FILE_CORRUPT;
			rollup_day_free(d);
			d = NULL;
		}
	}
	rollup_file_fini(&f);
	return d;
}

/* ---- a day anew from the journal */

/* Which segments a file that cannot be read was made of, as far as it can be told. */
struct made_of {
	bool known;
	uint64_t from; /* no record of the day is below */
	uint64_t *sources;
	size_t n;
};

static void made_of_read(struct rollup *r, int64_t day, struct made_of *m)
{
	struct rollup_file f;
	char err[256];

	*m = (struct made_of){ .known = false };
	/* whatever the result: the positions have a checksum of their own */
	(void)!rollup_file_read(&f, r->folder, day, err, sizeof err);
	if (f.meta_ok) {
		m->known = true;
		m->sources = f.sources;
		m->n = f.n_sources;
		m->from = m->n > 0 ? TG_MIN(f.sources[0], f.in.floor) : f.in.floor;
		f.sources = NULL;
	}
	rollup_file_fini(&f);
}

static bool is_listed(const struct segment_list *l, uint64_t number)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].number == number)
			return true;
	return false;
}

/* Does the journal still have every record of the day? -1 with err: no, or it cannot be known. */
static int check_complete(const struct made_of *m, const struct segment_list *l, const char *name,
	char *err, size_t err_len)
{
	for (size_t i = 0; i < m->n; i++)
		if (!is_listed(l, m->sources[i])) {
			snprintf(err, err_len,
				"%s cannot be made anew: segment %llu of the journal, which has "
				"records of that day, has been deleted; restore the file or the "
				"segment from a backup, or move the file away to go on without "
				"that day's earlier figures",
				name, (unsigned long long)m->sources[i]);
			return -1;
		}
	if (m->known || (l->n > 0 && l->v[0].number == 1 && l->v[l->n - 1].number == l->n))
		return 0;
	snprintf(err, err_len,
		"%s cannot be made anew: it does not say any more which segments it was made of, "
		"and the journal is not complete from its first segment on; restore the file from "
		"a backup, or move it away to go on without that day's earlier figures",
		name);
	return -1;
}

static int read_day(
	struct rollup *r, struct rollup_day *d, struct walk *w, char *err, size_t err_len)
{
	struct journal_position at;
	struct rollup_charge charge;
	struct rollup_key key;
	enum walk_rc rc;
	struct rec rec;

	while ((rc = walk_next(w, &rec, &at, err, err_len)) == WALK_RECORD) {
		positions_set(&d->in, at);
		if (!rollup_charge_of(&rec, &key, &charge) || key.hour / HOURS_A_DAY != d->day)
			continue;
		rollup_day_source(d, at.segment);
		rollup_value_charge(rollup_day_value(d, &key, r->blob), &charge);
		d->touched.us = TG_MAX(d->touched.us, rec.time.us);
	}
	return rc == WALK_END ? 0 : -1;
}

static struct rollup_day *day_from_journal(struct rollup *r, const char *journal_folder,
	int64_t day, bool salvage, char *err, size_t err_len)
{
	struct rollup_day *d = rollup_day_new(day);
	struct positions from = { 0 };
	char name[ROLLUP_NAME_LEN];
	struct made_of m;
	struct walk w;
	int rc;

	made_of_read(r, day, &m);
	from.floor = m.from;
	d->in.floor = m.from;
	rollup_file_name(name, day);
	rc = walk_init(&w, journal_folder,
		&(struct walk_options){ .from = &from, .salvage = salvage }, err, err_len);
	if (rc == 0) {
		rc = check_complete(&m, &w.list, name, err, err_len);
		if (rc == 0)
			rc = read_day(r, d, &w, err, err_len);
		walk_fini(&w);
	}
	free(m.sources);
	d->changed = true;
	if (rc == 0)
		return d;
	rollup_day_free(d);
	return NULL;
}

/* ---- days as they are needed */

static struct rollup_day *day_keep(struct rollup *r, struct rollup_day *d)
{
	d->next = r->days;
	r->days = d;
	return d;
}

/* The day in memory, moved to the front. */
static struct rollup_day *day_find(struct rollup *r, int64_t day)
{
	for (struct rollup_day **at = &r->days; *at != NULL; at = &(*at)->next)
		if ((*at)->day == day) {
			struct rollup_day *d = *at;

			*at = d->next;
			return day_keep(r, d);
		}
	return NULL;
}

struct rollup_day *rollup_day_get(struct rollup *r, int64_t day)
{
	enum rollup_file_rc rc = ROLLUP_FILE_NONE;
	struct rollup_day *d;
	char err[512], why[512];

	if (TG_LIKELY(r->days != NULL && r->days->day == day))
		return r->days;
	d = day_find(r, day);
	if (d != NULL)
		return d;
	d = r->folder != NULL ? rollup_day_load(r, day, &rc, err, sizeof err) : NULL;
	if (d != NULL)
		return day_keep(r, d);
	if (rc == ROLLUP_FILE_CORRUPT && r->replay_folder != NULL) {
		d = day_from_journal(r, r->replay_folder, day, r->salvage, why, sizeof why);
		log_warn("rollup file", "what=\"%s\" journal=\"%s\"", err,
			d != NULL ? "made anew from it" : why);
		if (d != NULL)
			return day_keep(r, d);
	}
	d = day_keep(r, rollup_day_new(day));
	if (rc == ROLLUP_FILE_IO && r->replay_folder != NULL)
		snprintf(r->io_err, sizeof r->io_err, "%s", err);
	if (rc != ROLLUP_FILE_NONE) {
		snprintf(d->broken, sizeof d->broken, "%s", err);
		positions_copy(&d->since, &r->in);
	}
	return d;
}

/* ---- opening */

int rollup_open(struct rollup *r, const char *folder, char *err, size_t err_len)
{
	CHECK_OBJ(r, ROLLUP_MAGIC);
	tg_assert(r->folder == NULL && r->days == NULL);
	if (mkdir(folder, 0750) != 0 && errno != EEXIST) {
		snprintf(err, err_len, "%s: %s", folder, strerror(errno));
		return -1;
	}
	switch (positions_read(&r->in, folder, err, err_len)) {
	case ROLLUP_FILE_OK:
	case ROLLUP_FILE_NONE: break;
	case ROLLUP_FILE_CORRUPT:
		log_warn("rollup file", "what=\"%s\" now=\"the whole journal is read again\"", err);
		r->moved = true;
		break;
	case ROLLUP_FILE_IO: return -1;
	}
	r->folder = str_dup(str_z(folder));
	return 0;
}

int rollup_replay(
	struct rollup *r, const char *journal_folder, bool salvage, char *err, size_t err_len)
{
	struct positions from;
	struct journal_position at;
	enum walk_rc rc = WALK_ERROR;
	struct walk w;
	struct rec rec;

	CHECK_OBJ(r, ROLLUP_MAGIC);
	free(r->journal_folder);
	r->journal_folder = str_dup(str_z(journal_folder));
	positions_init(&from);
	positions_copy(&from, &r->in);
	r->replay_folder = r->journal_folder;
	r->salvage = salvage;
	r->io_err[0] = '\0';
	if (walk_init(&w, journal_folder,
		    &(struct walk_options){ .from = &from, .salvage = salvage }, err,
		    err_len) == 0) {
		while (r->io_err[0] == '\0' &&
			(rc = walk_next(&w, &rec, &at, err, err_len)) == WALK_RECORD)
			rollup_add(r, &rec, at);
		walk_fini(&w);
	}
	if (r->io_err[0] != '\0') {
		snprintf(err, err_len, "%s", r->io_err);
		rc = WALK_ERROR;
	}
	r->replay_folder = NULL;
	positions_fini(&from);
	return rc == WALK_END ? 0 : -1;
}

int rollup_rebuild(struct rollup *r, const char *journal_folder, int64_t day, bool salvage,
	char *err, size_t err_len)
{
	struct rollup_day *d, *old;

	CHECK_OBJ(r, ROLLUP_MAGIC);
	tg_assert(r->folder != NULL && !r->flushing);
	d = day_from_journal(r, journal_folder, day, salvage, err, err_len);
	if (d == NULL)
		return -1;
	old = day_find(r, day);
	if (old != NULL) {
		r->days = old->next;
		rollup_day_free(old);
	}
	day_keep(r, d);
	return 0;
}
