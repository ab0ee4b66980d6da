/*
 * check_peers.c: what members tell each other of targets: a text says what was seen here and not
 * what was borrowed; another's is taken with bounds; waits and circuits are borrowed once, given
 * back, and not against what was seen here; figures fade.
 */
#include "unit/core/fake.h"

#include "core/peers.c"
#include "core/peers_wire.c"

#define S 1000000

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"member: one\n"
	"ledger: { path: /nonexistent }\n"
	"redis: { url: \"unix:/nonexistent\", members: [ one, two, three ] }\n"
	"targets:\n"
	"  a: { provider: openai, base_url: http://127.0.0.1:9, key: ka }\n"
	"  pool: { provider: openai, base_url: http://127.0.0.1:9, keys: [ { id: x, key: sx }, "
	"{ id: y, key: sy } ] }\n"
	"models:\n"
	"  m: { targets: [ a, pool ] }\n"
	"  n: { targets: [ { target: a, model: m } ] }\n"
	"tenants:\n"
	"  me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] }\n";

static struct fake f;
static struct peers *p;
static struct peer_spot *a, *pool;
static mono_us now = { 1000 * (int64_t)S };
static char told[PEERS_TEXT_MAX];

static struct peer_spot *of(const struct route_target *t)
{
	struct peer_spot *s = peers_find(p, digest_pair(t->target->place, t->model));

	ck_assert(s != NULL && s->route.spot == t->spot);
	return s;
}

static void spot_clear(struct spot *s)
{
	spot_fini(s);
	spot_init(s);
}

static void setup(void)
{
	const struct model *m;

	fake_init(&f, yaml);
	m = plan_find_model(f.conf, STR("m"));
	p = peers_new();
	peers_follow(p, f.conf);
	a = of(&m->route[0]);
	pool = of(&m->route[1]);
	now.us += 1000 * (int64_t)S;
	spot_clear(a->route.spot); /* spots stay from test to test */
	spot_clear(pool->route.spot);
	for (unsigned i = 0; i < 2; i++)
		atomic_store(&pool->route.key_rate[i]->not_before_us, 0);
}

static void teardown(void)
{
	peers_free(p);
	fake_fini(&f);
}

/* Member i says that of s, in a text of its own. */
static int says(unsigned i, const struct peer_spot *s, const char *members)
{
	static unsigned seq;
	char text[512];

	snprintf(text, sizeof text,
		"{\"v\":1,\"from\":\"%016x\",\"seq\":%u,\"spots\":[{\"id\":\"%016llx\"%s%s}]}", i,
		++seq, (unsigned long long)s->id, members[0] != '\0' ? "," : "", members);
	return peers_read(p, i, str_z(text), now);
}

static void says_nothing(unsigned i)
{
	static const struct peer_spot nobody;

	ck_assert_int_eq(says(i, &nobody, ""), 0);
}

static void later(int64_t us)
{
	now.us += us;
	peers_apply(p, now);
	spot_refresh(a->route.spot, now);
}

static struct spot_seen seen(void)
{
	struct spot_seen s;

	spot_see(a->route.spot, 0, &s);
	return s;
}

static int64_t limited(void)
{
	return TG_MAX(atomic_load(&a->route.spot->not_before_us) - now.us, 0);
}

static enum circuit_state state(void)
{
	return circuit_state(&a->route.spot->circuit, now);
}

static const char *wait_of(const struct peer_spot *s, unsigned seconds)
{
	static char text[64];

	snprintf(text, sizeof text, "\"n\":%u,\"w\":\"%08x\"", seconds * 1000, s->account);
	return text;
}

/* ---- figures */

START_TEST(one_spot_for_each_name)
{
	/* a and pool, of requests without a model, and m at each; n's is m's */
	ck_assert_uint_eq(p->n, 4);
	for (unsigned i = 1; i < p->n; i++)
		ck_assert(p->spot[i - 1].id < p->spot[i].id);
}
END_TEST

