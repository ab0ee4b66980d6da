/*
 * shadow.c: see shadow.h.
 *
 *	original: SEND --held--> draw -> copy of head and body -> a connection without a client
 *	end of the turn: conn_run_again -> the ordinary pipeline, ADMIT to SETTLE
 *
 * Runs on the original's worker; plan_shadows on the control thread.
 */
#include "core/shadow.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/choice.h"
#include "core/fields.h"
#include "core/plan.h"
#include "core/req.h"
#include "core/tags.h"
#include "proto/http1_out.h"

#define HEAD_ROOM 128 /* of a copy's head, beside what comes from its original */

/* ---- the plan */

/* The key's tags, and whose copy it is: reports and budgets can tell them. */
static struct str shadow_tags(struct arena *a, const struct key *k, struct str of)
{
	struct conf_tag tag = { STR(SHADOW_TAG), of };
	struct conf_tags one = { &tag, 1 }, all = tags_merge(a, &k->tags, &one);
	struct str json = tags_json(a, &all);

	return json.n > 0 && json.n <= REC_TAGS_MAX ? json : k->tags_json;
}

int plan_shadows(struct tg_conf *c, const struct conf_pos **at, char *why, size_t why_size)
{
	for (unsigned i = 0; i < c->n_models; i++) {
		struct model *m = &c->models[i];
		const struct cfg_shadow *v = m->cfg->shadow.v;

		if (m->cfg->shadow.n == 0)
			continue;
		m->shadow = arena_zalloc(&c->arena, m->cfg->shadow.n * sizeof *m->shadow);
		tg_assert(m->shadow != NULL);
		m->n_shadows = (unsigned)m->cfg->shadow.n;
		for (unsigned k = 0; k < m->n_shadows; k++) {
			struct shadow *s = &m->shadow[k];

			s->to = plan_find_model(c, v[k].to);
			s->key = plan_key_by_id(c, v[k].key);
			tg_assert(s->to != NULL && s->key != NULL); /* config_check.c */
			s->tags_json = shadow_tags(&c->arena, s->key, m->name);
			s->share_bp = (uint32_t)v[k].share_bp;
			s->max_body = (size_t)v[k].max_body;
			s->max_in_flight = (unsigned)v[k].in_flight;
			if (key_may_use(s->key, s->to))
				continue;
			*at = &v[k].pos;
			snprintf(why, why_size,
				"key '%.*s' pays for the shadow and may not use model '%.*s': add "
				"it to the `models` of the key, or of its tier",
				STR_FMT(v[k].key), STR_FMT(v[k].to));
			return -1;
		}
	}
	return 0;
}

/* ---- the copy */

/* Whole in memory, of a model, and with an answer that is metered: what else there is would change
 * something at the provider, or could not be paid for. */
static bool is_copied(const struct req *r)
{
	return r->shadow == NULL && r->hedge == NULL && r->forced == NULL && r->upload == NULL &&
	       r->body_kind == BODY_KIND_JSON && r->ep.ep->meter != METER_NONE && leg_is_billed(r);
}

/* Room in what may be under way; taken. */
static bool take_place(struct shadow *s)
{
	unsigned n = atomic_fetch_add_explicit(&s->in_flight, 1, memory_order_relaxed);

	if (n < s->max_in_flight)
		return true;
	atomic_fetch_sub_explicit(&s->in_flight, 1, memory_order_relaxed);
	return false;
}

/* What a provider would be told of the original, without its client's credentials. */
static void copy_head(const struct req *r, struct http_out *o, char *query)
{
	struct str q = url_query_without(r->url.query, STR("key"), query);

	http_out_str(o, http_method_text(&r->head));
	http_out_lit(o, " ");
	http_out_str(o, r->url.path);
	if (q.n > 0) {
		http_out_lit(o, "?");
		http_out_str(o, q);
	}
	http_out_lit(o, " HTTP/1.1\r\nhost: shadow\r\n");
	fields_to_provider(o, &r->head);
	http_out_field_u64(o, STR("content-length"), r->body_len);
	http_out_end(o);
}

