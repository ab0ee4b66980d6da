/*
 * mod_deframe.c: answers in AWS event streams (Bedrock's ConverseStream) as server-sent events, for
 * those who come behind: the meter and the translation. A sink in front of all others:
 *
 *	frame :event-type contentBlockDelta, payload {...}   event: contentBlockDelta
 *	                                                     data: {"contentBlockDelta":{...}}
 *	frame :exception-type throttlingException, {...}     event: exception
 *	                                                     data:
 *{"exception":"throttlingException","detail":{...}}
 *
 * A message is passed on when its checksum was right, never before; one that is broken ends the
 * stream with an exception of ours. Memory: the translation's, as much as the largest message.
 * Runs on the request's worker.
 */
#include "core/attempt.h"
#include "core/provider.h"
#include "core/respond.h"
#include "core/sink.h"
#include "core/translate.h"
#include "modules.h"
#include "proto/eventstream.h"
#include "proto/json_out.h"

#define FIRST_BYTES 4096
#define DETAIL_MAX  1024

struct mod_deframe {
	struct sink sink;
	struct eventstream stream;
	struct arena_buf
		out; /* events: [0..ready) may be passed on, the rest is the message in work */
	size_t ready;
	bool broken; /* what follows is passed over */
};

static int deframe_put(struct mod_deframe *d, struct str s)
{
	return arena_buf_put(&d->sink.req->wire.translate->mem, &d->out, s, FIRST_BYTES);
}

#define deframe_lit(d, literal) deframe_put((d), STR(literal))

/* Names are words of the service's; anything else would be more than a name. */
static struct str deframe_word(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
			strchr("_.-", c) == NULL)
			return STR("unknown");
	}
	return name.n > 0 ? name : STR("unknown");
}

/* JSON with the message in it, for errors that have no payload. */
static int deframe_detail(struct mod_deframe *d, struct str message)
{
	char text[DETAIL_MAX * 6 + 64];
	struct json_out o;

	jo_init(&o, text, sizeof text);
	jo_obj(&o);
	jo_m_text(&o, "message", str_mk(message.p, TG_MIN(message.n, (size_t)DETAIL_MAX)));
	jo_obj_end(&o);
	return deframe_put(d, str_mk(text, o.n));
}

static int deframe_open(struct mod_deframe *d)
{
	struct eventstream *e = &d->stream;
	struct str name = deframe_word(evs_name(e));
	bool event = e->type == EVS_EVENT;
	int rc;

	rc = event ? deframe_lit(d, "event: ")
		   : deframe_lit(d, "event: exception\ndata: {\"exception\":\"");
	rc |= deframe_put(d, name);
	if (event) {
		rc |= deframe_lit(d, "\ndata: {\"");
		rc |= deframe_put(d, name);
		rc |= deframe_lit(d, "\":");
	} else {
		rc |= deframe_lit(d, "\",\"detail\":");
	}
	if (e->type == EVS_ERROR)
		rc |= deframe_detail(d, evs_message(e));
	else if (e->payload_bytes == 0)
		rc |= deframe_lit(d, "null");
	return rc;
}

/* A line's end in JSON is white space; in events it would end the line. */
static int deframe_payload(struct mod_deframe *d, struct str piece)
{
	size_t from = d->out.n;

	if (d->stream.type == EVS_ERROR)
		return 0;
	if (d->stream.payload_bytes > TRANSLATE_EVENT_MAX || deframe_put(d, piece) != 0)
		return -1;
	for (size_t i = from; i < d->out.n; i++)
		if (d->out.p[i] == '\n' || d->out.p[i] == '\r')
			d->out.p[i] = ' ';
	return 0;
}

static int deframe_close(struct mod_deframe *d)
{
	if (deframe_lit(d, "}\n\n") != 0)
		return -1;
	d->ready = d->out.n;
	return 0;
}

/* Nothing more of this stream can be read. */
static int deframe_break(struct mod_deframe *d, const char *why)
{
	d->broken = true;
	d->out.n = d->ready;
	if (deframe_lit(d,
		    "event: exception\ndata: {\"exception\":\"modelStreamErrorException\","
		    "\"detail\":{\"message\":\"The provider's event stream is broken: ") != 0 ||
		deframe_put(d, str_z(why)) != 0 || deframe_lit(d, ".\"}") != 0)
		return -1;
	return deframe_close(d);
}

static int deframe_feed(struct mod_deframe *d, struct str in)
{
	while (!d->broken) {
		struct str piece = STR_NONE;
		size_t used;
		int rc = 0;

		switch (evs_feed(&d->stream, in, &used, &piece)) {
		case EVS_MORE: return 0;
		case EVS_HEAD: rc = deframe_open(d); break;
		case EVS_DATA: rc = deframe_payload(d, piece); break;
		case EVS_END: rc = deframe_close(d); break;
		case EVS_BAD: return deframe_break(d, d->stream.err);
		}
		if (rc != 0)
			return deframe_break(d, "a message is too large");
		in = str_skip(in, used);
	}
	return 0;
}

static int deframe_write(struct sink *s, const struct iovec *in, int n, bool fin)
{
	struct mod_deframe *d = TG_CONTAINER_OF(s, struct mod_deframe, sink);
	struct iovec out;
	int rc = 0;

	for (int i = 0; i < n && rc == 0; i++)
		rc = deframe_feed(d, str_mk(in[i].iov_base, in[i].iov_len));
	if (fin && rc == 0 && !d->broken && !evs_at_border(&d->stream))
		rc = deframe_break(d, "it ended within a message");
	if (rc != 0)
		d->broken = true;
	if (d->ready == 0)
		return fin ? sink_write(s->next, NULL, 0, true) : 0;
	out = (struct iovec){ d->out.p, d->ready };
	rc = sink_write(s->next, &out, 1, fin);
	memmove(d->out.p, d->out.p + d->ready, d->out.n - d->ready);
	d->out.n -= d->ready;
	d->ready = 0;
	return rc;
}

static const struct sink_ops deframe_sink = { .name = "deframe", .write = deframe_write };

static int deframe_response_head(struct req *r)
{
	struct mod_deframe *d;

	if (!r->respond->eventstream)
		return 0;
	d = arena_zalloc(&r->arena, sizeof *d);
	if (d == NULL)
		return -1;
	evs_init(&d->stream);
	sink_push(r, &d->sink, &deframe_sink);
	return 0;
}

const struct tg_module mod_deframe = {
	.name = "deframe",
	.response_head = deframe_response_head,
};
