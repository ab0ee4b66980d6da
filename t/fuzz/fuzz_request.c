/*
 * fuzz_request.c: one whole request as the gateway takes it apart: head, target, path, fields,
 * framing, and the model in its JSON or form. What is put together from the parts must be read back
 * by the same strict parsers as what it was meant to be, and cutting the input elsewhere must
 * change nothing.
 */
#include <stdlib.h>

#include "core/endpoint.h"
#include "core/fields.h"
#include "core/tags.h"
#include "proto/http1_body.h"
#include "proto/json_edit.h"
#include "proto/multipart.h"
#include "proto/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static char *copy_of(struct str s)
{
	char *p = malloc(s.n > 0 ? s.n : 1);

	require(p != NULL);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

/* ---- the path */

static void check_path(struct url_target *url, struct endpoint_match *m)
{
	char *again = malloc(url->path.n + 1), *buf = malloc(url->path.n + 8);
	struct endpoint_match second;
	struct url_target twice;

	require(url->path.n > 0 && url->path.p[0] == '/');
	require(str_find(url->path, STR("//")) == (size_t)-1);
	require(str_find(url->path, STR("/../")) == (size_t)-1);
	/* one spelling: normal is normal */
	require(url_target_normalise(url->path, true, again, &twice) == 0);
	require(str_eq(twice.path, url->path) && twice.query.n == 0);
	if (m->ep != NULL) {
		require(str_starts(m->upstream_path, STR("/v1/")));
		endpoint_match(m->upstream_path, buf, &second);
		require(second.ep == m->ep && second.deployment.n == 0);
		require(str_eq(second.upstream_path, m->upstream_path));
	}
	free(again);
	free(buf);
}

/* ---- the head that goes on */

static bool is_secret(struct str name)
{
	static const char *const names[] = { "authorization", "x-api-key", "api-key",
		"x-goog-api-key", "cookie", "proxy-authorization", "transfer-encoding",
		"content-length", "connection", "host", "te", "upgrade", "expect" };

	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++)
		if (str_eq_ci(name, str_z(names[i])))
			return true;
	return str_starts_ci(name, STR("x-tollgate-"));
}

static void check_fields(const struct http_head *h, struct str path)
{
	size_t cap = h->head_len + path.n + 256;
	enum http_error err = HTTP_E_NONE;
	char *room = malloc(cap);
	struct http_head again;
	struct http_out o;

	http_out_init(&o, room, cap);
	http_out_str(&o, http_method_text(h));
	http_out_lit(&o, " ");
	http_out_str(&o, path);
	http_out_lit(&o, " HTTP/1.1\r\nhost: up\r\n");
	fields_to_provider(&o, h);
	http_out_end(&o);
	require(http_out_ok(&o));
	if (path.n <= HTTP_MAX_TARGET && h->n_fields < HTTP_MAX_FIELDS) {
		require(http1_request_parse(o.p, o.n, &again, &err) == 0);
		require(again.framing == HTTP_BODY_NONE && again.n_fields <= h->n_fields + 1u);
		require(str_eq(http_target(&again), path));
		for (unsigned i = 1; i < again.n_fields; i++)
			require(!is_secret(http_field_name(&again, i)));
	}
	free(room);
}

/* ---- the body */

struct body {
	char *p;
	size_t n;
	enum body_rc end;
	enum http_error err;
	size_t used;
};

static void body_read(const struct http_head *h, struct str in, size_t piece, struct body *out)
{
	struct http1_body b;
	size_t used;

	out->p = malloc(in.n + 1);
	out->n = out->used = 0;
	out->err = HTTP_E_NONE;
	out->end = BODY_MORE;
	http1_body_init(&b, h);
	while (!http1_body_done(&b) && in.n > 0) {
		size_t n = TG_MIN(piece, in.n);
		char *copy = copy_of(str_mk(in.p, n));
		struct str data = STR_NONE;

		out->end = http1_body_feed(&b, copy, n, &used, &data);
		require(used <= n);
		if (out->end == BODY_DATA) {
			require(data.p >= copy && data.p + data.n <= copy + used);
			memcpy(out->p + out->n, data.p, data.n);
			out->n += data.n;
		}
		free(copy);
		out->used += used;
		in = str_skip(in, used);
		if (out->end == BODY_BAD || out->end == BODY_END)
			break;
	}
	if (out->end == BODY_BAD)
		out->err = b.err;
	else
		out->end = http1_body_done(&b) ? BODY_END : BODY_MORE;
}

