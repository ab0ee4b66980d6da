/*
 * meter_gemini.c: what Gemini's answers say: usageMetadata in (nearly) every chunk, all of it so
 * far; the end is that every candidate has a finish reason, or that the prompt was blocked. Chunks
 * come as events or as the elements of one array. Works on the taps of its meter; same thread.
 */
#include "providers/meter_int.h"

static const struct str event_keys[K__MAX] = { STR("responseId"), STR("modelVersion"),
	STR("usageMetadata"), STR("serviceTier"), STR("error"), STR("createTime"),
	STR("candidates"), STR("promptFeedback") };
/* Of a candidate, and of what it was grounded in. */
enum { G_INDEX, G_FINISH, G_GROUNDING, G__MAX };
static const struct str candidate_keys[G__MAX] = { STR("index"), STR("finishReason"),
	STR("groundingMetadata") };
enum { Q_QUERIES, Q__MAX };
static const struct str grounding_keys[Q__MAX] = { STR("webSearchQueries") };

/* How many strings are in the list; 1 where it was too long to be kept. */
static uint32_t count_queries(const struct json_tap *grounding)
{
	struct json_val list = json_tap_get(grounding, Q_QUERIES), query;
	struct json_iter it = { 0 };
	uint32_t n = 0;

	if (list.type == JSON_NONE)
		return json_tap_type(grounding, Q_QUERIES) == JSON_ARRAY;
	if (list.type != JSON_ARRAY)
		return 0;
	while (json_array_next(&list, &it, &query))
		n++;
	return n;
}

static void on_candidate(struct json_tap *t)
{
	struct meter *m = TG_CONTAINER_OF(t, struct meter, list.tap);
	struct meter_gemini *g = &m->gemini;
	struct json_val v = json_tap_get(t, G_INDEX);
	uint64_t index = 0;
	struct str word;
	uint32_t bit;

	if (json_get_u64(&v, &index) != 0)
		index = 0;
	bit = 1u << (index & 31);
	g->seen |= bit;
	v = json_tap_get(t, G_FINISH);
	if (json_get_plain(&v, &word) == 0 && !str_eq(word, STR("FINISH_REASON_UNSPECIFIED")))
		g->done |= bit;
	if (json_tap_type(t, G_GROUNDING) == JSON_OBJECT)
		g->queries = TG_MAX(g->queries, count_queries(&m->body));
}

void meter_gemini_init(struct meter *m)
{
	struct json_tap *list = &m->list.tap;

	json_tap_init(&m->body, grounding_keys, Q__MAX, m->body.buf, m->body.cap);
	json_tap_init(list, candidate_keys, G__MAX, list->buf, list->cap);
	json_tap_each(list, on_candidate);
	json_tap_nest(list, G_GROUNDING, &m->body);
	json_tap_init(&m->event, event_keys, K__MAX, m->event.buf, m->event.cap);
	json_tap_nest(&m->event, K_ERROR, &m->nothing);
	json_tap_nest(&m->event, K_LIST, list);
}

static void on_element(struct json_tap *t)
{
	meter_read_object(TG_CONTAINER_OF(t, struct meter, event));
}

void meter_gemini_body(struct meter *m, struct str body)
{
	if (m->gemini.began)
		return;
	while (body.n > 0 && strchr(" \t\r\n", *body.p) != NULL)
		body = str_skip(body, 1);
	if (body.n == 0)
		return;
	m->gemini.began = true;
	if (*body.p != '[')
		return;
	m->gemini.array = true;
	json_tap_each(&m->event, on_element);
}

static void read_word(struct str word, char *buf, size_t cap, struct str *out)
{
	if (word.n == 0 || word.n > cap)
		return;
	memcpy(buf, word.p, word.n);
	*out = str_mk(buf, word.n);
}

static void read_model(struct meter *m)
{
	struct json_val v = json_tap_get(&m->event, K_MODEL);
	struct str model;

	if (m->model.n > 0 || json_get_plain(&v, &model) != 0)
		return;
	if (str_starts(model, STR("models/")))
		model = str_skip(model, 7);
	read_word(model, m->model_buf, sizeof m->model_buf, &m->model);
}

/* Did this object tell figures? */
static bool read_usage(struct meter *m)
{
	struct json_val v = json_tap_get(&m->event, K_USAGE);
	struct str tier;
	bool figures;

	if (v.type != JSON_OBJECT)
		return false;
	figures = usage_gemini_merge(&m->gemini.usage, v.raw, &tier) == 0;
	read_word(tier, m->tier_buf, sizeof m->tier_buf, &m->service_tier);
	if (!figures)
		return false;
	usage_gemini_buckets(&m->gemini.usage, &m->usage);
	m->has_usage = true;
	return true;
}

/* Families up to 2.5 charge a grounded answer once, later ones each search. */
static void put_searches(struct meter *m)
{
	bool once = str_starts(m->model, STR("gemini-1")) || str_starts(m->model, STR("gemini-2"));

	m->usage.n[USAGE_WEB_SEARCHES] =
		once ? TG_MIN(m->gemini.queries, (uint32_t)1) : m->gemini.queries;
}

static bool is_over(const struct meter *m)
{
	const struct meter_gemini *g = &m->gemini;
	bool blocked = g->seen == 0 && json_tap_type(&m->event, K_EXTRA) == JSON_OBJECT;

	if (!m->stream && !g->array)
		return json_tap_done(&m->event);
	return m->terminal || blocked || (g->done != 0 && (g->seen & ~g->done) == 0);
}

void meter_gemini_read(struct meter *m)
{
	struct meter_gemini *g = &m->gemini;
	bool pieces = m->stream || g->array;
	enum json_type error = json_tap_type(&m->event, K_ERROR);

	if (pieces && m->event.bad) /* not JSON: nothing in it can be trusted */
		return;
	if (error != JSON_NONE && error != JSON_NULL)
		m->error_event = true;
	read_model(m);
	if (read_usage(m))
		g->current = true;
	else if (m->list.tap.n_elem > 0)
		g->current = false;
	put_searches(m);
	if (pieces && m->list.tap.n_elem > 0)
		m->terminal = false; /* another candidate may have begun */
	m->terminal = is_over(m);
	if (m->has_usage)
		m->usage.source = m->terminal && g->current ? USAGE_PROVIDER : USAGE_PARTIAL;
}
