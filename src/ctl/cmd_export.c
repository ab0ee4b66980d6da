/*
 * cmd_export.c: `tgctl export`: every charge as a line, from the journal.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/ctl.h"
#include "ctl/drain.h"
#include "ctl/ledger_path.h"
#include "ledger/export.h"
#include "ledger/report.h"
#include "ledger/walk.h"

struct options {
	struct ledger_where where;
	struct report_query query; /* its time, and the tenant */
	const char *out;           /* NULL or "-": standard output */
	bool csv, salvage;
};

enum { OPT_PERIOD = 256, OPT_SINCE, OPT_UNTIL, OPT_TENANT, OPT_LEDGER, OPT_SALVAGE };

static enum ctl_exit set(struct options *o, const char *name, wall_us now)
{
	char err[256];

	if (report_query_set(&o->query, str_z(name), str_z(optarg), now, err, sizeof err) != 0)
		return ctl_usage("export", "%s", err);
	return CTL_OK;
}

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "period", required_argument, NULL, OPT_PERIOD },
		{ "month", required_argument, NULL, OPT_PERIOD },
		{ "since", required_argument, NULL, OPT_SINCE },
		{ "until", required_argument, NULL, OPT_UNTIL },
		{ "tenant", required_argument, NULL, OPT_TENANT },
		{ "ledger", required_argument, NULL, OPT_LEDGER },
		{ "config", required_argument, NULL, 'c' },
		{ "output", required_argument, NULL, 'o' },
		{ "salvage", no_argument, NULL, OPT_SALVAGE },
		{ NULL, 0, NULL, 0 },
	};
	wall_us now = clock_wall();
	enum ctl_exit rc = CTL_OK;
	int c;

	o->query = (struct report_query){ .from_hour = 0, .to_hour = INT64_MAX };
	optind = 1;
	opterr = 0;
	while (rc == CTL_OK && (c = getopt_long(argc, argv, ":c:o:", table, NULL)) != -1)
		switch (c) {
		case 'c': o->where.config = optarg; break;
		case 'o': o->out = optarg; break;
		case OPT_LEDGER: o->where.ledger = optarg; break;
		case OPT_SALVAGE: o->salvage = true; break;
		case OPT_PERIOD: rc = set(o, "month", now); break;
		case OPT_SINCE: rc = set(o, "since", now); break;
		case OPT_UNTIL: rc = set(o, "until", now); break;
		case OPT_TENANT: rc = set(o, "tenant", now); break;
		case ':': return ctl_usage("export", "%s needs a value", argv[optind - 1]);
		default: return ctl_usage("export", "unknown option %s", argv[optind - 1]);
		}
	if (rc == CTL_OK && optind < argc)
		return ctl_usage("export", "`%s` is one argument too many", argv[optind]);
	return rc;
}

struct progress {
	bool shown; /* standard error is a terminal, and it has taken a second */
	mono_us begin, last;
};

static void tell(struct progress *p, const struct walk *w, uint64_t lines)
{
	mono_us now = clock_mono();

	if (mono_since(now, p->last) < 1000000)
		return;
	p->last = now;
	if (!isatty(STDERR_FILENO))
		return;
	p->shown = true;
	fprintf(stderr, "\rsegment %zu of %zu, %llu charges", w->next, w->list.n,
		(unsigned long long)lines);
	fflush(stderr);
}

static bool wanted(const struct options *o, const struct rec *r)
{
	struct rollup_charge charge;
	struct rollup_key key;

	if (!export_has(r) || !rollup_charge_of(r, &key, &charge) ||
		key.hour < o->query.from_hour || key.hour >= o->query.to_hour)
		return false;
	for (unsigned i = 0; i < o->query.n_filters; i++)
		if (!str_eq(key.tenant, o->query.filter[i].value))
			return false;
	return true;
}

