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
/* No vocabulary has a longer token: runs of blanks. */
#define TOKEN_CHARACTERS 128
#define CONTEXT_LEAST    1024 /* tokens; no model's context is smaller */

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
	const struct price *p = plan_route_price(r->conf, t, r->start_wall);
	unsigned needs = capable_needs(r);

	return (needs == 0 || !capable_is_hard(capable_lacks(needs, t, p))) &&
	       (p == NULL || !capable_is_beyond(r, t, p));
}

/* ---- how much */

bool capable_is_short(const struct req *r, const struct price *p)
{
	return r->bound.output_known && r->clamp.n == 0 && price_max_output(p) > 0 &&
	       r->bound.max_output > price_max_output(p);
}

/* Has the model limits that are told? Vendors lift them by header for some. */
static bool has_limits(const struct req *r)
{
	struct str beta;

	if (r->model == NULL || r->model->cfg->on_unsupported == UNSUPPORTED_DROP ||
		r->body_kind != BODY_KIND_JSON || !is_for_text(r->ep.ep->meter))
		return false;
	beta = http_get(&r->head, HTTP_N_ANTHROPIC_BETA);
	return beta.n == 0 || (str_find(beta, STR("context-")) == (size_t)-1 &&
				      str_find(beta, STR("output-")) == (size_t)-1);
}

/* Members by which clients let providers shorten a prompt. */
static bool is_shortened(struct str body)
{
	static const struct str keys[] = { { "truncation", 10 }, { "transforms", 10 },
		{ "plugins", 7 }, { "context_management", 18 }, { "truncate_prompt_tokens", 22 } };
	struct json_watch w[TG_ARRAY_LEN(keys)];
	struct json_fail fail;

	for (size_t i = 0; i < TG_ARRAY_LEN(w); i++)
		w[i] = (struct json_watch){ .key = keys[i] };
	if (json_scan_object(body, w, TG_ARRAY_LEN(w), &fail) != 0)
		return true;
	for (size_t i = 0; i < TG_ARRAY_LEN(w); i++)
		if (w[i].val.type != JSON_NONE && w[i].val.type != JSON_NULL &&
			!str_eq(w[i].val.raw, STR("\"disabled\"")))
			return true;
	return false;
}

/* In strings: an escape is one, and so is each code point. */
static uint64_t characters(struct str body)
{
	bool inside = false;
	uint64_t n = 0;

	for (size_t i = 0; i < body.n; i++) {
		char c = body.p[i];

		if (c == '"') {
			inside = !inside;
		} else if (inside && c == '\\') {
			i += i + 1 < body.n && body.p[i + 1] == 'u' ? 5 : 1;
			n++;
		} else {
			n += inside && (c & 0xc0) != 0x80;
		}
	}
	return n;
}

/* The least context of the model's targets, as far as they are known. */
static uint64_t least_context(const struct req *r)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < r->model->n_routes; i++) {
		const struct price *p =
			plan_route_price(r->conf, &r->model->route[i], r->start_wall);

		if (p != NULL && price_max_input(p) > 0)
			least = TG_MIN(least, price_max_input(p));
	}
	return least;
}

uint64_t capable_least_input(const struct req *r)
{
	uint64_t most = r->bound.input_bytes / TOKEN_CHARACTERS, media, n;
	struct str body = str_mk(r->body, r->body_len);

	if (TG_LIKELY(most < CONTEXT_LEAST) || !has_limits(r) || most <= least_context(r) ||
		is_shortened(body))
		return 0;
	/* pictures and files are left out of its bytes, not of its characters */
	media = r->body_len - TG_MIN((uint64_t)r->body_len, r->bound.input_bytes);
	n = characters(body);
	return n > media ? (n - media) / TOKEN_CHARACTERS : 0;
}

/* Imported books have limits of models that others resell from elsewhere, and some are old: what
 * they say is a reason to prefer another target, not to refuse. The operator's word is. */
