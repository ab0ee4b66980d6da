/*
 * record.h: the records of the ledger as structs, and their bytes. A journal is a row of them
 * (segment.h). Pure: no clocks, no files.
 *
 *	HOLD ---> LEG* ---> (PROGRESS | EXTEND)* ---> SETTLE    asked of providers, and what it cost
 *	     \--> VOID                               nothing had reached one
 *
 * Bytes (little-endian, 8-byte aligned, padded with zeros):
 *
 *	u32 crc     CRC32C of everything behind it
 *	u32 len     of the whole record; 0: the end
 *	u8 type | u8 version | u16 flags
 *	u32 stamp   the segment's (segment.h): tells a record from bytes that look like one
 *	u64 seq     rises by one a record within a segment, from 1
 *	i64 time    us since 1970
 *	payload     tbl/records.h; usage is u8 count, (u8 bucket code, LEB128) each, u8 source
 *
 * The first eight bytes are stored last, at once: whoever reads along sees a whole record or the
 * end. A payload may grow at its end in later versions: readers take the fields they know and pass
 * over the rest.
 */
#ifndef TG_LEDGER_RECORD_H
#define TG_LEDGER_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/str.h"
#include "money/money.h"
#include "money/usage.h"

enum rec_type { /* on disk: never change or reuse a number */
	REC_END = 0,
	REC_OPEN = 1,       /* the process began to write */
	REC_CLOSE = 2,      /* and ended in order */
	REC_HOLD = 3,       /* before the first byte goes to a provider */
	REC_LEG = 4,        /* a provider failed; before the next one is asked */
	REC_PROGRESS = 5,   /* how far a stream has come */
	REC_SETTLE = 6,     /* what it cost in the end: exactly one for a HOLD, or a VOID */
	REC_VOID = 7,       /* nothing had reached a provider */
	REC_CHECKPOINT = 8, /* every hold that was open has been carried into this segment */
			    /* 9 ADJUST, 10 GRANT, 11 RETURN, 13 SHIPPED: not used */
	REC_EXTEND = 12,    /* a stream may go on: at most this is used and costs now */
	REC_WRITER = 14,    /* whose the records behind it are, up to the next of these */
};

enum rec_flag {
	REC_CARRIED = 1, /* HOLD: a copy, of one in an earlier segment that is still open */
};

enum rec_quality {                 /* of a SETTLE or LEG; on disk */
	QUALITY_EXACT = 0,         /* the provider's final figures, or nothing was used */
	QUALITY_ESTIMATED = 1,     /* complete, but without figures: estimated, rounded up */
	QUALITY_PARTIAL = 2,       /* broken off: the provider's figures so far and an estimate */
	QUALITY_INDETERMINATE = 3, /* the request was sent and no status came back */
	QUALITY_CRASH_WORST = 4,   /* settled by recovery, at its bound */
	QUALITY__MAX
};

enum rec_money_flag {       /* bits of rec_money.flags; on disk */
	MONEY_UNPRICED = 1, /* no price known: `list` is the stated estimate's */
	MONEY_PARENT = 2,   /* a bucket took its parent's price */
	MONEY_TIER = 4,     /* a long-context price applied */
	MONEY_REPORTED = 8, /* `reported` is what the provider said; list is what the book says */
	MONEY_OVER = 16,    /* dearer than its hold */
	MONEY_FREE_BOUND = 32,  /* HOLD: no limit of output was known, a default stands in */
	MONEY_GENERATION = 64,  /* billed at the tier's own price per generation */
	MONEY_OVERFLOW = 128,   /* a figure beyond what counters hold: the largest stands in */
	MONEY_SERVICE = 256,    /* no price for the service tier: the standard one was used */
	MONEY_VARIANT = 512,    /* the variant is not listed: the dearest was used */
	MONEY_REGION = 1024,    /* a region's own price or uplift applied */
	MONEY_UNCOUNTED = 2048, /* SETTLE: no provider worked on it (its own failure, or a refusal
				   for load): limits do not count it as a request */
	MONEY_SHADOW = 4096,    /* HOLD, SETTLE: a copy of another request (`shadow`) */
	MONEY_DEGRADED = 8192,  /* a guardrail had a cheaper model serve it */
};

