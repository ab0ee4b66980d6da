/*
 * ledger_reconcile.c: `tgctl ledger reconcile`: where the ledger and a provider's figures differ.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "ctl/drain.h"
#include "ctl/ledger_cmds.h"
#include "ctl/ledger_path.h"
#include "ctl/table.h"
#include "ledger/reconcile.h"
#include "proto/outbuf.h"

#define TARGETS_MAX 32
#define DAY_US      INT64_C(86400000000)

struct options {
	struct ledger_where where;
	enum reconcile_format format;
	const char *targets[TARGETS_MAX + 1];
	unsigned n_targets;
	uint64_t tolerance_ppm;
	bool json;
};

enum { OPT_LEDGER = 256, OPT_JSON, OPT_PROVIDER, OPT_TARGET, OPT_TOLERANCE };

static const struct {
	const char *name;
	enum reconcile_format format;
} formats[] = { { "csv", RECONCILE_CSV }, { "openai", RECONCILE_OPENAI },
	{ "anthropic", RECONCILE_ANTHROPIC } };

static enum ctl_exit set_format(struct options *o, const char *name)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(formats); i++)
		if (strcmp(name, formats[i].name) == 0) {
			o->format = formats[i].format;
			return CTL_OK;
		}
	return ctl_usage("ledger", "--provider is csv, openai or anthropic, not `%s`", name);
}

/* "0.5%" in parts of a million */
static enum ctl_exit set_tolerance(struct options *o, const char *text)
{
	struct str s = str_z(text);
	int64_t v;

	if (str_ends(s, STR("%")))
		s.n--;
	if (num_parse_decimal(s, 4, &v) != 0 || v < 0 || v > 1000000)
		return ctl_usage("ledger", "--tolerance is a part such as 0.5%%, not `%s`", text);
	o->tolerance_ppm = (uint64_t)v;
	return CTL_OK;
}

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "ledger", required_argument, NULL, OPT_LEDGER },
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "provider", required_argument, NULL, OPT_PROVIDER },
		{ "target", required_argument, NULL, OPT_TARGET },
		{ "tolerance", required_argument, NULL, OPT_TOLERANCE },
		{ NULL, 0, NULL, 0 },
	};
	enum ctl_exit rc = CTL_OK;
	int c;

	optind = 1;
	opterr = 0;
	while (rc == CTL_OK && (c = getopt_long(argc, argv, ":c:", table, NULL)) != -1)
		switch (c) {
		case 'c': o->where.config = optarg; break;
		case OPT_LEDGER: o->where.ledger = optarg; break;
		case OPT_JSON: o->json = true; break;
		case OPT_PROVIDER: rc = set_format(o, optarg); break;
		case OPT_TOLERANCE: rc = set_tolerance(o, optarg); break;
		case OPT_TARGET:
			if (o->n_targets == TARGETS_MAX)
				return ctl_usage("ledger", "at most %d targets", TARGETS_MAX);
			o->targets[o->n_targets++] = optarg;
			break;
		case ':': return ctl_usage("ledger", "%s needs a value", argv[optind - 1]);
		default: return ctl_usage("ledger", "unknown option %s", argv[optind - 1]);
		}
	if (rc == CTL_OK && optind == argc)
		return ctl_usage("ledger", "say which file has the provider's figures");
	return rc;
}

/* ---- what came out */

static struct str figure_text(enum reconcile_figure f, pico_sum v, char text[PICO_SUM_LEN])
{
	if (f == RECONCILE_COST)
		return str_mk(text, pico_sum_put(text, v));
	return str_mk(text, num_put_i64(text, (int64_t)TG_MAX(TG_MIN(v, INT64_MAX), INT64_MIN)));
}

static void day_text(int64_t day, char iso[CLOCK_ISO_LEN])
{
	clock_iso(iso, (wall_us){ day * DAY_US });
}

static const char *verdict(const struct reconcile_row *row)
{
	if (!row->in_ours)
		return "only theirs";
	return row->in_theirs ? "differs" : "only ours";
}

