/*
 * main.c: ./dev model. Runs the table, or the variants that are named, a thread each up to --jobs
 * at a time, and prints what came out beside what must. Exit 0: all as expected; 1: not; 2: called
 * wrongly.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/table.h"

enum { VARIANTS_MAX = 128, JOBS_MAX = 16 };

struct run {
	const struct variant *variant;
	struct search_result result;
	double seconds;
};

struct options {
	bool json, quick, deep, trace, list;
	uint32_t states_max, jobs;
};

static struct options options = { .states_max = 6000000, .jobs = 2 };
static struct run runs[VARIANTS_MAX];
static size_t runs_count;
static atomic_size_t runs_next;

static void usage(FILE *out)
{
	fputs("usage: ./dev model [OPTIONS] [NAME...]\n"
	      "\n"
	      "Checks the models of the quota protocol: every state that each can reach. Prints "
	      "variant, states, verdict,\n"
	      "what was expected, seconds. Ends with 1 when a verdict is not the expected one.\n"
	      "\n"
	      "  --trace NAME   the shortest counter-example of NAME, step by step (more names may "
	      "follow)\n"
	      "  --list         what there is, and what each is about; nothing is run\n"
	      "  --short        only those that take no more than a moment: what the unit test "
	      "runs\n"
	      "  --deep         those too that take minutes and up to a gigabyte each\n"
	      "  --json         a JSON list in place of the table\n"
	      "  --jobs N       searches at a time (default 2)\n"
	      "  --states N     at most so many states a search (default 6000000, about 75 bytes "
	      "each); with more its\n"
	      "                 verdict is \"unfinished\"\n"
	      "  --help         this text\n"
	      "\n"
	      "docs/internals/quota-model.md says what the figures in a trace are.\n",
		out);
}

static void *work(void *arg)
{
	(void)arg;
	for (;;) {
		size_t i = atomic_fetch_add(&runs_next, 1);
		struct timespec begin, end;

		if (i >= runs_count)
			return NULL;
		clock_gettime(CLOCK_MONOTONIC, &begin);
		/* what it could not finish is a verdict too */
		(void)!search_run(
			runs[i].variant, options.states_max, options.trace, &runs[i].result);
		clock_gettime(CLOCK_MONOTONIC, &end);
		runs[i].seconds = (double)(end.tv_sec - begin.tv_sec) +
				  (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	}
}

static void run_all(void)
{
	pthread_t threads[JOBS_MAX];
	uint32_t started = 0;

	while (started < options.jobs && pthread_create(&threads[started], NULL, work, NULL) == 0)
		started++;
	if (started == 0)
		work(NULL);
	for (uint32_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

static bool is_expected(const struct run *run)
{
	return run->result.verdict == run->variant->expected;
}

static void print_row(const struct run *run)
{
	const struct search_result *r = &run->result;

	printf("%-22s %9u  %-10s %-9s %6.2f  %s%s\n", run->variant->name, r->states,
		verdict_name(r->verdict), is_expected(run) ? "expected" : "UNEXPECTED",
		run->seconds, run->variant->what,
		run->variant->finding ? " [the design as written]" : "");
	if (r->why)
		printf("%-22s %9s  %u steps: %s\n", "", "", r->steps, r->why);
	if (options.trace)
		printf("\n%s\n", r->trace ? r->trace : "  no counter-example\n");
}

static void print_json(void)
{
	for (size_t i = 0; i < runs_count; i++) {
		const struct search_result *r = &runs[i].result;

		/* names and texts of the table have nothing that would need an escape */
		printf("%s{\"name\":\"%s\",\"what\":\"%s\",\"states\":%u,\"verdict\":\"%s\","
		       "\"expected\":\"%s\",\"steps\":%u,"
		       "\"invariant\":\"%s\",\"mutation\":%s,\"finding\":%s,\"seconds\":%.3f,"
		       "\"bytes\":%llu}",
			i ? ",\n " : "[", runs[i].variant->name, runs[i].variant->what, r->states,
			verdict_name(r->verdict), verdict_name(runs[i].variant->expected), r->steps,
			r->why ? r->why : "", runs[i].variant->mutation ? "true" : "false",
			runs[i].variant->finding ? "true" : "false", runs[i].seconds,
			(unsigned long long)r->bytes);
	}
	puts("]");
}

static int print_all(void)
{
	size_t bad = 0, hold = 0, mutations = 0;
	uint64_t states = 0;

	for (size_t i = 0; i < runs_count; i++) {
		bad += !is_expected(&runs[i]);
		hold += runs[i].result.verdict == VERDICT_HOLDS;
		mutations += runs[i].variant->mutation && runs[i].result.verdict == VERDICT_FAILS;
		states += runs[i].result.states;
	}
	if (options.json) {
		print_json();
		return bad > 0;
	}
	printf("%-22s %9s  %-10s %-9s %6s\n", "variant", "states", "verdict", "", "s");
	for (size_t i = 0; i < runs_count; i++)
		print_row(&runs[i]);
	printf("%zu variants, %llu states: %zu hold, %zu rules switched off were noticed, %zu not "
	       "as expected\n",
		runs_count, (unsigned long long)states, hold, mutations, bad);
	return bad > 0;
}

static void list(void)
{
	for (size_t i = 0; i < runs_count; i++)
		printf("%-22s %-8s %-6s %s\n", runs[i].variant->name, runs[i].variant->model->name,
			verdict_name(runs[i].variant->expected), runs[i].variant->what);
}

static void pick(const char *name)
{
	const struct variant *variant = model_table_find(name);

	if (!variant || runs_count == VARIANTS_MAX) {
		fprintf(stderr,
			"model: there is no variant \"%s\"; ./dev model --list names them\n", name);
		exit(2);
	}
	runs[runs_count++].variant = variant;
}

static uint32_t number(const char *option, const char *text, uint32_t max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n < 1 || n > max) {
		fprintf(stderr, "model: %s takes a number from 1 to %u, not \"%s\"\n", option, max,
			text);
		exit(2);
	}
	return (uint32_t)n;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = { { "trace", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' }, { "list", no_argument, NULL, 'l' },
		{ "short", no_argument, NULL, 's' }, { "deep", no_argument, NULL, 'd' },
		{ "jobs", required_argument, NULL, 'n' },
		{ "states", required_argument, NULL, 'm' }, { "help", no_argument, NULL, 'h' },
		{ 0 } };

	for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
		switch (c) {
		case 't':
			options.trace = true;
			pick(optarg);
			break;
		case 'j': options.json = true; break;
		case 'l': options.list = true; break;
		case 's': options.quick = true; break;
		case 'd': options.deep = true; break;
		case 'n': options.jobs = number("--jobs", optarg, JOBS_MAX); break;
		case 'm': options.states_max = number("--states", optarg, 100000000); break;
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(2);
		}
	}
	for (; optind < argc; optind++)
		pick(argv[optind]);
	if (runs_count > 0)
		return;
	for (size_t i = 0; i < model_table_len; i++)
		if (options.quick ? model_table[i].quick : options.deep || !model_table[i].deep)
			pick(model_table[i].name);
}

int main(int argc, char **argv)
{
	int rc;

	parse(argc, argv);
	if (options.list) {
		list();
		return 0;
	}
	run_all();
	rc = print_all();
	for (size_t i = 0; i < runs_count; i++)
		search_result_fini(&runs[i].result);
	return rc;
}
