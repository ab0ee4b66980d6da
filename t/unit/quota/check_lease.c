/*
 * check_lease.c: a member step by step: what it asks for, what it gives back and when, and what
 * each answer does to its accounts; answers that no call can have. (The protocol between members
 * as a whole: t/simulate.)
 */
#include "quota/lease.h"
#include "unit/quota/fixture.h"

#include <stdio.h>

#define RUN STR("run-of-a-server")

static struct quota_table *table;
static struct lease_member *member;
static struct quota_account *acc;
static struct lease *lease;
static struct lease_call call;
static struct lease_outcome outcome;
static unsigned bucket;
static int woken;
static int64_t now_us;

static void on_wake(void *arg)
{
	(void)arg;
	woken++;
}

static mono_us now(void)
{
	return at(now_us).mono;
}

static struct lease_config config(int64_t version)
{
	static const struct str members[] = { { "n2", 2 }, { "n10", 3 }, { "n1", 2 } };

	return (struct lease_config){ .name = STR("n1"),
		.members = members,
		.n_members = 3,
		.version = version,
		.revalidate_us = 60 * SECOND };
}

static void setup(void)
{
	struct lease_config cfg = config(7);

	now_us = 0;
	woken = 0;
	table = quota_table_new(500);
	member = lease_member_new(&cfg, 3, on_wake, NULL);
	acc = account(table, "tenant:a", QUOTA_COST, "0.00001 usd/day", at(0)); /* 10,000 */
	lease = lease_add(member, acc, 10000, now());
	bucket = lease_bucket_of(acc->name);
}

static void teardown(void)
{
	lease_member_free(member);
	quota_account_put(acc);
	quota_table_free(table);
}

/* The next call of the account's bucket; others are not up. False: nothing is due. */
static bool due(void)
{
	mono_us again;
	bool is = lease_due(member, now(), &call, &again);

	ck_assert_uint_eq(call.bucket, bucket);
	if (!is)
		ck_assert_int_gt(again.us, now().us);
	return is;
}

static int reply(const struct lease_answer *answer)
{
	char err[200] = "";
	int rc = lease_reply(member, bucket, answer, now(), &outcome, err, sizeof err);

	ck_assert_int_eq(rc != 0, err[0] != '\0');
	return rc;
}

static struct lease_answer learn(const char *epoch)
{
	return (struct lease_answer){
		.status = LEASE_LEARN, .epoch = str_z(epoch), .learning = true, .time_ms = 1
	};
}

/* ok: each account as it was told, and `more` granted. */
static struct lease_answer ok(bool learning, int64_t more, int64_t others)
{
	struct lease_answer a = { .status = LEASE_OK,
		.epoch = lease_epoch(member, bucket),
		.learning = learning,
		.time_ms = NOON / 1000,
		.n = call.n };

	for (unsigned i = 0; i < call.n; i++) {
		const struct lease_item *item = &call.item[i];
		int64_t g = TG_MAX(item->g, item->s) + more;

		a.item[i] = (struct lease_answer_item){ LEASE_ITEM_OK, g, item->s, g + others,
			item->s, item->limit, 0 };
	}
	return a;
}

/* Up, in an epoch, open; nothing under way. */
static void open_bucket(void)
{
	struct lease_answer a = learn("5.1.9.n2");

	lease_bucket_up(member, bucket, RUN, now());
	ck_assert(due());
	ck_assert_int_eq(reply(&a), 0);
	lease_epoch_saved(member, bucket, now());
	ck_assert(due());
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
}

static enum quota_result take(int64_t amount)
{
	struct quota_account *charged;

	return quota_account_take(acc, amount, at(now_us), &charged);
}

static void settle(int64_t held, int64_t actual)
{
	quota_account_settle(acc, held, actual, at(now_us));
}

/* What a request lacks is asked for, and granted. */
static void grant(int64_t amount, int64_t others)
{
	struct lease_answer a;

	quota_account_wait(acc, amount);
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	a = ok(false, TG_MAX(call.item[0].want, call.item[0].need), others);
	ck_assert_int_eq(reply(&a), 0);
	quota_account_unwait(acc, amount);
}

