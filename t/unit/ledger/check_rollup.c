/*
 * check_rollup.c: what records add up to, in memory and in files, and that each counts once after a
 * crash between any two of the flush's system calls.
 */
#include "unit/ledger/journal_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ledger/varint.h"
#include "ledger/walk.h"

/* ---- the flush's system calls, of which the one numbered cut_at and all behind it never happen */

static int cut_at = -1, cut_calls;

static bool cut(void)
{
	errno = EIO;
	return cut_at >= 0 && cut_calls++ >= cut_at;
}

static int cut_openat(int folder, const char *name, int flags, mode_t mode)
{
	return cut() ? -1 : openat(folder, name, flags, mode);
}

/* what is cut is half done */
static ssize_t cut_write(int fd, const char *p, size_t n)
{
	if (!cut())
		return write(fd, p, n);
	if (cut_calls == cut_at + 1)
		(void)!write(fd, p, n / 2);
	errno = EIO;
	return -1;
}

/* no disk is needed to see what is in which order */
static int cut_fsync(int fd)
{
	(void)fd;
	return cut() ? -1 : 0;
}

static int cut_renameat(int a, const char *from, int b, const char *to)
{
	return cut() ? -1 : renameat(a, from, b, to);
}

#define openat(a, b, c, d)   cut_openat(a, b, c, d)
#define write(a, b, c)       cut_write(a, b, c)
#define fsync(a)             cut_fsync(a)
#define renameat(a, b, c, d) cut_renameat(a, b, c, d)
#include "ledger/rollup_flush.c"
#undef openat
#undef write
#undef fsync
#undef renameat

/* ---- records of three days */

#define DAY0    20420 /* 2025-11-28 */
#define N_DAYS  3
#define MAX_ROW 4096

static struct fake_ledger ledger;

static void setup(void)
{
	fake_ledger_init(&ledger);
	log_threshold = LOG_L_ERROR + 1; /* damage is on purpose here */
	cut_at = -1;
}

static void teardown(void)
{
	fake_remove_all(ledger.path);
}

static bool charge_of(const struct rec *r, struct rollup_key *k, struct rollup_value *v)
{
	struct rollup_charge c;

	*v = (struct rollup_value){ 0 };
	if (!rollup_charge_of(r, k, &c))
		return false;
	rollup_value_charge(v, &c);
	return true;
}

static struct rec record(unsigned i)
{
	static const char *const tenants[] = { "research", "sales", "" };
	static const char *const tags[] = { "{\"team\":\"a\"}", "{}", "", "{\"team\":\"b\"}" };
	struct rec r = { .type = REC_SETTLE };
	wall_us start = { ((DAY0 + i % N_DAYS) * INT64_C(24) + i % 5) * 3600000000 + i };

	r.time.us = start.us + 1000000;
	switch (i % 11) {
	case 3:
		r.type = REC_LEG;
		r.u.leg = sample_leg(i, 1);
		r.u.leg.start = start;
		r.u.leg.quality = QUALITY_INDETERMINATE;
		r.u.leg.who.tags = str_z(tags[i % 4]);
		break;
	case 5:
		r.type = REC_VOID;
		r.u.voided = sample_void(i);
		r.u.voided.start = start;
		break;
	case 7:
		r.type = REC_HOLD;
		r.u.hold = sample_hold(i);
		break;
	default:
		r.u.settle = sample_settle(i);
		r.u.settle.start = start;
		r.u.settle.generations = i % 7 == 0 ? UINT32_MAX - i : i % 7;
		r.u.settle.money.flags ^= i % 5 == 0 ? MONEY_UNCOUNTED : 0;
		r.u.settle.who.tenant = str_z(tenants[i % 3]);
		r.u.settle.who.tags = str_z(tags[i % 4]);
		r.u.settle.quality = i % 5 == 0 ? QUALITY_ESTIMATED : QUALITY_EXACT;
		r.u.settle.status = i % 13 == 0 ? 502 : 200;
		r.u.settle.money.flags = i % 17 == 0 ? MONEY_UNPRICED : 0;
	}
	return r;
}

static struct journal_position put(struct fake_segment *s, unsigned i)
{
	struct rec r = record(i);

	return fake_put_at(s, r.type, 0, &r.u, r.time.us);
}

/* ---- all that the files say, to compare */

struct all {
	struct all_row {
		char key[512];
		struct rollup_value value;
	} row[MAX_ROW];
	size_t n;
	struct rollup_value total;
};

