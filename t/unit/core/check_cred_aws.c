/*
 * check_cred_aws.c: AWS credentials from the environment, a shared credentials file and a
 * container's endpoint, and which of them is asked; regions in hosts' names.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/cred_aws.h"
#include "unit/unit.h"

static struct cred_got got;
static char dir[64], path[128];

static void setup(void)
{
	static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "HOME" };

	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	snprintf(dir, sizeof dir, "/tmp/check_cred_aws.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/credentials", dir);
	setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
	memset(&got, 0, sizeof got);
}

static void teardown(void)
{
	unlink(path);
	rmdir(dir);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static int fetch(const char *profile)
{
	struct str arg[CRED_ARGS] = { str_z(profile) };

	memset(&got, 0, sizeof got);
	return cred_aws.fetch(arg, &got);
}

static void is(const char *id, const char *secret, const char *session)
{
	UNIT_STR_EQ(got.part[CRED_AWS_ID], str_z(id));
	UNIT_STR_EQ(got.part[CRED_AWS_SECRET], str_z(secret));
	UNIT_STR_EQ(got.part[CRED_AWS_SESSION], str_z(session));
}

#define FILE_TEXT                                                                              \
	"# comment\n[default]\naws_access_key_id = AKID1\r\naws_secret_access_key=s1/+=\n\n"   \
	"; more\n[ work ]\naws_access_key_id=AKID2\naws_secret_access_key = s2\n"              \
	"aws_session_token = t2==\nregion = x\n[half]\naws_access_key_id=AKID3\n[profile p]\n" \
	"aws_access_key_id=AKID4\naws_secret_access_key=s4"

START_TEST(a_file)
{
	write_file(FILE_TEXT);
	ck_assert_int_eq(fetch(""), 0);
	is("AKID1", "s1/+=", "");
	ck_assert_int_eq(fetch("work"), 0);
	is("AKID2", "s2", "t2==");
	ck_assert_int_eq(fetch("p"), 0);
	is("AKID4", "s4", "");
	setenv("AWS_PROFILE", "work", 1);
	ck_assert_int_eq(fetch(""), 0);
	is("AKID2", "s2", "t2==");
	ck_assert_int_eq(fetch("half"), -1);
	ck_assert_str_eq(got.why, "an access key id or its secret is missing");
	ck_assert_int_eq(fetch("none"), -1);
	ck_assert_str_eq(got.why, "there is no profile [none]");
	write_file("");
	ck_assert_int_eq(fetch(""), -1);
	unlink(path);
	ck_assert_int_eq(fetch("work"), -1);
	ck_assert_ptr_nonnull(strstr(got.why, "No such file"));
}
END_TEST

START_TEST(the_environment_comes_first_unless_a_profile_is_named)
{
	write_file(FILE_TEXT);
	setenv("AWS_ACCESS_KEY_ID", "AKIDE", 1);
	ck_assert_int_eq(fetch(""), -1);
	setenv("AWS_SECRET_ACCESS_KEY", "se", 1);
	ck_assert_int_eq(fetch(""), 0);
	is("AKIDE", "se", "");
	setenv("AWS_SESSION_TOKEN", "te", 1);
	ck_assert_int_eq(fetch(""), 0);
	is("AKIDE", "se", "te");
	ck_assert_int_eq(fetch("work"), 0);
	is("AKID2", "s2", "t2==");
	setenv("AWS_SECRET_ACCESS_KEY", "a\nb", 1);
	ck_assert_int_eq(fetch(""), -1);
}
END_TEST

START_TEST(nothing_is_there)
{
	ck_assert_int_eq(fetch(""), -1);
	ck_assert_ptr_nonnull(strstr(got.why, "AWS_ACCESS_KEY_ID"));
	unsetenv("AWS_SHARED_CREDENTIALS_FILE");
	ck_assert_int_eq(fetch("work"), -1);
	ck_assert_ptr_nonnull(strstr(got.why, "HOME"));
}
END_TEST

START_TEST(json)
{
	static const struct {
		const char *text;
		int rc;
		int64_t expires_s;
	} rows[] = {
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":"
		  "\"2030-01-01T00:00:00Z\",\"RoleArn\":\"r\"}",
			0, 1893456000 },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\"}", 0, 0 },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":"
		  "\"soon\"}",
			-1, 0 },
		{ "{\"AccessKeyId\":\"A\"}", -1, 0 },
		{ "{\"code\":\"CredentialsNotFound\"}", -1, 0 },
		{ "no", -1, 0 },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		memset(&got, 0, sizeof got);
		ck_assert_int_eq(cred_aws_read_json(&got, str_z(rows[i].text)), rows[i].rc);
		if (rows[i].rc != 0)
			continue;
		is("A", "S", "T");
		ck_assert_int_eq(got.expires.us, rows[i].expires_s * 1000000);
	}
}
END_TEST

/* ---- an endpoint that answers once */

