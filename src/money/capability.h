/*
 * capability.h: what a model can do and what it cannot, as far as it is known: from the price book,
 * or from the operator, who knows better. What nobody says is neither. Pure; any thread.
 */
#ifndef TG_MONEY_CAPABILITY_H
#define TG_MONEY_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum capability {
#define X(id, word, litellm, needs) CAPABILITY_##id,
#include "money/tbl/capabilities.h"
#undef X
	CAPABILITY__MAX
};
#define CAPABILITY_BIT(id) (1u << CAPABILITY_##id)

struct capabilities {
	uint8_t can, cannot; /* bits; one that is in neither is not known */
};
_Static_assert(CAPABILITY__MAX <= 8, "bits of struct capabilities");

/* "vision". */
const char *capability_word(enum capability c);
/* CAPABILITY__MAX: there is none of this name. */
enum capability capability_of(struct str word);
/* All of them, NULL-terminated: for error messages. */
extern const char *const capability_words[CAPABILITY__MAX + 1];
/* LiteLLM's name for it; what a request has that needs it: "images". */
const char *capability_litellm(enum capability c);
const char *capability_needed_by(enum capability c);

static inline void capability_say(struct capabilities *c, enum capability which, bool can)
{
	uint8_t bit = (uint8_t)(1u << which);

	c->can = (uint8_t)(can ? c->can | bit : c->can & ~bit);
	c->cannot = (uint8_t)(can ? c->cannot & ~bit : c->cannot | bit);
}

/* What own says, and where it says nothing what base does. */
static inline struct capabilities capability_over(struct capabilities own, struct capabilities base)
{
	uint8_t said = own.can | own.cannot;

	own.can = (uint8_t)(own.can | (base.can & ~said));
	own.cannot = (uint8_t)(own.cannot | (base.cannot & ~said));
	return own;
}

#endif
