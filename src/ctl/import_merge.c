/*
 * import_merge.c: entries of a foreign price map that are one model's belong together: sizes and
 * qualities become variants, regions become an uplift or a region's prices, the same model under
 * two names is one. tgctl.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/prices_import.h"

#define BASIS_ONE 10000

/* ---- comparing */

static int entry_cmp(const void *a, const void *b)
{
	const struct import_entry *x = *(struct import_entry *const *)a;
	const struct import_entry *y = *(struct import_entry *const *)b;
	int rc = strcmp(x->provider, y->provider);

	if (rc == 0)
		rc = strcmp(x->model, y->model);
	if (rc == 0) /* the model itself comes before its regions and variants */
		rc = strcmp(x->region, y->region);
	if (rc == 0)
		rc = strcmp(x->variant, y->variant);
	return rc != 0 ? rc : strcmp(x->name, y->name);
}

static bool same_rates(const struct import_rates *a, const struct import_rates *b)
{
	for (unsigned i = 0; i < USAGE__MAX; i++)
		if (import_has(a, (enum usage_bucket)i) &&
			(!import_has(b, (enum usage_bucket)i) || a->v[i] != b->v[i]))
			return false;
	return a->has == b->has;
}

static bool same_plans(const struct import_plan *a, const struct import_plan *b)
{
	for (unsigned t = 0; t < SERVICE__MAX; t++) {
		if (!same_rates(&a[t].rates, &b[t].rates) || a[t].n_steps != b[t].n_steps ||
			a[t].has_request != b[t].has_request ||
			a[t].per_request != b[t].per_request)
			return false;
		for (unsigned i = 0; i < a[t].n_steps; i++)
			if (a[t].steps[i].above != b[t].steps[i].above ||
				!same_rates(&a[t].steps[i].rates, &b[t].steps[i].rates))
				return false;
	}
	return true;
}

static __int128 sum_rates(const struct import_rates *r, unsigned from, unsigned end)
{
	__int128 sum = 0;

	for (unsigned b = from; b < end; b++)
		sum += import_has(r, (enum usage_bucket)b) ? r->v[b] : 0;
	return sum;
}

/* By input and output, then by all tokens, then by the number of figures. */
static bool is_dearer(const struct import_entry *a, const struct import_entry *b)
{
	const struct import_rates *x = &a->plan[SERVICE_STANDARD].rates;
	const struct import_rates *y = &b->plan[SERVICE_STANDARD].rates;
	const __int128 costs_a = (__int128)x->v[USAGE_IN] + x->v[USAGE_OUT];
	const __int128 costs_b = (__int128)y->v[USAGE_IN] + y->v[USAGE_OUT];
	const __int128 sum_a = sum_rates(x, 0, USAGE_FIRST_UNIT);
	const __int128 sum_b = sum_rates(y, 0, USAGE_FIRST_UNIT);
	unsigned figures_a = 0, figures_b = 0;

	if (costs_a != costs_b)
		return costs_a > costs_b;
	if (x->has == y->has && sum_a != sum_b)
		return sum_a > sum_b;
	for (unsigned t = 0; t < SERVICE__MAX; t++) {
		figures_a +=
			(unsigned)__builtin_popcountll(a->plan[t].rates.has) + a->plan[t].n_steps;
		figures_b +=
			(unsigned)__builtin_popcountll(b->plan[t].rates.has) + b->plan[t].n_steps;
	}
	return figures_a > figures_b;
}

/* ---- regions */

/* Is every rate of r exactly k/10000 of base's? k is found with the first. */
static bool scaled_rates(const struct import_rates *r, const struct import_rates *base, int64_t *k)
{
	for (unsigned i = 0; i < USAGE__MAX; i++) {
		enum usage_bucket b = (enum usage_bucket)i;

		if (!import_has(r, b))
			continue;
		if (!import_has(base, b) || base->v[b] == 0)
			return false;
		if (*k == 0)
			*k = (int64_t)((__int128)r->v[b] * BASIS_ONE / base->v[b]);
		if ((__int128)r->v[b] * BASIS_ONE != (__int128)base->v[b] * *k)
			return false;
	}
	return true;
}