static void all_add(struct all *a, const struct rollup_key *k, const struct rollup_value *v)
{
	struct all_row *row = NULL;
	char text[512];
	int n = snprintf(text, sizeof text, "%lld", (long long)k->hour);

	for (size_t i = 0; i < ROLLUP__TEXTS; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "|%.*s", STR_FMT(k->text[i]));
	for (size_t i = 0; i < a->n && row == NULL; i++)
		if (strcmp(a->row[i].key, text) == 0)
			row = &a->row[i];
	if (row == NULL) {
		ck_assert_uint_lt(a->n, MAX_ROW);
		row = &a->row[a->n++];
		strcpy(row->key, text);
		row->value = (struct rollup_value){ 0 };
	}
	rollup_value_add(&row->value, v);
	rollup_value_add(&a->total, v);
}

static void all_of_records(struct all *a, unsigned n)
{
	*a = (struct all){ .n = 0 };
	for (unsigned i = 0; i < n; i++) {
		struct rec r = record(i);
		struct rollup_key k;
		struct rollup_value v;

		if (charge_of(&r, &k, &v))
			all_add(a, &k, &v);
	}
}

static void all_of_files(struct all *a)
{
	char err[512];
	int64_t *days;
	size_t n;

	*a = (struct all){ .n = 0 };
	ck_assert_int_eq(rollup_file_list(ledger.rollup, &days, &n, err, sizeof err), 0);
	for (size_t i = 0; i < n; i++) {
		struct rollup_file f;
		struct rollup_file_row row;
		struct rollup_key k;
		int rc;

		ck_assert_msg(rollup_file_read(&f, ledger.rollup, days[i], err, sizeof err) ==
				      ROLLUP_FILE_OK,
			"%s", err);
		while ((rc = rollup_file_next(&f, &row, err, sizeof err)) == 1) {
			k.hour = days[i] * 24 + row.hour;
			for (size_t t = 0; t < ROLLUP__TEXTS; t++)
				k.text[t] = f.strings[row.id[t]];
			all_add(a, &k, &row.value);
		}
		ck_assert_msg(rc == 0, "%s", err);
		rollup_file_fini(&f);
	}
	free(days);
}

static int row_cmp(const void *a, const void *b)
{
	return strcmp(((const struct all_row *)a)->key, ((const struct all_row *)b)->key);
}

static void check_same(struct all *got, struct all *want, const char *when, int a, int b)
{
	ck_assert_msg(
		got->n == want->n, "%s %d %d: %zu rows, not %zu", when, a, b, got->n, want->n);
	ck_assert_msg(rollup_value_eq(&got->total, &want->total), "%s %d %d: %llu legs, not %llu",
		when, a, b, (unsigned long long)got->total.legs,
		(unsigned long long)want->total.legs);
	qsort(got->row, got->n, sizeof got->row[0], row_cmp);
	qsort(want->row, want->n, sizeof want->row[0], row_cmp);
	for (size_t i = 0; i < got->n; i++) {
		ck_assert_str_eq(got->row[i].key, want->row[i].key);
		ck_assert_msg(rollup_value_eq(&got->row[i].value, &want->row[i].value),
			"%s %d %d: %s", when, a, b, got->row[i].key);
	}
}

static struct rollup *reopen(size_t max_rows)
{
	struct rollup *r = rollup_new(max_rows);
	char err[512];

	ck_assert_msg(rollup_open(r, ledger.rollup, err, sizeof err) == 0, "%s", err);
	ck_assert_msg(rollup_replay(r, ledger.journal, false, err, sizeof err) == 0, "%s", err);
	return r;
}

static void flush_ok(struct rollup *r)
{
	char err[512] = "";

	ck_assert_msg(rollup_flush(r, err, sizeof err) == 0, "%s", err);
}

/* ---- values */

