/*
 * mod_translate.c: the answer of a target that speaks another dialect than the client. A sink
 *between the meter (which reads what the provider says) and whatever writes to the client:
 *
 *	ANSWER  a JSON body:   gathered, read, written in the client's dialect, in one piece
 *	EVENTS  a stream:      event by event; one that is not whole yet is gathered
 *	ERROR   a refusal:     as ANSWER
 *
 * A provider that answers in one piece where a stream was asked for, or the other way round: the
 * client gets what it asked for, told again from what came (chat/chat_replay.h).
 *
 * Memory: the request's translation's; an event's tree is gone before the next one comes. Runs on
 *the request's worker.
 */
#include "base/log.h"
#include "chat/chat_count.h"
#include "chat/chat_replay.h"
#include "core/attempt.h"
#include "core/conn.h"
#include "core/health.h"
#include "core/plan.h"
#include "core/provider.h"
#include "core/reply.h"
#include "core/respond.h"
#include "core/translate.h"
#include "modules.h"
#include "proto/sse.h"

#define OUT_BYTES    8192
#define GATHER_FIRST 4096
#define ANSWER_MAX   (32 * 1024 * 1024)

enum mode { MODE_ANSWER, MODE_EVENTS, MODE_ERROR };

struct mod_translate {
	struct sink sink;
	enum mode mode;
	struct arena_buf body; /* of the answer, or of the event in work */
	struct sse sse;
	struct chat_context cx; /* of the stream: what its codecs keep has a limit */
	struct chat_stream *in, *out;
	struct chat_gather *all; /* events that are to be one answer: instead of out */
	struct json_out jo;      /* events for the client */
	bool gone;               /* the client */
	bool over;               /* an error ended the stream: what follows is passed over */
	bool ending;             /* its last byte came */
	bool spoiled;            /* it is no answer of its API */
};

static int gather_add(struct arena_buf *g, struct arena *mem, struct str s, size_t most)
{
	return s.n > most - g->n ? -1 : arena_buf_put(mem, g, s, GATHER_FIRST);
}

/*
 * What is written here is made whole already, and of what was read in one go: it waits for a client
 * that reads slowly. The provider is not read meanwhile, so no more comes to it.
 */
static void translate_make_room(const struct mod_translate *x, size_t n)
{
	struct bufq *out = &x->sink.req->conn->out;

	out->max_bytes = TG_MAX(out->max_bytes, out->len + n + CONN_OUT_MAX);
}

static struct str gather_text(const struct arena_buf *g)
{
	return str_mk(g->p, g->n);
}

/* ---- whole bodies */

/* What the provider said cannot be told: as bad as one that broke off, but for its cost. */
static void translate_spoiled(struct mod_translate *x, struct str why)
{
	struct req *r = x->sink.req;

	if (x->spoiled)
		return;
	x->spoiled = true;
	r->end = END_TRUNCATED;
	wc_add(&r->w->stats, WC_UP_ERRORS, 1);
	health_spoiled(r);
	log_warn("answer not translated", "request=%s target=%.*s reason=\"%.*s\"", r->id,
		STR_FMT(r->route->target->name), STR_FMT(why));
}

static int translate_give_up(struct mod_translate *x, const char *why)
{
	struct req *r = x->sink.req;

	r->end = END_FAILED;
	reply_error(r, TG_E_UPSTREAM_ERROR,
		"Target '%.*s' gave an answer that cannot be translated: %s.",
		STR_FMT(r->route->target->name), why);
	return 0;
}

static int translate_bad_answer(struct mod_translate *x, const char *why)
{
	translate_spoiled(x, str_z(why));
	return translate_give_up(x, why);
}

static int translate_no_memory(struct mod_translate *x)
{
	log_warn("answer not translated", "request=%s reason=\"no memory\"", x->sink.req->id);
	return translate_give_up(x, "no memory");
}

typedef void write_f(const struct translate *t, const void *what, struct json_out *o);

