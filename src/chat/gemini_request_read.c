/*
 * gemini_request_read.c: a client's generateContent as a chat_request (providers.md 10.1). The
 * model and whether it streams are in the path. Members are taken in both spellings; those that no
 * other API has (safetySettings, cachedContent, googleSearch, ...) are noted as unsupported. Pure;
 * any thread.
 */
#include "chat/gemini_int.h"

/* Reading in progress. */
struct gemini_reader {
	struct chat_context *cx;
	struct chat_request *rq;
	unsigned n_calls; /* so far: ids of those that have none */
	/* The last turn of the model's, whose calls results answer, from `open` on: those without
	 * an id go by name and order. */
	struct chat_part *calls, *open;
};

/* How far a response without an id is looked for among the open calls of its turn. */
#define OPEN_CALLS 256

/* ---- parts */

static struct chat_part *part_new(struct gemini_reader *g, enum chat_part_kind kind)
{
	struct chat_part *p = CHAT_NEW(g->cx, chat_part);

	if (p != NULL)
		p->kind = kind;
	return p;
}

static enum chat_part_kind kind_of_media(struct str mime)
{
	if (str_starts_ci(mime, STR("image/")))
		return PART_IMAGE;
	if (str_starts_ci(mime, STR("audio/")))
		return PART_AUDIO;
	return str_starts_ci(mime, STR("video/")) ? PART_VIDEO : PART_FILE;
}

/* inlineData {mimeType, data, displayName}, fileData {mimeType, fileUri, displayName} */
static struct chat_part *read_media(struct gemini_reader *g, const struct json_node *media)
{
	struct str mime = gemini_get_jstr(media, "mimeType");
	struct chat_part *p = part_new(g, kind_of_media(mime));

	if (p == NULL)
		return NULL;
	p->mime = mime;
	p->data = gemini_get_jstr(media, "data");
	p->url = gemini_get_jstr(media, "fileUri");
	p->filename = gemini_get_jstr(media, "displayName");
	if (p->data.p == NULL && p->url.p == NULL) {
		(void)chat_fail(g->cx, "contents: a part with media has neither data nor fileUri.");
		return NULL;
	}
	return p;
}

/* Reasoning; that of another vendor which is opaque came as a signature alone. */
static struct chat_part *read_thought(
	struct gemini_reader *g, struct str text, struct str signature)
{
	bool opaque = str_starts(signature, STR(GEMINI_REDACTED));
	struct chat_part *p = part_new(g, opaque ? PART_REDACTED : PART_THINKING);

	if (p == NULL)
		return NULL;
	p->text = text;
	if (opaque)
		p->data = str_skip(signature, sizeof GEMINI_REDACTED - 1);
	else
		p->signature = signature;
	return p;
}

static struct chat_part *read_call(
	struct gemini_reader *g, const struct json_node *call, struct str signature)
{
	const struct json_node *args = gemini_get(call, "args");
	struct chat_part *p = part_new(g, PART_CALL);

	if (p == NULL)
		return NULL;
	p->name = gemini_get_jstr(call, "name");
	p->id = gemini_get_jstr(call, "id");
	p->signature = signature;
	p->args = args != NULL && args->type == JSON_OBJECT ? args->raw : STR("{}");
	if (p->name.n == 0) {
		(void)chat_fail(g->cx, "contents: a functionCall has no name.");
		return NULL;
	}
	if (p->id.n == 0) /* by its place: the same again in the next turn */
		p->id = arena_printf(g->cx->arena, "call_%u", g->n_calls);
	g->n_calls++;
	return p;
}

/* A JSON value as the text it is: strings without their quotes, others as JSON. A jstr. */
static struct str text_of(struct gemini_reader *g, const struct json_node *v)
{
	struct json_out o;
	char *p;

	if (v->type == JSON_STRING)
		return json_jstr(v);
	jo_init(&o, NULL, 0);
	jo_quote_jstr(&o, v->raw);
	p = chat_new(g->cx, o.n + 1);
	if (p == NULL)
		return STR_NONE;
	jo_init(&o, p, o.n + 1);
	jo_quote_jstr(&o, v->raw);
	return str_mk(p + 1, o.n - 2);
}

/* {"output":X} and {"result":X} are what they wrap, {"error":X} is an error, others are as they
 * are. */
