/*
 * quotaops.c: see quotaops.h.
 */
#include "quotaops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "core/quota_text.h"
#include "quotaops_file.h"

#define NANO_DIGITS 9
#define TEXT_MAX    256
#define SUM_MAX     (INT64_C(1) << 61)

/* ---- what was changed */

struct adjusted { /* what was added to an account */
	struct adjusted *next;
	char *account;
	int64_t sum;
};

struct set { /* a limit that was given another amount */
	struct set *next;
	char *scope;
	struct quota_limit limit;
};

static struct {
	struct adjusted *adjusted;
	struct set *set;
	int64_t changed_ms; /* when a limit was set the last time */
} ops;

static struct adjusted *adjusted_find(struct str account)
{
	struct adjusted *a = ops.adjusted;

	while (a != NULL && !str_eq(account, str_z(a->account)))
		a = a->next;
	return a;
}

static void adjusted_add(struct str account, int64_t amount)
{
	struct adjusted *a = adjusted_find(account);

	if (a == NULL) {
		a = calloc(1, sizeof *a);
		tg_assert(a != NULL);
		a->account = str_dup(account);
		a->next = ops.adjusted;
		ops.adjusted = a;
	}
	/* beyond what any account counts it makes no difference */
	a->sum = TG_MAX(TG_MIN(a->sum + amount, SUM_MAX), -SUM_MAX);
}

int64_t quotaops_adjusted(struct str account)
{
	const struct adjusted *a = adjusted_find(account);

	return a != NULL ? a->sum : 0;
}

static struct set **set_find(struct str scope, const struct quota_limit *l)
{
	struct set **s = &ops.set;

	while (*s != NULL &&
		!(str_eq(scope, str_z((*s)->scope)) && quota_limit_same(&(*s)->limit, l)))
		s = &(*s)->next;
	return s;
}

static void set_put(struct str scope, const struct quota_limit *l)
{
	struct set **at = set_find(scope, l);

	if (*at == NULL) {
		*at = calloc(1, sizeof **at);
		tg_assert(*at != NULL);
		(*at)->scope = str_dup(scope);
	}
	(*at)->limit = *l;
}

static void set_free(struct set *s)
{
	free(s->scope);
	free(s);
}

/* Back to what the configuration says, in all periods of the dimension. */
static void set_clear(struct str scope, enum quota_dim dim)
{
	for (struct set **at = &ops.set, *s; (s = *at) != NULL;) {
		if (!str_eq(scope, str_z(s->scope)) || s->limit.dim != dim) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		set_free(s);
	}
}

static bool is_scope(const struct quota_slot *s, struct str scope, enum quota_dim dim)
{
	return str_eq(s->scope, scope) && s->limit->dim == dim && s->source == QUOTA_SOURCE_LIMIT;
}

static void set_at(wall_us at)
{
	ops.changed_ms = TG_MAX(ops.changed_ms, at.us / 1000);
}

int64_t quotaops_changed_ms(void)
{
	return ops.changed_ms;
}

void quotaops_apply(struct tg_conf *c)
{
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		struct quota_slot *s = &c->quota.slots[i];
		const struct set *set = *set_find(s->scope, s->limit);

		if (s->source != QUOTA_SOURCE_LIMIT)
			set = NULL;
		/* parts that a configuration keeps since are its word on how much it is */
		plan_quota_set_amount(c, s, set != NULL ? TG_MAX(set->limit.amount, s->kept) : -1);
	}
}

/* ---- lines of the file */

static const char *text_of(const json_t *j, const char *name)
{
	const char *v = json_string_value(json_object_get(j, name));

	return v != NULL ? v : "";
}

static int read_set(const json_t *line)
{
	struct str scope = str_z(text_of(line, "scope"));
	enum quota_dim dim = quota_dim_find(str_z(text_of(line, "dimension")));
	const char *limit = text_of(line, "after");
	struct quota_limit l;
	char why[TEXT_MAX];
	wall_us at;

	if (scope.n == 0 || dim == QUOTA_DIM__MAX ||
		clock_parse(str_z(text_of(line, "time")), &at) != 0)
		return -1;
	set_at(at);
	if (strcmp(limit, "configured") == 0) {
		set_clear(scope, dim);
		return 0;
	}
	if (quota_limit_parse(dim, str_z(limit), &l, why, sizeof why) != 0)
		return -1;
	set_put(scope, &l);
	return 0;
}

static int read_line(void *arg, const json_t *line)
{
	const char *op = text_of(line, "op");
	const json_t *amount = json_object_get(line, "amount");

	(void)arg;
	if (strcmp(op, "set") == 0)
		return read_set(line);
	if (strcmp(op, "adjust") != 0 || !json_is_integer(amount) ||
		json_integer_value(amount) > QUOTA_AMOUNT_MAX ||
		json_integer_value(amount) < -QUOTA_AMOUNT_MAX ||
		text_of(line, "account")[0] == '\0')
		return -1;
	adjusted_add(str_z(text_of(line, "account")), json_integer_value(amount));
	return 0;
}

