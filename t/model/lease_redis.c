/*
 * lease_redis.c: tgq_sync, tgq_return and tgq_asserted as they are to be written in Lua, one C
 * function each. A server's op seq is the order of a member's requests: `stale` says that q has
 * passed this one.
 */
#include "model/lease.h"

/*
 * A new epoch: just above those that this bucket and the member know of. What others have seen,
 * elsewhere, may be higher: they will begin another one.
 */
static uint8_t epoch_new(struct lease *l, uint8_t known)
{
	uint8_t *fields[EPOCH_FIELDS], n = lease_epoch_fields(l, fields);

	for (int i = 0; i < n; i++)
		*fields[i] = (uint8_t)(*fields[i] + (*fields[i] > known));
	return known + 1;
}

static void start_learning(const struct variant *v, struct lease *l, struct lease_server *server,
	const struct lease_op *op)
{
	bool fresh = !server->run && (v->rules & LEASE_M_MISSING_FRESH);

	server->run = op->server + 1;
	server->learning = (v->rules & LEASE_LEARN) && !fresh;
	server->asserted = 0;
	for (int a = 0; a < ACCOUNTS; a++)
		server->synced[a] = 0;
	if (v->rules & LEASE_EPOCH)
		server->epoch = epoch_new(l, model_max(op->mark, server->epoch));
}

/* All members have asserted what is not zero: what is left of an earlier epoch is what was spent.
 */
static void prune(const struct variant *v, struct lease_server *server, uint8_t a)
{
	for (int m = 0; (v->rules & LEASE_PRUNE) && !server->learning && m < MEMBERS; m++)
		if (!(server->synced[a] & 1 << m))
			server->g[a][m] = v->rules & LEASE_M_PRUNE_ZERO ? 0 : server->s[a][m];
}

static void merge_g(
	const struct variant *v, struct lease_server *server, uint8_t m, const struct lease_op *op)
{
	uint8_t *g = &server->g[op->account][m],
		known = model_max(op->g, server->s[op->account][m]);

	if (op->stale && (v->rules & LEASE_GUARD))
		return;
	if (!(server->synced[op->account] & 1 << m) && !(v->rules & LEASE_M_MAX_MERGE))
		*g = known;
	else
		*g = model_max(*g, known);
	server->synced[op->account] |= (uint8_t)(1 << m);
}

static bool serve_sync(
	const struct variant *v, struct lease *l, uint8_t m, const struct lease_op *op, bool late)
{
	struct lease_server *server = &l->server[op->server];
	uint8_t a = op->account, total = 0;
	bool began = false;

	/* the member knows of a later epoch, elsewhere: what is known here, of others too, may be
	 * old */
	if (server->run != op->server + 1 ||
		((v->rules & LEASE_EPOCH) && op->mark > server->epoch)) {
		start_learning(v, l, server, op);
		began = true;
	}
	bool merged = !(v->rules & LEASE_EPOCH) || (v->rules & LEASE_M_SYNC_NO_EPOCH) ||
		      (!began && op->epoch == server->epoch);
	if (merged) {
		if (v->rules & LEASE_REPORT)
			server->s[a][m] = model_max(server->s[a][m], op->s);
		merge_g(v, server, m, op);
		prune(v, server, a);
		for (int i = 0; i < MEMBERS; i++)
			total += server->g[a][i];
		if (!server->learning && !op->stale && op->want && total < v->limit)
			server->g[a][m]++;
	}
	if (late)
		return merged;
	l->member[m].swapped = a == 0 && l->member[m].reply[1].kind != OP_NONE;
	l->member[m].reply[a] = (struct lease_reply){
		.kind = OP_SYNC,
		.g = merged ? server->g[a][m] : 0,
		.merged = merged,
		.learning = server->learning,
		.epoch = server->epoch,
		.acked = (v->rules & LEASE_WAIT) && op->server > 0,
		.s = merged && (v->rules & LEASE_CUT) ? server->s[a][m] : 0,
	};
	return merged;
}

static bool serve_return(
	const struct variant *v, struct lease *l, uint8_t m, const struct lease_op *op, bool late)
{
	struct lease_server *server = &l->server[op->server];
	struct lease_reply *reply = &l->member[m].reply[op->account];
	uint8_t *s = &server->s[op->account][m];
	bool known = server->run == op->server + 1 &&
		     (!(v->rules & LEASE_EPOCH) || server->epoch == op->epoch);

	if (known && (v->rules & LEASE_REPORT))
		*s = model_max(*s, op->s);
	if (known && (!op->stale || (v->rules & LEASE_M_RETURN_NO_SEQ)))
		server->g[op->account][m] = model_max(op->g, *s);
	/* where RETURN is done right nobody waits for its reply */
	if (!late && reply->kind == OP_NONE &&
		(v->rules & (LEASE_M_RETURN_EARLY | LEASE_M_RETURN_UNSAVED)))
		*reply = (struct lease_reply){ .kind = OP_RETURN, .g = op->g };
	return known;
}

static bool serve_assert(
	const struct variant *v, struct lease *l, uint8_t m, const struct lease_op *op)
{
	struct lease_server *server = &l->server[op->server];

	if (server->run != op->server + 1 ||
		((v->rules & LEASE_EPOCH) && server->epoch != op->epoch))
		return false;
	server->asserted |= (uint8_t)(1 << m);
	if (server->asserted == (1 << MEMBERS) - 1)
		server->learning = 0;
	return true;
}

void lease_overtaken(struct lease_member *member, uint8_t n, const struct lease_op *by, bool done)
{
	for (uint8_t i = 0; i < n; i++)
		if (member->op[i].older && !by->older && member->op[i].server == by->server)
			member->op[i].barred = 1;
	if (!done || by->kind == OP_ASSERT) /* has no op seq */
		return;
	for (uint8_t i = 0; i < n; i++) {
		struct lease_op *op = &member->op[i];

		if (op->kind != OP_NONE && op->kind != OP_ASSERT && op->server == by->server &&
			op->account == by->account)
			op->stale = 1;
	}
}

bool lease_serve(
	const struct variant *v, struct lease *l, uint8_t m, const struct lease_op *op, bool late)
{
	if (op->barred && (v->rules & LEASE_INCARNATION) && !(v->rules & LEASE_M_INCARNATION_OFF))
		return false;
	switch (op->kind) {
	case OP_SYNC: return serve_sync(v, l, m, op, late);
	case OP_RETURN: return serve_return(v, l, m, op, late);
	default: return serve_assert(v, l, m, op);
	}
}
