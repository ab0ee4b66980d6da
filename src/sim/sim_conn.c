/*
 * sim_conn.c: the connection's turn: use what arrived, generate, write once, park. A turn ends when
 * it must wait for the peer or for a clock; parking says for which.
 */
#include "sim/sim_conn.h"

#include <stdlib.h>

#include "sim/sim_serve.h"
#include "sim/sim_text.h"

#define OUT_HIGH      65536     /* stop generating above */
#define TURN_BYTES    (1 << 20) /* then let the others have a turn */
#define KILL_DELAY_US 20000     /* so that what was sent arrives before the reset */
#define LINGER_US     1000000
#define READ_STEP_US  10000
#define DRIP_STEP_US  10000
#define DRIP_DEFAULT  1000
#define MAX_PIPELINE  65536
#define ENDS_SLACK    65536

struct event_end {
	uint64_t at;     /* bytes of the answer up to there */
	uint64_t tokens; /* generated up to there */
};

enum turn { TURN_AGAIN, TURN_WAIT, TURN_CLOSED };

static void conn_turn(struct sim_conn *c);

static void conn_free(struct sim_conn *c)
{
	list_del(&c->node);
	(void)event_del(&c->timer);
	stream_close(&c->s);
	sim_worker_buf_give(c->w, &c->in);
	sim_worker_buf_give(c->w, &c->out);
	sim_buf_fini(&c->ends);
	FINI_OBJ(c);
	free(c);
}

static size_t pending(const struct sim_conn *c)
{
	return c->out.n - c->out_off;
}

/* An event was generated: it ends in `out` at r->ev_end. */
static void event_push(struct sim_conn *c)
{
	const struct sim_req *r = c->r;
	struct event_end e = { .at = c->sent + (r->ev_end - c->out_off),
		.tokens = r->gen_tokens + r->gen_reasoning };

	if (c->ends_off > ENDS_SLACK) { /* a stream that is always behind */
		memmove(c->ends.p, c->ends.p + c->ends_off, c->ends.n - c->ends_off);
		c->ends.n -= c->ends_off;
		c->ends_off = 0;
	}
	sim_buf_add(&c->ends, str_mk((const char *)&e, sizeof e));
}

/* Bytes were sent: which events are out with them? */
static void events_pop(struct sim_conn *c)
{
	struct event_end e;

	while (c->ends_off < c->ends.n) {
		memcpy(&e, c->ends.p + c->ends_off, sizeof e);
		if (e.at > c->sent)
			return;
		c->delivered_events++;
		c->delivered_tokens = e.tokens;
		c->ends_off += sizeof e;
	}
	c->ends.n = c->ends_off = 0;
}

/* The request is over, however: its ledger line. */
static void conn_end_request(struct sim_conn *c, bool completed, bool cancelled)
{
	struct sim_req *r = c->r;
	struct sim_outcome o = { .completed = completed,
		.cancelled = cancelled,
		.delivered_events = r->sse ? c->delivered_events : 0,
		.delivered_tokens = r->sse ? c->delivered_tokens : 0,
		.sent = r->answered ? c->sent : 0 };

	if (r->sse)
		o.usage_delivered = r->usage_event != 0 && r->usage_event <= o.delivered_events &&
				    !sim_usage_hidden(r);
	else
		o.usage_delivered = r->shows_usage && c->generated && pending(c) == 0;
	c->r = NULL;
	sim_req_end(r, &o);
}

static void conn_die(struct sim_conn *c, bool cancelled)
{
	if (c->r != NULL)
		conn_end_request(c, false, cancelled);
	conn_free(c);
}

void sim_conn_abandon(struct sim_conn *c)
{
	CHECK_OBJ(c, SIM_CONN_MAGIC);
	conn_die(c, true);
}

/* ---- receiving */

/* A head that is no head: say so, and end the connection. */
static enum turn conn_refuse(struct sim_conn *c, enum http_error err)
{
	sim_buf_fmt(&c->out,
		"HTTP/1.1 %d Refused\r\ncontent-type: text/plain\r\ncontent-length: %zu\r\n"
		"connection: close\r\n\r\n%s\n",
		http_error_status(err), strlen(http_error_text(err)) + 1, http_error_text(err));
	(void)!stream_writev(&c->s, &(struct iovec){ c->out.p, c->out.n }, 1);
	if (c->r != NULL)
		c->r->status = http_error_status(err);
	conn_die(c, false);
	return TURN_CLOSED;
}

static enum turn conn_head(struct sim_conn *c)
{
	enum http_error err = HTTP_E_NONE;
	long n;

