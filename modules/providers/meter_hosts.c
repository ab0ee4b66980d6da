/*
 * meter_hosts.c: what the answers of Bedrock's Converse and of Cohere's v2 chat say. Bedrock's
 * events come out of their binary frames as {"messageStop":{...}} and {"exception":"...",...}
 * (deframe.c), and its usage comes behind the end of the message; Cohere's usage comes with it.
 * Works on the taps of its meter; same thread.
 */
#include "providers/meter_int.h"

/* K_TYPE: the end of a message; K_EXTRA: a piece of it. */
static const struct str bedrock_keys[K__MAX] = { STR("messageStop"), STR("modelId"), STR("usage"),
	STR("serviceTier"), STR("exception"), STR("metadata"), STR("output"),
	STR("contentBlockDelta") };
static const struct str bedrock_body[B__MAX] = { STR("modelId"), STR("usage"), STR("serviceTier"),
	STR("trace"), STR("metrics"), STR("performanceConfig") };
static const struct str cohere_keys[K__MAX] = { STR("type"), STR("model"), STR("usage"),
	STR("service_tier"), STR("error"), STR("delta"), STR("message"), STR("index") };
static const struct str cohere_body[B__MAX] = { STR("message"), STR("usage"), STR("finish_reason"),
	STR("logprobs"), STR("citations"), STR("error") };

/* Embeddings: Cohere's tell what was billed in "meta", Titan's the tokens of their one text,
 * Vertex's those of each beside its vector. */
static const struct str embed_keys[K__MAX] = { STR("inputTextTokenCount"), STR("model"),
	STR("meta"), STR("service_tier"), STR("error"), STR("embedding"), STR("predictions"),
	STR("embeddings") };
static const struct str prediction_keys[] = { STR("embeddings") };
static const struct str prediction_body[] = { STR("statistics") };

static void on_prediction(struct json_tap *t)
{
	struct meter *m = TG_CONTAINER_OF(t, struct meter, list.tap);
	struct json_val statistics = json_tap_get(&m->body, 0);
	struct json_watch w = { .key = STR("token_count") };
	bool first = t->n_elem == 1, known;
	struct json_fail fail;
	uint64_t n;

	if (first)
		m->usage.n[USAGE_IN] = 0;
	known = statistics.type == JSON_OBJECT &&
		json_scan_member(&statistics, &w, 1, &fail) == 0 && json_get_u64(&w.val, &n) == 0 &&
		!__builtin_add_overflow(m->usage.n[USAGE_IN], n, &m->usage.n[USAGE_IN]);
	m->has_usage = known && (first || m->has_usage); /* all of them, or none is told */
	json_tap_reset(&m->body);
}

static void embed_init(struct meter *m)
{
	struct json_tap *event = &m->event, *list = &m->list.tap;

	json_tap_init(&m->body, prediction_body, 1, m->body.buf, m->body.cap);
	json_tap_init(list, prediction_keys, 1, list->buf, list->cap);
	json_tap_each(list, on_prediction);
	json_tap_nest(list, 0, &m->body);
	json_tap_init(event, embed_keys, K__MAX, event->buf, event->cap);
	json_tap_nest(event, K_BODY, &m->nothing);
	json_tap_nest(event, K_LIST, list);
	json_tap_nest(event, K_EXTRA, &m->nothing);
}

static void read_embed(struct meter *m)
{
	struct json_val meta = json_tap_get(&m->event, K_USAGE),
			count = json_tap_get(&m->event, K_TYPE);
	uint64_t n;

	if (meta.type == JSON_OBJECT && usage_cohere_read(meta.raw, &m->usage) == 0) {
		m->has_usage = true;
	} else if (json_get_u64(&count, &n) == 0) {
		m->usage.n[USAGE_IN] = n;
		m->has_usage = true;
	}
	m->terminal = json_tap_done(&m->event);
}

