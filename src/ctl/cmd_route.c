/*
 * cmd_route.c: `tgctl route explain` and `tgctl targets`: which target a request would go to and
 * why; targets' states, and taking one out. Both ask the running gateway.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/admin_client.h"
#include "ctl/table.h"

#define TARGET_MAX 2048

struct options {
	struct admin_where where;
	const char *tenant, *model, *tokens, *output, *route, *needs;
	bool json;
	const char *arg;
};

static const struct {
	const char *name;
	size_t at;
} rows[] = {
	{ "--admin", offsetof(struct options, where.admin) },
	{ "-c", offsetof(struct options, where.config) },
	{ "--config", offsetof(struct options, where.config) },
#define OF_ALL 3 /* those above; what follows is explain's */
	{ "--tenant", offsetof(struct options, tenant) },
	{ "--model", offsetof(struct options, model) },
	{ "--tokens", offsetof(struct options, tokens) },
	{ "--output", offsetof(struct options, output) },
	{ "--route", offsetof(struct options, route) },
	{ "--needs", offsetof(struct options, needs) },
};

/* n: how many of the rows this command has. */
static enum ctl_exit read_options(
	const char *name, int argc, char **argv, size_t n, struct options *o)
{
	*o = (struct options){ .json = false };
	for (int i = 1; i < argc; i++) {
		size_t k = 0;

		if (strcmp(argv[i], "--json") == 0) {
			o->json = true;
			continue;
		}
		while (k < n && strcmp(argv[i], rows[k].name) != 0)
			k++;
		if (k < n && i + 1 < argc)
			*(const char **)(void *)((char *)o + rows[k].at) = argv[++i];
		else if (k < n)
			return ctl_usage(name, "%s wants a value", argv[i]);
		else if (argv[i][0] == '-' || o->arg != NULL)
			return ctl_usage(name, "`%s` is not understood here", argv[i]);
		else
			o->arg = argv[i];
	}
	return CTL_OK;
}

static void print_json(const json_t *j)
{
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}

static const char *text(const json_t *j, const char *name)
{
	const char *v = json_string_value(json_object_get(j, name));

	return v != NULL ? v : "";
}

static void cell(struct table *t, const char *s)
{
	table_cell(t, str_z(s));
}

static void cell_number(struct table *t, const json_t *v, const char *fmt)
{
	char buf[64] = "";

	if (json_is_number(v))
		snprintf(buf, sizeof buf, fmt, json_number_value(v));
	cell(t, buf);
}

/* ---- explain */

static size_t put_encoded(char *out, size_t n, const char *name, const char *value)
{
	n += (size_t)snprintf(out + n, TARGET_MAX - n, "%c%s=", n > 0 ? '&' : '?', name);
	for (; *value != '\0' && n + 4 < TARGET_MAX; value++)
		n += (size_t)snprintf(
			out + n, TARGET_MAX - n, "%%%02x", (unsigned)(unsigned char)*value);
	return n;
}

static void explain_row(struct table *t, const json_t *c, const char *pick)
{
	const json_t *e = json_object_get(c, "expected"), *s = json_object_get(c, "score_usd"),
		     *skip;
	char why[256] = "";
	size_t i, n = 0;

	json_array_foreach(json_object_get(c, "skipped"), i, skip)
	{
		if (n < sizeof why)
			n += (size_t)snprintf(why + n, sizeof why - n, "%s%s", i > 0 ? ", " : "",
				text(skip, "reason"));
	}
	json_array_foreach(json_object_get(c, "lacks"), i, skip)
	{
		if (n < sizeof why)
			n += (size_t)snprintf(why + n, sizeof why - n, "%sno %s",
				i > 0 ? ", " : " (", json_string_value(skip));
	}
	if (json_array_size(json_object_get(c, "lacks")) > 0 && n < sizeof why)
		snprintf(why + n, sizeof why - n, ")");
	cell(t, strcmp(text(c, "target"), pick) == 0 ? "*" : "");
	cell(t, text(c, "target"));
	cell(t, text(c, "model"));
	table_cell_u64(t, (uint64_t)json_integer_value(json_object_get(c, "weight")));
	table_cell_u64(t, (uint64_t)json_integer_value(json_object_get(c, "in_flight")));
	cell(t, text(e, "cost_usd"));
	cell_number(t, json_object_get(e, "seconds"), "%.3f");
	cell_number(t, json_object_get(e, "failures"), "%.4f");
	cell(t, text(s, "cost"));
	cell(t, text(s, "time"));
	cell(t, text(s, "failures"));
	cell_number(t, json_object_get(s, "load"), "%.3f");
	cell(t, text(s, "total"));
	cell(t, why);
}