START_TEST(figures_of_others_are_known_here)
{
	ck_assert_int_eq(says(1, a, "\"g\":5120,\"f\":250000,\"t\":8000000,\"a\":1000"), 0);
	later(0);
	ck_assert_uint_eq(seen().first_us, 250000);
	ck_assert_uint_eq(seen().token_ns, 8000000);
	ck_assert_uint_eq(seen().volume, 20);
	ck_assert_uint_eq(atomic_load(&a->route.spot->view.peer_volume), 20);
	/* another one: by how much each has seen */
	ck_assert_int_eq(says(2, a, "\"g\":2560,\"b\":2560,\"f\":550000,\"a\":1000"), 0);
	later(SPOT_MERGE_US);
	ck_assert_uint_ge(seen().first_us, 395000);
	ck_assert_uint_le(seen().first_us, 405000);
	ck_assert_uint_eq(seen().token_ns, 8000000);
	ck_assert_uint_gt(seen().fail_q16, 65536 / 4);
	/* a member that says nothing any more lives and has forgotten */
	says_nothing(2);
	later(SPOT_MERGE_US);
	ck_assert_uint_eq(seen().first_us, 250000);
}
END_TEST

START_TEST(figures_of_the_dead_fade)
{
	ck_assert_int_eq(says(1, a, "\"g\":5120,\"b\":2560,\"f\":250000"), 0);
	later(0);
	ck_assert_uint_eq(peers_alive(p, now), 1);
	later(SPOT_COUNT_US);
	ck_assert_uint_eq(peers_alive(p, now), 0);
	ck_assert_uint_le(seen().volume, 15);
	ck_assert_uint_lt(seen().first_us, 250000);
	later(FORGET_US);
	ck_assert_uint_eq(seen().volume, 0);
	ck_assert_uint_eq(seen().first_us, 0);
}
END_TEST

START_TEST(own_figures_weigh_as_much)
{
	for (unsigned i = 0; i < 100; i++)
		spot_good(a->route.spot, 0, now, 100000, 200000, 100, false);
	/* whatever is said, it weighs no more than what was seen here */
	ck_assert_int_eq(says(1, a, "\"g\":0,\"b\":256000000,\"f\":900000"), 0);
	later(SPOT_MERGE_US);
	ck_assert_uint_ge(seen().first_us, 490000);
	ck_assert_uint_le(seen().first_us, 510000);
	ck_assert_uint_le(seen().volume, 200);
	/* nor is a circuit opened by it: one failure here is one */
	ck_assert(!spot_bad(a->route.spot, 0, now, SPOT_FULL, 0));
}
END_TEST

/* ---- what is said */

static const struct json_node *spot_said(struct arena *mem, const struct peer_spot *s, size_t n)
{
	const struct json_node *found = NULL;
	struct json_node *root;
	struct json_fail fail;
	uint64_t id;

	ck_assert_int_eq(json_tree_parse(mem, str_mk(told, n), VALUES_MAX, &root, &fail), 0);
	json_each(o, json_get_type(root, STR("spots"), JSON_ARRAY))
	{
		ck_assert_int_eq(hex_of(json_get(o, STR("id")), ID_DIGITS, &id), 0);
		if (id == s->id)
			found = o;
	}
	return found;
}

static uint64_t said_of(const struct peer_spot *s, const char *key)
{
	struct arena mem;
	uint64_t v = 0;
	size_t n = peers_write(p, now, told);

	arena_init(&mem, NULL, 0);
	if (n > 0)
		ck_assert_int_eq(count_of(spot_said(&mem, s, n), str_z(key), UINT64_MAX, &v), 0);
	arena_fini(&mem);
	return v;
}

START_TEST(what_was_seen_is_said)
{
	ck_assert_uint_eq(peers_write(p, now, told), 0);
	spot_good(a->route.spot, 0, now, 100000, 298000, 100, false);
	spot_good(a->route.spot, 3, now, 100000, 298000, 100, false);
	ck_assert(!spot_bad(a->route.spot, 3, now, 1, 0));
	now.us += S;
	ck_assert_uint_gt(said_of(a, "g"), 480);
	ck_assert_uint_lt(said_of(a, "g"), 512);
	ck_assert_uint_gt(said_of(a, "b"), 110);
	ck_assert_uint_gt(said_of(a, "f"), 100000);
	ck_assert_uint_eq(said_of(a, "t"), 2000000);
	ck_assert_uint_eq(said_of(a, "a"), 1000);
	ck_assert_uint_eq(said_of(a, "o"), 0);
	spot_limit(a->route.spot, now.us + 7 * S);
	ck_assert_uint_eq(said_of(a, "n"), 7000);
	for (unsigned i = 0; i < CIRCUIT_FAILURES; i++)
		(void)!circuit_failure(&a->route.spot->circuit, now, 2, false, 0);
	ck_assert_uint_eq(said_of(a, "o"), 5000);
	now.us += 6 * S; /* half open */
	ck_assert_uint_eq(said_of(a, "o"), 1);
}
END_TEST

