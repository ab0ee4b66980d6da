/*
 * capable.h: what a request needs of a model beyond text (from its bound, so no look at the body),
 * and which target's model is known to lack it. Runs on the request's worker; the control thread
 * asks for explain.
 */
#ifndef TG_CORE_CAPABLE_H
#define TG_CORE_CAPABLE_H

#include <stdbool.h>

#include "core/module.h"
#include "money/capability.h"

struct bound;
struct choice;
struct price;
struct req;
struct route_target;

/* Bits of enum capability. Nothing of requests that are not for text. */
unsigned capable_needs(const struct req *r);
/* Of these the ones that the route's model is known not to have: the operator's word goes before
 * the price book's; what nobody says is never missing. p may be NULL. */
unsigned capable_lacks(unsigned needs, const struct route_target *t, const struct price *p);
/* Must it not be asked? A model without reasoning answers all the same. */
static inline bool capable_is_hard(unsigned lacks)
{
	return (lacks & ~CAPABILITY_BIT(REASONING)) != 0;
}
/* All at once, with the price in force. */
bool capable_route_fits(const struct req *r, const struct route_target *t);
/* It asks for more output tokens than the model's price says that it gives; a clamp would have made
 * that fit. */
bool capable_is_short(const struct req *r, const struct price *p);
/*
 * Tokens that the prompt has at least, whatever the model's vocabulary is; 0: too few to be held
 * against any target of r->model, or not certain. Reads the body, of prompts that come near a
 * context, so: once for each choice.
 */
uint64_t capable_least_input(const struct req *r);
/* Is it more than the operator says (not an imported price book) that t's model takes or gives: a
 * prompt of at least r->least_input tokens, or the answer that is asked for? Not where the model's
 * `on_unsupported` is `drop`. p: t's price. */
bool capable_is_beyond(const struct req *r, const struct route_target *t, const struct price *p);
/* No target of r->model is large enough: 400, with the largest value that one takes. */
enum step_rc capable_refuse_limits(struct req *r, const struct choice *c);
/* No target of r->model can: 400, which says what is needed and which model lacks it. */
enum step_rc capable_refuse(struct req *r, const struct choice *c);

#endif
