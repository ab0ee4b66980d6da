/*
 * check_leg.c: what one exchange may cost, how it is charged when no figures came, once and at the
 * target that it went to, and what a stream's progress says of its bound.
 */
#include "core/provider.h"
#include "unit/core/leg.h"

/* ---- the bound */

static const struct {
	const char *method, *path, *model;
	bool billed;
	pico_usd list; /* of the bound: 100 in, and the model's most output */
	uint32_t flags;
} bounds[] = {
	{ "POST", CHAT, "tiny", true, 100 + 300, 0 },
	{ "POST", CHAT, "wide", true, 500 + 70, 0 },              /* at the dearest tier */
	{ "POST", CHAT, "local", true, 36155, MONEY_FREE_BOUND }, /* (100 + 32768) * 1.1 */
	{ "POST", CHAT, "nobody-s", true, 500000000000 + (100 + 32768) * 40,
		MONEY_FREE_BOUND | MONEY_UNPRICED },
	{ "POST", CHAT, "gratis", true, 0, 0 },
	{ "POST", IMAGES, "img", true, 4 * CENT, 0 },
	{ "POST", "/v1/batches", "", true, 500000000000, MONEY_UNPRICED },
	{ "POST", "/v1/videos/v_1/remix", "", true, 500000000000, MONEY_UNPRICED },
	{ "POST", "/v2/of/its/own", "", true, 500000000000, MONEY_UNPRICED },
	/* looking costs nothing */
	{ "GET", "/v1/videos/v_1", "", false, 0, 0 },
	{ "GET", "/v1/batches", "", false, 0, 0 },
	{ "GET", "/v1/files", "", false, 0, 0 },
	{ "POST", "/v1/files", "", false, 0, 0 },
	{ "POST", "/v1/uploads", "", false, 0, 0 },
	{ "POST", "/v1/moderations", "tiny", false, 0, 0 },
	{ "POST", "/v1/messages/count_tokens", "tiny", false, 0, 0 },
	{ "POST", "/v1/responses/input_tokens", "tiny", false, 0, 0 },
	{ "DELETE", "/v1/responses/r_1", "", false, 0, 0 },
};

START_TEST(the_bound_of_a_path)
{
	cfg_target.discount_bp = 5000;
	cfg_tenant.markup_bp = 10000;
	for (size_t i = 0; i < TG_ARRAY_LEN(bounds); i++) {
		struct req *r = asking(bounds[i].method, bounds[i].path, bounds[i].model);
		const struct rec_money *m = &r->leg.bound_money;

		leg_begin(r);
		ck_assert_int_eq(r->leg.no, 1);
		ck_assert_msg(leg_is_billed(r) == bounds[i].billed, "%zu: billed", i);
		ck_assert_msg(m->list == bounds[i].list, "%zu: list %lld", i, (long long)m->list);
		ck_assert_int_eq(m->contracted, (bounds[i].list + 1) / 2);
		ck_assert_int_eq(m->billed, 2 * m->contracted);
		ck_assert_msg(m->flags == bounds[i].flags, "%zu: flags %u", i, m->flags);
		over();
	}
}
END_TEST

/* Dearer than its bound: told so, and charged all the same. */
START_TEST(dearer_than_its_bound)
{
	for (uint64_t more = 0; more < 2; more++) {
		struct req *r = answered(CHAT, "tiny", tokens(100 + more, 100));

		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_int_eq(r->leg.money.list, 400 + (pico_usd)more);
		ck_assert_uint_eq(r->leg.money.flags & MONEY_OVER, more ? MONEY_OVER : 0);
		over();
	}
}
END_TEST

/* ---- ends without figures */

