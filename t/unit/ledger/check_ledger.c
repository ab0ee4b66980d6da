/*
 * check_ledger.c: journal, rollups and verification together: processes that are killed at any
 * call, one after the other on one ledger, and every promise holds after each.
 */
#include "unit/ledger/journal_fake.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/log.h"
#include "ledger/report.h"
#include "ledger/verify.h"

static struct fake_ledger ledger;

#define WRITERS 2
#define OPEN    8 /* requests in flight, by writer */

static void setup(void)
{
	fake_ledger_init(&ledger);
	log_threshold = LOG_L_ERROR + 1;
}

static void teardown(void)
{
	fake_remove_all(ledger.path);
}

struct process {
	struct journal *j;
	struct rollup *r;
	struct rollup_flush *flush; /* begun, not ended */
	uint64_t flush_floor;
	uint64_t random, n;
	wall_us now;
	struct journal_hold open[WRITERS][OPEN];
	uint64_t id[WRITERS][OPEN];
};

static uint64_t next(struct process *p)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return p->random;
}

static void consume(void *arg, const struct rec *r, struct journal_position at)
{
	rollup_add(((struct process *)arg)->r, r, at);
}

/* No assertions of libcheck in here: a child that fails exits with 1. */
#define MUST(e)                   \
	do {                      \
		if (!(e))         \
			_exit(1); \
	} while (0)

static void begin(struct process *p, uint64_t incarnation)
{
	struct journal_options opt = { .path = ledger.path,
		.member = STR("m1"),
		.n_writers = WRITERS,
		.segment_bytes = 256 * 1024,
		.durability = JOURNAL_OFF,
		.interval_us = 1,
		.build = "test" };
	char err[1024];

	memset(p, 0, sizeof *p);
	p->random = 0x9e3779b97f4a7c15u * (incarnation + 1);
	p->n = incarnation * 1000000;
	p->now.us = 1764288000000000 + (int64_t)incarnation * 3 * 3600000000;
	p->r = rollup_new(50);
	MUST(journal_open(&p->j, &opt, p->now, err, sizeof err) == 0);
	MUST(rollup_open(p->r, ledger.rollup, err, sizeof err) == 0);
	MUST(rollup_replay(p->r, ledger.journal, false, err, sizeof err) == 0);
}

static void one_request(struct process *p, unsigned w, unsigned slot)
{
	struct journal_writer *writer = journal_writer_at(p->j, w);
	struct journal_hold *h = &p->open[w][slot];
	struct rec_hold hold = sample_hold(p->n);
	struct rec_settle settle = sample_settle(p->id[w][slot]);
	struct rec_leg leg = sample_leg(p->id[w][slot], 1);
	struct rec_void void_ = sample_void(p->id[w][slot]);
	char tags[64];

	if (!h->open) {
		snprintf(tags, sizeof tags, "{\"n\":\"%llu\"}", (unsigned long long)next(p) % 90);
		hold.start = p->now;
		hold.who.tags = str_z(tags);
		p->id[w][slot] = p->n++;
		(void)!journal_hold(writer, h, &hold, p->now);
		return;
	}
	settle.start = leg.start = void_.start = (wall_us){ p->now.us - 1000 };
	snprintf(tags, sizeof tags, "{\"n\":\"%llu\"}", (unsigned long long)next(p) % 90);
	settle.who.tags = str_z(tags);
	switch (next(p) % 8) {
	case 0: journal_void(writer, h, &void_, p->now); break;
	case 1: (void)!journal_leg(writer, h, &leg, p->now); break;
	default: journal_settle(writer, h, &settle, p->now);
	}
}

/* A flush in its three steps, with work between them. */
static void flush_some(struct process *p)
{
	char err[1024];

	if (p->flush == NULL) {
		p->flush_floor = journal_consumed_floor(p->j);
		p->flush = rollup_flush_begin(p->r);
		return;
	}
	rollup_flush_write(p->flush);
	if (next(p) % 2)
		return; /* written again before it ends: no harm */
	MUST(rollup_flush_end(p->r, p->flush, err, sizeof err) == 0);
	journal_consumed_durable(p->j, p->flush_floor);
	p->flush = NULL;
}

static void work(struct process *p, uint64_t steps)
{
	for (uint64_t i = 0; i < steps; i++) {
		p->now.us += 40000000;
		switch (next(p) % 12) {
		case 0: journal_tick(p->j, p->now, (mono_us){ p->now.us }, consume, p); break;
		case 1: flush_some(p); break;
		default: one_request(p, (unsigned)(next(p) % WRITERS), (unsigned)(next(p) % OPEN));
		}
	}
}

static void in_child(uint64_t incarnation, bool in_order)
{
	struct process *p = malloc(sizeof *p);
	char err[1024];

	MUST(p != NULL);
	begin(p, incarnation);
	work(p, 2000 + next(p) % 3000);
	if (!in_order) {
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	for (unsigned w = 0; w < WRITERS; w++)
		for (unsigned i = 0; i < OPEN; i++)
			while (p->open[w][i].open)
				one_request(p, w, i);
	for (int i = 0; i < 50; i++)
		journal_tick(p->j, p->now, (mono_us){ p->now.us }, consume, p);
	if (p->flush != NULL)
		MUST(rollup_flush_end(p->r, p->flush, err, sizeof err) == 0);
	MUST(rollup_flush(p->r, err, sizeof err) == 0);
	journal_close(p->j, p->now);
	_exit(0);
}

static void check_promises(uint64_t incarnation)
{
	struct report_query q = { .from_hour = 0, .to_hour = INT64_MAX / 2, .by = REPORT_BY_DAY };
	struct report report;
	struct verify v;
	char err[1024];

	ck_assert_msg(verify_run(&v, ledger.path, false, err, sizeof err) == 0, "%s", err);
	ck_assert_msg(verify_ok(&v), "after %llu: %s", (unsigned long long)incarnation,
		v.n_findings > 0 ? v.findings[0].text : "?");
	ck_assert_uint_eq(v.holds, v.settled + v.voided + v.open);
	ck_assert_uint_gt(v.settled, 200 * incarnation);
	ck_assert_msg(report_run(ledger.path, &q, &report, err, sizeof err) == 0, "%s", err);
	ck_assert_uint_eq(report.total.requests, v.settled);
	ck_assert_uint_eq(report.total.voided, v.voided);
	report_free(&report);
	verify_free(&v);
}

START_TEST(killed_at_any_moment)
{
	for (uint64_t i = 0; i < 12; i++) {
		bool in_order = i % 4 == 3;
		pid_t pid = fork();
		int status;

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			in_child(i, in_order);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (in_order)
			ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		else
			ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		check_promises(i);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, killed_at_any_moment);
}

UNIT_MAIN("ledger", tests)
