/*
 * reconcile_read.c: the files in which providers say what they counted (reconcile.h): a plain CSV,
 * and the answers of OpenAI's and Anthropic's usage APIs.
 */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "ledger/reconcile.h"

#define DAY_US     INT64_C(86400000000)
#define DAY_S      86400
#define PICO_SCALE 12
#define FILE_MAX   (256u << 20)
#define FIELD_MAX  1024
#define COLUMNS    64

struct reading {
	struct reconcile *r;
	const char *name;
	unsigned line;
	char *err;
	size_t err_len;
};

static int TG_PRINTF(2, 3) fail(const struct reading *in, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (in->line > 0)
		snprintf(in->err, in->err_len, "%.256s:%u: %s", in->name, in->line, text);
	else
		snprintf(in->err, in->err_len, "%.256s: %s", in->name, text);
	return -1;
}

/* ---- CSV */

/* The next field off the front, unquoted into buf; *last: of its line. False: the quotes do not
 * end, or it is too long. */
static bool take_field(struct str *s, char buf[FIELD_MAX], struct str *field, bool *last)
{
	bool quoted = s->n > 0 && s->p[0] == '"';
	size_t i = quoted, n = 0;

	for (; i < s->n; i++) {
		char c = s->p[i];

		if (quoted && c == '"') {
			if (i + 1 < s->n && s->p[i + 1] == '"')
				i++;
			else {
				quoted = false;
				continue;
			}
		} else if (!quoted && (c == ',' || c == '\n'))
			break;
		if (n == FIELD_MAX)
			return false;
		buf[n++] = c;
	}
	*last = i == s->n || s->p[i] == '\n';
	*s = str_skip(*s, TG_MIN(i + 1, s->n));
	*field = str_trim(str_mk(buf, n));
	while (field->n > 0 && field->p[field->n - 1] == '\r')
		field->n--;
	return !quoted;
}

enum { COLUMN_OTHER = -1, COLUMN_DAY = RECONCILE__FIGURES, COLUMN_MODEL };

static int column_of(struct str title)
{
	if (str_eq_ci(title, STR("day")) || str_eq_ci(title, STR("date")))
		return COLUMN_DAY;
	if (str_eq_ci(title, STR("model")))
		return COLUMN_MODEL;
	for (unsigned f = 0; f < RECONCILE__FIGURES; f++)
		if (str_eq_ci(title, str_z(reconcile_figure_name((enum reconcile_figure)f))))
			return (int)f;
	return COLUMN_OTHER;
}

/* The line of titles. */
static int read_titles(struct reading *in, struct str *s, int column[COLUMNS], unsigned *n)
{
	bool day = false, model = false, figure = false, last = false;
	char buf[FIELD_MAX];
	struct str field;

	in->line = 1;
	if (str_starts(*s, STR("\xef\xbb\xbf")))
		*s = str_skip(*s, 3);
	for (*n = 0; !last; (*n)++) {
		if (*n == COLUMNS || !take_field(s, buf, &field, &last))
			return fail(in, "the titles cannot be read");
		column[*n] = column_of(field);
		day = day || column[*n] == COLUMN_DAY;
		model = model || column[*n] == COLUMN_MODEL;
		if (column[*n] >= 0 && column[*n] < RECONCILE__FIGURES)
			figure = in->r->known[column[*n]] = true;
	}
	if (!day || !model || !figure)
		return fail(in, "the first line must have the titles day, model and of requests, "
				"input_tokens, output_tokens and cost_usd those that are known");
	return 0;
}

static int parse_figure(
	const struct reading *in, enum reconcile_figure f, struct str text, pico_sum *out)
{
	int64_t v;

	if (num_parse_decimal(text, f == RECONCILE_COST ? PICO_SCALE : 0, &v) != 0 || v < 0)
		return fail(in, "`%.*s` is no %s such as %s", STR_FMT(text),
			reconcile_figure_name(f), f == RECONCILE_COST ? "12.345" : "12345");
	*out = v;
	return 0;
}

