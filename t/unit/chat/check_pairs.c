/*
 * check_pairs.c: golden translations between dialects: t/unit/chat/pairs/NAME.txt, one saying of a
 * client or a provider each, and what becomes of it in other dialects:
 *
 *	request openai                what it is and whose: request, answer, error STATUS, stream
 *	{ ... }                       as it is said; of a stream one event's data a line
 *	=== anthropic MODEL           the dialect it goes to, and the target's model
 *	--- unsupported: a,b          what was noted, if anything
 *	--- fails: message            ... or that, and no text
 *	{ ... }                       what comes out; JSON is laid out for readers
 *
 * The file's name is WHAT_DIALECT_KIND.txt; what has to be there is the table at the end. Written
 *by hand from providers.md 10; what a change makes of them is written back with TG_GOLDEN=write,
 *and read before it is committed.
 */
#include "pairs.h"

static glob_t found;

/* ---- JSON laid out for readers, and back */

static void indent(FILE *f, unsigned depth)
{
	fputc('\n', f);
	while (depth-- > 0)
		fputc('\t', f);
}

/* What fits into a line stands in one. */
static void lay_out(FILE *f, const struct json_node *n, unsigned depth)
{
	if (n->raw.n + depth * 8 <= 100 || n->child == NULL) {
		fprintf(f, "%.*s", STR_FMT(n->raw));
		return;
	}
	fputc(n->raw.p[0], f);
	json_each(c, n)
	{
		indent(f, depth + 1);
		if (n->type == JSON_OBJECT)
			fprintf(f, "\"%.*s\":", STR_FMT(c->key));
		lay_out(f, c, depth + 1);
		if (c->next != NULL)
			fputc(',', f);
	}
	indent(f, depth);
	fputc(n->raw.p[n->raw.n - 1], f);
}

static void write_json(FILE *f, struct arena *a, const char *json)
{
	lay_out(f, chat_unit_parse(a, json), 0);
	fputc('\n', f);
}

/* Without white space between the tokens. */
static char *without_layout(struct str s)
{
	char *p = malloc(s.n + 1);
	bool quoted = false;
	size_t n = 0;

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!quoted && (c == ' ' || c == '\n' || c == '\t'))
			continue;
		p[n++] = c;
		if (quoted && c == '\\' && i + 1 < s.n)
			p[n++] = s.p[++i];
		else if (c == '"')
			quoted = !quoted;
	}
	p[n] = '\0';
	return p;
}

/* ---- what becomes of it */

/* `in` is what is said: a request points into it afterwards. */
static int translate(
	struct chat_unit *u, const struct saying *s, const struct pair_target *t, const char *in)
{
	const struct chat_codec *from = pair_codec(s->from), *to = pair_codec(t->to);
	struct chat_request rq = { .stream = true, .stream_usage = true };
	int rc = 0;

	u->cx.input_estimate = 11;
	u->cx.completion_tokens = str_starts(t->model, STR("gpt-5"));
	if (str_eq(s->what, STR("request")))
		rc = chat_unit_request(u, from, to, in, &rq);
	else if (str_eq(s->what, STR("answer")))
		rc = chat_unit_answer(u, from, to, in);
	else if (str_eq(s->what, STR("stream")))
		rc = chat_unit_stream(u, from, to, &rq, in, 0);
	else if (str_eq(s->what, STR("error")))
		(void)chat_unit_error(u, from, to, atoi(s->status.p), in);
	else
		ck_abort_msg("%s: what is a %.*s?", s->path, STR_FMT(s->what));
	return rc;
}

static void compare(
	struct chat_unit *u, const struct saying *s, const struct pair_target *t, int rc)
{
	bool stream = str_eq(s->what, STR("stream"));
	char *want = stream ? NULL : without_layout(t->text);
	char *got = stream || rc != 0 ? NULL : without_layout(str_mk(u->text, u->n));

	ck_assert_msg(str_eq(str_z(u->cx.fail), t->fails), "%s: %.*s fails with \"%s\"", s->path,
		STR_FMT(t->to), u->cx.fail);
	ck_assert_int_eq(rc, t->fails.n > 0 ? -1 : 0);
	ck_assert_msg(str_eq(str_z(chat_unit_unsupported(u)), t->unsupported),
		"%s: %.*s notes \"%s\"", s->path, STR_FMT(t->to), chat_unit_unsupported(u));
	if (rc == 0)
		ck_assert_msg(
			stream ? str_eq(str_mk(u->text, u->n), t->text) : strcmp(got, want) == 0,
			"%s: to %.*s it is\n%s", s->path, STR_FMT(t->to), u->text);
	free(want);
	free(got);
}

