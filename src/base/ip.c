/* ip.c: see ip.h. Pure. */
#include <arpa/inet.h>

#include "base/ip.h"
#include "base/num.h"

#define V4_BITS 96 /* of the prefix that IPv4 is mapped into */

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

struct ip ip_v4(const uint8_t b[4])
{
	struct ip a;

	memcpy(a.b, v4_prefix, sizeof(v4_prefix));
	memcpy(a.b + sizeof(v4_prefix), b, 4);
	return a;
}

struct ip ip_v6(const uint8_t b[16])
{
	struct ip a;

	memcpy(a.b, b, sizeof(a.b));
	return a;
}

bool ip_is_v4(struct ip a)
{
	return memcmp(a.b, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool ip_is_set(struct ip a)
{
	static const struct ip none;

	return memcmp(a.b, none.b, sizeof(a.b)) != 0;
}

bool ip_eq(struct ip a, struct ip b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

int ip_parse(struct str text, struct ip *out)
{
	char z[IP_TEXT_LEN];
	uint8_t b[16];

	if (text.n == 0 || text.n >= sizeof(z) || memchr(text.p, '\0', text.n) != NULL)
		return -1;
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	if (inet_pton(AF_INET, z, b) == 1)
		*out = ip_v4(b);
	else if (inet_pton(AF_INET6, z, b) == 1)
		*out = ip_v6(b);
	else
		return -1;
	return 0;
}

size_t ip_format(struct ip a, char out[IP_TEXT_LEN])
{
	bool v4 = ip_is_v4(a);

	if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a.b + sizeof(v4_prefix) : a.b, out,
		    IP_TEXT_LEN) == NULL)
		out[0] = '\0';
	return strlen(out);
}

/* Is every bit of a from n on 0? */
static bool rest_is_zero(struct ip a, unsigned n)
{
	for (unsigned i = n; i < 128; i++)
		if ((a.b[i / 8] >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

int ip_net_parse(struct str text, struct ip_net *out, const char **why)
{
	size_t slash = str_chr(text, '/');
	struct str addr = slash == (size_t)-1 ? text : str_mk(text.p, slash);
	uint64_t n = 0;
	bool v4;

	if (ip_parse(addr, &out->base) != 0) {
		*why = "is no network such as 10.0.0.0/8 or 2001:db8::/32";
		return -1;
	}
	/* As written: ::ffff:10.0.0.0/104 has its length of 128 bits. */
	v4 = str_chr(addr, ':') == (size_t)-1;
	out->bits = 128;
	if (slash == (size_t)-1)
		return 0;
	if (num_parse_u64(str_skip(text, slash + 1), &n) != 0 || n > (v4 ? 32 : 128)) {
		*why = v4 ? "has a length that is no number from 0 to 32"
			  : "has a length that is no number from 0 to 128";
		return -1;
	}
	out->bits = (unsigned)n + (v4 ? V4_BITS : 0);
	if (!rest_is_zero(out->base, out->bits)) {
		*why = "has bits set behind its length: a smaller or a larger network was meant";
		return -1;
	}
	return 0;
}

bool ip_net_has(const struct ip_net *n, struct ip a)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;

	if (n->bits < V4_BITS && ip_is_v4(a))
		return false;
	if (memcmp(n->base.b, a.b, whole) != 0)
		return false;
	return rest == 0 || (n->base.b[whole] ^ a.b[whole]) >> (8 - rest) == 0;
}
