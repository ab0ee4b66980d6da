/*
 * check_capable.c: what requests need of a model, who says that it is missing, and where requests
 * go then.
 */
#include "unit/core/fake.h"

#include "core/capable.h"
#include "core/choice.h"

#define PRICE(name, more)                                                                      \
	"  - { provider: openai, model: " name ", per_mtok: { input: \"1\", output: \"1\" }, " \
	"max_output: 4000, source: test, date: 2026-11-28" more " }\n"

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets:\n"
	"  a: { provider: openai, base_url: http://127.0.0.1:9 }\n"
	"  b: { provider: openai, base_url: http://127.0.0.1:9, capabilities: { tools: false, "
	"audio: false } }\n"
	"price_overrides:\n" PRICE("blind",
		", capabilities: { vision: false, tools: true, reasoning: false }") PRICE("unknown",
		"") PRICE("long", ", max_input: 9") PRICE("narrow",
		", max_input: 2000") PRICE("wide",
		", max_input: 3000") "models:\n"
				     "  blind: { targets: [ { target: a, model: blind } ] }\n"
				     "  sees: { targets: [ { target: a, model: blind, "
				     "capabilities: { vision: true } } ] }\n"
				     "  both: { targets: [ { target: a, model: blind }, { "
				     "target: a, model: unknown } ] }\n"
				     "  b: { targets: [ { target: b, model: blind } ] }\n"
				     "  over: { targets: [ { target: b, model: blind, "
				     "capabilities: { tools: true } } ] }\n"
				     "  drops: { on_unsupported: drop, targets: [ { target: "
				     "a, model: unknown, capabilities: "
				     "{ json_schema: false, vision: false } } ] }\n"
				     "  mixed: { targets: [ { target: a, model: blind }, { "
				     "target: b, model: nobody-knows } ] }\n"
				     "  room: { targets: [ { target: a, model: blind }, { "
				     "target: a, model: nobody-knows } ] }\n"
				     "  short: { targets: [ { target: a, model: narrow }, { "
				     "target: a, model: wide } ] }\n"
				     "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA
				     " } ] } }\n";

#define PNG        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}"
#define PDF        "{\"type\":\"file\",\"file\":{\"file_data\":\"AAAA\"}}"
#define SOUND      "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"wav\"}}"
#define SAYS(part) "{\"messages\":[{\"role\":\"user\",\"content\":[" part "]}]}"
#define F          "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"
#define V          CAPABILITY_BIT(VISION)
#define T          CAPABILITY_BIT(TOOLS)
#define J          CAPABILITY_BIT(JSON_SCHEMA)
#define D          CAPABILITY_BIT(DOCUMENTS)
#define A          CAPABILITY_BIT(AUDIO)
#define R          CAPABILITY_BIT(REASONING)
#define CHAT       "/v1/chat/completions"
#define RESPONSES  "/v1/responses"
#define MESSAGES   "/v1/messages"
#define GEMINI     "/v1beta/models/blind:generateContent"

