/*
 * import_complete.c: what an entry of a foreign price map leaves open. A price file's long-context
 * tiers restate every bucket, and a dearer service tier must not leave a bucket at the plain price:
 * what the map does not say is derived from the vendor's own scheme, or grows as input (output)
 * does. Everything derived is noted. tgctl.
 */
#include <string.h>

#include "ctl/prices_import.h"

struct completing {
	struct import *im;
	struct import_entry *e;
	const char *where; /* "", "flex: ", ... */
};

pico_usd import_ratio(pico_usd v, pico_usd num, pico_usd den)
{
	unsigned __int128 product = (unsigned __int128)(uint64_t)v * (uint64_t)num;
	unsigned __int128 up;

	tg_assert(v >= 0 && num >= 0 && den > 0);
	up = product / (uint64_t)den + (product % (uint64_t)den > 0);
	return up > INT64_MAX ? INT64_MAX : (pico_usd)up;
}

/* The bucket whose price a token's price follows. */
static enum usage_bucket root_of(enum usage_bucket b)
{
	return b < USAGE_FIRST_OUTPUT ? USAGE_IN : USAGE_OUT;
}

/* from[b], grown as the root of b does between from and to. -1: nothing to go by. */
static pico_usd grown(
	const struct import_rates *from, const struct import_rates *to, enum usage_bucket b)
{
	enum usage_bucket root = root_of(b);

	if (!import_has(from, b) || !import_has(from, root) || !import_has(to, root) ||
		from->v[root] == 0)
		return -1;
	return import_ratio(from->v[b], to->v[root], from->v[root]);
}

/* What `to` lacks and `base` has, in proportion where there is something to go by. */
static void fill_rates(struct import_rates *to, const struct import_rates *base)
{
	for (unsigned i = 0; i < USAGE_FIRST_UNIT; i++) {
		enum usage_bucket b = (enum usage_bucket)i;
		pico_usd v = grown(base, to, b);

		if (import_has(base, b) && !import_has(to, b))
			import_put(to, b, v >= 0 ? v : base->v[b]);
	}
}

static struct import_step *step_at(struct import_plan *p, uint64_t above)
{
	unsigned i = 0;

	while (i < p->n_steps && p->steps[i].above < above)
		i++;
	if (i < p->n_steps && p->steps[i].above == above)
		return &p->steps[i];
	if (p->n_steps == IMPORT_STEPS)
		return NULL;
	memmove(&p->steps[i + 1], &p->steps[i], (p->n_steps - i) * sizeof p->steps[0]);
	p->steps[i] = (struct import_step){ .above = above };
	p->n_steps++;
	return &p->steps[i];
}

/* A step of p that `base` has: base's step, grown as p's own rates over base's. */
static void derive_step(struct import_step *s, const struct import_plan *p,
	const struct import_plan *base, const struct import_step *like)
{
	for (unsigned i = 0; i < USAGE_FIRST_UNIT; i++) {
		enum usage_bucket b = (enum usage_bucket)i;

		if (import_has(&s->rates, b) || !import_has(&p->rates, b))
			continue;
		if (import_has(&like->rates, b) && import_has(&base->rates, b) &&
			base->rates.v[b] > 0)
			import_put(&s->rates, b,
				import_ratio(like->rates.v[b], p->rates.v[b], base->rates.v[b]));
		else
			import_put(&s->rates, b, p->rates.v[b]);
	}
}

/* Every step has what the plan has; what nothing is known about costs what it does without it. */
static void fill_steps(struct import_plan *p)
{
	for (unsigned i = 0; i < p->n_steps; i++)
		for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++)
			if (import_has(&p->rates, (enum usage_bucket)b) &&
				!import_has(&p->steps[i].rates, (enum usage_bucket)b))
				import_put(&p->steps[i].rates, (enum usage_bucket)b, p->rates.v[b]);
}

void import_plan_fill(struct import_plan *p, const struct import_plan *base)
{
	fill_rates(&p->rates, &base->rates);
	for (unsigned b = USAGE_FIRST_UNIT; b < USAGE__MAX; b++)
		if (import_has(&base->rates, (enum usage_bucket)b) &&
			!import_has(&p->rates, (enum usage_bucket)b))
			import_put(&p->rates, (enum usage_bucket)b, base->rates.v[b]);
	for (unsigned i = 0; i < base->n_steps; i++) {
		struct import_step *s = step_at(p, base->steps[i].above);

		if (s != NULL)
			derive_step(s, p, base, &base->steps[i]);
	}
	fill_steps(p);
}

