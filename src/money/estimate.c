/*
 * estimate.c: estimates of usage. Owns nothing; any thread.
 */
#include "money/estimate.h"

#include "base/defs.h"
#include "base/num.h"

/* Thousandths of a byte a token. Text has 3 to 5 bytes a token, base64 1.5. */
#define START_MBPT    3000
#define IN_MBPT_MIN   1000
#define IN_MBPT_MAX   12000
#define OUT_MBPT_MIN  1000 /* a token is one byte or more */
#define OUT_MBPT_MAX  8000

#define MIN_TOKENS    64   /* fewer tell nothing */
#define MIN_BODY      1024 /* bytes: in shorter ones most is not text */
#define BODY_FRAME    200  /* bytes of it that are not */
#define SLOWLY        32   /* up by a part of the difference, */
#define QUICKLY       2    /* down by another */
#define MARGIN        8    /* the part that an estimate stays below the learned ratio */
#define MAX_BYTES     ((uint64_t)1 << 50)

#define SQUARE_PIXELS (1024 * 1024)
#define AUTO_PIXELS   (1536 * 1024)
#define MAX_SIDE      65536

static void ratio_learn(
	_Atomic uint32_t *ratio, uint64_t bytes, uint64_t tokens, uint64_t least, uint64_t most)
{
	uint64_t sample = TG_MIN(bytes, MAX_BYTES) * 1000 / tokens;
	uint64_t old = atomic_load_explicit(ratio, memory_order_relaxed);

	sample = TG_MIN(TG_MAX(sample, least), most);
	if (old == 0)
		old = START_MBPT;
	if (sample < old)
		old -= (old - sample + QUICKLY - 1) / QUICKLY;
	else
		old += (sample - old) / SLOWLY;
	atomic_store_explicit(ratio, (uint32_t)old, memory_order_relaxed);
}

void est_learn(struct est_ratio *r, uint64_t in_bytes, uint64_t in_tokens, uint64_t out_bytes,
	uint64_t out_tokens)
{
	bool in = in_bytes >= MIN_BODY && in_tokens >= MIN_TOKENS;
	bool out = out_bytes > 0 && out_tokens >= MIN_TOKENS;

	if (in)
		ratio_learn(
			&r->in_mbpt, in_bytes - BODY_FRAME, in_tokens, IN_MBPT_MIN, IN_MBPT_MAX);
	if (out)
		ratio_learn(&r->out_mbpt, out_bytes, out_tokens, OUT_MBPT_MIN, OUT_MBPT_MAX);
	if (in || out)
		atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
}

/* A quantile without a memory of samples: 19 steps down for one up keep it at the 95th. A step up
 * is a seventeenth of it. */
#define LENGTH_UNITS 16
#define LENGTH_MAX   ((uint64_t)1 << 26)
#define LENGTH_UP    17
#define LENGTH_DOWN  (19 * LENGTH_UP)
#define LENGTH_FEW   50

void est_learn_length(struct est_ratio *r, uint64_t out_tokens)
{
	uint64_t sample = TG_MIN(out_tokens, LENGTH_MAX) * LENGTH_UNITS;
	uint64_t q = atomic_load_explicit(&r->out_long, memory_order_relaxed);

	if (out_tokens == 0)
		return;
	if (q == 0)
		q = sample;
	else if (sample > q)
		q = TG_MIN(q + q / LENGTH_UP + 1, LENGTH_MAX * LENGTH_UNITS);
	else
		q -= q / LENGTH_DOWN;
	atomic_store_explicit(&r->out_long, (uint32_t)q, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->n_long, 1, memory_order_relaxed);
}

uint64_t est_length(const struct est_ratio *r, uint64_t most)
{
	uint64_t q;

	if (r == NULL || atomic_load_explicit(&r->n_long, memory_order_relaxed) < LENGTH_FEW)
		return most;
	q = atomic_load_explicit(&r->out_long, memory_order_relaxed);
	return TG_MIN(most, (q + LENGTH_UNITS - 1) / LENGTH_UNITS);
}