void meter_host_init(struct meter *m)
{
	bool bedrock = m->api == METER_BEDROCK;
	struct json_tap *body = &m->body, *event = &m->event;

	if (m->api == METER_EMBED_UNITS) {
		embed_init(m);
		return;
	}
	json_tap_init(body, bedrock ? bedrock_body : cohere_body, B__MAX, body->buf, body->cap);
	json_tap_nest(body, B_LIST, &m->nothing);
	json_tap_nest(body, B_TOOLS, &m->nothing);
	if (!bedrock)
		json_tap_nest(body, B_MODEL, &m->nothing);
	json_tap_init(event, bedrock ? bedrock_keys : cohere_keys, K__MAX, event->buf, event->cap);
	json_tap_nest(event, K_LIST, &m->nothing);
	json_tap_nest(event, K_BODY, body);
	if (bedrock)
		json_tap_nest(event, K_EXTRA, &m->nothing);
}

static struct json_val usage_here(const struct meter *m)
{
	struct json_val inside = json_tap_get(&m->body, B_USAGE);

	return inside.type == JSON_OBJECT ? inside : json_tap_get(&m->event, K_USAGE);
}

static bool says(const struct json_tap *t, size_t i)
{
	enum json_type type = json_tap_type(t, i);

	return type != JSON_NONE && type != JSON_NULL;
}

/* {"type":"priority"} */
static void read_tier(struct meter *m, const struct json_val *tier)
{
	struct json_watch w = { .key = STR("type") };
	struct json_fail fail;
	struct str word;

	if (tier->type != JSON_OBJECT || json_scan_member(tier, &w, 1, &fail) != 0 ||
		json_get_plain(&w.val, &word) != 0 || word.n == 0 || word.n > sizeof m->tier_buf)
		return;
	memcpy(m->tier_buf, word.p, word.n);
	m->service_tier = str_mk(m->tier_buf, word.n);
}

static void read_bedrock(struct meter *m)
{
	struct json_val usage = usage_here(m), tier = json_tap_get(&m->event, K_TIER);

	read_tier(m, &tier);
	tier = json_tap_get(&m->body, B_TIER);
	read_tier(m, &tier);
	if (usage.type == JSON_OBJECT && usage_bedrock_merge(&m->bedrock, usage.raw) == 0) {
		usage_bedrock_buckets(&m->bedrock, &m->usage);
		m->has_usage = true;
	}
	m->message_over |= says(&m->event, K_TYPE);
	/* What is billed comes behind the message's end: without it the stream is not whole. */
	m->terminal = m->stream ? m->message_over && m->has_usage : json_tap_done(&m->event);
}

static bool cohere_type_is(const struct meter *m, struct str want)
{
	struct json_val v = json_tap_get(&m->event, K_TYPE);
	struct str type;

	return json_get_plain(&v, &type) == 0 && str_eq(type, want);
}

static void read_cohere(struct meter *m)
{
	struct json_val usage = usage_here(m);

	if (usage.type == JSON_OBJECT && usage_cohere_read(usage.raw, &m->usage) == 0)
		m->has_usage = true;
	m->error_event |= says(&m->body, B_ERROR);
	m->terminal |= m->stream ? cohere_type_is(m, STR("message-end")) : json_tap_done(&m->event);
}

void meter_host_read(struct meter *m)
{
	if (m->stream && m->event.bad) /* not JSON: nothing in it can be trusted */
		return;
	m->error_event |= says(&m->event, K_ERROR);
	if (m->api == METER_BEDROCK)
		read_bedrock(m);
	else if (m->api == METER_EMBED_UNITS)
		read_embed(m);
	else
		read_cohere(m);
	if (m->has_usage)
		m->usage.source = m->terminal ? USAGE_PROVIDER : USAGE_PARTIAL;
}

bool meter_host_said(const struct meter *m)
{
	if (m->api == METER_BEDROCK)
		return says(&m->event, K_EXTRA);
	return cohere_type_is(m, STR("content-delta")) ||
	       cohere_type_is(m, STR("tool-call-delta")) ||
	       cohere_type_is(m, STR("tool-plan-delta"));
}
