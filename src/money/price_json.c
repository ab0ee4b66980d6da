/*
 * price_json.c: reads one entry of a price file (docs/reference/prices.md), strictly: an unknown
 * key, a price written as a JSON number or a figure finer than a pico-USD is an error that says
 * where. Prices are strings in the file so that no parser ever turns them into floating point. Load
 * time only: one thread.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "money/pricebook_int.h"

#define PER_MTOK     6 /* USD per 10^6 tokens, in pico (10^-12) per token: 10^(12-6) */
#define PER_UNIT     12
#define BASIS_DIGITS 4 /* an uplift of "1.1" in basis points: 10^4 */
#define BASIS_ONE    10000
#define UPLIFT_MAX   (100 * BASIS_ONE)
#define NAME_MAX_LEN 200

int price_fail(struct price_reader *r, const char *fmt, ...)
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
	struct price_reader *r, const json_t *obj, const char *where, const char *const *words)
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
		return price_fail(r, "unknown key \"%s\"%s%s%s%s", key, where,
			near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
			near != NULL ? "\"?" : "");
	}
	return 0;
}

/* obj[key] as text; NULL and an error when it is missing or not a non-empty string. */
static const char *need_text(struct price_reader *r, const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));

	if (text != NULL && text[0] != '\0')
		return text;
	price_fail(r, "needs \"%s\", a string", key);
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
	struct price_reader *r, const json_t *v, const char *what, unsigned scale, pico_usd *out)
{
	const char *text = json_string_value(v);
	int64_t pico;

	if (json_is_number(v))
		return price_fail(r,
			"%s is a JSON number; write it as a string, \"0.15\", so that it stays "
			"exact",
			what);
	if (text == NULL)
		return price_fail(r, "%s is not a string such as \"0.15\" or \"free\"", what);
	if (strcmp(text, "free") == 0) {
		*out = 0;
		return 0;
	}
	if (num_parse_decimal(str_z(text), scale, &pico) != 0)
		return price_fail(r, "%s: \"%s\" is not a decimal of at most %u fractional digits",
			what, text, scale);
	if (pico < 0)
		return price_fail(r, "%s: \"%s\" is negative", what, text);
	if (pico == 0)
		return price_fail(
			r, "%s: a price of 0 is written \"free\", so that it is meant", what);
	*out = pico;
	return 0;
}

/* ---- rates */

/* obj: {"bucket": "price", ...} of the buckets [from, to). `where` begins with a space or is empty.
 */
static int read_rates(struct price_reader *r, const json_t *obj, const char *key, const char *where,
	unsigned from, unsigned to, unsigned scale, struct rate_set *out)
{
	const char *words[USAGE__MAX + 1] = { NULL };

	if (obj == NULL)
		return 0;
	if (!json_is_object(obj))
		return price_fail(r, "\"%s\"%s is not an object of prices by bucket", key, where);
	for (unsigned b = from; b < to; b++)
		words[b - from] = usage_bucket_name((enum usage_bucket)b);
	if (check_keys(r, obj,
		    where[0] != '\0' ? where
		    : key[4] == 'm'  ? " in \"per_mtok\""
				     : " in \"per_unit\"",
		    words) != 0)
		return -1;
	for (unsigned b = from; b < to; b++) {
		const char *name = words[b - from];
		const json_t *v = json_object_get(obj, name);
		pico_usd price;

		if (v == NULL)
			continue;
		if (read_price(r, v, name, scale, &price) != 0)
			return -1;
		rate_set_put(out, (enum usage_bucket)b, price);
	}
	return 0;
}

/* per_mtok and per_unit of e. */
static int read_rate_tables(
	struct price_reader *r, const json_t *e, const char *where, struct rate_set *out)
{
	if (read_rates(r, json_object_get(e, "per_mtok"), "per_mtok", where, 0, USAGE_FIRST_UNIT,
		    PER_MTOK, out) != 0)
		return -1;
	return read_rates(r, json_object_get(e, "per_unit"), "per_unit", where, USAGE_FIRST_UNIT,
		USAGE__MAX, PER_UNIT, out);
}

