/*
 * pricebook_json.c: reads a price file (docs/reference/prices.md) into a book, strictly: an unknown
 * key, a price written as a JSON number, a figure finer than a pico-USD or a repeated name is an
 * error that says where. Prices are strings in the file so that no parser ever turns them into
 * floating point. Load time only: the control thread.
 */
#include "money/pricebook_int.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

#define FORMAT    "tollgate-prices/1"
#define PER_MTOK  6 /* USD per 10^6 tokens, in pico (10^-12) per token: 10^(12-6) */
#define PER_CALL  12
#define MAX_TIERS 8

struct reader {
	struct pricebook *book;
	const char *file;
	unsigned file_no;
	size_t index;                 /* of the entry being read */
	const char *provider, *model; /* its key once known, for errors */
	char *err;
	size_t err_len;
};

/* Always -1, so that a check can `return fail(...)`. */
static int fail(struct reader *r, const char *fmt, ...) TG_PRINTF(2, 3);
static int fail(struct reader *r, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	if (r->model != NULL)
		snprintf(r->err, r->err_len, "%s: prices[%zu] (%s %s): %s", r->file, r->index,
			r->provider, r->model, why);
	else
		snprintf(r->err, r->err_len, "%s: prices[%zu]: %s", r->file, r->index, why);
	return -1;
}

/* Every key of obj is one of words (NULL-terminated). */
static int check_keys(
	struct reader *r, const json_t *obj, const char *where, const char *const *words)
{
	size_t n = 0;
	const char *key;
	json_t *value;

	while (words[n] != NULL)
		n++;
	json_object_foreach((json_t *)obj, key, value)
	{
		const char *near;
		size_t i = 0;

		while (i < n && strcmp(words[i], key) != 0)
			i++;
		if (i < n)
			continue;
		near = str_nearest(str_z(key), words, n);
		return fail(r, "unknown key \"%s\"%s%s%s%s", key, where,
			near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
			near != NULL ? "\"?" : "");
	}
	return 0;
}

/* obj[key] as text; NULL and an error when it is missing or not a non-empty string. */
static const char *need_text(struct reader *r, const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));

	if (text != NULL && text[0] != '\0')
		return text;
	fail(r, "needs \"%s\", a string", key);
	return NULL;
}

static int two_digits(const char *p)
{
	return (p[0] - '0') * 10 + p[1] - '0';
}

/* Days since 1970 of a Gregorian date (year from March, so that the leap day comes last). */
static int64_t days_from_civil(int y, int m, int d)
{
	int year = m <= 2 ? y - 1 : y;
	int era = year / 400, yoe = year % 400;
	int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return (int64_t)era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "2026-08-01" of the years 1970 to 9999 as midnight UTC. */
static int parse_date(const char *s, wall_us *out)
{
	static const int month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y, m, d;

	if (strlen(s) != 10 || strspn(s, "0123456789") != 4 || s[4] != '-' ||
		strspn(s + 5, "0123456789") != 2 || s[7] != '-' || strspn(s + 8, "0123456789") != 2)
		return -1;
	y = two_digits(s) * 100 + two_digits(s + 2);
	m = two_digits(s + 5);
	d = two_digits(s + 8);
	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > month_days[m - 1])
		return -1;
	if (m == 2 && d == 29 && (y % 4 != 0 || (y % 100 == 0 && y % 400 != 0)))
		return -1;
	out->us = days_from_civil(y, m, d) * INT64_C(86400000000);
	return 0;
}

/* One price: a decimal string, or "free". scale: decimal digits between the unit of the file and a
 * pico. */
static int read_price(
	struct reader *r, const json_t *v, const char *what, unsigned scale, pico_usd *out)
{
	const char *text = json_string_value(v);
	int64_t pico;

	if (json_is_number(v))
		return fail(r,
			"%s is a JSON number; write it as a string, \"0.15\", so that it stays "
			"exact",
			what);
	if (text == NULL)
		return fail(r, "%s is not a string such as \"0.15\" or \"free\"", what);
	if (strcmp(text, "free") == 0) {
		*out = 0;
		return 0;
	}
	if (num_parse_decimal(str_z(text), scale, &pico) != 0)
		return fail(r, "%s: \"%s\" is not a decimal of at most %u fractional digits", what,
			text, scale);
	if (pico < 0)
		return fail(r, "%s: \"%s\" is negative", what, text);
	if (pico == 0)
		return fail(r, "%s: a price of 0 is written \"free\", so that it is meant", what);
	*out = pico;
	return 0;
}

