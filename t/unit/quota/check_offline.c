/*
 * check_offline.c: what a leased account lets in while its centre is away, cell by cell; that it
 * does not grow by what is settled, nor while the centre learns, and is new when the centre is
 * back.
 */
#include "quota/hold.h"
#include "quota/lease.h"
#include "unit/quota/fixture.h"

static struct quota_table *table;
static struct lease_member *member;
static struct quota_account *acc;
static struct lease *lease;
static unsigned bucket;

#define LIMIT 10000

/* One call and its answer: this is granted to us, and all have been granted so much. */
static void answer(int64_t us, enum lease_status status, bool learning, int64_t g, int64_t sum_g)
{
	static struct lease_call call;
	struct lease_answer a = {
		.status = status, .epoch = STR("1.1.1.n1"), .learning = learning
	};
	struct lease_outcome out;
	char err[200] = "";
	mono_us again;

	ck_assert(lease_due(member, at(us).mono, &call, &again));
	a.n = status == LEASE_OK ? call.n : 0;
	for (unsigned i = 0; i < a.n; i++)
		a.item[i] = (struct lease_answer_item){ .g = TG_MAX(g, call.item[i].s),
			.s = call.item[i].s,
			.sum_g = sum_g,
			.sum_s = call.item[i].s,
			.limit = LIMIT };
	ck_assert_msg(lease_reply(member, bucket, &a, at(us).mono, &out, err, sizeof err) == 0,
		"%s", err);
}

static void setup(void)
{
	static const struct str members[] = { { "n1", 2 }, { "n2", 2 }, { "n3", 2 }, { "n4", 2 } };
	const struct lease_config cfg = { .name = STR("n1"),
		.members = members,
		.n_members = 4,
		.version = 1,
		.revalidate_us = 60 * SECOND };

	table = quota_table_new(100);
	member = lease_member_new(&cfg, 1, NULL, NULL);
	acc = account(table, "tenant:a", QUOTA_TOKENS, "10000/day", at(0));
	lease = lease_add(member, acc, LIMIT, at(0).mono);
	bucket = lease_bucket_of(acc->name);
	ck_assert_int_eq(lease_epoch_restore(member, bucket, STR("1.1.1.n1")), 0);
	lease_bucket_up(member, bucket, STR("run"), at(0).mono);
	answer(0, LEASE_OK, false, 0, 0); /* it may be asked */
}

static void teardown(void)
{
	lease_member_free(member);
	quota_account_put(acc);
	quota_table_free(table);
}

/* A request of this amount waits, so that the account is in the next call. */
static void ask_for(int64_t us, int64_t amount, int64_t g, int64_t sum_g)
{
	quota_account_wait(acc, amount);
	answer(us, LEASE_OK, false, g, sum_g);
	quota_account_unwait(acc, amount);
}

static void hold(struct quota_hold *h, int64_t amount, enum quota_result expected)
{
	const int64_t want[QUOTA_DIM__MAX] = { [QUOTA_TOKENS] = amount };
	struct quota_denied denied;
	const struct quota_offline *offline = h->offline;

	*h = (struct quota_hold){ .offline = offline };
	ck_assert_int_eq((int)quota_reserve(&acc, 1, want, at(0), h, &denied), (int)expected);
}

static void settle(struct quota_hold *h, int64_t amount)
{
	const int64_t was[QUOTA_DIM__MAX] = { [QUOTA_TOKENS] = amount };

	quota_settle(h, was, at(0));
}

/* ---- each cell: how much more than what was granted is let in, one by one */

static const struct {
	enum quota_offline_how how;
	int64_t share_bp, most;
	unsigned members;
	int64_t expected;
} cells[] = {
	{ QUOTA_OFFLINE_CLOSED, 10000, 0, 1, 0 },
	{ QUOTA_OFFLINE_OPEN, 100, 0, 1, 100 }, /* 1 % of 10000 */
	{ QUOTA_OFFLINE_OPEN, 100, 0, 4, 25 },  /* and our part of it */
	{ QUOTA_OFFLINE_OPEN, 100, 40, 1, 40 }, /* the lower of both */
	{ QUOTA_OFFLINE_OPEN, 100, 40, 4, 10 },
	{ QUOTA_OFFLINE_OPEN, 100, 4000, 1, 100 },
	{ QUOTA_OFFLINE_OPEN, 10000, 0, 1, 10000 },
	{ QUOTA_OFFLINE_OPEN, 1, 0, 4, 0 },     /* less than one for each */
	{ QUOTA_OFFLINE_LOCAL, 1, 1, 1, 9400 }, /* all had 600 of it */
	{ QUOTA_OFFLINE_LOCAL, 1, 1, 4, 2350 },
};