START_TEST(a_settle_is_a_request_and_a_leg)
{
	struct rec r = { .type = REC_SETTLE, .u.settle = sample_settle(0) };
	struct rollup_key k;
	struct rollup_value v;

	r.u.settle.start.us = INT64_C(1764288000000000) + 3600000000 - 1;
	ck_assert(charge_of(&r, &k, &v));
	ck_assert_int_eq(k.hour, 1764288000 / 3600);
	UNIT_STR_EQ(k.tenant, STR("research"));
	UNIT_STR_EQ(k.model, STR("gpt-4o-2024-08-06"));
	UNIT_STR_EQ(k.service_tier, STR("default"));
	UNIT_STR_EQ(k.tags, STR("{\"team\":\"search\",\"env\":\"prod\"}"));
	ck_assert_uint_eq(v.requests, 1);
	ck_assert_uint_eq(v.legs, 1);
	ck_assert(v.generations == 2 && v.uncounted == 0);
	ck_assert_uint_eq(v.failed, 0);
	ck_assert_uint_eq(v.quality[QUALITY_EXACT], 1);
	ck_assert_uint_eq(v.units[USAGE_IN], 1234);
	ck_assert_uint_eq(v.units[USAGE_OUT], 567);
	ck_assert(v.list == 100000000 && v.contracted == 90000000 && v.billed == 110000000);
	ck_assert(v.estimated == 0);
	r.u.settle.quality = QUALITY_PARTIAL;
	r.u.settle.status = 0;
	r.u.settle.model_served = STR_NONE;
	r.u.settle.what.target_model = STR_NONE;
	r.u.settle.who.tags = STR("{}");
	r.u.settle.money.flags = MONEY_UNPRICED | MONEY_UNCOUNTED;
	ck_assert(charge_of(&r, &k, &v));
	UNIT_STR_EQ(k.model, STR("gpt-4o"));
	UNIT_STR_EQ(k.tags, STR(""));
	ck_assert(v.failed == 1 && v.uncounted == 1 && v.unpriced == 1 && v.estimated == 90000000);
}
END_TEST

START_TEST(legs_cost_and_voids_do_not)
{
	struct rec r = { .type = REC_LEG, .u.leg = sample_leg(0, 1) };
	struct rollup_key k;
	struct rollup_value v;

	r.u.leg.quality = QUALITY_INDETERMINATE;
	ck_assert(charge_of(&r, &k, &v));
	UNIT_STR_EQ(k.target, STR("openai-eu"));
	ck_assert(v.generations == 0); /* those of its SETTLE count */
	ck_assert(v.requests == 0 && v.legs == 1 && v.contracted == 9000 && v.estimated == 9000);
	ck_assert_uint_eq(v.units[USAGE_IN], 10);
	ck_assert_uint_eq(v.quality[QUALITY_INDETERMINATE], 0);
	r = (struct rec){ .type = REC_VOID, .u.voided = sample_void(0) };
	ck_assert(charge_of(&r, &k, &v));
	ck_assert(v.requests == 0 && v.legs == 0 && v.voided == 1 && v.contracted == 0);
	for (unsigned t = 0; t < 256; t++) {
		r.type = (enum rec_type)t;
		if (t != REC_LEG && t != REC_SETTLE && t != REC_VOID)
			ck_assert(!charge_of(&r, &k, &v));
	}
}
END_TEST

START_TEST(sums_as_text)
{
	static const struct {
		__int128 v;
		const char *text;
	} cases[] = { { 0, "0" }, { 1, "0.000000000001" }, { 1000000000000, "1" },
		{ 31500000, "0.0000315" }, { -1500000000000, "-1.5" }, { -1, "-0.000000000001" },
		{ (__int128)INT64_MAX * 1000000, "9223372036854.775807" },
		{ (__int128)1 << 120, "1329227995784915872903807.060280344576" } };
	char text[PICO_SUM_LEN];

	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++)
		UNIT_STR_EQ(str_mk(text, pico_sum_put(text, cases[i].v)), str_z(cases[i].text));
}
END_TEST

START_TEST(units_stop_at_the_largest)
{
	struct rollup_value a = { 0 }, b = { 0 };

	a.units[USAGE_IN] = UINT64_MAX - 1;
	b.units[USAGE_IN] = 5;
	rollup_value_add(&a, &b);
	ck_assert_uint_eq(a.units[USAGE_IN], UINT64_MAX);
}
END_TEST

/* ---- files */

START_TEST(files_say_what_records_say)
{
	static struct all got, want;
	struct fake_segment s;
	struct rollup *r;

	fake_segment_init(&s, &ledger, 1, 0);
	for (unsigned i = 0; i < 300; i++)
		put(&s, i);
	fake_sync(&s);
	r = reopen(1000);
	flush_ok(r);
	all_of_files(&got);
	all_of_records(&want, 300);
	check_same(&got, &want, "first", 0, 0);
	ck_assert_uint_gt(got.n, 30);
	rollup_free(r);
	/* nothing is read twice, and nothing changes */
	r = reopen(1000);
	flush_ok(r);
	all_of_files(&got);
	check_same(&got, &want, "again", 0, 0);
	rollup_free(r);
	fake_segment_fini(&s);
}
END_TEST

/*
 * 60 records flushed; 40 more, of two segments, whose flush is cut after `first` calls; the next
 * process replays and its flush is cut after `second`; the third must have everything once.
 */
