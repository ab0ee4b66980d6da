/*
 * members.c: n1 is always a member; n2 joins, works, leaves, dies, is fenced. Membership is kept in
 * the same Redis that a failover replaces by an older copy: what the copy does not know of was not
 * durable. Syncs are single steps whose reply may be lost.
 */
#include "model/members.h"

#include <stdio.h>
#include <string.h>

enum { MEMBERS = 2, BOTH = 3 };

struct members_server {
	uint8_t list;   /* members (bits) */
	uint8_t fenced; /* members (bits) */
	uint8_t learning, asserted, synced;
	uint8_t g[MEMBERS], s[MEMBERS];
};

enum member_is {
	MEMBER_OUT,
	MEMBER_JOINING, /* Redis has it in the list; it waits until all copies do */
	MEMBER_IN,
	MEMBER_LEFT,
	MEMBER_DEAD
};

struct members_member {
	uint8_t is;
	uint8_t here; /* connected to the server that is alive */
	uint8_t g, s, h;
};

struct members {
	uint8_t promoted, copied;
	struct members_server now, copy;
	struct members_member member[MEMBERS];
	uint8_t durable;   /* the copy has n2's joining */
	uint8_t presented; /* n2's journal was shown to Redis */
};

enum members_step {
	MEMBERS_JOIN,
	MEMBERS_JOINED,
	MEMBERS_LEFT,
	MEMBERS_DIE,
	MEMBERS_CONNECT,
	MEMBERS_SYNC,
	MEMBERS_SYNC_LOST,
	MEMBERS_ASSERT,
	MEMBERS_HOLD,
	MEMBERS_SETTLE,
	MEMBERS_SETTLE_ZERO,
	MEMBERS_FENCED,
	MEMBERS_PRESENT,
	MEMBERS_COPY,
	MEMBERS_PROMOTE
};

static void init(const struct variant *v, void *state)
{
	struct members *l = state;

	(void)v;
	memset(l, 0, sizeof *l);
	l->now.list = l->copy.list = 1;
	l->member[0] = (struct members_member){ .is = MEMBER_IN, .here = 1 };
	l->member[1].here = 1;
}

static void emit(
	struct search *search, const struct members *next, enum members_step kind, uint8_t who)
{
	search_emit(search, next, (struct model_step){ (uint8_t)kind, who, 0 });
}

static void learning_end(struct members_server *now)
{
	if ((now->list & ~now->fenced & ~now->asserted & BOTH) == 0)
		now->learning = 0;
}

static void next_sync(
	const struct variant *v, const struct members *at, uint8_t m, struct search *search)
{
	struct members next = *at;
	struct members_server *now = &next.now;
	struct members_member *member = &next.member[m];
	bool fenced = now->fenced & 1 << m;

	if (!(now->list & 1 << m) || (fenced && !(v->rules & MEMBERS_M_FENCED_SYNCS)))
		return;
	now->s[m] = model_max(now->s[m], member->s);
	if (!fenced)
		now->g[m] = now->synced & 1 << m ? model_max(now->g[m], member->g) : member->g;
	now->synced |= (uint8_t)(1 << m);
	if (!now->learning && member->g == member->s + member->h &&
		now->g[0] + now->g[1] < v->limit) {
		now->g[m] += !fenced;
		member->g += fenced; /* with a fence that is not kept: beside the books */
	}
	emit(search, &next, MEMBERS_SYNC_LOST, m);
	member->g = model_max(member->g, now->g[m]);
	emit(search, &next, MEMBERS_SYNC, m);
}

static void next_assert(const struct members *at, uint8_t m, struct search *search)
{
	struct members next = *at;

	if (!at->now.learning || !(at->now.list & 1 << m) || (at->now.asserted & 1 << m) ||
		(at->now.fenced & 1 << m) || (at->member[m].g && !(at->now.synced & 1 << m)))
		return;
	next.now.asserted |= (uint8_t)(1 << m);
	learning_end(&next.now);
	emit(search, &next, MEMBERS_ASSERT, m);
}

static void next_work(const struct members *at, uint8_t m, struct search *search)
{
	struct members next = *at;
	struct members_member *member = &next.member[m];

	if (member->s + member->h < member->g) {
		member->h++;
		emit(search, &next, MEMBERS_HOLD, m);
		next = *at;
	}
	if (!member->h)
		return;
	member->h--;
	emit(search, &next, MEMBERS_SETTLE_ZERO, m);
	member->s++;
	emit(search, &next, MEMBERS_SETTLE, m);
}

