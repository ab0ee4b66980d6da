/* check_chat.c: what codecs share: notes, arguments, names of results, turns joined. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chat/codec.h"
#include "unit/unit.h"

static struct arena arena;
static struct chat_context cx;

static void setup(void)
{
	arena_init(&arena, NULL, 0);
	cx = (struct chat_context){ .arena = &arena };
}

static void teardown(void)
{
	arena_fini(&arena);
}

START_TEST(notes)
{
	static char names[CHAT_UNSUPPORTED + 4][8];

	chat_unsupported(&cx, "n");
	chat_unsupported(&cx, "seed");
	chat_unsupported(&cx, "n");
	ck_assert_uint_eq(cx.n_unsupported, 2);
	ck_assert(!cx.unsupported_more);
	UNIT_STR_EQ(cx.unsupported[1], STR("seed"));
	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++) {
		names[i][0] = (char)('A' + i);
		chat_unsupported(&cx, names[i]);
	}
	ck_assert_uint_eq(cx.n_unsupported, CHAT_UNSUPPORTED);
	ck_assert(cx.unsupported_more);
	ck_assert_int_eq(chat_fail(&cx, "%0300d", 1), -1);
	ck_assert_uint_eq(strlen(cx.fail), sizeof cx.fail - 1);
}
END_TEST

/* What a client calls its members goes into a field line, where they are left out. */
START_TEST(names_of_clients)
{
	static const struct {
		const char *name, *noted;
	} rows[] = {
		{ "logit_bias", "a.logit_bias" },
		{ "x-y.z", "a.x-y.z" },
		{ "", "a.(unnamed)" },
		{ "x\r\ny: z", "a.(unnamed)" },
		{ "x y", "a.(unnamed)" },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
			"a.0123456789012345678901234567890123456789012345678901234567890123" },
		{ "01234567890123456789012345678901234567890123456789012345678901234",
			"a.(unnamed)" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		cx.n_unsupported = 0;
		chat_unsupported_in(&cx, "a.", str_z(rows[i].name));
		ck_assert_uint_eq(cx.n_unsupported, 1);
		UNIT_STR_EQ(cx.unsupported[0], str_z(rows[i].noted));
	}
}
END_TEST

START_TEST(codecs)
{
	ck_assert_ptr_null(chat_codecs[SHAPE_NONE]);
	for (size_t i = 1; i < SHAPE__MAX; i++) {
		const struct chat_codec *c = chat_codecs[i];

		if (c == NULL)
			continue;
		ck_assert(c->name != NULL && c->name[0] != '\0');
		ck_assert(c->read_request != NULL || c->write_request != NULL);
		if (c->read_request != NULL)
			ck_assert(c->write_answer != NULL && c->out_open != NULL &&
				  c->write_event != NULL && c->write_error != NULL);
		if (c->write_request != NULL)
			ck_assert(c->read_answer != NULL && c->in_open != NULL &&
				  c->read_event != NULL && c->read_end != NULL &&
				  c->read_error != NULL);
	}
}
END_TEST

