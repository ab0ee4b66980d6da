/*
 * dump.c: any record as text (export.h), for people who look into a journal: what exports leave out
 * is in here too. Pure; any thread.
 */
#include "ledger/export.h"
#include "ledger/export_parts.h"
#include "ledger/names.h"

static void member_text(struct outbuf *b, const char *name, struct str v)
{
	outbuf_printf(b, ",\"%s\":", name);
	outbuf_json(b, v);
}

static void member_number(struct outbuf *b, const char *name, uint64_t v)
{
	outbuf_printf(b, ",\"%s\":%llu", name, (unsigned long long)v);
}

static void member_usd(struct outbuf *b, const char *name, pico_usd v)
{
	outbuf_printf(b, ",\"%s\":\"", name);
	put_usd(b, v);
	outbuf_lit(b, "\"");
}

static void member_id(struct outbuf *b, struct rec_id id)
{
	char text[REC_ID_LEN];

	rec_id_text(text, id);
	outbuf_printf(b, ",\"id\":\"%.*s\"", REC_ID_LEN, text);
}

static void member_time(struct outbuf *b, const char *name, wall_us t)
{
	outbuf_printf(b, ",\"%s\":\"", name);
	put_time(b, t);
	outbuf_lit(b, "\"");
}

static void members_who(struct outbuf *b, const struct rec_who *w)
{
	member_text(b, "org", w->org);
	member_text(b, "tenant", w->tenant);
	member_text(b, "tier", w->tier);
	member_text(b, "key", w->key);
	member_text(b, "session", w->session);
	member_text(b, "end_user", w->end_user);
	member_text(b, "rule", w->rule);
	outbuf_lit(b, ",\"tags\":");
	json_tags(b, w->tags);
}

static void members_what(struct outbuf *b, const struct rec_what *w)
{
	member_text(b, "endpoint", w->endpoint);
	member_text(b, "model", w->model);
	member_text(b, "target_model", w->target_model);
	member_text(b, "provider", w->provider);
	member_text(b, "target", w->target);
	member_text(b, "region", w->region);
	outbuf_printf(b, ",\"stream\":%s", w->stream ? "true" : "false");
}

static void members_cost(struct outbuf *b, const struct usage *u, const struct rec_money *m)
{
	outbuf_lit(b, ",\"usage\":");
	json_units(b, u);
	member_text(b, "usage_source", str_z(usage_source_name(u->source)));
	outbuf_lit(b, ",\"price_version\":");
	json_version(b, m->price_version);
	member_usd(b, "list_usd", m->list);
	member_usd(b, "contracted_usd", m->contracted);
	member_usd(b, "billed_usd", m->billed);
	if (m->flags & MONEY_REPORTED)
		member_usd(b, "reported_usd", m->reported);
	outbuf_lit(b, ",\"flags\":");
	json_flags(b, m->flags);
}

static void members_leg(struct outbuf *b, const struct rec_leg *l)
{
	member_id(b, l->id);
	member_time(b, "start", l->start);
	member_number(b, "leg", l->no);
	member_number(b, "status", l->status);
	outbuf_printf(b, ",\"sent\":%s", l->sent ? "true" : "false");
	member_text(b, "quality", str_z(rec_quality_name(l->quality)));
	members_who(b, &l->who);
	members_what(b, &l->what);
	members_cost(b, &l->usage, &l->money);
	outbuf_lit(b, ",\"next\":{\"leg\":");
	put_number(b, l->no + 1u);
	members_what(b, &l->next);
	members_cost(b, &l->next_bound, &l->next_money);
	outbuf_lit(b, "}");
}

static void members_settle(struct outbuf *b, const struct rec_settle *s)
{
	member_id(b, s->id);
	member_time(b, "start", s->start);
	member_number(b, "legs", s->legs);
	member_number(b, "status", s->status);
	member_text(b, "end", str_z(rec_end_name(s->end)));
	member_text(b, "quality", str_z(rec_quality_name(s->quality)));
	members_who(b, &s->who);
	members_what(b, &s->what);
	member_text(b, "model_served", s->model_served);
	member_text(b, "service_tier", s->service_tier);
	member_text(b, "provider_request_id", s->provider_request_id);
	members_cost(b, &s->usage, &s->money);
	member_usd(b, "bound_usd", s->bound);
	member_number(b, "first_byte_us", s->first_byte_us);
	member_number(b, "done_us", s->done_us);
}

static void members_hold(struct outbuf *b, const struct rec_hold *h)
{
	member_id(b, h->id);
	member_time(b, "start", h->start);
	member_number(b, "legs_over", h->legs_over);
	members_who(b, &h->who);
	members_what(b, &h->what);
	members_cost(b, &h->bound, &h->money);
}

static void members_void(struct outbuf *b, const struct rec_void *v)
{
	member_id(b, v->id);
	member_time(b, "start", v->start);
	member_number(b, "status", v->status);
	member_text(b, "end", str_z(rec_end_name(v->end)));
	members_who(b, &v->who);
	members_what(b, &v->what);
}

static void members_open(struct outbuf *b, const struct rec_open *o)
{
	member_text(b, "build", o->build);
	outbuf_printf(b, ",\"incarnation\":\"%016llx\"", (unsigned long long)o->incarnation);
	member_number(b, "generation", o->generation);
}

