/*
 * quota_verify_page.c: what must hold of the figures of a running gateway (quota_verify.h).
 */
#include "ctl/quota_verify.h"

#include <inttypes.h>
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

/* The figures of a scope's account with that suffix. */
static bool find(
	const json_t *limits, const char *scope, struct str suffix, struct quota_figures *out)
{
	size_t n = strlen(scope), i;
	json_t *row;

	json_array_foreach(limits, i,
		row) if (quota_figures_of(row, out) && out->account.n == n + 1 + suffix.n &&
			 memcmp(out->account.p, scope, n) == 0 &&
			 str_eq(str_skip(out->account, n + 1), suffix)) return true;
	return false;
}

static int64_t by_hand(const json_t *adjusted, struct str account)
{
	return json_integer_value(json_object_getn(adjusted, account.p, account.n));
}

static void check_parent(
	struct quota_findings *f, const json_t *limits, const json_t *scope, const json_t *adjusted)
{
	const json_t *below = json_object_get(scope, "below");
	const char *name = json_string_value(json_object_get(scope, "scope"));
	struct quota_figures q, child;
	size_t i, k, n = name != NULL ? strlen(name) : 0;
	json_t *row, *s;

	json_array_foreach(limits, i, row)
	{
		int64_t sum = 0;

		if (n == 0 || !quota_figures_of(row, &q) || q.account.n <= n ||
			memcmp(q.account.p, name, n) != 0 || q.account.p[n] != '/')
			continue;
		json_array_foreach(below, k, s)
		{
			const char *c = json_string_value(json_object_get(s, "scope"));

			if (c != NULL && find(limits, c, str_skip(q.account, n + 1), &child))
				sum += child.own - by_hand(adjusted, child.account);
		}
		quota_check(f, QUOTA_RULE_PARENT, sum <= q.own - by_hand(adjusted, q.account),
			"%.*s: %" PRId64 " used, less than those below it: %" PRId64,
			STR_FMT(q.account), q.own, sum);
	}
	json_array_foreach(below, k, s) check_parent(f, limits, s, adjusted);
}

void quota_verify_page(struct quota_findings *f, const json_t *page, const json_t *adjusted)
{
	const json_t *limits = json_object_get(page, "limits"),
		     *tree = json_object_get(page, "tree");
	struct quota_figures q;
	json_t *row;
	size_t i;

	json_array_foreach(limits, i, row) if (quota_figures_of(row, &q)) check_limit(f, &q);
	json_array_foreach(tree, i, row) check_parent(f, limits, row, adjusted);
}
