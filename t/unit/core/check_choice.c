/*
 * check_choice.c: a choice as a whole: what filters leave, in which order reasons are lifted, the
 * pick, and what is said of it.
 */
#include "unit/core/fake.h"

#include "core/choice.h"
#include "core/hedge.h"
#include "core/spots.h"
#include "proto/json_scan.h"

#define OTHER_SHA "0000000000000000000000000000000000000000000000000000000000000001"
#define PRICE(name, in, out)                                                                     \
	"  - { provider: openai, model: " name ", per_mtok: { input: \"" in "\", output: \"" out \
	"\" }, max_input: 100000, max_output: 4000, source: test, date: 2026-11-28 }\n"

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets:\n"
	"  a: { provider: openai, base_url: http://127.0.0.1:9, region: eu, "
	"limits: { concurrency: 2 } }\n"
	"  b: { provider: openai, base_url: http://127.0.0.1:9, region: us }\n"
	"  c: { provider: openai, base_url: http://127.0.0.1:9, region: us }\n"
	"  s: { provider: openai, base_url: http://127.0.0.1:9, weight: 0 }\n"
	"price_overrides:\n" PRICE("cheap", "1", "4") PRICE("dear", "10",
		"40") "unpriced: { action: reject }\n"
		      "routes:\n"
		      "  low: { max_cost: 0.01 usd }\n"
		      "  fixed: { weights: { cost: 1 }, stick: session }\n"
		      "models:\n"
		      "  two: { route: cheap, targets: [ { target: a, model: "
		      "cheap }, { target: b, model: dear } ] }\n"
		      "  same: { route: balanced, targets: [ { target: a, "
		      "model: cheap }, { target: b, model: cheap }, "
		      "{ target: c, model: cheap } ] }\n"
		      "  spare: { targets: [ { target: b, model: cheap }, { "
		      "target: s, model: cheap } ] }\n"
		      "  odd: { targets: [ { target: b, model: nobody-knows }, "
		      "{ target: c, model: cheap } ] }\n"
		      "  quick: { hedge: { after: 250ms, share: 2% }, targets: [ { target: a, "
		      "model: cheap }, { target: b, model: cheap }, { target: c, model: cheap } ] "
		      "}\n"
		      "  learns: { hedge: { after: p95, share: 2% }, targets: [ { target: b, "
		      "model: "
		      "cheap }, { target: s, model: cheap } ] }\n"
		      "rules:\n"
		      "  - { name: next, match: { tools: \"false\" }, when_model: two, use: same, "
		      "share: 5% }\n"
		      "  - { name: none, when_model: two, route: cheap, share: 0%, stick: tenant "
		      "}\n"
		      "tenants:\n"
		      "  me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] }\n"
		      "  eu: { regions: [ eu ], keys: [ { id: e, sha256: " OTHER_SHA " } ] }\n";

static struct fake f;
static struct choice c;
static struct choice_ask ask;
static mono_us now = { 1000 * (int64_t)1000000 };

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

static void of(const char *model)
{
	ask = (struct choice_ask){ .conf = f.conf,
		.model = plan_find_model(f.conf, str_z(model)),
		.now = now,
		.at = clock_wall(),
		.input = 1000,
		.output = 500,
		.random = { 1, 0x40000000, 0x80000000 } };
	ask.preset = ask.model->preset;
}

static struct spot *spot(unsigned i)
{
	return ask.model->route[i].spot;
}

static struct account_state *state(const char *target)
{
	return ((struct target *)map_get(&f.conf->target_by_name, str_z(target)))->state;
}

static void open_circuit(unsigned i)
{
	(void)circuit_failure(&spot(i)->circuit, now, 2, true, 0);
}

static void picks(int want)
{
	choice_make(&ask, &c);
	ck_assert_int_eq(c.at, want);
}

/* How many of 1000 choices are row i. */
static unsigned share(unsigned i)
{
	unsigned n = 0;

	for (unsigned k = 0; k < 1000; k++) {
		for (unsigned j = 0; j < 3; j++)
			ask.random[j] = worker_random(&f.w);
		choice_make(&ask, &c);
		n += c.at == (int)i;
	}
	return n;
}

START_TEST(by_cost)
{
	of("two");
	picks(0);
	/* 1,000 tokens at 1 USD a million and 500 at 4: 0.003 USD */
	ck_assert_int_eq(c.row[0].terms.cost, INT64_C(3000000000));
	ck_assert_int_eq(c.row[1].terms.cost, INT64_C(30000000000));
	ck_assert_uint_gt(share(0), 970);
	/* ten times the price is paid when the cheap one is down */
	open_circuit(0);
	picks(1);
	ck_assert_uint_eq(c.row[0].skips, CHOICE_BIT(CIRCUIT));
	/* and when both are, panic: by score again */
	open_circuit(1);
	picks(0);
	ck_assert_uint_eq(c.lifted, CHOICE_BIT(CIRCUIT));
}
END_TEST

