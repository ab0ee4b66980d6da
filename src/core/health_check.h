/*
 * health_check.h: targets that are asked now and then whether they are well (`health_check`), each
 * by a thread of its own that may block: never on a worker. What comes of it is in the target's
 * account_state: `check_down`, which choices look at beside circuits. The control thread says which
 * targets there are; what a check needs of a configuration is copied, so that none of its threads
 * keeps one alive.
 */
#ifndef TG_CORE_HEALTH_CHECK_H
#define TG_CORE_HEALTH_CHECK_H

#include <stdbool.h>

struct tg_conf;

/* From now on the targets of this configuration are checked as it says, and no others. One whose
 * check is as it was goes on with what it knows. Control thread. */
void health_checks_apply(const struct tg_conf *c);
/* No more. A thread in the middle of a check is left behind, and ends by itself. */
void health_checks_stop(void);

/* Does an answer with this status say that the target is well? A key that is refused or has to wait
 * has a state of its own. */
bool health_check_is_good(unsigned status);

#endif