static int read_request(struct price_reader *r, const json_t *e, bool *has, pico_usd *out)
{
	const json_t *v = json_object_get(e, "per_request");

	if (v == NULL)
		return 0;
	*has = true;
	return read_price(r, v, "per_request", PER_UNIT, out);
}

/* ---- long-context steps */

static int read_step(struct price_reader *r, const json_t *obj, const struct rate_set *whole,
	struct step_set *out)
{
	static const char *const words[] = { "above", "per_mtok", NULL };
	const char *where = " in \"tiers\"";
	const json_t *above = json_object_get(obj, "above");

	if (!json_is_object(obj))
		return price_fail(r, "\"tiers\" holds something that is not an object");
	if (check_keys(r, obj, where, words) != 0)
		return -1;
	if (!json_is_integer(above) || json_integer_value(above) <= 0)
		return price_fail(
			r, "a tier needs \"above\", the number of input tokens it begins behind");
	out->above = (uint64_t)json_integer_value(above);
	if (read_rate_tables(r, obj, where, &out->rates) != 0)
		return -1;
	for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++)
		if (((out->rates.has ^ whole->has) & RATE_BIT(b)) != 0)
			return price_fail(r,
				"the tier above %llu %s \"%s\": a tier restates exactly the "
				"buckets of the price",
				(unsigned long long)out->above,
				(whole->has & RATE_BIT(b)) != 0 ? "lacks" : "adds",
				usage_bucket_name((enum usage_bucket)b));
	return 0;
}

static int read_steps(struct price_reader *r, const json_t *array, struct plan_set *out)
{
	size_t n = json_array_size(array);

	if (!json_is_array(array) || n == 0 || n > PRICE_MAX_STEPS)
		return price_fail(r, "\"tiers\" is not a list of 1 to %d tiers", PRICE_MAX_STEPS);
	for (size_t i = 0; i < n; i++) {
		if (read_step(r, json_array_get(array, i), &out->rates, &out->steps[i]) != 0)
			return -1;
		if (i > 0 && out->steps[i].above <= out->steps[i - 1].above)
			return price_fail(r, "tiers are listed with \"above\" ascending");
	}
	out->n_steps = (unsigned)n;
	return 0;
}

/* ---- plans */

/* Free covers all that a model does by itself; tools that a provider runs besides have prices. */
static void set_free(struct rate_set *s)
{
	for (unsigned b = 0; b < USAGE__MAX; b++)
		if (b < USAGE_WEB_SEARCHES)
			rate_set_put(s, (enum usage_bucket)b, 0);
}

static int read_standard(
	struct price_reader *r, const json_t *e, struct price *p, struct plan_set *s)
{
	const json_t *free_flag = json_object_get(e, "free"), *tiers = json_object_get(e, "tiers");

	if (free_flag != NULL && !json_is_true(free_flag))
		return price_fail(r, "\"free\" can only be true; leave it out of priced models");
	p->free = free_flag != NULL;
	if (p->free && (json_object_get(e, "per_mtok") != NULL || tiers != NULL ||
			       json_object_get(e, "per_request") != NULL ||
			       json_object_get(e, "variants") != NULL))
		return price_fail(r, "\"free\" and prices exclude each other");
	if (p->free)
		set_free(&s->rates);
	if (read_rate_tables(r, e, "", &s->rates) != 0 ||
		read_request(r, e, &s->has_request, &s->per_request) != 0)
		return -1;
	return tiers != NULL ? read_steps(r, tiers, s) : 0;
}

