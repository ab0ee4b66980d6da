/*
 * main.c: ./dev simulate: schedules by seed, until one breaks something; it is shrunk and told step
 * by step. --prove leaves out each safety rule in turn, and that must be noticed.
 */
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#include "simulate/sim.h"

/* Seeds that once broke something, or nearly: run before all others. */
static const uint64_t kept_seeds[] = {
#include "simulate/seeds.h"
};

static struct {
	uint64_t first, n, one;
	int64_t seconds;
	bool json, prove, verbose;
	const char *without;
} opt = { .first = 1, .n = 400 };

static struct {
	uint64_t seeds, broken;
	struct sim_stats stats;
	int64_t least_calm, least;
} total = { .least_calm = 10000, .least = 10000 };

static double clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_stats(const struct sim_world *w)
{
	const struct sim_stats *s = &w->stats;
	struct sim_stats *t = &total.stats;

	total.seeds++;
	t->events += s->events;
	t->requests += s->requests;
	t->admitted += s->admitted;
	t->parked += s->parked;
	t->refused += s->refused;
	t->unsure += s->unsure;
	t->calls += s->calls;
	t->late += s->late;
	t->crashes += s->crashes;
	t->epochs += s->epochs;
	for (unsigned i = 0; i < w->plan->members; i++)
		if (w->member[i].gone) /* what it had is spoken for */
			return;
	if (w->broken[0] != '\0' || s->utilisation == 0)
		return;
	if (w->plan->calm)
		total.least_calm = TG_MIN(total.least_calm, s->utilisation);
	else
		total.least = TG_MIN(total.least, s->utilisation);
}

static void tell(struct sim_plan *plan, struct sim_lua *lua, const char *broken)
{
	unsigned left;

	printf("seed %llu: %s\n", (unsigned long long)plan->seed, broken);
	left = sim_shrink(plan, lua, broken);
	printf("the shortest found has %u operations:\n\n", left);
	sim_world_free(sim_run(plan, lua, true));
	printf("\nagain: ./dev simulate --seed %llu%s%s\n", (unsigned long long)plan->seed,
		opt.without != NULL ? " --without " : "", opt.without != NULL ? opt.without : "");
}

/* False: it broke something. */
static bool run_seed(struct sim_lua *lua, uint64_t seed, bool say)
{
	static struct sim_plan plan;
	struct sim_world *w;
	char broken[sizeof w->broken];

	if (opt.prove)
		sim_plan_for(&plan, seed, sim_mutant_now);
	else
		sim_plan_make(&plan, seed);
	w = sim_run(&plan, lua, opt.verbose);
	memcpy(broken, w->broken, sizeof broken);
	add_stats(w);
	sim_world_free(w);
	if (broken[0] == '\0')
		return true;
	total.broken++;
	if (say)
		tell(&plan, lua, broken);
	return false;
}

static const struct sim_mutant *mutant_named(const char *name)
{
	for (unsigned i = 0; i < sim_mutants_n; i++)
		if (strcmp(sim_mutants[i].name, name) == 0)
			return &sim_mutants[i];
	fprintf(stderr, "there is no rule `%s`; --prove prints them\n", name);
	exit(2);
}

static struct sim_lua *lua_of(const struct sim_mutant *mutant)
{
	struct sim_lua *lua =
		mutant == NULL ? sim_lua_new(NULL, NULL) : sim_lua_new(mutant->from, mutant->to);

	if (lua != NULL)
		return lua;
	fprintf(stderr, "quota.lua has not exactly one `%s`\n",
		mutant != NULL && mutant->from != NULL ? mutant->from : "");
	exit(2);
}

/* Each rule left out is noticed within so many seeds. */
static int prove(void)
{
	int missed = 0;

	for (unsigned i = 0; i < sim_mutants_n; i++) {
		struct sim_lua *lua = lua_of(&sim_mutants[i]);
		uint64_t seed = opt.first;
		double from = clock_s();

		sim_mutant_now = &sim_mutants[i];
		while (seed < opt.first + opt.n && run_seed(lua, seed, false))
			seed++;
		if (seed == opt.first + opt.n)
			missed++;
		printf("%-18s %-60s %s %llu, %.1f s\n", sim_mutants[i].name, sim_mutants[i].without,
			seed == opt.first + opt.n ? "NOT NOTICED until seed" : "noticed with seed",
			(unsigned long long)seed, clock_s() - from);
		fflush(stdout);
		sim_lua_free(lua);
	}
	sim_mutant_now = NULL;
	return missed == 0 ? 0 : 1;
}

