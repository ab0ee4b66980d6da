/*
 * recover.c: finds the holds that a dead process left open. One pass over the unsealed segments in
 * the order of their numbers, one in memory at a time, then over what is in fronts alone; a table
 * of what is open, of which only what is still open at a segment's end is copied. Reads only; one
 * thread.
 */
#include "ledger/recover_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/test_switch.h"

enum {
#define X(id, name, code) CODE_##id = code,
#include "ledger/tbl/ends.h"
#undef X
};

/* ---- what is open: open addressing, ids are random enough to be their own hash */

struct open_hold {
	struct rec_id id;
	bool used;
	const char *state;    /* the HOLD's, its copy's, or the last LEG's bytes */
	const char *extend;   /* the last EXTEND's behind it, or NULL */
	const char *progress; /* the last PROGRESS' behind both, or NULL */
};

struct open_table {
	struct open_hold *v;
	size_t n, cap; /* cap: a power of two */
};

static size_t slot_of(const struct open_table *t, struct rec_id id)
{
	uint64_t h = (id.hi ^ (uint64_t)id.lo << 17) * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(h >> 20) & (t->cap - 1);

	while (t->v[i].used && !rec_id_eq(t->v[i].id, id))
		i = (i + 1) & (t->cap - 1);
	return i;
}

static void table_grow(struct open_table *t)
{
	struct open_table old = *t;

	t->cap = old.cap > 0 ? old.cap * 2 : 4096;
	t->v = calloc(t->cap, sizeof *t->v);
	tg_assert(t->v != NULL);
	for (size_t i = 0; i < old.cap; i++)
		if (old.v[i].used)
			t->v[slot_of(t, old.v[i].id)] = old.v[i];
	free(old.v);
}

static struct open_hold *table_put(struct open_table *t, struct rec_id id)
{
	size_t i;

	if (t->n * 2 >= t->cap)
		table_grow(t);
	i = slot_of(t, id);
	if (!t->v[i].used) {
		t->v[i] = (struct open_hold){ .id = id, .used = true };
		t->n++;
	}
	return &t->v[i];
}

static struct open_hold *table_get(struct open_table *t, struct rec_id id)
{
	size_t i = t->cap > 0 ? slot_of(t, id) : 0;

	return t->cap > 0 && t->v[i].used ? &t->v[i] : NULL;
}

/* Those behind it that it kept from their place move up. */
static void table_remove(struct open_table *t, struct open_hold *e)
{
	size_t i = (size_t)(e - t->v);

	t->n--;
	t->v[i].used = false;
	for (i = (i + 1) & (t->cap - 1); t->v[i].used; i = (i + 1) & (t->cap - 1)) {
		struct open_hold moved = t->v[i];

		t->v[i].used = false;
		t->v[slot_of(t, moved.id)] = moved;
	}
}

/* ---- one segment */

void recover_take(
	struct recover_scan *sc, const struct rec_head *head, struct rec_id id, const char *bytes)
{
	struct open_hold *e;

	switch (head->type) {
	case REC_HOLD:
		e = table_put(sc->open, id);
		e->state = bytes;
		e->extend = e->progress = NULL;
		break;
	case REC_LEG: /* of a HOLD that is lost, too: it says as much */
		e = table_put(sc->open, id);
		e->state = bytes;
		e->extend = e->progress = NULL;
		break;
	case REC_EXTEND: /* says what a PROGRESS before it has said, too */
		e = table_get(sc->open, id);
		if (e != NULL) {
			e->extend = bytes;
			e->progress = NULL;
		}
		break;
	case REC_PROGRESS:
		e = table_get(sc->open, id);
		if (e != NULL)
			e->progress = bytes;
		break;
	case REC_SETTLE:
	case REC_VOID:
		e = table_get(sc->open, id);
		if (e != NULL)
			table_remove(sc->open, e);
		break;
	default: break;
	}
}

static int corrupt(struct recover_scan *sc, const char *path, uint64_t at)
{
	snprintf(sc->err, sc->err_len,
		"%s: the record at byte %" PRIu64
		" cannot be read although it had been written to the "
		"disk: the file is damaged. `tgctl ledger verify` says what is lost; `salvage: "
		"yes` in "
		"the block `ledger` starts without it",
		path, at);
	return -1;
}

/* The last byte that is not zero, from `at` on: what was torn. */
static uint64_t torn_until(const struct segment_read *s, uint64_t at)
{
	uint64_t end = s->bytes.n;

	while (end > at && s->bytes.p[end - 1] == 0)
		end--;
	return end;
}

static int cannot_read(struct recover_scan *sc, const char *path)
{
	snprintf(sc->err, sc->err_len, "%s: cannot be read: %s", path, strerror(errno));
	return -1;
}

