/*
 * check_share.c: shares of limits as members have them (quota/share.h) and the real quota.lua gives
 * them, on virtual time: calls that are lost, late, not answered; members cut off; servers that
 * forget. All shares together are the limit at most, at every moment; they follow demand; and what
 * rates let in together is what one of them would have.
 */
#include "quota/share.h"
#include "quota/table.h"
#include "simulate/sim.h"
#undef SECOND
#include "unit/quota/fixture.h"

#define MEMBERS 4
#define STEP    (SECOND / 10)
#define LATE    40

struct member {
	struct quota_table *table;
	struct quota_account *a;
	struct share share;
	int64_t next, cut_until; /* of its calls */
	int64_t demand;          /* a step's */
	int64_t held;            /* gauges */
	int64_t time_ms, time_at;
	unsigned seq;
};

struct late { /* a call that arrives some time after nobody waits for it any more */
	int64_t at;
	unsigned member;
	int64_t limit, use, demand, sent_ms;
	unsigned seq;
	bool alone;
	char run[64];
};

/* Rules left out of the script. */
static const struct mutant {
	const char *from, *to;
} mutants[] = {
	{ "call.time.ms < tonumber(h.hash.b) and op.use or ", "" },
	{ "math.abs(call.time.ms - call.sent) > SHARE_LATE_MS", "false" },
	{ "if call.seq <= last then", "if false then" },
	{ "members[i] and members[i].g or even)", "members[i] and members[i].g or 0)" },
	{ "text(math.max(share, op.use)) .. record", "text(share) .. record" },
	{ "text(op.alone and 0 or call.time.ms)", "text(call.time.ms)" },
};
static const struct mutant *mutant; /* NULL: none */
static bool broken;

static struct member member[MEMBERS];
static struct late late[LATE];
static unsigned n_late;
static struct sim_server *server;
static struct sim_lua *lua;
static struct sim_rng rng;
static int64_t now_us, limit_amount;
static enum quota_dim dim;

static unsigned chance(unsigned n)
{
	return (unsigned)sim_below(&rng, n);
}

static void begin(enum quota_dim d, const char *text, uint64_t seed)
{
	struct quota_limit l = limit(d, text);

	now_us = 0;
	n_late = 0;
	dim = d;
	limit_amount = l.amount;
	rng = (struct sim_rng){ seed };
	server = calloc(1, sizeof *server);
	ck_assert_ptr_nonnull(server);
	sim_server_start(server, 0, NULL);
	lua = sim_lua_new(mutant != NULL ? mutant->from : NULL, mutant != NULL ? mutant->to : NULL);
	ck_assert_ptr_nonnull(lua);
	for (unsigned i = 0; i < MEMBERS; i++) {
		struct member *m = &member[i];
		int64_t even = l.amount / MEMBERS + (i < l.amount % MEMBERS);

		*m = (struct member){ .table = quota_table_new(100), .next = i * STEP };
		m->a = account(m->table, "tenant:a", d, text, at(0));
		quota_account_set_limit(m->a, even);
		share_begin(&m->share, m->a, l.amount, even);
	}
}

static void end(void)
{
	for (unsigned i = 0; i < MEMBERS; i++) {
		share_end(&member[i].share, at(now_us));
		quota_account_put(member[i].a);
		quota_table_free(member[i].table);
	}
	sim_store_clear(&server->store);
	for (unsigned i = 0; i < server->snapshots; i++)
		sim_store_clear(&server->snapshot[i].store);
	free(server);
	sim_lua_free(lua);
}

/* What Redis does with it. The share, or -1: it passes over it. */
static int64_t carry_out(const struct late *c, int64_t *time_ms)
{
	char numbers[5][24], name[8];
	struct str key = STR("tg:{s0}:r:tenant:a"), args[9];
	const int64_t v[] = { c->seq, c->sent_ms, c->limit, c->use, c->demand };
	struct sim_value *answer;
	int64_t share = -1;

	snprintf(name, sizeof name, "m%u", c->member);
	args[0] = str_z(name);
	args[1] = str_z(c->run);
	args[2] = STR("m0,m1,m2,m3");
	for (size_t i = 0; i < TG_ARRAY_LEN(v); i++) {
		snprintf(numbers[i], sizeof numbers[i], "%lld", (long long)v[i]);
		args[3 + i] = str_z(numbers[i]);
	}
	args[8] = c->alone ? STR("e") : STR("");
	answer = sim_lua_call(lua, server, now_us, "tgq_share_v1", &key, 1, args, 9);
	ck_assert(answer->list && answer->n >= 1 && answer->n <= 2);
	*time_ms = atoll(answer->item[0].text);
	if (answer->n == 2)
		share = atoll(answer->item[1].text);
	sim_value_free(answer);
	return share;
}

