/*
 * verify.c: one pass over the days' files and one over the journal (verify.h). Files first: what
 * they do not have yet is then in the journal behind their positions, whatever a running gateway
 * does meanwhile.
 */
#include "ledger/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "ledger/export.h"
#include "ledger/rollup_int.h"
#include "ledger/verify_holds.h"
#include "ledger/walk.h"
#include "proto/json_scan.h"

#define HOURS_A_DAY 24
#define DAY_US      INT64_C(86400000000)
#define PICO_SCALE  12
#define ATTEMPTS    3

struct verifying {
	struct verify *v;
	struct holds holds;
	struct day_file { /* by day, as v->days: what its file says is in it */
		struct positions in;
		uint64_t *sources;
		size_t n_sources;
	} * files;
	size_t cap;
	uint64_t segment, seq; /* of the record before */
	bool after_damage;
	uint64_t last_segment, last_incarnation; /* the newest */
	struct outbuf line;
};

static void TG_PRINTF(3, 4)
	finding(struct verifying *s, enum verify_rule rule, const char *fmt, ...)
{
	struct verify *v = s->v;
	va_list ap;

	v->violations[rule]++;
	if (v->n_findings == VERIFY_FINDINGS_MAX)
		return;
	v->findings[v->n_findings].rule = rule;
	va_start(ap, fmt);
	vsnprintf(v->findings[v->n_findings].text, sizeof v->findings[0].text, fmt, ap);
	va_end(ap);
	v->n_findings++;
}

static void at_record(struct verifying *s, enum verify_rule rule, struct rec_id id,
	const struct segment_info *info, const struct rec *r, const char *what)
{
	char text[REC_ID_LEN];

	rec_id_text(text, id);
	finding(s, rule, "%.*s: %s (the %s, record %llu of segment %llu)", REC_ID_LEN, text, what,
		rec_type_name(r->type), (unsigned long long)r->seq,
		(unsigned long long)info->number);
}

/* ---- days */

static size_t day_index(struct verifying *s, int64_t day)
{
	struct verify *v = s->v;
	size_t i = v->n_days;

	while (i > 0 && v->days[i - 1].day > day)
		i--;
	if (i > 0 && v->days[i - 1].day == day)
		return i - 1;
	if (v->n_days == s->cap) {
		s->cap = s->cap * 2 + 64;
		v->days = realloc(v->days, s->cap * sizeof *v->days);
		s->files = realloc(s->files, s->cap * sizeof *s->files);
		tg_assert(v->days != NULL && s->files != NULL);
	}
	memmove(v->days + i + 1, v->days + i, (v->n_days - i) * sizeof *v->days);
	memmove(s->files + i + 1, s->files + i, (v->n_days - i) * sizeof *s->files);
	v->n_days++;
	v->days[i] = (struct verify_day){ .day = day, .complete = true, .readable = true };
	s->files[i] = (struct day_file){ .n_sources = 0 };
	return i;
}

static void read_file(struct verifying *s, const char *folder, int64_t day)
{
	size_t i = day_index(s, day);
	struct verify_day *d = &s->v->days[i];
	struct rollup_file_row row;
	struct rollup_file f;
	char err[512] = "", name[ROLLUP_NAME_LEN];
	int rc = rollup_file_read(&f, folder, day, err, sizeof err) == ROLLUP_FILE_OK ? 1 : -1;

	d->has_file = true;
	while (rc == 1 && (rc = rollup_file_next(&f, &row, err, sizeof err)) == 1)
		rollup_value_add(&d->rollup, &row.value);
	if (rc < 0) {
		rollup_file_name(name, day);
		finding(s, VERIFY_FILES, "%s: %.200s", name, err);
		d->readable = false;
	}
	if (f.meta_ok) {
		positions_copy(&s->files[i].in, &f.in);
		s->files[i].sources = f.sources;
		s->files[i].n_sources = f.n_sources;
		f.sources = NULL;
	}
	rollup_file_fini(&f);
}

