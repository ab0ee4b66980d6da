/*
 * control.h: the control thread (the process's first): start, signals, reload, admin listener,
 * drain, end.
 */
#ifndef TG_CONTROL_H
#define TG_CONTROL_H

#include "base/defs.h"

struct control_options {
	const char *conf_path;
	const char *ready_file; /* JSON with pid and addresses, written when ready; NULL: none */
};

/* Runs the gateway; the process's exit code. */
int control_run(const struct control_options *opt);

#endif
