/*
 * check_meter_gemini.c: answers of Gemini as bodies, events and arrays, split at every byte.
 * (usageMetadata alone: check_usage_gemini.c; recorded ones: check_meter_fixtures.c.)
 */
#include "providers/meter.h"
#include "providers/meter_estimate.h"
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

/* ---- answers */

#define S true
#define B false
#define TEXT \
	"\"content\":{\"parts\":[{\"text\":\"a \\\"usageMetadata\\\":{ b\"}],\"role\":\"model\"}"
#define CHUNK(candidates, rest) \
	"{\"candidates\":[" candidates "]" rest ",\"modelVersion\":\"gemini-3-x\"}"
#define GO(index)  "{" TEXT ",\"index\":" index "}"
#define END(index) "{" TEXT ",\"finishReason\":\"STOP\",\"index\":" index "}"
#define USED(p, c) ",\"usageMetadata\":{\"promptTokenCount\":" p ",\"candidatesTokenCount\":" c "}"
#define TRAFFIC    ",\"usageMetadata\":{\"trafficType\":\"ON_DEMAND\"}"
#define EV(json)   "data: " json "\r\n\r\n"
#define GROUND(queries)                                                          \
	"{" TEXT ",\"finishReason\":\"STOP\",\"groundingMetadata\":{\"x\":[{}]," \
	"\"webSearchQueries\":[" queries "]}}"

struct answer {
	const char *what;
	bool stream;
	const char *text;
	enum usage_source source;
	struct figure want[FIGURES];
	bool terminal, error;
	const char *model, *tier;
};

static const struct answer answers[] = {
	{ "a body", B, CHUNK(END("0"), USED("9", "5")), USAGE_PROVIDER,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 5 } }, true, false, "gemini-3-x", "" },
	{ "a body cut short", B, "{\"candidates\":[" END("0") "]" USED("9", "5"), USAGE_PARTIAL,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 5 } }, false, false, "", "" },
	{ "a stream", S, EV(CHUNK(GO("0"), USED("9", "1"))) EV(CHUNK(END("0"), USED("9", "5"))),
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 5 } }, true, false, "gemini-3-x",
		"" },
	{ "a stream without its end", S, EV(CHUNK(GO("0"), USED("9", "1"))), USAGE_PARTIAL,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 1 } }, false, false, "gemini-3-x", "" },
	{ "an array", B,
		" [" CHUNK(GO("0"), USED("9", "1")) "\r\n,\r\n" CHUNK(END("0"), USED("9", "5")) "]",
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 5 } }, true, false, "gemini-3-x",
		"" },
	{ "an array that breaks off", B,
		"[" CHUNK(GO("0"), USED("9", "1")) ",{\"candidates\":[" END("0"), USAGE_PARTIAL,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 1 } }, false, false, "gemini-3-x", "" },
	{ "an error in an array", B, "[{\"error\":{\"code\":503}}]", USAGE_ABSENT, { { 0 } }, false,
		true, "", "" },
	{ "an error in a stream", S,
		EV(CHUNK(GO("0"), USED("9", "1"))) EV("{\"error\":{\"code\":503}}"), USAGE_PARTIAL,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 1 } }, false, true, "gemini-3-x", "" },
	{ "figures only at the end", S,
		EV(CHUNK(GO("0"), TRAFFIC)) EV(CHUNK(END("0"), USED("9", "5"))), USAGE_PROVIDER,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 5 } }, true, false, "gemini-3-x", "standard" },
	{ "an end that tells none is not all", S,
		EV(CHUNK(GO("0"), USED("9", "1"))) EV(CHUNK(END("0"), TRAFFIC)), USAGE_PARTIAL,
		{ { USAGE_IN, 9 }, { USAGE_OUT, 1 } }, true, false, "gemini-3-x", "standard" },
	{ "figures behind the end", S,
		EV(CHUNK(END("0"), TRAFFIC)) EV(
			"{\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":5}}"),
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 5 } }, true, false, "gemini-3-x",
		"standard" },
	{ "of two candidates one goes on", S,
		EV(CHUNK(GO("0") "," GO("1"), USED("9", "2"))) EV(CHUNK(END("0"), USED("9", "3"))),
		USAGE_PARTIAL, { { USAGE_IN, 9 }, { USAGE_OUT, 3 } }, false, false, "gemini-3-x",
		"" },
	{ "both ended", S,
		EV(CHUNK(END("0"), USED("9", "2"))) EV(CHUNK(GO("1"), USED("9", "3")))
			EV(CHUNK(END("1"), USED("9", "4"))),
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 4 } }, true, false, "gemini-3-x",
		"" },
	{ "a refused prompt", S,
		EV("{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{"
		   "\"promptTokenCount\":9}}"),
		USAGE_PROVIDER, { { USAGE_IN, 9 } }, true, false, "", "" },
	{ "feedback beside candidates ends nothing", S,
		EV(CHUNK(GO("0"), USED("9", "1") ",\"promptFeedback\":{\"safetyRatings\":[]}")),
		USAGE_PARTIAL, { { USAGE_IN, 9 }, { USAGE_OUT, 1 } }, false, false, "gemini-3-x",
		"" },
	{ "searches, each of them", S, EV(CHUNK(GROUND("\"a\",\"b\""), USED("9", "1"))),
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 1 }, { USAGE_WEB_SEARCHES, 2 } },
		true, false, "gemini-3-x", "" },
	{ "an older family: once", B,
		"{\"modelVersion\":\"models/gemini-2.5-flash\",\"candidates\":[" GROUND(
			"\"a\",\"b\"") "]" USED("9", "1") "}",
		USAGE_PROVIDER, { { USAGE_IN, 9 }, { USAGE_OUT, 1 }, { USAGE_WEB_SEARCHES, 1 } },
		true, false, "gemini-2.5-flash", "" },
	{ "an embedding", B,
		"{\"embedding\":{\"values\":[1]},\"usageMetadata\":{\"promptTokenCount\":3}}",
		USAGE_PROVIDER, { { USAGE_IN, 3 } }, true, false, "", "" },
	{ "no usage", B, "{\"candidates\":[" END("0") "]}", USAGE_ABSENT, { { 0 } }, true, false,
		"", "" },
	{ "not JSON", S, EV("{\"usageMetadata\":{\"promptTokenCount\":3},]"), USAGE_ABSENT,
		{ { 0 } }, false, false, "", "" },
};

