/*
 * check_replay.c: whole answers told as streams, and streams as whole answers.
 */
#include "chat/chat_replay.h"

#include "chat_unit.h"

#define OA &chat_codec_openai
#define AN &chat_codec_anthropic
#define GE &chat_codec_gemini

static const struct {
	const struct chat_codec *from;
	const char *json, *lines;
} answers[] = {
	{ OA,
		"{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"content\":"
		"\"a\\nb\",\"reasoning_content\":\"hm\"},\"finish_reason\":\"stop\"}],\"usage\":{"
		"\"prompt_tokens\":3,\"completion_tokens\":2}}",
		"start c1 m input=3 output=2\nopen thinking\n+ hm\nclose\nopen text\n+ a\\nb\n"
		"close\nfinish stop\nusage input=3 output=2\nend\n" },
	{ OA,
		"{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{"
		"\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
		"\"arguments\":\"{\\\"a\\\":\\\"\\\\n\\\"}\"}},{\"id\":\"t2\",\"type\":"
		"\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},"
		"\"finish_reason\":\"tool_calls\"},{\"index\":1,\"message\":{\"content\":\"x\"},"
		"\"finish_reason\":\"length\"}]}",
		"start c1 m\nopen call t1 f\n+ {\\\"a\\\":\\\"\\\\n\\\"}\nclose\nopen call t2 g\n"
		"+ {}\nclose\nfinish tool\nopen text\n+ x\nclose\nfinish length\nend\n" },
	{ AN,
		"{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
		"\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s==\"},{"
		"\"type\":\"redacted_thinking\",\"data\":\"blob\"},{\"type\":\"text\",\"text\":"
		"\"a\"}],\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\",\"usage\":{"
		"\"input_tokens\":1,\"output_tokens\":2,\"cache_read_input_tokens\":4}}",
		"start m1 m input=1 input_cache_read=4 output=2\nopen thinking\n+ hm\nclose s==\n"
		"open redacted blob\nclose\nopen text\n+ a\nclose\nfinish stop_sequence END\n"
		"usage input=1 input_cache_read=4 output=2\nend\n" },
	{ GE,
		"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{"
		"\"name\":\"f\",\"args\":{\"a\":1}},\"thoughtSignature\":\"sig\"}]},"
		"\"finishReason\":\"STOP\"}],\"responseId\":\"r1\",\"modelVersion\":\"g\"}",
		NULL },
	{ GE,
		"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"a\"},"
		"{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QUI=\"},"
		"\"thoughtSignature\":\"sig\"},{\"fileData\":{\"mimeType\":\"video/mp4\","
		"\"fileUri\":\"u\"}}]},\"finishReason\":\"STOP\"}],\"responseId\":\"r1\","
		"\"modelVersion\":\"g\"}",
		"start r1 g\nopen text\n+ a\nclose\nopen image QUI= image/png\nclose sig\n"
		"open video video/mp4 u\nclose\nfinish stop\nend\n" },
};

static void read(struct chat_unit *u, int i, struct chat_answer *a)
{
	chat_unit_init(u, "model");
	ck_assert_msg(answers[i].from->read_answer(
			      &u->cx, chat_unit_parse(&u->arena, answers[i].json), a) == 0,
		"%s", u->cx.fail);
}

START_TEST(told_as_a_stream)
{
	struct chat_answer a = { 0 };
	struct chat_unit u;
	struct chat_unit_sink k = { .u = &u };

	if (answers[_i].lines == NULL)
		return;
	read(&u, _i, &a);
	chat_unit_append(&k, "", 0);
	ck_assert_int_eq(chat_replay(&u.cx, &a, chat_unit_emit, &k), 0);
	CHAT_UNIT_TEXT(&u, answers[_i].lines);
	chat_unit_fini(&u);
}
END_TEST

