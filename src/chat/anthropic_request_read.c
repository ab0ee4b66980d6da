/*
 * anthropic_request_read.c: a request of POST /v1/messages, as clients write it, into the hub.
 * Members and blocks stand in tables; what is in none of them is noted as unsupported, by name.
 * Owns nothing; any thread.
 */
#include <stdio.h>

#include "chat/anthropic.h"

struct reader {
	struct chat_context *cx;
	struct chat_request *rq;
	struct chat_turn **turn_end;
	struct chat_part *last; /* of all turns: what a top-level cache_control stands behind */
	struct chat_part **end; /* where the next part goes */
	unsigned at;            /* messages[at] */
	enum chat_role role;    /* of the turn being read */
	bool in_result;         /* within a tool_result */
	enum chat_cache cache_all;
};

typedef int read_f(struct reader *r, const struct json_node *v);

struct member {
	struct str key;
	read_f *read; /* NULL: of no consequence to a translation */
};

static bool is_null(const struct json_node *v)
{
	return v == NULL || v->type == JSON_NULL;
}

/* Every member of o by the table; what is not in it is noted as where + name. */
static int read_members(struct reader *r, const struct json_node *o, const struct member *table,
	size_t n, const char *where)
{
	json_each(m, o)
	{
		size_t i = 0;

		if (is_null(m))
			continue;
		while (i < n && !str_eq(m->key, table[i].key))
			i++;
		if (i == n)
			chat_unsupported_in(r->cx, where, m->key);
		else if (table[i].read != NULL && table[i].read(r, m) != 0)
			return -1;
	}
	return 0;
}

static int read_cache(struct reader *r, const struct json_node *v, enum chat_cache *cache)
{
	struct str ttl = anthropic_word(r->cx, v, STR("ttl"));

	if (!str_eq(anthropic_word(r->cx, v, STR("type")), STR("ephemeral")))
		return chat_fail(r->cx, "cache_control.type must be \"ephemeral\"");
	if (ttl.n > 0 && !str_eq(ttl, STR("5m")) && !str_eq(ttl, STR("1h")))
		return chat_fail(r->cx, "cache_control.ttl must be \"5m\" or \"1h\"");
	*cache = str_eq(ttl, STR("1h")) ? CHAT_CACHE_1H : CHAT_CACHE_5M;
	return 0;
}

/* ---- content blocks */

static struct chat_part *add_part(struct reader *r, enum chat_part_kind kind)
{
	struct chat_part *p = CHAT_NEW(r->cx, chat_part);

	if (p == NULL)
		return NULL;
	p->kind = kind;
	*r->end = p;
	r->end = &p->next;
	r->last = p;
	return p;
}

static int add_text(struct reader *r, struct str jstr)
{
	struct chat_part *p = add_part(r, PART_TEXT);

	if (p == NULL)
		return -1;
	p->text = jstr;
	return 0;
}

/* A string that a block cannot do without. */
static int need(struct reader *r, const struct json_node *block, struct str key, struct str *out)
{
	*out = json_get_jstr(block, key);
	if (out->p == NULL)
		return chat_fail(r->cx, "messages[%u].content: a block's \"%.*s\" must be a string",
			r->at, STR_FMT(key));
	return 0;
}

static int read_text(struct reader *r, const struct json_node *b)
{
	struct str text;

	return need(r, b, STR("text"), &text) != 0 ? -1 : add_text(r, text);
}

static int read_content(struct reader *r, const struct json_node *content);

/* base64, url and file sources of images and documents. */
static int read_media(struct reader *r, const struct json_node *source, struct chat_part *p)
{
	struct str type = anthropic_word(r->cx, source, STR("type"));

	if (str_eq(type, STR("base64"))) {
		p->mime = json_get_jstr(source, STR("media_type"));
		return need(r, source, STR("data"), &p->data);
	}
	if (str_eq(type, STR("url")))
		return need(r, source, STR("url"), &p->url);
	if (str_eq(type, STR("file")))
		return need(r, source, STR("file_id"), &p->file_id);
	chat_unsupported_in(r->cx, "messages[].content[].source.", type);
	return 0;
}

