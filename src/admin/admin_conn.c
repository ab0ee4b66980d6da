/*
 * admin_conn.c: HTTP/1.1 on one admin connection. Owns the connection struct; control thread.
 *
 *	HEAD --head complete--> (route, token) --> BODY --> handler --> WRITE --keep-alive--> HEAD
 *	                              |refused                          |last
 *	                              +--------------------> WRITE      +--> LINGER --> freed
 *
 * A step either moves to another state or waits for its readiness; the timer ends whatever takes
 * too long.
 */
#include "admin/admin_int.h"

#include <stdlib.h>

enum progress { GO_ON, WAIT, GONE };

static void set_state(struct admin_conn *c, enum admin_state state)
{
	c->state = state;
	stream_want(&c->stream, state != ADMIN_WRITE && state != ADMIN_WORK, state == ADMIN_WRITE);
}

static void arm(struct admin_conn *c, int64_t after_us)
{
	timer_wheel_now_set(&c->admin->wheel, clock_mono());
	timer_arm(&c->admin->wheel, &c->timer, after_us);
}

static void put_date(struct http_out *o)
{
	char date[CLOCK_HTTP_LEN];

	http_out_field(o, STR("date"), str_mk(date, clock_http(date, clock_wall())));
}

/* The reply is written: compose its head and begin to send. */
static void send_reply(struct admin_conn *c)
{
	struct http_out *o = &c->out_head;

	if (c->reply.body.full)
		admin_reply_error(&c->reply, 500, "too_large",
			"the answer is larger than this listener sends");
	http_out_init(o, c->out_text, sizeof c->out_text);
	http_out_status(o, c->reply.status);
	put_date(o);
	http_out_field(o, STR("content-type"), str_z(c->reply.type));
	http_out_field_u64(o, STR("content-length"), c->reply.body.n);
	http_out_lit(o, "cache-control: no-store\r\nx-content-type-options: nosniff\r\n");
	http_out_str(o, http_out_text(&c->reply.fields));
	http_out_field(o, STR("connection"), c->close_after ? STR("close") : STR("keep-alive"));
	http_out_end(o);
	tg_assert(http_out_ok(o));
	c->sent = 0;
	arm(c, c->admin->timeout_us);
	set_state(c, ADMIN_WRITE);
}

static void refuse(struct admin_conn *c, unsigned status, const char *code, const char *why)
{
	admin_reply_error(&c->reply, status, code, "%s", why);
	c->close_after = true;
	send_reply(c);
}

static void refuse_http(struct admin_conn *c, enum http_error e)
{
	refuse(c, (unsigned)http_error_status(e), "bad_request", http_error_text(e));
}

static bool has_body(const struct http_head *h)
{
	return h->framing == HTTP_BODY_CHUNKED ||
	       (h->framing == HTTP_BODY_LENGTH && h->content_length > 0);
}

/* Expect: 100-continue. The socket is empty here, so a write that does not fit means a dead peer.
 */
static int say_continue(struct admin_conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = { .iov_base = (void *)text, .iov_len = sizeof text - 1 };

	return stream_writev(&c->stream, &iov, 1) == (ssize_t)iov.iov_len ? 0 : -1;
}

void admin_conn_reply(struct admin_conn *c)
{
	CHECK_OBJ(c, ADMIN_CONN_MAGIC);
	send_reply(c);
}

static void handle_slow(struct admin_conn *c)
{
	if (admin_job_start(c) != 0) {
		refuse(c, 503, "busy", "as many slow requests as are worked on at once are");
		return;
	}
	arm(c, ADMIN_JOB_US);
	set_state(c, ADMIN_WORK);
}

static void handle(struct admin_conn *c)
{
	c->req.body = outbuf_text(&c->payload);
	if (c->route->slow) {
		handle_slow(c);
		return;
	}
	c->route->handle(&c->reply, &c->req, c->admin->ctx);
	send_reply(c);
}

/* A parsed head: find out who answers it, and whether a body has to come first. */
static enum progress on_head(struct admin_conn *c)
{
	const struct http_head *h = &c->head;

	c->close_after = !h->keep_alive;
	c->no_body = h->method == HTTP_M_HEAD;
	c->route = admin_route_find(c);
	if (c->route == NULL) {
		c->close_after = c->close_after || has_body(h); /* it is not worth reading */
		send_reply(c);
	} else if (h->framing == HTTP_BODY_LENGTH && h->content_length > ADMIN_BODY_MAX) {
		refuse(c, 413, "too_large", "a request body has at most 1 MB here");
	} else if (!has_body(h)) {
		handle(c);
	} else {
		if (h->expect_continue && c->in_n == c->head_len && say_continue(c) != 0)
			return GONE;
		http1_body_init(&c->framing, h);
		set_state(c, ADMIN_BODY);
	}
	return GO_ON;
}

static enum progress step_head(struct admin_conn *c)
{
	enum http_error e = HTTP_E_NONE;
	long n = http1_head_end(c->in, c->in_n, &c->scan, ADMIN_HEAD_MAX, &e);

	if (n == 0)
		return WAIT;
	if (n < 0 || http1_request_parse(c->in, (size_t)n, &c->head, &e) != 0) {
		refuse_http(c, e);
		return GO_ON;
	}
	c->head_len = (size_t)n;
	return on_head(c);
}