/* An object of prices that restate what differs from `base`; where: " in \"flex\"". */
static int read_plan_over(struct price_reader *r, const json_t *e, const char *where,
	const struct plan_set *base, struct plan_set *s)
{
	*s = (struct plan_set){ .has_request = base->has_request,
		.per_request = base->per_request };
	if (read_rate_tables(r, e, where, &s->rates) != 0 ||
		read_request(r, e, &s->has_request, &s->per_request) != 0)
		return -1;
	rate_set_over(&s->rates, &base->rates);
	if (json_object_get(e, "tiers") != NULL)
		return read_steps(r, json_object_get(e, "tiers"), s);
	plan_set_inherit_steps(s, base);
	return 0;
}

static int read_service(struct price_reader *r, const json_t *e, enum service_tier t,
	const struct plan_set *standard, const struct price_plan **out)
{
	static const char *const words[] = { "per_mtok", "per_unit", "per_request", "tiers", NULL };
	struct plan_set s;
	char where[32];

	snprintf(where, sizeof where, " in \"%s\"", service_tier_name(t));
	if (!json_is_object(e) || json_object_size(e) == 0)
		return price_fail(r, "\"%s\" is not an object of prices", service_tier_name(t));
	if (check_keys(r, e, where, words) != 0 || read_plan_over(r, e, where, standard, &s) != 0)
		return -1;
	*out = price_plan_new(r->book, &s);
	return 0;
}

/* The plan that is gathered, and those of the service tiers in e. */
static int read_services(struct price_reader *r, const json_t *e, const struct plan_set *standard,
	const struct price_plan *plan[SERVICE__MAX])
{
	plan[SERVICE_STANDARD] = price_plan_new(r->book, standard);
	for (unsigned t = SERVICE_STANDARD + 1; t < SERVICE__MAX; t++) {
		const json_t *v = json_object_get(e, service_tier_name((enum service_tier)t));

		if (v != NULL && read_service(r, v, (enum service_tier)t, standard, &plan[t]) != 0)
			return -1;
	}
	return 0;
}

/* ---- variants, regions, uplifts */

/* The members of e's object `what`: 0 with *n of them (0: none), -1 when it is something else. */
static int named_objects(
	struct price_reader *r, const json_t *e, const char *what, json_t **all, size_t *n)
{
	json_t *obj;
	const char *name;

	*all = json_object_get(e, what);
	*n = json_object_size(*all);
	if (*all == NULL)
		return 0;
	if (*n == 0 || *n > PRICE_MAX_NAMED)
		return price_fail(
			r, "\"%s\" is not an object of 1 to %d names", what, PRICE_MAX_NAMED);
	json_object_foreach(*all, name, obj)
	{
		if (!json_is_object(obj) || json_object_size(obj) == 0 || name[0] == '\0' ||
			strlen(name) > NAME_MAX_LEN)
			return price_fail(r, "\"%s\" is not an object of prices by name", what);
	}
	return 0;
}

static int read_variants(struct price_reader *r, const json_t *e, struct price *p)
{
	static const char *const words[] = { "per_mtok", "per_unit", "per_request", NULL };
	const char *where = " in \"variants\"", *name;
	struct price_variant *v;
	json_t *all, *obj;
	size_t n;

	if (named_objects(r, e, "variants", &all, &n) != 0)
		return -1;
	if (n == 0)
		return 0;
	v = pricebook_alloc(r->book, n * sizeof *v);
	p->variants = v;
	json_object_foreach(all, name, obj)
	{
		struct rate_set s = { 0, { 0 } };

		if (check_keys(r, obj, where, words) != 0 ||
			read_rate_tables(r, obj, where, &s) != 0 ||
			read_request(r, obj, &v->has_request, &v->per_request) != 0)
			return -1;
		v->name = pricebook_dup_shared(r->book, str_z(name));
		v->rates = price_rates_new(r->book, &s);
		v++;
		p->n_variants++;
	}
	return 0;
}

static int read_regions(
	struct price_reader *r, const json_t *e, const struct plan_set *standard, struct price *p)
{
	static const char *const words[] = { "per_mtok", "per_unit", "per_request", "tiers", "flex",
		"priority", "batch", NULL };
	const char *where = " in \"regions\"", *name;
	struct price_region *v;
	struct plan_set s;
	json_t *all, *obj;
	size_t n;

