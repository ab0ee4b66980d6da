/*
 * member.c: a process of the simulation: accounts and leases as the gateway has them, requests that
 * park, hold and settle, a journal that outlives the process, one connection. What the process has
 * in memory is gone at a crash; what the disk has is not.
 */
#include <stdlib.h>

#include "simulate/sim.h"

#define DEADLINE_US (100 * MS)
#define PARK_US     (50 * MS)
#define KEEP_US     (3 * 3600 * SECOND)

static bool runs(const struct sim_world *w, const struct sim_member *m)
{
	return m->alive && w->now >= m->paused_until;
}

struct quota_time sim_member_time(const struct sim_world *w, const struct sim_member *m)
{
	return (struct quota_time){ { EPOCH_US + w->now + m->wall_off }, { w->now + m->mono_off } };
}

static mono_us mono(const struct sim_world *w, const struct sim_member *m)
{
	return sim_member_time(w, m).mono;
}

/* ---- accounts */

/* A name whose bucket is one of the two that are used. */
static void name_account(struct sim_account *a, int64_t period)
{
	for (unsigned salt = 0;; salt++) {
		if (a->family == 0)
			snprintf(a->name, sizeof a->name, "tenant:a%u/cost/lifetime", salt);
		else
			snprintf(a->name, sizeof a->name, "tenant:a%u/cost/hour/%lld", salt,
				(long long)period);
		if (lease_bucket_of(str_z(a->name)) == sim_bucket((unsigned)period % 2))
			break;
	}
	snprintf(a->key, sizeof a->key, "tg:{b%u}:a:%s", lease_bucket_of(str_z(a->name)), a->name);
}

/* The account of a family at a member's time. */
static unsigned account_at(struct sim_world *w, unsigned family, wall_us now)
{
	int64_t period = family == 0 ? 0 : now.us / (SIM_PERIOD_S * SECOND);
	struct sim_account a = { .family = family, .start_us = INT64_MIN, .end_us = INT64_MAX };

	if (family != 0) {
		a.start_us = period * SIM_PERIOD_S * SECOND;
		a.end_us = a.start_us + SIM_PERIOD_S * SECOND;
	}
	for (unsigned i = 0; i < w->n_accounts; i++)
		if (w->account[i].family == family && w->account[i].start_us == a.start_us)
			return i;
	name_account(&a, period);
	a.most = w->most[family];
	tg_assert(w->n_accounts < SIM_ACCOUNTS);
	w->account[w->n_accounts] = a;
	return w->n_accounts++;
}

static struct quota_account *account_open(struct sim_world *w, struct sim_member *m, unsigned i)
{
	const struct sim_account *a = &w->account[i];
	struct quota_limit limit = { .dim = QUOTA_COST, .kind = QUOTA_STOCK };
	struct period p = { .start_us = a->start_us, .end_us = a->end_us, .leaves_us = a->end_us };
	struct quota_account *made;
	char err[256];

	if (m->account[i] != NULL && lease_find(m->account[i]) != NULL)
		return m->account[i];
	limit.amount = m->limit[a->family];
	made = quota_table_make(
		m->table, str_z(a->name), &limit, &p, sim_member_time(w, m), err, sizeof err);
	tg_assert(made != NULL);
	if (m->account[i] != NULL)
		quota_account_put(made);
	else if (m->settled[i] > 0)
		quota_account_restore(made, m->settled[i]);
	m->account[i] = made;
	(void)lease_add(m->lease, made, limit.amount, mono(w, m));
	m->last_g[i] = m->last_s[i] = 0;
	return made;
}

/* ---- life */

static void on_wake(void *arg)
{
	(void)arg; /* every event of a member ends with a look */
}

static struct lease_config config(const struct sim_world *w, const struct sim_member *m)
{
	static struct str names[SIM_MEMBERS];

	for (unsigned i = 0; i < w->plan->members; i++)
		names[i] = str_z(w->member[i].name);
	return (struct lease_config){ .name = str_z(m->name),
		.members = names,
		.n_members = w->plan->members,
		.version = m->version,
		.revalidate_us = 60 * SECOND };
}

