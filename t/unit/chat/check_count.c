/*
 * check_count.c: requests that are only counted, in each API's words.
 */
#include "chat/chat_count.h"

#include "chat_unit.h"

#define AN SHAPE_ANTHROPIC
#define GE SHAPE_GEMINI
#define CO SHAPE_CONVERSE
#define RE SHAPE_RESPONSES

#define ASKED                                                                                 \
	"\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{" \
	"\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{\"type\":"  \
	"\"any\"}"
#define PARTS                                                                           \
	"\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[{\"role\":" \
	"\"user\",\"parts\":[{\"text\":\"hi\"}]}]"

static const struct {
	enum chat_shape from, to;
	const char *model;
	bool bare;
	const char *in, *out;
} requests[] = {
	{ AN, GE, "gemini-2.5-flash", false, "{\"model\":\"m\"," ASKED "}",
		"{\"generateContentRequest\":{\"model\":\"models/gemini-2.5-flash\"," PARTS
		",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parametersJsonSchema\":{"
		"\"type\":\"object\"}}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":"
		"\"ANY\"}},\"generationConfig\":{}}}" },
	{ AN, GE, "tunedModels/t", false, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
		"{\"generateContentRequest\":{\"model\":\"tunedModels/t\",\"contents\":[{\"role\":"
		"\"user\",\"parts\":[{\"text\":\"hi\"}]}],\"generationConfig\":{}}}" },
	{ AN, GE, "gemini-2.5-flash", true, "{\"model\":\"m\"," ASKED "}",
		"{" PARTS
		",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parametersJsonSchema\":{"
		"\"type\":\"object\"}}]}],\"generationConfig\":{}}" },
	{ AN, CO, "us.anthropic.claude-sonnet-4-5-v1:0", false, "{\"model\":\"m\"," ASKED "}",
		"{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
		"\"hi\"}]}],\"system\":[{\"text\":\"s\"}],\"toolConfig\":{\"tools\":[{\"toolSpec\":"
		"{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}],"
		"\"toolChoice\":{\"any\":{}}}}}}" },
	{ GE, AN, "claude-sonnet-4-5", false,
		"{" PARTS ",\"generationConfig\":{\"temperature\":1.5,\"maxOutputTokens\":9,"
		"\"stopSequences\":[\"x\"],\"seed\":3,\"candidateCount\":2}}",
		"{\"model\":\"claude-sonnet-4-5\",\"system\":\"s\",\"messages\":[{\"role\":"
		"\"user\",\"content\":\"hi\"}]}" },
	{ GE, AN, "claude-sonnet-4-5", false,
		"{\"generateContentRequest\":{\"model\":\"models/x\"," PARTS "}}",
		"{\"model\":\"claude-sonnet-4-5\",\"system\":\"s\",\"messages\":[{\"role\":"
		"\"user\",\"content\":\"hi\"}]}" },
	{ RE, AN, "claude-sonnet-4-5", false,
		"{\"model\":\"m\",\"instructions\":\"s\",\"input\":\"hi\"}",
		"{\"model\":\"claude-sonnet-4-5\",\"system\":\"s\",\"messages\":[{\"role\":"
		"\"user\",\"content\":\"hi\"}]}" },
};

START_TEST(asked)
{
	struct chat_request rq = { 0 };
	struct chat_unit u;
	int rc = 0;

	chat_unit_init(&u, requests[_i].model);
	u.cx.count_bare = requests[_i].bare;
	u.cx.default_max_tokens = 100;
	ck_assert_msg(chat_count_read(&u.cx, requests[_i].from,
			      chat_unit_parse(&u.arena, requests[_i].in), &rq) == 0,
		"%s", u.cx.fail);
	CHAT_UNIT_WRITE(&u, rc = chat_count_write(&u.cx, requests[_i].to, &rq, o));
	ck_assert_msg(rc == 0, "%s", u.cx.fail);
	CHAT_UNIT_TEXT(&u, requests[_i].out);
	ck_assert_str_eq(chat_unit_unsupported(&u), "");
	ck_assert(!u.cx.counting);
	chat_unit_fini(&u);
}
END_TEST

static const struct {
	enum chat_shape from, to;
	const char *in, *out; /* NULL: it cannot be read */
} answers[] = {
	{ GE, AN, "{\"totalTokens\":12,\"promptTokensDetails\":[]}", "{\"input_tokens\":12}" },
	{ CO, GE, "{\"inputTokens\":0}", "{\"totalTokens\":0}" },
	{ AN, RE, "{\"input_tokens\":7}",
		"{\"object\":\"response.input_tokens\",\"input_tokens\":7}" },
	{ AN, GE, "{\"totalTokens\":7}", NULL },
	{ AN, GE, "{\"input_tokens\":\"7\"}", NULL },
	{ GE, AN, "[]", NULL },
	{ CO, AN, "7", NULL },
};

START_TEST(answered)
{
	struct chat_unit u;
	uint64_t n = 0;
	int rc;

	chat_unit_init(&u, "m");
	rc = chat_count_answer(
		&u.cx, answers[_i].from, chat_unit_parse(&u.arena, answers[_i].in), &n);
	ck_assert_int_eq(rc, answers[_i].out != NULL ? 0 : -1);
	if (rc == 0) {
		CHAT_UNIT_WRITE(&u, chat_count_say(answers[_i].to, n, o));
		CHAT_UNIT_TEXT(&u, answers[_i].out);
	} else {
		ck_assert_str_ne(u.cx.fail, "");
	}
	chat_unit_fini(&u);
}
END_TEST

START_TEST(who_counts)
{
	ck_assert(chat_count_has(AN) && chat_count_has(GE) && chat_count_has(CO));
	ck_assert(!chat_count_has(SHAPE_OPENAI) && !chat_count_has(SHAPE_COHERE));
	ck_assert(!chat_count_has(SHAPE_NONE));
}
END_TEST

static void cases(TCase *t)
{
	tcase_add_loop_test(t, asked, 0, (int)TG_ARRAY_LEN(requests));
	tcase_add_loop_test(t, answered, 0, (int)TG_ARRAY_LEN(answers));
	tcase_add_test(t, who_counts);
}

UNIT_MAIN("count", cases)