static int read_line(struct reading *in, struct str *s, const int *column, unsigned n_columns)
{
	pico_sum figures[RECONCILE__FIGURES] = { 0 };
	char buf[FIELD_MAX], model_buf[FIELD_MAX];
	struct str field, model = STR_NONE;
	bool last = false, empty = true;
	struct reconcile_row *row;
	wall_us day = { -1 };
	unsigned n;

	for (n = 0; !last; n++) {
		if (!take_field(s, buf, &field, &last))
			return fail(in, "a quote is not closed, or a field is too long");
		empty = empty && n == 0 && field.n == 0;
		if (n >= n_columns || column[n] == COLUMN_OTHER || (field.n == 0 && last && n == 0))
			continue;
		if (column[n] == COLUMN_DAY && clock_parse(field, &day) != 0)
			return fail(in, "`%.*s` is no day such as 2026-11-28", STR_FMT(field));
		if (column[n] == COLUMN_MODEL) {
			memcpy(model_buf, field.p, field.n);
			model = str_mk(model_buf, field.n);
		}
		if (column[n] < RECONCILE__FIGURES &&
			parse_figure(in, (enum reconcile_figure)column[n], field,
				&figures[column[n]]) != 0)
			return -1;
	}
	if (empty && n == 1)
		return 0;
	if (n != n_columns)
		return fail(in, "%u fields, not %u as in the line of titles", n, n_columns);
	if (model.n == 0)
		return fail(in, "the model is missing");
	row = reconcile_row(in->r, day.us / DAY_US, model);
	row->in_theirs = true;
	for (unsigned f = 0; f < RECONCILE__FIGURES; f++)
		row->theirs[f] += figures[f];
	return 0;
}

static int read_csv(struct reading *in, struct str s)
{
	int column[COLUMNS];
	unsigned n;

	if (read_titles(in, &s, column, &n) != 0)
		return -1;
	for (in->line = 2; s.n > 0; in->line++)
		if (read_line(in, &s, column, n) != 0)
			return -1;
	return 0;
}

/* ---- JSON */

/* A count of an object; absent and null are 0. */
static int count_of(const struct reading *in, const json_t *object, const char *name, pico_sum *to)
{
	const json_t *v = json_object_get(object, name);

	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return fail(in, "%s is no number", name);
	*to += json_integer_value(v);
	return 0;
}

static struct reconcile_row *row_of(
	const struct reading *in, const json_t *result, int64_t day, const char *hint)
{
	const char *model = json_string_value(json_object_get(result, "model"));
	struct reconcile_row *row;

	if (model == NULL || model[0] == '\0') {
		fail(in, "a result names no model: ask with %s", hint);
		return NULL;
	}
	row = reconcile_row(in->r, day, str_z(model));
	row->in_theirs = true;
	return row;
}

/* platform.openai.com/docs/api-reference/usage: audio tokens are beside the others, cached ones
 * among them. */
static int read_openai(const struct reading *in, const json_t *bucket, const json_t *result)
{
	const json_t *start = json_object_get(bucket, "start_time");
	struct reconcile_row *row;

	if (!json_is_integer(start) || json_integer_value(start) < 0 ||
		json_integer_value(start) > INT64_MAX / 1000000)
		return fail(in, "a bucket has no start_time");
	row = row_of(in, result, json_integer_value(start) / DAY_S, "group_by=model");
	if (row == NULL)
		return -1;
	return count_of(in, result, "num_model_requests", &row->theirs[RECONCILE_REQUESTS]) |
	       count_of(in, result, "input_tokens", &row->theirs[RECONCILE_INPUT]) |
	       count_of(in, result, "input_audio_tokens", &row->theirs[RECONCILE_INPUT]) |
	       count_of(in, result, "output_tokens", &row->theirs[RECONCILE_OUTPUT]) |
	       count_of(in, result, "output_audio_tokens", &row->theirs[RECONCILE_OUTPUT]);
}

/* docs.anthropic.com, Usage and Cost Admin API: the parts of the input are disjoint. */
static int read_anthropic(const struct reading *in, const json_t *bucket, const json_t *result)
{
	const char *start = json_string_value(json_object_get(bucket, "starting_at"));
	const json_t *created = json_object_get(result, "cache_creation");
	struct reconcile_row *row;
	wall_us t;

	if (start == NULL || clock_parse(str_z(start), &t) != 0)
		return fail(in, "a bucket has no starting_at");
	row = row_of(in, result, t.us / DAY_US, "group_by[]=model");
	if (row == NULL)
		return -1;
	return count_of(in, result, "uncached_input_tokens", &row->theirs[RECONCILE_INPUT]) |
	       count_of(in, result, "cache_read_input_tokens", &row->theirs[RECONCILE_INPUT]) |
	       count_of(in, created, "ephemeral_5m_input_tokens", &row->theirs[RECONCILE_INPUT]) |
	       count_of(in, created, "ephemeral_1h_input_tokens", &row->theirs[RECONCILE_INPUT]) |
	       count_of(in, result, "output_tokens", &row->theirs[RECONCILE_OUTPUT]);
}

