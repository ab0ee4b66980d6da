/*
 * check_cred_token.c: what is read as a token and when it expires; files and commands.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cred_token.h"
#include "unit/unit.h"

#define EXP 1893456000 /* 2030-01-01 */
/* {"alg":"none"} . {"aud":"x","exp":1893456000} */
#define JWT "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4IiwiZXhwIjoxODkzNDU2MDAwfQ.c2ln"

static const struct row {
	const char *text, *token; /* NULL: refused */
	int64_t expires_s;        /* -1: an hour from now */
} rows[] = {
	{ "plain-token\n", "plain-token", 0 },
	{ " \tplain-token \r\n\n", "plain-token", 0 },
	{ JWT, JWT, EXP },
	{ "a.%%%.c", NULL, 0 },
	{ "a.e30.c", "a.e30.c", 0 },
	{ "{\"access_token\":\"t1\",\"expires_in\":3600,\"token_type\":\"Bearer\"}", "t1", -1 },
	{ "{\"access_token\":\"t1\",\"expires_in\":\"3600\"}", "t1", -1 },
	/* Azure's managed identities say both, in strings */
	{ "{\"access_token\":\"t1\",\"expires_in\":\"3600\",\"expires_on\":\"1893456000\"}", "t1",
		EXP },
	/* az account get-access-token */
	{ "{\"accessToken\":\"t2\",\"expiresOn\":\"2030-01-01 00:00:00.000000\","
	  "\"expires_on\":1893456000}",
		"t2", EXP },
	{ "{\"token\":\"t3\",\"expires_at\":\"2030-01-01T00:00:00Z\"}", "t3", EXP },
	{ "{\"access_token\":\"" JWT "\"}", JWT, EXP },
	{ "{\"access_token\":\"t1\",\"expires_in\":1.5}", "t1", 0 },
	{ "{\"access_token\":7}", NULL, 0 },
	{ "{\"error\":\"invalid_client\"}", NULL, 0 },
	{ "{\"access_token\":", NULL, 0 },
	{ "", NULL, 0 },
	{ "two words", NULL, 0 },
	{ "a\nb", NULL, 0 },
};

static void check(const struct row *r, int rc, const struct cred_got *g, const char *what)
{
	int64_t hour = clock_wall().us + 3600 * INT64_C(1000000);
	char want[512];

	ck_assert_msg((rc == 0) == (r->token != NULL), "%s: %s", what, g->why);
	if (rc != 0) {
		ck_assert_msg(g->why[0] != '\0', "%s says why", what);
		return;
	}
	snprintf(want, sizeof want, "authorization: Bearer %s\r\n", r->token);
	ck_assert_msg(str_eq(g->part[0], str_z(want)), "%s: %.*s", what, STR_FMT(g->part[0]));
	if (r->expires_s < 0)
		ck_assert_msg(llabs((long long)(g->expires.us - hour)) < 60000000, "%s", what);
	else
		ck_assert_msg(g->expires.us == r->expires_s * 1000000, "%s: %lld", what,
			(long long)g->expires.us);
}

START_TEST(texts)
{
	const struct row *r = &rows[_i];
	struct cred_got *g = calloc(1, sizeof *g);
	char *copy = unit_copy(r->text, strlen(r->text));

	check(r, cred_token_read(g, str_mk(copy, strlen(r->text))), g, r->text);
	free(copy);
	free(g);
}
END_TEST

/* The same from a file, and what is none. */
START_TEST(files)
{
	char dir[] = "/tmp/check_cred_token.XXXXXX", path[64];
	struct str arg[CRED_ARGS] = { STR_NONE };
	struct cred_got *g = calloc(1, sizeof *g);
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/token", dir);
	arg[0] = str_z(path);
	ck_assert_int_eq(cred_token_file.fetch(arg, g), -1);
	ck_assert_ptr_nonnull(strstr(g->why, "No such file"));
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		f = fopen(path, "w");
		fputs(rows[i].text, f);
		fclose(f);
		memset(g, 0, sizeof *g);
		check(&rows[i], cred_token_file.fetch(arg, g), g, rows[i].text);
	}
	f = fopen(path, "w");
	for (int i = 0; i < CRED_MAX; i++)
		fputc('a', f);
	fclose(f);
	ck_assert_int_eq(cred_token_file.fetch(arg, g), -1);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(cred_token_file.fetch(arg, g), -1);
	ck_assert_ptr_nonnull(strstr(g->why, "regular"));
	unlink(path);
	rmdir(dir);
	free(g);
}
END_TEST

static const struct command_row {
	const char *command, *line, *why; /* why: a part of it */
} command_rows[] = {
	{ "echo tok", "authorization: Bearer tok\r\n", NULL },
	{ "printf '{\"access_token\":\"%s\",\"expires_in\":60}' abc",
		"authorization: Bearer abc\r\n", NULL },
	{ "cat; echo tok", "authorization: Bearer tok\r\n", NULL }, /* stdin is empty */
	{ "exit 3", NULL, "status 3" }, { "echo tok; exit 1", NULL, "status 1" },
	{ "kill -9 $$", NULL, "signal 9" }, { "true", NULL, "empty" },
	{ "/nonexistent/program", NULL, "status 127" },
	{ "yes", NULL, "bytes" }, /* ended: it does not end by itself */
};

START_TEST(commands)
{
	const struct command_row *r = &command_rows[_i];
	struct str arg[CRED_ARGS] = { str_z(r->command) };
	struct cred_got *g = calloc(1, sizeof *g);
	int rc = cred_token_command.fetch(arg, g);

	if (r->line != NULL) {
		ck_assert_msg(rc == 0, "%s: %s", r->command, g->why);
		ck_assert(str_eq(g->part[0], str_z(r->line)));
	} else {
		ck_assert_int_eq(rc, -1);
		ck_assert_msg(strstr(g->why, r->why) != NULL, "%s: %s", r->command, g->why);
	}
	free(g);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, texts, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, files);
	tcase_add_loop_test(tc, commands, 0, TG_ARRAY_LEN(command_rows));
}

UNIT_MAIN("cred_token", tests)
