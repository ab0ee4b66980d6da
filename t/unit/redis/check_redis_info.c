/*
 * check_redis_info.c: what is taken from INFO; and the wait between attempts.
 */
#include "redis/redis_backoff.h"
#include "redis/redis_info.h"
#include "unit/unit.h"

static const char typical[] =
	"# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\nredis_mode:standalone\r\n"
	"run_id:0123456789abcdef0123456789abcdef01234567\r\ntcp_port:6379\r\n\r\n"
	"# Persistence\r\nloading:0\r\nasync_loading:0\r\n\r\n"
	"# "
	"Memory\r\nmaxmemory:1048576\r\nmaxmemory_human:1.00M\r\nmaxmemory_policy:volatile-lru\r\n"
	"\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n";

START_TEST(whole)
{
	struct redis_info i;
	const char *why;

	ck_assert_int_eq(redis_info_parse(str_z(typical), &i, &why), 0);
	ck_assert_str_eq(i.server.run_id, "0123456789abcdef0123456789abcdef01234567");
	ck_assert_str_eq(i.server.version_text, "7.0.15");
	ck_assert_uint_eq(i.server.version, REDIS_VERSION(7, 0));
	ck_assert(i.server.is_primary);
	ck_assert(!i.loading);
	ck_assert_str_eq(i.server.policy, "volatile-lru");
	ck_assert(i.server.may_evict);
	ck_assert_uint_eq(i.server.maxmemory, 1048576);
}
END_TEST

#define HEAD "run_id:a\nredis_version:"

static const struct {
	const char *text;
	int rc;
	unsigned version;
	bool primary, loading, evicts;
} rows[] = {
	{ HEAD "6.2.7\nrole:slave\n", 0, 6002, false, false, false },
	{ HEAD "7.10.1\nrole:master\nloading:1\n", 0, 7010, true, true, false },
	{ HEAD "255.255.255\nmaxmemory_policy:noeviction\n", 0, 255255, false, false, false },
	{ HEAD "7.2.4\nmaxmemory_policy:allkeys-lfu", 0, 7002, false, false, true },
	{ HEAD "x\n", -1, 0, false, false, false },
	{ HEAD "7\n", -1, 0, false, false, false },
	{ "redis_version:7.0.0\n", -1, 0, false, false, false },
	{ "run_id:\nredis_version:7.0.0\n", -1, 0, false, false, false },
	{ "run_id:a b\nredis_version:7.0.0\n", -1, 0, false, false, false },
	{ "run_id:a\"\nredis_version:7.0.0\n", -1, 0, false, false, false },
	{ "", -1, 0, false, false, false },
	{ ":\n:::\n\n", -1, 0, false, false, false },
};

START_TEST(parts)
{
	struct redis_info i;
	const char *why;

	ck_assert_int_eq(redis_info_parse(str_z(rows[_i].text), &i, &why), rows[_i].rc);
	if (rows[_i].rc != 0) {
		ck_assert_ptr_nonnull(strstr(why, "INFO has no"));
		return;
	}
	ck_assert_uint_eq(i.server.version, rows[_i].version);
	ck_assert_int_eq(i.server.is_primary, rows[_i].primary);
	ck_assert_int_eq(i.loading, rows[_i].loading);
	ck_assert_int_eq(i.server.may_evict, rows[_i].evicts);
}
END_TEST

/* Longer than there is room: cut, or refused where it is an identity. */
START_TEST(lengths)
{
	char text[400] = "redis_version:7.0.", run[200] = "\nrun_id:";
	struct redis_info i;
	const char *why;

	memset(text + strlen(text), '1', 100);
	memset(run + strlen(run), 'r', REDIS_RUN_ID_MAX - 1);
	strcat(text, run);
	ck_assert_int_eq(redis_info_parse(str_z(text), &i, &why), 0);
	ck_assert_uint_eq(strlen(i.server.version_text), sizeof i.server.version_text - 1);
	strcat(text, "r");
	ck_assert_int_eq(redis_info_parse(str_z(text), &i, &why), -1);
}
END_TEST

START_TEST(backoff)
{
	static const int64_t want_ms[] = { 100, 200, 400, 800, 5000, 5000, 5000 };

	for (unsigned n = 1; n <= TG_ARRAY_LEN(want_ms); n++) {
		int64_t full = want_ms[n - 1] * 1000;

		ck_assert_int_eq(redis_backoff_us(n, 100000, 5000000, 0), full);
		ck_assert_int_ge(redis_backoff_us(n, 100000, 5000000, UINT32_MAX), full / 2);
		ck_assert_int_le(redis_backoff_us(n, 100000, 5000000, UINT32_MAX), full / 2 + 1);
	}
	ck_assert_int_eq(redis_backoff_us(4000000000u, 100000, 5000000, 0), 5000000);
	ck_assert_int_eq(redis_backoff_us(3, 100000, 150000, 0), 150000);
	ck_assert_int_eq(redis_backoff_us(0, 100000, 150000, 0), 100000);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, whole);
	tcase_add_loop_test(tc, parts, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, lengths);
	tcase_add_test(tc, backoff);
}

UNIT_MAIN("redis_info", tests)