static bool limits_are_told(const struct price *p)
{
	return !str_starts(p->source, STR("litellm"));
}

/* Whoever writes the request in Anthropic's words asks for no more than the model gives. */
static bool is_lowered(const struct req *r, const struct route_target *t)
{
	return t->target->provider->shape == SHAPE_ANTHROPIC &&
	       !provider_is_native(t->target->provider, r->ep.ep);
}

bool capable_is_beyond(const struct req *r, const struct route_target *t, const struct price *p)
{
	bool longer = price_max_input(p) > 0 && r->least_input > price_max_input(p);

	return TG_UNLIKELY(longer || capable_is_short(r, p)) && limits_are_told(p) &&
	       (longer || !is_lowered(r, t)) && has_limits(r);
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

/* Which member says how long the answer may be, as the client wrote it. */
static const char *output_member(const struct req *r)
{
	struct json_watch w[] = { { STR("max_completion_tokens"), { 0 } } };
	struct json_fail fail;

	switch (r->ep.ep->meter) {
	case METER_OPENAI_RESPONSES: return "max_output_tokens";
	case METER_GEMINI: return "generationConfig.maxOutputTokens";
	case METER_OPENAI_CHAT:
		if (json_scan_object(str_mk(r->body, r->body_len), w, 1, &fail) == 0 &&
			w[0].val.type == JSON_NUMBER)
			return "max_completion_tokens";
		break;
	default: break;
	}
	return "max_tokens";
}

static const char *prompt_member(const struct req *r)
{
	switch (r->ep.ep->meter) {
	case METER_OPENAI_RESPONSES: return "input";
	case METER_GEMINI: return "contents";
	default: return "messages";
	}
}

/* The words are those that each vendor's clients know a prompt that is too long by. */
static enum step_rc refuse_prompt(struct req *r, unsigned long long least, unsigned long long most)
{
	const char *member = prompt_member(r);
	struct str m = str_mk(r->model->name.p, TG_MIN(r->model->name.n, (size_t)64));

	if (r->dialect == DIALECT_ANTHROPIC)
		return reply_error(r, TG_E_CONTEXT_LENGTH,
			"prompt is too long: %llu tokens > %llu maximum (%s: so many at the least, "
			"and no target of model '%.*s' takes more)",
			least, most, member, STR_FMT(m));
	if (r->dialect == DIALECT_GEMINI)
		return reply_error(r, TG_E_CONTEXT_LENGTH,
			"The input token count (%llu at the least) exceeds the maximum number of "
			"tokens allowed (%llu): %s is longer than any target of model '%.*s' "
			"takes.",
			least, most, member, STR_FMT(m));
	return reply_error(r, TG_E_CONTEXT_LENGTH,
		"The maximum context length of model '%.*s' is %llu tokens at its targets, and %s "
		"has at least %llu tokens. Please shorten it.",
		STR_FMT(m), most, member, least);
}

enum step_rc capable_refuse_limits(struct req *r, const struct choice *c)
{
	uint64_t input = 0, output = 0;
	bool is_short = true;

	for (unsigned i = 0; i < c->n; i++) {
		const struct price *p;

		if ((c->row[i].skips & CHOICE_BIT(LIMITS)) == 0)
			continue;
		p = plan_route_price(r->conf, c->row[i].route, r->start_wall);
		tg_assert(p != NULL);
		is_short &= capable_is_short(r, p);
		input = TG_MAX(input, price_max_input(p));
		output = TG_MAX(output, price_max_output(p));
	}
	if (!is_short)
		return refuse_prompt(r, r->least_input, input);
	return reply_error(r, TG_E_MAX_OUTPUT,
		"%s: %llu > %llu, which is the most output tokens that a target of model '%.*s' "
		"gives. Ask for at most %llu, or leave it out.",
		output_member(r), (unsigned long long)r->bound.max_output,
		(unsigned long long)output, (int)TG_MIN(r->model->name.n, (size_t)64),
		r->model->name.p, (unsigned long long)output);
}
