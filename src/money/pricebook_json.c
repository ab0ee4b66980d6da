/*
 * pricebook_json.c: reads a price file into a book, an entry at a time: never more than one entry's
 * JSON is in memory, so that a start costs no more room than the book itself. What an entry says is
 * price_json.c. Load time only: one thread.
 */
#include <jansson.h>
#include <stdio.h>

#include "money/pricebook_int.h"

struct text { /* the file, and how far it has been read */
	struct price_reader r;
	struct str all;
	size_t at;
};

/* "name:line:column: why" for the place at. Always -1. */
static int fail_at(struct text *t, size_t at, const char *why)
{
	unsigned line = 1, column = 0;

	for (size_t i = 0; i < at && i < t->all.n; i++) {
		column++;
		if (t->all.p[i] == '\n') {
			line++;
			column = 0;
		}
	}
	snprintf(t->r.err, t->r.err_len, "%s:%u:%u: %s", t->r.file, line, column, why);
	return -1;
}

static int fail_file(struct text *t, const char *why)
{
	snprintf(t->r.err, t->r.err_len, "%s: %s", t->r.file, why);
	return -1;
}

static char next_char(struct text *t)
{
	while (t->at < t->all.n && memchr(" \t\r\n", t->all.p[t->at], 4) != NULL)
		t->at++;
	return t->at < t->all.n ? t->all.p[t->at] : '\0';
}

static int expect_char(struct text *t, char c)
{
	char why[32];

	if (next_char(t) == c) {
		t->at++;
		return 0;
	}
	snprintf(why, sizeof why, "'%c' expected", c);
	return fail_at(t, t->at, why);
}

/* One value, to be given back; NULL: reported. */
static json_t *next_value(struct text *t)
{
	json_error_t bad;
	json_t *v;

	next_char(t);
	v = json_loadb(t->all.p + t->at, t->all.n - t->at,
		JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &bad);
	if (v == NULL)
		fail_at(t, t->at + (size_t)TG_MAX(bad.position, 0), bad.text);
	else
		t->at += (size_t)bad.position;
	return v;
}

/* What follows an item of an object or array: 1 another, 0 the end, -1 reported. */
static int next_item(struct text *t, char end)
{
	char why[32], c = next_char(t);

	if (c == ',' || c == end) {
		t->at++;
		return c == ',';
	}
	snprintf(why, sizeof why, "',' or '%c' expected", end);
	return fail_at(t, t->at, why);
}

static int read_entries(struct text *t)
{
	int more = 1;

	if (next_char(t) != '[')
		return fail_file(t, "\"prices\" is not a list");
	t->at++;
	if (next_char(t) == ']') {
		t->at++;
		return 0;
	}
	for (t->r.index = 0; more == 1; t->r.index++) {
		json_t *e = next_value(t);
		int rc = e != NULL ? price_read_entry(&t->r, e) : -1;

		json_decref(e);
		if (rc != 0)
			return -1;
		more = next_item(t, ']');
	}
	return more;
}

static int check_format(struct text *t, const json_t *v)
{
	const char *format = json_string_value(v);
	char why[160];

	t->r.older = format != NULL && strcmp(format, PRICEBOOK_FORMAT_OLDER) == 0;
	if (t->r.older || (format != NULL && strcmp(format, PRICEBOOK_FORMAT) == 0))
		return 0;
	snprintf(why, sizeof why, "\"format\" is %.40s; this version reads " PRICEBOOK_FORMAT,
		format != NULL ? format : "no text");
	return fail_file(t, why);
}

/* A member in front of or behind the list of prices. */
static int read_member(struct text *t, const char *key, const json_t *v)
{
	static const char *const words[] = { "format", "currency", "note", "prices", NULL };
	const char *text = json_string_value(v), *near;
	char why[160];

	if (strcmp(key, "format") == 0)
		return check_format(t, v);
	if (strcmp(key, "currency") == 0)
		return text != NULL && strcmp(text, "USD") == 0
			       ? 0
			       : fail_file(t, "\"currency\" is not \"USD\", the only one so far");
	if (strcmp(key, "note") == 0)
		return 0;
	near = str_nearest(str_z(key), words, TG_ARRAY_LEN(words) - 1);
	snprintf(why, sizeof why, "unknown key \"%.60s\"%s%s%s", key,
		near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
	return fail_file(t, why);
}

#define NO_FORMAT                                                          \
	"\"format\" must come first; this version reads " PRICEBOOK_FORMAT \
	" (a LiteLLM price map? `tgctl prices import litellm` converts it)"

/* One `"key": value`; seen collects the keys. */
static int read_pair(struct text *t, json_t *seen)
{
	json_t *key = next_value(t), *v = NULL;
	const char *name = json_string_value(key);
	int rc = -1;

	if (key != NULL && name == NULL)
		fail_at(t, t->at, "a key in quotes expected");
	else if (name != NULL && json_object_get(seen, name) != NULL)
		fail_at(t, t->at, "duplicate object key");
	else if (name != NULL && json_object_size(seen) == 0 && strcmp(name, "format") != 0)
		fail_file(t, NO_FORMAT);
	else if (name != NULL && expect_char(t, ':') == 0) {
		json_object_set_new(seen, name, json_true());
		if (strcmp(name, "prices") == 0)
			rc = read_entries(t);
		else if ((v = next_value(t)) != NULL)
			rc = read_member(t, name, v);
	}
	json_decref(v);
	json_decref(key);
	return rc;
}

static int read_file(struct text *t, json_t *seen)
{
	int more = 1;

	if (expect_char(t, '{') != 0)
		return -1;
	if (next_char(t) == '}')
		return fail_file(t, NO_FORMAT);
	while (more == 1) {
		if (read_pair(t, seen) != 0)
			return -1;
		more = next_item(t, '}');
	}
	if (more != 0)
		return -1;
	if (next_char(t) != '\0' || t->at < t->all.n)
		return fail_at(t, t->at, "something stands behind the end");
	return json_object_get(seen, "prices") != NULL ? 0
						       : fail_file(t, "needs \"prices\", a list");
}

int pricebook_read(struct pricebook *b, struct str json, const char *name, unsigned file_no,
	char *err, size_t err_len)
{
	struct text t = { .r = { .book = b,
				  .file = name,
				  .file_no = file_no,
				  .err = err,
				  .err_len = err_len },
		.all = json };
	json_t *seen = json_object();
	int rc;

	tg_assert(seen != NULL);
	rc = read_file(&t, seen);
	json_decref(seen);
	return rc;
}
