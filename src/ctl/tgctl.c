/*
 * tgctl.c: the operator's command line: finds the command group in the table and runs it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "ctl/ctl.h"

static const struct ctl_command *const commands[] = { &ctl_keys, &ctl_prices, &ctl_reports,
	&ctl_ledger, &ctl_quota, &ctl_export, &ctl_route, &ctl_targets };

static void complain(const char *name, const char *fmt, va_list ap)
{
	fprintf(stderr, "tgctl%s%s: ", name[0] != '\0' ? " " : "", name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

enum ctl_exit ctl_usage(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(name, fmt, ap);
	va_end(ap);
	fprintf(stderr, "`tgctl help%s%s` says how it is used\n", name[0] != '\0' ? " " : "", name);
	return CTL_USAGE;
}

enum ctl_exit ctl_failed(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(name, fmt, ap);
	va_end(ap);
	return CTL_FAILED;
}

static void print_help(FILE *f)
{
	fprintf(f, "usage: tgctl COMMAND ...\n\n"
		   "The command line of tollgate's operators.\n\n"
		   "commands:\n");
	for (size_t i = 0; i < TG_ARRAY_LEN(commands); i++)
		fprintf(f, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(f, "  %-10s %s\n\n", "help", "help COMMAND: all about a command");
	fprintf(f, "exit status: 0 done, 1 could not be done, 2 wrong command line\n"
		   "See tgctl(1).\n");
}

static const struct ctl_command *find(const char *name)
{
	const char *names[TG_ARRAY_LEN(commands)], *near;

	for (size_t i = 0; i < TG_ARRAY_LEN(commands); i++) {
		names[i] = commands[i]->name;
		if (strcmp(name, names[i]) == 0)
			return commands[i];
	}
	near = str_nearest(str_z(name), names, TG_ARRAY_LEN(names));
	ctl_usage("", "there is no command `%s`%s%s%s", name,
		near != NULL ? "; did you mean `" : "", near != NULL ? near : "",
		near != NULL ? "`?" : "");
	return NULL;
}

static enum ctl_exit help(const char *about)
{
	const struct ctl_command *c;

	if (about == NULL || strcmp(about, "help") == 0) {
		print_help(stdout);
		return CTL_OK;
	}
	c = find(about);
	if (c == NULL)
		return CTL_USAGE;
	fputs(c->help, stdout);
	return CTL_OK;
}

static bool wants_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static enum ctl_exit run(int argc, char **argv)
{
	const struct ctl_command *c;

	if (argc < 2) {
		print_help(stderr);
		return CTL_USAGE;
	}
	if (wants_help(argv[1]) || strcmp(argv[1], "help") == 0)
		return help(argv[1][0] != '-' && argc > 2 ? argv[2] : NULL);
	c = find(argv[1]);
	if (c == NULL)
		return CTL_USAGE;
	for (int i = 2; i < argc; i++)
		if (wants_help(argv[i]))
			return help(c->name);
	return c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	enum ctl_exit rc = run(argc, argv);

	/* a full disk behind a redirection must not look like success */
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == CTL_OK)
		return ctl_failed("", "the output could not be written");
	return (int)rc;
}
