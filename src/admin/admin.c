/*
 * admin.c: the admin listener and its list of connections. When ADMIN_CONNS are open the idle one
 * that came first makes room; when none is idle, the kernel's queue waits. Control thread.
 */
#include "admin/admin_int.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/listen.h"

#define BACKLOG 64

static struct admin_conn *oldest_idle(struct admin *a)
{
	for (struct list *it = a->conns.prev; it != &a->conns; it = it->prev) {
		struct admin_conn *c = list_entry(it, struct admin_conn, node);

		if (c->state == ADMIN_LINGER || (c->state == ADMIN_HEAD && c->in_n == 0))
			return c;
	}
	return NULL;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct admin *a = arg;

	(void)what;
	CHECK_OBJ(a, ADMIN_MAGIC);
	for (;;) {
		struct admin_conn *idle = a->n_conns >= ADMIN_CONNS ? oldest_idle(a) : NULL;
		struct sockaddr_any peer;
		int conn;

		if (a->n_conns >= ADMIN_CONNS && idle == NULL) {
			event_del(&a->accept);
			return;
		}
		conn = listen_accept(fd, &peer);
		if (conn < 0)
			return; /* EAGAIN, or a peer that left: the next readiness tells */
		if (idle != NULL)
			admin_conn_free(idle);
		admin_conn_new(a, conn);
	}
}

void admin_listen_again(struct admin *a)
{
	if (a->fd >= 0 && a->n_conns < ADMIN_CONNS)
		event_add(&a->accept, NULL);
}

void admin_set_token(struct admin *a, struct str token)
{
	CHECK_OBJ(a, ADMIN_MAGIC);
	a->has_token = token.n > 0;
	digest_sha256(token, a->token);
}

void admin_set_timeout(struct admin *a, int64_t timeout_us)
{
	CHECK_OBJ(a, ADMIN_MAGIC);
	a->timeout_us = timeout_us;
}

unsigned admin_connections(const struct admin *a)
{
	CHECK_OBJ(a, ADMIN_MAGIC);
	return a->n_conns;
}

struct admin *admin_new(struct event_base *base, const struct sockaddr_any *addr, struct str token,
	const struct admin_route *routes, size_t n_routes, void *ctx, struct sockaddr_any *bound,
	char *err, size_t err_len)
{
	struct sockaddr_any where;
	int fd = listen_open(addr, BACKLOG, &where, err, err_len);
	struct admin *a;

	if (fd < 0)
		return NULL;
	a = malloc(sizeof *a);
	tg_assert(a != NULL);
	INIT_OBJ(a, ADMIN_MAGIC);
	a->base = base;
	a->fd = fd;
	a->inet = addr->u.sa.sa_family != AF_UNIX;
	a->timeout_us = ADMIN_TIMEOUT_US;
	a->routes = routes;
	a->n_routes = n_routes;
	a->ctx = ctx;
	admin_set_token(a, token);
	list_init(&a->conns);
	list_init(&a->jobs);
	tg_assert(mailbox_init(&a->mbox, base, a) == 0);
	timer_wheel_init(&a->wheel, base);
	tg_assert(event_assign(&a->accept, base, fd, EV_READ | EV_PERSIST, on_accept, a) == 0);
	admin_listen_again(a);
	if (bound != NULL)
		*bound = where;
	return a;
}

void admin_free(struct admin *a)
{
	if (a == NULL)
		return;
	CHECK_OBJ(a, ADMIN_MAGIC);
	event_del(&a->accept);
	close(a->fd);
	a->fd = -1;
	list_foreach_safe (it, tmp, &a->conns)
		admin_conn_free(list_entry(it, struct admin_conn, node));
	admin_jobs_end(a);
	mailbox_fini(&a->mbox);
	timer_wheel_fini(&a->wheel);
	FINI_OBJ(a);
	free(a);
}
