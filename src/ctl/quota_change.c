/*
 * quota_change.c: `tgctl quota adjust`, `set` and `fence`: changes by hand. The running gateway
 * makes them, and keeps them with who made them and why.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/quota_cmds.h"

/* Who: the login name, as far as this machine knows it. */
static const char *who(void)
{
	const struct passwd *p = getpwuid(getuid());

	return p != NULL && p->pw_name != NULL && p->pw_name[0] != '\0' ? p->pw_name : "unknown";
}

static const char *text_of(const json_t *j, const char *name)
{
	const char *v = json_string_value(json_object_get(j, name));

	return v != NULL ? v : "?";
}

static void print_changes(const json_t *changes)
{
	json_t *c;
	size_t i;

	json_array_foreach(changes, i, c) printf("%s: %s, was %s\n", text_of(c, "account"),
		text_of(c, "after"), text_of(c, "before"));
}

/* SCOPE DIMENSION VALUE --why TEXT */
static enum ctl_exit change(int argc, char **argv, const char *target, const char *value_name)
{
	static const char *const allowed[] = { "why", NULL };
	struct quota_options o;
	enum ctl_exit rc = quota_options(argc, argv, allowed, &o);
	json_t *body, *j = NULL;

	if (rc != CTL_OK)
		return rc;
	if (o.n_args != 3)
		return ctl_usage("quota", "%s takes SCOPE DIMENSION %s", argv[0], value_name);
	if (o.why == NULL || o.why[0] == '\0')
		return ctl_usage("quota", "--why says the reason; it is kept with the change");
	body = json_pack("{s:s, s:s, s:s, s:s, s:s}", "scope", o.arg[0], "dimension", o.arg[1],
		"value", o.arg[2], "why", o.why, "who", who());
	if (body == NULL)
		return ctl_usage("quota", "arguments are UTF-8 text");
	rc = admin_client_ask("quota", &o.where, "POST", target, body, &j);
	json_decref(body);
	if (rc != CTL_OK)
		return rc;
	if (o.json) {
		(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		print_changes(json_object_get(j, "changes"));
	}
	json_decref(j);
	return CTL_OK;
}

enum ctl_exit quota_adjust(int argc, char **argv)
{
	return change(argc, argv, "/admin/v1/quota/adjust", "AMOUNT (-2.50, +100)");
}

enum ctl_exit quota_set(int argc, char **argv)
{
	return change(argc, argv, "/admin/v1/quota/set",
		"LIMIT (\"500 usd/month\"), or `configured` to go back");
}

/* MEMBER --why TEXT [--assume spent|settled | --off] */
enum ctl_exit quota_fence(int argc, char **argv)
{
	static const char *const allowed[] = { "why", "assume", "off", NULL };
	struct quota_options o;
	enum ctl_exit rc = quota_options(argc, argv, allowed, &o);
	const char *mode;
	json_t *body, *j = NULL;

	if (rc != CTL_OK)
		return rc;
	mode = o.off ? "off" : o.assume != NULL ? o.assume : "spent";
	if (o.n_args != 1)
		return ctl_usage("quota", "fence takes the MEMBER that does not come back");
	if (o.off && o.assume != NULL)
		return ctl_usage("quota", "--off or --assume, not both");
	if (!o.off && strcmp(mode, "spent") != 0 && strcmp(mode, "settled") != 0)
		return ctl_usage("quota", "--assume takes spent or settled, not `%s`", mode);
	if (o.why == NULL || o.why[0] == '\0')
		return ctl_usage("quota", "--why says the reason; it goes to the log");
	body = json_pack("{s:s, s:s, s:s, s:s}", "member", o.arg[0], "mode", mode, "why", o.why,
		"who", who());
	if (body == NULL)
		return ctl_usage("quota", "arguments are UTF-8 text");
	rc = admin_client_ask("quota", &o.where, "POST", "/admin/v1/quota/fence", body, &j);
	json_decref(body);
	if (rc != CTL_OK)
		return rc;
	if (o.json)
		(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	else if (o.off)
		printf("%s may come back", o.arg[0]);
	else
		printf("%s is fenced: %s", o.arg[0],
			strcmp(mode, "spent") == 0 ? "what it was granted counts as spent"
						   : "only what it has told counts as spent");
	putchar('\n');
	json_decref(j);
	return CTL_OK;
}
