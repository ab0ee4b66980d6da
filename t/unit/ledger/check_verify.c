/*
 * check_verify.c: a ledger that holds its promises, and one for each way to break them: only that
 * rule must be found broken. And days made anew.
 */
#include "unit/ledger/journal_fake.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/file.h>

#include "base/log.h"
#include "ledger/rollup_int.h"
#include "ledger/verify.h"
#include "ledger/verify_holds.h"

static struct fake_ledger ledger;

static void setup(void)
{
	fake_ledger_init(&ledger);
	log_threshold = LOG_L_ERROR + 1;
}

static void teardown(void)
{
	fake_remove_all(ledger.path);
}

static void hold(struct fake_segment *s, unsigned n, uint16_t flags)
{
	struct rec_hold h = sample_hold(n);

	fake_put_at(s, REC_HOLD, flags, &h, h.start.us);
}

static void leg(struct fake_segment *s, unsigned n)
{
	struct rec_leg l = sample_leg(n, 1);

	fake_put(s, REC_LEG, &l);
}

static void settle(struct fake_segment *s, unsigned n, enum rec_quality quality)
{
	struct rec_settle r = sample_settle(n);

	r.quality = (uint8_t)quality;
	fake_put(s, REC_SETTLE, &r);
}

static void void_(struct fake_segment *s, unsigned n)
{
	struct rec_void v = sample_void(n);

	fake_put(s, REC_VOID, &v);
}

static void progress(struct fake_segment *s, unsigned n)
{
	struct rec_progress p = sample_progress(n);

	fake_put(s, REC_PROGRESS, &p);
}

static void extend(struct fake_segment *s, unsigned n)
{
	struct rec_extend e = sample_extend(n);

	fake_put(s, REC_EXTEND, &e);
}

/* Ten requests in a sealed segment 1, five and an open one in segment 2, which may grow. */
static void whole(struct fake_segment *two)
{
	struct fake_segment one;

	fake_segment_init(&one, &ledger, 1, 0);
	for (unsigned i = 0; i < 10; i++) {
		hold(&one, i, 0);
		if (i == 3) {
			leg(&one, i);
			progress(&one, i);
			extend(&one, i);
		}
		if (i == 4)
			void_(&one, i);
		else
			settle(&one, i, QUALITY_EXACT);
	}
	hold(&one, 10, 0);
	fake_seal(&one);
	fake_segment_init(two, &ledger, 2, 0);
	hold(two, 10, REC_CARRIED);
	settle(two, 10, QUALITY_EXACT);
	for (unsigned i = 11; i < 15; i++) {
		hold(two, i, 0);
		settle(two, i, QUALITY_EXACT);
	}
	hold(two, 15, 0);
}

static void roll_up(void)
{
	struct rollup *r = rollup_new(1000);
	char err[512];

	ck_assert_int_eq(rollup_open(r, ledger.rollup, err, sizeof err), 0);
	ck_assert_msg(rollup_replay(r, ledger.journal, true, err, sizeof err) == 0, "%s", err);
	ck_assert_int_eq(rollup_flush(r, err, sizeof err), 0);
	rollup_free(r);
}

/* Exactly this rule is broken; VERIFY__RULES: none. Findings in text. */
static void check_broken(enum verify_rule rule, const char *text, bool salvage)
{
	struct verify v;
	char err[512];

	ck_assert_msg(verify_run(&v, ledger.path, salvage, err, sizeof err) == 0, "%s", err);
	for (unsigned i = 0; i < VERIFY__RULES; i++)
		ck_assert_msg((v.violations[i] > 0) == (i == rule), "%s, for %s: %s",
			verify_rule_name((enum verify_rule)i), text,
			v.n_findings > 0 ? v.findings[0].text : "nothing found");
	ck_assert_int_eq(verify_ok(&v), rule == VERIFY__RULES);
	if (rule != VERIFY__RULES)
		ck_assert_msg(strstr(v.findings[0].text, text) != NULL, "%s, not %s",
			v.findings[0].text, text);
	verify_free(&v);
}

