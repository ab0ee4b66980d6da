/*
 * stream_end.c: see stream_end.h. Of each event so much is kept as fits; what does not fit is
 * replaced by what any reader takes.
 */
#include "core/stream_end.h"

#include "core/req.h"
#include "proto/json_scan.h"
#include "proto/outbuf.h"
#include "proto/sse.h"

#define EVENT_MAX (16 * 1024)
#define GROWN_MAX (64 * 1024) /* of what is said again at the end, several times; or it is not */
#define GROWN_MIN 4096

struct grown {
	char *p;
	size_t n, cap;
	bool lost; /* it was longer */
};

struct stream_end {
	struct arena *arena;
	enum meter_api api;
	struct sse sse;
	char data[EVENT_MAX]; /* of the event in progress, its beginning */
	size_t n;
	bool cut; /* it is longer */
	bool begun;
	struct str first; /* the first event's data, whole; or none */
	/* Responses */
	uint64_t sequence;                            /* of the last event */
	struct str item, output_index, content_index; /* that is open, raw JSON */
	struct grown done;                            /* items that are whole, each with a comma */
	struct grown text;                            /* of the open part, as it stands in JSON */
	/* Messages */
	struct str block; /* index of the open one, raw JSON */
};

struct stream_end *stream_end_new(struct arena *a, enum meter_api api)
{
	struct stream_end *e = arena_zalloc(a, sizeof *e);

	if (e == NULL)
		return NULL;
	e->arena = a;
	e->api = api;
	sse_init(&e->sse);
	return e;
}

/* ---- following */

static struct str kept(struct stream_end *e, const struct json_val *v)
{
	return v->type == JSON_NONE ? STR_NONE : arena_dup(e->arena, v->raw);
}

static bool read_event(const struct stream_end *e, struct json_watch *w, size_t n)
{
	struct json_fail fail;

	return !e->cut && json_scan_object(str_mk(e->data, e->n), w, n, &fail) == 0;
}

static void on_message_event(struct stream_end *e, struct str name)
{
	struct json_watch index = { STR("index"), { .type = JSON_NONE } };

	if (str_eq(name, STR("content_block_stop")))
		e->block = STR_NONE;
	else if (str_eq(name, STR("content_block_start")))
		e->block = read_event(e, &index, 1) ? kept(e, &index.val) : STR("0");
}

/* Doubled each time: the arena keeps the old ones, at most as much again. */
static void grow(struct stream_end *e, struct grown *g, struct str s)
{
	size_t cap = g->cap > 0 ? g->cap : GROWN_MIN;
	char *more;

	while (cap < g->n + s.n)
		cap *= 2;
	if (cap != g->cap && cap <= GROWN_MAX && (more = arena_alloc(e->arena, cap)) != NULL) {
		if (g->n > 0)
			memcpy(more, g->p, g->n);
		g->p = more;
		g->cap = cap;
	}
	g->lost |= g->cap < g->n + s.n;
	if (g->lost || s.n == 0)
		return;
	memcpy(g->p + g->n, s.p, s.n);
	g->n += s.n;
}

static void empty(struct grown *g)
{
	g->n = 0;
	g->lost = false;
}

static struct str grown_text(const struct grown *g)
{
	return g->lost || g->n == 0 ? STR_NONE : str_mk(g->p, g->n);
}

static void close_item(struct stream_end *e)
{
	e->item = e->output_index = e->content_index = STR_NONE;
	empty(&e->text);
}

