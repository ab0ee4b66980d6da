/*
 * check_upload.c: a form on its way through: its model found and renamed across every border of
 * pieces and chunks, the queue bounded, a model that comes late checked, and memory given back when
 * it is short.
 */
#include "unit/core/fake.h"

#include "core/upload.h"

static struct fake f;

static const char yaml[] = "listen: 127.0.0.1:0\n"
			   "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 },\n"
			   "  b: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
			   "models:\n"
			   "  whisper: { targets: a }\n"
			   "  renamed: { targets: { target: a, model: other } }\n"
			   "  elsewhere: { targets: b }\n"
			   "  secret: { targets: a }\n"
			   "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA
			   ", models: [ whisper, renamed, elsewhere ] } ] } }\n";

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

static struct req *request(const char *framing)
{
	char head[512];
	struct req *r;

	snprintf(head, sizeof head,
		"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: gw\r\n%s\r\n"
		"content-type: multipart/form-data; boundary=b\r\n\r\n",
		framing);
	r = fake_req(&f, fake_conn(&f), head);
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->body_kind = BODY_KIND_FORM;
	ck_assert_int_eq(upload_init(r), 0);
	return r;
}

#define PART(name) "--b\r\ncontent-disposition: form-data; name=\"" name "\"\r\n\r\n"
#define END        "\r\n--b--\r\n"

static char big[200 * 1024];

/* What is in the queue. */
static struct str queued(const struct upload *u)
{
	static char out[UPLOAD_MAX + 1024];
	struct iovec iov[64];
	int k = bufq_iov(&u->q, iov, 64);
	size_t n = 0;

