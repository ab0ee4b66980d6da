/*
 * period.c: two periods of one account, each with a limit of its own. Redis' clock says which
 * period it is; a member's may be behind or ahead by one phase. Slices of the next period are
 * granted before it begins, holds of the old one settle after its end, and its books are closed
 * later. Syncs are single steps: lateness is what the lease model is about.
 */
#include "model/period.h"

#include <stdio.h>
#include <string.h>

enum { MEMBERS = 2, PERIODS = 2 };

/* Phases of Redis' clock. */
enum {
	PHASE_BEFORE, /* slices of the next period may be granted */
	PHASE_GRACE,  /* the next period has begun, settlements of the old one come in */
	PHASE_CLOSED  /* the old period's S is final */
};

struct period_member {
	uint8_t next; /* its clock says that the next period has begun */
	uint8_t away; /* down, or cut off from Redis */
	uint8_t g[PERIODS], s[PERIODS], h[PERIODS];
};

struct period {
	uint8_t phase;
	struct period_member member[MEMBERS];
	uint8_t g[PERIODS][MEMBERS], s[PERIODS][MEMBERS];
	uint8_t billed[PERIODS]; /* by the provider, of requests held in this period */
	uint8_t granted_late;
};

enum period_step {
	PERIOD_TICK,
	PERIOD_CLOCK,
	PERIOD_AWAY,
	PERIOD_BACK,
	PERIOD_SYNC,
	PERIOD_HOLD,
	PERIOD_SETTLE,
	PERIOD_SETTLE_ZERO
};

static void init(const struct variant *v, void *state)
{
	(void)v;
	memset(state, 0, sizeof(struct period));
}

static void emit(struct search *search, const struct period *next, enum period_step kind,
	uint8_t who, uint8_t arg)
{
	search_emit(search, next, (struct model_step){ (uint8_t)kind, who, arg });
}

static bool settled_up(const struct period *at)
{
	for (int m = 0; m < MEMBERS; m++) {
		const struct period_member *member = &at->member[m];

		if (!member->away && (member->h[0] || member->s[0] != at->s[0][m]))
			return false;
	}
	return true;
}

/*
 * close_grace is longer than the longest stream and some syncs: whoever is there has settled and
 * reported. Members' clocks are wrong by less than the grace.
 */
static void next_tick(const struct variant *v, const struct period *at, struct search *search)
{
	struct period next = *at;
	bool may = true;

	if (at->phase == PHASE_CLOSED)
		return;
	if (at->phase == PHASE_GRACE) {
		may = settled_up(at) || (v->rules & PERIOD_M_CLOSE_EARLY);
		for (int m = 0; m < MEMBERS; m++)
			may &= at->member[m].next;
	}
	if (!may)
		return;
	next.phase++;
	emit(search, &next, PERIOD_TICK, 0, 0);
}

static void next_clock(
	const struct variant *v, const struct period *at, uint8_t m, struct search *search)
{
	struct period next = *at;
	struct period_member *member = &next.member[m];

	if (member->next)
		return;
	member->next = 1;
	if (v->rules & PERIOD_M_CARRY)
		member->g[1] = (uint8_t)(member->g[1] + member->g[0] - member->s[0] - member->h[0]);
	if (v->rules & PERIOD_M_DROP)
		member->g[0] = member->s[0] = member->h[0] = 0;
	emit(search, &next, PERIOD_CLOCK, m, 0);
}

static bool may_grant(const struct variant *v, const struct period *at, uint8_t p)
{
	return p == 1 || at->phase == PHASE_BEFORE || (v->rules & PERIOD_M_GRANT_CLOSED);
}

static void next_sync(const struct variant *v, const struct period *at, uint8_t m, uint8_t p,
	struct search *search)
{
	struct period next = *at;
	struct period_member *member = &next.member[m];

	if (p == 0 && at->phase == PHASE_CLOSED &&
		!(v->rules & (PERIOD_LATE | PERIOD_M_GRANT_CLOSED)))
		return;
	next.s[p][m] = model_max(next.s[p][m], member->s[p]);
	if (may_grant(v, at, p) && member->g[p] == member->s[p] + member->h[p] &&
		at->g[p][0] + at->g[p][1] < v->limit) {
		next.g[p][m]++;
		member->g[p] = model_max(member->g[p], next.g[p][m]);
		next.granted_late |= p == 0 && at->phase != PHASE_BEFORE;
	}
	emit(search, &next, PERIOD_SYNC, m, p);
}

