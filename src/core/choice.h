/*
 * choice.h: one choice of a target: the model's candidates, what speaks against each of them, what
 * it would cost, and the pick (docs/internals/routing.md). On the stack of whoever asks: the worker
 * of a request, or the control thread that explains. Changes nothing.
 */
#ifndef TG_CORE_CHOICE_H
#define TG_CORE_CHOICE_H

#include "base/clock.h"
#include "core/plan.h"
#include "proto/outbuf.h"
#include "route/pick.h"
#include "route/score.h"

struct req;

#define CHOICE_MAX            PICK_CANDIDATES
#define CHOICE_OUTPUT_UNKNOWN 500 /* tokens, until lengths of answers are learned */

enum choice_skip {
#define X(id, word, kind, help) CHOICE_##id,
#include "core/tbl/choice_skips.h"
#undef X
	CHOICE__MAX
};
#define CHOICE_BIT(id) (1u << CHOICE_##id)
/* The target's model cannot serve the request, now or later. */
#define CHOICE_UNABLE (CHOICE_BIT(CAPABILITY) | CHOICE_BIT(LIMITS))

struct choice_ask {
	const struct tg_conf *conf;
	const struct model *model;
	const struct preset *preset; /* NULL: by weight */
	const struct key *key;       /* without a request: whose it would be; NULL: nobody's */
	struct req *r;               /* NULL: nobody asks, explain */
	uint64_t input, output; /* tokens, without a request: expected; 0 of output: as learned */
	uint64_t stick;         /* what belongs together; 0: nothing */
	struct str degraded;    /* why the model is not the one that was asked for; empty: it is */
	struct str asked;       /* without a request: the model's name that rules look at */
	uint64_t tried;         /* rows that were asked already, beside the request's own */
	unsigned needs;         /* bits of enum capability */
	mono_us now;
	wall_us at; /* which price is in force */
	unsigned thread;
	uint32_t random[3];
};

struct choice_row {
	const struct route_target *route;
	uint32_t skips; /* bits: 1 << enum choice_skip */
	unsigned lacks; /* of what is needed: bits of enum capability */
	uint32_t weight;
	bool probe; /* half-open, and nobody is trying it */
	bool cold;  /* nothing is known of its times */
	uint32_t inflight;
	uint64_t input, output; /* tokens that are expected */
	struct score_terms terms;
	struct score score; /* with a preset */
};

enum choice_how { CHOICE_PICKED, CHOICE_PROBED, CHOICE_STUCK, CHOICE_CHEAPEST, CHOICE_SPARE };

struct choice {
	unsigned n;
	int at; /* row that was picked; -1: none */
	enum choice_how how;
	enum pick_how pick;
	uint32_t lifted; /* what speaks against it all the same */
	struct score_rates rates;
	struct choice_row row[CHOICE_MAX];
};

void choice_make(const struct choice_ask *a, struct choice *c);
/* Without a pick: what all that were left out have in common says why. */
uint32_t choice_common_skips(const struct choice *c);

/* "openai-eu: the best; cost 0.000120 ..." for a header: ASCII without line breaks, at most
 * CHOICE_TEXT_MAX. Returns the length. */
#define CHOICE_TEXT_MAX 2000
size_t choice_text(char out[CHOICE_TEXT_MAX], const struct choice_ask *a, const struct choice *c);
void choice_json(struct outbuf *b, const struct choice_ask *a, const struct choice *c);

#endif
