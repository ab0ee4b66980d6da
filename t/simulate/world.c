/*
 * world.c: virtual time and what happens in it: events in order, messages over connections that
 * break, faults as the schedule has them. After every event the oracle looks.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "simulate/sim.h"

void sim_say(const struct sim_world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->verbose)
		return;
	printf("%11.6f  ", (double)w->now / 1e6);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void sim_break(struct sim_world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->broken[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(w->broken, sizeof w->broken, fmt, ap);
	va_end(ap);
	sim_say(w, "BROKEN %s", w->broken);
}

unsigned sim_bucket(unsigned i)
{
	return i == 0 ? 17 : 42;
}

/* ---- the queue */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b)
{
	struct sim_event c = *a;

	*a = *b;
	*b = c;
}

static void push(struct sim_world *w, struct sim_event e)
{
	size_t i = w->n_heap;

	if (i == w->cap_heap) {
		w->cap_heap = w->cap_heap * 2 + 256;
		w->heap = realloc(w->heap, w->cap_heap * sizeof *w->heap);
		tg_assert(w->heap != NULL);
	}
	e.order = w->order++;
	w->heap[w->n_heap++] = e;
	for (; i > 0 && before(&w->heap[i], &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

static struct sim_event pop(struct sim_world *w)
{
	struct sim_event top = w->heap[0];
	size_t i = 0;

	w->heap[0] = w->heap[--w->n_heap];
	for (;;) {
		size_t least = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < w->n_heap; c++)
			if (before(&w->heap[c], &w->heap[least]))
				least = c;
		if (least == i)
			return top;
		swap(&w->heap[i], &w->heap[least]);
		i = least;
	}
}

void sim_after(struct sim_world *w, int64_t us, enum sim_event_kind kind, unsigned who,
	unsigned number, uint64_t incarnation)
{
	push(w, (struct sim_event){
			w->now + TG_MAX(us, 0), 0, kind, who, number, incarnation, NULL });
}

void sim_after_message(
	struct sim_world *w, int64_t us, enum sim_event_kind kind, struct sim_message *m)
{
	push(w, (struct sim_event){
			w->now + TG_MAX(us, 0), 0, kind, m->member, 0, m->incarnation, m });
}

static void message_put(struct sim_message *m)
{
	if (m == NULL || --m->refs > 0)
		return;
	lease_args_fini(&m->args);
	free(m->args_text);
	sim_value_free(m->reply);
	free(m);
}

/* ---- connections */

/* What was under way to the server is lost, arrives late, or late and twice. */
void sim_disconnect(struct sim_world *w, struct sim_member *m)
{
	uint64_t conn = m->conn;

	m->conn = 0;
	if (conn == 0)
		return;
	for (size_t i = 0, n = w->n_heap; i < n; i++) {
		struct sim_event *e = &w->heap[i];
		struct sim_message *msg = e->message;

		if (e->kind != EV_REQUEST || msg->conn != conn || msg->late)
			continue;
		msg->late = true;
		e->number = 1; /* not this way */
		for (int64_t times = sim_below(&w->net, 3); times > 0; times--) {
			msg->refs++;
			sim_after_message(w, sim_below(&w->net, 6) * sim_below(&w->net, SECOND),
				EV_REQUEST, msg);
		}
	}
	sim_say(w, "%s has lost its connection", m->name);
	if (m->alive)
		sim_after(w, 50 * MS + sim_below(&w->net, 200 * MS), EV_CONNECT, m->index, 0,
			m->incarnation);
}

static void member_disconnect(struct sim_world *w, struct sim_member *m)
{
	if (!m->alive || m->conn == 0)
		return;
	sim_disconnect(w, m);
	for (unsigned i = 0; i < 2; i++)
		lease_bucket_down(m->lease, sim_bucket(i), sim_member_time(w, m).mono);
}

static void disconnect_from(struct sim_world *w, unsigned server)
{
	for (unsigned i = 0; i < w->plan->members; i++)
		if (w->member[i].server == server)
			member_disconnect(w, &w->member[i]);
}

static void on_request(struct sim_world *w, struct sim_event *e)
{
	struct sim_message *msg = e->message;
	struct sim_server *s = &w->server[msg->server];
	struct sim_member *m = &w->member[msg->member];
	bool first = msg->conn == m->conn && !msg->late;
	struct sim_value *v;

	if (e->number == 1 || !s->alive || s->boot != msg->server_boot)
		return;
	if (w->now < s->paused_until) {
		msg->refs++;
		sim_after_message(w, s->paused_until - w->now, EV_REQUEST, msg);
		return;
	}
	if (!first) {
		w->stats.late++;
		sim_say(w, "%c gets a late call of %s, incarnation %llu, b%u",
			'A' + (int)msg->server, m->name, (unsigned long long)msg->incarnation,
			msg->bucket);
	}
	v = sim_lua_call(w->lua, s, w->now, "tgq_sync_v1", msg->args.v, msg->args.n_keys,
		msg->args.v + msg->args.n_keys, msg->args.n - msg->args.n_keys);
	sim_check_server(w, s, msg->bucket);
	if (msg->reply != NULL || (!first && !sim_mutant_is("late-reply"))) {
		sim_value_free(v);
		return;
	}
	msg->reply = v;
	m->to_member = TG_MAX(m->to_member, w->now + 200 + sim_below(&w->net, 1500));
	msg->refs++;
	sim_after_message(w, m->to_member - w->now, EV_REPLY, msg);
}

/* ---- faults */

static unsigned free_server(const struct sim_world *w)
{
	unsigned i = 0;

	while (w->server[i].alive)
		i++;
	tg_assert(i < SIM_SERVERS);
	return i;
}

static void kill_server(struct sim_world *w, unsigned i)
{
	w->server[i].alive = false;
	disconnect_from(w, i);
}

static void go_to(struct sim_world *w, struct sim_member *m, unsigned server)
{
	m->view = server;
	if (m->server != server)
		member_disconnect(w, m);
}

static void op_failover(struct sim_world *w, const struct sim_op *op)
{
	unsigned old = w->primary, next;

	if (w->split || !w->server[old].alive)
		return;
	next = free_server(w);
	sim_server_start(&w->server[next], next, sim_server_copy(&w->server[old], w->now - op->a));
	w->primary = next;
	w->split = op->b == 1;
	for (unsigned i = 0; i < w->plan->members; i++)
		if (!w->split || (op->who >> i & 1))
			go_to(w, &w->member[i], next);
	if (!w->split)
		kill_server(w, old);
}

static unsigned other_server(const struct sim_world *w, unsigned than)
{
	for (unsigned i = 0; i < SIM_SERVERS; i++)
		if (w->server[i].alive && i != than)
			return i;
	return than;
}

static void op_heal(struct sim_world *w, const struct sim_op *op)
{
	unsigned a = w->primary, b = other_server(w, a), stays = op->a == 0 ? a : b;

	if (!w->split || a == b)
		return;
	w->split = false;
	w->primary = stays;
	kill_server(w, stays == a ? b : a);
	for (unsigned i = 0; i < w->plan->members; i++)
		go_to(w, &w->member[i], stays);
}

static void op_boot(struct sim_world *w, const struct sim_op *op)
{
	struct sim_server *s = &w->server[w->primary];
	struct sim_store kept = { 0 };

	if (w->split || !s->alive)
		return;
	kill_server(w, w->primary);
	/* what its file has */
	sim_server_snapshot(s, w->now);
	kept = *sim_server_copy(s, w->now - op->a);
	sim_server_start(s, w->primary, &kept);
	s->alive = false;
	sim_after(w, op->b, EV_BOOT, w->primary, 0, 0);
}

static void op_limit(struct sim_world *w, const struct sim_op *op)
{
	w->version++;
	tg_assert(w->version < SIM_VERSIONS);
	w->limit[op->a] = op->b;
	memcpy(w->limit_of[w->version], w->limit, sizeof w->limit);
	for (unsigned i = 0; i < w->n_accounts; i++)
		if (w->account[i].family == op->a)
			w->account[i].most = TG_MAX(w->account[i].most, op->b);
	w->most[op->a] = TG_MAX(w->most[op->a], op->b);
	for (unsigned i = 0; i < w->plan->members; i++)
		sim_after(w, sim_below(&w->net, op->c + 1), EV_CONFIG, i, 0, 0);
}

static void fence_bucket(struct sim_world *w, const struct sim_member *m, unsigned bucket)
{
	struct sim_server *s = &w->server[w->primary];
	char key[32];
	struct str keys[1] = { str_mk(key, lease_key_bucket(key, STR("tg:"), bucket)) };
	struct str args[3] = { str_z(m->name), STR("spent"), str_z(s->run_id) };

	sim_value_free(sim_lua_call(w->lua, s, w->now, "tgq_fence_v1", keys, 1, args, 3));
}

/* The dead: their disks are lost with them. */
static void op_fence(struct sim_world *w, struct sim_member *m)
{
	if (w->split || !w->server[w->primary].alive || m->gone)
		return;
	sim_member_crash(w, m);
	m->gone = true;
	for (unsigned i = 0; i < 2; i++)
		fence_bucket(w, m, sim_bucket(i));
}

static void op_calm(struct sim_world *w)
{
	const struct sim_op heal = { .a = 0 };

	op_heal(w, &heal);
	if (!w->server[w->primary].alive)
		w->server[w->primary].alive = true;
	for (unsigned i = 0; i < SIM_SERVERS; i++)
		w->server[i].wall_off = w->server[i].paused_until = 0;
	for (unsigned i = 0; i < w->plan->members; i++) {
		struct sim_member *m = &w->member[i];

		m->wall_off = m->bad_disk_until = m->stalled_until = 0;
		m->paused_until = TG_MIN(m->paused_until, w->now);
		m->view = w->primary;
		if (!m->alive && !m->gone)
			sim_member_start(w, m);
		/* a server that lost all has lost the fence too: the operator puts it up again */
		for (unsigned b = 0; b < 2 && m->gone; b++)
			fence_bucket(w, m, sim_bucket(b));
	}
}

static void op_step(struct sim_world *w, const struct sim_op *op)
{
	if (op->who >= 100)
		w->server[w->primary].wall_off += op->a;
	else
		w->member[op->who].wall_off += op->a;
}

static void on_op(struct sim_world *w, unsigned number)
{
	const struct sim_op *op = &w->plan->op[number];
	struct sim_member *m = &w->member[op->who < SIM_MEMBERS ? op->who : 0];

	if (w->verbose && op->kind != OP_REQUEST) {
		printf("%11.6f  --- ", (double)w->now / 1e6);
		sim_op_say(op, stdout);
	}
	switch (op->kind) {
	case OP_REQUEST: sim_member_request(w, m, number); break;
	case OP_CUT: member_disconnect(w, m); break;
	case OP_STALL: m->stalled_until = w->now + op->a; break;
	case OP_CRASH:
		if (!m->alive)
			break;
		sim_member_crash(w, m);
		sim_after(w, op->a, EV_RESTART, m->index, 0, 0);
		break;
	case OP_PAUSE: m->paused_until = w->now + op->a; break;
	case OP_STEP: op_step(w, op); break;
	case OP_FLUSH: sim_store_clear(&w->server[w->primary].store); break;
	case OP_BOOT: op_boot(w, op); break;
	case OP_FAILOVER: op_failover(w, op); break;
	case OP_FLIP:
		if (w->split)
			go_to(w, m, other_server(w, m->view));
		break;
	case OP_HEAL: op_heal(w, op); break;
	case OP_SLEEP: w->server[w->primary].paused_until = w->now + op->a; break;
	case OP_DISK: m->bad_disk_until = w->now + op->a; break;
	case OP_LIMIT: op_limit(w, op); break;
	case OP_FENCE: op_fence(w, m); break;
	case OP_CALM: op_calm(w); break;
	case OP__MAX: break;
	}
}

/* ---- a run */

static void on_snapshot(struct sim_world *w)
{
	for (unsigned i = 0; i < SIM_SERVERS; i++)
		if (w->server[i].alive)
			sim_server_snapshot(&w->server[i], w->now);
	sim_after(w, 150 * MS, EV_SNAPSHOT, 0, 0, 0);
}

static bool of_member(enum sim_event_kind kind)
{
	return kind == EV_REPLY || kind == EV_DEADLINE || kind == EV_CONNECT ||
	       kind == EV_CONNECTED || kind == EV_TICK || kind == EV_SAVED || kind == EV_END ||
	       kind == EV_UNPARK;
}

static void on_member_event(struct sim_world *w, struct sim_member *m, const struct sim_event *e)
{
	switch (e->kind) {
	case EV_REPLY: sim_member_reply(w, m, e->message); break;
	case EV_DEADLINE:
		if (sim_member_waits(m, e->message))
			member_disconnect(w, m);
		break;
	case EV_CONNECT:
		if (m->conn == 0)
			sim_after(w, 1 * MS, EV_CONNECTED, m->index, 0, m->incarnation);
		break;
	case EV_CONNECTED: sim_member_connected(w, m); break;
	case EV_TICK: m->tick_at = INT64_MAX; break;
	case EV_SAVED: sim_member_saved(w, m, e->number); break;
	case EV_END: sim_member_end(w, m, e->number); break;
	case EV_UNPARK: sim_member_unpark(w, m, e->number); break;
	default: break;
	}
}

static void on_event(struct sim_world *w, struct sim_event *e)
{
	struct sim_member *m = &w->member[e->who < SIM_MEMBERS ? e->who : 0];

	if (of_member(e->kind)) {
		if (!m->alive || e->incarnation != m->incarnation)
			return;
		if (w->now < m->paused_until) { /* it hears of it when it goes on */
			struct sim_event later = *e;

			later.at = m->paused_until;
			if (later.message != NULL)
				later.message->refs++;
			push(w, later);
			return;
		}
		on_member_event(w, m, e);
		return;
	}
	switch (e->kind) {
	case EV_OP: on_op(w, e->number); break;
	case EV_REQUEST: on_request(w, e); break;
	case EV_RESTART:
		if (!m->alive && !m->gone)
			sim_member_start(w, m);
		break;
	case EV_BOOT: w->server[e->who].alive = true; break;
	case EV_CONFIG: sim_member_configure(w, m); break;
	case EV_SNAPSHOT: on_snapshot(w); break;
	default: break;
	}
}

static void begin(struct sim_world *w)
{
	const struct sim_plan *p = w->plan;

	w->version = 1;
	for (unsigned i = 0; i < 2; i++)
		w->limit_of[1][i] = w->limit[i] = w->most[i] = p->limit[i];
	sim_server_start(&w->server[0], 0, NULL);
	for (unsigned i = 0; i < p->members; i++) {
		w->member[i].index = i;
		snprintf(w->member[i].name, sizeof w->member[i].name, "n%u", i + 1);
	}
	for (unsigned i = 0; i < p->members; i++)
		sim_member_start(w, &w->member[i]);
	for (unsigned i = 0; i < p->n; i++)
		if (!p->op[i].off)
			sim_after(w, p->op[i].at, EV_OP, SIM_MEMBERS, i, 0);
	sim_after(w, 0, EV_SNAPSHOT, 0, 0, 0);
}

struct sim_world *sim_run(const struct sim_plan *plan, struct sim_lua *lua, bool verbose)
{
	struct sim_world *w = calloc(1, sizeof *w);

	tg_assert(w != NULL);
	w->plan = plan;
	w->lua = lua;
	w->verbose = verbose;
	w->net.state = plan->seed * 7 + 1;
	begin(w);
	while (w->n_heap > 0 && w->heap[0].at <= plan->end && w->broken[0] == '\0') {
		struct sim_event e = pop(w);

		w->now = e.at;
		w->stats.events++;
		on_event(w, &e);
		message_put(e.message);
		for (unsigned i = 0; i < plan->members; i++)
			sim_member_pump(w, &w->member[i]);
		sim_check(w);
	}
	if (w->broken[0] == '\0' && !plan->cut)
		sim_check_end(w);
	return w;
}

void sim_world_free(struct sim_world *w)
{
	w->verbose = false;
	for (unsigned i = 0; i < w->plan->members; i++)
		sim_member_crash(w, &w->member[i]);
	while (w->n_heap > 0)
		message_put(pop(w).message);
	for (unsigned i = 0; i < SIM_SERVERS; i++) {
		for (unsigned k = 0; k < w->server[i].snapshots; k++)
			sim_store_clear(&w->server[i].snapshot[k].store);
		sim_store_clear(&w->server[i].store);
	}
	free(w->heap);
	free(w);
}
