/*
 * prices_import.h: a foreign price map on its way to a price file of ours.
 *
 *	litellm.c          map  --> entries, one for each of the map's
 *	litellm_names.c    "azure/eu/gpt-5" --> provider azure, model gpt-5, region eu
 *	import_complete.c  what an entry leaves open, by the vendor's own scheme or in proportion
 *	import_merge.c     sizes and regions into their models, duplicates out
 *	import_write.c     corrections, and the file
 *
 * What cannot be converted is refused with its reason, what was derived or changed is noted:
 *nothing is dropped in silence. One import at a time; everything is in its arena.
 */
#ifndef TG_CTL_PRICES_IMPORT_H
#define TG_CTL_PRICES_IMPORT_H

#include <jansson.h>
#include <stdio.h>

#include "base/arena.h"
#include "ctl/decimal.h"
#include "money/pricebook.h"

#define IMPORT_STEPS      4
#define IMPORT_UPLIFTS    4
#define IMPORT_NAME       256
#define IMPORT_FACTOR_MAX 1000000 /* of an uplift, in basis points: a hundred times */

struct import_rates {
	uint64_t has;
	pico_usd v[USAGE__MAX];
};

struct import_plan {
	struct import_rates rates;
	struct import_step {
		uint64_t above;
		struct import_rates rates;
	} steps[IMPORT_STEPS]; /* ascending */
	unsigned n_steps;
	bool has_request;
	pico_usd per_request;
};

struct import_named { /* a variant or region of a model */
	const char *name;
	struct import_plan plan[SERVICE__MAX];
	struct import_named *next;
};

struct import_uplift {
	const char *region;
	int64_t basis_points;
};

enum import_state {
	IMPORT_ENTRY,   /* becomes an entry */
	IMPORT_VARIANT, /* a size or quality of one */
	IMPORT_REGION,  /* a region of one */
	IMPORT_TOOL,    /* a tool's price, put into the provider's models */
	IMPORT_SAME,    /* says what another one says */
	IMPORT_REFUSED, /* not converted: `why` */
	IMPORT_OTHER,   /* of a provider that was not asked for */
};

struct import_entry {
	const char *name; /* in the map */
	enum import_state state;
	const char *why, *mode, *litellm_provider;
	const char *provider, *model;
	const char *variant, *region; /* "" when not */
	bool free;
	struct import_plan plan[SERVICE__MAX];
	struct import_uplift uplifts[IMPORT_UPLIFTS];
	unsigned n_uplifts;
	struct import_named *variants, *regions;
	uint64_t max_input, max_output;
	struct capabilities capable;
};

struct import_note {
	const char *name, *text;
	struct import_note *next;
};

struct import {
	struct arena arena;
	json_t *map; /* numbers are strings */
	const char *source, *date;
	struct import_entry *v; /* room for twice the map's: models that only have variants */
	size_t n, map_size;
	struct import_note *notes, **notes_tail;
	size_t n_notes;
	json_t *entries; /* of the file, as objects */
	size_t dated;    /* entries left out because their undated name says the same */
	size_t corrected;
};

/* ---- used by the files above */

void *import_alloc(struct import *im, size_t n);
const char *import_text(struct import *im, const char *fmt, ...) TG_PRINTF(2, 3);
void import_note_add(struct import *im, const char *name, const char *fmt, ...) TG_PRINTF(3, 4);
void import_refuse(struct import_entry *e, const char *why);
/* "0.15" USD: per million tokens, or per unit. */
const char *import_price(struct import *im, enum usage_bucket b, pico_usd v);

static inline bool import_has(const struct import_rates *r, enum usage_bucket b)
{
	return (r->has >> b & 1) != 0;
}
static inline void import_put(struct import_rates *r, enum usage_bucket b, pico_usd v)
{
	r->has |= (uint64_t)1 << b;
	r->v[b] = v;
}
static inline void import_drop(struct import_rates *r, enum usage_bucket b)
{
	r->has &= ~((uint64_t)1 << b);
}
static inline bool import_plan_empty(const struct import_plan *p)
{
	return p->rates.has == 0 && p->n_steps == 0 && !p->has_request;
}
/* v * num / den, rounded up; saturated. */
pico_usd import_ratio(pico_usd v, pico_usd num, pico_usd den);
/* Fill what `p` lacks and `base` has, in proportion to input or output. */
void import_plan_fill(struct import_plan *p, const struct import_plan *base);

/* Fill what a region's service tier `p` lacks and `base` has, as `plain` is to `base_plain`. */
void import_plan_scale(struct import_plan *p, const struct import_plan *base,
	const struct import_plan *plain, const struct import_plan *base_plain);

/* ---- the steps, in this order */

void import_init(struct import *im);
void import_fini(struct import *im);
/* Read a map (of `source`, taken on `date`) and convert its entries one by one. -1 with err. */
int import_litellm(struct import *im, struct str text, char *err, size_t err_len) TG_MUST_CHECK;
/* Provider, model, variant and region of an entry; refused when it is no model. */
void import_litellm_name(struct import *im, struct import_entry *e, const char *litellm_provider);
void import_complete(struct import *im);
void import_merge(struct import *im);
/* Make im->entries. corrections (may be NULL): its text and name. -1 with err. */
int import_finish(struct import *im, struct str corrections, const char *name, char *err,
	size_t err_len) TG_MUST_CHECK;
/* One line; and everything: coverage, what was refused and why, every note. */
void import_summary(const struct import *im, FILE *f);
void import_report(const struct import *im, FILE *f);
/* The file: malloc'd. */
char *import_render(const struct import *im, const char *note);

#endif