/* -1 with err. */
static int write_lines(const struct options *o, struct walk *w, FILE *to, char *err, size_t err_len)
{
	struct progress p = { .begin = clock_mono() };
	struct journal_position at;
	uint64_t lines = 0;
	enum walk_rc rc = WALK_END;
	struct outbuf b;
	struct rec r;
	int written = 0;

	p.last = p.begin;
	outbuf_init(&b);
	if (o->csv)
		export_csv_titles(&b);
	while (written == 0 && (rc = walk_next(w, &r, &at, err, err_len)) == WALK_RECORD) {
		if ((w->records & 1023) == 0)
			tell(&p, w, lines);
		if (!wanted(o, &r))
			continue;
		lines++;
		if (o->csv)
			export_csv(&b, &w->seg.info, &r);
		else
			export_json(&b, &w->seg.info, &r);
		if (b.n >= DRAIN_BYTES)
			written = drain(&b, to);
	}
	if (written == 0)
		written = drain(&b, to);
	outbuf_fini(&b);
	if (p.shown)
		fputc('\n', stderr);
	if (written != 0 || fflush(to) != 0) {
		snprintf(err, err_len, "the output could not be written: %s", strerror(errno));
		return -1;
	}
	if (rc == WALK_END && w->vanished > 0) {
		snprintf(err, err_len,
			"%llu segments were deleted (ledger: retain) before they could be read: "
			"what "
			"was written is not complete",
			(unsigned long long)w->vanished);
		return -1;
	}
	return rc == WALK_END ? 0 : -1;
}

static enum ctl_exit export_to(const struct options *o, const char *path, FILE *to)
{
	char journal[LEDGER_PATH_MAX + 16], err[1024];
	struct walk w;
	int rc;

	snprintf(journal, sizeof journal, "%s/journal", path);
	if (walk_init(&w, journal, &(struct walk_options){ .salvage = o->salvage }, err,
		    sizeof err) != 0)
		return ctl_failed("export", "%s", err);
	rc = write_lines(o, &w, to, err, sizeof err);
	if (rc == 0 && w.list.n > 0 && w.list.v[0].number > 1 && isatty(STDERR_FILENO))
		fprintf(stderr,
			"the journal begins with segment %llu: charges before that have been "
			"deleted (ledger: retain)\n",
			(unsigned long long)w.list.v[0].number);
	walk_fini(&w);
	return rc == 0 ? CTL_OK : ctl_failed("export", "%s", err);
}

static enum ctl_exit run_export(int argc, char **argv)
{
	struct options o = { .csv = false };
	char path[LEDGER_PATH_MAX];
	enum ctl_exit rc;
	FILE *to = stdout;

	if (argc < 2 || (strcmp(argv[1], "jsonl") != 0 && strcmp(argv[1], "csv") != 0))
		return ctl_usage("export", "say in which form: jsonl or csv");
	o.csv = strcmp(argv[1], "csv") == 0;
	rc = read_options(argc - 1, argv + 1, &o);
	if (rc == CTL_OK)
		rc = ledger_path("export", &o.where, path);
	if (rc != CTL_OK)
		return rc;
	if (o.out != NULL && strcmp(o.out, "-") != 0) {
		to = fopen(o.out, "we");
		if (to == NULL)
			return ctl_failed("export", "%s: %s", o.out, strerror(errno));
	}
	rc = export_to(&o, path, to);
	if (to != stdout && fclose(to) != 0 && rc == CTL_OK)
		rc = ctl_failed("export", "%s: %s", o.out, strerror(errno));
	return rc;
}

const struct ctl_command ctl_export = {
	.name = "export",
	.run = run_export,
	.summary = "every charge as a line of JSON or CSV",
	.help = "usage: tgctl export jsonl|csv [--period M | --since T --until T] [--tenant T] "
		"[-o FILE]\n"
		"                    [--salvage] [--ledger PATH | -c CONFIG]\n"
		"\n"
		"A line for each request that was settled or voided, and for each provider before "
		"the last that was\n"
		"charged for (docs/reference/ledger.md has the fields). Reads the journal, whether "
		"a gateway is running\n"
		"or not; what has been deleted there (ledger: retain) is not in it. The sum of all "
		"lines is the sum of\n"
		"the rollups.\n"
		"\n"
		"  --period M     requests that began in this month: 2026-11\n"
		"  --since T      from then on: 7d, 24h, 2026-11-28, 2026-11-28T17:00:00Z; whole "
		"hours, UTC\n"
		"  --until T      up to then, not included\n"
		"  --tenant T     only this tenant's\n"
		"  -o FILE        write there instead of to standard output\n"
		"  --salvage      pass over what cannot be read instead of giving up\n"
		"  --ledger PATH  the ledger's folder; otherwise the one of the configuration\n"
		"  -c CONFIG      configuration; default " TG_SYSCONFDIR "/tollgate.yaml\n"
		"\n"
		"In CSV texts that a spreadsheet would take for a formula get a ' in front.\n"
		"\n"
		"exit status: 0 done, 1 could not be done, 2 wrong command line\n",
};
