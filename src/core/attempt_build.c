/*
 * attempt_build.c: the request as it goes to the provider: a head composed from the client's, and
 * the collected body as spans of what was read (untouched slices and our replacements).
 */
#include "core/attempt.h"
#include "core/attempt_build.h"
#include "core/clamp.h"
#include "core/fields.h"
#include "core/key_pool.h"
#include "core/plan.h"
#include "core/translate.h"
#include "core/upload.h"
#include "proto/http1_out.h"

/* base_url's path and the vendor's path, without doubling a trailing /v1 that both have, and
 * without any for those who have none. */
static void build_path(struct http_out *o, const struct target *t, struct str path)
{
	bool bare = t->provider->unversioned || str_ends(t->url.path, STR("/v1"));

	if (bare && str_starts(path, STR("/v1/")))
		path = str_skip(path, 3);
	http_out_str(o, t->url.path);
	http_out_str(o, path);
}

/* The client's query without credentials and without what an Azure client adds. */
static int build_query(struct attempt *a, struct http_out *o)
{
	struct req *r = a->req;
	struct str q = r->url.query;
	char *buf;

	if (q.n == 0)
		return 0;
	buf = arena_alloc(&r->arena, 2 * q.n + 2);
	if (buf == NULL)
		return -1;
	q = url_query_without(q, STR("key"), buf);
	if (r->ep.deployment.n > 0)
		q = url_query_without(q, STR("api-version"), buf + q.n);
	if (q.n > 0) {
		http_out_lit(o, "?");
		http_out_str(o, q);
	}
	return 0;
}

static void build_framing(struct attempt *a, struct http_out *o, size_t body_len)
{
	struct req *r = a->req;

	if (r->upload != NULL) {
		if (r->upload->chunked)
			http_out_lit(o, "transfer-encoding: chunked\r\n");
		else
			http_out_field_u64(o, STR("content-length"), r->upload->length);
	} else if (body_len > 0 || r->head.method == HTTP_M_POST || r->head.method == HTTP_M_PUT ||
		   r->head.method == HTTP_M_PATCH) {
		http_out_field_u64(o, STR("content-length"), body_len);
	}
}

/* Path and query of the request line. */
static int build_target(struct attempt *a, struct http_out *o)
{
	struct req *r = a->req;

	if (a->provider->path != NULL) {
		http_out_str(o, a->target->url.path);
		a->provider->path(a, o);
		return 0;
	}
	if (r->wire.translate != NULL) {
		build_path(o, a->target, translate_path(r, a->provider));
		return 0;
	}
	build_path(o, a->target, r->ep.upstream_path);
	return build_query(a, o);
}

/* The client's fields; of a translated request those that mean the same to everybody. */
static void build_fields(struct attempt *a, struct http_out *o)
{
	struct req *r = a->req;

	if (r->wire.translate != NULL) {
		http_out_lit(o, "content-type: application/json\r\n");
		fields_to_translated(o, &r->head, &a->target->cfg->pass);
		return;
	}
	if (r->head.te_trailers) /* they pass, as far as they may: fields_to_trailer */
		http_out_lit(o, "te: trailers\r\nconnection: te\r\n");
	fields_to_provider(o, &r->head);
}

/* The field lines that carry the credential: the target's own, or those of one that changes. */
static int build_credential(struct attempt *a, struct str *lines)
{
	struct cred *cred = a->target->cred;
	struct str part[CRED_PARTS];

	*lines = a->key != NULL ? a->key->auth : a->target->auth;
	if (cred == NULL || !cred_kind_of(cred)->fields)
		return 0;
	if (cred_copy(cred, &a->req->arena, part) != 0) {
		a->no_credential = true;
		return -1;
	}
	*lines = part[0];
	return 0;
}

static int build_head(struct attempt *a, struct str auth, size_t body_len, struct str *out)
{
	struct req *r = a->req;
	const struct target *t = a->target;
	const struct provider *p = a->provider;
	size_t cap =
		(size_t)r->head.head_len + t->url.path.n + auth.n + t->host_field.n +
		r->ep.upstream_path.n + 512 +
		(p->path != NULL || p->sign != NULL ? PROVIDER_ROOM + 3 * a->route->model.n : 0);
	struct str target;
	size_t from;
	char *room = arena_room(&r->arena, cap + 2 * r->url.query.n + 64);
	struct http_out o;

	if (room == NULL)
		return -1;
	/* Claimed first: build_query allocates behind it. */
	arena_claim(&r->arena, cap);
	http_out_init(&o, room, cap);
	http_out_str(&o, http_method_text(&r->head));
	http_out_lit(&o, " ");
	if (t->proxy.host.n > 0 && t->tls == NULL) {
		http_out_lit(&o, "http://");
		http_out_str(&o, t->host_field);
	}
	from = o.n;
	if (build_target(a, &o) != 0)
		return -1;
	target = str_mk(o.p + from, o.n - from);
	http_out_lit(&o, " HTTP/1.1\r\nhost: ");
	http_out_str(&o, t->host_field);
	http_out_lit(&o, "\r\n");
	http_out_str(&o, auth);
	http_out_lit(&o, "accept-encoding: identity\r\n");
	build_fields(a, &o);
	if (p->fields != NULL)
		p->fields(a, &o);
	build_framing(a, &o, body_len);
	if (p->sign != NULL && p->sign(a, &o, target, a->iov + 1, a->iov_n - 1) != 0)
		return -1;
	http_out_end(&o);
	*out = http_out_text(&o);
	return o.overflow ? -1 : 0;
}

/* The model's name as this target knows it. */
static int build_body(struct attempt *a, size_t *total)
{
	struct req *r = a->req;
	struct str body;
	int n;

	*total = 0;
	if (r->upload != NULL || r->body_len == 0)
		return 0;
	if (r->wire.translate != NULL) {
		if (translate_body(a, &body) != 0)
			return -1;
		a->iov[1] = (struct iovec){ (char *)(uintptr_t)body.p, body.n };
		a->iov_n = 2;
		*total = body.n;
		return 0;
	}
	if (r->model_inserted)
		r->edit.op[r->model_edit].with =
			arena_printf(&r->arena, "\"model\":%.*s", STR_FMT(a->route->model_json));
	else if (r->model_edit >= 0)
		r->edit.op[r->model_edit].with = a->route->model_json;
	if (clamp_apply(a) != 0)
		return -1;
	if (r->usage_edit >= 0)
		r->edit.op[r->usage_edit].off = a->provider->no_include_usage;
	if (r->edit.n == 0) {
		a->iov[1] = (struct iovec){ r->body, r->body_len };
		*total = r->body_len;
		n = 1;
	} else {
		n = json_edit_iov(&r->edit, a->iov + 1, ATTEMPT_IOV - 1, total);
		if (n < 0)
			return -1;
	}
	a->iov_n = 1 + n;
	return 0;
}

int attempt_build(struct attempt *a)
{
	struct str head, auth;
	size_t total;

	a->iov_at = 0;
	a->iov_n = 1;
	if (build_credential(a, &auth) != 0 || build_body(a, &total) != 0 ||
		build_head(a, auth, total, &head) != 0)
		return -1;
	a->iov[0] = (struct iovec){ (char *)(uintptr_t)head.p, head.n };
	return 0;
}
