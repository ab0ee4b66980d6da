/*
 * check_plan.c: from configuration to plan: keys are found by their hash only, each sees the models
 * that tier and key allow, targets share connections only where trust is the same, and what cannot
 * work is refused with its place.
 */
#include "unit/core/fake.h"

static struct resolver *res;
static struct tg_conf *conf;
static struct conf_error err;

static void setup(void)
{
	res = resolver_new(0);
	ck_assert(res != NULL);
}

static void teardown(void)
{
	if (conf != NULL)
		plan_put(conf);
	resolver_free(res);
}

static void load(const char *yaml)
{
	conf = fake_plan(res, yaml, 7, &err);
	ck_assert_msg(conf != NULL, "%s", err.text);
}

#define LISTEN  "listen: 127.0.0.1:0\n"
#define T(rest) "{ provider: openai, base_url: http://127.0.0.1:9" rest " }"

/* ---- keys */

static void hex_of(const char *key, char out[2 * SHA256_LEN + 1])
{
	uint8_t sha[SHA256_LEN];

	digest_sha256(str_z(key), sha);
	for (size_t i = 0; i < SHA256_LEN; i++)
		sprintf(out + 2 * i, "%02x", sha[i]);
}

/* Each of 10,000 keys is found as itself; what differs in a byte is not. */
START_TEST(many_keys)
{
	enum { N = 10000, LINE = 160 };
	char *yaml = malloc(N * LINE + 4096), *p = yaml, hex[65], key[64];
	const struct key *k;

	p += sprintf(p, LISTEN "targets: { a: " T("") " }\nmodels: { m: { targets: a } }\n"
						      "tenants:\n");
	for (int i = 0; i < N; i++) {
		if (i % 100 == 0)
			p += sprintf(p, "  tenant-%d:\n    keys:\n", i / 100);
		sprintf(key, "tg-key-%d", i);
		hex_of(key, hex);
		p += sprintf(p, "      - { id: k%d, sha256: %s }\n", i, hex);
	}
	load(yaml);
	free(yaml);
	for (int i = 0; i < N; i++) {
		char want[32];

		sprintf(key, "tg-key-%d", i);
		k = plan_find_key(conf, str_z(key));
		ck_assert_msg(k != NULL, "%s", key);
		sprintf(want, "k%d", i);
		UNIT_STR_EQ(k->id, str_z(want));
		sprintf(want, "tenant-%d", i / 100);
		UNIT_STR_EQ(k->tenant->name, str_z(want));
		ck_assert(k->models == NULL);
		key[3] ^= 1;
		ck_assert(plan_find_key(conf, str_z(key)) == NULL);
	}
	ck_assert(plan_find_key(conf, STR("")) == NULL);
	ck_assert(plan_find_key(conf, STR("tg-key-1 ")) == NULL);
	ck_assert(plan_find_key(conf, STR("TG-KEY-1")) == NULL);
	hex_of("tg-key-1", hex);
	ck_assert_msg(plan_find_key(conf, str_z(hex)) == NULL, "the hash itself opens the door");
}
END_TEST

/* No keys at all: nobody gets in, and the search ends. */
START_TEST(no_keys)
{
	load(LISTEN "targets: { a: " T("") " }\nmodels: { m: { targets: a } }\n");
	ck_assert(plan_find_key(conf, STR(FAKE_KEY)) == NULL);
}
END_TEST

/* ---- who may use what */

static const struct {
	const char *tier, *key; /* YAML lists, NULL: none */
	const char *may;        /* of a b c */
} rights[] = {
	{ NULL, NULL, "abc" },
	{ "[ a ]", NULL, "a" },
	{ NULL, "[ b, c ]", "bc" },
	{ "[ a, b ]", "[ b, c ]", "b" },
	{ "[ a ]", "[ b ]", "" },
	{ "[ a, b, c ]", "[ c ]", "c" },
};

