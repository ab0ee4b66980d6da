/*
 * oracle.c: what must hold. It sees what no member sees: all of them, every server, and what the
 * provider bills. The names are those of the design (docs/internals/quota-model.md).
 *
 *	I1   an open bucket grants nothing beyond the limit, and members have no more than it in all
 *	I2   a member commits no more than it was granted
 *	I3   what is billed is settled or held, in a journal
 *	I4   settled + held <= the highest limit there ever was + what was settled beyond holds
 *	I8   at the end the centre's S is what the journals have
 *	I11  g and s of a process fall by RETURN alone
 *	I14  an open bucket knows at least what each member has
 *	P1   once faults are over, learning ends and requests are answered: nothing is lost but time
 *	P2   once faults are over all of the limit is used: 99 % without faults, 95 % with
 */
#include <stdlib.h>

#include "simulate/sim.h"

static int64_t in_journal(const struct sim_member *m, unsigned i)
{
	return m->settled[i] + m->held[i];
}

/* What a member may commit, as far as it knows. */
static int64_t has(const struct sim_member *m, unsigned i)
{
	struct lease_info info;
	struct lease *l = m->account[i] != NULL ? lease_find(m->account[i]) : NULL;

	if (!m->alive || l == NULL)
		return in_journal(m, i);
	lease_look(l, &info);
	return info.g;
}

static void check_account(struct sim_world *w, unsigned i)
{
	const struct sim_account *a = &w->account[i];
	int64_t committed = 0, granted = 0;

	for (unsigned k = 0; k < w->plan->members; k++) {
		committed += in_journal(&w->member[k], i);
		granted += has(&w->member[k], i);
	}
	if (granted > a->most + a->over)
		sim_break(w, "I1: members have %lld of %s, of %lld (over %lld)", (long long)granted,
			a->name, (long long)a->most, (long long)a->over);
	if (committed > a->most + a->over)
		sim_break(w, "I4: %s has %lld settled and held of %lld (over %lld)", a->name,
			(long long)committed, (long long)a->most, (long long)a->over);
	if (a->billed > committed + a->over)
		sim_break(w, "I3: %s was billed %lld, journals have %lld", a->name,
			(long long)a->billed, (long long)committed);
}

static void check_lease(struct sim_world *w, struct sim_member *m, unsigned i)
{
	struct lease *l = lease_find(m->account[i]);
	int64_t committed = atomic_load(&m->account[i]->committed);
	int64_t settled = atomic_load(&m->account[i]->settled);
	struct lease_info info;

	if (l == NULL)
		return;
	lease_look(l, &info);
	if (committed > info.g + w->account[i].over)
		sim_break(w, "I2: %s commits %lld of %s and has %lld", m->name,
			(long long)committed, w->account[i].name, (long long)info.g);
	if (info.g < m->last_g[i] || settled < m->last_s[i])
		sim_break(w, "I11: %s of %s fell: g %lld to %lld, s %lld to %lld",
			w->account[i].name, m->name, (long long)m->last_g[i], (long long)info.g,
			(long long)m->last_s[i], (long long)settled);
	m->last_g[i] = info.g;
	m->last_s[i] = settled;
}

void sim_check(struct sim_world *w)
{
	for (unsigned i = 0; i < w->n_accounts; i++) {
		check_account(w, i);
		for (unsigned k = 0; k < w->plan->members; k++)
			if (w->member[k].alive && w->member[k].account[i] != NULL)
				check_lease(w, &w->member[k], i);
	}
}

/* ---- servers */

static int64_t number(const char *text)
{
	return text == NULL ? 0 : strtoll(text, NULL, 10);
}

static const char *field_of(
	const struct sim_server *s, const char *key, const char *kind, const char *member)
{
	char field[32];

	snprintf(field, sizeof field, "%s:%s", kind, member);
	return sim_store_get(&s->store, key, field);
}

static const char *heard(const struct sim_member *m, unsigned bucket)
{
	static char text[LEASE_EPOCH_MAX + 1];
	struct str epoch;

	if (!m->alive)
		return m->epoch[bucket];
	epoch = lease_epoch(m->lease, bucket);
	memcpy(text, epoch.p, epoch.n);
	text[epoch.n] = '\0';
	return text;
}

/* Nobody has heard of a later epoch elsewhere: what this server says counts. */
static bool counts(const struct sim_world *w, const char *epoch, unsigned bucket)
{
	for (unsigned k = 0; k < w->plan->members; k++) {
		const char *text = heard(&w->member[k], bucket);

		if (number(text) > number(epoch) ||
			(number(text) == number(epoch) && strcmp(text, epoch) != 0))
			return false;
	}
	return true;
}