void sim_member_start(struct sim_world *w, struct sim_member *m)
{
	struct lease_config cfg;
	wall_us now;

	tg_assert(!m->alive);
	m->alive = true;
	m->incarnation++;
	m->mono_off = (int64_t)(m->index + m->incarnation) * 777 * SECOND;
	m->version = w->version;
	memcpy(m->limit, w->limit, sizeof m->limit);
	cfg = config(w, m);
	m->table = quota_table_new(SIM_ACCOUNTS * 2);
	m->lease = lease_member_new(&cfg, m->incarnation, on_wake, NULL);
	m->lease->call_max = w->plan->call_max;
	m->tick_at = INT64_MAX;
	m->n_parked = 0;
	for (unsigned b = 0; b < LEASE_BUCKETS; b++)
		if (m->epoch[b][0] != '\0')
			tg_assert(lease_epoch_restore(m->lease, b, str_z(m->epoch[b])) == 0);
	now = sim_member_time(w, m).wall;
	for (unsigned i = 0; i < w->n_accounts; i++)
		if (m->settled[i] > 0 &&
			(w->account[i].family == 0 || now.us < w->account[i].end_us + KEEP_US))
			account_open(w, m, i);
	sim_say(w, "%s starts, incarnation %llu", m->name, (unsigned long long)m->incarnation);
	sim_after(w, 1 * MS, EV_CONNECT, m->index, 0, m->incarnation);
}

void sim_member_crash(struct sim_world *w, struct sim_member *m)
{
	struct quota_time now = sim_member_time(w, m);

	if (!m->alive)
		return;
	sim_disconnect(w, m);
	for (unsigned i = 0; i < w->plan->n; i++) {
		struct sim_request *r = &w->request[i];

		if (r->member != m->index || (r->state != REQ_HELD && r->state != REQ_PARKED))
			continue;
		if (r->state == REQ_HELD)
			quota_release(&r->hold, now);
		r->state = REQ_DONE;
	}
	/* what recovery does: open holds at their worst */
	for (unsigned i = 0; i < SIM_ACCOUNTS; i++) {
		if (!sim_mutant_is("crash-zero"))
			m->settled[i] += m->held[i];
		m->held[i] = 0;
		if (m->account[i] != NULL)
			quota_account_put(m->account[i]);
		m->account[i] = NULL;
	}
	lease_member_free(m->lease);
	quota_table_free(m->table);
	m->lease = NULL;
	m->table = NULL;
	m->alive = false;
	w->stats.crashes++;
	sim_say(w, "%s crashes", m->name);
}

void sim_member_configure(struct sim_world *w, struct sim_member *m)
{
	struct lease_config cfg;

	if (!m->alive)
		return;
	m->version = w->version;
	memcpy(m->limit, w->limit, sizeof m->limit);
	cfg = config(w, m);
	lease_member_configure(m->lease, &cfg);
	for (unsigned i = 0; i < w->n_accounts; i++) {
		if (m->account[i] == NULL || lease_find(m->account[i]) == NULL)
			continue;
		quota_account_set_limit(m->account[i], m->limit[w->account[i].family]);
		(void)lease_add(
			m->lease, m->account[i], m->limit[w->account[i].family], mono(w, m));
	}
	sim_say(w, "%s has configuration %lld: %lld, %lld", m->name, (long long)m->version,
		(long long)m->limit[0], (long long)m->limit[1]);
}

/* ---- requests */

static void admitted(struct sim_world *w, struct sim_member *m, struct sim_request *r)
{
	r->state = REQ_HELD;
	w->stats.admitted++;
	for (unsigned i = 0; i < r->n; i++) {
		struct sim_account *a = &w->account[r->account[i]];

		m->held[r->account[i]] += r->amount;
		a->billed += r->actual;
		a->over += r->actual > r->amount ? r->actual - r->amount : 0;
	}
}

static unsigned index_of(const struct sim_member *m, const struct quota_account *a)
{
	unsigned i = 0;

	while (m->account[i] != a)
		i++;
	return i;
}

/* All accounts or none; true: it has an answer, or waits. */
static void attempt(struct sim_world *w, struct sim_member *m, unsigned number)
{
	struct sim_request *r = &w->request[number];
	struct quota_account *path[SIM_PATH];
	int64_t amount[QUOTA_DIM__MAX] = { [QUOTA_COST] = r->amount };
	struct quota_denied denied;
	enum quota_result result;
	bool waited = r->state == REQ_PARKED;

	for (unsigned i = 0; i < r->n; i++)
		path[i] = account_open(w, m, r->account[i]);
	result = quota_reserve(path, r->n, amount, sim_member_time(w, m), &r->hold, &denied);
	if (waited)
		quota_account_unwait(m->account[r->waits], r->amount);
	if (result == QUOTA_ASK) {
		r->state = REQ_PARKED;
		r->waits = index_of(m, denied.account);
		quota_account_wait(denied.account, r->amount);
		if (!waited)
			w->stats.parked++;
		return;
	}
	if (result == QUOTA_OK) {
		admitted(w, m, r);
		sim_after(w, r->ends_after, EV_END, m->index, number, m->incarnation);
		return;
	}
	w->stats.refused += result != QUOTA_UNSURE;
	w->stats.unsure += result == QUOTA_UNSURE;
	r->state = REQ_DONE;
}

