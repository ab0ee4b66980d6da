/*
 * ledger_path.h: which ledger a command is about.
 */
#ifndef TG_CTL_LEDGER_PATH_H
#define TG_CTL_LEDGER_PATH_H

#include "ctl/ctl.h"

#define LEDGER_PATH_MAX 384

struct ledger_where {
	const char *ledger; /* --ledger; NULL: not given */
	const char *config; /* -c; NULL: not given */
};

/*
 * The ledger's folder: --ledger, or `ledger: path` of the configuration -c, or of the one in its
 * usual place, or /var/lib/tollgate. CTL_FAILED (said already): the configuration cannot be read,
 * has no ledger, or there is no folder there.
 */
enum ctl_exit ledger_path(const char *command, const struct ledger_where *where,
	char out[LEDGER_PATH_MAX]) TG_MUST_CHECK;

#endif