static struct lease_info look(void)
{
	struct lease_info info;

	lease_look(lease, &info);
	return info;
}

/* A copy that takes the centre's place may not know of what it granted: nothing of that is used. */
START_TEST(a_grant_that_is_not_safe)
{
	struct lease_answer a;

	open_bucket();
	quota_account_wait(acc, 100);
	ck_assert(due());
	a = ok(false, call.item[0].want, 0);
	a.unsafe = true;
	ck_assert_int_eq(reply(&a), 0);
	ck_assert(outcome.wake_bucket); /* those who wait hear that nobody knows, and are not
					   refused */
	ck_assert_int_eq(take(100), QUOTA_UNSURE);
	ck_assert_int_eq(atomic_load(&acc->granted), 0);
	ck_assert_int_eq(look().g, 0);
	quota_account_unwait(acc, 100);

	/* the next call finds that it may be asked for again, and by then enough have it */
	now_us += SECOND;
	ck_assert(due());
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	quota_account_wait(acc, 100);
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	ck_assert_int_eq(call.item[0].g, 0);
	a = ok(false, 200, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(100), QUOTA_OK);
	settle(100, 40);

	/* what is given back is given back, safe or not; what was settled is told */
	now_us += SECOND;
	ck_assert(due());
	ck_assert_int_eq(call.item[0].s, 40);
	a = ok(false, 0, 0);
	a.unsafe = true;
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(look().s_told, 40);
	ck_assert_int_eq(look().g, 200);
	ck_assert_int_eq(take(100), QUOTA_OK); /* of what was there before */
	settle(100, 0);
	quota_account_unwait(acc, 100);
}
END_TEST

START_TEST(begins_by_learning)
{
	struct lease_answer a = learn("5.1.9.n2");

	ck_assert_int_eq(take(1), QUOTA_UNSURE);
	lease_bucket_up(member, bucket, RUN, now());
	ck_assert(due());
	UNIT_STR_EQ(call.member, STR("n1"));
	UNIT_STR_EQ(call.members, STR("n1,n10,n2"));
	UNIT_STR_EQ(call.run_id, RUN);
	UNIT_STR_EQ(call.epoch, STR(""));
	ck_assert_uint_eq(call.n, 0);
	ck_assert(!call.asserts);
	ck_assert_int_eq(call.version, 7);
	ck_assert(!due()); /* one call at a time */
	ck_assert_int_eq(reply(&a), 0);
	ck_assert(outcome.save_epoch && outcome.wake_bucket);
	UNIT_STR_EQ(lease_epoch(member, bucket), STR("5.1.9.n2"));
	now_us += 5 * SECOND;
	ck_assert(!due()); /* not before the epoch is saved */
	lease_epoch_saved(member, bucket, now());
	ck_assert(due());
	UNIT_STR_EQ(call.epoch, STR("5.1.9.n2"));
	ck_assert(call.asserts);
	ck_assert_int_eq(take(1), QUOTA_UNSURE);
	a = ok(true, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(1), QUOTA_UNSURE);
	now_us += SECOND;
	ck_assert(due());
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(1), QUOTA_ASK);
}
END_TEST