START_TEST(a_cell)
{
	struct quota_offline o = { .share_bp = cells[_i].share_bp, .members = cells[_i].members };
	struct quota_hold first = { .offline = NULL }, one = { .offline = &o };
	int64_t n = 0;

	o.how[QUOTA_TOKENS] = cells[_i].how;
	o.most[QUOTA_TOKENS] = cells[_i].most;
	o.how[QUOTA_COST] = QUOTA_OFFLINE_OPEN; /* another dimension's, whatever it says */
	ck_assert(quota_offline_opens(&o));
	ask_for(0, 500, 500, 600);
	hold(&first, 500, QUOTA_OK);
	hold(&one, 1,
		cells[_i].how == QUOTA_OFFLINE_CLOSED || cells[_i].expected == 0
			? QUOTA_ASK
			: QUOTA_OK); /* it could be asked still, and there is no time */
	if (one.n > 0)
		settle(&one, 0);
	lease_bucket_down(member, bucket, at(1).mono);
	while (n <= cells[_i].expected) {
		struct quota_hold h = { .offline = &o };

		hold(&h, 1, n < cells[_i].expected ? QUOTA_OK : QUOTA_UNSURE);
		n++;
		if (h.n > 0)
			settle(&h, 1);
	}
	ck_assert_int_ge(atomic_load(&acc->over), cells[_i].expected);
	ck_assert_int_le(atomic_load(&acc->over), cells[_i].expected + 1);
	ck_assert_int_eq(atomic_load(&acc->committed), 500 + cells[_i].expected);
	settle(&first, 500);
}
END_TEST

/* ---- what it does not grow by */

static struct quota_offline open_100 = { .share_bp = 100, .members = 1 };

static void out_of_it(int64_t us)
{
	struct quota_hold first = { .offline = NULL }, h = { .offline = &open_100 };

	open_100.how[QUOTA_TOKENS] = QUOTA_OFFLINE_OPEN;
	ask_for(us, 500, 500, 600);
	hold(&first, 500, QUOTA_OK);
	settle(&first, 500);
	lease_bucket_down(member, bucket, at(us + 1).mono);
	hold(&h, 101, QUOTA_UNSURE);
	hold(&h, 100, QUOTA_OK);
	settle(&h, 100);
	hold(&h, 1, QUOTA_UNSURE);
}

START_TEST(not_by_what_is_settled)
{
	struct quota_hold h = { .offline = &open_100 };
	static struct lease_call call;
	mono_us again;

	out_of_it(0);
	for (int i = 1; i < 100; i++) { /* nor by time, which shuts the account */
		ck_assert(!lease_due(member, at(i * SECOND).mono, &call, &again));
		hold(&h, 1, QUOTA_UNSURE);
	}
}
END_TEST

START_TEST(not_while_the_centre_learns)
{
	struct quota_hold h = { .offline = &open_100 };

	out_of_it(0);
	lease_bucket_up(member, bucket, STR("run"), at(SECOND).mono);
	for (int i = 1; i < 10; i++) {
		answer(i * SECOND, LEASE_OK, true, 600, 700);
		hold(&h, 1, QUOTA_UNSURE);
	}
	answer(10 * SECOND, LEASE_OK, false, 600, 700);
	hold(&h, 1, QUOTA_OK); /* it is back: the allowance is new */
	settle(&h, 0);
}
END_TEST

/* However often the centre goes away: all together are over by the allowance, and not by more. */
START_TEST(once_in_a_period)
{
	struct quota_hold h = { .offline = &open_100 };

	open_100.how[QUOTA_TOKENS] = QUOTA_OFFLINE_OPEN;
	ask_for(0, 500, 500, LIMIT);
	hold(&h, 560, QUOTA_OK);
	settle(&h, 560);
	answer(SECOND, LEASE_OK, false, 560, LIMIT + 60);
	lease_bucket_down(member, bucket, at(2 * SECOND).mono);
	hold(&h, 41, QUOTA_UNSURE);
	hold(&h, 40, QUOTA_OK);
	settle(&h, 40);
}
END_TEST