static void explain_shadows(const json_t *list)
{
	const json_t *s;
	size_t i;

	json_array_foreach(list, i, s)
	{
		printf("shadow: %.2f%% of the requests are copied to %s, paid by key %s; %lld "
		       "under "
		       "way\n",
			json_number_value(json_object_get(s, "percent")), text(s, "to"),
			text(s, "key"),
			(long long)json_integer_value(json_object_get(s, "in_flight")));
	}
}

static void explain_canaries(const json_t *list)
{
	const json_t *c, *drawn;
	size_t i;

	json_array_foreach(list, i, c)
	{
		drawn = json_object_get(c, "drawn");
		printf("canary: rule %s sends %.2f%% of the requests%s to %s, drawn by %s%s\n",
			text(c, "rule"), json_number_value(json_object_get(c, "percent")),
			json_integer_value(json_object_get(c, "conditions")) > 0 ? " that match"
										 : "",
			json_is_string(json_object_get(c, "use")) ? text(c, "use")
								  : "another route",
			text(c, "by"),
			json_is_true(drawn)    ? "; this tenant's are in"
			: json_is_false(drawn) ? "; this tenant's are not in"
					       : "");
	}
}

static void explain_hedge(const json_t *h)
{
	if (h == NULL)
		return;
	if (!json_is_true(json_object_get(h, "would")))
		printf("hedge: none: %s\n", text(h, "why"));
	else
		printf("hedge: after %.3f s without a byte (%s) to %s, of %.2f%% of the "
		       "requests%s\n",
			json_number_value(json_object_get(h, "after_seconds")), text(h, "after"),
			text(h, "to"), json_number_value(json_object_get(h, "percent")),
			json_is_true(json_object_get(h, "used_up")) ? "; these are used up now"
								    : "");
}

/* "12 here 2.0 s ago, 3 by members 0.5 s ago"; nothing was seen. */
static void cell_seen(struct table *t, const json_t *f)
{
	static const struct {
		const char *n, *age, *who;
	} of[] = { { "own_requests", "own_age", "here" },
		{ "members_requests", "members_age", "by members" } };
	char buf[128] = "";
	size_t n = 0;

	for (size_t i = 0; i < TG_ARRAY_LEN(of); i++) {
		const json_t *age = json_object_get(f, of[i].age);

		if (!json_is_number(age) || n >= sizeof buf)
			continue;
		n += (size_t)snprintf(buf + n, sizeof buf - n, "%s%lld %s %.1f s ago",
			n > 0 ? ", " : "",
			(long long)json_integer_value(json_object_get(f, of[i].n)), of[i].who,
			json_number_value(age));
	}
	cell(t, n > 0 ? buf : "nothing: prior");
}

/* Where each target's figures come from. */
static void explain_known(const json_t *candidates)
{
	static const char *const titles[] = { "target", "requests seen", "seconds from", "prompt",
		"answer", "price from", "of" };
	const json_t *c;
	struct table t;
	size_t i;

	table_init(&t);
	for (i = 0; i < TG_ARRAY_LEN(titles); i++)
		table_column(&t, titles[i], TABLE_LEFT);
	json_array_foreach(candidates, i, c)
	{
		const json_t *k = json_object_get(c, "known"), *price = json_object_get(k, "price");

		cell(&t, text(c, "target"));
		cell_seen(&t, json_object_get(k, "failures"));
		cell(&t, text(json_object_get(k, "seconds"), "from"));
		cell(&t, text(json_object_get(k, "input_tokens"), "from"));
		cell(&t, text(json_object_get(k, "output_tokens"), "from"));
		cell(&t, text(price, "from"));
		cell(&t, text(price, "date"));
	}
	printf("\n");
	table_print(&t, stdout);
	table_fini(&t);
}

