/*
 * pricebook.h: which price applies to which model, and what usage costs by it. Loaded from our own
 * versioned JSON format (docs/reference/prices.md; conf/prices.json is the built-in book),
 *immutable afterwards, read from any thread.
 *
 *	price --> plan of the service tier --> long-context step --> rate of the bucket, or its
 *parent's |           a variant's or region's own rate goes before these
 *	  `--> uplift of the region, once, on the sum
 */
#ifndef TG_MONEY_PRICEBOOK_H
#define TG_MONEY_PRICEBOOK_H

#include <stdbool.h>

#include "base/clock.h"
#include "money/capability.h"
#include "money/money.h"
#include "money/usage.h"

enum service_tier {
#define X(id, name) SERVICE_##id,
#include "money/tbl/service_tiers.h"
#undef X
	SERVICE__MAX
};
/* "standard", "flex", ... */
const char *service_tier_name(enum service_tier t);
/*
 * A provider's word for it, in any case: "", "default", "standard", "auto", "on_demand" are
 * standard; "fast" is priority, which Anthropic's "priority" (capacity bought in advance) is not.
 * -1 (*out untouched): a tier nobody has a price for, such as "scale".
 */
int service_tier_of(struct str provider, struct str word, enum service_tier *out) TG_MUST_CHECK;

struct price_rates {       /* what buckets cost, as far as it is stated */
	uint64_t has;      /* bit b: bucket b is */
	const pico_usd *v; /* in the order of the buckets, one for each bit: per token, or per
			      whatever the bucket counts */
};

struct price_step {     /* the whole request switches when its total input exceeds `above` tokens */
	uint64_t above; /* ascending */
	struct price_rates rates;
};

struct price_plan { /* what one way of asking costs, completed from the entry's other plans */
	struct price_rates rates; /* units are only here, never in steps */
	const struct price_step *steps;
	unsigned n_steps;
	bool has_request;
	pico_usd per_request;
};

struct price_variant {   /* rates that go before a plan's */
	struct str name; /* "1024x1024"; "hd/1024x1792": quality, then size */
	struct price_rates rates;
	bool has_request;
	pico_usd per_request;
};

struct price_region { /* plans that go before the price's own */
	struct str name;
	const struct price_plan *plan[SERVICE__MAX]; /* STANDARD is always there */
};

struct price_uplift {
	struct str region;
	int64_t basis_points;
};

struct price_worst { /* the dearest that any plan, step, layer and uplift makes of it */
	bool has_in, has_out;
	pico_usd in, out; /* any token of that side */
	struct price_rates units;
	pico_usd per_request;
	int64_t uplift_bp;
};

struct price {
	struct str provider, model;     /* "openai", and the model's id at that provider */
	struct str source, date;        /* where the figures were read, and when (ISO date) */
	wall_us valid_from;             /* in force from this day on, 00:00 UTC; 0: always */
	bool free;                      /* costs nothing, and the file says so in as many words */
	uint64_t max_input, max_output; /* tokens; 0: not known */
	struct capabilities capable;
	const struct price_plan
		*plan[SERVICE__MAX]; /* STANDARD is always there; NULL: none of its own */
	const struct price_variant *variants;
	const struct price_region *regions;
	const struct price_uplift *uplifts;
	unsigned n_variants, n_regions, n_uplifts;
	struct price_worst worst;
	uint64_t version; /* price_version() */
};

struct pricebook;

/* What a file begins with: {"format": this, ... The older one has no "capabilities". */
#define PRICEBOOK_FORMAT       "tollgate-prices/3"
#define PRICEBOOK_FORMAT_OLDER "tollgate-prices/2"

/* A price per million tokens or per unit that stands in where no entry is found. */
struct pricebook_estimate_terms {
	pico_usd input,
		output;   /* per token, at most ..._MAX; 0: the default, PRICEBOOK_ESTIMATE_* */
	pico_usd request; /* 0: none */
};
#define PRICEBOOK_ESTIMATE_INPUT  INT64_C(30000000)  /* 30 USD per million tokens */
#define PRICEBOOK_ESTIMATE_OUTPUT INT64_C(150000000) /* 150 USD per million tokens */
#define PRICEBOOK_ESTIMATE_MAX    PICO_PER_USD       /* of either: 1 USD a token */
/* Audio is estimated at so many times the price of text. */
#define PRICEBOOK_ESTIMATE_AUDIO_INPUT  4
#define PRICEBOOK_ESTIMATE_AUDIO_OUTPUT 2

struct pricebook_spec {
	const char *const *paths;   /* files; for a name that several have, the last one speaks */
	size_t n_paths;             /* 0: the built-in book */
	struct str overrides;       /* text of one more file, which comes last; may be empty */
	const char *overrides_name; /* for errors */
	struct pricebook_estimate_terms estimate;
};

/* err names file and entry. Any thread. */
struct pricebook *pricebook_build(
	const struct pricebook_spec *spec, char *err, size_t err_len) TG_MUST_CHECK;
/* Only files. n 0: the price book that was built in (conf/prices.json). */
struct pricebook *pricebook_load(
	const char *const *paths, size_t n, char *err, size_t err_len) TG_MUST_CHECK;