static int read_response(
	struct gemini_reader *g, struct chat_part *result, const struct json_node *r)
{
	struct chat_part *text = part_new(g, PART_TEXT);
	const struct json_node *only = r != NULL && r->type == JSON_OBJECT ? r->child : NULL;

	if (text == NULL)
		return -1;
	result->part = text;
	if (r == NULL) {
		text->text = STR("");
		return 0;
	}
	if (only != NULL && only->next == NULL &&
		(gemini_key_is(only, "output") || gemini_key_is(only, "result") ||
			gemini_key_is(only, "error"))) {
		result->is_error = gemini_key_is(only, "error");
		r = only;
	}
	text->text = text_of(g, r);
	return text->text.p != NULL ? 0 : -1;
}

/* Media beside the response (functionResponse.parts). */
static int read_response_media(
	struct gemini_reader *g, struct chat_part *result, const struct json_node *parts)
{
	struct chat_part **end = &result->part->next;

	json_each(n, parts)
	{
		const struct json_node *media = gemini_get(n, "inlineData");

		if (media == NULL)
			media = gemini_get(n, "fileData");
		if (media == NULL) {
			chat_unsupported(g->cx, "contents[].parts[].functionResponse.parts[]");
			continue;
		}
		*end = read_media(g, media);
		if (*end == NULL)
			return -1;
		end = &(*end)->next;
	}
	return 0;
}

/* The call that a response without an id answers: the first of that name that is open. */
static struct str id_by_name(struct gemini_reader *g, struct str name)
{
	unsigned n = 0;

	while (g->open != NULL && (g->open->kind != PART_CALL || g->open->is_error))
		g->open = g->open->next;
	for (struct chat_part *p = g->open; p != NULL && n < OPEN_CALLS; p = p->next, n++)
		if (p->kind == PART_CALL && !p->is_error && str_eq(p->name, name)) {
			p->is_error = true; /* taken: until the turn is over */
			return p->id;
		}
	return STR_NONE;
}

static struct chat_part *read_result(struct gemini_reader *g, const struct json_node *response)
{
	struct chat_part *p = part_new(g, PART_RESULT);

	if (p == NULL)
		return NULL;
	p->name = gemini_get_jstr(response, "name");
	p->id = gemini_get_jstr(response, "id");
	if (p->id.n == 0)
		p->id = id_by_name(g, p->name);
	if (p->id.n == 0) {
		(void)chat_fail(g->cx,
			"contents: the functionResponse '%.*s' answers no functionCall before it.",
			(int)TG_MIN(p->name.n, (size_t)64), p->name.n > 0 ? p->name.p : "");
		return NULL;
	}
	if (read_response(g, p, gemini_get(response, "response")) != 0 ||
		read_response_media(g, p, gemini_get(response, "parts")) != 0)
		return NULL;
	return p;
}

/* What a part may be or have that nobody else knows. */
static void note_others(struct gemini_reader *g, const struct json_node *part)
{
	static const char *const known[] = { "text", "thought", "thoughtSignature", "functionCall",
		"functionResponse", "inlineData", "fileData" };

	json_each(n, part)
	{
		bool is = n->type == JSON_NULL;

		for (size_t i = 0; i < TG_ARRAY_LEN(known); i++)
			is |= gemini_key_is(n, known[i]);
		if (is)
			continue;
		chat_unsupported_in(g->cx, "contents[].parts[].", n->key);
	}
}

/* 0 with *out: NULL where nothing is left of it. */
static int read_part(struct gemini_reader *g, const struct json_node *part, struct chat_part **out)
{
	struct str text = gemini_get_jstr(part, "text"),
		   signature = gemini_get_jstr(part, "thoughtSignature");
	const struct json_node *inner;

	*out = NULL;
	note_others(g, part);
	if ((inner = gemini_get(part, "functionCall")) != NULL) {
		*out = read_call(g, inner, signature);
	} else if ((inner = gemini_get(part, "functionResponse")) != NULL) {
		*out = read_result(g, inner);
	} else if ((inner = gemini_get(part, "inlineData")) != NULL ||
		   (inner = gemini_get(part, "fileData")) != NULL) {
		*out = read_media(g, inner);
	} else if (json_node_true(gemini_get(part, "thought"))) {
		*out = read_thought(g, text.p != NULL ? text : STR(""), signature);
	} else if (text.n > 0) {
		*out = part_new(g, PART_TEXT);
		if (*out != NULL) {
			(*out)->text = text;
			(*out)->signature = signature;
		}
	} else { /* empty text, which others refuse; or of a kind that was noted */
		return 0;
	}
	return *out != NULL ? 0 : -1;
}

