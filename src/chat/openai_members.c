/*
 * openai_members.c: what chat completions and Responses requests have in common: walking a table of
 * members, the knobs of sampling, tools, schemas. Pure; any thread.
 */
#include <stdlib.h>

#include "chat/responses_int.h"

static const struct openai_member *member_find(
	const struct openai_member *m, size_t n, struct str key)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(m[i].key, key))
			return &m[i];
	return NULL;
}

/* Noted by name unless it says nothing. */
static void note_unknown(struct openai_reader *r, const struct json_node *v)
{
	if (v->type != JSON_NULL)
		chat_unsupported_in(r->cx, "", v->key);
}

int openai_read_members(struct openai_reader *r, const struct openai_member *m, size_t n)
{
	if (r->root->type != JSON_OBJECT)
		return chat_fail(r->cx, "The body must be a JSON object.");
	if (r->root->twice)
		return chat_fail(r->cx, "A member of the request stands there twice.");
	for (size_t i = 0; i < n; i++) {
		const struct json_node *v = json_get(r->root, m[i].key);

		if (v == NULL || v->type == JSON_NULL || m[i].read == NULL)
			continue;
		if (m[i].read(r, v) != 0)
			return -1;
	}
	json_each(v, r->root) if (member_find(m, n, v->key) == NULL) note_unknown(r, v);
	return 0;
}

/* ---- growing a request */

struct chat_turn *openai_add_turn(struct openai_reader *r, enum chat_role role)
{
	struct chat_turn *t = CHAT_NEW(r->cx, chat_turn);

	if (t == NULL)
		return NULL;
	t->role = role;
	*r->turn_tail = t;
	r->turn_tail = &t->next;
	r->part_tail = &t->part;
	return t;
}

struct chat_part *openai_add_part(struct openai_reader *r, enum chat_part_kind kind)
{
	struct chat_part *p = CHAT_NEW(r->cx, chat_part);

	if (p == NULL)
		return NULL;
	p->kind = kind;
	*r->part_tail = p;
	r->part_tail = &p->next;
	r->last = p;
	return p;
}

struct chat_part *openai_add_text(
	struct openai_reader *r, enum chat_part_kind kind, struct str jstr)
{
	struct chat_part *p = openai_add_part(r, kind);

	if (p != NULL)
		p->text = jstr;
	return p;
}

#define NO_PARAMETERS "{\"type\":\"object\",\"properties\":{}}"

struct chat_tool *openai_add_tool(struct openai_reader *r, const struct json_node *f)
{
	const struct json_node *schema = json_get_type(f, STR("parameters"), JSON_OBJECT);
	struct chat_tool *t = CHAT_NEW(r->cx, chat_tool);

	if (t == NULL)
		return NULL;
	t->name = json_get_jstr(f, STR("name"));
	if (t->name.n == 0) {
		(void)chat_fail(r->cx, "Every function in 'tools' must have a name.");
		return NULL;
	}
	t->description = json_get_jstr(f, STR("description"));
	t->schema = schema != NULL && schema->child != NULL ? schema->raw : STR(NO_PARAMETERS);
	t->strict = json_node_bool(json_get(f, STR("strict")));
	*r->tool_tail = t;
	r->tool_tail = &t->next;
	return t;
}

enum chat_cache openai_read_cache(const struct json_node *o)
{
	const struct json_node *c = json_get_type(o, STR("cache_control"), JSON_OBJECT);

	if (c == NULL)
		return CHAT_CACHE_NONE;
	return str_eq(json_get_jstr(c, STR("ttl")), STR("1h")) ? CHAT_CACHE_1H : CHAT_CACHE_5M;
}

/* ---- values */

int openai_read_bool(
	struct openai_reader *r, const struct json_node *v, const char *name, bool *out)
{
	if (json_node_bool(v) < 0)
		return chat_fail(r->cx, "'%s' must be true or false.", name);
	*out = v->type == JSON_TRUE;
	return 0;
}