START_TEST(arguments)
{
	static const struct {
		const char *jstr, *args;
	} rows[] = {
		{ "", "{}" },
		{ " \\n", "{}" },
		{ "{}", "{}" },
		{ "{\\\"a\\\":\\\"b\\\\n\\\"}", "{\"a\":\"b\\n\"}" },
		{ "{\\\"a\\\":", "{\"raw_arguments\":\"{\\\"a\\\":\"}" },
		{ "[1]", "{\"raw_arguments\":\"[1]\"}" },
		{ "\\ud800", "{\"raw_arguments\":\"\\ud800\"}" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		UNIT_STR_EQ(chat_args_of_jstr(&cx, str_z(rows[i].jstr)), str_z(rows[i].args));
	UNIT_STR_EQ(chat_args_of_jstr(&cx, STR_NONE), STR("{}"));
}
END_TEST

START_TEST(result_names)
{
	enum { N = 40 };
	static struct chat_turn turn[2 * N];
	static struct chat_part part[2 * N];
	static char id[N][8];
	struct chat_request rq = { .turn = &turn[0] };

	for (size_t i = 0; i < 2 * N; i++) {
		snprintf(id[i / 2], sizeof id[0], "c%zu",
			i / 2 % (N - 1)); /* the first id comes again */
		part[i] = (struct chat_part){ .kind = i % 2 == 0 ? PART_CALL : PART_RESULT,
			.id = str_z(id[i / 2]) };
		turn[i] = (struct chat_turn){ .part = &part[i], .next = &turn[i + 1] };
	}
	for (size_t i = 0; i < N; i++)
		part[2 * i].name = str_mk(&"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"[i], 1);
	turn[2 * N - 1].next = NULL;
	part[7].name = STR("mine");
	part[9].id = STR("unknown");
	ck_assert_int_eq(chat_name_results(&cx, &rq), 0);
	for (size_t i = 0; i < N; i++)
		if (i != 3 && i != 4)
			UNIT_STR_EQ(part[2 * i + 1].name, part[2 * i].name);
	UNIT_STR_EQ(part[7].name, STR("mine"));
	ck_assert_ptr_null(part[9].name.p);
}
END_TEST

START_TEST(called_tools)
{
	static const char *const calls[] = { "toll", "gate", "toll", "a", "gate", "toll" };
	struct chat_part part[TG_ARRAY_LEN(calls) + 1] = { { .kind = PART_TEXT } };
	struct chat_turn turn = { .role = CHAT_ASSISTANT, .part = part };
	struct chat_request rq = { .turn = &turn };
	struct str *name;
	size_t n;

	ck_assert_int_eq(chat_called_tools(&cx, &rq, &name, &n), 0);
	ck_assert_uint_eq(n, 0);
	for (size_t i = 0; i < TG_ARRAY_LEN(calls); i++) {
		part[i].next = &part[i + 1];
		part[i + 1] = (struct chat_part){ .kind = PART_CALL, .name = str_z(calls[i]) };
	}
	ck_assert_int_eq(chat_called_tools(&cx, &rq, &name, &n), 0);
	ck_assert_uint_eq(n, 3);
	UNIT_STR_EQ(name[0], STR("toll"));
	UNIT_STR_EQ(name[1], STR("gate"));
	UNIT_STR_EQ(name[2], STR("a"));
}
END_TEST

/* What would take n * n steps takes seconds here, and a worker serves nobody meanwhile. */
START_TEST(many_calls)
{
	enum { N = 100000 };
	struct chat_part *part = calloc(2 * N, sizeof *part);
	char(*id)[16] = calloc(N, sizeof *id);
	struct chat_turn turn = { .role = CHAT_ASSISTANT, .part = part };
	struct chat_request rq = { .turn = &turn };
	clock_t began = clock();
	struct str *name;
	size_t n;

	for (size_t i = 0; i < N; i++) {
		snprintf(id[i], sizeof id[i], "c%zu", (i * 7919) % N);
		part[i] = (struct chat_part){ .kind = PART_CALL,
			.id = str_z(id[i]),
			.name = str_z(id[i]),
			.next = &part[i + 1] };
		part[2 * N - 1 - i] = (struct chat_part){ .kind = PART_RESULT, .id = str_z(id[i]) };
	}
	for (size_t i = N; i + 1 < 2 * N; i++)
		part[i].next = &part[i + 1];
	ck_assert_int_eq(chat_name_results(&cx, &rq), 0);
	ck_assert_int_eq(chat_called_tools(&cx, &rq, &name, &n), 0);
	ck_assert_uint_eq(n, N);
	for (size_t i = 0; i < N; i++)
		UNIT_STR_EQ(part[2 * N - 1 - i].name, part[i].name);
	ck_assert_int_lt((clock() - began) / CLOCKS_PER_SEC, 10);
	free(part);
	free(id);
}
END_TEST

START_TEST(data_urls)
{
	struct str mime, data;

	ck_assert(chat_data_url(STR("data:image/png;base64,QUJD"), &mime, &data));
	UNIT_STR_EQ(mime, STR("image/png"));
	UNIT_STR_EQ(data, STR("QUJD"));
	ck_assert(chat_data_url(STR("DATA:text/plain;charset=utf-8;base64,"), &mime, &data));
	UNIT_STR_EQ(mime, STR("text/plain"));
	ck_assert(data.n == 0 && data.p != NULL);
	ck_assert(!chat_data_url(STR("data:text/plain,hello"), &mime, &data));
	ck_assert(!chat_data_url(STR("data:image/png;base64"), &mime, &data));
	ck_assert(!chat_data_url(STR("https://a/b,c"), &mime, &data));
}
END_TEST

START_TEST(efforts)
{
	ck_assert_int_eq(chat_effort_of(STR("xhigh")), EFFORT_XHIGH);
	ck_assert_int_eq(chat_effort_of(STR("most")), EFFORT_UNSET);
	ck_assert_int_eq(chat_effort_of(STR_NONE), EFFORT_UNSET);
	for (enum chat_effort e = EFFORT_NONE; e <= EFFORT_MAX; e++)
		ck_assert_int_eq(chat_effort_of(chat_effort_word(e)), e);
	ck_assert_ptr_null(chat_effort_word(EFFORT_UNSET).p);
}
END_TEST

/* Turns as "u:trt" (user: text, result, text), with 'a' and 's'; what the walk makes of them. */
static struct chat_turn *make_turns(const char *spec)
{
	struct chat_turn *first = NULL, **tail = &first;
	struct chat_part **end = NULL;

	for (; *spec != '\0'; spec++) {
		if (spec[1] == ':') {
			struct chat_turn *t = CHAT_NEW(&cx, chat_turn);

			t->role = *spec == 's'   ? CHAT_SYSTEM
				  : *spec == 'u' ? CHAT_USER
						 : CHAT_ASSISTANT;
			*tail = t;
			tail = &t->next;
			end = &t->part;
			spec++;
			continue;
		}
		if (*spec == ' ')
			continue;
		*end = CHAT_NEW(&cx, chat_part);
		(*end)->kind = *spec >= 'R' && *spec <= 'Z' ? PART_RESULT : PART_TEXT;
		(*end)->text = str_mk(spec, 1);
		end = &(*end)->next;
	}
	return first;
}

START_TEST(walks)
{
	static const struct {
		const char *turns, *joined;
	} rows[] = {
		{ "", "" },
		{ "s:a", "" },
		{ "s:a u:b", "u:b" },
		{ "u:a u:b a:c a:d u:e", "u:ab a:cd u:e" },
		{ "u:a s:b u:c", "u:ac" },
		{ "a:a u:bR u:S u:c", "a:a u:RSbc" },
		{ "u: a: u:a", "u:a" },
		{ "u:a a: u:b", "u:ab" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct chat_walk w = { .turn = make_turns(rows[i].turns) };
		const struct chat_part *p;
		char got[64];
		size_t n = 0;

		while (chat_walk_turn(&w)) {
			if (n > 0)
				got[n++] = ' ';
			got[n++] = w.role == CHAT_USER ? 'u' : 'a';
			got[n++] = ':';
			while ((p = chat_walk_part(&w)) != NULL)
				got[n++] = *p->text.p;
		}
		UNIT_STR_EQ(str_mk(got, n), str_z(rows[i].joined));
	}
}
END_TEST

START_TEST(finishes)
{
	struct chat_part call = { .kind = PART_CALL }, text = { .kind = PART_TEXT, .next = &call };

	ck_assert(chat_has_calls(&text) && !chat_has_calls(NULL));
	ck_assert_int_eq(chat_finish_of(FINISH_STOP, true), FINISH_TOOL);
	ck_assert_int_eq(chat_finish_of(FINISH_STOP, false), FINISH_STOP);
	ck_assert_int_eq(chat_finish_of(FINISH_LENGTH, true), FINISH_LENGTH);
}
END_TEST

static const struct {
	const char *jstr;
	bool blank, name;
	size_t trimmed;
} texts[] = {
	{ "", true, false, 0 }, { " ", true, false, 0 },
	{ "\\n\\t\\r\\f \\u0020", true, false,
		15 }, /* an escaped space is left: nobody writes one */
	{ "a \\n ", false, false, 1 }, { "a\\\\n", false, false, 4 }, /* a backslash and an n */
	{ "a\\\\\\n", false, false, 3 }, { "\\", false, false, 1 }, { "\\u0041", false, false, 6 },
	{ "a_B-9", false, true, 5 }, { "a.b", false, false, 3 }, { "\xc3\xa4", false, false, 2 },
	{ "ABCDEFGHI", false, false, 9 }, /* longer than 8 */
};

START_TEST(jstrs)
{
	struct str s = str_z(texts[_i].jstr);

	ck_assert_int_eq(chat_blank(s), texts[_i].blank);
	ck_assert_int_eq(chat_is_name(s, 8), texts[_i].name);
	ck_assert_uint_eq(chat_trim_end(s).n, texts[_i].trimmed);
}
END_TEST

static const struct {
	struct chat_request rq;
	const char *name; /* NULL: it changes nothing */
} rests[] = {
	{ { .n = STR("1.0"), .presence_penalty = STR("0"), .frequency_penalty = STR("-0.0") },
		NULL },
	{ { .n = STR("2") }, "n" },
	{ { .seed = STR("0") }, "seed" },
	{ { .presence_penalty = STR("0.1") }, "presence_penalty" },
	{ { .frequency_penalty = STR("-1e-3") }, "frequency_penalty" },
	{ { .logprobs = true }, "logprobs" },
	{ { .top_logprobs = STR("3") }, "top_logprobs" },
};

START_TEST(rest)
{
	chat_note_rest(&cx, &rests[_i].rq);
	ck_assert_uint_eq(cx.n_unsupported, rests[_i].name != NULL);
	if (rests[_i].name != NULL)
		UNIT_STR_EQ(cx.unsupported[0], str_z(rests[_i].name));
}
END_TEST

static const struct {
	struct chat_part part;
	const char *text;
} media[] = {
	{ { .kind = PART_IMAGE, .mime = STR("image/png"), .data = STR("QUJD") },
		"[image/png, 3 bytes: not carried by this API]" },
	{ { .kind = PART_AUDIO, .data = STR("QUI=") },
		"[audio, 2 bytes: not carried by this API]" },
	{ { .kind = PART_VIDEO, .data = STR("QQ==") },
		"[video, 1 bytes: not carried by this API]" },
	{ { .kind = PART_FILE, .data = STR("QUJD\\/\\/\\/\\/") },
		"[file, 6 bytes: not carried by this API]" }, /* escapes are none of it */
	{ { .kind = PART_IMAGE }, "[image, 0 bytes: not carried by this API]" },
	{ { .kind = PART_IMAGE, .mime = STR("image/png"), .url = STR("https:\\/\\/x\\\"") },
		"[image/png: https:\\/\\/x\\\"]" }, /* a jstr stays one */
	{ { .kind = PART_IMAGE,
		  .mime = STR("image/"
			      "0123456789012345678901234567890123456789012345678901234567890"),
		  .data = STR("QUJD") },
		"[image, 3 bytes: not carried by this API]" },
};

START_TEST(media_texts)
{
	const struct chat_part *p = &media[_i].part;
	const struct chat_event e = {
		.kind = EVENT_OPEN, .part = p->kind, .mime = p->mime, .data = p->data, .url = p->url
	};
	struct arena none = { 0 };

	UNIT_STR_EQ(chat_media_text_part(cx.arena, p), str_z(media[_i].text));
	UNIT_STR_EQ(chat_media_text_event(cx.arena, &e), str_z(media[_i].text));
	arena_init(&none, NULL, 1);
	UNIT_STR_EQ(chat_media_text_part(&none, p), STR("[media: not carried by this API]"));
	arena_fini(&none);
}
END_TEST

START_TEST(media_kinds)
{
	ck_assert_int_eq(chat_media_kind(STR("Image/PNG")), PART_IMAGE);
	ck_assert_int_eq(chat_media_kind(STR("audio/L16;rate=24000")), PART_AUDIO);
	ck_assert_int_eq(chat_media_kind(STR("video/mp4")), PART_VIDEO);
	ck_assert_int_eq(chat_media_kind(STR("application/pdf")), PART_FILE);
	ck_assert_int_eq(chat_media_kind(STR_NONE), PART_FILE);
	for (int k = PART_TEXT; k <= PART_REFUSAL; k++)
		ck_assert_int_eq(
			chat_is_media((enum chat_part_kind)k), k >= PART_IMAGE && k <= PART_FILE);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, notes);
	tcase_add_test(tc, names_of_clients);
	tcase_add_test(tc, codecs);
	tcase_add_test(tc, arguments);
	tcase_add_test(tc, result_names);
	tcase_add_test(tc, called_tools);
	tcase_add_test(tc, many_calls);
	tcase_add_test(tc, data_urls);
	tcase_add_test(tc, efforts);
	tcase_add_test(tc, walks);
	tcase_add_test(tc, finishes);
	tcase_add_test(tc, media_kinds);
	tcase_add_loop_test(tc, media_texts, 0, TG_ARRAY_LEN(media));
	tcase_add_loop_test(tc, jstrs, 0, TG_ARRAY_LEN(texts));
	tcase_add_loop_test(tc, rest, 0, TG_ARRAY_LEN(rests));
}

UNIT_MAIN("chat", tests)
