/*
 * check_sigv4.c: AWS signatures against published vectors: Bedrock requests of an SDK and the suite
 * that AWS publishes, in part written out here; all of it is read from TG_SHARED_DATA, or
 * ../shared/data beside the source, and skipped, saying so, where it is not.
 */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/digest.h"
#include "proto/sigv4.h"
#include "unit/unit.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static struct arena arena;

static void setup(void)
{
	arena_init(&arena, NULL, 0);
}

static void teardown(void)
{
	arena_fini(&arena);
}

static const struct sigv4_key suite_key = {
	.access = STR("AKIDEXAMPLE"),
	.secret = STR(SECRET),
	.region = STR("us-east-1"),
	.service = STR("service"),
};

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct row {
	const char *method, *path, *query;
	struct sigv4_field field[6];
	bool keep_path;
	const char *canonical, *signature; /* NULL: not told */
};

#define HOST                                              \
	{                                                 \
		STR("Host"), STR("example.amazonaws.com") \
	}
#define DATE                                               \
	{                                                  \
		STR("X-Amz-Date"), STR("20150830T123600Z") \
	}
#define TAIL \
	"host:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n" EMPTY_HASH

/* Of the published suite. */
static const struct row rows[] = {
	{ "GET", "/", "", { HOST, DATE }, false, "GET\n/\n\n" TAIL,
		"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "POST", "/", "", { HOST, DATE }, false, "POST\n/\n\n" TAIL,
		"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "GET", "/", "Param-3=Value3&Param=Value2&%E1%88%B4=Value1", { HOST, DATE }, false,
		"GET\n/\n%E1%88%B4=Value1&Param=Value2&Param-3=Value3\n" TAIL, NULL },
	{ "GET", "/", "\xe1\x88\xb4=bar", { HOST, DATE }, false, "GET\n/\n%E1%88%B4=bar\n" TAIL,
		NULL },
	{ "GET", "/example space/", "", { HOST, DATE }, false, "GET\n/example%20space/\n\n" TAIL,
		NULL },
	{ "GET", "/./example", "", { HOST, DATE }, false, "GET\n/example\n\n" TAIL, NULL },
	{ "GET", "/example1/example2/../..", "", { HOST, DATE }, false, "GET\n/\n\n" TAIL, NULL },
	{ "GET", "//example//", "", { HOST, DATE }, false, "GET\n/example/\n\n" TAIL, NULL },
	{ "GET", "//example//", "", { HOST, DATE }, true, "GET\n//example//\n\n" TAIL, NULL },
	{ "GET", "/", "",
		{ HOST, { STR("My-Header1"), STR("value1\n  value2\n     value3") }, DATE }, false,
		"GET\n/\n\nhost:example.amazonaws.com\nmy-header1:value1 value2 "
		"value3\nx-amz-date:20150830T123600Z\n\nhost;my-header1;x-amz-date\n" EMPTY_HASH,
		NULL },
	{ "GET", "/", "",
		{ HOST, { STR("My-Header1"), STR("value4") }, { STR("my-header1"), STR("value1") },
			DATE },
		false,
		"GET\n/\n\nhost:example.amazonaws.com\nmy-header1:value4,value1\n"
		"x-amz-date:20150830T123600Z\n\nhost;my-header1;x-amz-date\n" EMPTY_HASH,
		NULL },
	/* ours: a path that is encoded already is encoded again */
	{ "POST", "/model/a-v1%3A0/converse", "", { HOST, DATE }, false,
		"POST\n/model/a-v1%253A0/converse\n\n" TAIL, NULL },
};

static size_t count_fields(const struct sigv4_field *f, size_t max)
{
	size_t n = 0;

	while (n < max && f[n].name.n > 0)
		n++;
	return n;
}

