/*
 * service_tier.c: providers' words for how quickly they answer. Pure; any thread.
 */
#include "base/defs.h"
#include "money/pricebook.h"

static const struct {
	const char *provider; /* NULL: any */
	const char *word;
	enum service_tier tier;
} words[] = {
	/* capacity that was bought in advance; a faster answer is "fast" */
	{ "anthropic", "priority", SERVICE_STANDARD },
	{ NULL, "", SERVICE_STANDARD },
	{ NULL, "default", SERVICE_STANDARD },
	{ NULL, "standard", SERVICE_STANDARD },
	{ NULL, "auto", SERVICE_STANDARD },
	{ NULL, "standard_only", SERVICE_STANDARD },
	{ NULL, "on_demand", SERVICE_STANDARD },
	{ NULL, "unspecified", SERVICE_STANDARD },
	{ NULL, "flex", SERVICE_FLEX },
	{ NULL, "priority", SERVICE_PRIORITY },
	{ NULL, "fast", SERVICE_PRIORITY },
	{ NULL, "batch", SERVICE_BATCH },
	{ NULL, "batches", SERVICE_BATCH },
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

int service_tier_of(struct str provider, struct str word, enum service_tier *out)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(words); i++)
		if (str_eq_ci(str_z(words[i].word), word) &&
			(words[i].provider == NULL || str_eq(str_z(words[i].provider), provider))) {
			*out = words[i].tier;
			return 0;
		}
	return -1;
}
