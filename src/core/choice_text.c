/*
 * choice_text.c: a choice in words: for the header x-tollgate-route, for the admin listener and
 * tgctl. Every term in dollars.
 */
#include <stdio.h>

#include "core/choice_int.h"
#include "core/req.h"

static const struct {
	const char *word, *help;
} skip_rows[CHOICE__MAX] = {
#define X(id, word, kind, help) { word, help },
#include "core/tbl/choice_skips.h"
#undef X
};

static const char *how_text(const struct choice *c)
{
	static const char *const text[] = { [CHOICE_PROBED] = "to see whether it works again",
		[CHOICE_STUCK] = "where its kind went before",
		[CHOICE_CHEAPEST] = "the cheapest, all being dearer than max_cost",
		[CHOICE_SPARE] = "a spare" };

	if (c->at < 0)
		return "none is left";
	return c->how == CHOICE_PICKED ? pick_how_text(c->pick) : text[c->how];
}

struct usd {
	char p[MONEY_USD_LEN + 1];
};

static const char *usd(struct usd *to, int64_t pico)
{
	to->p[money_put_usd(to->p, pico)] = '\0';
	return to->p;
}

/* ---- a header's line */

void choice_say(struct choice_line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->p + l->n, CHOICE_TEXT_MAX - l->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n = TG_MIN(l->n + (size_t)n, (size_t)CHOICE_TEXT_MAX - 1);
}

static void say_skips(struct choice_line *l, uint32_t skips)
{
	for (unsigned s = 0; s < CHOICE__MAX; s++)
		if ((skips >> s & 1) != 0)
			choice_say(l, " %s", skip_rows[s].word);
}

static void say_lacks(struct choice_line *l, unsigned lacks)
{
	choice_say(l, " (");
	for (unsigned i = 0, n = 0; i < CAPABILITY__MAX; i++)
		if ((lacks >> i & 1) != 0)
			choice_say(l, "%sno %s", n++ > 0 ? ", " : "", capability_words[i]);
	choice_say(l, ")");
}

static void say_row(struct choice_line *l, const struct choice_ask *a, const struct choice_row *r)
{
	struct usd u;

	choice_say(l, "; %.*s", STR_FMT(r->route->target->name));
	if (r->skips != 0) {
		choice_say(l, " not:");
		say_skips(l, r->skips);
	}
	if (r->lacks != 0)
		say_lacks(l, r->lacks);
	choice_say_known(l, a, r);
	if (a->preset == NULL) {
		choice_say(l, " weight %lld", (long long)r->route->weight);
		return;
	}
	if (r->score.total == 0)
		return;
	choice_say(l, " cost %s", usd(&u, r->score.cost));
	choice_say(l, " time %s", usd(&u, r->score.time));
	choice_say(l, " failures %s", usd(&u, r->score.fail));
	choice_say(l, " load %u.%02u", r->terms.load_q10 >> 10,
		(r->terms.load_q10 & 1023) * 100 >> 10);
	choice_say(l, " total %s", usd(&u, r->score.total));
}

/* By what it was taken, too: some of that is a guess. */
static void say_rule(struct choice_line *l, const struct plan_rule *rule)
{
	choice_say(l, ", by rule %.*s", STR_FMT(rule->name));
	if (rule->share_bp < 10000)
		choice_say(l, " (of %u.%02u%%)", rule->share_bp / 100, rule->share_bp % 100);
	for (unsigned i = 0; i < rule->n; i++) {
		const struct plan_match *m = &rule->match[i];

		if (m->word == RULE_CODE)
			choice_say(l, " (%s)", m->flag ? "code" : "no code");
		if (m->word == RULE_LANGUAGE)
			choice_say(l, " (language %.*s)", STR_FMT(m->value));
	}
}

size_t choice_text(char out[CHOICE_TEXT_MAX], const struct choice_ask *a, const struct choice *c)
{
	struct choice_line l = { out, 0 };

	choice_say(&l, "model %.*s", STR_FMT(a->model->name));
	if (a->r != NULL && a->r->rule != NULL)
		say_rule(&l, a->r->rule);
	choice_say_canary(&l, a);
	if (a->degraded.n > 0)
		choice_say(&l, ", degraded (%.*s)", STR_FMT(a->degraded));
	if (a->preset != NULL)
		choice_say(&l, ", route %.*s", STR_FMT(a->preset->name));
	if (c->at >= 0)
		choice_say(&l, ", to %.*s", STR_FMT(c->row[c->at].route->target->name));
	choice_say(&l, ": %s", how_text(c));
	choice_say_hedge(&l, a, c);
	for (unsigned i = 0; i < c->n; i++)
		say_row(&l, a, &c->row[i]);
	return l.n;
}

/* ---- JSON */

static void put_usd(struct outbuf *b, const char *name, int64_t pico)
{
	struct usd u;

	outbuf_printf(b, "\"%s\":\"%s\"", name, usd(&u, pico));
}