/* One of two that is slow gets next to nothing; equals get equal parts; a cold one is looked at. */
START_TEST(by_time)
{
	of("same");
	for (unsigned i = 0; i < 3; i++)
		spot_good(spot(i), 1, now, 200000, 400000, 200, false);
	ck_assert_uint_gt(share(0), 250);
	ck_assert_uint_lt(share(0), 420);
	spot_good(spot(1), 1, now, 4000000, 6000000, 200, false);
	now.us += SPOT_MERGE_US;
	ask.now = now;
	ck_assert_uint_lt(share(1), 30);
}
END_TEST

START_TEST(cold_one)
{
	of("same");
	spot_good(spot(0), 1, now, 200000, 400000, 200, false);
	spot_good(spot(1), 1, now, 200000, 400000, 200, false);
	ck_assert_uint_gt(share(2), 200); /* as good as the best, until it is known */
	spot_begin(spot(2), ask.thread);
	ck_assert_uint_lt(share(2), 30); /* one is looking: no crowd */
	spot_end(spot(2), ask.thread);
}
END_TEST

/* In which order they are lifted: what may be down before what is refused for its price. */
START_TEST(order_of_reasons)
{
	of("odd");
	picks(1);
	ck_assert_uint_eq(c.row[0].skips, CHOICE_BIT(UNPRICED));
	open_circuit(1);
	picks(1);
	atomic_store(&state("c")->drained, true);
	picks(0);
	atomic_store(&state("b")->drained, true);
	picks(-1);
	ck_assert_uint_eq(choice_common_skips(&c), CHOICE_BIT(DRAINED));
}
END_TEST

START_TEST(provider_limits)
{
	of("same");
	spot_limit(spot(0), now.us + 1);
	spot_limit(spot(1), now.us + INT64_C(86400000000)); /* far in the future */
	ck_assert_uint_eq(share(2), 1000);
	atomic_store(&state("c")->refused_until_us, now.us + 1);
	ck_assert_uint_lt(share(2), 450); /* all have something: all are asked */
	spot_unlimit(spot(0));
	ck_assert_uint_eq(share(0), 1000);
}
END_TEST

START_TEST(place)
{
	of("same");
	for (size_t i = 0; i < f.conf->key_cap; i++)
		if (f.conf->key_slots[i] != NULL && str_eq(f.conf->key_slots[i]->id, STR("e")))
			ask.key = f.conf->key_slots[i];
	ck_assert_uint_eq(share(0), 1000);
	open_circuit(0); /* not even then anywhere else */
	ck_assert_uint_eq(share(0), 1000);
	atomic_store(&state("a")->drained, true);
	picks(-1);
	atomic_store(&state("a")->drained, false);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(capacity_take(&state("a")->capacity,
			&ask.model->route[0].target->cfg->limits.limit, 0, now));
	picks(-1);
	ask.key = NULL;
	ck_assert_uint_eq(share(0), 0);
}
END_TEST

START_TEST(context_and_cost)
{
	of("two");
	ask.input = 100001;
	picks(0); /* none has room: somebody has to say so */
	ck_assert_uint_eq(c.row[0].skips & CHOICE_BIT(CONTEXT), CHOICE_BIT(CONTEXT));
	of("two");
	ask.preset = plan_preset(f.conf, STR("low"));
	ask.output = 4000;
	open_circuit(0);
	picks(0); /* 0.017 USD; the other one 0.17 */
	ck_assert_int_eq(c.how, CHOICE_CHEAPEST);
	ask.output = 100;
	picks(0);
	ck_assert_int_eq(c.how, CHOICE_PICKED);
	ck_assert_uint_eq(c.row[1].skips, CHOICE_BIT(DEAR));
}
END_TEST

/* A half-open circuit gets one request, whatever its score. */
START_TEST(probe)
{
	of("two");
	open_circuit(1);
	picks(0);
	ask.now.us += CIRCUIT_OPEN_US;
	picks(1);
	ck_assert_int_eq(c.how, CHOICE_PROBED);
	ck_assert(circuit_probe_begin(&spot(1)->circuit));
	picks(0);
	circuit_probe_end(&spot(1)->circuit);
	picks(1);
}
END_TEST

