/*
 * dialect_bedrock_ask.c: what is asked of Bedrock: the signature, the message that Converse refuses
 * (turns that do not alternate, text that is empty, tool blocks without toolConfig), and the plan
 * of the answer.
 */
#include "proto/sigv4.h"
#include "proto/url.h"
#include "sim/dialect_bedrock.h"
#include "sim/sim_json.h"

#define THINK_TOKENS 8
#define CLOCK_SKEW_S 300

/* ---- the signature */

static int refuse(struct sim_req *r, int status, const char *why)
{
	sim_answer_error(r, status, status == 403 ? SIM_E_FORBIDDEN : SIM_E_BAD_REQUEST, str_z(why),
		STR_NONE);
	return -1;
}

static struct str field(const struct sim_req *r, struct str name)
{
	for (unsigned i = 0; i < r->head.n_fields; i++)
		if (str_eq_ci(http_field_name(&r->head, i), name))
			return http_field_value(&r->head, i);
	return STR_NONE;
}

/* The fields that the claim says are signed. -1: one is missing, or must be signed and is not. */
static int take_fields(
	const struct sim_req *r, struct str names, struct sigv4_request *q, struct sigv4_field *f)
{
	bool host = false, date = false;
	struct str name;

	while (str_split(&names, ';', &name)) {
		if (q->n_fields == SIGV4_FIELDS || field(r, name).p == NULL)
			return -1;
		host |= str_eq(name, STR("host"));
		date |= str_eq(name, STR("x-amz-date"));
		f[q->n_fields++] = (struct sigv4_field){ name, field(r, name) };
	}
	return host && date ? 0 : -1;
}

/* ID:SECRET[:SESSION] of the configured keys. */
static bool find_key(
	const struct sim_conf *conf, struct str id, struct sigv4_key *key, struct str *session)
{
	for (size_t i = 0; i < conf->n_keys; i++) {
		struct str rest = conf->key[i], part;

		if (!str_split(&rest, ':', &part) || !str_eq(part, id))
			continue;
		key->access = part;
		*session = STR_NONE;
		if (str_split(&rest, ':', &key->secret))
			*session = rest;
		return true;
	}
	return false;
}

static const char *wrong_signature(const struct sim_req *r, struct arena *a)
{
	struct str date = field(r, STR("x-amz-date")), session, got;
	int64_t now = r->wall.us / 1000000, then = sigv4_time_parse(date);
	struct sigv4_field f[SIGV4_FIELDS];
	struct sigv4_request q = { .method = STR("POST"), .path = r->path, .query = r->query };
	struct sigv4_claim c;
	struct sigv4_key key;
	char time[17] = "";

	if (sigv4_claim_parse(field(r, STR("authorization")), &c) != 0)
		return "The request signature does not conform to AWS standards.";
	if (!find_key(r->conf, c.access, &key, &session))
		return "The security token included in the request is invalid.";
	if (session.n != 0 && !str_eq(field(r, STR("x-amz-security-token")), session))
		return "The security token included in the request is invalid.";
	if (then < 0 || then < now - CLOCK_SKEW_S || then > now + CLOCK_SKEW_S)
		return "Signature expired.";
	if (!str_eq(c.service, STR("bedrock")) || memcmp(date.p, c.date.p, 8) != 0)
		return "Credential should be scoped to correct service: 'bedrock'.";
	q.field = f;
	if (take_fields(r, c.signed_fields, &q, f) != 0)
		return "'Host' and 'X-Amz-Date' must be signed, and what is signed must be there.";
	key.region = c.region;
	key.service = c.service;
	memcpy(time, date.p, 16);
	sigv4_hash_payload(sim_buf_str(&r->body), q.payload_hash);
	got = sigv4_authorization(a, &q, &key, time);
	if (!str_ends(got, c.signature))
		return "The request signature we calculated does not match the signature you "
		       "provided. Check your AWS Secret Access Key and signing method.";
	return NULL;
}

int sim_bedrock_check(struct sim_req *r)
{
	const char *wrong = NULL;
	struct arena a;

	if (r->conf->n_keys == 0 || !str_starts(field(r, STR("authorization")), STR("AWS4-")))
		return 0;
	arena_init(&a, NULL, 0);
	wrong = wrong_signature(r, &a);
	arena_fini(&a);
	return wrong != NULL ? refuse(r, 403, wrong) : 0;
}

/* ---- messages */

enum { TEXT, TOOL_USE, TOOL_RESULT, REASONING, IMAGE, DOCUMENT, CACHE, N_BLOCK };

struct look {
	struct sim_req *r;
	bool tools; /* a block of the history is a tool's */
	const char *wrong;
};

