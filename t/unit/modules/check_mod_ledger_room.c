/*
 * check_mod_ledger_room.c: nothing is sent that the journal does not take; strict: nothing before
 * the disk has it; how far long streams have come is noted.
 */
#include "unit/modules/ledger_fixture.h"

#include "core/plan_quota.h"

/* ---- the journal has no room */

/* Consumes what there is, and makes room. */
static void drop_record(void *arg, const struct rec *r, struct journal_position at)
{
	(void)arg;
	(void)r;
	(void)at;
}

static void make_room(void)
{
	for (int i = 0; i < 3; i++) {
		mono.us += 1000000;
		worker_turn_end(&f.w);
		(void)journal_tick(journal, FOLDER_NOW, mono, drop_record, NULL);
	}
}

START_TEST(a_hold_is_refused)
{
	unsigned n = fill_up();
	struct req *r = asking(POST, "fast");

	send_it(r);
	ck_assert_uint_eq(n_sent, 0);
	ck_assert(!r->hold.open);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert_ptr_nonnull(strstr(f.got, "ledger_unavailable"));
	ck_assert_ptr_nonnull(fake_field(&f, "retry-after"));
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_LEDGER_REFUSED]), 1);
	fake_drop(&f);
	empty(n);
	make_room();
	/* and the same process goes on */
	r = asking(POST, "fast");
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	req_finish(r, END_FAILED);
	ck_assert_str_eq(types(), "hold void");
}
END_TEST

/* The second target is not asked; what the first one cost is charged, once. */
START_TEST(a_leg_is_refused)
{
	struct req *r = asking(POST, "fast");
	struct folder_sum sum;
	unsigned n;

	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	send_it(r);
	reached(r, 0);
	ck_assert_str_eq(types(), "hold");
	n = fill_up();
	reroute(r);
	ck_assert_uint_eq(n_sent, 1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert_int_eq(r->leg.no, 1);
	ck_assert_int_eq(r->leg.money.list, 14);
	ck_assert_int_eq(r->spent.list, 0);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_LEDGER_REFUSED]), 1);
	fake_drop(&f);
	empty(n);
	make_room();
	f.w.journal = NULL;
	journal_close(journal, FOLDER_NOW);
	journal = NULL;
	sum = folder_read();
	ck_assert_uint_eq(sum.unknown, 2); /* a HOLD and a SETTLE: ours */
	folder_sum_free(&sum);
}
END_TEST

/* ---- a tier that would rather be served than be in the ledger */

static const struct {
	const char *without_ledger, *tenant;
	bool served;
} without[] = {
	{ "closed", "", false },
	{ "open", "", true },
	{ "open", "limits: { tokens: 100000/day, requests: 100/min, concurrency: 3 }, ", true },
	/* never where money is limited, or comes out of a purse */
	{ "open", "limits: { cost: 1 usd/day }, ", false },
	{ "open", "limits: { tokens: 100000/day, cost: 1 usd/24h }, ", false },
	{ "open", "overdraft: 1 usd, limits: { cost: 1 usd/day }, ", false },
};

static void not_new(void *arg, const struct quota_slot *s, struct quota_account *a)
{
	(void)arg;
	(void)s;
	(void)a;
}

START_TEST(without_the_ledger)
{
	const struct quota_time now = { clock_wall(), clock_mono() };
	struct quota_table *table = quota_table_new(64);
	char yaml[2048], why[256] = "";
	struct req *r;
	unsigned n;

	snprintf(yaml, sizeof yaml,
		"listen: 127.0.0.1:0\n"
		"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 }, b: { provider: "
		"openai, base_url: http://127.0.0.1:9 } }\n"
		"models: { m: { targets: [ { target: a, model: tiny }, { target: b, model: tiny } "
		"] } }\n"
		"price_overrides: [ { provider: openai, model: tiny, max_output: 100, per_mtok: { "
		"input: 0.001, output: 0.003 } } ]\n"
		"tiers: { t: { without_ledger: %s } }\n"
		"tenants: { me: { tier: t, %skeys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n",
		without[_i].without_ledger, without[_i].tenant);
	setup_with(yaml);
	ck_assert_msg(plan_quota_open(f.conf, table, now, not_new, NULL, why, sizeof why) == 0,
		"%s", why);
	open_journal(JOURNAL_STRICT); /* nor is a disk waited for that takes nothing */
	n = fill_up();
	r = asking(POST, "m");
	send_it(r);
	ck_assert_uint_eq(n_sent, without[_i].served);
	ck_assert(!r->hold.open);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_LEDGER_UNRECORDED]), without[_i].served);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_LEDGER_REFUSED]), !without[_i].served);
	if (without[_i].served) {
		reached(r, 503);
		reroute(r);
		ck_assert_uint_eq(n_sent, 2); /* the second leg, too */
		req_finish(r, END_FAILED);
	} else {
		fake_read(&f);
		ck_assert_int_eq(fake_status(&f), 503);
	}
	fake_drop(&f);
	empty(n);
	teardown();
	quota_table_free(table);
}
END_TEST

