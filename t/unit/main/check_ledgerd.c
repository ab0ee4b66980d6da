/*
 * check_ledgerd.c: the ledger thread: a folder opened, recovered and given to the workers, or
 * refused with what to do; what workers write becomes sums, by the minute and at the end; strict:
 * a parked request is woken; and no ledger at all.
 */
#include "unit/core/fake.h"
#include "unit/ledger/journal_fake.h"

#include <sys/wait.h>

#include "core/ratio.h"
#include "ledger/report.h"
#include "ledgerd.c"

static struct fake f;
static struct fake_ledger ledger;
static struct config cfg;
static int clients[20]; /* they stay */
static char err[512];

static void setup(void)
{
	fake_init(&f, "listen: 127.0.0.1:0\n"
		      "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
		      "models: { m: { targets: a } }\n"
		      "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n");
	memset(&ld, 0, sizeof ld);       /* a new process */
	log_threshold = LOG_L_ERROR + 1; /* some of it is meant to fail */
	fake_ledger_init(&ledger);
	ck_assert_int_eq(rmdir(ledger.journal), 0); /* it is made when missing */
	cfg = f.conf->cfg;
	cfg.member = STR("gw-1");
	cfg.ledger.path = str_z(ledger.path);
	cfg.ledger.segment_bytes = 256 * 1024;
	cfg.ledger.durability = JOURNAL_OFF;
	cfg.ledger.interval_us = 1000;
}

static void teardown(void)
{
	fake_drop(&f);
	if (ld.mails != NULL) /* it was opened */
		ledgerd_stop();
	f.w.journal = NULL;
	fake_fini(&f);
	for (size_t i = 0; i < TG_ARRAY_LEN(clients); i++)
		if (clients[i] > 0)
			close(clients[i]);
	ledgerd_free();
	fake_remove_all(ledger.path);
}

static void open_it(void)
{
	ck_assert_msg(ledgerd_open(&cfg, 7, &f.w, 1, err, sizeof err) == 0, "%s", err);
	ck_assert_ptr_eq(f.w.journal, journal_writer_at(ledgerd_journal(), 0));
}

/* ---- what a worker writes */

static struct journal_hold holds[100];

static void hold(unsigned i)
{
	struct rec_hold rec = sample_hold(i);

	ck_assert_int_eq(journal_hold(f.w.journal, &holds[i], &rec, rec.start), 0);
}

static void settle(unsigned i)
{
	struct rec_settle rec = sample_settle(i);

	journal_settle(f.w.journal, &holds[i], &rec, rec.start);
}

/* ---- what the sums say */

static struct rollup_value total(uint64_t *replayed)
{
	const wall_us now = { 1764288000000000 + 3600000000 };
	struct rollup_value v;
	struct report_query q;
	struct report r;

	report_query_init(&q, now);
	ck_assert_msg(report_run(ledger.path, &q, &r, err, sizeof err) == 0, "%s", err);
	v = r.total;
	*replayed = r.replayed;
	report_free(&r);
	return v;
}

/* ---- begin and end */

START_TEST(from_worker_to_sums)
{
	struct rollup_value v;
	uint64_t replayed;

	open_it();
	ck_assert_str_eq(ledgerd_path(), ledger.path);
	ck_assert_int_eq(ledgerd_start(), 0);
	for (unsigned i = 0; i < 100; i++) {
		hold(i);
		settle(i);
		journal_turn_end(f.w.journal);
	}
	ledgerd_stop();
	f.w.journal = NULL;
	ck_assert_ptr_null(ledgerd_journal());
	ck_assert_str_eq(ledgerd_path(), ledger.path); /* may be read all the same */
	v = total(&replayed);
	ck_assert_uint_eq(v.requests, 100);
	ck_assert_uint_eq(v.quality[QUALITY_EXACT], 100);
	ck_assert_uint_eq(v.units[USAGE_OUT], 56700);
	ck_assert_uint_eq(replayed, 0); /* all of it is in files */
	ledgerd_stop();                 /* nothing is left to be stopped */
}
END_TEST

/* The thread consumes by itself, woken by the worker's turn. */
START_TEST(beside_the_worker)
{
	struct journal_stats s;

	cfg.ledger.durability = JOURNAL_GROUP;
	open_it();
	ck_assert_int_eq(ledgerd_start(), 0);
	hold(0);
	settle(0);
	journal_turn_end(f.w.journal);
	do {
		usleep(1000);
		journal_stats_get(ledgerd_journal(), &s);
	} while (s.unsynced_bytes > 0 || s.syncs == 0);
	ck_assert_uint_eq(s.open_holds, 0);
	ck_assert(!s.failing);
}
END_TEST

