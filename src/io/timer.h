/*
 * timer.h: a timer wheel a worker owns: one libevent timer drives it, arming and moving are O(1).
 * Resolution TIMER_TICK_US: a timer fires at or after its deadline, up to one tick late.
 */
#ifndef TG_IO_TIMER_H
#define TG_IO_TIMER_H

#include <stdbool.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/list.h"

#define TIMER_TICK_US 50000
#define TIMER_SLOTS   1024

struct timer {
	struct list node;
	int64_t deadline_us; /* 0: not armed */
	void (*on_fire)(struct timer *);
};

struct timer_wheel {
	struct event tick;
	struct event_base *base;
	struct list slot[TIMER_SLOTS];
	int64_t tick_no; /* the last tick that was run */
	unsigned n_armed;
	bool ticking; /* the libevent timer is added */
	mono_us now;  /* refreshed by timer_wheel_now_set once a turn */
};

void timer_wheel_init(struct timer_wheel *w, struct event_base *base);
/* Stops the libevent timer. Timers still armed are taken off without firing. */
void timer_wheel_fini(struct timer_wheel *w);

/* The turn's clock read: what timer_arm counts from. The wheel sets it itself before it fires. */
static inline void timer_wheel_now_set(struct timer_wheel *w, mono_us now)
{
	w->now = now;
}

void timer_init(struct timer *t, void (*on_fire)(struct timer *));
/*
 * Arm or move: fires after_us from w->now. Moving to a later deadline only stores it (the wheel
 * finds out when the old slot comes up), so re-arming a clock for every read is free. The wheel
 * stops its libevent timer while nothing is armed. on_fire may arm, disarm or free any timer.
 */
void timer_arm(struct timer_wheel *w, struct timer *t, int64_t after_us);
void timer_disarm(struct timer_wheel *w, struct timer *t);

static inline bool timer_armed(const struct timer *t)
{
	return t->deadline_us != 0;
}

#endif
