/*
 * lease.c: the world around members and Redis: requests arrive, twice or never; the copy catches
 * up, takes over; keys vanish. And what must be true in every state.
 */
#include "model/lease.h"

#include <string.h>

static void init(const struct variant *v, void *state)
{
	struct lease *l = state;

	memset(l, 0, sizeof *l);
	l->server[0].alive = 1;
	for (int m = 0; m < MEMBERS; m++)
		l->member[m].conn = 1;
	if (v->rules & LEASE_COLD)
		return;
	l->server[0].run = 1;
	l->server[0].asserted = v->rules & LEASE_LEARN ? (1 << MEMBERS) - 1 : 0;
	l->server[0].epoch = v->rules & LEASE_EPOCH ? 1 : 0;
	for (int m = 0; m < MEMBERS; m++) {
		l->member[m].asserted = 1;
		l->member[m].epoch = l->member[m].mark = l->server[0].epoch;
	}
}

static void emit(struct search *search, const struct lease *next, enum lease_step kind, uint8_t who,
	uint8_t arg)
{
	search_emit(search, next, (struct model_step){ (uint8_t)kind, who, arg });
}

/* Late requests arrive, in any order, or never. */
static void next_late(
	const struct variant *v, const struct lease *at, uint8_t m, struct search *search)
{
	for (uint8_t i = 0; i < OPS && at->member[m].op[i].kind != OP_NONE; i++) {
		struct lease_op op = at->member[m].op[i];
		struct lease next = *at;

		lease_op_remove(&next.member[m], i);
		emit(search, &next, STEP_LOSE, m, i);
		bool done = lease_serve(v, &next, m, &op, true);
		lease_overtaken(&next.member[m], i, &op, done);
		emit(search, &next, STEP_ARRIVE, m, i);
	}
}

/* The copy is as A is now, and stays so: the moment is any. Only with WAIT it matters that it
 * catches up again. */
static void next_replicate(const struct variant *v, const struct lease *at, struct search *search)
{
	struct lease next = *at;

	next.copied = 1;
	next.server[1] = next.server[0];
	next.server[1].alive = 0;
	for (int m = 0; m < MEMBERS; m++)
		for (int a = 0; a < ACCOUNTS; a++)
			if ((v->rules & LEASE_WAIT) && next.member[m].reply[a].kind != OP_NONE)
				next.member[m].reply[a].acked = 1;
	emit(search, &next, STEP_REPLICATE, 0, 0);
}

/* The copy takes over. What was on its way to a server that is gone never arrives; replies may. */
static void next_promote(const struct variant *v, const struct lease *at, struct search *search)
{
	struct lease next = *at;

	next.promoted = 1;
	next.server[1].alive = 1;
	if (!(v->rules & LEASE_SPLIT)) {
		memset(&next.server[0], 0, sizeof next.server[0]);
		for (int m = 0; m < MEMBERS; m++)
			memset(next.member[m].op, 0, sizeof next.member[m].op);
	}
	emit(search, &next, STEP_PROMOTE, 0, 0);
}

static void next_flush(const struct lease *at, uint8_t server, struct search *search)
{
	struct lease next = *at;

	memset(&next.server[server], 0, sizeof next.server[server]);
	next.server[server].alive = 1;
	next.flushed = 1;
	for (int m = 0; m < MEMBERS; m++)
		for (int i = 0; i < OPS; i++)
			if (next.member[m].op[i].server == server)
				next.member[m].op[i].stale = next.member[m].op[i].barred = 0;
	emit(search, &next, STEP_FLUSH, server, 0);
}

static void next_time(
	const struct variant *v, const struct lease *at, uint8_t i, struct search *search)
{
	struct lease next = *at;

	if ((v->rules & LEASE_M_TTL) && at->server[i].learning) {
		next.server[i].learning = 0;
		emit(search, &next, STEP_TTL, i, 0);
		next = *at;
	}
	for (uint8_t m = 0; (v->rules & LEASE_M_RECLAIM) && m < MEMBERS; m++) {
		next.server[i].g[0][m] = next.server[i].s[0][m];
		emit(search, &next, STEP_RECLAIM, i, m);
		next = *at;
	}
}