/* bytes / ratio, with the margin, rounded up. */
static uint64_t tokens_of(const _Atomic uint32_t *ratio, uint64_t bytes)
{
	uint64_t mbpt = ratio != NULL ? atomic_load_explicit(ratio, memory_order_relaxed) : 0;
	unsigned __int128 tokens;

	if (mbpt == 0)
		mbpt = START_MBPT;
	mbpt -= mbpt / MARGIN;
	tokens = ((unsigned __int128)bytes * 1000 + mbpt - 1) / mbpt;
	return tokens > UINT64_MAX ? UINT64_MAX : (uint64_t)tokens;
}

uint64_t est_input(const struct est_ratio *r, uint64_t bytes)
{
	return tokens_of(r != NULL ? &r->in_mbpt : NULL, bytes);
}

uint64_t est_output(const struct est_ratio *r, uint64_t text_bytes, uint64_t events)
{
	return TG_MAX(events, tokens_of(r != NULL ? &r->out_mbpt : NULL, text_bytes));
}

/* Published for 1024x1024: low 272, medium 1056, high 4160 tokens; the other sizes lie within this
 * by area. */
static uint64_t square_tokens(struct str quality)
{
	if (str_eq(quality, STR("low")))
		return 272;
	return str_eq(quality, STR("medium")) || str_eq(quality, STR("standard")) ? 1056 : 4160;
}

static int take_side(struct str *s, uint64_t *side)
{
	size_t n = 0;

	*side = 0;
	for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
		*side = *side * 10 + (uint64_t)(s->p[n] - '0');
		if (*side > MAX_SIDE)
			return -1;
	}
	*s = str_skip(*s, n);
	return n > 0 ? 0 : -1;
}

uint64_t est_pixels(struct str size)
{
	uint64_t w, h;

	if (take_side(&size, &w) != 0 || size.n == 0 || *size.p != 'x')
		return 0;
	size = str_skip(size, 1);
	return take_side(&size, &h) == 0 && size.n == 0 ? w * h : 0;
}

uint64_t est_image_tokens(struct str size, struct str quality)
{
	uint64_t pixels = est_pixels(size);

	if (pixels == 0)
		pixels = AUTO_PIXELS;
	return (pixels * square_tokens(quality) + SQUARE_PIXELS - 1) / SQUARE_PIXELS;
}

static bool is_priced(uint64_t priced, enum usage_bucket b)
{
	for (; b != USAGE_NONE; b = usage_bucket_parent(b))
		if ((priced >> b & 1) != 0)
			return true;
	return false;
}

/* Something that is asked for by itself, whatever else is billed. */
static bool is_call(enum usage_bucket b)
{
	switch (b) {
	case USAGE_WEB_SEARCHES:
	case USAGE_WEB_SEARCHES_MEDIUM:
	case USAGE_WEB_SEARCHES_HIGH:
	case USAGE_FILE_SEARCHES:
	case USAGE_CODE_SESSIONS:
	case USAGE_QUERIES: return true;
	default: return false;
	}
}

void usage_fit(struct usage *u, uint64_t priced)
{
	bool tokens = (priced & (((uint64_t)1 << USAGE_FIRST_UNIT) - 1)) != 0, units = false;

	for (unsigned b = USAGE_FIRST_UNIT; b < USAGE__MAX; b++)
		units |= u->n[b] > 0 && !is_call((enum usage_bucket)b) &&
			 is_priced(priced, (enum usage_bucket)b);
	if (!tokens && !units)
		return;
	for (unsigned b = USAGE_FIRST_UNIT; b < USAGE__MAX; b++)
		if (!is_call((enum usage_bucket)b) && !is_priced(priced, (enum usage_bucket)b))
			u->n[b] = 0;
	if (!tokens)
		memset(u->n, 0, USAGE_FIRST_UNIT * sizeof u->n[0]);
}