START_TEST(a_whole_ledger)
{
	struct fake_segment two;
	struct verify v;
	struct outbuf b;
	char err[512];
	json_t *j;

	whole(&two);
	fake_sync(&two);
	check_broken(VERIFY__RULES, "", false); /* without rollups all is behind them */
	roll_up();
	settle(&two, 15, QUALITY_ESTIMATED);
	hold(&two, 16, 0);
	fake_sync(&two);
	check_broken(VERIFY__RULES, "", false);
	ck_assert_int_eq(verify_run(&v, ledger.path, false, err, sizeof err), 0);
	ck_assert_uint_eq(v.holds, 17);
	ck_assert_uint_eq(v.carried, 1);
	ck_assert_uint_eq(v.settled, 15);
	ck_assert_uint_eq(v.voided, 1);
	ck_assert_uint_eq(v.legs, 1);
	ck_assert_uint_eq(v.progress, 1);
	ck_assert_uint_eq(v.open, 1);
	ck_assert_uint_eq(v.n_days, 1);
	ck_assert(v.days[0].complete && v.days[0].ok && v.days[0].has_file);
	ck_assert(v.days[0].exports.contracted == v.days[0].rollup.contracted);
	outbuf_init(&b);
	verify_json(&v, &b);
	j = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(j != NULL, "%.*s", (int)b.n, b.p);
	ck_assert(json_is_true(json_object_get(j, "ok")));
	ck_assert_int_eq(json_integer_value(json_object_get(j, "settled")), 15);
	json_decref(j);
	b.n = 0;
	verify_text(&v, &b);
	ck_assert_ptr_null(memmem(b.p, b.n, "BROKEN", 6));
	outbuf_fini(&b);
	verify_free(&v);
	fake_segment_fini(&two);
}
END_TEST

/* ---- each promise broken */

static void end_twice(struct fake_segment *two)
{
	settle(two, 12, QUALITY_EXACT);
}

static void void_what_was_settled(struct fake_segment *two)
{
	void_(two, 12);
}

static void hold_twice(struct fake_segment *two)
{
	hold(two, 15, 0);
}

static void hold_again(struct fake_segment *two)
{
	hold(two, 12, 0);
}

static void settle_unheld(struct fake_segment *two)
{
	settle(two, 99, QUALITY_EXACT);
}

static void crash_settle_unheld(struct fake_segment *two)
{
	settle(two, 99, QUALITY_CRASH_WORST);
}

static void leg_unheld(struct fake_segment *two)
{
	leg(two, 99);
}

static void progress_after_end(struct fake_segment *two)
{
	progress(two, 12);
}

static void extend_after_end(struct fake_segment *two)
{
	extend(two, 12);
}

static void carry_unheld(struct fake_segment *two)
{
	hold(two, 99, REC_CARRIED);
}

static void skip_a_number(struct fake_segment *two)
{
	two->seq++;
	settle(two, 15, QUALITY_EXACT);
}

static void repeat_a_number(struct fake_segment *two)
{
	two->seq--;
	settle(two, 15, QUALITY_EXACT);
}

START_TEST(each_promise_can_be_seen_broken)
{
	static const struct {
		void (*breaks)(struct fake_segment *two);
		enum verify_rule rule;
		const char *text;
	} cases[] = {
		{ end_twice, VERIFY_HOLDS, "ended twice" },
		{ void_what_was_settled, VERIFY_HOLDS, "ended twice" },
		{ hold_twice, VERIFY_HOLDS, "held twice" },
		{ hold_again, VERIFY_HOLDS, "held again after its end" },
		{ settle_unheld, VERIFY_ENDS, "never held" },
		{ crash_settle_unheld, VERIFY_ENDS, "never held" },
		{ leg_unheld, VERIFY_ENDS, "no hold is open" },
		{ progress_after_end, VERIFY_ENDS, "no hold is open" },
		{ extend_after_end, VERIFY_ENDS, "no hold is open" },
		{ carry_unheld, VERIFY_ENDS, "carried" },
		{ skip_a_number, VERIFY_SEQUENCE, "record 13 follows record 11" },
		{ repeat_a_number, VERIFY_SEQUENCE, "record 11 follows record 11" },
	};
	struct fake_segment two;

	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		if (i > 0) {
			teardown();
			setup();
		}
		whole(&two);
		cases[i].breaks(&two);
		fake_sync(&two);
		check_broken(cases[i].rule, cases[i].text, false);
		fake_segment_fini(&two);
	}
}
END_TEST

