/*
 * check_load.c: YAML to structs with a table of the test's own: every kind of error with its exact
 * place and words, includes and how they merge, secrets, aliases.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/yaml.h"

struct part {
	struct str name; /* of the map key */
	struct str url;
	int64_t weight;
	struct conf_pos pos;
};

struct stop {
	struct str target, model;
};

struct sub {
	int64_t size;
	struct conf_array stops;
};

struct all {
	int64_t n;
	struct str text, secret;
	struct conf_strings strings;
	struct conf_tags tags;
	struct conf_array parts, stops;
	struct sub sub;
	bool flag;
};

static const struct conf_directive stop_directives[] = {
	{ .name = "target",
		.type = CONF_STRING,
		.offset = offsetof(struct stop, target),
		.flags = CONF_REQUIRED,
		.help = "Where to." },
	{ .name = "model",
		.type = CONF_STRING,
		.offset = offsetof(struct stop, model),
		.help = "What." },
	{ .name = NULL },
};
static const struct conf_block stop_block = { .name = "stop",
	.help = "A stop.",
	.size = sizeof(struct stop),
	.directives = stop_directives };

static int check_part(struct conf_load *l, void *obj)
{
	const struct part *p = obj;

	if (str_eq(p->name, STR("bad")))
		return conf_fail_at(l, &p->name, "bad name");
	if (str_eq(p->url, STR("bad")))
		return conf_fail_at(l, &p->url, "bad url");
	return p->weight == 13 ? conf_fail_at(l, &p->weight, "bad weight") : 0;
}

static const struct conf_directive part_directives[] = {
	{ .name = "url",
		.type = CONF_STRING,
		.offset = offsetof(struct part, url),
		.help = "Where." },
	{ .name = "weight",
		.type = CONF_INT,
		.offset = offsetof(struct part, weight),
		.def = "7",
		.min = 1,
		.max = 99,
		.help = "How much." },
	{ .name = NULL },
};
static const struct conf_block part_block = { .name = "part",
	.help = "A part.",
	.size = sizeof(struct part),
	.directives = part_directives,
	.pos_offset_plus1 = offsetof(struct part, pos) + 1,
	.check = check_part };

static const struct conf_directive sub_directives[] = {
	{ .name = "size",
		.type = CONF_SIZE,
		.offset = offsetof(struct sub, size),
		.def = "4k",
		.help = "Big." },
	{ .name = "stops",
		.type = CONF_LIST,
		.offset = offsetof(struct sub, stops),
		.block = &stop_block,
		.help = "Stops." },
	{ .name = NULL },
};
static const struct conf_block sub_block = {
	.name = "sub", .help = "A block.", .size = sizeof(struct sub), .directives = sub_directives
};

static int check_all(struct conf_load *l, void *obj)
{
	const struct all *a = obj;
	const struct stop *stops = a->stops.v;

	for (size_t i = 0; i < a->strings.n; i++)
		if (str_eq(a->strings.v[i], STR("bad")))
			return conf_fail_at(l, &a->strings.v[i], "bad string");
	for (size_t i = 0; i < a->tags.n; i++) {
		if (str_eq(a->tags.v[i].name, STR("bad")))
			return conf_fail_at(l, &a->tags.v[i].name, "bad tag");
		if (str_eq(a->tags.v[i].value, STR("bad")))
			return conf_fail_at(l, &a->tags.v[i].value, "bad tag value");
	}
	for (size_t i = 0; i < a->stops.n; i++)
		if (str_eq(stops[i].target, STR("bad")))
			return conf_fail_at(l, &stops[i].target, "bad stop");
	stops = a->sub.stops.v;
	for (size_t i = 0; i < a->sub.stops.n; i++)
		if (str_eq(stops[i].model, STR("bad")))
			return conf_fail_at(l, &stops[i].model, "bad model");
	return a->n == 13 ? conf_fail_at(l, &a->sub.size, "not given") : 0;
}

