/*
 * verify_text.c: what a verification found, for people and as JSON (verify.h). Pure; any thread.
 */
#include "ledger/verify.h"

#define DAY_US INT64_C(86400000000)

static const struct {
	const char *name, *what;
} rules[VERIFY__RULES] = {
#define X(id, name, what) { name, what },
#include "ledger/tbl/verify_rules.h"
#undef X
};

const char *verify_rule_name(enum verify_rule r)
{
	return rules[r].name;
}

const char *verify_rule_text(enum verify_rule r)
{
	return rules[r].what;
}

static void put_sum(struct outbuf *b, pico_sum v)
{
	char text[PICO_SUM_LEN];

	outbuf_put(b, str_mk(text, pico_sum_put(text, v)));
}

static void put_day(struct outbuf *b, int64_t day)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(iso, (wall_us){ day * DAY_US });
	outbuf_put(b, str_mk(iso, 10));
}

/* The counters that both forms name alike. */
#define COUNTERS(X)   \
	X(segments)   \
	X(missing)    \
	X(records)    \
	X(holds)      \
	X(carried)    \
	X(progress)   \
	X(extended)   \
	X(legs)       \
	X(settled)    \
	X(voided)     \
	X(open)       \
	X(torn_bytes) \
	X(lost_bytes)

static void json_sums(struct outbuf *b, const char *name, uint64_t requests, pico_sum list,
	pico_sum contracted, pico_sum billed)
{
	outbuf_printf(b, ",\"%s\":{\"requests\":%llu,\"list_usd\":\"", name,
		(unsigned long long)requests);
	put_sum(b, list);
	outbuf_lit(b, "\",\"contracted_usd\":\"");
	put_sum(b, contracted);
	outbuf_lit(b, "\",\"billed_usd\":\"");
	put_sum(b, billed);
	outbuf_lit(b, "\"}");
}

static void json_day(struct outbuf *b, const struct verify_day *d)
{
	outbuf_lit(b, "{\"day\":\"");
	put_day(b, d->day);
	outbuf_printf(b, "\",\"ok\":%s,\"complete\":%s", d->ok ? "true" : "false",
		d->complete ? "true" : "false");
	json_sums(b, "records", d->journal_value.requests, d->journal_value.list,
		d->journal_value.contracted, d->journal_value.billed);
	json_sums(b, "rollups", d->rollup.requests, d->rollup.list, d->rollup.contracted,
		d->rollup.billed);
	json_sums(b, "exports", d->exports.requests, d->exports.list, d->exports.contracted,
		d->exports.billed);
	outbuf_lit(b, "}");
}

void verify_json(const struct verify *v, struct outbuf *b)
{
	outbuf_printf(b, "{\"ok\":%s", verify_ok(v) ? "true" : "false");
#define COUNT(name) outbuf_printf(b, ",\"" #name "\":%llu", (unsigned long long)v->name);
	COUNTERS(COUNT)
#undef COUNT
	outbuf_lit(b, ",\"rules\":{");
	for (unsigned i = 0; i < VERIFY__RULES; i++)
		outbuf_printf(b, "%s\"%s\":{\"ok\":%s,\"violations\":%llu}", i > 0 ? "," : "",
			rules[i].name, v->violations[i] == 0 ? "true" : "false",
			(unsigned long long)v->violations[i]);
	outbuf_lit(b, "},\"findings\":[");
	for (size_t i = 0; i < v->n_findings; i++) {
		outbuf_printf(b, "%s{\"rule\":\"%s\",\"what\":", i > 0 ? "," : "",
			rules[v->findings[i].rule].name);
		outbuf_json(b, str_z(v->findings[i].text));
		outbuf_lit(b, "}");
	}
	outbuf_lit(b, "],\"days\":[");
	for (size_t i = 0; i < v->n_days; i++) {
		outbuf_put(b, i > 0 ? STR(",") : STR(""));
		json_day(b, &v->days[i]);
	}
	outbuf_lit(b, "]}\n");
}

static void text_totals(const struct verify *v, struct outbuf *b)
{
	struct rollup_value journal = { 0 }, rollup = { 0 };
	pico_sum exports = 0;
	unsigned incomplete = 0;

	for (size_t i = 0; i < v->n_days; i++) {
		rollup_value_add(&journal, &v->days[i].journal_value);
		rollup_value_add(&rollup, &v->days[i].rollup);
		exports += v->days[i].exports.contracted;
		incomplete += !v->days[i].complete;
	}
	outbuf_printf(b, "contracted, USD: records ");
	put_sum(b, journal.contracted);
	outbuf_lit(b, ", rollups ");
	put_sum(b, rollup.contracted);
	outbuf_lit(b, ", exports ");
	put_sum(b, exports);
	outbuf_lit(b, "\n");
	if (incomplete > 0)
		outbuf_printf(b,
			"of %u of %zu days the journal has no longer every record: their rollups "
			"are at least what is left\n",
			incomplete, v->n_days);
}

void verify_text(const struct verify *v, struct outbuf *b)
{
	outbuf_printf(b,
		"%llu segments, %llu records: %llu holds, %llu settled, %llu voided, %llu legs, "
		"%llu open\n",
		(unsigned long long)v->segments, (unsigned long long)v->records,
		(unsigned long long)v->holds, (unsigned long long)v->settled,
		(unsigned long long)v->voided, (unsigned long long)v->legs,
		(unsigned long long)v->open);
	if (v->open > 0)
		outbuf_lit(b, "open ones are requests in flight, or the next start settles them\n");
	if (v->torn_bytes > 0)
		outbuf_printf(b, "%llu bytes were being written when the power went: no loss\n",
			(unsigned long long)v->torn_bytes);
	if (v->lost_bytes > 0)
		outbuf_printf(b, "%llu bytes cannot be read%s\n", (unsigned long long)v->lost_bytes,
			v->salvaged ? " and were passed over" : "");
	text_totals(v, b);
	for (unsigned i = 0; i < VERIFY__RULES; i++) {
		if (v->violations[i] == 0)
			outbuf_printf(b, "ok      %-9s %s\n", rules[i].name, rules[i].what);
		else
			outbuf_printf(b, "BROKEN  %-9s not: %s (%llu times)\n", rules[i].name,
				rules[i].what, (unsigned long long)v->violations[i]);
		for (size_t k = 0; k < v->n_findings; k++)
			if (v->findings[k].rule == i)
				outbuf_printf(b, "        %s\n", v->findings[k].text);
	}
}