static const struct {
	const char *what;
	bool sent, whole, complete, stream, metered;
	int status;
	enum usage_source source;
	enum settle_by by;
	enum abort_policy policy;
	enum indeterminate_policy indeterminate;
	pico_usd list; /* input 14, bound 400, estimate 7 + 3 * 5 */
	enum rec_quality quality;
	enum usage_source known;
} ends[] = {
#define P SETTLE_BY_PROVIDER
#define C SETTLE_BY_CLIENT
	{ "not sent", 0, 0, 0, 0, 0, 0, USAGE_ABSENT, P, ABORT_AUTO, INDETERMINATE_BOUND, 0,
		QUALITY_EXACT, USAGE_ABSENT },
	{ "no status", 1, 1, 0, 0, 0, 0, USAGE_ABSENT, P, ABORT_AUTO, INDETERMINATE_NONE, 0,
		QUALITY_INDETERMINATE, USAGE_ABSENT },
	{ "no status, the input", 1, 1, 0, 0, 0, 0, USAGE_ABSENT, P, ABORT_AUTO,
		INDETERMINATE_INPUT, 14, QUALITY_INDETERMINATE, USAGE_ESTIMATED },
	{ "no status, the bound", 1, 1, 0, 0, 0, 0, USAGE_ABSENT, P, ABORT_AUTO,
		INDETERMINATE_BOUND, 400, QUALITY_INDETERMINATE, USAGE_ESTIMATED },
	{ "half sent", 1, 0, 0, 0, 0, 0, USAGE_ABSENT, P, ABORT_AUTO, INDETERMINATE_BOUND, 0,
		QUALITY_EXACT, USAGE_ABSENT },
	{ "500", 1, 1, 1, 0, 0, 500, USAGE_ABSENT, P, ABORT_AUTO, INDETERMINATE_BOUND, 0,
		QUALITY_INDETERMINATE, USAGE_ABSENT },
	{ "429", 1, 1, 1, 0, 0, 429, USAGE_ABSENT, P, ABORT_AUTO, INDETERMINATE_BOUND, 0,
		QUALITY_EXACT, USAGE_ABSENT },
	{ "no figures", 1, 1, 1, 0, 1, 200, USAGE_ABSENT, P, ABORT_AUTO, INDETERMINATE_NONE, 22,
		QUALITY_ESTIMATED, USAGE_ABSENT },
	{ "broken off", 1, 1, 0, 1, 1, 200, USAGE_PARTIAL, P, ABORT_DRAIN, INDETERMINATE_NONE, 22,
		QUALITY_PARTIAL, USAGE_ABSENT },
	{ "broken off before it could be read", 1, 1, 0, 1, 0, 200, USAGE_ABSENT, P, ABORT_AUTO,
		INDETERMINATE_NONE, 14, QUALITY_PARTIAL, USAGE_ESTIMATED },
	{ "the client left a stream", 1, 1, 0, 1, 1, 200, USAGE_ABSENT, C, ABORT_AUTO,
		INDETERMINATE_NONE, 22, QUALITY_PARTIAL, USAGE_ABSENT },
	{ "that is billed whole", 1, 1, 0, 1, 1, 200, USAGE_ABSENT, C, ABORT_DRAIN,
		INDETERMINATE_NONE, 400, QUALITY_ESTIMATED, USAGE_ESTIMATED },
	{ "that is free then", 1, 1, 0, 1, 1, 200, USAGE_ABSENT, C, ABORT_CANCEL_FREE,
		INDETERMINATE_NONE, 0, QUALITY_PARTIAL, USAGE_ABSENT },
	{ "the client left before the status", 1, 1, 0, 1, 0, 0, USAGE_ABSENT, C, ABORT_AUTO,
		INDETERMINATE_NONE, 14, QUALITY_ESTIMATED, USAGE_ESTIMATED },
#undef P
#undef C
};

START_TEST(ends_without_figures)
{
	cfg_target.discount_bp = 5000;
	for (size_t i = 0; i < TG_ARRAY_LEN(ends); i++) {
		struct req *r = asking("POST", CHAT, "tiny");
		struct config *cfg = &f.conf->cfg;

		cfg_target.on_client_abort = (int)ends[i].policy;
		cfg->ledger.indeterminate = (int)ends[i].indeterminate;
		r->stream = ends[i].stream;
		leg_begin(r);
		r->leg.sent = ends[i].sent;
		r->leg.sent_whole = ends[i].whole;
		r->leg.complete = ends[i].complete;
		r->leg.status = ends[i].status;
		r->meter = ends[i].metered ? &told_meter : NULL;
		told.source = ends[i].source;
		told.whole = ends[i].complete;
		told.estimate = tokens(7, 5);
		leg_charge(r, ends[i].by);
		ck_assert_msg(r->leg.money.list == ends[i].list, "%s: list %lld", ends[i].what,
			(long long)r->leg.money.list);
		ck_assert_int_eq(r->leg.money.contracted, ends[i].list / 2);
		ck_assert_msg(r->leg.quality == ends[i].quality, "%s: quality %d", ends[i].what,
			r->leg.quality);
		ck_assert_msg(r->leg.usage.source == ends[i].known, "%s: usage %d", ends[i].what,
			(int)r->leg.usage.source);
		ck_assert_int_eq(usage_any(&r->leg.usage), ends[i].list > 0);
		over();
	}
}
END_TEST

