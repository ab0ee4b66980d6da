/*
 * usage_anthropic.c: reading Anthropic usage: cumulative figures, the cache write split, and the
 * passes in `iterations` (compaction, advisor, server fallback). Owns nothing; any thread.
 */
#include "providers/usage_anthropic.h"

#include "proto/json_scan.h"

enum { INPUT, CACHE_READ, CACHE_WRITE, WRITE_5M, WRITE_1H, OUTPUT, THINKING };

static bool has(const struct usage_anthropic_tokens *t, int bit)
{
	return t->have >> bit & 1;
}

/* Numbers only: null, absent and nonsense leave what is there. */
static void put(
	struct usage_anthropic_tokens *t, int bit, uint64_t *field, const struct json_val *v)
{
	uint64_t n;

	if (json_get_u64(v, &n) != 0)
		return;
	*field = n;
	t->have |= 1u << bit;
}

static void read_split(struct usage_anthropic_tokens *t, const struct json_val *split)
{
	struct json_watch w[] = {
		{ .key = STR("ephemeral_5m_input_tokens") },
		{ .key = STR("ephemeral_1h_input_tokens") },
	};
	struct json_fail fail;

	if (split->type != JSON_OBJECT || json_scan_member(split, w, TG_ARRAY_LEN(w), &fail) != 0)
		return;
	put(t, WRITE_5M, &t->write_5m, &w[0].val);
	put(t, WRITE_1H, &t->write_1h, &w[1].val);
}

static void read_thinking(struct usage_anthropic_tokens *t, const struct json_val *details)
{
	struct json_watch w[] = { { .key = STR("thinking_tokens") } };
	struct json_fail fail;

	if (details->type == JSON_OBJECT && json_scan_member(details, w, 1, &fail) == 0)
		put(t, THINKING, &t->thinking, &w[0].val);
}

enum {
	W_INPUT,
	W_CACHE_READ,
	W_CACHE_WRITE,
	W_SPLIT,
	W_OUTPUT,
	W_DETAILS,
	W_TOOLS,
	W_ITERATIONS,
	W_TYPE,
	W_MODEL,
	W_TIER,
	W_GEO,
	W_SPEED,
	W__MAX
};

/* The members of a usage object or of one of its passes. */
static int scan(struct json_watch w[W__MAX], struct str json)
{
	static const struct str key[W__MAX] = {
		[W_INPUT] = STR("input_tokens"),
		[W_CACHE_READ] = STR("cache_read_input_tokens"),
		[W_CACHE_WRITE] = STR("cache_creation_input_tokens"),
		[W_SPLIT] = STR("cache_creation"),
		[W_OUTPUT] = STR("output_tokens"),
		[W_DETAILS] = STR("output_tokens_details"),
		[W_TOOLS] = STR("server_tool_use"),
		[W_ITERATIONS] = STR("iterations"),
		[W_TYPE] = STR("type"),
		[W_MODEL] = STR("model"),
		[W_TIER] = STR("service_tier"),
		[W_GEO] = STR("inference_geo"),
		[W_SPEED] = STR("speed"),
	};
	struct json_fail fail;

	for (int i = 0; i < W__MAX; i++)
		w[i].key = key[i];
	return json_scan_object(json, w, W__MAX, &fail);
}

static void read_tokens(struct usage_anthropic_tokens *t, const struct json_watch w[W__MAX])
{
	put(t, INPUT, &t->input, &w[W_INPUT].val);
	put(t, CACHE_READ, &t->cache_read, &w[W_CACHE_READ].val);
	put(t, CACHE_WRITE, &t->cache_write, &w[W_CACHE_WRITE].val);
	read_split(t, &w[W_SPLIT].val);
	put(t, OUTPUT, &t->output, &w[W_OUTPUT].val);
	read_thinking(t, &w[W_DETAILS].val);
}

static void add(uint64_t *sum, uint64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = UINT64_MAX;
}

static void add_tokens(struct usage_anthropic_tokens *sum, const struct usage_anthropic_tokens *t)
{
	add(&sum->input, t->input);
	add(&sum->cache_read, t->cache_read);
	add(&sum->cache_write, t->cache_write);
	add(&sum->write_5m, t->write_5m);
	add(&sum->write_1h, t->write_1h);
	add(&sum->output, t->output);
	add(&sum->thinking, t->thinking);
	sum->have |= t->have;
}

/* A model's name into buf; longer ones than any that has a price are left out. */
static uint8_t copy_model(char buf[USAGE_ANTHROPIC_MODEL], const struct json_val *model)
{
	struct str s;

	return json_decode(model, buf, USAGE_ANTHROPIC_MODEL, &s) == 0 ? (uint8_t)s.n : 0;
}

static void add_advisor(struct usage_anthropic *a, const struct usage_anthropic_tokens *t,
	const struct json_val *model)
{
	add_tokens(&a->advisor, t);
	if (!a->has_advisor)
		a->advisor_model_len = copy_model(a->advisor_model, model);
	a->has_advisor = true;
}

/*
 * The passes behind one answer. The top-level figures leave out compaction and advisors, and after
 * a server fallback they are those of the pass that answered.
 */
