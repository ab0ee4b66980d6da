/*
 * quota_verify_page.c: what must hold of the figures of a running gateway (quota_verify.h).
 */
#include "ctl/quota_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "quota/limit.h"

#define NANO_DIGITS 9

/* Money is decimal text, the rest numbers. False: it is not there. */
static bool figure(const json_t *row, const char *name, int64_t *out)
{
	const json_t *v = json_object_get(row, name);

	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return true;
	}
	return json_is_string(v) &&
	       num_parse_decimal(str_z(json_string_value(v)), NANO_DIGITS, out) == 0;
}

static struct str text(const json_t *row, const char *name)
{
	const json_t *v = json_object_get(row, name);

	return json_is_string(v) ? str_mk(json_string_value(v), json_string_length(v)) : STR_NONE;
}

bool quota_figures_of(const json_t *row, struct quota_figures *out)
{
	const json_t *shared = json_object_get(row, "shared");
	struct quota_limit l;
	char err[256];

	*out = (struct quota_figures){ .account = text(row, "account"),
		.dimension = text(row, "dimension"),
		.shared = json_is_object(shared),
		.known = json_is_true(json_object_get(shared, "known")) };
	if (out->account.n == 0 || quota_dim_find(out->dimension) == QUOTA_DIM__MAX ||
		quota_limit_parse(quota_dim_find(out->dimension), text(row, "limit"), &l, err,
			sizeof err) != 0 ||
		l.kind != QUOTA_STOCK)
		return false;
	out->limit = l.amount;
	(void)figure(row, "over", &out->over); /* absent: 0 */
	if (!figure(row, "used", &out->used) || !figure(row, "held", &out->held))
		return false;
	out->own = out->used;
	return !out->shared ||
	       (figure(shared, "settled", &out->own) && figure(shared, "granted", &out->granted) &&
		       figure(shared, "all_granted", &out->all_granted) &&
		       figure(shared, "all_settled", &out->all_settled));
}

static void check_limit(struct quota_findings *f, const struct quota_figures *q)
{
	quota_check(f, QUOTA_RULE_LIMIT, q->own + q->held <= q->limit + q->over,
		"%.*s: %" PRId64 " used and %" PRId64 " held of %" PRId64 ", %" PRId64
		" recorded as over",
		STR_FMT(q->account), q->own, q->held, q->limit, q->over);
	if (!q->shared || !q->known)
		return;
	quota_check(f, QUOTA_RULE_GRANT, q->own + q->held <= q->granted + q->over,
		"%.*s: %" PRId64 " used and %" PRId64 " held here, %" PRId64 " granted, %" PRId64
		" recorded as over",
		STR_FMT(q->account), q->own, q->held, q->granted, q->over);
	/* what was settled is granted, also beyond the limit: elsewhere more was used than held */
	quota_check(f, QUOTA_RULE_SHARED,
		q->all_granted <= TG_MAX(q->limit, q->all_settled) + q->over,
		"%.*s: %" PRId64 " granted to all, of %" PRId64, STR_FMT(q->account),
		q->all_granted, q->limit);
}

/* ---- parents: scopes below another, by dimension and period */

/* The rows of a page: by account, and in lists by scope. */
struct rows {
	json_t *by_account, *by_scope;
};

static struct rows rows_of(const json_t *limits)
{
	struct rows x = { json_object(), json_object() };
	json_t *row, *list;
	size_t i;

	json_array_foreach(limits, i, row)
	{
		struct str account = text(row, "account"), scope = text(row, "scope");

		(void)json_object_setn(x.by_account, account.p, account.n, row);
		list = json_object_getn(x.by_scope, scope.p, scope.n);
		if (list == NULL) {
			list = json_array();
			(void)json_object_setn_new(x.by_scope, scope.p, scope.n, list);
		}
		(void)json_array_append(list, row);
	}
	return x;
}

/* The figures of a scope's account with that suffix. */
static bool find(
	const struct rows *x, const char *scope, struct str suffix, struct quota_figures *out)
{
	char name[1024];
	int n = snprintf(name, sizeof name, "%s/%.*s", scope, STR_FMT(suffix));
	const json_t *row = n > 0 && (size_t)n < sizeof name
				    ? json_object_getn(x->by_account, name, (size_t)n)
				    : NULL;

	return row != NULL && quota_figures_of(row, out);
}

static int64_t by_hand(const json_t *adjusted, struct str account)
{
	return json_integer_value(json_object_getn(adjusted, account.p, account.n));
}

static int64_t sum_below(
	const struct rows *x, const json_t *below, struct str suffix, const json_t *adjusted)
{
	struct quota_figures child;
	int64_t sum = 0;
	json_t *s;
	size_t k;

	json_array_foreach(below, k, s)
	{
		const char *c = json_string_value(json_object_get(s, "scope"));

		if (c != NULL && find(x, c, suffix, &child))
			sum += child.own - by_hand(adjusted, child.account);
	}
	return sum;
}

static void check_parent(
	struct quota_findings *f, const struct rows *x, const json_t *scope, const json_t *adjusted)
{
	const json_t *below = json_object_get(scope, "below");
	const char *name = json_string_value(json_object_get(scope, "scope"));
	struct quota_figures q;
	json_t *row, *s;
	size_t i;

	json_array_foreach(json_object_get(x->by_scope, name != NULL ? name : ""), i, row)
	{
		int64_t sum;

		if (!quota_figures_of(row, &q) || q.account.n <= strlen(name))
			continue;
		sum = sum_below(x, below, str_skip(q.account, strlen(name) + 1), adjusted);
		quota_check(f, QUOTA_RULE_PARENT, sum <= q.own - by_hand(adjusted, q.account),
			"%.*s: %" PRId64 " used, less than those below it: %" PRId64,
			STR_FMT(q.account), q.own, sum);
	}
	json_array_foreach(below, i, s)
	{
		check_parent(f, x, s, adjusted);
	}
}

void quota_verify_page(struct quota_findings *f, const json_t *page, const json_t *adjusted)
{
	const json_t *limits = json_object_get(page, "limits"),
		     *tree = json_object_get(page, "tree");
	struct rows x = rows_of(limits);
	struct quota_figures q;
	json_t *row;
	size_t i;

	json_array_foreach(limits, i, row) if (quota_figures_of(row, &q)) check_limit(f, &q);
	json_array_foreach(tree, i, row) check_parent(f, &x, row, adjusted);
	json_decref(x.by_account);
	json_decref(x.by_scope);
}