static void explain_print(const json_t *j)
{
	static const struct {
		const char *title;
		enum table_align align;
	} columns[] = { { "", TABLE_LEFT }, { "target", TABLE_LEFT }, { "model", TABLE_LEFT },
		{ "weight", TABLE_RIGHT }, { "in flight", TABLE_RIGHT }, { "usd", TABLE_POINT },
		{ "seconds", TABLE_POINT }, { "failures", TABLE_POINT }, { "cost", TABLE_POINT },
		{ "+ time", TABLE_POINT }, { "+ failures", TABLE_POINT }, { "x load", TABLE_POINT },
		{ "= score usd", TABLE_POINT }, { "not because of", TABLE_LEFT } };
	const json_t *worth = json_object_get(j, "worth"), *c;
	struct table t;
	size_t i;

	printf("model %s", text(j, "model"));
	if (*text(j, "degraded") != '\0')
		printf(" (degraded: %s)", text(j, "degraded"));
	if (worth != NULL)
		printf(", route %s: cost counts %.4f, a second is worth %s usd, a failure %s usd",
			text(j, "route"), json_number_value(json_object_get(worth, "cost")),
			text(worth, "second_usd"), text(worth, "failure_usd"));
	printf("\n\n");
	table_init(&t);
	for (i = 0; i < TG_ARRAY_LEN(columns); i++)
		table_column(&t, columns[i].title, columns[i].align);
	json_array_foreach(json_object_get(j, "candidates"), i, c)
	{
		explain_row(&t, c, text(j, "pick"));
	}
	table_print(&t, stdout);
	table_fini(&t);
	if (json_is_string(json_object_get(j, "pick")))
		printf("\n%s: %s\n", text(j, "pick"), text(j, "how"));
	else
		printf("\n%s\n", text(j, "how"));
	explain_canaries(json_object_get(j, "canaries"));
	explain_hedge(json_object_get(j, "hedge"));
	explain_shadows(json_object_get(j, "shadows"));
	explain_known(json_object_get(j, "candidates"));
}

static enum ctl_exit explain(int argc, char **argv)
{
	char target[TARGET_MAX];
	struct options o;
	enum ctl_exit rc = read_options("route", argc, argv, TG_ARRAY_LEN(rows), &o);
	char query[TARGET_MAX] = "";
	size_t n = 0;
	json_t *j;

	if (rc != CTL_OK)
		return rc;
	if (o.model == NULL || o.arg != NULL)
		return ctl_usage("route", "explain needs --model M");
	n = put_encoded(query, n, "model", o.model);
	if (o.tenant != NULL)
		n = put_encoded(query, n, "tenant", o.tenant);
	if (o.tokens != NULL)
		n = put_encoded(query, n, "tokens", o.tokens);
	if (o.output != NULL)
		n = put_encoded(query, n, "output", o.output);
	if (o.route != NULL)
		n = put_encoded(query, n, "route", o.route);
	if (o.needs != NULL)
		n = put_encoded(query, n, "needs", o.needs);
	if ((size_t)snprintf(target, sizeof target, "/admin/v1/route/explain%s", query) >=
		sizeof target)
		return ctl_usage("route", "these names are too long");
	rc = admin_client_ask("route", &o.where, "GET", target, NULL, &j);
	if (rc != CTL_OK)
		return rc;
	if (o.json)
		print_json(j);
	else
		explain_print(j);
	json_decref(j);
	return CTL_OK;
}

static enum ctl_exit route(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "explain") != 0)
		return ctl_usage("route", "say what to do: explain");
	return explain(argc - 1, argv + 1);
}

/* ---- targets */

/* How many of its keys are used: "2/3"; one alone is not told. */
static void cell_keys(struct table *t, const json_t *keys)
{
	char buf[32] = "";
	size_t i, up = 0;
	const json_t *k;

	json_array_foreach(keys, i, k)
	{
		up += strcmp(text(k, "state"), "up") == 0;
	}
	if (json_array_size(keys) > 0)
		snprintf(buf, sizeof buf, "%zu/%zu", up, json_array_size(keys));
	cell(t, buf);
}

static void list_row(struct table *t, const json_t *target, const json_t *m)
{
	cell(t, text(target, "name"));
	cell(t, text(target, "provider"));
	cell(t, text(target, "region"));
	cell(t, text(target, "state"));
	cell_keys(t, json_object_get(target, "keys"));
	cell(t, text(m, "model"));
	cell(t, text(m, "circuit"));
	cell_number(t, json_object_get(m, "open_seconds"), "%.0f");
	cell_number(t, json_object_get(m, "limited_seconds"), "%.0f");
	cell_number(t, json_object_get(m, "in_flight"), "%.0f");
	cell_number(t, json_object_get(m, "first_token_ms"), "%.0f");
	cell_number(t, json_object_get(m, "token_us"), "%.0f");
	cell_number(t, json_object_get(m, "failures"), "%.4f");
	cell_number(t, json_object_get(m, "requests"), "%.0f");
	cell_number(t, json_object_get(m, "of_members"), "%.0f");
}

static void list_print(const json_t *j)
{
	static const char *const titles[] = { "target", "provider", "region", "state", "keys",
		"model", "circuit", "open s", "limited s", "in flight", "first ms", "token us",
		"failures", "requests", "of members" };
	const json_t *target, *m;
	struct table t;
	size_t i, k;

	table_init(&t);
	for (i = 0; i < TG_ARRAY_LEN(titles); i++)
		table_column(&t, titles[i], i < 7 ? TABLE_LEFT : TABLE_RIGHT);
	json_array_foreach(json_object_get(j, "targets"), i, target)
	{
		const json_t *models = json_object_get(target, "models");

		json_array_foreach(models, k, m)
		{
			list_row(&t, target, m);
		}
		if (json_array_size(models) == 0)
			list_row(&t, target, NULL);
	}
	table_print(&t, stdout);
	table_fini(&t);
}

