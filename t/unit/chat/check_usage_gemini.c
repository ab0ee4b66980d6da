/*
 * check_usage_gemini.c: usageMetadata in buckets (providers.md 1). Whole answers:
 * check_meter_gemini.c.
 */
#include "chat/usage_gemini.h"
#include "unit/unit.h"

#define FIGURES 8

struct figure {
	enum usage_bucket bucket;
	uint64_t n;
};

static void check_figures(const char *what, const struct usage *u, const struct figure *want)
{
	uint64_t n[USAGE__MAX] = { 0 };

	for (size_t i = 0; i < FIGURES && want[i].n > 0; i++)
		n[want[i].bucket] = want[i].n;
	for (unsigned b = 0; b < USAGE__MAX; b++)
		ck_assert_msg(u->n[b] == n[b], "%s: %s is %llu, not %llu", what,
			usage_bucket_name((enum usage_bucket)b), (unsigned long long)u->n[b],
			(unsigned long long)n[b]);
}

#define DETAIL(word, n) "{\"modality\":\"" word "\",\"tokenCount\":" n "}"

static const struct {
	const char *what, *first, *second; /* second: a later chunk's, or NULL */
	const char *tier;
	struct figure want[FIGURES];
} metadata[] = {
	{ "text", "{\"promptTokenCount\":9,\"candidatesTokenCount\":5,\"totalTokenCount\":14}",
		NULL, "", { { USAGE_IN, 9 }, { USAGE_OUT, 5 } } },
	{ "thoughts and tool use are beside",
		"{\"promptTokenCount\":9,\"toolUsePromptTokenCount\":4,"
		"\"candidatesTokenCount\":5,\"thoughtsTokenCount\":7,\"totalTokenCount\":25}",
		NULL, "", { { USAGE_IN, 13 }, { USAGE_OUT, 5 }, { USAGE_OUT_REASONING, 7 } } },
	{ "cached tokens are inside, by modality",
		"{\"promptTokenCount\":100,\"cachedContentTokenCount\":60,\"candidatesTokenCount\":"
		"5,"
		"\"promptTokensDetails\":[" DETAIL("TEXT", "50") "," DETAIL(
			"AUDIO", "30") "," DETAIL("IMAGE", "15") "," DETAIL("VIDEO",
			"5") "],"
			     "\"cacheTokensDetails\":[" DETAIL("AUDIO", "20") "," DETAIL(
				     "TEXT", "40") "]}",
		NULL, "",
		{ { USAGE_IN, 10 }, { USAGE_IN_CACHE_READ, 40 }, { USAGE_IN_AUDIO, 10 },
			{ USAGE_IN_AUDIO_CACHE_READ, 20 }, { USAGE_IN_IMAGE, 15 },
			{ USAGE_IN_VIDEO, 5 }, { USAGE_OUT, 5 } } },
	{ "a picture that was made",
		"{\"promptTokenCount\":8,\"candidatesTokenCount\":1300,"
		"\"candidatesTokensDetails\":[" DETAIL("IMAGE", "1290") "," DETAIL(
			"TEXT", "10") "]}",
		NULL, "", { { USAGE_IN, 8 }, { USAGE_OUT, 10 }, { USAGE_OUT_IMAGE, 1290 } } },
	{ "speech; of the Live API",
		"{\"promptTokenCount\":8,\"responseTokenCount\":30,"
		"\"responseTokensDetails\":[" DETAIL("AUDIO", "30") "]}",
		NULL, "", { { USAGE_IN, 8 }, { USAGE_OUT_AUDIO, 30 } } },
	{ "later figures replace, nothing is added",
		"{\"promptTokenCount\":9,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":256}",
		"{\"promptTokenCount\":9,\"candidatesTokenCount\":29,\"thoughtsTokenCount\":256}",
		"", { { USAGE_IN, 9 }, { USAGE_OUT, 29 }, { USAGE_OUT_REASONING, 256 } } },
	{ "only trafficType takes nothing back",
		"{\"promptTokenCount\":9,\"candidatesTokenCount\":5}",
		"{\"trafficType\":\"ON_DEMAND_FLEX\"}", "flex",
		{ { USAGE_IN, 9 }, { USAGE_OUT, 5 } } },
	{ "null and nonsense take nothing back",
		"{\"promptTokenCount\":9,\"candidatesTokenCount\":5}",
		"{\"promptTokenCount\":null,\"candidatesTokenCount\":\"7\",\"thoughtsTokenCount\":-"
		"1,"
		"\"totalTokenCount\":14}",
		"", { { USAGE_IN, 9 }, { USAGE_OUT, 5 } } },
	{ "thoughts inside the candidates, as the total says",
		"{\"promptTokenCount\":10,\"candidatesTokenCount\":50,\"thoughtsTokenCount\":30,"
		"\"totalTokenCount\":60}",
		NULL, "", { { USAGE_IN, 10 }, { USAGE_OUT, 20 }, { USAGE_OUT_REASONING, 30 } } },
	{ "candidates that only the total tells",
		"{\"promptTokenCount\":10,\"thoughtsTokenCount\":30,\"totalTokenCount\":45}", NULL,
		"", { { USAGE_IN, 10 }, { USAGE_OUT, 5 }, { USAGE_OUT_REASONING, 30 } } },
	{ "details beyond the whole stop at it",
		"{\"promptTokenCount\":5,\"cachedContentTokenCount\":9,\"candidatesTokenCount\":2,"
		"\"promptTokensDetails\":[" DETAIL(
			"AUDIO", "99") "],"
				       "\"candidatesTokensDetails\":[" DETAIL("VIDEO", "99") "]}",
		NULL, "", { { USAGE_IN_CACHE_READ, 5 }, { USAGE_OUT_VIDEO, 2 } } },
	{ "the tier's own word",
		"{\"promptTokenCount\":5,\"serviceTier\":\"priority\","
		"\"trafficType\":\"ON_DEMAND\"}",
		NULL, "priority", { { USAGE_IN, 5 } } },
	{ "bought throughput",
		"{\"promptTokenCount\":5,\"trafficType\":\"PROVISIONED_THROUGHPUT\"}", NULL,
		"PROVISIONED_THROUGHPUT", { { USAGE_IN, 5 } } },
};