static void put_skips(struct outbuf *b, uint32_t skips)
{
	bool some = false;

	outbuf_lit(b, ",\"skipped\":[");
	for (unsigned s = 0; s < CHOICE__MAX; s++) {
		if ((skips >> s & 1) == 0)
			continue;
		outbuf_printf(b, "%s{\"reason\":\"%s\",\"text\":\"%s\"}", some ? "," : "",
			skip_rows[s].word, skip_rows[s].help);
		some = true;
	}
	outbuf_lit(b, "]");
}

static void put_lacks(struct outbuf *b, unsigned lacks)
{
	if (lacks == 0)
		return;
	outbuf_lit(b, ",\"lacks\":[");
	for (unsigned i = 0, n = 0; i < CAPABILITY__MAX; i++)
		if ((lacks >> i & 1) != 0)
			outbuf_printf(b, "%s\"%s\"", n++ > 0 ? "," : "", capability_words[i]);
	outbuf_lit(b, "]");
}

static void put_row(struct outbuf *b, const struct choice_ask *a, const struct choice_row *r)
{
	uint64_t ms = r->terms.time_us / 1000;

	outbuf_lit(b, "{\"target\":");
	outbuf_json(b, r->route->target->name);
	outbuf_lit(b, ",\"model\":");
	outbuf_json(b, r->route->model);
	outbuf_lit(b, ",\"region\":");
	outbuf_json(b, r->route->target->cfg->region);
	outbuf_printf(
		b, ",\"weight\":%lld,\"in_flight\":%u", (long long)r->route->weight, r->inflight);
	put_skips(b, r->skips);
	put_lacks(b, r->lacks);
	outbuf_printf(b, ",\"expected\":{\"input_tokens\":%llu,\"output_tokens\":%llu,\"seconds\":",
		(unsigned long long)r->input, (unsigned long long)r->output);
	if (r->cold)
		outbuf_lit(b, "null,");
	else
		outbuf_printf(b, "%llu.%03llu,", (unsigned long long)(ms / 1000),
			(unsigned long long)(ms % 1000));
	outbuf_printf(b, "\"failures\":0.%04u", r->terms.fail_q16 * 9999u / 65536u);
	if (a->preset != NULL) {
		outbuf_lit(b, ",");
		put_usd(b, "cost_usd", r->terms.cost);
	}
	outbuf_lit(b, "}");
	choice_put_known(b, a, r);
	if (r->score.total > 0) {
		outbuf_lit(b, ",\"score_usd\":{");
		put_usd(b, "cost", r->score.cost);
		outbuf_lit(b, ",");
		put_usd(b, "time", r->score.time);
		outbuf_lit(b, ",");
		put_usd(b, "failures", r->score.fail);
		outbuf_printf(b, ",\"load\":%u.%03u,", r->terms.load_q10 >> 10,
			(r->terms.load_q10 & 1023) * 1000 >> 10);
		put_usd(b, "total", r->score.total);
		outbuf_lit(b, "}");
	}
	outbuf_lit(b, "}");
}

static int64_t of_q20(uint64_t rate, uint64_t n)
{
	unsigned __int128 v = (unsigned __int128)rate * n >> 20;

	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static void put_rates(struct outbuf *b, const struct choice_ask *a, const struct choice *c)
{
	outbuf_lit(b, ",\"route\":");
	outbuf_json(b, a->preset->name);
	outbuf_printf(b, ",\"worth\":{\"cost\":%u.%04u,", c->rates.k / SCORE_WEIGHT_ONE,
		c->rates.k % SCORE_WEIGHT_ONE);
	put_usd(b, "second_usd", of_q20(c->rates.per_us_q20, 1000000));
	outbuf_lit(b, ",");
	put_usd(b, "failure_usd", of_q20(c->rates.per_fail_q20, 65536));
	outbuf_lit(b, "}");
}

void choice_json(struct outbuf *b, const struct choice_ask *a, const struct choice *c)
{
	outbuf_lit(b, "{\"model\":");
	outbuf_json(b, a->model->name);
	if (a->degraded.n > 0) {
		outbuf_lit(b, ",\"degraded\":");
		outbuf_json(b, a->degraded);
	}
	if (a->preset != NULL)
		put_rates(b, a, c);
	choice_put_beside(b, a, c);
	outbuf_lit(b, ",\"pick\":");
	if (c->at >= 0)
		outbuf_json(b, c->row[c->at].route->target->name);
	else
		outbuf_lit(b, "null");
	outbuf_printf(b, ",\"how\":\"%s\",\"candidates\":[", how_text(c));
	for (unsigned i = 0; i < c->n; i++) {
		if (i > 0)
			outbuf_lit(b, ",");
		put_row(b, a, &c->row[i]);
	}
	outbuf_lit(b, "]}\n");
}
