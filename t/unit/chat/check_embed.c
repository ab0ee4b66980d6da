/*
 * check_embed.c: embeddings between dialects: each request to each target, each answer back, what
 * is refused and by which name, vectors as base64.
 */
#include <stdio.h>

#include "chat/embed.h"
#include "unit/unit.h"

static struct arena arena;
static struct chat_context cx;

static void setup(void)
{
	arena_init(&arena, NULL, 0);
	cx = (struct chat_context){ .arena = &arena, .model = STR("m-1"), .input_estimate = 77 };
}

static void teardown(void)
{
	arena_fini(&arena);
}

/* Written twice, as the gateway does: the count is the length. */
static struct str request_text(const struct embed_codec *c, const struct embed_request *r)
{
	struct json_out o;
	char *p;
	size_t n;

	jo_init(&o, NULL, 0);
	if (c->write_request(&cx, r, &o) != 0)
		return STR_NONE;
	n = o.n;
	p = arena_alloc(&arena, n + 1);
	ck_assert_ptr_nonnull(p);
	jo_init(&o, p, n + 1);
	ck_assert_int_eq(c->write_request(&cx, r, &o), 0);
	ck_assert(!o.full && o.n == n);
	return str_mk(p, n);
}

static struct str answer_text(
	const struct embed_codec *c, const struct embed_request *r, const struct embed_answer *a)
{
	static char buf[4096];
	struct json_out o;

	jo_init(&o, buf, sizeof buf);
	c->write_answer(&cx, r, a, &o);
	ck_assert(!o.full);
	return str_mk(buf, o.n);
}

static struct str lost(void)
{
	struct str s = STR("");

	for (unsigned i = 0; i < cx.n_unsupported; i++)
		s = arena_printf(&arena, "%.*s%s%.*s", STR_FMT(s), i > 0 ? "," : "",
			STR_FMT(cx.unsupported[i]));
	return s;
}

