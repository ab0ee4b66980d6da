/*
 * schedule.c: what a seed means: how many members, which limits, which requests and faults when.
 * Every schedule ends in the same way: faults stop, and small requests ask for all that is left.
 *
 * Limits are about ten leases wide: nearly all of a run is near the limit, where it matters who
 * has what.
 */
#include "simulate/sim.h"

#define FAULTS_END (20 * SECOND)
#define DEMAND     (FAULTS_END + 5 * SECOND)
#define END        (FAULTS_END + 26 * SECOND)

static void add(struct sim_plan *p, struct sim_op op)
{
	tg_assert(p->n < SIM_OPS);
	p->op[p->n++] = op;
}

static int64_t within(struct sim_rng *r, int64_t from, int64_t to)
{
	return from + sim_below(r, to - from + 1);
}

static void add_requests(struct sim_plan *p, struct sim_rng *r)
{
	int64_t n = within(r, 60, 600), largest = within(r, 8, 60);

	for (int64_t i = 0; i < n; i++) {
		int64_t hold = within(r, 1, largest), actual = within(r, 0, hold);
		int64_t us = sim_percent(r, 20) ? within(r, 0, 4 * SECOND) : within(r, 0, 200 * MS);

		if (sim_percent(r, 50))
			actual = hold;
		else if (sim_percent(r, 2))
			actual = hold + within(r, 1, 5);
		add(p, (struct sim_op){ .at = within(r, SECOND / 2, FAULTS_END),
			       .kind = OP_REQUEST,
			       .who = sim_below(r, p->members),
			       .a = hold,
			       .b = actual,
			       .c = us << 2 | within(r, 1, 3) });
	}
}

/* All that is left is asked for, in parts of less than 1 % of it. */
static void add_demand(struct sim_plan *p, struct sim_rng *r)
{
	for (int64_t at = DEMAND; at < END - 4 * SECOND; at += within(r, 5 * MS, 30 * MS))
		add(p, (struct sim_op){ .at = at,
			       .kind = OP_REQUEST,
			       .who = sim_below(r, p->members),
			       .a = 4,
			       .b = within(r, 1, 4),
			       .c = within(r, 1 * MS, 300 * MS) << 2 | 1,
			       .kept = true });
}

static struct sim_op fault(struct sim_plan *p, struct sim_rng *r)
{
	/* as often as it stands here */
	static const enum sim_op_kind kinds[] = { OP_CUT, OP_CUT, OP_STALL, OP_STALL, OP_CRASH,
		OP_CRASH, OP_CRASH, OP_PAUSE, OP_STEP, OP_FLUSH, OP_FLUSH, OP_BOOT, OP_BOOT,
		OP_FAILOVER, OP_FAILOVER, OP_FAILOVER, OP_FLIP, OP_FLIP, OP_HEAL, OP_SLEEP, OP_DISK,
		OP_LIMIT };
	struct sim_op op = { .at = within(r, SECOND, FAULTS_END - SECOND),
		.kind = kinds[sim_below(r, (int64_t)TG_ARRAY_LEN(kinds))],
		.who = sim_below(r, p->members) };

	switch (op.kind) {
	case OP_STALL: op.a = within(r, 50 * MS, SECOND); break;
	case OP_CRASH: op.a = within(r, 1 * MS, 3 * SECOND); break;
	case OP_PAUSE: op.a = within(r, 10 * MS, 5 * SECOND); break;
	case OP_STEP:
		op.who = sim_percent(r, 30) ? 100 : op.who;
		op.a = sim_percent(r, 50) ? 3600 * SECOND : -3600 * SECOND;
		break;
	case OP_BOOT:
		op.a = within(r, 0, 3 * SECOND);
		op.b = within(r, 1 * MS, 2 * SECOND);
		break;
	case OP_FAILOVER:
		op.who = sim_below(r, 1 << p->members);
		op.a = within(r, 0, 4 * SECOND);
		op.b = sim_percent(r, 50);
		break;
	case OP_HEAL: op.a = sim_percent(r, 50); break;
	case OP_SLEEP: op.a = within(r, 10 * MS, SECOND); break;
	case OP_DISK: op.a = within(r, 10 * MS, 3 * SECOND); break;
	case OP_LIMIT:
		op.a = sim_percent(r, 50);
		op.b = p->limit[op.a] * within(r, 50, 150) / 100;
		op.c = within(r, 0, 4 * SECOND);
		break;
	default: break;
	}
	return op;
}

/* Faults that belong together: what one alone does not do. */

/* Two primaries, and members that go to and fro, or die. */
static void story_apart(struct sim_plan *p, struct sim_rng *r, int64_t at)
{
	static const enum sim_op_kind kinds[] = { OP_FLIP, OP_FLIP, OP_FLIP, OP_CRASH, OP_CUT };

	add(p, (struct sim_op){ .at = at,
		       .kind = OP_FAILOVER,
		       .who = sim_percent(r, 50) ? (1 << p->members) - 1
						 : sim_below(r, 1 << p->members),
		       .a = within(r, 0, 4 * SECOND),
		       .b = 1 });
	for (int64_t n = within(r, 2, 8); n > 0; n--)
		add(p, (struct sim_op){ .at = at += within(r, 0, SECOND),
			       .kind = kinds[sim_below(r, TG_ARRAY_LEN(kinds))],
			       .who = sim_below(r, p->members),
			       .a = within(r, 0, SECOND) });
}