START_TEST(spares)
{
	of("spare");
	ck_assert_uint_eq(share(0), 1000);
	open_circuit(0);
	ck_assert_uint_eq(share(1), 1000);
	ck_assert_int_eq(c.how, CHOICE_SPARE);
	open_circuit(1);
	ck_assert_uint_eq(share(0), 1000);
}
END_TEST

/* The same key goes to the same target, in other processes too, different ones to all; it yields to
 * load and to trouble. */
START_TEST(sticks)
{
	static const char always[] = "ccaaaaabbaaa";
	unsigned count[3] = { 0 };
	char got[sizeof always] = "";
	int first;

	of("same");
	ask.preset = plan_preset(f.conf, STR("fixed"));
	for (uint64_t key = 1; key <= 300; key++) {
		ask.stick = key * UINT64_C(0x9e3779b97f4a7c15);
		choice_make(&ask, &c);
		first = c.at;
		count[first]++;
		if (key < sizeof always)
			got[key - 1] = (char)('a' + first);
		for (unsigned i = 0; i < 10; i++) {
			ask.random[0] = 1 + worker_random(&f.w) % 63;
			ask.random[2] = worker_random(&f.w);
			picks(first);
		}
	}
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_gt(count[i], 60);
	ck_assert_str_eq(got, always);
	ck_assert_int_eq(c.how, CHOICE_STUCK);
	for (unsigned i = 0; i < 5; i++)
		spot_begin(spot((unsigned)first), ask.thread);
	choice_make(&ask, &c);
	ck_assert_int_ne(c.how, CHOICE_STUCK);
	for (unsigned i = 0; i < 5; i++)
		spot_end(spot((unsigned)first), ask.thread);
	picks(first);
	open_circuit((unsigned)first);
	choice_make(&ask, &c);
	ck_assert_int_ne(c.at, first);
}
END_TEST

START_TEST(said)
{
	char text[CHOICE_TEXT_MAX];
	struct json_watch w[1] = { { STR("pick"), { 0 } } };
	struct json_fail fail;
	struct outbuf b;
	size_t n;

	of("two");
	open_circuit(1);
	choice_make(&ask, &c);
	n = choice_text(text, &ask, &c);
	ck_assert_uint_lt(n, CHOICE_TEXT_MAX);
	text[n] = '\0';
	ck_assert_msg(strstr(text, "model two, route cheap, to a: the only one; a (prior: nothing "
				   "seen) cost 0.0") == text,
		"%s", text);
	ck_assert_msg(strstr(text, "; b not: circuit") != NULL, "%s", text);
	outbuf_init(&b);
	choice_json(&b, &ask, &c);
	while (b.n > 0 && b.p[b.n - 1] == '\n')
		b.n--;
	ck_assert_msg(json_scan_object(outbuf_text(&b), w, 1, &fail) == 0, "%.*s", (int)b.n, b.p);
	UNIT_STR_EQ(w[0].val.raw, STR("\"a\""));
	ck_assert(str_find(outbuf_text(&b), STR("\"cost_usd\":\"0.003\"")) != (size_t)-1);
	ck_assert(str_find(outbuf_text(&b), STR("{\"reason\":\"circuit\"")) != (size_t)-1);
	outbuf_fini(&b);
}
END_TEST

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* The line and the JSON of explain, as text. */
static void both(char text[CHOICE_TEXT_MAX], struct outbuf *b)
{
	struct json_fail fail;

	choice_make(&ask, &c);
	text[choice_text(text, &ask, &c)] = '\0';
	outbuf_init(b);
	choice_json(b, &ask, &c);
	ck_assert_msg(
		json_scan_object(outbuf_text(b), NULL, 0, &fail) == 0, "%.*s", (int)b->n, b->p);
}

#define HAS(text) ck_assert_msg(has(line, text), "%s", line)
#define J_HAS(text) \
	ck_assert_msg(str_find(outbuf_text(&b), STR(text)) != (size_t)-1, "%.*s", (int)b.n, b.p)

