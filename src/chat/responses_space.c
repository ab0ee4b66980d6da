/*
 * responses_space.c: tools in namespaces ({"type":"namespace","name":..,"tools":[..]}), as clients
 * group those of one server. No other API has them: such a tool goes by the names of both in one,
 * "space__tool", and a call of it is told to the client by its two names again. Pure; any thread.
 */
#include <stdlib.h>

#include "chat/responses_int.h"

struct responses_space {
	struct str name;        /* jstr: space__tool */
	struct str space, tool; /* space: absent of a tool that is in none */
};

/* Sorted by name once all are there: what is looked up among them is the client's, or a model's. */
struct responses_spaces {
	struct responses_space *v;
	size_t n, cap;
};

#define SPACE_MAX 256 /* of its name, which each of its tools has in its own */
#define TOOL_MAX  64  /* of a tool's at most APIs */

/* Of one that is longer than any API takes: its beginning, and a hash of all of it, the same for a
 * tool, its calls and their results, in this request and the next. */
static struct str shortened(struct chat_context *cx, struct str name)
{
	if (name.n <= TOOL_MAX || !chat_is_name(name, name.n))
		return name;
	return arena_printf(cx->arena, "%.*s_%016llx", TOOL_MAX - 17, name.p,
		(unsigned long long)str_hash_fixed(name));
}

/* A namespace that ends in an underscore has brought its own separator. */
static struct str joined(struct chat_context *cx, struct str space, struct str tool)
{
	const char *between = str_ends(space, STR("_")) ? "" : "__";
	struct str name;

	if (space.n > SPACE_MAX) {
		(void)chat_fail(cx,
			"The name of a namespace has %zu characters; %d is the most that can be "
			"put before the names of its tools.",
			space.n, SPACE_MAX);
		return STR_NONE;
	}
	name = arena_printf(cx->arena, "%.*s%s%.*s", STR_FMT(space), between, STR_FMT(tool));
	if (name.p != NULL)
		name = shortened(cx, name);
	if (name.p == NULL)
		(void)chat_fail(cx, "The request is too large to be translated.");
	return name;
}

int responses_space_name(struct chat_context *cx, const struct json_node *v, struct str *name)
{
	struct str space = json_get_jstr(v, STR("namespace"));

	if (space.n == 0)
		return 0;
	*name = joined(cx, space, *name);
	return name->p != NULL ? 0 : -1;
}

static int remember(
	struct chat_context *cx, const struct chat_tool *t, struct str space, struct str tool)
{
	struct responses_spaces *s = cx->spaces;
	struct responses_space *v;

	if (s == NULL)
		s = cx->spaces = CHAT_NEW(cx, responses_spaces);
	if (s == NULL)
		return -1;
	if (s->n == s->cap) {
		v = chat_new(cx, (s->cap * 2 + 16) * sizeof *v);
		if (v == NULL)
			return -1;
		if (s->n > 0)
			memcpy(v, s->v, s->n * sizeof *v);
		s->v = v;
		s->cap = s->cap * 2 + 16;
	}
	s->v[s->n++] = (struct responses_space){ t->name, space, tool };
	return 0;
}

/* What the namespace says of itself stands before what its first tool says. */
static int describe(struct chat_context *cx, struct chat_tool *t, struct str about)
{
	if (about.n == 0)
		return 0;
	t->description = t->description.n == 0 ? about
					       : arena_printf(cx->arena, "%.*s\\n\\n%.*s",
							 STR_FMT(about), STR_FMT(t->description));
	return t->description.p != NULL
		       ? 0
		       : chat_fail(cx, "The request is too large to be translated.");
}

int responses_space_none(struct openai_reader *r, const struct json_node *f)
{
	const struct chat_tool *t = openai_add_tool(r, f);

	return t != NULL ? remember(r->cx, t, STR_NONE, t->name) : -1;
}

int responses_space_read(struct openai_reader *r, const struct json_node *v)
{
	const struct json_node *tools = json_get_type(v, STR("tools"), JSON_ARRAY);
	struct str space = json_get_jstr(v, STR("name"));
	struct str about = json_get_jstr(v, STR("description"));

	if (space.n == 0 || tools == NULL)
		return chat_fail(r->cx, "A namespace in 'tools' must have a name and 'tools'.");
	json_each(f, tools)
	{
		struct str type = json_get_jstr(f, STR("type")), tool;
		struct chat_tool *t;

		if (!str_eq(type, STR("function"))) {
			chat_unsupported_in(r->cx, "tools[].namespace.", type);
			continue;
		}
		t = openai_add_tool(r, f);
		if (t == NULL)
			return -1;
		tool = t->name;
		t->name = joined(r->cx, space, tool);
		if (t->name.p == NULL || remember(r->cx, t, space, tool) != 0 ||
			describe(r->cx, t, about) != 0)
			return -1;
		about = STR_NONE;
	}
	return 0;
}

/* ---- the way back */

static int by_name(const void *a, const void *b)
{
	const struct responses_space *x = a, *y = b;

	return str_cmp(x->name, y->name);
}

static const struct responses_space *find(const struct responses_spaces *s, struct str name)
{
	const struct responses_space want = { .name = name };

	return s != NULL ? bsearch(&want, s->v, s->n, sizeof *s->v, by_name) : NULL;
}

/* A call says nothing but the name: whose it is must be clear from that. */
static int refuse_twins(
	struct chat_context *cx, const struct responses_space *a, const struct responses_space *b)
{
	if (!str_eq(a->name, b->name) || (str_eq(a->space, b->space) && str_eq(a->tool, b->tool)))
		return 0;
	return chat_fail(cx,
		"Two of 'tools' would both be called \"%.*s\": the name of a namespace goes before "
		"those of its tools. Call one of them something else.",
		(int)TG_MIN(a->name.n, (size_t)64), a->name.p);
}

int responses_space_sort(struct chat_context *cx)
{
	struct responses_spaces *s = cx->spaces;

	if (s == NULL)
		return 0;
	qsort(s->v, s->n, sizeof *s->v, by_name);
	for (size_t i = 1; i < s->n; i++)
		if (refuse_twins(cx, &s->v[i - 1], &s->v[i]) != 0)
			return -1;
	return 0;
}

struct str responses_space_of(const struct chat_context *cx, struct str *name)
{
	const struct responses_space *s = find(cx->spaces, *name);

	if (s == NULL)
		return STR_NONE;
	*name = s->tool;
	return s->space;
}
