/*
 * sim_ledger.h: what the provider would have charged: one line a request whose head arrived,
 * written when the request ends, however it does, and running totals. It is the oracle for money
 * tests. Any thread (one lock).
 */
#ifndef TG_SIM_LEDGER_H
#define TG_SIM_LEDGER_H

#include <stdbool.h>

#include "base/clock.h"
#include "sim/sim_buf.h"

struct sim_usage { /* disjoint: nothing is counted twice */
	uint64_t input, cached_read, cache_write, cache_write_1h, output, reasoning;
	uint64_t characters, seconds, images, web_searches; /* other units */
};

struct sim_bill {
	uint64_t seq;
	wall_us t; /* when the head had arrived */
	struct str tag, id, dialect, path, model, fault;
	struct str key;                /* the end of the API key */
	struct str model_served, tier; /* as the answer says */
	int status;                    /* 0: ended before there was an answer */
	bool served;                   /* the body had come: the provider worked */
	bool stream, completed, cancelled, usage_delivered;
	uint64_t received, sent; /* bytes of the body; of the answer */
	uint64_t head;           /* bytes of the answer's head */
	uint64_t delivered_events, delivered_tokens;
	struct sim_usage usage;            /* billed; the zero value for refused requests */
	uint64_t input_image, input_audio; /* of usage.input, where the answer tells them apart */
	uint64_t reported_input, reported_output; /* as the answer says: wrong-usage */
	struct str cost;                          /* as the answer says; empty: it does not */
	uint64_t cost_ticks;                      /* UINT64_MAX: the same */
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