START_TEST(several_workers)
{
	static struct worker w[3];
	struct rollup_value v;
	uint64_t replayed;

	ck_assert_msg(ledgerd_open(&cfg, 7, w, 3, err, sizeof err) == 0, "%s", err);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_ptr_eq(w[i].journal, journal_writer_at(ledgerd_journal(), i));
		f.w.journal = w[i].journal;
		hold(i);
		settle(i);
	}
	f.w.journal = NULL;
	ledgerd_stop(); /* the thread has never run: the rest is consumed all the same */
	v = total(&replayed);
	ck_assert_uint_eq(v.requests, 3);
	ck_assert_uint_eq(replayed, 0);
}
END_TEST

START_TEST(none)
{
	static const char *const paths[] = { "none", "" };

	for (size_t i = 0; i < TG_ARRAY_LEN(paths); i++) {
		cfg.ledger.path = str_z(paths[i]);
		ck_assert_int_eq(ledgerd_open(&cfg, 7, &f.w, 1, err, sizeof err), 0);
		ck_assert_ptr_null(ledgerd_journal());
		ck_assert_ptr_null(ledgerd_path());
		ck_assert_ptr_null(f.w.journal);
		ck_assert_int_eq(ledgerd_start(), 0);
		ck_assert(!ld.running);
		ledgerd_stop();
	}
	ck_assert_int_ne(access("none", F_OK), 0);
}
END_TEST

/* A process that died: with a request under way and one that was settled; nothing was consumed. */
START_TEST(recovers)
{
	struct rollup_value v;
	struct journal_stats s;
	uint64_t replayed;
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ledgerd_open(&cfg, 7, &f.w, 1, err, sizeof err) != 0)
			_exit(1);
		hold(0);
		hold(1);
		settle(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	open_it();
	journal_stats_get(ledgerd_journal(), &s);
	ck_assert_uint_eq(s.recovered_holds, 1);
	ck_assert_int_eq(ledgerd_start(), 0);
	ledgerd_stop();
	f.w.journal = NULL;
	v = total(&replayed);
	ck_assert_uint_eq(v.requests, 2);
	ck_assert_uint_eq(v.quality[QUALITY_CRASH_WORST], 1);
	ck_assert_uint_eq(v.quality[QUALITY_EXACT], 1);
	ck_assert_uint_eq(replayed, 0);
}
END_TEST

/* ---- folders that do not do */

static void make_file(const char *path)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(fclose(out), 0);
}

static void refused(const char *path, const char *says)
{
	cfg.ledger.path = str_z(path);
	ck_assert_int_eq(ledgerd_open(&cfg, 7, &f.w, 1, err, sizeof err), -1);
	ck_assert_msg(strstr(err, says) != NULL, "\"%s\" does not say \"%s\"", err, says);
	ck_assert_ptr_null(f.w.journal);
}

START_TEST(no_such_folder)
{
	char path[128];

	refused("/proc/no/such/folder", "/proc/no/such/folder");
	snprintf(path, sizeof path, "%s/file", ledger.path);
	make_file(path);
	refused(path, path);
	ck_assert_ptr_null(ledgerd_journal());
}
END_TEST

START_TEST(a_path_that_is_too_long)
{
	static char path[PATH_BYTES + 1];

	memset(path, 'x', PATH_BYTES);
	path[0] = '/';
	refused(path, "ledger.path is longer than 4095 bytes");
	ck_assert_ptr_null(ledgerd_path());
}
END_TEST

/* Another gateway is at it. */
START_TEST(in_use)
{
	int fd = journal_lock(ledger.path, err, sizeof err);
	char pid[32];

	ck_assert_msg(fd >= 0, "%s", err);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	refused(ledger.path, pid);
	close(fd);
	open_it();
}
END_TEST

START_TEST(sums_that_cannot_be_opened)
{
	make_file(ledger.rollup);
	refused(ledger.path, ledger.rollup);
}
END_TEST

/* A damaged journal is no reason to start without what it said, unless that is asked for. */
START_TEST(damaged)
{
	char path[SEGMENT_PATH_MAX];
	FILE *out;

	open_it();
	hold(0);
	settle(0);
	ledgerd_stop();
	ledgerd_free();
	f.w.journal = NULL;
	ck_assert_int_eq(segment_path(path, ledger.journal, 99, ""), 0);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < 20000; i++)
		fputs("no journal", out);
	ck_assert_int_eq(fclose(out), 0);
	refused(ledger.path, "99");
	ck_assert_int_eq(unlink(path), 0);
	open_it();
}
END_TEST

/* ---- sums by the minute */

