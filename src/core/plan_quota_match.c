/*
 * plan_quota_match.c: which budgets count which requests: by words and tags, for anybody who asks;
 * and of each key those that may, found when its plan is made.
 */
#include "core/plan.h"
#include "core/plan_quota.h"
#include "core/tags.h"
#include "proto/json_scan.h"

#define TAG_VALUE_MAX 512

enum match_word plan_quota_word(struct str name)
{
	static const struct str words[] = {
#define X(id, member) { #member, sizeof #member - 1 },
#include "core/tbl/match_words.h"
#undef X
	};

	for (unsigned i = 0; i < MATCH__MAX; i++)
		if (str_eq(name, words[i]))
			return (enum match_word)i;
	return MATCH__MAX;
}

static bool is_tag(const struct conf_tag *m)
{
	return str_starts(m->name, STR("tag."));
}

static struct str tag_name(const struct conf_tag *m)
{
	return str_skip(m->name, 4);
}

bool plan_quota_has_tag(struct str tags, struct str name, struct str value)
{
	struct json_watch w = { name, { .type = JSON_NONE } };
	char buf[TAG_VALUE_MAX];
	struct json_fail fail;
	struct str got;

	return tags.n > 2 && json_scan_object(tags, &w, 1, &fail) == 0 &&
	       json_decode(&w.val, buf, sizeof buf, &got) == 0 && str_eq(got, value);
}

static bool matches_one(const struct conf_tag *m, const struct quota_who *who)
{
	enum match_word word;

	if (is_tag(m))
		return plan_quota_has_tag(who->tags, tag_name(m), m->value);
	word = plan_quota_word(m->name);
	tg_assert(word != MATCH__MAX); /* config_quota.c */
	return str_eq(m->value, who->of[word]);
}

bool plan_quota_matches(const struct cfg_budget *b, const struct quota_who *who)
{
	for (size_t i = 0; i < b->match.n; i++)
		if (!matches_one(&b->match.v[i], who))
			return false;
	return true;
}

/* ---- of a key */

enum verdict { NEVER, ASK, ALWAYS };

static enum verdict judge(
	const struct key *k, const struct quota_who *who, const struct conf_tag *m)
{
	enum match_word word = plan_quota_word(m->name);

	if (is_tag(m)) {
		for (size_t i = 0; i < k->tags.n; i++)
			if (str_eq(k->tags.v[i].name, tag_name(m)))
				return str_eq(k->tags.v[i].value, m->value) ? ALWAYS : NEVER;
		return ASK;
	}
	if (word == MATCH_MODEL || word == MATCH_TARGET)
		return ASK;
	return matches_one(m, who) ? ALWAYS : NEVER;
}

/* The names of tags that are asked for, while they are being found. */
struct names {
	struct str v[QUOTA_ASKED_TAGS];
	unsigned n;
};

/* The name's place in the list; QUOTA_ASKED_TAGS: the list is full. */
static unsigned name_put(struct names *to, struct str name)
{
	unsigned i = 0;

	while (i < to->n && !str_eq(to->v[i], name))
		i++;
	if (i == to->n && i < QUOTA_ASKED_TAGS)
		to->v[to->n++] = name;
	return i;
}

static void *match_alloc(struct tg_conf *c, size_t n)
{
	void *p = arena_zalloc(&c->arena, n > 0 ? n : 1);

	tg_assert(p != NULL);
	return p;
}

/* One thing that the budget asks of each request. */
static int ask(struct names *names, struct quota_maybe *m, const struct conf_tag *what)
{
	struct quota_asked_tag *t;

	switch (plan_quota_word(what->name)) {
	case MATCH_MODEL: m->model = what->value; return 0;
	case MATCH_TARGET: m->target = what->value; return 0;
	default: break;
	}
	t = &m->tag[m->n_tags++];
	t->name = name_put(names, tag_name(what));
	t->value = what->value;
	return t->name < QUOTA_ASKED_TAGS ? 0 : -1;
}

/* How many things are to be asked; -1: it never counts requests of the key. */
static int questions(const struct key *k, const struct quota_who *who, const struct quota_budget *b)
{
	const struct conf_tags *match = &b->cfg->match;
	int n = 0;

	for (size_t i = 0; i < match->n; i++) {
		enum verdict v = judge(k, who, &match->v[i]);

		if (v == NEVER)
			return -1;
		n += v == ASK;
	}
	return n;
}

static int maybe_add(struct tg_conf *c, struct key *k, const struct quota_who *who,
	const struct quota_budget *b, struct names *names)
{
	const struct conf_tags *match = &b->cfg->match;
	struct quota_maybe *m = &k->budgets.v[k->budgets.n++];

	m->budget = b;
	m->tag = match_alloc(c, (size_t)questions(k, who, b) * sizeof *m->tag);
	for (size_t i = 0; i < match->n; i++)
		if (judge(k, who, &match->v[i]) == ASK && ask(names, m, &match->v[i]) != 0)
			return -1;
	return 0;
}

int plan_quota_maybes(struct tg_conf *c, struct key *k)
{
	const struct quota_who who = { .org = k->tenant->org,
		.tenant = k->tenant->name,
		.tier = k->tenant->tier,
		.key = k->id };
	const struct plan_quota *q = &c->quota;
	struct quota_maybes *to = &k->budgets;
	struct names names = { .n = 0 };
	struct str *name;
	size_t n = 0;

	for (unsigned i = 0; i < q->n_budgets; i++)
		n += questions(k, &who, &q->budgets[i]) >= 0;
	to->v = match_alloc(c, n * sizeof *to->v);
	for (int of_target = 0; of_target < 2; of_target++) {
		for (unsigned i = 0; i < q->n_budgets; i++) {
			const struct quota_budget *b = &q->budgets[i];

			if (b->of_target == of_target && questions(k, &who, b) >= 0 &&
				maybe_add(c, k, &who, b, &names) != 0)
				return -1;
		}
		if (!of_target)
			to->lasting = to->n;
	}
	name = match_alloc(c, names.n * sizeof *name);
	memcpy(name, names.v, names.n * sizeof *name);
	to->name = name;
	to->n_names = names.n;
	return 0;
}