START_TEST(no_price)
{
	struct req *r = asking(POST, "odd");

	f.conf->cfg.unpriced.action = UNPRICED_REJECT;
	send_it(r);
	ck_assert_uint_eq(n_sent, 0);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 400);
	ck_assert_ptr_nonnull(strstr(f.got, "'no-such-model' at target 'a'"));
	ck_assert_str_eq(types(), "");

	/* nor at the second target: what was sent to the first is settled */
	r = asking(POST, "mixed");
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	reached(r, 503);
	reroute(r);
	ck_assert_uint_eq(n_sent, 1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 400);
	ck_assert_str_eq(types(), "hold leg settle");
	n_sent = 0;

	/* what nobody could price anyhow passes, and what is free of charge */
	r = asking("POST /v1/batches HTTP/1.1\r\nhost: gw\r\n\r\n", "");
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	r = asking("GET /v1/files HTTP/1.1\r\nhost: gw\r\n\r\n", "");
	send_it(r);
	ck_assert_uint_eq(n_sent, 2);
}
END_TEST

/* ---- strict */

START_TEST(strict_waits_for_the_disk)
{
	struct req *one = asking(POST, "fast"), *two;

	send_it(one);
	ck_assert_uint_eq(n_sent, 0);
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 0);
	req_resume(one); /* by more of its body: it waits on */
	ck_assert_uint_eq(n_sent, 0);
	ck_assert(timer_armed(&one->total)); /* not for ever */
	tick();
	two = asking(POST, "fast");
	send_it(two);
	ledger_on_synced(&f.w); /* the first is there, the second is not */
	ck_assert_uint_eq(n_sent, 1);
	ck_assert(one->step == ledger_step + 1);
	ck_assert(two->step == ledger_step);
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 1);
	tick();
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 2);
	ck_assert(list_empty(&f.w.ledger_waiters));

	/* the disk has it, and its body is quicker to say so */
	tick();
	reached(one, 503);
	reroute(one);
	tick();
	req_resume(one);
	ck_assert_uint_eq(n_sent, 3);
	ck_assert(list_empty(&f.w.ledger_waiters));
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 3);

	/* a second leg waits like the first */
	reached(two, 503);
	reroute(two);
	ck_assert_uint_eq(n_sent, 3);
	tick();
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 4);
	ck_assert_int_eq(two->leg.no, 2);
	fake_drop(&f);
}
END_TEST

/* Several die while they wait, in every order: nothing of them was sent, and nobody wakes them. */
START_TEST(dies_while_it_waits)
{
	for (int first = 0; first < 3; first++) {
		struct req *r[3];

		n_sent = 0;
		for (int i = 0; i < 3; i++) {
			r[i] = asking(POST, "fast");
			send_it(r[i]);
		}
		req_abort(r[first], END_CLIENT_GONE);
		worker_turn_end(&f.w);
		ck_assert_str_eq(types(), "hold hold hold void");
		ck_assert_uint_eq(seen[3].r.u.voided.status, 499);
		ledger_on_synced(&f.w);
		ck_assert_uint_eq(n_sent, 2);
		for (int i = 0; i < 3; i++)
			if (i != first)
				req_finish(r[i], END_FAILED);
		ck_assert_str_eq(types(), "void void");
		ck_assert(list_empty(&f.w.ledger_waiters));
	}
}
END_TEST

/* Whether anybody waits is the journal's to say, as it was opened: it wakes no one otherwise, and a
 * reload changes the configuration alone. */
START_TEST(durability_of_a_later_configuration)
{
	struct req *r = asking(POST, "fast");

	f.conf->cfg.ledger.durability = _i == 0 ? JOURNAL_STRICT : JOURNAL_GROUP;
	if (_i == 1) {
		f.w.journal = NULL;
		journal_close(journal, FOLDER_NOW);
		open_journal(JOURNAL_STRICT);
	}
	send_it(r);
	ck_assert_uint_eq(n_sent, _i == 0 ? 1 : 0);
	tick();
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 1);
	fake_drop(&f);
}
END_TEST

/* ---- progress */

static struct {
	struct sink sink;
	uint64_t bytes;
	unsigned writes, fins;
	bool gone;
} end;

static int end_write(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	(void)s;
	for (int i = 0; i < n; i++)
		end.bytes += iov[i].iov_len;
	end.writes++;
	end.fins += fin;
	return end.gone ? -1 : 0;
}

static const struct sink_ops end_ops = { .name = "end", .write = end_write };

/* The answer to r begins. */
static void answering(struct req *r, bool sse)
{
	memset(&end, 0, sizeof end);
	reached(r, 200);
	r->status = 200;
	r->respond = arena_zalloc(&r->arena, sizeof *r->respond);
	r->respond->req = r;
	r->respond->sse = sse;
	r->respond->from_sse = sse;
	sink_push(r, &end.sink, &end_ops);
	ck_assert_int_eq(ledger_response_head(r), 0);
}

/* It is over for the engine too. */
static void answer_ends(struct req *r)
{
	r->sinks = NULL;
	r->respond = NULL;
	fake_drop(&f);
}

