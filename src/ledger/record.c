/*
 * record.c: records to bytes, straight into the journal's mapping: no allocation, one pass. Pure;
 * any thread. record_read.c is the way back.
 */
#include "ledger/record.h"

#include "base/digest.h"
#include "ledger/copy_short.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "integers are copied as they are");

/* What a payload's kinds take at most, strings' bytes aside. */
#define BYTES_u8     1
#define BYTES_bool   1
#define BYTES_u16    2
#define BYTES_u32    4
#define BYTES_more   4
#define BYTES_more64 8
#define BYTES_u64    8
#define BYTES_pico   8
#define BYTES_wall   8
#define BYTES_id     12
#define BYTES_str    2
#define BYTES_name   2
#define BYTES_later  2
#define BYTES_tags   2
#define BYTES_who    (7 * BYTES_str)
#define BYTES_what   (6 * BYTES_str + 1)
#define BYTES_usage  (2 + USAGE__MAX * 11)
#define BYTES_money  (5 * 8 + 4)

/* What strings add to that. */
#define strings_u8(v)     0
#define strings_bool(v)   0
#define strings_u16(v)    0
#define strings_u32(v)    0
#define strings_more(v)   0
#define strings_more64(v) 0
#define strings_u64(v)    0
#define strings_pico(v)   0
#define strings_wall(v)   0
#define strings_id(v)     0
#define strings_usage(v)  0
#define strings_money(v)  0

static inline char *put_bytes(char *p, const void *v, size_t n)
{
	memcpy(p, v, n);
	return p + n;
}

#define PUT_INT(kind, type)                                    \
	static inline char *put_##kind(char *p, const type *v) \
	{                                                      \
		return put_bytes(p, v, sizeof *v);             \
	}
PUT_INT(u8, uint8_t)
PUT_INT(u16, uint16_t)
PUT_INT(u32, uint32_t)
PUT_INT(more, uint32_t)
PUT_INT(more64, uint64_t)
PUT_INT(u64, uint64_t)
PUT_INT(pico, pico_usd)
PUT_INT(wall, wall_us)

static inline char *put_bool(char *p, const bool *v)
{
	*p = *v;
	return p + 1;
}

static inline char *put_id(char *p, const struct rec_id *v)
{
	p = put_u64(p, &v->hi);
	return put_u32(p, &v->lo);
}