/* There and back: in every client's words it is the answer that it was. */
START_TEST(there_and_back)
{
	static const struct chat_codec *const to[] = { OA, AN, GE, &chat_codec_responses };
	const struct chat_answer *back;
	struct chat_answer a = { 0 };
	struct chat_gather *g;
	struct chat_unit u;
	char *want;

	read(&u, _i, &a);
	g = chat_gather_new(&u.cx);
	ck_assert_ptr_nonnull(g);
	ck_assert_int_eq(chat_replay(&u.cx, &a, chat_gather_event, g), 0);
	back = chat_gather_answer(g);
	ck_assert_ptr_nonnull(back);
	for (size_t i = 0; i < TG_ARRAY_LEN(to); i++) {
		CHAT_UNIT_WRITE(&u, to[i]->write_answer(&u.cx, &a, o));
		want = u.text;
		u.text = NULL;
		CHAT_UNIT_WRITE(&u, to[i]->write_answer(&u.cx, back, o));
		CHAT_UNIT_TEXT(&u, want);
		free(want);
	}
	chat_unit_fini(&u);
}
END_TEST

/* A sink that is gone after so many events. */
START_TEST(stops)
{
	struct chat_answer a = { 0 };
	struct chat_unit u;
	struct chat_unit_sink k = { .u = &u, .stop_after = (unsigned)_i };

	read(&u, 0, &a);
	chat_unit_append(&k, "", 0);
	ck_assert_int_eq(chat_replay(&u.cx, &a, chat_unit_emit, &k), -1);
	ck_assert_uint_eq(k.events, (unsigned)_i);
	chat_unit_fini(&u);
}
END_TEST

/* Pieces, whose memory is gone with their event. */
START_TEST(gathered_of_pieces)
{
	static const char want[] = "{\"a\":\"bc\"}";
	const struct chat_answer *a;
	struct chat_gather *g;
	struct chat_unit u;
	char piece[64];

	chat_unit_init(&u, "model");
	g = chat_gather_new(&u.cx);
	ck_assert_ptr_nonnull(g);
#define SAY(...) ck_assert_int_eq(chat_gather_event(g, &(struct chat_event){ __VA_ARGS__ }), 0)
	SAY(.kind = EVENT_START, .id = STR("i"), .model = STR("m"));
	snprintf(piece, sizeof piece, "t1");
	SAY(.kind = EVENT_OPEN, .part = PART_CALL, .id = str_mk(piece, 2), .name = STR("f"));
	for (const char *p = "{\\\"a\\\":\\\"bc\\\"}"; *p != '\0'; p++) {
		piece[0] = *p;
		SAY(.kind = EVENT_DELTA, .part = PART_CALL, .text = str_mk(piece, 1));
	}
	SAY(.kind = EVENT_CLOSE, .part = PART_CALL);
	SAY(.kind = EVENT_FINISH, .finish = FINISH_TOOL);
	ck_assert_ptr_null(chat_gather_answer(g));
	ck_assert_str_eq(u.cx.fail, "its stream has no end");
	SAY(.kind = EVENT_END);
	a = chat_gather_answer(g);
	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(a->n_choices, 1);
	ck_assert(str_eq(a->choice[0].part->args, str_z(want)));
	ck_assert(str_eq(a->choice[0].part->id, STR("t1")));
	ck_assert_int_eq(a->choice[0].finish, FINISH_TOOL);
	chat_unit_fini(&u);
}
END_TEST

START_TEST(an_error_is_no_answer)
{
	const struct chat_error error = { .status = 500, .message = STR("broken") };
	struct chat_gather *g;
	struct chat_unit u;

	chat_unit_init(&u, "model");
	g = chat_gather_new(&u.cx);
	ck_assert_ptr_nonnull(g);
	SAY(.kind = EVENT_START);
	SAY(.kind = EVENT_ERROR, .error = &error);
	SAY(.kind = EVENT_END);
	ck_assert_ptr_null(chat_gather_answer(g));
	ck_assert_str_eq(u.cx.fail, "it ended in an error: broken");
	chat_unit_fini(&u);
}
END_TEST

static void cases(TCase *t)
{
	tcase_add_loop_test(t, told_as_a_stream, 0, (int)TG_ARRAY_LEN(answers));
	tcase_add_loop_test(t, there_and_back, 0, (int)TG_ARRAY_LEN(answers));
	tcase_add_loop_test(t, stops, 1, 11);
	tcase_add_test(t, gathered_of_pieces);
	tcase_add_test(t, an_error_is_no_answer);
}

UNIT_MAIN("replay", cases)
