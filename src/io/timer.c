/*
 * timer.c: a hashed timer wheel. A timer sits in the slot of the tick its deadline falls into
 * (modulo the wheel); a slot that comes up fires what is due and files the rest anew. Later
 * deadlines are only noted, so the slot of a timer is at or before its deadline, never behind it.
 * Runs on the thread of its event_base; owns one libevent timer, no timer objects.
 */
#include <event2/event.h>

#include "io/timer.h"

/* The first tick at or after t: a timer never fires early. */
static int64_t tick_after(int64_t t_us)
{
	return (t_us + TIMER_TICK_US - 1) / TIMER_TICK_US;
}

static void timer_file(struct timer_wheel *w, struct timer *t)
{
	int64_t tick = tick_after(t->deadline_us);

	if (tick <= w->tick_no)
		tick = w->tick_no + 1;
	list_push_back(&w->slot[tick % TIMER_SLOTS], &t->node);
}

static void timer_wheel_start(struct timer_wheel *w)
{
	static const struct timeval every = { 0, TIMER_TICK_US };

	if (w->ticking)
		return;
	/* All slots are empty, so the wheel may be turned to now without looking. */
	w->tick_no = w->now.us / TIMER_TICK_US;
	tg_assert(event_add(&w->tick, &every) == 0);
	w->ticking = true;
}

static void timer_wheel_stop(struct timer_wheel *w)
{
	if (w->ticking)
		event_del(&w->tick);
	w->ticking = false;
}

/*
 * The slot is moved to a list of its own first: on_fire may then take any timer off it, and one
 * that arms itself again lands in a later slot.
 */
static void timer_slot_run(struct timer_wheel *w, struct list *slot)
{
	struct list due, *n;

	if (list_empty(slot))
		return;
	list_insert_after(slot, &due);
	list_del(slot);
	while ((n = list_pop_front(&due)) != NULL) {
		struct timer *t = list_entry(n, struct timer, node);

		if (t->deadline_us > w->now.us) {
			timer_file(w, t);
			continue;
		}
		t->deadline_us = 0;
		w->n_armed--;
		t->on_fire(t);
	}
}

static void timer_wheel_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct timer_wheel *w = arg;
	int64_t last;

	(void)fd;
	(void)what;
	w->now = clock_mono();
	last = w->now.us / TIMER_TICK_US;
	if (last - w->tick_no > TIMER_SLOTS)
		w->tick_no = last - TIMER_SLOTS; /* a long stall: each slot once is enough */
	while (w->tick_no < last) {
		w->tick_no++;
		timer_slot_run(w, &w->slot[w->tick_no % TIMER_SLOTS]);
	}
	if (w->n_armed == 0)
		timer_wheel_stop(w);
}

void timer_wheel_init(struct timer_wheel *w, struct event_base *base)
{
	*w = (struct timer_wheel){ .base = base, .now = clock_mono() };
	for (size_t i = 0; i < TIMER_SLOTS; i++)
		list_init(&w->slot[i]);
	tg_assert(event_assign(&w->tick, base, -1, EV_PERSIST, timer_wheel_on_tick, w) == 0);
}

void timer_wheel_fini(struct timer_wheel *w)
{
	struct list *n;

	timer_wheel_stop(w);
	for (size_t i = 0; i < TIMER_SLOTS; i++)
		while ((n = list_pop_front(&w->slot[i])) != NULL)
			list_entry(n, struct timer, node)->deadline_us = 0;
	w->n_armed = 0;
}

void timer_init(struct timer *t, void (*on_fire)(struct timer *))
{
	list_init(&t->node);
	t->deadline_us = 0;
	t->on_fire = on_fire;
}

void timer_arm(struct timer_wheel *w, struct timer *t, int64_t after_us)
{
	int64_t deadline = TG_MAX(w->now.us + TG_MAX(after_us, 0), 1);

	tg_assert(t->on_fire != NULL);
	if (timer_armed(t)) {
		if (deadline < t->deadline_us) {
			list_del(&t->node);
			t->deadline_us = deadline;
			timer_file(w, t);
		}
		t->deadline_us = deadline;
		return;
	}
	timer_wheel_start(w);
	w->n_armed++;
	t->deadline_us = deadline;
	timer_file(w, t);
}

void timer_disarm(struct timer_wheel *w, struct timer *t)
{
	if (!timer_armed(t))
		return;
	tg_assert(w->n_armed > 0);
	list_del(&t->node);
	t->deadline_us = 0;
	w->n_armed--;
}
