/*
 * pricebook.h: which price applies to which model. Loaded from our own versioned JSON format
 * (conf/prices.json, every entry with source and date), immutable afterwards, read from any thread.
 */
#ifndef TG_MONEY_PRICEBOOK_H
#define TG_MONEY_PRICEBOOK_H

#include <stdbool.h>

#include "base/clock.h"
#include "money/money.h"
#include "money/usage.h"

struct price {
	struct str provider,
		model; /* key: provider dialect name ("openai") and model id or prefix */
	bool has[USAGE__MAX];
	pico_usd unit[USAGE__MAX]; /* pico-USD per token, or per whatever the bucket counts */
	bool has_request;
	pico_usd per_request;
	struct str source, date; /* where the figure was read, and when (ISO date) */
	wall_us from;            /* in force from this day on, 00:00 UTC; 0: always */
	bool free;          /* every bucket costs nothing, and the file says so in as many words */
	struct price_tier { /* the whole request switches when total input exceeds `above` tokens */
		uint64_t above; /* ascending; a tier restates every bucket the price itself has */
		bool has[USAGE__MAX];
		pico_usd unit[USAGE__MAX];
	} * tiers;
	unsigned n_tiers;
};

struct pricebook;

/*
 * Load and merge files: for a model name (or alias) that several files have, the last file's prices
 * replace all earlier ones. n 0: the price book that was built in (conf/prices.json). err names
 * file and entry.
 */
struct pricebook *pricebook_load(
	const char *const *paths, size_t n, char *err, size_t err_len) TG_MUST_CHECK;
/* From memory (tests); name is used in errors. */
struct pricebook *pricebook_parse(
	struct str json, const char *name, char *err, size_t err_len) TG_MUST_CHECK;
void pricebook_free(struct pricebook *b);
/* The text of the built-in price book. */
struct str pricebook_builtin(void);

/*
 * The price of a model at a provider at a moment: exact id or alias first, then the id without a
 * trailing date
 * ("gpt-4o-mini-2024-07-18" -> "gpt-4o-mini", "claude-sonnet-4-5-20250929", "...@20250929"), then a
 * fine-tuned model's base ("ft:gpt-4o-mini-2024-07-18:org::id" -> "ft:gpt-4o-mini-2024-07-18").
 * NULL when unknown: never free. Valid as long as the book: a request finds its price once, at its
 * start, and keeps it.
 */
const struct price *pricebook_find_at(
	const struct pricebook *b, struct str provider, struct str model, wall_us at);
/* The same for now. */
const struct price *pricebook_find(
	const struct pricebook *b, struct str provider, struct str model);
/* Every price that some name leads to, in file order (all versions of a dated one). */
size_t pricebook_size(const struct pricebook *b);
const struct price *pricebook_at(const struct pricebook *b, size_t i);

enum price_flag {
	PRICE_PARENT = 1, /* a bucket had no price of its own: its parent's was used */
	PRICE_TIER = 2,   /* a long-context tier applied */
};
/*
 * Exact cost of usage u under p in pico-USD (of no usage: per_request alone; whether usage is known
 * at all is u->source, which the caller looks at first). 0, or -1 when a used bucket has no price
 * at all or the result overflows (the caller treats both as "unpriced", never as 0). *flags may be
 * NULL.
 */
int price_cost(
	const struct price *p, const struct usage *u, pico_usd *out, unsigned *flags) TG_MUST_CHECK;

#endif
