/*
 * ctl.h: tgctl's command groups. A group is one row of the table in tgctl.c and one file cmd_x.c.
 */
#ifndef TG_CTL_CTL_H
#define TG_CTL_CTL_H

#include "base/defs.h"

enum ctl_exit { /* scripts rely on these: tgctl(1) */
	CTL_OK = 0,
	CTL_FAILED = 1, /* it could not be done */
	CTL_USAGE = 2,  /* the command line is wrong */
};

/* The configuration that is meant where -c names none. */
#define CTL_DEFAULT_CONFIG TG_SYSCONFDIR "/tollgate.yaml"

struct ctl_command {
	const char *name;                            /* NULL ends the table */
	enum ctl_exit (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const char *summary;                         /* one line */
	const char *help;                            /* all of `tgctl help NAME` */
};

extern const struct ctl_command ctl_keys;    /* cmd_keys.c */
extern const struct ctl_command ctl_reports; /* cmd_usage.c */
extern const struct ctl_command ctl_ledger;  /* cmd_ledger.c */
extern const struct ctl_command ctl_quota;   /* cmd_quota.c */
extern const struct ctl_command ctl_export;  /* cmd_export.c */
extern const struct ctl_command ctl_prices;  /* cmd_prices.c */
extern const struct ctl_command ctl_route;   /* cmd_route.c */
extern const struct ctl_command ctl_targets; /* cmd_route.c */

/* Print "tgctl NAME: what is wrong" and where to find help. Returns CTL_USAGE. */
enum ctl_exit ctl_usage(const char *name, const char *fmt, ...) TG_PRINTF(2, 3);
/* Print "tgctl NAME: what went wrong". Returns CTL_FAILED. */
enum ctl_exit ctl_failed(const char *name, const char *fmt, ...) TG_PRINTF(2, 3);

#endif
