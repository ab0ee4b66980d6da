/* proxy_head.c: see proxy_head.h. Pure. Sections are those of proxy-protocol.txt. */
#include "base/num.h"
#include "proto/proxy_head.h"

/* ---- version 1: a line of text (2.1) */

#define V1_PREFIX STR("PROXY ")
#define V1_MAX    107 /* with the line's end */

/* No leading zeros, as addresses have none. */
static int v1_port(struct str s)
{
	uint64_t n;

	if (num_parse_u64(s, &n) != 0 || n > 65535 || (s.n > 1 && s.p[0] == '0'))
		return -1;
	return 0;
}

/* "TCP4 192.0.2.1 198.51.100.1 56324 443": everything by exactly one space. */
static int v1_fields(struct str line, struct proxy_head *out, const char **why)
{
	struct str part[5];
	struct ip dst;
	bool v6, blank = str_ends(line, STR(" "));
	size_t n = 0;

	*why = "does not say UNKNOWN, or TCP4 or TCP6 with two addresses and two ports";
	if (str_eq(line, STR("UNKNOWN")) || str_starts(line, STR("UNKNOWN "))) {
		out->kind = PROXY_OWN; /* what follows is to be ignored */
		return 0;
	}
	while (n < 5 && str_split(&line, ' ', &part[n]))
		n++;
	if (n < 5 || line.n > 0 || blank)
		return -1;
	v6 = str_eq(part[0], STR("TCP6"));
	if (!v6 && !str_eq(part[0], STR("TCP4")))
		return -1;
	*why = "has an address that is none of its family";
	if (ip_parse(part[1], &out->client) != 0 || ip_parse(part[2], &dst) != 0 ||
		(str_chr(part[1], ':') != (size_t)-1) != v6 ||
		(str_chr(part[2], ':') != (size_t)-1) != v6)
		return -1;
	*why = "has a port that is no number from 0 to 65535";
	if (v1_port(part[3]) != 0 || v1_port(part[4]) != 0)
		return -1;
	out->kind = PROXY_IP;
	return 0;
}

static long v1_parse(struct str b, struct proxy_head *out, const char **why)
{
	struct str seen = str_mk(b.p, TG_MIN(b.n, (size_t)V1_MAX));
	size_t end = 0;

	while (end < seen.n && seen.p[end] >= ' ' && seen.p[end] <= '~')
		end++;
	*why = "of version 1 has no end within 107 bytes";
	if (end == seen.n)
		return seen.n < V1_MAX ? 0 : -1;
	*why = "of version 1 has a byte that is no printable ASCII before its CR LF";
	if (seen.p[end] != '\r' || (end + 1 < seen.n && seen.p[end + 1] != '\n'))
		return -1;
	if (end + 1 == seen.n) {
		*why = "of version 1 has no end within 107 bytes";
		return seen.n < V1_MAX ? 0 : -1;
	}
	if (v1_fields(str_skip(str_mk(b.p, end), V1_PREFIX.n), out, why) != 0)
		return -1;
	return (long)end + 2;
}

/* ---- version 2: binary (2.2) */

#define V2_SIGNATURE STR("\r\n\r\n\0\r\nQUIT\n")
#define V2_FIXED     16

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum { V2_UNSPEC = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21, V2_UNIX_STREAM = 0x31 };

static unsigned u16(const char *p)
{
	return (unsigned)(uint8_t)p[0] << 8 | (uint8_t)p[1];
}

/* Type-length-value triples to the very end; what they say is not used (2.2.x). */
static bool v2_tlvs_whole(struct str b)
{
	while (b.n >= 3 && b.n - 3 >= u16(b.p + 1))
		b = str_skip(b, 3 + u16(b.p + 1));
	return b.n == 0;
}

/* The addresses' length, by the family; -1: none that a stream may have. */
static int v2_addresses(unsigned family)
{
	switch (family) {
	case V2_UNSPEC: return 0;
	case V2_TCP4: return 12;
	case V2_TCP6: return 36;
	case V2_UNIX_STREAM: return 216;
	default: return -1;
	}
}

static int v2_body(unsigned family, struct str b, struct proxy_head *out, const char **why)
{
	int n = v2_addresses(family);

	*why = "of version 2 is about no stream over IPv4, IPv6 or a unix socket";
	if (n < 0)
		return -1;
	*why = "of version 2 is too short for its addresses";
	if (b.n < (size_t)n)
		return -1;
	*why = "of version 2 has type-length-value triples that do not end where it does";
	/* Without a family nobody knows where the addresses end. */
	if (family != V2_UNSPEC && !v2_tlvs_whole(str_skip(b, (size_t)n)))
		return -1;
	out->kind = family == V2_UNSPEC        ? PROXY_OWN
		    : family == V2_UNIX_STREAM ? PROXY_UNIX
					       : PROXY_IP;
	if (family == V2_TCP4)
		out->client = ip_v4((const uint8_t *)b.p);
	else if (family == V2_TCP6)
		out->client = ip_v6((const uint8_t *)b.p);
	return 0;
}

static long v2_parse(struct str b, struct proxy_head *out, const char **why)
{
	unsigned command, len;

	if (b.n < V2_FIXED)
		return 0;
	command = (uint8_t)b.p[12];
	len = u16(b.p + 14);
	*why = "of version 2 has a version or command that is not known";
	if (command != V2_LOCAL && command != V2_PROXY)
		return -1;
	*why = "of version 2 is longer than 2048 bytes";
	if (V2_FIXED + len > PROXY_HEAD_MAX)
		return -1;
	if (b.n < V2_FIXED + len)
		return 0;
	if (command == V2_LOCAL) /* whatever it says about addresses is to be ignored */
		out->kind = PROXY_OWN;
	else if (v2_body((uint8_t)b.p[13], str_mk(b.p + V2_FIXED, len), out, why) != 0)
		return -1;
	return V2_FIXED + (long)len;
}

/* Do the first bytes agree with this beginning, as far as both go? */
static bool may_begin(struct str b, struct str with)
{
	size_t n = TG_MIN(b.n, with.n);

	return n == 0 || memcmp(b.p, with.p, n) == 0;
}

long proxy_head_parse(struct str bytes, struct proxy_head *out, const char **why)
{
	long n = 0;

	memset(out, 0, sizeof(*out));
	if (bytes.n == 0)
		return 0;
	if (may_begin(bytes, V2_SIGNATURE))
		n = bytes.n < V2_SIGNATURE.n ? 0 : v2_parse(bytes, out, why);
	else if (may_begin(bytes, V1_PREFIX))
		n = bytes.n < V1_PREFIX.n ? 0 : v1_parse(bytes, out, why);
	else {
		*why = "is missing: the first bytes are those of something else";
		return -1;
	}
	if (n > 0 && out->kind == PROXY_IP && !ip_is_set(out->client)) {
		*why = "names :: as the client";
		return -1;
	}
	return n;
}
