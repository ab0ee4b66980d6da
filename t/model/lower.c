/*
 * lower.c: two workers admit by fetch_add(c), load g, and undo; the one writer lowers g by
 * store(g), load(c), and restores g if c > g; only then it tells Redis, which gives what was freed
 * to another member. Each atomic operation is a step of its own.
 */
#include "model/lower.h"

#include <stdio.h>

enum { WORKERS = 2 };

enum worker_at {
	WORKER_IDLE,
	WORKER_ADDED,   /* to c; g is loaded next */
	WORKER_REFUSED, /* c is given back next */
	WORKER_HOLDS
};

enum writer_at {
	WRITER_IDLE,
	WRITER_CHOSE, /* a value for g: c as it was */
	WRITER_STORED,
	WRITER_CHECKED
};

struct lower {
	uint8_t c, g, settled;
	uint8_t delayed; /* 1 + value of g that is stored and not yet seen by others */
	uint8_t worker[WORKERS], seen[WORKERS], loaded[WORKERS];
	uint8_t writer, target, before, told;
	uint8_t known; /* g as Redis knows it */
	uint8_t other; /* what Redis has granted to another member, who spends it */
};

enum lower_step {
	LOWER_ADD,
	LOWER_LOAD_OK,
	LOWER_LOAD_REFUSE,
	LOWER_UNDO,
	LOWER_SETTLE,
	LOWER_SETTLE_ZERO,
	LOWER_CHOOSE,
	LOWER_STORE,
	LOWER_SEEN,
	LOWER_CHECK_OK,
	LOWER_CHECK_RESTORE,
	LOWER_TELL,
	LOWER_GRANT,
	LOWER_LOAD_EARLY
};

static void init(const struct variant *v, void *state)
{
	*(struct lower *)state = (struct lower){ .g = v->limit, .known = v->limit };
}

static void emit(struct search *search, const struct lower *next, enum lower_step kind, uint8_t who)
{
	search_emit(search, next, (struct model_step){ (uint8_t)kind, who, 0 });
}

static void next_add(
	const struct variant *v, const struct lower *at, uint8_t w, struct search *search)
{
	struct lower next = *at;

	if ((v->rules & LOWER_M_LOAD_FIRST) && !at->loaded[w]) {
		next.loaded[w] = at->g + 1;
		emit(search, &next, LOWER_LOAD_EARLY, w);
		return;
	}
	next.c++;
	next.worker[w] = WORKER_ADDED;
	next.seen[w] = next.c;
	emit(search, &next, LOWER_ADD, w);
}

static void next_worker(
	const struct variant *v, const struct lower *at, uint8_t w, struct search *search)
{
	struct lower next = *at;
	uint8_t g = at->loaded[w] ? at->loaded[w] - 1 : at->g;

	switch (at->worker[w]) {
	case WORKER_IDLE:
		if (at->c < 6)
			next_add(v, at, w, search);
		break;
	case WORKER_ADDED:
		next.worker[w] = at->seen[w] <= g ? WORKER_HOLDS : WORKER_REFUSED;
		next.seen[w] = next.loaded[w] = 0;
		emit(search, &next, at->seen[w] <= g ? LOWER_LOAD_OK : LOWER_LOAD_REFUSE, w);
		break;
	case WORKER_REFUSED:
		next.c--;
		next.worker[w] = WORKER_IDLE;
		emit(search, &next, LOWER_UNDO, w);
		break;
	default:
		next.worker[w] = WORKER_IDLE;
		next.settled++;
		emit(search, &next, LOWER_SETTLE, w);
		next.settled--;
		next.c--;
		emit(search, &next, LOWER_SETTLE_ZERO, w);
		break;
	}
}

static void writer_done(struct lower *next)
{
	next->writer = WRITER_IDLE;
	next->target = next->before = next->told = 0;
}

static void next_store(const struct variant *v, const struct lower *at, struct search *search)
{
	struct lower next = *at;

	next.writer = WRITER_STORED;
	next.before = at->g;
	if (v->rules & LOWER_M_STORE_DELAY)
		next.delayed = at->target + 1;
	else
		next.g = at->target;
	emit(search, &next, LOWER_STORE, 0);
}

static void next_check(const struct variant *v, const struct lower *at, struct search *search)
{
	struct lower next = *at;
	bool fits = at->c <= at->target || (v->rules & LOWER_M_NO_CHECK);

	if (fits && !at->told) {
		next.writer = WRITER_CHECKED;
		emit(search, &next, LOWER_CHECK_OK, 0);
		return;
	}
	if (!fits) {
		next.g = at->before;
		next.delayed = 0;
	}
	writer_done(&next);
	emit(search, &next, fits ? LOWER_CHECK_OK : LOWER_CHECK_RESTORE, 0);
}

