/*
 * fuzz_mmdb.c: any bytes as a database: refused with a reason, or safe to be asked about any
 * address, with libmaxminddb in between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "geo/geo_db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whoever passes the check alone is let through to the library. */
static void check_asked(const uint8_t *data, size_t size, const struct mmdb_facts *f)
{
	static const char *const addrs[] = { "0.0.0.0", "10.1.2.3", "81.2.69.160",
		"255.255.255.255", "::1", "2001:db8::1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	struct str path[GEO_DB__MAX] = { { NULL, 0 }, { NULL, 0 } };
	int fd = memfd_create("fuzz", 0);
	struct geo_place p;
	struct geo_db *db;
	char text[64], err[400];
	struct ip a;

	tg_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
	path[f->has_country ? GEO_DB_COUNTRY : GEO_DB_ASN] = str_z(text);
	db = geo_db_open(path, err, sizeof err);
	for (size_t i = 0; db != NULL && i < TG_ARRAY_LEN(addrs); i++) {
		tg_assert(ip_parse(str_z(addrs[i]), &a) == 0);
		geo_db_find(db, a, &p);
		tg_assert((p.country[0] == '\0') == (p.country[1] == '\0'));
	}
	if (db != NULL)
		geo_db_put(db);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mmdb_facts f;
	char err[200] = "";
	uint8_t *copy = malloc(size + 1);

	tg_assert(copy != NULL);
	if (size > 0)
		memcpy(copy + 1, data, size);
	if (mmdb_check(copy + 1, size, &f, err, sizeof err) != 0)
		tg_assert(err[0] != '\0');
	else if (f.has_country || f.has_asn)
		check_asked(copy + 1, size, &f);
	free(copy);
	return 0;
}