static void take_here(struct recover_scan *sc, const struct segment_read *s, struct str bytes,
	enum rec_read rc, const struct rec_head *head, struct rec_id id)
{
	recover_known_record(&sc->known, s->info.incarnation, head, bytes);
	if (rc == REC_READ_OK)
		recover_take(sc, head, id, bytes.p);
}

static int walk(struct recover_scan *sc, struct segment_read *s, struct recovered_segment *seg)
{
	uint64_t at = SEGMENT_HEAD, last_seq = 0;

	recover_known_begin(&sc->known);
	for (;;) {
		uint64_t from = at;
		struct rec_head head;
		struct rec_id id;
		enum rec_read rc;

		if (segment_fetch(s, at + REC_MAX_BYTES) != 0)
			return cannot_read(sc, seg->path);
		rc = segment_glance(s, &at, &head, &id);
		if (rc == REC_READ_OK || rc == REC_READ_BAD) {
			take_here(sc, s, str_mk(s->bytes.p + from, at - from), rc, &head, id);
			last_seq = head.seq;
			seg->records++;
			seg->end = at;
			continue;
		}
		if (at < s->info.synced && !sc->salvage)
			return corrupt(sc, seg->path, at);
		if (segment_fetch(s, s->bytes.n) != 0)
			return cannot_read(sc, seg->path);
		if (!segment_resync(s, &at, last_seq)) {
			sc->out->torn_bytes += torn_until(s, from) - from;
			break;
		}
		recover_known_hole(&sc->known);
		seg->whole = false;
		sc->out->torn_bytes += at - from;
	}
	sc->out->records += seg->records;
	return 0;
}

static bool is_within(const char *p, struct str bytes)
{
	return p >= bytes.p && p < bytes.p + bytes.n;
}

static const char *keep(struct recover_report *out, const char *p)
{
	uint32_t len;
	char *copy;

	memcpy(&len, p + 4, 4);
	copy = arena_alloc(&out->arena, len);
	tg_assert(copy != NULL);
	return memcpy(copy, p, len);
}

/* The segment is closed next: what is open takes its bytes along. */
static void keep_open(struct recover_scan *sc, struct str bytes)
{
	for (size_t i = 0; i < sc->open->cap; i++) {
		struct open_hold *e = &sc->open->v[i];

		if (!e->used)
			continue;
		if (is_within(e->state, bytes))
			e->state = keep(sc->out, e->state);
		if (e->extend != NULL && is_within(e->extend, bytes))
			e->extend = keep(sc->out, e->extend);
		if (e->progress != NULL && is_within(e->progress, bytes))
			e->progress = keep(sc->out, e->progress);
	}
}

static struct recovered_segment *segment_add(
	struct recover_report *out, const struct segment_entry *entry)
{
	struct recovered_segment *seg;

	out->unsealed = realloc(out->unsealed, (out->n_unsealed + 1) * sizeof *out->unsealed);
	tg_assert(out->unsealed != NULL);
	seg = &out->unsealed[out->n_unsealed++];
	*seg = (struct recovered_segment){ .end = SEGMENT_HEAD, .whole = true };
	seg->info.number = entry->number;
	memcpy(seg->path, entry->path, sizeof seg->path);
	return seg;
}

static int scan_segment(struct recover_scan *sc, const struct segment_entry *entry)
{
	struct recovered_segment *seg;
	struct segment_read s;
	int rc = segment_read_open_own(&s, entry->path, sc->err, sc->err_len);

	if (rc != 0) {
		if (!sc->salvage)
			return -1;
		segment_add(sc->out, entry)->damaged = true;
		return 0;
	}
	if (s.info.sealed == 0) {
		seg = segment_add(sc->out, entry);
		seg->info = s.info;
		rc = walk(sc, &s, seg);
		keep_open(sc, s.bytes);
	}
	segment_read_close(&s);
	return rc;
}

/* ---- the report */

static struct rec_settle settle_of_hold(const struct rec_hold *h)
{
	return (struct rec_settle){ .id = h->id,
		.start = h->start,
		.legs = (uint8_t)(h->legs_over + 1),
		.who = h->who,
		.what = h->what,
		.usage = h->bound,
		.money = h->money,
		.generations = h->generations,
		.drawn_tenant = h->drawn_tenant,
		.drawn_org = h->drawn_org };
}

static struct rec_settle settle_of_leg(const struct rec_leg *l)
{
	return (struct rec_settle){ .id = l->id,
		.start = l->start,
		.legs = (uint8_t)(l->no + 1),
		.who = l->who,
		.what = l->next,
		.usage = l->next_bound,
		.money = l->next_money,
		.generations = l->generations,
		.drawn_tenant = l->drawn_tenant,
		.drawn_org = l->drawn_org };
}

