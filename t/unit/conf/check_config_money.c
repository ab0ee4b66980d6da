/*
 * check_config_money.c: what the configuration says about money: the ledger, clients that go,
 * discounts, markups and stated prices: defaults, units, limits, and what is wrong with its place.
 */
#include "unit/conf/tables.h"

#include "base/log.h"
#include "core/settle.h"
#include "ledger/journal.h"

#define LISTEN "listen: 127.0.0.1:0\n"
#define T(rest) \
	LISTEN "targets: { a: { provider: openai, base_url: http://127.0.0.1:9" rest " } }\n"

static const char *const providers[] = { "openai", "anthropic", NULL };

static void setup(void)
{
	arena_init(&arena, NULL, 0);
	memset(&err, 0, sizeof err);
	config_set_providers(providers);
	log_threshold = LOG_L_ERROR;
}

static void teardown(void)
{
	arena_fini(&arena);
	config_set_providers(NULL);
}

#define DAY INT64_C(86400000000)

START_TEST(defaults)
{
	const struct cfg_ledger *l = &config.ledger;
	const struct cfg_target *target;

	ck_assert_msg(load(T("")) == 0, "%s", err.text);
	target = config.targets.v;
	UNIT_STR_EQ(l->path, STR("/var/lib/tollgate"));
	ck_assert_int_eq(l->durability, JOURNAL_GROUP);
	ck_assert_int_eq(l->interval_us, 10000);
	ck_assert_int_eq(l->segment_bytes, 64 << 20);
	ck_assert_int_eq(l->retain_us, 35 * DAY);
	ck_assert_int_eq(l->indeterminate, INDETERMINATE_NONE);
	ck_assert(!l->salvage);
	ck_assert_int_eq(config.client_abort.drain_us, 300000000);
	ck_assert_int_eq(config.client_abort.drain_max, 256);
	ck_assert_int_eq(config.unpriced.action, UNPRICED_ESTIMATE);
	ck_assert_int_eq(target->on_client_abort, ABORT_AUTO);
	ck_assert_int_eq(target->discount_bp, 0);
}
END_TEST

/* Every word and unit, and the ends of each range. */
static const struct {
	const char *yaml;
	size_t offset; /* of the setting in struct config */
	bool is_int;   /* and no int64_t */
	int64_t want;
} taken[] = {
#define L(text, member, want)                                                                   \
	{                                                                                       \
		LISTEN "ledger: { " text " }\n", offsetof(struct config, ledger.member), false, \
			want                                                                    \
	}
#define W(text, member, want)                                                                  \
	{                                                                                      \
		LISTEN "ledger: { " text " }\n", offsetof(struct config, ledger.member), true, \
			want                                                                   \
	}
#define C(text, member, want)                                                     \
	{                                                                         \
		LISTEN "client_abort: { " text " }\n",                            \
			offsetof(struct config, client_abort.member), false, want \
	}
	W("durability: group", durability, JOURNAL_GROUP),
	W("durability: strict", durability, JOURNAL_STRICT),
	W("durability: 'off'", durability, JOURNAL_OFF),
	W("durability: off", durability, JOURNAL_OFF),
	W("indeterminate: none", indeterminate, INDETERMINATE_NONE),
	W("indeterminate: input", indeterminate, INDETERMINATE_INPUT),
	W("indeterminate: bound", indeterminate, INDETERMINATE_BOUND),
	L("interval: 1ms", interval_us, 1000),
	L("interval: 1s", interval_us, 1000000),
	L("segment: 256k", segment_bytes, 256 << 10),
	L("segment: 1g", segment_bytes, 1 << 30),
	L("retain: 0s", retain_us, 0),
	L("retain: 3650d", retain_us, 3650 * DAY),
	C("drain_time: 1s", drain_us, 1000000),
	C("drain_time: 1d", drain_us, DAY),
	C("drain_max: 0", drain_max, 0),
	C("drain_max: 1000000", drain_max, 1000000),
#undef L
#undef W
#undef C
};

START_TEST(settings)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(taken); i++) {
		const char *at = (const char *)&config + taken[i].offset;
		int64_t got;

		ck_assert_msg(load(taken[i].yaml) == 0, "%s: %s", taken[i].yaml, err.text);
		if (taken[i].is_int)
			got = *(const int *)(const void *)at;
		else
			memcpy(&got, at, sizeof got);
		ck_assert_msg(got == taken[i].want, "%s: %lld", taken[i].yaml, (long long)got);
	}
}
END_TEST

START_TEST(of_targets_and_tenants)
{
	static const struct {
		const char *word;
		enum abort_policy policy;
	} words[] = { { "auto", ABORT_AUTO }, { "cancel_estimate", ABORT_CANCEL_ESTIMATE },
		{ "drain", ABORT_DRAIN }, { "cancel_free", ABORT_CANCEL_FREE } };
	const struct cfg_target *target;
	const struct cfg_tier *tier;
	const struct cfg_tenant *tenant;
	char yaml[512];

	for (size_t i = 0; i < TG_ARRAY_LEN(words); i++) {
		snprintf(yaml, sizeof yaml, T(", on_client_abort: %s"), words[i].word);
		ck_assert_msg(load(yaml) == 0, "%s", err.text);
		target = config.targets.v;
		ck_assert_int_eq(target->on_client_abort, (int)words[i].policy);
	}
	ck_assert_msg(load(T(", discount: 12.34%, region: eu") "tiers: { t: { generation_price: "
							       "0.000000000001 usd } }\n"
							       "tenants: { x: { tier: t, markup: "
							       "1000% } }\n"
							       "unpriced: { action: reject, input: "
							       "30 usd, request: 0.5 usd }\n") == 0,
		"%s", err.text);
	target = config.targets.v;
	tier = config.tiers.v;
	tenant = config.tenants.v;
	ck_assert_int_eq(target->discount_bp, 1234);
	ck_assert_int_eq(tier->generation_price, 1);
	ck_assert_int_eq(tenant->markup_bp, 100000);
	ck_assert_int_eq(config.unpriced.action, UNPRICED_REJECT);
}
END_TEST

