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
#include <sys/types.h>
#include <sys/uio.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/defs.h"
#include "base/str.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;

#define STREAM_EOF   0  /* the peer sent FIN; under TLS see eof_unclean */
#define STREAM_AGAIN -1 /* nothing now */
#define STREAM_ERR   -2 /* reset or TLS failure: stream_error_text */

enum stream_ready { STREAM_CAN_READ = 1, STREAM_CAN_WRITE = 2 };

struct stream;
typedef void stream_ready_f(struct stream *, unsigned ready, void *arg);

struct stream {
	unsigned magic;
#define STREAM_MAGIC 0x53545245
	int fd;   /* -1: closed */
	SSL *ssl; /* NULL: plain */
	struct event rd, wr;
	struct event_base *base;
	stream_ready_f *on_ready;
	void *arg;
	bool want_read, want_write;   /* what the owner asked for */
	bool armed_read, armed_write; /* what libevent watches now */
	uint64_t sent;                /* bytes the socket has taken, TLS framing included */
	bool eof_unclean; /* the STREAM_EOF was a FIN without close_notify: judge by the framing */
	uint8_t tls_read_needs, tls_write_needs; /* 0, or the direction OpenSSL waits for */
	bool tls_done;                           /* handshake complete */
	bool tls_pending; /* OpenSSL holds bytes read ahead: deliver them when reading is wanted */
	bool tls_fin;     /* the socket is at its end */
	bool tls_failed;  /* no further call into ssl */
	bool again_armed;
	struct event *again;  /* TLS: a zero timer that delivers tls_pending in the next turn */
	SSL_SESSION *session; /* client: the newest resumable one */
	char error[80];
};

/* Take over fd (non-blocking, close-on-exec). Wants nothing yet. */
void stream_init(struct stream *s, struct event_base *base, int fd, stream_ready_f *f, void *arg);
/*
 * Begin TLS as server or as client over the connected fd; -1 with stream_error_text. Client: sni is
 * the name (or the IP address) the peer's certificate must carry; it may be empty only when ctx
 * does not verify. session: one of stream_session to resume, or NULL; no reference is taken from
 * the caller.
 */
int stream_tls_accept(struct stream *s, SSL_CTX *ctx) TG_MUST_CHECK;
int stream_tls_connect(
	struct stream *s, SSL_CTX *ctx, struct str sni, SSL_SESSION *session) TG_MUST_CHECK;
/*
 * Drive the handshake: 1 done, STREAM_AGAIN (the stream waits for the right direction itself and
 * calls on_ready with whatever the owner wants), STREAM_ERR. Reads and writes before it is done
 * drive it too. 1 at once on a plain stream.
 */
int stream_handshake(struct stream *s) TG_MUST_CHECK;

/*
 * Bytes (>0), STREAM_EOF, STREAM_AGAIN or STREAM_ERR. n > 0. A TLS stream that ends by a bare FIN
 * is STREAM_EOF with eof_unclean set (many servers just close): whoever knows the framing decides.
 */
ssize_t stream_read(struct stream *s, void *buf, size_t n) TG_MUST_CHECK;
/* The same bytes stay to be read; of a plain stream only. */
ssize_t stream_peek(struct stream *s, void *buf, size_t n) TG_MUST_CHECK;
/*
 * Has the poller told that there is something to read, or an end, although on_ready was not called
 * yet? For a connection about to be used again in a turn in which it had its own news. No system
 * call.
 */
bool stream_told(const struct stream *s);
/*
 * Has the peer's TCP acknowledged nothing of what was sent since s->sent was sent_before? Whatever
 * arrives in that state was said before the peer could hear us, for an answer acknowledges what it
 * answers. False where the kernel does not know. One system call.
 */
bool stream_unheard(const struct stream *s, uint64_t sent_before);
/*
 * Bytes accepted (>0; may be fewer), STREAM_AGAIN or STREAM_ERR. TLS: coalesces small iovecs into
 * one record in a per-thread buffer; after AGAIN the caller may retry with any iovecs that begin
 * with the same bytes and hold no fewer of them (SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER and
 * ENABLE_PARTIAL_WRITE are set). No SIGPIPE. 0 only when the iovecs are empty.
 */
ssize_t stream_writev(struct stream *s, const struct iovec *iov, int n) TG_MUST_CHECK;

/*
 * Which readiness the owner wants. Level-triggered: while read is wanted and data is there,
 * on_ready is called every turn; decrypted bytes inside OpenSSL count as data. Cheap when nothing
 * changes, and when reading is only paused: the read event goes when it fires unwanted, so a pause
 * during which the peer is silent costs no system call.
 */
void stream_want(struct stream *s, bool rd, bool wr);

/* Half-close after a full answer so that the peer can read it (lingering is the owner's business).
 */
void stream_shutdown_write(struct stream *s);
/* Close and free all; TLS sends close_notify if it can without waiting. Idempotent. */
void stream_close(struct stream *s);
/* Close so that the peer sees it broken off: a reset, no close_notify. What it has not read is
 * lost. */
void stream_abort(struct stream *s);

/* After STREAM_ERR: short text for logs, never NULL ("connection reset by peer"). */
const char *stream_error_text(const struct stream *s);
/*
 * Client side: the newest resumable session this connection was given (caller owns a reference), or
 * NULL: keep the one you have. TLS 1.3 tickets come after the handshake, with the first reads: ask
 * when the exchange is over, before stream_close. Resume only towards the same name and context.
 */
SSL_SESSION *stream_session(struct stream *s);

/* Non-blocking connect: fd, or -1 with errno. EINPROGRESS is success (wait for write readiness). */
int stream_connect_fd(const struct sockaddr *sa, socklen_t len) TG_MUST_CHECK;
/* Pending SO_ERROR after write readiness: 0 connected, else errno. */
int stream_connect_result(int fd);

#endif
