/*
 * model_check.h: the model a request names: known, and allowed for its key.
 */
#ifndef TG_CORE_MODEL_CHECK_H
#define TG_CORE_MODEL_CHECK_H

#include "core/req.h"

/* Sets r->model_asked, r->model (what the rules make of it) and r->preset. -1: not possible, an
 * error was answered. */
int model_take(struct req *r, struct str name) TG_MUST_CHECK;
/* Answers that its price is not known (leg_is_refused). */
enum step_rc model_refuse_unpriced(struct req *r);

#endif