static const struct conf_directive all_directives[] = {
	{ .name = "n",
		.type = CONF_INT,
		.offset = offsetof(struct all, n),
		.def = "42",
		.min = 0,
		.max = 100,
		.help = "A number." },
	{ .name = "text",
		.type = CONF_STRING,
		.offset = offsetof(struct all, text),
		.help = "A text." },
	{ .name = "secret",
		.type = CONF_SECRET,
		.offset = offsetof(struct all, secret),
		.help = "A secret." },
	{ .name = "strings",
		.type = CONF_STRINGS,
		.offset = offsetof(struct all, strings),
		.def = "[a, b]",
		.help = "Texts." },
	{ .name = "tags",
		.type = CONF_TAGS,
		.offset = offsetof(struct all, tags),
		.help = "Tags." },
	{ .name = "parts",
		.type = CONF_MAP,
		.offset = offsetof(struct all, parts),
		.block = &part_block,
		.help = "Parts." },
	{ .name = "stops",
		.type = CONF_LIST,
		.offset = offsetof(struct all, stops),
		.block = &stop_block,
		.help = "Stops." },
	{ .name = "sub",
		.type = CONF_BLOCK,
		.offset = offsetof(struct all, sub),
		.block = &sub_block,
		.help = "A block." },
	{ .name = "flag",
		.type = CONF_BOOL,
		.offset = offsetof(struct all, flag),
		.def = "yes",
		.help = "Flag." },
	{ .name = NULL },
};
static const char *const later[] = { "redis", NULL };
static const struct conf_block all_block = { .name = "test",
	.help = "All.",
	.size = sizeof(struct all),
	.directives = all_directives,
	.check = check_all,
	.later = later };

static struct arena arena;
static struct conf_error err;
static char dir[64];