START_TEST(asserts_when_all_is_synced)
{
	struct lease_answer a;

	open_bucket();
	grant(100, 0);
	ck_assert_int_eq(take(100), QUOTA_OK);
	now_us += SECOND;
	ck_assert(due());
	a = learn("6.1.10.n2");
	ck_assert_int_eq(reply(&a), 0);
	ck_assert(!look().synced);
	/* what was granted is still spent, and told in the new epoch before it asserts */
	ck_assert_int_eq(take(100), QUOTA_OK);
	lease_epoch_saved(member, bucket, now());
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	ck_assert(call.asserts);
	ck_assert_int_eq(call.item[0].g, look().g);
	lease_bucket_down(member, bucket, now());
	ck_assert(!look().synced);
	lease_bucket_up(member, bucket, RUN, now());
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	a = ok(true, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert(look().synced);
}
END_TEST

START_TEST(asks_for_what_lacks)
{
	struct lease_answer a;

	open_bucket();
	ck_assert_int_eq(take(300), QUOTA_ASK);
	woken = 0;
	quota_account_wait(acc, 300);
	ck_assert_int_eq(woken, 1);
	quota_account_wait(acc, 50);
	ck_assert_int_eq(woken, 1);
	ck_assert(due());
	ck_assert_int_eq(call.item[0].need, 350);
	ck_assert_int_eq(call.item[0].want, 600); /* twice the largest */
	ck_assert_int_eq(call.item[0].op_seq, (INT64_C(3) << 32) + 1);
	a = ok(false, 600, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_uint_eq(outcome.n_woken, 1);
	ck_assert_int_eq(take(300), QUOTA_OK);
	quota_account_unwait(acc, 300);
	ck_assert_int_eq(take(50), QUOTA_OK);
	quota_account_unwait(acc, 50);
	/* 250 are left: above 30 % of 600 */
	ck_assert(!due());
	ck_assert_int_eq(take(100), QUOTA_OK);
	ck_assert(due());
	ck_assert_int_eq(call.item[0].need, 0);
	ck_assert_int_eq(call.item[0].want, 450);
}
END_TEST

START_TEST(refused_for_a_while)
{
	struct lease_answer a;

	open_bucket();
	quota_account_wait(acc, 300);
	ck_assert(due());
	a = ok(false, 0, 9900);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_uint_eq(outcome.n_woken, 1);
	ck_assert_int_eq(take(300), QUOTA_LACKS);
	ck_assert_uint_eq(lease_counts(member)->refusals, 1);
	quota_account_unwait(acc, 300);
	ck_assert(!due());
	now_us += SECOND / 4;
	ck_assert_int_eq(take(300), QUOTA_ASK);
	quota_account_wait(acc, 300);
	ck_assert(due());
	ck_assert_int_eq(call.item[0].need, 300);
	/* near the limit no more than that */
	ck_assert_int_eq(call.item[0].want, 300);
	quota_account_unwait(acc, 300);
}
END_TEST

START_TEST(gives_back_near_the_limit)
{
	struct lease_answer a;

	open_bucket();
	grant(300, 9000); /* of 10,000, 9,000 are others' */
	ck_assert(look().near);
	ck_assert_int_eq(take(200), QUOTA_OK);
	ck_assert(due());
	ck_assert(call.item[0].returns);
	ck_assert_int_eq(call.item[0].g, 200);
	ck_assert_int_eq(call.item[0].want, 0);
	/* lowered before it is told */
	ck_assert_int_eq(atomic_load(&acc->granted), 200);
	a = ok(false, 0, 9000);
	ck_assert_int_eq(reply(&a), 0);
	settle(200, 120);
	ck_assert(due());
	ck_assert(call.item[0].returns);
	ck_assert_int_eq(call.item[0].g, 120);
	ck_assert_int_eq(call.item[0].s, 120);
	/* the call is lost: the centre still has 200, and tells that */
	lease_bucket_down(member, bucket, now());
	lease_bucket_up(member, bucket, RUN, now());
	ck_assert(due());
	ck_assert_int_eq(call.item[0].g, 120);
	a = ok(false, 80, 9000);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(look().g, 200);
}
END_TEST

START_TEST(gives_back_what_is_recalled)
{
	struct lease_answer a;

	open_bucket();
	grant(300, 0);
	ck_assert(!look().near);
	ck_assert_int_eq(take(100), QUOTA_OK);
	now_us += 30 * SECOND;
	ck_assert(due());
	a = ok(false, 0, 0);
	a.item[0].recall_ms = 2000;
	ck_assert_int_eq(reply(&a), 0);
	ck_assert(look().recalled);
	ck_assert(due());
	ck_assert(call.item[0].returns);
	ck_assert_int_eq(call.item[0].g, 100);
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
}
END_TEST

START_TEST(keeps_what_waiting_requests_need)
{
	struct lease_answer a;

	open_bucket();
	quota_account_wait(acc, 300);
	ck_assert(due());
	a = ok(false, 300, 9600);
	ck_assert_int_eq(reply(&a), 0);
	/* granted, and not yet taken: near the limit, but spoken for */
	ck_assert(look().near);
	ck_assert(!due());
	ck_assert_int_eq(take(300), QUOTA_OK);
	quota_account_unwait(acc, 300);
	ck_assert(!due());
}
END_TEST

START_TEST(gives_back_what_lies_idle)
{
	struct lease_answer a;
	int64_t g;

	open_bucket();
	grant(300, 0);
	g = look().g;
	ck_assert_int_eq(take(10), QUOTA_OK);
	settle(10, 10);
	for (int s = 0; s < 200 && look().g > 10; s++, now_us += SECOND) {
		if (!due())
			continue;
		a = ok(false, 0, 0);
		ck_assert_int_eq(reply(&a), 0);
	}
	ck_assert_int_gt(g, 10);
	ck_assert_int_eq(look().g, 10);
	ck_assert_int_eq(look().s_told, 10);
	ck_assert_int_eq(take(1), QUOTA_ASK);
}
END_TEST

START_TEST(reports_once_a_second)
{
	struct lease_answer a;

	open_bucket();
	grant(100, 0);
	now_us += 2 * SECOND;
	ck_assert(due()); /* the heartbeat */
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	woken = 0;
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(take(10), QUOTA_OK);
		settle(10, 4);
		lease_attend(member, now());
	}
	ck_assert_int_eq(woken, 1);
	ck_assert(due()); /* not told for two seconds */
	ck_assert_int_eq(call.item[0].s, 20);
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(10), QUOTA_OK);
	settle(10, 4);
	ck_assert(!due());
	now_us += SECOND - 1;
	ck_assert(!due());
	now_us += 1;
	ck_assert(due());
	ck_assert_int_eq(call.item[0].s, 24);
}
END_TEST

