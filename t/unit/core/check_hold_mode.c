/*
 * check_hold_mode.c: which requests are held a slice at a time and which as a whole, whatever the
 * tier says; and what is likely, for those that are held at that.
 */
#include "unit/core/leg.h"

#include "core/hold_mode.h"

#define MESSAGES "/v1/messages"

/* As incremental, one thing at a time different. */
static const struct {
	const char *what, *path, *model;
	bool whole, n, audio, thinks, builtin, search, open, refers;
	enum abort_policy policy;
	uint64_t max;
	enum hold_mode want;
} cases[] = {
	{ "a stream", CHAT, "wordy", .max = 5000, .want = HOLD_INCREMENTAL },
	{ "Anthropic's", MESSAGES, "wordy", .max = 5000, .want = HOLD_INCREMENTAL },
	{ "Responses", "/v1/responses", "wordy", .max = 5000, .want = HOLD_INCREMENTAL },
	{ "completions", "/v1/completions", "wordy", .max = 5000, .want = HOLD_INCREMENTAL },
	{ "a short one", CHAT, "wordy", .max = HOLD_SLICE, .want = HOLD_FULL },
	{ "one that may be longer", CHAT, "wordy", .max = HOLD_SLICE + 1,
		.want = HOLD_INCREMENTAL },
	{ "no stream", CHAT, "wordy", .whole = true, .max = 5000, .want = HOLD_FULL },
	{ "two choices", CHAT, "wordy", .n = true, .max = 5000, .want = HOLD_FULL },
	{ "speech", CHAT, "wordy", .audio = true, .max = 5000, .want = HOLD_FULL },
	{ "reasoning", CHAT, "wordy", .thinks = true, .max = 5000, .want = HOLD_FULL },
	{ "a tool of the provider", CHAT, "wordy", .builtin = true, .open = true, .max = 5000,
		.want = HOLD_FULL },
	{ "a search", CHAT, "wordy", .search = true, .max = 5000, .want = HOLD_FULL },
	{ "other servers' tools", CHAT, "wordy", .open = true, .max = 5000, .want = HOLD_FULL },
	{ "an earlier response", CHAT, "wordy", .open = true, .refers = true, .max = 5000,
		.want = HOLD_INCREMENTAL },
	{ "a drain", CHAT, "wordy", .policy = ABORT_DRAIN, .max = 5000, .want = HOLD_FULL },
	{ "a free cancel", CHAT, "wordy", .policy = ABORT_CANCEL_FREE, .max = 5000,
		.want = HOLD_INCREMENTAL },
	{ "o3", CHAT, "o3-mini", .max = 5000, .want = HOLD_FULL },
	{ "gpt-5", CHAT, "openai/gpt-5.1", .max = 5000, .want = HOLD_FULL },
	{ "olmo", CHAT, "olmo", .max = 5000, .want = HOLD_INCREMENTAL },
	{ "no text", "/v1/embeddings", "wordy", .max = 5000, .want = HOLD_FULL },
	{ "pictures", IMAGES, "img", .max = 5000, .want = HOLD_FULL },
};

static struct req *with_case(size_t i)
{
	struct req *r = asking("POST", cases[i].path, cases[i].model);

	tenant.tier_cfg = &cfg_tier;
	r->stream = !cases[i].whole;
	r->bound.n = cases[i].n ? 2 : 1;
	r->bound.audio_out = cases[i].audio;
	r->bound.thinks = cases[i].thinks;
	r->bound.builtin_tools = cases[i].builtin;
	r->bound.web_search = cases[i].search;
	r->bound.search_bucket = USAGE_WEB_SEARCHES_MEDIUM;
	r->bound.open = cases[i].open;
	r->bound.refers = cases[i].refers;
	r->bound.max_output = cases[i].max;
	r->bound.output_known = true;
	cfg_target.on_client_abort = (int)cases[i].policy;
	return r;
}