START_TEST(rows_of_the_suite)
{
	const struct row *r = &rows[_i];
	struct sigv4_request q = { .method = str_z(r->method),
		.path = str_z(r->path),
		.query = str_z(r->query),
		.field = r->field,
		.n_fields = count_fields(r->field, TG_ARRAY_LEN(r->field)),
		.keep_path = r->keep_path };
	struct str names, text, canonical;
	char signature[64];

	sigv4_hash_payload(STR_NONE, q.payload_hash);
	canonical = sigv4_canonical(&arena, &q, &names);
	UNIT_STR_EQ(canonical, str_z(r->canonical));
	if (r->signature == NULL)
		return;
	text = sigv4_string_to_sign(&arena, &suite_key, "20150830T123600Z", canonical);
	sigv4_signature(&suite_key, "20150830T123600Z", text, signature);
	UNIT_STR_EQ(str_mk(signature, 64), str_z(r->signature));
}
END_TEST

#define BODY                                                               \
	"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}" \
	"]}],\"inferenceConfig\":{\"maxTokens\":16}}"

/* Two Bedrock requests as an SDK signed them, one with a session. */
START_TEST(bedrock_requests)
{
	static const struct {
		const char *path, *token, *signature;
	} two[] = {
		{ "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse", "",
			"30d3a3e6860bffe4a270b051286626af814adacfcd7d5f135d35dfa7c3e88b33" },
		{ "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2F"
		  "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
			"SESSIONTOKENEXAMPLE==",
			"fa997e17c6a828f4fdf3f29f3b24813ebd375d3b7e58d96a80e943662467356f" },
	};
	struct sigv4_key key = suite_key;

	key.service = STR("bedrock");
	for (size_t i = 0; i < TG_ARRAY_LEN(two); i++) {
		struct sigv4_request q = { .method = STR("POST"), .path = str_z(two[i].path) };
		struct sigv4_field f[] = {
			{ STR("x-amz-date"), STR("20260102T030405Z") },
			{ STR("host"), STR("bedrock-runtime.us-east-1.amazonaws.com") },
			{ STR("x-amz-content-sha256"), str_mk(q.payload_hash, 64) },
			{ STR("content-type"), STR("application/json") },
			{ STR("x-amz-security-token"), str_z(two[i].token) },
		};
		struct str got;
		struct sigv4_claim c;

		q.field = f;
		q.n_fields = two[i].token[0] != '\0' ? 5 : 4;
		sigv4_hash_payload(STR(BODY), q.payload_hash);
		got = sigv4_authorization(&arena, &q, &key, "20260102T030405Z");
		ck_assert_int_eq(sigv4_claim_parse(got, &c), 0);
		UNIT_STR_EQ(c.signature, str_z(two[i].signature));
		UNIT_STR_EQ(c.access, STR("AKIDEXAMPLE"));
		UNIT_STR_EQ(c.date, STR("20260102"));
		UNIT_STR_EQ(c.region, STR("us-east-1"));
		UNIT_STR_EQ(c.service, STR("bedrock"));
		ck_assert(str_starts(
			c.signed_fields, STR("content-type;host;x-amz-content-sha256;")));
	}
}
END_TEST

START_TEST(claims_that_are_none)
{
	static const char *const bad[] = {
		"",
		"Bearer x",
		"AWS4-HMAC-SHA256",
		"AWS4-HMAC-SHA256 ",
		"AWS4-HMAC-SHA256 a",
		"AWS4-HMAC-SHA256 Credential=A/20260102/r/s/aws4_request, SignedHeaders=host, "
		"Signature=ab",
		"AWS4-HMAC-SHA256 Credential=A/20260102/r/s, SignedHeaders=host, "
		"Signature=" EMPTY_HASH,
		"AWS4-HMAC-SHA256 Credential=A/20260102/r/s/aws4_request, Signature=" EMPTY_HASH,
		"AWS4-HMAC-SHA256 Credential=/20260102/r/s/aws4_request, SignedHeaders=host, "
		"Signature=" EMPTY_HASH,
	};
	struct sigv4_claim c;

	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++)
		ck_assert_msg(sigv4_claim_parse(str_z(bad[i]), &c) == -1, "%s", bad[i]);
}
END_TEST