START_TEST(limits_change)
{
	struct lease_config cfg = config(8);
	struct lease_answer a;

	open_bucket();
	grant(100, 0);
	ck_assert_int_eq(take(20), QUOTA_OK);
	lease_member_configure(member, &cfg);
	ck_assert_ptr_eq(lease_add(member, acc, 150, now()), lease);
	ck_assert_int_eq(atomic_load(&acc->granted), 150);
	ck_assert(due());
	ck_assert_int_eq(call.version, 8);
	ck_assert_int_eq(call.item[0].limit, 150);
	/* more is out than the limit allows */
	ck_assert(call.item[0].returns);
	ck_assert_int_eq(call.item[0].g, 20);
	a = ok(false, 0, 0);
	a.item[0].limit = 5; /* another member has a newer configuration */
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(atomic_load(&acc->granted), 5);
}
END_TEST

START_TEST(not_heard_for_too_long)
{
	struct lease_answer a;

	open_bucket();
	grant(300, 0);
	lease_bucket_down(member, bucket, now());
	now_us += 59 * SECOND;
	ck_assert(!due());
	ck_assert_int_eq(take(10), QUOTA_OK);
	now_us += SECOND;
	ck_assert(!due());
	ck_assert_int_eq(take(10), QUOTA_UNSURE);
	ck_assert(look().stale);
	ck_assert_uint_eq(lease_counts(member)->expired, 1);
	lease_bucket_up(member, bucket, RUN, now());
	ck_assert(due());
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(10), QUOTA_OK);
}
END_TEST

