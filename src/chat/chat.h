/*
 * chat.h: the hub between the dialects of text generation: what a request asks and what an answer
 * says, whichever API it came from. A dialect is a codec (codec.h): it reads and writes this. What
 * goes from a dialect to the same one never comes here: its bytes pass untouched.
 *
 *	client's JSON --read_request--> chat_request --write_request--> provider's JSON
 *	provider's JSON --read_answer--> chat_answer --write_answer--> client's JSON
 *	provider's events --read_event--> chat_event ... --write_event--> client's events
 *
 * Strings are JSON text as it came, without its quotes and with its escapes ("jstr"): they are
 * written between quotes again, byte for byte, so that signatures and the like survive. A jstr that
 * is absent has p == NULL; an empty one has p != NULL and n == 0. Values ("json") are whole JSON
 * values. Everything lies in the text that was read or in the arena of the reading. Pure; any
 * thread.
 */
#ifndef TG_CHAT_CHAT_H
#define TG_CHAT_CHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "money/usage.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

enum chat_part_kind {
	PART_TEXT,
	PART_IMAGE,
	PART_AUDIO,
	PART_VIDEO,
	PART_FILE,     /* documents */
	PART_CALL,     /* of a tool, by the model */
	PART_RESULT,   /* what a tool call brought */
	PART_THINKING, /* the model's reasoning; signature where the provider gave one */
	PART_REDACTED, /* the same, opaque: data */
	PART_REFUSAL,  /* text that is a refusal */
};

enum chat_cache { CHAT_CACHE_NONE, CHAT_CACHE_5M, CHAT_CACHE_1H }; /* a breakpoint behind it */

struct chat_part {
	enum chat_part_kind kind;
	enum chat_cache cache;
	bool is_error;        /* RESULT */
	struct str text;      /* jstr: TEXT, THINKING, REFUSAL */
	struct str id, name;  /* jstr: CALL; RESULT: id of its call, name where the dialect says it
				 (filled  in by chat_name_results) */
	struct str args;      /* json, an object: CALL; always complete ("{}" at least) */
	struct str mime;      /* jstr: media ("image/png") */
	struct str data;      /* jstr: media, base64; REDACTED: the blob */
	struct str url;       /* jstr: media that lies elsewhere */
	struct str file_id;   /* jstr: media that was uploaded to the provider */
	struct str filename;  /* jstr */
	struct str detail;    /* jstr: OpenAI's image detail */
	struct str signature; /* jstr: THINKING; CALL and TEXT: Gemini's thoughtSignature */
	struct chat_part *part; /* RESULT: its parts */
	struct chat_part *next;
};

/* Turns as they came. Writers for dialects whose turns alternate merge neighbours of one role, and
 * put results first. */
struct chat_turn {
	enum chat_role role;
	struct chat_part *part;
	struct chat_turn *next;
};

struct chat_tool {
	struct str name, description; /* jstr; description may be absent */
	struct str schema; /* json, an object; "{...}" of no properties when the request had none */
	int strict;        /* 1, 0; -1: not said */
	enum chat_cache cache;
	struct chat_tool *next;
};

enum chat_choose { CHOOSE_UNSET, CHOOSE_AUTO, CHOOSE_NONE, CHOOSE_ANY, CHOOSE_TOOL };
enum chat_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SCHEMA };
enum chat_effort {
	EFFORT_UNSET,
	EFFORT_NONE,
	EFFORT_MINIMAL,
	EFFORT_LOW,
	EFFORT_MEDIUM,
	EFFORT_HIGH,
	EFFORT_XHIGH,
	EFFORT_MAX
};

#define CHAT_STOPS 16

/* Numbers are json as they came (0.7 stays "0.7"); n == 0: not set. */
struct chat_request {
	struct chat_turn *turn; /* system turns among them, in their places */
	struct chat_tool *tool;
	enum chat_choose choose;
	struct str choose_name;    /* jstr: CHOOSE_TOOL */
	int parallel;              /* 1, 0; -1: not said */
	bool stream, stream_usage; /* stream_usage: an OpenAI client wants its usage chunk */
	uint64_t max_tokens;       /* 0: not said */
	struct str temperature, top_p, top_k, seed, n, presence_penalty, frequency_penalty;
	struct str stop[CHAT_STOPS]; /* jstr */
	unsigned n_stop;
	enum chat_format format;
	struct str schema_name, schema_description, schema; /* jstr; jstr; json */
	int schema_strict;
	enum chat_effort effort;
	int64_t think_budget; /* tokens; -1: the model decides; 0 with think == 0: off */
	int think;            /* 1: asked for, 0: switched off, -1: not said */
	bool think_show;      /* thoughts are wanted in the answer */
	struct str user;      /* jstr: the end user's name */
	struct str tier;      /* jstr: service tier, in the client's word */
	bool logprobs;
	struct str top_logprobs;
};

/* ---- answers */

enum chat_finish {
	FINISH_NONE,
	FINISH_STOP,
	FINISH_STOP_SEQUENCE,
	FINISH_LENGTH,
	FINISH_TOOL,
	FINISH_FILTER, /* content filter, safety, refusal */
	FINISH_PAUSE,  /* Anthropic's pause_turn */
	FINISH_ERROR,  /* malformed call, provider's trouble: never a silent stop */
};

#define CHAT_CHOICES 16

struct chat_choice {
	struct chat_part *part; /* TEXT, REFUSAL, THINKING, REDACTED, CALL, media, in their order */
	enum chat_finish finish;
	struct str stop_sequence; /* jstr: which one it was, where known */
};

struct chat_answer {
	struct str id, model; /* jstr, of the provider; may be absent */
	struct chat_choice choice[CHAT_CHOICES];
	unsigned n_choices;
	struct usage usage; /* disjoint buckets; source USAGE_ABSENT: not told */
	uint64_t reasoning; /* of the output: informational */
};

/*
 * What a stream says, in this order: START once; per choice blocks, one open at a time
 * (OPEN, DELTA..., CLOSE); FINISH per choice; USAGE at most once, before or after FINISH; END.
 * ERROR at any place: the last one. Readers make it so whatever the provider sends (synthesise OPEN
 * and CLOSE where its dialect has none). Media come whole with their OPEN, without a DELTA.
 */
enum chat_event_kind {
	EVENT_START,
	EVENT_OPEN,
	EVENT_DELTA,
	EVENT_CLOSE,
	EVENT_FINISH,
	EVENT_USAGE,
	EVENT_END,
	EVENT_ERROR
};

struct chat_error {
	int status;                            /* HTTP; of an event: what it would have been */
	struct str type, code, message, param; /* jstr, of the provider; may be absent */
	uint64_t retry_ms;                     /* when to come back; 0: not told */
};

struct chat_event {
	enum chat_event_kind kind;
	uint8_t choice;
	enum chat_part_kind part; /* OPEN, DELTA, CLOSE: TEXT, REFUSAL, THINKING, REDACTED, CALL;
				     OPEN, CLOSE: media */
	struct str id, model;     /* START; OPEN of a CALL: id */
	struct str name;          /* OPEN of a CALL */
	struct str text;      /* DELTA: jstr piece: text; of a CALL: a piece of its arguments, as a
				 jstr of JSON text */
	struct str signature; /* CLOSE of THINKING, TEXT, CALL or media; of media OPEN too */
	struct str data;      /* OPEN of REDACTED or media: as in chat_part */
	struct str mime, url; /* OPEN of media: as in chat_part */
	enum chat_finish finish;
	struct str stop_sequence;
	const struct usage *usage; /* USAGE: all of it so far; START too where known then */
	const struct chat_error *error;
};

#endif
