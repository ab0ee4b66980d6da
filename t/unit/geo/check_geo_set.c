/* check_geo_set.c: words for places, right and wrong, and which places are in which sets. */
#include "geo/geo_set.h"
#include "unit/unit.h"

static struct arena a;

static void setup(void)
{
	arena_init(&a, NULL, 0);
}

static void teardown(void)
{
	arena_fini(&a);
}

START_TEST(words)
{
	static const struct {
		const char *text;
		int kind; /* -1: refused */
		const char *country;
		uint32_t asn;
	} rows[] = { { "DE", GEO_COUNTRY, "DE", 0 }, { "de", GEO_COUNTRY, "DE", 0 },
		{ "No", GEO_COUNTRY, "NO", 0 }, { "XK", GEO_COUNTRY, "XK", 0 },
		{ "ZW", GEO_COUNTRY, "ZW", 0 }, { "AS", GEO_COUNTRY, "AS", 0 },
		{ "EU", GEO_EU, NULL, 0 }, { "eu", GEO_EU, NULL, 0 },
		{ "unknown", GEO_UNKNOWN, NULL, 0 }, { "AS64496", GEO_ASN, NULL, 64496 },
		{ "as1", GEO_ASN, NULL, 1 }, { "AS4294967295", GEO_ASN, NULL, 4294967295u },
		{ "AS0", -1, NULL, 0 }, { "AS4294967296", -1, NULL, 0 }, { "ASx", -1, NULL, 0 },
		{ "AS1 ", -1, NULL, 0 }, { "UK", -1, NULL, 0 }, { "EN", -1, NULL, 0 },
		{ "DEU", -1, NULL, 0 }, { "D", -1, NULL, 0 }, { "", -1, NULL, 0 },
		{ "D1", -1, NULL, 0 }, { "Germany", -1, NULL, 0 } };
	struct geo_word w;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		const char *why = NULL;
		int rc = geo_word_parse(str_z(rows[i].text), &w, &why);

		ck_assert_msg(rc == (rows[i].kind < 0 ? -1 : 0), "%s", rows[i].text);
		if (rc != 0) {
			ck_assert_msg(why != NULL && strlen(why) > 10, "%s", rows[i].text);
			continue;
		}
		ck_assert_int_eq((int)w.kind, rows[i].kind);
		ck_assert_uint_eq(w.asn, rows[i].asn);
		if (rows[i].country != NULL)
			ck_assert_mem_eq(w.country, rows[i].country, 2);
	}
}
END_TEST

START_TEST(sets)
{
	static const struct {
		const char *set; /* words, one space between */
		const char *country;
		bool eu;
		uint32_t asn;
		bool in;
	} rows[] = { { "DE FR", "DE", true, 0, true }, { "DE FR", "FR", true, 7, true },
		{ "DE FR", "CH", false, 0, false }, { "DE FR", "", false, 0, false },
		{ "EU", "DE", true, 0, true }, { "EU", "RE", true, 0, true },
		{ "EU", "CH", false, 0, false }, { "EU", "", false, 3320, false },
		{ "unknown", "", false, 0, true }, { "unknown", "", false, 3320, true },
		{ "unknown", "DE", true, 0, false }, { "AS3320 AS1 AS700", "US", false, 700, true },
		{ "AS3320 AS1 AS700", "US", false, 1, true },
		{ "AS3320 AS1 AS700", "US", false, 2, false }, { "AS3320", "", false, 0, false },
		{ "AS3320", "", false, 3320, true }, { "AD ZW", "AD", false, 0, true },
		{ "AD ZW", "ZW", false, 0, true }, { "AD ZW", "ZZ", false, 0, false },
		{ "", "DE", true, 1, false } };
	struct str word[8], rest, part;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct geo_place p = { .eu = rows[i].eu, .asn = rows[i].asn };
		struct geo_set s;
		size_t n = 0;

		memcpy(p.country, rows[i].country, TG_MIN(strlen(rows[i].country), (size_t)2));
		for (rest = str_z(rows[i].set); str_split(&rest, ' ', &part);)
			word[n++] = part;
		ck_assert_int_eq(geo_set_build(&s, &a, word, n), 0);
		ck_assert_msg(geo_set_has(&s, &p) == rows[i].in, "row %zu", i);
		for (size_t k = 0, in = 0; k < n; k++) { /* one by one */
			in += geo_word_has(word[k], &p);
			ck_assert(k + 1 < n || (in > 0) == rows[i].in);
		}
	}
}
END_TEST

START_TEST(union_members)
{
	ck_assert(geo_is_eu("AT", false) && geo_is_eu("SK", false) && geo_is_eu("HR", false));
	ck_assert(!geo_is_eu("GB", false) && !geo_is_eu("CH", false) && !geo_is_eu("TB", false));
	ck_assert(geo_is_eu("RE", true) && !geo_is_eu("\0\0", false));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, words);
	tcase_add_test(tc, sets);
	tcase_add_test(tc, union_members);
}

UNIT_MAIN("geo_set", tests)
