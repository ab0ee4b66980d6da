/*
 * check_eventstream.c: AWS event streams: messages written and read again however they are cut,
 * one of known bytes, and everything a broken one can be.
 */
#include <stdio.h>

#include "base/digest.h"
#include "proto/eventstream.h"
#include "unit/unit.h"

/* What was seen: "type name[message] payload;" for each message, "!" and why for a broken one. */
struct diary {
	char text[2048];
	size_t n;
};

static void note(struct diary *d, const char *fmt, struct str s)
{
	d->n += (size_t)snprintf(d->text + d->n, sizeof d->text - d->n, fmt, STR_FMT(s));
}

static void read_all(struct eventstream *e, struct str in, struct diary *d)
{
	static const char *const types[] = { "unknown ", "event ", "exception ", "error " };
	struct str out = STR_NONE;
	size_t used;

	for (;;) {
		enum evs_rc rc = evs_feed(e, in, &used, &out);

		in = str_skip(in, used);
		if (rc == EVS_MORE)
			break;
		if (rc == EVS_BAD) {
			if (d->n == 0 || d->text[d->n - 1] != '!')
				note(d, "%.*s!", str_z(e->err));
			return;
		}
		if (rc == EVS_HEAD) {
			note(d, "%.*s", str_z(types[e->type]));
			note(d, "%.*s[", evs_name(e));
			note(d, "%.*s] ", evs_message(e));
		}
		if (rc == EVS_DATA)
			note(d, "%.*s", out);
		if (rc == EVS_END)
			note(d, "%.*s", STR(";"));
	}
	ck_assert_uint_eq(in.n, 0);
}

static void two_parts(const char *a, size_t an, const char *b, size_t bn, void *want)
{
	struct diary d = { .n = 0 };
	struct eventstream e;

	evs_init(&e);
	read_all(&e, str_mk(a, an), &d);
	read_all(&e, str_mk(b, bn), &d);
	UNIT_STR_EQ(str_mk(d.text, d.n), str_z(want));
}

static void byte_by_byte(struct str in, const char *want)
{
	struct diary d = { .n = 0 };
	struct eventstream e;

	evs_init(&e);
	for (size_t i = 0; i < in.n; i++)
		read_all(&e, str_mk(in.p + i, 1), &d);
	UNIT_STR_EQ(str_mk(d.text, d.n), str_z(want));
}

static void reads_as(struct str in, const char *want)
{
	unit_split(in.p, in.n, two_parts, (void *)(uintptr_t)want);
	byte_by_byte(in, want);
}

START_TEST(what_is_written_is_read)
{
	static const struct {
		enum evs_type type;
		const char *name, *content, *payload;
	} rows[] = {
		{ EVS_EVENT, "messageStart", "application/json", "{\"role\":\"assistant\"}" },
		{ EVS_EVENT, "contentBlockDelta", "", "{\"p\":\"abc\"}" },
		{ EVS_EVENT, "ping", "", "" },
		{ EVS_EXCEPTION, "throttlingException", "application/json",
			"{\"message\":\"slow\"}" },
		{ EVS_ERROR, "InternalFailure", "", "" },
	};
	char buf[1024];
	size_t n = 0;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		n += evs_write(buf + n, sizeof buf - n, rows[i].type, str_z(rows[i].name),
			str_z(rows[i].content), str_z(rows[i].payload));
	reads_as(str_mk(buf, n), "event messageStart[] {\"role\":\"assistant\"};"
				 "event contentBlockDelta[] {\"p\":\"abc\"};event ping[] ;"
				 "exception throttlingException[] {\"message\":\"slow\"};"
				 "error InternalFailure[] ;");
	ck_assert_uint_eq(evs_write(NULL, 0, EVS_EVENT, STR("ping"), STR_NONE, STR("x")),
		EVS_OVERHEAD + 1 + 11 + 1 + 2 + 4 + 1 + 13 + 1 + 2 + 5 + 1);
}
END_TEST

/* Bytes as zlib's crc32 makes them: {"message-type"-less headers} of the ten types, payload "{}".
 */
