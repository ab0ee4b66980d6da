/*
 * litellm.c: reads a price map in LiteLLM's format (model_prices_and_context_window.json), an entry
 * at a time, into what a price file can say. Numbers are text until they are pico-USD. tgctl.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/prices_import.h"

#define PICO_DIGITS 12
/* A price "per image" below this is one per image token, filed under the wrong key: no vendor makes
 * an image for so little. */
#define IMAGE_LEAST INT64_C(500000000) /* $0.0005 */

enum key_kind {
	KEY_RATE,
	KEY_CACHE_HIT,
	KEY_CACHE_WRITE,
	KEY_AUDIO_CACHE,
	KEY_IN_IMAGE,
	KEY_OUT_IMAGE,
	KEY_PIXEL,
	KEY_OUT_SECOND,
	KEY_RESOLUTION,
	KEY_REQUEST,
	KEY_SEARCH,
	KEY_PER_1K,
	KEY_UPLIFT,
	KEY_RANGES,
	KEY_SPECIFIC,
	KEY_REFUSED,
};

static const struct key_row {
	const char *key;
	enum key_kind kind;
	enum usage_bucket bucket;
	const char *arg; /* why it is refused; the region of an uplift */
} keys[] = {
#define X(key, kind, bucket, arg) { key, KEY_##kind, USAGE_##bucket, arg },
#include "ctl/tbl/litellm_keys.h"
#undef X
};

struct key { /* a key taken apart */
	const struct key_row *row;
	enum service_tier tier;
	uint64_t above; /* tokens; 0: plain */
};

struct reading {
	struct import *im;
	struct import_entry *e;
	const json_t *attrs;
	bool any;        /* some figure is not 0 */
	uint64_t voided; /* buckets that must not have a price */
};

/* ---- keys */

static bool cut_end(struct str *s, struct str end)
{
	if (!str_ends(*s, end))
		return false;
	s->n -= end.n;
	return true;
}

/* "..._above_272k_tokens" */
static uint64_t cut_above(struct str *s)
{
	struct str rest = *s;
	uint64_t n = 0, scale = 1;
	size_t at;

	if (!cut_end(&rest, STR("k_tokens")))
		return 0;
	for (at = rest.n; at > 0 && rest.p[at - 1] >= '0' && rest.p[at - 1] <= '9'; at--) {
		n += scale * (uint64_t)(rest.p[at - 1] - '0');
		scale *= 10;
	}
	rest.n = at;
	if (n == 0 || n > 100000 || !cut_end(&rest, STR("_above_")))
		return 0;
	*s = rest;
	return n * 1000;
}

static struct key key_of(const char *name)
{
	struct key k = { .tier = SERVICE_STANDARD };
	struct str s = str_z(name);

	if (cut_end(&s, STR("_flex")))
		k.tier = SERVICE_FLEX;
	else if (cut_end(&s, STR("_priority")))
		k.tier = SERVICE_PRIORITY;
	else if (cut_end(&s, STR("_batches")) || cut_end(&s, STR("_batch")))
		k.tier = SERVICE_BATCH;
	k.above = cut_above(&s);
	for (size_t i = 0; i < TG_ARRAY_LEN(keys) && k.row == NULL; i++)
		if (str_eq(s, str_z(keys[i].key)))
			k.row = &keys[i];
	return k;
}

/* Would somebody take this for a price? */
static bool looks_like_a_price(const char *key)
{
	return strstr(key, "cost") != NULL || strstr(key, "pric") != NULL ||
	       strstr(key, "uplift") != NULL;
}

/* ---- values */

/* A figure, or NULL decimal when it is none. */
static bool figure_of(const json_t *v, struct decimal *out)
{
	const char *text = json_string_value(v);

	return text != NULL && decimal_parse(str_z(text), out) == 0;
}

static bool attr_figure(const struct reading *r, const char *key, struct decimal *out)
{
	return figure_of(json_object_get(r->attrs, key), out) && !decimal_is_zero(*out);
}

static struct import_rates *rates_at(struct reading *r, const struct key *k)
{
	struct import_plan *p = &r->e->plan[k->tier];
	unsigned i = 0;

