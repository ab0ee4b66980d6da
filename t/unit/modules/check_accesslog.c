/*
 * check_accesslog.c: a log line is one line and one JSON object whatever a client puts into it,
 * says what happened, and holds no key; a full ring costs the line and is counted.
 */
#include "unit/core/fake.h"

#include "core/tags.h"
#include "proto/json_scan.h"

#include "mod_accesslog.c"

static struct fake f;

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
	"models: { m: { targets: a } }\n"
	"log: { access: stdout }\n"
	"tenants: { me: { tags: { team: a }, keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n";

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

/* The engine settles the request too, and logs it: not what is looked at here. */
static void drop(void)
{
	fake_drop(&f);
	while (ring_peek(&f.w.log_ring).n > 0)
		ring_consume(&f.w.log_ring, ring_peek(&f.w.log_ring).n);
}

static struct req *request(const char *fields)
{
	static char head[60000];
	struct req *r;

	snprintf(head, sizeof head, "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\n%s\r\n",
		fields);
	r = fake_req(&f, fake_conn(&f), head);
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->tags_json = r->key->tags_json;
	r->end = END_OK;
	return r;
}

/* The one line that is there, checked and taken. */
static struct str line(void)
{
	static char text[LINE_MAX_BYTES + 1];
	struct str s = ring_peek(&f.w.log_ring);
	struct json_fail fail;

	ck_assert_uint_gt(s.n, 2);
	ck_assert_uint_le(s.n, LINE_MAX_BYTES);
	memcpy(text, s.p, s.n);
	ring_consume(&f.w.log_ring, s.n);
	ck_assert_uint_eq(ring_peek(&f.w.log_ring).n, 0);
	ck_assert_uint_eq(str_chr(str_mk(text, s.n), '\n'), s.n - 1);
	text[s.n - 1] = '\0';
	ck_assert_msg(json_scan_object(str_mk(text, s.n - 1), NULL, 0, &fail) == 0,
		"%s at %zu in %s", json_error_text(fail.err), fail.offset, text);
	return str_mk(text, s.n - 1);
}

static void has(struct str l, const char *member)
{
	ck_assert_msg(str_find(l, str_z(member)) != (size_t)-1, "no %s in %s", member, l.p);
}

static void has_not(struct str l, const char *member)
{
	ck_assert_msg(str_find(l, str_z(member)) == (size_t)-1, "%s in %s", member, l.p);
}

START_TEST(plain)
{
	struct req *r = request("authorization: Bearer tg-example\r\n");
	struct str l;

	r->route = &f.conf->models[0].route[0];
	r->n_attempts = 2;
	r->status = 200;
	r->model_asked = STR("m");
	r->model_served = STR("m-2");
	r->stream = true;
	r->metered = true;
	r->leg.money =
		(struct rec_money){ .list = 35000000, .contracted = 31500000, .billed = 36225000 };
	r->spent.contracted = 1;
	r->leg.usage.n[USAGE_OUT] = 3;
	r->leg.usage.source = USAGE_PROVIDER;
	r->bytes_in = 12345678901;
	r->at.done = 77;
	accesslog_settled(r);
	l = line();
	has(l, "{\"time\":\"20");
	has(l, "\"id\":\"req_");
	has(l, ",\"tenant\":\"me\",\"key\":\"k\",\"tags\":{\"team\":\"a\"}");
	has(l, ",\"method\":\"POST\",\"path\":\"/v1/chat/completions\",\"model\":\"m\"");
	has(l, ",\"model_served\":\"m-2\",\"target\":\"a\",\"attempts\":2,\"stream\":true,"
	       "\"status\":200");
	has(l, ",\"end\":\"ok\"");
	has(l, ",\"usage\":{\"input\":0,\"output\":3}");
	has(l, ",\"cost_usd\":\"0.000031500001\",\"list_usd\":\"0.000035\","
	       "\"billed_usd\":\"0.000036225\",\"quality\":\"exact\",");
	has_not(l, "unpriced");
	has(l, ",\"bytes_in\":12345678901,");
	has(l, "\"done\":77,");
	has_not(l, "\"error\"");
	has_not(l, "tg-example");
	/* What is not exact says so; what was not metered has no cost. */
	r->leg.quality = QUALITY_PARTIAL;
	r->spent.flags = MONEY_UNPRICED;
	r->error = TG_E_UPSTREAM_ERROR;
	accesslog_settled(r);
	l = line();
	has(l, ",\"quality\":\"partial\",\"unpriced\":true");
	has(l, ",\"error\":\"upstream_error\"");
	r->metered = false;
	accesslog_settled(r);
	l = line();
	has(l, "cost_usd"); /* an earlier leg has */
	r->spent.contracted = 0;
	accesslog_settled(r);
	l = line();
	has_not(l, "cost_usd");
	has_not(l, "usage");
	drop();
}
END_TEST

