/*
 * journal_bench.c: what the journal costs: CPU of a hold and its settlement (on the writer's
 * thread, and in all), bytes of a request, and how long a start takes after a crash that left a
 * million records. `make t/bench/journal_bench`; prints one JSON object.
 *
 * usage: journal_bench FOLDER [REQUESTS [SEGMENT-MB [PER-SECOND]]]
 *
 * FOLDER is made, and removed afterwards. PER-SECOND: so many requests a second, as a gateway has
 * them; otherwise as many as can be.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger/journal.h"
#include "unit/ledger/sample.h"

#define IN_FLIGHT 64

static _Atomic bool stop;
static uint64_t consumed;
static uint64_t per_second;
static int64_t ledger_ns; /* CPU of the ledger thread */

static int64_t cpu_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void count(void *arg, const struct rec *r, struct journal_position at)
{
	(void)arg;
	(void)at;
	consumed += r->type == REC_SETTLE;
}

/* All that was written, without waiting for an interval. */
static void finish(struct journal *j)
{
	mono_us mono = { clock_mono().us + 1000000 };

	while (journal_tick(j, clock_wall(), mono, count, NULL) == 0)
		;
}

static void *ledger_thread(void *arg)
{
	struct journal *j = arg;

	while (!atomic_load(&stop))
		journal_sleep(j, journal_tick(j, clock_wall(), clock_mono(), count, NULL));
	finish(j);
	ledger_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static struct journal *open_or_die(const char *path, uint64_t segment_bytes)
{
	struct journal_options opt = { .path = path,
		.member = STR("bench"),
		.n_writers = 1,
		.segment_bytes = segment_bytes,
		.durability = JOURNAL_GROUP,
		.interval_us = 10000,
		.told = 1u << REC_LEG | 1u << REC_SETTLE | 1u << REC_VOID,
		.generation = 1,
		.build = "bench" };
	struct journal *j;
	char err[512];

	if (journal_open(&j, &opt, clock_wall(), err, sizeof err) != 0) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	return j;
}

/* Request i's time has come. */
static void pace(uint64_t i, int64_t began_us)
{
	int64_t due = per_second > 0 ? began_us + (int64_t)(i * 1000000 / per_second) : 0;
	int64_t now = per_second > 0 && i % 16 == 0 ? clock_mono().us : due;

	if (due > now)
		usleep((useconds_t)(due - now));
}

/*
 * n requests, so many at a time, a turn's end after each four. Refused holds wait. j: there is no
 * ledger thread, and the last requests stay open.
 */
static uint64_t run(struct journal_writer *w, uint64_t n, struct journal *j)
{
	static struct journal_hold holds[IN_FLIGHT];
	wall_us now = clock_wall();
	int64_t began_us = clock_mono().us;
	uint64_t waits = 0;

	for (uint64_t i = 0; i < n; i++) {
		struct journal_hold *h = &holds[i % IN_FLIGHT];
		struct rec_hold hold = sample_hold(i);
		struct rec_settle settle = sample_settle(i - IN_FLIGHT);

		if (j == NULL)
			pace(i, began_us);
		if (h->open)
			journal_settle(w, h, &settle, now);
		while (journal_hold(w, h, &hold, now) != 0) {
			journal_turn_end(w);
			if (j != NULL)
				journal_tick(j, now, clock_mono(), NULL, NULL);
			else
				usleep(1000);
			waits++;
		}
		if (i % 4 == 0) {
			now.us += 40;
			journal_turn_end(w);
		}
	}
	for (uint64_t i = n; j == NULL && i < n + IN_FLIGHT; i++) {
		struct rec_settle settle = sample_settle(i - IN_FLIGHT);

		if (holds[i % IN_FLIGHT].open)
			journal_settle(w, &holds[i % IN_FLIGHT], &settle, now);
	}
	journal_turn_end(w);
	return waits;
}

/* The same loop without a journal: what making the sample's structs takes. */
static int64_t loop_ns(uint64_t n)
{
	int64_t before = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	volatile uint64_t sink = 0;

	for (uint64_t i = 0; i < n; i++) {
		struct rec_hold hold = sample_hold(i);
		struct rec_settle settle = sample_settle(i);

		sink += hold.id.hi + settle.id.hi + hold.bound.n[i % USAGE__MAX] +
			settle.usage.n[i % USAGE__MAX];
	}
	return cpu_ns(CLOCK_THREAD_CPUTIME_ID) - before;
}

static void bench_writing(const char *path, uint64_t n, uint64_t segment_bytes)
{
	struct journal *j = open_or_die(path, segment_bytes);
	int64_t thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID),
		process = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_mono().us;
	struct journal_stats st;
	pthread_t t;
	uint64_t waits;

	if (pthread_create(&t, NULL, ledger_thread, j) != 0)
		exit(1);
	waits = run(journal_writer_at(j, 0), n, NULL);
	thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - thread;
	wall = clock_mono().us - wall;
	atomic_store(&stop, true);
	journal_wake(j);
	pthread_join(t, NULL);
	process = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - process;
	thread -= loop_ns(n);
	process -= loop_ns(n);
	journal_stats_get(j, &st);
	printf("{\"segment_mb\": %" PRIu64 ", \"requests\": %" PRIu64 ", \"consumed\": %" PRIu64
	       ", \"writer_ns_per_request\": %" PRId64 ", \"ledger_ns_per_request\": %" PRId64
	       ", \"cpu_ns_per_request\": %" PRId64 ", \"bytes_per_request\": %" PRIu64
	       ", \"requests_per_s\": %" PRId64 ", \"waits\": %" PRIu64 ", \"syncs\": %" PRIu64
	       ", \"sync_us\": %" PRIu64,
		segment_bytes >> 20, n, consumed, thread / (int64_t)n, ledger_ns / (int64_t)n,
		process / (int64_t)n, st.bytes / n, (int64_t)n * 1000000 / TG_MAX(wall, 1), waits,
		st.syncs, st.syncs > 0 ? st.sync_us / st.syncs : 0);
	journal_close(j, clock_wall());
}

/* A process that dies without a word, and the next one's start. */
static void bench_recovery(const char *path, uint64_t records)
{
	int64_t us;
	struct journal *j;
	struct journal_stats st;
	pid_t pid = fork();

	if (pid == 0) {
		j = open_or_die(path, records * 400);
		run(journal_writer_at(j, 0), records / 2, j);
		finish(j);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	us = clock_mono().us;
	j = open_or_die(path, 64 << 20);
	us = clock_mono().us - us;
	journal_stats_get(j, &st);
	printf(", \"recovered_records\": %" PRIu64 ", \"recovered_holds\": %" PRIu64
	       ", \"recovery_ms\": %" PRId64 "}\n",
		records, st.recovered_holds, us / 1000);
	journal_close(j, clock_wall());
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	uint64_t mb = argc > 3 ? strtoull(argv[3], NULL, 10) : 64;
	char path[256], cmd[600];

	if (argc < 2 || n == 0) {
		fprintf(stderr,
			"usage: journal_bench FOLDER [REQUESTS [SEGMENT-MB [PER-SECOND]]]\n");
		return 2;
	}
	per_second = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	snprintf(path, sizeof path, "%s/writing", argv[1]);
	snprintf(cmd, sizeof cmd, "mkdir -p '%s'", argv[1]);
	if (system(cmd) != 0)
		return 1;
	bench_writing(path, n, mb << 20);
	snprintf(path, sizeof path, "%s/recovery", argv[1]);
	bench_recovery(path, 1000000);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", argv[1]);
	return system(cmd) == 0 ? 0 : 1;
}
