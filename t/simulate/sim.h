/*
 * sim.h: the lease protocol, simulated: the real C code of the members (src/quota) against the real
 * quota.lua, over a made-up network, clock and disk. One seed is one schedule of requests and
 * faults, and always the same run. One thread.
 *
 *	schedule.c  seed --> operations: requests, crashes, failovers, ...      (what shrinks)
 *	world.c     a queue of events in virtual time; faults
 *	member.c    a process: accounts, leases, requests in work, journal, its connection
 *	server.c    a Redis: keys, the script, copies of earlier moments
 *	oracle.c    what must hold after every event, and at the end
 *	mutants.c   safety rules left out, each of which the oracle must notice
 */
#ifndef TG_SIMULATE_SIM_H
#define TG_SIMULATE_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/test_switch.h"
#include "quota/hold.h"
#include "quota/lease_int.h"
#include "quota/lease_wire.h"
#include "quota/table.h"

#define SECOND   SECOND_US
#define MS       INT64_C(1000)
#define EPOCH_US INT64_C(1795867200000000) /* the wall clocks' zero: 2026-11-28T12:00:00Z */

enum {
	SIM_MEMBERS = 4,
	SIM_SERVERS = 3,
	SIM_ACCOUNTS = 160,
	SIM_OPS = 6000,
	SIM_FIELDS = 64, /* of a key */
	SIM_KEYS = 200,
	SIM_SNAPSHOTS = 40,
	SIM_PATH = 2,
	SIM_VERSIONS = 40,
	SIM_PERIOD_S = 20
};

/* ---- chance: the same for the same seed, and little changed by leaving operations out */

struct sim_rng {
	uint64_t state;
};

