/*
 * gemini_schema.c: the Schema of the API (a subset of OpenAPI 3.0: types in capitals, nullable,
 * int64 limits as strings) as JSON Schema, for targets that know no other. What JSON Schema does
 * not have (propertyOrdering, example) is left out: it shapes no answer. Pure; any thread.
 */
#include "chat/gemini_int.h"

#define SCHEMA_DEPTH 64

static void put(struct json_out *o, const struct json_node *schema, unsigned depth);

/* "STRING" -> "string"; with nullable ["string","null"]. */
static void put_type(struct json_out *o, struct str type, bool nullable)
{
	char low[16];

	if (type.n > sizeof low || str_eq(type, STR("TYPE_UNSPECIFIED")))
		return;
	for (size_t i = 0; i < type.n; i++)
		low[i] =
			type.p[i] >= 'A' && type.p[i] <= 'Z' ? (char)(type.p[i] | 0x20) : type.p[i];
	jo_key(o, "type");
	if (nullable)
		jo_arr(o);
	jo_jstr(o, str_mk(low, type.n));
	if (nullable) {
		jo_text(o, STR("null"));
		jo_arr_end(o);
	}
}

static void put_map(struct json_out *o, const struct json_node *map, unsigned depth)
{
	jo_obj(o);
	json_each(n, map)
	{
		jo_text(o, n->key);
		jo_lit(o, ":");
		put(o, n, depth + 1);
	}
	jo_obj_end(o);
}

static void put_list(struct json_out *o, const struct json_node *list, unsigned depth)
{
	jo_arr(o);
	json_each(n, list) put(o, n, depth + 1);
	jo_arr_end(o);
}

/* A limit: a number, also where it is written as a string (int64 in protobuf's JSON). */
static void put_number(struct json_out *o, const char *key, const struct json_node *n)
{
	struct str s = json_jstr(n);

	jo_m_raw(o, key, s.p != NULL ? s : n->raw);
}

static const char *const numbers[] = { "minItems", "maxItems", "minLength", "maxLength",
	"minProperties", "maxProperties", "minimum", "maximum" };
static const char *const plain[] = { "title", "description", "format", "enum", "required",
	"pattern", "default" };

static bool put_listed(struct json_out *o, const struct json_node *n)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(numbers); i++)
		if (gemini_key_is(n, numbers[i])) {
			put_number(o, numbers[i], n);
			return true;
		}
	for (size_t i = 0; i < TG_ARRAY_LEN(plain); i++)
		if (gemini_key_is(n, plain[i])) {
			jo_m_raw(o, plain[i], n->raw);
			return true;
		}
	return false;
}

static void put_member(struct json_out *o, const struct json_node *n, bool nullable, unsigned depth)
{
	if (put_listed(o, n))
		return;
	if (gemini_key_is(n, "type") && n->type == JSON_STRING) {
		put_type(o, json_jstr(n), nullable);
	} else if (gemini_key_is(n, "properties") && n->type == JSON_OBJECT) {
		jo_key(o, "properties");
		put_map(o, n, depth);
	} else if (gemini_key_is(n, "items") && n->type == JSON_OBJECT) {
		jo_key(o, "items");
		put(o, n, depth + 1);
	} else if (gemini_key_is(n, "anyOf") && n->type == JSON_ARRAY) {
		jo_key(o, "anyOf");
		put_list(o, n, depth);
	} else if (gemini_key_is(n, "additionalProperties")) {
		jo_key(o, "additionalProperties");
		put(o, n, depth + 1);
	}
}

static void put(struct json_out *o, const struct json_node *schema, unsigned depth)
{
	bool nullable = json_node_true(gemini_get(schema, "nullable"));

	if (schema->type != JSON_OBJECT || depth > SCHEMA_DEPTH) {
		jo_raw(o, schema->raw);
		return;
	}
	jo_obj(o);
	json_each(n, schema) if (n->type != JSON_NULL) put_member(o, n, nullable, depth);
	jo_obj_end(o);
}

struct str gemini_schema_to_json(struct chat_context *cx, const struct json_node *schema)
{
	struct json_out o;
	char *p;

	jo_init(&o, NULL, 0);
	put(&o, schema, 0);
	p = chat_new(cx, o.n + 1);
	if (p == NULL)
		return STR_NONE;
	jo_init(&o, p, o.n + 1);
	put(&o, schema, 0);
	return str_mk(p, o.n);
}