static int put(struct req *r, size_t n, bool fin)
{
	static char bytes[PROGRESS_BYTES];
	struct iovec iov[2] = { { bytes, n / 2 }, { bytes, n - n / 2 } };

	return sink_write(r->sinks, iov, 2, fin);
}

static struct req *streaming(void)
{
	struct req *r = asking(POST, "fast");

	r->stream = true;
	send_it(r);
	r->meter = &told_meter;
	source = USAGE_PARTIAL;
	figures = (struct usage){ .n = { [USAGE_IN] = 10, [USAGE_OUT] = 5 },
		.source = USAGE_PARTIAL };
	answering(r, true);
	ck_assert(r->sinks != &end.sink);
	ck_assert_str_eq(types(), "hold");
	return r;
}

START_TEST(progress_by_bytes)
{
	struct req *r = streaming();

	ck_assert_int_eq(put(r, PROGRESS_BYTES - 1, false), 0);
	ck_assert_str_eq(types(), "");
	ck_assert_int_eq(put(r, 1, false), 0);
	ck_assert_str_eq(types(), "progress");
	ck_assert(rec_id_eq(seen[0].r.u.progress.id, r->rec_id));
	ck_assert_uint_eq(seen[0].r.u.progress.usage.n[USAGE_IN], 10);
	ck_assert_uint_eq(seen[0].r.u.progress.usage.n[USAGE_OUT], 5);
	ck_assert_int_eq(seen[0].r.u.progress.money.list, 10 + 300);
	ck_assert_int_eq(put(r, PROGRESS_BYTES - 1, false), 0);
	ck_assert_str_eq(types(), "");
	ck_assert_int_eq(put(r, 1, true), 0); /* the last ones: the settlement says it all */
	ck_assert_str_eq(types(), "");
	ck_assert_uint_eq(end.bytes, 2 * PROGRESS_BYTES);
	ck_assert_uint_eq(end.writes, 4);
	ck_assert_uint_eq(end.fins, 1);
	answer_ends(r);
	ck_assert_str_eq(types(), "settle");
}
END_TEST

START_TEST(progress_by_time)
{
	struct req *r = streaming();
	struct mod_ledger *m = req_mod(r, &mod_ledger);

	ck_assert_int_eq(put(r, 10, false), 0);
	m->noted.us -= PROGRESS_US;
	ck_assert_int_eq(put(r, 10, false), 0);
	ck_assert_str_eq(types(), "progress");
	ck_assert_int_eq(put(r, 10, false), 0); /* the clock runs anew */
	ck_assert_str_eq(types(), "");
	m->noted.us -= PROGRESS_US;
	ck_assert_int_eq(put(r, 10, true), 0);
	ck_assert_str_eq(types(), "");
	end.gone = true; /* told on */
	ck_assert_int_eq(put(r, 10, false), -1);
	answer_ends(r);
}
END_TEST

/* Short answers, answers that nobody reads, and what is in no ledger. */
START_TEST(no_progress)
{
	for (int i = 0; i < 3; i++) {
		struct req *r = asking(POST, "fast");

		if (i < 2)
			send_it(r);
		else
			leg_begin(r);
		r->meter = i == 1 ? NULL : &told_meter;
		answering(r, i > 0);
		ck_assert_msg(r->sinks == &end.sink, "%d", i);
		answer_ends(r);
	}
}
END_TEST

/* ---- no ledger */

START_TEST(without_a_journal)
{
	struct req *r = asking(POST, "fast");

	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	ck_assert(!r->hold.open);
	ck_assert_int_eq(r->leg.no, 1);
	ck_assert_int_eq(r->leg.bound_money.list, 400);
	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	reached(r, 0);
	reroute(r);
	ck_assert_uint_eq(n_sent, 2);
	ck_assert_int_eq(r->leg.no, 2);
	ck_assert_int_eq(r->spent.list, 14);
	answered(r, 10, 5);
	answering(r, true);
	ck_assert(r->sinks == &end.sink);
	r->sinks = NULL;
	r->respond = NULL;
	req_finish(r, END_OK);
	ck_assert_int_eq(r->leg.money.list, 40);
	fake_drop(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mod_ledger_room");
	TCase *group = with(suite, "group", setup_group),
	      *strict = with(suite, "strict", setup_strict), *none = with(suite, "none", setup),
	      *bare = tcase_create("bare");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, bare);
	tcase_add_test(group, a_hold_is_refused);
	tcase_add_test(group, a_leg_is_refused);
	tcase_add_test(group, no_price);
	tcase_add_loop_test(group, durability_of_a_later_configuration, 0, 2);
	tcase_add_test(group, progress_by_bytes);
	tcase_add_test(group, progress_by_time);
	tcase_add_test(group, no_progress);
	tcase_add_test(strict, strict_waits_for_the_disk);
	tcase_add_test(strict, dies_while_it_waits);
	tcase_add_test(none, without_a_journal);
	tcase_add_loop_test(bare, without_the_ledger, 0, (int)TG_ARRAY_LEN(without));
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
