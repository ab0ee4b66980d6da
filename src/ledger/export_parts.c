/*
 * export_parts.c: parts of records as text (export_parts.h). Pure; any thread.
 */
#include "ledger/export_parts.h"

#include "base/num.h"
#include "ledger/names.h"
#include "proto/json_scan.h"

void put_number(struct outbuf *b, uint64_t v)
{
	char text[NUM_U64_MAX_LEN];

	outbuf_put(b, str_mk(text, num_put_u64(text, v)));
}

void put_time(struct outbuf *b, wall_us t)
{
	char text[CLOCK_ISO_LEN];

	outbuf_put(b, str_mk(text, clock_iso(text, t)));
}

void put_usd(struct outbuf *b, pico_usd v)
{
	char text[MONEY_USD_LEN];

	outbuf_put(b, str_mk(text, money_put_usd(text, v)));
}

/* 64 bits are more than a number of JSON holds for many a reader. */
void json_version(struct outbuf *b, uint64_t v)
{
	if (v == 0)
		outbuf_lit(b, "null");
	else
		outbuf_printf(b, "\"%016llx\"", (unsigned long long)v);
}

void json_units(struct outbuf *b, const struct usage *u)
{
	const char *comma = "";

	outbuf_lit(b, "{");
	for (unsigned i = 0; i < USAGE__MAX; i++) {
		if (u->n[i] == 0)
			continue;
		outbuf_put(b, str_z(comma));
		outbuf_lit(b, "\"");
		outbuf_put(b, str_z(usage_bucket_name((enum usage_bucket)i)));
		outbuf_lit(b, "\":");
		put_number(b, u->n[i]);
		comma = ",";
	}
	outbuf_lit(b, "}");
}

void json_flags(struct outbuf *b, uint32_t flags)
{
	const char *comma = "";

	outbuf_lit(b, "[");
	for (unsigned i = 0; i < 32; i++) {
		const char *name = rec_money_flag_name(i);

		if (!(flags >> i & 1) || name == NULL)
			continue;
		outbuf_printf(b, "%s\"%s\"", comma, name);
		comma = ",";
	}
	outbuf_lit(b, "]");
}

/* Tags are an object of JSON already; whoever wrote the record is not trusted with that. */
void json_tags(struct outbuf *b, struct str tags)
{
	struct json_fail fail;

	if (tags.n == 0 || json_scan_object(tags, NULL, 0, &fail) != 0)
		tags = STR("{}");
	outbuf_put(b, tags);
}
