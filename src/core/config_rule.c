/*
 * config_rule.c: the directive tables of `rules`: which requests get another model or another
 * route, and the words that they are matched by. Part of config.c's tables.
 */
#include "core/config_table.h"

#include "geo/geo_set.h"
#include "route/prompt_kind.h"

enum rule_word rule_word_of(struct str name)
{
	static const struct str words[] = {
#define X(id, member, kind) { #member, sizeof #member - 1 },
#include "core/tbl/rule_words.h"
#undef X
	};

	if (str_starts(name, STR("tag.")) && name.n > 4)
		return RULE_TAG;
	if (str_starts(name, STR("header.")) && name.n > 7)
		return RULE_HEADER;
	for (unsigned i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_eq(name, words[i]))
			return (enum rule_word)i;
	return RULE__MAX;
}

enum rule_kind rule_kind_of(enum rule_word w)
{
	static const char kinds[][6] = {
#define X(id, member, kind) #kind,
#include "core/tbl/rule_words.h"
#undef X
	};

	if (w >= RULE_TAG)
		return RULE_NAME;
	switch (kinds[w][0]) {
	case 'P': return RULE_PATHS;
	case 'C': return RULE_COUNT;
	case 'F': return RULE_FLAG;
	case 'L': return RULE_LANGS;
	default: return RULE_NAME;
	}
}

int rule_count_parse(struct str s, struct rule_count *out)
{
	*out = (struct rule_count){ .above = false };
	if (s.n < 2 || (s.p[0] != '<' && s.p[0] != '>'))
		return -1;
	out->above = s.p[0] == '>';
	out->equal = s.p[1] == '=';
	s = str_skip(s, out->equal ? 2 : 1);
	if (s.n == 0 || s.n > 12)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		out->n = out->n * 10 + (uint64_t)(s.p[i] - '0');
	}
	return 0;
}

int rule_languages_parse(struct str text, uint32_t *out, struct str *bad)
{
	_Static_assert(PROMPT_LANGUAGE__MAX <= 32, "bits of a rule's languages");

	size_t comma;

	*out = 0;
	do {
		enum prompt_language lang;
		struct str word;

		comma = str_chr(text, ',');
		word = str_mk(text.p, comma == (size_t)-1 ? text.n : comma);
		while (word.n > 0 && *word.p == ' ')
			word = str_skip(word, 1);
		lang = prompt_language_named(word);
		if (lang == PROMPT_LANGUAGE__MAX) {
			*bad = word;
			return -1;
		}
		*out |= UINT32_C(1) << lang;
		text = str_skip(text, comma == (size_t)-1 ? text.n : comma + 1);
	} while (comma != (size_t)-1);
	return 0;
}

static int check_languages(struct conf_load *l, const struct conf_tag *m)
{
	char known[PROMPT_LANGUAGE__MAX * 8];
	uint32_t bits;
	struct str bad;
	size_t n = 0;

	if (rule_languages_parse(m->value, &bits, &bad) == 0)
		return 0;
	for (unsigned i = 0; i < PROMPT_LANGUAGE__MAX; i++)
		n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i > 0 ? " " : "",
			prompt_language_code((enum prompt_language)i));
	return conf_fail_at(l, &m->name, "`%.*s` is no language that is told apart; there are %s",
		STR_FMT(bad), known);
}

