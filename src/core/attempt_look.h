/*
 * attempt_look.h: the look at a provider's error: one that may send the request elsewhere, or says
 * more of the target than its status does, is seen whole before it is passed on. What it is about
 * is the attempt's `error_is`.
 */
#ifndef TG_CORE_ATTEMPT_LOOK_H
#define TG_CORE_ATTEMPT_LOOK_H

#include "core/attempt.h"

/* May the request be sent once more: is all of it still here, and did the client see nothing? */
bool attempt_repeatable(const struct attempt *a);
/* p: an answer from its head (head bytes) on. False: more of it is waited for. */
bool attempt_look(struct attempt *a, struct str p, size_t head);
/* It is about the model, not about the target: only a model that is another in this helps. True:
 * there is one, and what cannot help is marked as tried. */
bool attempt_look_model(const struct attempt *a);
/* Is it about the key, and is there another one? */
bool attempt_look_key(const struct attempt *a);

#endif