/* ---- turns */

/* The model spoke: results from here on answer its calls. No mark of a taken one stays behind. */
static void turn_calls(struct gemini_reader *g, struct chat_part *calls)
{
	for (struct chat_part *p = g->calls; p != NULL; p = p->next)
		if (p->kind == PART_CALL)
			p->is_error = false;
	g->calls = g->open = calls;
}

static int read_parts(struct gemini_reader *g, const struct json_node *content, struct chat_turn *t)
{
	const struct json_node *parts = gemini_get(content, "parts"), *first;
	struct chat_part **end = &t->part;

	first = parts != NULL && parts->type == JSON_ARRAY ? parts->child : parts;
	for (const struct json_node *n = first; n != NULL; n = n->next) {
		if (n->type == JSON_OBJECT && read_part(g, n, end) != 0)
			return -1;
		if (*end != NULL)
			end = &(*end)->next;
		if (first == parts) /* a single part, not a list */
			break;
	}
	return 0;
}

static struct chat_turn *turn_new(
	struct gemini_reader *g, enum chat_role role, struct chat_turn ***end)
{
	struct chat_turn *t = CHAT_NEW(g->cx, chat_turn);

	if (t == NULL)
		return NULL;
	t->role = role;
	**end = t;
	*end = &t->next;
	return t;
}

static int read_contents(
	struct gemini_reader *g, const struct json_node *contents, struct chat_turn **end)
{
	if (contents == NULL || (contents->type != JSON_ARRAY && contents->type != JSON_OBJECT))
		return chat_fail(g->cx, "contents is missing: a list of {role, parts}.");
	for (const struct json_node *n = contents->type == JSON_ARRAY ? contents->child : contents;
		n != NULL; n = contents->type == JSON_ARRAY ? n->next : NULL) {
		struct str role = gemini_get_jstr(n, "role");
		struct chat_turn *t = turn_new(g,
			str_eq(role, STR("model"))    ? CHAT_ASSISTANT
			: str_eq(role, STR("system")) ? CHAT_SYSTEM
						      : CHAT_USER,
			&end);

		if (t == NULL || read_parts(g, n, t) != 0)
			return -1;
		if (t->role == CHAT_ASSISTANT)
			turn_calls(g, t->part);
	}
	turn_calls(g, NULL);
	return 0;
}

/* A Content, or (from clients that know better) a string. */
static int read_system(
	struct gemini_reader *g, const struct json_node *system, struct chat_turn ***end)
{
	struct chat_turn *t;

	if (system == NULL)
		return 0;
	t = turn_new(g, CHAT_SYSTEM, end);
	if (t == NULL)
		return -1;
	if (system->type != JSON_STRING)
		return read_parts(g, system, t);
	t->part = part_new(g, PART_TEXT);
	if (t->part == NULL)
		return -1;
	t->part->text = json_jstr(system);
	return 0;
}

/* ---- tools */

static struct str schema_of(
	struct gemini_reader *g, const struct json_node *old, const struct json_node *json)
{
	if (json != NULL && json->type == JSON_OBJECT)
		return json->raw;
	if (old != NULL && old->type == JSON_OBJECT)
		return gemini_schema_to_json(g->cx, old);
	return STR("{\"type\":\"object\",\"properties\":{}}");
}

static int read_declarations(
	struct gemini_reader *g, const struct json_node *list, struct chat_tool ***end)
{
	json_each(n, list)
	{
		struct chat_tool *t = CHAT_NEW(g->cx, chat_tool);

		if (t == NULL)
			return -1;
		t->name = gemini_get_jstr(n, "name");
		t->description = gemini_get_jstr(n, "description");
		t->strict = -1;
		t->schema = schema_of(
			g, gemini_get(n, "parameters"), gemini_get(n, "parametersJsonSchema"));
		if (t->schema.n == 0)
			return -1;
		if (t->name.n == 0)
			return chat_fail(g->cx, "tools: a functionDeclaration has no name.");
		**end = t;
		*end = &t->next;
	}
	return 0;
}

