/*
 * lease_member.c: what a member may do next: connect, sync, give headroom back, assert, take a
 * reply, hold, settle, die and come back. One connection at a time; one request an account under
 * way on it.
 */
#include "model/lease.h"

#include <string.h>

/* One member's view while its successors are made. */
struct turn {
	const struct variant *v;
	const struct lease *at;
	struct search *search;
	uint8_t m;
};

static void emit(const struct turn *t, const struct lease *next, enum lease_step kind, uint8_t arg)
{
	search_emit(t->search, next, (struct model_step){ (uint8_t)kind, t->m, arg });
}

void lease_op_remove(struct lease_member *member, uint8_t i)
{
	memmove(&member->op[i], &member->op[i + 1], (size_t)(OPS - 1 - i) * sizeof member->op[0]);
	memset(&member->op[OPS - 1], 0, sizeof member->op[0]);
}

static struct lease_op *op_free(const struct variant *v, struct lease_member *member)
{
	int most = v->rules & (LEASE_LATE | LEASE_DUP) ? OPS : 0;

	for (int i = 0; i < most; i++)
		if (member->op[i].kind == OP_NONE)
			return &member->op[i];
	return NULL;
}

/* The connection is closed and one to the server `to` is made. */
static void reconnect(const struct variant *v, struct lease_member *member, uint8_t to)
{
	member->conn = to + 1;
	member->synced = member->asserted = member->learning = member->epoch = 0;
	if (v->rules & LEASE_M_LATE_REPLY)
		return;
	memset(member->reply, 0, sizeof member->reply);
	member->swapped = 0;
}

/* Any error, or a time-out: the connection is closed, and one to any server that lives is made. */
static void next_connect(const struct turn *t, uint8_t to)
{
	const struct lease_member *now = &t->at->member[t->m];
	bool waits = now->conn != to + 1;

	for (uint8_t a = 0; a < ACCOUNTS; a++)
		waits |= now->reply[a].kind != OP_NONE;
	if (!t->at->server[to].alive || !waits)
		return;
	struct lease next = *t->at;
	reconnect(t->v, &next.member[t->m], to);
	emit(t, &next, STEP_CONNECT, to);
}

static bool request_sync(
	const struct variant *v, const struct lease_member *member, uint8_t a, struct lease_op *op)
{
	/* one request of an account at a time */
	if (member->reply[a].kind != OP_NONE &&
		!((v->rules & LEASE_M_LATE_REPLY) && !member->synced))
		return false;
	*op = (struct lease_op){
		.kind = OP_SYNC,
		.account = a,
		.server = member->conn - 1,
		.want = member->g[a] == member->s[a] + member->h[a],
		.g = member->g[a],
		.s = v->rules & LEASE_REPORT ? member->s[a] : 0,
		.epoch = member->epoch,
		.mark = member->mark,
	};
	return true;
}

static bool request_return(
	const struct variant *v, const struct lease_member *member, uint8_t a, struct lease_op *op)
{
	uint8_t c = member->s[a] + member->h[a];

	if (!(v->rules & LEASE_RETURN) || member->g[a] == c || !(member->synced & 1 << a) ||
		(member->reply[a].kind != OP_NONE && !(v->rules & LEASE_M_RETURN_OVERLAP)))
		return false;
	*op = (struct lease_op){
		.kind = OP_RETURN,
		.account = a,
		.server = member->conn - 1,
		.g = c,
		.s = v->rules & LEASE_REPORT ? member->s[a] : 0,
		.epoch = member->epoch,
	};
	return true;
}