START_TEST(what_was_borrowed_is_not_said)
{
	ck_assert_int_eq(says(1, a, "\"b\":1280,\"o\":5000,\"f\":1"), 0);
	later(0);
	ck_assert_int_eq(state(), CIRCUIT_OPEN);
	ck_assert_uint_eq(said_of(a, "o"), 0);
	ck_assert_int_eq(says(1, a, wait_of(a, 60)), 0);
	later(0);
	ck_assert_int_gt(limited(), 59 * S);
	ck_assert_uint_eq(said_of(a, "n"), 0);
	/* but what is learned here is */
	spot_limit(a->route.spot, now.us + 90 * S);
	ck_assert_uint_eq(said_of(a, "n"), 90000);
}
END_TEST

START_TEST(what_does_not_fit_is_said_later)
{
	struct peer_spot *many = calloc(1500, sizeof *many), *before = p->spot;
	unsigned was = p->n, said = 0;
	bool twice = false;

	p->spot = many;
	p->n = 1500;
	for (unsigned i = 0; i < p->n; i++) {
		many[i] = *a;
		many[i].id = i;
		many[i].route.spot = aligned_alloc(64, (sizeof(struct spot) + 63) / 64 * 64);
		spot_init(many[i].route.spot);
		spot_good(many[i].route.spot, 0, now, 100000, 298000, 100, false);
	}
	spot_limit(many[1499].route.spot, now.us + 7 * S);
	for (unsigned round = 0; round < 4; round++) {
		size_t n = peers_write(p, now, told);
		struct str text = str_mk(told, n), id;
		struct json_node *root;
		struct json_fail fail;
		struct arena mem;

		arena_init(&mem, NULL, 0);
		ck_assert_uint_le(n, PEERS_TEXT_MAX);
		ck_assert_int_eq(json_tree_parse(&mem, text, VALUES_MAX, &root, &fail), 0);
		ck_assert(json_node_true(json_get(root, STR("more"))));
		id = json_get_jstr(json_get(root, STR("spots"))->child, STR("id"));
		ck_assert(str_eq(id, STR("00000000000005db"))); /* 1499: it waits, so it is first */
		json_each(o, json_get(root, STR("spots")))
		{
			uint64_t v;

			ck_assert_int_eq(hex_of(json_get(o, STR("id")), ID_DIGITS, &v), 0);
			twice |= v != 1499 && many[v].account == 0;
			said += many[v].account != 0;
			many[v].account = 0;
		}
		arena_fini(&mem);
	}
	ck_assert_uint_eq(said, 1500);
	ck_assert(twice); /* it goes round */
	for (unsigned i = 0; i < p->n; i++) {
		spot_fini(many[i].route.spot);
		free(many[i].route.spot);
	}
	free(many);
	p->spot = before;
	p->n = was;
}
END_TEST

/* ---- waits */

START_TEST(a_wait_is_kept_by_all)
{
	ck_assert_int_eq(says(1, a, wait_of(a, 600)), 0);
	later(0);
	ck_assert_int_eq(limited(), 600 * (int64_t)S);
	ck_assert_uint_eq(peers_stats(p)->borrowed, 1);
	/* said again a second later, by a clock of its own: the same one */
	now.us += S;
	ck_assert_int_eq(says(1, a, wait_of(a, 600)), 0);
	later(0);
	ck_assert_int_eq(limited(), 599 * (int64_t)S);
	/* lifted here by hand: it is not borrowed twice, but a longer one is another one */
	spot_unlimit(a->route.spot);
	ck_assert_int_eq(says(1, a, wait_of(a, 599)), 0);
	later(0);
	ck_assert_int_eq(limited(), 0);
	ck_assert_int_eq(says(1, a, wait_of(a, 700)), 0);
	later(0);
	ck_assert_int_eq(limited(), 700 * (int64_t)S);
	/* they say it no longer */
	says_nothing(1);
	later(0);
	ck_assert_int_eq(limited(), 0);
}
END_TEST

