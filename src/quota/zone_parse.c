/*
 * zone_parse.c: the bytes of a TZif file (RFC 9636 section 3) to a zone. The 32-bit block that
 * comes first is passed over: version 2 and later repeat it in 64 bits, and add the rule. Every
 * count is checked against the bytes that are there.
 */
#include "quota/zone_int.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD_LEN    44
#define TYPE_LEN    6
#define CHANGES_MAX 4096 /* the longest file there is has some 250 */

struct tzif_head {
	uint64_t isut, isstd, leap, time, type, chars;
};

static uint64_t be(const char *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

static int take_head(struct str *s, char *version, struct tzif_head *h)
{
	if (s->n < HEAD_LEN || memcmp(s->p, "TZif", 4) != 0)
		return -1;
	*version = s->p[4];
	*h = (struct tzif_head){ be(s->p + 20, 4), be(s->p + 24, 4), be(s->p + 28, 4),
		be(s->p + 32, 4), be(s->p + 36, 4), be(s->p + 40, 4) };
	*s = str_skip(*s, HEAD_LEN);
	return 0;
}

/* counts are 32 bits each: this cannot wrap */
static uint64_t block_len(const struct tzif_head *h, unsigned time_len)
{
	return h->time * time_len + h->time + h->type * TYPE_LEN + h->chars +
	       h->leap * (time_len + 4) + h->isstd + h->isut;
}

static const char *take_offset(const char *types, uint64_t i, int32_t *out)
{
	uint32_t raw = (uint32_t)be(types + i * TYPE_LEN, 4);
	int64_t v = raw > INT32_MAX ? (int64_t)raw - (INT64_C(1) << 32) : (int64_t)raw;

	if (v > ZONE_OFFSET_MAX_S || v < -ZONE_OFFSET_MAX_S)
		return "an offset from UTC is more than 26 hours";
	*out = (int32_t)v;
	return NULL;
}

/* Changes that leave the offset as it is (names, daylight saving without a shift) are dropped. */
static const char *take_changes(struct zone *z, const char *p, const struct tzif_head *h)
{
	const char *index = p + h->time * 8, *types = index + h->time, *why;
	int32_t offset = 0;

	why = take_offset(types, 0, &z->first_offset_s);
	offset = z->first_offset_s;
	for (uint64_t i = 0; i < h->time && why == NULL; i++) {
		uint64_t raw = be(p + i * 8, 8), type = (unsigned char)index[i];
		int64_t at, before = i > 0 ? (int64_t)be(p + (i - 1) * 8, 8) : INT64_MIN;

		memcpy(&at, &raw, sizeof at);
		if (i > 0 && at <= before)
			return "its times are not in order";
		if (type >= h->type)
			return "a time has a type that is not there";
		why = take_offset(types, type, &z->offset_s[z->n]);
		if (why == NULL && (z->offset_s[z->n] != offset || i + 1 == h->time)) {
			/* the last stays in any case: from there on the rule holds */
			offset = z->offset_s[z->n];
			z->at_s[z->n++] = at;
		}
	}
	return why;
}

static const char *take_footer(struct zone *z, struct str s)
{
	if (s.n < 2 || s.p[0] != '\n')
		return "its last line is missing";
	s = str_skip(s, 1);
	s.n = str_chr(s, '\n');
	if (s.n == (size_t)-1)
		return "its last line has no end";
	if (s.n == 0)
		return NULL;
	z->has_rule = true;
	return zone_rule_parse(s, &z->rule) != 0 ? "its last line is no rule" : NULL;
}

static const char *read_file(struct zone *z, struct str s)
{
	struct tzif_head h;
	char version;
	const char *why;

	if (take_head(&s, &version, &h) != 0)
		return "it does not begin as one (`TZif`)";
	if (version < '2')
		return "it is of version 1, without 64-bit times: install a newer tzdata";
	if (block_len(&h, 4) > s.n)
		return "it is cut off";
	s = str_skip(s, (size_t)block_len(&h, 4));
	if (take_head(&s, &version, &h) != 0 || block_len(&h, 8) > s.n)
		return "it is cut off";
	if (h.leap > 0)
		return "it counts leap seconds: use the zone without `right/`";
	if (h.type == 0 || h.time > CHANGES_MAX)
		return h.type == 0 ? "it has no offset" : "it has more than 4096 changes";
	if (h.time > 0) {
		z->at_s = calloc(h.time, sizeof *z->at_s);
		z->offset_s = calloc(h.time, sizeof *z->offset_s);
		if (z->at_s == NULL || z->offset_s == NULL)
			return "no memory";
	}
	why = take_changes(z, s.p, &h);
	return why != NULL ? why : take_footer(z, str_skip(s, (size_t)block_len(&h, 8)));
}

struct zone *zone_parse(struct str name, struct str bytes, char *err, size_t err_size)
{
	struct zone *z = calloc(1, sizeof *z);
	const char *why = "no memory";

	if (z != NULL) {
		z->magic = ZONE_MAGIC;
		snprintf(z->name, sizeof z->name, "%.*s", STR_FMT(name));
		why = read_file(z, bytes);
	}
	if (why == NULL)
		return z;
	snprintf(err, err_size, "`%.*s` is no time zone file: %s",
		(int)TG_MIN(name.n, (size_t)ZONE_NAME_MAX), name.p, why);
	zone_free(z);
	return NULL;
}