int openai_read_number(
	struct openai_reader *r, const struct json_node *v, const char *name, struct str *out)
{
	if (v->type != JSON_NUMBER)
		return chat_fail(r->cx, "'%s' must be a number.", name);
	*out = v->raw;
	return 0;
}

int openai_read_limit(struct openai_reader *r, const struct json_node *v, const char *name)
{
	if (json_node_u64(v, &r->rq->max_tokens) != 0)
		return chat_fail(r->cx, "'%s' must be a whole number of tokens.", name);
	return 0;
}

int openai_read_effort(struct openai_reader *r, const struct json_node *v, const char *name)
{
	enum chat_effort e = chat_effort_of(json_jstr(v));

	if (e == EFFORT_UNSET)
		return chat_fail(r->cx,
			"'%s' must be one of none, minimal, low, medium, high, xhigh, max.", name);
	r->rq->effort = e;
	r->rq->think = e != EFFORT_NONE;
	if (e != EFFORT_NONE)
		r->rq->think_show = true;
	return 0;
}

int openai_read_parallel(struct openai_reader *r, const struct json_node *v)
{
	r->rq->parallel = json_node_bool(v);
	return r->rq->parallel >= 0
		       ? 0
		       : chat_fail(r->cx, "'parallel_tool_calls' must be true or false.");
}

int openai_read_temperature(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_number(r, v, "temperature", &r->rq->temperature);
}

int openai_read_top_p(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_number(r, v, "top_p", &r->rq->top_p);
}

int openai_read_stream(struct openai_reader *r, const struct json_node *v)
{
	return openai_read_bool(r, v, "stream", &r->rq->stream);
}

/* `user` and its successor safety_identifier: the first that is there. */
int openai_read_user(struct openai_reader *r, const struct json_node *v)
{
	if (v->type != JSON_STRING)
		return chat_fail(r->cx, "'%.*s' must be a string.", STR_FMT(v->key));
	if (r->rq->user.p == NULL)
		r->rq->user = json_jstr(v);
	return 0;
}

int openai_read_tier(struct openai_reader *r, const struct json_node *v)
{
	if (v->type != JSON_STRING)
		return chat_fail(r->cx, "'service_tier' must be a string.");
	r->rq->tier = json_jstr(v);
	return 0;
}

static int read_schema(struct openai_reader *r, const struct json_node *f)
{
	const struct json_node *schema = json_get_type(f, STR("schema"), JSON_OBJECT);
	struct chat_request *rq = r->rq;

	if (schema == NULL)
		return chat_fail(
			r->cx, "A response format of type json_schema must have a 'schema'.");
	rq->format = FORMAT_SCHEMA;
	rq->schema = schema->raw;
	rq->schema_name = json_get_jstr(f, STR("name"));
	rq->schema_description = json_get_jstr(f, STR("description"));
	rq->schema_strict = json_node_bool(json_get(f, STR("strict")));
	return 0;
}

int openai_read_format(struct openai_reader *r, const struct json_node *format,
	const struct json_node *schema, const char *where)
{
	struct str type = json_get_jstr(format, STR("type"));

	if (str_eq(type, STR("json_schema")))
		return read_schema(r, schema);
	if (str_eq(type, STR("json_object")))
		r->rq->format = FORMAT_JSON;
	else if (!str_eq(type, STR("text")))
		return chat_fail(
			r->cx, "'%s' must be of type text, json_object or json_schema.", where);
	return 0;
}

/* ---- tool_choice */

/* A function's name in {"type":"function","name":..} or {"type":"function","function":{"name":..}}.
 */
static struct str function_name(const struct json_node *v)
{
	const struct json_node *f = json_get_type(v, STR("function"), JSON_OBJECT);

	return json_get_jstr(f != NULL ? f : v, STR("name"));
}

/* The same by the name that it has among the tools of the request: one in a namespace has both. */
static int chosen_name(struct openai_reader *r, const struct json_node *v, struct str *name)
{
	*name = function_name(v);
	return name->n > 0 ? responses_space_name(r->cx, v, name) : 0;
}

