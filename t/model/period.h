/*
 * period.h: the turn from one period to the next, see period.c.
 */
#ifndef TG_MODEL_PERIOD_H
#define TG_MODEL_PERIOD_H

#include "model/search.h"

#define PERIOD_OUTAGE 0x1u /* a member may be down, or cut off, over the close of a period */
#define PERIOD_LATE   0x2u /* Redis takes settlements of a closed period, as a correction */

#define PERIOD_M_SETTLE_NOW                                                                        \
	0x10u                      /* a settlement goes to the period of its time, not of its hold \
				    */
#define PERIOD_M_CARRY       0x20u /* what is left of a grant is good in the next period */
#define PERIOD_M_CLOSE_EARLY 0x40u /* a period is closed although streams of it may be open */
#define PERIOD_M_DROP                                                              \
	0x80u /* a member forgets the old period's account when the new one begins \
	       */
#define PERIOD_M_GRANT_CLOSED 0x100u /* Redis grants in a period that is over */

extern const struct model period_model;

#endif
