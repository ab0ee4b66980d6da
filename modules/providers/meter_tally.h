/*
 * meter_tally.h: how much an answer has said so far, about: for answers that break off or tell no
 * usage. Nearly free: most events are not read, only their ends are looked for.
 *
 * The bytes around an event's text are the same from event to event of one kind. So one event of a
 * kind is looked into: what is not its text is the envelope, and the text of those that follow is
 * what they have beyond it. That an event is of the same kind is seen by the bytes in front of its
 * text. Some providers pad their events by a random length: of that the average counts.
 *
 * Text counts as it stands in JSON, with names and arguments of tools and with shown reasoning.
 * What is hidden is not seen: a lower bound then.
 */
#ifndef TG_PROVIDERS_METER_TALLY_H
#define TG_PROVIDERS_METER_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "core/meter_api.h"

#define METER_KIND 16 /* bytes in front of the text */

struct meter_tally {
	uint64_t bytes;  /* of payload, all of it */
	uint64_t events; /* with output */
	uint64_t text;   /* bytes of output in them */
	/* private */
	uint64_t unsized;   /* bytes of events in pieces whose envelope is not known, */
	uint32_t n_unsized; /* and how many */
	uint32_t envelope;  /* of the kind looked into last, without padding; 0: not known */
	uint32_t text_at;   /* where its text begins; 0: not known */
	char kind[METER_KIND];
	uint32_t n_pads, since_pad;
	uint64_t pads;       /* their bytes */
	uint32_t pieces;     /* of the event in progress, */
	uint64_t piece_text; /* and the text of the first */
};

/* Whole events in one piece, each with its blank line, that nobody reads. */
void meter_tally_events(struct meter_tally *t, enum meter_api api, struct str events);
/* One event with output, in one piece. */
void meter_tally_event(struct meter_tally *t, struct str event);
/* One event with output whose bytes came in pieces; of its data, what meter_tally_piece() was
 * given. */
void meter_tally_size(struct meter_tally *t, uint64_t bytes);
/* A piece of the data of the event in progress. */
void meter_tally_piece(struct meter_tally *t, struct str data);
/* Bytes of output so far. */
uint64_t meter_tally_text(const struct meter_tally *t);
/* Bytes of the texts in the JSON of an event or a whole body, as they stand there. */
uint64_t meter_text_bytes(struct str json);
/* "response.output_text.delta": a piece of output, which ".done" events repeat. */
bool meter_is_delta(struct str type);

#endif