void sim_member_request(struct sim_world *w, struct sim_member *m, unsigned number)
{
	const struct sim_op *op = &w->plan->op[number];
	struct sim_request *r = &w->request[number];
	wall_us now = sim_member_time(w, m).wall;

	w->stats.requests++;
	if (!runs(w, m)) {
		w->stats.lost++;
		return;
	}
	*r = (struct sim_request){
		.member = m->index, .amount = op->a, .actual = op->b, .ends_after = op->c >> 2
	};
	for (unsigned family = 0; family < 2; family++)
		if (op->c & (1 << family))
			r->account[r->n++] = account_at(w, family, now);
	attempt(w, m, number);
	if (r->state != REQ_PARKED)
		return;
	m->parked[m->n_parked++] = number;
	sim_after(w, PARK_US, EV_UNPARK, m->index, number, m->incarnation);
}

/* There is news: those that wait try again, in order. */
static void news(struct sim_world *w, struct sim_member *m)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < m->n_parked; i++) {
		attempt(w, m, m->parked[i]);
		if (w->request[m->parked[i]].state == REQ_PARKED)
			m->parked[kept++] = m->parked[i];
	}
	m->n_parked = kept;
}

void sim_member_unpark(struct sim_world *w, struct sim_member *m, unsigned number)
{
	struct sim_request *r = &w->request[number];
	unsigned kept = 0;

	if (r->state != REQ_PARKED)
		return;
	quota_account_unwait(m->account[r->waits], r->amount);
	r->state = REQ_DONE;
	w->stats.unsure++;
	for (unsigned i = 0; i < m->n_parked; i++)
		if (m->parked[i] != number)
			m->parked[kept++] = m->parked[i];
	m->n_parked = kept;
}

void sim_member_end(struct sim_world *w, struct sim_member *m, unsigned number)
{
	struct sim_request *r = &w->request[number];
	int64_t actual[QUOTA_DIM__MAX] = { [QUOTA_COST] = r->actual };

	if (r->state != REQ_HELD)
		return;
	for (unsigned i = 0; i < r->n; i++) {
		m->held[r->account[i]] -= r->amount;
		m->settled[r->account[i]] += r->actual;
	}
	quota_settle(&r->hold, actual, sim_member_time(w, m));
	r->state = REQ_DONE;
}

/* ---- calls */

static int64_t latency(struct sim_world *w, const struct sim_member *m)
{
	int64_t us = 200 + sim_below(&w->net, 1800);

	if (w->now < m->stalled_until)
		us += DEADLINE_US;

	if (!w->plan->calm && w->now < w->plan->faults_end && sim_percent(&w->net, 1))
		us += sim_below(&w->net, 300 * MS);
	return us;
}

static void message_own(struct sim_message *msg)
{
	size_t size = 1, used = 0;

	for (unsigned i = 0; i < msg->args.n; i++)
		size += msg->args.v[i].n;
	msg->args_text = malloc(size);
	tg_assert(msg->args_text != NULL);
	for (unsigned i = 0; i < msg->args.n; i++) {
		struct str *v = &msg->args.v[i];

		if (v->n > 0)
			memcpy(msg->args_text + used, v->p, v->n);
		v->p = msg->args_text + used;
		used += v->n;
	}
}

static void say_call(
	const struct sim_world *w, const struct sim_member *m, const struct lease_call *c)
{
	char text[400];
	size_t n = 0;

	if (!w->verbose)
		return;
	text[0] = '\0';
	for (unsigned i = 0; i < c->n && n + 150 < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
			" [%.*s s=%lld g=%lld%s need=%lld want=%lld]", STR_FMT(c->item[i].name),
			(long long)c->item[i].s, (long long)c->item[i].g,
			c->item[i].returns ? " RETURN" : "", (long long)c->item[i].need,
			(long long)c->item[i].want);
	if (c->n > 0 || c->epoch.n == 0)
		sim_say(w, "%s calls %c: b%u epoch \"%.*s\"%s%s", m->name, 'A' + (int)m->server,
			c->bucket, STR_FMT(c->epoch), c->asserts ? " asserts" : "", text);
}