/* tgq_asserted: once every account with a figure has been synced. */
static bool request_assert(
	const struct variant *v, const struct lease_member *member, struct lease_op *op)
{
	bool all = true, some = false;

	for (int a = 0; a < ACCOUNTS; a++) {
		bool synced = member->synced & 1 << a;

		all &= synced || (member->g[a] == 0 && member->s[a] == 0);
		some |= synced;
	}
	if (!(v->rules & LEASE_LEARN) || (member->asserted && !member->learning) ||
		!(all || (some && (v->rules & LEASE_M_ASSERT_SOME))) ||
		((v->rules & LEASE_EPOCH) && !member->epoch))
		return false;
	*op = (struct lease_op){
		.kind = OP_ASSERT, .server = member->conn - 1, .epoch = member->epoch
	};
	return true;
}

bool lease_request(const struct variant *v, const struct lease *l, uint8_t m, uint8_t kind,
	uint8_t a, struct lease_op *op)
{
	const struct lease_member *member = &l->member[m];

	switch (kind) {
	case OP_SYNC: return request_sync(v, member, a, op);
	case OP_RETURN: return request_return(v, member, a, op);
	default: return a == 0 && request_assert(v, member, op);
	}
}

/* What the member does to itself before it sends. */
static void prepare(const struct variant *v, struct lease_member *member, const struct lease_op *op)
{
	uint8_t a = op->account;

	if (op->kind == OP_RETURN) {
		if (v->rules & LEASE_M_RETURN_UNSAVED)
			member->unsaved[a] = member->g[a] - op->g;
		if (!(v->rules & LEASE_M_RETURN_EARLY))
			member->g[a] = op->g;
	}
	if (op->kind == OP_ASSERT) {
		member->asserted = 1;
		member->learning = 0;
	}
}

static void next_send(const struct turn *t, uint8_t kind, uint8_t a)
{
	uint8_t what = (uint8_t)(kind * 2 + a);
	struct lease_op op, *late;
	struct lease next = *t->at;

	if (!lease_request(t->v, t->at, t->m, kind, a, &op))
		return;
	prepare(t->v, &next.member[t->m], &op);
	struct lease sent = next, twice = next;
	bool done = lease_serve(t->v, &next, t->m, &op, false);
	lease_overtaken(&next.member[t->m], OPS, &op, done);
	emit(t, &next, STEP_SEND, what);

	late = op_free(t->v, &twice.member[t->m]);
	if (late && (t->v->rules & LEASE_DUP)) {
		done = lease_serve(t->v, &twice, t->m, &op, false);
		*late = op;
		late->stale = done && kind != OP_ASSERT;
		emit(t, &twice, STEP_SEND, FATE_TWICE * 8 + what);
	}
	late = op_free(t->v, &sent.member[t->m]);
	if (late && (t->v->rules & LEASE_LATE)) {
		*late = op;
		reconnect(t->v, &sent.member[t->m], op.server);
		emit(t, &sent, STEP_SEND, FATE_LATE * 8 + what);
	}
}

static void next_reply(const struct turn *t, uint8_t a)
{
	struct lease next = *t->at;
	struct lease_member *member = &next.member[t->m];
	struct lease_reply reply = member->reply[a];

	if (reply.kind == OP_NONE ||
		((t->v->rules & LEASE_WAIT) && !(t->v->rules & LEASE_M_WAIT_ONE) &&
			reply.kind == OP_SYNC && !reply.acked))
		return;
	if (member->reply[1 - a].kind != OP_NONE && member->swapped != a)
		return; /* replies come in the order of the requests */
	memset(&member->reply[a], 0, sizeof member->reply[a]);
	member->swapped = 0;
	if (reply.kind == OP_RETURN) {
		if (t->v->rules & LEASE_M_RETURN_EARLY)
			member->g[a] = model_max(reply.g, member->s[a] + member->h[a]);
		member->unsaved[a] = 0;
		emit(t, &next, STEP_REPLY, a);
		return;
	}
	member->g[a] = model_max(member->g[a], reply.g);
	if (reply.s > member->s[a] && !(t->v->rules & LEASE_M_KEEP_S)) {
		next.unsaid[a] = (uint8_t)(next.unsaid[a] + member->s[a] - reply.s);
		member->s[a] = reply.s;
	}
	if (member->epoch != reply.epoch) {
		member->synced = member->asserted = 0;
		member->epoch = reply.epoch;
		if (!(t->v->rules & LEASE_M_MARK_UNSAVED))
			member->mark = model_max(member->mark, reply.epoch);
	}
	if (reply.merged)
		member->synced |= (uint8_t)(1 << a);
	member->learning = reply.learning;
	emit(t, &next, STEP_REPLY, a);
}

