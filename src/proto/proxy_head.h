/*
 * proxy_head.h: the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt, 2020-03-05):
 * what a load balancer says in front of a connection about who is behind it. Pure: bytes in, an
 * address out.
 */
#ifndef TG_PROTO_PROXY_HEAD_H
#define TG_PROTO_PROXY_HEAD_H

#include "base/ip.h"
#include "base/str.h"

/* The longest that is taken: the addresses and what balancers add about TLS have room. */
#define PROXY_HEAD_MAX 2048

enum proxy_kind {
	PROXY_OWN, /* the balancer's own connection (a health check), or it does not know: the
		      connection's own peer is who asks */
	PROXY_IP,
	PROXY_UNIX, /* a process on the balancer's machine */
};

struct proxy_head {
	enum proxy_kind kind;
	struct ip client; /* with PROXY_IP */
};

/*
 * The header at the front of bytes: its length, 0 when it may still become one and more bytes are
 * needed, -1 with *why (a sentence's end) when it never will. Stateless: the caller keeps the bytes
 * and asks again with more of them. What follows the header is not looked at.
 */
long proxy_head_parse(struct str bytes, struct proxy_head *out, const char **why) TG_MUST_CHECK;

#endif