static const struct {
	const char *path, *body;
	unsigned needs;
} rows[] = {
	{ CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"an image_url of json_schema\"}]}",
		0 },
	{ CHAT, SAYS(PNG), V },
	{ CHAT, SAYS(PDF), D },
	{ CHAT, SAYS(SOUND), A },
	{ CHAT, SAYS(PNG "," SOUND), V | A },
	{ CHAT, "{\"tools\":[" F "]}", T },
	{ CHAT, "{\"tools\":[]}", 0 },
	{ CHAT, "{\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}}}", J },
	{ CHAT, "{\"response_format\":{\"type\":\"json_object\"}}", 0 },
	{ CHAT, "{\"response_format\":null,\"text\":\"json_schema\"}", 0 },
	{ CHAT, "{\"response_format\":{\"type\":\"text\",\"x\":{\"type\":\"json_schema\"}}}", 0 },
	{ CHAT, "{\"reasoning_effort\":\"high\"}", R },
	{ CHAT, "{\"reasoning_effort\":\"none\"}", 0 },
	{ RESPONSES, "{\"text\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}}", J },
	{ RESPONSES, "{\"text\":{\"verbosity\":\"low\"}}", 0 },
	{ RESPONSES, "{\"tools\":[{\"type\":\"web_search\"}]}", 0 },
	{ RESPONSES, "{\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}", T },
	{ MESSAGES, "{\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}}",
		J },
	{ MESSAGES, "{\"output_config\":{\"effort\":\"low\"}}", 0 },
	{ MESSAGES, "{\"output_format\":{\"type\":\"json_schema\",\"schema\":{}}}", J },
	{ MESSAGES, "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}", R },
	{ GEMINI, "{\"generationConfig\":{\"responseSchema\":{\"type\":\"OBJECT\"}}}", J },
	{ GEMINI, "{\"generation_config\":{\"response_json_schema\":{}}}", J },
	{ GEMINI, "{\"generationConfig\":{\"responseMimeType\":\"application/json\"}}", 0 },
	{ GEMINI,
		"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/"
		"png\",\"data\":\"AAAA\"}}]}]}",
		V },
	{ "/v1/embeddings", "{\"input\":\"x\",\"tools\":[" F "]}", 0 },
};

static struct fake f;

static struct req *request(const char *path, const char *body, const char *model)
{
	struct json_watch w[BOUND_WATCHES];
	struct json_fail fail;
	struct req *r;
	char head[256];

	memset(w, 0, sizeof w);
	snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n",
		path);
	r = fake_req(&f, fake_conn(&f), head);
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->model = r->model_first = plan_find_model(f.conf, str_z(model));
	bound_watch(w);
	ck_assert_int_eq(json_scan_object(str_z(body), w, BOUND_WATCHES, &fail), 0);
	bound_read(&r->bound, r->ep.ep->meter, w, str_z(body));
	r->body_kind = BODY_KIND_JSON;
	r->body = (char *)body;
	r->body_len = strlen(body);
	return r;
}

START_TEST(needs)
{
	struct req *r;

	fake_init(&f, yaml);
	r = request(rows[_i].path, rows[_i].body, "blind");
	ck_assert_msg(
		capable_needs(r) == rows[_i].needs, "%s: %x", rows[_i].body, capable_needs(r));
	fake_drop(&f);
	fake_fini(&f);
}
END_TEST

static const struct {
	const char *model, *body;
	int at;                /* the pick */
	unsigned lacks, skips; /* of row 0 */
} picks[] = {
	{ "blind", SAYS(PNG), -1, V, CHOICE_BIT(CAPABILITY) },
	{ "blind", SAYS(PDF), 0, 0, 0 }, /* nobody has said that it cannot */
	{ "blind", "{\"tools\":[" F "]}", 0, 0, 0 },
	{ "sees", SAYS(PNG), 0, 0, 0 },
	{ "both", SAYS(PNG), 1, V, CHOICE_BIT(CAPABILITY) },
	{ "b", "{\"tools\":[" F "]}", -1, T, CHOICE_BIT(CAPABILITY) },
	{ "b", SAYS(PNG "," SOUND), -1, V | A, CHOICE_BIT(CAPABILITY) },
	{ "over", "{\"tools\":[" F "]}", 0, 0, 0 },
	{ "drops", SAYS(PNG), -1, V, CHOICE_BIT(CAPABILITY) },
	{ "drops", "{\"response_format\":{\"type\":\"json_schema\"}}", 0, 0, 0 },
	/* passed over while another one can; alone it is asked */
	{ "both", "{\"reasoning_effort\":\"high\"}", 1, R, CHOICE_BIT(REASONING) },
	{ "blind", "{\"reasoning_effort\":\"high\"}", 0, R, CHOICE_BIT(REASONING) },
	{ "blind", "{\"max_tokens\":4001}", -1, 0, CHOICE_BIT(OUTPUT) | CHOICE_BIT(LIMITS) },
	{ "blind", "{\"max_tokens\":4000}", 0, 0, 0 },
	{ "drops", "{\"max_tokens\":4001}", 0, 0, CHOICE_BIT(OUTPUT) },
	/* one that is too small and one that cannot: there is none */
	{ "mixed", "{\"max_tokens\":4001,\"tools\":[" F "]}", -1, 0,
		CHOICE_BIT(OUTPUT) | CHOICE_BIT(LIMITS) },
	/* of this one nobody knows how much it gives */
	{ "room", "{\"max_tokens\":4001}", 1, 0, CHOICE_BIT(OUTPUT) | CHOICE_BIT(LIMITS) },
};