static bool crash_twice(int first, int second, struct all *want)
{
	static struct all got;
	struct fake_segment s[2];
	struct rollup *r;
	char err[512];
	bool whole;

	setup();
	fake_segment_init(&s[0], &ledger, 1, 0);
	fake_segment_init(&s[1], &ledger, 2, 1);
	for (unsigned i = 0; i < 60; i++)
		put(&s[i % 2], i);
	fake_sync(&s[0]);
	fake_sync(&s[1]);
	r = reopen(1000);
	flush_ok(r);
	for (unsigned i = 60; i < 100; i++) {
		struct rec rec = record(i);
		struct journal_position at = put(&s[i % 2], i);

		rollup_add(r, &rec, at);
	}
	fake_sync(&s[0]);
	fake_sync(&s[1]);
	cut_at = first;
	cut_calls = 0;
	whole = rollup_flush(r, err, sizeof err) == 0;
	rollup_free(r);
	cut_at = -1;
	r = reopen(1000);
	cut_at = second;
	cut_calls = 0;
	whole = rollup_flush(r, err, sizeof err) == 0 && whole;
	rollup_free(r);
	cut_at = -1;
	r = reopen(1000);
	flush_ok(r);
	rollup_free(r);
	all_of_files(&got);
	check_same(&got, want, "crash", first, second);
	fake_segment_fini(&s[0]);
	fake_segment_fini(&s[1]);
	teardown();
	return whole;
}

START_TEST(a_crash_anywhere_counts_each_once)
{
	static struct all want;
	unsigned cuts = 0;

	teardown();
	all_of_records(&want, 100);
	for (int first = 0;; first++) {
		bool all_done = false;

		for (int second = 0; !all_done; second++) {
			all_done = crash_twice(first, second, &want);
			cuts++;
			if (second > 40)
				break;
		}
		if (all_done && first > 10)
			break;
		ck_assert_int_lt(first, 60);
	}
	ck_assert_uint_gt(cuts, 200);
	setup();
}
END_TEST

START_TEST(a_failed_flush_is_tried_again_by_the_same_process)
{
	static struct all got, want;
	struct fake_segment s;
	struct rollup *r;
	char err[512];

	fake_segment_init(&s, &ledger, 1, 0);
	r = reopen(1000);
	for (unsigned i = 0; i < 100; i++) {
		struct rec rec = record(i);

		rollup_add(r, &rec, put(&s, i));
	}
	for (int at = 0; at < 18; at++) {
		cut_at = at;
		cut_calls = 0;
		ck_assert_int_eq(rollup_flush(r, err, sizeof err), -1);
		ck_assert_ptr_nonnull(strstr(err, ledger.rollup));
	}
	cut_at = -1;
	flush_ok(r);
	all_of_files(&got);
	all_of_records(&want, 100);
	check_same(&got, &want, "again", 0, 0);
	rollup_free(r);
	fake_segment_fini(&s);
}
END_TEST

START_TEST(records_given_twice_count_once)
{
	struct fake_segment s;
	struct rollup_stats stats;
	struct rollup *r;
	static struct all got, want;

	fake_segment_init(&s, &ledger, 1, 0);
	for (unsigned i = 0; i < 50; i++)
		put(&s, i);
	fake_sync(&s);
	r = reopen(1000);
	/* what the journal's own tick tells again after the replay */
	for (unsigned i = 0; i < 50; i++) {
		struct rec rec = record(i);

		rollup_add(r, &rec, (struct journal_position){ 1, SEGMENT_HEAD + 8 + i });
	}
	rollup_stats_get(r, &stats);
	ck_assert_uint_eq(stats.added, 50);
	flush_ok(r);
	all_of_files(&got);
	all_of_records(&want, 50);
	check_same(&got, &want, "twice", 0, 0);
	rollup_free(r);
	fake_segment_fini(&s);
}
END_TEST

START_TEST(without_positions_the_whole_journal_is_read)
{
	static struct all got, want;
	struct fake_segment s;
	struct rollup *r;
	char path[128];

	fake_segment_init(&s, &ledger, 1, 0);
	for (unsigned i = 0; i < 80; i++)
		put(&s, i);
	fake_sync(&s);
	r = reopen(1000);
	flush_ok(r);
	rollup_free(r);
	for (unsigned i = 80; i < 90; i++)
		put(&s, i);
	fake_sync(&s);
	snprintf(path, sizeof path, "%s/positions", ledger.rollup);
	ck_assert_int_eq(truncate(path, 20), 0);
	for (int missing = 0; missing < 2; missing++) {
		r = reopen(1000);
		flush_ok(r);
		rollup_free(r);
		all_of_files(&got);
		all_of_records(&want, 90);
		check_same(&got, &want, "positions", missing, 0);
		ck_assert_int_eq(unlink(path), 0);
	}
	fake_segment_fini(&s);
}
END_TEST