	if (k->above == 0)
		return &p->rates;
	while (i < p->n_steps && p->steps[i].above < k->above)
		i++;
	if (i < p->n_steps && p->steps[i].above == k->above)
		return &p->steps[i].rates;
	if (p->n_steps == IMPORT_STEPS)
		return NULL;
	memmove(&p->steps[i + 1], &p->steps[i], (p->n_steps - i) * sizeof p->steps[0]);
	p->steps[i] = (struct import_step){ .above = k->above };
	p->n_steps++;
	return &p->steps[i].rates;
}

/* d USD a unit as a price of bucket b. */
static void put_rate(struct reading *r, const char *key, const struct key *k, enum usage_bucket b,
	struct decimal d)
{
	struct import_rates *to = rates_at(r, k);
	pico_usd v;
	bool rounded;

	if (to == NULL) {
		import_refuse(r->e, "more long-context prices than a price file takes");
		return;
	}
	if (decimal_scaled_up(d, PICO_DIGITS, &v, &rounded) != 0) {
		import_note_add(r->im, r->e->name, "not converted: %s is out of range", key);
		return;
	}
	if (rounded)
		import_note_add(r->im, r->e->name, "%s is finer than a pico-USD: rounded up to %s",
			key, import_price(r->im, b, v));
	import_put(to, b, v);
}

static bool is_claude(const struct import_entry *e)
{
	return strstr(e->name, "claude") != NULL;
}

static bool mode_is(const struct import_entry *e, const char *mode)
{
	return e->mode != NULL && strcmp(e->mode, mode) == 0;
}

static int decimal_cmp(struct decimal a, struct decimal b)
{
	int64_t x, y;
	bool rounded;

	/* 18 digits behind the point and a few before it are enough to compare prices */
	if (decimal_scaled_up(a, 18, &x, &rounded) != 0 ||
		decimal_scaled_up(b, 18, &y, &rounded) != 0)
		return 0;
	return (x > y) - (x < y);
}

/*
 * Of Claude: the price of five minutes. Elsewhere writing costs at least what plain input does: a
 * lower figure is what reading costs, filed under the wrong key.
 */
static void put_cache_write(
	struct reading *r, const char *key, const struct key *k, struct decimal d)
{
	struct decimal input, other;

	if (is_claude(r->e)) {
		put_rate(r, key, k, USAGE_IN_CACHE_WRITE_5M, d);
		return;
	}
	if (k->above > 0 || k->tier != SERVICE_STANDARD ||
		!attr_figure(r, "input_cost_per_token", &input) || decimal_cmp(d, input) >= 0) {
		put_rate(r, key, k, USAGE_IN_CACHE_WRITE, d);
		return;
	}
	if (attr_figure(r, "cache_read_input_token_cost", &other)) {
		import_note_add(r->im, r->e->name, "left out: %s is below the price of input", key);
		return;
	}
	import_note_add(
		r->im, r->e->name, "%s is below the price of input: taken for cache reads", key);
	put_rate(r, key, k, USAGE_IN_CACHE_READ, d);
}

/* Images that go in, images that come out, or tokens of images: by mode and size of the figure. */
static void put_image(struct reading *r, const char *key, const struct key *k, struct decimal d)
{
	struct decimal other;
	enum usage_bucket b = k->row->bucket;
	pico_usd v = 0;
	bool rounded, tiny;

	tiny = decimal_scaled_up(d, PICO_DIGITS, &v, &rounded) == 0 && v < IMAGE_LEAST;
	if (k->row->kind == KEY_OUT_IMAGE && tiny) {
		b = USAGE_OUT_IMAGE;
	} else if (k->row->kind == KEY_IN_IMAGE && mode_is(r->e, "realtime")) {
		b = USAGE_IN_IMAGE;
	} else if (k->row->kind == KEY_IN_IMAGE && mode_is(r->e, "image_generation") &&
		   !attr_figure(r, "output_cost_per_image", &other) &&
		   !attr_figure(r, "input_cost_per_token", &other)) {
		b = USAGE_IMAGES;
	}
	if (b == USAGE_OUT_IMAGE || b == USAGE_IN_IMAGE)
		import_note_add(r->im, r->e->name, "%s is taken for a price of image tokens", key);
	put_rate(r, key, k, b, d);
}