START_TEST(an_open_hold_in_a_sealed_segment)
{
	struct fake_segment two, three;

	whole(&two);
	fake_seal(&two);
	check_broken(VERIFY_HOLDS, "neither ended nor carried on", false);
	/* carried on, it is open where the journal goes on */
	fake_segment_init(&three, &ledger, 3, 0);
	hold(&three, 15, REC_CARRIED);
	fake_sync(&three);
	check_broken(VERIFY__RULES, "", false);
	fake_segment_fini(&three);
}
END_TEST

START_TEST(deleted_segments_are_not_missed)
{
	struct fake_segment two;
	struct verify v;
	char err[512], path[SEGMENT_PATH_MAX];

	whole(&two);
	settle(&two, 4711, QUALITY_CRASH_WORST); /* held in one that was deleted */
	fake_sync(&two);
	roll_up();
	ck_assert_int_eq(segment_path(path, ledger.journal, 1, ""), 0);
	ck_assert_int_eq(unlink(path), 0);
	check_broken(VERIFY__RULES, "", false);
	ck_assert_int_eq(verify_run(&v, ledger.path, false, err, sizeof err), 0);
	ck_assert_uint_eq(v.missing, 1);
	ck_assert(!v.days[0].complete && v.days[0].ok);
	ck_assert_uint_gt(v.days[0].rollup.requests, v.days[0].journal_value.requests);
	verify_free(&v);
	fake_segment_fini(&two);
}
END_TEST

START_TEST(damage_is_corruption_before_what_was_synced_only)
{
	struct fake_segment two, three;
	struct verify v;
	char err[512];
	uint64_t at;

	whole(&two);
	at = two.at;
	settle(&two, 15, QUALITY_EXACT);
	progress(&two, 4000); /* lost with the bytes: nobody misses it */
	fake_segment_init(&three, &ledger, 3, 1);
	fake_sync(&three);
	two.bytes[at + 50] ^= 1;
	two.info.synced = two.info.sealed = two.at;
	segment_head_put(two.bytes, &two.info);
	fake_write(&two, two.at);
	ck_assert_int_eq(verify_run(&v, ledger.path, false, err, sizeof err), 0);
	ck_assert_uint_eq(v.violations[VERIFY_READABLE], 1);
	ck_assert_uint_gt(v.lost_bytes, 0);
	verify_free(&v);
	ck_assert_int_eq(verify_run(&v, ledger.path, true, err, sizeof err), 0);
	ck_assert_uint_eq(v.violations[VERIFY_READABLE], 0);
	ck_assert_uint_gt(v.lost_bytes, 0);
	verify_free(&v);
	/* behind what was synced it is what a power cut leaves */
	two.info.synced = at;
	segment_head_put(two.bytes, &two.info);
	fake_write(&two, two.at);
	ck_assert_int_eq(verify_run(&v, ledger.path, false, err, sizeof err), 0);
	ck_assert_uint_eq(v.violations[VERIFY_READABLE], 0);
	ck_assert_uint_gt(v.torn_bytes, 0);
	ck_assert_uint_eq(v.lost_bytes, 0);
	verify_free(&v);
	/* a header */
	two.bytes[20] ^= 1;
	fake_write(&two, two.at);
	ck_assert_int_eq(verify_run(&v, ledger.path, false, err, sizeof err), 0);
	ck_assert_uint_gt(v.violations[VERIFY_READABLE], 0);
	verify_free(&v);
	fake_segment_fini(&two);
	fake_segment_fini(&three);
}
END_TEST

/* ---- rollups */

/* The day's file with one figure changed, checksums and all. */
static void falsify(void)
{
	struct rollup *r = rollup_new(1000);
	struct rec rec = { .type = REC_SETTLE, .u.settle = sample_settle(77) };
	char err[512];

	ck_assert_int_eq(rollup_open(r, ledger.rollup, err, sizeof err), 0);
	ck_assert_int_eq(rollup_replay(r, ledger.journal, false, err, sizeof err), 0);
	/* a record that is nowhere */
	rollup_add(r, &rec, (struct journal_position){ 2, 100000 });
	ck_assert_int_eq(rollup_flush(r, err, sizeof err), 0);
	rollup_free(r);
}

