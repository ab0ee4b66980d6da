/*
 * check_str.c: views of bytes: case folding at every length and byte, splitting, hashing, nearness.
 */
#include "base/str.c"

#include <ctype.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/defs.h"
#include "unit/unit.h"

/* Every pair of bytes, at every place of strings short and long, against the C locale's tolower. */
START_TEST(eq_ci_agrees_with_tolower_everywhere)
{
	static const size_t lens[] = { 1, 3, 7, 8, 9, 15, 16, 17, 25 };

	for (size_t l = 0; l < TG_ARRAY_LEN(lens); l++) {
		char *a = unit_copy("abcdefghijklmnopqrstuvwxy", lens[l]);
		char *b = unit_copy("ABCDEFGHIJKLMNOPQRSTUVWXY", lens[l]);
		size_t at = lens[l] / 2;

		for (int x = 0; x < 256; x++)
			for (int y = 0; y < 256; y++) {
				bool want = tolower(x) == tolower(y);

				a[at] = (char)x;
				b[at] = (char)y;
				if (str_eq_ci(str_mk(a, lens[l]), str_mk(b, lens[l])) != want)
					ck_abort_msg("%d and %d at %zu of %zu", x, y, at, lens[l]);
			}
		free(a);
		free(b);
	}
}
END_TEST

START_TEST(eq_ci_sees_each_position)
{
	const char *text = "Content-Security-Policy-Report-Only";

	for (size_t n = 0; n <= strlen(text); n++)
		for (size_t at = 0; at < n; at++) {
			char *a = unit_copy(text, n), *b = unit_copy(text, n);

			ck_assert(str_eq_ci(str_mk(a, n), str_mk(b, n)));
			b[at] = '#';
			ck_assert(!str_eq_ci(str_mk(a, n), str_mk(b, n)));
			ck_assert(!str_starts_ci(str_mk(a, n), str_mk(b, n)));
			ck_assert(str_starts_ci(str_mk(a, n), str_mk(b, at)));
			free(a);
			free(b);
		}
	ck_assert(str_eq_ci(STR_NONE, STR("")));
	ck_assert(!str_starts_ci(STR("ab"), STR("ABC")));
}
END_TEST

START_TEST(find_and_chr)
{
	ck_assert_uint_eq(str_chr(STR_NONE, 'a'), (size_t)-1);
	ck_assert_uint_eq(str_chr(STR("cab"), 'b'), 2);
	ck_assert_uint_eq(str_chr(STR("a\0b"), 0), 1);
	ck_assert_uint_eq(str_find(STR("aab"), STR("ab")), 1);
	ck_assert_uint_eq(str_find(STR("aa"), STR("aab")), (size_t)-1);
	ck_assert_uint_eq(str_find(STR_NONE, STR("x")), (size_t)-1);
	ck_assert_uint_eq(str_find(STR_NONE, STR("")), 0);
	ck_assert_uint_eq(str_find(STR("x\0yz"), STR("\0y")), 1);
	/* short texts and long ones are searched in two ways */
	for (size_t n = 0; n < 130; n++) {
		char *text = malloc(n + 3);

		memset(text, 'a', n);
		memcpy(text + n, "aab", 3);
		ck_assert_uint_eq(str_find(str_mk(text, n + 3), STR("aab")), n);
		ck_assert_uint_eq(str_find(str_mk(text, n + 2), STR("aab")), (size_t)-1);
		free(text);
	}
}
END_TEST

START_TEST(trim)
{
	UNIT_STR_EQ(str_trim(STR(" \t a b\t ")), STR("a b"));
	UNIT_STR_EQ(str_trim(STR(" \t ")), STR(""));
	UNIT_STR_EQ(str_trim(STR_NONE), STR(""));
	UNIT_STR_EQ(str_trim(STR("\r\nx\n")), STR("\r\nx\n"));
}
END_TEST

START_TEST(split)
{
	static const struct {
		const char *in, *parts; /* parts each in brackets */
	} rows[] = {
		{ "", "" },
		{ "a", "[a]" },
		{ "a,,b", "[a][][b]" },
		{ ",a", "[][a]" },
		{ "a,", "[a]" },
		{ ",", "[]" },
		{ ",,", "[][]" },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct str rest = str_z(rows[i].in), part;
		char got[64] = "";

		while (str_split(&rest, ',', &part))
			sprintf(got + strlen(got), "[%.*s]", STR_FMT(part));
		ck_assert_str_eq(got, rows[i].parts);
	}
}
END_TEST