START_TEST(a_wait_outlives_who_was_told)
{
	ck_assert_int_eq(says(1, a, wait_of(a, 600)), 0);
	later(0);
	later(100 * (int64_t)S); /* it is dead */
	ck_assert_int_eq(limited(), 500 * (int64_t)S);
	/* and back as another process, which knows nothing */
	ck_assert_int_eq(
		peers_read(p, 1,
			STR("{\"v\":1,\"from\":\"ffffffffffffffff\",\"seq\":1,\"spots\":[]}"), now),
		0);
	later(0);
	ck_assert_int_eq(limited(), 500 * (int64_t)S);
}
END_TEST

START_TEST(a_wait_of_another_account_is_none)
{
	char text[64];

	snprintf(text, sizeof text, "\"n\":60000,\"w\":\"%08x\"", a->account ^ 1);
	ck_assert_int_eq(says(1, a, text), 0);
	later(0);
	ck_assert_int_eq(limited(), 0);
}
END_TEST

START_TEST(own_waits_stay)
{
	spot_limit(a->route.spot, now.us + 60 * S);
	ck_assert_int_eq(says(1, a, wait_of(a, 30)), 0);
	says_nothing(1);
	later(0);
	ck_assert_int_eq(limited(), 60 * S);
}
END_TEST

START_TEST(waits_of_keys)
{
	char text[128];

	snprintf(text, sizeof text, "\"k\":[[\"%08x\",60000],[\"00000000\",5000]]", pool->key[1]);
	ck_assert_int_eq(says(1, pool, text), 0);
	ck_assert_int_eq(atomic_load(&pool->route.key_rate[0]->not_before_us), 0);
	ck_assert_int_eq(
		atomic_load(&pool->route.key_rate[1]->not_before_us), now.us + 60 * (int64_t)S);
	ck_assert_int_eq(atomic_load(&pool->route.spot->not_before_us), 0);
	ck_assert_uint_eq(peers_write(p, now, told), 0); /* borrowed */
	/* now none is left: the spot waits for the first */
	snprintf(text, sizeof text, "\"k\":[[\"%08x\",30000]]", pool->key[0]);
	ck_assert_int_eq(says(2, pool, text), 0);
	ck_assert_int_eq(atomic_load(&pool->route.spot->not_before_us), now.us + 30 * (int64_t)S);
	/* one that is learned here is told */
	key_pool_limit(&pool->route, &pool->route.target->keys[1], now.us + 90 * (int64_t)S);
	ck_assert_uint_gt(peers_write(p, now, told), 0);
	snprintf(text, sizeof text, "\"k\":[[\"%08x\",90000]]", pool->key[1]);
	ck_assert(strstr(told, text) != NULL);
}
END_TEST

/* ---- circuits */

START_TEST(an_open_circuit_is_evidence)
{
	ck_assert_int_eq(says(1, a, "\"b\":1280,\"f\":10000000,\"o\":5000"), 0);
	later(0);
	ck_assert_int_eq(state(), CIRCUIT_OPEN);
	/* half open after that, a probe decides; said again it is the same one */
	later(5 * S);
	ck_assert_int_eq(state(), CIRCUIT_HALF_OPEN);
	ck_assert_int_eq(says(1, a, "\"b\":1280,\"f\":10000000,\"o\":1"), 0);
	later(0);
	ck_assert_int_eq(state(), CIRCUIT_HALF_OPEN);
	spot_fine(a->route.spot, 0, now);
	spot_fine(a->route.spot, 0, now);
	circuit_success(&a->route.spot->circuit, now);
	circuit_success(&a->route.spot->circuit, now);
	ck_assert_int_eq(state(), CIRCUIT_CLOSED);
	/* it opened there once more, but here it works */
	ck_assert_int_eq(says(1, a, "\"b\":1280,\"f\":10000000,\"o\":10000"), 0);
	later(0);
	ck_assert_int_eq(state(), CIRCUIT_CLOSED);
}
END_TEST

