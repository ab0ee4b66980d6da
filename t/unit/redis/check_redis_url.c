/*
 * check_redis_url.c: every form of an address, what is wrong with others, and how it is shown.
 */
#include "redis/redis_url.h"
#include "unit/unit.h"

static const struct {
	const char *text, *shown, *user, *password;
	unsigned db;
	bool tls, has_db;
} good[] = {
	{ "redis://127.0.0.1:6380", "127.0.0.1:6380", "", "", 0, false, false },
	{ "redis://r1.example", "r1.example:6379", "", "", 0, false, false },
	{ "redis://r1.example/", "r1.example:6379", "", "", 0, false, false },
	{ "rediss://r1/3", "r1:6379", "", "", 3, true, true },
	{ "redis://[::1]:7000/0", "[::1]:7000", "", "", 0, false, true },
	{ "redis://:p%40ss%2f@r:1", "r:1", "", "p@ss/", 0, false, false },
	{ "redis://u:p:q@r", "r:6379", "u", "p:q", 0, false, false },
	{ "unix:/run/redis.sock", "unix:/run/redis.sock", "", "", 0, false, false },
	{ "unix:/run/r?db=12", "unix:/run/r", "", "", 12, false, true },
};

START_TEST(forms)
{
	char shown[REDIS_URL_TEXT_MAX];
	struct redis_url u;
	const char *err;

	ck_assert_int_eq(redis_url_parse(str_z(good[_i].text), &u, &err), 0);
	redis_url_text(&u, shown, sizeof shown);
	ck_assert_str_eq(shown, good[_i].shown);
	ck_assert_str_eq(u.user, good[_i].user);
	ck_assert_str_eq(u.password, good[_i].password);
	ck_assert_uint_eq(u.db, good[_i].db);
	ck_assert_int_eq(u.tls, good[_i].tls);
	ck_assert_int_eq(u.has_db, good[_i].has_db);
	ck_assert_int_eq(u.is_unix, str_starts(str_z(good[_i].text), STR("unix:")));
}
END_TEST

static const struct {
	const char *text, *says;
} bad[] = {
	{ "", "redis://" },
	{ "127.0.0.1:6379", "redis://" },
	{ "http://r", "redis://" },
	{ "unix:run/redis.sock", "redis://" },
	{ "redis://", "host" },
	{ "redis:///1", "host" },
	{ "redis://r:0", "host" },
	{ "redis://r:65536", "host" },
	{ "redis://r:", "host" },
	{ "redis://r:12a", "host" },
	{ "redis://::1", "host" },
	{ "redis://[::1", "host" },
	{ "redis://[]:1", "host" },
	{ "redis://[::1]x", "host" },
	{ "redis://r x", "host" },
	{ "redis://r/x", "database" },
	{ "redis://r/65536", "database" },
	{ "redis://r/1/2", "database" },
	{ "unix:/r?db=", "database" },
	{ "unix:/r?x=1", "?db=" },
	{ "redis://user@r", "needs a password" },
	{ "redis://user:@r", "needs a password" },
	{ "redis://@r", "needs a password" },
	{ "redis://u:%4@r", "percent-encoded" },
	{ "redis://u:%zz@r", "percent-encoded" },
	{ "redis://u:%00@r", "percent-encoded" },
	{ "redis://u:%0a@r", "percent-encoded" },
};

START_TEST(refused)
{
	struct redis_url u;
	const char *err;

	ck_assert_int_eq(redis_url_parse(str_z(bad[_i].text), &u, &err), -1);
	ck_assert_msg(strstr(err, bad[_i].says) != NULL, "%s: %s", bad[_i].text, err);
}
END_TEST

/* One byte less than too long, and too long. */
START_TEST(lengths)
{
	static const struct {
		const char *before, *after;
		size_t most;
	} rows[] = { { "redis://", ":1", REDIS_HOST_MAX }, { "unix:/", "", REDIS_PATH_MAX - 1 },
		{ "redis://", ":p@r", REDIS_USER_MAX }, { "redis://:", "@r", REDIS_PASSWORD_MAX } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		for (size_t over = 0; over < 2; over++) {
			char text[1024] = "", fill[600] = "";
			struct redis_url u;
			const char *err;

			memset(fill, 'x', rows[i].most + over);
			strcat(strcat(strcat(text, rows[i].before), fill), rows[i].after);
			ck_assert_int_eq(
				redis_url_parse(str_z(text), &u, &err), over == 0 ? 0 : -1);
		}
	}
}
END_TEST

START_TEST(hosts)
{
	struct redis_url a, b;
	const char *err;

	ck_assert_int_eq(redis_url_parse(STR("redis://u:p@r:1/2"), &a, &err), 0);
	b = a;
	ck_assert_int_eq(redis_url_set_host(&b, STR("::1"), 7), 0);
	ck_assert(!redis_url_same(&a, &b));
	ck_assert_int_eq(redis_url_set_host(&b, STR("r"), 1), 0);
	b.password[0] = '\0';
	ck_assert(redis_url_same(&a, &b));
	b.tls = true;
	ck_assert(!redis_url_same(&a, &b));
	ck_assert_int_eq(redis_url_set_host(&b, STR(""), 1), -1);
	ck_assert_int_eq(redis_url_set_host(&b, STR("r\0x"), 1), -1);
	ck_assert_int_eq(redis_url_set_host(&b, STR("r"), 0), -1);
	ck_assert_int_eq(redis_url_set_host(&b, STR("r"), 65536), -1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, forms, 0, TG_ARRAY_LEN(good));
	tcase_add_loop_test(tc, refused, 0, TG_ARRAY_LEN(bad));
	tcase_add_test(tc, lengths);
	tcase_add_test(tc, hosts);
}

UNIT_MAIN("redis_url", tests)