static const struct request_row {
	enum embed_shape from;
	const char *in;
	enum embed_shape to;
	const char *model;
	const char *out;  /* NULL: refused, */
	const char *lost; /* names that were noted, or a part of why it is refused */
} request_rows[] = {
	{ EMBED_OPENAI,
		"{\"model\":\"x\",\"input\":\"caf\\u00e9\",\"dimensions\":256,\"user\":\"u1\"}",
		EMBED_GEMINI, "gemini-embedding-001",
		"{\"requests\":[{\"model\":\"models/gemini-embedding-001\",\"content\":{\"parts\":"
		"[{\"text\":\"caf\\u00e9\"}]},\"outputDimensionality\":256}]}",
		"" },
	{ EMBED_OPENAI,
		"{\"input\":[\"a\",\"b\"],\"model\":\"x\",\"input_type\":\"search_query\","
		"\"encoding_format\":\"base64\"}",
		EMBED_GEMINI, "g",
		"{\"requests\":[{\"model\":\"models/g\",\"content\":{\"parts\":[{\"text\":\"a\"}]},"
		"\"taskType\":\"RETRIEVAL_QUERY\"},{\"model\":\"models/g\",\"content\":{\"parts\":"
		"[{\"text\":\"b\"}]},\"taskType\":\"RETRIEVAL_QUERY\"}]}",
		"" },
	{ EMBED_OPENAI, "{\"input\":[\"a\",\"b\"],\"model\":\"x\",\"dimensions\":512}",
		EMBED_COHERE, "embed-v4.0",
		"{\"model\":\"embed-v4.0\",\"texts\":[\"a\",\"b\"],\"input_type\":"
		"\"search_document\",\"embedding_types\":[\"float\"],\"output_dimension\":512}",
		"" },
	{ EMBED_OPENAI, "{\"input\":\"a\",\"model\":\"x\",\"input_type\":\"clustering\"}",
		EMBED_COHERE, "cohere.embed-english-v3",
		"{\"texts\":[\"a\"],\"input_type\":\"clustering\",\"embedding_types\":[\"float\"]}",
		"" },
	{ EMBED_OPENAI, "{\"input\":\"a\",\"model\":\"x\",\"dimensions\":256}", EMBED_TITAN,
		"amazon.titan-embed-text-v2:0", "{\"inputText\":\"a\",\"dimensions\":256}", "" },
	{ EMBED_OPENAI, "{\"input\":[\"a\",\"b\"],\"model\":\"x\"}", EMBED_TITAN,
		"amazon.titan-embed-text-v2:0", NULL, "one text a request, and there are 2" },
	{ EMBED_GEMINI,
		"{\"model\":\"models/"
		"x\",\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}}",
		EMBED_OPENAI, "text-embedding-3-small",
		"{\"model\":\"text-embedding-3-small\",\"input\":[\"a\\nb\"],"
		"\"encoding_format\":\"float\"}",
		"" },
	{ EMBED_GEMINI,
		"{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
		"\"outputDimensionality\":8},{\"content\":{\"role\":\"user\",\"parts\":"
		"[{\"text\":\"b\"}]},\"outputDimensionality\":8}]}",
		EMBED_OPENAI, "t",
		"{\"model\":\"t\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"float\","
		"\"dimensions\":8}",
		"" },
	/* What vectors are for changes them: OpenAI's models cannot be told. */
	{ EMBED_GEMINI,
		"{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"CLUSTERING\",\"title\":"
		"\"t\"}",
		EMBED_OPENAI, "t",
		"{\"model\":\"t\",\"input\":[\"a\"],\"encoding_format\":\"float\"}",
		"taskType,title" },
	{ EMBED_GEMINI,
		"{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"embedContentConfig\":"
		"{\"taskType\":\"RETRIEVAL_QUERY\",\"outputDimensionality\":4,\"autoTruncate\":"
		"true}}",
		EMBED_COHERE, "embed-v4.0",
		"{\"model\":\"embed-v4.0\",\"texts\":[\"a\"],\"input_type\":\"search_query\","
		"\"embedding_types\":[\"float\"],\"output_dimension\":4}",
		"embedContentConfig.autoTruncate" },
	{ EMBED_GEMINI,
		"{\"content\":{\"parts\":[{\"text\":\"a\"},{\"inlineData\":{\"data\":\"x\"}}]},"
		"\"taskType\":\"CODE_RETRIEVAL_QUERY\"}",
		EMBED_COHERE, "embed-v4.0",
		"{\"model\":\"embed-v4.0\",\"texts\":[\"a\"],\"input_type\":\"search_document\","
		"\"embedding_types\":[\"float\"]}",
		"content.parts[].inlineData,input_type" },
	{ EMBED_OPENAI, "{\"input\":\"a\",\"model\":\"x\",\"truncate\":{\"a\":[1,\"}\"]},\"z\":1}",
		EMBED_GEMINI, "g",
		"{\"requests\":[{\"model\":\"models/"
		"g\",\"content\":{\"parts\":[{\"text\":\"a\"}]}}]"
		"}",
		"truncate,z" },
	{ EMBED_OPENAI,
		"{\"input\":\"a\",\"model\":\"x\",\"0123456789012345678901234567890123456789"
		"0123456789012345678901234\":1}",
		EMBED_GEMINI, "g",
		"{\"requests\":[{\"model\":\"models/"
		"g\",\"content\":{\"parts\":[{\"text\":\"a\"}]}}]"
		"}",
		"(unnamed)" },
	{ EMBED_GEMINI,
		"{\"content\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"\"},{\"text\":\"c\"}]}}",
		EMBED_OPENAI, "t",
		"{\"model\":\"t\",\"input\":[\"a\\n\\nc\"],\"encoding_format\":\"float\"}", "" },
	{ EMBED_OPENAI, "{\"input\":[\"a\",\"b\"],\"model\":\"x\",\"dimensions\":8}", EMBED_VERTEX,
		"g",
		"{\"instances\":[{\"content\":\"a\"},{\"content\":\"b\"}],\"parameters\":{"
		"\"outputDimensionality\":8}}",
		"" },
	{ EMBED_GEMINI,
		"{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"RETRIEVAL_QUERY\","
		"\"title\":\"t\"}",
		EMBED_VERTEX, "g",
		"{\"instances\":[{\"content\":\"a\",\"task_type\":\"RETRIEVAL_QUERY\",\"title\":"
		"\"t\"}]}",
		"" },
	{ EMBED_OPENAI, "{\"input\":[1,2,3],\"model\":\"x\"}", EMBED_GEMINI, "g", NULL,
		"token ids" },
	{ EMBED_OPENAI, "{\"input\":[[1,2]],\"model\":\"x\"}", EMBED_GEMINI, "g", NULL,
		"token ids" },
	{ EMBED_OPENAI, "{\"input\":[\"a\",null]}", EMBED_GEMINI, "g", NULL, "'input[1]'" },
	{ EMBED_OPENAI, "{\"input\":[]}", EMBED_GEMINI, "g", NULL, "empty" },
	{ EMBED_OPENAI, "{\"model\":\"x\"}", EMBED_GEMINI, "g", NULL, "'input'" },
	{ EMBED_OPENAI, "{\"input\":\"a\",\"dimensions\":\"8\"}", EMBED_GEMINI, "g", NULL,
		"'dimensions'" },
	{ EMBED_OPENAI, "{\"input\":\"a\",\"input\":\"b\"}", EMBED_GEMINI, "g", NULL, "byte" },
	{ EMBED_OPENAI, "[]", EMBED_GEMINI, "g", NULL, "byte" },
	{ EMBED_GEMINI, "{\"content\":{\"parts\":[]}}", EMBED_OPENAI, "t", NULL, "no text" },
	{ EMBED_GEMINI, "{\"content\":\"a\"}", EMBED_OPENAI, "t", NULL, "'content'" },
	{ EMBED_GEMINI, "{\"requests\":[]}", EMBED_OPENAI, "t", NULL, "'requests'" },
	{ EMBED_GEMINI, "{\"requests\":[7]}", EMBED_OPENAI, "t", NULL, "'requests[0]'" },
	{ EMBED_GEMINI,
		"{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"X\"},"
		"{\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}",
		EMBED_OPENAI, "t", NULL, "the same taskType" },
};

