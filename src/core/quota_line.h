/*
 * quota_line.h: requests that wait for a grant, at most QUOTA_LINE_US each. A worker has one line,
 * in order of arrival, so that one clock is enough: the first one's. (The timer wheel's ticks are
 * as long as the whole wait.)
 *
 *	lacks --quota_line_join--> line, and the control thread is asked (quota_asked)
 *	                            |  news of grants, or the end of its time: req_resume
 *	                            v
 *	                      the step runs again; quota_line_leave when it has an answer
 *
 * All on the request's worker but quota_asked_set.
 */
#ifndef TG_CORE_QUOTA_LINE_H
#define TG_CORE_QUOTA_LINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/list.h"

#define QUOTA_LINE_US  50000
#define QUOTA_LINE_MAX 4096 /* of a worker */

struct req;
struct worker;
struct mailbox;

struct quota_waiter { /* in the request; zeroed: has not waited */
	struct list node;
	struct req *req;
	int64_t until_us; /* monotonic; 0: has not waited yet */
	bool waiting;     /* in the line */
};

struct quota_line { /* in the worker */
	struct list waiters;
	_Atomic unsigned n; /* read by the control thread */
	struct event clock;
};

void quota_line_init(struct worker *w);
void quota_line_fini(struct worker *w);

/*
 * Wait, or wait on: until_us is that of the first time. False: its time is over, or the line is
 * full; then it is not in the line.
 */
bool quota_line_join(struct req *r, struct quota_waiter *q);
/* Of whatever state. */
void quota_line_leave(struct req *r, struct quota_waiter *q);
/* There is news: everybody tries again, in order. */
void quota_line_news(struct worker *w);

/*
 * Who is told that a request lacks something, from any worker: mail with on_mail to that box, one
 * under way at a time. NULL: nobody. Before workers start, and after they have ended.
 */
void quota_asked_set(struct mailbox *box, void (*on_asked)(void *arg), void *arg);
void quota_asked(void);

#endif