START_TEST(out_of_it)
{
	static const struct {
		enum lease_status status;
		bool admits;
	} row[] = { { LEASE_FENCED, false }, { LEASE_STALE, false }, { LEASE_MEMBERS, true } };
	struct lease_answer a;

	open_bucket();
	grant(300, 0);
	now_us += SECOND;
	ck_assert(due());
	a = (struct lease_answer){ .status = row[_i].status, .epoch = STR("5.1.9.n2") };
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(1), row[_i].admits ? QUOTA_OK : QUOTA_UNSURE);
	ck_assert_int_eq(take(5000), QUOTA_UNSURE);
	ck_assert(!due());
	now_us += SECOND;
	ck_assert(due());
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(1), QUOTA_OK);
}
END_TEST

START_TEST(closed_period)
{
	struct lease_answer a;

	open_bucket();
	quota_account_wait(acc, 300);
	ck_assert(due());
	a = ok(false, 0, 0);
	a.item[0].status = LEASE_ITEM_CLOSED;
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(300), QUOTA_UNSURE);
	ck_assert(!due());
	now_us += SECOND;
	ck_assert(due());
	a = ok(false, 300, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(300), QUOTA_OK);
	quota_account_unwait(acc, 300);
}
END_TEST

/* Our clock is two minutes ahead: nobody waits any more, for all are refused, and then it is open.
 */
START_TEST(closed_before_its_period)
{
	const int64_t start_ms = (NOON - 12 * HOUR) / 1000;
	struct lease_answer a;

	open_bucket();
	quota_account_wait(acc, 300);
	ck_assert(due());
	a = ok(false, 0, 0);
	a.item[0].status = LEASE_ITEM_CLOSED;
	a.time_ms = start_ms - 120000;
	ck_assert_int_eq(reply(&a), 0);
	quota_account_unwait(acc, 300);
	ck_assert_int_eq(take(300), QUOTA_UNSURE);
	for (int s = 1; s < 60; s++) {
		now_us += SECOND;
		if (!due())
			continue;
		a = ok(false, 0, 0);
		a.time_ms = start_ms - 120000 + s * 1000;
		if (call.n > 0)
			a.item[0].status = LEASE_ITEM_CLOSED;
		ck_assert_int_eq(reply(&a), 0);
	}
	ck_assert_int_eq(take(300), QUOTA_UNSURE);
	now_us += SECOND;
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	a = ok(false, 0, 0);
	a.time_ms = start_ms - 60000;
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(300), QUOTA_ASK);
}
END_TEST

/* It had ended, and a reload lets it end later. */
START_TEST(closed_and_longer)
{
	struct lease_answer a;

	open_bucket();
	quota_account_wait(acc, 300);
	ck_assert(due());
	a = ok(false, 0, 0);
	a.item[0].status = LEASE_ITEM_CLOSED;
	a.time_ms = (NOON + 14 * HOUR) / 1000;
	ck_assert_int_eq(reply(&a), 0);
	quota_account_unwait(acc, 300);
	for (unsigned n = 2; n-- > 0;) { /* it waited still; then the bucket's own */
		now_us += SECOND;
		ck_assert(due());
		ck_assert_uint_eq(call.n, n);
		a = ok(false, 0, 0);
		a.item[0].status = LEASE_ITEM_CLOSED;
		a.time_ms = (NOON + 14 * HOUR) / 1000;
		ck_assert_int_eq(reply(&a), 0);
	}
	lease_period(lease, acc->start, (wall_us){ acc->end.us + 24 * HOUR }, now());
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	ck_assert_int_eq(call.item[0].pe, (NOON + 36 * HOUR) / SECOND);
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(300), QUOTA_ASK);
	now_us += SECOND / 10;
	lease_period(lease, acc->start, (wall_us){ acc->end.us + 24 * HOUR }, now());
	ck_assert(!due()); /* it is that already */
}
END_TEST

