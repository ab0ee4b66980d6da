/*
 * ledger_path.c: finds the ledger's folder (ledger_path.h).
 */
#include "ctl/ledger_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config.h"

#define DEFAULT_LEDGER "/var/lib/tollgate"

static enum ctl_exit from_config(const char *command, const char *path, char *out)
{
	struct conf_error err = { "" };
	struct config config;
	struct arena arena;
	enum ctl_exit rc = CTL_FAILED;

	arena_init(&arena, NULL, 0);
	if (conf_load_file(path, &config_root, &arena, &config, &err) != 0)
		ctl_failed(command, "%s\n--ledger PATH names the ledger without a configuration",
			err.text);
	else if (str_eq(config.ledger.path, STR("none")))
		ctl_failed(command, "%s keeps no ledger (ledger: path: none)", path);
	else if (config.ledger.path.n >= LEDGER_PATH_MAX)
		ctl_failed(command, "%s: the ledger's path is too long", path);
	else {
		snprintf(out, LEDGER_PATH_MAX, "%.*s", STR_FMT(config.ledger.path));
		rc = CTL_OK;
	}
	arena_fini(&arena);
	return rc;
}

static enum ctl_exit find(const char *command, const struct ledger_where *where, char *out)
{
	const char *path = where->ledger != NULL ? where->ledger : DEFAULT_LEDGER;

	if (where->ledger == NULL && where->config != NULL)
		return from_config(command, where->config, out);
	if (where->ledger == NULL && access(CTL_DEFAULT_CONFIG, F_OK) == 0)
		return from_config(command, CTL_DEFAULT_CONFIG, out);
	if (strlen(path) >= LEDGER_PATH_MAX)
		return ctl_failed(command, "the ledger's path is too long");
	snprintf(out, LEDGER_PATH_MAX, "%s", path);
	return CTL_OK;
}

enum ctl_exit ledger_path(
	const char *command, const struct ledger_where *where, char out[LEDGER_PATH_MAX])
{
	char journal[LEDGER_PATH_MAX + 16];
	struct stat st;
	enum ctl_exit rc = find(command, where, out);

	if (rc != CTL_OK)
		return rc;
	snprintf(journal, sizeof journal, "%s/journal", out);
	if (stat(journal, &st) != 0)
		return ctl_failed(command,
			"%s is no ledger: %s: %s (--ledger PATH or -c CONFIG says which one)", out,
			journal, strerror(errno));
	return CTL_OK;
}