static char memory[METER_BUF_BYTES];

static void check_answer(const struct answer *a, struct meter *m)
{
	meter_finish(m);
	check_figures(a->what, &m->usage, a->want);
	ck_assert_msg(m->usage.source == a->source, "%s: source %d", a->what, m->usage.source);
	ck_assert_msg(m->terminal == a->terminal, "%s: terminal %d", a->what, m->terminal);
	ck_assert_msg(m->error_event == a->error, "%s: error %d", a->what, m->error_event);
	ck_assert_msg(
		str_eq(m->model, str_z(a->model)), "%s: model %.*s", a->what, STR_FMT(m->model));
	ck_assert_msg(str_eq(m->service_tier, str_z(a->tier)), "%s: tier %.*s", a->what,
		STR_FMT(m->service_tier));
}

static void answer_split(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	struct meter m;

	meter_init(&m, METER_GEMINI, ((const struct answer *)arg)->stream, memory, sizeof memory);
	meter_feed(&m, str_mk(a, an));
	meter_feed(&m, str_mk(b, bn));
	check_answer(arg, &m);
}

START_TEST(test_answers)
{
	const struct answer *a = &answers[_i];
	struct meter m;

	unit_split(a->text, strlen(a->text), answer_split, (void *)(uintptr_t)a);
	if (a->stream)
		return;
	meter_init(&m, METER_GEMINI, false, memory, sizeof memory);
	meter_whole(&m, str_z(a->text));
	check_answer(a, &m);
}
END_TEST

/* What was said is counted in each chunk: nothing is estimated beyond it, unless the last had none.
 */
START_TEST(test_broken_off)
{
	static const struct {
		const char *text;
		bool more;
	} t[] = {
		{ EV(CHUNK(GO("0"), USED("9", "1"))), false },
		{ EV(CHUNK(GO("0"), TRAFFIC)), true },
		{ EV(CHUNK(GO("0"), USED("9", "1"))) EV(CHUNK(GO("0"), TRAFFIC)), true },
	};
	struct bound asked = { .input_bytes = 100, .n = 1 };
	struct usage u;
	struct meter m;

	for (size_t i = 0; i < TG_ARRAY_LEN(t); i++) {
		meter_init(&m, METER_GEMINI, true, memory, sizeof memory);
		meter_feed(&m, str_z(t[i].text));
		meter_finish(&m);
		meter_estimate(&m, NULL, &asked, &u);
		ck_assert_msg((usage_output(&u) > 1) == t[i].more, "case %zu: %llu", i,
			(unsigned long long)usage_output(&u));
		ck_assert_uint_gt(usage_input(&u), 0);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, test_answers, 0, (int)TG_ARRAY_LEN(answers));
	tcase_add_test(tc, test_broken_off);
}

UNIT_MAIN("meter_gemini", tests)