/* What was given back is not ours any more. */
START_TEST(not_by_what_was_returned)
{
	struct quota_hold h = { .offline = &open_100 };

	open_100.how[QUOTA_TOKENS] = QUOTA_OFFLINE_OPEN;
	ask_for(0, 500, 500, 10000); /* near the limit: what is not needed goes back */
	hold(&h, 500, QUOTA_OK);
	settle(&h, 0);
	answer(SECOND, LEASE_OK, false, 0, 9500);
	lease_bucket_down(member, bucket, at(2 * SECOND).mono);
	hold(&h, 101, QUOTA_UNSURE);
	hold(&h, 100, QUOTA_OK);
	settle(&h, 0);
}
END_TEST

/* What was free an hour before the centre went away, others have by now. */
START_TEST(not_by_what_was_free_long_ago)
{
	struct quota_offline local = { .members = 4 };
	struct quota_hold h = { .offline = &local };

	local.how[QUOTA_TOKENS] = QUOTA_OFFLINE_LOCAL;
	ask_for(0, 500, 500, 600);
	hold(&h, 500, QUOTA_OK);
	settle(&h, 500);
	lease_bucket_down(member, bucket, at(61 * SECOND).mono);
	hold(&h, 1, QUOTA_UNSURE);
}
END_TEST

START_TEST(not_when_we_are_fenced)
{
	struct quota_hold h = { .offline = &open_100 };

	open_100.how[QUOTA_TOKENS] = QUOTA_OFFLINE_OPEN;
	ask_for(0, 500, 500, 600);
	answer(SECOND, LEASE_FENCED, false, 0, 0);
	hold(&h, 1, QUOTA_UNSURE);
}
END_TEST

/* Restored after it was leased, with no centre at all: the allowance stands on what was spent. */
START_TEST(a_start_without_a_centre)
{
	struct quota_hold h = { .offline = &open_100 };

	open_100.how[QUOTA_TOKENS] = QUOTA_OFFLINE_OPEN;
	lease_bucket_down(member, bucket, at(1).mono);
	quota_account_restore(acc, 700);
	hold(&h, 101, QUOTA_UNSURE);
	hold(&h, 100, QUOTA_OK);
	settle(&h, 0);
	open_100.how[QUOTA_TOKENS] = QUOTA_OFFLINE_LOCAL; /* nothing was ever known to be free */
	hold(&h, 1, QUOTA_UNSURE);
}
END_TEST

START_TEST(more_of_a_hold)
{
	const int64_t more[QUOTA_DIM__MAX] = { [QUOTA_TOKENS] = 60 };
	struct quota_hold h = { .offline = &open_100 };
	struct quota_denied denied;

	open_100.how[QUOTA_TOKENS] = QUOTA_OFFLINE_OPEN;
	ask_for(0, 500, 500, 600);
	lease_bucket_down(member, bucket, at(1).mono);
	hold(&h, 500, QUOTA_OK);
	ck_assert_int_eq((int)quota_raise(&h, more, at(0), &denied), (int)QUOTA_OK);
	ck_assert_int_eq((int)quota_extend(&h, more, at(0), &denied), (int)QUOTA_UNSURE);
	ck_assert_int_eq(atomic_load(&acc->committed), 560);
	ck_assert_int_eq(atomic_load(&acc->over), 60);
	settle(&h, 560);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_cell, 0, (int)TG_ARRAY_LEN(cells));
	tcase_add_test(tc, not_by_what_is_settled);
	tcase_add_test(tc, not_while_the_centre_learns);
	tcase_add_test(tc, once_in_a_period);
	tcase_add_test(tc, not_by_what_was_returned);
	tcase_add_test(tc, not_by_what_was_free_long_ago);
	tcase_add_test(tc, not_when_we_are_fenced);
	tcase_add_test(tc, a_start_without_a_centre);
	tcase_add_test(tc, more_of_a_hold);
}

UNIT_MAIN("offline", tests)