/*
 * Pixels of the size in the name: what one image costs. The figures are such a price divided and
 * rounded; the product is rounded back to one digit less than they have.
 */
static void put_pixels(struct reading *r, const char *key, const struct key *k, struct decimal d)
{
	const char *size = strrchr(r->e->variant, '/');
	unsigned wide, high;
	struct decimal other, price;
	unsigned digits = decimal_precision(d);

	if (attr_figure(r, "input_cost_per_image", &other) ||
		attr_figure(r, "output_cost_per_image", &other))
		return;
	if (sscanf(size != NULL ? size + 1 : r->e->variant, "%ux%u", &wide, &high) != 2 ||
		decimal_mul(d, (uint64_t)wide * high, &price) != 0) {
		put_rate(r, key, k, strstr(key, "input") != NULL ? USAGE_IN_PIXELS : USAGE_PIXELS,
			d);
		return;
	}
	put_rate(r, key, k, USAGE_IMAGES, decimal_round(price, TG_MAX(digits, 2U) - 1));
}

static void put_searches(struct reading *r, const json_t *v)
{
	static const struct {
		const char *key;
		enum usage_bucket bucket;
	} sizes[] = { { "search_context_size_low", USAGE_WEB_SEARCHES },
		{ "search_context_size_medium", USAGE_WEB_SEARCHES_MEDIUM },
		{ "search_context_size_high", USAGE_WEB_SEARCHES_HIGH } };
	const struct key plain = { .tier = SERVICE_STANDARD };
	struct decimal d;

	for (size_t i = 0; i < TG_ARRAY_LEN(sizes); i++) {
		/* only OpenAI's searches have sizes */
		if (i > 0 && strcmp(r->e->litellm_provider, "openai") != 0 &&
			strcmp(r->e->litellm_provider, "azure") != 0)
			break;
		if (!figure_of(json_object_get(v, sizes[i].key), &d) || decimal_is_zero(d))
			continue;
		put_rate(r, "search_context_cost_per_query", &plain, sizes[i].bucket, d);
		r->any = true;
	}
}

static void put_uplift(struct reading *r, const char *region, struct decimal d)
{
	struct import_entry *e = r->e;
	int64_t scaled;
	bool rounded;

	if (decimal_scaled_up(d, 4, &scaled, &rounded) != 0 || scaled < 10000 ||
		scaled > IMPORT_FACTOR_MAX || e->n_uplifts == IMPORT_UPLIFTS) {
		import_note_add(r->im, e->name, "not converted: the uplift of %s", region);
		return;
	}
	e->uplifts[e->n_uplifts++] = (struct import_uplift){ region, scaled - 10000 };
}

/* {"us": 1.1, "fast": 6.0}: an uplift, and how much dearer a faster answer is. */
static void put_specific(struct reading *r, const json_t *v)
{
	struct import_plan *plain = &r->e->plan[SERVICE_STANDARD];
	struct import_plan *fast = &r->e->plan[SERVICE_PRIORITY];
	struct decimal d;
	int64_t factor;
	bool rounded;

	if (figure_of(json_object_get(v, "us"), &d))
		put_uplift(r, "us", d);
	if (!figure_of(json_object_get(v, "fast"), &d) ||
		decimal_scaled_up(d, 4, &factor, &rounded) != 0 || factor < 10000 ||
		factor > IMPORT_FACTOR_MAX)
		return;
	*fast = (struct import_plan){ .n_steps = plain->n_steps };
	for (unsigned b = 0; b < USAGE_FIRST_UNIT; b++) {
		if (import_has(&plain->rates, (enum usage_bucket)b))
			import_put(&fast->rates, (enum usage_bucket)b,
				import_ratio(plain->rates.v[b], factor, 10000));
		for (unsigned s = 0; s < plain->n_steps; s++) {
			fast->steps[s].above = plain->steps[s].above;
			if (import_has(&plain->steps[s].rates, (enum usage_bucket)b))
				import_put(&fast->steps[s].rates, (enum usage_bucket)b,
					import_ratio(plain->steps[s].rates.v[b], factor, 10000));
		}
	}
	import_note_add(r->im, r->e->name, "`fast` becomes the service tier priority");
}

static void read_key(struct reading *r, const char *name, const struct key *k, const json_t *v);