static void read_passes(struct usage_anthropic *a, const struct json_val *list)
{
	struct json_iter it = { 0 };
	struct json_val elem;
	bool fallback = false, executor = false;

	memset(&a->executor, 0, sizeof a->executor);
	memset(&a->advisor, 0, sizeof a->advisor);
	a->has_advisor = false;
	a->advisor_model_len = a->fallback_model_len = 0;
	while (json_array_next(list, &it, &elem)) {
		struct usage_anthropic_tokens t = { 0 };
		struct json_watch w[W__MAX];
		struct str type;

		if (elem.type != JSON_OBJECT || scan(w, elem.raw) != 0 ||
			json_get_plain(&w[W_TYPE].val, &type) != 0)
			continue;
		read_tokens(&t, w);
		if (str_eq(type, STR("fallback_message"))) {
			fallback = true;
			a->fallback_model_len = copy_model(a->fallback_model, &w[W_MODEL].val);
		} else if (str_eq(type, STR("advisor_message"))) {
			add_advisor(a, &t, &w[W_MODEL].val);
		} else if (str_eq(type, STR("message")) || str_eq(type, STR("compaction"))) {
			add_tokens(&a->executor, &t);
			executor = true;
		}
	}
	a->by_passes = executor && !fallback;
}

static void put_calls(uint32_t *calls, const struct json_val *v)
{
	uint64_t n;

	if (json_get_u64(v, &n) == 0)
		*calls = (uint32_t)TG_MIN(n, (uint64_t)UINT32_MAX);
}

static void read_tools(struct usage_anthropic *a, const struct json_val *tools)
{
	struct json_watch w[] = {
		{ .key = STR("web_search_requests") },
		{ .key = STR("code_execution_requests") },
	};
	struct json_fail fail;

	if (tools->type != JSON_OBJECT || json_scan_member(tools, w, TG_ARRAY_LEN(w), &fail) != 0)
		return;
	put_calls(&a->web_searches, &w[0].val);
	put_calls(&a->code_executions, &w[1].val);
}

static struct str raw_string(const struct json_val *v)
{
	return v->type == JSON_STRING ? v->raw : STR_NONE;
}

int usage_anthropic_merge(
	struct usage_anthropic *a, struct str json, bool start, struct usage_anthropic_names *names)
{
	struct json_watch w[W__MAX];

	if (scan(w, json) != 0)
		return -1;
	if (start && a->final_output) { /* a second message_start behind the final figures */
		w[W_OUTPUT].val.type = JSON_NONE;
		w[W_DETAILS].val.type = JSON_NONE;
	}
	read_tokens(&a->top, w);
	if (!start && w[W_OUTPUT].val.type == JSON_NUMBER)
		a->final_output = true;
	read_tools(a, &w[W_TOOLS].val);
	if (w[W_ITERATIONS].val.type == JSON_ARRAY)
		read_passes(a, &w[W_ITERATIONS].val);
	if (names != NULL) {
		names->tier = raw_string(&w[W_TIER].val);
		names->geo = raw_string(&w[W_GEO].val);
		names->speed = raw_string(&w[W_SPEED].val);
	}
	return 0;
}

/*
 * The split is in message_start alone, while later figures may raise the total: what it does not
 * cover goes to the lifetime the request used, when it used one only.
 */
static void split_writes(const struct usage_anthropic_tokens *t, struct usage *u)
{
	uint64_t total = t->cache_write, h1 = t->write_1h, m5 = t->write_5m, rest;

	if (!has(t, CACHE_WRITE)) {
		total = m5;
		add(&total, h1);
	}
	h1 = TG_MIN(h1, total);
	m5 = TG_MIN(m5, total - h1);
	rest = total - h1 - m5;
	if (m5 > 0 && h1 == 0)
		m5 += rest;
	else if (h1 > 0 && m5 == 0)
		h1 += rest;
	else
		u->n[USAGE_IN_CACHE_WRITE] = rest;
	u->n[USAGE_IN_CACHE_WRITE_5M] = m5;
	u->n[USAGE_IN_CACHE_WRITE_1H] = h1;
}

static void buckets(const struct usage_anthropic_tokens *t, struct usage *u)
{
	uint64_t thinking = TG_MIN(t->thinking, t->output);

	memset(u->n, 0, sizeof u->n);
	u->n[USAGE_IN] = t->input;
	u->n[USAGE_IN_CACHE_READ] = t->cache_read;
	split_writes(t, u);
	u->n[USAGE_OUT_REASONING] = thinking;
	u->n[USAGE_OUT] = t->output - thinking;
}

void usage_anthropic_buckets(const struct usage_anthropic *a, struct usage *u)
{
	struct usage_anthropic_tokens t = a->top;

	if (a->by_passes) { /* passes that do not report a figure leave the top-level one */
		const struct usage_anthropic_tokens *e = &a->executor;

		t.input = has(e, INPUT) ? e->input : t.input;
		t.output = has(e, OUTPUT) ? e->output : t.output;
		t.cache_read = has(e, CACHE_READ) ? e->cache_read : t.cache_read;
		if (has(e, CACHE_WRITE)) {
			t.cache_write = e->cache_write;
			t.have |= 1u << CACHE_WRITE;
		}
		if (has(e, WRITE_5M) || has(e, WRITE_1H)) {
			t.write_5m = e->write_5m;
			t.write_1h = e->write_1h;
		}
	}
	if (!a->final_output && !a->by_passes)
		t.output = t.thinking = 0;
	buckets(&t, u);
	u->n[USAGE_WEB_SEARCHES] = a->web_searches;
	u->n[USAGE_CODE_SESSIONS] = a->code_executions > 0; /* they share a container */
}

bool usage_anthropic_advisor(const struct usage_anthropic *a, struct usage *u, struct str *model)
{
	if (!a->has_advisor)
		return false;
	buckets(&a->advisor, u);
	*model = str_mk(a->advisor_model, a->advisor_model_len);
	return true;
}

struct str usage_anthropic_fallback(const struct usage_anthropic *a)
{
	return str_mk(a->fallback_model, a->fallback_model_len);
}
