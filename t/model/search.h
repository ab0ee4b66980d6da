/*
 * search.h: explicit-state search: every state that a model can reach, breadth-first, so that the
 * first one that breaks an invariant is reached by the fewest steps. Nothing here knows what is
 * modelled. No globals; each search belongs to its caller's thread.
 */
#ifndef TG_MODEL_SEARCH_H
#define TG_MODEL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/defs.h"

#define MODEL_STATE_MAX 192

struct search;
struct variant;

/* What happened between two states: numbers that only the model understands. */
struct model_step {
	uint8_t kind, who, arg;
};

/*
 * A kind of system. A state is a plain struct of uint8_t, each below 16 (two are stored in a byte),
 * the same values for the same situation: fields without a meaning are zero.
 */
struct model {
	const char *name;
	size_t state_bytes;
	void (*init)(const struct variant *v, void *state);
	/* Calls search_emit for every state that may follow */
	void (*next)(const struct variant *v, const void *state, struct search *search);
	/*
	 * NULL, or turns a state into the one that stands for it and for all that differ from it by
	 * names alone
	 */
	void (*canonical)(const struct variant *v, void *state);
	/* The invariant that this state breaks and how, or NULL */
	const char *(*broken)(const struct variant *v, const void *state);
	/*
	 * The limit is used up, honestly. A model in which nothing happens breaks nothing: where
	 * this is met by no state, nothing was proved
	 */
	bool (*used)(const struct variant *v, const void *state);
	void (*say_step)(const struct variant *v, const void *from, struct model_step step,
		char *text, size_t size);
	void (*say_state)(const struct variant *v, const void *state, char *text, size_t size);
};

enum verdict {
	VERDICT_HOLDS,
	VERDICT_FAILS,
	VERDICT_IDLE,      /* nothing broke, but no state uses the limit up */
	VERDICT_UNFINISHED /* more states than allowed, or no memory: nothing is known */
};

/* A model with its rules and sizes, and what the search must say of it. */
struct variant {
	const char *name, *what;
	const struct model *model;
	uint64_t rules;   /* bits of the model's own enum */
	uint8_t limit;    /* L */
	uint8_t accounts; /* lease only */
	enum verdict expected;
	bool mutation; /* one safety rule is off */
	bool finding;  /* the design's text as it is, where that is not enough */
	bool quick;    /* part of the short form */
	bool deep;     /* takes minutes: part of the long form alone */
};

struct search_result {
	enum verdict verdict;
	uint32_t states;  /* distinct ones met */
	uint32_t steps;   /* of the counter-example */
	const char *why;  /* the invariant that broke */
	uint64_t bytes;   /* of memory at the end */
	char *trace;      /* of the counter-example, or NULL; free with search_result_fini */
	size_t trace_len; /* bytes */
};

/*
 * Searches all states of v, at most states_max. *result is always filled and is ended with
 * search_result_fini. 0, or -1 when the search could not be finished (result->verdict says so).
 */
int search_run(const struct variant *v, uint32_t states_max, bool with_trace,
	struct search_result *result) TG_MUST_CHECK;
void search_result_fini(struct search_result *result);

/* Called by a model's next: `state` follows by `step`. The state is copied. */
void search_emit(struct search *search, const void *state, struct model_step step);

static inline uint8_t model_max(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

const char *verdict_name(enum verdict verdict);

#endif