/* [{"range": [0, 32000], "input_cost_per_token": ...}, ...]: the first is the plain price. */
static void put_ranges(struct reading *r, const json_t *ranges)
{
	const json_t *range, *value;
	const char *name;
	struct decimal from;
	int64_t above;
	bool rounded;
	size_t i;

	json_array_foreach(ranges, i, range)
	{
		if (!figure_of(json_array_get(json_object_get(range, "range"), 0), &from) ||
			decimal_scaled_up(from, 0, &above, &rounded) != 0)
			continue;
		json_object_foreach((json_t *)range, name, value)
		{
			struct key k = key_of(name);

			k.above = (uint64_t)above;
			if (k.row != NULL)
				read_key(r, name, &k, value);
		}
	}
}

static void put_request(struct reading *r, const struct key *k, struct decimal d)
{
	struct import_plan *p = &r->e->plan[k->tier];
	bool rounded;

	p->has_request = decimal_scaled_up(d, PICO_DIGITS, &p->per_request, &rounded) == 0;
}

static void put_refused(struct reading *r, const char *name, const struct key *k)
{
	import_note_add(r->im, r->e->name, "not converted: %s: %s", name, k->row->arg);
	if (k->row->bucket != USAGE_NONE)
		r->voided |= (uint64_t)1 << k->row->bucket;
}

/* A figure that is not 0. */
static void read_figure(struct reading *r, const char *name, const struct key *k, struct decimal d)
{
	struct decimal other;

	switch (k->row->kind) {
	case KEY_RATE: put_rate(r, name, k, k->row->bucket, d); break;
	case KEY_CACHE_HIT:
		if (!attr_figure(r, "cache_read_input_token_cost", &other))
			put_rate(r, name, k, k->row->bucket, d);
		break;
	case KEY_CACHE_WRITE: put_cache_write(r, name, k, d); break;
	case KEY_AUDIO_CACHE:
		if (attr_figure(r, "cache_read_input_audio_token_cost", &other))
			break;
		import_note_add(r->im, r->e->name, "%s is taken for reads of cached audio", name);
		put_rate(r, name, k, k->row->bucket, d);
		break;
	case KEY_IN_IMAGE:
	case KEY_OUT_IMAGE: put_image(r, name, k, d); break;
	case KEY_PIXEL: put_pixels(r, name, k, d); break;
	case KEY_OUT_SECOND:
		/* a transcript's seconds are the recording's: told twice */
		if (!mode_is(r->e, "audio_transcription"))
			put_rate(r, name, k, k->row->bucket, d);
		break;
	case KEY_REQUEST: put_request(r, k, d); break;
	case KEY_PER_1K:
		d.exp -= 3;
		put_rate(r, name, k, k->row->bucket, d);
		break;
	case KEY_UPLIFT: put_uplift(r, k->row->arg, d); break;
	case KEY_REFUSED: put_refused(r, name, k); break;
	case KEY_RESOLUTION: /* put_resolution */
	case KEY_SEARCH:
	case KEY_RANGES:
	case KEY_SPECIFIC: break;
	}
}

static void put_resolution(struct reading *r, struct decimal d)
{
	struct import_named *v = import_alloc(r->im, sizeof *v);
	struct import_entry *e = r->e;
	pico_usd price;
	bool rounded;

	if (decimal_scaled_up(d, PICO_DIGITS, &price, &rounded) != 0)
		return;
	v->name = "1080p";
	import_put(&v->plan[SERVICE_STANDARD].rates, USAGE_OUT_SECONDS, price);
	v->next = e->variants;
	e->variants = v;
}

static void read_key(struct reading *r, const char *name, const struct key *k, const json_t *v)
{
	struct decimal d;

	if (k->row->kind == KEY_SEARCH) {
		put_searches(r, v);
	} else if (k->row->kind == KEY_RANGES) {
		put_ranges(r, v);
	} else if (json_is_string(v) && !figure_of(v, &d)) {
		import_note_add(r->im, r->e->name, "not converted: %s is no figure", name);
	} else if (figure_of(v, &d) && !decimal_is_zero(d)) {
		r->any |= k->row->kind != KEY_UPLIFT;
		if (k->row->kind == KEY_RESOLUTION)
			put_resolution(r, d);
		else
			read_figure(r, name, k, d);
	}
}

