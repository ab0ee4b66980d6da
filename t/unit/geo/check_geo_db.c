/*
 * check_geo_db.c: what the databases know of addresses of both families, what they do not, and
 * files that change: noticed, and harmless to what is in use.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "geo/geo_db.h"
#include "unit/geo/mmdb_make.h"

#define V(t)                     \
	{                        \
		t, sizeof(t) - 1 \
	}

static char dir[128], country[160], asn[160], err[400];
static struct mmdb_make m;

static const struct mmdb_row countries[] = {
	{ "2001:db8::/32", V(COUNTRY("CH")) },
	{ "10.0.0.0/8", V(COUNTRY("DE")) },
	{ "192.0.2.0/24", V(MAP1 "\x47"
				 "country"
				 "\xe0") },      /* no code */
	{ "198.51.100.0/24", V(COUNTRY("xx")) }, /* no capitals */
	{ "203.0.113.0/24", V(MAP1 "\x47"
				   "country" MAP1 "\x48iso_code\xa1\x07") }, /* a number */
	{ "10.1.0.0/16", V(COUNTRY_EU("RE")) },
	{ "10.1.2.3/32", V(COUNTRY("US")) },
};
static const struct mmdb_row networks[] = {
	{ "10.1.0.0/16", V(ASN("\xfb\xf0")) },
	{ "192.0.2.0/24", V(MAP1 "\x58"
				 "autonomous_system_number"
				 "\x41x") },
};

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/check_geo_XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(country, sizeof country, "%s/country.mmdb", dir);
	snprintf(asn, sizeof asn, "%s/asn.mmdb", dir);
	mmdb_make(&m, countries, TG_ARRAY_LEN(countries));
	mmdb_write(country, m.b, m.n);
	mmdb_make(&m, networks, TG_ARRAY_LEN(networks));
	mmdb_write(asn, m.b, m.n);
}

static void teardown(void)
{
	unlink(country);
	unlink(asn);
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct geo_db *open_both(void)
{
	const struct str path[GEO_DB__MAX] = { str_z(country), str_z(asn) };

	return geo_db_open(path, err, sizeof err);
}

static void find(const struct geo_db *db, const char *addr, struct geo_place *p)
{
	struct ip a = { { 0 } };

	if (addr[0] != '\0')
		ck_assert_int_eq(ip_parse(str_z(addr), &a), 0);
	geo_db_find(db, a, p);
}

START_TEST(places)
{
	static const struct {
		const char *addr, *country;
		bool eu;
		uint32_t asn;
	} rows[] = { { "10.9.9.9", "DE", true, 0 }, { "10.1.0.1", "RE", true, 64496 },
		{ "10.1.2.3", "US", false, 64496 }, { "::ffff:10.1.2.3", "US", false, 64496 },
		{ "2001:db8:1::1", "CH", false, 0 }, { "2001:db9::1", "", false, 0 },
		{ "192.0.2.1", "", false, 0 }, { "198.51.100.1", "", false, 0 },
		{ "203.0.113.1", "", false, 0 }, { "127.0.0.1", "", false, 0 },
		{ "255.255.255.255", "", false, 0 }, { "", "", false, 0 } };
	struct geo_db *db = open_both();
	struct geo_place p;

	ck_assert_msg(db != NULL, "%s", err);
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		find(db, rows[i].addr, &p);
		ck_assert_msg(
			memcmp(p.country, rows[i].country[0] != '\0' ? rows[i].country : "\0\0",
				2) == 0,
			"%s: %.2s", rows[i].addr, p.country);
		ck_assert_msg(p.eu == rows[i].eu, "%s", rows[i].addr);
		ck_assert_msg(p.asn == rows[i].asn, "%s: %u", rows[i].addr, p.asn);
	}
	geo_db_put(db);
}
END_TEST

START_TEST(one_of_them)
{
	const struct str only[GEO_DB__MAX] = { [GEO_DB_ASN] = str_z(asn) };
	struct geo_db *db = geo_db_open(only, err, sizeof err);
	struct geo_place p;

	ck_assert_msg(db != NULL, "%s", err);
	find(db, "10.1.2.3", &p);
	ck_assert(p.country[0] == '\0' && p.asn == 64496);
	ck_assert(geo_db_facts(db, GEO_DB_COUNTRY) == NULL);
	ck_assert_uint_eq(geo_db_facts(db, GEO_DB_ASN)->build_s, 1700000000);
	geo_db_put(db);
}
END_TEST

/* One kind for the other, and files that are none. */
START_TEST(refused)
{
	const struct str swapped[GEO_DB__MAX] = { str_z(asn) },
			 folder[GEO_DB__MAX] = { str_z(dir) };
	const struct str absent[GEO_DB__MAX] = { STR("/nonexistent/x.mmdb") };

	ck_assert(geo_db_open(swapped, err, sizeof err) == NULL);
	ck_assert_msg(
		strstr(err, "asn.mmdb: it is a database of `Test`: no record in it has a member "
			    "`country`") != NULL,
		"%s", err);
	ck_assert(geo_db_open(folder, err, sizeof err) == NULL);
	ck_assert_msg(strstr(err, "no file of 1 byte to 1 GB") != NULL, "%s", err);
	ck_assert(geo_db_open(absent, err, sizeof err) == NULL);
	ck_assert_msg(strstr(err, "x.mmdb: No such file") != NULL, "%s", err);
	mmdb_write(country, m.b, m.n / 2);
	ck_assert(open_both() == NULL);
	ck_assert_msg(strstr(err, "not a whole one") != NULL, "%s", err);
}
END_TEST

START_TEST(changes)
{
	struct geo_db *db = open_both();
	struct geo_stamp before, after;
	struct geo_place p;

	ck_assert_msg(db != NULL, "%s", err);
	ck_assert(!geo_db_changed(db));
	geo_db_stamp(db, &before);
	/* Cut to nothing in place: what is in use is a copy. */
	ck_assert_int_eq(truncate(country, 0), 0);
	ck_assert(geo_db_changed(db));
	geo_db_stamp(db, &after);
	ck_assert(memcmp(&before, &after, sizeof before) != 0);
	find(db, "10.9.9.9", &p);
	ck_assert_mem_eq(p.country, "DE", 2);
	/* Gone: nothing to be read again. */
	ck_assert_int_eq(unlink(country), 0);
	ck_assert(!geo_db_changed(db));
	/* The same bytes in another file are a change. */
	mmdb_make(&m, countries, TG_ARRAY_LEN(countries));
	mmdb_write(country, m.b, m.n);
	ck_assert(geo_db_changed(db));
	geo_db_put(db);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, places);
	tcase_add_test(tc, one_of_them);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, changes);
}

UNIT_MAIN("geo_db", tests)
