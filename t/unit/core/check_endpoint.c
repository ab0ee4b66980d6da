/*
 * check_endpoint.c: every path of the table in each spelling is found as itself and goes upstream
 * as the vendor writes it; near misses are no path at all.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "core/endpoint.h"

static char buf[512];
static struct endpoint_match match;

static void look(const char *path)
{
	char *copy = unit_copy(path, strlen(path));

	memset(buf, '#', sizeof buf);
	ck_assert_uint_lt(strlen(path) + 8, sizeof buf);
	endpoint_match(str_mk(copy, strlen(path)), buf, &match);
	/* What is kept points into the copy or the buffer: the deployment is looked at before the
	 * copy goes. */
	if (match.deployment.n > 0) {
		static char name[256];

		memcpy(name, match.deployment.p, match.deployment.n);
		match.deployment.p = name;
	}
	free(copy);
}

static const struct {
	enum endpoint_id id;
	const char *path;
	enum http_method method;
	enum dialect dialect;
	enum body_kind body;
	enum meter_api meter;
} table[] = {
#define HTTP_M_ANY HTTP_M_OTHER
#define X(row, text, methods, d, kind, api, name) \
	{ ENDPOINT_##row, text, HTTP_M_##methods, DIALECT_##d, BODY_KIND_##kind, METER_##api },
#include "core/tbl/endpoints.h"
#undef X
};

/* Each row is reachable: no earlier prefix swallows it. */
START_TEST(rows)
{
	static const char *const forms[] = { "%s", "/v1%s", "/openai/v1%s",
		"/openai/deployments/my-model%s" };
	const char *want = table[_i].path;
	char path[256], rest[128], upstream[160];
	size_t n = strlen(want);

	if (want[0] == ':') /* a verb of Gemini's: see hard[] */
		return;
	snprintf(rest, sizeof rest, "%s", want);
	if (want[n - 1] == '*')
		snprintf(rest + n - 1, sizeof rest - n + 1, "zz_17/content");
	snprintf(upstream, sizeof upstream, "/v1%s", rest);
	for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, sizeof path, forms[f], rest);
#pragma GCC diagnostic pop
		look(path);
		ck_assert_msg(match.ep != NULL && match.ep->id == table[_i].id, "%s", path);
		ck_assert_int_eq(match.ep->method, table[_i].method);
		ck_assert_int_eq(match.ep->dialect, table[_i].dialect);
		ck_assert_int_eq(match.ep->body, table[_i].body);
		ck_assert_int_eq(match.ep->meter, table[_i].meter);
		UNIT_STR_EQ(match.upstream_path, str_z(upstream));
		UNIT_STR_EQ(match.deployment, f == 3 ? STR("my-model") : STR_NONE);
		ck_assert_int_eq(buf[match.upstream_path.n], '#');
	}
}
END_TEST