static void write_back(
	FILE *f, struct chat_unit *u, const struct saying *s, const struct pair_target *t, int rc)
{
	fprintf(f, "=== %.*s %.*s\n", STR_FMT(t->to), STR_FMT(t->model));
	if (u->cx.n_unsupported > 0)
		fprintf(f, "--- unsupported: %s\n", chat_unit_unsupported(u));
	if (rc != 0)
		fprintf(f, "--- fails: %s\n", u->cx.fail);
	else if (str_eq(s->what, STR("stream")))
		fprintf(f, "%s", u->text);
	else
		write_json(f, &u->arena, u->text);
}

START_TEST(pair)
{
	const char *mode = getenv("TG_GOLDEN");
	bool write = mode != NULL && strcmp(mode, "write") == 0;
	struct saying s;
	char *text = NULL, *in;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	pair_read(&s, found.gl_pathv[_i]);
	in = strndup(s.in.p, s.in.n);
	ck_assert_ptr_nonnull(in);
	fprintf(f, "%.*s%.*s", (int)(s.in.p - s.file), s.file, STR_FMT(s.in));
	for (unsigned i = 0; i < s.n; i++) {
		struct chat_unit u;
		char model[128];
		int rc;

		snprintf(model, sizeof model, "%.*s", STR_FMT(s.target[i].model));
		chat_unit_init(&u, model);
		rc = translate(&u, &s, &s.target[i], in);
		if (write)
			write_back(f, &u, &s, &s.target[i], rc);
		else
			compare(&u, &s, &s.target[i], rc);
		chat_unit_fini(&u);
	}
	fclose(f);
	if (write) {
		f = fopen(s.path, "w");
		ck_assert_ptr_nonnull(f);
		fwrite(text, 1, n, f);
		fclose(f);
	}
	free(text);
	free(in);
	free(s.file);
}
END_TEST

/* ---- nothing is missing */

/* Every dialect of one side says every kind of thing, and it is told to every other of the other
 * side. */
static const struct {
	const char *what, *from, *to, *kinds;
} matrix[] = {
#define CLIENTS   "openai responses anthropic gemini"
#define PROVIDERS CLIENTS " converse cohere"
#define KINDS     "basic full tools parallel images reasoning schema"
	{ "request", CLIENTS, PROVIDERS, KINDS },
	{ "answer", PROVIDERS, CLIENTS, KINDS },
	{ "stream", PROVIDERS, CLIENTS, KINDS " error" },
	{ "error", PROVIDERS, CLIENTS, "400 429 500" },
};

static bool goes_to(const struct saying *s, struct str dialect)
{
	for (unsigned i = 0; i < s->n; i++)
		if (str_eq(s->target[i].to, dialect))
			return true;
	return false;
}

static void has_all_targets(const char *what, struct str from, struct str kind, const char *to)
{
	const char *src = getenv("TG_SRCDIR");
	struct str rest = str_z(to), dialect;
	struct saying s;
	char path[1024];

	snprintf(path, sizeof path, "%s/t/unit/chat/pairs/%s_%.*s_%.*s.txt",
		src != NULL ? src : ".", what, STR_FMT(from), STR_FMT(kind));
	pair_read(&s, path);
	ck_assert_msg(str_eq(s.what, str_z(what)) && str_eq(s.from, from),
		"%s is not what it is called", path);
	while (str_split(&rest, ' ', &dialect))
		ck_assert_msg(str_eq(dialect, from) || goes_to(&s, dialect), "%s: not to %.*s",
			path, STR_FMT(dialect));
	free(s.file);
}

START_TEST(every_pair_is_there)
{
	struct str dialects = str_z(matrix[_i].from), from;

	while (str_split(&dialects, ' ', &from)) {
		struct str kinds = str_z(matrix[_i].kinds), kind;

		while (str_split(&kinds, ' ', &kind))
			has_all_targets(matrix[_i].what, from, kind, matrix[_i].to);
	}
}
END_TEST

static void tests(TCase *tc)
{
	pairs_find(&found, "");
	tcase_add_loop_test(tc, pair, 0, (int)TG_MAX(found.gl_pathc, 1)); /* none: it fails */
	tcase_add_loop_test(tc, every_pair_is_there, 0, TG_ARRAY_LEN(matrix));
}

UNIT_MAIN("pairs", tests)
