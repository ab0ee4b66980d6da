/*
 * ledger_cmds.h: what `tgctl ledger` is made of. argv[0] is the subcommand's name.
 */
#ifndef TG_CTL_LEDGER_CMDS_H
#define TG_CTL_LEDGER_CMDS_H

#include "ctl/ctl.h"

enum ctl_exit ledger_tail(int argc, char **argv);      /* ledger_tail.c */
enum ctl_exit ledger_dump(int argc, char **argv);      /* ledger_dump.c */
enum ctl_exit ledger_verify(int argc, char **argv);    /* ledger_verify.c */
enum ctl_exit ledger_reconcile(int argc, char **argv); /* ledger_reconcile.c */
enum ctl_exit ledger_shipped(int argc, char **argv);   /* ledger_shipped.c */

#endif
