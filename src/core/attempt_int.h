/*
 * attempt_int.h: what the parts of an exchange (attempt.c, attempt_send.c, attempt_receive.c) have
 * of each other. All of it on the request's worker.
 */
#ifndef TG_CORE_ATTEMPT_INT_H
#define TG_CORE_ATTEMPT_INT_H

#include "core/attempt.h"

/* ---- attempt.c */

void attempt_set_state(struct attempt *a, enum attempt_state s);
/* Start the clock; `what` it is that failed when it runs out. */
void attempt_clock(struct attempt *a, enum attempt_fail what, int64_t us);
/* Let go of the connection. reusable: its exchange is complete on both sides. */
void attempt_detach(struct attempt *a, bool reusable);
/* Is it sent once more, to the same target with another key, or else elsewhere? */
bool attempt_moves(struct req *r, bool other_key);
/* It is over without an answer, or with part of one: again, elsewhere, or the client is told.
 * text: more about it, or NULL. */
void attempt_fail(struct attempt *a, enum attempt_fail why, const char *text);

/* ---- attempt_send.c */

/* As much as the socket takes. */
void attempt_send(struct attempt *a);

/* ---- attempt_receive.c */

/* What is there to be read, within a turn's share. */
void attempt_read(struct attempt *a);
/* The provider refused our key: never shown to the client, but for a few words of why. */
void attempt_refused(struct attempt *a);
/* No more of the error is waited for. False: the attempt is over. */
bool attempt_look_over(struct attempt *a);

#endif