/* All of it: a sync is due. */
static void consume(void)
{
	journal_turn_end(f.w.journal);
	usleep((useconds_t)cfg.ledger.interval_us);
	(void)journal_tick(ld.journal, clock_wall(), clock_mono(), ledgerd_consume, ld.rollup);
}

/* Its moment has come, and it is over. */
static mono_us flush(void)
{
	mono_us now = ld.flush_at;

	ck_assert_ptr_null(ld.flush);
	ledgerd_flush(now);
	ck_assert_ptr_nonnull(ld.flush);
	while (!atomic_load(&ld.flush_written))
		usleep(100);
	ledgerd_flush(now);
	ck_assert_ptr_null(ld.flush);
	return now;
}

START_TEST(by_the_minute)
{
	char aside[128];
	uint64_t replayed;
	mono_us at;

	open_it();
	ld.flush_at.us = clock_mono().us + 5;
	hold(0);
	settle(0);
	consume();
	ledgerd_flush((mono_us){ ld.flush_at.us - 1 });
	ck_assert_ptr_null(ld.flush); /* not yet */
	at = flush();
	ck_assert_int_eq(ld.flush_at.us, at.us + ROLLUP_FLUSH_US);
	ck_assert_uint_eq(total(&replayed).requests, 1);
	ck_assert_uint_eq(replayed, 0);

	/* it fails: tried again soon, and nothing is lost */
	snprintf(aside, sizeof aside, "%s/aside", ledger.path);
	ck_assert_int_eq(rename(ledger.rollup, aside), 0);
	make_file(ledger.rollup);
	hold(1);
	settle(1);
	consume();
	at = flush();
	ck_assert(ld.flush_failing);
	ck_assert_int_eq(ld.flush_at.us, at.us + FLUSH_AGAIN_US);
	ck_assert_int_eq(unlink(ledger.rollup), 0);
	ck_assert_int_eq(rename(aside, ledger.rollup), 0);
	at = flush();
	ck_assert(!ld.flush_failing);
	ck_assert_int_eq(ld.flush_at.us, at.us + ROLLUP_FLUSH_US);
	ck_assert_uint_eq(total(&replayed).requests, 2);
	ck_assert_uint_eq(replayed, 0);
}
END_TEST

/* The process ends while files are being written. */
START_TEST(ends_in_the_middle_of_a_flush)
{
	uint64_t replayed;

	open_it();
	hold(0);
	settle(0);
	consume();
	ledgerd_flush(ld.flush_at);
	ck_assert_ptr_nonnull(ld.flush);
	hold(1);
	settle(1);
	f.w.journal = NULL;
	ledgerd_stop();
	ck_assert_uint_eq(total(&replayed).requests, 2);
	ck_assert_uint_eq(replayed, 0);
}
END_TEST

/* ---- strict */

static unsigned n_sent;

static enum step_rc sent(struct req *r)
{
	(void)r;
	n_sent++;
	return STEP_WAIT;
}

#define POST "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\n\r\n"

static struct req *asking(unsigned i)
{
	struct req *r = fake_req(&f, fake_conn(&f), POST);

	clients[i] = f.client;
	f.client = -1;
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->model_asked = STR("m");
	r->model = plan_find_model(f.conf, r->model_asked);
	r->route = &r->model->route[0];
	return r;
}

START_TEST(strict_wakes_who_waits)
{
	unsigned at = 0;

	cfg.ledger.durability = JOURNAL_STRICT;
	open_it();
	ck_assert_int_eq(ledgerd_start(), 0);
	while (tg_steps[at].module != &mod_ledger)
		at++;
	tg_steps[at + 1].run = sent;
	for (unsigned i = 1; i <= TG_ARRAY_LEN(clients); i++) {
		struct req *r = asking(i - 1);

		r->step = at;
		req_run(r);
		ck_assert_uint_le(n_sent, i);
		if (i % 4 == 0) /* several at a time */
			while (n_sent < i)
				fake_turn(&f);
	}
	ck_assert(list_empty(&f.w.ledger_waiters));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, from_worker_to_sums);
	tcase_add_test(tc, beside_the_worker);
	tcase_add_test(tc, several_workers);
	tcase_add_test(tc, none);
	tcase_add_test(tc, recovers);
	tcase_add_test(tc, no_such_folder);
	tcase_add_test(tc, a_path_that_is_too_long);
	tcase_add_test(tc, in_use);
	tcase_add_test(tc, sums_that_cannot_be_opened);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, by_the_minute);
	tcase_add_test(tc, ends_in_the_middle_of_a_flush);
	tcase_add_test(tc, strict_wakes_who_waits);
}

UNIT_MAIN("ledgerd", tests)