void export_any(struct outbuf *b, const struct segment_info *info, const struct rec *r)
{
	outbuf_printf(b, "{\"type\":\"%s\",\"segment\":%llu,\"seq\":%llu", rec_type_name(r->type),
		(unsigned long long)info->number, (unsigned long long)r->seq);
	member_time(b, "time", r->time);
	member_text(b, "member", str_z(info->member));
	if (r->flags & REC_CARRIED)
		outbuf_lit(b, ",\"carried\":true");
	switch (r->type) {
	case REC_OPEN: members_open(b, &r->u.open); break;
	case REC_HOLD: members_hold(b, &r->u.hold); break;
	case REC_LEG: members_leg(b, &r->u.leg); break;
	case REC_SETTLE: members_settle(b, &r->u.settle); break;
	case REC_VOID: members_void(b, &r->u.voided); break;
	case REC_PROGRESS:
		member_id(b, r->u.progress.id);
		members_cost(b, &r->u.progress.usage, &r->u.progress.money);
		break;
	case REC_EXTEND:
		member_id(b, r->u.extend.id);
		members_cost(b, &r->u.extend.bound, &r->u.extend.money);
		break;
	case REC_CHECKPOINT: member_number(b, "open", r->u.checkpoint.open); break;
	case REC_WRITER:
		member_number(b, "worker", r->u.writer.index);
		member_number(b, "from", r->u.writer.seq);
		break;
	case REC_CLOSE:
	case REC_END: break;
	}
	outbuf_lit(b, "}\n");
}

/* ---- for people */

/* Texts of others, without what moves a terminal's cursor. */
static void plain(struct outbuf *b, struct str s)
{
	if (s.n == 0) {
		outbuf_lit(b, "-");
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		char c = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i];

		outbuf_put(b, str_mk(&c, 1));
	}
}

static void short_whom(
	struct outbuf *b, const struct rec_who *who, const struct rec_what *what, struct str model)
{
	outbuf_lit(b, " ");
	plain(b, who->tenant);
	outbuf_lit(b, "/");
	plain(b, who->key);
	outbuf_lit(b, " ");
	plain(b, model.n > 0 ? model : what->target_model.n > 0 ? what->target_model : what->model);
	outbuf_lit(b, " ");
	plain(b, what->target);
}

static void short_cost(struct outbuf *b, const struct usage *u, const struct rec_money *m)
{
	outbuf_printf(b, " in=%llu out=%llu ", (unsigned long long)usage_input(u),
		(unsigned long long)usage_output(u));
	put_usd(b, m->contracted);
	outbuf_lit(b, " USD");
	if (m->flags & MONEY_UNPRICED)
		outbuf_lit(b, " (unpriced)");
}

static void short_id(struct outbuf *b, struct rec_id id)
{
	char text[REC_ID_LEN];

	rec_id_text(text, id);
	outbuf_printf(b, " %.*s", REC_ID_LEN, text);
}

static void short_settle(struct outbuf *b, const struct rec_settle *s)
{
	short_id(b, s->id);
	short_whom(b, &s->who, &s->what, s->model_served);
	outbuf_printf(
		b, " %u %s %s", s->status, rec_end_name(s->end), rec_quality_name(s->quality));
	short_cost(b, &s->usage, &s->money);
	outbuf_printf(b, " %u.%03us", s->done_us / 1000000, s->done_us / 1000 % 1000);
}

void export_short(struct outbuf *b, const struct segment_info *info, const struct rec *r)
{
	char iso[CLOCK_ISO_LEN];

	clock_iso(iso, r->time);
	outbuf_printf(b, "%.10s %.12s %llu:%llu %-6s", iso, iso + 11,
		(unsigned long long)info->number, (unsigned long long)r->seq,
		rec_type_name(r->type));
	switch (r->type) {
	case REC_SETTLE: short_settle(b, &r->u.settle); break;
	case REC_HOLD:
		short_id(b, r->u.hold.id);
		short_whom(b, &r->u.hold.who, &r->u.hold.what, STR_NONE);
		outbuf_put(b, r->flags & REC_CARRIED ? STR(" carried, at most") : STR(" at most"));
		short_cost(b, &r->u.hold.bound, &r->u.hold.money);
		break;
	case REC_LEG:
		short_id(b, r->u.leg.id);
		short_whom(b, &r->u.leg.who, &r->u.leg.what, STR_NONE);
		outbuf_printf(b, " %u %s", r->u.leg.status, rec_quality_name(r->u.leg.quality));
		short_cost(b, &r->u.leg.usage, &r->u.leg.money);
		outbuf_lit(b, " next ");
		plain(b, r->u.leg.next.target);
		break;
	case REC_PROGRESS:
		short_id(b, r->u.progress.id);
		short_cost(b, &r->u.progress.usage, &r->u.progress.money);
		break;
	case REC_EXTEND:
		short_id(b, r->u.extend.id);
		outbuf_lit(b, " at most");
		short_cost(b, &r->u.extend.bound, &r->u.extend.money);
		break;
	case REC_VOID:
		short_id(b, r->u.voided.id);
		short_whom(b, &r->u.voided.who, &r->u.voided.what, STR_NONE);
		outbuf_printf(b, " %u %s", r->u.voided.status, rec_end_name(r->u.voided.end));
		break;
	case REC_OPEN:
		outbuf_lit(b, " ");
		plain(b, r->u.open.member);
		outbuf_lit(b, " ");
		plain(b, r->u.open.build);
		break;
	case REC_CHECKPOINT: outbuf_printf(b, " %u open", r->u.checkpoint.open); break;
	case REC_WRITER:
		outbuf_printf(
			b, " %u from %llu", r->u.writer.index, (unsigned long long)r->u.writer.seq);
		break;
	case REC_CLOSE:
	case REC_END: break;
	}
	outbuf_lit(b, "\n");
}
