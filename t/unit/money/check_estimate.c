/*
 * check_estimate.c: learned ratios, images by size, and usage fitted to what a price counts.
 */
#include "money/estimate.h"

#include "base/defs.h"
#include "unit/unit.h"

#define BIT(b) ((uint64_t)1 << USAGE_##b)

START_TEST(test_nothing_learned)
{
	struct est_ratio r = { .n = 0 };

	ck_assert_uint_eq(est_input(NULL, 0), 0);
	ck_assert_uint_eq(est_input(NULL, 1), 1);
	ck_assert_uint_eq(est_input(&r, 2625), 1000); /* 3 bytes a token less an eighth */
	ck_assert_uint_eq(est_input(&r, 2626), 1001);
	ck_assert_uint_eq(est_output(&r, 2625, 7), 1000);
	ck_assert_uint_eq(est_output(&r, 10, 7), 7);
	ck_assert_uint_eq(est_output(NULL, 0, 0), 0);
	ck_assert_uint_eq(est_input(&r, UINT64_MAX), UINT64_C(7027331075698876806));
}
END_TEST

START_TEST(test_short_answers_teach_nothing)
{
	struct est_ratio r = { .n = 0 };

	est_learn(&r, 1023, 500, 0, 500);
	est_learn(&r, 5000, 63, 5000, 63);
	est_learn(&r, 0, 0, 0, 0);
	ck_assert_uint_eq(r.n, 0);
	ck_assert_uint_eq(r.in_mbpt, 0);
	ck_assert_uint_eq(r.out_mbpt, 0);
}
END_TEST

/* Whatever the ratio of a steady source: what is learned is at most it, and near it in the end. */
START_TEST(test_steady_sources)
{
	for (uint64_t mbpt = 1100; mbpt < 7900; mbpt += 97) {
		struct est_ratio r = { .n = 0 };

		for (int i = 0; i < 400; i++) {
			uint64_t tokens = 100 + (uint64_t)i * 7;

			est_learn(&r, tokens * mbpt / 1000 + 1200, tokens + 1000000 / mbpt,
				tokens * mbpt / 1000, tokens);
			if (i >= 20) /* from the start value down it takes a few */
				ck_assert_uint_ge(est_output(&r, tokens * mbpt / 1000, 0), tokens);
		}
		ck_assert_uint_eq(r.n, 400);
		ck_assert_uint_le(est_output(&r, 1000 * mbpt, 0), 1250000);
		ck_assert_uint_ge(est_output(&r, 1000 * mbpt, 0), 1000000);
	}
}
END_TEST

/* Mixed sources: the lean ones are what estimates go by, soon, and for long. */
START_TEST(test_lean_end)
{
	struct est_ratio r = { .n = 0 };

	for (int i = 0; i < 1000; i++)
		est_learn(&r, 0, 0, i % 5 == 0 ? 2000 : 5000, 1000);
	ck_assert_uint_ge(est_output(&r, 2000, 0), 850);
	for (int i = 0; i < 1000; i++)
		est_learn(&r, 0, 0, 5000, 1000);
	ck_assert_uint_le(est_output(&r, 5000, 0), 1250);
}
END_TEST

START_TEST(test_absurd_answers)
{
	struct est_ratio r = { .n = 0 };

	for (int i = 0; i < 100; i++)
		est_learn(&r, UINT64_MAX, 64, UINT64_MAX, 64);
	ck_assert_uint_le(r.in_mbpt, 12000);
	ck_assert_uint_le(r.out_mbpt, 8000);
	for (int i = 0; i < 100; i++)
		est_learn(&r, 1024, UINT64_MAX, 1, UINT64_MAX);
	ck_assert_uint_eq(r.in_mbpt, 1000);
	ck_assert_uint_eq(r.out_mbpt, 1000);
}
END_TEST

static const struct {
	const char *size, *quality;
	uint64_t pixels, tokens;
} images[] = {
	/* the tokens that are published, or more */
	{ "1024x1024", "low", 1048576, 272 },
	{ "1024x1536", "low", 1572864, 408 },
	{ "1536x1024", "low", 1572864, 408 },
	{ "1024x1024", "medium", 1048576, 1056 },
	{ "1024x1536", "medium", 1572864, 1584 },
	{ "1024x1024", "high", 1048576, 4160 },
	{ "1024x1536", "high", 1572864, 6240 },
	{ "3840x2160", "high", 8294400, 32907 },
	{ "auto", "auto", 0, 6240 },
	{ "", "", 0, 6240 },
	{ "1024x", "low", 0, 408 },
	{ "x1024", "low", 0, 408 },
	{ "1024x1024x3", "low", 0, 408 },
	{ "99999999999999999999x1", "low", 0, 408 },
	{ "65536x65536", "high", UINT64_C(4294967296), 17039360 },
	{ "65537x1", "high", 0, 6240 },
	{ "1x1", "low", 1, 1 },
};

START_TEST(test_images)
{
	struct str size = str_z(images[_i].size);

	ck_assert_uint_eq(est_pixels(size), images[_i].pixels);
	ck_assert_uint_eq(est_image_tokens(size, str_z(images[_i].quality)), images[_i].tokens);
}
END_TEST

struct figure {
	enum usage_bucket bucket;
	uint64_t n;
};

