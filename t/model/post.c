/*
 * post.c: the post-paid counter that most gateways have: a request is admitted while what others
 * have paid so far is below the limit, and is counted once its cost is known. Variant A: why
 * reservation is needed at all.
 */
#include "model/post.h"

#include <stdio.h>

enum { REQUESTS = 3 };

struct post {
	uint8_t waiting, in_work, settled;
};

enum post_step { POST_ADMIT, POST_SETTLE, POST_SETTLE_ZERO };

static void init(const struct variant *v, void *state)
{
	(void)v;
	*(struct post *)state = (struct post){ .waiting = REQUESTS };
}

static void emit(struct search *search, struct post next, enum post_step kind)
{
	search_emit(search, &next, (struct model_step){ (uint8_t)kind, 0, 0 });
}

static void next(const struct variant *v, const void *state, struct search *search)
{
	const struct post *at = state;

	if (at->waiting && at->settled < v->limit)
		emit(search, (struct post){ at->waiting - 1, at->in_work + 1, at->settled },
			POST_ADMIT);
	if (at->in_work) {
		emit(search, (struct post){ at->waiting, at->in_work - 1, at->settled + 1 },
			POST_SETTLE);
		emit(search, (struct post){ at->waiting, at->in_work - 1, at->settled },
			POST_SETTLE_ZERO);
	}
}

static const char *broken(const struct variant *v, const void *state)
{
	return ((const struct post *)state)->settled > v->limit ? "I4: settled > L" : NULL;
}

static bool used(const struct variant *v, const void *state)
{
	return ((const struct post *)state)->settled == v->limit;
}

static void say_step(
	const struct variant *v, const void *from, struct model_step step, char *text, size_t size)
{
	static const char *const words[] = { "a request is admitted: settled is below the limit",
		"a request is settled: it cost 1", "a request is settled: it cost 0" };

	(void)v, (void)from;
	snprintf(text, size, "%s", words[step.kind]);
}

static void say_state(const struct variant *v, const void *state, char *text, size_t size)
{
	const struct post *at = state;

	snprintf(text, size, "L=%d S=%d | in work %d, waiting %d", v->limit, at->settled,
		at->in_work, at->waiting);
}

const struct model post_model = {
	.name = "post",
	.state_bytes = sizeof(struct post),
	.init = init,
	.next = next,
	.broken = broken,
	.used = used,
	.say_step = say_step,
	.say_state = say_state,
};