static void call(unsigned i, bool faults)
{
	struct member *m = &member[i];
	struct late c = { .member = i, .limit = limit_amount, .seq = ++m->seq };
	int64_t share, time_ms;

	c.alone = share_call(&m->share, at(now_us), &c.use, &c.demand);
	c.sent_ms = m->time_ms > 0 ? m->time_ms + (now_us - m->time_at) / 1000 : 0;
	snprintf(c.run, sizeof c.run, "%s", server->run_id);
	m->next = now_us + SECOND;
	if (now_us < m->cut_until || (faults && chance(10) == 0)) { /* it comes late, or never */
		c.at = now_us + chance(20) * SECOND;
		if (n_late < LATE && chance(2) == 0)
			late[n_late++] = c;
		return;
	}
	share = carry_out(&c, &time_ms);
	if (faults && chance(8) == 0)
		return; /* the answer is lost */
	m->time_ms = time_ms;
	m->time_at = now_us;
	if (share >= 0)
		share_answer(&m->share, share, at(now_us).mono, at(now_us));
}

static void carry_out_late(void)
{
	int64_t time_ms;

	for (unsigned k = 0; k < n_late;) {
		struct late c = late[k];

		if (c.at > now_us) {
			k++;
			continue;
		}
		late[k] = late[--n_late];
		(void)carry_out(&c, &time_ms);
	}
}

static int64_t sum(void)
{
	int64_t all = 0;

	for (unsigned i = 0; i < MEMBERS; i++)
		all += member[i].share.now;
	return all;
}

static void faults_of(int64_t step)
{
	if (chance(60) == 0)
		member[chance(MEMBERS)].cut_until = now_us + chance(25) * SECOND;
	if (chance(150) == 0)
		for (unsigned i = 0; i < MEMBERS; i++)
			member[i].cut_until = now_us + chance(15) * SECOND;
	if (chance(200) == 0)
		sim_store_clear(&server->store); /* FLUSHALL */
	if (step % 5 == 0)
		sim_server_snapshot(server, now_us);
	if (chance(200) == 0)
		sim_server_start(server, 0, sim_server_copy(server, now_us - chance(4) * SECOND));
}

static void turn(bool faults, int64_t step)
{
	now_us += STEP;
	if (faults)
		faults_of(step);
	carry_out_late();
	for (unsigned i = 0; i < MEMBERS; i++) {
		share_tick(&member[i].share, at(now_us));
		if (now_us >= member[i].next)
			call(i, faults);
	}
	broken |= sum() > limit_amount;
	ck_assert_msg(mutant != NULL || !broken, "%lld of %lld at %lld s", (long long)sum(),
		(long long)limit_amount, (long long)(now_us / SECOND));
}

/* ---- a number at a time */

static void gauge_step(struct member *m)
{
	const int64_t want[QUOTA_DIM__MAX] = { [QUOTA_CONCURRENCY] = 1 };

	for (int64_t k = 0; k < m->demand; k++) {
		struct quota_account *charged;

		atomic_fetch_add(&m->a->tried, want[dim]);
		m->held += quota_account_take(m->a, 1, at(now_us), &charged) == QUOTA_OK;
	}
	for (int64_t left = m->held; left > 0; left--)
		if (chance(10) == 0) {
			quota_account_settle(m->a, 1, 0, at(now_us));
			m->held--;
		}
}

static void gauges(uint64_t seed, bool faults, int64_t steps)
{
	begin(QUOTA_CONCURRENCY, seed % 2 == 0 ? "40" : "7", seed);
	for (int64_t s = 0; s < steps; s++) {
		int64_t used = 0;

		for (unsigned i = 0; i < MEMBERS; i++) {
			if (chance(100) == 0)
				member[i].demand = chance(3) == 0 ? 0 : chance(10);
			gauge_step(&member[i]);
		}
		turn(faults, s);
		for (unsigned i = 0; i < MEMBERS; i++)
			used += TG_MAX(member[i].held, member[i].share.now);
		if (!faults) /* what is at work when a member is cut off may outlive its share */
			ck_assert_int_le(used, limit_amount);
	}
	for (unsigned i = 0; i < MEMBERS; i++)
		while (member[i].held-- > 0)
			quota_account_settle(member[i].a, 1, 0, at(now_us));
	end();
}

START_TEST(never_more_than_the_limit)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		gauges(seed * 100 + (uint64_t)_i, true, 1500);
}
END_TEST

START_TEST(nor_at_work)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		gauges(seed, false, 1000);
}
END_TEST

/* ---- by demand */

static void settle_for(int64_t seconds)
{
	for (int64_t s = 0; s < seconds * SECOND / STEP; s++) {
		for (unsigned i = 0; i < MEMBERS; i++)
			atomic_fetch_add(&member[i].a->tried, member[i].demand);
		turn(false, s);
	}
}