START_TEST(requests)
{
	const struct request_row *row = &request_rows[_i];
	struct embed_request r = { 0 };
	char *copy = unit_copy(row->in, strlen(row->in));
	struct str out = STR_NONE;

	cx.model = str_z(row->model);
	if (embed_codecs[row->from]->read_request(&cx, str_mk(copy, strlen(row->in)), &r) == 0)
		out = request_text(embed_codecs[row->to], &r);
	if (row->out == NULL) {
		ck_assert_msg(out.p == NULL, "row %d: %.*s", _i, STR_FMT(out));
		ck_assert_msg(strstr(cx.fail, row->lost) != NULL, "row %d: %s", _i, cx.fail);
	} else {
		ck_assert_msg(str_eq(out, str_z(row->out)), "row %d: %.*s (%s)", _i, STR_FMT(out),
			cx.fail);
		ck_assert_msg(
			str_eq(lost(), str_z(row->lost)), "row %d: %.*s", _i, STR_FMT(lost()));
	}
	free(copy);
}
END_TEST

static const struct answer_row {
	enum embed_shape from;
	const char *in;
	enum embed_shape to;
	bool batch, base64;
	const char *out; /* NULL: refused */
} answer_rows[] = {
	{ EMBED_GEMINI, "{\"embeddings\":[{\"values\":[0.1,-2]},{\"values\":[1e-3]}]}",
		EMBED_OPENAI, true, false,
		"{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
		"\"embedding\":[0.1,-2]},{\"object\":\"embedding\",\"index\":1,\"embedding\":[1e-3]"
		"}],\"model\":\"m-1\",\"usage\":{\"prompt_tokens\":77,\"total_tokens\":77}}" },
	/* 1.0, -2.5 and 0.25: 0000803f 000020c0 0000803e */
	{ EMBED_GEMINI,
		"{\"embeddings\":[{\"values\":[1.0,-2.5,0.25]}],\"usageMetadata\":"
		"{\"promptTokenCount\":3}}",
		EMBED_OPENAI, true, true,
		"{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
		"\"embedding\":\"AACAPwAAIMAAAIA+\"}],\"model\":\"m-1\",\"usage\":"
		"{\"prompt_tokens\":3,\"total_tokens\":3}}" },
	{ EMBED_COHERE,
		"{\"id\":\"i\",\"embeddings\":{\"float\":[[1,2]]},\"texts\":[\"a\"],\"meta\":"
		"{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"input_tokens\":4}}}",
		EMBED_OPENAI, true, false,
		"{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
		"\"embedding\":[1,2]}],\"model\":\"m-1\",\"usage\":{\"prompt_tokens\":4,"
		"\"total_tokens\":4}}" },
	{ EMBED_COHERE, "{\"embeddings\":[[1,2],[3,4]],\"response_type\":\"embeddings_floats\"}",
		EMBED_GEMINI, true, false,
		"{\"embeddings\":[{\"values\":[1,2]},{\"values\":[3,4]}],\"usageMetadata\":"
		"{\"promptTokenCount\":77}}" },
	{ EMBED_TITAN, "{\"embedding\":[1],\"inputTextTokenCount\":9}", EMBED_OPENAI, true, true,
		"{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
		"\"embedding\":\"AACAPw==\"}],\"model\":\"m-1\",\"usage\":{\"prompt_tokens\":9,"
		"\"total_tokens\":9}}" },
	{ EMBED_VERTEX,
		"{\"predictions\":[{\"embeddings\":{\"values\":[1,2],\"statistics\":{\"truncated\":"
		"false,\"token_count\":4}}},{\"embeddings\":{\"statistics\":{\"token_count\":3},"
		"\"values\":[3]}}],\"metadata\":{\"billableCharacterCount\":9}}",
		EMBED_GEMINI, true, false,
		"{\"embeddings\":[{\"values\":[1,2]},{\"values\":[3]}],\"usageMetadata\":"
		"{\"promptTokenCount\":7}}" },
	{ EMBED_VERTEX, "{\"predictions\":[{\"embeddings\":{}}]}", EMBED_GEMINI, true, false,
		NULL },
	{ EMBED_VERTEX, "{\"predictions\":7}", EMBED_GEMINI, true, false, NULL },
	{ EMBED_OPENAI,
		"{\"object\":\"list\",\"data\":[{\"index\":1,\"embedding\":[2]},{\"index\":0,"
		"\"embedding\":[1]}],\"model\":\"text-embedding-3-small\",\"usage\":"
		"{\"prompt_tokens\":5,\"total_tokens\":5}}",
		EMBED_GEMINI, true, false,
		"{\"embeddings\":[{\"values\":[1]},{\"values\":[2]}],\"usageMetadata\":"
		"{\"promptTokenCount\":5}}" },
	{ EMBED_OPENAI, "{\"data\":[{\"embedding\":[1]}],\"usage\":{\"total_tokens\":6}}",
		EMBED_GEMINI, false, false,
		"{\"embedding\":{\"values\":[1]},\"usageMetadata\":{\"promptTokenCount\":6}}" },
	{ EMBED_OPENAI, "{\"data\":[{\"embedding\":\"AACAPw==\"}]}", EMBED_GEMINI, false, false,
		NULL },
	{ EMBED_OPENAI,
		"{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}",
		EMBED_GEMINI, true, false, NULL },
	{ EMBED_OPENAI, "{\"data\":[{\"embedding\":[]}]}", EMBED_GEMINI, false, false, NULL },
	{ EMBED_OPENAI, "{\"error\":{}}", EMBED_GEMINI, false, false, NULL },
	{ EMBED_GEMINI, "{\"embeddings\":[{\"value\":[1]}]}", EMBED_OPENAI, true, false, NULL },
	{ EMBED_GEMINI, "{}", EMBED_OPENAI, true, false, NULL },
	{ EMBED_COHERE, "{\"embeddings\":{\"int8\":[[1]]}}", EMBED_OPENAI, true, false, NULL },
	{ EMBED_COHERE, "{\"embeddings\":[[\"a\"]]}", EMBED_OPENAI, true, false, NULL },
	{ EMBED_TITAN, "{\"embedding\":null}", EMBED_OPENAI, true, false, NULL },
};

