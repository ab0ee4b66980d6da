/*
 * quota_show.c: `tgctl quota show` and `tree`: what limits there are, and what is left of them, as
 * the running gateway has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/quota_cmds.h"
#include "ctl/table.h"

#define TARGET_MAX 1024

static void put_query(char *out, size_t cap, const char *name, const char *value)
{
	size_t n = strlen(out);

	if (value == NULL)
		return;
	n += (size_t)snprintf(
		out + n, cap - n, "%c%s=", strchr(out, '?') != NULL ? '&' : '?', name);
	for (; *value != '\0' && n + 4 < cap; value++)
		n += (size_t)snprintf(out + n, cap - n, "%%%02X", (unsigned char)*value);
}

static enum ctl_exit ask(const struct quota_options *o, json_t **out)
{
	char target[TARGET_MAX] = "/admin/v1/quota";

	if ((o->scope != NULL && strlen(o->scope) > 256) ||
		(o->dimension != NULL && strlen(o->dimension) > 32))
		return ctl_usage("quota", "that name is too long");
	put_query(target, sizeof target, "scope", o->scope);
	put_query(target, sizeof target, "dimension", o->dimension);
	return admin_client_ask("quota", &o->where, "GET", target, NULL, out);
}

static enum ctl_exit print_json(const json_t *j)
{
	int rc = json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	putchar('\n');
	return rc == 0 ? CTL_OK : ctl_failed("quota", "the output could not be written");
}

/* Money is text, the rest numbers; "-" where a limit has no such figure. */
static struct str figure(const json_t *limit, const char *name, char out[32])
{
	const json_t *v = json_object_get(limit, name);

	if (json_is_string(v))
		return str_mk(json_string_value(v), json_string_length(v));
	if (!json_is_integer(v))
		return STR("-");
	return str_mk(out, (size_t)snprintf(out, 32, "%lld", (long long)json_integer_value(v)));
}

static struct str text_of(const json_t *limit, const char *name)
{
	const json_t *v = json_object_get(limit, name);

	return json_is_string(v) ? str_mk(json_string_value(v), json_string_length(v)) : STR("-");
}

static void columns(struct table *t, const char *first)
{
	table_column(t, first, TABLE_LEFT);
	table_column(t, "dimension", TABLE_LEFT);
	table_column(t, "limit", TABLE_LEFT);
	table_column(t, "used", TABLE_POINT);
	table_column(t, "held", TABLE_POINT);
	table_column(t, "free", TABLE_POINT);
	table_column(t, "resets", TABLE_LEFT);
}

static void cells(struct table *t, struct str first, const json_t *limit)
{
	static const char *const figures[] = { "used", "held", "free" };
	char text[32];

	table_cell(t, first);
	table_cell(t, text_of(limit, "dimension"));
	table_cell(t, text_of(limit, "limit"));
	for (size_t i = 0; i < TG_ARRAY_LEN(figures); i++)
		table_cell(t, figure(limit, figures[i], text));
	table_cell(t, text_of(limit, "resets"));
}

static enum ctl_exit print_table(const json_t *limits)
{
	struct table t;
	json_t *limit;
	size_t i;

	if (json_array_size(limits) == 0) {
		puts("no such limits");
		return CTL_OK;
	}
	table_init(&t);
	columns(&t, "scope");
	json_array_foreach(limits, i, limit) cells(&t, text_of(limit, "scope"), limit);
	table_print(&t, stdout);
	table_fini(&t);
	return CTL_OK;
}

enum ctl_exit quota_show(int argc, char **argv)
{
	static const char *const allowed[] = { "scope", "dimension", NULL };
	struct quota_options o;
	enum ctl_exit rc = quota_options(argc, argv, allowed, &o);
	json_t *j;

	if (rc == CTL_OK && o.n_args > 0)
		return ctl_usage("quota", "`%s` is one argument too many", o.arg[0]);
	if (rc == CTL_OK)
		rc = ask(&o, &j);
	if (rc != CTL_OK)
		return rc;
	rc = o.json ? print_json(j) : print_table(json_object_get(j, "limits"));
	json_decref(j);
	return rc;
}

/* ---- the tree: budgets and pools, orgs over tenants over keys */

static bool is_scope(const json_t *limit, const char *scope)
{
	return str_eq(text_of(limit, "scope"), str_z(scope));
}

static void branch(struct table *t, const json_t *limits, const char *scope, unsigned depth)
{
	char indented[600];
	bool some = false;
	json_t *limit;
	size_t i;

	snprintf(indented, sizeof indented, "%*s%s", (int)depth * 2, "", scope);
	json_array_foreach(limits, i, limit)
	{
		if (!is_scope(limit, scope))
			continue;
		cells(t, some ? STR("") : str_z(indented), limit);
		some = true;
	}
	if (some)
		return;
	table_cell(t, str_z(indented)); /* without limits of its own */
	for (unsigned k = 1; k < t->n_columns; k++)
		table_cell(t, STR(""));
}

/* Scopes below one, as the page has them: [{"scope": ..., "below": [...]}]. */
static void branches(struct table *t, const json_t *limits, const json_t *scopes, unsigned depth)
{
	json_t *s;
	size_t i;

	json_array_foreach(scopes, i, s)
	{
		const char *name = json_string_value(json_object_get(s, "scope"));

		if (name == NULL)
			continue;
		branch(t, limits, name, depth);
		branches(t, limits, json_object_get(s, "below"), depth + 1);
	}
}

static enum ctl_exit print_tree(const json_t *j)
{
	struct table t;

	table_init(&t);
	columns(&t, "scope");
	branches(&t, json_object_get(j, "limits"), json_object_get(j, "tree"), 0);
	table_print(&t, stdout);
	table_fini(&t);
	return CTL_OK;
}

enum ctl_exit quota_tree(int argc, char **argv)
{
	static const char *const allowed[] = { NULL };
	struct quota_options o;
	enum ctl_exit rc = quota_options(argc, argv, allowed, &o);
	json_t *j;

	if (rc == CTL_OK && o.n_args > 0)
		return ctl_usage("quota", "`%s` is one argument too many", o.arg[0]);
	if (rc == CTL_OK)
		rc = admin_client_ask(
			"quota", &o.where, "GET", "/admin/v1/quota?tree=yes", NULL, &j);
	if (rc != CTL_OK)
		return rc;
	rc = o.json ? print_json(j) : print_tree(j);
	json_decref(j);
	return rc;
}