static void on_response_event(struct stream_end *e, struct str name)
{
	enum { ITEM, OUTPUT, CONTENT, DELTA, SEQUENCE, N };
	struct json_watch w[N] = { { STR("item"), { 0 } }, { STR("output_index"), { 0 } },
		{ STR("content_index"), { 0 } }, { STR("delta"), { 0 } },
		{ STR("sequence_number"), { 0 } } };
	struct str s;

	e->sequence++;
	if (!read_event(e, w, N))
		return;
	if (w[SEQUENCE].val.type == JSON_NONE || json_get_u64(&w[SEQUENCE].val, &e->sequence) != 0)
		e->sequence--; /* it has none: as it was */
	if (str_eq(name, STR("response.output_text.delta"))) {
		s = w[DELTA].val.raw;
		if (w[DELTA].val.type == JSON_STRING)
			grow(e, &e->text, str_mk(s.p + 1, s.n - 2));
	} else if (str_eq(name, STR("response.output_item.added"))) {
		close_item(e);
		e->item = kept(e, &w[ITEM].val);
		e->output_index = kept(e, &w[OUTPUT].val);
	} else if (str_eq(name, STR("response.content_part.added"))) {
		e->content_index = kept(e, &w[CONTENT].val);
		empty(&e->text);
	} else if (str_eq(name, STR("response.output_item.done"))) {
		if (w[ITEM].val.type == JSON_OBJECT) {
			grow(e, &e->done, w[ITEM].val.raw);
			grow(e, &e->done, STR(","));
		}
		close_item(e);
	}
}

static void on_event(struct stream_end *e)
{
	struct str name = sse_name(&e->sse);

	if (!e->begun && !e->cut)
		e->first = arena_dup(e->arena, str_mk(e->data, e->n));
	e->begun = true;
	if (e->api == METER_ANTHROPIC_MESSAGES)
		on_message_event(e, name);
	else if (e->api == METER_OPENAI_RESPONSES)
		on_response_event(e, name);
	e->n = 0;
	e->cut = false;
}

static void on_piece(struct stream_end *e, struct str piece)
{
	size_t n = TG_MIN(piece.n, sizeof e->data - e->n);

	if (n > 0)
		memcpy(e->data + e->n, piece.p, n);
	e->n += n;
	e->cut |= n < piece.n;
}

/* A line's end is white space in JSON, and must not be one where its values are said again. */
static void on_data(struct stream_end *e, struct str piece)
{
	if (str_eq(piece, STR("\n")))
		piece = STR(" ");
	on_piece(e, piece);
}

void stream_end_feed(struct stream_end *e, struct str bytes)
{
	bool chat = e->api == METER_OPENAI_CHAT || e->api == METER_OPENAI_COMPLETIONS;
	struct str piece;
	enum sse_rc rc;
	size_t used;

	while (bytes.n > 0 && !(chat && e->begun)) { /* a chat's first event says all */
		rc = sse_feed(&e->sse, bytes, &used, &piece);
		bytes = str_skip(bytes, used);
		if (rc == SSE_DATA)
			on_data(e, piece);
		else if (rc == SSE_EVENT_END)
			on_event(e);
	}
}

/* ---- chat and completions */

/* The members that every chunk has, as the first one had them. */
static void put_intro(struct outbuf *b, const struct stream_end *e, const struct req *r)
{
	static const struct str keys[] = { STR("id"), STR("object"), STR("created"), STR("model"),
		STR("service_tier"), STR("system_fingerprint") };
	struct json_watch w[TG_ARRAY_LEN(keys)];
	struct json_fail fail;
	bool read;

	for (size_t i = 0; i < TG_ARRAY_LEN(keys); i++)
		w[i] = (struct json_watch){ keys[i], { .type = JSON_NONE } };
	read = e->first.n > 0 && json_scan_object(e->first, w, TG_ARRAY_LEN(keys), &fail) == 0;
	outbuf_lit(b, "data: {");
	for (size_t i = 0; read && i < TG_ARRAY_LEN(keys); i++)
		if (w[i].val.type != JSON_NONE)
			outbuf_printf(b, "\"%.*s\":%.*s,", STR_FMT(keys[i]), STR_FMT(w[i].val.raw));
	if (!read)
		outbuf_printf(b,
			"\"id\":\"%.*s\",\"object\":\"%s\",\"created\":%lld,\"model\":%.*s,",
			REQ_ID_LEN, r->id,
			e->api == METER_OPENAI_CHAT ? "chat.completion.chunk" : "text_completion",
			(long long)(r->start_wall.us / 1000000), STR_FMT(r->route->model_json));
}

static void put_chat_usage(struct outbuf *b, const struct usage *u)
{
	unsigned long long in = usage_input(u), out = usage_output(u);

	outbuf_printf(b,
		"\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%"
		"llu}",
		in, out, in + out);
}

