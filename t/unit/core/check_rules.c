/*
 * check_rules.c: rules: each condition, the first that matches, and models that rules alone
 * resolve.
 */
#include "unit/core/fake.h"

#include "core/model_check.h"
#include "core/rules.h"

#define CONF(rule)                                                                        \
	"listen: 127.0.0.1:0\n"                                                           \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"            \
	"models: { m: { targets: a }, small: { targets: a }, secret: { targets: a } }\n"  \
	"tags: { optional: [ team ] }\n"                                                  \
	"orgs: { acme: {}, other: {} }\n"                                                 \
	"tiers: { free: {}, pro: {} }\n"                                                  \
	"rules:\n  - " rule "\n"                                                          \
	"tenants: { me: { org: acme, tier: free, keys: [ { id: k, tags: { team: blue }, " \
	"models: [ m, small ], sha256: " FAKE_KEY_SHA " } ] } }\n"

static const struct {
	const char *yaml;
	const char *asked, *serves; /* "": refused */
} rows[] = {
	{ CONF("{ use: small }"), "m", "small" },
	{ CONF("{ when_model: auto, use: small }"), "m", "m" },
	{ CONF("{ when_model: auto, use: small }"), "auto", "small" },
	{ CONF("{ when_model: auto, use: small }"), "automatic", "" },
	{ CONF("{ when_model: m, use: secret }"), "m", "" }, /* the key may not use that */
	{ CONF("{ route: cheap }"), "m", "m" },
	{ CONF("{ match: { tenant: me, org: acme, tier: free, key: k }, use: small }"), "m",
		"small" },
	{ CONF("{ match: { org: other }, use: small }"), "m", "m" },
	{ CONF("{ match: { tier: pro }, use: small }"), "m", "m" },
	{ CONF("{ match: { path: /v1/chat/completions }, use: small }"), "m", "small" },
	{ CONF("{ match: { path: \"/v1/chat*\" }, use: small }"), "m", "small" },
	{ CONF("{ match: { path: /v1/chat }, use: small }"), "m", "m" },
	{ CONF("{ match: { prompt_tokens: \"<500\" }, use: small }"), "m", "small" },
	{ CONF("{ match: { prompt_tokens: \">500\" }, use: small }"), "m", "m" },
	{ CONF("{ match: { prompt_tokens: \">=1\" }, use: small }"), "m", "small" },
	{ CONF("{ match: { tools: \"true\" }, use: small }"), "m", "small" },
	{ CONF("{ match: { tools: \"false\" }, use: small }"), "m", "m" },
	{ CONF("{ match: { images: \"false\", documents: \"false\", stream: \"false\" }, use: "
	       "small }"),
		"m", "small" },
	{ CONF("{ match: { images: \"true\" }, use: small }"), "m", "m" },
	{ CONF("{ match: { language: de }, use: small }"), "m", "small" },
	{ CONF("{ match: { language: [fr, de] }, use: small }"), "m", "small" },
	{ CONF("{ match: { language: \"fr, it\" }, use: small }"), "m", "m" },
	{ CONF("{ match: { language: unknown }, use: small }"), "m", "m" },
	{ CONF("{ match: { code: \"true\" }, use: small }"), "m", "m" },
	{ CONF("{ match: { code: \"false\", language: de }, use: small }"), "m", "small" },
	{ CONF("{ match: { tag.team: blue }, use: small }"), "m", "small" },
	{ CONF("{ match: { tag.team: red }, use: small }"), "m", "m" },
	{ CONF("{ match: { header.x-app: one }, use: small }"), "m", "small" },
	{ CONF("{ match: { header.x-app: two }, use: small }"), "m", "m" },
	{ CONF("{ match: { tag.team: red }, use: small }\n  - { use: small }"), "m", "small" },
	{ CONF("{ route: fast }\n  - { use: small }"), "m", "m" }, /* the first is the one */
};

