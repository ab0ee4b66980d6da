/*
 * meter.h: finds what a response used while it passes: fed with the payload in any pieces, whole
 * bodies and event streams, OpenAI and Anthropic. It looks and never refuses; only the one chunk of
 * a chat stream that tells the usage can be taken out for a client that did not ask for it.
 *
 * A meter belongs to one response on one worker. It points into itself: do not copy or move it.
 */
#ifndef TG_PROVIDERS_METER_H
#define TG_PROVIDERS_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/str.h"
#include "core/meter_api.h"
#include "money/usage.h"
#include "proto/json_tap.h"
#include "proto/sse.h"
#include "providers/usage_anthropic.h"
#include "providers/usage_openai.h"

#define METER_MODEL_MAX 128
#define METER_TIER_MAX  32
/* Memory the caller gives: enough to read usage, and with room to hold an event back for `strip`.
 */
#define METER_CAPTURE_BYTES 6144
#define METER_HOLD_BYTES    8192 /* with the above in one 16 KB block */
#define METER_BUF_BYTES     (METER_CAPTURE_BYTES + METER_HOLD_BYTES)

struct meter_list { /* "choices" or "output": counted, not kept */
	struct json_tap tap;
	uint32_t searches;
};

struct meter {
	unsigned magic;
#define METER_MAGIC 0x6d657472
	enum meter_api api;
	bool stream;
	bool strip; /* set by the caller after init: take the usage-only chunk out (chat and
		       completions) */

	/* What is known so far; final after meter_finish. */
	struct usage usage;
	struct str model; /* the response's own, empty when it did not say */
	struct str service_tier;
	uint64_t audio_seconds; /* transcription billed by duration */
	bool terminal;          /* the end marker of the stream (the end of the object) was seen */
	bool error_event;       /* an error inside the response */
	bool has_advisor;       /* Anthropic: a second model's part, not in `usage` */
	struct usage advisor;
	struct str advisor_model;
	uint32_t cuts; /* usage-only chunks taken out, and the last one's range in the stream */
	uint64_t cut_from, cut_to;

	/* private */
	struct sse sse;
	struct json_tap event, body, item, nothing;
	struct meter_list list, body_list;
	struct usage_openai openai;
	struct usage_anthropic anthropic;
	uint32_t searches_done;
	unsigned n_events; /* read in full */
	uint8_t head_len;
	bool has_usage, drop_lf, usage_only;
	char head[8];          /* the data's first bytes, to know [DONE] */
	uint64_t passed_event; /* begin of an event of which something was passed on */
	uint64_t hold_event;   /* begin of the event that is held */
	char *hold;
	size_t hold_cap, hold_len, hold_out; /* hold[0..hold_out) was handed out by the last call */
	char model_buf[METER_MODEL_MAX];
	char tier_buf[METER_TIER_MAX];
};

/* `stream`: the payload is text/event-stream. buf lives as long as the meter; see METER_BUF_BYTES.
 */
void meter_init(struct meter *m, enum meter_api api, bool stream, char *buf, size_t cap);
void meter_feed(struct meter *m, struct str bytes);
/*
 * Feed, and give what is to be passed on as spans of `in` and of held bytes: valid until the next
 * call. With `strip` an event that may be the usage-only chunk is held while that is open, up to
 * the memory given. Returns the number of spans; max must be at least 4 (when they run out, nothing
 * more is taken out).
 */
int meter_filter(struct meter *m, struct str in, struct iovec *out, int max);
/*
 * A whole body (not a stream) that came in one piece, instead of feeding it; meter_finish follows
 * as ever.
 */
void meter_whole(struct meter *m, struct str body);
/* The payload is over: an event without its blank line and a whole body are read now. */
void meter_finish(struct meter *m);
/* After meter_finish: bytes that were held and are still to be passed on. */
struct str meter_held(const struct meter *m);

#endif
