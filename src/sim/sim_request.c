/*
 * sim_request.c: understanding a request: x-sim-* fields, the walk over a prompt's text, the model.
 */
#include <stdio.h>

#include "base/num.h"
#include "sim/sim_json.h"
#include "sim/sim_req.h"
#include "sim/sim_text.h"

#define WALK_DEPTH 12

/* Tokens a picture, sound or document counts for, whatever it holds. */
#define IMAGE_TOKENS 85
#define AUDIO_TOKENS 50
#define FILE_TOKENS  100

static int knob_tps(struct str v, uint64_t *out)
{
	int64_t milli;

	if (num_parse_decimal(v, 3, &milli) != 0 || milli < 0)
		return -1;
	*out = (uint64_t)milli;
	return 0;
}

static int knob_bool(struct str v, bool *out)
{
	*out = !str_eq(v, STR("0")) && !str_eq(v, STR("false"));
	return 0;
}

static int knob_retry(struct str v, int64_t *out)
{
	uint64_t s;

	if (str_eq(v, STR("none"))) {
		*out = -1;
		return 0;
	}
	if (num_parse_u64(v, &s) != 0 || s > 1000000)
		return -1;
	*out = (int64_t)s;
	return 0;
}

static int knob_fault(struct str v, struct sim_faults *out)
{
	struct str bad;

	return sim_fault_parse(v, out, &bad);
}

static int knob_text(struct str v, struct str *out)
{
	*out = v; /* the head's own bytes */
	return 0;
}

/* A JSON number, put into answers as it is. */
static int knob_number(struct str v, struct str *out)
{
	struct json_watch w = { STR("v"), { 0 } };
	struct json_fail fail;
	char text[80];
	int n = snprintf(text, sizeof text, "{\"v\":%.*s}", STR_FMT(v));

	if (n >= (int)sizeof text || json_scan_object(str_mk(text, (size_t)n), &w, 1, &fail) != 0 ||
		w.val.type != JSON_NUMBER || w.val.raw.n != v.n)
		return -1;
	*out = v;
	return 0;
}

static int knob_object(struct str v, struct str *out)
{
	struct json_fail fail;

	if (json_scan_object(v, NULL, 0, &fail) != 0)
		return -1;
	*out = v;
	return 0;
}

/* One field, name without "x-sim-". Names that are no knobs are passed over. */
static int knob_set(struct sim_knobs *k, struct str name, struct str v)
{
#define X(knob, parse, member, arg, help) \
	if (str_eq_ci(name, STR(knob)))   \
		return parse(v, &k->member);
#include "sim/tbl/knobs.h"
#undef X
	return 0;
}

struct str sim_api_key(const struct sim_req *r)
{
	struct str auth = http_get(&r->head, HTTP_N_AUTHORIZATION);

	if (str_starts_ci(auth, STR("bearer ")))
		return str_trim(str_skip(auth, 7));
	if (http_get(&r->head, HTTP_N_X_API_KEY).n != 0)
		return http_get(&r->head, HTTP_N_X_API_KEY);
	if (http_get(&r->head, HTTP_N_X_GOOG_API_KEY).n != 0)
		return http_get(&r->head, HTTP_N_X_GOOG_API_KEY);
	return http_get(&r->head, HTTP_N_API_KEY);
}

int sim_knobs_read(struct sim_req *r, uint64_t *rng, struct str *bad)
{
	const struct sim_conf *c = r->conf;

	r->knobs = (struct sim_knobs){ .retry_after_s = SIM_RETRY_DEFAULT,
		.ttft_us = c->ttft_us,
		.tps_milli = c->tps_milli,
		.events = SIM_UNSET,
		.output_tokens = SIM_UNSET,
		.cached = SIM_UNSET,
		.cache_write = SIM_UNSET,
		.cache_write_1h = SIM_UNSET,
		.cost_ticks = SIM_UNSET,
		.on_cancel = c->on_cancel };
	for (unsigned i = 0; i < r->head.n_fields; i++) {
		struct str name = http_field_name(&r->head, i);
		struct str value = http_field_value(&r->head, i);

		if (r->head.field[i].id != HTTP_N_OTHER || !str_starts_ci(name, STR("x-sim-")))
			continue;
		*bad = value;
		if (knob_set(&r->knobs, str_skip(name, 6), value) != 0)
			return -1;
	}
	if (!str_ends(sim_api_key(r), r->knobs.fault_key))
		r->knobs.fault = (struct sim_faults){ 0 };
	if (r->route != NULL && r->route->dialect != NULL && c->n_rules != 0)
		sim_fault_draw(c->rule, c->n_rules, rng, &r->knobs.fault);
	return 0;
}

