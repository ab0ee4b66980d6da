/*
 * mutants.c: the safety rules, each left out once. A simulation that does not notice would notice
 * no such mistake either. Rules of quota.lua are changes of its text; rules of the C code are
 * switches of test builds (base/test_switch.h), with which this program is built.
 */
#include "simulate/sim.h"

const struct sim_mutant *sim_mutant_now;

#define LUA(name, without, from, to)               \
	{                                          \
		name, without, from, to, TEST__MAX \
	}
#define SWITCH(name, without, rule)             \
	{                                       \
		name, without, NULL, NULL, rule \
	}

const struct sim_mutant sim_mutants[] = {
	LUA("no-learning", "a new epoch grants at once", "put(b, 'ln', '1')", "put(b, 'ln', '0')"),
	LUA("learning-grants", "while learning it grants", "not b.learning and not op.tells",
		"not op.tells"),
	LUA("first-asserts", "one assertion ends the learning", "#bucket_awaited(b) == 0",
		"#bucket_awaited(b) < #b.names"),
	LUA("no-run-id", "another server goes on in the epoch of its copy",
		"not b.epoch or b.run ~= call.run or", "not b.epoch or"),
	LUA("no-epoch-order", "a server behind its member's epoch goes on",
		" or (call.known and epoch_above(call.known, b.epoch))", ""),
	LUA("sync-any-epoch", "a sync of an earlier epoch is merged",
		"call.known and not epoch_above(b.epoch, call.known) and 'ok' or 'learn'", "'ok'"),
	LUA("no-op-seq", "a call that was overtaken is carried out", "if op.seq <= m.q then",
		"if false then"),
	LUA("lost-s", "what is settled replaces what was known", "m.s = math.max(m.s, op.s)",
		"m.s = op.s"),
	LUA("reclaim", "what others have and did not spend is given out again",
		"return math.max(m.g, m.s)\nend", "return m.s\nend"),
	LUA("over-grant", "need is granted whatever is free",
		"math.max(0, math.min(free, math.max(need,",
		"math.max(0, math.max(need, math.min(free,"),
	SWITCH("return-unlowered", "a RETURN is told, and the headroom is still used",
		TEST_LEASE_RETURN),
	SWITCH("assert-early", "a member asserts before all is synced", TEST_LEASE_ASSERT),
	SWITCH("epoch-unsaved", "epochs are not saved", TEST__MAX),
	SWITCH("late-reply", "replies count on whatever connection", TEST__MAX),
	SWITCH("crash-zero", "a restart settles what was open at nothing", TEST__MAX),
};
const unsigned sim_mutants_n = TG_ARRAY_LEN(sim_mutants);

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