START_TEST(done_segments_leave_the_positions)
{
	struct positions p = { 0 };
	char err[512];
	struct rollup *r;

	for (uint64_t n = 1; n <= 20; n++) {
		struct fake_segment s;

		fake_segment_init(&s, &ledger, n, 0);
		put(&s, (unsigned)n * 11);
		fake_seal(&s);
	}
	r = reopen(1000);
	flush_ok(r);
	ck_assert_int_eq(positions_read(&p, ledger.rollup, err, sizeof err), ROLLUP_FILE_OK);
	ck_assert_uint_eq(p.floor, 21);
	ck_assert_uint_eq(p.n, 0);
	positions_fini(&p);
	rollup_free(r);
}
END_TEST

/* ---- bounds */

START_TEST(a_full_day_folds_tags_then_models)
{
	struct rollup *r = rollup_new(100);
	struct rollup_stats stats;
	char tags[64], model[64];
	uint64_t offset = SEGMENT_HEAD;

	for (unsigned i = 0; i < 3000; i++) {
		struct rec rec = { .type = REC_SETTLE, .u.settle = sample_settle(0) };

		snprintf(tags, sizeof tags, "{\"x\":\"%u\"}", i % 2 ? i : 1);
		rec.u.settle.who.tags = str_z(tags);
		rec.u.settle.start.us += (int64_t)(i % 24) * 3600000000;
		snprintf(model, sizeof model, "m-%u", i);
		if (i > 2000)
			rec.u.settle.model_served = str_z(model);
		rollup_add(r, &rec, (struct journal_position){ 1, offset += 8 });
	}
	rollup_stats_get(r, &stats);
	ck_assert_uint_eq(stats.days, 1);
	ck_assert_uint_gt(stats.folded, 1000);
	/* 100, tags folded in each of 24 hours, a quarter, and one of each hour with all folded */
	ck_assert_uint_le(stats.rows, 100 + 26 + 24 * 2);
	rollup_free(r);
}
END_TEST

START_TEST(long_tags_count_as_many_rows)
{
	struct rollup *r = rollup_new(100);
	struct rollup_stats stats;
	static char tags[REC_TAGS_MAX];

	memset(tags, 'x', sizeof tags);
	for (unsigned i = 0; i < 200; i++) {
		struct rec rec = { .type = REC_SETTLE, .u.settle = sample_settle(0) };

		snprintf(tags, 8, "%07u", i);
		tags[7] = 'x';
		rec.u.settle.who.tags = str_mk(tags, sizeof tags);
		rollup_add(r, &rec, (struct journal_position){ 1, SEGMENT_HEAD + 8 * (i + 1) });
	}
	rollup_stats_get(r, &stats);
	ck_assert_uint_lt(stats.rows, 20);
	rollup_free(r);
}
END_TEST

START_TEST(old_days_leave_memory)
{
	struct fake_segment s;
	struct rollup_stats stats;
	struct rollup *r;
	static struct all got;

	fake_segment_init(&s, &ledger, 1, 0);
	r = reopen(1000);
	for (unsigned day = 0; day < 10; day++) {
		struct rec rec = { .type = REC_SETTLE, .u.settle = sample_settle(day) };

		rec.u.settle.start.us = (DAY0 + (int64_t)day) * 86400000000;
		rec.time = rec.u.settle.start;
		rollup_add(r, &rec, fake_put_at(&s, rec.type, 0, &rec.u, rec.time.us));
		flush_ok(r);
	}
	rollup_stats_get(r, &stats);
	ck_assert_uint_eq(stats.days, 2);
	/* a late one: its day comes back from its file */
	struct rec rec = { .type = REC_SETTLE, .u.settle = sample_settle(99) };

	rec.u.settle.start.us = DAY0 * INT64_C(86400000000);
	rollup_add(r, &rec, fake_put(&s, rec.type, &rec.u));
	flush_ok(r);
	all_of_files(&got);
	ck_assert_uint_eq(got.total.requests, 11);
	ck_assert_uint_eq(got.n, 10);
	rollup_free(r);
	fake_segment_fini(&s);
}
END_TEST

/* ---- damage */

