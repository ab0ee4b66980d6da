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