/* A joining is not lost once the copy has it: WAIT for all copies returns then. */
static void next_join(const struct variant *v, const struct members *at, struct search *search)
{
	struct members next = *at;

	if (at->member[1].is == MEMBER_OUT) {
		next.now.list |= 2;
		next.now.learning &= !(v->rules & MEMBERS_M_JOIN_OPENS);
		next.member[1].is = MEMBER_JOINING;
		next.durable =
			at->promoted || !(v->rules & MEMBERS_FAILOVER); /* WAIT for no copies */
		emit(search, &next, MEMBERS_JOIN, 1);
	} else if (at->durable || (v->rules & MEMBERS_M_JOIN_EARLY)) {
		next.member[1].is = MEMBER_IN;
		emit(search, &next, MEMBERS_JOINED, 1);
	}
}

/* The end of a graceful stop: nothing in work, the last sync is done, g is returned down to s. */
static void next_leave(const struct variant *v, const struct members *at, struct search *search)
{
	struct members next = *at;
	struct members_member *member = &next.member[1];

	if ((member->h && !(v->rules & MEMBERS_M_LEAVE_BUSY)) || !(at->now.list & 2) ||
		!(at->now.synced & 2 || !member->g) || at->now.learning || (at->now.fenced & 2))
		return;
	next.now.list &= 1;
	next.now.s[1] = member->s;
	next.now.g[1] = v->rules & MEMBERS_M_LEAVE_FREES ? 0 : member->s;
	if (!(v->rules & MEMBERS_M_LEAVE_BUSY))
		member->g = member->s;
	member->is = MEMBER_LEFT;
	emit(search, &next, MEMBERS_LEFT, 1);
}

/* The operator's command. n2 is dead, or only thought to be; what it was granted counts as spent.
 */
static void next_fence(const struct variant *v, const struct members *at, struct search *search)
{
	struct members next = *at;
	struct members_server *now = &next.now;

	if (!(now->list & 2) || now->fenced & 2 || at->member[1].is == MEMBER_OUT ||
		at->member[1].is == MEMBER_JOINING || ((v->rules & MEMBERS_OPEN) && now->learning))
		return;
	/* what the others have is known once they have asserted */
	if ((v->rules & MEMBERS_REST) && now->learning) {
		if (!(now->asserted & 1))
			return;
		now->g[1] = model_max(now->g[1], v->limit - now->g[0]);
	}
	if (v->rules & MEMBERS_M_FENCE_FREES)
		now->g[1] = 0;
	now->fenced |= 2;
	learning_end(now);
	emit(search, &next, MEMBERS_FENCED, 1);
}

/* The journal of a member that is gone: what was open counts at its worst, the rest is free again.
 */
static void next_present(const struct members *at, struct search *search)
{
	struct members next = *at;

	if (!(at->now.fenced & 2) || at->member[1].is != MEMBER_DEAD || at->presented)
		return;
	next.now.g[1] = next.now.s[1] = at->member[1].s + at->member[1].h;
	next.member[1].g = next.now.g[1];
	next.presented = 1;
	emit(search, &next, MEMBERS_PRESENT, 1);
}

static void next_member(
	const struct variant *v, const struct members *at, uint8_t m, struct search *search)
{
	struct members next = *at;
	uint8_t is = at->member[m].is;

	if (is == MEMBER_IN || (is == MEMBER_LEFT && at->member[m].h))
		next_work(at, m, search);
	if (is != MEMBER_IN)
		return;
	if (!at->member[m].here) {
		next.member[m].here = 1;
		emit(search, &next, MEMBERS_CONNECT, m);
		return;
	}
	next_sync(v, at, m, search);
	next_assert(at, m, search);
}

static void next_n2(const struct variant *v, const struct members *at, struct search *search)
{
	struct members next = *at;

	if (at->member[1].is == MEMBER_OUT || at->member[1].is == MEMBER_JOINING)
		next_join(v, at, search);
	if (at->member[1].is == MEMBER_IN && (v->rules & MEMBERS_LEAVE) && at->member[1].here)
		next_leave(v, at, search);
	if (at->member[1].is == MEMBER_IN) {
		next.member[1].is = MEMBER_DEAD;
		emit(search, &next, MEMBERS_DIE, 1);
	}
	if (v->rules & MEMBERS_FENCE) {
		next_fence(v, at, search);
		next_present(at, search);
	}
}

