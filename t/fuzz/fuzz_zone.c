/*
 * fuzz_zone.c: any bytes as a zone file: an error with a text, or a zone whose answers agree with
 * each other, and in which periods tile time.
 */
#include <stdint.h>

#include "quota/period.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define YEAR_S (366 * ZONE_DAY_S)

static void ask_zone(const struct zone *z, int64_t t)
{
	struct zone_span span = zone_span_at(z, t);
	int64_t local = zone_local(z, t), first, last, reached = zone_first(z, local);

	tg_assert(span.start_s <= t && t < span.end_s);
	tg_assert(reached <= t && zone_local(z, reached) >= local);
	tg_assert(zone_local(z, reached - 1) < local);
	tg_assert(zone_instants(z, local, &first, &last) >= 1);
	tg_assert(reached <= first && first <= t && t <= last);
	tg_assert(zone_local(z, first) == local && zone_local(z, last) == local);
}

static void ask_periods(const struct zone *z, int64_t t)
{
	static const struct period_spec specs[] = { { PERIOD_HOUR, 0, 0 }, { PERIOD_DAY, 0, 0 },
		{ PERIOD_WEEK, 3, 0 }, { PERIOD_MONTH, 31, 0 }, { PERIOD_YEAR, 1, 0 },
		{ PERIOD_ROLLING_DAYS, 0, 2 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(specs); i++) {
		wall_us now = { t * 1000000 };
		struct period p, q;

		period_at(&specs[i], z, now, &p);
		tg_assert(p.start_us <= now.us && now.us < p.end_us && p.leaves_us >= p.end_us);
		period_at(&specs[i], z, (wall_us){ p.end_us }, &q);
		tg_assert(q.start_us == p.end_us);
		tg_assert(strlen(p.name) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[512] = "";
	struct zone *z = zone_parse(STR("fuzz"), str_mk((const char *)data, size), err, sizeof err);

	if (z == NULL) {
		tg_assert(err[0] != '\0');
		return 0;
	}
	for (int64_t t = YEAR_S; t < 100 * (int64_t)YEAR_S; t += 2 * YEAR_S + 12345) {
		ask_zone(z, t);
		ask_periods(z, t);
	}
	zone_free(z);
	return 0;
}