static int read_per_mtok(struct reader *r, const json_t *obj, const char *where,
	bool has[USAGE__MAX], pico_usd unit[USAGE__MAX])
{
	const char *words[USAGE__MAX + 1] = { NULL };

	if (!json_is_object(obj))
		return fail(r, "\"per_mtok\"%s is not an object of bucket prices", where);
	for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++)
		words[b] = usage_bucket_name((enum usage_bucket)b);
	if (check_keys(r, obj, where, words) != 0)
		return -1;
	for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++) {
		const json_t *v = json_object_get(obj, words[b]);

		if (v == NULL)
			continue;
		if (read_price(r, v, words[b], PER_MTOK, &unit[b]) != 0)
			return -1;
		has[b] = true;
	}
	return 0;
}

static int read_tier(
	struct reader *r, const json_t *obj, const struct price *p, struct price_tier *t)
{
	static const char *const words[] = { "above", "per_mtok", NULL };
	const char *where = " in \"tiers\"";
	const json_t *above = json_object_get(obj, "above");

	if (!json_is_object(obj) || check_keys(r, obj, where, words) != 0)
		return json_is_object(obj)
			       ? -1
			       : fail(r, "\"tiers\" holds something that is not an object");
	if (!json_is_integer(above) || json_integer_value(above) <= 0)
		return fail(
			r, "a tier needs \"above\", the number of input tokens it begins behind");
	t->above = (uint64_t)json_integer_value(above);
	if (read_per_mtok(r, json_object_get(obj, "per_mtok"), where, t->has, t->unit) != 0)
		return -1;
	for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++)
		if (t->has[b] != p->has[b])
			return fail(r,
				"the tier above %llu %s \"%s\": a tier restates exactly the "
				"buckets of the price",
				(unsigned long long)t->above, p->has[b] ? "lacks" : "adds",
				usage_bucket_name((enum usage_bucket)b));
	return 0;
}

static int read_tiers(struct reader *r, const json_t *array, struct price *p)
{
	size_t n = json_array_size(array);

	if (!json_is_array(array) || n == 0 || n > MAX_TIERS)
		return fail(r, "\"tiers\" is not a list of 1 to %d tiers", MAX_TIERS);
	p->tiers = pricebook_alloc(r->book, n * sizeof *p->tiers);
	p->n_tiers = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		if (read_tier(r, json_array_get(array, i), p, &p->tiers[i]) != 0)
			return -1;
		if (i > 0 && p->tiers[i].above <= p->tiers[i - 1].above)
			return fail(r, "tiers are listed with \"above\" ascending");
	}
	return 0;
}

/* What the entry says it costs: "free": true, or prices. */
static int read_costs(struct reader *r, const json_t *e, struct price *p)
{
	const json_t *free_flag = json_object_get(e, "free"),
		     *mtok = json_object_get(e, "per_mtok");
	const json_t *request = json_object_get(e, "per_request"),
		     *tiers = json_object_get(e, "tiers");
	const json_t *search = json_object_get(e, "web_search");

	if (free_flag != NULL && !json_is_true(free_flag))
		return fail(r, "\"free\" can only be true; leave it out of priced models");
	p->free = free_flag != NULL;
	if (p->free && (mtok != NULL || tiers != NULL || request != NULL))
		return fail(r, "\"free\" and prices exclude each other");
	if (!p->free && mtok == NULL && request == NULL)
		return fail(
			r, "has no price: needs \"per_mtok\", \"per_request\" or \"free\": true");
	for (unsigned b = 0; p->free && b < USAGE_FIRST_UNIT; b++)
		p->has[b] = true;
	if (mtok != NULL && read_per_mtok(r, mtok, " in \"per_mtok\"", p->has, p->unit) != 0)
		return -1;
	p->has_request = request != NULL;
	if (request != NULL &&
		read_price(r, request, "per_request", PER_CALL, &p->per_request) != 0)
		return -1;
	if (search != NULL &&
		read_price(r, search, "web_search", PER_CALL, &p->unit[USAGE_WEB_SEARCHES]) != 0)
		return -1;
	p->has[USAGE_WEB_SEARCHES] |= search != NULL;
	return tiers != NULL ? read_tiers(r, tiers, p) : 0;
}

