/*
 * check_url.c: each way to write a path comes out in one spelling or is refused; queries, base
 * URLs, Host.
 */
#include "unit/unit.h"

#include "proto/url.h"

struct target_row {
	const char *in, *path, *query; /* path NULL: refused */
};

static const struct target_row targets[] = {
	{ "/", "/", "" },
	{ "/v1/models", "/v1/models", "" },
	{ "/v1/models/", "/v1/models/", "" },
	{ "/v1/x?a=b&c", "/v1/x", "a=b&c" },
	{ "/?", "/", "" },
	{ "/v1?a?b/../c%", "/v1", "a?b/../c%" },
	{ "/v1?a[]={}|\"", "/v1", "a[]={}|\"" },
	/* percent encoding */
	{ "/%76%31/%6D%6fdels", "/v1/models", "" },
	{ "/%7euser%2d%2E%5f", "/~user-._", "" },
	{ "/a%20b%c3%a9%3a", "/a%20b%C3%A9%3A", "" },
	{ "/a%25%32%66", "/a%252f", "" }, /* decoded once, not twice */
	{ "/a:b@c!$&'()*+,;=", "/a:b@c!$&'()*+,;=", "" },
	{ "/a%", NULL, NULL },
	{ "/a%2", NULL, NULL },
	{ "/a%2g", NULL, NULL },
	{ "/a%g2", NULL, NULL },
	{ "/a%%", NULL, NULL },
	{ "/a%00", NULL, NULL },
	{ "/a%0a", NULL, NULL },
	{ "/a%0D%0AX:y", NULL, NULL },
	{ "/a%1f", NULL, NULL },
	{ "/a%7F", NULL, NULL },
	{ "/a%5c..%5Cb", NULL, NULL },
	{ "/a\\b", NULL, NULL },
	/* dot segments and slashes */
	{ "/a/./b", "/a/b", "" },
	{ "/a/.", "/a/", "" },
	{ "/a/b/..", "/a/", "" },
	{ "/a/b/../c", "/a/c", "" },
	{ "/a/b/../../c", "/c", "" },
	{ "/a/%2e%2E/b", "/b", "" },
	{ "/a/.%2e/b", "/b", "" },
	{ "/a/..", "/", "" },
	{ "/./.", "/", "" },
	{ "/...", "/...", "" },
	{ "/a/..b/c..", "/a/..b/c..", "" },
	{ "//", "/", "" },
	{ "//v1///models//", "/v1/models/", "" },
	{ "//evil.example/x", "/evil.example/x", "" },
	{ "/a//../b", "/b", "" },
	{ "/..", NULL, NULL },
	{ "/../a", NULL, NULL },
	{ "/a/../../b", NULL, NULL },
	{ "/a/../..", NULL, NULL },
	{ "/%2e%2e/a", NULL, NULL },
	{ "/.//../a", NULL, NULL },
	/* other bytes and forms */
	{ "/a#b", NULL, NULL },
	{ "/a?b#c", NULL, NULL },
	{ "/a b", NULL, NULL },
	{ "/a?b c", NULL, NULL },
	{ "/a\"b", NULL, NULL },
	{ "/<a>", NULL, NULL },
	{ "/{a}", NULL, NULL },
	{ "/a^b`|", NULL, NULL },
	{ "/\xc3\xa9", NULL, NULL },
	{ "", NULL, NULL },
	{ "a", NULL, NULL },
	{ "?a", NULL, NULL },
	{ "http://ex.com/v1/../x?y", "/x", "y" },
	{ "HTTPS://ex.com:8443", "/", "" },
	{ "http://ex.com?y", "/", "y" },
	{ "http://[::1]:80/x", "/x", "" },
	{ "http://u:p@ex.com/x", NULL, NULL },
	{ "http:///x", NULL, NULL },
	{ "http:/x", NULL, NULL },
	{ "ftp://ex.com/x", NULL, NULL },
};

/* In memory of exactly its size, into a buffer of exactly the size promised. */
static int normalise(
	const char *in, bool keep_slash, struct str *path, struct str *query, char *keep)
{
	size_t n = strlen(in);
	char *copy = unit_copy(in, n), *buf = malloc(n != 0 ? n : 1);
	struct url_target t;
	int rc = url_target_normalise(str_mk(copy, n), keep_slash, buf, &t);

	if (rc == 0) {
		memcpy(keep, t.path.p, t.path.n);
		*path = str_mk(keep, t.path.n);
		memcpy(keep + t.path.n, t.query.p, t.query.n);
		*query = str_mk(keep + t.path.n, t.query.n);
	}
	free(copy);
	free(buf);
	return rc;
}

