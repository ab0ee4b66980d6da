/*
 * metrics.c: the exact text, and every page read back by a strict parser of the exposition format
 * 0.0.4 written here: grammar of names, labels, escapes, values; TYPE before samples; families not
 * interleaved; histograms cumulative and complete.
 */
#include "unit/unit.h"
#include "admin/metrics.h"

#include <stdio.h>

static struct outbuf buf;
static struct metrics_out out;

static void setup(void)
{
	outbuf_init(&buf);
	metrics_init(&out, &buf);
}

static void teardown(void)
{
	outbuf_fini(&buf);
}

/* ---- the parser ---- */

struct page {
	struct str rest;
	char family[64], type[16];
	char seen[16][64]; /* families, to catch a second beginning */
	unsigned n_seen, n_samples;
	double last_bucket; /* of the histogram in work */
	unsigned long long last_count;
	bool had_inf;
};

#define BAD(p, why) ck_abort_msg("%s at \"%.30s\"", why, (p)->rest.p)

static struct str take_name(struct page *p)
{
	size_t n = 0;

	while (n < p->rest.n && (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:",
					 p->rest.p[n]) != NULL ||
					(n > 0 && p->rest.p[n] >= '0' && p->rest.p[n] <= '9')))
		n++;
	if (n == 0 || p->rest.p[0] == '\0')
		BAD(p, "no name");
	p->rest = str_skip(p->rest, n);
	return str_mk(p->rest.p - n, n);
}

static void expect(struct page *p, const char *text)
{
	if (!str_starts(p->rest, str_z(text)))
		BAD(p, text);
	p->rest = str_skip(p->rest, strlen(text));
}

static void take_value_text(struct page *p, char *into, size_t cap)
{
	size_t n = 0;

	expect(p, "\"");
	while (p->rest.n > 0 && p->rest.p[0] != '"') {
		char c = p->rest.p[0];

		if (c == '\n')
			BAD(p, "a line break in a label value");
		if (c == '\\') {
			ck_assert_uint_gt(p->rest.n, 1);
			c = p->rest.p[1];
			if (c != '\\' && c != '"' && c != 'n')
				BAD(p, "an unknown escape");
			c = c == 'n' ? '\n' : c;
			p->rest = str_skip(p->rest, 1);
		}
		ck_assert_uint_lt(n + 1, cap);
		into[n++] = c;
		p->rest = str_skip(p->rest, 1);
	}
	into[n] = '\0';
	expect(p, "\"");
}

static double take_number(struct page *p)
{
	char text[64] = "", *end;
	size_t n = str_chr(p->rest, '\n');
	double v;

	ck_assert(n != (size_t)-1 && n > 0 && n < sizeof text);
	memcpy(text, p->rest.p, n);
	ck_assert_msg(strspn(text, "-0123456789.") == n, "\"%s\" is not a plain decimal", text);
	v = strtod(text, &end);
	ck_assert_msg(*end == '\0', "\"%s\" is not a number", text);
	p->rest = str_skip(p->rest, n + 1);
	return v;
}

static void begin_family(struct page *p)
{
	struct str name, type;
	size_t eol;

	expect(p, "# HELP ");
	name = take_name(p);
	expect(p, " ");
	eol = str_chr(p->rest, '\n');
	ck_assert_uint_ne(eol, (size_t)-1);
	p->rest = str_skip(p->rest, eol + 1);
	expect(p, "# TYPE ");
	UNIT_STR_EQ(take_name(p), name);
	expect(p, " ");
	snprintf(p->family, sizeof p->family, "%.*s", STR_FMT(name));
	type = take_name(p);
	snprintf(p->type, sizeof p->type, "%.*s", STR_FMT(type));
	ck_assert(strcmp(p->type, "counter") == 0 || strcmp(p->type, "gauge") == 0 ||
		  strcmp(p->type, "histogram") == 0);
	expect(p, "\n");
	for (unsigned i = 0; i < p->n_seen; i++)
		ck_assert_str_ne(p->seen[i], p->family);
	strcpy(p->seen[p->n_seen++], p->family);
	p->last_bucket = -1;
	p->last_count = 0;
	p->had_inf = false;
}

