/*
 * mutants.c: the safety rules, each left out once. A simulation that does not notice would notice
 * no such mistake either. Rules of quota.lua are changes of its text; rules of the C code are
 * switches of test builds (base/test_switch.h), with which this program is built. One that is not
 * here: calls of before a crash count after it. That takes a member with headroom on an account of
 * which nothing was ever spent, a lost Redis, and a crash between two messages; the model shows it
 * (incarnation-off), and no schedule of some hundred came near it.
 */
#include "simulate/sim.h"

const struct sim_mutant *sim_mutant_now;

#define LUA(name, seed, without, from, to)                      \
	{                                                       \
		name, without, from, to, TEST__MAX, seed, false \
	}
#define SWITCH(name, seed, without, rule)                    \
	{                                                    \
		name, without, NULL, NULL, rule, seed, false \
	}

const struct sim_mutant sim_mutants[] = {
	LUA("no-learning", 1, "a new epoch grants at once", "put(b, 'ln', '1')",
		"put(b, 'ln', '0')"),
	LUA("learning-grants", 1, "while learning it grants", "not b.learning and not op.tells",
		"not op.tells"),
	LUA("first-asserts", 1, "one assertion ends the learning", "#bucket_awaited(b) == 0",
		"#bucket_awaited(b) < #b.names"),
	LUA("no-run-id", 2, "another server goes on in the epoch of its copy",
		"not b.epoch or b.run ~= call.run or", "not b.epoch or"),
	LUA("no-epoch-order", 2, "a server behind its member's epoch goes on",
		" or (call.known and epoch_above(call.known, b.epoch))", ""),
	LUA("sync-any-epoch", 1, "a sync of an earlier epoch is merged",
		"call.known and not epoch_above(b.epoch, call.known) and 'ok' or 'learn'", "'ok'"),
	LUA("no-op-seq", 2, "a call that was overtaken is carried out", "if op.seq <= m.q then",
		"if false then"),
	LUA("lost-s", 2, "what is settled replaces what was known", "m.s = math.max(m.s, op.s)",
		"m.s = op.s"),
	LUA("reclaim", 1, "what others have and did not spend is given out again",
		"return math.max(m.g, m.s)\nend", "return m.s\nend"),
	LUA("over-grant", 1, "need is granted whatever is free",
		"math.max(0, math.min(free, math.max(need,",
		"math.max(0, math.max(need, math.min(free,"),
	LUA("any-version", 47, "the limit is what was told last, by whatever configuration",
		"if version > acc.cv or (version == acc.cv and limit < acc.lim) then",
		"if version ~= acc.cv or limit < acc.lim then"),
	{ "no-freeze", "what a dead member had is given out again after a failover",
		"fence.mode == 'spent' and fence.epoch == '-'", "false", TEST__MAX, 42, true },
	SWITCH("return-unlowered", 1, "a RETURN is told, and the headroom is still used",
		TEST_LEASE_RETURN),
	SWITCH("assert-early", 5, "a member asserts before all is synced", TEST_LEASE_ASSERT),
	SWITCH("epoch-unsaved", 6, "epochs are not saved", TEST__MAX),
	SWITCH("late-reply", 37, "replies count on whatever connection", TEST__MAX),
	SWITCH("crash-zero", 2, "a restart settles what was open at nothing", TEST__MAX),
};
const unsigned sim_mutants_n = TG_ARRAY_LEN(sim_mutants);

void sim_plan_for(struct sim_plan *plan, uint64_t seed, const struct sim_mutant *mutant)
{
	sim_plan_make(plan, seed);
	if (!mutant->late)
		sim_plan_cut(plan);
}

bool sim_mutant_is(const char *name)
{
	return sim_mutant_now != NULL && strcmp(sim_mutant_now->name, name) == 0;
}

/* The program is linked with this in place of base/test_switch.c. */
bool test_off(enum test_switch rule)
{
	return sim_mutant_now != NULL && sim_mutant_now->rule == rule;
}

struct str test_lua(struct str otherwise)
{
	return otherwise;
}
