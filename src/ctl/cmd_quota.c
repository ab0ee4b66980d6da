/*
 * cmd_quota.c: `tgctl quota`: what limits there are and what is left, why a request was refused,
 * and changes by hand.
 */
#include <string.h>

#include "base/str.h"
#include "ctl/quota_cmds.h"

static const struct {
	const char *name;
	enum ctl_exit (*run)(int argc, char **argv);
} commands[] = {
	{ "show", quota_show },
	{ "tree", quota_tree },
	{ "explain", quota_explain },
	{ "set", quota_set },
	{ "adjust", quota_adjust },
	{ "fence", quota_fence },
	{ "verify", quota_verify },
};

static enum ctl_exit quota(int argc, char **argv)
{
	const char *names[TG_ARRAY_LEN(commands)], *near;

	if (argc < 2)
		return ctl_usage("quota",
			"say what to do: show, tree, explain, set, adjust, fence or verify");
	for (size_t i = 0; i < TG_ARRAY_LEN(commands); i++) {
		names[i] = commands[i].name;
		if (strcmp(argv[1], names[i]) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	near = str_nearest(str_z(argv[1]), names, TG_ARRAY_LEN(names));
	return ctl_usage("quota",
		"`%s` is none of show, tree, explain, set, adjust, fence and verify%s%s%s", argv[1],
		near != NULL ? "; did you mean `" : "", near != NULL ? near : "",
		near != NULL ? "`?" : "");
}

const struct ctl_command ctl_quota = {
	.name = "quota",
	.run = quota,
	.summary = "limits: what is left, why a request was refused, changes by hand",
	.help = "usage: tgctl quota show [--scope SCOPE] [--dimension D]\n"
		"       tgctl quota tree\n"
		"       tgctl quota explain REQUEST-ID [--ledger PATH]\n"
		"       tgctl quota set SCOPE DIMENSION LIMIT --why TEXT\n"
		"       tgctl quota adjust SCOPE DIMENSION AMOUNT --why TEXT\n"
		"       tgctl quota fence MEMBER [--assume spent|settled | --off] --why TEXT\n"
		"       tgctl quota verify [--ledger PATH]\n"
		"all with [--admin ADDRESS] [-c CONFIG] [--json]\n"
		"\n"
		"All but explain ask the running gateway, through its admin listener.\n"
		"\n"
		"show lists limits with what is used, held by requests in work, and free; tree "
		"lists "
		"them as they contain\n"
		"each other. explain tells what a request held and cost in which limits, from the "
		"ledger and the access\n"
		"log; which limit refused it, if one did.\n"
		"\n"
		"set gives a limit of the configuration another amount, from now on, over reloads "
		"and restarts, until\n"
		"`set ... configured` takes it back. adjust corrects what is used: +2.50 adds to "
		"it, "
		"-2.50 gives back.\n"
		"With several periods of a dimension it says which one: `-2.50 usd/month`. Both "
		"are "
		"kept in the ledger's\n"
		"folder (quota.changes): who, when, before, after, why.\n"
		"\n"
		"fence goes on without a gateway that shares limits through Redis and does not "
		"come "
		"back: the others wait for it\n"
		"no longer. What it was granted counts as spent; with --assume settled only what "
		"it "
		"has told does, and what it\n"
		"had spent beyond that may be spent again. --off, once it is back with its "
		"ledger.\n"
		"\n"
		"verify says which promises hold: what limits have used is what the ledger has, "
		"used "
		"and held are within\n"
		"limit and grant, every hold ended once, parents have what is below them, refusals "
		"are explained.\n"
		"\n"
		"  SCOPE            tenant:acme, key:ID, org:NAME, budget:NAME...: as show prints "
		"it\n"
		"  DIMENSION        cost, tokens, requests...\n"
		"  --scope SCOPE    only limits of this scope\n"
		"  --dimension D    only limits of this dimension\n"
		"  --why TEXT       the reason\n"
		"  --admin ADDRESS  the admin listener: 127.0.0.1:4001, unix:/path; otherwise the "
		"configuration's\n"
		"  -c CONFIG        configuration, for address and token; default " TG_SYSCONFDIR
		"/tollgate.yaml\n"
		"  --ledger PATH    the ledger's folder; otherwise the one of the configuration\n"
		"  --json           JSON instead of text\n"
		"\n"
		"exit status: 0 done, 1 could not be done, or a promise is broken, 2 wrong command "
		"line\n",
};