	if (c->cur.n == 0)
		return TURN_WAIT;
	n = http1_head_end(c->cur.p, c->cur.n, &c->head_scan, HTTP_MAX_HEAD, &err);
	if (n == 0)
		return TURN_WAIT;
	if (n > 0)
		c->r = sim_req_begin(c->w, str_mk(c->cur.p, (size_t)n), &err);
	if (c->r == NULL)
		return conn_refuse(c, err);
	if (c->trap) {
		conn_die(c, false);
		return TURN_CLOSED;
	}
	c->cur = str_skip(c->cur, (size_t)n);
	c->head_scan = 0;
	http1_body_init(&c->body, &c->r->head);
	c->state = SIM_CONN_BODY;
	if (c->r->head.expect_continue && c->cur.n == 0) {
		struct str go = STR("HTTP/1.1 100 Continue\r\n\r\n");

		(void)!stream_writev(&c->s, &(struct iovec){ (void *)go.p, go.n }, 1);
	}
	return TURN_AGAIN;
}

static int64_t jittered(struct sim_conn *c, int64_t us)
{
	int64_t span = us / 100 * c->w->conf->jitter_pct;

	if (span <= 0)
		return us;
	c->w->rng += 0x9e3779b97f4a7c15u;
	return us - span + (int64_t)(sim_mix(c->w->rng) % (uint64_t)(2 * span + 1));
}

static void conn_serve(struct sim_conn *c)
{
	if (c->out.p == NULL)
		c->out = sim_worker_buf_take(c->w);
	c->sent = c->delivered_events = c->delivered_tokens = 0;
	c->ends.n = c->ends_off = 0;
	c->stalled = false;
	c->drip_us = c->kill_us = 0;
	sim_req_serve(c->r, &c->out);
	c->generated = c->r->next == NULL;
	c->hold_us = c->r->delay_us == INT64_MAX ? INT64_MAX
						 : c->w->now.us + jittered(c, c->r->delay_us);
	c->due_us = c->hold_us;
	c->state = SIM_CONN_ANSWER;
}

static enum turn conn_body(struct sim_conn *c)
{
	for (;;) {
		struct str data = STR_NONE;
		size_t used = 0;
		enum body_rc rc = http1_body_feed(&c->body, c->cur.p, c->cur.n, &used, &data);

		c->cur = str_skip(c->cur, used);
		switch (rc) {
		case BODY_DATA: sim_req_body(c->r, data); break;
		case BODY_MORE: return TURN_WAIT;
		case BODY_END: conn_serve(c); return TURN_AGAIN;
		case BODY_BAD: return conn_refuse(c, c->body.err);
		}
	}
}

/* ---- answering */

static void conn_pace(struct sim_conn *c)
{
	const struct sim_req *r = c->r;
	uint64_t tokens = r->ev_tokens + r->ev_reasoning;

	if (r->sse && r->knobs.tps_milli != 0 && tokens != 0)
		c->due_us += jittered(
			c, (int64_t)((unsigned __int128)tokens * 1000000000u / r->knobs.tps_milli));
}

static void conn_generate(struct sim_conn *c)
{
	while (!c->generated && !c->stalled && pending(c) < OUT_HIGH && c->w->now.us >= c->due_us) {
		uint64_t before = c->r->n_events;
		enum sim_gen rc = sim_answer_generate(c->r);

		if (c->r->n_events != before)
			event_push(c);
		c->generated = rc == SIM_GEN_DONE;
		c->stalled = rc == SIM_GEN_STALLED;
		conn_pace(c);
	}
}

/* How many bytes may be written now, with the byte-level faults. */
static size_t conn_allowance(struct sim_conn *c)
{
	const struct sim_req *r = c->r;
	size_t n = pending(c);
	uint64_t rate;

	n = (size_t)TG_MIN((uint64_t)n, r->limit - c->sent);
	if (!sim_fault_has(&r->knobs.fault, SIM_F_SLOW_DRIP))
		return n;
	if (c->w->now.us < c->drip_us)
		return 0;
	rate = TG_MAX(sim_fault_arg(&r->knobs.fault, SIM_F_SLOW_DRIP, DRIP_DEFAULT), (uint64_t)1);
	if (n != 0)
		c->drip_us =
			c->w->now.us + TG_MAX((int64_t)DRIP_STEP_US, (int64_t)(1000000 / rate));
	return (size_t)TG_MIN((uint64_t)n, TG_MAX(rate * DRIP_STEP_US / 1000000, (uint64_t)1));
}