/* The factor that makes all of base's prices r's; 0: there is none. */
static int64_t uniform_factor(const struct import_entry *r, const struct import_entry *base)
{
	int64_t k = 0;

	if (r->plan[SERVICE_STANDARD].rates.has != base->plan[SERVICE_STANDARD].rates.has)
		return 0;
	for (unsigned t = 0; t < SERVICE__MAX; t++) {
		const struct import_plan *p = &r->plan[t], *of = &base->plan[t];

		if (!scaled_rates(&p->rates, &of->rates, &k) || p->has_request != of->has_request)
			return 0;
		for (unsigned i = 0; i < p->n_steps; i++)
			if (i >= of->n_steps || of->steps[i].above != p->steps[i].above ||
				!scaled_rates(&p->steps[i].rates, &of->steps[i].rates, &k))
				return 0;
	}
	return k;
}

/* Behind the others; NULL when the name is there already. */
static struct import_named *named_add(struct import *im, struct import_named **list,
	const char *name, const struct import_plan *plan)
{
	struct import_named *n;

	for (; *list != NULL; list = &(*list)->next)
		if (strcmp((*list)->name, name) == 0)
			return NULL;
	n = import_alloc(im, sizeof *n);
	n->name = name;
	memcpy(n->plan, plan, sizeof n->plan);
	*list = n;
	return n;
}

static bool put_uplift(struct import_entry *base, const char *region, int64_t k)
{
	if (k <= BASIS_ONE || k > IMPORT_FACTOR_MAX || base->n_uplifts == IMPORT_UPLIFTS)
		return false;
	base->uplifts[base->n_uplifts++] = (struct import_uplift){ region, k - BASIS_ONE };
	return true;
}

static bool region_known(const struct import_entry *base, const char *region)
{
	for (unsigned i = 0; i < base->n_uplifts; i++)
		if (strcmp(base->uplifts[i].region, region) == 0)
			return true;
	return false;
}

static void put_region(struct import *im, struct import_entry *base, struct import_entry *r)
{
	int64_t k = uniform_factor(r, base);
	struct import_named *n;

	r->state = k == BASIS_ONE || region_known(base, r->region) ? IMPORT_SAME : IMPORT_REGION;
	if (r->state == IMPORT_SAME || put_uplift(base, r->region, k))
		return;
	n = named_add(im, &base->regions, r->region, r->plan);
	if (n == NULL) {
		r->state = IMPORT_SAME;
		import_note_add(
			im, r->name, "not used: the region has its prices from another entry");
		return;
	}
	import_plan_fill(&n->plan[SERVICE_STANDARD], &base->plan[SERVICE_STANDARD]);
	for (unsigned t = SERVICE_STANDARD + 1; t < SERVICE__MAX; t++)
		if (!import_plan_empty(&n->plan[t]) || !import_plan_empty(&base->plan[t])) {
			struct import_plan like = base->plan[t];

			/* grown as the region's plain price over the model's */
			if (import_plan_empty(&like))
				like = n->plan[SERVICE_STANDARD];
			if (import_plan_empty(&n->plan[t]))
				import_note_add(im, r->name,
					"%s derived from the plain region's price",
					service_tier_name((enum service_tier)t));
			import_plan_scale(&n->plan[t], &like, &n->plan[SERVICE_STANDARD],
				&base->plan[SERVICE_STANDARD]);
		}
}

/* ---- one model */

static void put_variant(struct import *im, struct import_entry *base, struct import_entry *v)
{
	v->state = IMPORT_VARIANT;
	if (named_add(im, &base->variants, v->variant, v->plan) != NULL)
		return;
	v->state = IMPORT_SAME;
	import_note_add(im, v->name, "not used: the variant has its price from another entry");
}

