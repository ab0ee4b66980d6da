/*
 * cmd_usage.c: `tgctl usage`: who spent what, from the ledger's files, whether a gateway runs or
 * not.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/drain.h"
#include "ctl/ledger_path.h"
#include "ctl/table.h"
#include "ledger/report.h"

struct options {
	struct ledger_where where;
	struct report_query query;
	bool json, csv;
};

/* Options that are questions: report_query_set takes them by name. */
static const char *const questions[] = { "by", "since", "until", "month", "tag", "org", "tenant",
	"tier", "key", "model", "provider", "target", "region", "asked", "rule", "service_tier" };

enum { OPT_QUESTION = 256, OPT_LEDGER = 512, OPT_JSON, OPT_CSV };

static void option_table(struct option *out)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(questions); i++)
		*out++ = (struct option){ questions[i], required_argument, NULL,
			OPT_QUESTION + (int)i };
	*out++ = (struct option){ "service-tier", required_argument, NULL,
		OPT_QUESTION + (int)TG_ARRAY_LEN(questions) - 1 };
	*out++ = (struct option){ "ledger", required_argument, NULL, OPT_LEDGER };
	*out++ = (struct option){ "config", required_argument, NULL, 'c' };
	*out++ = (struct option){ "json", no_argument, NULL, OPT_JSON };
	*out++ = (struct option){ "csv", no_argument, NULL, OPT_CSV };
	*out = (struct option){ NULL, 0, NULL, 0 };
}

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	struct option table[TG_ARRAY_LEN(questions) + 6];
	wall_us now = clock_wall();
	char err[256];
	int c;

	report_query_init(&o->query, now);
	option_table(table);
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:", table, NULL)) != -1) {
		size_t question = (size_t)(c - OPT_QUESTION);

		switch (c) {
		case 'c': o->where.config = optarg; break;
		case OPT_LEDGER: o->where.ledger = optarg; break;
		case OPT_JSON: o->json = true; break;
		case OPT_CSV: o->csv = true; break;
		case ':': return ctl_usage("usage", "%s needs a value", argv[optind - 1]);
		case '?': return ctl_usage("usage", "unknown option %s", argv[optind - 1]);
		default:
			tg_assert(question < TG_ARRAY_LEN(questions));
			if (report_query_set(&o->query, str_z(questions[question]), str_z(optarg),
				    now, err, sizeof err) != 0)
				return ctl_usage("usage", "--%s: %s", questions[question], err);
		}
	}
	if (optind < argc)
		return ctl_usage("usage", "`%s`: what is asked goes into options", argv[optind]);
	if (o->json && o->csv)
		return ctl_usage("usage", "--json or --csv, not both");
	if (o->query.from_hour >= o->query.to_hour)
		return ctl_usage("usage", "the time ends (--until) before it begins (--since)");
	return CTL_OK;
}

/* ---- the table */

static void cell_sum(struct table *t, pico_sum v)
{
	char text[PICO_SUM_LEN];

	table_cell(t, str_mk(text, pico_sum_put(text, v)));
}

/* The part of the cost that is not exact, in tenths of a percent, rounded up. */
static void cell_share(struct table *t, const struct rollup_value *v)
{
	char text[32];
	unsigned tenths = 0;

	if (v->estimated > 0 && v->contracted > 0)
		tenths = (unsigned)((v->estimated * 1000 + v->contracted - 1) / v->contracted);
	snprintf(text, sizeof text, "%u.%u%%", tenths / 10, tenths % 10);
	table_cell(t, tenths == 0 ? STR("-") : str_z(text));
}

static void cells_value(struct table *t, const struct rollup_value *v)
{
	struct usage u = { .source = USAGE_PROVIDER };

	memcpy(u.n, v->units, sizeof u.n);
	table_cell_u64(t, v->requests);
	table_cell_u64(t, v->failed);
	table_cell_u64(t, usage_input(&u));
	table_cell_u64(t, usage_output(&u));
	cell_sum(t, v->contracted);
	cell_sum(t, v->billed);
	cell_share(t, v);
	table_cell_u64(t, v->unpriced);
}

static unsigned name_columns(struct table *t, const struct report_query *q)
{
	const char *time = report_time_name(q);

	if (time != NULL)
		table_column(t, time, TABLE_LEFT);
	for (unsigned i = 0; i < ROLLUP__TEXTS; i++)
		if (q->by & 8u << i)
			table_column(t, rollup_text_name((enum rollup_text)i), TABLE_LEFT);
	for (unsigned i = 0; i < q->n_by_tags; i++)
		table_column(t, arena_printf(&t->arena, "tag:%.*s", STR_FMT(q->by_tag[i])).p,
			TABLE_LEFT);
	return t->n_columns;
}