START_TEST(picked)
{
	struct choice_ask ask = { .now = { INT64_C(1000000000) }, .at = clock_wall() };
	struct choice c;
	struct req *r;

	fake_init(&f, yaml);
	r = request(CHAT, picks[_i].body, picks[_i].model);
	ask.conf = f.conf;
	ask.model = r->model;
	ask.r = r;
	ask.needs = capable_needs(r);
	choice_make(&ask, &c);
	ck_assert_int_eq(c.at, picks[_i].at);
	ck_assert_uint_eq(c.row[0].lacks, picks[_i].lacks);
	ck_assert_uint_eq(c.row[0].skips, picks[_i].skips);
	if (c.at < 0)
		ck_assert_uint_ne(
			choice_common_skips(&c) & (CHOICE_BIT(CAPABILITY) | CHOICE_BIT(LIMITS)), 0);
	for (unsigned i = 0; i < c.n; i++)
		ck_assert_int_eq(capable_route_fits(r, c.row[i].route),
			(c.row[i].skips & (CHOICE_BIT(CAPABILITY) | CHOICE_BIT(LIMITS))) == 0);
	fake_drop(&f);
	fake_fini(&f);
}
END_TEST

START_TEST(said)
{
	struct choice_ask ask = { .now = { INT64_C(1000000000) }, .at = clock_wall() };
	char text[CHOICE_TEXT_MAX];
	struct choice c;
	struct outbuf b;
	size_t n;

	fake_init(&f, yaml);
	ask.conf = f.conf;
	ask.model = plan_find_model(f.conf, STR("both"));
	ask.needs = V | A;
	choice_make(&ask, &c);
	n = choice_text(text, &ask, &c);
	ck_assert(str_find(str_mk(text, n), STR("; a not: capability (no vision)")) != (size_t)-1);
	outbuf_init(&b);
	choice_json(&b, &ask, &c);
	ck_assert(str_find(outbuf_text(&b), STR("],\"lacks\":[\"vision\"],")) != (size_t)-1);
	outbuf_fini(&b);
	fake_fini(&f);
}
END_TEST

/* A prompt of so many characters, written as fill, and more members. */
static char *prompt(const char *fill, size_t n, const char *more)
{
	size_t one = strlen(fill), at;
	char *body = malloc(n * one + 512);

	ck_assert_ptr_nonnull(body);
	at = (size_t)sprintf(body, "{%s\"messages\":[{\"role\":\"user\",\"content\":\"", more);
	for (size_t i = 0; i < n; i++, at += one)
		memcpy(body + at, fill, one);
	strcpy(body + at, "\"}]}");
	return body;
}

