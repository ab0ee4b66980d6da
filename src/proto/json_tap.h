/*
 * json_tap.h: the streaming twin of json_scan: bytes arrive in any pieces, a few top-level members
 * of the object are copied out, memory is constant. For responses and stream events: it looks, it
 * never refuses.
 */
#ifndef TG_PROTO_JSON_TAP_H
#define TG_PROTO_JSON_TAP_H

#include "proto/json_scan.h"

#define JSON_TAP_MAX 8 /* keys */

struct json_tap {
	const struct str *key; /* caller's array, lives as long as the tap */
	uint8_t n_keys;
	uint8_t state;
	uint8_t hit; /* 1 + key being captured */
	bool bad;    /* not JSON (or too deep): nothing more is captured */
	uint16_t depth;
	uint16_t keybuf_len;
	char keybuf[32];
	char *buf; /* caller's memory for captured text */
	size_t cap, len;
	struct {
		uint32_t at, len;
		bool seen, overflow;
	} got[JSON_TAP_MAX];
};

void json_tap_init(
	struct json_tap *t, const struct str *keys, size_t n_keys, char *buf, size_t cap);
/* Forget what was captured, keep keys and memory: for the next event. */
void json_tap_reset(struct json_tap *t);
void json_tap_feed(struct json_tap *t, struct str bytes);
/* The value captured for keys[i]; type JSON_NONE when absent, incomplete, or larger than the memory
 * left. */
struct json_val json_tap_get(const struct json_tap *t, size_t i);

#endif