START_TEST(a_message_of_known_bytes_with_headers_of_every_type)
{
	static const char hex[] = "00000077000000655f8b2ed5"
				  "0161000162010162020101630300020164040000000301650500000000"
				  "0000000401660600026869" /* bytes "hi" */
				  "0b3a6576656e742d747970650700047465737401680800000000000000"
				  "05016909000102030405060708090a0b0c0d0e0f";
	uint8_t raw[256];
	size_t n = (sizeof hex - 1) / 2;
	char whole[256];

	ck_assert_int_eq(digest_unhex(str_mk(hex, sizeof hex - 1), raw, n), 0);
	/* the lengths and checksums of what stands above */
	for (int i = 0; i < 4; i++) {
		raw[i] = (uint8_t)((n + 2 + 4) >> (24 - 8 * i));
		raw[4 + i] = (uint8_t)((n - 12) >> (24 - 8 * i));
	}
	for (int i = 0; i < 4; i++)
		raw[8 + i] = (uint8_t)(digest_crc32(0, raw, 8) >> (24 - 8 * i));
	memcpy(whole, raw, n);
	memcpy(whole + n, "{}", 2);
	for (int i = 0; i < 4; i++)
		whole[n + 2 + i] = (char)(digest_crc32(0, whole, n + 2) >> (24 - 8 * i));
	reads_as(str_mk(whole, n + 6), "unknown test[] {};");
}
END_TEST

/* The example of the format's description: no headers, no payload. */
START_TEST(the_empty_message)
{
	static const char bytes[] = "\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8"
				    "\xff";

	reads_as(str_mk(bytes, 16), "unknown [] ;");
}
END_TEST

START_TEST(an_error_carries_code_and_message)
{
	/* written by hand: the writer makes no :error-message */
	static const char headers[] = "\x0d:message-type\x07\x00\x05"
				      "error\x0b:error-code\x07\x00\x03"
				      "Bad\x0e:error-message\x07\x00\x05"
				      "so it";
	char m[256] = { 0 };
	size_t h = sizeof headers - 1, total = h + EVS_OVERHEAD;

	m[3] = (char)total;
	m[7] = (char)h;
	for (int i = 0; i < 4; i++)
		m[8 + i] = (char)(digest_crc32(0, m, 8) >> (24 - 8 * i));
	memcpy(m + 12, headers, h);
	for (int i = 0; i < 4; i++)
		m[12 + h + i] = (char)(digest_crc32(0, m, 12 + h) >> (24 - 8 * i));
	reads_as(str_mk(m, total), "error Bad[so it] ;");
}
END_TEST

START_TEST(every_flipped_bit_is_seen)
{
	char good[256], bad[256];
	size_t n = evs_write(good, sizeof good, EVS_EVENT, STR("metadata"), STR("application/json"),
		STR("{\"usage\":{\"inputTokens\":3}}"));

	for (size_t bit = 0; bit < 8 * n; bit++) {
		struct diary d = { .n = 0 };
		struct eventstream e;

		memcpy(bad, good, n);
		bad[bit / 8] = (char)(bad[bit / 8] ^ 1 << bit % 8);
		evs_init(&e);
		read_all(&e, str_mk(bad, n), &d);
		ck_assert_msg(d.text[d.n - 1] == '!', "bit %zu: %.*s", bit, (int)d.n, d.text);
	}
}
END_TEST

static void with_prelude(uint32_t total, uint32_t headers, const char *want)
{
	uint8_t p[12];
	uint32_t v[2] = { total, headers };

	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v[i / 4] >> (24 - 8 * (i % 4)));
	for (int i = 0; i < 4; i++)
		p[8 + i] = (uint8_t)(digest_crc32(0, p, 8) >> (24 - 8 * i));
	reads_as(str_mk((const char *)p, sizeof p), want);
}

START_TEST(limits)
{
	with_prelude(15, 0, "a message is shorter than its headers!");
	with_prelude(20, 5, "a message is shorter than its headers!");
	with_prelude(300000, (128 << 10) + 1, "a message's headers are longer than 128 KiB!");
	with_prelude(16 + (24u << 20) + 1, 0, "a message's payload is longer than 24 MiB!");
	with_prelude(16 + (24u << 20), 0, "unknown [] ");
	with_prelude(UINT32_MAX, 0, "a message's payload is longer than 24 MiB!");
}
END_TEST

START_TEST(a_stream_ends_between_messages_only)
{
	struct diary d = { .n = 0 };
	struct eventstream e;
	char m[128];
	size_t n = evs_write(m, sizeof m, EVS_EVENT, STR("x"), STR_NONE, STR("{}"));

	evs_init(&e);
	ck_assert(evs_at_border(&e));
	for (size_t i = 0; i < n; i++) {
		read_all(&e, str_mk(m + i, 1), &d);
		ck_assert(evs_at_border(&e) == (i == n - 1));
	}
	ck_assert_uint_eq(e.messages, 1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, what_is_written_is_read);
	tcase_add_test(tc, a_message_of_known_bytes_with_headers_of_every_type);
	tcase_add_test(tc, the_empty_message);
	tcase_add_test(tc, an_error_carries_code_and_message);
	tcase_add_test(tc, every_flipped_bit_is_seen);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, a_stream_ends_between_messages_only);
}

UNIT_MAIN("eventstream", tests)