static char said[] =
	"{\"messages\":[{\"role\":\"user\",\"content\":\"Was ist das, und wie kann ich es "
	"tun?\"}]}";

static struct fake f;

START_TEST(matches)
{
	struct req *r;
	int rc;

	fake_init(&f, rows[_i].yaml);
	r = fake_req(&f, fake_conn(&f),
		"POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nx-app: one\r\n"
		"content-length: 0\r\n\r\n");
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->tags_json = r->key->tags_json;
	r->bound = (struct bound){ .input_bytes = 400, .has_tools = true };
	r->body_kind = BODY_KIND_JSON;
	r->body = said;
	r->body_len = sizeof said - 1;
	rc = model_take(r, str_z(rows[_i].asked));
	if (rows[_i].serves[0] == '\0') {
		ck_assert_int_eq(rc, -1);
	} else {
		ck_assert_int_eq(rc, 0);
		UNIT_STR_EQ(r->model->name, str_z(rows[_i].serves));
		UNIT_STR_EQ(r->model_asked, str_z(rows[_i].asked));
		ck_assert_ptr_eq(r->model_first, r->model);
	}
	fake_drop(&f);
	fake_fini(&f);
}
END_TEST

START_TEST(preset)
{
	struct req *r;

	fake_init(&f, CONF("{ match: { tier: free }, route: cheap }"));
	r = fake_req(&f, fake_conn(&f),
		"POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n");
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	ck_assert_int_eq(model_take(r, STR("m")), 0);
	ck_assert(r->preset != NULL);
	UNIT_STR_EQ(r->preset->name, STR("cheap"));
	fake_drop(&f);
	fake_fini(&f);
}
END_TEST

#define DRAWS 4000

static unsigned drawn(const char *yaml, const char *session, bool again)
{
	unsigned n = 0;

	fake_init(&f, yaml);
	for (unsigned i = 0; i < DRAWS; i++) {
		struct req *r = fake_req(&f, fake_conn(&f),
			"POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\ncontent-length: "
			"0\r\n\r\n");
		bool small;

		r->key = plan_find_key(f.conf, STR(FAKE_KEY));
		r->tenant = r->key->tenant;
		r->session = str_z(session);
		ck_assert_int_eq(model_take(r, STR("m")), 0);
		small = str_eq(r->model->name, STR("small"));
		n += small;
		if (again) {
			ck_assert_int_eq(model_take(r, STR("m")), 0);
			ck_assert_int_eq(small, str_eq(r->model->name, STR("small")));
		}
		fake_drop(&f);
	}
	fake_fini(&f);
	return n;
}

/* A share is that of the requests, within five standard deviations; the rest goes on. */
START_TEST(share)
{
	unsigned n = drawn(CONF("{ use: small, share: 5% }"), "", true);

	ck_assert_uint_gt(n, 200 - 69);
	ck_assert_uint_lt(n, 200 + 69);
	ck_assert_uint_eq(drawn(CONF("{ use: small, share: 0% }"), "", false), 0);
	ck_assert_uint_eq(drawn(CONF("{ use: small, share: 100% }"), "", false), DRAWS);
	ck_assert_uint_eq(
		drawn(CONF("{ use: m, share: 0% }\n  - { use: small }"), "", false), DRAWS);
}
END_TEST

/* What sticks is in or out as a whole, and those that are in stay in when the share grows. */
START_TEST(share_sticks)
{
	unsigned in5 = 0, in20 = 0;
	char session[16];

	for (unsigned i = 0; i < 200; i++) {
		struct plan_rule rule = { .share_bp = 500, .stick = DRAW_SESSION, .salt = 7 };
		struct plan_route route = { .rules = &rule, .n_rules = 1 };
		struct tenant tenant = { .name = STR("t") };
		struct tg_conf conf = { .route = route };
		struct req r = { .conf = &conf, .tenant = &tenant, .model_asked = STR("m") };
		bool small, large;

		snprintf(session, sizeof session, "s-%u", i);
		r.session = str_z(session);
		small = rules_find(&r) != NULL;
		r.rec_id.lo = i + 1; /* another request of it */
		ck_assert_int_eq(small, rules_find(&r) != NULL);
		rule.share_bp = 2000;
		large = rules_find(&r) != NULL;
		ck_assert(large || !small);
		in5 += small;
		in20 += large;
	}
	ck_assert_uint_gt(in5, 0);
	ck_assert_uint_gt(in20, in5);
	ck_assert_uint_lt(in20, 100);
}
END_TEST

