/*
 * event_hold.h: a sink that lets only whole Server-Sent Events through, so that an answer that
 * breaks off in the middle of one can still end in an error event every SDK understands. Holds at
 * most EVENT_HOLD_MAX bytes, and only while a read ends inside an event; larger events pass in
 * pieces.
 */
#ifndef TG_CORE_EVENT_HOLD_H
#define TG_CORE_EVENT_HOLD_H

#include "base/bufq.h"
#include "core/sink.h"

#define EVENT_HOLD_MAX (16 * 1024)

struct event_hold {
	struct sink sink;
	struct bufq q; /* the beginning of an event */
	char tail[2];  /* the last bytes seen */
	bool inside;   /* the client has a part of an event: nothing can be put behind it */
};

/* In the request's arena, in front of its chain. NULL: no memory. */
struct event_hold *event_hold_push(struct req *r) TG_MUST_CHECK;
void event_hold_fini(struct event_hold *e);

#endif
