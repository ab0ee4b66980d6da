/*
 * record_read.c: bytes to records, and the records' names. What is read may be anything: a disk's
 * or a power cut's leavings. Pure; any thread; strings point into the bytes.
 */
#include "ledger/record.h"

#include "base/digest.h"

struct cursor {
	const char *p, *end;
	bool bad; /* a field went past the end: from then on all are zero */
};

static void get_bytes(struct cursor *c, void *out, size_t n)
{
	if ((size_t)(c->end - c->p) < n) {
		c->bad = true;
		c->p = c->end;
		memset(out, 0, n);
		return;
	}
	memcpy(out, c->p, n);
	c->p += n;
}

#define GET_INT(kind, type)                               \
	static void get_##kind(struct cursor *c, type *v) \
	{                                                 \
		get_bytes(c, v, sizeof *v);               \
	}
GET_INT(u8, uint8_t)
GET_INT(u16, uint16_t)
GET_INT(u32, uint32_t)
GET_INT(u64, uint64_t)
GET_INT(pico, pico_usd)
GET_INT(wall, wall_us)

/* A field that records of before do not have: at most padding is there. */
static void get_more(struct cursor *c, uint32_t *v)
{
	*v = 0;
	if (c->end - c->p >= (ptrdiff_t)sizeof *v)
		get_u32(c, v);
	else
		c->p = c->end;
}

static void get_more64(struct cursor *c, uint64_t *v)
{
	*v = 0;
	if (c->end - c->p >= (ptrdiff_t)sizeof *v)
		get_u64(c, v);
	else
		c->p = c->end;
}

static void get_bool(struct cursor *c, bool *v)
{
	uint8_t n;

	get_u8(c, &n);
	*v = n != 0;
}

static void get_id(struct cursor *c, struct rec_id *v)
{
	get_u64(c, &v->hi);
	get_u32(c, &v->lo);
}

static void get_str(struct cursor *c, struct str *v)
{
	uint16_t n;

	get_u16(c, &n);
	*v = STR_NONE;
	if (n > c->end - c->p) {
		c->bad = true;
		c->p = c->end;
	} else if (n > 0) {
		*v = str_mk(c->p, n);
		c->p += n;
	}
}

static void get_later(struct cursor *c, struct str *v)
{
	*v = STR_NONE;
	if (c->end - c->p >= 2)
		get_str(c, v);
	else
		c->p = c->end;
}

#define get_name get_str
#define get_tags get_str

static void get_who(struct cursor *c, struct rec_who *v)
{
	get_str(c, &v->org);
	get_str(c, &v->tenant);
	get_str(c, &v->tier);
	get_str(c, &v->key);
	get_str(c, &v->tags);
	get_str(c, &v->session);
	get_str(c, &v->end_user);
}

static void get_what(struct cursor *c, struct rec_what *v)
{
	get_str(c, &v->endpoint);
	get_str(c, &v->model);
	get_str(c, &v->provider);
	get_str(c, &v->target);
	get_str(c, &v->region);
	get_str(c, &v->target_model);
	get_bool(c, &v->stream);
}

/* At most ten bytes, 64 bits. */
static uint64_t get_leb128(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b;

		get_u8(c, &b);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (shift == 63 && b > 1)
			break;
		if (b < 0x80)
			return v;
	}
	c->bad = true;
	return 0;
}

static const uint8_t bucket_of_code[256] = {
/* and 1; 0: unknown */
#define X(id, name, parent, kind, code) [code] = USAGE_##id + 1,
#include "money/tbl/buckets.h"
#undef X
};

static void get_usage(struct cursor *c, struct usage *v)
{
	uint8_t count, code, source;

	memset(v, 0, sizeof *v);
	get_u8(c, &count);
	while (count-- > 0) {
		uint64_t units;

		get_u8(c, &code);
		units = get_leb128(c);
		if (bucket_of_code[code] != 0)
			v->n[bucket_of_code[code] - 1] = units;
	}
	get_u8(c, &source);
	v->source = source <= USAGE_ESTIMATED ? (enum usage_source)source : USAGE_ESTIMATED;
}

static void get_money(struct cursor *c, struct rec_money *v)
{
	get_pico(c, &v->list);
	get_pico(c, &v->contracted);
	get_pico(c, &v->billed);
	get_pico(c, &v->reported);
	get_u64(c, &v->price_version);
	get_u32(c, &v->flags);
}