static void cells_names(struct table *t, const struct report_row *row, const struct report_query *q)
{
	if (report_time_name(q) != NULL)
		table_cell(t, row->time);
	for (unsigned i = 0; i < ROLLUP__TEXTS; i++)
		if (q->by & 8u << i)
			table_cell(t, row->key.text[i]);
	for (unsigned i = 0; i < q->n_by_tags; i++)
		table_cell(t, row->tag[i].p == NULL ? STR("(no tag)") : row->tag[i]);
}

static void print_table(const struct report *r, const struct report_query *q)
{
	struct table t;
	unsigned names;

	table_init(&t);
	names = name_columns(&t, q);
	table_column(&t, "requests", TABLE_RIGHT);
	table_column(&t, "failed", TABLE_RIGHT);
	table_column(&t, "input", TABLE_RIGHT);
	table_column(&t, "output", TABLE_RIGHT);
	table_column(&t, "cost USD", TABLE_POINT);
	table_column(&t, "billed USD", TABLE_POINT);
	table_column(&t, "estimated", TABLE_RIGHT);
	table_column(&t, "unpriced", TABLE_RIGHT);
	for (size_t i = 0; i < r->n_rows && names > 0; i++) {
		cells_names(&t, r->rows[i], q);
		cells_value(&t, &r->rows[i]->value);
	}
	if (names > 0)
		table_line(&t);
	for (unsigned i = 0; i < names; i++)
		table_cell(&t, i == 0 ? STR("total") : STR(" "));
	cells_value(&t, &r->total);
	table_print(&t, stdout);
	table_fini(&t);
}

/* ---- the command */

static void flush(void *arg, struct outbuf *b)
{
	(void)arg;
	if (b->n >= DRAIN_BYTES)
		(void)!drain(b, stdout);
}

static void print_report(const struct report *r, const struct options *o)
{
	struct outbuf b;

	outbuf_init(&b);
	if (o->json)
		report_json(r, &o->query, &b, flush, NULL);
	else if (o->csv)
		report_csv(r, &o->query, &b, flush, NULL);
	else
		print_table(r, &o->query);
	(void)!drain(&b, stdout);
	outbuf_fini(&b);
}

static enum ctl_exit usage(int argc, char **argv)
{
	char path[LEDGER_PATH_MAX], err[1024];
	struct options o = { .json = false };
	struct report r;
	enum ctl_exit rc = read_options(argc, argv, &o);

	if (rc == CTL_OK)
		rc = ledger_path("usage", &o.where, path);
	if (rc != CTL_OK)
		return rc;
	if (report_run(path, &o.query, &r, err, sizeof err) != 0)
		return ctl_failed("usage", "%s", err);
	print_report(&r, &o);
	report_free(&r);
	return CTL_OK;
}

const struct ctl_command ctl_reports = {
	.name = "usage",
	.run = usage,
	.summary = "who spent what: requests, tokens and money by tenant, model, tag, day...",
	.help = "usage: tgctl usage [--by LIST] [--since T] [--until T] [--month M] [FILTER...]\n"
		"                   [--json | --csv] [--ledger PATH | -c CONFIG]\n"
		"\n"
		"Reads the ledger's files, whether a gateway is running or not; what it shows is "
		"complete up to the\n"
		"moment it is run. Costs are exact.\n"
		"\n"
		"  --by LIST      what rows are told apart by: hour, day or month, and of org, "
		"tenant, tier, key, model,\n"
		"                 asked (the model by the client's name), provider, target, "
		"region,\n"
		"                 service_tier, rule, tags (the whole set), tag:NAME\n"
		"  --since T      from then on: 7d, 24h, 2026-11-28, 2026-11-28T17:00:00Z; "
		"otherwise the first of the month.\n"
		"                 Whole hours, UTC\n"
		"  --until T      up to then, not included; otherwise now\n"
		"  --month M      this month: 2026-11\n"
		"  --org, --tenant, --tier, --key, --model, --provider, --target, --region, "
		"--service-tier, --asked, --rule NAME\n"
		"                 only this one\n"
		"  --tag N=VALUE  only requests with this tag; several: all of them\n"
		"  --json         one JSON object with every figure\n"
		"  --csv          lines for a spreadsheet, with every figure\n"
		"  --ledger PATH  the ledger's folder; otherwise the one of the configuration\n"
		"  -c CONFIG      configuration; default " TG_SYSCONFDIR "/tollgate.yaml\n"
		"\n"
		"columns: failed: requests whose client got no 2xx; cost: what the operator pays; "
		"billed: what the\n"
		"tenant pays; estimated: the part of the cost without a provider's final figures; "
		"unpriced: charges at a\n"
		"stated price since no other was known\n"
		"\n"
		"exit status: 0 done, 1 could not be done, 2 wrong command line\n",
};
