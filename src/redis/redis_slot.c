/*
 * redis_slot.c: see redis_slot.h. Four bits at a time: a table of 16, and keys are short.
 */
#include "redis/redis_slot.h"

#include "base/num.h"

uint16_t redis_crc16(struct str s)
{
	static const uint16_t by_nibble[16] = { 0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
		0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef };
	unsigned crc = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned byte = (unsigned char)s.p[i];

		crc = (crc << 4 ^ by_nibble[(crc >> 12 ^ byte >> 4) & 15]) & 0xffff;
		crc = (crc << 4 ^ by_nibble[(crc >> 12 ^ byte) & 15]) & 0xffff;
	}
	return (uint16_t)crc;
}

unsigned redis_slot(struct str key)
{
	size_t open = str_chr(key, '{'), len;

	if (open != (size_t)-1) {
		struct str tag = str_skip(key, open + 1);

		len = str_chr(tag, '}');
		if (len != (size_t)-1 && len > 0)
			key = str_mk(tag.p, len);
	}
	return redis_crc16(key) & 16383u;
}

int redis_redirect_parse(struct str error, unsigned *slot, struct str *host, uint16_t *port)
{
	struct str word, no;
	size_t colon = error.n;
	uint64_t n, p;

	if (!str_split(&error, ' ', &word) || !str_split(&error, ' ', &no) ||
		!(str_eq(word, STR("MOVED")) || str_eq(word, STR("ASK"))))
		return -1;
	for (colon = error.n; colon > 0 && error.p[colon - 1] != ':';)
		colon--;
	if (colon == 0 || num_parse_u64(no, &n) != 0 || n > 16383 ||
		num_parse_u64(str_skip(error, colon), &p) != 0 || p == 0 || p > 65535)
		return -1;
	*slot = (unsigned)n;
	*host = str_mk(error.p, colon - 1);
	*port = (uint16_t)p;
	return 0;
}
