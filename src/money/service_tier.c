/*
 * service_tier.c: providers' words for how quickly they answer. Pure; any thread.
 */
#include "base/defs.h"
#include "money/pricebook.h"

static const struct {
	const char *word;
	enum service_tier tier;
} words[] = {
	{ "", SERVICE_STANDARD },
	{ "default", SERVICE_STANDARD },
	{ "standard", SERVICE_STANDARD },
	{ "auto", SERVICE_STANDARD },
	{ "standard_only", SERVICE_STANDARD },
	{ "on_demand", SERVICE_STANDARD },
	{ "unspecified", SERVICE_STANDARD },
	{ "flex", SERVICE_FLEX },
	{ "priority", SERVICE_PRIORITY },
	{ "fast", SERVICE_PRIORITY },
	{ "batch", SERVICE_BATCH },
	{ "batches", SERVICE_BATCH },
};

const char *service_tier_name(enum service_tier t)
{
	static const char *const names[] = {
#define X(id, name) name,
#include "money/tbl/service_tiers.h"
#undef X
	};

	tg_assert((unsigned)t < SERVICE__MAX);
	return names[t];
}

int service_tier_of(struct str word, enum service_tier *out)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_eq_ci(str_z(words[i].word), word)) {
			*out = words[i].tier;
			return 0;
		}
	return -1;
}