static void write_answer(const struct translate *t, const void *what, struct json_out *o)
{
	t->client->write_answer((struct chat_context *)(uintptr_t)&t->cx, what, o);
}

static void write_error(const struct translate *t, const void *what, struct json_out *o)
{
	t->client->write_error((struct chat_context *)(uintptr_t)&t->cx, what, o);
}

/* Counted, then written in one piece. */
static int translate_pass(struct mod_translate *x, write_f *write, const void *what)
{
	struct translate *t = x->sink.req->wire.translate;
	struct json_out o;
	struct iovec iov;
	char *p;

	jo_init(&o, NULL, 0);
	write(t, what, &o);
	p = arena_alloc(&t->mem, o.n + 1);
	if (p == NULL)
		return translate_no_memory(x);
	jo_init(&o, p, o.n + 1);
	write(t, what, &o);
	iov = (struct iovec){ p, o.n };
	translate_make_room(x, o.n);
	return sink_write(x->sink.next, &iov, 1, true);
}

static void write_embed(const struct translate *t, const void *what, struct json_out *o)
{
	t->embed_client->write_answer((struct chat_context *)(uintptr_t)&t->cx, &t->embed, what, o);
}

static int translate_embed(struct mod_translate *x)
{
	struct translate *t = x->sink.req->wire.translate;
	struct embed_answer answer = { .n = 0 };

	t->cx.fail[0] = '\0';
	if (t->embed_provider->read_answer(&t->cx, gather_text(&x->body), &answer) != 0)
		return translate_bad_answer(x, t->cx.fail);
	if (answer.n != t->embed.n)
		return translate_bad_answer(x, "it has not one vector for each text");
	return translate_pass(x, write_embed, &answer);
}

static int translate_flush(struct json_out *o);
static int translate_emit(void *arg, const struct chat_event *e);
static int translate_open_out(struct mod_translate *x);

/* A whole answer for a client that asked for a stream. */
static int translate_replay(struct mod_translate *x, const struct chat_answer *answer)
{
	struct translate *t = x->sink.req->wire.translate;

	x->cx = t->cx;
	if (translate_open_out(x) != 0)
		return translate_no_memory(x);
	if (chat_replay(&t->cx, answer, translate_emit, x) != 0 && !x->gone) {
		translate_spoiled(x, str_z(t->cx.fail));
		translate_emit(x, &(struct chat_event){ .kind = EVENT_ERROR,
					  .error = &(struct chat_error){
						  .status = 502, .message = str_z(t->cx.fail) } });
	}
	if (translate_flush(&x->jo) != 0)
		return -1;
	return sink_write(x->sink.next, NULL, 0, true);
}

static void write_count(const struct translate *t, const void *what, struct json_out *o)
{
	chat_count_say(t->client_shape, *(const uint64_t *)what, o);
}

static int translate_count(struct mod_translate *x, const struct json_node *root)
{
	struct req *r = x->sink.req;
	struct translate *t = r->wire.translate;
	uint64_t tokens;

	t->cx.fail[0] = '\0';
	if (chat_count_answer(&t->cx, r->route->target->provider->shape, root, &tokens) != 0)
		return translate_bad_answer(x, t->cx.fail);
	return translate_pass(x, write_count, &tokens);
}

static int translate_answer(struct mod_translate *x)
{
	struct translate *t = x->sink.req->wire.translate;
	struct chat_answer *answer = arena_zalloc(&t->mem, sizeof *answer);
	struct json_node *root;
	struct json_fail f;

	if (answer == NULL)
		return translate_no_memory(x);
	if (json_tree_parse(&t->mem, gather_text(&x->body), TRANSLATE_VALUES, &root, &f) != 0)
		return translate_bad_answer(x, json_error_text(f.err));
	if (t->counting)
		return translate_count(x, root);
	t->cx.fail[0] = '\0';
	if (t->provider->read_answer(&t->cx, root, answer) != 0)
		return translate_bad_answer(x, t->cx.fail);
	if (translate_is_stream(t))
		return translate_replay(x, answer);
	return translate_pass(x, write_answer, answer);
}

