/*
 * capable.c: see capable.h.
 */
#include "core/capable.h"

#include <stdio.h>

#include "core/choice.h"
#include "core/reply.h"
#include "core/req.h"

#define TEXT_MAX   320 /* of the error's message */
#define ROWS_NAMED 3   /* targets that it names */

static bool is_for_text(enum meter_api api)
{
	return api == METER_OPENAI_CHAT || api == METER_OPENAI_RESPONSES ||
	       api == METER_ANTHROPIC_MESSAGES || api == METER_GEMINI;
}

unsigned capable_needs(const struct req *r)
{
	const struct bound *b = &r->bound;
	unsigned needs = 0;

	if (!is_for_text(r->ep.ep->meter))
		return 0;
	if (b->has_images)
		needs |= CAPABILITY_BIT(VISION);
	if (b->has_tools && b->builtin_tools == 0) /* those the provider runs are no functions */
		needs |= CAPABILITY_BIT(TOOLS);
	if (b->has_documents)
		needs |= CAPABILITY_BIT(DOCUMENTS);
	if (b->audio_bytes > 0)
		needs |= CAPABILITY_BIT(AUDIO);
	/* What may be left out is not held against a target. */
	if (r->model == NULL || r->model->cfg->on_unsupported == UNSUPPORTED_DROP)
		return needs;
	if (b->schema)
		needs |= CAPABILITY_BIT(JSON_SCHEMA);
	if (b->thinks)
		needs |= CAPABILITY_BIT(REASONING);
	return needs;
}

unsigned capable_lacks(unsigned needs, const struct route_target *t, const struct price *p)
{
	struct capabilities c = t->says;

	if (p != NULL)
		c = capability_over(c, p->capable);
	return needs & c.cannot;
}

bool capable_route_fits(const struct req *r, const struct route_target *t)
{
	unsigned needs = capable_needs(r);

	return needs == 0 || !capable_is_hard(capable_lacks(
				     needs, t, plan_route_price(r->conf, t, r->start_wall)));
}

bool capable_is_short(const struct bound *b, const struct price *p)
{
	return b->output_known && price_max_output(p) > 0 && b->max_output > price_max_output(p);
}

/* ---- the refusal */

struct text {
	char p[TEXT_MAX];
	size_t n;
};

static void say(struct text *t, const char *fmt, ...) TG_PRINTF(2, 3);

static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->n, sizeof t->p - t->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->n = TG_MIN(t->n + (size_t)n, sizeof t->p - 1);
}

/* "images and tools", "vision, audio" */
static void say_list(struct text *t, unsigned bits, const char *sep, bool words)
{
	bool some = false;

	for (unsigned i = 0; i < CAPABILITY__MAX; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		say(t, "%s%s", some ? sep : "",
			words ? capability_words[i] : capability_needed_by((enum capability)i));
		some = true;
	}
}

enum step_rc capable_refuse(struct req *r, const struct choice *c)
{
	struct text t = { .n = 0 };
	unsigned lacks = 0, named = 0;

	for (unsigned i = 0; i < c->n; i++)
		lacks |= c->row[i].lacks & ~CAPABILITY_BIT(REASONING);
	say(&t, "The request has ");
	say_list(&t, lacks, " and ", false);
	say(&t, ", and no target of model '%.*s' can do all of it:",
		(int)TG_MIN(r->model->name.n, (size_t)64), r->model->name.p);
	for (unsigned i = 0; i < c->n && named < ROWS_NAMED; i++) {
		const struct route_target *route = c->row[i].route;

		if (c->row[i].lacks == 0)
			continue;
		say(&t, "%s '%.*s' at '%.*s' lacks ", named++ > 0 ? ";" : "",
			(int)TG_MIN(route->model.n, (size_t)48), route->model.p,
			(int)TG_MIN(route->target->name.n, (size_t)32), route->target->name.p);
		say_list(&t, c->row[i].lacks, ", ", true);
	}
	say(&t, ".");
	return reply_error(r, TG_E_UNSUPPORTED_BY_TARGET, "%s", t.p);
}
