/*
 * hold_mode.h: how much of a request its limits hold while it runs: `hold` of the tier.
 *
 *	full         all that it may use                         nothing is ever over
 *	incremental  its input and a slice of its answer; more   nothing is over, but for what a
 *	             while the answer comes (mod_budget.c)       provider makes on the way to a cut
 *	expected     what it is likely to use                    over now and then
 *	post         next to nothing: a limit that is spent      over by all that runs at once
 *	             refuses, and that is all
 *
 * Pure but for the request; its worker.
 */
#ifndef TG_CORE_HOLD_MODE_H
#define TG_CORE_HOLD_MODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "money/money.h"
#include "money/usage.h"

struct req;

enum hold_mode { HOLD_FULL, HOLD_INCREMENTAL, HOLD_EXPECTED, HOLD_POST };

#define HOLD_SLICE                                                                               \
	512            /* output tokens that are held at a time; more is asked for at 80 % of it \
			*/
#define HOLD_MARGIN 64 /* of what is held: made and not here yet when an answer is cut off */

extern const char *const hold_mode_words[];

/* A leg's bound and money are known: its mode; an incremental one is bound to a slice from here on.
 */
void hold_begin(struct req *r);
/* Of a leg that is held as `expected`: what it is likely to use, at most its bound, and cost. */
void hold_estimate(const struct req *r, struct usage *u, pico_usd *billed);
/* Models that think before they answer, and show none of it (o3, gpt-5). */
bool hold_model_thinks(struct str model);

#endif