START_TEST(times)
{
	static const struct {
		int64_t s;
		const char *text;
	} two[] = { { 0, "19700101T000000Z" }, { 1440938160, "20150830T123600Z" },
		{ 951782400, "20000229T000000Z" }, { 1767323045, "20260102T030405Z" },
		{ 4107542399, "21000228T235959Z" }, { 4107542400, "21000301T000000Z" } };
	char text[17];

	for (size_t i = 0; i < TG_ARRAY_LEN(two); i++) {
		sigv4_time(two[i].s, text);
		ck_assert_str_eq(text, two[i].text);
		ck_assert_int_eq(sigv4_time_parse(str_z(text)), two[i].s);
	}
	ck_assert_int_eq(sigv4_time_parse(STR("20150830T1236007")), -1);
	ck_assert_int_eq(sigv4_time_parse(STR("20151330T123600Z")), -1);
	ck_assert_int_eq(sigv4_time_parse(STR("2015083aT123600Z")), -1);
}
END_TEST

START_TEST(too_much_is_refused)
{
	struct sigv4_field f[SIGV4_FIELDS + 1];
	struct sigv4_request q = { .method = STR("GET"), .path = STR("/"), .field = f };
	struct str names;

	for (size_t i = 0; i < TG_ARRAY_LEN(f); i++)
		f[i] = (struct sigv4_field){ STR("a"), STR("b") };
	q.n_fields = SIGV4_FIELDS + 1;
	ck_assert_ptr_null(sigv4_canonical(&arena, &q, &names).p);
	q.n_fields = SIGV4_FIELDS;
	ck_assert_ptr_nonnull(sigv4_canonical(&arena, &q, &names).p);
	UNIT_STR_EQ(names, STR("a"));
	q.query = STR("a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a");
	ck_assert_ptr_null(sigv4_canonical(&arena, &q, &names).p);
}
END_TEST

/* ---- the recorded vectors */

static const char *data_file(char path[4096], const char *name)
{
	const char *env = getenv("TG_SHARED_DATA"), *src = getenv("TG_SRCDIR");

	if (env != NULL)
		snprintf(path, 4096, "%s/%s", env, name);
	else
		snprintf(path, 4096, "%s/../shared/data/%s", src != NULL ? src : ".", name);
	if (access(path, R_OK) == 0)
		return path;
	printf("skipped: %s is not there\n", path);
	return NULL;
}

static struct str text_of(json_t *o, const char *key)
{
	return str_z(json_string_value(json_object_get(o, key)));
}

static void check_vector(json_t *v)
{
	struct sigv4_key key = { text_of(v, "access_key_id"), text_of(v, "secret_access_key"),
		text_of(v, "region"), text_of(v, "service") };
	struct sigv4_request q = { .method = text_of(v, "method") };
	struct sigv4_field f[8];
	struct str names, canonical, got, url = text_of(v, "url");
	json_t *fields = json_object_get(v, "signed_headers"), *value;
	const char *name;

	url = str_skip(url, sizeof "https://" - 1);
	q.path = str_skip(url, str_chr(url, '/'));
	json_object_foreach(fields, name, value) if (strcmp(name, "authorization") != 0)
		f[q.n_fields++] =
			(struct sigv4_field){ str_z(name), str_z(json_string_value(value)) };
	q.field = f;
	sigv4_hash_payload(text_of(v, "body"), q.payload_hash);
	canonical = sigv4_canonical(&arena, &q, &names);
	UNIT_STR_EQ(canonical, text_of(v, "canonical_request"));
	got = sigv4_authorization(
		&arena, &q, &key, json_string_value(json_object_get(v, "amz_date")));
	UNIT_STR_EQ(got, text_of(fields, "authorization"));
}

START_TEST(recorded_bedrock_vectors)
{
	char path[4096];
	const char *file = data_file(path, "aws/sigv4-bedrock-vectors.json");
	json_t *all = file != NULL ? json_load_file(file, 0, NULL) : NULL, *v;
	size_t i;

	if (file == NULL)
		return;
	ck_assert_uint_ge(json_array_size(all), 3);
	json_array_foreach(all, i, v) check_vector(v);
	json_decref(all);
}
END_TEST

/* A whole file below dir, in the arena, with a NUL behind it; without the line feed at its end. */
static struct str slurp(const char *dir, const char *name)
{
	char path[4200], *text;
	FILE *in;
	size_t n;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s", path);
	text = arena_alloc(&arena, 1 << 14);
	n = fread(text, 1, (1 << 14) - 1, in);
	text[n] = '\0';
	fclose(in);
	return str_mk(text, n > 0 && text[n - 1] == '\n' ? n - 1 : n);
}

