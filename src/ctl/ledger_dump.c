/*
 * ledger_dump.c: `tgctl ledger dump`: every record of the journal, and what cannot be read.
 */
#include <getopt.h>
#include <stdio.h>

#include "base/num.h"
#include "ctl/drain.h"
#include "ctl/ledger_cmds.h"
#include "ctl/ledger_path.h"
#include "ledger/export.h"
#include "ledger/walk.h"

struct options {
	struct ledger_where where;
	uint64_t segment; /* 0: all */
	bool json;
};

enum { OPT_LEDGER = 256, OPT_JSON, OPT_SEGMENT };

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "ledger", required_argument, NULL, OPT_LEDGER },
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "segment", required_argument, NULL, OPT_SEGMENT },
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
		case OPT_SEGMENT:
			if (num_parse_u64(str_z(optarg), &o->segment) != 0 || o->segment == 0)
				return ctl_usage("ledger", "`%s` is no segment's number", optarg);
			break;
		case ':': return ctl_usage("ledger", "%s needs a value", argv[optind - 1]);
		default: return ctl_usage("ledger", "unknown option %s", argv[optind - 1]);
		}
	if (optind < argc)
		return ctl_usage("ledger", "`%s` is one argument too many", argv[optind]);
	return CTL_OK;
}

static void put_damage(struct outbuf *b, const struct walk_damage *d, bool json)
{
	static const char *const what[] = { "checksum", "contents", "tail" };
	const char *kind = what[d->tail ? 2 : d->payload];

	outbuf_printf(b,
		json ? "{\"type\":\"damage\",\"segment\":%llu,\"offset\":%llu,\"bytes\":%llu,"
		       "\"what\":\"%s\"}\n"
		     : "damage: segment %llu, offset %llu, %llu bytes: %s\n",
		(unsigned long long)d->segment, (unsigned long long)d->offset,
		(unsigned long long)d->bytes, kind);
}

static enum ctl_exit dump_all(struct walk *w, const struct options *o, struct outbuf *b)
{
	struct journal_position at;
	enum ctl_exit rc = CTL_OK;
	char err[1024];
	struct rec r;

	for (;;) {
		switch (walk_next(w, &r, &at, err, sizeof err)) {
		case WALK_END: return rc;
		case WALK_SEGMENT: break;
		case WALK_ERROR: rc = ctl_failed("ledger", "%s", err); break;
		case WALK_DAMAGE:
			put_damage(b, &w->damage, o->json);
			if (!w->damage.tail)
				rc = CTL_FAILED;
			break;
		case WALK_RECORD:
			if (o->json)
				export_any(b, &w->seg.info, &r);
			else
				export_short(b, &w->seg.info, &r);
			break;
		}
		if (b->n >= DRAIN_BYTES)
			(void)!drain(b, stdout);
	}
}

enum ctl_exit ledger_dump(int argc, char **argv)
{
	char path[LEDGER_PATH_MAX], journal[LEDGER_PATH_MAX + 16], err[1024];
	struct options o = { .json = false };
	struct outbuf b;
	struct walk w;
	enum ctl_exit rc = read_options(argc, argv, &o);

	if (rc == CTL_OK)
		rc = ledger_path("ledger", &o.where, path);
	if (rc != CTL_OK)
		return rc;
	snprintf(journal, sizeof journal, "%s/journal", path);
	if (walk_init(&w, journal, &(struct walk_options){ .events = true, .only = o.segment }, err,
		    sizeof err) != 0)
		return ctl_failed("ledger", "%s", err);
	outbuf_init(&b);
	rc = dump_all(&w, &o, &b);
	(void)!drain(&b, stdout);
	if (o.segment != 0 && w.segments == 0 && rc == CTL_OK)
		rc = ctl_failed(
			"ledger", "%s has no segment %llu", journal, (unsigned long long)o.segment);
	outbuf_fini(&b);
	walk_fini(&w);
	return rc;
}