/* Where the figures come from, and from when on they hold. */
static int read_origin(struct reader *r, const json_t *e, struct price *p)
{
	const char *source = need_text(r, e, "source"), *date, *from;
	wall_us read_on;

	if (source == NULL || (date = need_text(r, e, "date")) == NULL)
		return -1;
	if (parse_date(date, &read_on) != 0)
		return fail(r, "\"date\": \"%s\" is not a day such as 2026-08-01", date);
	p->source = pricebook_dup(r->book, str_z(source));
	p->date = pricebook_dup(r->book, str_z(date));
	if (json_object_get(e, "from") == NULL)
		return 0;
	from = need_text(r, e, "from");
	if (from == NULL)
		return -1;
	return parse_date(from, &p->from) == 0
		       ? 0
		       : fail(r, "\"from\": \"%s\" is not a day such as 2026-08-01", from);
}

static int put_name(struct reader *r, struct price_entry *e, const char *name)
{
	if (strlen(name) > 200)
		return fail(r, "a model name longer than 200 bytes");
	if (pricebook_put(r->book, str_z(name), e, r->file_no) != 0)
		return fail(r, "\"%s\" has a price from the same day already in this file", name);
	return 0;
}

static int put_names(struct reader *r, const json_t *e, struct price_entry *entry)
{
	const json_t *aliases = json_object_get(e, "aliases"), *alias;
	size_t i;

	if (put_name(r, entry, r->model) != 0)
		return -1;
	if (aliases != NULL && !json_is_array(aliases))
		return fail(r, "\"aliases\" is not a list of model names");
	json_array_foreach(aliases, i, alias)
	{
		const char *name = json_string_value(alias);

		if (name == NULL || name[0] == '\0')
			return fail(r, "\"aliases\" holds something that is not a model name");
		if (put_name(r, entry, name) != 0)
			return -1;
	}
	return 0;
}

static int read_entry(struct reader *r, const json_t *e)
{
	static const char *const words[] = { "provider", "model", "aliases", "free", "per_mtok",
		"per_request", "web_search", "tiers", "from", "source", "date", NULL };
	const char *model;
	struct price_entry *entry;

	r->model = NULL;
	if (!json_is_object(e))
		return fail(r, "is not an object");
	r->provider = need_text(r, e, "provider");
	model = r->provider != NULL ? need_text(r, e, "model") : NULL;
	if (model == NULL)
		return -1;
	r->model = model;
	if (strchr(r->provider, '/') != NULL || strlen(r->provider) > 64)
		return fail(r, "\"provider\" is a dialect's name such as openai");
	if (check_keys(r, e, "", words) != 0)
		return -1;
	entry = pricebook_entry_new(r->book);
	entry->price.provider = pricebook_dup(r->book, str_z(r->provider));
	entry->price.model = pricebook_dup(r->book, str_z(model));
	if (read_costs(r, e, &entry->price) != 0 || read_origin(r, e, &entry->price) != 0)
		return -1;
	return put_names(r, e, entry);
}

static int read_entries(struct reader *r, const json_t *root)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	const char *currency = json_string_value(json_object_get(root, "currency"));
	const json_t *prices = json_object_get(root, "prices"), *e;

	if (format == NULL || strcmp(format, FORMAT) != 0) {
		snprintf(r->err, r->err_len, "%s: \"format\" is %s%s; this version reads " FORMAT,
			r->file, format != NULL ? format : "missing",
			json_object_get(root, "gpt-4o") != NULL
				? " (a LiteLLM price map? prices_import.py converts it)"
				: "");
		return -1;
	}
	if (json_object_get(root, "currency") != NULL &&
		(currency == NULL || strcmp(currency, "USD") != 0)) {
		snprintf(r->err, r->err_len, "%s: \"currency\" is not \"USD\", the only one so far",
			r->file);
		return -1;
	}
	if (!json_is_array(prices)) {
		snprintf(r->err, r->err_len, "%s: needs \"prices\", a list", r->file);
		return -1;
	}
	json_array_foreach(prices, r->index, e)
	{
		if (read_entry(r, e) != 0)
			return -1;
	}
	return 0;
}

int pricebook_read(struct pricebook *b, struct str json, const char *name, unsigned file_no,
	char *err, size_t err_len)
{
	struct reader r = {
		.book = b, .file = name, .file_no = file_no, .err = err, .err_len = err_len
	};
	json_error_t bad;
	json_t *root = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &bad);
	int rc;

	if (root == NULL) {
		snprintf(err, err_len, "%s:%d:%d: %s", name, bad.line, bad.column, bad.text);
		return -1;
	}
	rc = read_entries(&r, root);
	json_decref(root);
	return rc;
}
