/*
 * pricebook_int.h: between the price book's store (pricebook.c) and the reader of its files
 * (pricebook_json.c). Nobody else includes it. Load time only: one thread.
 */
#ifndef TG_MONEY_PRICEBOOK_INT_H
#define TG_MONEY_PRICEBOOK_INT_H

#include "base/arena.h"
#include "base/map.h"
#include "money/pricebook.h"

struct price_entry { /* a price and how many names still lead to it */
	struct price price;
	unsigned n_names;
	struct price_entry *next; /* file order */
};

struct pricebook {
	unsigned magic;
#define PRICEBOOK_MAGIC 0x50524943
	struct arena arena; /* owns entries, tiers, names and all text */
	struct map names;   /* "provider/model" -> struct price_name */
	struct price_entry *first, **tail;
	const struct price **list; /* what pricebook_at shows */
	size_t n;
};

/* arena_zalloc and arena_dup for a book, whose arena has no maximum. */
void *pricebook_alloc(struct pricebook *b, size_t n);
struct str pricebook_dup(struct pricebook *b, struct str s);

/* A new entry at the end of the book; names lead to it once put. */
struct price_entry *pricebook_entry_new(struct pricebook *b);
/*
 * Let provider/model lead to e. Names of earlier files (lower file_no) are replaced; in the same
 * file a name may have several entries that differ in `from`: -1 when two are in force from the
 * same day.
 */
int pricebook_put(struct pricebook *b, struct str model, struct price_entry *e,
	unsigned file_no) TG_MUST_CHECK;

/* Read one file's text into b. -1 with err: "name: prices[3] (openai gpt-4o): what is wrong". */
int pricebook_read(struct pricebook *b, struct str json, const char *name, unsigned file_no,
	char *err, size_t err_len) TG_MUST_CHECK;

#endif