/* Requests are of the period that the member's clock says when they are admitted. */
static void next_work(
	const struct variant *v, const struct period *at, uint8_t m, struct search *search)
{
	struct period next = *at;
	uint8_t now = at->member[m].next;
	const struct period_member *member = &at->member[m];

	if (member->s[now] + member->h[now] < member->g[now]) {
		next.member[m].h[now]++;
		emit(search, &next, PERIOD_HOLD, m, now);
	}
	for (uint8_t p = 0; p < PERIODS; p++) {
		uint8_t to = v->rules & PERIOD_M_SETTLE_NOW ? now : p;

		if (!member->h[p])
			continue;
		next = *at;
		next.member[m].h[p]--;
		emit(search, &next, PERIOD_SETTLE_ZERO, m, p);
		next.member[m].s[to]++;
		next.billed[p]++;
		emit(search, &next, PERIOD_SETTLE, m, p);
	}
}

static void next(const struct variant *v, const void *state, struct search *search)
{
	const struct period *at = state;
	struct period next = *at;

	next_tick(v, at, search);
	for (uint8_t m = 0; m < MEMBERS; m++) {
		if (v->rules & PERIOD_OUTAGE) {
			next = *at;
			next.member[m].away = !at->member[m].away;
			emit(search, &next, at->member[m].away ? PERIOD_BACK : PERIOD_AWAY, m, 0);
		}
		next_clock(v, at, m, search);
		next_work(v, at, m, search);
		for (uint8_t p = 0; p < PERIODS && !at->member[m].away; p++)
			next_sync(v, at, m, p, search);
	}
}

static const char *broken(const struct variant *v, const void *state)
{
	const struct period *at = state;

	for (int p = 0; p < PERIODS; p++) {
		int known = 0, committed = 0;

		for (int m = 0; m < MEMBERS; m++) {
			known += at->s[p][m];
			committed += at->member[m].s[p] + at->member[m].h[p];
			if (at->member[m].s[p] + at->member[m].h[p] > at->member[m].g[p])
				return "I2: c > g";
		}
		if (committed > v->limit || at->billed[p] > v->limit)
			return "I4: settled + held > L of a period";
		if (at->billed[p] > committed)
			return "I10: a unit is charged in another period than it was held in, or "
			       "in none";
		if (p == 0 && at->phase == PHASE_CLOSED && known != at->billed[0] &&
			!(v->rules & PERIOD_LATE))
			return "I8: the period is closed and S is not what was billed";
	}
	return at->granted_late ? "I1: a grant in a period that is over" : NULL;
}

static bool used(const struct variant *v, const void *state)
{
	const struct period *at = state;

	return at->phase == PHASE_CLOSED && at->s[0][0] && at->s[0][0] + at->s[0][1] == v->limit &&
	       at->s[1][1] && at->s[1][0] + at->s[1][1] == v->limit && at->billed[0] == v->limit;
}

static void say_step(
	const struct variant *v, const void *from, struct model_step step, char *text, size_t size)
{
	static const char *const names[] = { "the old period", "the next period" };
	const struct period *at = from;
	int n = step.who + 1;

	(void)v;
	switch (step.kind) {
	case PERIOD_TICK:
		snprintf(text, size, "%s",
			at->phase == PHASE_BEFORE ? "Redis' clock: the next period begins"
						  : "the old period is closed");
		break;
	case PERIOD_CLOCK: snprintf(text, size, "n%d's clock: the next period begins", n); break;
	case PERIOD_AWAY: snprintf(text, size, "n%d is cut off from Redis", n); break;
	case PERIOD_BACK: snprintf(text, size, "n%d reaches Redis again", n); break;
	case PERIOD_SYNC: snprintf(text, size, "n%d syncs %s", n, names[step.arg]); break;
	case PERIOD_HOLD:
		snprintf(text, size, "n%d admits a request: holds 1 of %s", n, names[step.arg]);
		break;
	default:
		snprintf(text, size, "n%d settles a request held in %s: it cost %d", n,
			names[step.arg], step.kind == PERIOD_SETTLE);
		break;
	}
}

static void say_state(const struct variant *v, const void *state, char *text, size_t size)
{
	const struct period *at = state;
	size_t used = 0;

	(void)v;
	for (int p = 0; p < PERIODS; p++)
		used += (size_t)snprintf(text + used, size - used,
			"%s G=%d S=%d billed %d: n1 g=%d s=%d h=%d, n2 g=%d s=%d h=%d%s",
			p ? "next" : "old", at->g[p][0] + at->g[p][1], at->s[p][0] + at->s[p][1],
			at->billed[p], at->member[0].g[p], at->member[0].s[p], at->member[0].h[p],
			at->member[1].g[p], at->member[1].s[p], at->member[1].h[p], p ? "" : " | ");
}

const struct model period_model = {
	.name = "period",
	.state_bytes = sizeof(struct period),
	.init = init,
	.next = next,
	.broken = broken,
	.used = used,
	.say_step = say_step,
	.say_state = say_state,
};