static void next_work(const struct turn *t, uint8_t a)
{
	const struct lease_member *now = &t->at->member[t->m];
	struct lease next = *t->at;
	struct lease_member *member = &next.member[t->m];

	if (now->s[a] + now->h[a] < now->g[a]) {
		member->h[a]++;
		emit(t, &next, STEP_HOLD, a);
		next = *t->at;
	}
	if (now->h[a] == 0)
		return;
	member->h[a]--;
	emit(t, &next, STEP_SETTLE_ZERO, a);
	member->s[a]++;
	emit(t, &next, STEP_SETTLE, a);
}

/* Every Redis that is alive, or may be, has heard of all that was settled; nothing is open. */
static bool is_told(const struct turn *t, int a)
{
	const struct lease_member *now = &t->at->member[t->m];

	for (int i = 0; i < SERVERS; i++) {
		bool counts = t->at->server[i].alive ||
			      ((t->v->rules & LEASE_FAILOVER) && !t->at->promoted);

		if (counts && t->at->server[i].s[a][t->m] < now->s[a])
			return false;
	}
	return now->h[a] == 0;
}

/*
 * A member dies, reads its journal and settles what was open at its worst, which is the most that
 * the provider can have billed. One step: to the others a member that is down is one that does
 * nothing.
 */
static void next_crash(const struct turn *t, uint8_t to)
{
	struct lease next = *t->at;
	struct lease_member *member = &next.member[t->m];
	bool told = t->v->rules & LEASE_CUT;

	if (!t->at->server[to].alive)
		return;
	reconnect(t->v, member, to);
	memset(member->reply, 0, sizeof member->reply);
	member->swapped = 0;
	for (int a = 0; a < ACCOUNTS; a++) {
		member->g[a] += member->unsaved[a];
		member->unsaved[a] = 0;
		if (t->v->rules & (LEASE_M_CRASH_ZERO | LEASE_M_HOLD_UNSAVED))
			next.unsaid[a] += member->h[a];
		else
			member->s[a] += member->h[a];
		member->h[a] = 0;
		if (t->v->rules & (LEASE_M_GRANT_UNSAVED | LEASE_INCARNATION))
			member->g[a] = member->s[a];
		told &= is_told(t, a);
	}
	for (int i = 0; i < OPS && (t->v->rules & LEASE_INCARNATION); i++)
		member->op[i].older = member->op[i].kind != OP_NONE;
	emit(t, &next, STEP_CRASH, to);
	for (int a = 0; told && a < ACCOUNTS; a++) {
		next.unsaid[a] += member->s[a];
		member->s[a] = member->g[a] = 0;
	}
	if (told)
		emit(t, &next, STEP_CUT, to);
}

void lease_member_next(
	const struct variant *v, const struct lease *at, uint8_t m, struct search *search)
{
	const struct turn t = { v, at, search, m };

	bool connected = at->server[at->member[m].conn - 1].alive;
	for (uint8_t a = 0; a < v->accounts; a++) {
		for (uint8_t kind = OP_SYNC; connected && kind <= OP_ASSERT; kind++)
			next_send(&t, kind, a);
		next_reply(&t, a);
		next_work(&t, a);
	}
	for (uint8_t to = 0; to < SERVERS; to++) {
		next_connect(&t, to);
		if (v->rules & LEASE_CRASH)
			next_crash(&t, to);
	}
}