static void put_chat_end(struct outbuf *b, const struct stream_end *e, const struct req *r)
{
	bool asked = !r->added_usage; /* else the gateway had asked for itself */

	put_intro(b, e, r);
	outbuf_lit(b, "\"choices\":[{\"index\":0,");
	if (e->api == METER_OPENAI_CHAT)
		outbuf_lit(b, "\"delta\":{},");
	else
		outbuf_lit(b, "\"text\":\"\",");
	outbuf_lit(b, "\"logprobs\":null,\"finish_reason\":\"length\"}]");
	outbuf_put(b, asked ? STR(",\"usage\":null}\n\n") : STR("}\n\n"));
	if (asked) {
		put_intro(b, e, r);
		outbuf_lit(b, "\"choices\":[],");
		put_chat_usage(b, &r->leg.usage);
		outbuf_lit(b, "}\n\n");
	}
	outbuf_lit(b, "data: [DONE]\n\n");
}

/* ---- Responses */

/* The members of an object, with another value for some. Without comma behind it. */
static void put_changed(struct outbuf *b, struct str object, const struct json_watch *change,
	const struct str *with, size_t n)
{
	struct json_edit edit;
	struct iovec iov[JSON_EDIT_MAX_IOV];
	size_t total;
	int k;

	json_edit_init(&edit, object);
	for (size_t i = 0; i < n; i++)
		if (change[i].val.type != JSON_NONE)
			tg_assert(json_edit_replace(&edit, &change[i].val, with[i]) == 0);
	k = json_edit_iov(&edit, iov, JSON_EDIT_MAX_IOV, &total);
	tg_assert(k >= 0);
	for (int i = 0; i < k; i++)
		outbuf_put(b, str_mk(iov[i].iov_base, iov[i].iov_len));
}

static void put_part(struct outbuf *b, const struct stream_end *e)
{
	outbuf_printf(b,
		"{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"%.*s\"}",
		STR_FMT(grown_text(&e->text)));
}

/* The open item, as far as it came. False: it cannot be read. */
static bool put_item(struct outbuf *b, const struct stream_end *e)
{
	struct json_watch w[] = { { STR("status"), { 0 } }, { STR("content"), { 0 } } };
	struct str with[] = { STR("\"incomplete\""), STR_NONE };
	struct json_fail fail;
	struct outbuf content;

	if (e->item.n == 0 || json_scan_object(e->item, w, 2, &fail) != 0)
		return false;
	outbuf_init(&content);
	outbuf_lit(&content, "[");
	if (e->content_index.n > 0)
		put_part(&content, e);
	outbuf_lit(&content, "]");
	with[1] = outbuf_text(&content);
	put_changed(b, e->item, w, with, 2);
	outbuf_fini(&content);
	return true;
}

static void put_event(struct outbuf *b, struct stream_end *e, const char *type)
{
	outbuf_printf(b, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%llu,", type, type,
		(unsigned long long)++e->sequence);
}

static void put_item_end(struct outbuf *b, struct stream_end *e)
{
	struct json_watch id = { STR("id"), { 0 } };
	struct json_fail fail;

	if (e->item.n == 0 || json_scan_object(e->item, &id, 1, &fail) != 0 ||
		id.val.type == JSON_NONE || e->output_index.n == 0)
		return;
	if (e->content_index.n > 0 && !e->text.lost) {
		put_event(b, e, "response.output_text.done");
		outbuf_printf(b,
			"\"item_id\":%.*s,\"output_index\":%.*s,\"content_index\":%.*s,"
			"\"logprobs\":[],\"text\":\"%.*s\"}\n\n",
			STR_FMT(id.val.raw), STR_FMT(e->output_index), STR_FMT(e->content_index),
			STR_FMT(grown_text(&e->text)));
		put_event(b, e, "response.content_part.done");
		outbuf_printf(b,
			"\"item_id\":%.*s,\"output_index\":%.*s,\"content_index\":%.*s,\"part\":",
			STR_FMT(id.val.raw), STR_FMT(e->output_index), STR_FMT(e->content_index));
		put_part(b, e);
		outbuf_lit(b, "}\n\n");
	}
	put_event(b, e, "response.output_item.done");
	outbuf_printf(b, "\"output_index\":%.*s,\"item\":", STR_FMT(e->output_index));
	(void)put_item(b, e);
	outbuf_lit(b, "}\n\n");
}

