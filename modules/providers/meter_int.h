/*
 * meter_int.h: between meter.c (bytes and events) and meter_read.c (what they say).
 */
#ifndef TG_PROVIDERS_METER_INT_H
#define TG_PROVIDERS_METER_INT_H

#include "base/defs.h"
#include "providers/meter.h"

/* Members of an event's object or of a whole body; which keys they are depends on the API. */
enum {
	K_TYPE,
	K_MODEL,
	K_USAGE,
	K_TIER,
	K_ERROR,
	K_BODY,  /* the object inside: a response, a message, Groq's own; an image's size */
	K_LIST,  /* choices, output, data */
	K_EXTRA, /* item, tools, duration; an image's quality */
	K__MAX
};
/* Members of the object inside. */
enum { B_MODEL, B_USAGE, B_TIER, B_LIST, B_TOOLS, B_ERROR, B__MAX };

/* So many events may pass before the model is known; then the search for it ends. */
#define METER_WINDOW 8

static inline bool meter_is_chat(const struct meter *m)
{
	return m->api == METER_OPENAI_CHAT || m->api == METER_OPENAI_COMPLETIONS;
}

static inline bool meter_is_gemini(const struct meter *m)
{
	return m->api == METER_GEMINI || m->api == METER_GEMINI_EMBED;
}

/* Bedrock and Cohere: meter_hosts.c */
static inline bool meter_is_host(const struct meter *m)
{
	return m->api == METER_BEDROCK || m->api == METER_COHERE || m->api == METER_EMBED_UNITS;
}

static inline bool meter_is_anthropic(const struct meter *m)
{
	return m->api == METER_ANTHROPIC_MESSAGES || m->api == METER_ANTHROPIC_COUNT;
}

/* Set up the taps over capture[0..cap). */
void meter_read_init(struct meter *m, char *capture, size_t cap);
/* Gemini's keys, over the memory that meter_read_init has handed out. */
void meter_gemini_init(struct meter *m);
/* The next bytes of a body, before they are fed: it may be an array of chunks. */
void meter_gemini_body(struct meter *m, struct str body);
/* meter_read_object() of Gemini. */
void meter_gemini_read(struct meter *m);
/* The same of Bedrock and Cohere. */
void meter_host_init(struct meter *m);
void meter_host_read(struct meter *m);
bool meter_host_said(const struct meter *m);
/* An event's object, or a whole body, is complete (or as complete as it will be). */
void meter_read_object(struct meter *m);
/* The object that was read last has a piece of the answer in it. */
bool meter_read_said(const struct meter *m);
/* The stream's [DONE]. */
void meter_read_done(struct meter *m);
/* Forget the event's object: the next one comes. */
void meter_read_reset(struct meter *m);

#endif
