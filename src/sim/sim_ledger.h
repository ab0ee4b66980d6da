/*
 * sim_ledger.h: what the provider would have charged: one line a request it began to serve, written
 * when the request ends, and running totals. It is the oracle for money tests. Any thread (one
 * lock).
 */
#ifndef TG_SIM_LEDGER_H
#define TG_SIM_LEDGER_H

#include <stdbool.h>

#include "base/clock.h"
#include "sim/sim_buf.h"

struct sim_usage { /* disjoint: nothing is counted twice */
	uint64_t input, cached_read, cache_write, cache_write_1h, output, reasoning;
	uint64_t characters, seconds, images; /* other units */
};

struct sim_bill {
	uint64_t seq;
	wall_us t; /* when serving began */
	struct str id, dialect, path, model, fault;
	int status; /* 0: ended before an answer began */
	bool stream, completed, cancelled, usage_delivered;
	uint64_t delivered_events;
	struct sim_usage usage; /* billed; the zero value for refused requests */
};

struct sim_ledger;

/* path NULL: totals only. -1 with errno when the file cannot be opened for appending. */
int sim_ledger_open(struct sim_ledger **out, const char *path) TG_MUST_CHECK;
/* Writes what is pending, frees all. */
void sim_ledger_close(struct sim_ledger *l);
/* The number of the next request; it counts as in flight until sim_ledger_add. */
uint64_t sim_ledger_begin(struct sim_ledger *l);
void sim_ledger_add(struct sim_ledger *l, const struct sim_bill *b);
/* Writes pending lines, one write(2). Called every 100 ms and at exit. */
void sim_ledger_flush(struct sim_ledger *l);
/* The totals as a JSON object, with the last `last` lines under "entries" when last > 0. */
void sim_ledger_totals(struct sim_ledger *l, unsigned last, struct sim_buf *out);
/* Totals and kept lines to nothing; the file and the numbering go on. */
void sim_ledger_reset(struct sim_ledger *l);

#endif
