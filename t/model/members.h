/*
 * members.h: members join, leave and are fenced, see members.c.
 */
#ifndef TG_MODEL_MEMBERS_H
#define TG_MODEL_MEMBERS_H

#include "model/search.h"

#define MEMBERS_FAILOVER \
	0x1u /* a copy as of any earlier moment takes over once; learning by membership */
#define MEMBERS_FENCE \
	0x2u /* the operator fences n2, dead or thought dead, and may present its journal later */
#define MEMBERS_REST                                                                              \
	0x4u /* a fence in a learning bucket takes all that the others have not asserted, not the \
		stored g */
#define MEMBERS_OPEN           0x10u /* fences only in an open bucket */
#define MEMBERS_LEAVE          0x8u  /* n2 may leave */

#define MEMBERS_M_JOIN_EARLY   0x100u  /* a member syncs before its joining is durable */
#define MEMBERS_M_FENCE_FREES  0x200u  /* a fence gives the member's g to the others */
#define MEMBERS_M_LEAVE_FREES  0x400u  /* leaving gives all of g back, not only what is above s */
#define MEMBERS_M_LEAVE_BUSY   0x800u  /* leaving although requests are in work */
#define MEMBERS_M_FENCED_SYNCS 0x1000u /* a fenced member is granted more */
#define MEMBERS_M_JOIN_OPENS \
	0x2000u /* a bucket that learns opens although one that joined has not asserted */

extern const struct model members_model;

#endif