static const struct {
	const char *what;
	struct figure usage[6];
	uint64_t priced;
	struct figure want[6];
} fits[] = {
	{ "images by token", { { USAGE_IN, 9 }, { USAGE_OUT_IMAGE, 4160 }, { USAGE_IMAGES, 1 } },
		BIT(IN) | BIT(OUT), { { USAGE_IN, 9 }, { USAGE_OUT_IMAGE, 4160 } } },
	{ "images by image", { { USAGE_IN, 9 }, { USAGE_OUT_IMAGE, 4160 }, { USAGE_IMAGES, 1 } },
		BIT(IMAGES), { { USAGE_IMAGES, 1 } } },
	{ "images by pixel",
		{ { USAGE_IN, 9 }, { USAGE_OUT_IMAGE, 4160 }, { USAGE_IMAGES, 1 },
			{ USAGE_PIXELS, 99 } },
		BIT(PIXELS), { { USAGE_PIXELS, 99 } } },
	{ "a prompt by token and images by image",
		{ { USAGE_IN, 9 }, { USAGE_IMAGES, 1 }, { USAGE_PIXELS, 99 } },
		BIT(IN) | BIT(IMAGES), { { USAGE_IN, 9 }, { USAGE_IMAGES, 1 } } },
	{ "speech by character",
		{ { USAGE_IN, 9 }, { USAGE_IN_CHARACTERS, 30 }, { USAGE_OUT_AUDIO, 60 } },
		BIT(IN_CHARACTERS), { { USAGE_IN_CHARACTERS, 30 } } },
	{ "speech by token",
		{ { USAGE_IN, 9 }, { USAGE_IN_CHARACTERS, 30 }, { USAGE_OUT_AUDIO, 60 } },
		BIT(IN) | BIT(OUT), { { USAGE_IN, 9 }, { USAGE_OUT_AUDIO, 60 } } },
	{ "calls stay, priced or not", { { USAGE_IN, 9 }, { USAGE_WEB_SEARCHES, 2 } }, BIT(IN),
		{ { USAGE_IN, 9 }, { USAGE_WEB_SEARCHES, 2 } } },
	{ "and are no reason to drop tokens", { { USAGE_IN, 9 }, { USAGE_WEB_SEARCHES, 2 } },
		BIT(WEB_SEARCHES), { { USAGE_IN, 9 }, { USAGE_WEB_SEARCHES, 2 } } },
	{ "nothing is priced: nothing goes", { { USAGE_IN, 9 }, { USAGE_IMAGES, 1 } }, 0,
		{ { USAGE_IN, 9 }, { USAGE_IMAGES, 1 } } },
	{ "a parent's price will do", { { USAGE_IN, 9 }, { USAGE_IN_VIDEO_SECONDS, 5 } },
		BIT(IN_SECONDS), { { USAGE_IN_VIDEO_SECONDS, 5 } } },
};

START_TEST(test_fit)
{
	struct usage u = { .source = USAGE_ESTIMATED };
	uint64_t want[USAGE__MAX] = { 0 };

	for (size_t i = 0; i < 6 && fits[_i].usage[i].n > 0; i++)
		u.n[fits[_i].usage[i].bucket] = fits[_i].usage[i].n;
	for (size_t i = 0; i < 6 && fits[_i].want[i].n > 0; i++)
		want[fits[_i].want[i].bucket] = fits[_i].want[i].n;
	usage_fit(&u, fits[_i].priced);
	for (unsigned b = 0; b < USAGE__MAX; b++)
		ck_assert_msg(u.n[b] == want[b], "%s: %s", fits[_i].what,
			usage_bucket_name((enum usage_bucket)b));
}
END_TEST

/* Lengths of answers: what 95 of 100 stay below, about, of whatever they are like. */
START_TEST(test_lengths)
{
	struct est_ratio r = { .n = 0 };
	uint64_t q, seed = 7;

	ck_assert_uint_eq(est_length(NULL, 123), 123);
	est_learn_length(&r, 0);
	ck_assert_uint_eq(r.n_long, 0);
	for (int i = 0; i < 49; i++)
		est_learn_length(&r, 300);
	ck_assert_uint_eq(est_length(&r, 8000), 8000); /* too few */
	est_learn_length(&r, 300);
	ck_assert_uint_ge(est_length(&r, 8000), 250);
	ck_assert_uint_le(est_length(&r, 8000), 320);
	ck_assert_uint_eq(est_length(&r, 100), 100);
	/* evenly from 1 to 1000 */
	for (int i = 0; i < 20000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		est_learn_length(&r, 1 + (seed >> 33) % 1000);
	}
	q = est_length(&r, 8000);
	ck_assert_msg(q >= 880 && q <= 1010, "%llu", (unsigned long long)q);
	/* it follows, and stays in bounds */
	for (int i = 0; i < 20000; i++)
		est_learn_length(&r, 10);
	ck_assert_uint_le(est_length(&r, 8000), 21);
	for (int i = 0; i < 20000; i++)
		est_learn_length(&r, UINT64_MAX);
	ck_assert_uint_le(est_length(&r, UINT64_MAX), (uint64_t)1 << 26);
	ck_assert_uint_ge(est_length(&r, UINT64_MAX), (uint64_t)1 << 25);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, test_nothing_learned);
	tcase_add_test(tc, test_short_answers_teach_nothing);
	tcase_add_test(tc, test_steady_sources);
	tcase_add_test(tc, test_lean_end);
	tcase_add_test(tc, test_absurd_answers);
	tcase_add_test(tc, test_lengths);
	tcase_add_loop_test(tc, test_images, 0, (int)TG_ARRAY_LEN(images));
	tcase_add_loop_test(tc, test_fit, 0, (int)TG_ARRAY_LEN(fits));
}

UNIT_MAIN("estimate", tests)