static int check_match(struct conf_load *l, const struct conf_tag *m)
{
	static const char *const words[] = {
#define X(id, member, kind) #member,
#include "core/tbl/rule_words.h"
#undef X
	};
	enum rule_word w = rule_word_of(m->name);
	struct rule_count count;
	struct geo_word place;
	const char *why = NULL;
	struct conf_why near;

	if (w == RULE__MAX) {
		return conf_fail_at(l, &m->name,
			"`%.*s` is nothing that requests are matched by; there are tenant, org, "
			"tier, key, country, path, prompt_tokens, tools, images, documents, "
			"stream, code, language, tag.NAME and header.NAME%s",
			STR_FMT(m->name), config_near(m->name, words, TG_ARRAY_LEN(words), &near));
	}
	if (w == RULE_COUNTRY && geo_word_parse(m->value, &place, &why) != 0)
		return conf_fail_at(l, &m->name, "`%.*s`: %s", STR_FMT(m->value), why);
	if (rule_kind_of(w) == RULE_COUNT && rule_count_parse(m->value, &count) != 0)
		return conf_fail_at(l, &m->name,
			"a number with < <= > or >= before it, such as "
			"\"<500\", not `%.*s`",
			STR_FMT(m->value));
	if (rule_kind_of(w) == RULE_LANGS)
		return check_languages(l, m);
	if (rule_kind_of(w) == RULE_FLAG && !str_eq(m->value, STR("true")) &&
		!str_eq(m->value, STR("false")))
		return conf_fail_at(l, &m->name, "true or false, not `%.*s`", STR_FMT(m->value));
	return 0;
}

static int check_rule(struct conf_load *l, void *obj)
{
	const struct cfg_rule *r = obj;

	if (r->name.n > 0 && config_check_name(l, "rule", &r->name) != 0)
		return -1;
	for (size_t i = 0; i < r->match.n; i++)
		if (check_match(l, &r->match.v[i]) != 0)
			return -1;
	if (r->use.n == 0 && r->route.n == 0)
		return conf_fail(l, &r->pos, "a rule says what to do: `use` a model, or a `route`");
	return 0;
}

static const char *const draw_words[] = { "no", "session", "end_user", "key", "tenant", NULL };

static const struct conf_directive rule_directives[] = {
	{ .name = "name",
		.type = CONF_STRING,
		AT(cfg_rule, name),
		.help = "What the access log and x-tollgate-route call it; absent: its number, "
			"from "
			"1 on." },
	{ .name = "match",
		.type = CONF_TAGS,
		AT(cfg_rule, match),
		.flags = CONF_TAG_LISTS,
		.help = "All that is given must be so: `tenant`, `org`, `tier`, `key`, `country` "
			"(DE, EU, "
			"AS64496, unknown), `path` (`/v1/"
			"chat*`), `prompt_tokens` (estimated: `\"<500\"`), `tools`, `images`, "
			"`documents`, `stream`, `code` (true, false), `language` (a code such as "
			"de, or a list of them: of the last user message), `tag.NAME`, "
			"`header.NAME`. Absent: "
			"every request." },
	{ .name = "when_model",
		.type = CONF_STRING,
		AT(cfg_rule, when_model),
		.help = "Only for requests that ask for this model. It need not be under `models`: "
			"`auto`, say, which rules alone resolve. Absent: any." },
	{ .name = "use",
		.type = CONF_STRING,
		AT(cfg_rule, use),
		.help = "The model that serves the request; its key must be allowed to use it. "
			"Absent: what was asked for." },
	{ .name = "route",
		.type = CONF_STRING,
		AT(cfg_rule, route),
		.help = "The route by which a target is chosen, instead of the model's. Absent: "
			"the model's." },
	{ .name = "share",
		.type = CONF_PERCENT,
		AT(cfg_rule, share_bp),
		.def = "100%",
		.max = 10000,
		.help = "Only so many of the requests that match: a canary. The others go on to "
			"the rules behind it." },
	{ .name = "stick",
		.type = CONF_ENUM,
		AT(cfg_rule, stick),
		.def = "no",
		.words = draw_words,
		.help = "What always gets the same, in or out of `share`, and stays in when the "
			"share "
			"grows: no (each request is drawn for itself), session, end_user, key, "
			"tenant. A request without a session or end user is drawn for itself." },
	{ .name = NULL },
};
const struct conf_block config_rule_block = {
	.name = "rule",
	.help = "Another model or another route for some requests. The first rule that matches is "
		"the one.",
	.size = sizeof(struct cfg_rule),
	.directives = rule_directives,
	POS_OF(cfg_rule),
	.check = check_rule,
};
