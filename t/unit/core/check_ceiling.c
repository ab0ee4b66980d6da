/*
 * check_ceiling.c: what a single request may cost: the header, exactly; the least of all ceilings;
 * what a leg and those before it may cost together; and what is said when it is too much.
 */
#include "unit/core/leg.h"

#include "core/ceiling.h"

#define TINY_BOUND 400 /* pico: 100 tokens in, 100 out, at 1 and 3 */

static struct key key;

static struct req *with_field(const char *fields)
{
	char head[512];
	struct req *r;

	snprintf(head, sizeof head, "POST " CHAT " HTTP/1.1\r\nhost: gw\r\n%s\r\n", fields);
	r = fake_req(&f, fake_conn(&f), head);
	key = *plan_find_key(f.conf, STR(FAKE_KEY));
	r->key = &key;
	return r;
}

static const struct {
	const char *value;
	pico_usd stated, want; /* of the key, 0: none; -1: malformed */
	enum ceiling_whose whose;
} headers[] = {
	{ NULL, 0, 0, CEILING_NONE },
	{ NULL, 7, 7, CEILING_KEY },
	{ "0.05", 0, PICO_PER_USD / 20, CEILING_REQUEST },
	{ "1", PICO_PER_USD, PICO_PER_USD, CEILING_KEY },
	{ "0.999999999999", PICO_PER_USD, PICO_PER_USD - 1, CEILING_REQUEST },
	{ "1.000000000001", PICO_PER_USD, PICO_PER_USD, CEILING_KEY },
	{ "5e-3", 0, PICO_PER_USD / 200, CEILING_REQUEST },
	{ "0", 7, 0, CEILING_REQUEST },
	{ "", 0, -1, 0 },
	{ "-1", 0, -1, 0 },
	{ "+1", 0, -1, 0 },
	{ "1 usd", 0, -1, 0 },
	{ "$1", 0, -1, 0 },
	{ "0,5", 0, -1, 0 },
	{ "0x10", 0, -1, 0 },
	{ "nan", 0, -1, 0 },
	{ "inf", 0, -1, 0 },
	{ "0.0000000000001", 0, -1, 0 },
	{ "9223373", 0, -1, 0 }, /* beyond 63 bits of pico */
	{ "1\r\nx-tollgate-max-cost: 1", 0, -1, 0 },
	{ "1\r\nX-TOLLGATE-MAX-COST: 2", 0, -1, 0 },
};

START_TEST(header)
{
	char fields[256] = "";
	struct req *r;

	if (headers[_i].value != NULL)
		snprintf(fields, sizeof fields, "x-tollgate-max-cost: %s\r\n", headers[_i].value);
	r = with_field(fields);
	ceiling_lower(&key.ceiling, CEILING_KEY, headers[_i].stated);
	if (headers[_i].want < 0) {
		ck_assert_int_eq(ceiling_of_request(r), STEP_REPLY);
		fake_read(&f);
		ck_assert_int_eq(fake_status(&f), 400);
		ck_assert_msg(strstr(f.got, "invalid_max_cost") != NULL, "%s", f.got);
	} else {
		ck_assert_int_eq(ceiling_of_request(r), STEP_NEXT);
		ck_assert_int_eq(r->ceiling.whose, headers[_i].whose);
		ck_assert_int_eq(r->ceiling.pico, headers[_i].want);
	}
	over();
}
END_TEST

START_TEST(lower)
{
	struct ceiling c = { .whose = CEILING_NONE };

	ceiling_lower(&c, CEILING_KEY, 0);
	ck_assert_int_eq(c.whose, CEILING_NONE);
	ceiling_lower(&c, CEILING_KEY, 5);
	ceiling_lower(&c, CEILING_TENANT, 5);
	ck_assert_int_eq(c.whose, CEILING_KEY);
	ceiling_lower(&c, CEILING_TIER, 4);
	ceiling_lower(&c, CEILING_TENANT, 0);
	ck_assert_int_eq(c.whose, CEILING_TIER);
	ck_assert_int_eq(c.pico, 4);
}
END_TEST