START_TEST(an_open_circuit_ends_when_nobody_says_so)
{
	ck_assert_int_eq(says(1, a, "\"b\":1280,\"f\":10000000,\"o\":60000"), 0);
	later(0);
	ck_assert_int_eq(state(), CIRCUIT_OPEN);
	ck_assert_int_eq(says(1, a, "\"g\":512,\"f\":100000"), 0);
	later(S);
	ck_assert_int_eq(state(), CIRCUIT_HALF_OPEN);
}
END_TEST

START_TEST(one_of_three_is_not_most)
{
	ck_assert_int_eq(says(1, a, "\"b\":1280,\"f\":10000000,\"o\":60000"), 0);
	ck_assert_int_eq(says(2, a, "\"g\":2560,\"f\":100000"), 0);
	later(0);
	ck_assert_int_eq(state(), CIRCUIT_CLOSED);
	/* the one that knew better is dead */
	later(PEERS_ALIVE_US + 1);
	ck_assert_int_eq(says(1, a, "\"b\":1280,\"f\":10000000,\"o\":60000"), 0);
	later(0);
	ck_assert_int_eq(state(), CIRCUIT_OPEN);
}
END_TEST

START_TEST(all_is_given_back)
{
	ck_assert_int_eq(says(1, a, "\"b\":1280,\"f\":10000000,\"o\":60000"), 0);
	later(0);
	ck_assert_int_eq(says(1, a, wait_of(a, 600)), 0);
	later(0);
	peers_forget(p, now);
	ck_assert_int_eq(state(), CIRCUIT_HALF_OPEN);
	ck_assert_int_eq(limited(), 0);
	now.us += SPOT_MERGE_US;
	spot_refresh(a->route.spot, now);
	ck_assert_uint_eq(seen().volume + seen().first_us, 0);
}
END_TEST

START_TEST(a_reload_keeps_what_was_heard)
{
	uint64_t id = a->id;

	ck_assert_int_eq(says(1, a, wait_of(a, 600)), 0);
	later(0);
	peers_follow(p, f.conf);
	a = peers_find(p, id);
	ck_assert(a != NULL && a->word[1].not_before_us > now.us);
	later(0);
	ck_assert_uint_eq(peers_stats(p)->borrowed, 1);
	ck_assert_uint_eq(peers_write(p, now, told), 0); /* borrowed still */
}
END_TEST

/* ---- what is not taken */

#define HEAD "{\"v\":1,\"from\":\"0123456789abcdef\",\"seq\":1,"
static const char *const void_texts[] = { "", "x", "[]", "null", "7", "{}", HEAD "\"spots\":{}}",
	HEAD "\"spots\":[]", HEAD "\"spots\":[]}x", HEAD "\"spots\":[",
	"{\"v\":2,\"from\":\"0123456789abcdef\",\"seq\":1,\"spots\":[]}",
	"{\"v\":\"1\",\"from\":\"0123456789abcdef\",\"seq\":1,\"spots\":[]}",
	"{\"v\":1,\"from\":\"0123456789abcde\",\"seq\":1,\"spots\":[]}",
	"{\"v\":1,\"from\":7,\"seq\":1,\"spots\":[]}",
	"{\"v\":1,\"from\":\"0123456789abcdef\",\"seq\":-1,\"spots\":[]}",
	"{\"v\":1,\"seq\":1,\"spots\":[]}" };

START_TEST(texts_that_are_void)
{
	ck_assert_int_eq(peers_read(p, 1, str_z(void_texts[_i]), now), -1);
	ck_assert_uint_eq(peers_stats(p)->refused, 1);
	ck_assert_uint_eq(peers_alive(p, now), 0);
}
END_TEST

