/*
 * export.c: charges as JSON and CSV lines (export.h). A SETTLE, a LEG and a VOID are brought into
 * one shape, and the table of fields writes that.
 */
#include "ledger/export.h"

#include "ledger/csv.h"
#include "ledger/export_parts.h"
#include "ledger/names.h"

struct charge {
	const char *type, *end, *quality;
	struct str id;
	char id_text[REC_ID_LEN];
	struct str gateway;
	uint64_t segment, seq;
	wall_us time, start;
	const struct rec_who *who;
	const struct rec_what *what;
	struct str model_served, service_tier, provider_request_id;
	uint64_t leg, legs, status, first_byte_us, done_us;
	const struct usage *usage;
	const struct rec_money *money;
	pico_usd bound;
	const pico_usd *reported; /* NULL: the provider said nothing */
};

static const struct usage no_usage;
static const struct rec_money no_money;

bool export_has(const struct rec *r)
{
	const struct rec_leg *leg = &r->u.leg;

	if (r->type != REC_LEG)
		return r->type == REC_SETTLE || r->type == REC_VOID;
	if (leg->money.list != 0 || leg->money.contracted != 0 || leg->money.billed != 0)
		return true;
	for (size_t i = 0; i < USAGE__MAX; i++)
		if (leg->usage.n[i] != 0)
			return true;
	return false;
}

static void of_settle(struct charge *c, const struct rec_settle *s)
{
	c->type = "settle";
	rec_id_text(c->id_text, s->id);
	c->start = s->start;
	c->who = &s->who;
	c->what = &s->what;
	c->model_served = s->model_served;
	c->service_tier = s->service_tier;
	c->provider_request_id = s->provider_request_id;
	c->leg = c->legs = s->legs;
	c->status = s->status;
	c->end = rec_end_name(s->end);
	c->quality = rec_quality_name(s->quality);
	c->usage = &s->usage;
	c->money = &s->money;
	c->bound = s->bound;
	c->first_byte_us = s->first_byte_us;
	c->done_us = s->done_us;
}

static void of_leg(struct charge *c, const struct rec_leg *l)
{
	c->type = "leg";
	rec_id_text(c->id_text, l->id);
	c->start = l->start;
	c->who = &l->who;
	c->what = &l->what;
	c->leg = c->legs = l->no;
	c->status = l->status;
	c->end = rec_end_name(0);
	c->quality = rec_quality_name(l->quality);
	c->usage = &l->usage;
	c->money = &l->money;
}

static void of_void(struct charge *c, const struct rec_void *v)
{
	c->type = "void";
	rec_id_text(c->id_text, v->id);
	c->start = v->start;
	c->who = &v->who;
	c->what = &v->what;
	c->status = v->status;
	c->end = rec_end_name(v->end);
	c->quality = rec_quality_name(QUALITY_EXACT);
	c->usage = &no_usage;
	c->money = &no_money;
}

static void charge_of(struct charge *c, const struct segment_info *info, const struct rec *r)
{
	*c = (struct charge){ .gateway = str_z(info->member),
		.segment = info->number,
		.seq = r->seq,
		.time = r->time };
	switch (r->type) {
	case REC_SETTLE: of_settle(c, &r->u.settle); break;
	case REC_LEG: of_leg(c, &r->u.leg); break;
	default: tg_assert(r->type == REC_VOID); of_void(c, &r->u.voided);
	}
	c->id = str_mk(c->id_text, REC_ID_LEN);
	if (c->money->flags & MONEY_REPORTED)
		c->reported = &c->money->reported;
}

/* ---- JSON */