static void check_known(struct sim_world *w, const struct sim_server *s, const char *bucket_key,
	const char *epoch, unsigned i)
{
	const struct sim_account *a = &w->account[i];

	for (unsigned k = 0; k < w->plan->members; k++) {
		const struct sim_member *m = &w->member[k];
		const char *synced = field_of(s, a->key, "e", m->name);
		const char *asserted = field_of(s, bucket_key, "a", m->name);
		int64_t g = number(field_of(s, a->key, "g", m->name));
		int64_t known = number(field_of(s, a->key, "s", m->name));

		if (m->gone)
			continue;
		if ((synced != NULL && strcmp(synced, epoch) == 0) || asserted == NULL ||
			strcmp(asserted, epoch) != 0)
			known = TG_MAX(known, g);
		if (has(m, i) > known + a->over)
			sim_break(w,
				"I14: server %c is open and knows %lld of %s of %s, which has %lld",
				s->run_id[6], (long long)known, a->name, m->name,
				(long long)has(m, i));
	}
}

/*
 * The limit is that of the highest version of the configuration that this server has heard of in
 * this epoch. It may have given out more before: then it gives out no more.
 */
static void check_sum(
	struct sim_world *w, const struct sim_server *s, struct sim_account *a, unsigned server)
{
	int64_t sum = number(sim_store_get(&s->store, a->key, "G"));
	int64_t settled = number(sim_store_get(&s->store, a->key, "S"));
	int64_t version = number(sim_store_get(&s->store, a->key, "cv"));
	bool again = a->open[server]; /* as after the last call */
	int64_t limit;

	version = again ? TG_MAX(version, a->version[server]) : version;
	limit = w->limit_of[version][a->family];
	/* what is settled beyond its hold is beyond any limit */
	if (again && sum > limit + a->over && sum > a->sum[server] + a->over)
		sim_break(w, "I1: server %c grants %lld of %s, whose limit is %lld", s->run_id[6],
			(long long)sum, a->name, (long long)limit);
	if (again && settled < a->settled[server])
		sim_break(w, "I11: S of %s fell on server %c: %lld to %lld", a->name, s->run_id[6],
			(long long)a->settled[server], (long long)settled);
	a->sum[server] = sum;
	a->settled[server] = settled;
	a->version[server] = version;
}

void sim_check_server(struct sim_world *w, const struct sim_server *s, unsigned bucket)
{
	unsigned server = (unsigned)(s->run_id[6] - 'A');
	const char *learning, *epoch;
	char key[32];
	bool open;

	snprintf(key, sizeof key, "tg:{b%u}:b", bucket);
	learning = sim_store_get(&s->store, key, "ln");
	epoch = sim_store_get(&s->store, key, "ep");
	open = epoch != NULL && number(learning) == 0 && counts(w, epoch, bucket);
	for (unsigned i = 0; i < w->n_accounts; i++) {
		if (lease_bucket_of(str_z(w->account[i].name)) != bucket)
			continue;
		if (open) {
			check_known(w, s, key, epoch, i);
			check_sum(w, s, &w->account[i], server);
		}
		w->account[i].open[server] = open;
	}
}

/* ---- the end */

static void check_open(struct sim_world *w)
{
	for (unsigned k = 0; k < w->plan->members; k++)
		for (unsigned b = 0; b < 2; b++) {
			struct lease_bucket_info info;

			if (!w->member[k].alive)
				continue;
			lease_bucket_look(w->member[k].lease, sim_bucket(b), &info);
			if (!info.up || info.learning || info.unsaved || info.status != LEASE_OK)
				sim_break(w, "P1: bucket %u of %s: %s, waits for \"%.*s\"",
					sim_bucket(b), w->member[k].name,
					info.up ? "learning" : "down", STR_FMT(info.awaited));
		}
}

void sim_check_end(struct sim_world *w)
{
	const struct sim_server *s = &w->server[w->primary];
	int64_t settled = 0, least = w->plan->calm ? 9900 : 9500;
	bool fenced = false;

	check_open(w);
	if (w->n_accounts == 0 || w->account[0].family != 0)
		return;
	for (unsigned k = 0; k < w->plan->members; k++) {
		fenced = fenced || w->member[k].gone;
		settled += w->member[k].settled[0];
	}
	w->stats.utilisation = settled * 10000 / w->limit[0];
	if (!fenced && w->stats.utilisation < least)
		sim_break(w, "P2: %lld of %lld were used in the end", (long long)settled,
			(long long)w->limit[0]);
	if (!fenced && number(sim_store_get(&s->store, w->account[0].key, "S")) != settled)
		sim_break(w, "I8: the centre has S=%s, journals %lld",
			sim_store_get(&s->store, w->account[0].key, "S"), (long long)settled);
}
