/*
 * value.c: what one record adds to a rollup, and adding that up (rollup.h). Pure; any thread.
 */
#include "ledger/rollup.h"

#define HOUR_US    INT64_C(3600000000)
#define HOUR_LAST  (INT64_C(253402300799) / 3600) /* of the year 9999 */
#define PICO_SCALE 12

const char *rollup_text_name(enum rollup_text t)
{
	static const char *const names[] = {
#define X(id, member, name) name,
#include "ledger/tbl/rollup_texts.h"
#undef X
	};

	tg_assert((unsigned)t < ROLLUP__TEXTS);
	return names[t];
}

size_t pico_sum_put(char out[PICO_SUM_LEN], pico_sum v)
{
	char digits[PICO_SUM_LEN];
	unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
	size_t n = 0, len = 0, skip = 0;

	/* at least 0.000000000000, from its end */
	while (u > 0 || n <= PICO_SCALE) {
		digits[n++] = (char)('0' + (int)(u % 10));
		u /= 10;
	}
	while (skip < PICO_SCALE && digits[skip] == '0')
		skip++;
	if (v < 0)
		out[len++] = '-';
	for (size_t i = n; i > skip; i--) {
		if (i == PICO_SCALE)
			out[len++] = '.';
		out[len++] = digits[i - 1];
	}
	return len;
}

/* A sum that providers' figures enter: the largest number stands in for larger ones. */
static inline void add_saturated(uint64_t *to, uint64_t v)
{
	if (TG_UNLIKELY(__builtin_add_overflow(*to, v, to)))
		*to = UINT64_MAX;
}

/* Nearly all are 0: four are looked at together. */
static inline void add_units(uint64_t *to, const uint64_t *n)
{
	for (size_t i = 0; i < USAGE__MAX; i++) {
		while (i + 4 <= USAGE__MAX && (n[i] | n[i + 1] | n[i + 2] | n[i + 3]) == 0)
			i += 4;
		if (i < USAGE__MAX)
			add_saturated(&to[i], n[i]);
	}
}

void rollup_value_add(struct rollup_value *to, const struct rollup_value *v)
{
#define X(member) to->member += v->member;
#include "ledger/tbl/rollup_counts.h"
#include "ledger/tbl/rollup_more.h"
#undef X
	for (size_t i = 0; i < QUALITY__MAX; i++)
		to->quality[i] += v->quality[i];
	add_units(to->units, v->units);
#define X(member, name) to->member += v->member;
#include "ledger/tbl/rollup_sums.h"
#undef X
}

bool rollup_value_eq(const struct rollup_value *a, const struct rollup_value *b)
{
	bool eq = true;

#define X(member) eq = eq && a->member == b->member;
#include "ledger/tbl/rollup_counts.h"
#include "ledger/tbl/rollup_more.h"
#undef X
	for (size_t i = 0; i < QUALITY__MAX; i++)
		eq = eq && a->quality[i] == b->quality[i];
	for (size_t i = 0; i < USAGE__MAX; i++)
		eq = eq && a->units[i] == b->units[i];
#define X(member, name) eq = eq && a->member == b->member;
#include "ledger/tbl/rollup_sums.h"
#undef X
	return eq;
}

/* "{}" is how records say none */
static struct str tags_of(const struct rec_who *who)
{
	return str_eq(who->tags, STR("{}")) ? STR_NONE : who->tags;
}

static void put_key(
	struct rollup_key *k, wall_us start, const struct rec_who *who, const struct rec_what *what)
{
	*k = (struct rollup_key){
		.hour = TG_MIN(TG_MAX(start.us, 0) / HOUR_US, HOUR_LAST),
		.org = who->org,
		.tenant = who->tenant,
		.tier = who->tier,
		.key = who->key,
		.model = what->target_model.n > 0 ? what->target_model : what->model,
		.provider = what->provider,
		.target = what->target,
		.region = what->region,
		.tags = tags_of(who),
		.asked = what->model,
		.rule = who->rule,
	};
}

static void of_settle(const struct rec_settle *s, struct rollup_key *k, struct rollup_charge *c)
{
	put_key(k, s->start, &s->who, &s->what);
	if (s->model_served.n > 0)
		k->model = s->model_served;
	k->service_tier = s->service_tier;
	*c = (struct rollup_charge){
		.usage = &s->usage,
		.money = &s->money,
		/* one of a later version is not exact, at least */
		.quality = s->quality < QUALITY__MAX ? s->quality : QUALITY_ESTIMATED,
		.generations = s->generations,
		.drawn_tenant = s->drawn_tenant,
		.drawn_org = s->drawn_org,
		.request = true,
		.uncounted = (s->money.flags & MONEY_UNCOUNTED) != 0,
		.failed = s->status < 200 || s->status > 299,
	};
}

bool rollup_charge_of(const struct rec *rec, struct rollup_key *k, struct rollup_charge *c)
{
	switch (rec->type) {
	case REC_SETTLE: of_settle(&rec->u.settle, k, c); return true;
	case REC_LEG:
		put_key(k, rec->u.leg.start, &rec->u.leg.who, &rec->u.leg.what);
		*c = (struct rollup_charge){ .usage = &rec->u.leg.usage,
			.money = &rec->u.leg.money,
			.quality = rec->u.leg.quality };
		return true;
	case REC_VOID:
		put_key(k, rec->u.voided.start, &rec->u.voided.who, &rec->u.voided.what);
		*c = (struct rollup_charge){ .voided = true };
		return true;
	default: return false;
	}
}

void rollup_value_charge(struct rollup_value *to, const struct rollup_charge *c)
{
	to->voided += c->voided;
	if (c->money == NULL)
		return;
	to->legs++;
	to->unpriced += (c->money->flags & MONEY_UNPRICED) != 0;
	if (c->request) {
		to->requests++;
		to->generations += c->generations;
		add_saturated(&to->drawn_tenant, c->drawn_tenant);
		add_saturated(&to->drawn_org, c->drawn_org);
		to->failed += c->failed;
		to->uncounted += c->uncounted;
		to->quality[c->quality]++;
	}
	to->list += c->money->list;
	to->contracted += c->money->contracted;
	to->billed += c->money->billed;
	if (c->quality != QUALITY_EXACT)
		to->estimated += c->money->contracted;
	add_units(to->units, c->usage->n);
}