static void next(const struct variant *v, const void *state, struct search *search)
{
	const struct lease *at = state;

	for (uint8_t m = 0; m < MEMBERS; m++) {
		lease_member_next(v, at, m, search);
		next_late(v, at, m, search);
	}
	if (!at->promoted && (v->rules & LEASE_FAILOVER) &&
		(!at->copied || (v->rules & LEASE_WAIT)))
		next_replicate(v, at, search);
	if (!at->promoted && (v->rules & LEASE_FAILOVER))
		next_promote(v, at, search);
	for (uint8_t i = 0; i < SERVERS; i++) {
		if (!at->server[i].alive)
			continue;
		if ((v->rules & LEASE_FLUSH) && !at->flushed)
			next_flush(at, i, search);
		next_time(v, at, i, search);
	}
}

static const char *money_broken(const struct variant *v, const struct lease *l, int a)
{
	int committed = l->unsaid[a];

	if (l->unsaid[a] && !(v->rules & LEASE_MONEY_ONLY))
		return "I3: the provider has billed what nobody has settled or holds";
	for (int m = 0; m < MEMBERS; m++)
		committed += l->member[m].s[a] + l->member[m].h[a];
	return committed > v->limit ? "I4: settled + held (and billed, unknown) > L" : NULL;
}

/* An open bucket knows of everything that a member has. With two primaries only that which all
 * members asserted to last. */
static const char *bucket_broken(
	const struct variant *v, const struct lease *l, const struct lease_server *server, int a)
{
	int granted = 0;

	for (int m = 0; m < MEMBERS; m++) {
		if (!(v->rules & LEASE_PRUNE) || server->synced[a] & 1 << m)
			granted += server->g[a][m];
		else
			granted += server->s[a][m];
		if ((v->rules & LEASE_LEARN) && !(v->rules & LEASE_SPLIT) &&
			l->member[m].g[a] > server->g[a][m])
			return "I14: the bucket is open, and a member's g is more than Redis knows";
	}
	return granted > v->limit && (v->rules & LEASE_BOOKS) ? "I1: the bucket is open and G > L"
							      : NULL;
}

static const char *broken(const struct variant *v, const void *state)
{
	const struct lease *l = state;
	const char *why = NULL;

	for (int a = 0; a < v->accounts && !why; a++) {
		why = money_broken(v, l, a);
		if (v->rules & LEASE_MONEY_ONLY)
			continue;
		for (int m = 0; m < MEMBERS && !why; m++) {
			const struct lease_member *member = &l->member[m];

			if (member->s[a] + member->h[a] > member->g[a])
				why = "I2: c > g";
			if (member->reply[a].kind == OP_SYNC && member->reply[a].merged &&
				member->reply[a].g < member->g[a])
				why = "I11: a reply says less than the member has";
		}
		for (int i = 0; i < SERVERS && !why; i++)
			if (l->server[i].alive && l->server[i].run == i + 1 &&
				!l->server[i].learning)
				why = bucket_broken(v, l, &l->server[i], a);
	}
	return why;
}

/* By both members, after whatever can go wrong has gone wrong. */
static bool used(const struct variant *v, const void *state)
{
	const struct lease *l = state;
	bool faults = (!(v->rules & LEASE_FAILOVER) || l->promoted) &&
		      (!(v->rules & LEASE_FLUSH) || l->flushed);

	return faults && l->member[0].s[0] && l->member[0].s[0] + l->member[1].s[0] == v->limit;
}

const struct model lease_model = {
	.name = "lease",
	.state_bytes = sizeof(struct lease),
	.init = init,
	.next = next,
	.broken = broken,
	.used = used,
	.canonical = lease_canonical,
	.say_step = lease_say_step,
	.say_state = lease_say_state,
};
