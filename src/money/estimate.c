/*
 * estimate.c: estimates of usage. Owns nothing; any thread.
 */
#include "money/estimate.h"

#include "base/defs.h"
#include "base/num.h"

#define SQUARE_PIXELS (1024 * 1024)
#define AUTO_PIXELS   (1536 * 1024)
#define MAX_SIDE      65536

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
