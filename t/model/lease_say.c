/*
 * lease_say.c: a step and a state of the lease model as a person reads them.
 */
#include "model/lease.h"

#include <stdio.h>

static const char *const server_names[] = { "A", "B" };

/* " of account 2", where there is more than one. */
static const char *of_account(const struct variant *v, uint8_t a)
{
	static const char *const names[] = { " of account x", " of account y" };

	return v->accounts > 1 ? names[a] : "";
}

static void say_op(const struct variant *v, const struct lease_op *op, char *text, size_t size)
{
	switch (op->kind) {
	case OP_SYNC:
		snprintf(text, size, "sync%s (g=%d s=%d%s)", of_account(v, op->account), op->g,
			op->s, op->want ? ", wants 1" : "");
		break;
	case OP_RETURN:
		snprintf(text, size, "RETURN%s to g=%d", of_account(v, op->account), op->g);
		break;
	default: snprintf(text, size, "\"all asserted\""); break;
	}
}

static void say_member(const struct variant *v, const struct lease *l, struct model_step step,
	char *text, size_t size)
{
	const struct lease_member *member = &l->member[step.who];
	const char *of = of_account(v, step.arg < ACCOUNTS ? step.arg : 0);
	const struct lease_reply *reply = &member->reply[step.arg < ACCOUNTS ? step.arg : 0];
	int n = step.who + 1;

	switch (step.kind) {
	case STEP_CONNECT:
		snprintf(text, size, "n%d closes its connection and connects to %s", n,
			server_names[step.arg]);
		break;
	case STEP_REPLY:
		snprintf(text, size, "n%d gets the reply%s: %sg=%d%s", n, of,
			reply->kind == OP_RETURN ? "returned, " : "", reply->g,
			reply->learning ? ", learning" : "");
		break;
	case STEP_HOLD: snprintf(text, size, "n%d admits a request: holds 1%s", n, of); break;
	case STEP_SETTLE: snprintf(text, size, "n%d settles a request%s: it cost 1", n, of); break;
	case STEP_SETTLE_ZERO:
		snprintf(text, size, "n%d settles a request%s: it cost 0", n, of);
		break;
	case STEP_CUT:
		snprintf(text, size,
			"n%d's power is cut, and what it settled is lost; it starts again and "
			"connects to %s",
			n, server_names[step.arg]);
		break;
	default: /* STEP_CRASH */
		snprintf(text, size, "n%d dies, starts again and connects to %s; %s", n,
			server_names[step.arg],
			v->rules & LEASE_M_HOLD_UNSAVED
				? "its journal has no trace of what was open, which was billed"
			: v->rules & LEASE_M_CRASH_ZERO
				? "it settles what was open at 0; the provider billed it"
			: member->h[0] + member->h[1] == 0
				? "nothing was open"
				: "it settles what was open at its worst");
		break;
	}
}

static void say_send(const struct variant *v, const struct lease *l, struct model_step step,
	char *text, size_t size)
{
	struct lease_op op = { 0 };
	char what[64];
	int n = step.who + 1;
	const char *early = "";

	(void)lease_request(v, l, step.who, (step.arg % 8) / 2, step.arg % 2, &op);
	say_op(v, &op, what, sizeof what);
	if (op.kind == OP_RETURN)
		early = v->rules & LEASE_M_RETURN_EARLY ? "does not lower its g yet and "
							: "lowers its g and ";
	switch (step.arg / 8) {
	case FATE_SERVED:
		snprintf(text, size, "n%d %ssends %s: %s carries it out%s", n, early, what,
			server_names[op.server],
			op.kind == OP_SYNC ? ", the reply is on its way" : "");
		break;
	case FATE_TWICE:
		snprintf(text, size, "n%d %ssends %s: %s carries it out, and will once more", n,
			early, what, server_names[op.server]);
		break;
	default:
		snprintf(text, size, "n%d %ssends %s to %s: it is late, the connection is closed",
			n, early, what, server_names[op.server]);
		break;
	}
}

void lease_say_step(
	const struct variant *v, const void *from, struct model_step step, char *text, size_t size)
{
	const struct lease *l = from;
	const struct lease_op *op = &l->member[step.who].op[step.arg < OPS ? step.arg : 0];
	char what[64];

	switch (step.kind) {
	case STEP_SEND: say_send(v, l, step, text, size); break;
	case STEP_ARRIVE:
	case STEP_LOSE:
		say_op(v, op, what, sizeof what);
		if (step.kind == STEP_LOSE)
			snprintf(text, size, "n%d's late %s is lost", step.who + 1, what);
		else
			snprintf(text, size, "%s carries out n%d's late %s%s",
				server_names[op->server], step.who + 1, what,
				op->barred  ? ", of an incarnation before one that it has seen"
				: op->stale ? ", overtaken by a later one"
					    : "");
		break;
	case STEP_REPLICATE: snprintf(text, size, "the copy B is as A is now"); break;
	case STEP_PROMOTE:
		snprintf(text, size, "failover: B takes over with a run_id of its own%s",
			v->rules & LEASE_SPLIT ? "; A lives on" : "; A is gone");
		break;
	case STEP_FLUSH: snprintf(text, size, "FLUSHALL on %s", server_names[step.who]); break;
	case STEP_RECLAIM:
		snprintf(text, size,
			"n%d's lease expires: %s takes back what is not reported as settled",
			step.arg + 1, server_names[step.who]);
		break;
	case STEP_TTL:
		snprintf(text, size, "%s's time for learning is over", server_names[step.who]);
		break;
	default: say_member(v, l, step, text, size); break;
	}
}

static void say_server(const struct variant *v, const struct lease *l, int i, FILE *out)
{
	const struct lease_server *server = &l->server[i];

	if (!server->alive &&
		(i == 0 || l->promoted || !(v->rules & (LEASE_FAILOVER | LEASE_WAIT))))
		return;
	fprintf(out, "%s%s", i ? server->alive ? "B" : "(copy" : "A",
		server->run == i + 1 || !server->alive ? "" : "?");
	for (int a = 0; a < v->accounts; a++)
		fprintf(out, "%s G=%d S=%d (g %d,%d)", a ? " /" : "",
			server->g[a][0] + server->g[a][1], server->s[a][0] + server->s[a][1],
			server->g[a][0], server->g[a][1]);
	fprintf(out, "%s%s  ", server->learning ? " learning" : "", server->alive ? "" : ")");
}

void lease_say_state(const struct variant *v, const void *state, char *text, size_t size)
{
	const struct lease *l = state;
	FILE *out = fmemopen(text, size, "w");

	if (!out) {
		text[0] = '\0';
		return;
	}
	for (int i = 0; i < SERVERS; i++)
		say_server(v, l, i, out);
	for (int m = 0; m < MEMBERS; m++) {
		const struct lease_member *member = &l->member[m];

		fprintf(out, "| n%d", m + 1);
		for (int a = 0; a < v->accounts; a++)
			fprintf(out, "%s g=%d s=%d h=%d", a ? " /" : "", member->g[a], member->s[a],
				member->h[a]);
		fputs(m + 1 < MEMBERS ? "  " : "", out);
	}
	for (int a = 0; a < v->accounts; a++)
		if (l->unsaid[a])
			fprintf(out, "  | billed, unknown: %d", l->unsaid[a]);
	fclose(out);
}
