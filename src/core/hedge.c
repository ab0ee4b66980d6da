/*
 * hedge.c: see hedge.h.
 *
 *	SEND --held--> clock --no byte yet--> the twin begins at the end of the turn
 *	head of the original's answer: the twin is cancelled
 *	head of the twin's (2xx): the two change connections, and the original is cancelled
 *
 * Runs on the request's worker.
 */
#include "core/hedge.h"

#include <stdlib.h>

#include "conf/types.h"
#include "core/attempt.h"
#include "core/plan.h"
#include "core/req.h"
#include "core/shadow.h"

#define HEDGE_ONE   10000
#define HEDGE_BURST (8 * HEDGE_ONE) /* what quiet times save up */

int hedge_parse(struct str after, int64_t *after_us, struct conf_why *why)
{
	static const struct conf_directive d = {
		.name = "after", .type = CONF_DURATION, .min = 1000, .max = 600000000
	};

	*after_us = 0;
	return str_eq(after, STR("p95")) ? 0 : conf_type_read(&d, after, after_us, why);
}

/* ---- the p95 of the first byte */

/* Up by 9.5 % for each that was slower, down by 0.5 % for each that was not: where one of 20 is
 * slower it stays. A lost update is one sample less. */
static void learn(struct model_hedge *m, int64_t us)
{
	int64_t q = atomic_load_explicit(&m->p95_us, memory_order_relaxed);
	unsigned n = atomic_load_explicit(&m->samples, memory_order_relaxed);

	if (us <= 0)
		return;
	if (n < HEDGE_SAMPLES)
		atomic_store_explicit(&m->samples, n + 1, memory_order_relaxed);
	if (n == 0)
		q = us;
	else
		q += us > q ? q * 19 / 200 + 1 : -(q / 200);
	atomic_store_explicit(&m->p95_us, q, memory_order_relaxed);
}

int64_t hedge_due_us(const struct model_hedge *m)
{
	if (m->after_us > 0)
		return m->after_us;
	if (atomic_load_explicit(&m->samples, memory_order_relaxed) < HEDGE_SAMPLES)
		return 0;
	return TG_MAX(atomic_load_explicit(&m->p95_us, memory_order_relaxed), (int64_t)1000);
}

/* ---- the budget: a share of the requests */

static void credit_add(struct model_hedge *m)
{
	int64_t c = atomic_load_explicit(&m->credit, memory_order_relaxed);

	if (c < HEDGE_BURST)
		atomic_fetch_add_explicit(&m->credit, m->share_bp, memory_order_relaxed);
}