/* Drop used bytes behind the head (which stays: the request points into it). */
static void drop(struct admin_conn *c, size_t used)
{
	char *at = c->in + c->head_len;

	memmove(at, at + used, c->in_n - c->head_len - used);
	c->in_n -= used;
}

static enum progress step_body(struct admin_conn *c)
{
	size_t used;
	struct str data;

	switch (http1_body_feed(
		&c->framing, c->in + c->head_len, c->in_n - c->head_len, &used, &data)) {
	case BODY_DATA:
		if (data.n > ADMIN_BODY_MAX - c->payload.n) {
			refuse(c, 413, "too_large", "a request body has at most 1 MB here");
			return GO_ON;
		}
		outbuf_put(&c->payload, data);
		drop(c, used);
		return GO_ON;
	case BODY_MORE: drop(c, used); return WAIT;
	case BODY_END:
		drop(c, used);
		handle(c);
		return GO_ON;
	case BODY_BAD: refuse_http(c, c->framing.err); return GO_ON;
	}
	return GONE;
}

/* The answer is out: on to the next request, whose bytes may be here already. */
static enum progress next_request(struct admin_conn *c)
{
	outbuf_fini(&c->payload);
	admin_reply_fini(&c->reply);
	admin_reply_init(&c->reply);
	if (c->close_after) {
		stream_shutdown_write(&c->stream);
		arm(c, ADMIN_LINGER_US);
		c->in_n = 0;
		set_state(c, ADMIN_LINGER);
		return WAIT;
	}
	memmove(c->in, c->in + c->head_len, c->in_n - c->head_len);
	c->in_n -= c->head_len;
	c->scan = 0;
	arm(c, c->admin->timeout_us);
	set_state(c, ADMIN_HEAD);
	return GO_ON;
}

static enum progress step_write(struct admin_conn *c)
{
	struct str head = http_out_text(&c->out_head);
	struct str body = c->no_body ? STR_NONE : outbuf_text(&c->reply.body);

	while (c->sent < head.n + body.n) {
		size_t in_head = TG_MIN(c->sent, head.n), in_body = c->sent - in_head;
		struct iovec iov[2] = {
			{ .iov_base = (void *)(head.p + in_head), .iov_len = head.n - in_head },
			{ .iov_base = (void *)(body.p + in_body), .iov_len = body.n - in_body },
		};
		int skip = iov[0].iov_len == 0, n = iov[1].iov_len == 0 ? 1 : 2 - skip;
		ssize_t put = stream_writev(&c->stream, iov + skip, n);

		if (put == STREAM_AGAIN)
			return WAIT;
		if (put <= 0)
			return GONE;
		c->sent += (size_t)put;
	}
	return next_request(c);
}

static enum progress step(struct admin_conn *c)
{
	switch (c->state) {
	case ADMIN_HEAD: return step_head(c);
	case ADMIN_BODY: return step_body(c);
	case ADMIN_WORK: return WAIT;
	case ADMIN_WRITE: return step_write(c);
	case ADMIN_LINGER: c->in_n = 0; return WAIT;
	}
	return GONE;
}

/* Bytes into c->in. The states that read always leave room: a head ends or is refused below the
 * maximum. */
static enum progress fill(struct admin_conn *c)
{
	ssize_t n;

	tg_assert(c->in_n < sizeof c->in);
	n = stream_read(&c->stream, c->in + c->in_n, sizeof c->in - c->in_n);
	if (n == STREAM_AGAIN)
		return WAIT;
	if (n <= 0)
		return GONE;
	c->in_n += (size_t)n;
	return GO_ON;
}

static void on_ready(struct stream *s, unsigned ready, void *arg)
{
	struct admin_conn *c = arg;
	enum progress p = GO_ON;

	(void)s;
	CHECK_OBJ(c, ADMIN_CONN_MAGIC);
	if ((ready & STREAM_CAN_READ) != 0 && c->state != ADMIN_WRITE && c->state != ADMIN_WORK)
		p = fill(c);
	while (p == GO_ON)
		p = step(c);
	if (p == GONE)
		admin_conn_free(c);
}

static void on_timer(struct timer *t)
{
	admin_conn_free(TG_CONTAINER_OF(t, struct admin_conn, timer));
}

void admin_conn_new(struct admin *a, int fd)
{
	struct admin_conn *c = malloc(sizeof *c);

	tg_assert(c != NULL);
	c->magic = ADMIN_CONN_MAGIC;
	c->admin = a;
	c->in_n = c->scan = c->head_len = 0;
	c->close_after = c->no_body = false;
	c->job = NULL;
	outbuf_init(&c->payload);
	admin_reply_init(&c->reply);
	list_push_front(&a->conns, &c->node);
	a->n_conns++;
	stream_init(&c->stream, a->base, fd, on_ready, c);
	timer_init(&c->timer, on_timer);
	arm(c, a->timeout_us);
	set_state(c, ADMIN_HEAD);
}

void admin_conn_free(struct admin_conn *c)
{
	struct admin *a = c->admin;

	CHECK_OBJ(c, ADMIN_CONN_MAGIC);
	if (c->job != NULL)
		admin_job_forget(c->job);
	timer_disarm(&a->wheel, &c->timer);
	stream_close(&c->stream);
	list_del(&c->node);
	a->n_conns--;
	outbuf_fini(&c->payload);
	admin_reply_fini(&c->reply);
	FINI_OBJ(c);
	free(c);
	admin_listen_again(a);
}
