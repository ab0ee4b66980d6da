/*
 * ledger_verify.c: `tgctl ledger verify`: which of the ledger's promises hold, and days' files
 * anew.
 */
#include <getopt.h>
#include <stdio.h>

#include "ctl/drain.h"
#include "ctl/ledger_cmds.h"
#include "ctl/ledger_path.h"
#include "ledger/verify.h"

struct options {
	struct ledger_where where;
	bool json, salvage, rebuild;
};

enum { OPT_LEDGER = 256, OPT_JSON, OPT_SALVAGE, OPT_REBUILD };

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "ledger", required_argument, NULL, OPT_LEDGER },
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "salvage", no_argument, NULL, OPT_SALVAGE },
		{ "rebuild", no_argument, NULL, OPT_REBUILD },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:", table, NULL)) != -1)
		switch (c) {
		case 'c': o->where.config = optarg; break;
		case OPT_LEDGER: o->where.ledger = optarg; break;
		case OPT_JSON: o->json = true; break;
		case OPT_SALVAGE: o->salvage = true; break;
		case OPT_REBUILD: o->rebuild = true; break;
		case ':': return ctl_usage("ledger", "%s needs a value", argv[optind - 1]);
		default: return ctl_usage("ledger", "unknown option %s", argv[optind - 1]);
		}
	if (optind < argc)
		return ctl_usage("ledger", "`%s` is one argument too many", argv[optind]);
	return CTL_OK;
}

static enum ctl_exit rebuild(const char *path, const struct verify *v, bool salvage)
{
	char err[1024];
	unsigned made;
	int rc;

	rc = verify_rebuild(path, v, salvage, &made, err, sizeof err);
	if (made > 0)
		fprintf(stderr, "%u %s made anew from the journal\n", made,
			made == 1 ? "day" : "days");
	return rc == 0 ? CTL_OK : ctl_failed("ledger", "%s", err);
}

static void print(const struct verify *v, bool json)
{
	struct outbuf b;

	outbuf_init(&b);
	if (json)
		verify_json(v, &b);
	else
		verify_text(v, &b);
	(void)!drain(&b, stdout);
	outbuf_fini(&b);
}

enum ctl_exit ledger_verify(int argc, char **argv)
{
	char path[LEDGER_PATH_MAX], err[1024];
	struct options o = { .json = false };
	struct verify v;
	enum ctl_exit rc = read_options(argc, argv, &o);

	if (rc == CTL_OK)
		rc = ledger_path("ledger", &o.where, path);
	if (rc != CTL_OK)
		return rc;
	if (verify_run(&v, path, o.salvage, err, sizeof err) != 0)
		return ctl_failed("ledger", "%s", err);
	if (o.rebuild && !verify_ok(&v)) {
		rc = rebuild(path, &v, o.salvage);
		verify_free(&v);
		if (verify_run(&v, path, o.salvage, err, sizeof err) != 0)
			return ctl_failed("ledger", "%s", err);
	}
	print(&v, o.json);
	if (!verify_ok(&v))
		rc = CTL_FAILED;
	verify_free(&v);
	return rc;
}