static int read_files(struct verifying *s, const char *ledger, char *err, size_t err_len)
{
	char folder[512];
	int64_t *days;
	size_t n;

	snprintf(folder, sizeof folder, "%s/rollup", ledger);
	if (rollup_file_list(folder, &days, &n, err, err_len) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		read_file(s, folder, days[i]);
	free(days);
	return 0;
}

static bool is_there(const struct segment_list *l, uint64_t number)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (l->v[middle].number == number)
			return true;
		if (l->v[middle].number < number)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

/* Does the journal have every segment that the files were made of? */
static void check_complete(struct verifying *s, const struct segment_list *l)
{
	for (size_t i = 0; i < s->v->n_days; i++)
		for (size_t k = 0; k < s->files[i].n_sources; k++)
			if (!is_there(l, s->files[i].sources[k]))
				s->v->days[i].complete = false;
}

/* ---- holds and their ends */

static void on_hold(struct verifying *s, const struct segment_info *info, const struct rec *r)
{
	struct open_hold hold = { r->u.hold.id, info->number, r->seq, info->incarnation,
		info->sealed != 0 };
	struct open_hold *open = holds_find(&s->holds, hold.id);
	bool carried = (r->flags & REC_CARRIED) != 0;

	s->v->holds += !carried;
	s->v->carried += carried;
	if (holds_over(&s->holds, hold.id))
		at_record(s, VERIFY_HOLDS, hold.id, info, r, "held again after its end");
	else if (open != NULL && !carried)
		at_record(s, VERIFY_HOLDS, hold.id, info, r, "held twice");
	else if (open == NULL && carried && s->v->missing == 0)
		at_record(s, VERIFY_ENDS, hold.id, info, r, "carried, and was never held");
	holds_put(&s->holds, &hold);
}

/*
 * What recovery settled may have been held in a segment that was deleted since; everything else has
 * its hold, or a copy of it, in its own segment.
 */
static void on_end(struct verifying *s, const struct segment_info *info, const struct rec *r,
	struct rec_id id, bool by_recovery)
{
	if (holds_over(&s->holds, id))
		at_record(s, VERIFY_HOLDS, id, info, r, "ended twice");
	else if (holds_find(&s->holds, id) == NULL && !(by_recovery && s->v->missing > 0))
		at_record(s, VERIFY_ENDS, id, info, r, "ended, and was never held");
	holds_end(&s->holds, id);
}

static void on_between(
	struct verifying *s, const struct segment_info *info, const struct rec *r, struct rec_id id)
{
	if (holds_find(&s->holds, id) == NULL)
		at_record(s, VERIFY_ENDS, id, info, r, "no hold is open");
}

static void check_record(struct verifying *s, const struct segment_info *info, const struct rec *r)
{
	const struct rec_settle *settle = &r->u.settle;

	switch (r->type) {
	case REC_HOLD: on_hold(s, info, r); break;
	case REC_LEG:
		s->v->legs++;
		on_between(s, info, r, r->u.leg.id);
		break;
	case REC_PROGRESS:
		s->v->progress++;
		on_between(s, info, r, r->u.progress.id);
		break;
	case REC_EXTEND:
		s->v->extended++;
		on_between(s, info, r, r->u.extend.id);
		break;
	case REC_SETTLE:
		s->v->settled++;
		on_end(s, info, r, settle->id, settle->quality == QUALITY_CRASH_WORST);
		break;
	case REC_VOID:
		s->v->voided++;
		on_end(s, info, r, r->u.voided.id, false);
		break;
	default: break;
	}
}

static void check_sequence(struct verifying *s, const struct rec *r)
{
	if (r->seq != s->seq + 1 && !s->after_damage)
		finding(s, VERIFY_SEQUENCE, "segment %llu: record %llu follows record %llu",
			(unsigned long long)s->segment, (unsigned long long)r->seq,
			(unsigned long long)s->seq);
	s->seq = r->seq;
	s->after_damage = false;
}

/* Has the running gateway gone on to segments that were not there when the walk began? */
static bool has_newer(const char *folder, uint64_t last)
{
	struct segment_list l;
	char err[256];
	bool newer;

	if (segment_list_read(&l, folder, err, sizeof err) != 0)
		return false;
	newer = l.n > 0 && l.v[l.n - 1].number > last;
	segment_list_free(&l);
	return newer;
}

/*
 * What is open is open in a segment that is not sealed: in flight, or for the next start to settle.
 * A sealed one's open holds have been carried on, or settled by recovery.
 */
static void check_open(struct verifying *s, const char *folder)
{
	bool newer = has_newer(folder, s->last_segment);
	const struct open_hold *h;
	char text[REC_ID_LEN];
	size_t it = 0;

	while ((h = holds_next(&s->holds, &it)) != NULL) {
		if (!h->sealed || (newer && h->incarnation == s->last_incarnation)) {
			s->v->open++;
			continue;
		}
		rec_id_text(text, h->id);
		finding(s, VERIFY_HOLDS,
			"%.*s: held (record %llu of segment %llu), neither ended nor carried on",
			REC_ID_LEN, text, (unsigned long long)h->seq,
			(unsigned long long)h->segment);
	}
}

/* ---- money, three times */

static pico_usd usd_of(const struct json_watch *w)
{
	struct str text;
	int64_t v = INT64_MIN; /* no sum can come out right with this */

	if (json_get_plain(&w->val, &text) != 0 || num_parse_decimal(text, PICO_SCALE, &v) != 0)
		return INT64_MIN;
	return v;
}

static uint64_t units_of(const struct json_watch *usage)
{
	struct json_watch w[] = {
#define X(id, name, parent, kind, code) { .key = STR(name) },
#include "money/tbl/buckets.h"
#undef X
	};
	struct json_fail fail;
	uint64_t sum = 0, n;

	if (json_scan_member(&usage->val, w, USAGE__MAX, &fail) != 0)
		return UINT64_MAX;
	for (unsigned i = 0; i < USAGE__MAX; i++)
		if (json_get_u64(&w[i].val, &n) == 0)
			sum += n;
	return sum;
}

/* What the line of the export says, read back from its text. */
static void add_export(struct verifying *s, const struct segment_info *info, const struct rec *r)
{
	enum { TYPE, START, LIST, CONTRACTED, BILLED, USAGE, N };
	struct json_watch w[N] = { [TYPE].key = STR("type"),
		[START].key = STR("start"),
		[LIST].key = STR("list_usd"),
		[CONTRACTED].key = STR("contracted_usd"),
		[BILLED].key = STR("billed_usd"),
		[USAGE].key = STR("usage") };
	struct json_fail fail;
	struct verify_sum *sum;
	struct str type, start;
	wall_us t;

	s->line.n = 0;
	export_json(&s->line, info, r);
	if (json_scan_object(outbuf_text(&s->line), w, N, &fail) != 0 ||
		json_get_plain(&w[TYPE].val, &type) != 0 ||
		json_get_plain(&w[START].val, &start) != 0 || clock_parse(start, &t) != 0) {
		finding(s, VERIFY_EXPORTS, "record %llu of segment %llu: its line is not JSON",
			(unsigned long long)r->seq, (unsigned long long)info->number);
		return;
	}
	sum = &s->v->days[day_index(s, t.us / DAY_US)].exports;
	sum->requests += str_eq(type, STR("settle"));
	sum->legs += str_eq(type, STR("settle")) || str_eq(type, STR("leg"));
	sum->voided += str_eq(type, STR("void"));
	sum->list += usd_of(&w[LIST]);
	sum->contracted += usd_of(&w[CONTRACTED]);
	sum->billed += usd_of(&w[BILLED]);
	sum->units += units_of(&w[USAGE]);
}

static void add_money(struct verifying *s, const struct segment_info *info, const struct rec *r,
	struct journal_position at)
{
	struct rollup_charge charge;
	struct rollup_key key;
	struct verify_day *d;
	size_t i;

	if (!rollup_charge_of(r, &key, &charge))
		return;
	i = day_index(s, key.hour / HOURS_A_DAY);
	d = &s->v->days[i];
	rollup_value_charge(&d->journal_value, &charge);
	if (!positions_have(&s->files[i].in, at))
		rollup_value_charge(&d->rollup, &charge);
	if (!export_has(r))
		return;
	if (charge.money != NULL) {
		d->journal.requests += charge.request;
		d->journal.legs++;
		d->journal.list += charge.money->list;
		d->journal.contracted += charge.money->contracted;
		d->journal.billed += charge.money->billed;
		for (size_t u = 0; u < USAGE__MAX; u++)
			d->journal.units += charge.usage->n[u];
	}
	d->journal.voided += charge.voided;
	add_export(s, info, r);
}

static bool sum_eq(const struct verify_sum *a, const struct verify_sum *b)
{
	return a->requests == b->requests && a->legs == b->legs && a->voided == b->voided &&
	       a->list == b->list && a->contracted == b->contracted && a->billed == b->billed &&
	       a->units == b->units;
}

/* Of a day whose older segments are gone, rollups have at least what the journal still has. */
static bool at_least(const struct rollup_value *a, const struct rollup_value *b)
{
	bool ok = true;

#define X(member) ok = ok && a->member >= b->member;
#include "ledger/tbl/rollup_counts.h"
#include "ledger/tbl/rollup_more.h"
#undef X
#define X(member, name) ok = ok && a->member >= b->member;
#include "ledger/tbl/rollup_sums.h"
#undef X
	for (size_t i = 0; i < USAGE__MAX; i++)
		ok = ok && a->units[i] >= b->units[i];
	return ok;
}

static void check_day(struct verifying *s, struct verify_day *d)
{
	char name[ROLLUP_NAME_LEN], a[PICO_SUM_LEN], b[PICO_SUM_LEN];
	size_t an, bn;

	rollup_file_name(name, d->day);
	d->ok = d->readable && (d->complete ? rollup_value_eq(&d->rollup, &d->journal_value)
					    : at_least(&d->rollup, &d->journal_value));
	if (!d->ok && d->readable) {
		an = pico_sum_put(a, d->rollup.contracted);
		bn = pico_sum_put(b, d->journal_value.contracted);
		finding(s, VERIFY_ROLLUPS,
			"%.10s: rollups say %llu requests and %.*s USD, records %s%llu and %.*s",
			name, (unsigned long long)d->rollup.requests, (int)an, a,
			d->complete ? "" : "(those that are left) ",
			(unsigned long long)d->journal_value.requests, (int)bn, b);
	}
	if (sum_eq(&d->journal, &d->exports))
		return;
	an = pico_sum_put(a, d->exports.contracted);
	bn = pico_sum_put(b, d->journal.contracted);
	finding(s, VERIFY_EXPORTS,
		"%.10s: exported are %llu requests and %.*s USD, records say %llu and %.*s", name,
		(unsigned long long)d->exports.requests, (int)an, a,
		(unsigned long long)d->journal.requests, (int)bn, b);
}

/* ---- the walk */

static void on_segment(struct verifying *s, const struct walk *w)
{
	s->segment = w->seg.info.number;
	s->seq = 0;
	s->after_damage = false;
	s->v->segments++;
	if (s->segment >= s->last_segment) {
		s->last_segment = s->segment;
		s->last_incarnation = w->seg.info.incarnation;
	}
}

static void on_damage(struct verifying *s, const struct walk_damage *d)
{
	s->after_damage = true;
	if (d->tail) {
		s->v->torn_bytes += d->bytes;
		return;
	}
	s->v->lost_bytes += d->bytes;
	if (!s->v->salvaged)
		finding(s, VERIFY_READABLE, "segment %llu: %llu bytes at offset %llu: %s",
			(unsigned long long)d->segment, (unsigned long long)d->bytes,
			(unsigned long long)d->offset,
			d->payload ? "the contents make no sense to this version"
				   : "the checksum does not fit");
}

static int read_journal(struct verifying *s, struct walk *w, char *err, size_t err_len)
{
	struct journal_position at;
	struct rec r;

	for (;;) {
		switch (walk_next(w, &r, &at, err, err_len)) {
		case WALK_ERROR: /* this segment cannot be opened: the others can */
			finding(s, VERIFY_READABLE, "%.220s", err);
			break;
		case WALK_END: return 0;
		case WALK_SEGMENT: on_segment(s, w); break;
		case WALK_DAMAGE: on_damage(s, &w->damage); break;
		case WALK_RECORD:
			s->v->records++;
			check_sequence(s, &r);
			check_record(s, &w->seg.info, &r);
			add_money(s, &w->seg.info, &r, at);
			break;
		}
	}
}

/* Numbers that are not there: deleted, or made ready and never used. */
static uint64_t count_missing(const struct segment_list *l)
{
	return l->n > 0 ? l->v[l->n - 1].number - l->n : 0;
}

static void verifying_fini(struct verifying *s)
{
	for (size_t i = 0; i < s->v->n_days; i++) {
		positions_fini(&s->files[i].in);
		free(s->files[i].sources);
	}
	free(s->files);
	outbuf_fini(&s->line);
	holds_fini(&s->holds);
}

/* 0, 1: to be done again, since something was deleted meanwhile; -1 with err. */
static int run_once(struct verify *v, const char *ledger, char *err, size_t err_len)
{
	struct verifying s = { .v = v };
	char folder[512];
	struct walk w;
	int rc;

	holds_init(&s.holds);
	outbuf_init(&s.line);
	snprintf(folder, sizeof folder, "%s/journal", ledger);
	rc = read_files(&s, ledger, err, err_len);
	if (rc == 0)
		rc = walk_init(&w, folder, &(struct walk_options){ .events = true }, err, err_len);
	if (rc == 0) {
		check_complete(&s, &w.list);
		v->missing = count_missing(&w.list);
		rc = read_journal(&s, &w, err, err_len);
		check_open(&s, folder);
		for (size_t i = 0; i < v->n_days; i++)
			check_day(&s, &v->days[i]);
		if (rc == 0 && w.vanished > 0)
			rc = 1;
		walk_fini(&w);
	}
	verifying_fini(&s);
	return rc;
}

int verify_run(struct verify *v, const char *ledger, bool salvage, char *err, size_t err_len)
{
	int rc = 1;

	if (strlen(ledger) > 400) {
		snprintf(err, err_len, "%.64s...: the path is too long", ledger);
		return -1;
	}
	for (int i = 0; rc == 1 && i < ATTEMPTS; i++) {
		*v = (struct verify){ .salvaged = salvage };
		rc = run_once(v, ledger, err, err_len);
		if (rc != 0)
			verify_free(v);
	}
	if (rc == 1)
		snprintf(err, err_len, "%s/journal: segments are deleted while they are read",
			ledger);
	return rc == 0 ? 0 : -1;
}

void verify_free(struct verify *v)
{
	free(v->days);
	v->days = NULL;
	v->n_days = 0;
}

bool verify_ok(const struct verify *v)
{
	for (unsigned i = 0; i < VERIFY__RULES; i++)
		if (v->violations[i] > 0)
			return false;
	return true;
}
