/*
 * chat_replay.h: a whole answer told as a stream, and a stream told as a whole answer: for a
 * provider that sends the one where the other was asked for. Pure; any thread.
 */
#ifndef TG_CHAT_REPLAY_H
#define TG_CHAT_REPLAY_H

#include "chat/codec.h"

/*
 * The events of the answer, START to END, each part's content in one DELTA. 0; -1: emit said stop,
 * or there was no memory (cx->fail).
 */
int chat_replay(struct chat_context *cx, const struct chat_answer *a, chat_emit_f *emit,
	void *arg) TG_MUST_CHECK;

/* What is gathered of a stream's events; all of it is in cx's arena. */
struct chat_gather;
/* NULL: no memory, cx->fail. */
struct chat_gather *chat_gather_new(struct chat_context *cx) TG_MUST_CHECK;
/* A chat_emit_f; arg is the chat_gather. -1: no memory. */
int chat_gather_event(void *arg, const struct chat_event *e);
/* After END; NULL: there was none, cx->fail says what came instead. */
const struct chat_answer *chat_gather_answer(struct chat_gather *g);

#endif
