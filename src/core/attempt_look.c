/*
 * attempt_look.c: see attempt_look.h. Runs on the request's worker.
 */
#include <string.h>

#include "core/attempt_look.h"
#include "core/error_class.h"
#include "core/health.h"
#include "core/key_pool.h"
#include "core/respond.h"
#include "core/upload.h"

bool attempt_repeatable(const struct attempt *a)
{
	const struct req *r = a->req;

	return !r->head_sent && !r->drained && r->respond == NULL &&
	       (r->upload == NULL || !r->upload->started);
}

/* The payload of a chunked body, all of which may be here. False: it is not. */
static bool look_unchunk(struct req *r, const struct http_head *h, struct str in, struct str *out)
{
	char *buf = arena_alloc(&r->arena, ERROR_BODY_MAX);
	struct http1_body b;
	size_t used;
	struct str span;
	enum body_rc rc = BODY_DATA;

	*out = str_mk(buf, 0);
	http1_body_init(&b, h);
	while (buf != NULL && rc == BODY_DATA) {
		rc = http1_body_feed(&b, in.p, in.n, &used, &span);
		in = str_skip(in, used);
		if (rc == BODY_BAD || (rc == BODY_DATA && out->n + span.n > ERROR_BODY_MAX))
			break; /* as it is, then */
		if (rc == BODY_DATA) {
			memcpy(buf + out->n, span.p, span.n);
			out->n += span.n;
		}
	}
	return rc != BODY_MORE;
}

/* Is all of the answer's body in `rest`? Then *body is it. */
static bool look_complete(
	struct req *r, const struct http_head *h, struct str rest, struct str *body)
{
	*body = STR_NONE;
	switch (h->framing) {
	case HTTP_BODY_NONE: return true;
	case HTTP_BODY_CHUNKED: return look_unchunk(r, h, rest, body);
	case HTTP_BODY_LENGTH:
		if (h->content_length > ERROR_BODY_MAX)
			return true;
		*body = str_mk(rest.p, TG_MIN(rest.n, (size_t)h->content_length));
		return rest.n >= h->content_length;
	case HTTP_BODY_EOF: *body = rest; return rest.n > ERROR_BODY_MAX;
	}
	return true;
}

/* "429": is it money, and if not, when to come back? Google's 400: is it the key? What is known of
 * the target depends on that, wherever the request can go. A streamed body's clocks are its own. */
static bool look_tells(const struct attempt *a, const char *status)
{
	return a->req->upload == NULL &&
	       (memcmp(status, "429", 3) == 0 ||
		       (memcmp(status, "400", 3) == 0 && a->provider->shape == SHAPE_GEMINI));
}

/* Does it depend on it where the request goes next? */
static bool look_moves(const struct attempt *a)
{
	return attempt_repeatable(a) && (a->key != NULL || req_has_other_route(a->req));
}

bool attempt_look(struct attempt *a, struct str p, size_t head)
{
	struct req *r = a->req;
	struct http_head *h = &r->w->up_head;
	enum http_error err;
	struct str body;

	/* "HTTP/1.1 4": anything else is not worth a look */
	if (TG_LIKELY(head < 12 || p.p[9] != '4') || (!look_tells(a, p.p + 9) && !look_moves(a)) ||
		http1_response_parse(p.p, head, r->head.method, h, &err) != 0 ||
		!error_class_asks(h->status))
		return true;
	a->looking = !look_complete(r, h, str_skip(p, head), &body);
	if (a->looking && !a->look_over)
		return false;
	a->error_is = error_class_of(body);
	if (h->status == 429)
		a->error_retry_ms = error_retry_ms(a->provider->shape, body, &r->w->blocks);
	else if (h->status == 400 && error_is_key(a->provider->shape, body, &r->w->blocks))
		a->error_is = ERROR_KEY;
	return true;
}

bool attempt_look_model(const struct attempt *a)
{
	struct req *r = a->req;
	uint64_t tried = r->tried;

	if (a->error_is == ERROR_CONTEXT && r->model != NULL)
		req_close_short_routes(r);
	else if (a->error_is == ERROR_POLICY)
		r->tried = UINT64_MAX;
	else
		return false;
	if (attempt_repeatable(a) && req_has_other_route(r))
		return true;
	r->tried = tried;
	return false;
}

bool attempt_look_key(const struct attempt *a)
{
	return (a->req->leg.status == 429 || a->error_is == ERROR_MONEY) &&
	       key_pool_has_other(a->req);
}