static void check_bucket(struct page *p, const char *le, double value)
{
	double bound = strcmp(le, "+Inf") == 0 ? 1e300 : strtod(le, NULL);

	ck_assert_msg(le[0] != '\0', "a bucket without le");
	if (p->had_inf) { /* the next label set */
		p->last_bucket = -1;
		p->last_count = 0;
		p->had_inf = false;
	}
	ck_assert_msg(bound > p->last_bucket, "le=%s does not ascend", le);
	ck_assert_msg(value >= (double)p->last_count, "the bucket le=%s is not cumulative", le);
	p->last_bucket = bound;
	p->last_count = (unsigned long long)value;
	p->had_inf = bound > 1e299;
}

static void check_sample(struct page *p, struct str name, const char *le, double value)
{
	struct str suffix;

	ck_assert_msg(str_starts(name, str_z(p->family)), "%.*s outside its family", STR_FMT(name));
	suffix = str_skip(name, strlen(p->family));
	p->n_samples++;
	if (strcmp(p->type, "histogram") != 0) {
		ck_assert_uint_eq(suffix.n, 0);
	} else if (str_eq(suffix, STR("_bucket"))) {
		check_bucket(p, le, value);
	} else {
		ck_assert(str_eq(suffix, STR("_sum")) || str_eq(suffix, STR("_count")));
		ck_assert_msg(p->had_inf, "no +Inf bucket before %.*s", STR_FMT(suffix));
		if (str_eq(suffix, STR("_count")))
			ck_assert_uint_eq(p->last_count, (unsigned long long)value);
	}
}

static void take_sample(struct page *p)
{
	struct str name = take_name(p);
	char value[256], le[64] = "";

	if (str_starts(p->rest, STR("{"))) {
		expect(p, "{");
		for (;;) {
			struct str label = take_name(p);

			ck_assert_uint_eq(str_chr(label, ':'), (size_t)-1);
			expect(p, "=");
			take_value_text(p, value, sizeof value);
			if (str_eq(label, STR("le")))
				strcpy(le, value);
			if (!str_starts(p->rest, STR(",")))
				break;
			expect(p, ",");
		}
		expect(p, "}");
	}
	expect(p, " ");
	check_sample(p, name, le, take_number(p));
}

/* Samples on a valid page. */
static unsigned parse(struct str text)
{
	struct page p = { .rest = text };

	while (p.rest.n > 0) {
		if (str_starts(p.rest, STR("#")))
			begin_family(&p);
		else
			take_sample(&p);
	}
	return p.n_samples;
}

/* ---- the tests ---- */

START_TEST(exact_text)
{
	const struct metrics_label labels[] = { { "tenant", STR("acme") },
		{ "model", STR("gpt-4o") } };

	metrics_family(
		&out, "tollgate_requests_total", METRICS_COUNTER, "Requests\nanswered \\ all.");
	metrics_sample_u64(&out, "", NULL, 0, 0);
	metrics_sample_u64(&out, "", labels, 2, UINT64_MAX);
	metrics_family(&out, "tollgate_cost_usd_total", METRICS_COUNTER, "Cost.");
	metrics_sample_decimal(&out, "", labels, 1, 31500000, 12);
	metrics_sample_decimal(&out, "", NULL, 0, INT64_MAX, 12);
	metrics_sample_usd(&out, "", NULL, 0, 9000000000, 1);
	metrics_sample_usd(&out, "", NULL, 0, 1, 1500000000000);
	metrics_sample_usd(&out, "", NULL, 0, 2, 0);
	metrics_family(&out, "tollgate_up", METRICS_GAUGE, "Up.");
	metrics_sample_decimal(&out, "", NULL, 0, -5, 1);
	UNIT_STR_EQ(outbuf_text(&buf),
		STR("# HELP tollgate_requests_total Requests\\nanswered \\\\ all.\n"
		    "# TYPE tollgate_requests_total counter\n"
		    "tollgate_requests_total 0\n"
		    "tollgate_requests_total{tenant=\"acme\",model=\"gpt-4o\"} "
		    "18446744073709551615\n"
		    "# HELP tollgate_cost_usd_total Cost.\n"
		    "# TYPE tollgate_cost_usd_total counter\n"
		    "tollgate_cost_usd_total{tenant=\"acme\"} 0.0000315\n"
		    "tollgate_cost_usd_total 9223372.036854775807\n"
		    "tollgate_cost_usd_total 9000000000.000000000001\n"
		    "tollgate_cost_usd_total 2.5\n"
		    "tollgate_cost_usd_total 2\n"
		    "# HELP tollgate_up Up.\n"
		    "# TYPE tollgate_up gauge\n"
		    "tollgate_up -0.5\n"));
	ck_assert_uint_eq(parse(outbuf_text(&buf)), 8);
}
END_TEST

