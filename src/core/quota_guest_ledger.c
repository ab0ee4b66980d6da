/*
 * quota_guest_ledger.c: see quota_guest_ledger.h.
 */
#include "core/quota_guest_ledger.h"

#include <stdio.h>

#include "base/map.h"
#include "core/plan.h"
#include "ledger/walk.h"

#define PATH_BYTES 4096

/* A SETTLE, or a leg that was charged by itself. */
struct charge {
	const struct rec_who *who;
	wall_us start;
	int64_t amount[QUOTA_DIM__MAX];
};

static int64_t amount(uint64_t v)
{
	return v > (uint64_t)QUOTA_AMOUNT_MAX ? QUOTA_AMOUNT_MAX : (int64_t)v;
}

static void charge_of(const struct usage *u, const struct rec_money *m, uint32_t generations,
	uint64_t requests, struct charge *out)
{
	uint64_t in = usage_input(u), made = usage_output(u);

	out->amount[QUOTA_COST] = TG_MIN(money_nano_up(m->billed), QUOTA_AMOUNT_MAX);
	out->amount[QUOTA_INPUT_TOKENS] = amount(in);
	out->amount[QUOTA_OUTPUT_TOKENS] = amount(made);
	out->amount[QUOTA_TOKENS] = TG_MIN(amount(in) + amount(made), QUOTA_AMOUNT_MAX);
	out->amount[QUOTA_REQUESTS] = (int64_t)requests;
	out->amount[QUOTA_GENERATIONS] = generations;
}

static bool charge_read(const struct rec *r, struct charge *out)
{
	const struct rec_settle *s = &r->u.settle;
	const struct rec_leg *l = &r->u.leg;

	*out = (struct charge){ .who = NULL };
	if (r->flags & REC_CARRIED)
		return false;
	if (r->type == REC_SETTLE) {
		out->who = &s->who;
		out->start = s->start;
		charge_of(&s->usage, &s->money, s->generations,
			(s->money.flags & MONEY_UNCOUNTED) == 0, out);
	} else if (r->type == REC_LEG) {
		out->who = &l->who;
		out->start = l->start;
		charge_of(&l->usage, &l->money, 0, 0, out);
	}
	return out->who != NULL && (out->who->session.n > 0 || out->who->end_user.n > 0);
}

/* The keys of the plan, by their ids. */
static void keys_by_id(const struct tg_conf *c, struct map *keys)
{
	for (size_t i = 0; i < c->key_cap; i++)
		if (c->key_slots[i] != NULL)
			(void)map_put(keys, c->key_slots[i]->id, c->key_slots[i]);
}

static void count(const struct key *k, const struct charge *ch, struct quota_time now)
{
	plan_quota_guests_restore(&k->session, ch->who->session, ch->start, ch->amount, now);
	plan_quota_guests_restore(&k->end_user, ch->who->end_user, ch->start, ch->amount, now);
	plan_quota_guests_restore(
		&k->tenant->session, ch->who->session, ch->start, ch->amount, now);
	plan_quota_guests_restore(
		&k->tenant->end_user, ch->who->end_user, ch->start, ch->amount, now);
}

/* Past all but the newest files. */
static int newest(const char *folder, struct positions *from, char *err, size_t err_len)
{
	struct segment_list l;

	if (segment_list_read(&l, folder, err, err_len) != 0)
		return -1;
	if (l.n > QUOTA_GUEST_SEGMENTS)
		positions_raise(from, l.v[l.n - QUOTA_GUEST_SEGMENTS].number);
	segment_list_free(&l);
	return 0;
}

static int64_t read_all(const struct tg_conf *c, const char *folder, const struct positions *from,
	struct quota_time now, char *err, size_t err_len)
{
	const struct walk_options opt = { .from = from, .salvage = true };
	struct journal_position end;
	enum walk_rc rc;
	int64_t n = 0;
	struct map keys;
	struct walk w;
	struct rec r;

	if (walk_init(&w, folder, &opt, err, err_len) != 0)
		return -1;
	map_init(&keys);
	keys_by_id(c, &keys);
	while ((rc = walk_next(&w, &r, &end, err, err_len)) == WALK_RECORD) {
		const struct key *k;
		struct charge ch;

		if (!charge_read(&r, &ch) || (k = map_get(&keys, ch.who->key)) == NULL)
			continue;
		count(k, &ch, now);
		n++;
	}
	map_fini(&keys);
	walk_fini(&w);
	return rc == WALK_END ? n : -1;
}

int64_t quota_guest_ledger_read(const struct tg_conf *c, const char *ledger, struct quota_time now,
	char *err, size_t err_len)
{
	char folder[PATH_BYTES];
	struct positions from;
	int64_t n = -1;

	if (!c->quota.guests || ledger == NULL)
		return 0;
	positions_init(&from);
	if ((size_t)snprintf(folder, sizeof folder, "%s/journal", ledger) >= sizeof folder)
		snprintf(err, err_len, "ledger.path is too long");
	else if (newest(folder, &from, err, err_len) == 0)
		n = read_all(c, folder, &from, now, err, err_len);
	positions_fini(&from);
	return n;
}