START_TEST(by_demand)
{
	begin(QUOTA_REQUESTS, "1000/min", 1);
	ck_assert_int_eq(member[0].share.now, 250);
	member[0].demand = 50;
	settle_for(15); /* alone: all but the floors of the others */
	ck_assert_int_eq(member[0].share.now, 1000 - 3 * 62);
	ck_assert_int_eq(member[1].share.now, 62);
	member[1].demand = 50;
	settle_for(15);
	ck_assert_int_eq(member[0].share.now, member[1].share.now);
	ck_assert_int_ge(member[0].share.now, 430);
	member[0].cut_until = member[1].cut_until = member[2].cut_until = INT64_MAX;
	member[3].cut_until = INT64_MAX;
	settle_for(14); /* nobody can be asked: even parts */
	for (unsigned i = 0; i < MEMBERS; i++)
		ck_assert_int_eq(member[i].share.now, 250);
	end();
}
END_TEST

/* Of two at a time for four members those that have use for one have one. */
START_TEST(fewer_than_members)
{
	begin(QUOTA_CONCURRENCY, "2", 1);
	member[2].demand = member[3].demand = 1;
	settle_for(15);
	ck_assert_int_eq(member[2].share.now, 1);
	ck_assert_int_eq(member[3].share.now, 1);
	ck_assert_int_eq(member[0].share.now + member[1].share.now, 0);
	end();
}
END_TEST

/* ---- what rates let in: never more than one rate of the limit would have by then */

START_TEST(a_rate_together)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		double room = 600;
		int64_t let_in = 0;

		begin(QUOTA_REQUESTS, "600/min", seed + 1000 * (uint64_t)_i);
		for (int64_t s = 0; s < 3000; s++) {
			for (unsigned i = 0; i < MEMBERS; i++) {
				struct quota_account *charged;

				if (chance(100) == 0)
					member[i].demand = chance(3) == 0 ? 0 : chance(12);
				atomic_fetch_add(&member[i].a->tried, member[i].demand);
				for (int64_t k = 0; k < member[i].demand; k++)
					if (quota_account_take(member[i].a, 1, at(now_us),
						    &charged) == QUOTA_OK) {
						room--;
						let_in++;
					}
			}
			ck_assert_msg(room >= -2 * MEMBERS, "%f below at %lld s", -room,
				(long long)(now_us / SECOND));
			turn(_i == 1, s);
			room = TG_MIN(room + 10.0 * STEP / SECOND, 600.0);
		}
		ck_assert_int_gt(let_in, 1000);
		end();
	}
}
END_TEST

/* What a share owes it owes under another one, too. */
START_TEST(a_debt_stays)
{
	struct quota_account *charged;

	begin(QUOTA_REQUESTS, "400/min", 1);
	ck_assert_int_eq(quota_account_take(member[0].a, 100, at(0), &charged), QUOTA_OK);
	ck_assert_int_eq(quota_account_headroom(member[0].a, at(0)), 0);
	quota_account_share(member[0].a, 300, at(0).mono);
	ck_assert_int_eq(quota_account_headroom(member[0].a, at(0)), 0); /* nothing comes of it */
	ck_assert_int_eq(quota_account_headroom(member[0].a, at(SECOND)), 5);
	quota_account_share(member[0].a, 60, at(SECOND).mono);
	ck_assert_int_le(quota_account_headroom(member[0].a, at(SECOND)), 5);
	ck_assert_int_eq(quota_account_peek(member[0].a, 400, at(SECOND)), QUOTA_TOO_FAST);
	ck_assert_int_eq(quota_account_peek(member[0].a, 401, at(SECOND)), QUOTA_NEVER);
	quota_account_settle(member[0].a, 0, 60, at(SECOND)); /* a debt */
	quota_account_share(member[0].a, 120, at(SECOND).mono);
	ck_assert_int_eq(quota_account_headroom(member[0].a, at(10 * SECOND)), 0);
	ck_assert_int_gt(quota_account_headroom(member[0].a, at(60 * SECOND)), 50);
	end();
}
END_TEST

/* ---- each rule left out is noticed */

START_TEST(each_rule_is_needed)
{
	mutant = &mutants[_i];
	for (uint64_t seed = 1; seed <= 400 && !broken; seed++)
		gauges(seed, true, 1500);
	ck_assert_msg(broken, "nobody notices that `%s` is left out", mutant->from);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, never_more_than_the_limit, 0, 3);
	tcase_add_test(tc, nor_at_work);
	tcase_add_test(tc, by_demand);
	tcase_add_test(tc, fewer_than_members);
	tcase_add_loop_test(tc, a_rate_together, 0, 2);
	tcase_add_test(tc, a_debt_stays);
	tcase_add_loop_test(tc, each_rule_is_needed, 0, (int)TG_ARRAY_LEN(mutants));
}

UNIT_MAIN("share", tests)