/* ---- entries */

static uint64_t limit_of(const json_t *attrs, const char *key)
{
	struct decimal d;
	int64_t n;
	bool rounded;

	if (!figure_of(json_object_get(attrs, key), &d) ||
		decimal_scaled_up(d, 0, &n, &rounded) != 0 || rounded)
		return 0;
	return (uint64_t)n;
}

static void read_prices(struct reading *r)
{
	const json_t *value;
	const char *name;

	json_object_foreach((json_t *)r->attrs, name, value)
	{
		struct key k = key_of(name);
		struct decimal d;

		if (k.row != NULL)
			read_key(r, name, &k, value);
		else if (looks_like_a_price(name) && figure_of(value, &d) && !decimal_is_zero(d))
			import_note_add(r->im, r->e->name, "not understood: %s", name);
	}
	/* these look at what the others have put */
	put_specific(r, json_object_get(r->attrs, "provider_specific_entry"));
	for (unsigned b = 0; b < USAGE__MAX; b++)
		if ((r->voided >> b & 1) != 0)
			for (unsigned t = 0; t < SERVICE__MAX; t++)
				import_drop(&r->e->plan[t].rates, (enum usage_bucket)b);
}

/* All is 0: is it free, or does the map not know? */
static bool says_free(const struct import_entry *e)
{
	struct str m = str_z(e->model);

	return mode_is(e, "moderation") || str_ends(m, STR(":free")) || str_ends(m, STR("/free")) ||
	       str_ends(m, STR("-Free"));
}

/* What the map says in as many words; what it leaves out is not known. */
static void read_capabilities(struct import_entry *e, const json_t *attrs)
{
	for (unsigned i = 0; i < CAPABILITY__MAX; i++) {
		const json_t *v = json_object_get(attrs, capability_litellm((enum capability)i));

		if (json_is_boolean(v))
			capability_say(&e->capable, (enum capability)i, json_is_true(v));
	}
}

static void read_entry(struct import *im, struct import_entry *e, const json_t *attrs)
{
	struct reading r = { .im = im, .e = e, .attrs = attrs };
	const char *provider = json_string_value(json_object_get(attrs, "litellm_provider"));

	e->mode = json_string_value(json_object_get(attrs, "mode"));
	e->litellm_provider = provider;
	import_litellm_name(im, e, provider != NULL ? provider : "");
	if (e->state == IMPORT_OTHER || e->state == IMPORT_REFUSED)
		return;
	if (e->mode == NULL || mode_is(e, "vector_store")) {
		import_refuse(e, "not a model");
		return;
	}
	e->max_input = limit_of(attrs, "max_input_tokens");
	e->max_output = limit_of(attrs, "max_output_tokens");
	read_capabilities(e, attrs);
	read_prices(&r);
	if (r.any)
		e->state = strcmp(e->model, "container") == 0 ? IMPORT_TOOL : e->state;
	else if (says_free(e))
		e->free = true;
	else
		import_refuse(
			e, "every price is 0 or missing: free or unknown, the map does not say");
}

int import_litellm(struct import *im, struct str text, char *err, size_t err_len)
{
	json_error_t bad;
	const json_t *attrs;
	const char *name;
	size_t len;
	char *quoted = decimal_quote_numbers(text, &len);

	im->map = json_loadb(quoted, len, JSON_REJECT_DUPLICATES, &bad);
	free(quoted);
	if (im->map == NULL || !json_is_object(im->map)) {
		snprintf(err, err_len, "line %d: %s", bad.line,
			im->map == NULL ? bad.text : "not an object of models");
		return -1;
	}
	im->v = import_alloc(im, 2 * (json_object_size(im->map) + 1) * sizeof *im->v);
	json_object_foreach(im->map, name, attrs)
	{
		struct import_entry *e = &im->v[im->n];

		e->name = name;
		if (!json_is_object(attrs) || strcmp(name, "sample_spec") == 0)
			continue;
		read_entry(im, e, attrs);
		im->n++;
	}
	im->map_size = im->n;
	if (im->n == 0) {
		snprintf(err, err_len, "no models in it: not a price map in LiteLLM's format");
		return -1;
	}
	return 0;
}
