/*
 * quota_page.c: see quota_page.h.
 */
#include "admin/quota_page.h"

#include "admin/quota_tree.h"
#include "core/plan.h"
#include "core/quota_text.h"
#include "proto/url.h"

#define VALUE_MAX 512

struct wanted {
	char buf[3][VALUE_MAX];
	struct str scope, dimension, tree;
};

/* -1: answered. */
static int read_query(struct admin_reply *r, struct str query, struct wanted *w)
{
	struct str name, value;

	while (url_query_next(&query, &name, &value)) {
		const struct {
			struct str name;
			struct str *to;
		} rows[] = { { STR("scope"), &w->scope }, { STR("dimension"), &w->dimension },
			{ STR("tree"), &w->tree } };
		size_t i = 0;

		while (i < TG_ARRAY_LEN(rows) && !str_eq(name, rows[i].name))
			i++;
		if (i == TG_ARRAY_LEN(rows)) {
			admin_reply_error(r, 400, "bad_request",
				"no parameter `%.*s`; there are scope (tenant:acme), dimension "
				"(cost) and tree (yes)",
				STR_FMT(name));
			return -1;
		}
		if (value.n >= VALUE_MAX ||
			url_decode(value, w->buf[i], value.n, rows[i].to) != 0) {
			admin_reply_error(r, 400, "bad_request",
				"the query is not name=value pairs, percent-encoded");
			return -1;
		}
	}
	if (w->dimension.n > 0 && quota_dim_find(w->dimension) == QUOTA_DIM__MAX) {
		admin_reply_error(
			r, 400, "bad_request", "no dimension `%.*s`", STR_FMT(w->dimension));
		return -1;
	}
	return 0;
}

static bool is_wanted(const struct wanted *w, const struct quota_slot *s)
{
	return (w->scope.n == 0 || str_eq(w->scope, s->scope)) &&
	       (w->dimension.n == 0 || str_eq(w->dimension, str_z(quota_dim_name(s->limit->dim))));
}

void quota_page(struct admin_reply *r, struct str query, const struct tg_conf *c)
{
	struct quota_time now = { clock_wall(), clock_mono() };
	struct outbuf *b = admin_reply_body(r);
	struct wanted w = { .scope = STR_NONE };
	bool some = false;

	if (read_query(r, query, &w) != 0)
		return;
	outbuf_lit(b, "{\"limits\":[");
	for (unsigned i = 0; i < c->quota.n_slots; i++) {
		if (!is_wanted(&w, &c->quota.slots[i]))
			continue;
		if (some)
			outbuf_lit(b, ",");
		some = true;
		quota_slot_json(b, &c->quota.slots[i], now, true);
	}
	outbuf_lit(b, "]");
	if (str_eq(w.tree, STR("yes"))) {
		outbuf_lit(b, ",\"tree\":");
		quota_tree_json(b, c);
	}
	outbuf_lit(b, "}\n");
}