START_TEST(ends_after_its_period)
{
	struct lease_answer a;
	int64_t seconds = 0;

	open_bucket();
	grant(300, 0);
	ck_assert_int_eq(take(300), QUOTA_OK);
	settle(300, 100);
	/* the period ends at midnight, 12 hours after NOON; 3 hours on it is forgotten */
	for (; lease_find(acc) != NULL && seconds < 24 * 3600; seconds += 20) {
		now_us = seconds * SECOND;
		if (!due())
			continue;
		a = ok(false, 0, 0);
		a.time_ms = (NOON + now_us) / 1000;
		ck_assert_int_eq(reply(&a), 0);
	}
	ck_assert_int_ge(seconds, 15 * 3600);
	ck_assert_int_lt(seconds, 15 * 3600 + 300);
	ck_assert_ptr_null(lease_next(member, NULL));
	/* and may be leased again */
	lease = lease_add(member, acc, 500, now());
	ck_assert_int_eq(look().g, 100);
}
END_TEST

START_TEST(retired)
{
	struct lease_answer a;

	open_bucket();
	grant(300, 0);
	lease_retire(member, lease, now());
	ck_assert(due());
	ck_assert(call.item[0].returns);
	ck_assert_int_eq(call.item[0].g, 0);
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	now_us += 120 * SECOND;
	(void)due();
	ck_assert_ptr_null(lease_find(acc));
}
END_TEST

START_TEST(restored_while_leased)
{
	struct lease_answer a;

	quota_account_restore(acc, 700); /* what the ledger has */
	open_bucket();
	ck_assert_int_eq(call.item[0].s, 700);
	ck_assert_int_eq(call.item[0].g, 700);
	ck_assert(call.asserts);
	/* the centre knows of more: the disk has lost it */
	now_us += 30 * SECOND;
	quota_account_wait(acc, 10);
	ck_assert(due());
	a = ok(false, 50, 0);
	a.item[0].s = 720;
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(atomic_load(&acc->settled), 720);
	ck_assert_int_eq(atomic_load(&acc->committed), 720);
	ck_assert_int_eq(quota_account_headroom(acc, at(0)), 30);
	quota_account_unwait(acc, 10);
}
END_TEST

/* A start: the epoch is known, and what the ledger has comes after the lease was made. */
START_TEST(restored_in_a_known_epoch)
{
	ck_assert_int_eq(lease_epoch_restore(member, bucket, STR("5.1.9.n2")), 0);
	quota_account_restore(acc, 700);
	ck_assert_ptr_eq(lease_add(member, acc, 10000, now()), lease);
	lease_bucket_up(member, bucket, RUN, now());
	ck_assert(due());
	/* an epoch may have begun whose first word from us this is */
	ck_assert_uint_eq(call.n, 1);
	ck_assert_int_eq(call.item[0].s, 700);
	ck_assert_int_eq(call.item[0].g, 700);
	ck_assert(call.asserts);
}
END_TEST

/* By hand: nothing else happens to the account. */
START_TEST(adjusted_while_leased)
{
	struct lease_answer a;

	open_bucket();
	now_us += SECOND;
	ck_assert(due());
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	quota_account_adjust(acc, 700);
	now_us += SECOND;
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	ck_assert_int_eq(call.item[0].s, 700);
}
END_TEST

/* What a worker says again and again about nothing must not drown what it says next. */
START_TEST(settled_after_nothing_was)
{
	struct lease_answer a;

	open_bucket();
	grant(300, 0);
	now_us += 2 * SECOND;
	ck_assert(due());
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	ck_assert_int_eq(take(50), QUOTA_OK);
	settle(50, 0);
	ck_assert(!due());
	ck_assert_int_eq(take(50), QUOTA_OK);
	settle(50, 20);
	now_us += SECOND;
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	ck_assert_int_eq(call.item[0].s, 20);
}
END_TEST

/* Numbers of calls rise with every call of the account, also over two leases of it; other accounts
 * do not use them up. */
START_TEST(numbers_of_calls)
{
	struct lease_answer a;

	open_bucket();
	for (unsigned i = 1; i <= 3; i++) {
		grant(300, 0);
		ck_assert_uint_eq(call.item[0].op_seq, (UINT64_C(3) << 32) + 2 * i - 1);
		lease_retire(member, lease, now());
		ck_assert(due());
		ck_assert_uint_eq(call.item[0].op_seq, (UINT64_C(3) << 32) + 2 * i);
		a = ok(false, 0, 0);
		ck_assert_int_eq(reply(&a), 0);
		now_us += 120 * SECOND;
		(void)due();
		a = ok(false, 0, 0);
		ck_assert_int_eq(reply(&a), 0);
		ck_assert_ptr_null(lease_find(acc));
		lease = lease_add(member, acc, 10000, now());
	}
	ck_assert_uint_eq(lease_counts(member)->items, 6);
}
END_TEST