static const char *const void_entries[] = { "\"g\":-1", "\"g\":1.5", "\"g\":NaN1", "\"g\":null",
	"\"g\":\"5\"", "\"g\":99999999999999999999", "\"b\":256000001", "\"f\":3600000001",
	"\"t\":3600000001", "\"a\":3600001", "\"o\":60001", "\"n\":5",
	"\"n\":86400001,\"w\":\"00000000\"", "\"n\":5,\"w\":\"zzzzzzzz\"", "\"n\":5,\"w\":\"0\"",
	"\"n\":5,\"w\":5", "\"k\":[5]", "\"k\":[[]]", "\"k\":[[\"00000000\"]]",
	"\"k\":[[\"00000000\",-5]]", "\"k\":[[\"00000000\",86400001]]", "\"k\":[[5,5]]" };

START_TEST(entries_that_are_void)
{
	char more[256];

	snprintf(more, sizeof more, "\"b\":2560,\"o\":5000,%s", void_entries[_i]);
	(void)!says(1, a,
		strncmp(void_entries[_i], "\"b\"", 3) == 0 ||
				strncmp(void_entries[_i], "\"o\"", 3) == 0
			? void_entries[_i]
			: more);
	later(0);
	ck_assert_uint_eq(peers_stats(p)->refused, 1);
	if (strncmp(void_entries[_i], "\"k\"", 3) != 0)
		ck_assert_int_eq(state(), CIRCUIT_CLOSED);
	ck_assert_int_eq(limited(), 0);
}
END_TEST

START_TEST(what_was_heard_is_no_news)
{
	struct str text = STR(HEAD "\"spots\":[]}");

	ck_assert_int_eq(peers_read(p, 1, text, now), 0);
	ck_assert_int_eq(peers_read(p, 1, text, (mono_us){ now.us + PEERS_ALIVE_US + 1 }), 0);
	ck_assert_uint_eq(peers_alive(p, (mono_us){ now.us + PEERS_ALIVE_US + 1 }), 0);
	ck_assert_uint_eq(peers_stats(p)->refused, 0);
}
END_TEST

START_TEST(too_long_or_too_deep)
{
	char *text = malloc(PEERS_TEXT_MAX + 1);

	memset(text, ' ', PEERS_TEXT_MAX + 1);
	memcpy(text, HEAD "\"spots\":[]}", strlen(HEAD "\"spots\":[]}"));
	ck_assert_int_eq(peers_read(p, 1, str_mk(text, PEERS_TEXT_MAX + 1), now), -1);
	ck_assert_int_eq(peers_read(p, 1, str_mk(text, PEERS_TEXT_MAX), now), 0);
	memset(text, '[', PEERS_TEXT_MAX);
	ck_assert_int_eq(peers_read(p, 1, str_mk(text, PEERS_TEXT_MAX), now), -1);
	free(text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_spot_for_each_name);
	tcase_add_test(tc, figures_of_others_are_known_here);
	tcase_add_test(tc, figures_of_the_dead_fade);
	tcase_add_test(tc, own_figures_weigh_as_much);
	tcase_add_test(tc, what_was_seen_is_said);
	tcase_add_test(tc, what_was_borrowed_is_not_said);
	tcase_add_test(tc, what_does_not_fit_is_said_later);
	tcase_add_test(tc, a_wait_is_kept_by_all);
	tcase_add_test(tc, a_wait_outlives_who_was_told);
	tcase_add_test(tc, a_wait_of_another_account_is_none);
	tcase_add_test(tc, own_waits_stay);
	tcase_add_test(tc, waits_of_keys);
	tcase_add_test(tc, an_open_circuit_is_evidence);
	tcase_add_test(tc, an_open_circuit_ends_when_nobody_says_so);
	tcase_add_test(tc, one_of_three_is_not_most);
	tcase_add_test(tc, all_is_given_back);
	tcase_add_test(tc, a_reload_keeps_what_was_heard);
	tcase_add_loop_test(tc, texts_that_are_void, 0, TG_ARRAY_LEN(void_texts));
	tcase_add_loop_test(tc, entries_that_are_void, 0, TG_ARRAY_LEN(void_entries));
	tcase_add_test(tc, what_was_heard_is_no_news);
	tcase_add_test(tc, too_long_or_too_deep);
}

UNIT_MAIN("peers", tests)
