/*
 * limit.c: the configuration is reloaded, member after member, from limit L to the lower one. Each
 * sync carries its version and limit; Redis goes by the highest version that it has seen. What was
 * granted stays: G may be above the new limit, but once Redis knows the new version nothing is
 * granted above it. A failover may forget that it knew.
 */
#include "model/limit.h"

#include <stdio.h>
#include <string.h>

enum {
	MEMBERS = 2,
	SERVERS = 2,
	LIMIT_CUT = 1 /* the new limit */
};

struct limit_server {
	uint8_t known;  /* the account's version: 0 old, 1 new */
	uint8_t bucket; /* the bucket's */
	uint8_t learning, asserted, synced;
	uint8_t g[MEMBERS];
};

struct limit_member {
	uint8_t version;
	uint8_t here; /* connected to the server that is alive */
	uint8_t g, c;
};

struct limit {
	uint8_t now; /* which server is alive */
	uint8_t copied;
	struct limit_server server[SERVERS];
	struct limit_member member[MEMBERS];
	uint8_t seen;  /* some Redis has been told of the cut */
	uint8_t above; /* ... and something was granted above it afterwards */
};

enum limit_step {
	LIMIT_RELOAD,
	LIMIT_CONNECT,
	LIMIT_SYNC,
	LIMIT_SYNC_LOST,
	LIMIT_ASSERT,
	LIMIT_SPEND,
	LIMIT_COPY,
	LIMIT_PROMOTE
};

static void init(const struct variant *v, void *state)
{
	struct limit *l = state;

	(void)v;
	memset(l, 0, sizeof *l);
	l->member[0].here = l->member[1].here = 1;
}

static void emit(struct search *search, const struct limit *next, enum limit_step kind, uint8_t who)
{
	search_emit(search, next, (struct model_step){ (uint8_t)kind, who, 0 });
}

static uint8_t limit_of(const struct variant *v, uint8_t version)
{
	return version ? LIMIT_CUT : v->limit;
}

static void next_sync(
	const struct variant *v, const struct limit *at, uint8_t m, struct search *search)
{
	struct limit next = *at;
	struct limit_server *server = &next.server[at->now];
	struct limit_member *member = &next.member[m];
	uint8_t version, total;

	server->known = model_max(server->known, member->version);
	next.seen |= server->known;
	version = v->rules & LIMIT_M_FORGET ? member->version : server->known;
	if (v->rules & LIMIT_BUCKET_CV)
		version = model_max(version, server->bucket);
	server->g[m] = server->synced & 1 << m ? model_max(server->g[m], member->g) : member->g;
	server->synced |= (uint8_t)(1 << m);
	if ((v->rules & LIMIT_M_SEIZE) && server->known && server->g[0] + server->g[1] > LIMIT_CUT)
		server->g[1 - m] = 0;
	total = server->g[0] + server->g[1];
	if (!server->learning && member->g == member->c && total < limit_of(v, version)) {
		server->g[m]++;
		next.above |= next.seen && total + 1 > LIMIT_CUT;
	}
	emit(search, &next, LIMIT_SYNC_LOST, m);
	member->g = model_max(member->g, server->g[m]);
	emit(search, &next, LIMIT_SYNC, m);
}

static void next_assert(
	const struct variant *v, const struct limit *at, uint8_t m, struct search *search)
{
	struct limit next = *at;
	struct limit_server *server = &next.server[at->now];

	if (!server->learning || (server->asserted & 1 << m) ||
		((at->member[m].g || (at->member[m].version && (v->rules & LIMIT_SYNCED))) &&
			!(server->synced & 1 << m)))
		return;
	server->asserted |= (uint8_t)(1 << m);
	server->bucket = model_max(server->bucket, at->member[m].version);
	if (server->asserted == (1 << MEMBERS) - 1)
		server->learning = 0;
	emit(search, &next, LIMIT_ASSERT, m);
}