START_TEST(model_sets)
{
	char yaml[2048], tier[128] = "", keys[128] = "";
	const struct key *k;

	if (rights[_i].tier != NULL)
		sprintf(tier, "tiers: { t: { models: %s } }\n", rights[_i].tier);
	if (rights[_i].key != NULL)
		sprintf(keys, ", models: %s", rights[_i].key);
	sprintf(yaml,
		LISTEN
		"targets: { x: " T("") " }\n"
				       "models: { a: { targets: x }, b: { targets: x }, c: { "
				       "targets: x } }\n%s"
				       "tenants: { me: { %s keys: [ { id: k, sha256: " FAKE_KEY_SHA
				       "%s } ] } }\n",
		tier, tier[0] != '\0' ? "tier: t," : "", keys);
	load(yaml);
	k = plan_find_key(conf, STR(FAKE_KEY));
	ck_assert(k != NULL);
	for (const char *m = "abc"; *m != '\0'; m++)
		ck_assert_msg(key_may_use(k, plan_find_model(conf, str_mk(m, 1))) ==
				      (strchr(rights[_i].may, *m) != NULL),
			"model %c", *m);
}
END_TEST

/* Over 64 models the set is more than one word: the right bit in the right word. */
START_TEST(many_models)
{
	char *yaml = malloc(64 * 1024), *p = yaml;
	const struct key *k;

	p += sprintf(p, LISTEN "targets: { x: " T("") " }\nmodels:\n");
	for (int i = 0; i < 200; i++)
		p += sprintf(p, "  m%d: { targets: x }\n", i);
	p += sprintf(p, "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA
			", models: [ m0, m63, m64, m128, m199 ] } ] } }\n");
	load(yaml);
	free(yaml);
	k = plan_find_key(conf, STR(FAKE_KEY));
	for (unsigned i = 0; i < 200; i++) {
		char name[8];

		sprintf(name, "m%u", i);
		ck_assert_uint_eq(plan_find_model(conf, str_z(name))->index, i);
		ck_assert_int_eq(key_may_use(k, plan_find_model(conf, str_z(name))),
			i == 0 || i == 63 || i == 64 || i == 128 || i == 199);
	}
	ck_assert(plan_find_model(conf, STR("m")) == NULL);
	ck_assert(plan_find_model(conf, STR("M1")) == NULL);
}
END_TEST

START_TEST(key_fields)
{
	const struct key *k;

	load(LISTEN "targets: { x: " T("") " }\nmodels: { m: { targets: x } }\n"
					   "tiers: { gold: {} }\norgs: { acme: {} }\n"
					   "tenants:\n  r.d:\n    org: acme\n    tier: gold\n"
					   "    tags: { team: a, env: prod }\n"
					   "    keys:\n      - { id: old, sha256: " FAKE_KEY_SHA
					   ", expires: 2020-01-01, tags: { team: b } }\n");
	k = plan_find_key(conf, STR(FAKE_KEY));
	ck_assert(k != NULL);
	/* Expired keys are found, so that the refusal can say why. */
	ck_assert_int_gt(k->cfg->expires_us, 0);
	ck_assert_int_lt(k->cfg->expires_us, clock_wall().us);
	UNIT_STR_EQ(k->tags_json, STR("{\"env\":\"prod\",\"team\":\"b\"}"));
	UNIT_STR_EQ(k->log_text,
		STR(",\"tenant\":\"r.d\",\"org\":\"acme\",\"tier\":\"gold\",\"key\":\"old\""));
	ck_assert(k->tenant->tier_cfg != NULL);
}
END_TEST

/* ---- targets */

#define PAIR(a, b)                                                                       \
	LISTEN "targets:\n  a: { provider: openai, " a " }\n  b: { provider: openai, " b \
	       " }\n  models_of: " T("") "\nmodels: { m: { targets: a } }\n"

