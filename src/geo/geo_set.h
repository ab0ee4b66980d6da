/*
 * geo_set.h: where a client is, and sets of places: countries (ISO 3166-1 codes), the European
 * Union, networks (autonomous systems), and "unknown". A set is built with the configuration and
 * asked by workers; asking costs the same for one country as for all.
 */
#ifndef TG_GEO_GEO_SET_H
#define TG_GEO_GEO_SET_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct geo_place {
	char country[2]; /* "DE"; zero: unknown */
	bool eu;         /* a member of the European Union, or a part of one */
	uint32_t asn;    /* 0: unknown */
};

enum geo_word_kind { GEO_COUNTRY, GEO_EU, GEO_ASN, GEO_UNKNOWN };

struct geo_word {
	enum geo_word_kind kind;
	char country[2];
	uint32_t asn;
};

#define GEO_SET_WORDS ((26 * 26 + 63) / 64)
struct geo_set { /* zeroed: empty */
	uint64_t country[GEO_SET_WORDS];
	bool eu, unknown;
	size_t n_asn;
	uint32_t *asn; /* ascending */
};

/* "de", "EU", "AS64496" or "unknown". -1 with *why: what would be right. */
int geo_word_parse(struct str text, struct geo_word *out, const char **why) TG_MUST_CHECK;
/* Words that geo_word_parse takes, as a set; its memory comes from a. -1: a is full. */
int geo_set_build(
	struct geo_set *s, struct arena *a, const struct str *word, size_t n) TG_MUST_CHECK;
/* `unknown` is a place without a country, whatever network it is in. */
bool geo_set_has(const struct geo_set *s, const struct geo_place *p);
/* Is the place what that word says? A word that is none has no place. */
bool geo_word_has(struct str word, const struct geo_place *p);
/* A country's code of two letters in capitals; eu_flag: what a database says besides. */
bool geo_is_eu(const char country[2], bool eu_flag);

#endif
