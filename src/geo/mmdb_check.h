/*
 * mmdb_check.h: is a file a whole and sound database in the MMDB format (MaxMind DB file format
 * specification, version 2.0)? Every node of the search tree and every value that one leads to is
 * looked at once, before libmaxminddb sees the file: what is published to workers cannot lead them
 * astray, whatever the library would make of a broken one. Pure.
 */
#ifndef TG_GEO_MMDB_CHECK_H
#define TG_GEO_MMDB_CHECK_H

#include <stdbool.h>

#include "base/defs.h"

#define MMDB_TYPE_LEN 64

struct mmdb_facts {
	uint32_t node_count;
	unsigned record_bits, ip_version;
	uint64_t build_s;          /* since 1970 */
	char type[MMDB_TYPE_LEN];  /* "GeoLite2-Country"; cut off */
	bool has_country, has_asn; /* is there a record with such a member? */
};

/* 0, or -1 with err: what is wrong with it. */
int mmdb_check(const uint8_t *p, size_t n, struct mmdb_facts *out, char *err,
	size_t err_len) TG_MUST_CHECK;

#endif