static enum reconcile_format guess_json(const json_t *data)
{
	const json_t *bucket = json_array_get(data, 0);

	if (json_object_get(bucket, "starting_at") != NULL)
		return RECONCILE_ANTHROPIC;
	return json_object_get(bucket, "start_time") != NULL ? RECONCILE_OPENAI : RECONCILE_GUESS;
}

static int read_buckets(struct reading *in, const json_t *data, enum reconcile_format format)
{
	const json_t *bucket, *results, *result;
	size_t i, k;

	in->r->known[RECONCILE_INPUT] = in->r->known[RECONCILE_OUTPUT] = true;
	if (format == RECONCILE_OPENAI)
		in->r->known[RECONCILE_REQUESTS] = true;
	json_array_foreach(data, i, bucket)
	{
		results = json_object_get(bucket, "results");
		if (!json_is_array(results))
			return fail(in, "a bucket has no results");
		json_array_foreach(results, k, result)
		{
			int rc = format == RECONCILE_OPENAI ? read_openai(in, bucket, result)
							    : read_anthropic(in, bucket, result);

			if (rc != 0)
				return -1;
		}
	}
	return 0;
}

static int read_json(struct reading *in, struct str text, enum reconcile_format *format)
{
	json_error_t error;
	json_t *page = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	const json_t *data = json_object_get(page, "data");
	int rc;

	if (page == NULL) {
		in->line = error.line > 0 ? (unsigned)error.line : 0;
		return fail(in, "%s", error.text);
	}
	if (*format == RECONCILE_GUESS)
		*format = guess_json(data);
	if (!json_is_array(data) || *format == RECONCILE_GUESS)
		rc = fail(in, "this is neither OpenAI's nor Anthropic's usage: there must be "
			      "`data` with buckets that have a start_time or starting_at");
	else
		rc = read_buckets(in, data, *format);
	in->r->n_pages++;
	in->r->n_more += json_is_true(json_object_get(page, "has_more"));
	json_decref(page);
	return rc;
}

int reconcile_parse(struct reconcile *r, struct str text, const char *name,
	enum reconcile_format format, char *err, size_t err_len)
{
	struct reading in = { .r = r, .name = name, .err = err, .err_len = err_len };
	struct str begin = text;
	int rc;

	while (begin.n > 0 && memchr(" \t\r\n", begin.p[0], 4) != NULL)
		begin = str_skip(begin, 1);
	if (format == RECONCILE_GUESS && !str_starts(begin, STR("{")))
		format = RECONCILE_CSV;
	rc = format == RECONCILE_CSV ? read_csv(&in, text) : read_json(&in, text, &format);
	if (r->n_rows > 0 && rc == 0 && r->format != RECONCILE_GUESS && r->format != format)
		return fail(&in, "the files are not all of one kind");
	r->format = format;
	return rc;
}

int reconcile_read(struct reconcile *r, const char *path, enum reconcile_format format, char *err,
	size_t err_len)
{
	struct reading in = { .r = r, .name = path, .err = err, .err_len = err_len };
	FILE *f = fopen(path, "re");
	size_t n = 0, cap = 0;
	char *p = NULL;
	int rc;

	if (f == NULL)
		return fail(&in, "%s", strerror(errno));
	do {
		cap = cap * 2 + 65536;
		p = realloc(p, cap);
		tg_assert(p != NULL);
		n += fread(p + n, 1, cap - n, f);
	} while (n == cap && cap < FILE_MAX);
	if (ferror(f))
		rc = fail(&in, "%s", strerror(errno));
	else if (n >= FILE_MAX)
		rc = fail(&in, "larger than %u MB: no usage file is", FILE_MAX >> 20);
	else
		rc = reconcile_parse(r, str_mk(p, n), path, format, err, err_len);
	fclose(f);
	free(p);
	return rc;
}