START_TEST(target_rows)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(targets); i++) {
		const struct target_row *r = &targets[i];
		struct str path, query;
		char keep[256], again[256], z[256];
		int rc = normalise(r->in, false, &path, &query, keep);

		ck_assert_msg(rc == (r->path != NULL ? 0 : -1), "%d for %s", rc, r->in);
		if (rc != 0)
			continue;
		UNIT_STR_EQ(path, str_z(r->path));
		UNIT_STR_EQ(query, str_z(r->query));
		memcpy(z, path.p, path.n); /* a normal path is its own normal form */
		z[path.n] = '\0';
		ck_assert_int_eq(normalise(z, false, &path, &query, again), 0);
		UNIT_STR_EQ(path, str_z(r->path));
	}
}
END_TEST

START_TEST(slashes_and_asterisk)
{
	struct str path, query;
	struct url_target t;
	char keep[256];

	ck_assert_int_eq(normalise("/a%2fb", false, &path, &query, keep), -1);
	ck_assert_int_eq(normalise("/a%2fb/...%2F.c", true, &path, &query, keep), 0);
	UNIT_STR_EQ(path, STR("/a%2Fb/...%2F.c"));
	ck_assert_int_eq(normalise("/a%2fb/..%2F", true, &path, &query, keep), -1);
	ck_assert_int_eq(normalise("/a/%2e%2Fb", true, &path, &query, keep), -1);
	ck_assert_int_eq(normalise("/a%2F%2E%2e/b", true, &path, &query, keep), -1);
	ck_assert_int_eq(normalise("/a%2F..%2fb", true, &path, &query, keep), -1);
	ck_assert_int_eq(normalise("/a%2F.", true, &path, &query, keep), -1);
	ck_assert_int_eq(normalise("/a%2F./..", true, &path, &query, keep), -1);
	ck_assert_int_eq(normalise("/a%5cb", true, &path, &query, keep), -1);
	ck_assert_int_eq(url_target_normalise(STR("*"), false, keep, &t), 0);
	ck_assert(t.asterisk);
	ck_assert_int_eq(url_target_normalise(STR("/*"), false, keep, &t), 0);
	ck_assert(!t.asterisk);
	ck_assert_int_eq(url_target_normalise(STR("*a"), false, keep, &t), -1);
	ck_assert_int_eq(url_target_normalise(str_mk("/a\0b", 4), false, keep, &t), -1);
}
END_TEST

static const struct {
	const char *in, *host, *path; /* host NULL: refused */
	uint16_t port;
	bool tls;
} urls[] = {
	{ "https://api.openai.com", "api.openai.com", "", 443, true },
	{ "https://api.openai.com/v1/", "api.openai.com", "/v1", 443, true },
	{ "HTTP://127.0.0.1:8080//", "127.0.0.1", "", 8080, false },
	{ "http://[fe80::1]/a%20b", "fe80::1", "/a%20b", 80, false },
	{ "http://[::ffff:1.2.3.4]:65535", "::ffff:1.2.3.4", "", 65535, false },
	{ "api.openai.com", NULL, NULL, 0, false },
	{ "ftp://a", NULL, NULL, 0, false },
	{ "https:/a", NULL, NULL, 0, false },
	{ "https://", NULL, NULL, 0, false },
	{ "https:///v1", NULL, NULL, 0, false },
	{ "https://u:p@a/", NULL, NULL, 0, false },
	{ "https://a:0", NULL, NULL, 0, false },
	{ "https://a:65536", NULL, NULL, 0, false },
	{ "https://a:", NULL, NULL, 0, false },
	{ "https://a:8x", NULL, NULL, 0, false },
	{ "https://a b", NULL, NULL, 0, false },
	{ "https://a/?x", NULL, NULL, 0, false },
	{ "https://a?x", NULL, NULL, 0, false },
	{ "https://a/#x", NULL, NULL, 0, false },
	{ "https://a/b c", NULL, NULL, 0, false },
	{ "https://[::1", NULL, NULL, 0, false },
	{ "https://[::1]x", NULL, NULL, 0, false },
	{ "https://[a.b]", NULL, NULL, 0, false },
	{ "", NULL, NULL, 0, false },
};

