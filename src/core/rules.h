/*
 * rules.h: the configuration's `rules`: another model, or another route, for some requests. Runs on
 * the request's worker when its model's name and its body are known.
 */
#ifndef TG_CORE_RULES_H
#define TG_CORE_RULES_H

#include <stdbool.h>

#include "base/str.h"

struct plan_rule;
struct req;

/* The first that matches the request (r->model_asked is set); NULL: none. */
const struct plan_rule *rules_find(const struct req *r);
/* For explain: the first before r->rule that matches, and of whose share the request is not. */
const struct plan_rule *rules_passed_by(const struct req *r);
/* Are all of the tenant's requests in the share? Of a rule with `stick: tenant`. */
bool rules_draws_tenant(const struct plan_rule *rule, struct str tenant);

#endif
