/*
 * limit.h: a limit that is cut while members run with the old configuration, see limit.c.
 */
#ifndef TG_MODEL_LIMIT_H
#define TG_MODEL_LIMIT_H

#include "model/search.h"

#define LIMIT_FAILOVER \
	0x1u /* a copy as of any earlier moment takes over once; learning by membership */
#define LIMIT_BUCKET_CV                                                          \
	0x2u /* the bucket keeps the highest version that a member asserted with \
	      */

#define LIMIT_SYNCED 0x4u /* an account whose limit has changed is synced before asserting */

#define LIMIT_M_FORGET                                                             \
	0x10u /* Redis goes by the limit of the message, whatever version it is of \
	       */
#define LIMIT_M_SEIZE \
	0x20u /* a cut lowers a member's g in Redis, which the member has not agreed to */

extern const struct model limit_model;

#endif