/* A credit of the configuration may be any stretch of time; a call can have only one that ends
 * after it began. */
START_TEST(periods_of_calls)
{
	static const struct {
		int64_t from_us, until_us, ps, pe;
	} rows[] = {
		{ INT64_MIN, -32400 * SECOND, 0, 1 },
		{ INT64_MIN, 0, 0, 1 },
		{ 5 * SECOND, 4 * SECOND, 5, 6 },
		{ 5 * SECOND, 5 * SECOND + 1, 5, 6 },
		{ INT64_MIN, 7 * SECOND, 0, 7 },
		{ 5 * SECOND, INT64_MAX, 0, 0 },
	};
	struct quota_limit l = limit(QUOTA_COST, "1 usd/lifetime");
	struct period p = { rows[_i].from_us, rows[_i].until_us, rows[_i].until_us, "" };
	struct quota_account *credit;
	char name[64], err[200];
	struct lease_answer a;

	ck_assert_int_lt(_i, (int)TG_ARRAY_LEN(rows));
	open_bucket();
	for (int i = 0;; i++) {
		snprintf(name, sizeof name, "tenant:a/cost/credit/%d", i);
		if (lease_bucket_of(str_z(name)) == bucket)
			break;
	}
	credit = quota_table_make(table, str_z(name), &l, &p, at(0), err, sizeof err);
	ck_assert_ptr_nonnull(credit);
	(void)lease_add(member, credit, 100, now());
	quota_account_wait(credit, 10);
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	ck_assert_int_eq(call.item[0].ps, rows[_i].ps);
	ck_assert_int_eq(call.item[0].pe, rows[_i].pe);
	a = ok(false, 0, 0);
	ck_assert_int_eq(reply(&a), 0);
	quota_account_unwait(credit, 10);
	quota_account_put(credit);
}
END_TEST

/* What each does to an answer that would be right. */
static void other_epoch(struct lease_answer *a)
{
	a->epoch = STR("5.1.8.n2");
}
static void fewer(struct lease_answer *a)
{
	a->n--;
}
static void less_granted(struct lease_answer *a)
{
	a->item[0].g = call.item[0].g - 1;
}
static void less_settled(struct lease_answer *a)
{
	a->item[0].s = call.item[0].s - 1;
}
static void more_settled(struct lease_answer *a)
{
	a->item[0].s = a->item[0].g + 1;
}
static void old_epoch(struct lease_answer *a)
{
	*a = learn("5.1.9.n2");
}
static void older_epoch(struct lease_answer *a)
{
	*a = learn("4.9.9.n9");
}
static void no_epoch(struct lease_answer *a)
{
	*a = learn("5.1.n2");
}
static void accounts_of_no_call(struct lease_answer *a)
{
	a->status = LEASE_MEMBERS;
}

START_TEST(wrong_answers)
{
	static void (*const spoil[])(struct lease_answer *) = { other_epoch, fewer, less_granted,
		less_settled, more_settled, old_epoch, older_epoch, no_epoch, accounts_of_no_call };
	struct lease_answer a;
	int64_t g;

	ck_assert_int_eq(_i < (int)TG_ARRAY_LEN(spoil), 1);
	open_bucket();
	grant(300, 0);
	ck_assert_int_eq(take(200), QUOTA_OK);
	settle(200, 100);
	g = look().g;
	now_us += 2 * SECOND;
	ck_assert(due());
	ck_assert_uint_eq(call.n, 1);
	a = ok(false, 0, 0);
	spoil[_i](&a);
	ck_assert_int_eq(reply(&a), -1);
	ck_assert_int_eq(look().g, g);
	lease_bucket_down(member, bucket, now());
	ck_assert_uint_eq(lease_counts(member)->voided, 1);
	ck_assert_int_eq(take(1), QUOTA_OK);
}
END_TEST

