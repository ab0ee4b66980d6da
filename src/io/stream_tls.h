/*
 * stream_tls.h: the TLS half of a stream, for stream.c only. Same thread as the stream.
 */
#ifndef TG_IO_STREAM_TLS_H
#define TG_IO_STREAM_TLS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/defs.h"

struct stream;

/* As stream_read and stream_writev; they drive the handshake first. */
ssize_t stream_tls_read(struct stream *s, void *buf, size_t n) TG_MUST_CHECK;
ssize_t stream_tls_writev(struct stream *s, const struct iovec *iov, int n) TG_MUST_CHECK;
int stream_tls_handshake(struct stream *s) TG_MUST_CHECK;
/* Send close_notify if it goes without waiting. */
void stream_tls_notify(struct stream *s);
/* Free everything TLS has added to s. */
void stream_tls_free(struct stream *s);

/* stream.c, for stream_tls.c: make libevent watch what wants and needs ask for. */
void stream_rearm(struct stream *s);
/* A zero timer's event: report reading as possible. */
void stream_on_again(int fd, short what, void *arg);

#endif