static void next_tell(const struct lower *at, struct search *search)
{
	struct lower next = *at;

	next.known = at->target;
	next.told = 1;
	if (at->writer == WRITER_CHECKED)
		writer_done(&next);
	emit(search, &next, LOWER_TELL, 0);
}

static void next_writer(const struct variant *v, const struct lower *at, struct search *search)
{
	struct lower next = *at;

	switch (at->writer) {
	case WRITER_IDLE:
		if (at->c < at->g && !at->delayed) {
			next.writer = WRITER_CHOSE;
			next.target = at->c;
			emit(search, &next, LOWER_CHOOSE, 0);
		}
		break;
	case WRITER_CHOSE: next_store(v, at, search); break;
	case WRITER_STORED:
		if ((v->rules & LOWER_M_TELL_FIRST) && !at->told)
			next_tell(at, search);
		else
			next_check(v, at, search);
		break;
	default: next_tell(at, search); break;
	}
}

static void next(const struct variant *v, const void *state, struct search *search)
{
	const struct lower *at = state;
	struct lower next = *at;

	for (uint8_t w = 0; w < WORKERS; w++)
		next_worker(v, at, w, search);
	next_writer(v, at, search);
	if (at->delayed) {
		next.g = at->delayed - 1;
		next.delayed = 0;
		emit(search, &next, LOWER_SEEN, 0);
		next = *at;
	}
	if (at->known + at->other < v->limit) {
		next.other++;
		emit(search, &next, LOWER_GRANT, 0);
	}
}

static int admitted(const struct lower *at)
{
	int sum = at->settled;

	for (int w = 0; w < WORKERS; w++)
		sum += at->worker[w] == WORKER_HOLDS;
	return sum;
}

static const char *broken(const struct variant *v, const void *state)
{
	const struct lower *at = state;

	if (admitted(at) + at->other > v->limit)
		return "I4: admitted here + granted to the other member > L";
	return admitted(at) > at->known && !at->told ? "I14: more is admitted than Redis knows"
						     : NULL;
}

static bool used(const struct variant *v, const void *state)
{
	const struct lower *at = state;

	return at->settled && at->other && at->settled + at->other == v->limit;
}

static void say_step(
	const struct variant *v, const void *from, struct model_step step, char *text, size_t size)
{
	static const char *const words[] = {
		[LOWER_ADD] = "worker %d: fetch_add(c, 1)",
		[LOWER_LOAD_OK] = "worker %d: c <= g, admitted",
		[LOWER_LOAD_REFUSE] = "worker %d: c > g, refused",
		[LOWER_UNDO] = "worker %d: fetch_sub(c, 1)",
		[LOWER_SETTLE] = "worker %d: settles at 1",
		[LOWER_SETTLE_ZERO] = "worker %d: settles at 0",
		[LOWER_CHOOSE] = "the writer reads c: g can be lowered to it",
		[LOWER_STORE] = "the writer: store(g)",
		[LOWER_SEEN] = "the store of g is seen by the workers",
		[LOWER_CHECK_OK] = "the writer: load(c) <= g",
		[LOWER_CHECK_RESTORE] = "the writer: load(c) > g, g is restored",
		[LOWER_TELL] = "the writer tells Redis",
		[LOWER_GRANT] = "Redis grants 1 to the other member",
		[LOWER_LOAD_EARLY] = "worker %d: loads g",
	};

	(void)v, (void)from;
	/* one format, with or without a worker's number */
	const char *at = words[step.kind], *number = NULL;
	for (const char *p = at; *p; p++)
		if (p[0] == '%')
			number = p;
	if (number)
		snprintf(text, size, "%.*s%d%s", (int)(number - at), at, step.who + 1, number + 2);
	else
		snprintf(text, size, "%s", at);
}

static void say_state(const struct variant *v, const void *state, char *text, size_t size)
{
	const struct lower *at = state;

	snprintf(text, size, "L=%d Redis g=%d, other member g=%d | c=%d g=%d s=%d h=%d", v->limit,
		at->known, at->other, at->c, at->g, at->settled, admitted(at) - at->settled);
}

const struct model lower_model = {
	.name = "lower",
	.state_bytes = sizeof(struct lower),
	.init = init,
	.next = next,
	.broken = broken,
	.used = used,
	.say_step = say_step,
	.say_state = say_state,
};