/* Names, sorted: those of a request's tools and of its choice may be many. */
struct names {
	struct str *v;
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool is_among(const struct names *names, struct str name)
{
	return name.n > 0 && names->n > 0 &&
	       bsearch(&name, names->v, names->n, sizeof name, by_name) != NULL;
}

struct allowed {
	struct names tools, spaces; /* spaces: all tools of theirs */
};

static int read_allowed_list(
	struct openai_reader *r, const struct json_node *list, struct allowed *a)
{
	size_t n = 0;

	json_each(v, list) n++;
	a->tools.v = chat_new(r->cx, (n + 1) * sizeof(struct str));
	a->spaces.v = chat_new(r->cx, (n + 1) * sizeof(struct str));
	if (a->tools.v == NULL || a->spaces.v == NULL)
		return -1;
	json_each(v, list)
	{
		if (str_eq(json_get_jstr(v, STR("type")), STR("namespace")))
			a->spaces.v[a->spaces.n++] = json_get_jstr(v, STR("name"));
		else if (chosen_name(r, v, &a->tools.v[a->tools.n++]) != 0)
			return -1;
	}
	qsort(a->tools.v, a->tools.n, sizeof(struct str), by_name);
	qsort(a->spaces.v, a->spaces.n, sizeof(struct str), by_name);
	return 0;
}

static bool is_allowed(const struct openai_reader *r, const struct allowed *a, struct str name)
{
	if (is_among(&a->tools, name))
		return true;
	return is_among(&a->spaces, responses_space_of(r->cx, &name));
}

/* Those that are not allowed are not offered: the same to the model, but for its cache. */
static int read_allowed(struct openai_reader *r, const struct json_node *allowed)
{
	const struct json_node *list = json_get_type(allowed, STR("tools"), JSON_ARRAY);
	struct chat_tool **link = &r->rq->tool;
	struct allowed a = { 0 };

	if (list == NULL)
		return chat_fail(r->cx, "'tool_choice' of type allowed_tools must have 'tools'.");
	if (read_allowed_list(r, list, &a) != 0)
		return -1;
	while (*link != NULL) {
		if (is_allowed(r, &a, (*link)->name))
			link = &(*link)->next;
		else
			*link = (*link)->next;
	}
	r->rq->choose = str_eq(json_get_jstr(allowed, STR("mode")), STR("required")) ? CHOOSE_ANY
										     : CHOOSE_AUTO;
	if (r->rq->tool == NULL)
		r->rq->choose = CHOOSE_UNSET;
	return 0;
}

static int read_choice_object(struct openai_reader *r, const struct json_node *v)
{
	struct str type = json_get_jstr(v, STR("type"));

	if (str_eq(type, STR("function"))) {
		r->rq->choose = CHOOSE_TOOL;
		if (chosen_name(r, v, &r->rq->choose_name) != 0)
			return -1;
		return r->rq->choose_name.n > 0
			       ? 0
			       : chat_fail(r->cx, "'tool_choice' must name its function.");
	}
	if (str_eq(type, STR("allowed_tools"))) {
		const struct json_node *inner = json_get_type(v, STR("allowed_tools"), JSON_OBJECT);

		return read_allowed(r, inner != NULL ? inner : v);
	}
	chat_unsupported_in(r->cx, "tool_choice.", type);
	return 0;
}

int openai_read_choice(struct openai_reader *r, const struct json_node *v)
{
	struct str word = json_jstr(v);

	if (v->type == JSON_OBJECT)
		return read_choice_object(r, v);
	if (str_eq(word, STR("none")))
		r->rq->choose = CHOOSE_NONE;
	else if (str_eq(word, STR("auto")))
		r->rq->choose = CHOOSE_AUTO;
	else if (str_eq(word, STR("required")) || str_eq(word, STR("any")))
		r->rq->choose = CHOOSE_ANY;
	else
		return chat_fail(r->cx, "'tool_choice' must be none, auto, required, or an object "
					"that names a function.");
	return 0;
}