static void damage(int64_t day, long at)
{
	char path[128], name[ROLLUP_NAME_LEN];
	FILE *f;
	int c;

	rollup_file_name(name, day);
	snprintf(path, sizeof path, "%s/%s", ledger.rollup, name);
	f = fopen(path, "r+b");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	c = fgetc(f);
	ck_assert_int_eq(fseek(f, -1, SEEK_CUR), 0);
	ck_assert_int_ne(fputc(c ^ 0x20, f), EOF);
	fclose(f);
}

/* Two sealed segments and an open one, all in the files. */
static void three_segments(struct fake_segment *open)
{
	struct rollup *r;

	for (uint64_t n = 1; n <= 2; n++) {
		struct fake_segment s;

		fake_segment_init(&s, &ledger, n, 0);
		for (unsigned i = 0; i < 40; i++)
			put(&s, (unsigned)(n - 1) * 40 + i);
		fake_seal(&s);
	}
	fake_segment_init(open, &ledger, 3, 0);
	put(open, 80);
	fake_sync(open);
	r = reopen(1000);
	flush_ok(r);
	rollup_free(r);
}

START_TEST(a_damaged_day_is_made_anew_at_the_start)
{
	static struct all got, want;
	static const long places[] = { 2, 50, 70, -3 };
	struct fake_segment open;
	struct rollup *r;

	three_segments(&open);
	all_of_records(&want, 81);
	for (size_t i = 0; i < TG_ARRAY_LEN(places); i++) {
		damage(DAY0, places[i]);
		put(&open, 81 + (unsigned)i * 33);
		fake_sync(&open);
		struct rec rec = record(81 + (unsigned)i * 33);
		struct rollup_key k;
		struct rollup_value v;

		if (charge_of(&rec, &k, &v))
			all_add(&want, &k, &v);
		r = reopen(1000);
		flush_ok(r);
		rollup_free(r);
		all_of_files(&got);
		check_same(&got, &want, "damage", (int)i, 0);
	}
	fake_segment_fini(&open);
}
END_TEST

START_TEST(a_damaged_day_whose_segments_are_gone_is_kept_apart)
{
	static struct all got;
	struct fake_segment open;
	struct rollup *r;
	char err[1024], path[SEGMENT_PATH_MAX];

	three_segments(&open);
	damage(DAY0, -1);
	ck_assert_int_eq(segment_path(path, ledger.journal, 1, ""), 0);
	ck_assert_int_eq(unlink(path), 0);
	for (unsigned i = 81; i < 90; i++)
		put(&open, i);
	fake_sync(&open);
	r = reopen(1000);
	ck_assert_int_eq(rollup_flush(r, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "2025-11-28.tgr has damaged rows") != NULL, "%s", err);
	ck_assert_ptr_nonnull(strstr(err, "verify --rebuild"));
	ck_assert_int_eq(rollup_rebuild(r, ledger.journal, DAY0, false, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "segment 1 of the journal") != NULL, "%s", err);
	rollup_free(r);
	/* the other days' records of the last flush are in; the damaged one's come again */
	r = reopen(1000);
	ck_assert_int_eq(rollup_flush(r, err, sizeof err), -1);
	/* moved away: the same process goes on without that day's earlier figures */
	snprintf(path, sizeof path, "%s/2025-11-28.tgr", ledger.rollup);
	ck_assert_int_eq(unlink(path), 0);
	flush_ok(r);
	rollup_free(r);
	all_of_files(&got);
	struct rollup_value want = { 0 }, v;
	for (unsigned i = 0; i < 90; i++) {
		struct rec rec = record(i);
		struct rollup_key k;

		if ((i % 3 != 0 || i > 80) && charge_of(&rec, &k, &v))
			rollup_value_add(&want, &v);
	}
	ck_assert_uint_eq(got.total.legs, want.legs);
	ck_assert(rollup_value_eq(&got.total, &want));
	fake_segment_fini(&open);
}
END_TEST

