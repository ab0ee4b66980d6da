/*
 * cmd_ledger.c: `tgctl ledger`: look into the ledger, check it, compare it with a provider's bill.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "ctl/ledger_cmds.h"

static const struct {
	const char *name;
	enum ctl_exit (*run)(int argc, char **argv);
} commands[] = {
	{ "tail", ledger_tail },
	{ "dump", ledger_dump },
	{ "verify", ledger_verify },
	{ "reconcile", ledger_reconcile },
	{ "shipped", ledger_shipped },
};

static enum ctl_exit ledger(int argc, char **argv)
{
	const char *names[TG_ARRAY_LEN(commands)], *near;

	if (argc < 2)
		return ctl_usage(
			"ledger", "say what to do: tail, dump, verify, reconcile or shipped");
	for (size_t i = 0; i < TG_ARRAY_LEN(commands); i++) {
		names[i] = commands[i].name;
		if (strcmp(argv[1], names[i]) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	near = str_nearest(str_z(argv[1]), names, TG_ARRAY_LEN(names));
	return ctl_usage("ledger",
		"`%s` is none of tail, dump, verify, reconcile and shipped%s%s%s", argv[1],
		near != NULL ? "; did you mean `" : "", near != NULL ? near : "",
		near != NULL ? "`?" : "");
}

const struct ctl_command ctl_ledger = {
	.name = "ledger",
	.run = ledger,
	.summary = "look into the ledger, check it, compare it with a provider's bill",
	.help = "usage: tgctl ledger tail [-f] [-n N] [--json]\n"
		"       tgctl ledger dump [--json] [--segment N]\n"
		"       tgctl ledger verify [--salvage] [--rebuild] [--json]\n"
		"       tgctl ledger reconcile FILE... [--provider openai|anthropic|csv] "
		"[--tolerance P%]\n"
		"                              [--target T] [--json]\n"
		"all with [--ledger PATH | -c CONFIG]\n"
		"       tgctl ledger shipped [-c CONFIG] [--json]\n"
		"\n"
		"tail prints the last charges and, with -f, those to come. dump prints every "
		"record of the journal.\n"
		"\n"
		"verify reads everything and says which promises hold: every record is readable, "
		"every request that was\n"
		"held ends exactly once, records, rollups and exports come to the same sum, day by "
		"day, to the\n"
		"pico-dollar.\n"
		"\n"
		"shipped compares the journal with the member's stream in Redis (redis.ship), "
		"entry "
		"by entry, up to the\n"
		"stream's last id; a gateway may run.\n"
		"\n"
		"reconcile compares the ledger with a provider's own figures by day and model: a "
		"CSV with a line of\n"
		"titles (day, model and of requests, input_tokens, output_tokens, cost_usd those "
		"that are known), or the\n"
		"answer of OpenAI's organization/usage/completions or of Anthropic's "
		"organizations/usage_report/messages\n"
		"(group_by model, bucket width 1d).\n"
		"\n"
		"  -f               go on with what is written from now on\n"
		"  -n N             how many of the last charges; 10\n"
		"  --segment N      only this file of the journal\n"
		"  --salvage        what cannot be read is passed over, and is no failure\n"
		"  --rebuild        make days' files that are damaged or wrong anew from the "
		"journal, where it still has\n"
		"                   all of them; no gateway may be running\n"
		"  --provider P     what FILE is: csv, openai, anthropic; otherwise as it looks\n"
		"  --target T       compare only what went to this target; several: any of them\n"
		"  --tolerance P%   differences up to this part of a figure are none: 0.5%; 0\n"
		"  --json           JSON instead of text\n"
		"  --ledger PATH    the ledger's folder; otherwise the one of the configuration\n"
		"  -c CONFIG        configuration; default " TG_SYSCONFDIR "/tollgate.yaml\n"
		"\n"
		"exit status: 0 done, nothing wrong; 1 could not be done, a promise is broken, or "
		"there is a difference;\n"
		"2 wrong command line\n",
};
