/*
 * model_traits.c: finding a model's family in the table. Owns nothing; any thread.
 */
#include "chat/model_traits.h"

#include "base/defs.h"

static const struct model_traits families[] = {
#define X(part, think, flags, most, dflt, tokens, least) \
	{ .family = part,                                \
		.thinking = THINKING_##think,            \
		.traits = (flags),                       \
		.effort_most = EFFORT_##most,            \
		.default_max_tokens = dflt,              \
		.most_tokens = tokens,                   \
		.budget_least = least },
#include "chat/tbl/model_traits.h"
#undef X
};

static char fold(char c)
{
	return c == '.' || c == '_' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Does part stand in the name at `at`, as a word of its own ("o1" is not in "foo1" or "o11")? */
static bool stands_at(struct str name, size_t at, struct str part)
{
	char before = at > 0 ? fold(name.p[at - 1]) : '-';
	char behind;

	for (size_t i = 0; i < part.n; i++)
		if (fold(name.p[at + i]) != part.p[i])
			return false;
	behind = at + part.n < name.n ? fold(name.p[at + part.n]) : '-';
	if ((before >= 'a' && before <= 'z') || (before >= '0' && before <= '9'))
		return false;
	/* "claude-opus-4" is not in "claude-opus-41", but "claude" is in "claude3" */
	return !(behind >= '0' && behind <= '9' && part.n > 0 && part.p[part.n - 1] >= '0' &&
		 part.p[part.n - 1] <= '9');
}

/* "claude-opus-4" is followed by a date in "claude-opus-4-20250514"; by a version it has a row. */
static bool has_part(struct str name, struct str part)
{
	for (size_t at = 0; part.n <= name.n && at <= name.n - part.n; at++)
		if (stands_at(name, at, part))
			return true;
	return false;
}

const struct model_traits *model_traits_find(struct str model)
{
	size_t i = 0;

	while (i < TG_ARRAY_LEN(families) - 1 && !has_part(model, str_z(families[i].family)))
		i++;
	return &families[i];
}

/* The steps between which a number is one word and the next. */
static const struct {
	enum chat_effort effort;
	uint64_t budget;
} steps[] = {
	{ EFFORT_NONE, 0 },
	{ EFFORT_MINIMAL, 1024 },
	{ EFFORT_LOW, 2048 },
	{ EFFORT_MEDIUM, 8192 },
	{ EFFORT_HIGH, 16384 },
	{ EFFORT_XHIGH, 24576 },
	{ EFFORT_MAX, 32000 },
};

uint64_t model_effort_budget(enum chat_effort e)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(steps); i++)
		if (steps[i].effort == e)
			return steps[i].budget;
	return 0;
}

/* No word above "high": what is stronger is asked for by that word only, never by a number. */
enum chat_effort model_budget_effort(int64_t tokens)
{
	if (tokens < 0)
		return EFFORT_UNSET;
	for (size_t i = 0; i < TG_ARRAY_LEN(steps); i++)
		if ((uint64_t)tokens <= steps[i].budget && steps[i].effort <= EFFORT_HIGH)
			return steps[i].effort;
	return EFFORT_HIGH;
}
