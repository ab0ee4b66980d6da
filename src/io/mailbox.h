/*
 * mailbox.h: messages into a thread's event loop from any thread: a lock-free stack and an eventfd.
 */
#ifndef TG_IO_MAILBOX_H
#define TG_IO_MAILBOX_H

#include <stdatomic.h>
#include <stddef.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/defs.h"

struct mail {
	struct mail *next;
	/* Runs on the mailbox's thread; owns the mail. */
	void (*on_mail)(struct mail *, void *owner);
};

struct mailbox {
	_Atomic(struct mail *) head;
	int efd;
	struct event ev;
	void *owner;
};

int mailbox_init(struct mailbox *m, struct event_base *base, void *owner) TG_MUST_CHECK;
/* After all senders have stopped; mail still in it is delivered first. Receiver's thread. */
void mailbox_fini(struct mailbox *m);
/* Any thread. Delivered in the order sent (per sender). The mail is the receiver's from here on. */
void mailbox_send(struct mailbox *m, struct mail *mail);

#endif
