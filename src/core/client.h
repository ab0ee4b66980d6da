/*
 * client.h: whose address a request is held to: the peer's, what a PROXY header said of it, or,
 * when that is one of the trusted proxies, what this wrote down of who asked it.
 */
#ifndef TG_CORE_CLIENT_H
#define TG_CORE_CLIENT_H

#include "core/errors.h"

struct req;

/*
 * Sets the request's client. Behind a trusted proxy the request counts among its client's
 * connections while it is at work (limits.connections_per_address). TG_E_NONE, or why it is not let
 * in: what the proxy wrote cannot be read, or there are too many.
 */
enum tg_error client_enter(struct req *r);
/* Once a request, when it is settled. */
void client_leave(struct req *r);

#endif
