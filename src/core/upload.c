/*
 * upload.c: see upload.h. The multipart scanner looks at every byte before it may leave the queue.
 */
#include <string.h>

#include "core/attempt.h"
#include "core/plan.h"
#include "core/reply.h"
#include "core/req.h"
#include "core/upload.h"

int upload_init(struct req *r)
{
	struct upload *u = arena_zalloc(&r->arena, sizeof(*u));

	if (u == NULL)
		return -1;
	u->req = r;
	u->form = r->body_kind == BODY_KIND_FORM;
	u->model_known = !u->form;
	u->chunked = r->head.framing != HTTP_BODY_LENGTH;
	u->length = r->head.content_length;
	bufq_init(&u->q, &r->w->blocks, UPLOAD_MAX);
	if (u->form) {
		u->mp = arena_alloc(&r->arena, sizeof(*u->mp));
		if (u->mp == NULL)
			return -1;
		if (multipart_init(u->mp, http_get(&r->head, HTTP_N_CONTENT_TYPE), STR("model")) !=
			0)
			u->mp->err =
				"Content-Type is not multipart/form-data with a valid boundary";
		else
			u->mp->err = NULL;
	}
	r->upload = u;
	return 0;
}

static int upload_refuse(struct upload *u, const char *why)
{
	struct req *r = u->req;

	if (r->attempt != NULL)
		attempt_cancel(r->attempt);
	r->keep_alive = false;
	reply_error(r, TG_E_INVALID_MULTIPART, "The multipart body is malformed: %s.", why);
	return -1;
}

/* Let the scanner see the bytes. -1: refused. */
static int upload_scan(struct upload *u, struct str data)
{
	enum multipart_rc rc;
	size_t used;

	if (u->mp->err != NULL)
		return upload_refuse(u, u->mp->err);
	while (data.n > 0) {
		rc = multipart_feed(u->mp, data, &used);
		data = str_skip(data, used);
		if (rc == MULTIPART_BAD)
			return upload_refuse(u, u->mp->err);
		if (rc == MULTIPART_FOUND) {
			u->model_found = true;
			u->model = u->mp->value;
			u->value_from = u->mp->value_from;
			u->value_to = u->mp->value_to;
			if (u->started && upload_late_model(u) != 0)
				return -1;
			u->model_known = true;
		}
		if (rc == MULTIPART_MORE || rc == MULTIPART_END)
			break;
	}
	return 0;
}

int upload_take(struct upload *u, struct str data)
{
	if (u->form && upload_scan(u, data) != 0)
		return -1;
	if (bufq_append(&u->q, data) != 0) {
		u->req->keep_alive = false;
		if (u->req->attempt != NULL)
			attempt_cancel(u->req->attempt);
		reply_error(u->req, TG_E_OVERLOADED, NULL);
		return -1;
	}
	if (u->q.len >= UPLOAD_HIGH)
		conn_want_body(u->req->conn, false);
	return 0;
}

int upload_end(struct upload *u)
{
	struct req *r = u->req;

	u->ended = true;
	u->model_known = true;
	/* Bytes went out in the hope of a model: without their end they are no request yet. */
	if (u->form && u->model.n == 0 && r->ep.deployment.n == 0 && r->attempt != NULL &&
		!r->head_sent) {
		attempt_cancel(r->attempt);
		r->keep_alive = false;
		reply_error(r, TG_E_MISSING_MODEL, "The form has no field 'model'.");
		return -1;
	}
	return 0;
}

bool upload_ready(const struct upload *u)
{
	return u->model_known || u->ended || u->q.len >= UPLOAD_HIGH;
}

/*
 * The queue with the bytes from..to replaced. -1 when memory is short: then it is as it was.
 */
static int upload_splice(struct upload *u, uint64_t from, uint64_t to, struct str with)
{
	struct iovec iov[UPLOAD_MAX / 4096];
	int n = bufq_iov(&u->q, iov, (int)TG_ARRAY_LEN(iov)), rc;
	struct bufq out;
	uint64_t at = 0;

	bufq_init(&out, u->q.pool, u->q.max_bytes + with.n);
	rc = from == 0 ? bufq_append(&out, with) : 0;
	for (int i = 0; i < n && rc == 0; i++) {
		struct str s = str_mk(iov[i].iov_base, iov[i].iov_len);
		size_t before = at < from ? (size_t)TG_MIN(from - at, s.n) : 0;
		size_t behind = at < to ? (size_t)TG_MIN(to - at, s.n) : 0;

		rc = bufq_append(&out, str_mk(s.p, before));
		at += s.n;
		if (rc == 0 && before > 0 && at - s.n + before == from)
			rc = bufq_append(&out, with);
		if (rc == 0)
			rc = bufq_append(&out, str_skip(s, behind));
	}
	if (rc != 0) {
		bufq_clear(&out);
		return -1;
	}
	tg_assert(at == u->q.len);
	bufq_clear(&u->q);
	u->q = out;
	u->length += with.n - (to - from);
	return 0;
}

int upload_rename(struct upload *u, struct str model)
{
	if (u->started || upload_splice(u, u->value_from, u->value_to, model) != 0)
		return -1;
	/* another target may want another name */
	u->value_to = u->value_from + model.n;
	u->model = model;
	return 0;
}

int upload_add_model(struct upload *u)
{
	struct str delimiter = str_mk(u->mp->boundary + 2, u->mp->boundary_len - 2u), part;

	/* in front of a preamble it would become part of the value */
	if (u->started || !str_starts(bufq_peek(&u->q), delimiter))
		return -1;
	part = arena_printf(&u->req->arena,
		"%.*s\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n\r\n",
		STR_FMT(delimiter));
	if (part.n == 0 || upload_splice(u, 0, 0, part) != 0)
		return -1;
	u->value_from = u->value_to = part.n - 2;
	u->model_found = true;
	return 0;
}

void upload_fini(struct upload *u)
{
	bufq_clear(&u->q);
}