static int read_image(struct reader *r, const struct json_node *b)
{
	struct chat_part *p = add_part(r, PART_IMAGE);

	return p == NULL ? -1 : read_media(r, json_get(b, STR("source")), p);
}

/* "title\n\ncontext\n\ntext": a document of plain text says the same as text. */
static int add_document_text(struct reader *r, const struct json_node *b, struct str text)
{
	const struct str head[] = { json_get_jstr(b, STR("title")),
		json_get_jstr(b, STR("context")) };

	for (size_t i = 0; i < TG_ARRAY_LEN(head); i++)
		if (head[i].n > 0 && add_text(r, head[i]) != 0)
			return -1;
	return add_text(r, text);
}

static int read_document(struct reader *r, const struct json_node *b)
{
	const struct json_node *source = json_get(b, STR("source"));
	struct str type = anthropic_word(r->cx, source, STR("type")), text;
	struct chat_part *p;

	if (json_node_true(json_get(json_get(b, STR("citations")), STR("enabled"))))
		chat_unsupported(r->cx, "messages[].content[].document.citations");
	if (str_eq(type, STR("text")))
		return need(r, source, STR("data"), &text) != 0 ? -1
								: add_document_text(r, b, text);
	if (str_eq(type, STR("content")))
		return read_content(r, json_get(source, STR("content")));
	p = add_part(r, PART_FILE);
	if (p == NULL)
		return -1;
	p->filename = json_get_jstr(b, STR("title"));
	if (!is_null(json_get(b, STR("context"))))
		chat_unsupported(r->cx, "messages[].content[].document.context");
	return read_media(r, source, p);
}

static int read_tool_use(struct reader *r, const struct json_node *b)
{
	const struct json_node *input = json_get(b, STR("input"));
	struct str caller = anthropic_word(r->cx, json_get(b, STR("caller")), STR("type"));
	struct chat_part *p = add_part(r, PART_CALL);

	if (p == NULL || need(r, b, STR("id"), &p->id) != 0 ||
		need(r, b, STR("name"), &p->name) != 0)
		return -1;
	if (input == NULL || input->type != JSON_OBJECT)
		return chat_fail(r->cx,
			"messages[%u].content: a tool_use's \"input\" must be an object", r->at);
	p->args = input->raw;
	if (caller.n > 0 && !str_eq(caller, STR("direct")))
		chat_unsupported(r->cx, "messages[].content[].tool_use.caller");
	return 0;
}

static int read_tool_result(struct reader *r, const struct json_node *b)
{
	const struct json_node *content = json_get(b, STR("content"));
	struct chat_part *p = add_part(r, PART_RESULT), **end = r->end;
	int rc = 0;

	if (p == NULL || need(r, b, STR("tool_use_id"), &p->id) != 0)
		return -1;
	p->is_error = json_node_true(json_get(b, STR("is_error")));
	r->end = &p->part;
	r->in_result = true;
	if (!is_null(content))
		rc = read_content(r, content);
	r->in_result = false;
	r->end = end;
	r->last = p;
	return rc;
}

static int read_thinking_block(struct reader *r, const struct json_node *b)
{
	struct chat_part *p = add_part(r, PART_THINKING);

	if (p == NULL)
		return -1;
	p->signature = json_get_jstr(b, STR("signature"));
	return need(r, b, STR("thinking"), &p->text);
}

/* What a search of the client's among deferred tools found. The tool is offered here, as all are
 * (see tool_members): its name is all that the result has to say. */
static int read_tool_reference(struct reader *r, const struct json_node *b)
{
	struct str name;

	return need(r, b, STR("tool_name"), &name) != 0 ? -1 : add_text(r, name);
}

static int read_redacted(struct reader *r, const struct json_node *b)
{
	struct chat_part *p = add_part(r, PART_REDACTED);

	return p == NULL ? -1 : need(r, b, STR("data"), &p->data);
}

enum { BY_USER = 1, BY_ASSISTANT = 2, BY_SYSTEM = 4, IN_RESULT = 8 };

