/*
 * circuit.h: may a spot be asked? A circuit breaker: closed, open for a while, then half-open: one
 * probe at a time, until enough of them went well. Beside it, ejection for being an outlier.
 * Atomics, any thread; a lost update costs one more try, or one fewer. Time and chance are
 * arguments.
 */
#ifndef TG_ROUTE_CIRCUIT_H
#define TG_ROUTE_CIRCUIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/defs.h"

#define CIRCUIT_FAILURES     5         /* in a row that open it */
#define CIRCUIT_VOLUME       20        /* or so many requests, of which half failed */
#define CIRCUIT_OPEN_US      5000000   /* for so long, doubling */
#define CIRCUIT_OPEN_MAX_US  60000000  /* up to this */
#define CIRCUIT_GOOD         2         /* successes in a row that close it */
#define CIRCUIT_FORGET_US    120000000 /* closed for so long: the next time is the first again */
#define CIRCUIT_SLOW_US      20000000  /* slow start */
#define CIRCUIT_EJECT_US     30000000
#define CIRCUIT_EJECT_MAX_US 300000000

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_HALF_OPEN };

struct circuit {                       /* zeroed: closed, never opened */
	_Atomic int64_t open_until_us; /* monotonic; 0: closed */
	_Atomic int64_t closed_at_us;  /* when it closed again; 0: never was open */
	_Atomic int64_t ejected_until_us;
	_Atomic uint32_t failures; /* in a row, in halves */
	_Atomic uint32_t good;     /* in a row, while not closed */
	_Atomic uint32_t opened;   /* times without being closed for long in between */
	_Atomic uint32_t ejected;  /* times */
	_Atomic uint32_t probes;   /* under way: 0 or 1 */
};

enum circuit_state circuit_state(const struct circuit *c, mono_us now);
static inline bool circuit_is_ejected(const struct circuit *c, mono_us now)
{
	return atomic_load_explicit(&c->ejected_until_us, memory_order_relaxed) > now.us;
}
/* Half-open: is there no probe under way? */
bool circuit_wants_probe(const struct circuit *c, mono_us now);
/* One now. False: another was faster. It ends in circuit_probe_end, whatever came of it. */
bool circuit_probe_begin(struct circuit *c) TG_MUST_CHECK;
void circuit_probe_end(struct circuit *c);

void circuit_success(struct circuit *c, mono_us now);
/* halves: 2, or 1 of an overloaded provider. too_many: half of what there was failed. True: it
 * opened by this. */
bool circuit_failure(
	struct circuit *c, mono_us now, unsigned halves, bool too_many, uint32_t random);
void circuit_eject(struct circuit *c, mono_us now);
/* Others found it open until then: so it is here, if it is closed. True: it was. */
bool circuit_borrow(struct circuit *c, int64_t until_us) TG_MUST_CHECK;
/* They do so no longer: if it is open for that alone, the next request finds out. */
void circuit_unborrow(struct circuit *c, int64_t until_us, mono_us now);
/* Closed, nothing remembered: the operator says so. */
void circuit_reset(struct circuit *c);

/* How much of its share it gets, in 1/1024: less for a while after it has closed, or since it is
 * new (since_us; 0: it always was there). Never 0. */
uint32_t circuit_share(const struct circuit *c, int64_t since_us, mono_us now);

/* ---- outliers */

struct outlier {           /* one candidate of a model */
	uint32_t fail_q16; /* failures, 1/65536 of its requests */
	uint32_t volume;   /* of so many */
	bool out;          /* is not asked now, for whatever reason */
};
/* Which one fails far more often than the others; -1: none, or fewer than half would be left. */
int outlier_find(const struct outlier *v, unsigned n);

#endif