static int translate_error(struct mod_translate *x)
{
	struct req *r = x->sink.req;
	struct translate *t = r->wire.translate;
	struct chat_error e = { .status = r->status };
	struct json_node *root;
	struct json_fail f;

	if (json_tree_parse(&t->mem, gather_text(&x->body), TRANSLATE_VALUES, &root, &f) == 0)
		t->provider->read_error(&t->cx, root, &e);
	if (e.retry_ms > 0)
		respond_retry_after(r, e.retry_ms);
	if (e.message.n == 0)
		e.message =
			arena_printf(&t->mem, "The provider answered with status %d.", r->status);
	return translate_pass(x, write_error, &e);
}

static int translate_whole(struct mod_translate *x, const struct iovec *in, int n, bool fin)
{
	struct translate *t = x->sink.req->wire.translate;

	for (int i = 0; i < n; i++)
		if (gather_add(&x->body, &t->mem, str_mk(in[i].iov_base, in[i].iov_len),
			    ANSWER_MAX) != 0) {
			if (x->sink.req->attempt != NULL)
				attempt_cancel(x->sink.req->attempt);
			return translate_bad_answer(x, "it is too large");
		}
	if (!fin)
		return 0;
	if (x->mode == MODE_ERROR)
		return translate_error(x);
	return t->embed_client != NULL ? translate_embed(x) : translate_answer(x);
}

/* ---- streams */

static int translate_flush(struct json_out *o)
{
	struct mod_translate *x = o->arg;
	struct iovec iov = { o->p, o->n };

	translate_make_room(x, o->n);
	if (o->n > 0 && !x->gone && sink_write(x->sink.next, &iov, 1, false) != 0)
		x->gone = true;
	o->n = 0;
	return x->gone ? -1 : 0;
}

static int translate_emit(void *arg, const struct chat_event *e)
{
	struct mod_translate *x = arg;
	struct translate *t = x->sink.req->wire.translate;

	if (x->over)
		return 0;
	if (x->ending && e->kind == EVENT_ERROR) /* of the codec's own: the end is missing */
		translate_spoiled(x, e->error->message);
	if (x->all != NULL)
		(void)chat_gather_event(x->all, e);
	else
		t->client->write_event(x->out, e, &x->jo);
	x->over = e->kind == EVENT_ERROR || e->kind == EVENT_END;
	return x->gone ? -1 : 0;
}

/* A whole event is in the gathered data. */
static void translate_event(struct mod_translate *x)
{
	struct req *r = x->sink.req;
	struct translate *t = r->wire.translate;
	struct chat_context cx = t->cx;
	struct arena scratch;

	arena_init(&scratch, &r->w->blocks, 0);
	cx.arena = &scratch;
	if (!x->over &&
		t->provider->read_event(x->in, &cx, sse_name(&x->sse), gather_text(&x->body),
			translate_emit, x) != 0 &&
		!x->gone && !x->over) {
		struct chat_error bad = { .status = 502,
			.message = arena_printf(&scratch,
				"The provider's stream cannot be translated: %s.",
				cx.fail[0] != '\0' ? cx.fail
						   : "an event is not as its API has it") };

		translate_spoiled(x, bad.message);
		translate_emit(x, &(struct chat_event){ .kind = EVENT_ERROR, .error = &bad });
	}
	arena_fini(&scratch);
	x->body.n = 0;
}

static int translate_too_large(struct mod_translate *x)
{
	static const struct chat_error large = { .status = 502,
		.message = {
			"An event of the provider's stream is too large to be translated.", 64 } };

	translate_spoiled(x, large.message);
	return translate_emit(x, &(struct chat_event){ .kind = EVENT_ERROR, .error = &large });
}