static void prompt_add(struct sim_prompt *p, struct str raw, uint64_t bytes)
{
	p->bytes += bytes;
	p->hash = sim_hash(p->hash, raw);
}

void sim_prompt_text(struct sim_prompt *p, const struct json_val *v)
{
	if (v->type != JSON_STRING)
		return;
	prompt_add(p, v->raw, sim_json_text_bytes(v));
	if (p->user && str_find(v->raw, STR("tool")) != (size_t)-1)
		p->tool_word = true;
}

void sim_prompt_raw(struct sim_prompt *p, const struct json_val *v)
{
	if (v->type != JSON_NONE && v->type != JSON_NULL)
		prompt_add(p, v->raw, v->raw.n);
}

static void walk(struct sim_prompt *p, const struct json_val *v, unsigned depth);

static void walk_role(struct sim_prompt *p, struct str role, struct str type)
{
	if (role.n != 0) {
		p->user = str_eq(role, STR("\"user\""));
		if (p->user || str_eq(role, STR("\"tool\"")))
			p->tool_word = false; /* only the last user message counts */
	}
	if (str_eq(type, STR("\"tool_result\"")) || str_eq(type, STR("\"function_call_output\""))) {
		p->user = false; /* an answer to a tool call asks for no other */
		p->tool_word = false;
	}
}

static void walk_media(struct sim_prompt *p, struct str type)
{
	if (str_eq(type, STR("\"image_url\"")) || str_eq(type, STR("\"input_image\"")) ||
		str_eq(type, STR("\"image\"")))
		p->fixed_tokens += IMAGE_TOKENS;
	else if (str_eq(type, STR("\"input_audio\"")))
		p->fixed_tokens += AUDIO_TOKENS;
	else if (str_eq(type, STR("\"input_file\"")) || str_eq(type, STR("\"file\"")) ||
		 str_eq(type, STR("\"document\"")))
		p->fixed_tokens += FILE_TOKENS;
}

static void walk_mark(struct sim_prompt *p, const struct json_val *cache_control)
{
	if (cache_control->type != JSON_OBJECT)
		return;
	p->mark = true;
	p->mark_bytes = p->bytes;
	p->mark_hash = p->hash;
	p->mark_1h = str_find(cache_control->raw, STR("\"1h\"")) != (size_t)-1;
}

/* A message, content part, item or tool call. */
static void walk_object(struct sim_prompt *p, const struct json_val *v, unsigned depth)
{
	enum {
		ROLE,
		TYPE,
		TEXT,
		CONTENT,
		THINKING,
		ARGUMENTS,
		OUTPUT,
		INPUT,
		FUNCTION,
		CALLS,
		CACHE
	};
	struct json_watch w[] = { { STR("role"), { 0 } }, { STR("type"), { 0 } },
		{ STR("text"), { 0 } }, { STR("content"), { 0 } }, { STR("thinking"), { 0 } },
		{ STR("arguments"), { 0 } }, { STR("output"), { 0 } }, { STR("input"), { 0 } },
		{ STR("function"), { 0 } }, { STR("tool_calls"), { 0 } },
		{ STR("cache_control"), { 0 } } };
	struct json_fail fail;

	if (json_scan_member(v, w, TG_ARRAY_LEN(w), &fail) != 0)
		return;
	walk_role(p, w[ROLE].val.raw, w[TYPE].val.raw);
	walk_media(p, w[TYPE].val.raw);
	sim_prompt_text(p, &w[TEXT].val);
	walk(p, &w[CONTENT].val, depth + 1);
	sim_prompt_text(p, &w[THINKING].val);
	sim_prompt_text(p, &w[ARGUMENTS].val);
	walk(p, &w[OUTPUT].val, depth + 1);
	sim_prompt_raw(p, &w[INPUT].val);
	walk(p, &w[FUNCTION].val, depth + 1);
	walk(p, &w[CALLS].val, depth + 1);
	walk_mark(p, &w[CACHE].val);
}