void import_plan_scale(struct import_plan *p, const struct import_plan *base,
	const struct import_plan *plain, const struct import_plan *base_plain)
{
	for (unsigned i = 0; i < USAGE__MAX; i++) {
		enum usage_bucket b = (enum usage_bucket)i;
		pico_usd v = base->rates.v[b];

		if (!import_has(&base->rates, b) || import_has(&p->rates, b))
			continue;
		if (import_has(&plain->rates, b) && import_has(&base_plain->rates, b) &&
			base_plain->rates.v[b] > 0)
			v = import_ratio(v, plain->rates.v[b], base_plain->rates.v[b]);
		import_put(&p->rates, b, v);
	}
	for (unsigned b = 0; b < USAGE__MAX; b++)
		if (import_has(&plain->rates, (enum usage_bucket)b) &&
			!import_has(&p->rates, (enum usage_bucket)b))
			import_put(&p->rates, (enum usage_bucket)b, plain->rates.v[b]);
	for (unsigned i = 0; i < base->n_steps; i++) {
		struct import_step *s = step_at(p, base->steps[i].above);

		if (s != NULL)
			derive_step(s, p, base, &base->steps[i]);
	}
	fill_steps(p);
}

/* ---- Claude's cache writes */

/* Five minutes are in the map; an hour costs twice what input does, with every vendor. */
static void complete_hour(struct completing *c, struct import_rates *r, const char *at)
{
	pico_usd hour;

	if (!import_has(r, USAGE_IN_CACHE_WRITE_5M) || !import_has(r, USAGE_IN))
		return;
	hour = 2 * r->v[USAGE_IN];
	if (import_has(r, USAGE_IN_CACHE_WRITE_1H) && r->v[USAGE_IN_CACHE_WRITE_1H] == hour)
		return;
	import_note_add(c->im, c->e->name,
		"%s%sinput_cache_write_1h set to %s, twice the input%s%s", c->where, at,
		import_price(c->im, USAGE_IN, hour),
		import_has(r, USAGE_IN_CACHE_WRITE_1H) ? "; the map says " : "",
		import_has(r, USAGE_IN_CACHE_WRITE_1H)
			? import_price(c->im, USAGE_IN, r->v[USAGE_IN_CACHE_WRITE_1H])
			: "");
	import_put(r, USAGE_IN_CACHE_WRITE_1H, hour);
}

/* ---- long-context steps */

static const char *step_name(struct completing *c, const struct import_step *s)
{
	return import_text(c->im, "above %llu: ", (unsigned long long)s->above);
}

/* s restates exactly the buckets of `whole`. */
static void complete_step(
	struct completing *c, struct import_step *s, const struct import_rates *whole)
{
	for (unsigned i = 0; i < USAGE_FIRST_UNIT; i++) {
		enum usage_bucket b = (enum usage_bucket)i;
		pico_usd v;

		if (import_has(&s->rates, b) && !import_has(whole, b)) {
			import_note_add(c->im, c->e->name,
				"%s%s%s left out: the plain price has none", c->where,
				step_name(c, s), usage_bucket_name(b));
			import_drop(&s->rates, b);
		}
		if (import_has(&s->rates, b) || !import_has(whole, b))
			continue;
		v = grown(whole, &s->rates, b);
		if (v < 0)
			v = whole->v[b];
		import_note_add(c->im, c->e->name, "%s%s%s set to %s, as %s grows", c->where,
			step_name(c, s), usage_bucket_name(b), import_price(c->im, b, v),
			usage_bucket_name(root_of(b)));
		import_put(&s->rates, b, v);
	}
}

static void complete_steps(struct completing *c, struct import_plan *p)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < p->n_steps; i++) {
		struct import_step *s = &p->steps[i];

		if (!import_has(&s->rates, USAGE_IN) && !import_has(&s->rates, USAGE_OUT)) {
			import_note_add(c->im, c->e->name,
				"%s%sleft out: prices neither input nor output", c->where,
				step_name(c, s));
			continue;
		}
		complete_step(c, s, &p->rates);
		if (s->rates.has != 0)
			p->steps[kept++] = *s;
	}
	p->n_steps = kept;
}

