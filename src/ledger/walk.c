/*
 * walk.c: the iterator of walk.h: which file is next, and what unreadable bytes mean.
 */
#include "ledger/walk.h"

#include <errno.h>
#include <stdio.h>

int walk_init(
	struct walk *w, const char *folder, const struct walk_options *opt, char *err, size_t len)
{
	*w = (struct walk){ .opt = *opt };
	return segment_list_read(&w->list, folder, err, len);
}

static void close_segment(struct walk *w)
{
	if (w->is_open)
		segment_read_close(&w->seg);
	w->is_open = false;
}

void walk_fini(struct walk *w)
{
	close_segment(w);
	segment_list_free(&w->list);
}

/* The next segment that may hold something behind the positions. RECORD: it is open. */
static enum walk_rc open_next(struct walk *w, char *err, size_t len)
{
	while (w->next < w->list.n) {
		const struct segment_entry *e = &w->list.v[w->next++];
		uint64_t from =
			w->opt.from != NULL ? positions_of(w->opt.from, e->number) : SEGMENT_HEAD;

		if (from == UINT64_MAX || (w->opt.only != 0 && e->number != w->opt.only))
			continue;
		if (segment_read_open(&w->seg, e->path, err, len) != 0) {
			if (errno == ENOENT && err[0] == '\0')
				w->vanished++;
			else if (w->opt.events || !w->opt.salvage)
				return WALK_ERROR;
			else
				w->damaged++;
			continue;
		}
		w->is_open = true;
		w->ended = false;
		w->at = TG_MAX(from, (uint64_t)SEGMENT_HEAD);
		w->last_seq = 0;
		w->segments++;
		return WALK_SEGMENT;
	}
	return WALK_END;
}

/*
 * Something at w->at cannot be read. Before what was synced it is corruption; behind, it is what a
 * power cut left. Goes on with the next record that can be read, when there is one.
 */
static enum walk_rc on_damage(struct walk *w, enum rec_read what, size_t n, char *err, size_t len)
{
	const struct segment_info *info = &w->seg.info;

	w->damage = (struct walk_damage){
		.segment = info->number,
		.offset = what == REC_READ_BAD ? w->at - n : w->at,
		.payload = what == REC_READ_BAD,
		.tail = what != REC_READ_BAD && w->at >= info->synced,
	};
	if (!w->damage.payload && !segment_resync(&w->seg, &w->at, w->last_seq)) {
		w->ended = true;
		w->at = TG_MAX(TG_MAX(info->synced, info->sealed), w->damage.offset);
	}
	w->damage.bytes = w->at - w->damage.offset;
	w->damaged++;
	w->torn_bytes += w->damage.bytes;
	if (w->opt.events)
		return WALK_DAMAGE;
	if (w->damage.tail || w->opt.salvage)
		return WALK_RECORD; /* nothing to tell; go on */
	snprintf(err, len,
		"segment %llu has an unreadable record at byte %llu (%s): `tgctl ledger verify` "
		"says what is lost, --salvage (`salvage: yes` in the block `ledger`) passes over "
		"it",
		(unsigned long long)info->number, (unsigned long long)w->damage.offset,
		w->damage.payload ? "its contents make no sense to this version"
				  : "its checksum does not fit");
	return WALK_ERROR;
}

/*
 * Of a segment that may grow, bytes that are no record (yet) are its end: it may be written to just
 * now, and was read page by page.
 */
static bool is_growing_end(const struct walk *w, enum rec_read what)
{
	return what == REC_READ_TORN && w->seg.info.sealed == 0 && w->at >= w->seg.info.synced;
}

/* One record of the open segment. END: no more in it. */
static enum walk_rc next_here(
	struct walk *w, struct rec *r, struct journal_position *end, char *err, size_t len)
{
	while (!w->ended) {
		uint64_t before = w->at;
		enum rec_read what = segment_next(&w->seg, &w->at, r);
		enum walk_rc rc;

		switch (what) {
		case REC_READ_OK:
			*end = (struct journal_position){ w->seg.info.number, w->at };
			w->last_seq = r->seq;
			w->records++;
			return WALK_RECORD;
		case REC_READ_END: return WALK_END;
		case REC_READ_TORN:
		case REC_READ_BAD:
			if (is_growing_end(w, what))
				return WALK_END;
			rc = on_damage(w, what, (size_t)(w->at - before), err, len);
			if (rc != WALK_RECORD)
				return rc;
		}
	}
	return WALK_END;
}

enum walk_rc walk_next(
	struct walk *w, struct rec *r, struct journal_position *end, char *err, size_t len)
{
	for (;;) {
		enum walk_rc rc;

		if (w->is_open) {
			rc = next_here(w, r, end, err, len);
			if (rc != WALK_END)
				return rc;
			close_segment(w);
		}
		rc = open_next(w, err, len);
		if (rc != WALK_SEGMENT || w->opt.events)
			return rc;
	}
}
