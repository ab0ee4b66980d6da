/*
 * json_tap.h: the streaming twin of json_scan: bytes arrive in any pieces, a few top-level members
 * of the object are copied out, memory is constant. For responses and stream events: it looks, it
 * never refuses. Keys are compared as they stand: one written with escapes is none of them.
 */
#ifndef TG_PROTO_JSON_TAP_H
#define TG_PROTO_JSON_TAP_H

#include "proto/json_scan.h"

#define JSON_TAP_MAX      8  /* keys */
#define JSON_TAP_MAX_KEY  30 /* longest key that can be watched */
#define JSON_TAP_MAX_NEST 1024

struct json_tap {
	const struct str *key; /* caller's array, lives as long as the tap */
	uint8_t n_keys;
	uint8_t state;
	uint8_t hit; /* 1 + key being captured */
	bool bad;    /* not JSON (or too deep): nothing more is captured */
	bool each;   /* the text is an array: the keys are those of its objects, one after the other
		      */
	bool in_elem;
	uint16_t twice; /* bit i: key i was there more than once; the last one is kept */
	uint16_t depth; /* brackets open inside the member's value */
	uint16_t keybuf_len;
	char keybuf[JSON_TAP_MAX_KEY];
	char *buf; /* caller's memory for captured text */
	size_t cap, len;
	uint32_t n_elem; /* each: objects read so far */
	void (*elem_end)(
		struct json_tap *t); /* each: an object is complete, its members can be read */
	struct json_tap *inner[JSON_TAP_MAX];
	struct {
		uint32_t at, len;
		bool seen, overflow;
		char first;
	} got[JSON_TAP_MAX];
};

void json_tap_init(
	struct json_tap *t, const struct str *keys, size_t n_keys, char *buf, size_t cap);
/*
 * The value of keys[i] is not copied but fed to `inner`, which is reset first: so members of
 * members are found however large what lies between. inner lives as long as t.
 */
void json_tap_nest(struct json_tap *t, size_t i, struct json_tap *inner);
/* Read an array of objects; `elem_end` is called behind each of them. Other elements are passed
 * over. */
void json_tap_each(struct json_tap *t, void (*elem_end)(struct json_tap *t));
/* Forget what was captured, keep keys and memory: for the next event. Inner taps are reset too. */
void json_tap_reset(struct json_tap *t);
/* Never reads past `bytes`; the result does not depend on how the text is cut. A key seen again
 * overwrites. */
void json_tap_feed(struct json_tap *t, struct str bytes);
/*
 * The whole text in one piece, faster than feeding it; keys whose bit is set in `skip` are left
 * out. False when anything was fed already or the text is not one clean object without doubled
 * keys: then nothing was taken, feed it.
 */
bool json_tap_whole(struct json_tap *t, struct str text, unsigned skip);
/* The value captured for keys[i]; type JSON_NONE when absent, incomplete, nested, or larger than
 * the memory left. */
struct json_val json_tap_get(const struct json_tap *t, size_t i);
/* Its type, also when its text was not kept; JSON_NONE while absent or incomplete. */
enum json_type json_tap_type(const struct json_tap *t, size_t i);
/* The whole value was read: nothing more will come. */
bool json_tap_done(const struct json_tap *t);

#endif