static void setup(void)
{
	arena_init(&arena, NULL, 0);
	memset(&err, 0, sizeof err);
	snprintf(dir, sizeof dir, "/tmp/check_load.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(setenv("CHECK_SECRET", "from env", 1), 0);
	ck_assert_int_eq(setenv("CHECK_EMPTY", "", 1), 0);
	ck_assert_int_eq(setenv("CHECK_NEWLINE", "two\nlines", 1), 0);
	ck_assert_int_eq(unsetenv("CHECK_UNSET"), 0);
}

static void teardown(void)
{
	char command[128];

	arena_fini(&arena);
	snprintf(command, sizeof command, "rm -rf -- '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static int load(const char *text, struct all *out)
{
	return conf_load_text(str_z(text), "t.yaml", &all_block, &arena, out, &err);
}

/* ---- what is wrong
 * ---------------------------------------------------------------------------------- */

static const struct wrong {
	const char *yaml, *error;
} wrongs[] = {
	/* names */
	{ "n: 1\ntexxt: x\n",
		"t.yaml:2:1: unknown directive `texxt` at the top level; did you mean `text`?" },
	{ "zzzzzzzz: x\n",
		"t.yaml:1:1: unknown directive `zzzzzzzz` at the top level; expected one of: "
		"include, n, text, secret, strings, tags, parts, stops, sub, flag" },
	{ "sub:\n  sise: 1\n",
		"t.yaml:2:3: unknown directive `sise` in the sub block; did you mean `size`?" },
	{ "parts:\n  a: { qqqqqqqq: 1 }\n", "t.yaml:2:8: unknown directive `qqqqqqqq` in the part "
					    "block; expected one of: url, weight" },
	{ "redis: { url: x }\n", "t.yaml:1:1: `redis` is not part of this version yet" },
	{ "<<: { n: 1 }\n", "t.yaml:1:1: unknown directive `<<` at the top level; expected one of: "
			    "include, n, text, secret, strings, tags, parts, stops, sub, flag" },
	{ "n: 1\ntext: a\nn: 2\n", "t.yaml:3:1: duplicate key `n`; first given at t.yaml:1:1" },
	{ "parts: { a: {}, b: {}, a: {} }\n",
		"t.yaml:1:24: duplicate key `a`; first given at t.yaml:1:10" },
	{ "parts: { \"\": {} }\n", "t.yaml:1:10: a name in `parts` is empty" },
	{ "tags: { '${env:HOME}': x }\n",
		"t.yaml:1:9: `${env:...}` and `${file:...}` work in secrets only, not in names" },
	/* kinds */
	{ "- n\n", "t.yaml:1:1: a configuration is a map of directives (`name: value` lines), not "
		   "a list" },
	{ "hello\n", "t.yaml:1:1: a configuration is a map of directives (`name: value` lines), "
		     "not a text" },
	{ "n: [1]\n", "t.yaml:1:4: `n` must be a whole number from 0 to 100, not a list" },
	{ "n: {a: 1}\n", "t.yaml:1:4: `n` must be a whole number from 0 to 100, not a map" },
	{ "n:\ntext: a\n", "t.yaml:1:3: `n` must be a whole number from 0 to 100, not nothing" },
	{ "n: ''\n", "t.yaml:1:4: `n` must be a whole number from 0 to 100, not empty" },
	{ "n: 101\n", "t.yaml:1:4: `n` must be a whole number from 0 to 100, not `101`" },
	{ "text:\n", "t.yaml:1:6: `text` must be text, not nothing" },
	{ "secret: [a]\n", "t.yaml:1:9: `secret` must be a secret: text, ${env:NAME} or "
			   "${file:/path}, not a list" },
	{ "strings: { a: b }\n", "t.yaml:1:10: `strings` must be a list of texts, not a map" },
	{ "strings: [ a, [b] ]\n", "t.yaml:1:15: `strings` must be a list of texts, not a list" },
	{ "strings: [ a, '' ]\n", "t.yaml:1:15: an element of `strings` is empty" },
	{ "tags: [ a ]\n", "t.yaml:1:7: `tags` must be a map of names to texts, not a list" },
	{ "tags:\n  a: { b: c }\n",
		"t.yaml:2:6: `tags` must be a map of names to texts, not a map" },
	{ "parts: [ a ]\n", "t.yaml:1:8: `parts` must be a map of names to blocks such as `parts: "
			    "{ NAME: { url: ... } }`, not a list" },
	{ "parts: { a: x }\n", "t.yaml:1:13: `a` in `parts` must be a map of directives such as "
			       "`a: { url: ... }`, not a single value" },
	{ "sub: 4k\n", "t.yaml:1:6: `sub` must be a block of directives such as `sub: { size: ... "
		       "}`, not a single value" },
	{ "stops:\n  - {}\n", "t.yaml:2:5: `target` is missing in the stop block: Where to." },
	{ "stops:\n  - { target: '' }\n", "t.yaml:2:15: `target` must not be empty" },
	{ "stops:\n  -\n", "t.yaml:2:4: an element of `stops` is empty" },
	{ "stops: [ [a] ]\n",
		"t.yaml:1:10: stop is a map of directives (`name: value`), not a list" },
	/* YAML */
	{ "n: 1\n\ttext: a\n", "t.yaml:2:1: a tab; YAML is indented with spaces only" },
	{ "sub:\n\tsize: 1\n", "t.yaml:2:1: a tab; YAML is indented with spaces only" },
	{ "text: \"abc\n", "t.yaml:2:1: YAML syntax: found unexpected end of stream, while "
			   "scanning a quoted scalar that "
			   "begins at line 1" },
	{ "n: 1\n  text: a\n",
		"t.yaml:2:7: YAML syntax: mapping values are not allowed in this context" },
	{ "strings: [a, b\nn: 1\n", "t.yaml:2:2: YAML syntax: did not find expected ',' or ']', "
				    "while parsing a flow sequence that "
				    "begins at line 1" },
	{ "n: 1\n---\nn: 2\n", "t.yaml:2:1: a second YAML document; a configuration is one" },
	{ "n: !!int 1\n", "t.yaml:1:4: the YAML tag `tag:yaml.org,2002:int`: remove it, every "
			  "directive knows its type" },
	{ "[a]: 1\n", "t.yaml:1:1: a key must be a plain word" },
	{ "? {a: b}\n: 1\n", "t.yaml:1:3: a key must be a plain word" },
	{ "text: *a\n", "t.yaml:1:7: alias `*a` has no anchor `&a` that ends before it" },
	{ "sub: &a { stops: *a }\n",
		"t.yaml:1:18: alias `*a` has no anchor `&a` that ends before it" },
	{ "text: \xff\n", "t.yaml:1:7: byte 0xff is not UTF-8; save the file as UTF-8" },
	{ "text: \xc0\x80\n", "t.yaml:1:7: byte 0xc0 is not UTF-8; save the file as UTF-8" },
	{ "text: \xed\xa0\x80\n", "t.yaml:1:7: byte 0xed is not UTF-8; save the file as UTF-8" },
	{ "text: \xe2\x82", "t.yaml:1:7: byte 0xe2 is not UTF-8; save the file as UTF-8" },
	{ "# \xe2\x82\xac\ntext: \x01\n", "t.yaml:2:7: the character U+0001 is not allowed here" },
	{ "text: \xef\xa3\xb0\n", "t.yaml:1:7: the character U+F8F0 is not allowed here" },
	{ "text: \"a\\nb\"\n", "t.yaml:1:7: `text` has the control character U+000A in it" },
	{ "text: \"a\\0b\"\n", "t.yaml:1:7: `text` has the control character U+0000 in it" },
	{ "text: \"a\\u2028b\"\n", "t.yaml:1:7: `text` has the control character U+2028 in it" },
	/* columns count characters, not bytes */
	{ "{ text: \xe2\x82\xac\xe2\x82\xac, n: x }\n",
		"t.yaml:1:16: `n` must be a whole number from 0 to 100, not `x`" },
	/* a byte order mark counts as nothing */
	{ "\xef\xbb\xbfn: x\n", "t.yaml:1:4: `n` must be a whole number from 0 to 100, not `x`" },
	/* secrets */
	{ "text: ${env:CHECK_SECRET}\n",
		"t.yaml:1:7: `${env:...}` and `${file:...}` are allowed in secret "
		"directives only, and `text` is none; write the value itself" },
	{ "n: ${file:/x}\n",
		"t.yaml:1:4: `${env:...}` and `${file:...}` are allowed in secret directives only, "
		"and `n` is none; write the value itself" },
	{ "strings: [ a, '${env:X}' ]\n",
		"t.yaml:1:15: `${env:...}` and `${file:...}` are allowed in secret "
		"directives only, and `strings` is none; write the value itself" },
	{ "tags: { a: b${env:X} }\n",
		"t.yaml:1:12: `${env:...}` and `${file:...}` are allowed in secret "
		"directives only, and `tags` is none; write the value itself" },
	{ "secret: ${env:CHECK_UNSET}\n",
		"t.yaml:1:9: the environment variable `CHECK_UNSET` is not set" },
	{ "secret: ${env:CHECK_EMPTY}\n",
		"t.yaml:1:9: the environment variable `CHECK_EMPTY` is empty" },
	{ "secret: ${env:}\n", "t.yaml:1:9: the environment variable `` is not set" },
	{ "secret: ${env:CHECK_NEWLINE}\n",
		"t.yaml:1:9: `secret` has the control character U+000A in it" },
	{ "secret: a ${env:X\n", "t.yaml:1:9: `secret` has a `${` without its `}`" },
	{ "secret: ${ENV:X}\n",
		"t.yaml:1:9: `secret` has a `${` that is neither ${env:NAME} nor ${file:/path}" },
	{ "secret: ${file:key}\n",
		"t.yaml:1:9: `${file:key}` must name an absolute path, such as ${file:/run/key}" },
	{ "secret: ${file:/nonexistent/key}\n", "t.yaml:1:9: the secret file /nonexistent/key "
						"cannot be read: No such file or directory" },
	{ "secret: ${file:/dev/zero}\n",
		"t.yaml:1:9: the secret file /dev/zero cannot be read: it is not a regular file" },
	{ "secret: ${file:/}\n",
		"t.yaml:1:9: the secret file / cannot be read: it is not a regular file" },
	{ "include: x.yaml\n", "t.yaml:1:1: `include` works in files only" },
	/* checks, at the value they are about */
	{ "parts:\n  a: {}\n  bad: {}\n", "t.yaml:3:3: bad name" },
	{ "parts:\n  a: {}\n  b: { weight: 1, url: bad }\n", "t.yaml:3:24: bad url" },
	{ "parts:\n  b: { url: x, weight: 13 }\n", "t.yaml:2:24: bad weight" },
	{ "strings: [ a, bad ]\n", "t.yaml:1:15: bad string" },
	{ "strings: bad\n", "t.yaml:1:10: bad string" },
	{ "tags: { a: b,  bad: c }\n", "t.yaml:1:16: bad tag" },
	{ "tags: { a: bad }\n", "t.yaml:1:12: bad tag value" },
	{ "stops: [ a, bad ]\n", "t.yaml:1:13: bad stop" },
	{ "stops: bad\n", "t.yaml:1:8: bad stop" },
	{ "stops:\n  - a\n  - model: x\n    target: bad\n", "t.yaml:4:13: bad stop" },
	{ "sub:\n  stops: { target: a, model: bad }\n", "t.yaml:2:30: bad model" },
	{ "\n\nn: 13\n", "t.yaml:3:1: not given" },
};

START_TEST(errors_have_their_place)
{
	struct all out;

	ck_assert_msg(load(wrongs[_i].yaml, &out) == -1, "%s was taken", wrongs[_i].yaml);
	ck_assert_str_eq(err.text, wrongs[_i].error);
}
END_TEST

/* text repeated n times, then tail */
static char *repeat(const char *text, size_t n, const char *tail)
{
	size_t len = strlen(text);
	char *p = malloc(n * len + strlen(tail) + 1);

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < n; i++)
		memcpy(p + i * len, text, len);
	strcpy(p + n * len, tail);
	return p;
}

START_TEST(bounds_hold)
{
	static const struct {
		const char *text;
		size_t n;
		const char *tail, *error;
	} cases[] = {
		{ "[", CONF_MAX_DEPTH + 1, "", "t.yaml:1:65: nested more than 64 levels deep" },
		{ "[", 1000000, "", "t.yaml:1:65: nested more than 64 levels deep" },
		{ "{a: ", 1000, "", "t.yaml:1:257: nested more than 64 levels deep" },
		{ "# 345678\n", CONF_MAX_FILE_BYTES / 9 + 1, "",
			"t.yaml:1:1: the file is larger than 8 MB; split it with `include:`" },
		{ "- &a x\n", CONF_MAX_ANCHORS + 1, "",
			"t.yaml:1001:3: more than 1000 anchors in one file" },
	};
	struct all out;

	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		char *text = repeat(cases[i].text, cases[i].n, cases[i].tail);

		ck_assert_int_eq(load(text, &out), -1);
		ck_assert_str_eq(err.text, cases[i].error);
		free(text);
	}
}
END_TEST

START_TEST(laughs_are_refused)
{
	char text[4096] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
	struct all out;

	for (int i = 1; i < 10; i++) {
		char line[128];

		snprintf(line, sizeof line,
			"a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
			i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
		strcat(text, line);
	}
	ck_assert_int_eq(load(text, &out), -1);
	ck_assert_str_eq(err.text, "t.yaml:6:10: the aliases of this file stand for more than "
				   "100000 values; write them out");
}
END_TEST

START_TEST(a_full_arena_is_an_error)
{
	struct all out;

	arena_fini(&arena);
	for (size_t max = 1; max < 40000; max += 97) {
		arena_init(&arena, NULL, max);
		if (load("strings: [a]\nparts: { a: { url: x } }\ntags: { a: b }\nstops: x\n",
			    &out) != 0)
			ck_assert_ptr_nonnull(strstr(err.text, "out of memory"));
		arena_fini(&arena);
	}
	arena_init(&arena, NULL, 0);
}
END_TEST

/* ---- what is right
 * ---------------------------------------------------------------------------------- */

START_TEST(values_arrive)
{
	static const char yaml[] =
		"n: 7\n"
		"text: 12:30 # a comment\n"
		"secret: a-${env:CHECK_SECRET}-b-${env:CHECK_SECRET}\n"
		"strings: no\n"
		"tags: { team: research, cost_center: 0815, q: \"\", u: \"\\u20ac\" }\n"
		"parts:\n  a: { url: http://x }\n  b:\n"
		"stops: [ x, { target: y, model: z } ]\n"
		"sub: { stops: { target: only } }\n"
		"flag: off\n";
	const struct part *parts;
	const struct stop *stops;
	struct all all;

	ck_assert_msg(load(yaml, &all) == 0, "%s", err.text);
	ck_assert_int_eq(all.n, 7);
	UNIT_STR_EQ(all.text, STR("12:30"));
	UNIT_STR_EQ(all.secret, STR("a-from env-b-from env"));
	ck_assert_uint_eq(all.strings.n, 1);
	UNIT_STR_EQ(all.strings.v[0], STR("no"));
	ck_assert_uint_eq(all.tags.n, 4);
	UNIT_STR_EQ(all.tags.v[1].value, STR("0815"));
	UNIT_STR_EQ(all.tags.v[2].value, STR(""));
	UNIT_STR_EQ(all.tags.v[3].value, STR("\xe2\x82\xac"));
	ck_assert_uint_eq(all.parts.n, 2);
	parts = all.parts.v;
	UNIT_STR_EQ(parts[0].name, STR("a"));
	UNIT_STR_EQ(parts[0].url, STR("http://x"));
	ck_assert_int_eq(parts[1].weight, 7);
	ck_assert_str_eq(parts[0].pos.file, "t.yaml");
	ck_assert_uint_eq(parts[0].pos.line, 7);
	ck_assert_uint_eq(parts[0].pos.col, 6);
	stops = all.stops.v;
	ck_assert_uint_eq(all.stops.n, 2);
	UNIT_STR_EQ(stops[0].target, STR("x"));
	UNIT_STR_EQ(stops[1].model, STR("z"));
	ck_assert_uint_eq(all.sub.stops.n, 1);
	ck_assert_int_eq(all.sub.size, 4096);
	ck_assert(!all.flag);
}
END_TEST

START_TEST(defaults_fill_in)
{
	static const char *const empty[] = { "", "# nothing\n", "---\n...\n", "{}",
		"sub:\nparts:\nstops:\ntags:\n" };
	struct all all;

	for (size_t i = 0; i < TG_ARRAY_LEN(empty); i++) {
		ck_assert_msg(load(empty[i], &all) == 0, "%s", err.text);
		ck_assert_int_eq(all.n, 42);
		ck_assert_int_eq(all.sub.size, 4096);
		ck_assert(all.flag);
		ck_assert_uint_eq(all.strings.n, 2);
		UNIT_STR_EQ(all.strings.v[1], STR("b"));
		ck_assert_uint_eq(
			all.parts.n + all.stops.n + all.tags.n + all.text.n + all.secret.n, 0);
	}
	ck_assert_int_eq(load("strings: []\ntext: ''\n", &all), 0);
	ck_assert_uint_eq(all.strings.n, 0);
}
END_TEST

START_TEST(references_work_in_flow_maps)
{
	struct {
		const char *yaml, *secret;
	} cases[] = {
		{ "{ secret: ${env:CHECK_SECRET}, n: 3 }", "from env" },
		{ "{secret: ${env:CHECK_SECRET}}", "from env" },
		{ "{secret: \"${env:CHECK_SECRET}\"}", "from env" },
		{ "{secret: '${env:CHECK_SECRET}'}", "from env" },
		{ "secret: $${env:CHECK_SECRET}}", "$from env}" },
		{ "secret: \"{}\"", "{}" },
		{ "secret: $5", "$5" },
	};
	struct all all;

	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		ck_assert_msg(load(cases[i].yaml, &all) == 0, "%s: %s", cases[i].yaml, err.text);
		UNIT_STR_EQ(all.secret, str_z(cases[i].secret));
	}
	/* columns behind a reference are what they look like */
	ck_assert_int_eq(load("{ secret: ${env:CHECK_SECRET}, n: x }", &all), -1);
	ck_assert_str_eq(
		err.text, "t.yaml:1:35: `n` must be a whole number from 0 to 100, not `x`");
}
END_TEST

START_TEST(aliases_share)
{
	static const char yaml[] = "parts: { a: &p { url: u, weight: 3 }, b: *p }\ntext: &t "
				   "hello\nstrings: [*t, *t]\n";
	const struct part *parts;
	struct all all;

	ck_assert_msg(load(yaml, &all) == 0, "%s", err.text);
	parts = all.parts.v;
	UNIT_STR_EQ(parts[0].name, STR("a"));
	UNIT_STR_EQ(parts[1].name, STR("b"));
	UNIT_STR_EQ(parts[1].url, STR("u"));
	ck_assert_int_eq(parts[1].weight, 3);
	UNIT_STR_EQ(all.strings.v[1], STR("hello"));
}
END_TEST

START_TEST(many_names)
{
	size_t n = 3000, len = 0, cap = n * 16 + 64;
	char *text = malloc(cap);
	struct all all;

	len += (size_t)snprintf(text, cap, "tags:\n");
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, cap - len, "  k%zu: v%zu\n", i, i);
	ck_assert_msg(load(text, &all) == 0, "%s", err.text);
	ck_assert_uint_eq(all.tags.n, n);
	UNIT_STR_EQ(all.tags.v[2999].value, STR("v2999"));
	snprintf(text + len, cap - len, "  k17: again\n");
	ck_assert_int_eq(load(text, &all), -1);
	ck_assert_str_eq(
		err.text, "t.yaml:3002:3: duplicate key `k17`; first given at t.yaml:19:3");
	free(text);
}
END_TEST