/* ---- service tiers */

/* A bucket that a dearer tier does not name grows with it; with a cheaper one it stays. */
static void complete_service_rates(
	struct completing *c, struct import_plan *p, const struct import_plan *plain)
{
	for (unsigned i = 0; i < USAGE_FIRST_UNIT; i++) {
		enum usage_bucket b = (enum usage_bucket)i;
		pico_usd v = grown(&plain->rates, &p->rates, b);

		if (import_has(&p->rates, b) || !import_has(&plain->rates, b))
			continue;
		if (v <= plain->rates.v[b]) {
			import_put(&p->rates, b, plain->rates.v[b]);
			continue;
		}
		import_note_add(c->im, c->e->name, "%s%s set to %s, as %s grows", c->where,
			usage_bucket_name(b), import_price(c->im, b, v),
			usage_bucket_name(root_of(b)));
		import_put(&p->rates, b, v);
	}
	for (unsigned b = USAGE_FIRST_UNIT; b < USAGE__MAX; b++)
		if (import_has(&plain->rates, (enum usage_bucket)b) &&
			!import_has(&p->rates, (enum usage_bucket)b))
			import_put(&p->rates, (enum usage_bucket)b, plain->rates.v[b]);
}

static void complete_service(
	struct completing *c, struct import_plan *p, const struct import_plan *plain)
{
	if (import_plan_empty(p))
		return;
	complete_service_rates(c, p, plain);
	for (unsigned i = 0; i < plain->n_steps; i++) {
		struct import_step *s = step_at(p, plain->steps[i].above);

		if (s == NULL)
			continue;
		if ((s->rates.has & p->rates.has) !=
			(p->rates.has & (((uint64_t)1 << USAGE_FIRST_UNIT) - 1)))
			import_note_add(c->im, c->e->name,
				"%s%scompleted in proportion to the plain long-context price",
				c->where, step_name(c, s));
		derive_step(s, p, plain, &plain->steps[i]);
	}
	complete_steps(c, p);
}

/* What image models put out is image tokens, also where usage does not say so. */
static void complete_image_output(struct completing *c)
{
	struct import_rates *r = &c->e->plan[SERVICE_STANDARD].rates;

	if (c->e->mode == NULL || strcmp(c->e->mode, "image_generation") != 0 ||
		!import_has(r, USAGE_OUT_IMAGE) || import_has(r, USAGE_OUT))
		return;
	import_note_add(c->im, c->e->name, "output set to %s, as output_image",
		import_price(c->im, USAGE_OUT, r->v[USAGE_OUT_IMAGE]));
	import_put(r, USAGE_OUT, r->v[USAGE_OUT_IMAGE]);
}

static void complete_entry(struct import *im, struct import_entry *e)
{
	struct completing c = { .im = im, .e = e, .where = "" };
	struct import_plan *plain = &e->plan[SERVICE_STANDARD];

	complete_image_output(&c);
	for (unsigned t = 0; t < SERVICE__MAX; t++) {
		struct import_plan *p = &e->plan[t];

		c.where = t > 0 ? import_text(im, "%s: ", service_tier_name((enum service_tier)t))
				: "";
		complete_hour(&c, &p->rates, "");
		for (unsigned i = 0; i < p->n_steps; i++)
			complete_hour(&c, &p->steps[i].rates, step_name(&c, &p->steps[i]));
	}
	c.where = "";
	complete_steps(&c, plain);
	for (unsigned t = SERVICE_STANDARD + 1; t < SERVICE__MAX; t++) {
		c.where = import_text(im, "%s: ", service_tier_name((enum service_tier)t));
		complete_service(&c, &e->plan[t], plain);
	}
	if (e->variant[0] != '\0' ? import_plan_empty(plain)
				  : !e->free && import_plan_empty(plain) && e->variants == NULL)
		import_refuse(e, "prices of service tiers or long contexts, and no plain one");
}

void import_complete(struct import *im)
{
	for (size_t i = 0; i < im->n; i++)
		if (im->v[i].state == IMPORT_ENTRY)
			complete_entry(im, &im->v[i]);
}