	if (named_objects(r, e, "regions", &all, &n) != 0)
		return -1;
	if (n == 0)
		return 0;
	v = pricebook_alloc(r->book, n * sizeof *v);
	p->regions = v;
	json_object_foreach(all, name, obj)
	{
		if (check_keys(r, obj, where, words) != 0 ||
			read_plan_over(r, obj, where, standard, &s) != 0 ||
			read_services(r, obj, &s, v->plan) != 0)
			return -1;
		v->name = pricebook_dup_shared(r->book, str_z(name));
		v++;
		p->n_regions++;
	}
	return 0;
}

static int read_uplifts(struct price_reader *r, const json_t *e, struct price *p)
{
	json_t *all = json_object_get(e, "uplift"), *factor;
	size_t n = json_object_size(all);
	struct price_uplift *v;
	const char *region;
	int64_t scaled;

	if (all == NULL)
		return 0;
	if (n == 0 || n > PRICE_MAX_NAMED)
		return price_fail(r, "\"uplift\" is not an object such as {\"eu\": \"1.1\"}");
	v = pricebook_alloc(r->book, n * sizeof *v);
	p->uplifts = v;
	json_object_foreach(all, region, factor)
	{
		const char *text = json_string_value(factor);

		if (text == NULL || region[0] == '\0' ||
			num_parse_decimal(str_z(text), BASIS_DIGITS, &scaled) != 0 ||
			scaled < BASIS_ONE || scaled > UPLIFT_MAX)
			return price_fail(r,
				"\"uplift\" of \"%s\" is not a factor from \"1\" to \"100\" of at "
				"most %d fractional digits",
				region, BASIS_DIGITS);
		v[p->n_uplifts].region = pricebook_dup_shared(r->book, str_z(region));
		v[p->n_uplifts++].basis_points = scaled - BASIS_ONE;
	}
	return 0;
}

/* ---- the entry */

static bool has_price(const struct price *p)
{
	return p->plan[SERVICE_STANDARD]->rates.has != 0 ||
	       p->plan[SERVICE_STANDARD]->has_request || p->n_variants > 0;
}

static int read_costs(struct price_reader *r, const json_t *e, struct price *p)
{
	struct plan_set standard = { .rates = { 0, { 0 } } };

	if (read_standard(r, e, p, &standard) != 0 ||
		read_services(r, e, &standard, p->plan) != 0 || read_variants(r, e, p) != 0 ||
		read_regions(r, e, &standard, p) != 0 || read_uplifts(r, e, p) != 0)
		return -1;
	return has_price(p) ? 0
			    : price_fail(r, "has no price: needs \"per_mtok\", \"per_unit\", "
					    "\"per_request\", \"variants\" or \"free\": true");
}

static int read_limit(struct price_reader *r, const json_t *e, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(e, key);

	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) <= 0)
		return price_fail(r, "\"%s\" is not a number of tokens", key);
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

/* {"vision": true, "tools": false} */
static int read_capabilities(struct price_reader *r, const json_t *e, struct price *p)
{
	json_t *all = json_object_get(e, "capabilities"), *v;
	const char *word, *near;

	if (all == NULL)
		return 0;
	if (r->older)
		return price_fail(r, "\"capabilities\" are of format " PRICEBOOK_FORMAT
				     ", and this file says " PRICEBOOK_FORMAT_OLDER);
	if (json_object_size(all) == 0)
		return price_fail(
			r, "\"capabilities\" is not an object such as {\"vision\": true}");
	json_object_foreach(all, word, v)
	{
		enum capability c = capability_of(str_z(word));

		if (c == CAPABILITY__MAX) {
			near = str_nearest(str_z(word), capability_words, CAPABILITY__MAX);
			return price_fail(r, "unknown key \"%.60s\" in \"capabilities\"%s%s%s",
				word, near != NULL ? "; did you mean \"" : "",
				near != NULL ? near : "", near != NULL ? "\"?" : "");
		}
		if (!json_is_boolean(v))
			return price_fail(r, "\"capabilities\": \"%s\" is true or false", word);
		capability_say(&p->capable, c, json_is_true(v));
	}
	return 0;
}