#define BEGIN(T, member, type)                                   \
	static void get_##type(struct cursor *c, struct type *v) \
	{
#define FIELD(kind, name) get_##kind(c, &v->name);
#define END(T)            }
#include "ledger/tbl/records.h"
#undef BEGIN
#undef FIELD
#undef END

/* The frame: a whole record with the right checksum. */
static enum rec_read read_head(struct str bytes, struct rec_head *head, size_t *len)
{
	uint32_t n, crc;

	if (bytes.n < REC_HEAD_BYTES)
		return REC_READ_END;
	memcpy(&crc, bytes.p, 4);
	memcpy(&n, bytes.p + 4, 4);
	if (n == 0)
		return REC_READ_END;
	if (n < REC_HEAD_BYTES || n > REC_MAX_BYTES || n % 8 != 0 || n > bytes.n ||
		digest_crc32c(0, bytes.p + 4, n - 4) != crc)
		return REC_READ_TORN;
	head->type = (enum rec_type)(uint8_t)bytes.p[8];
	memcpy(&head->flags, bytes.p + 10, 2);
	memcpy(&head->stamp, bytes.p + 12, 4);
	memcpy(&head->seq, bytes.p + 16, 8);
	memcpy(&head->time, bytes.p + 24, 8);
	*len = n;
	return REC_READ_OK;
}

enum rec_read rec_decode(struct str bytes, struct rec *r, size_t *len)
{
	struct rec_head head;
	struct cursor c = { .bad = false };
	enum rec_read rc = read_head(bytes, &head, len);

	if (rc != REC_READ_OK)
		return rc;
	r->type = head.type;
	r->flags = head.flags;
	r->stamp = head.stamp;
	r->seq = head.seq;
	r->time = head.time;
	c.p = bytes.p + REC_HEAD_BYTES;
	c.end = bytes.p + *len;
	switch (head.type) {
#define BEGIN(T, member, type)                \
	case REC_##T:                         \
		get_##type(&c, &r->u.member); \
		break;
#define FIELD(kind, name)
#define END(T)
#include "ledger/tbl/records.h"
#undef BEGIN
#undef FIELD
#undef END
	case REC_END: return REC_READ_BAD;
	case REC_CLOSE: break;
	}
	return c.bad ? REC_READ_BAD : REC_READ_OK;
}

enum rec_read rec_glance(struct str bytes, struct rec_head *head, struct rec_id *id, size_t *len)
{
	struct cursor c = { .bad = false };
	enum rec_read rc = read_head(bytes, head, len);

	if (rc != REC_READ_OK)
		return rc;
	c.p = bytes.p + REC_HEAD_BYTES;
	c.end = bytes.p + *len;
	*id = (struct rec_id){ .hi = 0 };
	switch (head->type) {
	case REC_HOLD:
	case REC_LEG:
	case REC_PROGRESS:
	case REC_EXTEND:
	case REC_SETTLE:
	case REC_VOID: get_id(&c, id); break;
	default: break;
	}
	return c.bad || head->type == REC_END ? REC_READ_BAD : REC_READ_OK;
}

const char *rec_type_name(enum rec_type t)
{
	switch (t) {
	case REC_END: return "end";
	case REC_OPEN: return "open";
	case REC_CLOSE: return "close";
	case REC_HOLD: return "hold";
	case REC_LEG: return "leg";
	case REC_PROGRESS: return "progress";
	case REC_EXTEND: return "extend";
	case REC_SETTLE: return "settle";
	case REC_VOID: return "void";
	case REC_CHECKPOINT: return "checkpoint";
	case REC_WRITER: return "writer";
	}
	return "unknown";
}

const char *rec_quality_name(unsigned q)
{
	static const char *const names[QUALITY__MAX] = { [QUALITY_EXACT] = "exact",
		[QUALITY_ESTIMATED] = "estimated",
		[QUALITY_PARTIAL] = "partial",
		[QUALITY_INDETERMINATE] = "indeterminate",
		[QUALITY_CRASH_WORST] = "crash_worst" };

	return q < QUALITY__MAX ? names[q] : "unknown";
}

void rec_id_text(char out[REC_ID_LEN], struct rec_id id)
{
	unsigned char raw[12];

	for (unsigned i = 0; i < 8; i++)
		raw[i] = (unsigned char)(id.hi >> (56 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		raw[8 + i] = (unsigned char)(id.lo >> (24 - 8 * i));
	memcpy(out, "req_", 4);
	digest_hex(out + 4, raw, sizeof raw);
}

int rec_id_parse(struct str s, struct rec_id *id)
{
	unsigned char raw[12];

	if (s.n != REC_ID_LEN || !str_starts(s, STR("req_")) ||
		digest_unhex(str_skip(s, 4), raw, sizeof raw) != 0)
		return -1;
	*id = (struct rec_id){ .hi = 0 };
	for (unsigned i = 0; i < 8; i++)
		id->hi = id->hi << 8 | raw[i];
	for (unsigned i = 8; i < 12; i++)
		id->lo = id->lo << 8 | raw[i];
	return 0;
}