#define REC_ID_LEN 28 /* "req_" and 24 hex digits */
struct rec_id {       /* a request's id */
	uint64_t hi;
	uint32_t lo;
};

struct rec_who { /* whom it is attributed to */
	struct str org, tenant, tier, key;
	struct str tags; /* a JSON object of strings: "{}" or empty when none */
	struct str session, end_user;
	struct str rule; /* of the configuration's, that chose model or route; empty: none */
};

struct rec_what {            /* what was asked of whom */
	struct str endpoint; /* core/tbl/endpoints.h in lower case: "chat" */
	struct str model;    /* as the client asked for it */
	struct str provider, target, region;
	struct str target_model; /* as the provider was asked for it */
	bool stream;
};

struct rec_money {
	pico_usd list;          /* price book */
	pico_usd contracted;    /* what the operator pays: list and the target's discount, or
				   `reported` */
	pico_usd billed;        /* what the tenant pays */
	pico_usd reported;      /* as the provider said, with MONEY_REPORTED */
	uint64_t price_version; /* of the price that applied; 0: none */
	uint32_t flags;
};

struct rec_open {
	struct str member, build;
	uint64_t incarnation;
	uint32_t generation; /* of the configuration */
};

struct rec_hold {
	struct rec_id id;
	wall_us start; /* the request's first byte: its hour is the request's */
	struct rec_who who;
	struct rec_what what;   /* of the first leg */
	struct usage bound;     /* at most this is used */
	struct rec_money money; /* at most this it costs */
	uint8_t legs_over;      /* of a carried one: `what` is of the leg behind these */
	uint32_t generations;   /* images, videos, speeches that are asked for */
	/* nano-USD of what is held, all legs together, that is beyond the limits on cost of the
	 * tenant, or of its org: out of credits or an overdraft */
	uint64_t drawn_tenant, drawn_org;
};

struct rec_leg { /* the leg that is over, charged by itself; then which one begins */
	struct rec_id id;
	uint8_t no;      /* of the leg that is over, from 1 */
	uint16_t status; /* 0: no status came */
	uint8_t quality;
	bool sent; /* false: nothing of it had reached the provider */
	struct rec_who who;
	struct rec_what what;
	struct usage usage;
	struct rec_money money;
	wall_us start;        /* the request's */
	struct rec_what next; /* the leg that begins */
	struct usage next_bound;
	struct rec_money next_money; /* at most this it costs */
	uint32_t generations;        /* as a HOLD's */
	uint64_t drawn_tenant, drawn_org;
};

struct rec_progress {
	struct rec_id id;
	struct usage usage; /* seen so far */
	struct rec_money
		money; /* what the current leg costs at most, given that: replaces the hold's */
};

/* Of a leg that was held for a part of its answer (a tier's `hold: incremental`): more of it may
 * come now. Takes the place of what the HOLD, the LEG or an earlier EXTEND or PROGRESS says. */
struct rec_extend {
	struct rec_id id;
	struct usage bound;               /* at most this is used */
	struct rec_money money;           /* at most this it costs */
	uint64_t drawn_tenant, drawn_org; /* as a HOLD's */
};

struct rec_settle {
	struct rec_id id;
	wall_us start;
	uint8_t quality;
	uint8_t end;                     /* enum req_end of core */
	uint8_t legs;                    /* in all; this record charges the last */
	uint16_t status;                 /* sent to the client; 0: none */
	uint32_t first_byte_us, done_us; /* since start; saturated; 0: did not happen */
	struct rec_who who;
	struct rec_what what; /* of the last leg */
	struct str model_served, service_tier;
	struct str provider_request_id;
	struct usage usage;
	struct rec_money money;
	pico_usd bound;                   /* the hold's contracted figure */
	uint32_t generations;             /* images, videos, speeches that were made */
	uint64_t drawn_tenant, drawn_org; /* of what all legs cost: as a HOLD's */
};