/* Whatever else a tool is, the vendor runs it. */
static void note_tool(struct gemini_reader *g, const struct json_node *tool)
{
	json_each(n, tool)
	{
		if (n->type == JSON_NULL || gemini_key_is(n, "functionDeclarations"))
			continue;
		chat_unsupported_in(g->cx, "tools[].", n->key);
	}
}

static int read_tools(struct gemini_reader *g, const struct json_node *tools)
{
	struct chat_tool **end = &g->rq->tool;

	json_each(n, tools)
	{
		note_tool(g, n);
		if (read_declarations(g, gemini_get(n, "functionDeclarations"), &end) != 0)
			return -1;
	}
	return 0;
}

static void read_tool_config(struct gemini_reader *g, const struct json_node *config)
{
	const struct json_node *f = gemini_get(config, "functionCallingConfig"),
			       *names = gemini_get(f, "allowedFunctionNames");
	struct str mode = gemini_get_jstr(f, "mode");
	struct chat_request *rq = g->rq;

	if (gemini_get(config, "retrievalConfig") != NULL)
		chat_unsupported(g->cx, "toolConfig.retrievalConfig");
	if (str_eq(mode, STR("NONE")))
		rq->choose = CHOOSE_NONE;
	else if (str_eq(mode, STR("ANY")))
		rq->choose = CHOOSE_ANY;
	else if (str_eq(mode, STR("AUTO")) || str_eq(mode, STR("VALIDATED")))
		rq->choose = CHOOSE_AUTO;
	if (names == NULL || names->child == NULL)
		return;
	if (names->child->next != NULL || rq->choose != CHOOSE_ANY) {
		chat_unsupported(g->cx, "toolConfig.functionCallingConfig.allowedFunctionNames");
		return;
	}
	rq->choose = CHOOSE_TOOL;
	rq->choose_name = json_jstr(names->child);
}

/* ---- generationConfig */

static enum chat_effort effort_of(struct str level)
{
	if (str_eq_ci(level, STR("MINIMAL")))
		return EFFORT_MINIMAL;
	if (str_eq_ci(level, STR("LOW")))
		return EFFORT_LOW;
	if (str_eq_ci(level, STR("MEDIUM")))
		return EFFORT_MEDIUM;
	return str_eq_ci(level, STR("HIGH")) ? EFFORT_HIGH : EFFORT_UNSET;
}

static void read_thinking(struct chat_request *rq, const struct json_node *t)
{
	const struct json_node *budget = gemini_get(t, "thinkingBudget");
	uint64_t n;

	rq->think_show = json_node_true(gemini_get(t, "includeThoughts"));
	rq->effort = effort_of(gemini_get_jstr(t, "thinkingLevel"));
	if (rq->effort != EFFORT_UNSET)
		rq->think = 1;
	if (budget == NULL)
		return;
	if (json_node_u64(budget, &n) != 0) { /* -1 */
		rq->think = 1;
		rq->think_budget = -1;
	} else {
		rq->think = n > 0;
		rq->think_budget = (int64_t)TG_MIN(n, (uint64_t)INT64_MAX);
	}
}

static int read_format(struct gemini_reader *g, const struct json_node *c)
{
	const struct json_node *old = gemini_get(c, "responseSchema"),
			       *json = gemini_get(c, "responseJsonSchema");
	struct str mime = gemini_get_jstr(c, "responseMimeType");
	struct chat_request *rq = g->rq;

	if (mime.n > 0 && !str_eq(mime, STR("text/plain")) &&
		!str_eq(mime, STR("application/json"))) {
		chat_unsupported(g->cx, "generationConfig.responseMimeType");
		return 0;
	}
	if (str_eq(mime, STR("application/json")))
		rq->format = FORMAT_JSON;
	if (old == NULL && json == NULL)
		return 0;
	rq->format = FORMAT_SCHEMA;
	rq->schema = schema_of(g, old, json);
	rq->schema_strict = -1;
	return rq->schema.n > 0 ? 0 : -1;
}