/* From memory; name is used in errors. */
struct pricebook *pricebook_parse(
	struct str json, const char *name, char *err, size_t err_len) TG_MUST_CHECK;
void pricebook_free(struct pricebook *b);
/* The text of the built-in price book. */
struct str pricebook_builtin(void);

/*
 * The price of a model at a provider at a moment: exact id or alias first, then the id without a
 * trailing date
 * ("gpt-4o-mini-2024-07-18" -> "gpt-4o-mini", "claude-sonnet-4-5-20250929", "...@20250929"; a later
 * file's undated name goes before an earlier file's dated one), then a
 * fine-tuned model's base ("ft:gpt-4o-mini-2024-07-18:org::id" -> "ft:gpt-4o-mini-2024-07-18").
 * NULL when unknown: never free. Valid as long as the book: a request finds its price once, at its
 * start, and keeps it.
 */
const struct price *pricebook_find_at(
	const struct pricebook *b, struct str provider, struct str model, wall_us at);
/* The same for now. */
const struct price *pricebook_find(
	const struct pricebook *b, struct str provider, struct str model);
/* Until then every answer for `at` stays what it is; INT64_MAX when nothing becomes valid later. */
wall_us pricebook_next_change(const struct pricebook *b, wall_us at);
/* A model's id without the date at its end; the whole id when there is none. */
struct str pricebook_undated(struct str model);
/*
 * The stated price for models that no entry has: dearer than nearly everything in the book, and
 * every bucket is priced. docs/reference/prices.md lists its figures. Never NULL.
 */
const struct price *pricebook_estimate(const struct pricebook *b);
/* Every price that some name leads to, in file order (all versions of a dated one). */
size_t pricebook_size(const struct pricebook *b);
const struct price *pricebook_at(const struct pricebook *b, size_t i);

struct rate_terms { /* what a price depends on besides usage; zeroed: a plain request */
	enum service_tier tier;
	struct str region;  /* the target's, or what the answer said (inference_geo) */
	struct str variant; /* of an image or video: "1024x1024", "hd/1024x1792", "1080p" */
};

enum price_flag {
	PRICE_PARENT = 1,     /* a bucket had no price of its own: its parent's was used */
	PRICE_TIER = 2,       /* a long-context price applied */
	PRICE_SERVICE = 4,    /* the service tier has no price here: the standard one was used */
	PRICE_VARIANT = 8,    /* the variant is not listed: the dearest listed one was used */
	PRICE_REGION = 16,    /* a region's own price or uplift applied */
	PRICE_ESTIMATED = 32, /* something had no price: the estimate stands in */
};
/*
 * Exact cost of usage u under p in pico-USD; an uplift is rounded up, once, on the sum. (Of no
 * usage: per_request alone; whether usage is known at all is u->source, which the caller looks at
 * first.) t NULL: a plain request. 0, or -1 when a used bucket has no price at all or the result
 * overflows (the caller treats both as "unpriced", never as 0); then *out and *flags are untouched.
 * *flags may be NULL.
 *
 * Of variants the exact name counts, then, for a size alone, "standard/" and the size, then the
 * size or the quality alone; a name that is not listed costs what the dearest does.
 */
int price_cost(const struct price *p, const struct usage *u, const struct rate_terms *t,
	pico_usd *out, unsigned *flags) TG_MUST_CHECK;
/*
 * The same, but what p has no price for is charged at `estimate` (pricebook_estimate) and flagged
 * PRICE_ESTIMATED. p NULL: all of it is, a request's price included. -1: overflow.
 */
int price_cost_or_estimate(const struct price *p, const struct price *estimate,
	const struct usage *u, const struct rate_terms *t, pico_usd *out,
	unsigned *flags) TG_MUST_CHECK;
/*
 * At most this: every input token of `most` at the dearest input rate that any bucket, long-context
 * step, service tier, region or uplift could make of it, every output token at the dearest output
 * rate, units likewise. No usage whose input, output and units (a family such as web searches taken
 * together) are within `most` costs more, whatever the terms. -1: overflow, or no price for
 * something in it.
 */
int price_bound(const struct price *p, const struct usage *most, pico_usd *out) TG_MUST_CHECK;
/* The same for price_cost_or_estimate. -1: overflow. */
int price_bound_or_estimate(const struct price *p, const struct price *estimate,
	const struct usage *most, pico_usd *out) TG_MUST_CHECK;
/*
 * A digest of what the entry says about money, with its provider and model: the same figures in
 * another book (or from another day on) have the same version. Never 0.
 */
uint64_t price_version(const struct price *p);
/* The buckets that a plain request is priced in, as bits; of a price that has only variants,
 * theirs. */
uint64_t price_buckets(const struct price *p);
/* Tokens; 0: not known. */
uint64_t price_max_input(const struct price *p);
uint64_t price_max_output(const struct price *p);

/* The rate of bucket b as stated; false when it is not. */
static inline bool price_rate(const struct price_rates *r, enum usage_bucket b, pico_usd *out)
{
	uint64_t bit = (uint64_t)1 << b;

	if ((r->has & bit) == 0)
		return false;
	*out = r->v[__builtin_popcountll(r->has & (bit - 1))];
	return true;
}

#endif