struct rec_void {
	struct rec_id id;
	wall_us start;
	uint8_t end;
	uint16_t status;
	struct rec_who who;
	struct rec_what what;
};

struct rec_checkpoint {
	uint32_t open; /* holds carried */
};

struct rec_writer {
	uint32_t index;
	uint64_t seq; /* the next record's among all that this writer wrote; then one more each */
};

struct rec { /* a record that was read; strings point into its bytes */
	enum rec_type type;
	uint16_t flags;
	uint32_t stamp;
	uint64_t seq;
	wall_us time;
	union {
		struct rec_open open;
		struct rec_hold hold;
		struct rec_leg leg;
		struct rec_progress progress;
		struct rec_extend extend;
		struct rec_settle settle;
		struct rec_void voided;
		struct rec_checkpoint checkpoint;
		struct rec_writer writer;
	} u;
};

#define REC_HEAD_BYTES 32
#define REC_STR_MAX    1024 /* longer strings are cut when written, between two characters */
#define REC_NAME_MAX   256  /* the same, of served models, tiers, request ids, rules */
#define REC_TAGS_MAX   8192 /* longer tags are dropped whole, for "{}" */
#define REC_MAX_BYTES  (32 * 1024)

struct rec_head {
	enum rec_type type;
	uint16_t flags;
	uint32_t stamp;
	uint64_t seq;
	wall_us time;
};

/*
 * Write a record to out, which is 8-byte aligned: cap >= REC_MAX_BYTES, or a size that rec_size or
 * rec_bound gave. payload is the type's struct (NULL for CLOSE). Returns its length, a multiple of
 * 8. Never fails: strings are cut to their maximum.
 */
size_t rec_put(char *out, const struct rec_head *head, const void *payload);
size_t rec_encode(char *out, const struct rec *r);
/* Write a copy of a valid record of len bytes with another head (its type and payload stay). */
size_t rec_copy(char *out, const struct rec_head *head, const char *from, size_t len);
/* Write a copy of a valid record of len bytes as another segment's: its stamp and seq. */
void rec_stamp(char *out, const char *from, size_t len, uint32_t stamp, uint64_t seq);
/* Of a record that is known to be whole. */
static inline size_t rec_length(const char *record)
{
	uint32_t len;

	memcpy(&len, record + 4, 4);
	return len;
}
/* The length that rec_encode would return. */
size_t rec_size(const struct rec *r);
/* At most this long; quicker. */
size_t rec_bound(enum rec_type type, const void *payload);
/* At most this long is any SETTLE or VOID of these. */
size_t rec_settle_bound(const struct rec_who *who, const struct rec_what *what);

enum rec_read {
	REC_READ_OK,
	REC_READ_END,  /* zeros, or fewer bytes than a head: nothing (more) was written */
	REC_READ_TORN, /* a length that cannot be, or a checksum that does not fit */
	REC_READ_BAD,  /* the checksum fits and the payload does not: a writer's error, or a later
			  version */
};
/* The record at the front of `bytes`; *len is its length when OK or BAD. A type this version does
 * not know is OK with that type and no payload. */
enum rec_read rec_decode(struct str bytes, struct rec *r, size_t *len);

/*
 * For reading very many: is there a whole record with the right checksum, of what type, and (if its
 * type has one: HOLD, LEG, PROGRESS, EXTEND, SETTLE, VOID) of which request? As rec_decode, less
 * the rest.
 */
enum rec_read rec_glance(struct str bytes, struct rec_head *head, struct rec_id *id, size_t *len);

const char *rec_type_name(enum rec_type t);
const char *rec_quality_name(unsigned q);
/* "req_..." without NUL. */
void rec_id_text(char out[REC_ID_LEN], struct rec_id id);
int rec_id_parse(struct str s, struct rec_id *id) TG_MUST_CHECK;
static inline bool rec_id_eq(struct rec_id a, struct rec_id b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

#endif