START_TEST(base_urls)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(urls); i++) {
		const char *err = NULL;
		struct url u;
		int rc = url_parse(str_z(urls[i].in), &u, &err);

		ck_assert_msg(rc == (urls[i].host != NULL ? 0 : -1), "%d for %s", rc, urls[i].in);
		ck_assert_msg((rc != 0) == (err != NULL), "no reason for %s", urls[i].in);
		if (rc != 0)
			continue;
		UNIT_STR_EQ(u.host, str_z(urls[i].host));
		UNIT_STR_EQ(u.path, str_z(urls[i].path));
		ck_assert_int_eq(u.port, urls[i].port);
		ck_assert_int_eq(u.tls, urls[i].tls);
	}
}
END_TEST

START_TEST(hosts)
{
	static const char *const good[] = { "a", "a.b-c_d.", "1.2.3.4:80", "[::1]", "[::]:1",
		"[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:1.2.3.4]", "localhost:65535" };
	static const char *const bad[] = { "", ":80", "a:", "a:0", "a:65536", "a:080800", "a:-1",
		"a b", "a,b", "a/b", "a?b", "u@a", "a%41", ".a", "-a", "[]", "[:]", "[::1", "::1",
		"[::1]a", "[1::2::3]", "[12345::]", "[g::]", "[:::1]", "[1:2:3]", "a\tb",
		"a\xc3\xa9", "a:80:80" };
	char longest[257];

	for (size_t i = 0; i < TG_ARRAY_LEN(good); i++)
		ck_assert_msg(url_host_valid(str_z(good[i])), "%s", good[i]);
	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++)
		ck_assert_msg(!url_host_valid(str_z(bad[i])), "%s", bad[i]);
	memset(longest, 'a', sizeof(longest));
	ck_assert(url_host_valid(str_mk(longest, 255)));
	ck_assert(!url_host_valid(str_mk(longest, 256)));
}
END_TEST

START_TEST(queries)
{
	struct str q = STR("a=1&&b&c=&=d&a=2&e=f=g"), n, v;
	static const char *const want[][2] = { { "a", "1" }, { "b", "" }, { "c", "" }, { "", "d" },
		{ "a", "2" }, { "e", "f=g" } };
	char buf[64];

	for (size_t i = 0; i < TG_ARRAY_LEN(want); i++) {
		ck_assert(url_query_next(&q, &n, &v));
		UNIT_STR_EQ(n, str_z(want[i][0]));
		UNIT_STR_EQ(v, str_z(want[i][1]));
	}
	ck_assert(!url_query_next(&q, &n, &v));
	q = STR("ab=1&a=2&b=3&a&c");
	UNIT_STR_EQ(url_query_get(q, STR("a")), STR("2"));
	UNIT_STR_EQ(url_query_get(q, STR("c")), STR(""));
	ck_assert_ptr_nonnull(url_query_get(q, STR("c")).p);
	ck_assert_ptr_null(url_query_get(q, STR("A")).p);
	UNIT_STR_EQ(url_query_without(q, STR("a"), buf), STR("ab=1&b=3&c"));
	UNIT_STR_EQ(url_query_without(STR("key=x"), STR("key"), buf), STR(""));
	UNIT_STR_EQ(url_query_without(STR("alt=sse"), STR("key"), buf), STR("alt=sse"));
	UNIT_STR_EQ(url_query_without(STR("key=x&alt=sse&key=y"), STR("key"), buf), STR("alt=sse"));
}
END_TEST

START_TEST(decoding)
{
	static const char *const bad[] = { "%", "%4", "a%4", "%zz", "%00", "a%0" };
	struct str out;
	char buf[32];

	ck_assert_int_eq(url_decode(STR("a+b%2Bc%c3%A9%41"), buf, sizeof(buf), &out), 0);
	UNIT_STR_EQ(out, STR("a b+c\xc3\xa9"
			     "A"));
	ck_assert_int_eq(url_decode(STR(""), buf, 0, &out), 0);
	ck_assert_uint_eq(out.n, 0);
	ck_assert_int_eq(url_decode(STR("abc"), buf, 2, &out), -1);
	ck_assert_int_eq(url_decode(str_mk("a\0", 2), buf, sizeof(buf), &out), -1);
	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++)
		ck_assert_msg(
			url_decode(str_z(bad[i]), buf, sizeof(buf), &out) == -1, "%s", bad[i]);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, target_rows);
	tcase_add_test(tc, slashes_and_asterisk);
	tcase_add_test(tc, base_urls);
	tcase_add_test(tc, hosts);
	tcase_add_test(tc, queries);
	tcase_add_test(tc, decoding);
}

UNIT_MAIN("url", tests)