static inline uint64_t sim_next(struct sim_rng *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 to n - 1 */
static inline int64_t sim_below(struct sim_rng *r, int64_t n)
{
	return (int64_t)(sim_next(r) % (uint64_t)n);
}

static inline bool sim_percent(struct sim_rng *r, int64_t percent)
{
	return sim_below(r, 100) < percent;
}

/* ---- operations */

enum sim_op_kind {
#define X(id, name) OP_##id,
#include "simulate/ops.h"
#undef X
	OP__MAX
};

struct sim_op {
	int64_t at;
	enum sim_op_kind kind;
	int64_t who;     /* a member or server, or a set of them */
	int64_t a, b, c; /* by kind; ops.h says what */
	bool off;        /* left out while shrinking */
	bool kept;       /* part of every run: the end of faults, the last demand */
};

struct sim_mutant;

struct sim_plan {
	uint64_t seed;
	unsigned members;
	bool calm;         /* without faults */
	unsigned call_max; /* accounts of a call: so few that some are left over */
	int64_t limit[2];
	int64_t faults_end, end;
	bool cut; /* before the faults end: nothing is asked of the end */
	unsigned n;
	struct sim_op op[SIM_OPS];
};

void sim_plan_make(struct sim_plan *plan, uint64_t seed);
/* Without the last demand: enough to notice most mutants, in half the time. */
void sim_plan_cut(struct sim_plan *plan);
/* As a mutant is looked for. */
void sim_plan_for(struct sim_plan *plan, uint64_t seed, const struct sim_mutant *mutant);
const char *sim_op_name(enum sim_op_kind kind);
void sim_op_say(const struct sim_op *op, FILE *out);

/* ---- servers */

struct sim_field {
	char *name, *value;
};

struct sim_key {
	char *name;
	unsigned n;
	struct sim_field field[SIM_FIELDS];
};

struct sim_store {
	unsigned n;
	struct sim_key *key[SIM_KEYS];
};

struct sim_snapshot {
	int64_t at;
	struct sim_store store;
};

struct sim_server {
	bool alive;
	unsigned boot; /* counts processes: a late message reaches the one it was sent to */
	char run_id[41];
	int64_t wall_off, paused_until;
	struct sim_store store;
	struct sim_snapshot snapshot[SIM_SNAPSHOTS];
	unsigned snapshots;
};

/* A reply: a list of texts and lists of them. */
struct sim_value {
	bool list;
	char *text;
	size_t n;
	struct sim_value *item;
};
extern const struct lease_reader sim_reader;
void sim_value_free(struct sim_value *v);

struct sim_lua;
/* NULL: the text, with the mutant's change, is no program; or the change found nothing to change.
 */
struct sim_lua *sim_lua_new(const char *from, const char *to);
void sim_lua_free(struct sim_lua *lua);
/* An error of the script ends the simulation: no member of ours may cause one. */
struct sim_value *sim_lua_call(struct sim_lua *lua, struct sim_server *s, int64_t now,
	const char *function, const struct str *keys, unsigned n_keys, const struct str *args,
	unsigned n_args);
const char *sim_store_get(const struct sim_store *store, const char *key, const char *field);
void sim_store_clear(struct sim_store *store);
void sim_server_start(struct sim_server *s, unsigned index, const struct sim_store *from);
void sim_server_snapshot(struct sim_server *s, int64_t now);
/* As of some moment before `at`. */
const struct sim_store *sim_server_copy(const struct sim_server *s, int64_t at);

/* ---- events */

enum sim_event_kind {
	EV_OP,
	EV_REQUEST,   /* of a member to a server: message */
	EV_REPLY,     /* message */
	EV_DEADLINE,  /* message: is its call still under way? */
	EV_CONNECT,   /* the member tries */
	EV_CONNECTED, /* it has */
	EV_TICK,      /* lease_due wants to be asked again */
	EV_SAVED,     /* the disk has the bucket's epoch */
	EV_END,       /* a request ends */
	EV_UNPARK,    /* its time to wait is over */
	EV_RESTART,   /* of a member */
	EV_BOOT,      /* of a server */
	EV_CONFIG,    /* a member reads the new limits */
	EV_SNAPSHOT
};

struct sim_message {
	unsigned refs;
	unsigned member, server, server_boot;
	uint64_t conn;
	uint64_t incarnation;
	unsigned bucket;
	struct lease_args args;
	char *args_text; /* copies of what args refers to */
	struct sim_value *reply;
	bool late;
};

struct sim_event {
	int64_t at;
	uint64_t order;
	enum sim_event_kind kind;
	unsigned who, number;
	uint64_t incarnation;
	struct sim_message *message;
};

/* ---- members */

enum sim_request_state { REQ_NONE, REQ_PARKED, REQ_HELD, REQ_DONE };

struct sim_request {
	enum sim_request_state state;
	unsigned member, n;
	unsigned account[SIM_PATH]; /* of the world */
	int64_t amount, actual;
	int64_t ends_after;
	struct quota_hold hold;
	unsigned waits; /* for which account */
};

struct sim_member {
	unsigned index;
	char name[16];
	bool alive, gone; /* gone: for ever, and fenced */
	int64_t paused_until, stalled_until, wall_off, mono_off, bad_disk_until;

	/* the process */
	struct lease_member *lease;
	struct quota_table *table;
	struct quota_account *account[SIM_ACCOUNTS];
	int64_t last_g[SIM_ACCOUNTS], last_s[SIM_ACCOUNTS];
	unsigned parked[SIM_OPS], n_parked;
	int64_t tick_at;

	/* the connection */
	uint64_t conn; /* 0: none */
	unsigned view, server, server_boot;
	int64_t to_server, to_member; /* when the last message of each direction arrives */

	/* the configuration */
	int64_t version, limit[2];

	/* what the disk has */
	uint64_t incarnation;
	int64_t settled[SIM_ACCOUNTS];
	int64_t held[SIM_ACCOUNTS];
	char epoch[LEASE_BUCKETS][LEASE_EPOCH_MAX + 1];
};

/* An account of the world, with the truth about it. */
struct sim_account {
	unsigned family;
	char name[64], key[96];
	int64_t start_us, end_us;
	int64_t billed; /* by the provider, of requests that were let in */
	int64_t over;   /* of it, beyond what was held */
	int64_t most;   /* the highest limit ever */
	/* of each server after the last call: G, S, and whether the bucket was open */
	int64_t sum[SIM_SERVERS], settled[SIM_SERVERS], version[SIM_SERVERS];
	bool open[SIM_SERVERS];
};

struct sim_stats {
	uint64_t events, requests, admitted, parked, refused, unsure, lost;
	uint64_t calls, late, crashes, epochs;
	int64_t utilisation; /* of the lifetime's limit at the end, in 1/10,000 */
};

struct sim_world {
	const struct sim_plan *plan;
	struct sim_lua *lua;
	bool verbose;
	int64_t now;
	struct sim_rng net;
	uint64_t order, conns;
	struct sim_event *heap;
	size_t n_heap, cap_heap;
	struct sim_server server[SIM_SERVERS];
	struct sim_member member[SIM_MEMBERS];
	struct sim_account account[SIM_ACCOUNTS];
	unsigned n_accounts;
	struct sim_request request[SIM_OPS];
	int64_t version, limit[2], most[2];
	int64_t limit_of[SIM_VERSIONS][2]; /* of each version of the configuration */
	unsigned primary;
	bool split;
	struct sim_stats stats;
	char broken[256]; /* "": nothing; the invariant's name, a colon, what is wrong */
};

/* world.c */
void sim_say(const struct sim_world *w, const char *fmt, ...) TG_PRINTF(2, 3);
void sim_break(struct sim_world *w, const char *fmt, ...) TG_PRINTF(2, 3);
void sim_after(struct sim_world *w, int64_t us, enum sim_event_kind kind, unsigned who,
	unsigned number, uint64_t incarnation);
void sim_after_message(
	struct sim_world *w, int64_t us, enum sim_event_kind kind, struct sim_message *m);
/* Both sides forget the connection; what is under way is lost, or arrives when nobody waits. */
void sim_disconnect(struct sim_world *w, struct sim_member *m);
unsigned sim_bucket(unsigned i); /* the two that are used */
/* One run. world->broken says how it ended; world is to be freed. */
struct sim_world *sim_run(const struct sim_plan *plan, struct sim_lua *lua, bool verbose);
void sim_world_free(struct sim_world *w);

/* member.c */
void sim_member_start(struct sim_world *w, struct sim_member *m);
void sim_member_crash(struct sim_world *w, struct sim_member *m);
void sim_member_request(struct sim_world *w, struct sim_member *m, unsigned number);
void sim_member_end(struct sim_world *w, struct sim_member *m, unsigned number);
void sim_member_unpark(struct sim_world *w, struct sim_member *m, unsigned number);
void sim_member_connected(struct sim_world *w, struct sim_member *m);
void sim_member_reply(struct sim_world *w, struct sim_member *m, const struct sim_message *msg);
void sim_member_saved(struct sim_world *w, struct sim_member *m, unsigned bucket);
void sim_member_configure(struct sim_world *w, struct sim_member *m);
void sim_member_pump(struct sim_world *w, struct sim_member *m);
struct quota_time sim_member_time(const struct sim_world *w, const struct sim_member *m);
/* Is a call of that message under way? */
bool sim_member_waits(const struct sim_member *m, const struct sim_message *msg);

/* oracle.c */
void sim_check(struct sim_world *w);
void sim_check_server(struct sim_world *w, const struct sim_server *s, unsigned bucket);
void sim_check_end(struct sim_world *w);

/* mutants.c */
struct sim_mutant {
	const char *name, *without; /* what is done without the rule */
	const char *from, *to;      /* in quota.lua; NULL: a switch */
	enum test_switch rule;      /* of the C code; TEST__MAX: none of it */
	uint64_t seed;              /* that noticed it: a good first guess */
	bool late;                  /* it shows when all of the limit is asked for */
};
extern const struct sim_mutant sim_mutants[];
extern const unsigned sim_mutants_n;
/* The mutant that runs now; NULL: none. */
extern const struct sim_mutant *sim_mutant_now;
bool sim_mutant_is(const char *name);

/* shrink.c: leaves out operations for as long as the same invariant breaks. Returns those left. */
unsigned sim_shrink(struct sim_plan *plan, struct sim_lua *lua, const char *broken);

#endif