static const struct {
	const char *fill;
	size_t n;
	const char *more, *beta;
	int at; /* the pick; row 0 has 2000 tokens, row 1 3000; 0: either */
	bool certain;
} prompts[] = {
	{ "x", 128 * 1999, "", NULL, 0, false }, /* too many by any estimate */
	{ "x", 128 * 2001, "", NULL, 1, true },
	{ "x", 128 * 3001, "", NULL, -1, true },
	/* blanks are long tokens, but not longer than that; between strings they are none */
	{ " ", 128 * 3001, "", NULL, -1, true },
	{ "\\u0020", 128 * 3001, "", NULL, -1, true },
	{ "\\u0020", 128 * 600, "", NULL, 0, false },
	{ "\xe2\x82\xac", 128 * 1100, "", NULL, 0, false },
	/* the provider makes it shorter, the vendor has more, the operator does not want it */
	{ "x", 128 * 3001, "\"truncation\":\"auto\",", NULL, 0, false },
	{ "x", 128 * 3001, "\"truncation\":\"disabled\",", NULL, -1, true },
	{ "x", 128 * 3001, "\"context_management\":{},", NULL, 0, false },
	{ "x", 128 * 3001, "", "a,context-1m-2025-08-07", 0, false },
	{ "x", 128 * 3001, "", "files-api-2025-04-14", -1, true },
	{ "x", 100, "", NULL, 0, false },
};

START_TEST(long_prompts)
{
	struct choice_ask ask = { .now = { INT64_C(1000000000) }, .at = clock_wall() };
	char *body = prompt(prompts[_i].fill, prompts[_i].n, prompts[_i].more);
	struct choice c;
	struct req *r;
	char head[128] = CHAT;

	fake_init(&f, yaml);
	if (prompts[_i].beta != NULL)
		snprintf(head, sizeof head, CHAT " HTTP/1.1\r\nanthropic-beta: %s\r\nx: y",
			prompts[_i].beta);
	r = request(head, body, "short");
	ask.conf = f.conf;
	ask.model = r->model;
	ask.r = r;
	r->least_input = capable_least_input(r);
	ck_assert_int_eq(r->least_input > 2000, prompts[_i].certain);
	choice_make(&ask, &c);
	if (prompts[_i].at != 0)
		ck_assert_int_eq(c.at, prompts[_i].at);
	else
		ck_assert_int_ge(c.at, 0);
	ck_assert_int_eq((c.row[0].skips & CHOICE_BIT(LIMITS)) != 0, prompts[_i].certain);
	fake_drop(&f);
	fake_fini(&f);
	free(body);
}
END_TEST

static const struct {
	const char *yaml, *says;
} errors[] = {
	{ "targets: { a: { provider: openai, capabilities: { visoin: true } } }\n",
		"did you mean `vision`?" },
	{ "targets: { a: { provider: openai, capabilities: { vision: maybe } } }\n",
		"true or false, not `maybe`" },
	{ "targets: { a: { provider: openai } }\n"
	  "models: { m: { targets: [ { target: a, capabilities: { smell: true } } ] } }\n",
		"`smell` is no capability" },
	{ "targets: { a: { provider: openai } }\nprice_overrides:\n" PRICE(
		  "x", ", capabilities: { visoin: true }"),
		"did you mean" },
	{ "targets: { a: { provider: openai } }\nprice_overrides:\n" PRICE(
		  "x", ", capabilities: { vision: much }"),
		"is true or false" },
};

START_TEST(refused)
{
	struct resolver *res = resolver_new(0);
	struct conf_error err = { { 0 } };
	char text[1024];

	snprintf(text, sizeof text, "listen: 127.0.0.1:0\n%s", errors[_i].yaml);
	ck_assert_ptr_null(fake_plan(res, text, 1, &err));
	ck_assert_msg(strstr(err.text, errors[_i].says) != NULL, "%s", err.text);
	resolver_free(res);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, needs, 0, TG_ARRAY_LEN(rows));
	tcase_add_loop_test(tc, long_prompts, 0, TG_ARRAY_LEN(prompts));
	tcase_add_loop_test(tc, picked, 0, TG_ARRAY_LEN(picks));
	tcase_add_test(tc, said);
	tcase_add_loop_test(tc, refused, 0, TG_ARRAY_LEN(errors));
}

UNIT_MAIN("capable", tests)