static const struct {
	const char *text;
	struct rule_count want;
	int rc;
} counts[] = {
	{ "<500", { false, false, 500 }, 0 },
	{ "<=500", { false, true, 500 }, 0 },
	{ ">0", { true, false, 0 }, 0 },
	{ ">=2000", { true, true, 2000 }, 0 },
	{ "500", { 0 }, -1 },
	{ "<", { 0 }, -1 },
	{ "<=", { 0 }, -1 },
	{ "<5k", { 0 }, -1 },
	{ "<1234567890123", { 0 }, -1 },
	{ "", { 0 }, -1 },
};

START_TEST(numbers)
{
	struct rule_count c;

	ck_assert_int_eq(rule_count_parse(str_z(counts[_i].text), &c), counts[_i].rc);
	if (counts[_i].rc == 0) {
		ck_assert_int_eq(c.above, counts[_i].want.above);
		ck_assert_int_eq(c.equal, counts[_i].want.equal);
		ck_assert_uint_eq(c.n, counts[_i].want.n);
	}
}
END_TEST

static const struct {
	const char *yaml, *says;
} errors[] = {
	{ CONF("{ match: { tire: free }, use: small }"), "did you mean `tier`?" },
	{ CONF("{ match: { tier: fre }, use: small }"), "there is no tier `fre`" },
	{ CONF("{ match: { tools: maybe }, use: small }"), "true or false, not `maybe`" },
	{ CONF("{ match: { language: german }, use: small }"),
		"`german` is no language that is told apart; there are unknown en de" },
	{ CONF("{ match: { language: [de, \"\"] }, use: small }"), "`` is no language" },
	{ CONF("{ match: { code: maybe }, use: small }"), "true or false, not `maybe`" },
	{ CONF("{ match: { tier: [free, pro] }, use: small }"), "there is no tier `free,pro`" },
	{ CONF("{ name: a b, use: small }"), "rule" },
	{ CONF("{ match: { prompt_tokens: 500 }, use: small }"), "a number with <" },
	{ CONF("{ match: { tier: free } }"), "a rule says what to do" },
	{ CONF("{ use: smal }"), "did you mean `small`?" },
	{ CONF("{ route: chep }"), "there is no route `chep`" },
	{ CONF("{ use: small }") "routes: { x: { weights: { cost: 1.5 } } }\n", "from 0 to 1" },
	{ CONF("{ use: small }") "routes: { x: { weights: { cost: 0 } } }\n", "all weights are 0" },
	{ CONF("{ use: small }") "routes: { x: { weights: { cost: 1 }, per_second: 1 usd } }\n",
		"not both" },
};

START_TEST(refused)
{
	struct resolver *res = resolver_new(0);
	struct conf_error err = { { 0 } };

	ck_assert(fake_plan(res, errors[_i].yaml, 1, &err) == NULL);
	ck_assert_msg(strstr(err.text, errors[_i].says) != NULL, "%s", err.text);
	resolver_free(res);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, matches, 0, sizeof rows / sizeof *rows);
	tcase_add_test(tc, preset);
	tcase_add_test(tc, share);
	tcase_add_test(tc, share_sticks);
	tcase_add_loop_test(tc, numbers, 0, sizeof counts / sizeof *counts);
	tcase_add_loop_test(tc, refused, 0, sizeof errors / sizeof *errors);
}

UNIT_MAIN("rules", tests)