/* Where figures come from, and how old they are. */
START_TEST(said_from)
{
	char line[CHOICE_TEXT_MAX];
	struct spot_figures told = { .first_us = 300000,
		.token_ns = 1000,
		.timed_us = now.us - 4000000,
		.good = 3 * SPOT_ONE };
	struct outbuf b;

	of("same");
	for (unsigned i = 0; i < 12; i++)
		spot_good(spot(0), 1, now, 200000, 400000, 200, false);
	spot_told(spot(1), now, &told);
	ask.now.us += 2000000;
	both(line, &b);
	HAS("; a (seen 11 here 2.0 s ago) cost ");
	HAS("; b (seen 2 by members 2.0 s ago) cost ");
	HAS("; c (prior: nothing seen) cost ");
	J_HAS("\"seconds\":{\"from\":\"own\",\"own_age\":2.000,\"members_age\":null}");
	J_HAS("\"seconds\":{\"from\":\"members\",\"own_age\":null,\"members_age\":6.000}");
	J_HAS("\"seconds\":{\"from\":\"prior\",\"own_age\":null,\"members_age\":null}");
	J_HAS("\"failures\":{\"from\":\"own\",\"own_requests\":11,\"members_requests\":0,"
	      "\"prior_requests\":10,\"own_age\":2.000");
	J_HAS("\"output_tokens\":{\"from\":\"asked\"");
	J_HAS("\"price\":{\"from\":\"test\",\"date\":\"2026-11-28\"}");
	outbuf_fini(&b);
	ask.output = 0;
	both(line, &b);
	J_HAS("\"output_tokens\":{\"from\":\"prior\",\"answers\":0}");
	outbuf_fini(&b);
	for (unsigned i = 0; i < 1000; i++)
		est_learn_length(ask.model->route[0].ratio, 40);
	both(line, &b);
	J_HAS("\"output_tokens\":{\"from\":\"learned\",\"answers\":");
	outbuf_fini(&b);
}
END_TEST

/* A second try: when, and where; or why not. */
START_TEST(said_hedge)
{
	char line[CHOICE_TEXT_MAX];
	struct outbuf b;

	of("quick");
	ask.model->hedge->credit = 10000;
	open_circuit(1);
	both(line, &b);
	HAS("; hedge after 0.250 s to ");
	J_HAS("\"hedge\":{\"would\":true,\"after\":\"configured\",\"after_seconds\":0.250,"
	      "\"answers\":0,\"answers_needed\":0,\"percent\":2.00,\"used_up\":false,\"to\":");
	ck_assert_int_ne(c.at, 1);
	/* the other one that works, not the one that is down */
	if (c.at == 0)
		J_HAS("\"to\":\"c\"}");
	else
		J_HAS("\"to\":\"a\"}");
	outbuf_fini(&b);
	ask.model->hedge->credit = 0;
	both(line, &b);
	HAS("(its share is used up now)");
	outbuf_fini(&b);
	atomic_store(&state("a")->drained, true);
	atomic_store(&state("b")->drained, true);
	both(line, &b);
	HAS("; no hedge: no other target");
	J_HAS("\"to\":null,\"why\":\"no other target\"}");
	outbuf_fini(&b);
	atomic_store(&state("b")->drained, false);
	of("learns");
	both(line, &b);
	HAS("; no hedge: p95 known after 64 answers");
	J_HAS("\"after\":\"p95\",\"after_seconds\":null,\"answers\":0,\"answers_needed\":64");
	outbuf_fini(&b);
}
END_TEST

START_TEST(said_canary)
{
	char line[CHOICE_TEXT_MAX];
	struct outbuf b;

	of("two");
	ask.asked = ask.model->name;
	for (size_t i = 0; i < f.conf->key_cap; i++)
		if (f.conf->key_slots[i] != NULL && str_eq(f.conf->key_slots[i]->id, STR("k")))
			ask.key = f.conf->key_slots[i];
	both(line, &b);
	J_HAS("\"canaries\":[{\"rule\":\"next\",\"percent\":5.00,\"by\":\"request\",\"conditions\":"
	      "1,\"use\":\"same\",\"drawn\":null},{\"rule\":\"none\",\"percent\":0.00,\"by\":"
	      "\"tenant\",\"conditions\":0,\"use\":null,\"drawn\":false}]");
	outbuf_fini(&b);
	of("same");
	ask.asked = ask.model->name;
	both(line, &b);
	ck_assert(str_find(outbuf_text(&b), STR("canaries")) == (size_t)-1);
	outbuf_fini(&b);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, by_cost);
	tcase_add_test(tc, by_time);
	tcase_add_test(tc, cold_one);
	tcase_add_test(tc, order_of_reasons);
	tcase_add_test(tc, provider_limits);
	tcase_add_test(tc, place);
	tcase_add_test(tc, context_and_cost);
	tcase_add_test(tc, probe);
	tcase_add_test(tc, spares);
	tcase_add_test(tc, sticks);
	tcase_add_test(tc, said);
	tcase_add_test(tc, said_from);
	tcase_add_test(tc, said_hedge);
	tcase_add_test(tc, said_canary);
}

UNIT_MAIN("choice", tests)