static void look_at_block(struct look *l, const struct json_val *block)
{
	static const struct str key[N_BLOCK] = { { "text", 4 }, { "toolUse", 7 },
		{ "toolResult", 10 }, { "reasoningContent", 16 }, { "image", 5 }, { "document", 8 },
		{ "cachePoint", 10 } };
	struct json_watch w[N_BLOCK];
	struct json_fail fail;
	unsigned n = 0;

	for (unsigned i = 0; i < N_BLOCK; i++)
		w[i] = (struct json_watch){ .key = key[i] };
	if (block->type != JSON_OBJECT || json_scan_member(block, w, N_BLOCK, &fail) != 0) {
		l->wrong = "ContentBlock object at messages must set one of the known keys.";
		return;
	}
	for (unsigned i = 0; i < N_BLOCK; i++)
		n += w[i].val.type != JSON_NONE;
	if (n != 1)
		l->wrong = "ContentBlock object at messages must set one of the known keys.";
	if (w[TEXT].val.type == JSON_STRING && sim_json_text_bytes(&w[TEXT].val) == 0)
		l->wrong = "The text field in the ContentBlock object at messages is blank.";
	l->tools |= w[TOOL_USE].val.type != JSON_NONE || w[TOOL_RESULT].val.type != JSON_NONE;
	for (unsigned i = TOOL_USE; i < CACHE; i++)
		sim_prompt_raw(&l->r->prompt, &w[i].val);
}

/* Turns alternate, the user's first, none is empty. */
static void look_at_messages(struct look *l, const struct json_val *messages)
{
	struct json_iter it = { 0 }, in;
	struct json_val turn, block;
	struct json_fail fail;
	bool user = true;

	while (l->wrong == NULL && json_array_next(messages, &it, &turn)) {
		struct json_watch w[] = { { STR("role"), { 0 } }, { STR("content"), { 0 } } };

		if (turn.type != JSON_OBJECT || json_scan_member(&turn, w, 2, &fail) != 0 ||
			w[1].val.type != JSON_ARRAY) {
			l->wrong = "The content field in the Message object is required.";
			return;
		}
		if (!str_eq(w[0].val.raw, user ? STR("\"user\"") : STR("\"assistant\"")))
			l->wrong = "A conversation must alternate between user and assistant "
				   "roles, and start with a user message.";
		user = !user;
		in = (struct json_iter){ 0 };
		if (!json_array_next(&w[1].val, &in, &block))
			l->wrong = "The content field in the Message object is empty.";
		else
			do
				look_at_block(l, &block);
			while (json_array_next(&w[1].val, &in, &block));
	}
}

static void look_at_system(struct look *l, const struct json_val *system)
{
	struct json_iter it = { 0 };
	struct json_val block;

	if (system->type != JSON_ARRAY)
		return;
	while (json_array_next(system, &it, &block)) {
		struct json_watch w = { STR("text"), { 0 } };
		struct json_fail fail;

		if (block.type == JSON_OBJECT && json_scan_member(&block, &w, 1, &fail) == 0 &&
			w.val.type == JSON_STRING && sim_json_text_bytes(&w.val) == 0)
			l->wrong = "The text field in the SystemContentBlock object is blank.";
	}
}

/* ---- tools */

static struct str spec_of(const struct json_val *tool, struct json_val *schema)
{
	struct json_watch spec = { STR("toolSpec"), { 0 } }, json = { STR("json"), { 0 } },
			  w[] = { { STR("name"), { 0 } }, { STR("inputSchema"), { 0 } } };
	struct json_fail fail;
	struct str name;

	if (tool->type != JSON_OBJECT || json_scan_member(tool, &spec, 1, &fail) != 0 ||
		spec.val.type != JSON_OBJECT ||
		json_scan_member(&spec.val, w, TG_ARRAY_LEN(w), &fail) != 0 ||
		json_get_plain(&w[0].val, &name) != 0)
		return STR_NONE;
	if (w[1].val.type == JSON_OBJECT && json_scan_member(&w[1].val, &json, 1, &fail) == 0)
		*schema = json.val;
	return name;
}

static void take_member(const struct json_val *o, struct str key, struct json_val *out)
{
	struct json_watch w = { key, { 0 } };
	struct json_fail fail;

	*out = (struct json_val){ 0 };
	if (o->type == JSON_OBJECT && json_scan_member(o, &w, 1, &fail) == 0)
		*out = w.val;
}

/* Claude's own tool_choice, among the additional fields: is one demanded, and which? */
static bool demanded_by_claude(const struct json_val *more, struct str *want)
{
	struct json_val choice, type, name;

	take_member(more, STR("tool_choice"), &choice);
	take_member(&choice, STR("type"), &type);
	take_member(&choice, STR("name"), &name);
	if (json_get_plain(&name, want) != 0)
		*want = STR_NONE;
	return str_eq(type.raw, STR("\"any\"")) || str_eq(type.raw, STR("\"tool\""));
}