static size_t parse_fields(struct str *rest, struct sigv4_field *f)
{
	struct str line;
	size_t n = 0;

	while (str_split(rest, '\n', &line) && line.n > 0) {
		size_t colon = str_chr(line, ':');

		if (line.p[0] == ' ') { /* a folded line belongs to the value before it */
			f[n - 1].value.n = (size_t)(line.p + line.n - f[n - 1].value.p);
			continue;
		}
		f[n++] = (struct sigv4_field){ str_mk(line.p, colon), str_skip(line, colon + 1) };
	}
	return n;
}

static void check_suite(const char *dir)
{
	struct str request = slurp(dir, "request.txt"), rest = request, line;
	struct str want = slurp(dir, "header-canonical-request.txt"), names, got, text;
	struct str signature = slurp(dir, "header-signature.txt");
	json_t *cx = json_loads(slurp(dir, "context.json").p, JSON_DISABLE_EOF_CHECK, NULL);
	json_t *key = json_object_get(cx, "credentials");
	struct sigv4_field f[16];
	struct sigv4_request q = { .field = f };
	size_t space, mark;
	char hex[64];

	ck_assert(str_split(&rest, '\n', &line));
	space = str_chr(line, ' ');
	q.method = str_mk(line.p, space);
	q.path = str_mk(line.p + space + 1, line.n - space - 1 - (sizeof " HTTP/1.1" - 1));
	mark = str_chr(q.path, '?');
	if (mark != (size_t)-1) {
		q.query = str_skip(q.path, mark + 1);
		q.path.n = mark;
	}
	q.n_fields = parse_fields(&rest, f);
	sigv4_hash_payload(rest, q.payload_hash);
	q.keep_path = !json_is_true(json_object_get(cx, "normalize"));
	f[q.n_fields++] = (struct sigv4_field){ STR("x-amz-date"), STR("20150830T123600Z") };
	if (json_object_get(key, "token") != NULL &&
		!json_is_true(json_object_get(cx, "omit_session_token")))
		f[q.n_fields++] =
			(struct sigv4_field){ STR("x-amz-security-token"), text_of(key, "token") };
	if (json_is_true(json_object_get(cx, "sign_body")))
		f[q.n_fields++] = (struct sigv4_field){ STR("x-amz-content-sha256"),
			str_mk(q.payload_hash, 64) };
	got = sigv4_canonical(&arena, &q, &names);
	ck_assert_msg(str_eq(got, want), "%s:\n%.*s\nnot\n%.*s", dir, STR_FMT(got), STR_FMT(want));
	text = sigv4_string_to_sign(&arena, &suite_key, "20150830T123600Z", got);
	sigv4_signature(&suite_key, "20150830T123600Z", text, hex);
	ck_assert_msg(str_eq(str_mk(hex, 64), signature), "%s", dir);
	json_decref(cx);
}

START_TEST(published_suite)
{
	char path[4096], tmp[] = "/tmp/check_sigv4.XXXXXX", cmd[8300], dir[4096];
	const char *file = data_file(path, "aws/aws-sigv4-test-suite.tgz");
	int n = 0;
	FILE *list;

	if (file == NULL)
		return;
	ck_assert_ptr_nonnull(mkdtemp(tmp));
	snprintf(cmd, sizeof cmd, "tar xzf '%s' -C %s && ls -d %s/v4/*/", file, tmp, tmp);
	list = popen(cmd, "r");
	while (fgets(dir, sizeof dir, list) != NULL) {
		dir[strcspn(dir, "\n")] = '\0';
		check_suite(dir);
		n++;
	}
	ck_assert_int_eq(pclose(list), 0);
	ck_assert_int_ge(n, 30);
	snprintf(cmd, sizeof cmd, "rm -r %s", tmp);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, rows_of_the_suite, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, bedrock_requests);
	tcase_add_test(tc, claims_that_are_none);
	tcase_add_test(tc, times);
	tcase_add_test(tc, too_much_is_refused);
	tcase_add_test(tc, recorded_bedrock_vectors);
	tcase_add_test(tc, published_suite);
}

UNIT_MAIN("sigv4", tests)