/* Nobody known: no key, no path that is one. */
START_TEST(unknown)
{
	struct req *r = request("");
	struct str l;

	r->key = NULL;
	r->tenant = NULL;
	r->tags_json = STR_NONE;
	r->status = 401;
	r->end = END_REPLY;
	accesslog_settled(r);
	l = line();
	has(l, ",\"status\":401,\"end\":\"reply\"");
	has_not(l, "tenant");
	drop();
}
END_TEST

static const char *const nasty[] = { "\"", "\\", "\x01", "\n", "\xff", "\xc3", "a",
	"\xf0\x9f\x9a\xa7", "\",\"status\":200,\"x\":\"", "}\n{" };

/* The text over and over, up to n bytes. */
static struct str repeated(struct req *r, const char *what, size_t n)
{
	char *p = arena_alloc(&r->arena, n);

	ck_assert(p != NULL);
	for (size_t i = 0; i < n; i++)
		p[i] = what[i % strlen(what)];
	return str_mk(p, n);
}

/* Everything that a client chooses, as long and as bad as it can be, at once. */
START_TEST(hostile)
{
	static const size_t sizes[] = { 1, 3, 510, 511, 512, 513, 514, 515, 2000, 8000 };
	struct conf_tag v[2 * TAGS_MAX];
	struct conf_tags tags = { v, 0 };

	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		struct req *r = request("");
		struct str l;

		r->session = repeated(r, nasty[_i], sizes[k]);
		r->end_user = repeated(r, nasty[_i], sizes[k]);
		r->url.path = repeated(r, nasty[_i], sizes[k]);
		r->model_asked = repeated(r, nasty[_i], sizes[k]);
		r->model_served = repeated(r, nasty[_i], TG_MIN(sizes[k], (size_t)128));
		r->service_tier = repeated(r, nasty[_i], TG_MIN(sizes[k], (size_t)32));
		for (tags.n = 0; tags.n < (k % 2 == 0 ? 2 * TAGS_MAX : 2); tags.n++)
			v[tags.n] = (struct conf_tag){ repeated(r, "n", 64),
				repeated(r, nasty[_i], 256) };
		r->tags_json = tags_json(&r->arena, &tags);
		r->route = &f.conf->models[0].route[0];
		r->metered = true;
		r->leg.usage.source = USAGE_PROVIDER;
		for (int b = 0; b < USAGE__MAX; b++)
			r->leg.usage.n[b] = UINT64_MAX;
		r->spent.contracted = 5; /* a sum beyond the counter stands at its end */
		r->leg.money.contracted = INT64_MAX;
		r->status = 200;
		r->bytes_in = r->bytes_out = INT64_MAX;
		r->at = (struct req_clock){ INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX };
		accesslog_settled(r);
		l = line();
		/* What it cost and how it ended is there however much else there is. */
		has(l, ",\"status\":200,");
		has(l, ",\"cost_usd\":\"9223372.036854775807\"");
		has(l, "\"done\":");
		has(l, "\"overhead\":");
		drop();
	}
}
END_TEST

START_TEST(full_ring)
{
	struct req *r = request("");
	uint64_t dropped, lines = 0;

	while ((dropped = stat_get(&f.w.stats.c[WC_LOG_DROPPED])) < 3) {
		accesslog_settled(r);
		ck_assert_uint_lt(++lines, 100000);
	}
	ck_assert_uint_gt(lines, 100);
	while (ring_peek(&f.w.log_ring).n > 0) {
		struct str s = ring_peek(&f.w.log_ring);

		ck_assert_int_eq(s.p[s.n - 1], '\n');
		ring_consume(&f.w.log_ring, s.n);
	}
	accesslog_settled(r);
	line();
	drop();
	f.w.log_requests = false;
	r = request("");
	accesslog_settled(r);
	ck_assert_uint_eq(ring_peek(&f.w.log_ring).n, 0);
	drop();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, plain);
	tcase_add_test(tc, unknown);
	tcase_add_loop_test(tc, hostile, 0, sizeof nasty / sizeof *nasty);
	tcase_add_test(tc, full_ring);
}

UNIT_MAIN("accesslog", tests)
