/*
 * check_geo.c: which targets may serve whom: what key, tenant, tier and the client's country say
 * holds all together, for models, paths without one, and targets that are named in the path; what
 * is refused names the rules. And lists of places, of every scope.
 */
#include "unit/core/fake.h"

#include "core/health.h"
#include "core/provider.h"
#include "unit/geo/mmdb_make.h"

#define SHA(c) "\"" c c c c c c c c "\""
#define K1     SHA("00000001")
#define K2     SHA("00000002")
#define K3     SHA("00000003")

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"geoip: { country: %s }\n"
	"targets:\n"
	"  us: { provider: openai, base_url: http://127.0.0.1:9, region: us }\n"
	"  eu: { provider: openai, base_url: http://127.0.0.1:9, region: eu }\n"
	"  west: { provider: openai, base_url: http://127.0.0.1:9, region: eu-west-1 }\n"
	"  none: { provider: openai, base_url: http://127.0.0.1:9 }\n"
	"models:\n"
	"  m: { targets: [ us, eu, west, none ] }\n"
	"  usa: { targets: [ us, none ] }\n"
	"geo:\n"
	"  deny: [ KP ]\n"
	"  residency:\n"
	"    - { countries: [ EU, CH ], regions: [ eu, eu-* ] }\n"
	"    - { countries: [ unknown, FR ], regions: [ eu-west-1, us ] }\n"
	"tiers: { strict: { regions: [ eu, us ], geo: { allow: [ EU, US ] } } }\n"
	"tenants:\n"
	"  free: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " }, { id: k1, sha256: " K1
	", regions: us } ] }\n"
	"  bound: { tier: strict, regions: eu, geo: { deny: [ FR ] }, keys: [ { id: k2, sha256: " K2
	" }, { id: k3, sha256: " K3 ", regions: us, geo: { deny: [ unknown ] } } ] }\n";

static struct fake f;

static char db_path[128];

static void setup(void)
{
	static const struct mmdb_row row = { "10.0.0.0/8",
		{ COUNTRY("DE"), sizeof(COUNTRY("DE")) - 1 } };
	static struct mmdb_make m;
	const char *tmp = getenv("TMPDIR");
	char text[4096];

	snprintf(db_path, sizeof db_path, "%s/check_geo_%d.mmdb", tmp != NULL ? tmp : "/tmp",
		getpid());
	mmdb_make(&m, &row, 1);
	mmdb_write(db_path, m.b, m.n);
	snprintf(text, sizeof text, yaml, db_path);
	fake_init(&f, text);
}

static void teardown(void)
{
	fake_fini(&f);
	unlink(db_path);
}

/* The key's hash is all that is known of it. */
static const struct key *key(const char *id)
{
	for (size_t i = 0; i < f.conf->key_cap; i++)
		if (f.conf->key_slots[i] != NULL && str_eq(f.conf->key_slots[i]->id, str_z(id)))
			return f.conf->key_slots[i];
	ck_abort_msg("no key %s", id);
}

static struct req *request(const char *path, const char *key_id, const char *country)
{
	char head[256];
	struct req *r;

	snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n",
		path);
	r = fake_req(&f, fake_conn(&f), head);
	r->key = key(key_id);
	r->tenant = r->key->tenant;
	memcpy(r->place.country, country, TG_MIN(strlen(country), (size_t)2));
	r->place.eu = geo_is_eu(r->place.country, false);
	geo_match_residency(r);
	return r;
}

/* "us eu west none": those that the request may use, in order. */
static void allowed(const struct req *r, char out[64])
{
	out[0] = '\0';
	for (unsigned i = 0; i < f.conf->n_targets; i++)
		if (geo_allows_target(r, &f.conf->targets[i])) {
			strcat(out, out[0] != '\0' ? " " : "");
			strncat(out, f.conf->targets[i].name.p, f.conf->targets[i].name.n);
		}
}

START_TEST(targets)
{
	static const struct {
		const char *key, *country, *want;
	} rows[] = {
		{ "k", "US", "us eu west none" },
		{ "k", "DE", "eu west" },
		{ "k", "CH", "eu west" },
		{ "k", "", "us west" },
		{ "k", "FR", "west" }, /* two rules hold */
		{ "k1", "US", "us" },
		{ "k1", "DE", "" },
		{ "k2", "US", "eu" }, /* tier and tenant */
		{ "k2", "", "" },
		{ "k3", "US", "" },
	};
	char got[64];

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct req *r = request("/v1/chat/completions", rows[i].key, rows[i].country);

		allowed(r, got);
		ck_assert_msg(strcmp(got, rows[i].want) == 0, "%s in %s: '%s', not '%s'",
			rows[i].key, rows[i].country, got, rows[i].want);
		r->model = plan_find_model(f.conf, STR("m"));
		for (unsigned k = 0; k < r->model->n_routes; k++)
			ck_assert_int_eq(req_route_open(r, k),
				geo_allows_target(r, r->model->route[k].target));
		ck_assert_int_eq(geo_allows_model(r, r->model), rows[i].want[0] != '\0');
		ck_assert_int_eq(geo_is_limited(r), strcmp(rows[i].want, "us eu west none") != 0);
		fake_drop(&f);
	}
}
END_TEST