static struct req *asking_with(pico_usd most)
{
	struct req *r = asking("POST", CHAT, "tiny");

	r->ceiling = (struct ceiling){ .whose = CEILING_REQUEST, .pico = most };
	return r;
}

START_TEST(fits)
{
	struct req *r = asking_with(TINY_BOUND);
	struct leg before;

	leg_begin(r);
	ck_assert_int_eq(r->leg.bound_money.billed, TINY_BOUND);
	ck_assert(ceiling_fits(r));
	r->ceiling.pico = TINY_BOUND - 1;
	ck_assert(!ceiling_fits(r));
	r->ceiling.whose = CEILING_NONE;
	ck_assert(ceiling_fits(r));
	/* legs that are over count */
	r->ceiling = (struct ceiling){ .whose = CEILING_KEY, .pico = TINY_BOUND + 9 };
	r->spent.billed = 9;
	ck_assert(ceiling_fits(r));
	r->spent.billed = 10;
	ck_assert(!ceiling_fits(r));
	r->spent.billed = INT64_MAX;
	ck_assert(!ceiling_fits(r));
	/* asking for another target changes nothing of the leg */
	r->spent.billed = 0;
	r->leg.charged = true;
	r->leg.money.billed = 9;
	before = r->leg;
	ck_assert_int_eq(ceiling_bound(r, r->route), TINY_BOUND + 9);
	ck_assert(ceiling_would_fit(r, r->route));
	r->leg.money.billed = before.money.billed = 10;
	ck_assert(!ceiling_would_fit(r, r->route));
	ck_assert_int_eq(memcmp(&before, &r->leg, sizeof before), 0);
	over();
}
END_TEST

START_TEST(what_the_tenant_pays)
{
	struct req *r = asking_with(2 * TINY_BOUND - 1);

	cfg_tenant.markup_bp = 10000;
	leg_begin(r);
	ck_assert(!ceiling_fits(r));
	r->ceiling.pico++;
	ck_assert(ceiling_fits(r));
	over();
}
END_TEST

static const struct {
	enum ceiling_whose whose;
	const char *model;
	pico_usd most;
	const char *says, *fit; /* the field, NULL: none */
} refusals[] = {
	/* 100 in at 1 pico each, 3 a token out: nano-USD are what is asked for */
	{ CEILING_REQUEST, "dear", 250 * PICO_PER_USD, "that it sets itself", "150" },
	{ CEILING_KEY, "dear", 100 * PICO_PER_USD, "of its key", "0" },
	{ CEILING_TENANT, "dear", 99 * PICO_PER_USD, "of its tenant", "0" },
	{ CEILING_TIER, "unknown", 1, "of its tier", NULL },
};

START_TEST(said)
{
	struct req *r = asking("POST", CHAT, refusals[_i].model);
	const char *fit;

	r->bound.max_output = 1000;
	r->bound.output_known = true;
	r->ceiling = (struct ceiling){ .whose = refusals[_i].whose, .pico = refusals[_i].most };
	leg_begin(r);
	ck_assert(!ceiling_fits(r));
	ceiling_say(r);
	ck_assert_int_eq(ceiling_refuse(r), STEP_REPLY);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 402);
	ck_assert_msg(strstr(f.got, "\"cost_ceiling\"") != NULL, "%s", f.got);
	ck_assert_msg(strstr(f.got, refusals[_i].says) != NULL, "%s", f.got);
	fit = fake_field(&f, "x-tollgate-max-affordable-tokens");
	if (refusals[_i].fit != NULL) {
		ck_assert_ptr_nonnull(fit);
		ck_assert_str_eq(fit, refusals[_i].fit);
	} else {
		ck_assert_ptr_null(fit);
	}
	over();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, header, 0, TG_ARRAY_LEN(headers));
	tcase_add_test(tc, lower);
	tcase_add_test(tc, fits);
	tcase_add_test(tc, what_the_tenant_pays);
	tcase_add_loop_test(tc, said, 0, TG_ARRAY_LEN(refusals));
}

UNIT_MAIN("ceiling", tests)
