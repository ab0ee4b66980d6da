/* check_model_traits.c: a model's family is found by its name, whoever hosts it. */
#include "chat/model_traits.h"
#include "unit/unit.h"

static const struct row {
	const char *model, *family;
} rows[] = {
	{ "claude-opus-4-7", "claude-opus-4-7" },
	{ "us.anthropic.claude-opus-4-6-v1:0", "claude-opus-4-6" },
	{ "anthropic/claude-opus-4.6", "claude-opus-4-6" },
	{ "claude-sonnet-4-5@20250929", "claude-sonnet-4-5" },
	{ "claude-sonnet-4-20250514", "claude-sonnet-4" },
	{ "claude-4-sonnet-20250514", "claude-4-sonnet" },
	{ "Claude-Opus-4-1-20250805", "claude-opus-4-1" },
	{ "claude-opus-4-20250514", "claude-opus-4" },
	{ "claude-opus-5", "claude-opus-5" },
	{ "claude-opus-5-20260701", "claude-opus-5" },
	{ "claude-opus-5-5", "claude-opus-5-5" },
	{ "claude-opus-55", "claude" },
	{ "claude-3-5-haiku-latest", "claude-3-5" },
	{ "claude-3-7-sonnet-latest", "claude-3-7" },
	{ "claude-3-haiku-20240307", "claude-3" },
	{ "claude-2.1", "claude-2" },
	{ "claude-novel-9", "claude" },
	{ "models/gemini-2.5-pro", "gemini-2-5-pro" },
	{ "gemini-2.5-flash-lite-001", "gemini-2-5-flash-lite" },
	{ "gemini-3-pro-preview", "gemini-3" },
	{ "gemini-2.0-flash", "gemini" },
	{ "gpt-5-mini", "gpt-5" },
	{ "gpt-5.2-codex", "gpt-5" },
	{ "gpt-5-chat-latest", "gpt-5-chat" },
	{ "o3-pro", "o3" },
	{ "o4-mini-2025-04-16", "o4-mini" },
	{ "openai/o1", "o1" },
	{ "foo1", "" },
	{ "o11", "" },
	{ "gpt-4o", "" },
	{ "mistral-large", "" },
	{ "", "" },
};

START_TEST(families)
{
	const struct model_traits *t = model_traits_find(str_z(rows[_i].model));

	ck_assert_msg(strcmp(t->family, rows[_i].family) == 0, "%s is of \"%s\", not \"%s\"",
		rows[_i].model, t->family, rows[_i].family);
	ck_assert_uint_gt(t->default_max_tokens, 0);
	ck_assert(t->most_tokens == 0 || t->default_max_tokens <= t->most_tokens);
	/* A budget's least fits under the default limit: who names no limit can think. */
	ck_assert_uint_lt(t->budget_least, t->default_max_tokens);
}
END_TEST

START_TEST(efforts)
{
	ck_assert_uint_eq(model_effort_budget(EFFORT_UNSET), 0);
	for (int e = EFFORT_NONE; e < EFFORT_MAX; e++)
		ck_assert_uint_lt(model_effort_budget((enum chat_effort)e),
			model_effort_budget((enum chat_effort)(e + 1)));
	for (int e = EFFORT_NONE; e <= EFFORT_HIGH; e++)
		ck_assert_int_eq(
			model_budget_effort((int64_t)model_effort_budget((enum chat_effort)e)), e);
	ck_assert_int_eq(model_budget_effort(-1), EFFORT_UNSET);
	ck_assert_int_eq(model_budget_effort(1), EFFORT_MINIMAL);
	ck_assert_int_eq(model_budget_effort(INT64_MAX), EFFORT_HIGH);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, families, 0, (int)TG_ARRAY_LEN(rows));
	tcase_add_test(tc, efforts);
}

UNIT_MAIN("model_traits", tests)