#define JSON_WORD(b, v)        outbuf_json(b, as_str(v))
#define JSON_TEXT(b, v)        outbuf_json(b, v)
#define JSON_NUMBER(b, v)      put_number(b, v)
#define JSON_BOOL(b, v)        outbuf_put(b, (v) ? STR("true") : STR("false"))
#define JSON_TIME(b, v)        (outbuf_lit(b, "\""), put_time(b, v), outbuf_lit(b, "\""))
#define JSON_USD(b, v)         (outbuf_lit(b, "\""), put_usd(b, v), outbuf_lit(b, "\""))
#define JSON_USD_OR_NULL(b, v) ((v) != NULL ? (void)JSON_USD(b, *(v)) : (void)outbuf_lit(b, "null"))
#define JSON_VERSION(b, v)     json_version(b, v)
#define JSON_UNITS(b, v)       json_units(b, v)
#define JSON_FLAGS(b, v)       json_flags(b, v)
#define JSON_TAGS(b, v)        json_tags(b, v)

#define as_str(v)              _Generic((v), struct str : str_self, const char * : str_z)(v)

static inline struct str str_self(struct str s)
{
	return s;
}

/* The members of a charge, the first behind `comma`. */
static void json_members(struct outbuf *b, const struct charge *c)
{
	const char *comma = "{";

#define X(KIND, name, member)           \
	outbuf_put(b, str_z(comma));    \
	outbuf_lit(b, "\"" name "\":"); \
	JSON_##KIND(b, c->member);      \
	comma = ",";
#include "ledger/tbl/export_fields.h"
#undef X
}

void export_json(struct outbuf *b, const struct segment_info *info, const struct rec *r)
{
	struct charge c;

	charge_of(&c, info, r);
	json_members(b, &c);
	outbuf_lit(b, "}\n");
}

/* ---- CSV */

#define CSV_WORD(b, v)        outbuf_put(b, as_str(v))
#define CSV_TEXT(b, v)        csv_text(b, v)
#define CSV_NUMBER(b, v)      put_number(b, v)
#define CSV_BOOL(b, v)        outbuf_put(b, (v) ? STR("true") : STR("false"))
#define CSV_TIME(b, v)        put_time(b, v)
#define CSV_USD(b, v)         put_usd(b, v)
#define CSV_USD_OR_NULL(b, v) ((v) != NULL ? put_usd(b, *(v)) : (void)0)
#define CSV_VERSION(b, v) \
	((v) != 0 ? outbuf_printf(b, "%016llx", (unsigned long long)(v)) : (void)0)
#define CSV_UNITS(b, v) csv_units(b, v)
#define CSV_FLAGS(b, v) csv_flags(b, v)
#define CSV_TAGS(b, v)  csv_text(b, v)

static void csv_units(struct outbuf *b, const struct usage *u)
{
	for (unsigned i = 0; i < USAGE__MAX; i++) {
		if (i > 0)
			outbuf_lit(b, ",");
		put_number(b, u->n[i]);
	}
}

static void csv_flags(struct outbuf *b, uint32_t flags)
{
	const char *space = "";

	for (unsigned i = 0; i < 32; i++) {
		const char *name = rec_money_flag_name(i);

		if (!(flags >> i & 1) || name == NULL)
			continue;
		outbuf_printf(b, "%s%s", space, name);
		space = " ";
	}
}

static void csv_unit_titles(struct outbuf *b)
{
	for (unsigned i = 0; i < USAGE__MAX; i++)
		outbuf_printf(b, "%s%s", i > 0 ? "," : "", usage_bucket_name((enum usage_bucket)i));
}

void export_csv_titles(struct outbuf *b)
{
	const char *comma = "";

#define X(KIND, name, member)            \
	outbuf_put(b, str_z(comma));     \
	if (strcmp(#KIND, "UNITS") == 0) \
		csv_unit_titles(b);      \
	else                             \
		outbuf_lit(b, name);     \
	comma = ",";
#include "ledger/tbl/export_fields.h"
#undef X
	outbuf_lit(b, "\r\n");
}

void export_csv(struct outbuf *b, const struct segment_info *info, const struct rec *r)
{
	const char *comma = "";
	struct charge charge, *c = &charge;

	charge_of(c, info, r);
#define X(KIND, name, member)        \
	outbuf_put(b, str_z(comma)); \
	CSV_##KIND(b, c->member);    \
	comma = ",";
#include "ledger/tbl/export_fields.h"
#undef X
	outbuf_lit(b, "\r\n");
}