START_TEST(a_day_that_cannot_be_read_just_now_is_read_later)
{
	static struct all got, want;
	struct fake_segment open;
	char err[512], path[128], aside[128];
	struct rollup *r;

	three_segments(&open);
	snprintf(path, sizeof path, "%s/2025-11-28.tgr", ledger.rollup);
	snprintf(aside, sizeof aside, "%s/aside", ledger.rollup);
	r = reopen(1000);
	/* a folder in its place: to be opened, and not to be read */
	ck_assert_int_eq(rename(path, aside), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	for (unsigned i = 81; i < 120; i++) {
		struct rec rec = record(i);

		rollup_add(r, &rec, put(&open, i));
	}
	fake_sync(&open);
	ck_assert_int_eq(rollup_flush(r, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "Is a directory") != NULL, "%s", err);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rename(aside, path), 0);
	flush_ok(r);
	rollup_free(r);
	all_of_files(&got);
	all_of_records(&want, 120);
	check_same(&got, &want, "later", 0, 0);
	/* while a start reads the journal it is an error: that day's records would be read again */
	ck_assert_int_eq(rename(path, aside), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(aside, sizeof aside, "%s/positions", ledger.rollup);
	ck_assert_int_eq(unlink(aside), 0);
	r = rollup_new(1000);
	ck_assert_int_eq(rollup_open(r, ledger.rollup, err, sizeof err), 0);
	ck_assert_int_eq(rollup_replay(r, ledger.journal, false, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "Is a directory") != NULL, "%s", err);
	rollup_free(r);
	fake_segment_fini(&open);
}
END_TEST

START_TEST(every_cut_and_every_flip_of_a_file_is_seen)
{
	struct fake_segment open;
	struct rollup_file_row row;
	struct rollup_file f;
	char err[512], name[ROLLUP_NAME_LEN], path[128];
	static char bytes[65536];
	size_t n;
	FILE *in;

	three_segments(&open);
	rollup_file_name(name, DAY0);
	snprintf(path, sizeof path, "%s/%s", ledger.rollup, name);
	in = fopen(path, "rb");
	n = fread(bytes, 1, sizeof bytes, in);
	fclose(in);
	for (size_t i = 0; i < n; i++) {
		char *copy = unit_copy(bytes, i);

		err[0] = '\0';
		ck_assert_int_eq(rollup_file_parse(&f, str_mk(copy, i), err, sizeof err), -1);
		ck_assert_str_ne(err, "");
		rollup_file_fini(&f);
		free(copy);
		bytes[i] ^= 0x10;
		ck_assert_int_eq(rollup_file_parse(&f, str_mk(bytes, n), err, sizeof err), -1);
		rollup_file_fini(&f);
		bytes[i] ^= 0x10;
	}
	ck_assert_int_eq(rollup_file_parse(&f, str_mk(bytes, n), err, sizeof err), 0);
	while (rollup_file_next(&f, &row, err, sizeof err) == 1)
		ck_assert_uint_lt(row.hour, 24);
	rollup_file_fini(&f);
	fake_segment_fini(&open);
}
END_TEST

/* Rows grew at their end: lately (_i 2) they had no `rule`, once (_i 1) they had no `uncounted` and
 * `asked`, and before (0) no generations either. */
START_TEST(rows_of_before_are_shorter)
{
	static char bytes[65536], old[65536], few[5 * VARINT_MAX];
	char err[512], name[ROLLUP_NAME_LEN], path[128], *to = old;
	struct rollup_file_row row, was;
	struct rollup_file f, again;
	uint64_t made = 0;
	struct fake_segment open;
	struct str rows;
	FILE *in;
	size_t n, more;

	three_segments(&open);
	rollup_file_name(name, DAY0);
	snprintf(path, sizeof path, "%s/%s", ledger.rollup, name);
	in = fopen(path, "rb");
	n = fread(bytes, 1, sizeof bytes, in);
	fclose(in);
	ck_assert_int_eq(rollup_file_parse(&f, str_mk(bytes, n), err, sizeof err), 0);
	ck_assert_int_eq(rollup_file_parse(&again, str_mk(bytes, n), err, sizeof err), 0);
	rows = f.rows;
	for (uint64_t bytes_of_row; rollup_file_next(&f, &row, err, sizeof err) == 1;) {
		char *end = varint_put(varint_put(few, row.value.uncounted), row.id[ROLLUP_ASKED]);

		end = varint_put(varint_put(end, row.value.drawn_tenant), row.value.drawn_org);
		end = varint_put(end, row.id[ROLLUP_RULE]);
		ck_assert_uint_ne(row.id[ROLLUP_RULE], 0);
		more = (size_t)(end - few);
		if (_i == 2)
			more = (size_t)(varint_put(few, row.id[ROLLUP_RULE]) - few);
		if (_i == 0)
			more += (size_t)(varint_put(few, row.value.generations) - few);
		made += row.value.generations;
		ck_assert(varint_get(&rows, &bytes_of_row));
		to = varint_put(to, bytes_of_row - more);
		memcpy(to, rows.p, bytes_of_row - more);
		to += bytes_of_row - more;
		rows = str_skip(rows, bytes_of_row);
	}
	ck_assert_uint_gt(made, 0);
	rollup_file_fini(&f);
	ck_assert_int_eq(rollup_file_parse(&f, str_mk(bytes, n), err, sizeof err), 0);
	f.rows = str_mk(old, (size_t)(to - old));
	while (rollup_file_next(&again, &was, err, sizeof err) == 1) {
		ck_assert_msg(rollup_file_next(&f, &row, err, sizeof err) == 1, "%s", err);
		ck_assert_uint_eq(row.id[ROLLUP_RULE], 0);
		ck_assert_uint_eq(row.id[ROLLUP_ASKED],
			_i == 2 ? was.id[ROLLUP_ASKED] : row.id[ROLLUP_MODEL]);
		ck_assert_uint_eq(was.id[ROLLUP_ASKED] == 0, false);
		if (_i < 2) {
			ck_assert_uint_eq(row.value.uncounted, 0);
			was.value.uncounted = 0;
		}
		if (_i == 0) {
			ck_assert_uint_eq(row.value.generations, 0);
			was.value.generations = 0;
		}
		ck_assert(rollup_value_eq(&row.value, &was.value));
	}
	ck_assert_int_eq(rollup_file_next(&f, &row, err, sizeof err), 0);
	rollup_file_fini(&f);
	rollup_file_fini(&again);
	fake_segment_fini(&open);
}
END_TEST

START_TEST(a_damaged_journal_is_an_error_and_salvage_passes_over_it)
{
	struct fake_segment s;
	struct rollup *r;
	struct journal_position at = { 0, 0 };
	struct rollup_stats stats;
	char err[512];

	fake_segment_init(&s, &ledger, 1, 0);
	for (unsigned i = 0; i < 20; i++) {
		struct journal_position end = put(&s, i);

		if (i == 9)
			at = end;
	}
	s.bytes[at.offset + 40] ^= 1;
	fake_sync(&s);
	r = rollup_new(100);
	ck_assert_int_eq(rollup_open(r, ledger.rollup, err, sizeof err), 0);
	ck_assert_int_eq(rollup_replay(r, ledger.journal, false, err, sizeof err), -1);
	ck_assert_msg(
		strstr(err, "segment 1 ") != NULL && strstr(err, "--salvage") != NULL, "%s", err);
	ck_assert_int_eq(rollup_replay(r, ledger.journal, true, err, sizeof err), 0);
	rollup_stats_get(r, &stats);
	ck_assert_uint_eq(stats.added, 19);
	rollup_free(r);
	fake_segment_fini(&s);
}
END_TEST

START_TEST(names_of_days)
{
	static const char *const bad[] = { "", "positions", "2026-11-28.tgr.new", "2026-02-30.tgr",
		"2026-13-01.tgr", "1969-12-31.tgr", ".2026-11-28.tgr.new", "2026-1a-28.tgr",
		"2026-11-28.tgs", "0000-00-00.tgr" };
	char name[ROLLUP_NAME_LEN];
	int64_t day;

	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++)
		ck_assert_msg(rollup_file_day(bad[i], &day) == -1, "%s", bad[i]);
	for (int64_t d = 0; d <= ROLLUP_DAY_LAST; d += 17) {
		rollup_file_name(name, d);
		ck_assert_int_eq(rollup_file_day(name, &day), 0);
		ck_assert_int_eq(day, d);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_settle_is_a_request_and_a_leg);
	tcase_add_test(tc, legs_cost_and_voids_do_not);
	tcase_add_test(tc, sums_as_text);
	tcase_add_test(tc, units_stop_at_the_largest);
	tcase_add_test(tc, files_say_what_records_say);
	tcase_add_test(tc, a_crash_anywhere_counts_each_once);
	tcase_add_test(tc, a_failed_flush_is_tried_again_by_the_same_process);
	tcase_add_test(tc, records_given_twice_count_once);
	tcase_add_test(tc, without_positions_the_whole_journal_is_read);
	tcase_add_test(tc, done_segments_leave_the_positions);
	tcase_add_test(tc, a_full_day_folds_tags_then_models);
	tcase_add_test(tc, long_tags_count_as_many_rows);
	tcase_add_test(tc, old_days_leave_memory);
	tcase_add_test(tc, a_damaged_day_is_made_anew_at_the_start);
	tcase_add_test(tc, a_damaged_day_whose_segments_are_gone_is_kept_apart);
	tcase_add_test(tc, a_day_that_cannot_be_read_just_now_is_read_later);
	tcase_add_test(tc, every_cut_and_every_flip_of_a_file_is_seen);
	tcase_add_test(tc, a_damaged_journal_is_an_error_and_salvage_passes_over_it);
	tcase_add_loop_test(tc, rows_of_before_are_shorter, 0, 3);
	tcase_add_test(tc, names_of_days);
}

UNIT_MAIN("rollup", tests)