static int read_stops(struct gemini_reader *g, const struct json_node *stops)
{
	json_each(n, stops)
	{
		if (g->rq->n_stop == CHAT_STOPS)
			return chat_fail(g->cx, "stopSequences: more than %d.", CHAT_STOPS);
		g->rq->stop[g->rq->n_stop++] = json_jstr(n);
	}
	return 0;
}

static bool is_text_only(const struct json_node *modalities)
{
	json_each(n, modalities) if (!str_eq_ci(json_jstr(n), STR("TEXT"))) return false;
	return true;
}

/* Numbers that are passed on as they are: where they go. */
static struct str *number_of(struct chat_request *rq, const struct json_node *n)
{
	const struct {
		const char *key;
		struct str *to;
	} numbers[] = { { "temperature", &rq->temperature }, { "topP", &rq->top_p },
		{ "topK", &rq->top_k }, { "seed", &rq->seed }, { "candidateCount", &rq->n },
		{ "presencePenalty", &rq->presence_penalty },
		{ "frequencyPenalty", &rq->frequency_penalty }, { "logprobs", &rq->top_logprobs } };

	for (size_t i = 0; i < TG_ARRAY_LEN(numbers); i++)
		if (gemini_key_is(n, numbers[i].key))
			return numbers[i].to;
	return NULL;
}

/* What was read elsewhere, or is nothing to lose. */
static bool is_known(const struct json_node *n)
{
	static const char *const known[] = { "maxOutputTokens", "stopSequences", "thinkingConfig",
		"responseMimeType", "responseSchema", "responseJsonSchema", "responseLogprobs" };

	for (size_t i = 0; i < TG_ARRAY_LEN(known); i++)
		if (gemini_key_is(n, known[i]))
			return true;
	return gemini_key_is(n, "responseModalities") && is_text_only(n);
}

static void read_member(struct gemini_reader *g, const struct json_node *n)
{
	struct str *number = number_of(g->rq, n);

	if (number != NULL) {
		if (n->type == JSON_NUMBER)
			*number = n->raw;
		return;
	}
	if (n->type == JSON_NULL || is_known(n))
		return;
	chat_unsupported_in(g->cx, "generationConfig.", n->key);
}

static int read_config(struct gemini_reader *g, const struct json_node *c)
{
	struct chat_request *rq = g->rq;

	json_each(n, c) read_member(g, n);
	if (json_node_u64(gemini_get(c, "maxOutputTokens"), &rq->max_tokens) != 0)
		rq->max_tokens = 0;
	rq->logprobs = json_node_true(gemini_get(c, "responseLogprobs"));
	read_thinking(rq, gemini_get(c, "thinkingConfig"));
	if (read_stops(g, gemini_get(c, "stopSequences")) != 0)
		return -1;
	return read_format(g, c);
}

/* ---- the request */

static void note_members(struct gemini_reader *g, const struct json_node *root)
{
	static const char *const known[] = { "contents", "systemInstruction", "tools", "toolConfig",
		"generationConfig", "serviceTier", "model" };

	json_each(n, root)
	{
		bool is = n->type == JSON_NULL;

		for (size_t i = 0; i < TG_ARRAY_LEN(known); i++)
			is |= gemini_key_is(n, known[i]);
		if (is)
			continue;
		chat_unsupported_in(g->cx, "", n->key);
	}
}

int gemini_read_request(
	struct chat_context *cx, const struct json_node *root, struct chat_request *rq)
{
	struct gemini_reader g = { .cx = cx, .rq = rq };
	struct chat_turn **end = &rq->turn;

	if (root->type != JSON_OBJECT)
		return chat_fail(cx, "The body is no JSON object.");
	rq->parallel = rq->schema_strict = rq->think = -1;
	note_members(&g, root);
	rq->tier = gemini_get_jstr(root, "serviceTier");
	if (read_system(&g, gemini_get(root, "systemInstruction"), &end) != 0 ||
		read_contents(&g, gemini_get(root, "contents"), end) != 0 ||
		read_tools(&g, gemini_get(root, "tools")) != 0 ||
		read_config(&g, gemini_get(root, "generationConfig")) != 0)
		return -1;
	read_tool_config(&g, gemini_get(root, "toolConfig"));
	return chat_name_results(cx, rq);
}