static void conn_compact(struct sim_conn *c)
{
	if (c->out_off == c->out.n) {
		c->out.n = c->out_off = 0;
	} else if (c->out_off > 4 * OUT_HIGH) {
		memmove(c->out.p, c->out.p + c->out_off, pending(c));
		c->out.n = pending(c);
		c->out_off = 0;
	}
}

/* Bytes written, 0 when nothing may or can be, -1 when the peer is gone. */
static ssize_t conn_flush(struct sim_conn *c)
{
	size_t n = conn_allowance(c);
	ssize_t done;

	if (n == 0)
		return 0;
	done = stream_writev(&c->s, &(struct iovec){ c->out.p + c->out_off, n }, 1);
	if (done == STREAM_AGAIN || (done > 0 && (size_t)done < n))
		c->blocked = true;
	if (done == STREAM_AGAIN)
		return 0;
	if (done <= 0)
		return -1;
	c->sent += (uint64_t)done;
	events_pop(c);
	c->out_off += (size_t)done;
	return done;
}

static enum turn conn_kill(struct sim_conn *c)
{
	struct linger lg = { .l_onoff = 1 };

	if (c->r->kill == SIM_KILL_RESET && c->sent != 0) {
		if (c->kill_us == 0)
			c->kill_us = c->w->now.us + KILL_DELAY_US;
		if (c->w->now.us < c->kill_us)
			return TURN_WAIT;
	}
	if (c->r->kill == SIM_KILL_RESET)
		(void)setsockopt(c->s.fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
	conn_die(c, false);
	return TURN_CLOSED;
}

static enum turn conn_answered(struct sim_conn *c)
{
	bool close = c->r->close || sim_fault_has(&c->r->knobs.fault, SIM_F_CLOSE_IDLE);

	if (c->r->kill == SIM_KILL_FIN && c->r->limit == UINT64_MAX)
		return conn_kill(c);
	c->trap = sim_fault_has(&c->r->knobs.fault, SIM_F_CLOSE_REUSE);
	conn_end_request(c, !c->r->failed, false);
	sim_worker_buf_give(c->w, &c->out);
	if (!close) {
		c->state = SIM_CONN_HEAD;
		return TURN_AGAIN;
	}
	stream_shutdown_write(&c->s);
	c->cur = STR("");
	c->state = SIM_CONN_LINGER;
	c->kill_us = c->w->now.us + LINGER_US;
	return TURN_WAIT;
}

static enum turn conn_answer(struct sim_conn *c)
{
	size_t total = 0;