static struct str response_usage(struct arena *a, const struct usage *u)
{
	unsigned long long in = usage_input(u), out = usage_output(u);

	return arena_printf(a,
		"{\"input_tokens\":%llu,\"input_tokens_details\":{\"cached_tokens\":0},"
		"\"output_tokens\":%llu,\"output_tokens_details\":{\"reasoning_tokens\":0},"
		"\"total_tokens\":%llu}",
		in, out, in + out);
}

static struct str response_output(struct stream_end *e)
{
	struct outbuf b;
	struct str out;

	outbuf_init(&b);
	outbuf_lit(&b, "[");
	outbuf_put(&b, grown_text(&e->done));
	if (!put_item(&b, e) && grown_text(&e->done).n > 0)
		b.n--; /* the comma */
	outbuf_lit(&b, "]");
	out = arena_dup(e->arena, outbuf_text(&b));
	outbuf_fini(&b);
	return out.n > 0 ? out : STR("[]");
}

/* The response as its first event had it, ended; or the members that readers need. */
static void put_response(struct outbuf *b, struct stream_end *e, const struct req *r)
{
	struct json_watch outer = { STR("response"), { 0 } };
	struct json_watch w[] = { { STR("status"), { 0 } }, { STR("incomplete_details"), { 0 } },
		{ STR("output"), { 0 } }, { STR("usage"), { 0 } } };
	const struct str with[] = { STR("\"incomplete\""),
		STR("{\"reason\":\"max_output_tokens\"}"), response_output(e),
		response_usage(e->arena, &r->leg.usage) };
	struct json_fail fail;
	size_t given = 0;

	if (e->first.n > 0 && json_scan_object(e->first, &outer, 1, &fail) == 0 &&
		outer.val.type == JSON_OBJECT && json_scan_object(outer.val.raw, w, 4, &fail) == 0)
		for (size_t i = 0; i < 4; i++)
			given += w[i].val.type != JSON_NONE;
	if (given == 4) {
		put_changed(b, outer.val.raw, w, with, 4);
		return;
	}
	outbuf_printf(b,
		"{\"id\":\"resp_%.*s\",\"object\":\"response\",\"created_at\":%lld,\"model\":%.*s,"
		"\"error\":null",
		REQ_ID_LEN, r->id, (long long)(r->start_wall.us / 1000000),
		STR_FMT(r->route->model_json));
	for (size_t i = 0; i < 4; i++)
		outbuf_printf(b, ",\"%.*s\":%.*s", STR_FMT(w[i].key), STR_FMT(with[i]));
	outbuf_lit(b, "}");
}

static void put_response_end(struct outbuf *b, struct stream_end *e, const struct req *r)
{
	put_item_end(b, e);
	put_event(b, e, "response.incomplete");
	outbuf_lit(b, "\"response\":");
	put_response(b, e, r);
	outbuf_lit(b, "}\n\n");
}

/* ---- Messages */

static void put_message_end(struct outbuf *b, const struct stream_end *e, const struct req *r)
{
	if (e->block.n > 0)
		outbuf_printf(b,
			"event: content_block_stop\ndata: "
			"{\"type\":\"content_block_stop\",\"index\":%.*s}\n\n",
			STR_FMT(e->block));
	outbuf_printf(b,
		"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_"
		"reason\":\"max_tokens\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":%llu}"
		"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		(unsigned long long)usage_output(&r->leg.usage));
}

struct str stream_end_text(struct stream_end *e, struct req *r)
{
	struct outbuf b;
	struct str out;

	outbuf_init(&b);
	outbuf_lit(&b, ": tollgate-budget-exhausted\n\n");
	switch (e->api) {
	case METER_OPENAI_RESPONSES: put_response_end(&b, e, r); break;
	case METER_ANTHROPIC_MESSAGES: put_message_end(&b, e, r); break;
	default: put_chat_end(&b, e, r); break;
	}
	out = arena_dup(&r->arena, outbuf_text(&b));
	outbuf_fini(&b);
	return out;
}
