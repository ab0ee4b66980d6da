/*
 * anthropic_schema.c: a JSON schema as Anthropic's structured outputs take it (providers.md 10.1):
 * every object is closed ("additionalProperties": false), and there are no bounds of numbers and
 * lengths. An object that says nothing of other members is closed here: no provider's models add
 * any; bounds are noted by name. Owns nothing; any thread.
 */
#include "chat/anthropic.h"

#define SCHEMA_VALUES 20000

enum kind { PLAIN, SCHEMA, LIST_OF, MAP_OF, BOUND };

static const struct {
	struct str key;
	enum kind kind;
} words[] = {
	{ STR("properties"), MAP_OF },
	{ STR("$defs"), MAP_OF },
	{ STR("definitions"), MAP_OF },
	{ STR("items"), SCHEMA },
	{ STR("additionalProperties"), SCHEMA },
	{ STR("not"), SCHEMA },
	{ STR("anyOf"), LIST_OF },
	{ STR("allOf"), LIST_OF },
	{ STR("oneOf"), LIST_OF },
	{ STR("prefixItems"), LIST_OF },
	{ STR("minimum"), BOUND },
	{ STR("maximum"), BOUND },
	{ STR("exclusiveMinimum"), BOUND },
	{ STR("exclusiveMaximum"), BOUND },
	{ STR("multipleOf"), BOUND },
	{ STR("minLength"), BOUND },
	{ STR("maxLength"), BOUND },
	{ STR("maxItems"), BOUND },
};

static enum kind kind_of(const struct json_node *m)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_eq(m->key, words[i].key))
			return words[i].kind;
	return PLAIN;
}

static void write_schema(
	struct chat_context *cx, const char *where, const struct json_node *n, struct json_out *o);

static void write_name(struct json_out *o, struct str key)
{
	jo_text(o, key);
	jo_lit(o, ":");
}

/* The values of a list or a map are schemas each; a map's names are the user's. */
static void write_many(
	struct chat_context *cx, const char *where, const struct json_node *n, struct json_out *o)
{
	if (n->type != JSON_ARRAY && n->type != JSON_OBJECT) {
		jo_raw(o, n->raw);
		return;
	}
	(n->type == JSON_ARRAY ? jo_arr : jo_obj)(o);
	json_each(v, n)
	{
		if (n->type == JSON_OBJECT)
			write_name(o, v->key);
		write_schema(cx, where, v, o);
	}
	(n->type == JSON_ARRAY ? jo_arr_end : jo_obj_end)(o);
}

static void write_member(
	struct chat_context *cx, const char *where, const struct json_node *m, struct json_out *o)
{
	enum kind kind = kind_of(m);

	if (kind == BOUND) {
		chat_unsupported_in(cx, where, m->key);
		return;
	}
	write_name(o, m->key);
	if (kind == SCHEMA)
		write_schema(cx, where, m, o);
	else if (kind == LIST_OF || kind == MAP_OF)
		write_many(cx, where, m, o);
	else
		jo_raw(o, m->raw);
}

static void write_schema(
	struct chat_context *cx, const char *where, const struct json_node *n, struct json_out *o)
{
	if (n->type != JSON_OBJECT) {
		jo_raw(o, n->raw);
		return;
	}
	jo_obj(o);
	json_each(m, n) write_member(cx, where, m, o);
	if (str_eq(json_get_jstr(n, STR("type")), STR("object")) &&
		json_get(n, STR("additionalProperties")) == NULL)
		jo_m_bool(o, "additionalProperties", false);
	jo_obj_end(o);
}

void anthropic_schema_write(
	struct chat_context *cx, const char *where, struct str schema, struct json_out *o)
{
	struct json_node *root;
	struct json_fail fail;

	if (json_tree_parse(cx->arena, schema, SCHEMA_VALUES, &root, &fail) != 0)
		jo_raw(o, schema); /* larger than any that is taken: they will say so */
	else
		write_schema(cx, where, root, o);
}
