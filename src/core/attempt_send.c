/*
 * attempt_send.c: the request on its way to the provider: whole from the request's memory, or in
 * parts as the client's body comes. The request's worker.
 */
#include <string.h>

#include "base/num.h"
#include "core/attempt_int.h"
#include "core/upload.h"

static void attempt_sent(struct attempt *a)
{
	struct req *r = a->req;

	a->send_done = true;
	r->leg.sent_whole = true;
	a->sent_at = clock_mono();
	if (r->at.sent == 0) {
		r->at.sent = mono_since(a->sent_at, r->start);
		r->overhead_us = r->at.sent - TG_MAX(r->at.body, r->at.head);
		stat_hist_add(&r->w->stats.overhead, r->overhead_us);
	}
	if (a->state == ATTEMPT_SEND)
		attempt_clock(a, FAIL_TIMEOUT_FIRST_BYTE, a->target->clocks.first_byte_us);
	stream_want(&a->up->st, !a->paused, false);
}

/* 1 all written, 0 the socket is full, -1 failed. */
static int attempt_write_iov(struct attempt *a)
{
	ssize_t n;

	while (a->iov_at < a->iov_n) {
		n = stream_writev(&a->up->st, a->iov + a->iov_at, a->iov_n - a->iov_at);
		if (n == STREAM_AGAIN)
			return 0;
		if (n < 0)
			return -1;
		a->req->leg.sent |= n > 0;
		while (a->iov_at < a->iov_n && (size_t)n >= a->iov[a->iov_at].iov_len)
			n -= (ssize_t)a->iov[a->iov_at++].iov_len;
		if (a->iov_at < a->iov_n) {
			a->iov[a->iov_at].iov_base = (char *)a->iov[a->iov_at].iov_base + n;
			a->iov[a->iov_at].iov_len -= (size_t)n;
		}
	}
	return 1;
}

/* The provider may have answered early and closed: read that first, in attempt_on_ready. */
static void attempt_send_failed(struct attempt *a)
{
	a->send_failed = true;
	stream_want(&a->up->st, !a->paused, false);
	if (a->state == ATTEMPT_SEND)
		attempt_clock(a, FAIL_RESET, a->target->clocks.send_us);
}

/* Put the next part of a streamed body into iov. False when there is nothing to write now. */
static bool attempt_next_upload(struct attempt *a)
{
	struct upload *u = a->req->upload;
	size_t k = 0, n = u->q.len;

	if (a->last_chunk || (n == 0 && !(u->ended && u->chunked)))
		return false;
	a->iov_at = 0;
	a->iov_n = 0;
	a->chunk_bytes = 0;
	if (n == 0) {
		a->iov[a->iov_n++] = (struct iovec){ (char *)(uintptr_t) "0\r\n\r\n", 5 };
		a->last_chunk = true;
		return true;
	}
	if (u->chunked)
		a->iov_n = 1;
	a->iov_n += bufq_iov(&u->q, a->iov + a->iov_n, ATTEMPT_IOV - 2);
	for (int i = u->chunked; i < a->iov_n; i++)
		a->chunk_bytes += a->iov[i].iov_len;
	if (u->chunked) {
		k = num_put_hex(a->chunk_head, a->chunk_bytes);
		memcpy(a->chunk_head + k, "\r\n", 2);
		a->iov[0] = (struct iovec){ a->chunk_head, k + 2 };
		a->iov[a->iov_n++] = (struct iovec){ (char *)(uintptr_t) "\r\n", 2 };
	}
	u->started = true;
	return true;
}

/* The whole of a streamed body has been written. */
static bool attempt_upload_complete(const struct attempt *a)
{
	const struct upload *u = a->req->upload;

	return u->ended && u->q.len == 0 && (a->last_chunk || !u->chunked);
}

void attempt_pump_upload(struct attempt *a)
{
	struct upload *u = a->req->upload;
	int rc;

	if (a->state == ATTEMPT_CONNECT || a->send_done)
		return;
	for (;;) {
		rc = attempt_write_iov(a);
		if (rc < 0) {
			attempt_send_failed(a);
			return;
		}
		if (rc == 0)
			break;
		bufq_consume(&u->q, a->chunk_bytes);
		a->chunk_bytes = 0;
		if (u->q.len < UPLOAD_LOW && !a->req->body_done)
			conn_want_body(a->req->conn, true);
		if (attempt_upload_complete(a)) {
			attempt_sent(a);
			return;
		}
		if (!attempt_next_upload(a)) {
			/* Waiting for the client, whose own clock runs. */
			timer_disarm(&a->req->w->wheel, &a->clock);
			stream_want(&a->up->st, !a->paused, false);
			return;
		}
	}
	attempt_clock(a, FAIL_TIMEOUT_SEND, a->target->clocks.send_us);
	stream_want(&a->up->st, !a->paused, true);
}

void attempt_send(struct attempt *a)
{
	int rc;

	if (a->req->upload != NULL) {
		attempt_pump_upload(a);
		return;
	}
	rc = attempt_write_iov(a);
	if (rc < 0) {
		attempt_send_failed(a);
		return;
	}
	if (rc == 1) {
		attempt_sent(a);
		return;
	}
	attempt_clock(a, FAIL_TIMEOUT_SEND, a->target->clocks.send_us);
	stream_want(&a->up->st, !a->paused, true);
}

void attempt_on_connected(struct attempt *a, struct upconn *u, bool reused)
{
	CHECK_OBJ(a, ATTEMPT_MAGIC);
	a->up = u;
	a->reused = reused;
	a->sent_before = u->st.sent;
	wc_add(&a->req->w->stats, reused ? WC_UP_REUSES : WC_UP_CONNECTS, 1);
	attempt_set_state(a, ATTEMPT_SEND);
	attempt_send(a);
}
