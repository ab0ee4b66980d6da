/*
 * resolve.h: host names to addresses on a few threads of their own, refreshed, so that workers
 * never block and a name that hangs holds up no other. Names are registered at configuration load;
 * workers copy the latest answer out.
 */
#ifndef TG_IO_RESOLVE_H
#define TG_IO_RESOLVE_H

#include <stdbool.h>

#include "base/defs.h"
#include "base/str.h"
#include "io/listen.h"

#define RESOLVE_MAX_ADDRS 16

struct resolver;
struct resolve_name;

/* Starts the threads. refresh_us: how old an answer may get (default 30 s when 0). */
struct resolver *resolver_new(int64_t refresh_us);
/*
 * No more queries; who still waits is told now, before this returns. To be called while those who
 * are told are still there; at the latest resolver_free does it.
 */
void resolver_stop(struct resolver *r);
void resolver_free(struct resolver *r);

/*
 * Register host:port (a reference; the same pair gives the same object). Numeric addresses are
 * answered at once and never asked again; names are queried right away on the resolver's thread.
 */
struct resolve_name *resolve_name_get(struct resolver *r, struct str host, uint16_t port);
void resolve_name_put(struct resolver *r, struct resolve_name *n);
/*
 * Up to RESOLVE_MAX_ADDRS addresses in getaddrinfo order, families interleaved (RFC 8305 section
 * 4). A failed refresh keeps the last good answer. 0 when there is none yet; then *err (if not
 * NULL) is a static text ("not resolved yet", gai_strerror). Any thread; a short copy under a lock.
 */
int resolve_name_addrs(
	struct resolve_name *n, struct sockaddr_any out[RESOLVE_MAX_ADDRS], const char **err);
/* Block up to timeout_us until the name has an answer or has failed once (start-up and tests only).
 */
bool resolve_name_wait(struct resolve_name *n, int64_t timeout_us);
/*
 * Ask to be told when the first answer (or failure) arrives: `done` runs on the resolver's thread,
 * once. Meant to post a mailbox message. Runs before returning when an answer is already there, and
 * when the name's last reference goes or the resolver stops before there is one: it always runs,
 * and must not call into the resolver.
 */
void resolve_name_notify(struct resolve_name *n, void (*done)(void *arg), void *arg);

#endif
