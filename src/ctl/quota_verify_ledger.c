/*
 * quota_verify_ledger.c: figures of a gateway beside those of its ledger, and refusals of its
 * access log (quota_verify.h).
 */
#include "ctl/quota_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan.h"
#include "core/quota_ledger.h"
#include "ctl/ctl.h"
#include "io/cred.h"
#include "io/resolve.h"
#include "ledger/verify.h"

#define ACCOUNTS_MAX ((size_t)1 << 20)

/* ---- changes by hand */

json_t *quota_changes_read(const char *ledger)
{
	char path[512], *text = NULL;
	json_t *sums = json_object();
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/quota.changes", ledger);
	f = fopen(path, "re");
	if (f == NULL && errno != ENOENT) {
		ctl_failed("quota", "%s: %s", path, strerror(errno));
		json_decref(sums);
		return NULL;
	}
	while (f != NULL && getline(&text, &cap, f) > 0) {
		json_t *line = json_loads(text, 0, NULL);
		const char *account = json_string_value(json_object_get(line, "account"));
		const json_t *amount = json_object_get(line, "amount");
		const char *op = json_string_value(json_object_get(line, "op"));

		if (op != NULL && strcmp(op, "adjust") == 0 && account != NULL)
			(void)json_object_set_new(sums, account,
				json_integer(json_integer_value(json_object_get(sums, account)) +
					     json_integer_value(amount)));
		json_decref(line);
	}
	free(text);
	if (f != NULL)
		fclose(f);
	return sums;
}

/* ---- the books */

static void ask_for(void *arg, const struct quota_slot *s, struct quota_account *a)
{
	ledger_ask_add(arg, s, a);
}

static void put_book(void *arg, struct quota_account *a, int64_t spent, uint64_t requests)
{
	json_t *row = json_pack("[I, I]", (json_int_t)spent, (json_int_t)requests);

	if (row != NULL)
		(void)json_object_setn_new(arg, a->name.p, a->name.n, row);
}

/* -1 with err. */
static int read_books(
	struct tg_conf *c, const char *ledger, json_t *books, char *err, size_t err_len)
{
	struct quota_table *t = quota_table_new(ACCOUNTS_MAX);
	struct quota_time now = { clock_wall(), clock_mono() };
	struct ledger_ask *ask = ledger_ask_new();
	int rc;

	tg_assert(t != NULL);
	rc = plan_quota_open(c, t, now, ask_for, ask, err, err_len);
	if (rc == 0)
		rc = ledger_ask_run(ask, ledger, err, err_len);
	if (rc == 0)
		ledger_ask_each(ask, put_book, books);
	ledger_ask_free(ask);
	plan_put(c);
	quota_table_free(t);
	return rc;
}

json_t *quota_books_read(const char *config, const char *ledger)
{
	struct resolver *r = resolver_new(0);
	struct conf_error err = { "" };
	json_t *books = json_object();
	struct tg_conf *c;
	char why[512];

	tg_assert(r != NULL && books != NULL);
	cred_fetch_nothing();
	c = plan_load(config, r, 0, &err);
	if (c == NULL)
		ctl_failed("quota", "%s", err.text);
	else if (read_books(c, ledger, books, why, sizeof why) != 0)
		ctl_failed("quota", "%s", why);
	else {
		resolver_free(r);
		return books;
	}
	resolver_free(r);
	json_decref(books);
	return NULL;
}

/* ---- figures beside the books */

static json_t *by_account(const json_t *page)
{
	json_t *rows = json_object(), *row;
	size_t i;

	json_array_foreach(json_object_get(page, "limits"), i, row)
	{
		const char *account = json_string_value(json_object_get(row, "account"));

		if (account != NULL)
			(void)json_object_set(rows, account, row);
	}
	return rows;
}

static bool find(const json_t *rows, struct str account, struct quota_figures *out)
{
	const json_t *row = json_object_getn(rows, account.p, account.n);

	return row != NULL && quota_figures_of(row, out);
}

/* A gateway rounds each request's money up to a nano-dollar, the ledger's sum is rounded once. */
static void check_book(struct quota_findings *f, const struct quota_figures *q, const json_t *book,
	int64_t adjusted)
{
	int64_t has = json_integer_value(json_array_get(book, 0)) + adjusted,
		requests = json_integer_value(json_array_get(book, 1)),
		slack = str_eq(q->dimension, STR("cost")) ? requests : 0;

	quota_check(f, QUOTA_RULE_LEDGER, q->own >= has && q->own - has <= slack,
		"%.*s: %" PRId64 " used, the ledger and changes by hand have %" PRId64
		" of %" PRId64 " requests",
		STR_FMT(q->account), q->own, has, requests);
}

void quota_verify_books(struct quota_findings *f, const json_t *before, const json_t *after,
	const json_t *books, const json_t *adjusted)
{
	json_t *rows = by_account(after);
	struct quota_figures q, then;
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(before, "limits"), i, row)
	{
		const json_t *book;

		if (!quota_figures_of(row, &q))
			continue;
		book = json_object_getn(books, q.account.p, q.account.n);
		if (book == NULL || !find(rows, q.account, &then) || q.held > 0 || then.held > 0 ||
			q.own != then.own)
			f->busy++;
		else
			check_book(f, &q, book,
				json_integer_value(
					json_object_getn(adjusted, q.account.p, q.account.n)));
	}
	json_decref(rows);
}

/* ---- the ledger by itself */

int quota_verify_ledger(struct quota_findings *f, const char *ledger)
{
	char err[1024];
	struct verify v;

	if (verify_run(&v, ledger, false, err, sizeof err) != 0) {
		ctl_failed("quota", "%s", err);
		return -1;
	}
	for (unsigned i = 0; i < VERIFY__RULES; i++) {
		bool holds = i == VERIFY_HOLDS || i == VERIFY_ENDS;

		quota_check(f, holds ? QUOTA_RULE_HOLDS : QUOTA_RULE_BOOKS, v.violations[i] == 0,
			"%s: broken %" PRIu64 " times (`tgctl ledger verify` says where)",
			verify_rule_name((enum verify_rule)i), v.violations[i]);
	}
	verify_free(&v);
	return 0;
}

/* ---- the access log */

static void check_line(struct quota_findings *f, const json_t *line)
{
	const char *error = json_string_value(json_object_get(line, "error")),
		   *id = json_string_value(json_object_get(line, "id")),
		   *by = json_string_value(json_object_get(line, "denied_by"));

	if (error == NULL || (strcmp(error, "insufficient_quota") != 0 &&
				     strcmp(error, "rate_limit_exceeded") != 0))
		return;
	quota_check(f, QUOTA_RULE_EXPLAINED, by != NULL && by[0] != '\0',
		"%s was answered %s without the name of a limit", id != NULL ? id : "?", error);
}

void quota_verify_log(struct quota_findings *f, const char *path)
{
	FILE *in = path[0] != '\0' ? fopen(path, "re") : NULL;
	char *text = NULL;
	size_t cap = 0;

	while (in != NULL && getline(&text, &cap, in) > 0) {
		json_t *line = strstr(text, "\"error\"") != NULL ? json_loads(text, 0, NULL) : NULL;

		check_line(f, line);
		json_decref(line);
	}
	free(text);
	if (in != NULL)
		fclose(in);
}