/* At most max bytes, and no part of a character at the end. */
static size_t cut(struct str s, size_t max)
{
	size_t n = max;

	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static inline char *put_text(char *p, struct str s, size_t max)
{
	size_t n = TG_LIKELY(s.n <= max) ? s.n : cut(s, max);
	uint16_t n16 = (uint16_t)n;

	p = put_u16(p, &n16);
	copy_short(p, s.p, n);
	return p + n;
}

static inline char *put_str(char *p, const struct str *v)
{
	return put_text(p, *v, REC_STR_MAX);
}

static inline size_t strings_str(const struct str *v)
{
	return TG_MIN(v->n, (size_t)REC_STR_MAX);
}

static inline char *put_name(char *p, const struct str *v)
{
	return put_text(p, *v, REC_NAME_MAX);
}

static inline size_t strings_name(const struct str *v)
{
	return TG_MIN(v->n, (size_t)REC_NAME_MAX);
}

#define put_later     put_name
#define strings_later strings_name

static inline char *put_tags(char *p, const struct str *v)
{
	return put_text(p, v->n <= REC_TAGS_MAX ? *v : STR("{}"), REC_TAGS_MAX);
}

static inline size_t strings_tags(const struct str *v)
{
	return v->n <= REC_TAGS_MAX ? v->n : 2;
}

static inline char *put_who(char *p, const struct rec_who *v)
{
	p = put_str(p, &v->org);
	p = put_str(p, &v->tenant);
	p = put_str(p, &v->tier);
	p = put_str(p, &v->key);
	p = put_tags(p, &v->tags);
	p = put_str(p, &v->session);
	return put_str(p, &v->end_user);
}

static inline size_t strings_who(const struct rec_who *v)
{
	return strings_str(&v->org) + strings_str(&v->tenant) + strings_str(&v->tier) +
	       strings_str(&v->key) + strings_tags(&v->tags) + strings_str(&v->session) +
	       strings_str(&v->end_user);
}

static inline char *put_what(char *p, const struct rec_what *v)
{
	p = put_str(p, &v->endpoint);
	p = put_str(p, &v->model);
	p = put_str(p, &v->provider);
	p = put_str(p, &v->target);
	p = put_str(p, &v->region);
	p = put_str(p, &v->target_model);
	return put_bool(p, &v->stream);
}

static inline size_t strings_what(const struct rec_what *v)
{
	return strings_str(&v->endpoint) + strings_str(&v->model) + strings_str(&v->provider) +
	       strings_str(&v->target) + strings_str(&v->region) + strings_str(&v->target_model);
}

static const uint8_t bucket_codes[USAGE__MAX] = {
#define X(id, name, parent, kind, code) code,
#include "money/tbl/buckets.h"
#undef X
};

static inline char *put_leb128(char *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (char)(v | 0x80);
	*p = (char)v;
	return p + 1;
}

/* Nearly all buckets are 0: four are looked at together. */
static inline char *put_usage(char *p, const struct usage *v)
{
	char *count = p++;
	unsigned b = 0, n = 0;

	for (; b < USAGE__MAX; b++) {
		while (b + 4 <= USAGE__MAX &&
			(v->n[b] | v->n[b + 1] | v->n[b + 2] | v->n[b + 3]) == 0)
			b += 4;
		if (b >= USAGE__MAX || v->n[b] == 0)
			continue;
		*p = (char)bucket_codes[b];
		p = put_leb128(p + 1, v->n[b]);
		n++;
	}
	*count = (char)n;
	*p = (char)v->source;
	return p + 1;
}

static inline char *put_money(char *p, const struct rec_money *v)
{
	p = put_pico(p, &v->list);
	p = put_pico(p, &v->contracted);
	p = put_pico(p, &v->billed);
	p = put_pico(p, &v->reported);
	p = put_u64(p, &v->price_version);
	return put_u32(p, &v->flags);
}

#define BEGIN(T, member, type)                                 \
	static char *put_##type(char *p, const struct type *v) \
	{
#define FIELD(kind, name) p = put_##kind(p, &v->name);
#define END(T)    \
	return p; \
	}
#include "ledger/tbl/records.h"
#undef BEGIN
#undef FIELD
#undef END

#define BEGIN(T, member, type)                           \
	static size_t bound_##type(const struct type *v) \
	{                                                \
		size_t n = 0;                            \
                                                         \
		(void)v;
#define FIELD(kind, name) n += BYTES_##kind + strings_##kind(&v->name);
#define END(T)    \
	return n; \
	}
#include "ledger/tbl/records.h"
#undef BEGIN
#undef FIELD
#undef END

/* Only types of the table and CLOSE are ever written. */
static char *put_payload(char *p, enum rec_type type, const void *payload)
{
	switch (type) {
#define BEGIN(T, member, type) \
	case REC_##T:          \
		return put_##type(p, payload);
#define FIELD(kind, name)
#define END(T)
#include "ledger/tbl/records.h"
#undef BEGIN
#undef FIELD
#undef END
	case REC_END:
	case REC_CLOSE: break;
	}
	tg_assert(type == REC_CLOSE);
	return p;
}

#define RECORD_VERSION 1

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* The head behind its first eight bytes; those go last, in one store, and publish the record. */
static void seal(char *out, const struct rec_head *head, size_t len)
{
	uint32_t len32 = (uint32_t)len, crc;

	out[8] = (char)head->type;
	out[9] = RECORD_VERSION;
	put_bytes(out + 10, &head->flags, 2);
	put_bytes(out + 12, &head->stamp, 4);
	put_bytes(out + 16, &head->seq, 8);
	put_bytes(out + 24, &head->time, 8);
	crc = digest_crc32c(0, &len32, 4);
	crc = digest_crc32c(crc, out + 8, len - 8);
	__atomic_store_n((uint64_t *)(void *)out, (uint64_t)len32 << 32 | crc, __ATOMIC_RELEASE);
}

size_t rec_put(char *out, const struct rec_head *head, const void *payload)
{
	char *end = put_payload(out + REC_HEAD_BYTES, head->type, payload);
	size_t n = (size_t)(end - out), len = padded(n);

	tg_assert(len <= REC_MAX_BYTES);
	memset(end, 0, len - n);
	seal(out, head, len);
	return len;
}

size_t rec_encode(char *out, const struct rec *r)
{
	struct rec_head head = { .type = r->type,
		.flags = r->flags,
		.stamp = r->stamp,
		.seq = r->seq,
		.time = r->time };

	return rec_put(out, &head, &r->u);
}

size_t rec_size(const struct rec *r)
{
	_Alignas(8) char out[REC_MAX_BYTES];

	return rec_encode(out, r);
}

size_t rec_copy(char *out, const struct rec_head *head, const char *from, size_t len)
{
	memcpy(out + REC_HEAD_BYTES, from + REC_HEAD_BYTES, len - REC_HEAD_BYTES);
	seal(out, head, len);
	return len;
}

void rec_stamp(char *out, const char *from, size_t len, uint32_t stamp, uint64_t seq)
{
	uint32_t crc;

	memcpy(out + 4, from + 4, len - 4);
	put_bytes(out + 12, &stamp, 4);
	put_bytes(out + 16, &seq, 8);
	crc = digest_crc32c(0, out + 4, len - 4);
	put_bytes(out, &crc, 4);
}

size_t rec_bound(enum rec_type type, const void *payload)
{
	size_t n = 0;

	switch (type) {
#define BEGIN(T, member, type)             \
	case REC_##T:                      \
		n = bound_##type(payload); \
		break;
#define FIELD(kind, name)
#define END(T)
#include "ledger/tbl/records.h"
#undef BEGIN
#undef FIELD
#undef END
	case REC_END:
	case REC_CLOSE: break;
	}
	return padded(REC_HEAD_BYTES + n);
}

size_t rec_settle_bound(const struct rec_who *who, const struct rec_what *what)
{
	static const struct rec_settle none;
	size_t settle = bound_rec_settle(&none) + 3 * REC_NAME_MAX;

	return padded(REC_HEAD_BYTES + settle + strings_who(who) + strings_what(what) +
		      strings_name(&who->rule));
}
