/*
 * mailbox.c: a Treiber stack that any thread pushes to and the owner takes whole, turned round to
 * give the order of sending. Only the push that finds the stack empty writes to the eventfd, so a
 * burst costs one wake-up. Owns the eventfd; the mail belongs to its sender, then to its on_mail.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/mailbox.h"

static struct mail *mailbox_take_all(struct mailbox *m)
{
	struct mail *newest = atomic_exchange_explicit(&m->head, NULL, memory_order_acquire);
	struct mail *oldest = NULL;

	while (newest != NULL) {
		struct mail *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

static bool mailbox_deliver(struct mailbox *m)
{
	struct mail *mail = mailbox_take_all(m);
	bool any = mail != NULL;

	while (mail != NULL) {
		struct mail *next = mail->next; /* on_mail may free it */

		mail->on_mail(mail, m->owner);
		mail = next;
	}
	return any;
}

static void mailbox_on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct mailbox *m = arg;
	uint64_t count;

	(void)what;
	/* Before taking the mail: what is sent from here on wakes us again. */
	if (read(fd, &count, sizeof count) < 0)
		tg_assert(errno == EAGAIN || errno == EINTR);
	mailbox_deliver(m);
}

int mailbox_init(struct mailbox *m, struct event_base *base, void *owner)
{
	atomic_init(&m->head, NULL);
	m->owner = owner;
	m->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->efd < 0)
		return -1;
	tg_assert(
		event_assign(&m->ev, base, m->efd, EV_READ | EV_PERSIST, mailbox_on_wake, m) == 0);
	if (event_add(&m->ev, NULL) != 0) {
		close(m->efd);
		m->efd = -1;
		return -1;
	}
	return 0;
}

void mailbox_fini(struct mailbox *m)
{
	if (m->efd < 0)
		return;
	event_del(&m->ev);
	while (mailbox_deliver(m))
		;
	close(m->efd);
	m->efd = -1;
}

void mailbox_send(struct mailbox *m, struct mail *mail)
{
	static const uint64_t one = 1;
	struct mail *head = atomic_load_explicit(&m->head, memory_order_relaxed);
	ssize_t rc;

	do {
		mail->next = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&m->head, &head, mail, memory_order_release, memory_order_relaxed));
	if (head != NULL)
		return;
	do {
		rc = write(m->efd, &one, sizeof one);
	} while (rc < 0 && errno == EINTR);
	/* EAGAIN would need 2^64 wake-ups nobody read: the receiver is woken either way. */
	tg_assert(rc == (ssize_t)sizeof one || errno == EAGAIN);
}