static const struct {
	struct str value;
	const char *text;
} values[] = {
	{ STR("plain"), "plain" }, { STR(""), "" }, { STR("a\"b\\c\nd"), "a\\\"b\\\\c\\nd" },
	{ STR("{},= #"), "{},= #" },
	{ STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ STR("\xff"), "\xef\xbf\xbd" }, { STR("a\x80z"), "a\xef\xbf\xbdz" },
	{ STR("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd" }, /* overlong */
	{ STR("\xe0\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ STR("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
	{ STR("\xf4\x90\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ STR("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd" }, /* cut off */
	{ STR("\xe2\"\\"), "\xef\xbf\xbd\\\"\\\\" },     /* must not swallow the quote */
};

START_TEST(label_values)
{
	struct str raw = values[_i].value;
	char *exact = unit_copy(raw.p, raw.n), want[128];
	struct metrics_label label = { "v", str_mk(exact, raw.n) };

	metrics_family(&out, "m", METRICS_GAUGE, "h");
	metrics_sample_u64(&out, "", &label, 1, 1);
	snprintf(want, sizeof want, "# HELP m h\n# TYPE m gauge\nm{v=\"%s\"} 1\n", values[_i].text);
	UNIT_STR_EQ(outbuf_text(&buf), str_z(want));
	ck_assert_uint_eq(parse(outbuf_text(&buf)), 1);
	free(exact);
}
END_TEST

START_TEST(histograms)
{
	static const int64_t bounds[] = { 10, 1000, 2500, 1000000, 60000000 };
	const struct metrics_label labels[] = { { "target", STR("openai") } };
	static struct stat_hist h, empty;

	stat_hist_add(&h, 3);
	stat_hist_add(&h, 10);
	stat_hist_add(&h, 600);
	stat_hist_add(&h, 900000);
	stat_hist_add(&h, 4000000000);
	metrics_family(&out, "tollgate_seconds", METRICS_HISTOGRAM, "Time.");
	metrics_hist(&out, labels, 1, &h, bounds, TG_ARRAY_LEN(bounds));
	metrics_hist(&out, NULL, 0, &empty, bounds, 1);
	UNIT_STR_EQ(outbuf_text(&buf),
		STR("# HELP tollgate_seconds Time.\n"
		    "# TYPE tollgate_seconds histogram\n"
		    "tollgate_seconds_bucket{target=\"openai\",le=\"0.00001\"} 2\n"
		    "tollgate_seconds_bucket{target=\"openai\",le=\"0.001\"} 3\n"
		    "tollgate_seconds_bucket{target=\"openai\",le=\"0.0025\"} 3\n"
		    "tollgate_seconds_bucket{target=\"openai\",le=\"1\"} 4\n"
		    "tollgate_seconds_bucket{target=\"openai\",le=\"60\"} 4\n"
		    "tollgate_seconds_bucket{target=\"openai\",le=\"+Inf\"} 5\n"
		    "tollgate_seconds_sum{target=\"openai\"} 4000.900613\n"
		    "tollgate_seconds_count{target=\"openai\"} 5\n"
		    "tollgate_seconds_bucket{le=\"0.00001\"} 0\n"
		    "tollgate_seconds_bucket{le=\"+Inf\"} 0\n"
		    "tollgate_seconds_sum 0\n"
		    "tollgate_seconds_count 0\n"));
	ck_assert_uint_eq(parse(outbuf_text(&buf)), 12);
}
END_TEST

/* A writer between two reads: the count is read before what was added shows in the buckets. */
START_TEST(a_histogram_caught_in_the_middle)
{
	static const int64_t bounds[] = { 10 };
	static struct stat_hist h;

	stat_hist_add(&h, 3);
	stat_set(&h.count, 0);
	metrics_family(&out, "h", METRICS_HISTOGRAM, "h");
	metrics_hist(&out, NULL, 0, &h, bounds, 1);
	ck_assert_uint_eq(parse(outbuf_text(&buf)), 4);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, exact_text);
	tcase_add_loop_test(tc, label_values, 0, (int)TG_ARRAY_LEN(values));
	tcase_add_test(tc, histograms);
	tcase_add_test(tc, a_histogram_caught_in_the_middle);
}

UNIT_MAIN("metrics", tests)
