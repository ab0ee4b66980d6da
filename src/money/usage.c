/*
 * usage.c: names and families of the usage buckets, all from tbl/buckets.h. Pure; any thread.
 */
#include "money/usage.h"

#include "base/defs.h"

static const struct {
	const char *name;
	enum usage_bucket parent;
	enum usage_kind kind;
	uint8_t code;
} buckets[] = {
#define X(id, name, parent, kind, code) { name, USAGE_##parent, USAGE_##kind, code },
#include "money/tbl/buckets.h"
#undef X
};

static uint64_t sum_saturated(const struct usage *u, unsigned from, unsigned to)
{
	uint64_t sum = 0;

	for (unsigned b = from; b < to; b++)
		if (__builtin_add_overflow(sum, u->n[b], &sum))
			return UINT64_MAX;
	return sum;
}

const char *usage_bucket_name(enum usage_bucket b)
{
	tg_assert((unsigned)b < USAGE__MAX);
	return buckets[b].name;
}

enum usage_bucket usage_bucket_parent(enum usage_bucket b)
{
	tg_assert((unsigned)b < USAGE__MAX);
	return buckets[b].parent;
}

enum usage_kind usage_bucket_kind(enum usage_bucket b)
{
	tg_assert((unsigned)b < USAGE__MAX);
	return buckets[b].kind;
}

uint8_t usage_bucket_code(enum usage_bucket b)
{
	tg_assert((unsigned)b < USAGE__MAX);
	return buckets[b].code;
}

enum usage_bucket usage_bucket_of_code(uint8_t code)
{
	for (unsigned b = 0; b < USAGE__MAX; b++)
		if (buckets[b].code == code)
			return (enum usage_bucket)b;
	return USAGE_NONE;
}

const char *usage_source_name(enum usage_source s)
{
	switch (s) {
	case USAGE_ABSENT: return "absent";
	case USAGE_PROVIDER: return "provider";
	case USAGE_PARTIAL: return "partial";
	case USAGE_ESTIMATED: return "estimated";
	}
	return "absent";
}

bool usage_any(const struct usage *u)
{
	for (unsigned b = 0; b < USAGE__MAX; b++)
		if (u->n[b] > 0)
			return true;
	return false;
}

uint64_t usage_input(const struct usage *u)
{
	return sum_saturated(u, 0, USAGE_FIRST_OUTPUT);
}

uint64_t usage_output(const struct usage *u)
{
	return sum_saturated(u, USAGE_FIRST_OUTPUT, USAGE_FIRST_UNIT);
}
