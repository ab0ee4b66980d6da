/*
 * config_money.c: the directive tables about money: the ledger, and what is done with answers whose
 * client has gone. Part of config.c's tables.
 */
#include "core/config_table.h"
#include "core/settle.h"
#include "ledger/journal.h"

static const char *const durability_words[] = { "group", "strict", "off", NULL };
_Static_assert(JOURNAL_GROUP == 0 && JOURNAL_STRICT == 1 && JOURNAL_OFF == 2, "in order");

static const char *const indeterminate_words[] = { "none", "input", "bound", NULL };
_Static_assert(INDETERMINATE_NONE == 0 && INDETERMINATE_INPUT == 1 && INDETERMINATE_BOUND == 2,
	"in order");

static const struct conf_directive ledger_directives[] = {
	{ .name = "path",
		.type = CONF_STRING,
		AT(cfg_ledger, path),
		.flags = CONF_AT_START,
		.def = "/var/lib/tollgate",
		.help = "Folder of the ledger: the journal of every request that went to a "
			"provider, and the sums of it. `none`: nothing is kept." },
	{ .name = "durability",
		.type = CONF_ENUM,
		AT(cfg_ledger, durability),
		.flags = CONF_AT_START,
		.def = "group",
		.words = durability_words,
		.help = "group: what is written is on disk 10 ms later, and survives a crash of "
			"the process at once. strict: a request is sent when its record is on "
			"disk. off: for tests." },
	{ .name = "interval",
		.type = CONF_DURATION,
		AT(cfg_ledger, interval_us),
		.flags = CONF_AT_START,
		.def = "10ms",
		.min = 1000,
		.max = SEC,
		.help = "Between two syncs of `group`." },
	{ .name = "segment",
		.type = CONF_SIZE,
		AT(cfg_ledger, segment_bytes),
		.flags = CONF_AT_START,
		.def = "64m",
		.min = 256 * KB,
		.max = 1024 * MB,
		.help = "Size of a journal file: one in use, one ready. Each worker has two of 4 "
			"to "
			"16 MB besides." },
	{ .name = "retain",
		.type = CONF_DURATION,
		AT(cfg_ledger, retain_us),
		.flags = CONF_AT_START,
		.def = "35d",
		.max = 3650 * DAY,
		.help = "Age at which journal files are deleted; 0: never. The sums stay." },
	{ .name = "indeterminate",
		.type = CONF_ENUM,
		AT(cfg_ledger, indeterminate),
		.def = "none",
		.words = indeterminate_words,
		.help = "What is charged for a request that was sent and got no status back: the "
			"provider may have worked on it, and billed that, or not. none, the "
			"input, estimated, or its bound: all that it may have used." },
	{ .name = "salvage",
		.type = CONF_BOOL,
		AT(cfg_ledger, salvage),
		.flags = CONF_AT_START,
		.def = "no",
		.help = "yes: start although journal files are damaged, without the records that "
			"cannot be read. For one start, after `tgctl ledger verify` has said what "
			"is lost." },
	{ .name = NULL },
};
const struct conf_block config_ledger_block = {
	.name = "ledger",
	.help = "The ledger: every request that went to a provider, exactly once, with what it "
		"cost.",
	.size = sizeof(struct cfg_ledger),
	.directives = ledger_directives,
};

static const struct conf_directive abort_directives[] = {
	{ .name = "drain_time",
		.type = CONF_DURATION,
		AT(cfg_abort, drain_us),
		.def = "5m",
		.min = SEC,
		.max = DAY,
		.help = "An answer whose client has gone is read for so long, to learn what it "
			"cost." },
	{ .name = "drain_max",
		.type = CONF_INT,
		AT(cfg_abort, drain_max),
		.def = "256",
		.max = 1000000,
		.help = "So many of them at once in each worker; beyond, they are cancelled and "
			"charged at their bound. 0: none is read on." },
	{ .name = NULL },
};
const struct conf_block config_abort_block = {
	.name = "client_abort",
	.help = "What happens when a client goes away before its answer is complete. Whether the "
		"answer is read on is the target's `on_client_abort`.",
	.size = sizeof(struct cfg_abort),
	.directives = abort_directives,
};

const char *const config_abort_words[] = { "auto", "cancel_estimate", "drain", "cancel_free",
	NULL };
_Static_assert(
	ABORT_AUTO == 0 && ABORT_CANCEL_ESTIMATE == 1 && ABORT_DRAIN == 2 && ABORT_CANCEL_FREE == 3,
	"in order");