/* Which tool is called: {"any":{}} and {"tool":{"name":...}} demand one, else the user's word
 * decides. */
static struct str pick(struct sim_req *r, const struct json_val *config,
	const struct json_val *more, struct json_val *schema)
{
	struct json_watch w[] = { { STR("tools"), { 0 } }, { STR("toolChoice"), { 0 } } },
			  choice[] = { { STR("any"), { 0 } }, { STR("tool"), { 0 } } },
			  name = { STR("name"), { 0 } };
	struct json_iter it = { 0 };
	struct json_val tool;
	struct json_fail fail;
	struct str want = STR_NONE, got;

	if (config->type != JSON_OBJECT || json_scan_member(config, w, 2, &fail) != 0)
		return STR_NONE;
	if (w[1].val.type == JSON_OBJECT)
		(void)!json_scan_member(&w[1].val, choice, 2, &fail);
	if (choice[1].val.type == JSON_OBJECT &&
		(json_scan_member(&choice[1].val, &name, 1, &fail) != 0 ||
			json_get_plain(&name.val, &want) != 0))
		want = STR_NONE;
	if (want.n == 0 && !demanded_by_claude(more, &want) && choice[0].val.type == JSON_NONE &&
		!r->prompt.tool_word)
		return STR_NONE;
	if (w[0].val.type != JSON_ARRAY)
		return STR_NONE;
	while (json_array_next(&w[0].val, &it, &tool)) {
		got = spec_of(&tool, schema);
		if (got.n > 0 && (want.n == 0 || str_eq(got, want)))
			return got;
	}
	return STR_NONE;
}

/* ---- all of it */

enum { MESSAGES, SYSTEM, TOOLS, CONFIG, MORE, TIER, N_WATCH };

/* The model is in the path, escaped. */
static int take_model(struct sim_req *r)
{
	struct str model;

	if (r->path_arg.n > sizeof r->model_buf ||
		url_decode(r->path_arg, r->model_buf, sizeof r->model_buf, &model) != 0)
		return refuse(r, 400, "The provided model identifier is invalid.");
	return sim_take_model_text(r, model);
}

static int scan_body(struct sim_req *r, struct json_watch w[N_WATCH])
{
	static const struct str key[N_WATCH] = { { "messages", 8 }, { "system", 6 },
		{ "toolConfig", 10 }, { "inferenceConfig", 15 },
		{ "additionalModelRequestFields", 28 }, { "serviceTier", 11 } };

	for (unsigned i = 0; i < N_WATCH; i++)
		w[i] = (struct json_watch){ .key = key[i] };
	if (sim_body_scan(r, w, N_WATCH) != 0 || take_model(r) != 0)
		return -1;
	if (w[MESSAGES].val.type != JSON_ARRAY)
		return refuse(r, 400, "The messages field is required.");
	return 0;
}

static uint64_t max_tokens(const struct json_val *config)
{
	struct json_watch w = { STR("maxTokens"), { 0 } };
	struct json_fail fail;

	if (config->type != JSON_OBJECT || json_scan_member(config, &w, 1, &fail) != 0)
		return SIM_UNSET;
	return sim_count(&w.val, SIM_UNSET);
}

static void take_more(struct sim_req *r, const struct json_watch w[N_WATCH])
{
	struct json_val thinking, type;

	take_member(&w[MORE].val, STR("thinking"), &thinking);
	take_member(&thinking, STR("type"), &type);
	if (type.type == JSON_STRING && !str_eq(type.raw, STR("\"disabled\"")))
		r->plan.think_tokens = THINK_TOKENS;
	take_member(&w[TIER].val, STR("type"), &type);
	sim_take_tier(r, &type, STR("default"));
}

int sim_bedrock_ask(struct sim_req *r)
{
	struct look l = { .r = r };
	struct json_watch w[N_WATCH];
	struct json_val schema = { 0 };

	if (scan_body(r, w) != 0)
		return -1;
	look_at_system(&l, &w[SYSTEM].val);
	look_at_messages(&l, &w[MESSAGES].val);
	if (l.wrong == NULL && l.tools && w[TOOLS].val.type != JSON_OBJECT)
		l.wrong = "The toolConfig field must be defined when using toolUse and toolResult "
			  "content blocks.";
	if (l.wrong != NULL)
		return refuse(r, 400, l.wrong);
	sim_prompt_raw(&r->prompt, &w[TOOLS].val);
	sim_prompt_walk(&r->prompt, &w[SYSTEM].val);
	r->prompt.tool_word = false;
	sim_prompt_walk(&r->prompt, &w[MESSAGES].val);
	r->stream = str_ends(r->path, STR("-stream"));
	take_more(r, w);
	sim_plan_make(r, max_tokens(&w[CONFIG].val), 1,
		pick(r, &w[TOOLS].val, &w[MORE].val, &schema), &schema);
	return 0;
}
