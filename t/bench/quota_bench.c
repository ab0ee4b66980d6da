/*
 * quota_bench.c: what a reserve and a settlement cost over a path of 12 accounts, alone and with
 * threads that share the wide half of it.
 *
 *	quota_bench [--rounds N] [--json]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "quota/hold.h"
#include "quota/table.h"

#define PATH        12
#define OWN         6 /* the first ones are the thread's own */
#define THREADS_MAX 2
#define START_US    INT64_C(1795867200000000) /* 2026-11-28T12:00:00Z */

static const struct {
	enum quota_dim dim;
	const char *text;
} path_of[PATH] = {
	{ QUOTA_REQUESTS, "50000000000/min" },
	{ QUOTA_CONCURRENCY, "100" },
	{ QUOTA_COST, "1000000 usd/day" },
	{ QUOTA_TOKENS, "1000000000000000/day" },
	{ QUOTA_COST, "1000000 usd/month" },
	{ QUOTA_TOKENS, "50000000000000/min" },
	{ QUOTA_COST, "1000000 usd/week" },
	{ QUOTA_REQUESTS, "1000000000000/day" },
	{ QUOTA_COST, "1000000 usd/lifetime" },
	{ QUOTA_OUTPUT_TOKENS, "1000000000000000/month" },
	{ QUOTA_INPUT_TOKENS, "1000000000000000/month" },
	{ QUOTA_COST, "1000000 usd/month" },
};

struct worker {
	pthread_t thread;
	struct quota_account *path[PATH];
	uint64_t rounds, refused;
};

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "quota_bench: %s\n", what);
	exit(1);
}

static struct quota_account *make(
	struct quota_table *t, unsigned owner, unsigned i, struct zone *utc, struct quota_time now)
{
	char scope[32], name[200], err[512] = "";
	struct quota_limit l;
	struct quota_account *a;
	struct period p;

	if (quota_limit_parse(path_of[i].dim, str_z(path_of[i].text), &l, err, sizeof err) != 0)
		die(err);
	if (l.kind == QUOTA_STOCK)
		period_at(&l.period, utc, now.wall, &p);
	snprintf(scope, sizeof scope, "bench:%u-%u", owner, i);
	quota_limit_account(&l, str_z(scope), l.kind == QUOTA_STOCK ? &p : NULL, name, sizeof name);
	a = quota_table_make(
		t, str_z(name), &l, l.kind == QUOTA_STOCK ? &p : NULL, now, err, sizeof err);
	if (a == NULL)
		die(err);
	return a;
}

static void *run(void *arg)
{
	static const int64_t amount[QUOTA_DIM__MAX] = { 2000000, 2500, 2000, 500, 1, 0, 1 },
			     actual[QUOTA_DIM__MAX] = { 1000000, 2200, 2000, 200, 1, 0, 1 };
	struct worker *w = arg;

	for (uint64_t i = 0; i < w->rounds; i++) {
		struct quota_time now = { { START_US + (int64_t)i }, { (int64_t)i } };
		struct quota_denied denied;
		struct quota_hold hold;

		if (quota_reserve(w->path, PATH, amount, now, &hold, &denied) == QUOTA_OK)
			quota_settle(&hold, actual, now);
		else
			w->refused++;
	}
	return NULL;
}

static void bench(unsigned threads, uint64_t rounds, bool json)
{
	struct quota_time now = { { START_US }, { 0 } };
	struct quota_table *t = quota_table_new(1000);
	struct worker w[THREADS_MAX];
	char err[512];
	struct zone *utc = zone_load(STR("UTC"), NULL, err, sizeof err);
	uint64_t refused = 0;
	mono_us begin;
	int64_t ns;

	if (t == NULL || utc == NULL)
		die("no memory");
	for (unsigned k = 0; k < threads; k++) {
		w[k] = (struct worker){ .rounds = rounds };
		for (unsigned i = 0; i < PATH; i++)
			w[k].path[i] = make(t, i < OWN ? k : THREADS_MAX, i, utc, now);
	}
	begin = clock_mono();
	for (unsigned k = 0; k < threads; k++)
		if (pthread_create(&w[k].thread, NULL, run, &w[k]) != 0)
			die("no thread");
	for (unsigned k = 0; k < threads; k++) {
		pthread_join(w[k].thread, NULL);
		refused += w[k].refused;
	}
	ns = mono_since(clock_mono(), begin) * 1000 / (int64_t)rounds;
	if (refused > 0)
		die("something was refused: the figure is not what it says");
	printf(json ? "{\"case\":\"reserve and settle, 12 accounts, %u threads\",\"unit\":\"ns\","
		      "\"value\":%lld}\n"
		    : "reserve and settle, 12 accounts, %u threads %10lld ns\n",
		threads, (long long)ns);
	for (unsigned k = 0; k < threads; k++)
		for (unsigned i = 0; i < PATH; i++)
			quota_account_put(w[k].path[i]);
	quota_table_free(t);
	zone_free(utc);
}

int main(int argc, char **argv)
{
	uint64_t rounds = 2000000;
	bool json = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--rounds") != 0 || i + 1 == argc ||
			 num_parse_u64(str_z(argv[++i]), &rounds) != 0 || rounds == 0)
			die("usage: quota_bench [--rounds N] [--json]");
	}
	for (unsigned threads = 1; threads <= THREADS_MAX; threads++)
		bench(threads, rounds, json);
	return 0;
}
