/*
 * quota_verify.c: `tgctl quota verify`: which of the promises about limits hold, over the running
 * gateway, its ledger and its access log (quota_verify.h).
 */
#include "ctl/quota_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "ctl/ledger_path.h"
#include "ctl/quota_cmds.h"

static const struct {
	const char *name, *what;
} rules[QUOTA_RULE__MAX] = {
#define X(id, name, what) { name, what },
#include "ctl/tbl/quota_rules.h"
#undef X
};

void quota_check(struct quota_findings *f, enum quota_rule rule, bool ok, const char *fmt, ...)
{
	va_list ap;

	f->checked[rule]++;
	if (ok)
		return;
	f->broken[rule]++;
	if (f->n == QUOTA_FINDINGS_MAX)
		return;
	f->v[f->n].rule = rule;
	va_start(ap, fmt);
	vsnprintf(f->v[f->n].text, sizeof f->v[f->n].text, fmt, ap);
	va_end(ap);
	f->n++;
}

static bool holds(const struct quota_findings *f)
{
	for (unsigned i = 0; i < QUOTA_RULE__MAX; i++)
		if (f->broken[i] > 0)
			return false;
	return true;
}

static void print_text(const struct quota_findings *f)
{
	for (unsigned i = 0; i < QUOTA_RULE__MAX; i++)
		printf("%-10s %-7s %8" PRIu64 " looked at, %" PRIu64 " broken: %s\n", rules[i].name,
			f->broken[i] > 0     ? "BROKEN"
			: f->checked[i] == 0 ? "-"
					     : "holds",
			f->checked[i], f->broken[i], rules[i].what);
	for (size_t i = 0; i < f->n; i++)
		printf("%s: %s\n", rules[f->v[i].rule].name, f->v[i].text);
	if (f->busy > 0)
		printf("%" PRIu64 " limits were in use and not compared with the ledger\n",
			f->busy);
}

static void print_json(const struct quota_findings *f)
{
	json_t *list = json_array(), *found = json_array(), *j;

	for (unsigned i = 0; i < QUOTA_RULE__MAX; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I}", "rule", rules[i].name, "what",
				      rules[i].what, "checked", (json_int_t)f->checked[i], "broken",
				      (json_int_t)f->broken[i]));
	for (size_t i = 0; i < f->n; i++)
		(void)json_array_append_new(
			found, json_pack("{s:s, s:s}", "rule", rules[f->v[i].rule].name, "text",
				       f->v[i].text));
	j = json_pack("{s:b, s:o, s:o, s:I}", "ok", holds(f), "rules", list, "findings", found,
		"busy", (json_int_t)f->busy);
	if (j == NULL)
		return;
	(void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(j);
}

static enum ctl_exit page(const struct quota_options *o, json_t **out)
{
	return admin_client_ask("quota", &o->where, "GET", "/admin/v1/quota?tree=yes", NULL, out);
}

/* Both pages, with the books read in between. */
static enum ctl_exit look(const struct quota_options *o, const char *ledger, const json_t *adjusted,
	struct quota_findings *f)
{
	json_t *before = NULL, *after = NULL, *books = NULL;
	enum ctl_exit rc = page(o, &before);

	if (rc == CTL_OK) {
		books = quota_books_read(quota_config(o), ledger);
		rc = books != NULL ? page(o, &after) : CTL_FAILED;
	}
	if (rc == CTL_OK) {
		quota_verify_page(f, after, adjusted);
		quota_verify_books(f, before, after, books, adjusted);
	}
	json_decref(before);
	json_decref(after);
	json_decref(books);
	return rc;
}

enum ctl_exit quota_verify(int argc, char **argv)
{
	static const char *const allowed[] = { "ledger", NULL };
	static struct quota_findings f;
	char ledger[LEDGER_PATH_MAX], log[QUOTA_PATH_BYTES];
	struct quota_options o;
	enum ctl_exit rc = quota_options(argc, argv, allowed, &o);
	json_t *adjusted;

	if (rc == CTL_OK && o.n_args > 0)
		return ctl_usage("quota", "`%s` is one argument too many", o.arg[0]);
	if (rc == CTL_OK)
		rc = ledger_path("quota",
			&(struct ledger_where){ .ledger = o.ledger, .config = o.where.config },
			ledger);
	if (rc != CTL_OK)
		return rc;
	adjusted = quota_changes_read(ledger);
	if (adjusted == NULL)
		return CTL_FAILED;
	rc = look(&o, ledger, adjusted, &f);
	json_decref(adjusted);
	if (rc != CTL_OK || quota_verify_ledger(&f, ledger) != 0)
		return CTL_FAILED;
	quota_log_path(&o, log);
	quota_verify_log(&f, log);
	if (o.json)
		print_json(&f);
	else
		print_text(&f);
	return holds(&f) ? CTL_OK : CTL_FAILED;
}