static void send(struct sim_world *w, struct sim_member *m, const struct lease_call *call)
{
	struct sim_message *msg = calloc(1, sizeof *msg);

	tg_assert(msg != NULL);
	msg->refs = 1;
	msg->member = m->index;
	msg->server = m->server;
	msg->server_boot = m->server_boot;
	msg->conn = m->conn;
	msg->incarnation = m->incarnation;
	msg->bucket = call->bucket;
	lease_args_init(&msg->args);
	lease_args_sync(&msg->args, STR("tg:"), call);
	message_own(msg);
	for (unsigned i = 0; i < call->n; i++) {
		struct lease_info info;

		lease_look(call->item[i].lease, &info);
		if (call->item[i].returns)
			m->last_g[index_of(m, info.account)] = call->item[i].g;
	}
	m->to_server = TG_MAX(m->to_server, w->now + latency(w, m));
	sim_after_message(w, m->to_server - w->now, EV_REQUEST, msg);
	msg->refs++;
	sim_after_message(w, DEADLINE_US, EV_DEADLINE, msg);
	w->stats.calls++;
	say_call(w, m, call);
}

void sim_member_pump(struct sim_world *w, struct sim_member *m)
{
	struct lease_call call;
	mono_us again;
	int64_t at;

	if (!runs(w, m))
		return;
	while (lease_due(m->lease, mono(w, m), &call, &again))
		send(w, m, &call);
	at = again.us == INT64_MAX ? INT64_MAX : again.us - m->mono_off;
	if (at >= m->tick_at)
		return;
	m->tick_at = at;
	sim_after(w, at - w->now, EV_TICK, m->index, 0, m->incarnation);
}

void sim_member_connected(struct sim_world *w, struct sim_member *m)
{
	const struct sim_server *s = &w->server[m->view];

	if (!s->alive || m->conn != 0) {
		if (m->conn == 0)
			sim_after(w, 100 * MS, EV_CONNECT, m->index, 0, m->incarnation);
		return;
	}
	m->conn = ++w->conns;
	m->server = m->view;
	m->server_boot = s->boot;
	m->to_server = m->to_member = w->now;
	for (unsigned i = 0; i < 2; i++)
		lease_bucket_up(m->lease, sim_bucket(i), str_z(s->run_id), mono(w, m));
	sim_say(w, "%s is connected to %c", m->name, 'A' + (int)m->server);
}

bool sim_member_waits(const struct sim_member *m, const struct sim_message *msg)
{
	struct lease_bucket_info info;

	if (!m->alive || m->incarnation != msg->incarnation || msg->reply != NULL)
		return false;
	lease_bucket_look(m->lease, msg->bucket, &info);
	return m->conn == msg->conn && info.under_way;
}

static void say_reply(const struct sim_world *w, const struct sim_member *m, unsigned bucket,
	const struct lease_answer *a)
{
	char text[400];
	size_t n = 0;

	if (!w->verbose || (a->n == 0 && a->status == LEASE_OK))
		return;
	text[0] = '\0';
	for (unsigned i = 0; i < a->n && n + 100 < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, " [%d g=%lld G=%lld lim=%lld]",
			(int)a->item[i].status, (long long)a->item[i].g,
			(long long)a->item[i].sum_g, (long long)a->item[i].limit);
	sim_say(w, "%s hears: b%u status %d epoch %.*s%s%s", m->name, bucket, (int)a->status,
		STR_FMT(a->epoch), a->learning ? " learning" : "", text);
}

void sim_member_reply(struct sim_world *w, struct sim_member *m, const struct sim_message *msg)
{
	struct lease_bucket_info info;
	struct lease_answer answer;
	struct lease_outcome out;
	unsigned n = (msg->args.n_keys - 1);
	char err[256];

	if (!m->alive || (m->conn != msg->conn && !sim_mutant_is("late-reply")))
		return;
	lease_bucket_look(m->lease, msg->bucket, &info);
	if (!info.under_way)
		return;
	if (lease_answer_parse(&sim_reader, msg->reply, n, &answer, err, sizeof err) != 0) {
		sim_break(w, "wire: %s", err);
		return;
	}
	say_reply(w, m, msg->bucket, &answer);
	if (lease_reply(m->lease, msg->bucket, &answer, mono(w, m), &out, err, sizeof err) != 0) {
		if (m->conn == msg->conn)
			sim_break(w, "I14: %s is told what cannot be: %s", m->name, err);
		return;
	}
	if (out.save_epoch) {
		w->stats.epochs++;
		sim_after(w, 1 * MS, EV_SAVED, m->index, msg->bucket, m->incarnation);
	}
	news(w, m);
}

void sim_member_saved(struct sim_world *w, struct sim_member *m, unsigned bucket)
{
	struct str epoch = lease_epoch(m->lease, bucket);

	if (w->now < m->bad_disk_until) {
		sim_after(w, 200 * MS, EV_SAVED, m->index, bucket, m->incarnation);
		return;
	}
	if (!sim_mutant_is("epoch-unsaved")) {
		memcpy(m->epoch[bucket], epoch.p, epoch.n);
		m->epoch[bucket][epoch.n] = '\0';
	}
	lease_epoch_saved(m->lease, bucket, mono(w, m));
}
