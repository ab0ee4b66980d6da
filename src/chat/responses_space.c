/*
 * responses_space.c: tools in namespaces ({"type":"namespace","name":..,"tools":[..]}), as clients
 * group those of one server. No other API has them: such a tool goes by the names of both in one,
 * "space__tool", and a call of it is told to the client by its two names again. Pure; any thread.
 */
#include "chat/responses_int.h"

struct responses_space {
	struct str name; /* jstr: space__tool */
	struct str space, tool;
	struct responses_space *next;
};

/* A namespace that ends in an underscore has brought its own separator. */
static struct str joined(struct chat_context *cx, struct str space, struct str tool)
{
	const char *between = str_ends(space, STR("_")) ? "" : "__";
	struct str name =
		arena_printf(cx->arena, "%.*s%s%.*s", STR_FMT(space), between, STR_FMT(tool));

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
	struct responses_space *s = CHAT_NEW(cx, responses_space);

	if (s == NULL)
		return -1;
	*s = (struct responses_space){
		.name = t->name, .space = space, .tool = tool, .next = cx->spaces
	};
	cx->spaces = s;
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
			openai_unsupported_word(r->cx, "tools[].namespace.", type);
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

struct str responses_space_of(const struct chat_context *cx, struct str *name)
{
	for (const struct responses_space *s = cx->spaces; s != NULL; s = s->next) {
		if (!str_eq(s->name, *name))
			continue;
		*name = s->tool;
		return s->space;
	}
	return STR_NONE;
}
