/*
 * lower.h: lowering a grant in shared memory, see lower.c.
 */
#ifndef TG_MODEL_LOWER_H
#define TG_MODEL_LOWER_H

#include "model/search.h"

#define LOWER_M_TELL_FIRST 0x1u /* Redis is told before c is looked at again */
#define LOWER_M_NO_CHECK   0x2u /* c is looked at before g is stored, not after */
#define LOWER_M_LOAD_FIRST 0x4u /* a worker loads g before it adds to c */
#define LOWER_M_STORE_DELAY                                                                        \
	0x8u /* the store of g may be seen later than the load of c (release/acquire, not seq_cst) \
	      */

extern const struct model lower_model;

#endif
