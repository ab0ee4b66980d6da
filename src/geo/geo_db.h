/*
 * geo_db.h: where addresses are: databases of countries and of networks, read with libmaxminddb.
 * Opened and checked as a whole on the control thread; then immutable, shared by counted
 * references, and asked by workers without a lock or an allocation. A file's bytes are copied at
 * once: what is done to it later, truncating it included, is seen by geo_db_changed only.
 */
#ifndef TG_GEO_GEO_DB_H
#define TG_GEO_GEO_DB_H

#include "base/ip.h"
#include "geo/geo_set.h"
#include "geo/mmdb_check.h"

struct geo_db;

enum geo_db_kind { GEO_DB_COUNTRY, GEO_DB_ASN, GEO_DB__MAX };

/* The file of each kind; empty: none. NULL with err, which names the file. The caller has the first
 * reference. */
struct geo_db *geo_db_open(
	const struct str path[GEO_DB__MAX], char *err, size_t err_len) TG_MUST_CHECK;
void geo_db_get(struct geo_db *db);
void geo_db_put(struct geo_db *db);

/* What the databases know of the address; all that they do not is unknown. */
void geo_db_find(const struct geo_db *db, struct ip a, struct geo_place *out);
/* Is another file at one of the paths now, or was it written to? One that is missing is no change.
 */
bool geo_db_changed(const struct geo_db *db);
/* The file's facts; NULL: there is no database of that kind. */
const struct mmdb_facts *geo_db_facts(const struct geo_db *db, enum geo_db_kind kind);
const char *geo_db_kind_name(enum geo_db_kind kind);

/* What of the files is compared, to tell one attempt from the next. */
struct geo_stamp {
	uint64_t word[GEO_DB__MAX][5];
};
void geo_db_stamp(const struct geo_db *db, struct geo_stamp *out);

#endif
