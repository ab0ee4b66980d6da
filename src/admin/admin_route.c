/*
 * admin_route.c: who may ask what: finds the route, checks the token, and refuses browsers that
 * were talked into a request. Whoever has no token learns nothing, not even which paths there are.
 */
#include "admin/admin_int.h"

#include <stdio.h>

static bool token_ok(const struct admin *a, const struct http_head *h)
{
	struct str v = http_get(h, HTTP_N_AUTHORIZATION);
	const struct str scheme = STR("bearer ");
	uint8_t got[SHA256_LEN];

	if (!str_starts_ci(v, scheme))
		return false;
	/* digests have one length, so the time says nothing about the token's */
	digest_sha256(str_trim(str_skip(v, scheme.n)), got);
	return digest_equal(got, a->token, sizeof got);
}

/* "127.0.0.1:4001", "[::1]", "localhost": a page on the internet cannot have this name (DNS
 * rebinding). */
static bool host_is_local(struct str host)
{
	const struct str name = STR("localhost");
	size_t digits = 0;

	if (host.n == 0 || host.p[0] == '[')
		return true; /* none: no browser; brackets: an address */
	if (str_starts_ci(host, name))
		return host.n == name.n || host.p[name.n] == ':';
	while (digits < host.n &&
		((host.p[digits] >= '0' && host.p[digits] <= '9') || host.p[digits] == '.'))
		digits++;
	return digits > 0 && (digits == host.n || host.p[digits] == ':');
}

static int check_access(struct admin_conn *c, bool open)
{
	const struct admin *a = c->admin;
	const struct http_head *h = &c->head;

	if (open)
		return 0;
	if (a->has_token) {
		if (token_ok(a, h))
			return 0;
		admin_reply_error(&c->reply, 401, "unauthorized",
			"this needs the token of admin.token: Authorization: Bearer TOKEN");
		admin_reply_field(
			&c->reply, STR("www-authenticate"), STR("Bearer realm=\"tollgate admin\""));
		return -1;
	}
	if (h->first[HTTP_N_ORIGIN] != 0 || (a->inet && !host_is_local(http_get(h, HTTP_N_HOST)))) {
		admin_reply_error(&c->reply, 403, "forbidden",
			"without admin.token only programs on this machine may ask: no Origin, and "
			"a Host such as "
			"localhost or 127.0.0.1");
		return -1;
	}
	return 0;
}

/* The methods of c->req.path as a list for Allow; empty when the path is unknown. */
static struct str path_methods(const struct admin_conn *c, char *buf, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < c->admin->n_routes; i++) {
		const struct admin_route *r = &c->admin->routes[i];
		int put;

		if (!str_eq(str_z(r->path), c->req.path))
			continue;
		put = snprintf(buf + n, cap - n, "%s%s%s", n > 0 ? ", " : "", r->method,
			strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
		if (put < 0 || (size_t)put >= cap - n)
			break;
		n += (size_t)put;
	}
	return str_mk(buf, n);
}

/* "paths" of the 404: what there is, with help, and the nearest to what was asked. */
static void reply_not_found(struct admin_conn *c)
{
	const struct admin *a = c->admin;
	struct outbuf *out = &c->reply.body;
	const char *words[64], *near;
	size_t n = TG_MIN(a->n_routes, TG_ARRAY_LEN(words));

	for (size_t i = 0; i < n; i++)
		words[i] = a->routes[i].path;
	near = str_nearest(c->req.path, words, n);
	admin_reply_error(&c->reply, 404, "not_found", "no such path%s%s%s",
		near != NULL ? "; did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
	out->n -= strlen("}}\n"); /* the list goes into the error's object */
	outbuf_lit(out, ", \"paths\": [");
	for (size_t i = 0; i < a->n_routes; i++) {
		outbuf_printf(out, "%s\n{\"method\": \"%s\", \"path\": ", i > 0 ? "," : "",
			a->routes[i].method);
		outbuf_json(out, str_z(a->routes[i].path));
		outbuf_lit(out, ", \"help\": ");
		outbuf_json(out, str_z(a->routes[i].help != NULL ? a->routes[i].help : ""));
		outbuf_lit(out, "}");
	}
	outbuf_lit(out, "]}}\n");
}

const struct admin_route *admin_route_find(struct admin_conn *c)
{
	struct str target = http_target(&c->head), methods;
	size_t mark = str_chr(target, '?');
	const struct admin_route *found = NULL;
	char buf[64];

	c->req = (struct admin_request){ .head = &c->head, .path = target };
	c->req.method = c->head.method == HTTP_M_HEAD ? STR("GET") : http_method_text(&c->head);
	if (mark != (size_t)-1) {
		c->req.path = str_mk(target.p, mark);
		c->req.query = str_skip(target, mark + 1);
	}
	for (size_t i = 0; i < c->admin->n_routes && found == NULL; i++) {
		const struct admin_route *r = &c->admin->routes[i];

		if (str_eq(str_z(r->path), c->req.path) && str_eq(str_z(r->method), c->req.method))
			found = r;
	}
	if (check_access(c, found != NULL && found->open) != 0)
		return NULL;
	if (found != NULL)
		return found;
	methods = path_methods(c, buf, sizeof buf);
	if (methods.n == 0) {
		reply_not_found(c);
		return NULL;
	}
	admin_reply_error(
		&c->reply, 405, "method_not_allowed", "this path takes %.*s", STR_FMT(methods));
	admin_reply_field(&c->reply, STR("allow"), methods);
	return NULL;
}