static bool credit_take(struct model_hedge *m)
{
	int64_t c = atomic_load_explicit(&m->credit, memory_order_relaxed);

	while (c >= HEDGE_ONE)
		if (atomic_compare_exchange_weak_explicit(&m->credit, &c, c - HEDGE_ONE,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

bool hedge_is_used_up(const struct model_hedge *m)
{
	return atomic_load_explicit(&m->credit, memory_order_relaxed) + m->share_bp < HEDGE_ONE;
}

/* ---- the original */

/* Still without a byte of an answer, at its first target? */
static bool is_slow(const struct req *r)
{
	const struct attempt *a = r->attempt;

	return a != NULL && a->state == ATTEMPT_SEND && a->send_done && !a->got_byte &&
	       r->n_attempts == 1 && !r->drained && !r->conn->lost;
}

static void hedge_free(struct hedge *h)
{
	if (h->original == NULL && h->twin == NULL && !h->waiting)
		free(h);
}

static bool twin_send(struct req *r, struct hedge *h)
{
	size_t n, cap;
	char *bytes;

	if (r->w->draining || r->conf_ref != r->w->conf || !credit_take(h->plan))
		return false;
	bytes = req_copy_bytes(r, &n, &cap);
	if (bytes == NULL)
		return false;
	h->waiting = true;
	conn_open_copy(r, bytes, n, cap)->hedge = h;
	return true;
}

static void hedge_on_clock(struct timer *t)
{
	struct hedge *h = TG_CONTAINER_OF(t, struct hedge, clock);

	if (is_slow(h->original) && !twin_send(h->original, h))
		wc_add(&h->original->w->stats, WC_HEDGES_REFUSED, 1);
}

/* A text request that can be asked twice, and whose client takes an answer to the twin as one to
 * itself: the twin's head is HTTP/1.1 and knows no origin. */
const char *hedge_why_not(const struct req *r, const struct model_hedge *m)
{
	if (r->hedge != NULL || r->shadow != NULL)
		return "it is a copy itself";
	if (r->forced != NULL)
		return "its path names its target";
	if (r->model->n_routes < 2)
		return "its model has one target";
	if (!r->body_done || r->body_kind != BODY_KIND_JSON || r->ep.ep->meter == METER_NONE ||
		!leg_is_billed(r))
		return "it asks for no text";
	if (r->body_len > m->max_body)
		return "its body is longer than max_body";
	if (r->head.minor != 1 || r->head.first[HTTP_N_ORIGIN] != 0)
		return "it is of HTTP/1.0 or of a page in a browser";
	return NULL;
}

void hedge_watch(struct req *r)
{
	struct model_hedge *m = r->model->hedge;
	int64_t after_us = hedge_due_us(m);
	struct hedge *h;

	if (hedge_why_not(r, m) != NULL)
		return;
	credit_add(m);
	h = calloc(1, sizeof *h);
	tg_assert(h != NULL);
	h->original = r;
	h->of = r->rec_id;
	h->plan = m;
	h->sent = worker_now(r->w);
	timer_init(&h->clock, hedge_on_clock);
	if (after_us > 0)
		timer_arm(&r->w->wheel, &h->clock, after_us);
	r->hedge = h;
}

/* ---- the twin */

bool hedge_may_begin(const struct worker *w, const struct hedge *h)
{
	return h->original != NULL && !h->decided && h->original->conf_ref == w->conf &&
	       !w->draining && is_slow(h->original);
}

void hedge_gone(struct hedge *h)
{
	h->waiting = false;
	hedge_free(h);
}

bool hedge_is_twin(const struct req *r)
{
	return r->hedge != NULL && r->hedge->twin == r && !r->hedge->decided;
}

static int copy_str(struct req *r, struct str *to, struct str from)
{
	*to = from.n > 0 ? arena_dup(&r->arena, from) : from;
	return to->n == from.n ? 0 : -1;
}

int hedge_begin(struct req *r, struct hedge *h)
{
	const struct req *o = h->original;

	if (copy_str(r, &r->session, o->session) != 0 ||
		copy_str(r, &r->end_user, o->end_user) != 0 ||
		copy_str(r, &r->model_asked, o->model_asked) != 0 ||
		copy_str(r, &r->degraded, o->degraded) != 0 ||
		copy_str(r, &r->tags_json, o->tags_json) != 0)
		return -1;
	if (o->tags_json.p == o->key->tags_json.p) /* none of its own: plan_quota_path.c */
		r->tags_json = o->tags_json;
	r->key = o->key;
	r->tenant = o->tenant;
	h->waiting = false;
	h->twin = r;
	r->hedge = h;
	return 0;
}

void hedge_take_model(struct req *r)
{
	const struct req *o = r->hedge->original;

	r->model = o->model;
	r->model_first = o->model_first;
	r->fallback_at = o->fallback_at;
	r->rule = o->rule;
	r->preset = o->preset;
	r->is_degraded = o->is_degraded;
	r->tried = o->tried;
	r->ceiling = o->ceiling;
}

/* ---- the end of the race */

static void change_connections(struct req *a, struct req *b)
{
	struct conn *c = a->conn;

	a->conn = b->conn;
	b->conn = c;
	a->conn->req = a;
	b->conn->req = b;
}

/* The twin has the client from here on. */
static void twin_wins(struct hedge *h)
{
	struct req *o = h->original, *t = h->twin;

	wc_add(&t->w->stats, WC_HEDGES_WON, 1);
	learn(h->plan, mono_since(worker_now(t->w), h->sent));
	change_connections(o, t);
	t->keep_alive = o->keep_alive;
	t->dialect = o->dialect;
	t->head.te_trailers = o->head.te_trailers;
	o->keep_alive = false;
	req_abort(o, END_HEDGED);
}

void hedge_head(struct req *r, int status)
{
	struct hedge *h = r->hedge;

	if (h->decided)
		return;
	if (r == h->original) {
		if (status / 100 == 2)
			learn(h->plan, mono_since(worker_now(r->w), h->sent));
		h->decided = true;
		timer_disarm(&r->w->wheel, &h->clock);
		if (h->twin != NULL)
			req_abort(h->twin, END_HEDGED);
		return;
	}
	if (status / 100 != 2 || h->original == NULL)
		return; /* the original goes on */
	h->decided = true;
	twin_wins(h);
}

void hedge_leave(struct req *r)
{
	struct hedge *h = r->hedge;

	if (r != h->original || h->decided)
		return;
	h->decided = true;
	timer_disarm(&r->w->wheel, &h->clock);
	if (h->twin != NULL)
		req_abort(h->twin, END_HEDGED);
}

void hedge_settled(struct req *r)
{
	struct hedge *h = r->hedge;

	hedge_leave(r);
	r->hedge = NULL;
	if (r == h->original) {
		timer_disarm(&r->w->wheel, &h->clock);
		h->original = NULL;
	} else {
		if (r->leg.no > 0)
			wc_add(&r->w->stats, WC_HEDGES_SENT, 1);
		else
			wc_add(&r->w->stats, WC_HEDGES_REFUSED, 1);
		h->twin = NULL;
	}
	hedge_free(h);
}
