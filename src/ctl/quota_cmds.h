/*
 * quota_cmds.h: what `tgctl quota` is made of. argv[0] is the subcommand's name.
 */
#ifndef TG_CTL_QUOTA_CMDS_H
#define TG_CTL_QUOTA_CMDS_H

#include "ctl/admin_client.h"

#define QUOTA_ARGS_MAX 4

struct quota_options {
	struct admin_where where;
	const char *scope, *dimension, *why, *ledger, *assume;
	bool off;
	bool json;
	const char *arg[QUOTA_ARGS_MAX]; /* what is no option; "-2.50" is an amount */
	unsigned n_args;
};

/* allowed: the options beyond --admin, -c and --json that this command has, NULL at the end. */
enum ctl_exit quota_options(
	int argc, char **argv, const char *const *allowed, struct quota_options *o) TG_MUST_CHECK;

/* The configuration that is meant. */
const char *quota_config(const struct quota_options *o);
#define QUOTA_PATH_BYTES 4096
/* The access log's file; empty: there is none to read. */
void quota_log_path(const struct quota_options *o, char out[QUOTA_PATH_BYTES]);

enum ctl_exit quota_show(int argc, char **argv);    /* quota_show.c */
enum ctl_exit quota_tree(int argc, char **argv);    /* quota_show.c */
enum ctl_exit quota_adjust(int argc, char **argv);  /* quota_change.c */
enum ctl_exit quota_set(int argc, char **argv);     /* quota_change.c */
enum ctl_exit quota_fence(int argc, char **argv);   /* quota_change.c */
enum ctl_exit quota_explain(int argc, char **argv); /* quota_explain.c */
enum ctl_exit quota_verify(int argc, char **argv);  /* quota_verify.c */

#endif
