/*
 * mmdb_make.h: small MMDB databases for tests, of records of 24 bits: networks, and the bytes that
 * stand for their values.
 */
#ifndef TG_MMDB_MAKE_H
#define TG_MMDB_MAKE_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/ip.h"
#include "unit/unit.h"

#define MMDB_NODES 4096

/* Values as the format writes them: a map of n pairs, a text, numbers. */
#define MAP1     "\xe1"
#define MAP2     "\xe2"
#define ISO(cc)  "\x48iso_code\x42" cc
#define EU(flag) "\x54is_in_european_union" flag
#define EU_YES   EU("\x01\x07")
#define COUNTRY(cc)         \
	MAP1 "\x47"         \
	     "country" MAP1 \
	     ISO(cc)
#define COUNTRY_EU(cc)      \
	MAP1 "\x47"         \
	     "country" MAP2 \
	     ISO(cc) EU_YES
#define ASN(u16)                        \
	MAP1 "\x58"                     \
	     "autonomous_system_number" \
	     "\xc2" u16

struct mmdb_row {
	const char *net; /* ordered: the shorter prefix first */
	struct str value;
};

struct mmdb_make {
	uint8_t b[256 * 1024];
	size_t n; /* bytes in all */
	unsigned nodes;
	size_t data, data_n; /* where the data section begins, and how long it is */
	size_t meta;         /* where the metadata begins */
};

static inline void mmdb_put(struct mmdb_make *m, const void *p, size_t n)
{
	ck_assert_uint_le(m->n + n, sizeof m->b);
	memcpy(m->b + m->n, p, n);
	m->n += n;
}

#define mmdb_text(m, lit) mmdb_put(m, lit, sizeof(lit) - 1)

static inline void mmdb_number(struct mmdb_make *m, unsigned head, uint32_t v)
{
	uint8_t b[5] = { (uint8_t)(head | 4), (uint8_t)(v >> 24), (uint8_t)(v >> 16),
		(uint8_t)(v >> 8), (uint8_t)v };

	mmdb_put(m, b, 5);
}

/* Node records: below MMDB_NODES a node, 1 << 20 nothing, above: an offset into the data. */
enum { MMDB_NONE = 1 << 20, MMDB_DATA = 1 << 21 };

static inline void mmdb_insert(
	uint32_t node[MMDB_NODES][2], unsigned *n, struct ip_net net, uint32_t leaf)
{
	uint8_t addr[16] = { 0 };
	unsigned at = 0;

	memcpy(addr, net.base.b, 16);
	if (ip_is_v4(net.base) && net.bits >= 96)
		memset(addr, 0, 12); /* IPv4 is below ::/96 there */
	for (unsigned i = 0; i < net.bits; i++) {
		uint32_t *r = &node[at][addr[i / 8] >> (7 - i % 8) & 1];

		if (i + 1 == net.bits) {
			*r = leaf;
			return;
		}
		if (*r >= MMDB_NODES) {
			ck_assert_uint_lt(*n, MMDB_NODES);
			node[*n][0] = node[*n][1] = *r;
			*r = (*n)++;
		}
		at = *r;
	}
}

static inline void mmdb_meta(struct mmdb_make *m, unsigned bits)
{
	mmdb_text(m, "\xab\xcd\xefMaxMind.com");
	m->meta = m->n;
	mmdb_text(m, "\xe9\x5b"
		     "binary_format_minor_version\xa0\x49languages\x01\x04\x42"
		     "en\x4b"
		     "description\xe1\x42"
		     "en\x41x\x5b"
		     "binary_format_major_version\xa1\x02\x4d"
		     "database_type\x44Test\x4anode_count");
	mmdb_number(m, 0xc0, m->nodes);
	mmdb_text(m, "\x4brecord_size\xa1");
	mmdb_put(m, &(uint8_t){ (uint8_t)bits }, 1);
	mmdb_text(m, "\x4aip_version\xa1\x06\x4b"
		     "build_epoch\x04\x02");
	mmdb_number(m, 0, 0);
	m->n -= 5; /* a uint64 of four bytes */
	mmdb_put(m, "\x65\x53\xf1\x00", 4);
}

static inline void mmdb_make(struct mmdb_make *m, const struct mmdb_row *row, size_t n)
{
	static uint32_t node[MMDB_NODES][2];
	uint32_t at = 0;
	const char *why;

	memset(m, 0, sizeof *m);
	m->nodes = 1;
	node[0][0] = node[0][1] = MMDB_NONE;
	for (size_t i = 0; i < n; i++) {
		struct ip_net net;

		ck_assert_msg(ip_net_parse(str_z(row[i].net), &net, &why) == 0, "%s", row[i].net);
		mmdb_insert(node, &m->nodes, net, MMDB_DATA + at);
		at += (uint32_t)row[i].value.n;
	}
	for (unsigned i = 0; i < m->nodes; i++)
		for (unsigned k = 0; k < 2; k++) {
			uint32_t v = node[i][k];
			uint8_t b[3];

			v = v == MMDB_NONE   ? m->nodes
			    : v >= MMDB_DATA ? m->nodes + 16 + v - MMDB_DATA
					     : v;
			b[0] = (uint8_t)(v >> 16);
			b[1] = (uint8_t)(v >> 8);
			b[2] = (uint8_t)v;
			mmdb_put(m, b, 3);
		}
	mmdb_put(m, (uint8_t[16]){ 0 }, 16);
	m->data = m->n;
	for (size_t i = 0; i < n; i++)
		mmdb_put(m, row[i].value.p, row[i].value.n);
	m->data_n = m->n - m->data;
	mmdb_meta(m, 24);
}

/* Into a file of that path, put in place whole. */
static inline void mmdb_write(const char *path, const void *p, size_t n)
{
	char tmp[300];
	int fd;

	snprintf(tmp, sizeof tmp, "%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	close(fd);
	ck_assert_int_eq(rename(tmp, path), 0);
}

#endif