	for (int i = 0; i < k; i++) {
		memcpy(out + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	ck_assert_uint_eq(n, u->q.len);
	return str_mk(out, n);
}

/* ---- renaming */

static const char *const names[] = { "w", "whisper",
	"a-much-longer-name-than-the-one-that-was-there", "" };

/* The value lies at every place around the borders of the queue's 16 KB chunks. */
START_TEST(across_chunks)
{
	static const char tail[] = PART("x") "y" END;
	const char *old = "whisper-1";
	char want[40000];

	for (size_t pad = 16384 - 160; pad < 16384 + 10; pad++) {
		struct req *r = request("content-length: 40000");
		struct upload *u = r->upload;
		size_t n;

		memset(big, 'p', pad);
		n = (size_t)sprintf(big, PART("file"));
		memset(big + n, 'p', pad);
		n = pad + (size_t)sprintf(big + pad, "\r\n" PART("model") "%s\r\n%s", old, tail);
		ck_assert_int_eq(upload_take(u, str_mk(big, n)), 0);
		ck_assert(upload_ready(u));
		UNIT_STR_EQ(u->model, str_z(old));
		for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
			size_t m = (size_t)(strstr(big + pad - 20, old) - big);
			size_t len = 0;

			ck_assert_int_eq(upload_rename(u, str_z(names[k])), 0);
			memcpy(want, big, m);
			len = m + (size_t)sprintf(want + m, "%s\r\n%s", names[k], tail);
			ck_assert_msg(str_eq(queued(u), str_mk(want, len)), "pad %zu name %s", pad,
				names[k]);
			ck_assert_uint_eq(u->length, 40000 + strlen(names[k]) - strlen(old));
		}
		fake_drop(&f);
	}
}
END_TEST

/* In pieces cut anywhere the same is found, and the bytes are the same. */
static void run_split(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	struct req *r = request("transfer-encoding: chunked");
	struct upload *u = r->upload;

	ck_assert_int_eq(upload_take(u, str_mk(a, an)), 0);
	ck_assert_int_eq(upload_take(u, str_mk(b, bn)), 0);
	ck_assert_int_eq(upload_end(u), 0);
	UNIT_STR_EQ(u->model, STR("whisper"));
	ck_assert(u->chunked);
	ck_assert_int_eq(upload_rename(u, STR("new")), 0);
	UNIT_STR_EQ(queued(u), str_z(arg));
	fake_drop(&f);
}

START_TEST(in_pieces)
{
	static const char in[] =
		PART("a") "whisper\r\n" PART("model") "whisper\r\n" PART("z") "m" END;
	static char want[] = PART("a") "whisper\r\n" PART("model") "new\r\n" PART("z") "m" END;

	unit_split(in, sizeof in - 1, run_split, want);
}
END_TEST

/* Once a byte has gone nothing is renamed. */
START_TEST(not_after_start)
{
	struct req *r = request("content-length: 500");

	ck_assert_int_eq(upload_take(r->upload, STR(PART("model") "whisper" END)), 0);
	r->upload->started = true;
	ck_assert_int_eq(upload_rename(r->upload, STR("x")), -1);
	UNIT_STR_EQ(queued(r->upload), STR(PART("model") "whisper" END));
	fake_drop(&f);
}
END_TEST

/* Azure's path names the model: the form gets the field in front, but not in front of a preamble.
 */
START_TEST(added)
{
	struct req *r = request("content-length: 100");
	struct str all;

	ck_assert_int_eq(upload_take(r->upload, STR(PART("x") "y" END)), 0);
	ck_assert_int_eq(upload_add_model(r->upload), 0);
	ck_assert_int_eq(upload_rename(r->upload, STR("dep")), 0);
	all = queued(r->upload);
	ck_assert_msg(str_ends(all, STR("name=\"model\"\r\n\r\ndep\r\n" PART("x") "y" END)), "%.*s",
		STR_FMT(all));
	ck_assert(str_starts(all, STR("--b\r\n")));
	ck_assert_uint_eq(r->upload->length, 100 + all.n - strlen(PART("x") "y" END));
	fake_drop(&f);
	r = request("content-length: 100");
	ck_assert_int_eq(upload_take(r->upload, STR("preamble\r\n" PART("x") "y" END)), 0);
	ck_assert_int_eq(upload_add_model(r->upload), -1);
	UNIT_STR_EQ(queued(r->upload), STR("preamble\r\n" PART("x") "y" END));
	fake_drop(&f);
}
END_TEST

/* Short of memory: the form is as it was, and nothing is lost from the budget (fake_fini counts).
 */
START_TEST(short_of_memory)
{
	struct req *r = request("content-length: 100000");
	struct upload *u = r->upload;
	size_t n = (size_t)sprintf(big, PART("model") "whisper\r\n" PART("file"));

	memset(big + n, 'f', 40000);
	ck_assert_int_eq(upload_take(u, str_mk(big, n + 40000)), 0);
	f.w.blocks.max_out_bytes = f.w.blocks.out_bytes + 2 * 16384 + 4096;
	ck_assert_int_eq(upload_rename(u, STR("new")), -1);
	ck_assert(str_eq(queued(u), str_mk(big, n + 40000)));
	UNIT_STR_EQ(u->model, STR("whisper"));
	f.w.blocks.max_out_bytes = 0;
	ck_assert_int_eq(upload_rename(u, STR("new")), 0);
	fake_drop(&f);
}
END_TEST

/* ---- bounds */

START_TEST(high_water)
{
	struct req *r = request("transfer-encoding: chunked");
	struct upload *u = r->upload;
	size_t n = (size_t)sprintf(big, PART("file"));

	memset(big + n, 'f', sizeof big - n);
	ck_assert_int_eq(upload_take(u, str_mk(big, UPLOAD_HIGH - 1)), 0);
	ck_assert(!upload_ready(u));
	ck_assert(!r->conn->want_hold);
	ck_assert_int_eq(upload_take(u, STR("f")), 0);
	ck_assert_msg(r->conn->want_hold, "the client is still read");
	/* Enough seen: on with the pipeline, although the model has not come. */
	ck_assert(upload_ready(u));
	ck_assert(!u->model_known);
	/* One read more may be on its way; beyond the maximum it is refused, not grown. */
	ck_assert_int_eq(upload_take(u, str_mk(big + n, 65536)), 0);
	ck_assert_int_eq(upload_take(u, str_mk(big + n, UPLOAD_MAX - UPLOAD_HIGH - 65536)), 0);
	ck_assert_uint_eq(u->q.len, UPLOAD_MAX);
	ck_assert_int_eq(upload_take(u, STR("f")), -1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	fake_drop(&f);
}
END_TEST

static const struct {
	const char *type, *body;
	const char *says;
} malformed[] = {
	{ "multipart/form-data", "x", "boundary" },
	{ "multipart/form-data; boundary=", "x", "boundary" },
	{ "text/plain", "x", "boundary" },
	{ NULL, PART("model") "a\r\n" PART("model") "b" END, "malformed" },
};

START_TEST(refused)
{
	struct req *r;
	char head[300];

	if (malformed[_i].type == NULL) {
		r = request("content-length: 100");
	} else {
		snprintf(head, sizeof head,
			"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: gw\r\ncontent-length: "
			"9\r\n"
			"content-type: %s\r\n\r\n",
			malformed[_i].type);
		r = fake_req(&f, fake_conn(&f), head);
		r->body_kind = BODY_KIND_FORM;
		ck_assert_int_eq(upload_init(r), 0);
	}
	ck_assert_int_eq(upload_take(r->upload, str_z(malformed[_i].body)), -1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 400);
	ck_assert_msg(strstr(f.got, malformed[_i].says) != NULL, "%s", f.got);
	ck_assert_str_eq(fake_field(&f, "connection"), "close");
	fake_drop(&f);
}
END_TEST

/* A body that is no form is not looked at. */
START_TEST(plain)
{
	struct req *r = fake_req(&f, fake_conn(&f),
		"POST /v1/files HTTP/1.1\r\nhost: gw\r\ncontent-length: 100\r\n"
		"content-type: multipart/form-data\r\n\r\n");

	r->body_kind = BODY_KIND_PLAIN;
	ck_assert_int_eq(upload_init(r), 0);
	ck_assert(upload_ready(r->upload));
	ck_assert_int_eq(upload_take(r->upload, STR("\0\r\n--x")), 0);
	UNIT_STR_EQ(queued(r->upload), STR("\0\r\n--x"));
	ck_assert(!r->upload->chunked);
	ck_assert_uint_eq(r->upload->length, 100);
	fake_drop(&f);
}
END_TEST

/* ---- a model that comes after bytes went out to target a */

static const struct {
	const char *model;
	int status; /* 0: goes on */
} late[] = {
	{ "whisper", 0 },
	{ "renamed", 400 },   /* the provider would be told another name than it should be */
	{ "elsewhere", 400 }, /* another target's */
	{ "secret", 403 },
	{ "unknown", 404 },
};

START_TEST(late_model)
{
	struct req *r = request("transfer-encoding: chunked");
	struct upload *u = r->upload;
	size_t n = (size_t)sprintf(big, PART("file"));
	char rest[256];
	int rc;

	memset(big + n, 'f', UPLOAD_HIGH);
	ck_assert_int_eq(upload_take(u, str_mk(big, n + UPLOAD_HIGH)), 0);
	ck_assert(upload_ready(u));
	r->path_route.target = &f.conf->targets[0];
	r->route = &r->path_route;
	u->started = true;
	bufq_consume(&u->q, u->q.len);
	snprintf(rest, sizeof rest, "\r\n" PART("model") "%s" END, late[_i].model);
	rc = upload_take(u, str_z(rest));
	fake_read(&f);
	ck_assert_int_eq(rc, late[_i].status == 0 ? 0 : -1);
	ck_assert_int_eq(fake_status(&f), late[_i].status);
	if (rc == 0) {
		ck_assert(r->model != NULL);
		UNIT_STR_EQ(r->model_asked, str_z(late[_i].model));
	} else {
		ck_assert_str_eq(fake_field(&f, "connection"), "close");
	}
	fake_drop(&f);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, across_chunks);
	tcase_add_test(tc, in_pieces);
	tcase_add_test(tc, not_after_start);
	tcase_add_test(tc, added);
	tcase_add_test(tc, short_of_memory);
	tcase_add_test(tc, high_water);
	tcase_add_loop_test(tc, refused, 0, sizeof malformed / sizeof *malformed);
	tcase_add_test(tc, plain);
	tcase_add_loop_test(tc, late_model, 0, sizeof late / sizeof *late);
}

UNIT_MAIN("upload", tests)