char *req_copy_bytes(const struct req *r, size_t *n, size_t *cap)
{
	size_t room = (size_t)r->head.head_len + r->head.n_fields + r->url.path.n +
		      2 * r->url.query.n + HEAD_ROOM;
	char *p = block_pool_take(&r->w->blocks, room + r->body_len, cap);
	struct http_out o;

	if (p == NULL)
		return NULL;
	/* the query is made where the body comes later */
	http_out_init(&o, p, room - r->url.query.n);
	copy_head(r, &o, p + room - r->url.query.n);
	if (!http_out_ok(&o)) {
		block_pool_give(&r->w->blocks, p, *cap);
		return NULL;
	}
	memcpy(p + o.n, r->body, r->body_len);
	*n = o.n + r->body_len;
	return p;
}

static bool copy_begin(struct req *r, struct shadow *s)
{
	struct shadow_job *j;
	size_t n, cap;
	char *bytes;

	if (r->w->draining || r->conf_ref != r->w->conf || r->body_len > s->max_body ||
		!take_place(s))
		return false;
	bytes = req_copy_bytes(r, &n, &cap);
	if (bytes == NULL) {
		atomic_fetch_sub_explicit(&s->in_flight, 1, memory_order_relaxed);
		return false;
	}
	j = calloc(1, sizeof *j);
	tg_assert(j != NULL);
	*j = (struct shadow_job){
		.shadow = s, .conf = r->conf_ref, .key = r->key, .of = r->rec_id
	};
	conf_ref_get(j->conf);
	wc_add(&r->w->stats, WC_SHADOWS_IN_FLIGHT, 1);
	conn_open_copy(r, bytes, n, cap)->shadow = j;
	return true;
}

/* For x-tollgate-explain: what became of it. Who pays is nothing to the client. */
static void say(struct req *r, const struct shadow *s, const char *what)
{
	char text[CHOICE_TEXT_MAX];
	int n;

	if (TG_LIKELY(r->route_text.n == 0))
		return;
	n = snprintf(text, sizeof text, "%.*s; shadow %.*s: %s", STR_FMT(r->route_text),
		STR_FMT(s->to->name), what);
	if (n > 0 && (size_t)n < sizeof text)
		r->route_text = arena_dup(&r->arena, str_mk(text, (size_t)n));
}

void shadow_copies(struct req *r)
{
	struct model *m = r->model;

	if (!is_copied(r))
		return;
	for (unsigned i = 0; i < m->n_shadows; i++) {
		struct shadow *s = &m->shadow[i];

		if (worker_random(r->w) % 10000 >= s->share_bp) {
			say(r, s, "not drawn");
		} else if (copy_begin(r, s)) {
			say(r, s, "copied");
		} else {
			say(r, s, "dropped");
			wc_add(&r->w->stats, WC_SHADOWS_DROPPED, 1);
		}
	}
}

bool shadow_may_begin(const struct worker *w, const struct shadow_job *j)
{
	return w->conf == j->conf && !w->draining;
}

void shadow_end(struct worker *w, struct shadow_job *j)
{
	if (!j->settled)
		wc_add(&w->stats, WC_SHADOWS_DROPPED, 1);
	wc_sub(&w->stats, WC_SHADOWS_IN_FLIGHT, 1);
	atomic_fetch_sub_explicit(&j->shadow->in_flight, 1, memory_order_relaxed);
	conf_ref_put(j->conf);
	free(j);
}

/* Was it a limit, its budget most likely? */
static bool is_refused(const struct req *r)
{
	switch (r->error) {
	case TG_E_INSUFFICIENT_QUOTA:
	case TG_E_RATE_REQUESTS:
	case TG_E_RATE_TOKENS:
	case TG_E_QUOTA_UNAVAILABLE:
	case TG_E_COST_CEILING: return true;
	default: return false;
	}
}

void shadow_count(struct req *r)
{
	struct worker_stats *s = &r->w->stats;

	r->conn->shadow->settled = true;
	if (r->leg.no == 0) {
		wc_add(s, is_refused(r) ? WC_SHADOWS_REFUSED : WC_SHADOWS_DROPPED, 1);
		return;
	}
	wc_add(s, WC_SHADOWS_SENT, 1);
	if (r->status / 100 != 2 || !r->leg.complete)
		wc_add(s, WC_SHADOWS_FAILED, 1);
}