static const struct block {
	struct str type;
	unsigned where;
	read_f *read;
	const char *members; /* besides type and cache_control */
} blocks[] = {
	{ STR("text"), BY_USER | BY_ASSISTANT | BY_SYSTEM | IN_RESULT, read_text, " text " },
	{ STR("image"), BY_USER | IN_RESULT, read_image, " source " },
	{ STR("document"), BY_USER | IN_RESULT, read_document, " source title context citations " },
	{ STR("tool_use"), BY_ASSISTANT, read_tool_use, " id name input caller " },
	{ STR("tool_result"), BY_USER, read_tool_result, " tool_use_id content is_error " },
	{ STR("thinking"), BY_ASSISTANT, read_thinking_block, " thinking signature " },
	{ STR("redacted_thinking"), BY_ASSISTANT, read_redacted, " data " },
	{ STR("tool_reference"), IN_RESULT, read_tool_reference, " tool_name " },
};

static unsigned where_now(const struct reader *r)
{
	if (r->in_result)
		return IN_RESULT;
	return r->role == CHAT_USER        ? BY_USER
	       : r->role == CHAT_ASSISTANT ? BY_ASSISTANT
					   : BY_SYSTEM;
}

/* Members of a block that nobody reads would be lost: "citations" of a text, say. */
static void note_members(struct reader *r, const struct block *k, const struct json_node *b)
{
	char key[48];

	json_each(m, b)
	{
		if (is_null(m) || str_eq(m->key, STR("type")) ||
			str_eq(m->key, STR("cache_control")))
			continue;
		if (m->key.n + 3 > sizeof key)
			key[0] = '\0';
		else
			snprintf(key, sizeof key, " %.*s ", STR_FMT(m->key));
		if (key[0] == '\0' || strstr(k->members, key) == NULL)
			chat_unsupported_in(r->cx, "messages[].content[].", m->key);
	}
}

static int read_block(struct reader *r, const struct json_node *b)
{
	struct str type = anthropic_word(r->cx, b, STR("type"));
	const struct json_node *cache = json_get_type(b, STR("cache_control"), JSON_OBJECT);
	struct chat_part *before = r->last;

	if (b->type != JSON_OBJECT || type.n == 0)
		return chat_fail(r->cx,
			"messages[%u].content: a block must be an object with a \"type\"", r->at);
	for (size_t i = 0; i < TG_ARRAY_LEN(blocks); i++) {
		if (!str_eq(type, blocks[i].type))
			continue;
		if ((blocks[i].where & where_now(r)) == 0)
			return chat_fail(r->cx,
				"messages[%u].content: a block of type \"%.*s\" cannot "
				"stand in this place",
				r->at, STR_FMT(type));
		note_members(r, &blocks[i], b);
		if (blocks[i].read(r, b) != 0)
			return -1;
		return cache != NULL && r->last != before ? read_cache(r, cache, &r->last->cache)
							  : 0;
	}
	chat_unsupported_in(r->cx, "messages[].content[].", type);
	return 0;
}

static int read_content(struct reader *r, const struct json_node *content)
{
	if (content != NULL && content->type == JSON_STRING)
		return add_text(r, json_jstr(content));
	if (content == NULL || content->type != JSON_ARRAY)
		return chat_fail(r->cx,
			"messages[%u].content must be a string or an array of blocks", r->at);
	json_each(b, content)
	{
		if (read_block(r, b) != 0)
			return -1;
	}
	return 0;
}

static int add_turn(struct reader *r, enum chat_role role)
{
	struct chat_turn *t = CHAT_NEW(r->cx, chat_turn);

	if (t == NULL)
		return -1;
	t->role = r->role = role;
	*r->turn_end = t;
	r->turn_end = &t->next;
	r->end = &t->part;
	return 0;
}

/* ---- members of the request */

static int read_messages(struct reader *r, const struct json_node *v)
{
	static const struct member known[] = { { STR("role"), NULL }, { STR("content"), NULL } };

	if (v->type != JSON_ARRAY)
		return chat_fail(r->cx, "messages must be an array");
	r->at = 0;
	json_each(m, v)
	{
		struct str role = anthropic_word(r->cx, m, STR("role"));
		bool user = str_eq(role, STR("user")), system = str_eq(role, STR("system"));

		if (!user && !system && !str_eq(role, STR("assistant")))
			return chat_fail(r->cx,
				"messages[%u].role must be \"user\" or \"assistant\"", r->at);
		if (read_members(r, m, known, TG_ARRAY_LEN(known), "messages[].") != 0 ||
			add_turn(r, user     ? CHAT_USER
				    : system ? CHAT_SYSTEM
					     : CHAT_ASSISTANT) != 0 ||
			read_content(r, json_get(m, STR("content"))) != 0)
			return -1;
		r->at++;
	}
	return 0;
}