static void next_member(
	const struct variant *v, const struct limit *at, uint8_t m, struct search *search)
{
	struct limit next = *at;

	if (!at->member[m].version) {
		next.member[m].version = 1;
		emit(search, &next, LIMIT_RELOAD, m);
		next = *at;
	}
	if (at->member[m].c < at->member[m].g) {
		next.member[m].c++;
		emit(search, &next, LIMIT_SPEND, m);
		next = *at;
	}
	if (!at->member[m].here) {
		next.member[m].here = 1;
		emit(search, &next, LIMIT_CONNECT, m);
		return;
	}
	next_sync(v, at, m, search);
	next_assert(v, at, m, search);
}

static void next_failover(const struct limit *at, struct search *search)
{
	struct limit next = *at;

	if (!at->copied) {
		next.server[1] = next.server[0];
		next.copied = 1;
		emit(search, &next, LIMIT_COPY, 0);
		next = *at;
	}
	next.now = 1;
	next.server[1].learning = 1;
	next.server[1].asserted = next.server[1].synced = 0;
	memset(&next.server[0], 0, sizeof next.server[0]);
	next.member[0].here = next.member[1].here = 0;
	emit(search, &next, LIMIT_PROMOTE, 0);
}

static void next(const struct variant *v, const void *state, struct search *search)
{
	const struct limit *at = state;

	for (uint8_t m = 0; m < MEMBERS; m++)
		next_member(v, at, m, search);
	if ((v->rules & LIMIT_FAILOVER) && at->now == 0)
		next_failover(at, search);
}

static const char *broken(const struct variant *v, const void *state)
{
	const struct limit *at = state;

	if (at->member[0].c + at->member[1].c > v->limit)
		return "I4: settled + held > the limit before the cut";
	if (!at->server[at->now].learning)
		for (int m = 0; m < MEMBERS; m++)
			if (at->member[m].g > at->server[at->now].g[m])
				return "I14: the bucket is open, and a member's g is more than "
				       "Redis knows";
	return at->above ? "I1: G was raised above the new limit after Redis had been told of it"
			 : NULL;
}

static bool used(const struct variant *v, const void *state)
{
	const struct limit *at = state;
	bool failed_over = !(v->rules & LIMIT_FAILOVER) || at->now;

	return failed_over && at->member[0].version && at->member[0].c &&
	       at->member[0].c + at->member[1].c == v->limit;
}

static void say_step(
	const struct variant *v, const void *from, struct model_step step, char *text, size_t size)
{
	static const char *const words[] = {
		[LIMIT_RELOAD] = "n%d reloads its configuration: the limit is cut to 1",
		[LIMIT_CONNECT] = "n%d connects to the new primary",
		[LIMIT_SYNC] = "n%d syncs",
		[LIMIT_SYNC_LOST] = "n%d syncs; the reply is lost",
		[LIMIT_ASSERT] = "n%d sends that it has asserted all accounts with figures",
		[LIMIT_SPEND] = "n%d admits a request of 1",
		[LIMIT_COPY] = "the copy is as the primary is now",
		[LIMIT_PROMOTE] = "failover: the copy takes over",
	};
	const char *word = words[step.kind];

	(void)v, (void)from;
	if (word[0] == 'n')
		snprintf(text, size, "n%d%s", step.who + 1, word + 3);
	else
		snprintf(text, size, "%s", word);
}

static void say_state(const struct variant *v, const void *state, char *text, size_t size)
{
	const struct limit *at = state;
	const struct limit_server *server = &at->server[at->now];

	snprintf(text, size, "Redis: L=%d G=%d (g %d,%d)%s | n1 L=%d g=%d c=%d | n2 L=%d g=%d c=%d",
		limit_of(v, model_max(server->known, server->bucket)), server->g[0] + server->g[1],
		server->g[0], server->g[1], server->learning ? " learning" : "",
		limit_of(v, at->member[0].version), at->member[0].g, at->member[0].c,
		limit_of(v, at->member[1].version), at->member[1].g, at->member[1].c);
}

const struct model limit_model = {
	.name = "limit",
	.state_bytes = sizeof(struct limit),
	.init = init,
	.next = next,
	.broken = broken,
	.used = used,
	.say_step = say_step,
	.say_state = say_state,
};