START_TEST(a_ledger_elsewhere)
{
	ck_assert_int_eq(load(LISTEN "ledger: { path: none, salvage: yes }\n"), 0);
	UNIT_STR_EQ(config.ledger.path, STR("none"));
	ck_assert(config.ledger.salvage);
	ck_assert_int_eq(load(LISTEN "ledger: { path: /srv/a b }\n"), 0);
	UNIT_STR_EQ(config.ledger.path, STR("/srv/a b"));
}
END_TEST

static const struct {
	const char *yaml, *error; /* the beginning of it */
} wrong[] = {
	{ LISTEN "ledger: { durability: sometimes }\n",
		"t.yaml:2:23: `durability` must be one of group, strict, off, not `sometimes`" },
	{ LISTEN "ledger: { durability: strct }\n",
		"t.yaml:2:23: `durability` must be one of group, strict, off, not `strct`; did you "
		"mean `strict`?" },
	{ LISTEN "ledger: { indeterminate: all }\n",
		"t.yaml:2:26: `indeterminate` must be one of none, input, bound, not `all`" },
	{ LISTEN "ledger: { interval: 999us }\n", "t.yaml:2:21: `interval`" },
	{ LISTEN "ledger: { interval: 0ms }\n", "t.yaml:2:21: `interval` must be " },
	{ LISTEN "ledger: { interval: 1001ms }\n", "t.yaml:2:21: `interval` must be " },
	{ LISTEN "ledger: { interval: 10 }\n", "t.yaml:2:21: `interval` needs a unit" },
	{ LISTEN "ledger: { segment: 255k }\n", "t.yaml:2:20: `segment` must be " },
	{ LISTEN "ledger: { segment: 2g }\n", "t.yaml:2:20: `segment` must be " },
	{ LISTEN "ledger: { retain: 3651d }\n", "t.yaml:2:19: `retain` must be " },
	{ LISTEN "ledger: { retain: -1d }\n", "t.yaml:2:19: `retain`" },
	{ LISTEN "ledger: { salvage: perhaps }\n", "t.yaml:2:20: `salvage` must be " },
	{ LISTEN "ledger: { pth: x }\n",
		"t.yaml:2:11: unknown directive `pth` in the ledger block; did you mean `path`?" },
	{ LISTEN "ledger: none\n", "t.yaml:2:9: " },
	{ LISTEN "client_abort: { drain_time: 999ms }\n", "t.yaml:2:29: `drain_time` must be " },
	{ LISTEN "client_abort: { drain_time: 25h }\n", "t.yaml:2:29: `drain_time` must be " },
	{ LISTEN "client_abort: { drain_max: -1 }\n", "t.yaml:2:28: `drain_max` must be " },
	{ LISTEN "client_abort: { drain_max: 1000001 }\n", "t.yaml:2:28: `drain_max` must be " },
	{ T(", on_client_abort: cancel"),
		"t.yaml:2:82: `on_client_abort` must be one of auto, cancel_estimate, drain, "
		"cancel_free, not `cancel`" },
	{ T(", discount: 100.01%"), "t.yaml:2:75: `discount` must be " },
	{ T(", discount: -1%"), "t.yaml:2:75: `discount` must be " },
	{ T(", discount: 0.1"), "t.yaml:2:75: `discount` " },
	{ T(", discount: 0.001%"), "t.yaml:2:75: `discount` " },
	{ LISTEN "tenants: { a: { markup: 1000.01% } }\n", "t.yaml:2:25: `markup` must be " },
	{ LISTEN "tenants: { a: { markup: -5% } }\n", "t.yaml:2:25: `markup` must be " },
	{ LISTEN "tiers: { a: { generation_price: 1 } }\n", "t.yaml:2:33: `generation_price` " },
	{ LISTEN "tiers: { a: { generation_price: 1 eur } }\n",
		"t.yaml:2:33: `generation_price` " },
	{ LISTEN "tiers: { a: { generation_price: 0.0000000000001 usd } }\n",
		"t.yaml:2:33: `generation_price` " },
};

START_TEST(errors_have_their_place)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(wrong); i++) {
		ck_assert_msg(load(wrong[i].yaml) == -1, "%s was taken", wrong[i].yaml);
		ck_assert_msg(strncmp(err.text, wrong[i].error, strlen(wrong[i].error)) == 0,
			"%s: %s", wrong[i].yaml, err.text);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, settings);
	tcase_add_test(tc, of_targets_and_tenants);
	tcase_add_test(tc, a_ledger_elsewhere);
	tcase_add_test(tc, errors_have_their_place);
}

UNIT_MAIN("config_money", tests)