START_TEST(what_can_be_cut)
{
	struct req *r = with_case((size_t)_i);
	struct usage all;
	pico_usd billed;

	cfg_tier.hold = HOLD_FULL;
	leg_begin(r);
	ck_assert_int_eq(r->leg.mode, HOLD_FULL);
	all = r->leg.bound;
	billed = r->leg.bound_money.billed;
	cfg_tier.hold = HOLD_INCREMENTAL;
	leg_begin(r);
	ck_assert_msg(r->leg.mode == cases[_i].want, "%s: %u", cases[_i].what, r->leg.mode);
	ck_assert_uint_eq(r->leg.most_output, all.n[USAGE_OUT]);
	ck_assert_int_eq(r->leg.most_billed, billed);
	if (cases[_i].want == HOLD_INCREMENTAL) {
		ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], HOLD_SLICE);
		ck_assert_uint_eq(r->leg.bound.n[USAGE_IN], all.n[USAGE_IN]);
		ck_assert_int_lt(r->leg.bound_money.billed, billed);
		leg_hold_output(r, all.n[USAGE_OUT]);
	}
	ck_assert_mem_eq(r->leg.bound.n, all.n, sizeof all.n);
	ck_assert_int_eq(r->leg.bound_money.billed, billed);
	over();
}
END_TEST

/* The other modes ask no questions. */
START_TEST(as_configured)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		struct req *r = with_case(i);

		for (int mode = HOLD_EXPECTED; mode <= HOLD_POST; mode++) {
			cfg_tier.hold = mode;
			leg_begin(r);
			ck_assert_int_eq((int)r->leg.mode, mode);
			ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], r->leg.most_output);
		}
		over();
	}
}
END_TEST

/* Input that the provider has told takes the place of its bound. */
START_TEST(known_input)
{
	struct req *r = with_case(0);

	cfg_tier.hold = HOLD_INCREMENTAL;
	leg_begin(r);
	r->meter = &told_meter;
	told.source = USAGE_ABSENT;
	told.estimate = tokens(7, 3);
	leg_hold_output(r, 1000);
	ck_assert_uint_eq(r->leg.bound.n[USAGE_IN], 100);
	told.source = USAGE_PARTIAL;
	leg_hold_output(r, 1000);
	ck_assert_uint_eq(r->leg.bound.n[USAGE_IN], 7);
	ck_assert_uint_eq(r->leg.bound.n[USAGE_OUT], 1000);
	over();
}
END_TEST

START_TEST(likely)
{
	struct est_ratio ratio = { .n = 0 };
	struct req *r = asking("POST", CHAT, "tiny");
	struct usage u;
	pico_usd billed;

	tenant.tier_cfg = &cfg_tier;
	cfg_tier.hold = HOLD_EXPECTED;
	r->path_route.ratio = &ratio;
	r->bound.input_bytes = 2625 * 2;
	leg_begin(r);
	hold_estimate(r, &u, &billed);
	ck_assert_uint_eq(u.n[USAGE_IN], 2000); /* 3 bytes a token less an eighth */
	ck_assert_uint_eq(u.n[USAGE_OUT], 100); /* nothing is known: the model's maximum */
	ck_assert_int_eq(billed, 2000 + 300);
	for (unsigned i = 0; i < 50; i++)
		est_learn_length(&ratio, 20);
	hold_estimate(r, &u, &billed);
	ck_assert_uint_eq(u.n[USAGE_OUT], 20);
	ck_assert_int_eq(billed, 2000 + 60);
	/* what the body only refers to is not likely to be anything */
	r->bound.refers = r->bound.open = true;
	leg_begin(r);
	hold_estimate(r, &u, &billed);
	ck_assert_uint_eq(u.n[USAGE_IN], r->leg.bound.n[USAGE_IN]);
	/* never more than the bound */
	r->bound.refers = r->bound.open = false;
	r->bound.max_output = 5;
	r->bound.output_known = true;
	leg_begin(r);
	hold_estimate(r, &u, &billed);
	ck_assert_uint_eq(u.n[USAGE_OUT], 5);
	over();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_can_be_cut, 0, TG_ARRAY_LEN(cases));
	tcase_add_test(tc, as_configured);
	tcase_add_test(tc, known_input);
	tcase_add_test(tc, likely);
}

UNIT_MAIN("hold_mode", tests)