/* The bytes have been read before; false: their payload is a later version's. */
static bool decode(const char *bytes, struct rec *r)
{
	uint32_t n;
	size_t len;

	memcpy(&n, bytes + 4, 4);
	return rec_decode(str_mk(bytes, n), r, &len) == REC_READ_OK;
}

/* Less than was held comes first out of what was drawn last. */
static void draw_less(uint64_t *drawn, pico_usd less)
{
	uint64_t nano = less > 0 ? (uint64_t)(less / PICO_PER_NANO) : 0;

	*drawn -= TG_MIN(*drawn, nano);
}

/* What the provider has said of its input is known; the rest is as much as it was bound to be. */
static void progress_take(struct rec_settle *out, const struct rec_progress *p)
{
	draw_less(&out->drawn_tenant, out->money.billed - p->money.billed);
	draw_less(&out->drawn_org, out->money.billed - p->money.billed);
	out->money = p->money;
	if (p->usage.source != USAGE_PROVIDER && p->usage.source != USAGE_PARTIAL)
		return;
	for (unsigned b = 0; usage_input(&p->usage) > 0 && b < USAGE_FIRST_OUTPUT; b++)
		out->usage.n[b] = p->usage.n[b];
}

static bool settle_of(const struct open_hold *e, struct rec_settle *out)
{
	struct rec r;

	if (!decode(e->state, &r))
		return false;
	*out = r.type == REC_LEG ? settle_of_leg(&r.u.leg) : settle_of_hold(&r.u.hold);
	out->quality = QUALITY_CRASH_WORST;
	out->end = CODE_CRASHED;
	if (e->extend != NULL && decode(e->extend, &r)) {
		out->usage = r.u.extend.bound;
		out->money = r.u.extend.money;
		out->drawn_tenant = r.u.extend.drawn_tenant;
		out->drawn_org = r.u.extend.drawn_org;
	}
	out->usage.source = USAGE_ESTIMATED;
	out->bound = out->money.contracted;
	if (e->progress != NULL && decode(e->progress, &r))
		progress_take(out, &r.u.progress);
	if (test_off(TEST_CRASH_SETTLE)) {
		out->usage = (struct usage){ .source = USAGE_ESTIMATED };
		out->money = (struct rec_money){ 0 };
	}
	return true;
}

static int report(struct recover_scan *sc)
{
	struct recover_report *out = sc->out;

	out->holds = calloc(sc->open->n + 1, sizeof *out->holds);
	tg_assert(out->holds != NULL);
	for (size_t i = 0; i < sc->open->cap; i++) {
		const struct open_hold *e = &sc->open->v[i];

		if (!e->used)
			continue;
		if (settle_of(e, &out->holds[out->n_holds].settle)) {
			out->n_holds++;
		} else if (!sc->salvage) {
			char id[REC_ID_LEN];

			rec_id_text(id, e->id);
			snprintf(sc->err, sc->err_len,
				"the open request %.*s was written by a later version: start that "
				"one "
				"once, or `salvage: yes` in the block `ledger` goes on without it",
				REC_ID_LEN, id);
			return -1;
		}
	}
	return 0;
}

static int scan(struct recover_scan *sc, const char *folder)
{
	struct recover_report *out = sc->out;
	struct segment_list list;
	int rc = 0;

	*out = (struct recover_report){ .next_segment = 1 };
	arena_init(&out->arena, NULL, 0);
	if (segment_list_read(&list, folder, sc->err, sc->err_len) != 0)
		return -1;
	out->segments = list.n;
	for (size_t i = 0; i < list.n && rc == 0; i++) {
		out->next_segment = list.v[i].number + 1;
		if (!list.v[i].compressed)
			rc = scan_segment(sc, &list.v[i]);
	}
	if (rc == 0)
		rc = recover_fronts(sc, folder);
	if (rc == 0)
		rc = report(sc);
	segment_list_free(&list);
	return rc;
}

int recover_scan(
	const char *folder, bool salvage, struct recover_report *out, char *err, size_t err_len)
{
	struct open_table open = { .n = 0 };
	struct recover_scan sc = {
		.out = out, .open = &open, .salvage = salvage, .err = err, .err_len = err_len
	};
	int rc = scan(&sc, folder);

	free(open.v);
	recover_known_free(&sc.known);
	return rc;
}

void recover_report_free(struct recover_report *r)
{
	free(r->holds);
	free(r->unsealed);
	free(r->tails);
	front_list_free(&r->fronts);
	arena_fini(&r->arena);
	*r = (struct recover_report){ .next_segment = 0 };
}
