/*
 * fuzz_peers.c: any bytes as what another member says of targets, lines as texts one after the
 * other. Nothing is borrowed for longer than it may be, figures stay within their bounds, and what
 * is said afterwards is a text that is read back.
 */
#include <stdlib.h>

#include "base/log.h"
#include "core/peers_int.h"
#include "proto/json_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct spot spot;
static struct account_state account;
static struct pool_key keys[2];
static struct key_rate rates[2], *rate[2] = { &rates[0], &rates[1] };
static struct target target;

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Members that know one spot: 1, at a target with two keys: 2 and 3. */
static struct peers *house_new(void)
{
	struct peers *p = peers_new();
	struct peer_spot *s = calloc(1, sizeof *s);

	spot_init(&spot);
	account = (struct account_state){ .secret = 7 };
	for (unsigned i = 0; i < 2; i++) {
		keys[i] = (struct pool_key){ .weight = 1, .state = &account };
		rates[i] = (struct key_rate){ .not_before_us = 0 };
	}
	target = (struct target){
		.name = STR("a"), .keys = keys, .n_keys = 2, .key_rate = rate, .state = &account
	};
	require(s != NULL);
	*s = (struct peer_spot){ .id = 1, .account = 1 };
	s->route = (struct route_target){
		.target = &target, .model = STR("m"), .spot = &spot, .key_rate = rate
	};
	s->key = calloc(2, sizeof *s->key);
	s->key_us = calloc(2, sizeof *s->key_us);
	require(s->key != NULL && s->key_us != NULL);
	s->key[0] = 2;
	s->key[1] = 3;
	p->spot = s;
	p->n = 1;
	p->n_members = 3;
	return p;
}

static void look(mono_us now)
{
	int64_t day = now.us + INT64_C(86400000000);

	require(spot.not_before_us <= day && rates[0].not_before_us <= day &&
		rates[1].not_before_us <= day);
	require(spot.circuit.open_until_us <= now.us + CIRCUIT_OPEN_MAX_US);
	spot_refresh(&spot, now);
	require(spot.view.volume <= SPOT_PEERS_LEAST && spot.view.fail_q16 <= 65536 &&
		spot.view.first_us <= SPOT_TIME_MAX && spot.view.token_ns <= SPOT_TIME_MAX);
}

static void say_it(struct peers *p, mono_us now)
{
	static char text[PEERS_TEXT_MAX];
	struct peers *other = house_new();
	size_t n;

	spot_good(&spot, 0, now, 1000, 2000, 10, false);
	n = peers_write(p, now, text);
	require(n > 0 && peers_read(other, 2, str_mk(text, n), now) == 0);
	require(peers_stats(other)->refused == 0);
	peers_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size };
	mono_us now = { INT64_C(1000000000000) };
	struct peers *p = house_new();

	log_threshold = LOG_L_ERROR;
	for (unsigned i = 0; rest.n > 0; i++) {
		size_t end = str_chr(rest, '\n'), n = end == (size_t)-1 ? rest.n : end;

		(void)!peers_read(p, i % 3, str_mk(rest.p, n), now);
		peers_apply(p, now);
		look(now);
		now.us += 300000;
		rest = str_skip(rest, n < rest.n ? n + 1 : n);
	}
	spot_fini(&spot);
	spot_init(&spot);
	say_it(p, now);
	spot_fini(&spot);
	peers_free(p);
	return 0;
}
