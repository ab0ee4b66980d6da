/*
 * fuzz_prices.c: any bytes as a price file. Either an error with a text, or a book in which every
 * price has a version and no usage costs more than its bound, whatever the terms.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "money/pricebook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Buckets from the bytes: each fourth or so is used. */
static struct usage usage_of(const uint8_t *data, size_t size, unsigned salt)
{
	struct usage u = { .n = { 0 } };

	for (unsigned b = 0; b < USAGE__MAX; b++) {
		uint8_t c = size > 0 ? data[(b * 7 + salt) % size] : (uint8_t)salt;

		if ((c & 3) == 0)
			u.n[b] = (uint64_t)c << (c % 40);
	}
	return u;
}

static struct usage gathered(const struct usage *u)
{
	struct usage most = { .n = { 0 } };

	for (unsigned b = 0; b < USAGE__MAX; b++) {
		enum usage_bucket root = (enum usage_bucket)b;

		while (usage_bucket_parent(root) != USAGE_NONE)
			root = usage_bucket_parent(root);
		most.n[root] += u->n[b];
	}
	return most;
}

static void check_bound(const struct price *p, const struct usage *u, const struct rate_terms *t)
{
	struct usage most = gathered(u);
	pico_usd cost, bound;

	if (price_cost(p, u, t, &cost, NULL) == 0 && price_bound(p, &most, &bound) == 0)
		tg_assert(cost >= 0 && cost <= bound);
}

static void check_price(const struct price *p, const uint8_t *data, size_t size)
{
	struct rate_terms t = { .variant = STR("other") };

	tg_assert(price_version(p) != 0 && p->source.n > 0 && p->date.n == 10);
	for (unsigned salt = 0; salt < 4; salt++) {
		struct usage u = usage_of(data, size, salt);

		t.tier = (enum service_tier)(salt % SERVICE__MAX);
		check_bound(p, &u, &t);
		for (unsigned i = 0; i < p->n_variants && i < 8; i++) {
			t.variant = p->variants[i].name;
			check_bound(p, &u, &t);
		}
		for (unsigned i = 0; i < p->n_regions && i < 8; i++) {
			t.region = p->regions[i].name;
			check_bound(p, &u, &t);
		}
		for (unsigned i = 0; i < p->n_uplifts && i < 8; i++) {
			t.region = p->uplifts[i].region;
			check_bound(p, &u, &t);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[256] = "";
	struct pricebook *b =
		pricebook_parse(str_mk((const char *)data, size), "f", err, sizeof err);

	if (b == NULL) {
		tg_assert(err[0] == 'f' && err[1] == ':');
		return 0;
	}
	for (size_t i = 0; i < pricebook_size(b) && i < 64; i++) {
		const struct price *p = pricebook_at(b, i);

		check_price(p, data, size);
		/* in force at the end of time, unless an alias' other version is */
		tg_assert(pricebook_find_at(b, p->provider, p->model, (wall_us){ INT64_MAX }) !=
			  NULL);
	}
	pricebook_free(b);
	return 0;
}
