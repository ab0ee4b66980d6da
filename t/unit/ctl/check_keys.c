/*
 * check_keys.c: tgctl's command line as main() sees it, and that the line it prints is one that the
 * configuration takes for the key that was printed.
 */
#include "unit/unit.h"

#include <jansson.h>
#include <stdio.h>

#include "core/config.h"

/* the program under test, whole */
#define main tgctl_main
int tgctl_main(int argc, char **argv);
#include "ctl/tgctl.c"
#undef main
#include "ctl/cmd_keys.c"

static char out[65536];

/* tgctl with these arguments (up to NULL) and input; its standard output is in out. */
static int ctl(const char *input, ...)
{
	char *argv[16] = { strdup("tgctl") };
	FILE *in = tmpfile(), *to = tmpfile();
	int argc = 1, rc, old_in = dup(0), old_out = dup(1);
	va_list ap;

	va_start(ap, input);
	for (const char *arg; (arg = va_arg(ap, const char *)) != NULL;)
		argv[argc++] = strdup(arg);
	va_end(ap);
	ck_assert(fputs(input, in) >= 0 && fflush(in) == 0 && fseek(in, 0, SEEK_SET) == 0);
	ck_assert(fflush(stdout) == 0 && dup2(fileno(in), 0) == 0 && dup2(fileno(to), 1) == 1);
	clearerr(stdin);
	rc = tgctl_main(argc, argv);
	ck_assert(fflush(stdout) == 0 && dup2(old_in, 0) == 0 && dup2(old_out, 1) == 1);
	rewind(to);
	out[fread(out, 1, sizeof out - 1, to)] = '\0';
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	fclose(in);
	fclose(to);
	close(old_in);
	close(old_out);
	return rc;
}

/* The one key of a configuration with this line in it. */
static struct cfg_key load_line(const char *line, struct arena *arena, struct config *config)
{
	struct conf_error err;
	char yaml[2048];

	snprintf(yaml, sizeof yaml, "listen: a:0\ntenants:\n  acme:\n    keys:\n      %s\n", line);
	ck_assert_msg(conf_load_text(str_z(yaml), "line", &config_root, arena, config, &err) == 0,
		"%s\n%s", err.text, yaml);
	return *(const struct cfg_key *)((const struct cfg_tenant *)config->tenants.v)->keys.v;
}

START_TEST(a_created_key_is_the_line_s_key)
{
	static const char *const ids[] = { "svc", "a.b:c@d_e-f", ":odd:", "-", "@x", "null", "1" };
	uint8_t hash[SHA256_LEN];
	struct config config;
	struct arena arena;

	for (size_t i = 0; i < TG_ARRAY_LEN(ids); i++) {
		arena_init(&arena, NULL, 0);
		ck_assert_int_eq(ctl("", "keys", "create", "--tenant", "acme", "--id", ids[i],
					 "--expires", "2027-01-01T18:00:00+01:00", "--json", NULL),
			0);
		json_t *j = json_loads(out, 0, NULL);
		struct str key = str_z(json_string_value(json_object_get(j, "key")));
		struct cfg_key k =
			load_line(json_string_value(json_object_get(j, "yaml")), &arena, &config);

		ck_assert_uint_eq(key.n, 3 + 43);
		ck_assert(str_starts(key, STR("tg-")));
		ck_assert_uint_eq(
			strspn(key.p,
				"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
			key.n);
		digest_sha256(key, hash);
		ck_assert_mem_eq(k.sha256, hash, sizeof hash);
		UNIT_STR_EQ(k.id, str_z(ids[i]));
		ck_assert_int_eq(k.expires_us, 1798822800000000);
		ck_assert_str_eq(json_string_value(json_object_get(j, "tenant")), "acme");
		json_decref(j);
		arena_fini(&arena);
	}
}
END_TEST

START_TEST(keys_differ)
{
	char first[64];

	ck_assert_int_eq(ctl("", "keys", "create", NULL), 0);
	ck_assert_uint_eq(strcspn(out, "\n"), 46);
	memcpy(first, out, 46);
	ck_assert_int_eq(ctl("", "keys", "create", NULL), 0);
	ck_assert_mem_ne(first, out, 46);
}
END_TEST

START_TEST(hash_reads_one_line)
{
	static const char *const inputs[] = { "tg-example", "tg-example\n", "tg-example\r\n",
		"tg-example\nmore\n" };

	for (size_t i = 0; i < TG_ARRAY_LEN(inputs); i++) {
		ck_assert_int_eq(ctl(inputs[i], "keys", "hash", "--id", "x", NULL), 0);
		ck_assert_str_eq(out,
			"- { id: x, sha256: "
			"da0c916dc50a298a6f3e26826c119601701640c14d1013c544afbce1ececa0fc }\n");
	}
	ck_assert_int_eq(ctl("tg-example", "keys", "hash", "--json", NULL), 0);
	ck_assert_ptr_null(strstr(out, "tg-example"));
}
END_TEST

START_TEST(base64url_is_rfc_4648)
{
	static const struct {
		const char *in, *out;
	} vectors[] = { { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
		{ "\xff\xef\xbe", "_---" } };
	char text[16];

	for (size_t i = 0; i < TG_ARRAY_LEN(vectors); i++) {
		base64url((const uint8_t *)vectors[i].in, strlen(vectors[i].in), text);
		ck_assert_str_eq(text, vectors[i].out);
	}
}
END_TEST

START_TEST(exit_codes)
{
	char long_key[KEY_MAX_LEN + 10];

	ck_assert_int_eq(ctl("", "--help", NULL), 0);
	ck_assert_ptr_nonnull(strstr(out, "keys"));
	ck_assert_int_eq(ctl("", "help", "keys", NULL), 0);
	ck_assert_ptr_nonnull(strstr(out, "--expires"));
	ck_assert_int_eq(ctl("", "keys", "create", "-h", NULL), 0);
	ck_assert_int_eq(ctl("", NULL), 2);
	ck_assert_int_eq(ctl("", "help", "kees", NULL), 2);
	ck_assert_int_eq(ctl("", "kees", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "destroy", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "create", "--id", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "create", "--id", "a b", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "create", "--tenant", "", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "create", "--expires", "soon", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "hash", "tg-on-the-command-line", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "hash", NULL), 1);
	ck_assert_int_eq(ctl("\n", "keys", "hash", NULL), 1);
	memset(long_key, 'x', sizeof long_key - 1);
	long_key[sizeof long_key - 1] = '\0';
	ck_assert_int_eq(ctl(long_key, "keys", "hash", NULL), 1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, a_created_key_is_the_line_s_key);
	tcase_add_test(tc, keys_differ);
	tcase_add_test(tc, hash_reads_one_line);
	tcase_add_test(tc, base64url_is_rfc_4648);
	tcase_add_test(tc, exit_codes);
}

UNIT_MAIN("tgctl keys", tests)