START_TEST(wrong_rollups_are_seen_and_made_anew)
{
	struct fake_segment two;
	struct verify v;
	char err[1024], path[256];
	unsigned made;
	int lock;

	whole(&two);
	fake_sync(&two);
	roll_up();
	falsify();
	ck_assert_int_eq(verify_run(&v, ledger.path, false, err, sizeof err), 0);
	ck_assert_uint_eq(v.violations[VERIFY_ROLLUPS], 1);
	ck_assert(!verify_ok(&v) && !v.days[0].ok);
	/* not while a gateway runs */
	snprintf(path, sizeof path, "%s/lock", ledger.path);
	lock = open(path, O_CREAT | O_RDWR, 0600);
	ck_assert_int_eq(flock(lock, LOCK_EX), 0);
	ck_assert_int_eq(verify_rebuild(ledger.path, &v, false, &made, err, sizeof err), -1);
	ck_assert_ptr_nonnull(strstr(err, path));
	close(lock);
	ck_assert_msg(
		verify_rebuild(ledger.path, &v, false, &made, err, sizeof err) == 0, "%s", err);
	ck_assert_uint_eq(made, 1);
	verify_free(&v);
	check_broken(VERIFY__RULES, "", false);
	fake_segment_fini(&two);
}
END_TEST

START_TEST(damaged_files_are_made_anew)
{
	struct fake_segment two;
	struct verify v;
	char err[1024], path[256];
	unsigned made;

	whole(&two);
	fake_sync(&two);
	roll_up();
	snprintf(path, sizeof path, "%s/2025-11-28.tgr", ledger.rollup);
	for (int i = 0; i < 3; i++) {
		static const int sizes[] = { 0, 60, 200 };

		ck_assert_int_eq(truncate(path, sizes[i]), 0);
		ck_assert_int_eq(verify_run(&v, ledger.path, false, err, sizeof err), 0);
		ck_assert_uint_eq(v.violations[VERIFY_FILES], 1);
		ck_assert_uint_eq(v.violations[VERIFY_ROLLUPS], 0);
		ck_assert_msg(verify_rebuild(ledger.path, &v, false, &made, err, sizeof err) == 0,
			"%s", err);
		ck_assert_uint_eq(made, 1);
		verify_free(&v);
		check_broken(VERIFY__RULES, "", false);
	}
	fake_segment_fini(&two);
}
END_TEST

/* ---- the tables */

START_TEST(tables_of_holds)
{
	enum { N = 20000 };
	struct holds h;
	size_t it = 0, n = 0;

	holds_init(&h);
	for (uint32_t i = 0; i < N; i++) {
		struct open_hold o = { .id = { .hi = i % 3, .lo = i }, .seq = i };

		holds_put(&h, &o);
		if (i % 5 != 0)
			holds_end(&h, (struct rec_id){ (i * 7 % N) % 3, i * 7 % N });
	}
	for (uint32_t i = 0; i < N; i++) {
		struct rec_id id = { i % 3, i };
		const struct open_hold *o = holds_find(&h, id);

		ck_assert(o == NULL || (rec_id_eq(o->id, id) && o->seq == i));
		n += o != NULL;
	}
	while (holds_next(&h, &it) != NULL)
		n--;
	ck_assert_uint_eq(n, 0);
	ck_assert(holds_over(&h, (struct rec_id){ 7 % 3, 7 }));
	ck_assert(!holds_over(&h, (struct rec_id){ 1, 7 + N * 3 }));
	ck_assert(!holds_over(&h, (struct rec_id){ 9, 7 }));
	holds_fini(&h);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_whole_ledger);
	tcase_add_test(tc, each_promise_can_be_seen_broken);
	tcase_add_test(tc, an_open_hold_in_a_sealed_segment);
	tcase_add_test(tc, deleted_segments_are_not_missed);
	tcase_add_test(tc, damage_is_corruption_before_what_was_synced_only);
	tcase_add_test(tc, wrong_rollups_are_seen_and_made_anew);
	tcase_add_test(tc, damaged_files_are_made_anew);
	tcase_add_test(tc, tables_of_holds);
}

UNIT_MAIN("verify", tests)