/* Read before the messages, whatever stands first in the text: see anthropic_read_request. */
static int read_system(struct reader *r, const struct json_node *v)
{
	if (v->type != JSON_STRING && v->type != JSON_ARRAY)
		return chat_fail(r->cx, "system must be a string or an array of text blocks");
	return add_turn(r, CHAT_SYSTEM) != 0 ? -1 : read_content(r, v);
}

static int read_max_tokens(struct reader *r, const struct json_node *v)
{
	if (json_node_u64(v, &r->rq->max_tokens) != 0)
		return chat_fail(r->cx, "max_tokens must be a whole number");
	if (r->rq->max_tokens == 0)
		return chat_fail(r->cx,
			"max_tokens: 0 only warms a cache, which another API does not "
			"know; name at least 1");
	return 0;
}

static int read_stops(struct reader *r, const struct json_node *v)
{
	if (v->type != JSON_ARRAY)
		return chat_fail(r->cx, "stop_sequences must be an array of strings");
	json_each(s, v)
	{
		if (s->type != JSON_STRING)
			return chat_fail(r->cx, "stop_sequences must be an array of strings");
		if (r->rq->n_stop == CHAT_STOPS)
			return chat_fail(r->cx, "stop_sequences: more than %d cannot be translated",
				CHAT_STOPS);
		r->rq->stop[r->rq->n_stop++] = json_jstr(s);
	}
	return 0;
}

static int read_number(struct reader *r, const struct json_node *v, struct str *out)
{
	if (v->type != JSON_NUMBER)
		return chat_fail(r->cx, "%.*s must be a number", STR_FMT(v->key));
	*out = v->raw;
	return 0;
}

static int read_temperature(struct reader *r, const struct json_node *v)
{
	return read_number(r, v, &r->rq->temperature);
}

static int read_top_p(struct reader *r, const struct json_node *v)
{
	return read_number(r, v, &r->rq->top_p);
}

static int read_top_k(struct reader *r, const struct json_node *v)
{
	return read_number(r, v, &r->rq->top_k);
}

static int read_stream(struct reader *r, const struct json_node *v)
{
	r->rq->stream = json_node_true(v);
	return 0;
}

/* ---- tools */

static int read_tool_cache(struct reader *r, const struct json_node *v)
{
	(void)r, (void)v; /* by read_tool, which has the tool at hand */
	return 0;
}

/* "direct" alone is what every other API does. */
static int read_callers(struct reader *r, const struct json_node *v)
{
	if (v->type != JSON_ARRAY || v->child == NULL || v->child->next != NULL ||
		!str_eq(json_jstr(v->child), STR("direct")))
		chat_unsupported(r->cx, "tools[].allowed_callers");
	return 0;
}

static const struct member tool_members[] = {
	{ STR("type"), NULL }, { STR("name"), NULL }, { STR("description"), NULL },
	{ STR("input_schema"), NULL }, { STR("strict"), NULL },
	{ STR("cache_control"), read_tool_cache }, { STR("allowed_callers"), read_callers },
	/* When the model gets to see it, not what it can do: it is offered at once. Who searches
	 * on the provider's side needs a tool of the provider's own, which is noted. */
	{ STR("defer_loading"), NULL },
	{ STR("eager_input_streaming"), NULL }, /* how soon arguments come, not what they are */
};

