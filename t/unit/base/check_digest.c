/*
 * check_digest.c: published vectors (FIPS 180-4 examples, RFC 3720 appendix B.4), and both CRC
 * paths against each other. Includes the .c to reach the table path on a machine that does not need
 * it.
 */
#include "base/digest.c" /* NOLINT */

#include "unit/unit.h"

START_TEST(sha256_vectors)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		uint8_t out[SHA256_LEN];
		char hex[2 * SHA256_LEN];

		digest_sha256(str_z(rows[i].in), out);
		digest_hex(hex, out, sizeof out);
		UNIT_STR_EQ(str_mk(hex, sizeof hex), str_z(rows[i].want));
	}
}
END_TEST

/* RFC 4231, test cases 1, 2 and 6: a short key, a text key, one longer than a block. */
START_TEST(hmac_vectors)
{
	static const struct {
		int byte, n; /* the key: n times the byte; or 0: the text */
		const char *key, *in, *want;
	} rows[] = {
		{ 0x0b, 20, "", "Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ 0, 4, "Jefe", "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ 0xaa, 131, "", "Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		uint8_t out[SHA256_LEN];
		char hex[2 * SHA256_LEN], key[131];

		memset(key, rows[i].byte, sizeof key);
		if (rows[i].byte == 0)
			memcpy(key, rows[i].key, (size_t)rows[i].n);
		digest_hmac_sha256(str_mk(key, (size_t)rows[i].n), str_z(rows[i].in), out);
		digest_hex(hex, out, sizeof out);
		UNIT_STR_EQ(str_mk(hex, sizeof hex), str_z(rows[i].want));
	}
}
END_TEST

START_TEST(crc32_vectors)
{
	static const char text[] = "The quick brown fox jumps over the lazy dog";

	ck_assert_uint_eq(digest_crc32(0, "123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(digest_crc32(0, "", 0), 0);
	for (size_t at = 0; at <= 43; at++)
		ck_assert_uint_eq(
			digest_crc32(digest_crc32(0, text, at), text + at, 43 - at), 0x414fa339);
}
END_TEST

START_TEST(crc32c_vectors)
{
	unsigned char b[32];

	ck_assert_uint_eq(digest_crc32c(0, "123456789", 9), 0xe3069283);
	ck_assert_uint_eq(digest_crc32c(0, "", 0), 0);
	memset(b, 0, sizeof b);
	ck_assert_uint_eq(digest_crc32c(0, b, 32), 0x8a9136aa);
	memset(b, 0xff, sizeof b);
	ck_assert_uint_eq(digest_crc32c(0, b, 32), 0x62a8ab43);
	for (unsigned i = 0; i < 32; i++)
		b[i] = (unsigned char)i;
	ck_assert_uint_eq(digest_crc32c(0, b, 32), 0x46dd794e);
}
END_TEST

static void crc_in_two(const char *a, size_t an, const char *b, size_t bn, void *want)
{
	uint32_t by_table = crc_by_table(~0u, (const unsigned char *)a, an);

	ck_assert_uint_eq(digest_crc32c(digest_crc32c(0, a, an), b, bn), *(uint32_t *)want);
	ck_assert_uint_eq(~crc_by_table(by_table, (const unsigned char *)b, bn), *(uint32_t *)want);
}

START_TEST(crc32c_continues_at_any_place_and_by_table_is_the_same)
{
	const char *text = "every record carries a checksum of itself, every one of them";
	uint32_t want = digest_crc32c(0, text, strlen(text));

	unit_split(text, strlen(text), crc_in_two, &want);
}
END_TEST

/* Long inputs go in three parts side by side: every length, at two alignments. */
START_TEST(crc32c_of_every_length_is_that_of_the_table)
{
	static unsigned char b[4000];

	for (unsigned i = 0; i < sizeof b; i++)
		b[i] = (unsigned char)(i * 2654435761u >> 13);
	for (size_t n = 0; n < sizeof b - 3; n++)
		for (size_t from = 0; from < 6; from += 3) {
			size_t m = n < from ? n : n - from;

			ck_assert_uint_eq(
				digest_crc32c(5, b + from, m), ~crc_by_table(~5u, b + from, m));
		}
}
END_TEST

START_TEST(hex_and_back)
{
	uint8_t all[256], back[256];
	char hex[512];

	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	digest_hex(hex, all, 256);
	ck_assert_int_eq(digest_unhex(str_mk(hex, 512), back, 256), 0);
	ck_assert_mem_eq(all, back, 256);
	ck_assert_int_eq(digest_unhex(STR("aBCd"), back, 2), 0);
	ck_assert_mem_eq(back, "\xab\xcd", 2);
}
END_TEST

START_TEST(unhex_refuses)
{
	static const char *const rows[] = { "", "a", "abc", "abcde", "ab0g", "g0ab", "ab 0",
		"abc\x10", "ab@0", "ab`0", "ab/0", "ab:0", "abcdef" };
	uint8_t out[2];

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		ck_assert_msg(digest_unhex(str_z(rows[i]), out, 2) < 0, "%s", rows[i]);
}
END_TEST

START_TEST(equal_sees_each_bit)
{
	char a[20] = "0123456789012345678", b[20];

	memcpy(b, a, sizeof b);
	ck_assert(digest_equal(a, b, sizeof a));
	ck_assert(digest_equal(NULL, NULL, 0));
	for (size_t i = 0; i < sizeof a; i++)
		for (int bit = 1; bit < 256; bit <<= 1) {
			b[i] = (char)(a[i] ^ bit);
			ck_assert(!digest_equal(a, b, sizeof a));
			b[i] = a[i];
		}
}
END_TEST

START_TEST(random_fills_all)
{
	/* Larger than what the system gives in one call without interruption (256 bytes). */
	static uint8_t a[1024], b[1024];
	unsigned zeros = 0;

	digest_random(a, sizeof a);
	digest_random(b, sizeof b);
	ck_assert_mem_ne(a, b, sizeof a);
	for (size_t i = 0; i < sizeof a; i++)
		zeros += a[i] == 0;
	ck_assert_uint_lt(zeros, 40); /* four are expected */
	digest_random(a, 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, sha256_vectors);
	tcase_add_test(tc, hmac_vectors);
	tcase_add_test(tc, crc32_vectors);
	tcase_add_test(tc, crc32c_vectors);
	tcase_add_test(tc, crc32c_continues_at_any_place_and_by_table_is_the_same);
	tcase_add_test(tc, crc32c_of_every_length_is_that_of_the_table);
	tcase_add_test(tc, hex_and_back);
	tcase_add_test(tc, unhex_refuses);
	tcase_add_test(tc, equal_sees_each_bit);
	tcase_add_test(tc, random_fills_all);
}

UNIT_MAIN("digest", tests)