/* ---- files
 * ------------------------------------------------------------------------------------------ */

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static int load_main(struct all *out)
{
	char path[256];

	snprintf(path, sizeof path, "%s/main.yaml", dir);
	return conf_load_file(path, &all_block, &arena, out, &err);
}

/* The error with @ for the folder of the test. */
static void expect_error(const char *want)
{
	struct all out;
	char full[1024];
	size_t n = 0;

	for (; *want != '\0'; want++)
		n += (size_t)snprintf(full + n, sizeof full - n, *want == '@' ? "%s" : "%.1s",
			*want == '@' ? dir : want);
	ck_assert_int_eq(load_main(&out), -1);
	ck_assert_str_eq(err.text, full);
}

static void make_dir(const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

START_TEST(includes_merge)
{
	const struct part *parts;
	const struct stop *stops;
	struct all all;

	make_dir("conf.d");
	put_file("main.yaml", "include: [ conf.d/*.yaml, none/*.yaml ]\nn: 5\nparts: { a: { url: "
			      "ua } }\nstops: one\n");
	put_file("conf.d/10.yaml",
		"parts: { a: { weight: 3 }, b: {} }\nstops: [ two, three ]\nstrings: x\n");
	put_file("conf.d/20.yaml", "# empty\n");
	put_file("conf.d/30.yaml",
		"include: ../deep.yml\nstops: { target: four }\nstrings: y\ntext: t\nparts:\n");
	put_file("deep.yml", "sub: { size: 1m }\nsecret: ${env:CHECK_SECRET}\n");
	ck_assert_msg(load_main(&all) == 0, "%s", err.text);
	ck_assert_int_eq(all.n, 5);
	ck_assert_uint_eq(all.parts.n, 2);
	parts = all.parts.v;
	UNIT_STR_EQ(parts[0].url, STR("ua"));
	ck_assert_int_eq(parts[0].weight, 3);
	UNIT_STR_EQ(parts[1].name, STR("b"));
	ck_assert_uint_eq(all.stops.n, 4);
	stops = all.stops.v;
	UNIT_STR_EQ(stops[0].target, STR("one"));
	UNIT_STR_EQ(stops[2].target, STR("three"));
	UNIT_STR_EQ(stops[3].target, STR("four"));
	ck_assert_uint_eq(all.strings.n, 2);
	ck_assert_int_eq(all.sub.size, 1 << 20);
	UNIT_STR_EQ(all.secret, STR("from env"));
}
END_TEST

START_TEST(merging_does_not_touch_aliases)
{
	const struct part *parts;
	struct all all;

	put_file("main.yaml", "include: more.yaml\nparts: { a: &p { url: u }, b: *p }\n");
	put_file("more.yaml", "parts: { a: { weight: 50 } }\n");
	ck_assert_msg(load_main(&all) == 0, "%s", err.text);
	parts = all.parts.v;
	ck_assert_int_eq(parts[0].weight, 50);
	ck_assert_int_eq(parts[1].weight, 7);
}
END_TEST

START_TEST(include_errors)
{
	put_file("main.yaml", "include: more.yaml\nn: 1\n");
	expect_error("@/main.yaml:1:10: `include`: @/more.yaml is not there");
	put_file("more.yaml", "\n  n: 2\n");
	expect_error(
		"@/more.yaml:2:3: `n` is given in two files; the other place is @/main.yaml:2:1");
	put_file("more.yaml", "text: [\n");
	expect_error("@/more.yaml:2:1: YAML syntax: did not find expected node content, while "
		     "parsing a flow "
		     "node that begins at line 2");
	put_file("more.yaml", "parts: { a: { weight: x } }\n");
	expect_error("@/more.yaml:1:23: `weight` must be a whole number from 1 to 99, not `x`");
	put_file("more.yaml", "parts: { a: { url: bad } }\n");
	expect_error("@/more.yaml:1:20: bad url");
	put_file("more.yaml", "parts: [a]\n");
	put_file("main.yaml", "include: more.yaml\nparts: { a: {} }\n");
	expect_error("@/more.yaml:1:1: `parts` is given in two files; the other place is "
		     "@/main.yaml:2:1");
	put_file("more.yaml", "- a\n");
	expect_error("@/more.yaml:1:1: a configuration is a map of directives (`name: value` "
		     "lines), not a list");
	put_file("more.yaml", "include: [ main.yaml ]\n");
	expect_error("@/more.yaml:1:12: @/main.yaml includes itself (an include cycle)");
	put_file("main.yaml", "include: main.yaml\n");
	expect_error("@/main.yaml:1:10: @/main.yaml includes itself (an include cycle)");
	put_file("more.yaml", "text: x\n");
	put_file("main.yaml", "include: [ more.yaml, m?re.yaml ]\n");
	expect_error("@/main.yaml:1:23: @/more.yaml is included twice");
	put_file("main.yaml", "include: [ [] ]\n");
	expect_error(
		"@/main.yaml:1:12: `include` takes file names or patterns, such as conf.d/*.yaml");
	put_file("main.yaml", "include: .\n");
	expect_error("@/main.yaml:1:10: @/. is not a file; to take all files of a folder write "
		     "folder/*.yaml");
	put_file("main.yaml", "include: /dev/null\n");
	expect_error("@/main.yaml:1:10: /dev/null is not a file");
}
END_TEST

START_TEST(root_file_errors)
{
	struct all out;

	expect_error("@/main.yaml: @/main.yaml cannot be opened: No such file or directory");
	ck_assert_int_eq(conf_load_file(dir, &all_block, &arena, &out, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is not a file"));
	ck_assert_int_eq(conf_load_file("/dev/zero", &all_block, &arena, &out, &err), -1);
	ck_assert_str_eq(
		err.text, "/dev/zero:1:1: the file is larger than 8 MB; split it with `include:`");
	ck_assert_int_eq(conf_load_file("/dev/null", &all_block, &arena, &out, &err), 0);
}
END_TEST

START_TEST(secret_files)
{
	static const struct {
		const char *content, *secret, *error;
	} cases[] = {
		{ "s3cret\n", "s3cret", NULL },
		{ "s3cret", "s3cret", NULL },
		{ " s3cret ", " s3cret ", NULL },
		{ "s3cret\n\n", NULL, "`secret` has the control character U+000A in it" },
		{ "s3cret\r\n", NULL, "`secret` has the control character U+000D in it" },
		{ "s3cret\xff", NULL, "`secret` is not UTF-8 text" },
		{ "\n", NULL, "is empty" },
		{ "", NULL, "is empty" },
	};
	char yaml[256];
	struct all all;

	snprintf(yaml, sizeof yaml, "{ secret: ${file:%s/key} }\n", dir);
	for (size_t i = 0; i < TG_ARRAY_LEN(cases); i++) {
		put_file("key", cases[i].content);
		put_file("main.yaml", yaml);
		ck_assert_int_eq(load_main(&all), cases[i].secret != NULL ? 0 : -1);
		if (cases[i].secret != NULL) {
			UNIT_STR_EQ(all.secret, str_z(cases[i].secret));
			continue;
		}
		ck_assert_ptr_nonnull(strstr(err.text, cases[i].error));
		ck_assert_ptr_nonnull(strstr(err.text, "main.yaml:1:11: "));
		ck_assert_ptr_null(strstr(err.text, "s3cret"));
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, errors_have_their_place, 0, TG_ARRAY_LEN(wrongs));
	tcase_add_test(tc, bounds_hold);
	tcase_add_test(tc, laughs_are_refused);
	tcase_add_test(tc, a_full_arena_is_an_error);
	tcase_add_test(tc, values_arrive);
	tcase_add_test(tc, defaults_fill_in);
	tcase_add_test(tc, references_work_in_flow_maps);
	tcase_add_test(tc, aliases_share);
	tcase_add_test(tc, many_names);
	tcase_add_test(tc, includes_merge);
	tcase_add_test(tc, merging_does_not_touch_aliases);
	tcase_add_test(tc, include_errors);
	tcase_add_test(tc, root_file_errors);
	tcase_add_test(tc, secret_files);
}

UNIT_MAIN("conf load", tests)