static int read_tool(struct reader *r, const struct json_node *v, struct chat_tool ***end)
{
	const struct json_node *schema = json_get_type(v, STR("input_schema"), JSON_OBJECT);
	const struct json_node *cache = json_get_type(v, STR("cache_control"), JSON_OBJECT);
	struct str type = anthropic_word(r->cx, v, STR("type"));
	struct chat_tool *t;

	if (type.n > 0 && !str_eq(type, STR("custom"))) {
		/* One that the provider runs, or whose schema the model knows */
		chat_unsupported_in(r->cx, "tools[].", type);
		return 0;
	}
	t = CHAT_NEW(r->cx, chat_tool);
	if (t == NULL)
		return -1;
	t->name = json_get_jstr(v, STR("name"));
	if (t->name.n == 0 || schema == NULL)
		return chat_fail(
			r->cx, "tools: each needs a \"name\" and an object as \"input_schema\"");
	t->description = json_get_jstr(v, STR("description"));
	t->schema = schema->raw;
	t->strict = json_node_bool(json_get(v, STR("strict")));
	**end = t;
	*end = &t->next;
	if (cache != NULL && read_cache(r, cache, &t->cache) != 0)
		return -1;
	return read_members(r, v, tool_members, TG_ARRAY_LEN(tool_members), "tools[].");
}

static int read_tools(struct reader *r, const struct json_node *v)
{
	struct chat_tool **end = &r->rq->tool;

	if (v->type != JSON_ARRAY)
		return chat_fail(r->cx, "tools must be an array");
	json_each(t, v)
	{
		if (read_tool(r, t, &end) != 0)
			return -1;
	}
	return 0;
}

static int read_tool_choice(struct reader *r, const struct json_node *v)
{
	static const struct {
		struct str word;
		enum chat_choose choose;
	} kind[] = {
		{ STR("auto"), CHOOSE_AUTO },
		{ STR("any"), CHOOSE_ANY },
		{ STR("none"), CHOOSE_NONE },
		{ STR("tool"), CHOOSE_TOOL },
	};
	struct str type = anthropic_word(r->cx, v, STR("type"));
	int serial = json_node_bool(json_get(v, STR("disable_parallel_tool_use")));
	size_t i = 0;

	while (i < TG_ARRAY_LEN(kind) && !str_eq(type, kind[i].word))
		i++;
	if (i == TG_ARRAY_LEN(kind))
		return chat_fail(
			r->cx, "tool_choice.type must be \"auto\", \"any\", \"tool\" or \"none\"");
	r->rq->choose = kind[i].choose;
	if (serial >= 0)
		r->rq->parallel = !serial;
	if (r->rq->choose != CHOOSE_TOOL)
		return 0;
	r->rq->choose_name = json_get_jstr(v, STR("name"));
	return r->rq->choose_name.n > 0
		       ? 0
		       : chat_fail(r->cx, "tool_choice of type \"tool\" needs a \"name\"");
}

/* ---- reasoning and the form of the answer */

static int read_thinking(struct reader *r, const struct json_node *v)
{
	struct str type = anthropic_word(r->cx, v, STR("type"));
	uint64_t budget;

	if (str_eq(type, STR("disabled"))) {
		r->rq->think = 0;
		return 0;
	}
	r->rq->think = 1;
	r->rq->think_show = !str_eq(anthropic_word(r->cx, v, STR("display")), STR("omitted"));
	r->rq->think_budget = -1;
	if (str_eq(type, STR("adaptive")))
		return 0;
	if (!str_eq(type, STR("enabled")))
		return chat_fail(
			r->cx, "thinking.type must be \"enabled\", \"adaptive\" or \"disabled\"");
	if (json_node_u64(json_get(v, STR("budget_tokens")), &budget) != 0 || budget > INT32_MAX)
		return chat_fail(r->cx, "thinking.budget_tokens must be a whole number");
	r->rq->think_budget = (int64_t)budget;
	return 0;
}

static int read_format(struct reader *r, const struct json_node *v)
{
	const struct json_node *schema = json_get_type(v, STR("schema"), JSON_OBJECT);

	if (!str_eq(anthropic_word(r->cx, v, STR("type")), STR("json_schema")) || schema == NULL)
		return chat_fail(r->cx, "output_config.format must be {\"type\": \"json_schema\", "
					"\"schema\": {...}}");
	r->rq->format = FORMAT_SCHEMA;
	r->rq->schema = schema->raw;
	r->rq->schema_strict = 1;
	return 0;
}

static int read_effort(struct reader *r, const struct json_node *v)
{
	r->rq->effort = chat_effort_of(json_jstr(v));
	return r->rq->effort >= EFFORT_LOW
		       ? 0
		       : chat_fail(r->cx, "output_config.effort must be \"low\", \"medium\", "
					  "\"high\", \"xhigh\" or \"max\"");
}