static int translate_feed(struct mod_translate *x, struct str s)
{
	struct translate *t = x->sink.req->wire.translate;
	struct str piece;
	size_t used;

	while (s.n > 0) {
		switch (sse_feed(&x->sse, s, &used, &piece)) {
		case SSE_DATA:
			if (!x->over &&
				gather_add(&x->body, &t->mem, piece, TRANSLATE_EVENT_MAX) != 0 &&
				translate_too_large(x) != 0)
				return -1;
			break;
		case SSE_EVENT_END: translate_event(x); break;
		case SSE_MORE:
		case SSE_COMMENT: break;
		}
		s = str_skip(s, used);
		if (x->gone)
			return -1;
	}
	return 0;
}

/* A stream for a client that asked for a whole answer. */
static int translate_gathered(struct mod_translate *x)
{
	const struct chat_answer *answer = chat_gather_answer(x->all);

	return answer != NULL ? translate_pass(x, write_answer, answer)
			      : translate_bad_answer(x, x->cx.fail);
}

static int translate_end(struct mod_translate *x)
{
	struct req *r = x->sink.req;
	struct translate *t = r->wire.translate;
	struct chat_context cx = t->cx;

	if (x->body.n > 0) /* the last event's blank line did not come */
		translate_event(x);
	x->ending = true;
	if (!x->over && t->provider->read_end(x->in, &cx, translate_emit, x) != 0 && x->gone)
		return -1;
	if (x->all != NULL)
		return translate_gathered(x);
	if (translate_flush(&x->jo) != 0)
		return -1;
	return sink_write(x->sink.next, NULL, 0, true);
}

static int translate_events(struct mod_translate *x, const struct iovec *in, int n, bool fin)
{
	for (int i = 0; i < n; i++)
		if (translate_feed(x, str_mk(in[i].iov_base, in[i].iov_len)) != 0)
			return -1;
	if (fin)
		return translate_end(x);
	return x->all == NULL ? translate_flush(&x->jo) : 0;
}

static int translate_write(struct sink *s, const struct iovec *in, int n, bool fin)
{
	struct mod_translate *x = TG_CONTAINER_OF(s, struct mod_translate, sink);

	if (x->gone) /* and the answer is read on to learn its cost */
		return fin ? sink_write(s->next, NULL, 0, true) : 0;
	return x->mode == MODE_EVENTS ? translate_events(x, in, n, fin)
				      : translate_whole(x, in, n, fin);
}

static const struct sink_ops translate_sink = { .name = "translate", .write = translate_write };

static int translate_open_out(struct mod_translate *x)
{
	struct translate *t = x->sink.req->wire.translate;
	char *p = arena_alloc(&t->mem, OUT_BYTES);

	x->cx.arena = &t->kept;
	x->out = t->client->out_open(&x->cx, &t->request);
	if (p == NULL || x->out == NULL)
		return -1;
	jo_init(&x->jo, p, OUT_BYTES);
	x->jo.flush = translate_flush;
	x->jo.arg = x;
	return 0;
}

static int translate_open(struct mod_translate *x)
{
	struct translate *t = x->sink.req->wire.translate;

	x->cx = t->cx;
	x->cx.fail[0] = '\0';
	x->cx.arena = &t->kept;
	sse_init(&x->sse);
	x->in = t->provider->in_open(&x->cx, &t->request);
	if (x->in == NULL)
		return -1;
	if (translate_is_stream(t))
		return translate_open_out(x);
	x->all = chat_gather_new(&x->cx);
	return x->all != NULL ? 0 : -1;
}

static int translate_response_head(struct req *r)
{
	struct mod_translate *x;

	if (r->wire.translate == NULL)
		return 0;
	x = arena_zalloc(&r->arena, sizeof *x);
	if (x == NULL)
		return -1;
	x->mode = r->status / 100 != 2                                              ? MODE_ERROR
		  : r->respond->from_sse && r->wire.translate->embed_client == NULL ? MODE_EVENTS
										    : MODE_ANSWER;
	sink_push(r, &x->sink, &translate_sink);
	return x->mode == MODE_EVENTS ? translate_open(x) : 0;
}

const struct tg_module mod_translate = {
	.name = "translate",
	.response_head = translate_response_head,
};