/* Where the figures come from, and from when on they hold. */
static int read_origin(struct price_reader *r, const json_t *e, struct price *p)
{
	const char *source = need_text(r, e, "source"), *date, *from;
	wall_us read_on;

	if (source == NULL || (date = need_text(r, e, "date")) == NULL)
		return -1;
	if (parse_date(date, &read_on) != 0)
		return price_fail(r, "\"date\": \"%s\" is not a day such as 2026-08-01", date);
	p->source = pricebook_dup_shared(r->book, str_z(source));
	p->date = pricebook_dup_shared(r->book, str_z(date));
	if (read_limit(r, e, "max_input", &p->max_input) != 0 ||
		read_limit(r, e, "max_output", &p->max_output) != 0 ||
		read_capabilities(r, e, p) != 0)
		return -1;
	if (json_object_get(e, "valid_from") == NULL)
		return 0;
	from = need_text(r, e, "valid_from");
	if (from == NULL)
		return -1;
	return parse_date(from, &p->valid_from) == 0
		       ? 0
		       : price_fail(
				 r, "\"valid_from\": \"%s\" is not a day such as 2026-08-01", from);
}

static int put_name(struct price_reader *r, struct price_entry *e, const char *name)
{
	if (strlen(name) > NAME_MAX_LEN)
		return price_fail(r, "a model name longer than %d bytes", NAME_MAX_LEN);
	if (pricebook_put(r->book, str_z(name), e, r->file_no) != 0)
		return price_fail(
			r, "\"%s\" has a price from the same day already in this file", name);
	return 0;
}

static int put_names(struct price_reader *r, const json_t *e, struct price_entry *entry)
{
	const json_t *aliases = json_object_get(e, "aliases"), *alias;
	size_t i;

	if (put_name(r, entry, r->model) != 0)
		return -1;
	if (aliases != NULL && !json_is_array(aliases))
		return price_fail(r, "\"aliases\" is not a list of model names");
	json_array_foreach(aliases, i, alias)
	{
		const char *name = json_string_value(alias);

		if (name == NULL || name[0] == '\0')
			return price_fail(
				r, "\"aliases\" holds something that is not a model name");
		if (put_name(r, entry, name) != 0)
			return -1;
	}
	return 0;
}

int price_read_entry(struct price_reader *r, const json_t *e)
{
	static const char *const words[] = { "provider", "model", "aliases", "free", "per_mtok",
		"per_unit", "per_request", "tiers", "flex", "priority", "batch", "variants",
		"regions", "uplift", "max_input", "max_output", "capabilities", "valid_from",
		"source", "date", "note", NULL };
	const char *model;
	struct price_entry *entry;

	r->model = NULL;
	if (!json_is_object(e))
		return price_fail(r, "is not an object");
	r->provider = need_text(r, e, "provider");
	model = r->provider != NULL ? need_text(r, e, "model") : NULL;
	if (model == NULL)
		return -1;
	r->model = model;
	if (strchr(r->provider, '/') != NULL || strlen(r->provider) > 64)
		return price_fail(r, "\"provider\" is a provider's name such as openai");
	if (check_keys(r, e, "", words) != 0)
		return -1;
	entry = pricebook_entry_new(r->book);
	entry->price.provider = pricebook_dup_shared(r->book, str_z(r->provider));
	entry->price.model = pricebook_dup(r->book, str_z(model));
	if (read_costs(r, e, &entry->price) != 0 || read_origin(r, e, &entry->price) != 0)
		return -1;
	price_finish(r->book, &entry->price);
	return put_names(r, e, entry);
}