static int read_output_config(struct reader *r, const struct json_node *v)
{
	static const struct member known[] = {
		{ STR("effort"), read_effort },
		{ STR("format"), read_format },
	};

	return read_members(r, v, known, TG_ARRAY_LEN(known), "output_config.");
}

static int read_user_id(struct reader *r, const struct json_node *v)
{
	r->rq->user = json_jstr(v);
	return 0;
}

static int read_metadata(struct reader *r, const struct json_node *v)
{
	static const struct member known[] = { { STR("user_id"), read_user_id } };

	return read_members(r, v, known, TG_ARRAY_LEN(known), "metadata.");
}

/* Thoughts of earlier turns that are all kept ("all", or an object of that type) are what any API
 * does with what it is sent. Other edits take something out of the input. */
static int read_edit(struct reader *r, const struct json_node *v)
{
	struct str type = anthropic_word(r->cx, v, STR("type"));
	const struct json_node *keep = json_get_type(v, STR("keep"), JSON_OBJECT);
	struct str kept = keep != NULL ? anthropic_word(r->cx, keep, STR("type"))
				       : anthropic_word(r->cx, v, STR("keep"));

	if (v->type != JSON_OBJECT || type.n == 0)
		return chat_fail(r->cx, "context_management.edits must be objects with a \"type\"");
	if (!str_eq(type, STR("clear_thinking_20251015")) || !str_eq(kept, STR("all")))
		chat_unsupported_in(r->cx, "context_management.edits[].", type);
	return 0;
}

static int read_edits(struct reader *r, const struct json_node *v)
{
	if (v->type != JSON_ARRAY)
		return chat_fail(r->cx, "context_management.edits must be an array");
	json_each(e, v)
	{
		if (read_edit(r, e) != 0)
			return -1;
	}
	return 0;
}

static int read_context_management(struct reader *r, const struct json_node *v)
{
	static const struct member known[] = { { STR("edits"), read_edits } };

	return read_members(r, v, known, TG_ARRAY_LEN(known), "context_management.");
}

static int read_tier(struct reader *r, const struct json_node *v)
{
	r->rq->tier = json_jstr(v);
	return 0;
}

/* At the top it stands behind the last block there is. */
static int read_cache_all(struct reader *r, const struct json_node *v)
{
	return read_cache(r, v, &r->cache_all);
}

static const struct member members[] = {
	{ STR("model"), NULL },
	{ STR("system"), NULL },
	{ STR("messages"), NULL },
	{ STR("max_tokens"), read_max_tokens },
	{ STR("stop_sequences"), read_stops },
	{ STR("stream"), read_stream },
	{ STR("temperature"), read_temperature },
	{ STR("top_p"), read_top_p },
	{ STR("top_k"), read_top_k },
	{ STR("tools"), read_tools },
	{ STR("tool_choice"), read_tool_choice },
	{ STR("thinking"), read_thinking },
	{ STR("output_config"), read_output_config },
	{ STR("output_format"), read_format }, /* its name while it was new */
	{ STR("metadata"), read_metadata },
	{ STR("service_tier"), read_tier },
	{ STR("cache_control"), read_cache_all },
	{ STR("context_management"), read_context_management },
};

int anthropic_read_request(
	struct chat_context *cx, const struct json_node *root, struct chat_request *rq)
{
	struct reader r = { .cx = cx, .rq = rq, .turn_end = &rq->turn };
	const struct json_node *system = json_get(root, STR("system"));
	const struct json_node *messages = json_get(root, STR("messages"));

	*rq = (struct chat_request){
		.parallel = -1, .schema_strict = -1, .think = -1, .think_budget = -1
	};
	if (root->type != JSON_OBJECT || messages == NULL)
		return chat_fail(cx, "the request must be an object with \"messages\"");
	if (!is_null(system) && read_system(&r, system) != 0)
		return -1;
	if (read_messages(&r, messages) != 0 ||
		read_members(&r, root, members, TG_ARRAY_LEN(members), "") != 0)
		return -1;
	if (r.cache_all != CHAT_CACHE_NONE && r.last != NULL)
		r.last->cache = r.cache_all;
	rq->stream_usage = true; /* its streams always tell */
	return 0;
}