static enum ctl_exit list(const struct options *o)
{
	json_t *j;
	enum ctl_exit rc =
		admin_client_ask("targets", &o->where, "GET", "/admin/v1/targets", NULL, &j);

	if (rc != CTL_OK)
		return rc;
	if (o->json)
		print_json(j);
	else
		list_print(j);
	json_decref(j);
	return CTL_OK;
}

static enum ctl_exit change(const struct options *o, const char *path)
{
	json_t *body = json_pack("{s:s}", "target", o->arg), *j;
	enum ctl_exit rc;

	if (body == NULL)
		return ctl_usage("targets", "the target's name is not UTF-8");
	rc = admin_client_ask("targets", &o->where, "POST", path, body, &j);
	json_decref(body);
	if (rc != CTL_OK)
		return rc;
	if (o->json)
		print_json(j);
	else
		printf("%s is %s\n", text(j, "name"), text(j, "state"));
	json_decref(j);
	return CTL_OK;
}

static enum ctl_exit targets(int argc, char **argv)
{
	struct options o;
	enum ctl_exit rc;
	bool drain;

	if (argc < 2)
		return ctl_usage("targets", "say what to do: list, drain or enable");
	drain = strcmp(argv[1], "drain") == 0;
	if (!drain && strcmp(argv[1], "enable") != 0 && strcmp(argv[1], "list") != 0)
		return ctl_usage("targets", "`%s` is none of list, drain and enable", argv[1]);
	rc = read_options("targets", argc - 1, argv + 1, OF_ALL, &o);
	if (rc != CTL_OK)
		return rc;
	if (strcmp(argv[1], "list") == 0)
		return o.arg == NULL ? list(&o) : ctl_usage("targets", "list takes no name");
	if (o.arg == NULL)
		return ctl_usage("targets", "which target? `tgctl targets list` names them");
	return change(&o, drain ? "/admin/v1/targets/drain" : "/admin/v1/targets/enable");
}

#define WHERE                                                                               \
	"  --admin ADDRESS  the admin listener: 127.0.0.1:4001, unix:/path; otherwise the " \
	"configuration's\n"                                                                 \
	"  -c CONFIG        configuration, for address and token; default " TG_SYSCONFDIR   \
	"/tollgate.yaml\n"                                                                  \
	"  --json           JSON instead of text\n"                                         \
	"\n"                                                                                \
	"exit status: 0 done, 1 could not be done, 2 wrong command line\n"

const struct ctl_command ctl_route = {
	.name = "route",
	.run = route,
	.summary = "which target a request would go to, and why",
	.help = "usage: tgctl route explain --model M [--tenant T] [--tokens N] [--output N] "
		"[--route R]\n"
		"                           [--needs WORDS] [--admin ADDRESS] [-c CONFIG] "
		"[--json]\n"
		"\n"
		"Asks the running gateway. Lists the model's targets with what a request is "
		"expected to cost there, how long\n"
		"it is expected to take, how often requests fail, each term of the score in "
		"dollars, what speaks against the\n"
		"target, and which one would be taken now (*); canary rules, whether a second try "
		"would be made and where it\n"
		"would go, copies; and where the figures come from: seen here or by other "
		"members, how long ago, learned from\n"
		"answers, or a prior. Conditions of rules and the API of a path are not looked "
		"at.\n"
		"\n"
		"  --model M        the model that is asked for\n"
		"  --tenant T       whose request: its regions count\n"
		"  --tokens N       of its prompt; 1000\n"
		"  --output N       of its answer; as learned\n"
		"  --route R        by another route than the model's\n"
		"  --needs WORDS    what the request needs: of vision, tools, json_schema, "
		"documents, "
		"audio, reasoning,\n"
		"                   with commas\n" WHERE,
};

const struct ctl_command ctl_targets = {
	.name = "targets",
	.run = targets,
	.summary = "targets: state, drain, enable",
	.help = "usage: tgctl targets list\n"
		"       tgctl targets drain TARGET\n"
		"       tgctl targets enable TARGET\n"
		"all with [--admin ADDRESS] [-c CONFIG] [--json]\n"
		"\n"
		"Asks the running gateway. list shows targets and what is known of their models: "
		"circuit, limits of the\n"
		"provider, times, failures. drain: requests under way end as they would, nothing "
		"new goes there, also after a\n"
		"reload, until enable or a restart. enable also forgets the target's failures.\n"
		"\n" WHERE,
};