static void next_failover(const struct members *at, struct search *search)
{
	struct members next = *at;

	next.copy = at->now;
	next.copied = 1;
	next.durable |= (at->now.list & 2) && at->member[1].is == MEMBER_JOINING;
	emit(search, &next, MEMBERS_COPY, 0);
	next = *at;
	next.now = at->copy;
	memset(&next.copy, 0, sizeof next.copy);
	next.promoted = 1;
	next.copied = 0;
	next.now.learning = 1;
	next.now.asserted = next.now.synced = 0;
	for (int m = 0; m < MEMBERS; m++)
		next.member[m].here = 0;
	/* one that waited for its joining to be durable asks again */
	if (next.member[1].is == MEMBER_JOINING && !(next.now.list & 2))
		next.member[1].is = MEMBER_OUT;
	learning_end(&next.now);
	emit(search, &next, MEMBERS_PROMOTE, 0);
}

static void next(const struct variant *v, const void *state, struct search *search)
{
	const struct members *at = state;

	for (uint8_t m = 0; m < MEMBERS; m++)
		next_member(v, at, m, search);
	next_n2(v, at, search);
	if ((v->rules & MEMBERS_FAILOVER) && !at->promoted)
		next_failover(at, search);
}

static const char *broken(const struct variant *v, const void *state)
{
	const struct members *at = state;
	int committed = 0;

	for (int m = 0; m < MEMBERS; m++)
		committed += at->member[m].s + at->member[m].h;
	return committed > v->limit ? "I4: settled + held > L" : NULL;
}

static bool used(const struct variant *v, const void *state)
{
	const struct members *at = state;

	return (!(v->rules & MEMBERS_FAILOVER) || at->promoted) &&
	       (!(v->rules & MEMBERS_FENCE) || at->now.fenced) && at->member[1].s &&
	       at->member[0].s && at->member[0].s + at->member[1].s == v->limit;
}

static void say_step(
	const struct variant *v, const void *from, struct model_step step, char *text, size_t size)
{
	static const char *const words[] = {
		[MEMBERS_JOIN] = "asks to join: Redis has it in its list",
		[MEMBERS_JOINED] = "has joined and starts to sync",
		[MEMBERS_LEFT] = "stops: it returns what it has not spent and leaves",
		[MEMBERS_DIE] = "dies and does not come back",
		[MEMBERS_CONNECT] = "connects to the new primary",
		[MEMBERS_SYNC] = "syncs",
		[MEMBERS_SYNC_LOST] = "syncs; the reply is lost",
		[MEMBERS_ASSERT] = "sends that it has asserted all accounts with figures",
		[MEMBERS_HOLD] = "admits a request: holds 1",
		[MEMBERS_SETTLE] = "settles a request: it cost 1",
		[MEMBERS_SETTLE_ZERO] = "settles a request: it cost 0",
		[MEMBERS_FENCED] = "is fenced by the operator",
		[MEMBERS_PRESENT] = "is dead, but its journal is presented",
	};

	(void)v, (void)from;
	if (step.kind == MEMBERS_COPY)
		snprintf(text, size, "the copy is as the primary is now");
	else if (step.kind == MEMBERS_PROMOTE)
		snprintf(text, size, "failover: the copy takes over");
	else
		snprintf(text, size, "n%d %s", step.who + 1, words[step.kind]);
}

static void say_state(const struct variant *v, const void *state, char *text, size_t size)
{
	static const char *const is[] = { " out", " joining", "", " left", " dead" };
	const struct members *at = state;
	const struct members_server *now = &at->now;

	(void)v;
	snprintf(text, size,
		"Redis: members%s%s%s G=%d S=%d (g %d,%d)%s | n1 g=%d s=%d h=%d | n2%s g=%d s=%d "
		"h=%d",
		now->list & 1 ? " n1" : "", now->list & 2 ? " n2" : "",
		now->fenced & 2 ? " (n2 fenced)" : "", now->g[0] + now->g[1], now->s[0] + now->s[1],
		now->g[0], now->g[1], now->learning ? " learning" : "", at->member[0].g,
		at->member[0].s, at->member[0].h, is[at->member[1].is], at->member[1].g,
		at->member[1].s, at->member[1].h);
}

const struct model members_model = {
	.name = "members",
	.state_bytes = sizeof(struct members),
	.init = init,
	.next = next,
	.broken = broken,
	.used = used,
	.say_step = say_step,
	.say_state = say_state,
};
