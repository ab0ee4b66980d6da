/*
 * check_simulate.c: the lease protocol, simulated: some seconds of schedules, those that once broke
 * something first; and each safety rule left out, which must be noticed (./dev simulate for more).
 */
#include "simulate/sim.h"
#include "unit/unit.h"

enum { SEEDS = 6, CHUNKS = 10, MUTANT_SEEDS = 150 };

static const uint64_t kept[] = {
#include "simulate/seeds.h"
};

static struct sim_plan plan;

/* What was broken; "" nothing. */
static void run(struct sim_lua *lua, uint64_t seed, char broken[256])
{
	struct sim_world *w;

	if (sim_mutant_now != NULL)
		sim_plan_for(&plan, seed, sim_mutant_now);
	else
		sim_plan_make(&plan, seed);
	w = sim_run(&plan, lua, false);
	memcpy(broken, w->broken, 256);
	sim_world_free(w);
}

static void fine(struct sim_lua *lua, uint64_t seed)
{
	char broken[256];

	run(lua, seed, broken);
	ck_assert_msg(broken[0] == '\0', "./dev simulate --seed %llu: %s", (unsigned long long)seed,
		broken);
}

START_TEST(schedules)
{
	struct sim_lua *lua = sim_lua_new(NULL, NULL);

	for (unsigned i = 0; i < SEEDS; i++)
		fine(lua, 1000000 + (uint64_t)_i * SEEDS + i);
	sim_lua_free(lua);
}
END_TEST

START_TEST(kept_ones)
{
	struct sim_lua *lua = sim_lua_new(NULL, NULL);

	for (size_t i = 0; i < TG_ARRAY_LEN(kept) && kept[i] != 0; i++)
		fine(lua, kept[i]);
	sim_lua_free(lua);
}
END_TEST

START_TEST(mutants)
{
	const struct sim_mutant *m = &sim_mutants[_i];
	struct sim_lua *lua = sim_lua_new(m->from, m->to);
	char broken[256] = "";

	ck_assert_msg(lua != NULL, "quota.lua has not exactly one `%s`", m->from);
	sim_mutant_now = m;
	run(lua, m->seed, broken);
	for (uint64_t seed = 1; seed <= MUTANT_SEEDS && broken[0] == '\0'; seed++)
		run(lua, seed, broken);
	ck_assert_msg(broken[0] != '\0', "%s: nothing noticed that %s", m->name, m->without);
	sim_lua_free(lua);
}
END_TEST

static void tests(TCase *tc)
{
	/* when a rule is noticed by another seed than it was */
	tcase_set_timeout(tc, 5 * UNIT_TIMEOUT_S);
	tcase_add_test(tc, kept_ones);
	tcase_add_loop_test(tc, schedules, 0, CHUNKS);
	tcase_add_loop_test(tc, mutants, 0, (int)sim_mutants_n);
}

UNIT_MAIN("simulate", tests)