START_TEST(answers)
{
	const struct answer_row *row = &answer_rows[_i];
	struct embed_request r = { .batch = row->batch, .base64 = row->base64 };
	char *copy = unit_copy(row->in, strlen(row->in));
	struct embed_answer a = { 0 };
	struct str out;
	int rc = embed_codecs[row->from]->read_answer(&cx, str_mk(copy, strlen(row->in)), &a);

	if (row->out == NULL) {
		ck_assert_int_eq(rc, -1);
		ck_assert(cx.fail[0] != '\0');
	} else {
		ck_assert_msg(rc == 0, "row %d: %s", _i, cx.fail);
		if (row->from != EMBED_OPENAI || row->to == EMBED_OPENAI)
			cx.model = STR("m-1");
		out = answer_text(embed_codecs[row->to], &r, &a);
		ck_assert_msg(str_eq(out, str_z(row->out)), "row %d: %.*s", _i, STR_FMT(out));
	}
	free(copy);
}
END_TEST

START_TEST(models)
{
	static const struct {
		const char *model;
		enum embed_shape shape;
	} rows[] = {
		{ "amazon.titan-embed-text-v2:0", EMBED_TITAN },
		{ "us.cohere.embed-v4:0", EMBED_COHERE },
		{ "anthropic.claude-haiku-4-5", EMBED_NONE },
		{ "", EMBED_NONE },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		ck_assert_int_eq(embed_shape_of_model(str_z(rows[i].model)), rows[i].shape);
}
END_TEST

/* A text in many parts takes as much memory as it is long, a few times. */
START_TEST(many_parts)
{
	enum { N = 20000 };
	struct embed_request r = { 0 };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "{\"content\":{\"parts\":[");
	for (int i = 0; i < N; i++)
		fprintf(f, "%s{\"text\":\"a part\"}", i > 0 ? "," : "");
	fprintf(f, "]}}");
	fclose(f);
	arena.max_bytes = 4 << 20;
	ck_assert_int_eq(embed_codecs[EMBED_GEMINI]->read_request(&cx, str_mk(text, len), &r), 0);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_uint_eq(r.text[0].n, N * 6 + (N - 1) * 2);
	free(text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, requests, 0, TG_ARRAY_LEN(request_rows));
	tcase_add_loop_test(tc, answers, 0, TG_ARRAY_LEN(answer_rows));
	tcase_add_test(tc, models);
	tcase_add_test(tc, many_parts);
}

UNIT_MAIN("embed", tests)
