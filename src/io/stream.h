/*
 * stream.h: one connected socket, plain or TLS, as non-blocking reads and writes.
 *
 * The owner embeds it (two struct events inside, no allocation for plain TCP). Reads and writes go
 * straight to the descriptor or to OpenSSL on it; "write first, ask for EV_WRITE only after
 * STREAM_AGAIN". The owner's callback gets readiness; it must read or stop wanting it.
 * Runs on the thread of its event_base.
 */
#ifndef TG_IO_STREAM_H
#define TG_IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/defs.h"
#include "base/str.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;

#define STREAM_EOF   0	/* orderly end: FIN (and close_notify under TLS) */
#define STREAM_AGAIN -1 /* nothing now */
#define STREAM_ERR   -2 /* reset, TLS failure or truncated TLS: errno or stream_error_text */

enum stream_ready { STREAM_CAN_READ = 1, STREAM_CAN_WRITE = 2 };

struct stream;
typedef void stream_ready_f(struct stream *, unsigned ready, void *arg);

struct stream {
	unsigned magic;
#define STREAM_MAGIC 0x53545245
	int fd; /* -1: closed */
	SSL *ssl; /* NULL: plain */
	struct event rd, wr;
	struct event_base *base;
	stream_ready_f *on_ready;
	void *arg;
	bool want_read, want_write; /* what the owner asked for */
	bool armed_read, armed_write; /* what libevent watches now */
	uint8_t tls_read_needs, tls_write_needs; /* 0, or the direction OpenSSL waits for */
	bool tls_done; /* handshake complete */
	bool tls_pending; /* OpenSSL holds decrypted bytes: deliver them when reading is wanted again */
	char error[80];
};

/* Take over fd (non-blocking, close-on-exec). Wants nothing yet. */
void stream_init(struct stream *s, struct event_base *base, int fd, stream_ready_f *f, void *arg);
/* Begin TLS as server or as client over the connected fd. Client: sni may be empty, session NULL. */
int stream_tls_accept(struct stream *s, SSL_CTX *ctx) TG_MUST_CHECK;
int stream_tls_connect(struct stream *s, SSL_CTX *ctx, struct str sni, SSL_SESSION *session) TG_MUST_CHECK;
/*
 * Drive the handshake: 1 done, STREAM_AGAIN (the stream waits for the right direction itself and calls
 * on_ready), STREAM_ERR. Reads and writes before it is done drive it too.
 */
int stream_handshake(struct stream *s) TG_MUST_CHECK;

/* Bytes (>0), STREAM_EOF, STREAM_AGAIN or STREAM_ERR. */
ssize_t stream_read(struct stream *s, void *buf, size_t n) TG_MUST_CHECK;
/*
 * Bytes accepted (>0; may be fewer), STREAM_AGAIN or STREAM_ERR. TLS: coalesces small iovecs into one
 * record in a per-thread buffer; after AGAIN the caller may retry with any iovecs that begin with the
 * same bytes (SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER and ENABLE_PARTIAL_WRITE are set). No SIGPIPE.
 */
ssize_t stream_writev(struct stream *s, const struct iovec *iov, int n) TG_MUST_CHECK;

/*
 * Which readiness the owner wants. Level-triggered: while read is wanted and data is there, on_ready
 * is called every turn; decrypted bytes inside OpenSSL count as data. Cheap when nothing changes.
 */
void stream_want(struct stream *s, bool rd, bool wr);

/* Half-close after a full answer so that the peer can read it (lingering is the owner's business). */
void stream_shutdown_write(struct stream *s);
/* Close and free all; TLS sends close_notify if it can without waiting. Idempotent. */
void stream_close(struct stream *s);

/* After STREAM_ERR: short text for logs, never NULL ("connection reset by peer"). */
const char *stream_error_text(const struct stream *s);
/* The negotiated ALPN ("" when none). */
struct str stream_alpn(const struct stream *s);
/* Client side: a resumable session to keep (caller owns a reference), or NULL. */
SSL_SESSION *stream_session(struct stream *s);

/* Non-blocking connect: fd, or -1 with errno. EINPROGRESS is success (wait for write readiness). */
int stream_connect_fd(const struct sockaddr *sa, socklen_t len) TG_MUST_CHECK;
/* Pending SO_ERROR after write readiness: 0 connected, else errno. */
int stream_connect_result(int fd);

#endif