int quotaops_open(const char *ledger, char *err, size_t err_len)
{
	return ledger != NULL ? quotaops_file_open(ledger, read_line, NULL, err, err_len) : 0;
}

void quotaops_close(void)
{
	struct adjusted *a;
	struct set *s;

	quotaops_file_close();
	while ((a = ops.adjusted) != NULL) {
		ops.adjusted = a->next;
		free(a->account);
		free(a);
	}
	while ((s = ops.set) != NULL) {
		ops.set = s->next;
		set_free(s);
	}
}

/* ---- what is asked */

struct asked {
	json_t *j; /* what the strings are part of */
	struct str scope, value;
	enum quota_dim dim;
	const char *why, *who;
};

static int refuse(struct admin_reply *r, unsigned status, const char *code, const char *why)
{
	admin_reply_error(r, status, code, "%s", why);
	return -1;
}

/* -1: answered. */
static int read_asked(struct admin_reply *r, struct str body, struct asked *a)
{
	a->j = json_loadb(body.p, body.n, 0, NULL);
	a->scope = str_z(text_of(a->j, "scope"));
	a->value = str_z(text_of(a->j, "value"));
	a->dim = quota_dim_find(str_z(text_of(a->j, "dimension")));
	a->why = text_of(a->j, "why");
	a->who = text_of(a->j, "who");
	if (!quotaops_file_is_open())
		return refuse(r, 409, "no_ledger",
			"changes are kept in the ledger's folder, and there is no ledger");
	if (!json_is_object(a->j) || a->scope.n == 0 || a->value.n == 0 || a->why[0] == '\0' ||
		a->who[0] == '\0' || a->value.n > TEXT_MAX)
		return refuse(r, 400, "bad_request",
			"the body is {\"scope\", \"dimension\", \"value\", \"why\", \"who\"}, all "
			"text");
	if (a->dim == QUOTA_DIM__MAX)
		return refuse(r, 400, "bad_request", "there is no such dimension");
	return 0;
}

/* Keeps the change; -1: answered, and it is not in force. */
static int keep(struct admin_reply *r, const char *op, const struct asked *a, struct str account,
	int64_t amount, const char *before, const char *after)
{
	char err[TEXT_MAX * 2], when[CLOCK_ISO_LEN];
	json_t *line;
	int rc;

	clock_iso(when, clock_wall());
	line = json_pack("{s:s%, s:s, s:s, s:s%, s:s%, s:s, s:s%, s:I, s:s, s:s}", "time", when,
		(size_t)CLOCK_ISO_LEN, "op", op, "who", a->who, "why", a->why, strlen(a->why),
		"scope", a->scope.p, a->scope.n, "dimension", quota_dim_name(a->dim), "account",
		account.p, account.n, "amount", (json_int_t)amount, "before", before, "after",
		after);
	if (line == NULL)
		return refuse(r, 400, "bad_request", "text is UTF-8");
	rc = quotaops_file_add(line, err, sizeof err);
	json_decref(line);
	if (rc != 0)
		return refuse(r, 500, "not_written", err);
	log_notice("limit changed by hand",
		"op=%s account=%.*s before=\"%s\" after=\"%s\" who=\"%s\" why=\"%s\"", op,
		STR_FMT(account), before, after, a->who, a->why);
	return 0;
}

static void say_change(struct admin_reply *r, bool *some, struct str account, const char *before,
	const char *after)
{
	struct outbuf *b = admin_reply_body(r);

	outbuf_printf(b, "%s{\"account\":", *some ? "," : "{\"changes\":[");
	*some = true;
	outbuf_json(b, account);
	outbuf_lit(b, ",\"before\":");
	outbuf_json(b, str_z(before));
	outbuf_lit(b, ",\"after\":");
	outbuf_json(b, str_z(after));
	outbuf_lit(b, "}");
}

/* ---- adjust */

struct amount {
	int64_t v; /* with its sign */
	bool one;  /* only the limit that is like this: */
	struct quota_limit like;
};

/* "-2.50", "+100", "-2.50 usd/month". -1: answered. */
static int read_amount(struct admin_reply *r, const struct asked *a, struct amount *out)
{
	struct str text = a->value, digits;
	bool minus = text.p[0] == '-';
	char why[TEXT_MAX];
	size_t slash;

	if (minus || text.p[0] == '+')
		text = str_skip(text, 1);
	slash = str_chr(text, '/');
	out->one = slash != (size_t)-1;
	if (out->one && quota_limit_parse(a->dim, text, &out->like, why, sizeof why) != 0)
		return refuse(r, 400, "bad_request", why);
	digits = str_trim(text);
	if (out->one)
		out->v = out->like.amount;
	else if (str_ends(digits, STR(" usd")))
		digits = str_trim(str_mk(digits.p, digits.n - 4));
	if (!out->one &&
		(num_parse_decimal(digits, a->dim == QUOTA_COST ? NANO_DIGITS : 0, &out->v) != 0 ||
			out->v < 0 || out->v > QUOTA_AMOUNT_MAX))
		return refuse(r, 400, "bad_request",
			"the value is an amount with its sign, as in -2.50 or +100; of one period, "
			"-2.50 usd/month");
	if (minus)
		out->v = -out->v;
	return 0;
}