/* An estimate stays within what the answer was let be, where that is known. */
START_TEST(an_estimate_is_not_above_the_bound)
{
	static const struct {
		const char *model;
		uint64_t out;
		pico_usd list;
	} rows[] = { { "tiny", 100, 7 + 300 }, { "tiny", 101, 7 + 300 }, { "tiny", 99999, 7 + 300 },
		{ "local", 99999, 7 + 99999 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct req *r = answered(CHAT, rows[i].model, tokens(7, rows[i].out));

		told.source = USAGE_ABSENT;
		told.counted = false;
		told.estimate = tokens(7, rows[i].out);
		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_msg(r->leg.money.list == rows[i].list, "%zu: %lld", i,
			(long long)r->leg.money.list);
		ck_assert_int_eq(r->leg.quality, QUALITY_ESTIMATED);
		over();
	}
}
END_TEST

/* As the provider is known to bill, unless the target says. */
START_TEST(the_policy_for_clients_that_go)
{
	struct provider known = *target.provider;
	struct req *r = asking("POST", CHAT, "tiny");

	target.provider = &known;
	leg_begin(r);
	for (int bills = 0; bills < 2; bills++) {
		known.bills_cancelled = bills;
		cfg_target.on_client_abort = ABORT_AUTO;
		ck_assert_int_eq(leg_abort_policy(r), bills ? ABORT_DRAIN : ABORT_CANCEL_ESTIMATE);
		for (int p = ABORT_CANCEL_ESTIMATE; p <= ABORT_CANCEL_FREE; p++) {
			cfg_target.on_client_abort = p;
			ck_assert_int_eq((int)leg_abort_policy(r), p);
		}
	}
	over();
}
END_TEST

/* ---- once */

START_TEST(charged_once)
{
	struct req *r = answered(CHAT, "tiny", tokens(1, 3));
	struct leg was;

	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_uint_eq(told.asked, 1);
	was = r->leg;
	told.figures = tokens(100, 300);
	r->cost_reported = 999;
	r->has_cost_reported = true;
	r->leg.sent = false;
	leg_charge(r, SETTLE_BY_CLIENT);
	r->leg.sent = true;
	ck_assert(memcmp(&was, &r->leg, sizeof was) == 0);
	ck_assert_uint_eq(told.asked, 1);
	over();
}
END_TEST

/* Before any leg has begun there is nothing to charge. */
START_TEST(no_leg)
{
	struct req *r = asking("POST", CHAT, "tiny");

	leg_charge(r, SETTLE_BY_CLIENT);
	ck_assert(!r->leg.charged);
	ck_assert_int_eq(r->leg.money.list, 0);
	over();
}
END_TEST

/* A new leg begins with nothing of the one before, but for its number; that stops at the top. */
START_TEST(the_next_leg)
{
	struct req *r = answered(CHAT, "tiny", tokens(1, 3));

	r->leg.provider_request_id = STR("x");
	leg_charge(r, SETTLE_BY_PROVIDER);
	r->path_route.model = STR("wide");
	leg_begin(r);
	ck_assert_int_eq(r->leg.no, 2);
	ck_assert(!r->leg.charged && !r->leg.sent && !r->leg.sent_whole && !r->leg.complete);
	ck_assert_int_eq(r->leg.status, 0);
	ck_assert_int_eq(r->leg.money.list, 0);
	ck_assert_uint_eq(r->leg.provider_request_id.n, 0);
	UNIT_STR_EQ(r->leg.price->model, STR("wide"));
	for (int i = 0; i < 300; i++)
		leg_begin(r);
	ck_assert_int_eq(r->leg.no, UINT8_MAX);
	over();
}
END_TEST

/* What a body only refers to, or a form that was not read, is charged at the bound of the input. */
START_TEST(input_that_is_not_all_there)
{
	for (int form = 0; form < 2; form++) {
		struct req *r = asking("POST", CHAT, "tiny");

		f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
		leg_begin(r);
		r->bound.refers = !form;
		r->bound.form = form;
		r->leg.sent = r->leg.sent_whole = true;
		leg_charge(r, SETTLE_BY_PROVIDER);
		ck_assert_int_eq(r->leg.money.list, 100);
		over();
	}
}
END_TEST

/* The leg is the old target's until another one begins, wherever the request goes next. */
START_TEST(routed_on)
{
	struct req *r = asking("POST", CHAT, "tiny");
	struct target next = target;
	struct cfg_target cfg_next = cfg_target;
	const struct route_target to = { .target = &next, .model = STR("wide") };

	cfg_target.discount_bp = 5000;
	cfg_target.region = STR("eu");
	cfg_target.on_client_abort = ABORT_DRAIN;
	cfg_next.region = STR("us");
	cfg_next.on_client_abort = ABORT_CANCEL_FREE;
	next.cfg = &cfg_next;
	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	leg_begin(r);
	r->leg.sent = r->leg.sent_whole = true;
	r->route = &to;
	ck_assert_int_eq(leg_abort_policy(r), ABORT_DRAIN);
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_int_eq(r->leg.money.list, 14);
	ck_assert_int_eq(r->leg.money.contracted, 7);
	UNIT_STR_EQ(r->leg.region, STR("eu"));
	leg_begin(r);
	ck_assert_int_eq(r->leg.bound_money.contracted, 570);
	UNIT_STR_EQ(r->leg.region, STR("us"));
	over();
}
END_TEST

/* A form's model came behind its file, when the leg had begun. */
START_TEST(a_model_that_comes_late)
{
	struct req *r = asking("POST", CHAT, "");
	const struct route_target to = { .target = &target, .model = STR("wide") };

	leg_model_found(r); /* no leg yet: that one will know */
	ck_assert_int_eq(r->leg.no, 0);
	leg_begin(r);
	ck_assert_ptr_null(r->leg.price);
	ck_assert_uint_eq(r->leg.bound_money.flags & MONEY_UNPRICED, MONEY_UNPRICED);
	r->leg.sent = true;
	r->route = &to;
	leg_model_found(r);
	ck_assert_int_eq(r->leg.no, 1);
	ck_assert(r->leg.sent);
	ck_assert_int_eq(r->leg.bound_money.list, 570);
	ck_assert_uint_eq(r->leg.bound_money.flags, 0);
	UNIT_STR_EQ(r->leg.price->model, STR("wide"));
	leg_charge(r, SETTLE_BY_PROVIDER);
	r->route = &r->path_route;
	leg_model_found(r); /* too late */
	ck_assert_ptr_eq(r->leg.route, &to);
	over();
}
END_TEST

static const struct {
	const char *method, *path, *model;
	bool refused;
} refusals[] = {
	{ "POST", CHAT, "nobody-s", true },
	{ "POST", CHAT, "", true },
	{ "POST", CHAT, "tiny", false },
	{ "POST", CHAT, "gratis", false },
	{ "POST", "/v1/batches", "", false }, /* names none */
	{ "POST", "/v1/moderations", "nobody-s", false },
	{ "GET", "/v1/files", "", false },
};

START_TEST(refused_without_a_price)
{
	for (size_t i = 0; i < 2 * TG_ARRAY_LEN(refusals); i++) {
		size_t k = i / 2;
		struct req *r = asking(refusals[k].method, refusals[k].path, refusals[k].model);

		f.conf->cfg.unpriced.action = i % 2 ? UNPRICED_REJECT : UNPRICED_ESTIMATE;
		leg_begin(r);
		ck_assert_msg(leg_is_refused(r) == (i % 2 && refusals[k].refused), "%zu", k);
		over();
	}
}
END_TEST

/* ---- progress */

static const struct {
	const char *model;
	bool metered;
	enum usage_source source;
	uint64_t in, out;
	pico_usd list; /* at most, now */
} progress[] = {
	{ "tiny", false, USAGE_ABSENT, 0, 0, 400 },
	{ "tiny", true, USAGE_ABSENT, 9, 1, 400 },       /* estimated: the bound stays */
	{ "tiny", true, USAGE_PARTIAL, 0, 1, 400 },      /* not of the input yet */
	{ "tiny", true, USAGE_PARTIAL, 9, 1, 9 + 300 },  /* the input is known */
	{ "tiny", true, USAGE_PARTIAL, 9, 99, 9 + 300 }, /* what is still to come is not */
	{ "tiny", true, USAGE_PARTIAL, 150, 1, 150 + 300 },
	{ "wide", true, USAGE_PARTIAL, 9, 1, 45 + 70 },
	{ "nobody-s", true, USAGE_PARTIAL, 9, 1, 0 }, /* the bound, whatever it is */
};

START_TEST(progress_narrows_the_bound)
{
	cfg_tenant.markup_bp = 10000;
	for (size_t i = 0; i < TG_ARRAY_LEN(progress); i++) {
		struct req *r = asking("POST", CHAT, progress[i].model);
		struct rec_money most;
		struct usage seen;
		pico_usd want;

		leg_begin(r);
		r->meter = progress[i].metered ? &told_meter : NULL;
		told.source = progress[i].source;
		told.estimate = tokens(progress[i].in, progress[i].out);
		leg_progress(r, &seen, &most);
		want = progress[i].list > 0 ? progress[i].list : r->leg.bound_money.list;
		ck_assert_msg(most.list == want, "%zu: list %lld", i, (long long)most.list);
		ck_assert_int_eq(most.billed, 2 * want);
		ck_assert_uint_eq(seen.n[USAGE_OUT], progress[i].out);
		ck_assert_uint_eq(most.flags, r->leg.bound_money.flags);
		ck_assert_uint_eq(most.price_version, r->leg.bound_money.price_version);
		ck_assert(!r->leg.charged);
		over();
	}
}
END_TEST

/* ---- for records */

START_TEST(who_and_what)
{
	struct req *r;
	struct rec_who who;
	struct rec_what what;
	struct key key = { .id = STR("k9") };

	tenant.org = STR("acme");
	tenant.tier = STR("gold");
	cfg_target.region = STR("eu");
	r = answered(CHAT, "tiny", tokens(1, 1));
	r->model_asked = STR("nick");
	r->stream = true;
	r->key = &key;
	r->session = STR("s1");
	r->end_user = STR("u1");
	r->tags_json = STR("{\"a\":\"b\"}");
	leg_who(r, &who);
	leg_what(r, &what);
	UNIT_STR_EQ(who.org, STR("acme"));
	UNIT_STR_EQ(who.tenant, STR("me"));
	UNIT_STR_EQ(who.tier, STR("gold"));
	UNIT_STR_EQ(who.key, STR("k9"));
	UNIT_STR_EQ(who.session, STR("s1"));
	UNIT_STR_EQ(who.end_user, STR("u1"));
	UNIT_STR_EQ(who.tags, STR("{\"a\":\"b\"}"));
	UNIT_STR_EQ(what.endpoint, STR("chat"));
	UNIT_STR_EQ(what.model, STR("nick"));
	UNIT_STR_EQ(what.target_model, STR("tiny"));
	UNIT_STR_EQ(what.provider, STR("openai"));
	UNIT_STR_EQ(what.target, STR("a"));
	UNIT_STR_EQ(what.region, STR("eu"));
	ck_assert(what.stream);
	r->tenant = NULL;
	r->key = NULL;
	leg_who(r, &who);
	ck_assert_uint_eq(who.org.n + who.tenant.n + who.tier.n + who.key.n, 0);
	over();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_bound_of_a_path);
	tcase_add_test(tc, dearer_than_its_bound);
	tcase_add_test(tc, ends_without_figures);
	tcase_add_test(tc, an_estimate_is_not_above_the_bound);
	tcase_add_test(tc, the_policy_for_clients_that_go);
	tcase_add_test(tc, charged_once);
	tcase_add_test(tc, no_leg);
	tcase_add_test(tc, the_next_leg);
	tcase_add_test(tc, input_that_is_not_all_there);
	tcase_add_test(tc, input_that_is_not_all_there);
	tcase_add_test(tc, routed_on);
	tcase_add_test(tc, a_model_that_comes_late);
	tcase_add_test(tc, refused_without_a_price);
	tcase_add_test(tc, progress_narrows_the_bound);
	tcase_add_test(tc, who_and_what);
}

UNIT_MAIN("leg", tests)
