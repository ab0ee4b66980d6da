/*
 * search.c: breadth-first search: states are numbered in the order they are met, so the queue is
 * the store itself. The steps of a counter-example are not stored: each parent is expanded again
 * and the step that gives its child is taken.
 */
#include "model/search.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "model/store.h"

struct search {
	const struct variant *v;
	struct store store;
	uint32_t at;     /* being expanded */
	uint32_t broken; /* first state that breaks an invariant */
	const char *why;
	bool full, used;
	/* when a trace is made: the child looked for, and the step that gives it */
	const uint8_t *wanted;
	bool found;
	struct model_step step;
	uint8_t reached[MODEL_STATE_MAX]; /* the child, with the names that its parent had */
};

static void canonical(const struct variant *v, const void *state, uint8_t *copy)
{
	const struct model *model = v->model;

	memcpy(copy, state, model->state_bytes);
	if (model->canonical)
		model->canonical(v, copy);
}

static void emit_wanted(struct search *s, const void *state, struct model_step step)
{
	const struct model *model = s->v->model;
	uint8_t copy[MODEL_STATE_MAX];

	if (s->found)
		return;
	canonical(s->v, state, copy);
	if (memcmp(copy, s->wanted, model->state_bytes) != 0)
		return;
	s->found = true;
	s->step = step;
	memcpy(s->reached, state, model->state_bytes);
}

static void emit_new(struct search *s, const void *state, uint32_t parent)
{
	uint32_t number;
	uint8_t copy[MODEL_STATE_MAX];

	if (s->full || s->why)
		return;
	canonical(s->v, state, copy);
	switch (store_add(&s->store, copy, s->v->model->state_bytes, parent, &number)) {
	case STORE_NEW:
		s->why = s->v->model->broken(s->v, state);
		if (s->why)
			s->broken = number;
		s->used |= s->v->model->used(s->v, state);
		break;
	case STORE_FULL: s->full = true; break;
	case STORE_KNOWN: break;
	}
}

void search_emit(struct search *s, const void *state, struct model_step step)
{
	if (s->wanted)
		emit_wanted(s, state, step);
	else
		emit_new(s, state, s->at);
}

static void trace_print(struct search *s, const uint32_t *chain, uint32_t steps, FILE *out)
{
	const struct model *model = s->v->model;
	uint8_t from[MODEL_STATE_MAX] = { 0 }, to[MODEL_STATE_MAX] = { 0 };
	char text[512];
	store_get(&s->store, chain[0], from, model->state_bytes);
	model->say_state(s->v, from, text, sizeof text);
	fprintf(out, "  0. at the start\n        %s\n", text);
	for (uint32_t i = 1; i <= steps; i++) {
		store_get(&s->store, chain[i], to, model->state_bytes);
		s->wanted = to;
		s->found = false;
		model->next(s->v, from, s);
		assert(s->found);
		model->say_step(s->v, from, s->step, text, sizeof text);
		fprintf(out, "%3u. %s\n", i, text);
		memcpy(from, s->reached, sizeof from);
		model->say_state(s->v, from, text, sizeof text);
		fprintf(out, "        %s\n", text);
	}
	s->wanted = NULL;
	fprintf(out, "     BROKEN: %s\n", s->why);
}

static void trace_make(struct search *s, bool with_trace, struct search_result *result)
{
	uint32_t steps = 0;
	for (uint32_t at = s->broken; s->store.parents[at] != STORE_NONE; at = s->store.parents[at])
		steps++;
	result->steps = steps;
	if (!with_trace)
		return;
	uint32_t *chain = calloc(steps + 1, sizeof *chain);
	FILE *out = chain ? open_memstream(&result->trace, &result->trace_len) : NULL;
	if (out) {
		for (uint32_t at = s->broken, i = steps;; at = s->store.parents[at], i--) {
			chain[i] = at;
			if (i == 0)
				break;
		}
		trace_print(s, chain, steps, out);
		fclose(out);
	}
	free(chain);
}

int search_run(
	const struct variant *v, uint32_t states_max, bool with_trace, struct search_result *result)
{
	uint8_t state[MODEL_STATE_MAX] = { 0 };
	struct search s = { .v = v };
	*result = (struct search_result){ .verdict = VERDICT_UNFINISHED };
	assert(v->model->state_bytes <= sizeof state);
	s.full = store_init(&s.store, v->model->state_bytes, states_max) < 0;
	v->model->init(v, state);
	emit_new(&s, state, STORE_NONE);
	for (; s.at < s.store.count && !s.why && !s.full; s.at++) {
		store_get(&s.store, s.at, state, v->model->state_bytes);
		v->model->next(v, state, &s);
	}
	result->states = s.store.count;
	result->bytes = store_bytes(&s.store);
	result->why = s.why;
	if (s.why) {
		result->verdict = VERDICT_FAILS;
		trace_make(&s, with_trace, result);
	} else if (!s.full) {
		result->verdict = s.used ? VERDICT_HOLDS : VERDICT_IDLE;
	}
	store_fini(&s.store);
	return result->verdict == VERDICT_UNFINISHED ? -1 : 0;
}

void search_result_fini(struct search_result *result)
{
	free(result->trace);
	result->trace = NULL;
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = { "holds", "FAILS", "idle", "unfinished" };
	return names[verdict];
}
