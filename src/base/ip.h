/*
 * ip.h: IP addresses and networks as bytes and as text. Both families in one form: an IPv4 address
 * is what RFC 4291 section 2.5.5.2 maps it to, so that 192.0.2.1 and ::ffff:192.0.2.1 are the same
 * peer.
 */
#ifndef TG_BASE_IP_H
#define TG_BASE_IP_H

#include <stdbool.h>

#include "base/defs.h"
#include "base/str.h"

#define IP_TEXT_LEN 46 /* with the NUL */

struct ip { /* all zero (::) is no address: ip_is_set */
	uint8_t b[16];
};

struct ip_net {
	struct ip base;
	unsigned bits; /* of the 128 */
};

/* From 4 and from 16 bytes in network order. */
struct ip ip_v4(const uint8_t b[4]);
struct ip ip_v6(const uint8_t b[16]);
bool ip_is_v4(struct ip a);
bool ip_is_set(struct ip a);
bool ip_eq(struct ip a, struct ip b);
/* "192.0.2.1" or "2001:db8::1"; strict: no zone, no port, no leading zeros. -1: it is neither. */
int ip_parse(struct str text, struct ip *out) TG_MUST_CHECK;
/* The shortest form (RFC 5952); returns its length. */
size_t ip_format(struct ip a, char out[IP_TEXT_LEN]);

/*
 * "192.0.2.0/24", "2001:db8::/32", or an address alone. -1 with *why: a sentence's end, such as
 * "has bits set behind its length".
 */
int ip_net_parse(struct str text, struct ip_net *out, const char **why) TG_MUST_CHECK;
/* ::/0 has no IPv4 address in it, whatever these are mapped to. */
bool ip_net_has(const struct ip_net *n, struct ip a);

#endif
