/*
 * config_guardrail.c: the directive tables of `guardrails`: what happens before a limit is used up.
 * Part of config.c's tables.
 */
#include "core/config_table.h"

#define BP_ONE 10000

static const char *const guardrail_words[] = { "notify", "degrade", "block", NULL };

/* 75% as 7500: 1% to 100%, at most two decimal places. */
static int percent_parse(struct str s, int64_t *out)
{
	int64_t v = 0, place = 100;
	bool point = false;

	if (s.n < 2 || s.p[s.n - 1] != '%')
		return -1;
	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] == '.' && !point && i > 0 && i + 2 < s.n) {
			point = true;
			continue;
		}
		if (s.p[i] < '0' || s.p[i] > '9' || v > BP_ONE || (point && place == 1))
			return -1;
		place = point ? place / 10 : place;
		v = point ? v + (s.p[i] - '0') * place : v * 10 + (s.p[i] - '0') * 100;
	}
	*out = v;
	return v >= 100 && v <= BP_ONE ? 0 : -1;
}

static int check_what(struct conf_load *l, const struct str *word, struct cfg_guard_step *step)
{
	struct conf_why near;
	unsigned i = 0;

	if (str_eq(*word, STR("throttle")))
		return conf_fail_at(l, word,
			"`throttle` is not part of this version yet; there are notify, degrade and "
			"block");
	while (guardrail_words[i] != NULL && !str_eq(*word, str_z(guardrail_words[i])))
		i++;
	if (guardrail_words[i] == NULL)
		return conf_fail_at(l, word, "notify, degrade or block, not `%.*s`%s",
			STR_FMT(*word),
			config_near(
				*word, guardrail_words, TG_ARRAY_LEN(guardrail_words) - 1, &near));
	step->what = (enum cfg_guard_what)i;
	if (step->what == GUARD_BLOCK && step->bp != BP_ONE)
		return conf_fail_at(l, word,
			"`block` is at 100%% only: the limit itself refuses what goes beyond it. "
			"For "
			"less, set a lower limit");
	return 0;
}

static int check_steps(struct conf_load *l, struct cfg_guard *g)
{
	if (g->at.n == 0 || g->at.n != g->words.n)
		return conf_fail_at(l, &g->words,
			"`at` has %zu thresholds and `do` %zu words: one each, in the same order",
			g->at.n, g->words.n);
	g->step = arena_zalloc(conf_arena(l), g->at.n * sizeof *g->step);
	if (g->step == NULL)
		return conf_fail(l, &g->pos, "out of memory");
	for (size_t i = 0; i < g->at.n; i++) {
		if (percent_parse(g->at.v[i], &g->step[i].bp) != 0)
			return conf_fail_at(l, &g->at.v[i],
				"a threshold is from 1%% to 100%%, such as 75%%, not `%.*s`",
				STR_FMT(g->at.v[i]));
		if (i > 0 && g->step[i].bp < g->step[i - 1].bp)
			return conf_fail_at(l, &g->at.v[i], "thresholds stand in ascending order");
		if (check_what(l, &g->words.v[i], &g->step[i]) != 0)
			return -1;
		g->degrades |= g->step[i].what == GUARD_DEGRADE;
	}
	return 0;
}

static int check_guardrail(struct conf_load *l, void *obj)
{
	struct cfg_guard *g = obj;

	if ((g->budget.n > 0) == (g->tier.n > 0))
		return conf_fail(l, &g->pos, "a guardrail watches one thing: `budget` or `tier`");
	if (check_steps(l, g) != 0)
		return -1;
	if (g->degrades != (g->degrade.n > 0))
		return conf_fail(l, &g->pos,
			g->degrades ? "`do: degrade` needs `degrade: { from: MODEL, to: MODEL }`"
				    : "`degrade` says which models, and no threshold of `do` has "
				      "the word degrade");
	return 0;
}

static const struct conf_directive degrade_directives[] = {
	{ .name = "from",
		.type = CONF_STRING,
		AT(cfg_degrade, from),
		.flags = CONF_REQUIRED,
		.help = "The model that requests would be served by." },
	{ .name = "to",
		.type = CONF_STRING,
		AT(cfg_degrade, to),
		.flags = CONF_REQUIRED,
		.help = "The cheaper one that serves them; their key must be allowed to use it." },
	{ .name = NULL },
};
static const struct conf_block degrade_block = {
	.name = "degrade",
	.help = "A model in place of another. Only for tenants that `may_degrade`; "
		"x-tollgate-degraded, the access log and the ledger say so.",
	.size = sizeof(struct cfg_degrade),
	.directives = degrade_directives,
	POS_OF(cfg_degrade),
};

static const struct conf_directive guardrail_directives[] = {
	{ .name = "budget",
		.type = CONF_STRING,
		AT(cfg_guard, budget),
		.help = "Name of a budget, each of whose limits on what is used in a time is "
			"watched. Absent: a `tier` is given." },
	{ .name = "tier",
		.type = CONF_STRING,
		AT(cfg_guard, tier),
		.help = "Instead: of each tenant of this tier, its own limits. Absent: a `budget` "
			"is given." },
	{ .name = "at",
		.type = CONF_STRINGS,
		AT(cfg_guard, at),
		.flags = CONF_REQUIRED,
		.help = "Thresholds in ascending order, such as [ 75%, 90%, 100% ], of a limit: "
			"what is "
			"spent counts, not what requests under way hold." },
	{ .name = "do",
		.type = CONF_STRINGS,
		AT(cfg_guard, words),
		.flags = CONF_REQUIRED,
		.help = "What happens at each of them: notify (a line in the error log, once a "
			"period), degrade (that, and requests are served by a cheaper model), "
			"block (at 100%: what the limit does anyway)." },
	{ .name = "degrade",
		.type = CONF_LIST,
		AT(cfg_guard, degrade),
		.block = &degrade_block,
		.help = "By which model requests are served then." },
	{ .name = "cooldown",
		.type = CONF_DURATION,
		AT(cfg_guard, cooldown_us),
		.def = "15m",
		.max = INT64_C(86400000000) * 31,
		.help = "How long a threshold of a rolling limit is not told again once it was "
			"(a period's is told once)." },
	{ .name = NULL },
};
static const char *const guardrail_later[] = { "notify", NULL };
const struct conf_block config_guardrail_block = {
	.name = "guardrail",
	.help = "What happens before a limit is used up.",
	.size = sizeof(struct cfg_guard),
	.directives = guardrail_directives,
	POS_OF(cfg_guard),
	.check = check_guardrail,
	.later = guardrail_later,
};