static const struct {
	const char *yaml;
	bool shared;
} pools[] = {
	{ PAIR("base_url: https://h.example", "base_url: https://h.example"), true },
	{ PAIR("base_url: https://h.example", "base_url: https://h.example:443/v1"), true },
	{ PAIR("base_url: https://h.example, key: x", "base_url: https://h.example, key: y"),
		true },
	{ PAIR("base_url: https://h.example", "base_url: https://h.example:8443"), false },
	{ PAIR("base_url: https://h.example", "base_url: https://g.example"), false },
	{ PAIR("base_url: https://h.example:80", "base_url: http://h.example"), false },
	{ PAIR("base_url: https://h.example", "base_url: https://h.example, tls_verify: false"),
		false },
	{ PAIR("base_url: https://h.example", "base_url: https://h.example, ca: /dev/null"),
		false },
	{ PAIR("base_url: https://h.example",
		  "base_url: https://h.example, proxy: http://127.0.0.1:1"),
		false },
	{ PAIR("base_url: https://h.example, proxy: http://127.0.0.1:2",
		  "base_url: https://h.example, proxy: http://127.0.0.1:1"),
		false },
};

/* A connection made under one trust is never used under another. */
START_TEST(pool_keys)
{
	conf = fake_plan(res, pools[_i].yaml, 1, &err);
	if (conf == NULL && strstr(pools[_i].yaml, "/dev/null") != NULL)
		return; /* refused at load: no certificate in it */
	ck_assert_msg(conf != NULL, "%s", err.text);
	ck_assert_msg(
		str_eq(conf->targets[0].pool_key, conf->targets[1].pool_key) == pools[_i].shared,
		"%.*s and %.*s", STR_FMT(conf->targets[0].pool_key),
		STR_FMT(conf->targets[1].pool_key));
}
END_TEST

static const struct {
	const char *rest, *host, *path;
} urls[] = {
	{ "base_url: http://127.0.0.1", "127.0.0.1", "" },
	{ "base_url: http://127.0.0.1:80/", "127.0.0.1", "" },
	{ "base_url: http://127.0.0.1:8080/v1/", "127.0.0.1:8080", "/v1" },
	{ "base_url: https://127.0.0.1:443/a/b", "127.0.0.1", "/a/b" },
	{ "base_url: http://127.0.0.1:443", "127.0.0.1:443", "" },
	{ "base_url: 'http://[::1]'", "[::1]", "" },
	{ "base_url: 'http://[::1]:81/x'", "[::1]:81", "/x" },
};

START_TEST(host_fields)
{
	char yaml[512];

	sprintf(yaml,
		LISTEN "targets: { a: { provider: openai, %s } }\nmodels: { m: { targets: a } }\n",
		urls[_i].rest);
	load(yaml);
	UNIT_STR_EQ(conf->targets[0].host_field, str_z(urls[_i].host));
	UNIT_STR_EQ(conf->targets[0].url.path, str_z(urls[_i].path));
	ck_assert((conf->targets[0].tls != NULL) == (strstr(urls[_i].rest, "https") != NULL));
}
END_TEST

START_TEST(inherited)
{
	const struct cfg_upstream *a, *b;

	load(LISTEN
		"upstream: { connect: 7s, first_byte: 11s, pool: 3 }\ntargets:\n"
		"  a: " T(
			"") "\n"
			    "  b: " T(
				    ", timeouts: { connect: 1s, total: 2m }, weight: 9") "\n"
											 "models:"
											 "\n  m: { "
											 "targets: "
											 "[ a, { "
											 "target: "
											 "b, "
											 "model: "
											 "\"q\\\"x"
											 "\", "
											 "weight: "
											 "4 }, { "
											 "target: "
											 "b } ] "
											 "}\n");
	a = &conf->targets[0].clocks;
	b = &conf->targets[1].clocks;
	ck_assert_int_eq(a->connect_us, 7000000);
	ck_assert_int_eq(b->connect_us, 1000000);
	ck_assert_int_eq(b->first_byte_us, 11000000);
	ck_assert_int_eq(b->total_us, 120000000);
	ck_assert_int_eq(a->total_us, conf->cfg.upstream.total_us);
	ck_assert_int_eq(b->pool, 3);
	ck_assert_uint_eq(conf->models[0].n_routes, 3);
	UNIT_STR_EQ(conf->models[0].route[0].model, STR("m"));
	UNIT_STR_EQ(conf->models[0].route[0].model_json, STR("\"m\""));
	UNIT_STR_EQ(conf->models[0].route[1].model_json, STR("\"q\\\"x\""));
	ck_assert_int_eq(conf->models[0].route[0].weight, conf->targets[0].weight);
	ck_assert_int_eq(conf->models[0].route[1].weight, 4);
	ck_assert_int_eq(conf->models[0].route[2].weight, 9);
	UNIT_STR_EQ(conf->targets[0].auth, STR(""));
	ck_assert_uint_eq(conf->generation, 7);
}
END_TEST