static int adjust_one(struct admin_reply *r, const struct asked *asked, struct quota_account *a,
	int64_t amount, bool *some)
{
	char before[QUOTA_AMOUNT_LEN + 1], after[QUOTA_AMOUNT_LEN + 1];
	int64_t settled = atomic_load(&a->settled);

	if (amount < 0 && quota_account_leased(a))
		return refuse(r, 409, "shared",
			"what is used of a limit that several gateways share cannot be made less; "
			"raise the limit instead: tgctl quota set");
	if (amount < -settled)
		amount = -settled; /* nothing is used less than not at all */
	before[quota_amount_put(before, a->dim, settled)] = '\0';
	after[quota_amount_put(after, a->dim, settled + amount)] = '\0';
	if (keep(r, "adjust", asked, a->name, amount, before, after) != 0)
		return -1;
	adjusted_add(a->name, amount);
	quota_account_adjust(a, amount);
	say_change(r, some, a->name, before, after);
	return 0;
}

void quotaops_adjust_page(struct admin_reply *r, struct str body, struct tg_conf *c)
{
	struct asked asked = { .j = NULL };
	struct amount amount = { .v = 0 };
	bool some = false;
	int rc = read_asked(r, body, &asked);

	if (rc == 0)
		rc = read_amount(r, &asked, &amount);
	for (unsigned i = 0; rc == 0 && i < c->quota.n_slots; i++) {
		struct quota_slot *s = &c->quota.slots[i];

		if (!is_scope(s, asked.scope, asked.dim) || s->limit->kind != QUOTA_STOCK ||
			(amount.one && !quota_limit_same(s->limit, &amount.like)))
			continue;
		rc = adjust_one(r, &asked, atomic_load(&s->now), amount.v, &some);
	}
	if (rc == 0 && some)
		admin_reply_printf(r, "]}\n");
	else if (rc == 0)
		(void)refuse(r, 404, "no_such_limit",
			"that scope has no limit a calendar period of that dimension (`tgctl quota "
			"show` lists them)");
	json_decref(asked.j);
}

/* ---- set */

static int set_one(struct admin_reply *r, const struct asked *a, struct quota_slot *s,
	int64_t amount, bool *some)
{
	char before[QUOTA_LIMIT_LEN + 1], after[QUOTA_LIMIT_LEN + 1] = "configured";
	struct quota_limit l = *s->limit;
	struct str account = atomic_load(&s->now)->name;

	if (amount >= 0 && amount < s->kept)
		return refuse(r, 409, "kept",
			"that is less than the parts that are kept for tenants (`reserved`), which "
			"they may use all the same: make those smaller first");
	l.amount = s->whole;
	before[quota_limit_put(before, &l)] = '\0';
	l.amount = amount;
	if (amount >= 0)
		after[quota_limit_put(after, &l)] = '\0';
	if (keep(r, "set", a, account, amount, before, after) != 0)
		return -1;
	if (amount >= 0)
		set_put(a->scope, &l);
	say_change(r, some, account, before, after);
	return 0;
}

void quotaops_set_page(struct admin_reply *r, struct str body, struct tg_conf *c)
{
	struct asked asked = { .j = NULL };
	struct quota_limit to = { .amount = -1 };
	bool some = false, back;
	char why[TEXT_MAX];
	int rc = read_asked(r, body, &asked);

	back = str_eq(asked.value, STR("configured"));
	if (rc == 0 && !back &&
		quota_limit_parse(asked.dim, asked.value, &to, why, sizeof why) != 0)
		rc = refuse(r, 400, "bad_request", why);
	for (unsigned i = 0; rc == 0 && i < c->quota.n_slots; i++) {
		struct quota_slot *s = &c->quota.slots[i];

		if (is_scope(s, asked.scope, asked.dim) &&
			(back || quota_limit_same(s->limit, &to)))
			rc = set_one(r, &asked, s, to.amount, &some);
	}
	if (rc == 0 && back)
		set_clear(asked.scope, asked.dim);
	if (rc == 0 && some) {
		set_at(clock_wall());
		quotaops_apply(c);
		plan_quota_apply(c);
		admin_reply_printf(r, "]}\n");
	} else if (rc == 0) {
		(void)refuse(r, 404, "no_such_limit",
			"that scope has no limit of that dimension and period (`tgctl quota show` "
			"lists them); a new one goes into the configuration");
	}
	json_decref(asked.j);
}
