/*
 * cred.h: credentials that change: tokens and session keys that expire. Each has a thread of its
 *own that fetches it (from a file, a command, a token endpoint: it may block), again ahead of its
 *end, and publishes it in one piece; workers copy the current one out. A fetch that fails keeps the
 *old one until it expires, and is tried again sooner. Registered at configuration load: the same
 * source is one credential, for all targets and configurations that name it, so that a reload
 * fetches nothing anew.
 *
 *	core: what target T needs --cred_get--> [thread: kind->fetch ... sleep ... fetch]
 *	workers: cred_copy (a copy under a lock)        401 from the provider: cred_refused
 */
#ifndef TG_IO_CRED_H
#define TG_IO_CRED_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/defs.h"
#include "base/str.h"

#define CRED_ARGS  8     /* strings that say where it comes from */
#define CRED_PARTS 3     /* strings that it consists of */
#define CRED_MAX   16384 /* bytes of all parts together */

struct cred;

/* What a fetch brings. */
struct cred_got {
	struct str part[CRED_PARTS]; /* in buf: cred_got_part, cred_got_printf */
	wall_us expires;             /* 0: it does not say */
	char why[256];               /* of a failure; never with any of the secret in it */
	char buf[CRED_MAX];
	size_t n;
	const struct cred *cred; /* whose it is: cred_stopping */
};

struct cred_kind {
	const char *name; /* in logs: "token_file" */
	bool fields;      /* part 0 is field lines ("authorization: Bearer x\r\n"): they are sent as
			     they are, nobody need do anything else */
	int64_t refresh_us; /* how long one that does not say when it expires is good; 0: 5 min */
	/* Fetch it: on the credential's thread, may block (a minute at most). 0, or -1 with why. */
	int (*fetch)(const struct str arg[CRED_ARGS], struct cred_got *out);
};

/* Set part i. -1: it does not fit, or has control characters that would break a field line. */
int cred_got_part(struct cred_got *g, unsigned i, struct str text) TG_MUST_CHECK;
int cred_got_printf(struct cred_got *g, unsigned i, const char *fmt, ...)
	TG_PRINTF(3, 4) TG_MUST_CHECK;
/* "authorization: Bearer TOKEN\r\n" as part 0. -1 with why: it is no token (RFC 6750 section 2.1).
 */
int cred_got_bearer(struct cred_got *g, struct str token) TG_MUST_CHECK;
/* printf into why; returns -1. */
int cred_fail(struct cred_got *g, const char *fmt, ...) TG_PRINTF(2, 3);
/* Has everybody let go of it? A fetch that waits looks now and then, and gives up. */
bool cred_stopping(const struct cred_got *g);

/*
 * The credential of that kind from those arguments (copied), for the target of that name: a
 * reference. The first fetch begins at once, on its thread. Any thread.
 */
struct cred *cred_get(
	const struct cred_kind *kind, const struct str arg[CRED_ARGS], struct str name);
void cred_put(struct cred *c);
/* Block up to timeout_us until the threads of credentials that everybody let go of are at their
 * end. True: they are. False: a fetch is under way, and what it works with must stay. */
bool cred_drain(int64_t timeout_us) TG_MUST_CHECK;
/* From now on nothing is fetched: for programs that only look at a configuration. */
void cred_fetch_nothing(void);

/* Its kind. */
const struct cred_kind *cred_kind_of(const struct cred *c);
/* Copies the current one into the arena. -1: there is none that is still good, or no memory. Any
 * thread; a short copy under a lock. */
int cred_copy(struct cred *c, struct arena *a, struct str part[CRED_PARTS]) TG_MUST_CHECK;
/* The provider did not take it: fetched again soon (once in 3 s at most). Any thread. */
void cred_refused(struct cred *c);
/* Block up to timeout_us until it was fetched or has failed once (start and tests). True: it is
 * there. */
bool cred_wait(struct cred *c, int64_t timeout_us);

struct cred_stats {
	struct str name;  /* of the first target that named it */
	const char *kind; /* cred_kind.name */
	bool valid;       /* there is one, and it has not expired */
	wall_us expires;  /* 0: does not say, or there is none */
	uint64_t fetched, failed;
};
/* Calls `each` for every credential, of several of one name the newest, under a lock: it must not
 * call back. Any thread. */
void cred_each(void (*each)(void *arg, const struct cred_stats *s), void *arg);

#endif