	c->blocked = false;
	if (c->w->now.us < c->hold_us)
		return TURN_WAIT;
	for (;;) {
		ssize_t n;

		conn_generate(c);
		n = conn_flush(c);
		if (n < 0) {
			conn_die(c, true);
			return TURN_CLOSED;
		}
		if (c->sent == c->r->limit)
			return conn_kill(c);
		conn_compact(c);
		if (c->generated && pending(c) == 0)
			return conn_answered(c);
		total += (size_t)n;
		if (n == 0 || c->blocked)
			return TURN_WAIT;
		if (total > TURN_BYTES) {
			c->blocked = true; /* write readiness brings it back at once */
			return TURN_WAIT;
		}
	}
}

/* ---- parking and waking */

/* The next moment the clock matters, or INT64_MAX. */
static int64_t conn_wake_us(const struct sim_conn *c)
{
	int64_t at = INT64_MAX;

	if (c->state == SIM_CONN_LINGER)
		return c->kill_us;
	if (c->state == SIM_CONN_BODY)
		return c->read_us > c->w->now.us ? c->read_us : INT64_MAX;
	if (c->state != SIM_CONN_ANSWER)
		return INT64_MAX;
	if (c->hold_us > c->w->now.us)
		return c->hold_us;
	if (c->kill_us != 0)
		return c->kill_us;
	if (!c->generated && !c->stalled && pending(c) < OUT_HIGH)
		at = c->due_us;
	if (pending(c) != 0 && c->drip_us > c->w->now.us)
		at = TG_MIN(at, c->drip_us);
	return at;
}

/* Bytes not used go to `in`; an empty `in` gives its memory back. */
static void conn_keep_input(struct sim_conn *c)
{
	if (c->cur.n == 0) {
		sim_worker_buf_give(c->w, &c->in);
	} else if (c->in.p != NULL && c->cur.p >= c->in.p && c->cur.p < c->in.p + c->in.cap) {
		memmove(c->in.p, c->cur.p, c->cur.n);
		c->in.n = c->cur.n;
	} else {
		c->in = sim_worker_buf_take(c->w);
		sim_buf_add(&c->in, c->cur);
	}
	c->cur = STR("");
}

static void conn_park(struct sim_conn *c)
{
	int64_t wake, after;
	bool rd, wr;

	conn_keep_input(c);
	wake = conn_wake_us(c);
	rd = !(c->state == SIM_CONN_ANSWER && c->in.n >= MAX_PIPELINE) &&
	     !(c->state == SIM_CONN_BODY && c->read_us > c->w->now.us);
	wr = c->state == SIM_CONN_ANSWER && c->blocked;
	stream_want(&c->s, rd, wr);
	if (wake == INT64_MAX) {
		if (event_pending(&c->timer, EV_TIMEOUT, NULL))
			(void)event_del(&c->timer);
		return;
	}
	after = TG_MAX(wake - c->w->now.us, (int64_t)0);
	(void)event_add(&c->timer, &(struct timeval){ after / 1000000, after % 1000000 });
}

static void conn_turn(struct sim_conn *c)
{
	enum turn t = TURN_AGAIN;

	while (t == TURN_AGAIN) {
		switch (c->state) {
		case SIM_CONN_HEAD: t = conn_head(c); break;
		case SIM_CONN_BODY: t = conn_body(c); break;
		case SIM_CONN_ANSWER: t = conn_answer(c); break;
		case SIM_CONN_LINGER: t = TURN_WAIT; break;
		}
	}
	if (t == TURN_WAIT)
		conn_park(c);
}

static void clock_refresh(struct sim_worker *w)
{
	w->now = clock_mono();
	w->wall = clock_wall();
	if (w->wall.us / 1000000 != w->date_s) {
		w->date_s = w->wall.us / 1000000;
		(void)clock_http(w->date, w->wall);
	}
}

/* One read into w->rbuf, or behind what `in` holds. False when the connection is over. */
static bool conn_read(struct sim_conn *c)
{
	size_t want = SIM_READ_BYTES;
	ssize_t n;

	if (c->state == SIM_CONN_BODY && c->r->knobs.read_rate != 0) {
		want = (size_t)TG_MIN(
			TG_MAX(c->r->knobs.read_rate * READ_STEP_US / 1000000, (uint64_t)1),
			(uint64_t)SIM_READ_BYTES);
		c->read_us = c->w->now.us + READ_STEP_US;
	}
	n = stream_read(&c->s, c->w->rbuf, want);
	if (n == STREAM_AGAIN)
		return true;
	if (n <= 0) {
		conn_die(c, c->state == SIM_CONN_ANSWER || c->state == SIM_CONN_BODY);
		return false;
	}
	if (c->state == SIM_CONN_LINGER)
		return true;
	if (c->in.n != 0) {
		sim_buf_add(&c->in, str_mk(c->w->rbuf, (size_t)n));
		c->cur = sim_buf_str(&c->in);
	} else {
		c->cur = str_mk(c->w->rbuf, (size_t)n);
	}
	return true;
}

static void on_ready(struct stream *s, unsigned ready, void *arg)
{
	struct sim_conn *c = arg;

	(void)s;
	CHECK_OBJ(c, SIM_CONN_MAGIC);
	clock_refresh(c->w);
	c->cur = c->in.n != 0 ? sim_buf_str(&c->in) : STR("");
	if ((ready & STREAM_CAN_READ) != 0 && !conn_read(c))
		return;
	conn_turn(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sim_conn *c = arg;

	(void)fd;
	(void)what;
	CHECK_OBJ(c, SIM_CONN_MAGIC);
	clock_refresh(c->w);
	if (c->state == SIM_CONN_LINGER) {
		conn_die(c, false);
		return;
	}
	c->cur = c->in.n != 0 ? sim_buf_str(&c->in) : STR("");
	conn_turn(c);
}

void sim_conn_new(struct sim_worker *w, int fd, bool tls)
{
	struct sim_conn *c = calloc(1, sizeof *c);

	tg_assert(c != NULL);
	INIT_OBJ(c, SIM_CONN_MAGIC);
	c->w = w;
	list_push_back(&w->conns, &c->node);
	stream_init(&c->s, w->base, fd, on_ready, c);
	tg_assert(evtimer_assign(&c->timer, w->base, on_timer, c) == 0);
	if (tls && stream_tls_accept(&c->s, w->conf->tls) != 0) {
		conn_free(c);
		return;
	}
	stream_want(&c->s, true, false);
}
