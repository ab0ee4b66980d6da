/*
 * choice_known.c: where the figures of a candidate come from: seen here, told by other members of
 * `redis.members`, learned from answers, said by the request or the price book, or a prior that
 * stands in; and how old they are. For choice_text.c.
 */
#include "core/bound.h"
#include "core/choice_int.h"
#include "core/req.h"
#include "route/spot.h"

struct known {
	struct spot_origin spot;
	const char *input, *output; /* where the expected tokens come from */
	uint32_t answers;           /* that lengths were learned from */
	const struct price *price;  /* NULL: what `unpriced` says */
};

/* As core/choice.c came to them: row_tokens(). */
static const char *output_from(const struct choice_ask *a, const struct choice_row *r)
{
	uint64_t n = a->r != NULL ? TG_MAX(a->r->bound.n, (uint64_t)1) : 1;
	uint64_t learned = est_length(r->route->ratio, UINT64_MAX);

	if (a->r == NULL && a->output > 0)
		return r->output == a->output ? "asked" : "limit";
	if (r->output == 0)
		return "none";
	if (learned != UINT64_MAX && r->output == learned * n)
		return "learned";
	return r->output == CHOICE_OUTPUT_UNKNOWN * n ? "prior" : "limit";
}

static void known_of(const struct choice_ask *a, const struct choice_row *r, struct known *k)
{
	const struct est_ratio *ratio = r->route->ratio;
	bool learned = ratio != NULL && atomic_load_explicit(&ratio->n, memory_order_relaxed) > 0;

	*k = (struct known){ .price = plan_route_price(a->conf, r->route, a->at) };
	spot_origin(r->route->spot, a->now, &k->spot);
	k->input = a->r == NULL ? "asked" : r->input == 0 ? "none" : learned ? "learned" : "prior";
	k->output = output_from(a, r);
	if (ratio != NULL)
		k->answers = atomic_load_explicit(&ratio->n_long, memory_order_relaxed);
}

static unsigned long long ms_since(int64_t us, mono_us now)
{
	return (unsigned long long)(TG_MAX(now.us - us, 0) / 1000);
}

static void say_age(struct choice_line *l, int64_t us, mono_us now)
{
	unsigned long long ms = ms_since(us, now);

	choice_say(l, " %llu.%llu s ago", ms / 1000, ms % 1000 / 100);
}

void choice_say_known(struct choice_line *l, const struct choice_ask *a, const struct choice_row *r)
{
	struct spot_origin o;

	spot_origin(r->route->spot, a->now, &o);
	if (o.own_counted_us == INT64_MIN && o.members_counted_us == INT64_MIN) {
		choice_say(l, " (prior: nothing seen)");
		return;
	}
	choice_say(l, " (seen");
	if (o.own_counted_us != INT64_MIN) {
		choice_say(l, " %u here", o.own);
		say_age(l, o.own_counted_us, a->now);
	}
	if (o.members_counted_us != INT64_MIN) {
		choice_say(
			l, "%s %u by members", o.own_counted_us != INT64_MIN ? "," : "", o.members);
		say_age(l, o.members_counted_us, a->now);
	}
	choice_say(l, ")");
}

/* ---- JSON */

static void put_age(struct outbuf *b, const char *name, int64_t us, mono_us now)
{
	unsigned long long ms = ms_since(us, now);

	if (us == INT64_MIN)
		outbuf_printf(b, ",\"%s\":null", name);
	else
		outbuf_printf(b, ",\"%s\":%llu.%03llu", name, ms / 1000, ms % 1000);
}

static const char *from(bool own, bool members, const char *nothing)
{
	if (own)
		return members ? "own and members" : "own";
	return members ? "members" : nothing;
}

static void put_price(struct outbuf *b, const struct price *p)
{
	if (p == NULL) {
		outbuf_lit(b, ",\"price\":{\"from\":\"unpriced\"}");
		return;
	}
	outbuf_lit(b, ",\"price\":{\"from\":");
	outbuf_json(b, p->source);
	outbuf_lit(b, ",\"date\":");
	outbuf_json(b, p->date);
	outbuf_lit(b, "}");
}

void choice_put_known(struct outbuf *b, const struct choice_ask *a, const struct choice_row *r)
{
	const struct spot_origin *o;
	struct known k;

	known_of(a, r, &k);
	o = &k.spot;
	outbuf_printf(b, ",\"known\":{\"seconds\":{\"from\":\"%s\"",
		from(o->own_timed_us != INT64_MIN, o->members_timed_us != INT64_MIN, "prior"));
	put_age(b, "own_age", o->own_timed_us, a->now);
	put_age(b, "members_age", o->members_timed_us, a->now);
	outbuf_printf(b,
		"},\"failures\":{\"from\":\"%s\",\"own_requests\":%u,\"members_requests\":%u,"
		"\"prior_requests\":%u",
		from(o->own > 0, o->members > 0, "prior"), o->own, o->members,
		SPOT_PRIOR_GOOD + SPOT_PRIOR_BAD);
	put_age(b, "own_age", o->own_counted_us, a->now);
	put_age(b, "members_age", o->members_counted_us, a->now);
	outbuf_printf(b,
		"},\"input_tokens\":{\"from\":\"%s\"},\"output_tokens\":{\"from\":\"%s\","
		"\"answers\":%u}",
		k.input, k.output, k.answers);
	put_price(b, k.price);
	outbuf_lit(b, "}");
}