struct endpoint {
	int fd;
	const char *answer;
	char seen[2048];
};

static void *serve(void *arg)
{
	struct endpoint *e = arg;
	int c = accept(e->fd, NULL, NULL);
	size_t n = 0;

	while (strstr(e->seen, "\r\n\r\n") == NULL) {
		ssize_t more = read(c, e->seen + n, sizeof e->seen - 1 - n);

		if (more <= 0)
			break;
		n += (size_t)more;
	}
	(void)!write(c, e->answer, strlen(e->answer));
	close(c);
	return NULL;
}

static int ask(struct endpoint *e)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	char uri[128];
	pthread_t t;
	int rc;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	e->fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(e->fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(e->fd, 1), 0);
	ck_assert_int_eq(getsockname(e->fd, (struct sockaddr *)&a, &len), 0);
	snprintf(uri, sizeof uri, "http://127.0.0.1:%u/v1/credentials", ntohs(a.sin_port));
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1);
	ck_assert_int_eq(pthread_create(&t, NULL, serve, e), 0);
	rc = fetch("");
	pthread_join(t, NULL);
	close(e->fd);
	return rc;
}

#define KEYS "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\"}"

START_TEST(a_container)
{
	struct endpoint
		good = { .answer =
				 "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" KEYS },
		bad = { .answer = "HTTP/1.1 403 Forbidden\r\n\r\n" }, none = { .answer = "hello" };

	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc", 1);
	ck_assert_msg(ask(&good) == 0, "%s", got.why);
	is("A", "S", "T");
	ck_assert_ptr_nonnull(strstr(good.seen, "GET /v1/credentials HTTP/1."));
	ck_assert_ptr_nonnull(strstr(good.seen, "\r\nauthorization: Basic abc\r\n"));
	ck_assert_int_eq(ask(&bad), -1);
	ck_assert_ptr_nonnull(strstr(got.why, "403"));
	ck_assert_int_eq(ask(&none), -1);
	ck_assert_ptr_nonnull(strstr(got.why, "endpoint"));
	/* a token that changes is in a file */
	write_file("token-of-file\n");
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	memset(good.seen, 0, sizeof good.seen);
	ck_assert_int_eq(ask(&good), 0);
	ck_assert_ptr_nonnull(strstr(good.seen, "\r\nauthorization: token-of-file\r\n"));
}
END_TEST

START_TEST(endpoints_that_are_none)
{
	static const struct {
		const char *uri, *why;
	} bad[] = {
		{ "http://metadata.example.com/x", "must be https://" },
		{ "ftp://x", "address: " },
		{ "http://127.0.0.1:1/x", "refused" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(bad); i++) {
		setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", bad[i].uri, 1);
		ck_assert_int_eq(fetch(""), -1);
		ck_assert_msg(strstr(got.why, bad[i].why) != NULL, "%s: %s", bad[i].uri, got.why);
	}
}
END_TEST

START_TEST(regions)
{
	static const struct {
		const char *host, *region;
	} rows[] = {
		{ "bedrock-runtime.us-east-1.amazonaws.com", "us-east-1" },
		{ "bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1" },
		{ "vpce-0a1b2c-d3e4.bedrock-runtime.eu-central-1.vpce.amazonaws.com",
			"eu-central-1" },
		{ "bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1" },
		{ "bedrock-runtime.eu-west-3.api.aws", "eu-west-3" },
		{ "bedrock-runtime.amazonaws.com", "" },
		{ "bedrock-runtime.us-east-1.example.com", "" },
		{ "127.0.0.1", "" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		UNIT_STR_EQ(cred_aws_region_of(str_z(rows[i].host)), str_z(rows[i].region));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_file);
	tcase_add_test(tc, the_environment_comes_first_unless_a_profile_is_named);
	tcase_add_test(tc, nothing_is_there);
	tcase_add_test(tc, json);
	tcase_add_test(tc, a_container);
	tcase_add_test(tc, endpoints_that_are_none);
	tcase_add_test(tc, regions);
}

UNIT_MAIN("cred_aws", tests)
