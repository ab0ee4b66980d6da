/*
 * metrics.c: the Prometheus text format (metrics.h). A scraper throws a whole page away for one bad
 * line, so label values, which may come from clients, are made valid here; names are ours and
 * asserted.
 */
#include "admin/metrics.h"

#include "base/num.h"
#include "money/money.h"

#define US_SCALE 6

static const char *const type_names[] = { "counter", "gauge", "histogram" };

static bool name_ok(const char *s)
{
	const char *first = s;

	for (; *s != '\0'; s++) {
		bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_';

		if (!letter && (s == first || *s < '0' || *s > '9'))
			return false;
	}
	return s != first;
}

/* Length of the UTF-8 sequence (RFC 3629) at the front of s; 0 when there is none. */
static size_t utf8_len(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
	    : (p[0] & 0xf0) == 0xe0        ? 3
	    : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
					   : 0;
	if (n == 0 || n > s.n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* no overlong forms */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xed)
		high = 0x9f; /* no surrogates */
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

static void put_value(struct outbuf *out, struct str s)
{
	while (s.n > 0) {
		size_t n = utf8_len(s);

		if (n == 0)
			outbuf_lit(out, "\xef\xbf\xbd");
		else if (s.p[0] == '\\')
			outbuf_lit(out, "\\\\");
		else if (s.p[0] == '"')
			outbuf_lit(out, "\\\"");
		else if (s.p[0] == '\n')
			outbuf_lit(out, "\\n");
		else
			outbuf_put(out, str_mk(s.p, n));
		s = str_skip(s, TG_MAX(n, (size_t)1));
	}
}

static void put_label(struct outbuf *out, const char *name, struct str value, bool first)
{
	tg_assert(name_ok(name));
	outbuf_put(out, first ? STR("{") : STR(","));
	outbuf_put(out, str_z(name));
	outbuf_lit(out, "=\"");
	put_value(out, value);
	outbuf_lit(out, "\"");
}

/* "family_suffix{labels...,le="..."} " up to the value; le empty: none. */
static void put_series(struct metrics_out *m, const char *suffix,
	const struct metrics_label *labels, size_t n_labels, struct str le)
{
	tg_assert(m->family != NULL);
	outbuf_put(m->out, str_z(m->family));
	outbuf_put(m->out, str_z(suffix));
	for (size_t i = 0; i < n_labels; i++)
		put_label(m->out, labels[i].name, labels[i].value, i == 0);
	if (le.n > 0)
		put_label(m->out, "le", le, n_labels == 0);
	if (n_labels > 0 || le.n > 0)
		outbuf_lit(m->out, "}");
	outbuf_lit(m->out, " ");
}

static void put_u64(struct outbuf *out, uint64_t v)
{
	char digits[NUM_U64_MAX_LEN];

	outbuf_put(out, str_mk(digits, num_put_u64(digits, v)));
}

static void put_help(struct outbuf *out, const char *help)
{
	for (; *help != '\0'; help++) {
		if (*help == '\\')
			outbuf_lit(out, "\\\\");
		else if (*help == '\n')
			outbuf_lit(out, "\\n");
		else
			outbuf_put(out, str_mk(help, 1));
	}
}

void metrics_init(struct metrics_out *m, struct outbuf *out)
{
	*m = (struct metrics_out){ .out = out };
}

void metrics_family(
	struct metrics_out *m, const char *name, enum metrics_type type, const char *help)
{
	tg_assert(name_ok(name) && (unsigned)type < TG_ARRAY_LEN(type_names));
	m->family = name;
	m->type = type;
	outbuf_lit(m->out, "# HELP ");
	outbuf_put(m->out, str_z(name));
	outbuf_lit(m->out, " ");
	put_help(m->out, help);
	outbuf_lit(m->out, "\n# TYPE ");
	outbuf_put(m->out, str_z(name));
	outbuf_lit(m->out, " ");
	outbuf_put(m->out, str_z(type_names[type]));
	outbuf_lit(m->out, "\n");
}

void metrics_sample_u64(struct metrics_out *m, const char *suffix,
	const struct metrics_label *labels, size_t n_labels, uint64_t value)
{
	put_series(m, suffix, labels, n_labels, STR_NONE);
	put_u64(m->out, value);
	outbuf_lit(m->out, "\n");
}

static struct str decimal(char out[NUM_U64_MAX_LEN + 4], int64_t value, unsigned scale)
{
	return str_mk(out, num_put_decimal(out, value, scale));
}

void metrics_sample_decimal(struct metrics_out *m, const char *suffix,
	const struct metrics_label *labels, size_t n_labels, int64_t value, unsigned scale)
{
	char digits[NUM_U64_MAX_LEN + 4];

	put_series(m, suffix, labels, n_labels, STR_NONE);
	outbuf_put(m->out, decimal(digits, value, scale));
	outbuf_lit(m->out, "\n");
}

void metrics_sample_usd(struct metrics_out *m, const char *suffix,
	const struct metrics_label *labels, size_t n_labels, uint64_t usd, uint64_t pico)
{
	char digits[NUM_U64_MAX_LEN + 4];
	struct str fraction;

	put_series(m, suffix, labels, n_labels, STR_NONE);
	put_u64(m->out, usd + pico / (uint64_t)PICO_PER_USD);
	fraction = decimal(digits, (int64_t)(pico % (uint64_t)PICO_PER_USD), 12);
	outbuf_put(m->out, str_skip(fraction, 1)); /* behind "0": ".5", or nothing */
	outbuf_lit(m->out, "\n");
}

void metrics_hist(struct metrics_out *m, const struct metrics_label *labels, size_t n_labels,
	const struct stat_hist *h, const int64_t *bounds_us, size_t n_bounds)
{
	char digits[NUM_U64_MAX_LEN + 4];
	uint64_t below = 0, sum_us = stat_get(&h->sum_us), count;

	tg_assert(m->type == METRICS_HISTOGRAM);
	for (size_t i = 0; i < n_bounds; i++) {
		tg_assert(bounds_us[i] > (i > 0 ? bounds_us[i - 1] : 0));
		/* cumulative whatever was counted since the last look */
		below = TG_MAX(below, stat_hist_le(h, (uint64_t)bounds_us[i]));
		put_series(m, "_bucket", labels, n_labels, decimal(digits, bounds_us[i], US_SCALE));
		put_u64(m->out, below);
		outbuf_lit(m->out, "\n");
	}
	count = TG_MAX(below, stat_get(&h->count));
	put_series(m, "_bucket", labels, n_labels, STR("+Inf"));
	put_u64(m->out, count);
	outbuf_lit(m->out, "\n");
	metrics_sample_decimal(m, "_sum", labels, n_labels,
		(int64_t)TG_MIN(sum_us, (uint64_t)INT64_MAX), US_SCALE);
	metrics_sample_u64(m, "_count", labels, n_labels, count);
}