static void summary(double seconds)
{
	const struct sim_stats *s = &total.stats;

	printf(opt.json ? "{\"seeds\":%llu,\"broken\":%llu,\"events\":%llu,\"requests\":%llu,"
			  "\"admitted\":%llu,\"parked\":%llu,\"refused\":%llu,\"unsure\":%llu,"
			  "\"calls\":%llu,\"late\":%llu,\"crashes\":%llu,\"epochs\":%llu,"
			  "\"utilisation_calm\":%.4f,\"utilisation\":%.4f,\"seconds\":%.1f}\n"
			: "%llu seeds, %llu broken\n%llu events: %llu requests, %llu let in, "
			  "%llu waited, %llu refused, %llu unsure;\n%llu calls, %llu late; "
			  "%llu crashes, %llu epochs heard of\nleast used of a limit: %.4f "
			  "without faults, %.4f with them; %.1f s\n",
		(unsigned long long)total.seeds, (unsigned long long)total.broken,
		(unsigned long long)s->events, (unsigned long long)s->requests,
		(unsigned long long)s->admitted, (unsigned long long)s->parked,
		(unsigned long long)s->refused, (unsigned long long)s->unsure,
		(unsigned long long)s->calls, (unsigned long long)s->late,
		(unsigned long long)s->crashes, (unsigned long long)s->epochs,
		(double)total.least_calm / 1e4, (double)total.least / 1e4, seconds);
}

static int simulate(void)
{
	const struct sim_mutant *mutant = opt.without != NULL ? mutant_named(opt.without) : NULL;
	struct sim_lua *lua = lua_of(mutant);
	double from = clock_s();
	bool fine = true;

	sim_mutant_now = mutant;
	if (opt.one != 0) {
		fine = run_seed(lua, opt.one, true);
	} else {
		for (size_t i = 0; i < TG_ARRAY_LEN(kept_seeds) && fine; i++)
			fine = kept_seeds[i] == 0 || run_seed(lua, kept_seeds[i], true);
		for (uint64_t i = 0;
			fine &&
			(opt.seconds > 0 ? clock_s() - from < (double)opt.seconds : i < opt.n);
			i++)
			fine = run_seed(lua, opt.first + i, true);
	}
	summary(clock_s() - from);
	sim_lua_free(lua);
	return fine ? 0 : 1;
}

static void usage(FILE *out)
{
	fputs("usage: ./dev simulate [OPTIONS]\n\n"
	      "  --seeds N      so many schedules (400)\n"
	      "  --seconds N    as many as fit\n"
	      "  --first N      the first seed (1)\n"
	      "  --seed N       this one alone\n"
	      "  --verbose      every step of it\n"
	      "  --without RULE a safety rule is left out\n"
	      "  --prove        each rule is left out in turn: that must be noticed\n"
	      "  --json         the summary as JSON\n\n"
	      "Every schedule is made of its seed alone and always runs the same way. One that "
	      "breaks\n"
	      "an invariant is shrunk and printed step by step; the exit status is 1.\n",
		out);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seeds", 1, NULL, 'n' },
		{ "seconds", 1, NULL, 't' }, { "first", 1, NULL, 'f' }, { "seed", 1, NULL, 's' },
		{ "verbose", 0, NULL, 'v' }, { "without", 1, NULL, 'w' }, { "prove", 0, NULL, 'p' },
		{ "json", 0, NULL, 'j' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'n': opt.n = strtoull(optarg, NULL, 10); break;
		case 't': opt.seconds = strtoll(optarg, NULL, 10); break;
		case 'f': opt.first = strtoull(optarg, NULL, 10); break;
		case 's': opt.one = strtoull(optarg, NULL, 10); break;
		case 'v': opt.verbose = true; break;
		case 'w': opt.without = optarg; break;
		case 'p': opt.prove = true; break;
		case 'j': opt.json = true; break;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	return opt.prove ? prove() : simulate();
}