/* One after the other, before anybody has found back. */
static void story_close(struct sim_plan *p, struct sim_rng *r, int64_t at)
{
	static const enum sim_op_kind kinds[] = { OP_CUT, OP_CUT, OP_STALL, OP_CRASH, OP_FLUSH,
		OP_BOOT };

	for (int64_t n = within(r, 2, 8); n > 0; n--)
		add(p, (struct sim_op){ .at = at += within(r, 0, 400 * MS),
			       .kind = kinds[sim_below(r, TG_ARRAY_LEN(kinds))],
			       .who = sim_below(r, p->members),
			       .a = within(r, 0, SECOND),
			       .b = within(r, 1 * MS, 300 * MS) });
}

/* All go over to a second primary; one starts anew, and is back at the first. */
static void story_forgets(struct sim_plan *p, struct sim_rng *r, int64_t at)
{
	int64_t who = sim_below(r, p->members);

	add(p, (struct sim_op){ .at = at,
		       .kind = OP_FAILOVER,
		       .who = (1 << p->members) - 1,
		       .a = within(r, 0, SECOND),
		       .b = 1 });
	at += within(r, SECOND, 4 * SECOND);
	add(p, (struct sim_op){
		       .at = at, .kind = OP_CRASH, .who = who, .a = within(r, 1 * MS, 100 * MS) });
	add(p, (struct sim_op){ .at = at + within(r, 0, 1 * MS), .kind = OP_FLIP, .who = who });
}

/* A member that asks for much loses its connection again and again: calls arrive late. */
static void story_cuts(struct sim_plan *p, struct sim_rng *r, int64_t at)
{
	int64_t who = sim_below(r, p->members), to = at + 5 * SECOND;

	while (at < to) {
		at += within(r, 1 * MS, 60 * MS);
		add(p, (struct sim_op){ .at = at,
			       .kind = OP_REQUEST,
			       .who = who,
			       .a = within(r, 5, 20),
			       .b = sim_below(r, 5),
			       .c = within(r, 0, 100 * MS) << 2 | 1 });
		if (sim_percent(r, 12))
			add(p, (struct sim_op){ .at = at + within(r, 0, 2 * MS),
				       .kind = OP_CUT,
				       .who = who });
	}
}

/* One dies for good, often while the bucket has just lost something. */
static void story_fence(struct sim_plan *p, struct sim_rng *r, int64_t at)
{
	if (sim_percent(r, 70))
		add(p, (struct sim_op){ .at = at - within(r, 0, 200 * MS),
			       .kind = sim_percent(r, 50) ? OP_FAILOVER : OP_BOOT,
			       .who = (1 << p->members) - 1,
			       .a = within(r, 0, 4 * SECOND) });
	add(p, (struct sim_op){ .at = at, .kind = OP_FENCE, .who = sim_below(r, p->members) });
	if (sim_percent(r, 30))
		add(p, (struct sim_op){ .at = at + within(r, SECOND, 5 * SECOND),
			       .kind = OP_FAILOVER,
			       .who = (1 << p->members) - 1,
			       .a = within(r, 0, SECOND) });
}

static void add_story(struct sim_plan *p, struct sim_rng *r)
{
	static void (*const story[])(struct sim_plan *, struct sim_rng *, int64_t) = { story_apart,
		story_close, story_forgets, story_cuts };

	story[sim_below(r, TG_ARRAY_LEN(story))](
		p, r, within(r, 2 * SECOND, FAULTS_END - 7 * SECOND));
}

static void add_faults(struct sim_plan *p, struct sim_rng *r)
{
	for (int64_t n = within(r, 1, 14); n > 0; n--)
		add(p, fault(p, r));
	for (int64_t n = sim_below(r, 3); n > 0; n--)
		add_story(p, r);
	if (p->members > 2 && sim_percent(r, 12))
		story_fence(p, r, within(r, SECOND, FAULTS_END - SECOND));
}

void sim_plan_make(struct sim_plan *p, uint64_t seed)
{
	struct sim_rng r = { seed * UINT64_C(0x2545f4914f6cdd1d) + 99 };

	*p = (struct sim_plan){ .seed = seed,
		.members = (unsigned)within(&r, 2, SIM_MEMBERS),
		.calm = seed % 4 == 0,
		.limit = { within(&r, 800, 2500), within(&r, 100, 600) },
		.call_max = (unsigned)within(&r, 1, 4),
		.faults_end = FAULTS_END,
		.end = END };
	add_requests(p, &r);
	if (!p->calm)
		add_faults(p, &r);
	add(p, (struct sim_op){ .at = FAULTS_END, .kind = OP_CALM, .kept = true });
	add_demand(p, &r);
}

void sim_plan_cut(struct sim_plan *p)
{
	for (unsigned i = 0; i < p->n; i++)
		p->op[i].off = p->op[i].kept;
	p->end = p->faults_end;
	p->cut = true;
}

const char *sim_op_name(enum sim_op_kind kind)
{
	static const char *const names[] = {
#define X(id, name) [OP_##id] = name,
#include "simulate/ops.h"
#undef X
	};

	return names[kind];
}

void sim_op_say(const struct sim_op *op, FILE *out)
{
	fprintf(out, "%s who=%lld", sim_op_name(op->kind), (long long)op->who);
	if (op->kind == OP_REQUEST)
		fprintf(out, " hold=%lld actual=%lld families=%lld for=%lld us\n", (long long)op->a,
			(long long)op->b, (long long)(op->c & 3), (long long)(op->c >> 2));
	else
		fprintf(out, " a=%lld b=%lld c=%lld\n", (long long)op->a, (long long)op->b,
			(long long)op->c);
}
