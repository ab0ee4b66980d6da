/*
 * check_bound_gemini.c: what requests to Gemini's API bound, in both spellings.
 */
#include <stdio.h>

#include "core/bound_int.h"
#include "unit/unit.h"

#define B64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void read(struct bound *b, const char *json)
{
	struct json_watch w[BOUND_WATCHES];
	struct json_fail fail;
	char *copy = unit_copy(json, strlen(json));

	bound_watch(w);
	ck_assert_msg(json_scan_object(str_mk(copy, strlen(json)), w, BOUND_WATCHES, &fail) == 0,
		"%s: error %d at %zu", json, fail.err, fail.offset);
	bound_read(b, METER_GEMINI, w, str_mk(copy, strlen(json)));
	free(copy); /* nothing of it is kept */
}

#define CONFIG(members) "{\"contents\":[],\"generationConfig\":{" members "}}"

static const struct {
	const char *json;
	bool known;
	uint64_t max_output, n;
	bool thinks, audio;
} configs[] = {
	{ "{\"contents\":[]}", false, 0, 1, false, false },
	{ CONFIG("\"maxOutputTokens\":100"), true, 100, 1, false, false },
	{ CONFIG("\"max_output_tokens\":100,\"candidate_count\":3"), true, 100, 3, false, false },
	{ CONFIG("\"maxOutputTokens\":7,\"max_output_tokens\":100"), true, 100, 1, false, false },
	{ "{\"generation_config\":{\"maxOutputTokens\":9}}", true, 9, 1, false, false },
	{ "{\"generation_config\":{\"maxOutputTokens\":9},\"generationConfig\":{"
	  "\"maxOutputTokens\":5,\"candidateCount\":2}}",
		true, 9, 2, false, false },
	{ CONFIG("\"candidateCount\":1000000"), false, 0, 8, false, false },
	{ CONFIG("\"maxOutputTokens\":\"100\",\"candidateCount\":null"), false, 0, 1, false,
		false },
	{ CONFIG("\"candidateCount\":1,\"candidateCount\":4"), false, 0, 8, true, false },
	{ CONFIG("\"thinkingConfig\":{\"thinkingBudget\":5}"), false, 0, 1, true, false },
	{ CONFIG("\"responseModalities\":[\"AUDIO\"]"), false, 0, 1, false, true },
	{ "{\"generationConfig\":null}", false, 0, 1, false, false },
	/* another API's members, which this one passes over */
	{ "{\"max_tokens\":5}", false, 0, 1, false, false },
};

START_TEST(limits)
{
	struct bound b;

	read(&b, configs[_i].json);
	ck_assert_int_eq(b.output_known, configs[_i].known);
	ck_assert_uint_eq(b.max_output, configs[_i].max_output);
	ck_assert_uint_eq(b.n, configs[_i].n);
	ck_assert_int_eq(b.thinks, configs[_i].thinks);
	ck_assert_int_eq(b.audio_out, configs[_i].audio);
}
END_TEST

#define PARTS(parts) "{\"contents\":[{\"role\":\"user\",\"parts\":[" parts "]}]}"
#define BLOB(mime)   "{\"mimeType\":\"" mime "\",\"data\":\"" B64 B64 B64 B64 "\"}"

static const struct {
	const char *json;
	uint64_t images;
	bool audio, documents, open;
} media[] = {
	{ PARTS("{\"text\":\"inlineData\"}"), 0, false, false, false },
	{ PARTS("{\"inlineData\":" BLOB("image/png") "}"), 1, false, false, false },
	{ PARTS("{\"inline_data\":" BLOB("image/png") "},{\"inlineData\":" BLOB("image/gif") "}"),
		2, false, false, false },
	{ PARTS("{\"inlineData\":" BLOB("audio/wav") "}"), 0, true, false, false },
	{ PARTS("{\"inlineData\":" BLOB("video/mp4") "}"), 0, false, true, true },
	{ PARTS("{\"fileData\":{\"fileUri\":\"gs://a\"}}"), 0, false, true, true },
	{ PARTS("{\"functionResponse\":{\"name\":\"f\",\"parts\":[{\"inlineData\":" BLOB(
		  "image/png") "}]}}"),
		1, false, false, false },
	{ PARTS("{\"inlineData\":{},\"inlineData\":{}}"), 1, false, false, true },
	{ "{\"contents\":{\"parts\":{\"inlineData\":" BLOB("image/png") "}}}", 1, false, false,
		false },
	{ "{\"system_instruction\":{\"parts\":[{\"inlineData\":" BLOB("image/png") "}]}}", 1, false,
		false, false },
	{ "{\"cachedContent\":\"cachedContents/x\"}", 0, false, false, true },
};

START_TEST(parts)
{
	struct bound b;

	read(&b, media[_i].json);
	ck_assert_uint_eq(b.images, media[_i].images);
	ck_assert_int_eq(b.has_images, media[_i].images > 0);
	ck_assert_int_eq(b.audio_bytes > 0, media[_i].audio);
	ck_assert_int_eq(b.has_documents, media[_i].documents);
	ck_assert_int_eq(b.open, media[_i].open);
	/* base64 is no text */
	if (strstr(media[_i].json, B64) != NULL)
		ck_assert_uint_lt(b.input_bytes, strlen(media[_i].json) - 128);
}
END_TEST

static const struct {
	const char *tools;
	uint64_t builtin;
	bool search;
} tools[] = {
	{ "[]", 0, false },
	{ "[{}]", 0, false },
	{ "[{\"functionDeclarations\":[{\"name\":\"googleSearch\"}]}]", 0, false },
	{ "[ {\n        \"function_declarations\" : [ ]\n      } ]", 0, false },
	{ "[{\"googleSearch\":{}}]", 1, true },
	{ "[{\"google_search\":{}},{\"codeExecution\":{}}]", 2, true },
	{ "[{\"functionDeclarations\":[],\"urlContext\":{}}]", 1, false },
	{ "[{\"functionDeclarations\":[],\"functionDeclarations\":[]}]", 1, false },
};

START_TEST(built_in)
{
	char json[256];
	struct bound b;

	snprintf(json, sizeof json, "{\"tools\":%s}", tools[_i].tools);
	read(&b, json);
	ck_assert_uint_eq(b.builtin_tools, tools[_i].builtin);
	ck_assert_int_eq(b.open, tools[_i].builtin > 0);
	ck_assert_int_eq(b.web_search, tools[_i].search);
	if (tools[_i].search)
		ck_assert_int_eq(b.search_bucket, USAGE_WEB_SEARCHES);
}
END_TEST

START_TEST(tier)
{
	struct bound b;

	read(&b, "{\"serviceTier\":\"flex\"}");
	UNIT_STR_EQ(bound_text(&b.tier), STR("flex"));
	read(&b, "{}");
	ck_assert_uint_eq(b.tier.n, 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, limits, 0, (int)TG_ARRAY_LEN(configs));
	tcase_add_loop_test(tc, parts, 0, (int)TG_ARRAY_LEN(media));
	tcase_add_loop_test(tc, built_in, 0, (int)TG_ARRAY_LEN(tools));
	tcase_add_test(tc, tier);
}

UNIT_MAIN("bound_gemini", tests)