START_TEST(cmp)
{
	/* In order: each is less than all that follow. */
	static const struct str order[] = { { "", 0 }, { "\0", 1 }, { "a", 1 }, { "a\0", 2 },
		{ "aa", 2 }, { "b", 1 }, { "\x80", 1 } };

	for (int i = 0; i < (int)TG_ARRAY_LEN(order); i++)
		for (int j = 0; j < (int)TG_ARRAY_LEN(order); j++) {
			int c = str_cmp(order[i], order[j]);

			ck_assert_int_eq((c > 0) - (c < 0), (i > j) - (i < j));
		}
	ck_assert_int_eq(str_cmp(STR_NONE, STR("")), 0);
}
END_TEST

/* Each length and each byte must count, and nothing beyond the end may. */
START_TEST(hash_depends_on_every_byte)
{
	char text[65];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 26);
	for (size_t n = 0; n < sizeof text; n++) {
		char *p = unit_copy(text, n);
		uint64_t h = str_hash(str_mk(p, n));

		ck_assert_uint_eq(h, str_hash(str_mk(text, n)));
		ck_assert_uint_ne(h, str_hash(str_mk(text, n + 1)));
		for (size_t at = 0; at < n; at++) {
			p[at] ^= 1;
			ck_assert_uint_ne(h, str_hash(str_mk(p, n)));
			p[at] ^= 1;
		}
		free(p);
	}
	/* Zeros of different number are different strings. */
	for (size_t n = 0; n < 40; n++)
		ck_assert_uint_ne(str_hash(str_mk((char[41]){ 0 }, n)),
			str_hash(str_mk((char[41]){ 0 }, n + 1)));
	ck_assert_uint_eq(str_hash(STR_NONE), str_hash(STR("")));
}
END_TEST

/* Names that differ in a few digits must spread over the low bits, which tables use. */
START_TEST(hash_spreads)
{
	static const char *const shapes[] = { "k%u", "tenant-%08u", "/v1/organisation/%u/project",
		"%06u-what-comes-behind-is-always-the-same" };

	for (size_t s = 0; s < TG_ARRAY_LEN(shapes); s++) {
		unsigned char load[4096] = { 0 };
		unsigned worst = 0;

		for (unsigned i = 0; i < 4096; i++) {
			char name[64];
			int n = sprintf(name, shapes[s], i); /* NOLINT: the shapes are above */
			size_t slot = str_hash(str_mk(name, (size_t)n)) & 4095;

			worst = TG_MAX(worst, ++load[slot]);
		}
		/* A random function gives six or seven; twelve has odds of one in 300,000. */
		ck_assert_uint_lt(worst, 12);
	}
}
END_TEST

/* What is found again elsewhere stays what it was; what tables use cannot be known outside. */
START_TEST(hash_of_a_process)
{
	uint64_t here = str_hash(STR("acme")), there = 0;
	int fd[2];

	ck_assert_uint_eq(str_hash_fixed(STR("acme")), UINT64_C(0x1acf6bb84ad67f0d));
	ck_assert_uint_ne(here, str_hash_fixed(STR("acme")));
	ck_assert_int_eq(pipe(fd), 0);
	if (fork() == 0) { /* as another process does at its start */
		hash_own_draw();
		there = str_hash(STR("acme"));
		_exit(write(fd[1], &there, sizeof there) == sizeof there ? 0 : 1);
	}
	ck_assert_int_eq(read(fd[0], &there, sizeof there), sizeof there);
	ck_assert_uint_ne(here, there);
	ck_assert_int_gt(wait(NULL), 0);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(nearest)
{
	static const char *const words[] = { "listen", "tenants", "targets", "tiers", "tls",
		"log" };
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "lisen", "listen" },
		{ "lsiten", "listen" },
		{ "tenant", "tenants" },
		{ "target", "targets" },
		{ "tsl", "tls" },
		{ "TARGETS", "targets" },
		{ "LSITEN", "listen" },
		{ "lg", "log" },
		{ "listen", "listen" },
		{ "xyzzy", NULL },
		{ "", NULL },
		{ "q", NULL },
		{ "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs", NULL },
	};

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		const char *got = str_nearest(str_z(rows[i].word), words, TG_ARRAY_LEN(words));

		ck_assert_pstr_eq(got, rows[i].want);
	}
}
END_TEST

START_TEST(dup_ends_with_nul)
{
	char *p = str_dup(str_mk("abcdef", 3));

	ck_assert_str_eq(p, "abc");
	free(p);
	p = str_dup(STR_NONE);
	ck_assert_str_eq(p, "");
	free(p);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, eq_ci_agrees_with_tolower_everywhere);
	tcase_add_test(tc, eq_ci_sees_each_position);
	tcase_add_test(tc, find_and_chr);
	tcase_add_test(tc, trim);
	tcase_add_test(tc, split);
	tcase_add_test(tc, cmp);
	tcase_add_test(tc, hash_depends_on_every_byte);
	tcase_add_test(tc, hash_spreads);
	tcase_add_test(tc, hash_of_a_process);
	tcase_add_test(tc, nearest);
	tcase_add_test(tc, dup_ends_with_nul);
}

UNIT_MAIN("str", tests)