static void walk(struct sim_prompt *p, const struct json_val *v, unsigned depth)
{
	struct json_iter it = { 0 };
	struct json_val elem;

	if (depth > WALK_DEPTH)
		return;
	switch (v->type) {
	case JSON_STRING: sim_prompt_text(p, v); return;
	case JSON_NUMBER: /* a token id */
		p->fixed_tokens++;
		p->hash = sim_hash(p->hash, v->raw);
		return;
	case JSON_OBJECT: walk_object(p, v, depth); return;
	case JSON_ARRAY:
		while (json_array_next(v, &it, &elem))
			walk(p, &elem, depth + 1);
		return;
	default: return;
	}
}

void sim_prompt_walk(struct sim_prompt *p, const struct json_val *v)
{
	p->user = v->type == JSON_STRING; /* a bare string is what the user says */
	walk(p, v, 0);
}

void sim_body_unwrap(struct sim_req *r, struct str key)
{
	struct json_watch w = { key, { 0 } };
	struct json_fail fail;

	if (json_scan_object(sim_buf_str(&r->body), &w, 1, &fail) != 0 || w.val.type != JSON_OBJECT)
		return;
	memmove(r->body.p, w.val.raw.p, w.val.raw.n);
	r->body.n = w.val.raw.n;
}

int sim_body_scan(struct sim_req *r, struct json_watch *w, size_t n)
{
	struct json_fail fail;

	if (json_scan_object(sim_buf_str(&r->body), w, n, &fail) == 0)
		return 0;
	r->json.n = 0;
	sim_buf_fmt(&r->json, "We could not parse the JSON body of your request: %s at byte %zu",
		json_error_text(fail.err), fail.offset);
	sim_answer_error(r, 400, SIM_E_BAD_REQUEST, sim_buf_str(&r->json), STR_NONE);
	return -1;
}

int sim_take_model_text(struct sim_req *r, struct str model)
{
	char text[256];
	int n;

	if (r->route->dialect->model_in_path)
		model = r->path_arg;
	if (model.n == 0) {
		sim_answer_error(r, 400, SIM_E_BAD_REQUEST,
			STR("you must provide a model parameter"), STR("model"));
		return -1;
	}
	r->model = model;
	if (!str_starts(model, STR("unknown")))
		return 0;
	n = snprintf(text, sizeof text,
		"The model `%.*s` does not exist or you do not have access to it.",
		(int)TG_MIN(model.n, (size_t)100), model.p);
	sim_answer_error(r, 404, SIM_E_MODEL, str_mk(text, (size_t)n), STR("model"));
	return -1;
}

int sim_take_model(struct sim_req *r, const struct json_val *v)
{
	struct str model = STR_NONE;

	if (json_decode(v, r->model_buf, sizeof r->model_buf, &model) != 0)
		model = STR_NONE;
	return sim_take_model_text(r, model);
}

uint64_t sim_count(const struct json_val *v, uint64_t otherwise)
{
	uint64_t n;

	return json_get_u64(v, &n) == 0 ? n : otherwise;
}

void sim_take_tier(struct sim_req *r, const struct json_val *v, struct str standard)
{
	struct str asked = STR_NONE;

	if (json_get_plain(v, &asked) == 0 && asked.n <= SIM_TIER_MAX)
		r->tier_asked = asked;
	if (r->knobs.service_tier.n != 0)
		r->tier = r->knobs.service_tier;
	else if (r->tier_asked.n == 0 || str_eq(asked, STR("auto")) ||
		 str_eq(asked, STR("standard_only")))
		r->tier = standard;
	else
		r->tier = asked;
}

void sim_put_cost(struct sim_req *r, struct sim_buf *b)
{
	const struct sim_knobs *k = &r->knobs;

	if (k->cost.n != 0) {
		sim_buf_lit(b, ",\"cost\":");
		sim_buf_add(b, k->cost);
		sim_buf_lit(b, ",\"is_byok\":false,"
			       "\"cost_details\":{\"upstream_inference_cost\":null}");
	}
	if (k->cost_ticks != SIM_UNSET) {
		sim_buf_lit(b, ",\"cost_in_usd_ticks\":");
		sim_buf_u64(b, k->cost_ticks);
	}
}
