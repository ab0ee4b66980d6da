/*
 * check_redis_slot.c: CRC16 by its definition, slots that a server gave, hash tags, and the errors
 * that say where a slot is.
 */
#include "redis/redis_slot.h"
#include "unit/unit.h"

static uint16_t by_bits(struct str s)
{
	unsigned crc = 0;

	for (size_t i = 0; i < s.n; i++) {
		crc ^= (unsigned)(unsigned char)s.p[i] << 8;
		for (int k = 0; k < 8; k++)
			crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
	}
	return (uint16_t)crc;
}

START_TEST(crc)
{
	char text[64];

	ck_assert_uint_eq(redis_crc16(STR("123456789")), 0x31c3); /* the specification's example */
	ck_assert_uint_eq(redis_crc16(STR("")), 0);
	for (unsigned seed = 0; seed < 2000; seed++) {
		size_t n = seed % sizeof text;

		for (size_t i = 0; i < n; i++)
			text[i] = (char)(seed * 31 + i * (seed | 1) * 7);
		if (redis_crc16(str_mk(text, n)) != by_bits(str_mk(text, n)))
			ck_abort_msg("seed %u", seed);
	}
}
END_TEST

START_TEST(slots)
{
	static const struct {
		struct str key, same;
	} rows[] = {
		{ STR("{user1000}.following"), STR("user1000") },
		{ STR("tg:{b17}:a:tenant:acme"), STR("b17") },
		{ STR("foo{{bar}}zap"), STR("{bar") },
		{ STR("foo{bar}{zap}"), STR("bar") },
		{ STR("a{b"), STR("a{b") },
	};

	/* what a server answers to CLUSTER KEYSLOT */
	ck_assert_uint_eq(redis_slot(STR("foo")), 12182);
	ck_assert_uint_eq(redis_slot(STR("123456789")), 12739);
	ck_assert_uint_eq(redis_slot(STR("foo{}{bar}")), 8363);
	ck_assert_uint_eq(redis_slot(STR("")), 0);
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		ck_assert_uint_eq(redis_slot(rows[i].key), redis_crc16(rows[i].same) & 16383u);
}
END_TEST

START_TEST(redirects)
{
	static const struct {
		struct str text;
		int rc;
		unsigned slot;
		struct str host;
		unsigned port;
	} rows[] = {
		{ STR("MOVED 3999 127.0.0.1:6381"), 0, 3999, STR("127.0.0.1"), 6381 },
		{ STR("ASK 0 ::1:7000"), 0, 0, STR("::1"), 7000 },
		{ STR("MOVED 16383 :7000"), 0, 16383, STR(""), 7000 },
		{ STR("MOVED 16384 a:7000"), -1, 0, STR(""), 0 },
		{ STR("MOVED 1 a:0"), -1, 0, STR(""), 0 },
		{ STR("MOVED 1 a:65536"), -1, 0, STR(""), 0 },
		{ STR("MOVED 1 a"), -1, 0, STR(""), 0 },
		{ STR("MOVED 1"), -1, 0, STR(""), 0 },
		{ STR("MOVED"), -1, 0, STR(""), 0 },
		{ STR("TRYAGAIN 1 a:1"), -1, 0, STR(""), 0 },
		{ STR(""), -1, 0, STR(""), 0 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		unsigned slot = 0;
		struct str host = STR("");
		uint16_t port = 0;

		ck_assert_int_eq(
			redis_redirect_parse(rows[i].text, &slot, &host, &port), rows[i].rc);
		if (rows[i].rc != 0)
			continue;
		ck_assert_uint_eq(slot, rows[i].slot);
		UNIT_STR_EQ(host, rows[i].host);
		ck_assert_uint_eq(port, rows[i].port);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, crc);
	tcase_add_test(tc, slots);
	tcase_add_test(tc, redirects);
}

UNIT_MAIN("redis_slot", tests)