/* As mod_classify does it: the model replaced, usage asked for; read again it is what was meant. */
static void check_json(struct str body)
{
	struct json_watch w[3] = { { STR("model"), { 0 } }, { STR("stream"), { 0 } },
		{ STR("stream_options"), { 0 } } };
	struct iovec iov[JSON_EDIT_MAX_IOV];
	struct json_fail fail;
	struct json_edit edit;
	size_t total, n = 0;
	struct str model;
	char *out;
	int k;

	if (json_scan_object(body, w, 3, &fail) != 0) {
		require(fail.err != JSON_E_NONE && fail.offset <= body.n);
		return;
	}
	json_edit_init(&edit, body);
	if (w[2].val.type == JSON_NONE)
		require(json_edit_insert(
				&edit, STR("\"stream_options\":{\"include_usage\":true}")) == 0);
	else if (w[2].val.type != JSON_OBJECT)
		require(json_edit_replace(&edit, &w[2].val, STR("{\"include_usage\":true}")) == 0);
	if (w[0].val.type == JSON_NONE)
		require(json_edit_insert(&edit, STR("\"model\":\"up\"")) == 0);
	else
		require(json_edit_replace(&edit, &w[0].val, STR("\"up\"")) == 0);
	k = json_edit_iov(&edit, iov, JSON_EDIT_MAX_IOV, &total);
	require(k > 0);
	out = malloc(total);
	for (int i = 0; i < k; i++) {
		memcpy(out + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	require(n == total);
	require(json_scan_object(str_mk(out, n), w, 3, &fail) == 0);
	require(json_get_plain(&w[0].val, &model) == 0 && str_eq(model, STR("up")));
	require(w[2].val.type == JSON_OBJECT);
	free(out);
}

struct form {
	struct multipart m;
	enum multipart_rc rc;
	char value[MULTIPART_MAX_VALUE];
	size_t value_n;
};

static bool form_read(struct str type, struct str body, size_t piece, struct form *f)
{
	size_t used;

	f->rc = MULTIPART_MORE;
	f->value_n = 0;
	if (multipart_init(&f->m, type, STR("model")) != 0)
		return false;
	while (body.n > 0 && f->rc != MULTIPART_BAD) {
		size_t n = TG_MIN(piece, body.n);
		char *copy = copy_of(str_mk(body.p, n));

		f->rc = multipart_feed(&f->m, str_mk(copy, n), &used);
		require(used <= n);
		if (f->rc == MULTIPART_FOUND) {
			memcpy(f->value, f->m.value.p, f->m.value.n);
			f->value_n = f->m.value.n;
		}
		free(copy);
		body = str_skip(body, used);
	}
	return true;
}

/* The form's model replaced in place is found again as what was put there. */
static void check_form(struct str type, struct str body, size_t piece)
{
	struct form whole, cut;
	struct str with = STR("up");
	char *out;
	size_t n;

	if (!form_read(type, body, body.n, &whole))
		return;
	require(form_read(type, body, piece, &cut));
	require((whole.rc == MULTIPART_BAD) == (cut.rc == MULTIPART_BAD));
	if (whole.rc == MULTIPART_BAD)
		return;
	require(whole.m.found == cut.m.found && whole.value_n == cut.value_n);
	require(memcmp(whole.value, cut.value, whole.value_n) == 0);
	if (!whole.m.found)
		return;
	require(whole.m.value_from == cut.m.value_from && whole.m.value_to == cut.m.value_to);
	require(whole.m.value_to - whole.m.value_from == whole.value_n);
	require(whole.m.value_to <= body.n);
	require(memcmp(body.p + whole.m.value_from, whole.value, whole.value_n) == 0);
	n = body.n - whole.value_n + with.n;
	out = malloc(n);
	memcpy(out, body.p, whole.m.value_from);
	memcpy(out + whole.m.value_from, with.p, with.n);
	memcpy(out + whole.m.value_from + with.n, body.p + whole.m.value_to,
		body.n - whole.m.value_to);
	require(form_read(type, str_mk(out, n), piece, &cut));
	require(cut.m.found && cut.value_n == with.n && memcmp(cut.value, with.p, with.n) == 0);
	free(out);
}

static void check_body(const struct http_head *h, struct str rest, size_t piece)
{
	struct str type = http_get(h, HTTP_N_CONTENT_TYPE);
	struct body whole, cut;

	body_read(h, rest, rest.n, &whole);
	body_read(h, rest, piece, &cut);
	require(whole.end == cut.end && whole.err == cut.err);
	require(whole.end == BODY_BAD || (whole.used == cut.used && whole.n == cut.n));
	require(memcmp(whole.p, cut.p, TG_MIN(whole.n, cut.n)) == 0);
	if (whole.end == BODY_END) {
		char *exact = copy_of(str_mk(whole.p, whole.n));

		check_json(str_mk(exact, whole.n));
		check_form(type, str_mk(exact, whole.n), piece);
		free(exact);
	}
	free(whole.p);
	free(cut.p);
}

static void check_tags(struct str text)
{
	struct conf_tags tags;
	struct arena arena;
	struct str bad;

	arena_init(&arena, NULL, 0);
	if (tags_parse(&arena, text, &tags, &bad) == 0) {
		struct json_watch w[TAGS_MAX];
		struct json_fail fail;

		for (size_t i = 0; i < tags.n; i++)
			w[i].key = tags.v[i].name;
		require(json_scan_object(tags_json(&arena, &tags), w, tags.n, &fail) == 0);
		for (size_t i = 0; i < tags.n; i++)
			require(w[i].val.type == JSON_STRING);
	}
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_mk((const char *)data, size), target;
	enum http_error err = HTTP_E_NONE;
	struct endpoint_match match;
	struct url_target url;
	struct http_head h;
	size_t resume = 0;
	long head;
	char *copy, *buf;

	head = http1_head_end(in.p, in.n, &resume, 32768, &err);
	if (head <= 0)
		return 0;
	copy = copy_of(str_mk(in.p, (size_t)head));
	if (http1_request_parse(copy, (size_t)head, &h, &err) == 0) {
		target = http_target(&h);
		buf = malloc(2 * target.n + 16);
		if (url_target_normalise(target, true, buf, &url) == 0 && !url.asterisk) {
			endpoint_match(url.path, buf + target.n, &match);
			check_path(&url, &match);
			check_fields(&h, match.ep != NULL ? match.upstream_path : url.path);
		}
		check_tags(http_get(&h, HTTP_N_X_TOLLGATE_TAGS));
		check_body(&h, str_skip(in, (size_t)head), 1 + size % 7);
		free(buf);
	}
	free(copy);
	return 0;
}