/* Through the pipeline's steps: what is chosen is allowed, and what is not gets a 403 with names.
 */
static void run_from_route(struct req *r)
{
	for (r->step = 0; tg_steps[r->step].stage != STAGE_ROUTE; r->step++)
		;
	while (r->route == NULL && !r->settled && tg_steps[r->step].stage == STAGE_ROUTE)
		if (tg_steps[r->step].run(r) == STEP_NEXT)
			r->step++;
}

START_TEST(refused)
{
	static const struct {
		const char *path, *key, *country, *model, *forced;
		const char *says; /* NULL: goes through */
	} rows[] = {
		{ "/v1/chat/completions", "k", "DE", "m", NULL, NULL },
		{ "/v1/chat/completions", "k", "DE", "usa", NULL, "eu, eu-* for clients in 'DE'" },
		{ "/v1/chat/completions", "k1", "DE", "m", NULL,
			"us for key 'k1'; eu, eu-* for clients in 'DE'." },
		{ "/v1/chat/completions", "k2", "US", "usa", NULL,
			"eu for tenant 'bound'; eu, us for tier 'strict'." },
		{ "/v1/chat/completions", "k", "", "m", "none",
			"for clients in 'unknown countries'" },
		{ "/v1/files", "k", "DE", NULL, NULL, NULL },
		{ "/v1/files", "k3", "US", NULL, NULL, "us for key 'k3'; eu for tenant" },
		{ "/v1/files", "k", "DE", NULL, "us", "eu, eu-* for clients in 'DE'" },
		{ "/v1/files", "k", "DE", NULL, "eu", NULL },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		for (unsigned round = 0; round < 50; round++) {
			struct req *r = request(rows[i].path, rows[i].key, rows[i].country);

			if (rows[i].model != NULL)
				r->model = plan_find_model(f.conf, str_z(rows[i].model));
			if (rows[i].forced != NULL)
				r->forced = map_get(&f.conf->target_by_name, str_z(rows[i].forced));
			run_from_route(r);
			if (rows[i].says == NULL) {
				ck_assert(r->route != NULL);
				ck_assert(geo_allows_target(r, r->route->target));
			} else {
				fake_read(&f);
				ck_assert_msg(fake_status(&f) == 403, "row %zu: %s", i, f.got);
				ck_assert_msg(strstr(f.got, "region_not_allowed") != NULL &&
						      strstr(f.got, rows[i].says) != NULL,
					"row %zu: %s", i, f.got);
			}
			fake_drop(&f);
		}
	}
}
END_TEST

/* Whatever chose the target: the last step before sending does not send it there. */
START_TEST(never_sent)
{
	struct req *r = request("/v1/chat/completions", "k", "DE");

	r->model = plan_find_model(f.conf, STR("usa"));
	r->route = &r->model->route[0];
	r->step = tg_n_steps - 1;
	ck_assert_int_eq(tg_steps[r->step].stage, STAGE_SEND);
	ck_assert_int_eq(tg_steps[r->step].run(r), STEP_REPLY);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 403);
	ck_assert(r->attempt == NULL && r->n_attempts == 0);
	fake_drop(&f);
}
END_TEST

START_TEST(lists)
{
	static const struct {
		const char *key;
		int scope; /* -1: all */
		const char *country;
		bool ok;
	} rows[] = { { "k", -1, "DE", true }, { "k", -1, "KP", false }, { "k", -1, "", true },
		{ "k2", 0, "DE", true }, { "k2", 0, "US", true }, { "k2", 0, "CH", false },
		{ "k2", 0, "", false }, { "k2", 1, "FR", false }, { "k2", 1, "DE", true },
		{ "k2", 2, "FR", true }, { "k3", 2, "", false }, { "k3", 2, "XK", true } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct geo_place p = { .country = { 0 } };
		const struct geo_lists *l = rows[i].scope < 0
						    ? &f.conf->geo.lists
						    : &key(rows[i].key)->geo[rows[i].scope];

		memcpy(p.country, rows[i].country, TG_MIN(strlen(rows[i].country), (size_t)2));
		p.eu = geo_is_eu(p.country, false);
		ck_assert_msg(geo_lists_allow(l, &p) == rows[i].ok, "row %zu", i);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, targets);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, never_sent);
	tcase_add_test(tc, lists);
}

UNIT_MAIN("geo", tests)
