/* sample.h: records for the ledger's tests, their strings constant. */
#ifndef TG_UNIT_LEDGER_SAMPLE_H
#define TG_UNIT_LEDGER_SAMPLE_H

#include "ledger/record.h"

static inline struct rec_id sample_id(uint64_t n)
{
	return (struct rec_id){ .hi = 0x0123456789abcdefu ^ n * 0x9e3779b97f4a7c15u,
		.lo = (uint32_t)n };
}

static inline struct rec_who sample_who(void)
{
	return (struct rec_who){ .org = STR("acme"),
		.tenant = STR("research"),
		.tier = STR("gold"),
		.key = STR("key_42"),
		.tags = STR("{\"team\":\"search\",\"env\":\"prod\"}"),
		.session = STR("s-1"),
		.end_user = STR("u-77"),
		.rule = STR("next-5") };
}

static inline struct rec_what sample_what(void)
{
	return (struct rec_what){ .endpoint = STR("chat"),
		.model = STR("gpt-4o"),
		.provider = STR("openai"),
		.target = STR("openai-eu"),
		.region = STR("eu"),
		.target_model = STR("gpt-4o-2024-08-06"),
		.stream = true };
}

static inline struct rec_money sample_money(int64_t scale)
{
	return (struct rec_money){ .list = 1000 * scale,
		.contracted = 900 * scale,
		.billed = 1100 * scale,
		.price_version = 20261128,
		.flags = MONEY_TIER };
}

static inline struct usage sample_usage(uint64_t in, uint64_t out)
{
	struct usage u = { .source = USAGE_PROVIDER };

	u.n[USAGE_IN] = in;
	u.n[USAGE_OUT] = out;
	return u;
}

static inline struct rec_hold sample_hold(uint64_t n)
{
	return (struct rec_hold){ .id = sample_id(n),
		.start = { 1764288000000000 + (int64_t)n },
		.who = sample_who(),
		.what = sample_what(),
		.bound = sample_usage(4000, 4096),
		.money = sample_money(1000000 + (int64_t)n),
		.generations = 3 };
}

static inline struct rec_leg sample_leg(uint64_t n, uint8_t no)
{
	struct rec_what next = sample_what();

	next.provider = STR("azure");
	next.target = STR("azure-sweden-central-2");
	return (struct rec_leg){ .id = sample_id(n),
		.no = no,
		.status = 503,
		.quality = QUALITY_EXACT,
		.sent = true,
		.who = sample_who(),
		.what = sample_what(),
		.usage = sample_usage(10, 0),
		.money = sample_money(10),
		.start = { 1764288000000000 + (int64_t)n },
		.next = next,
		.next_bound = sample_usage(4000, 2048),
		.next_money = sample_money(500000 + (int64_t)n),
		.generations = 5 };
}

static inline struct rec_progress sample_progress(uint64_t n)
{
	return (struct rec_progress){ .id = sample_id(n),
		.usage = sample_usage(1200, 300),
		.money = sample_money(200000 + (int64_t)n) };
}

static inline struct rec_extend sample_extend(uint64_t n)
{
	return (struct rec_extend){ .id = sample_id(n),
		.bound = sample_usage(1200, 1024),
		.money = sample_money(700000 + (int64_t)n) };
}

static inline struct rec_settle sample_settle(uint64_t n)
{
	return (struct rec_settle){ .id = sample_id(n),
		.start = { 1764288000000000 + (int64_t)n },
		.quality = QUALITY_EXACT,
		.end = 1,
		.legs = 1,
		.status = 200,
		.first_byte_us = 250000,
		.done_us = 1800000,
		.who = sample_who(),
		.what = sample_what(),
		.model_served = STR("gpt-4o-2024-08-06"),
		.service_tier = STR("default"),
		.provider_request_id = STR("req_0f9e8d7c6b5a49382716050403020100"),
		.usage = sample_usage(1234, 567),
		.money = sample_money(100000 + (int64_t)n),
		.bound = 900 * (1000000 + (int64_t)n),
		.generations = 2 };
}

static inline struct rec_void sample_void(uint64_t n)
{
	return (struct rec_void){ .id = sample_id(n),
		.start = { 1764288000000000 + (int64_t)n },
		.end = 3,
		.status = 0,
		.who = sample_who(),
		.what = sample_what() };
}

#endif