START_TEST(credentials)
{
	load(LISTEN "targets:\n  a: " T(", key: sk-1") "\n"
						       "  b: { provider: anthropic, base_url: "
						       "http://127.0.0.1:9, key: sk-2 }\n"
						       "models: { m: { targets: a } }\n");
	UNIT_STR_EQ(conf->targets[0].auth, STR("authorization: Bearer sk-1\r\n"));
	UNIT_STR_EQ(conf->targets[1].auth, STR("x-api-key: sk-2\r\n"));
}
END_TEST

/* ---- refused */

static const struct {
	const char *yaml, *error;
} wrongs[] = {
	{ LISTEN "targets: { a: { provider: openai, base_url: 'https://u:p@h' } }\n", "base_url" },
	{ LISTEN "targets: { a: { provider: openai, base_url: https://h, proxy: https://p:1 } }\n",
		"http://" },
	{ LISTEN "targets: { a: { provider: openai, base_url: https://h, ca: /nonexistent/ca.pem } "
		 "}\n",
		"/nonexistent/ca.pem" },
	{ "listen: { address: 127.0.0.1:0, tls: { certificate: /nonexistent/c, key: /nonexistent/k "
	  "} }\n",
		"/nonexistent/" },
	{ "listen: nowhere\n", "nowhere" },
	{ LISTEN "prices: [ /nonexistent/prices.json ]\n", "/nonexistent/prices.json" },
	{ LISTEN "targets: { a: " T("") " }\nmodels: { m: { targets: b } }\n", "`b`" },
};

/* Nothing half-built stays behind: the sanitizers watch. */
START_TEST(refused)
{
	conf = fake_plan(res, wrongs[_i].yaml, 1, &err);
	ck_assert(conf == NULL);
	ck_assert_msg(strstr(err.text, wrongs[_i].error) != NULL, "%s", err.text);
}
END_TEST

START_TEST(too_many_routes)
{
	char yaml[4096], *p = yaml;

	p += sprintf(p, LISTEN "targets: { a: " T("") " }\nmodels: { m: { targets: [");
	for (int i = 0; i < 65; i++)
		p += sprintf(p, "%s { target: a, model: m%d }", i > 0 ? "," : "", i);
	strcpy(p, " ] } }\n");
	conf = fake_plan(res, yaml, 1, &err);
	ck_assert(conf == NULL);
	ck_assert_msg(strstr(err.text, "64") != NULL, "%s", err.text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, many_keys);
	tcase_add_test(tc, no_keys);
	tcase_add_loop_test(tc, model_sets, 0, sizeof rights / sizeof *rights);
	tcase_add_test(tc, many_models);
	tcase_add_test(tc, key_fields);
	tcase_add_loop_test(tc, pool_keys, 0, sizeof pools / sizeof *pools);
	tcase_add_loop_test(tc, host_fields, 0, sizeof urls / sizeof *urls);
	tcase_add_test(tc, inherited);
	tcase_add_test(tc, credentials);
	tcase_add_loop_test(tc, refused, 0, sizeof wrongs / sizeof *wrongs);
	tcase_add_test(tc, too_many_routes);
}

UNIT_MAIN("plan", tests)