static const struct {
	const char *path;
	enum endpoint_id id; /* ENDPOINT_UNKNOWN: no such path */
	const char *upstream, *deployment;
} hard[] = {
	{ "/", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/chat", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/chat/completion", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/chat/completionss", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/chat/completions/", ENDPOINT_CHAT, "/v1/chat/completions", "" }, /* as vendors do */
	{ "/v1/messages/", ENDPOINT_MESSAGES, "/v1/messages", "" },
	{ "/v1/messages/count_tokens/", ENDPOINT_MESSAGES_COUNT, "/v1/messages/count_tokens", "" },
	{ "/openai/deployments/a/embeddings/", ENDPOINT_EMBEDDINGS, "/v1/embeddings", "a" },
	{ "/v1/chat/completions/x", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/V1/chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/Chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v2/chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/v1/chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "v1/chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	/* a prefix needs something behind it, and a whole segment before it */
	{ "/v1/responses/", ENDPOINT_RESPONSES, "/v1/responses", "" },
	{ "/v1/responses/r/", ENDPOINT_RESPONSES_ITEM, "/v1/responses/r", "" },
	{ "/v1/responses/r", ENDPOINT_RESPONSES_ITEM, "/v1/responses/r", "" },
	{ "/v1/responses/resp_1/cancel", ENDPOINT_RESPONSES_ITEM, "/v1/responses/resp_1/cancel",
		"" },
	{ "/v1/responsesx", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/images", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/images/", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/images/generations", ENDPOINT_IMAGES_GEN, "/v1/images/generations", "" },
	{ "/v1/images/generationsx", ENDPOINT_IMAGES, "/v1/images/generationsx", "" },
	{ "/v1/images/edits", ENDPOINT_IMAGES, "/v1/images/edits", "" },
	{ "/v1/audio/speech", ENDPOINT_SPEECH, "/v1/audio/speech", "" },
	{ "/v1/audio/transcriptions", ENDPOINT_AUDIO, "/v1/audio/transcriptions", "" },
	{ "/v1/videos/v_1/content", ENDPOINT_VIDEOS_ITEM, "/v1/videos/v_1/content", "" },
	{ "/models/meta/llama", ENDPOINT_MODELS_ITEM, "/v1/models/meta/llama", "" },
	{ "/messages", ENDPOINT_MESSAGES, "/v1/messages", "" },
	{ "/v1/messages/count_tokens", ENDPOINT_MESSAGES_COUNT, "/v1/messages/count_tokens", "" },
	{ "/v1/messages/count", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/messages/count_tokens/x", ENDPOINT_UNKNOWN, NULL, "" },
	/* Azure */
	{ "/openai/deployments/gpt-4o/chat/completions", ENDPOINT_CHAT, "/v1/chat/completions",
		"gpt-4o" },
	{ "/openai/deployments/a/v1/embeddings", ENDPOINT_EMBEDDINGS, "/v1/embeddings", "a" },
	{ "/openai/deployments/a", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/openai/deployments/a/", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/openai/deployments//chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/openai/deployments/chat/completions", ENDPOINT_COMPLETIONS, "/v1/completions", "chat" },
	{ "/openai/chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/openai/v1/chat/completions", ENDPOINT_CHAT, "/v1/chat/completions", "" },
	{ "/openai/v1", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/openai/v1/v1/chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/Openai/v1/chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/openai/v1/chat/completions", ENDPOINT_UNKNOWN, NULL, "" },
	/* Gemini, and Vertex */
	{ "/v1beta/models/gemini-2.5-pro:generateContent", ENDPOINT_GEMINI_GENERATE,
		"/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro" },
	{ "/v1/models/m:streamGenerateContent", ENDPOINT_GEMINI_STREAM,
		"/v1/models/m:streamGenerateContent", "m" },
	{ "/v1alpha/models/a/b:c:countTokens", ENDPOINT_GEMINI_COUNT,
		"/v1alpha/models/a/b:c:countTokens", "a/b:c" },
	{ "/v1beta/models/e:embedContent", ENDPOINT_GEMINI_EMBED, "/v1beta/models/e:embedContent",
		"e" },
	{ "/v1beta/models/e:batchEmbedContents", ENDPOINT_GEMINI_BATCH_EMBED,
		"/v1beta/models/e:batchEmbedContents", "e" },
	{ "/v1/projects/p/locations/eu/publishers/google/models/m:generateContent",
		ENDPOINT_GEMINI_GENERATE,
		"/v1/projects/p/locations/eu/publishers/google/models/m:generateContent", "m" },
	/* a verb that is none is a model's name, to be asked for with GET alone */
	{ "/v1beta/models/:generateContent", ENDPOINT_GEMINI_MODELS_ITEM, NULL, "" },
	{ "/v1beta/models/m:generatecontent", ENDPOINT_GEMINI_MODELS_ITEM, NULL, "" },
	{ "/v1beta/models/m:", ENDPOINT_GEMINI_MODELS_ITEM, NULL, "" },
	{ "/v1beta/models", ENDPOINT_GEMINI_MODELS, NULL, "" },
	{ "/v1beta/:generateContent", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v2/models/m:generateContent", ENDPOINT_UNKNOWN, NULL, "" },
	{ "/v1/models/ft:gpt-4o:acme", ENDPOINT_MODELS_ITEM, "/v1/models/ft:gpt-4o:acme", "" },
};

START_TEST(hard_ones)
{
	look(hard[_i].path);
	ck_assert_msg((match.ep != NULL ? match.ep->id : ENDPOINT_UNKNOWN) == hard[_i].id,
		"%s is %d", hard[_i].path, match.ep != NULL ? (int)match.ep->id : 0);
	UNIT_STR_EQ(match.deployment, str_z(hard[_i].deployment));
	if (hard[_i].upstream != NULL)
		UNIT_STR_EQ(match.upstream_path, str_z(hard[_i].upstream));
}
END_TEST

/* Money: a path that can cost something is either metered or listed here as known not to be. */
START_TEST(metered)
{
	static const enum endpoint_id free_of_meter[] = { ENDPOINT_RESPONSES_ITEM,
		ENDPOINT_RESPONSES_INPUT, ENDPOINT_VIDEOS, ENDPOINT_VIDEOS_ITEM, ENDPOINT_MODELS,
		ENDPOINT_MODELS_ITEM, ENDPOINT_GEMINI_MODELS, ENDPOINT_GEMINI_MODELS_ITEM,
		ENDPOINT_QUOTA, ENDPOINT_FILES, ENDPOINT_FILES_ITEM, ENDPOINT_UPLOADS,
		ENDPOINT_UPLOADS_ITEM, ENDPOINT_BATCHES, ENDPOINT_BATCHES_ITEM };
	bool listed = false;

	for (size_t i = 0; i < sizeof free_of_meter / sizeof *free_of_meter; i++)
		listed |= free_of_meter[i] == table[_i].id;
	ck_assert_msg((table[_i].meter == METER_NONE) == listed, "%s", table[_i].path);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, rows, 0, sizeof table / sizeof *table);
	tcase_add_loop_test(tc, hard_ones, 0, sizeof hard / sizeof *hard);
	tcase_add_loop_test(tc, metered, 0, sizeof table / sizeof *table);
}

UNIT_MAIN("endpoint", tests)