START_TEST(epochs)
{
	static const char *const bad[] = { "", "1", "1.2.3", "1.2.3.", "a.2.3.n", "1..3.n",
		"18446744073709551616.1.1.n", "1.-2.3.n" };

	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++)
		ck_assert_int_eq(lease_epoch_restore(member, bucket, str_z(bad[i])), -1);
	ck_assert_int_eq(lease_epoch_restore(member, bucket, STR("9.1.1.a.b")), 0);
	UNIT_STR_EQ(lease_epoch(member, bucket), STR("9.1.1.a.b"));
	lease_bucket_up(member, bucket, RUN, now());
	ck_assert(due());
	UNIT_STR_EQ(call.epoch, STR("9.1.1.a.b"));
}
END_TEST

START_TEST(many_accounts)
{
	struct quota_account *more[150];
	struct lease_answer a;
	unsigned n = 0, told;
	char name[64];

	/* of this bucket, all with something to tell */
	quota_account_restore(acc, 1);
	for (int i = 0; n < TG_ARRAY_LEN(more); i++) {
		snprintf(name, sizeof name, "key:%d/cost/day/2026-11-28", i);
		if (lease_bucket_of(str_z(name)) != bucket)
			continue;
		*strchr(name, '/') = '\0';
		more[n] = account(table, name, QUOTA_COST, "1 usd/day", at(0));
		quota_account_restore(more[n], 5);
		(void)lease_add(member, more[n++], 1000, now());
	}
	lease_bucket_up(member, bucket, RUN, now());
	ck_assert(due());
	a = learn("5.1.9.n2");
	ck_assert_int_eq(reply(&a), 0);
	lease_epoch_saved(member, bucket, now());
	for (told = 0; told < n + 1; told += call.n) {
		ck_assert(due());
		ck_assert_uint_eq(call.n, TG_MIN(64, n + 1 - told));
		ck_assert_int_eq(call.asserts, told + call.n == n + 1);
		a = ok(true, 0, 0);
		ck_assert_int_eq(reply(&a), 0);
	}
	for (unsigned i = 0; i < n; i++)
		quota_account_put(more[i]);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, begins_by_learning);
	tcase_add_test(tc, a_grant_that_is_not_safe);
	tcase_add_test(tc, asserts_when_all_is_synced);
	tcase_add_test(tc, asks_for_what_lacks);
	tcase_add_test(tc, refused_for_a_while);
	tcase_add_test(tc, gives_back_near_the_limit);
	tcase_add_test(tc, gives_back_what_is_recalled);
	tcase_add_test(tc, keeps_what_waiting_requests_need);
	tcase_add_test(tc, gives_back_what_lies_idle);
	tcase_add_test(tc, reports_once_a_second);
	tcase_add_test(tc, limits_change);
	tcase_add_test(tc, not_heard_for_too_long);
	tcase_add_loop_test(tc, out_of_it, 0, 3);
	tcase_add_test(tc, closed_period);
	tcase_add_test(tc, closed_before_its_period);
	tcase_add_test(tc, closed_and_longer);
	tcase_add_test(tc, ends_after_its_period);
	tcase_add_test(tc, retired);
	tcase_add_test(tc, restored_while_leased);
	tcase_add_test(tc, restored_in_a_known_epoch);
	tcase_add_test(tc, adjusted_while_leased);
	tcase_add_test(tc, settled_after_nothing_was);
	tcase_add_test(tc, numbers_of_calls);
	tcase_add_loop_test(tc, periods_of_calls, 0, 6);
	tcase_add_loop_test(tc, wrong_answers, 0, 9);
	tcase_add_test(tc, epochs);
	tcase_add_test(tc, many_accounts);
}

UNIT_MAIN("lease", tests)
