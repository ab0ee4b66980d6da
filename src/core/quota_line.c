/*
 * quota_line.c: see quota_line.h.
 */
#include "core/quota_line.h"

#include "core/req.h"
#include "core/worker.h"
#include "io/mailbox.h"

/* ---- who is asked */

static struct {
	struct mail mail;
	_Atomic bool under_way;
	struct mailbox *box;
	void (*on_asked)(void *arg);
	void *arg;
} asked;

static void on_mail(struct mail *m, void *owner)
{
	(void)m;
	(void)owner;
	atomic_store(&asked.under_way, false); /* who asks from here on sends another one */
	asked.on_asked(asked.arg);
}

void quota_asked_set(struct mailbox *box, void (*on_asked)(void *arg), void *arg)
{
	asked.box = box;
	asked.on_asked = on_asked;
	asked.arg = arg;
	asked.mail.on_mail = on_mail;
	atomic_store(&asked.under_way, false);
}

void quota_asked(void)
{
	if (asked.box != NULL && !atomic_exchange(&asked.under_way, true))
		mailbox_send(asked.box, &asked.mail);
}

/* ---- the line */

static struct quota_waiter *first(struct quota_line *l)
{
	return list_empty(&l->waiters) ? NULL
				       : list_entry(l->waiters.next, struct quota_waiter, node);
}

static void clock_set(struct worker *w)
{
	struct quota_waiter *q = first(&w->quota_line);
	struct timeval tv;
	int64_t us;

	if (q == NULL) {
		event_del(&w->quota_line.clock);
		return;
	}
	us = TG_MAX(q->until_us - worker_now(w).us, 0);
	tv = (struct timeval){ us / 1000000, us % 1000000 };
	tg_assert(event_add(&w->quota_line.clock, &tv) == 0);
}

static void take_off(struct quota_line *l, struct quota_waiter *q)
{
	list_del(&q->node);
	q->waiting = false;
	atomic_fetch_sub_explicit(&l->n, 1, memory_order_relaxed);
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct quota_waiter *q;

	(void)fd;
	(void)what;
	while ((q = first(&w->quota_line)) != NULL && q->until_us <= worker_now(w).us) {
		take_off(&w->quota_line, q);
		req_resume(q->req);
	}
	clock_set(w);
}

void quota_line_init(struct worker *w)
{
	struct quota_line *l = &w->quota_line;

	list_init(&l->waiters);
	atomic_init(&l->n, 0);
	tg_assert(event_assign(&l->clock, w->base, -1, 0, on_clock, w) == 0);
}

void quota_line_fini(struct worker *w)
{
	event_del(&w->quota_line.clock);
}

/* Those that wait on have come before others that came in between. */
static void insert(struct quota_line *l, struct quota_waiter *q)
{
	struct list *at = l->waiters.prev;

	while (at != &l->waiters &&
		list_entry(at, struct quota_waiter, node)->until_us > q->until_us)
		at = at->prev;
	list_insert_after(at, &q->node);
}

bool quota_line_join(struct req *r, struct quota_waiter *q)
{
	struct quota_line *l = &r->w->quota_line;
	bool alone = list_empty(&l->waiters);

	if (q->waiting)
		return true;
	if (q->until_us == 0)
		q->until_us = worker_now(r->w).us + QUOTA_LINE_US;
	if (q->until_us <= worker_now(r->w).us ||
		atomic_load_explicit(&l->n, memory_order_relaxed) >= QUOTA_LINE_MAX)
		return false;
	q->req = r;
	list_init(&q->node);
	insert(l, q);
	q->waiting = true;
	atomic_fetch_add_explicit(&l->n, 1, memory_order_relaxed);
	if (alone)
		clock_set(r->w);
	return true;
}

void quota_line_leave(struct req *r, struct quota_waiter *q)
{
	if (q->waiting)
		take_off(&r->w->quota_line, q);
	q->until_us = 0; /* another leg has a wait of its own */
}

/* Those that join while this runs were asked already, and stand behind the last one. */
void quota_line_news(struct worker *w)
{
	struct quota_line *l = &w->quota_line;
	struct quota_waiter *q;
	struct list now;

	list_init(&now);
	while (!list_empty(&l->waiters))
		list_push_back(&now, list_pop_front(&l->waiters));
	while (!list_empty(&now)) {
		q = list_entry(now.next, struct quota_waiter, node);
		take_off(l, q);
		req_resume(q->req);
	}
	clock_set(w);
}
