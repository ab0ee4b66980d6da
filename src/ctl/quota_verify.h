/*
 * quota_verify.h: parts of `tgctl quota verify`: what each rule found.
 */
#ifndef TG_CTL_QUOTA_VERIFY_H
#define TG_CTL_QUOTA_VERIFY_H

#include <jansson.h>

#include "base/defs.h"
#include "base/str.h"

struct config;

enum quota_rule {
#define X(id, name, what) QUOTA_RULE_##id,
#include "ctl/tbl/quota_rules.h"
#undef X
	QUOTA_RULE__MAX
};

#define QUOTA_FINDINGS_MAX 50 /* that are kept; all are counted */

struct quota_findings {
	uint64_t checked[QUOTA_RULE__MAX], broken[QUOTA_RULE__MAX];
	uint64_t busy; /* accounts whose figures moved while they were compared */
	struct quota_finding {
		enum quota_rule rule;
		char text[320];
	} v[QUOTA_FINDINGS_MAX];
	size_t n;
};

/* One more look at a rule; not ok: what is wrong. */
void quota_check(struct quota_findings *f, enum quota_rule rule, bool ok, const char *fmt, ...)
	TG_PRINTF(4, 5);

/* ---- quota_verify_page.c: the gateway's page (GET /admin/v1/quota) */

struct quota_figures { /* of one limit: nano-USD or numbers */
	struct str account, dimension;
	int64_t limit, used, held, own, over;
	int64_t granted, all_granted, all_settled; /* of a shared one */
	bool shared, known;
};

/* False: the row is no stock (a rate, a number at a time, a rolling window), or is not one of ours.
 */
bool quota_figures_of(const json_t *row, struct quota_figures *out);
/* adjusted: account -> what was added by hand (quota_changes_read). */
void quota_verify_page(struct quota_findings *f, const json_t *page, const json_t *adjusted);

/* ---- quota_verify_ledger.c: the ledger, changes by hand, the access log */

/* The sums of quota.changes in the ledger's folder, by account. NULL: said already. */
json_t *quota_changes_read(const char *ledger) TG_MUST_CHECK;
/* Account -> [what the ledger has of it, of how many requests]. NULL: said already. */
json_t *quota_books_read(const char *config, const char *ledger) TG_MUST_CHECK;
/* Pages from before and after the books were read: accounts that moved meanwhile are passed over.
 */
void quota_verify_books(struct quota_findings *f, const json_t *before, const json_t *after,
	const json_t *books, const json_t *adjusted);
/* The rules of `tgctl ledger verify`, as two. -1: said already. */
int quota_verify_ledger(struct quota_findings *f, const char *ledger) TG_MUST_CHECK;
void quota_verify_log(struct quota_findings *f, const char *path);

#endif