START_TEST(test_metadata)
{
	struct usage_gemini g = { .have = 0 };
	struct usage u = { .source = USAGE_ABSENT };
	struct str tier;

	ck_assert_int_eq(usage_gemini_merge(&g, str_z(metadata[_i].first), &tier), 0);
	if (metadata[_i].second != NULL)
		(void)!usage_gemini_merge(&g, str_z(metadata[_i].second), &tier);
	usage_gemini_buckets(&g, &u);
	check_figures(metadata[_i].what, &u, metadata[_i].want);
	ck_assert_msg(str_eq(tier, str_z(metadata[_i].tier)), "%s: tier %.*s", metadata[_i].what,
		STR_FMT(tier));
}
END_TEST

START_TEST(test_no_metadata)
{
	static const char *const none[] = { "", "[]", "{", "{}", "{\"trafficType\":\"ON_DEMAND\"}",
		"{\"promptTokensDetails\":[" DETAIL("TEXT", "50") "]}" };
	struct usage_gemini g = { .have = 0 };
	struct str tier;

	for (size_t i = 0; i < TG_ARRAY_LEN(none); i++)
		ck_assert_int_eq(usage_gemini_merge(&g, str_z(none[i]), &tier), -1);
	ck_assert_uint_eq(g.have, 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_metadata, 0, (int)TG_ARRAY_LEN(metadata));
	tcase_add_test(tc, test_no_metadata);
}

UNIT_MAIN("usage_gemini", tests)
