/*
 * names.c: words for numbers that stand in records (names.h). Pure; any thread.
 */
#include "ledger/names.h"

const char *rec_end_name(unsigned end)
{
	static const char *const names[] = {
#define X(id, name, code) [code] = name,
#include "ledger/tbl/ends.h"
#undef X
	};

	return end < TG_ARRAY_LEN(names) ? names[end] : "?";
}

const char *rec_money_flag_name(unsigned i)
{
	switch (i < 32 ? 1u << i : 0) {
	case MONEY_UNPRICED: return "unpriced";
	case MONEY_PARENT: return "parent_price";
	case MONEY_TIER: return "long_context";
	case MONEY_REPORTED: return "reported";
	case MONEY_OVER: return "over_bound";
	case MONEY_FREE_BOUND: return "default_bound";
	case MONEY_GENERATION: return "generation_price";
	case MONEY_OVERFLOW: return "overflow";
	case MONEY_SERVICE: return "standard_price";
	case MONEY_VARIANT: return "dearest_variant";
	case MONEY_REGION: return "regional_price";
	case MONEY_UNCOUNTED: return "uncounted";
	case MONEY_SHADOW: return "shadow";
	case MONEY_DEGRADED: return "degraded";
	default: return NULL;
	}
}