static void print_table(const struct reconcile *r)
{
	char iso[CLOCK_ISO_LEN], text[PICO_SUM_LEN];
	struct table t;

	table_init(&t);
	table_column(&t, "day", TABLE_LEFT);
	table_column(&t, "model", TABLE_LEFT);
	table_column(&t, "figure", TABLE_LEFT);
	table_column(&t, "ledger", TABLE_RIGHT);
	table_column(&t, "provider", TABLE_RIGHT);
	table_column(&t, "difference", TABLE_RIGHT);
	table_column(&t, "", TABLE_LEFT);
	for (const struct reconcile_row *row = r->rows; row != NULL; row = row->next)
		for (unsigned i = 0; i < RECONCILE__FIGURES; i++) {
			enum reconcile_figure f = (enum reconcile_figure)i;

			if (!row->differs[i])
				continue;
			day_text(row->day, iso);
			table_cell(&t, str_mk(iso, 10));
			table_cell(&t, row->model);
			table_cell(&t, str_z(reconcile_figure_name(f)));
			table_cell(&t, figure_text(f, row->ours[i], text));
			table_cell(&t, figure_text(f, row->theirs[i], text));
			table_cell(&t, figure_text(f, row->ours[i] - row->theirs[i], text));
			table_cell(&t, str_z(verdict(row)));
		}
	if (r->n_differ > 0)
		table_print(&t, stdout);
	table_fini(&t);
	printf("%zu of %zu days and models differ\n", r->n_differ, r->n_rows);
}

static void put_figures(struct outbuf *b, const struct reconcile *r, const pico_sum *v)
{
	char text[PICO_SUM_LEN];
	const char *comma = "";

	for (unsigned f = 0; f < RECONCILE__FIGURES; f++) {
		struct str s = figure_text((enum reconcile_figure)f, v[f], text);
		const char *quote = f == RECONCILE_COST ? "\"" : "";

		if (!r->known[f])
			continue;
		outbuf_printf(b, "%s\"%s\":%s%.*s%s", comma,
			reconcile_figure_name((enum reconcile_figure)f), quote, STR_FMT(s), quote);
		comma = ",";
	}
}

static void print_json(const struct reconcile *r)
{
	char iso[CLOCK_ISO_LEN];
	struct outbuf b;

	outbuf_init(&b);
	outbuf_printf(&b, "{\"ok\":%s,\"compared\":%zu,\"differ\":%zu,\"rows\":[",
		r->n_differ == 0 ? "true" : "false", r->n_rows, r->n_differ);
	for (const struct reconcile_row *row = r->rows; row != NULL; row = row->next) {
		bool any = false;

		for (unsigned f = 0; f < RECONCILE__FIGURES; f++)
			any = any || row->differs[f];
		day_text(row->day, iso);
		outbuf_printf(
			&b, "%s{\"day\":\"%.10s\",\"model\":", row != r->rows ? "," : "", iso);
		outbuf_json(&b, row->model);
		outbuf_printf(&b, ",\"result\":\"%s\",\"ledger\":{", any ? verdict(row) : "same");
		put_figures(&b, r, row->ours);
		outbuf_lit(&b, "},\"provider\":{");
		put_figures(&b, r, row->theirs);
		outbuf_lit(&b, "}}");
	}
	outbuf_lit(&b, "]}\n");
	(void)!drain(&b, stdout);
	outbuf_fini(&b);
}

static enum ctl_exit reconcile(
	struct reconcile *r, const struct options *o, const char *path, int n, char **files)
{
	struct reconcile_options opt = { .tolerance_ppm = o->tolerance_ppm };
	char err[1024];

	for (int i = 0; i < n; i++)
		if (reconcile_read(r, files[i], o->format, err, sizeof err) != 0)
			return ctl_failed("ledger", "%s", err);
	if (r->n_rows == 0)
		return ctl_failed("ledger", "%s: there is no figure in it", files[0]);
	opt.targets = o->n_targets > 0 ? o->targets : NULL;
	if (r->format == RECONCILE_OPENAI)
		opt.provider = "openai";
	if (r->format == RECONCILE_ANTHROPIC)
		opt.provider = "anthropic";
	if (reconcile_run(r, path, &opt, err, sizeof err) != 0)
		return ctl_failed("ledger", "%s", err);
	reconcile_sort(r);
	if (o->json)
		print_json(r);
	else
		print_table(r);
	return r->n_differ == 0 ? CTL_OK : CTL_FAILED;
}

enum ctl_exit ledger_reconcile(int argc, char **argv)
{
	struct options o = { .format = RECONCILE_GUESS };
	char path[LEDGER_PATH_MAX];
	struct reconcile r;
	enum ctl_exit rc = read_options(argc, argv, &o);

	if (rc == CTL_OK)
		rc = ledger_path("ledger", &o.where, path);
	if (rc != CTL_OK)
		return rc;
	reconcile_init(&r);
	rc = reconcile(&r, &o, path, argc - optind, argv + optind);
	reconcile_fini(&r);
	return rc;
}