static void put_duplicate(struct import *im, struct import_entry **kept, struct import_entry *e)
{
	struct import_entry *out = e;

	if (!same_plans((*kept)->plan, e->plan)) {
		if (is_dearer(e, *kept)) {
			out = *kept;
			*kept = e;
		}
		import_note_add(im, out->name,
			"not used: %s is the same model and dearer or fuller", (*kept)->name);
	}
	out->state = IMPORT_SAME;
}

/* Only sizes or regions of it are in the map: a model without a price of its own, or the dearest
 * region's. */
static struct import_entry *make_base(struct import *im, struct import_entry **group, size_t n)
{
	struct import_entry *base = NULL;

	for (size_t i = 0; i < n; i++)
		if (group[i]->variant[0] == '\0' && (base == NULL || is_dearer(group[i], base)))
			base = group[i];
	if (base != NULL) {
		import_note_add(
			im, base->name, "stands for the model: the map has it by region only");
		return base;
	}
	base = import_alloc(im, sizeof *base);
	*base = *group[0];
	memset(base->plan, 0, sizeof base->plan);
	base->variant = "";
	base->variants = NULL;
	base->name = NULL; /* it is not in the map */
	im->v[im->n] = *base;
	return &im->v[im->n++];
}

static void merge_group(struct import *im, struct import_entry **group, size_t n)
{
	struct import_entry *base = NULL;

	for (size_t i = 0; i < n; i++) {
		if (group[i]->variant[0] != '\0' || group[i]->region[0] != '\0')
			continue;
		if (base == NULL)
			base = group[i];
		else
			put_duplicate(im, &base, group[i]);
	}
	if (base == NULL)
		base = make_base(im, group, n);
	for (size_t i = 0; i < n; i++) {
		struct import_entry *e = group[i];

		if (e == base || e->state != IMPORT_ENTRY)
			continue;
		if (e->variant[0] != '\0')
			put_variant(im, base, e);
		else if (e->region[0] != '\0')
			put_region(im, base, e);
	}
}

/* ---- tools */

/* A provider's price of a tool holds for all models that can call it. */
static void spread_tool(struct import *im, const struct import_entry *tool)
{
	const struct import_rates *from = &tool->plan[SERVICE_STANDARD].rates;

	for (size_t i = 0; i < im->n; i++) {
		struct import_entry *e = &im->v[i];

		if (e->state != IMPORT_ENTRY ||
			strcmp(e->litellm_provider, tool->litellm_provider) != 0 ||
			(strcmp(e->mode, "chat") != 0 && strcmp(e->mode, "responses") != 0))
			continue;
		for (unsigned t = 0; t < SERVICE__MAX; t++) {
			if (import_plan_empty(&e->plan[t]))
				continue;
			for (unsigned b = USAGE_FIRST_UNIT; b < USAGE__MAX; b++)
				if (import_has(from, (enum usage_bucket)b) &&
					!import_has(&e->plan[t].rates, (enum usage_bucket)b))
					import_put(&e->plan[t].rates, (enum usage_bucket)b,
						from->v[b]);
		}
	}
}

void import_merge(struct import *im)
{
	struct import_entry **sorted = calloc(im->n + 1, sizeof *sorted);
	size_t n = 0, end, all = im->n;

	tg_assert(sorted != NULL);
	for (size_t i = 0; i < all; i++)
		if (im->v[i].state == IMPORT_ENTRY)
			sorted[n++] = &im->v[i];
	qsort(sorted, n, sizeof *sorted, entry_cmp);
	for (size_t at = 0; at < n; at = end) {
		for (end = at + 1; end < n; end++)
			if (strcmp(sorted[end]->provider, sorted[at]->provider) != 0 ||
				strcmp(sorted[end]->model, sorted[at]->model) != 0)
				break;
		merge_group(im, sorted + at, end - at);
	}
	free(sorted);
	for (size_t i = 0; i < all; i++)
		if (im->v[i].state == IMPORT_TOOL)
			spread_tool(im, &im->v[i]);
}
