/*
 * quota_options.c: the options of `tgctl quota`. Not getopt's: "-2.50" is an amount.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "core/config.h"
#include "ctl/quota_cmds.h"

#define AT(member) offsetof(struct quota_options, member)

static const struct {
	const char *name;
	size_t at;   /* of a const char * */
	bool common; /* of every command */
} options[] = {
	{ "admin", AT(where.admin), true },
	{ "config", AT(where.config), true },
	{ "scope", AT(scope), false },
	{ "dimension", AT(dimension), false },
	{ "why", AT(why), false },
	{ "ledger", AT(ledger), false },
	{ "assume", AT(assume), false },
};

static bool is_allowed_word(const char *const *allowed, const char *word)
{
	for (; *allowed != NULL; allowed++)
		if (strcmp(*allowed, word) == 0)
			return true;
	return false;
}

static bool is_allowed(const char *const *allowed, size_t i)
{
	return options[i].common || is_allowed_word(allowed, options[i].name);
}

/* The option's name and, behind `=`, its value. */
static bool is_named(const char *arg, const char *name, const char **value)
{
	size_t n = strlen(name);

	if (strncmp(arg, name, n) != 0 || (arg[n] != '\0' && arg[n] != '='))
		return false;
	*value = arg[n] == '=' ? arg + n + 1 : NULL;
	return true;
}

/* argv[*i] is an option; one that has its value behind it moves *i on. */
static enum ctl_exit read_option(
	int argc, char **argv, int *i, const char *const *allowed, struct quota_options *o)
{
	const char *arg = argv[*i], *value = NULL;

	if (strcmp(arg, "--json") == 0) {
		o->json = true;
		return CTL_OK;
	}
	if (strcmp(arg, "--off") == 0 && is_allowed_word(allowed, "off")) {
		o->off = true;
		return CTL_OK;
	}
	if (strcmp(arg, "-c") == 0)
		arg = "--config";
	for (size_t k = 0; strncmp(arg, "--", 2) == 0 && k < TG_ARRAY_LEN(options); k++) {
		if (!is_allowed(allowed, k) || !is_named(arg + 2, options[k].name, &value))
			continue;
		if (value == NULL && *i + 1 >= argc)
			return ctl_usage("quota", "%s needs a value", argv[*i]);
		if (value == NULL)
			value = argv[++*i];
		memcpy((char *)o + options[k].at, &value, sizeof value);
		return CTL_OK;
	}
	return ctl_usage("quota", "unknown option %s", argv[*i]);
}

static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] != '\0' && strchr("0123456789.", arg[1]) == NULL;
}

enum ctl_exit quota_options(
	int argc, char **argv, const char *const *allowed, struct quota_options *o)
{
	*o = (struct quota_options){ .n_args = 0 };
	for (int i = 1; i < argc; i++) {
		if (is_option(argv[i])) {
			enum ctl_exit rc = read_option(argc, argv, &i, allowed, o);

			if (rc != CTL_OK)
				return rc;
			continue;
		}
		if (o->n_args == QUOTA_ARGS_MAX)
			return ctl_usage("quota", "`%s` is one argument too many", argv[i]);
		o->arg[o->n_args++] = argv[i];
	}
	return CTL_OK;
}

const char *quota_config(const struct quota_options *o)
{
	return o->where.config != NULL ? o->where.config : CTL_DEFAULT_CONFIG;
}

void quota_log_path(const struct quota_options *o, char out[QUOTA_PATH_BYTES])
{
	const char *path = quota_config(o);
	struct conf_error err = { "" };
	struct config config;
	struct arena arena;

	out[0] = '\0';
	if (o->where.config == NULL && access(path, R_OK) != 0)
		return;
	arena_init(&arena, NULL, 0);
	if (conf_load_file(path, &config_root, &arena, &config, &err) == 0 &&
		config.log.access.n > 0 && config.log.access.p[0] == '/')
		snprintf(out, QUOTA_PATH_BYTES, "%.*s", STR_FMT(config.log.access));
	arena_fini(&arena);
}
