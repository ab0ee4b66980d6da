/*
 * pricebook_int.h: between the price book's store (pricebook.c), the readers of its files
 * (pricebook_json.c, price_json.c) and what completes an entry (price_plan.c). Nobody else includes
 * it. Load time only: one thread.
 */
#ifndef TG_MONEY_PRICEBOOK_INT_H
#define TG_MONEY_PRICEBOOK_INT_H

#include "base/arena.h"
#include "base/map.h"
#include "money/pricebook.h"

#define PRICE_MAX_STEPS 8
#define PRICE_MAX_NAMED 256 /* variants, regions or uplifts of an entry */

struct price_entry { /* a price and how many names still lead to it */
	struct price price;
	unsigned n_names;
	struct price_entry *next; /* file order */
};

struct pricebook {
	unsigned magic;
#define PRICEBOOK_MAGIC 0x50524943
	struct arena arena; /* owns entries, rates, names and all text */
	struct map names;   /* "provider/model" -> struct price_name */
	struct price_entry *first, **tail;
	const struct price **list; /* what pricebook_at shows */
	size_t n;
	struct price *estimate;
	struct str last_text[4]; /* sources and days repeat from entry to entry */
	unsigned next_text;
};

/* arena_zalloc and arena_dup for a book, whose arena has no maximum. */
void *pricebook_alloc(struct pricebook *b, size_t n);
struct str pricebook_dup(struct pricebook *b, struct str s);
/* The same for text that neighbours share. */
struct str pricebook_dup_shared(struct pricebook *b, struct str s);

/* A new entry at the end of the book; names lead to it once put. */
struct price_entry *pricebook_entry_new(struct pricebook *b);
/*
 * Let provider/model lead to e. Names of earlier files (lower file_no) are replaced; in the same
 * file a name may have several entries that differ in `valid_from`: -1 when two are in force from
 * the same day.
 */
int pricebook_put(struct pricebook *b, struct str model, struct price_entry *e,
	unsigned file_no) TG_MUST_CHECK;

/* ---- price_plan.c */

struct rate_set { /* rates while they are gathered */
	uint64_t has;
	pico_usd v[USAGE__MAX];
};
#define RATE_BIT(b)      ((uint64_t)1 << (b))
#define RATE_TOKENS_MASK (RATE_BIT(USAGE_FIRST_UNIT) - 1)

struct plan_set { /* a plan while it is gathered */
	struct rate_set rates;
	struct step_set {
		uint64_t above;
		struct rate_set rates;
	} steps[PRICE_MAX_STEPS];
	unsigned n_steps;
	bool has_request;
	pico_usd per_request;
};

static inline void rate_set_put(struct rate_set *s, enum usage_bucket b, pico_usd v)
{
	s->has |= RATE_BIT(b);
	s->v[b] = v;
}

/* What `own` states, over what `base` has. */
void rate_set_over(struct rate_set *own, const struct rate_set *base);
/* The steps of another tier's plan for one that states none: for each bucket the dearer of the step
 * and the plan's own rate. */
void plan_set_inherit_steps(struct plan_set *own, const struct plan_set *base);
/* The compact form, in the book. */
struct price_rates price_rates_new(struct pricebook *b, const struct rate_set *s);
const struct price_plan *price_plan_new(struct pricebook *b, const struct plan_set *s);
/* Everything that is stated is in p: work out its worst case and its version. */
void price_finish(struct pricebook *b, struct price *p);
/* The conservative price. */
struct price *price_estimate_new(struct pricebook *b, const struct pricebook_estimate_terms *t);

/* ---- price_json.c, pricebook_json.c */

struct json_t;
struct price_reader {
	struct pricebook *book;
	const char *file;
	bool older; /* it is of PRICEBOOK_FORMAT_OLDER */
	unsigned file_no;
	size_t index;                 /* of the entry being read */
	const char *provider, *model; /* its key once known, for errors */
	char *err;
	size_t err_len;
};

/* Always -1, so that a check can `return price_fail(...)`: "file: prices[3] (openai gpt-4o): ..."
 */
int price_fail(struct price_reader *r, const char *fmt, ...) TG_PRINTF(2, 3);
/* Read entry r->index, whose JSON is `e` (a json_t). */
int price_read_entry(struct price_reader *r, const struct json_t *e) TG_MUST_CHECK;

/* Read one file's text into b. -1 with err: "name: prices[3] (openai gpt-4o): what is wrong". */
int pricebook_read(struct pricebook *b, struct str json, const char *name, unsigned file_no,
	char *err, size_t err_len) TG_MUST_CHECK;

#endif
