/*
 * route_bench.c: what one choice of a target costs: filters, terms, score and pick among 8 targets,
 * each with something known of it, as a worker makes it for a chat request.
 *
 *	route_bench [--rounds N] [--json]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "core/choice.h"
#include "core/config.h"
#include "core/plan.h"
#include "core/spots.h"
#include "io/resolve.h"

#define TARGETS 8

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "route_bench: %s\n", what);
	exit(1);
}

static struct tg_conf *make_plan(struct resolver *res)
{
	char path[] = "/tmp/route_bench_XXXXXX";
	struct conf_error err = { { 0 } };
	struct tg_conf *conf;
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (f == NULL)
		die("no temporary file");
	fputs("listen: 127.0.0.1:0\ntargets:\n", f);
	for (int i = 0; i < TARGETS; i++)
		fprintf(f, "  t%d: { provider: openai, base_url: http://127.0.0.1:%d }\n", i,
			9000 + i);
	fputs("models:\n  m: { route: balanced, targets: [", f);
	for (int i = 0; i < TARGETS; i++)
		fprintf(f, "%s{ target: t%d, model: gpt-4o-mini }", i > 0 ? ", " : "", i);
	fputs("] }\n", f);
	fclose(f);
	conf = plan_load(path, res, 1, &err);
	unlink(path);
	if (conf == NULL)
		die(err.text);
	return conf;
}

static uint32_t draw(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

/* Of this thread: others may be busy on the machine. */
static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double run(struct tg_conf *conf, uint64_t rounds, unsigned *spread)
{
	static struct choice c;
	struct choice_ask a = { .conf = conf,
		.model = plan_find_model(conf, STR("m")),
		.at = clock_wall(),
		.input = 1200,
		.output = 300 };
	uint32_t seed = 2463534242u;
	mono_us now = clock_mono();
	int64_t from;
	unsigned count[TARGETS] = { 0 };

	a.preset = a.model->preset;
	for (unsigned i = 0; i < TARGETS; i++)
		for (unsigned k = 0; k < 50; k++)
			spot_good(a.model->route[i].spot, i % 4, now, 300000 + 10000 * i,
				2000000 + 20000 * i, 300, false);
	from = cpu_us();
	for (uint64_t i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < 3; k++)
			a.random[k] = draw(&seed);
		a.now.us = now.us + (int64_t)(i * 2); /* half a million a second */
		choice_make(&a, &c);
		count[c.at]++;
	}
	*spread = 0;
	for (unsigned i = 0; i < TARGETS; i++)
		*spread += count[i] > 0;
	return (double)(cpu_us() - from) * 1000 / (double)rounds;
}

int main(int argc, char **argv)
{
	struct resolver *res = resolver_new(0);
	uint64_t rounds = 1000000;
	struct tg_conf *conf;
	bool json = false;
	unsigned spread;
	double ns;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
			rounds = strtoull(argv[++i], NULL, 10);
		else
			die("usage: route_bench [--rounds N] [--json]");
	}
	if (res == NULL || rounds == 0)
		die("nothing to do");
	log_threshold = LOG_L_ERROR;
	conf = make_plan(res);
	ns = run(conf, rounds, &spread);
	if (json)
		printf("{\"targets\":%d,\"choice_ns\":%.1f}\n", TARGETS, ns);
	else
		printf("a choice among %d targets: %.0f ns (%u of them were picked)\n", TARGETS, ns,
			spread);
	plan_put(conf);
	resolver_free(res);
	return 0;
}
