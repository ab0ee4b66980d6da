/*
 * rules.h: the configuration's `rules`: another model, or another route, for some requests. Runs on
 * the request's worker when its model's name and its body are known.
 */
#ifndef TG_CORE_RULES_H
#define TG_CORE_RULES_H

struct plan_rule;
struct req;

/* The first that matches the request (r->model_asked is set); NULL: none. */
const struct plan_rule *rules_find(const struct req *r);

#endif
