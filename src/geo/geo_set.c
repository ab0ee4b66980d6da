/* geo_set.c: see geo_set.h. Pure. */
#include <stdlib.h>

#include "base/num.h"
#include "geo/geo_set.h"

/* Second letters of the codes of ISO 3166-1, by the first. */
static const char *const second_letters[26] = {
	"DEFGILMOQRSTUWXZ",        /* A */
	"ABDEFGHIJLMNOQRSTVWYZ",   /* B */
	"ACDFGHIKLMNORUVWXYZ",     /* C */
	"EJKMOZ",                  /* D */
	"CEGHRST",                 /* E */
	"IJKMOR",                  /* F */
	"ABDEFGHILMNPQRSTUWY",     /* G */
	"KMNRTU",                  /* H */
	"DELMNOQRST",              /* I */
	"EMOP",                    /* J */
	"EGHIMNPRWYZ",             /* K */
	"ABCIKRSTUVY",             /* L */
	"ACDEFGHKLMNOPQRSTUVWXYZ", /* M */
	"ACEFGILOPRUZ",            /* N */
	"M",                       /* O */
	"AEFGHKLMNRSTWY",          /* P */
	"A",                       /* Q */
	"EOSUW",                   /* R */
	"ABCDEGHIJKLMNORSTVXYZ",   /* S */
	"CDFGHJKLMNORTVWZ",        /* T */
	"AGMSYZ",                  /* U */
	"ACEGINU",                 /* V */
	"FS",                      /* W */
	"K",                       /* X: no ISO code, but what databases call Kosovo */
	"ET",                      /* Y */
	"AMW",                     /* Z */
};

/* Members of the European Union. Databases say it too, and also of parts that have a code of their
 * own, but not all of them do. */
static const char eu_members[] =
	"AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK";

static bool is_country(const char c[2])
{
	return c[0] >= 'A' && c[0] <= 'Z' && c[1] >= 'A' && c[1] <= 'Z' &&
	       strchr(second_letters[c[0] - 'A'], c[1]) != NULL;
}

bool geo_is_eu(const char country[2], bool eu_flag)
{
	for (const char *p = eu_members; *p != '\0'; p += p[2] == ' ' ? 3 : 2)
		if (memcmp(p, country, 2) == 0)
			return true;
	return eu_flag;
}

static char upper(char c)
{
	return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static int asn_parse(struct str digits, struct geo_word *out, const char **why)
{
	uint64_t n;

	*why = "a network is AS and its number from 1 to 4294967295, such as AS64496";
	if (num_parse_u64(digits, &n) != 0 || n == 0 || n > UINT32_MAX)
		return -1;
	out->kind = GEO_ASN;
	out->asn = (uint32_t)n;
	return 0;
}

int geo_word_parse(struct str text, struct geo_word *out, const char **why)
{
	memset(out, 0, sizeof(*out));
	if (str_eq_ci(text, STR("unknown"))) {
		out->kind = GEO_UNKNOWN;
		return 0;
	}
	if (str_starts_ci(text, STR("as")) && text.n > 2)
		return asn_parse(str_skip(text, 2), out, why);
	if (text.n != 2) {
		*why = "a place is a country's code of two letters (ISO 3166-1), EU, a network "
		       "such as AS64496, or unknown";
		return -1;
	}
	out->country[0] = upper(text.p[0]);
	out->country[1] = upper(text.p[1]);
	if (memcmp(out->country, "EU", 2) == 0) {
		out->kind = GEO_EU;
		return 0;
	}
	out->kind = GEO_COUNTRY;
	*why = memcmp(out->country, "UK", 2) == 0
		       ? "the code of the United Kingdom is GB"
		       : "there is no country with that code of two letters (ISO 3166-1)";
	return is_country(out->country) ? 0 : -1;
}

bool geo_word_has(struct str word, const struct geo_place *p)
{
	const char *why;
	struct geo_word w;

	if (geo_word_parse(word, &w, &why) != 0)
		return false;
	switch (w.kind) {
	case GEO_EU: return p->eu;
	case GEO_UNKNOWN: return p->country[0] == '\0';
	case GEO_ASN: return p->asn == w.asn;
	default: return memcmp(p->country, w.country, sizeof(w.country)) == 0;
	}
}

static unsigned country_bit(const char c[2])
{
	return (unsigned)(c[0] - 'A') * 26 + (unsigned)(c[1] - 'A');
}

static int compare_asn(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int geo_set_build(struct geo_set *s, struct arena *a, const struct str *word, size_t n)
{
	const char *why;
	struct geo_word w;

	memset(s, 0, sizeof(*s));
	s->asn = arena_alloc(a, n * sizeof(*s->asn) + 1);
	if (s->asn == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int rc = geo_word_parse(word[i], &w, &why);

		tg_assert(rc == 0); /* the configuration was checked */
		switch (w.kind) {
		case GEO_EU: s->eu = true; break;
		case GEO_UNKNOWN: s->unknown = true; break;
		case GEO_ASN: s->asn[s->n_asn++] = w.asn; break;
		case GEO_COUNTRY:
			s->country[country_bit(w.country) / 64] |= UINT64_C(1)
								   << country_bit(w.country) % 64;
		}
	}
	qsort(s->asn, s->n_asn, sizeof(*s->asn), compare_asn);
	return 0;
}

bool geo_set_has(const struct geo_set *s, const struct geo_place *p)
{
	unsigned bit;

	if (p->asn != 0 && s->n_asn > 0 &&
		bsearch(&p->asn, s->asn, s->n_asn, sizeof(*s->asn), compare_asn) != NULL)
		return true;
	if (p->country[0] == '\0')
		return s->unknown;
	bit = country_bit(p->country);
	return (s->eu && p->eu) || (s->country[bit / 64] >> bit % 64 & 1) != 0;
}
