/*
 * check_health.c: a target goes out after consecutive failures, for longer each time up to a
 * maximum, and one success brings it back; which routes are left for a request.
 */
#include "unit/unit.h"

#include "core/health.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/req.h"

#define S 1000000

static struct target t;

static bool up_at(int64_t us)
{
	return health_is_up(&t, (mono_us){ us });
}

START_TEST(down_and_up)
{
	mono_us now = { 100 * (int64_t)S };

	memset(&t, 0, sizeof t);
	ck_assert(up_at(0) && up_at(now.us));
	for (unsigned i = 1; i < HEALTH_FAILURES; i++) {
		health_failure(&t, now);
		ck_assert_msg(up_at(now.us), "down after %u", i);
	}
	health_failure(&t, now);
	ck_assert(!up_at(now.us));
	ck_assert(!up_at(now.us + HEALTH_DOWN_US - 1));
	ck_assert(up_at(now.us + HEALTH_DOWN_US));
	health_success(&t);
	ck_assert(up_at(now.us));
	/* Counting begins again. */
	health_failure(&t, now);
	ck_assert(up_at(now.us));
}
END_TEST

/* Failures that are not consecutive never take a target out. */
START_TEST(not_consecutive)
{
	memset(&t, 0, sizeof t);
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 1; k < HEALTH_FAILURES; k++)
			health_failure(&t, (mono_us){ i });
		ck_assert(up_at(i));
		health_success(&t);
	}
}
END_TEST

/* 5 10 20 40 60 60 60 ... seconds, also after very many failures. */
START_TEST(doubling)
{
	static const int64_t want[] = { 5 * S, 10 * S, 20 * S, 40 * S, 60 * S, 60 * S };
	int64_t now = 0;

	memset(&t, 0, sizeof t);
	for (unsigned i = 1; i < HEALTH_FAILURES; i++)
		health_failure(&t, (mono_us){ now });
	for (unsigned i = 0; i < 200; i++) {
		int64_t down = want[TG_MIN(i, 5u)];

		health_failure(&t, (mono_us){ now });
		ck_assert_msg(!up_at(now + down - 1), "up early after %u", i);
		ck_assert_msg(up_at(now + down), "down too long after %u", i);
		now += down;
	}
}
END_TEST

static const struct provider speaks[] = { { .name = "o", .dialect = DIALECT_OPENAI },
	{ .name = "a", .dialect = DIALECT_ANTHROPIC } };

/* Per route: o or a, its dialect; upper case: forced. */
static const struct {
	const char *routes;
	uint64_t tried;
	enum dialect dialect;
	bool other;
} lefts[] = {
	{ "o", 0, DIALECT_OPENAI, true },
	{ "o", 1, DIALECT_OPENAI, false },
	{ "oo", 1, DIALECT_OPENAI, true },
	{ "oo", 3, DIALECT_OPENAI, false },
	{ "oa", 1, DIALECT_OPENAI, false },
	{ "oa", 1, DIALECT_ANTHROPIC, true },
	{ "aaaao", 0, DIALECT_OPENAI, true },
	{ "aaaaa", 0, DIALECT_OPENAI, false },
	{ "oO", 1, DIALECT_OPENAI, true },
	{ "oO", 2, DIALECT_OPENAI, false },
	{ "oA", 0, DIALECT_OPENAI, false },
};

START_TEST(other_route)
{
	struct target targets[8];
	struct route_target routes[8];
	struct model model = { .route = routes, .n_routes = (unsigned)strlen(lefts[_i].routes) };
	struct endpoint ep = { .dialect = lefts[_i].dialect };
	static struct req r;

	memset(targets, 0, sizeof targets);
	memset(&r, 0, sizeof r);
	r.model = &model;
	r.ep.ep = &ep;
	r.tried = lefts[_i].tried;
	for (unsigned i = 0; i < model.n_routes; i++) {
		targets[i].provider = &speaks[(lefts[_i].routes[i] | 32) == 'a'];
		routes[i].target = &targets[i];
		if (lefts[_i].routes[i] < 'a')
			r.forced = &targets[i];
	}
	ck_assert_int_eq(req_has_other_route(&r), lefts[_i].other);
	/* Down is not gone: when all else failed it is asked. */
	for (unsigned i = 0; i < 9; i++)
		health_failure(&targets[0], (mono_us){ 0 });
	ck_assert_int_eq(req_has_other_route(&r), lefts[_i].other);
	r.model = NULL;
	ck_assert(!req_has_other_route(&r));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, down_and_up);
	tcase_add_test(tc, not_consecutive);
	tcase_add_test(tc, doubling);
	tcase_add_loop_test(tc, other_route, 0, sizeof lefts / sizeof *lefts);
}

UNIT_MAIN("health", tests)
