/* journal*.c: writing, rotation, durability, consumption, the archive, the lock. */
#include "unit/ledger/folder.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>

#include "ledger/journal_int.h"

/* ---- a consumer that counts, and time that passes when it is told to */

static struct folder_sum told;
static struct journal_position told_last;
static mono_us mono;
static wall_us now;

static void tell(void *arg, const struct rec *r, struct journal_position at)
{
	(void)arg;
	ck_assert(at.segment > told_last.segment ||
		  (at.segment == told_last.segment && at.offset > told_last.offset));
	told_last = at;
	folder_count(&told, r);
}

static void setup(void)
{
	folder_setup();
	mono = clock_mono();
	now = FOLDER_NOW;
	told = (struct folder_sum){ .ids = calloc(FOLDER_IDS, sizeof *told.ids) };
	told_last = (struct journal_position){ 0, 0 };
}

static void teardown(void)
{
	folder_sum_free(&told);
	folder_teardown();
}

static int64_t tick_after(struct journal *j, int64_t us)
{
	mono.us += us;
	return journal_tick(j, now, mono, tell, NULL);
}

static int64_t tick(struct journal *j)
{
	return tick_after(j, 10000);
}

static int hold(struct journal_writer *w, struct journal_hold *h, uint64_t n)
{
	struct rec_hold rec = sample_hold(n);

	return journal_hold(w, h, &rec, FOLDER_NOW);
}

static void settle(struct journal_writer *w, struct journal_hold *h, uint64_t n)
{
	struct rec_settle rec = sample_settle(n);

	journal_settle(w, h, &rec, FOLDER_NOW);
	ck_assert(!h->open);
}

static unsigned files_with(const char *suffix)
{
	DIR *d = opendir(folder_journal);
	const struct dirent *e;
	unsigned n = 0;

	ck_assert(d != NULL);
	while ((e = readdir(d)) != NULL)
		n += str_ends(str_z(e->d_name), str_z(suffix));
	closedir(d);
	return n;
}

static struct journal_stats stats(struct journal *j)
{
	struct journal_stats st;

	journal_stats_get(j, &st);
	return st;
}

/* ---- the way of a request */

START_TEST(each_record_is_told_once_and_kept)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold h[3] = { { .open = false } };
	struct rec_leg leg = sample_leg(1, 1);
	struct rec_progress progress = sample_progress(1);
	struct rec_void voided = sample_void(2);
	struct folder_sum sum;

	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(hold(w, &h[i], i), 0);
	ck_assert_int_eq(journal_leg(w, &h[1], &leg, FOLDER_NOW), 0);
	journal_progress(w, &h[1], &progress, FOLDER_NOW);
	settle(w, &h[0], 0);
	ck_assert_uint_eq(stats(j).open_holds, 2);
	journal_void(w, &h[2], &voided, FOLDER_NOW);
	settle(w, &h[1], 1);
	ck_assert_uint_eq(stats(j).open_holds, 0);
	ck_assert_int_gt(stats(j).unsynced_bytes, 0);
	ck_assert_uint_eq(told.records, 0);
	tick(j);
	ck_assert_int_eq(stats(j).unsynced_bytes, 0);
	ck_assert(told.ids[0].settles == 1 && told.ids[1].settles == 1 && told.ids[2].voids == 1);
	ck_assert(told.ids[1].legs == 1 && told.ids[1].holds == 1 && told.ids[1].progress == 1);
	ck_assert_uint_eq(told.records, 8);
	tick(j);
	tick(j);
	ck_assert_uint_eq(told.ids[0].settles, 1);
	journal_close(j, FOLDER_NOW);

	sum = folder_read();
	ck_assert(sum.ids[0].holds == 1 && sum.ids[0].settles == 1);
	ck_assert(sum.ids[1].holds == 1 && sum.ids[1].settles == 1 && sum.ids[1].legs == 1 &&
		  sum.ids[1].progress == 1);
	ck_assert(sum.ids[2].holds == 1 && sum.ids[2].voids == 1);
	ck_assert(sum.opens == 1 && sum.closes == 1 && sum.segments == 1 && sum.holes == 0);
	ck_assert_uint_eq(files_with(".tgf"), 0);
	folder_sum_free(&sum);
}
END_TEST

START_TEST(the_consumer_says_what_it_wants)
{
	struct journal_options opt = folder_options(1);
	struct journal_hold h = { .open = false };
	struct journal *j;

	opt.told = 1u << REC_SETTLE;
	j = folder_open(&opt);
	ck_assert_int_eq(hold(journal_writer_at(j, 0), &h, 1), 0);
	settle(journal_writer_at(j, 0), &h, 1);
	tick(j);
	ck_assert(told.records == 1 && told.ids[1].settles == 1);
	journal_close(j, FOLDER_NOW);
}
END_TEST

START_TEST(nothing_is_told_before_it_is_durable)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold h = { .open = false };
	uint64_t syncs;

	ck_assert_int_eq(hold(w, &h, 0), 0);
	settle(w, &h, 0);
	tick(j); /* after a rest at once */
	ck_assert_uint_eq(told.ids[0].settles, 1);
	ck_assert_int_eq(hold(w, &h, 1), 0);
	ck_assert(!journal_synced(w, h.position));
	settle(w, &h, 1);
	syncs = stats(j).syncs;
	ck_assert_int_gt(tick_after(j, 4000), 0); /* the interval is not over */
	ck_assert_uint_eq(stats(j).syncs, syncs);
	ck_assert_uint_eq(told.ids[1].settles, 0);
	tick_after(j, 6000);
	ck_assert_uint_eq(stats(j).syncs, syncs + 1);
	ck_assert_uint_eq(told.ids[1].settles, 1);
	ck_assert(journal_synced(w, h.position));
	tick(j); /* nothing new: no sync */
	ck_assert_uint_eq(stats(j).syncs, syncs + 1);
	ck_assert_int_ge(tick(j), 100000);
	journal_close(j, FOLDER_NOW);
}
END_TEST

static unsigned synced_calls;

static void on_synced(void *arg, unsigned writer)
{
	ck_assert(arg == &synced_calls);
	ck_assert_uint_eq(writer, 1);
	synced_calls++;
}

START_TEST(strict_syncs_at_once_and_says_so)
{
	struct journal_options opt = folder_options(2);
	struct journal_hold h = { .open = false };
	struct journal_writer *w;
	struct journal *j;

	opt.durability = JOURNAL_STRICT;
	j = folder_open(&opt);
	w = journal_writer_at(j, 1);
	journal_on_synced(j, on_synced, &synced_calls);
	tick_after(j, 1);
	ck_assert_uint_eq(synced_calls, 0);
	ck_assert_int_eq(hold(w, &h, 1), 0);
	ck_assert(!journal_synced(w, h.position));
	tick_after(j, 1);
	ck_assert_uint_eq(synced_calls, 1);
	ck_assert(journal_synced(w, h.position));
	settle(w, &h, 1);
	tick_after(j, 1);
	ck_assert_uint_eq(synced_calls, 2);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* ---- rotation */

/* One request stays open, with all that can happen to it, while others fill many segments. */
START_TEST(open_holds_are_carried_through_every_segment)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	struct journal_hold old[4] = { { .open = false } }, h = { .open = false };
	struct rec_leg leg = sample_leg(2, 1);
	struct rec_progress progress = sample_progress(3);
	struct rec_extend extend = sample_extend(1);
	uint64_t n = 10, first = j->out.number;
	struct folder_sum sum;

	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(hold(w, &old[i], i), 0);
	ck_assert_int_eq(journal_leg(w, &old[2], &leg, FOLDER_NOW), 0);
	journal_progress(w, &old[3], &progress, FOLDER_NOW);
	journal_progress(w, &old[1], &(struct rec_progress){ .id = sample_id(1) }, FOLDER_NOW);
	extend.id = sample_id(1);
	ck_assert_int_eq(journal_extend(w, &old[1], &extend, FOLDER_NOW), 0);
	while (j->out.number < first + 6) {
		ck_assert_int_eq(hold(w, &h, n), 0);
		settle(w, &h, n++);
		if (n % 100 == 0) {
			journal_turn_end(w);
			tick(j);
		}
	}
	ck_assert_uint_ge(j->n_sealed, 4); /* what is open does not keep them */
	journal_progress(w, &old[2], &(struct rec_progress){ .id = sample_id(2) }, FOLDER_NOW);
	ck_assert_uint_eq(stats(j).refused, 0);
	for (unsigned i = 0; i < 4; i++)
		settle(w, &old[i], i);
	ck_assert_uint_eq(w->reserved, 0);
	ck_assert_uint_eq(w->carry, 0);
	for (unsigned i = 0; i < 20; i++)
		tick(j);
	for (uint64_t i = 0; i < n; i++)
		ck_assert_uint_eq(told.ids[i].settles, i < 4 || i >= 10 ? 1 : 0);
	ck_assert_uint_eq(told.ids[0].carried, 0); /* copies are not told */
	journal_close(j, FOLDER_NOW);

	sum = folder_read();
	for (uint64_t i = 0; i < n; i++) {
		bool used = i < 4 || i >= 10;

		ck_assert_uint_eq(sum.ids[i].holds, used);
		ck_assert_uint_eq(sum.ids[i].settles, used);
		if (i < 4)
			ck_assert_uint_ge(sum.ids[i].carried, 4);
	}
	ck_assert_uint_eq(sum.ids[2].legs, 1);
	ck_assert_uint_ge(sum.ids[3].progress, 5);
	/* what was extended is the bound of the copies, and they need no more records beside them
	 */
	ck_assert(sum.ids[1].extends == 1 && sum.ids[1].progress == 1);
	ck_assert_uint_eq(sum.ids[1].bound_out, extend.bound.n[USAGE_OUT]);
	ck_assert_uint_eq(sum.ids[0].bound_out, sample_hold(0).bound.n[USAGE_OUT]);
	ck_assert_uint_ge(sum.checkpoints, 4);
	folder_sum_free(&sum);
}
END_TEST

/* More open holds than a front of the usual size has room for: the next ones are larger. */
START_TEST(fronts_grow_with_what_is_open)
{
	enum { OPEN = 2000 };
	static struct journal_hold h[OPEN];
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	unsigned refused = 0;

	for (unsigned i = 0; i < OPEN; i++)
		while (hold(w, &h[i], i) != 0) {
			ck_assert_uint_lt(++refused, 50);
			tick(j);
		}
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_gt(w->front->bytes, JOURNAL_MIN_BYTES);
	for (unsigned i = 0; i < 20; i++) { /* full segments want to be sealed: all are carried */
		journal_turn_end(w);
		tick(j);
	}
	for (unsigned i = 0; i < OPEN; i++)
		settle(w, &h[i], i);
	ck_assert(w->reserved == 0 && w->carry == 0);
	for (unsigned i = 0; i < 20; i++)
		tick(j);
	for (unsigned i = 0; i < OPEN; i++)
		ck_assert_uint_eq(told.ids[i].settles, 1);
	ck_assert(list_empty(&w->copies));
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* As long as the ledger thread gets its rounds nobody notices: none is refused. */
START_TEST(fronts_grow_before_they_are_full)
{
	enum { OPEN = 3000 };
	static struct journal_hold h[OPEN];
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);

	for (unsigned i = 0; i < OPEN; i++) {
		ck_assert_int_eq(hold(w, &h[i], i), 0);
		if (i % 8 == 0) {
			journal_turn_end(w);
			tick(j);
		}
	}
	ck_assert_uint_gt(w->front->bytes, 4 * FOLDER_SEGMENT);
	for (unsigned i = 0; i < OPEN; i++)
		settle(w, &h[i], i);
	for (unsigned i = 0; i < 40; i++) {
		journal_turn_end(w);
		tick(j);
	}
	for (unsigned i = 0; i < OPEN; i++)
		ck_assert_uint_eq(told.ids[i].settles, 1);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* Without a round of the ledger thread a hold is refused once the room is gone, a settlement never.
 */
START_TEST(a_settlement_always_fits)
{
	static struct journal_hold h[4096];
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	struct journal_writer *w = journal_writer_at(j, 0);
	static char text[4096];
	uint64_t n = 0;

	memset(text, 'y', sizeof text);
	while (n < 4096 && hold(w, &h[n], n) == 0)
		n++;
	ck_assert_uint_lt(n, 4096);
	ck_assert(!journal_ready(w));
	for (uint64_t i = 0; i < n; i++) {
		struct rec_settle rec = sample_settle(i);

		for (unsigned b = 0; b < USAGE__MAX; b++)
			rec.usage.n[b] = UINT64_MAX;
		rec.model_served = rec.service_tier = rec.provider_request_id =
			str_mk(text, sizeof text);
		if (i % 2 == 0) /* longer strings than the hold's: they are dropped */
			rec.who.session = str_mk(text, 1000);
		journal_settle(w, &h[i], &rec, FOLDER_NOW);
	}
	for (unsigned i = 0; i < 5; i++) {
		journal_turn_end(w);
		tick(j);
	}
	for (uint64_t i = 0; i < n; i++)
		ck_assert_uint_eq(told.ids[i].settles, 1);
	ck_assert(journal_ready(w));
	ck_assert_int_eq(hold(w, &h[0], n), 0);
	settle(w, &h[0], n);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* The few pages that are written to are always the same: two fronts take turns, early. */
START_TEST(fronts_take_turns)
{
	struct journal_options opt = folder_options(1);
	struct journal *j;
	struct journal_writer *w;
	struct journal_hold h = { .open = false };
	const struct journal_front *was;
	unsigned turns = 0;

	opt.segment_bytes = 16 << 20; /* fronts of 4 MB */
	j = folder_open(&opt);
	w = journal_writer_at(j, 0);
	for (uint64_t n = 0; n < 20000; n++) {
		was = w->front;
		ck_assert_int_eq(hold(w, &h, n), 0);
		settle(w, &h, n);
		if (n % 16 == 0) {
			journal_turn_end(w);
			tick(j);
		}
		turns += w->front != was;
		ck_assert_uint_lt(w->at, JOURNAL_HOT_BYTES + 65536);
	}
	ck_assert_uint_gt(turns, 10);
	ck_assert_uint_eq(files_with(".tgf"), 2);
	tick(j);
	for (uint64_t n = 0; n < 20000; n++)
		ck_assert_uint_eq(told.ids[n].settles, 1);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* ---- the archive */

static void pack_all(struct journal *j)
{
	for (unsigned i = 0; i < 200; i++)
		tick_after(j, 100000);
}

static void fill_segments(struct journal *j, struct journal_writer *w, uint64_t *n, unsigned count)
{
	uint64_t until = j->out.number + count;
	struct journal_hold h = { .open = false };

	while (j->out.number < until) {
		ck_assert_int_eq(hold(w, &h, *n), 0);
		settle(w, &h, (*n)++);
		if (*n % 100 == 0)
			tick(j);
	}
}

START_TEST(finished_segments_are_compressed)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	uint64_t n = 0;
	struct folder_sum sum;
	struct stat st;
	char path[SEGMENT_PATH_MAX];

	fill_segments(j, journal_writer_at(j, 0), &n, 4);
	now.us += JOURNAL_PACK_AFTER_US - 1;
	for (unsigned i = 0; i < 50; i++)
		tick_after(j, 100000);
	ck_assert_uint_eq(j->n_sealed, 4);
	ck_assert_uint_eq(files_with(".zst"), 0); /* not at once */
	now.us++;
	pack_all(j);
	ck_assert_uint_eq(files_with(".zst"), 4);
	ck_assert_uint_eq(files_with(".tgj"), 1); /* the next one is made when this is half full */
	ck_assert_uint_eq(files_with(".tmp"), 0);
	ck_assert_int_ge(tick(j), 100000); /* nothing left to do */
	sum = folder_read();
	ck_assert_uint_eq(sum.compressed, 4);
	for (uint64_t i = 0; i < n; i++)
		ck_assert(sum.ids[i].holds == 1 && sum.ids[i].settles == 1);
	folder_sum_free(&sum);
	ck_assert_int_eq(segment_path(path, folder_journal, 1, ".zst"), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0640);
	ck_assert_int_lt(st.st_size, (off_t)FOLDER_SEGMENT / 3);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* However much there is to compress: for each part of the time that it takes, many without it. */
START_TEST(compression_rests_between_slices)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt);
	unsigned rounds = 0, worked = 0;
	uint64_t n = 0;

	fill_segments(j, journal_writer_at(j, 0), &n, 4);
	now.us += JOURNAL_PACK_AFTER_US;
	tick_after(j, 1000000);
	ck_assert(journal_pack_has(j, 1));
	while (files_with(".zst") < 4) {
		mono_us was = j->pack_at;

		ck_assert_int_ge(tick_after(j, 20), 0);
		worked += j->pack_at.us != was.us;
		ck_assert_uint_lt(++rounds, 1000000);
	}
	ck_assert_uint_eq(worked, 8 - 1); /* a beginning and a slice each */
	ck_assert_uint_gt(rounds, 4 * worked);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* Only what is old, and behind the consumer's own files. */
START_TEST(old_segments_are_deleted_when_their_consumer_is_safe)
{
	struct journal_options opt = folder_options(1);
	struct journal *j;
	uint64_t n = 0, floor;
	wall_us later = { clock_wall().us + 3600 * INT64_C(1000000) };

	opt.retain_us = 1800 * INT64_C(1000000);
	j = folder_open(&opt);
	fill_segments(j, journal_writer_at(j, 0), &n, 4);
	for (unsigned i = 0; i < 50; i++)
		tick(j);
	floor = journal_consumed_floor(j);
	ck_assert_uint_eq(floor, 5);
	for (unsigned i = 0; i < 20; i++) {
		mono.us += 1000000;
		journal_tick(j, later, mono, tell, NULL);
	}
	ck_assert_uint_eq(files_with(".zst"), 4); /* nobody has said that they are consumed */
	journal_consumed_durable(j, 3);
	for (unsigned i = 0; i < 20; i++) {
		mono.us += 1000000;
		journal_tick(j, later, mono, tell, NULL);
	}
	ck_assert_uint_eq(files_with(".zst"), 2);
	journal_consumed_durable(j, floor);
	for (unsigned i = 0; i < 20; i++)
		tick_after(j, 1000000); /* not old enough at this time */
	ck_assert_uint_eq(files_with(".zst"), 2);
	for (unsigned i = 0; i < 20; i++) {
		mono.us += 1000000;
		journal_tick(j, later, mono, tell, NULL);
	}
	ck_assert_uint_eq(files_with(".zst"), 0);
	ck_assert_uint_eq(stats(j).segments, 1);
	journal_close(j, FOLDER_NOW);
}
END_TEST

/* ---- who may open it */

START_TEST(one_process_at_a_time)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = folder_open(&opt), *other = NULL;
	char err[512] = "", pid[32];
	uint64_t incarnation = journal_incarnation(j);

	ck_assert_int_eq(journal_open(&other, &opt, FOLDER_NOW, err, sizeof err), -1);
	snprintf(pid, sizeof pid, "process %ld:", (long)getpid());
	ck_assert_msg(strstr(err, pid) != NULL && strstr(err, folder) != NULL, "%s", err);
	journal_close(j, FOLDER_NOW);
	j = folder_open(&opt);
	ck_assert(journal_incarnation(j) != incarnation);
	journal_close(j, FOLDER_NOW);
}
END_TEST

START_TEST(a_folder_that_cannot_be_is_named)
{
	struct journal_options opt = folder_options(1);
	struct journal *j = NULL;
	char err[512] = "", path[128], deep[600];

	snprintf(path, sizeof path, "%s/no/such", folder);
	opt.path = path;
	ck_assert_int_eq(journal_open(&j, &opt, FOLDER_NOW, err, sizeof err), -1);
	ck_assert_msg(strstr(err, path) != NULL, "%s", err);
	memset(deep, 'a', sizeof deep - 1);
	deep[sizeof deep - 1] = 0;
	opt.path = deep;
	ck_assert_int_eq(journal_open(&j, &opt, FOLDER_NOW, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "too long") != NULL, "%s", err);
}
END_TEST

START_TEST(numbers_rise_over_incarnations)
{
	struct journal_options opt = folder_options(2);
	uint64_t highest = 0;

	for (unsigned i = 0; i < 4; i++) {
		struct journal *j = folder_open(&opt);
		struct journal_hold h = { .open = false };

		ck_assert_uint_gt(j->out.number, highest);
		highest = j->out.number;
		for (unsigned k = 0; k < 2; k++) {
			struct journal_writer *w = journal_writer_at(j, k);

			ck_assert_int_eq(hold(w, &h, i * 2 + k), 0);
			settle(w, &h, i * 2 + k);
		}
		tick(j);
		journal_close(j, FOLDER_NOW);
	}
	ck_assert_uint_eq(files_with(".tgj"), 4);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(told.ids[i].settles, 1);
}
END_TEST

/* ---- threads */

static struct {
	struct journal *j;
	_Atomic bool stop;
	_Atomic uint64_t refused;
	uint64_t told;
} shared;

static void tell_count(void *arg, const struct rec *r, struct journal_position at)
{
	(void)arg;
	(void)at;
	shared.told += r->type == REC_SETTLE;
}

static void *ledger_main(void *arg)
{
	(void)arg;
	while (!atomic_load(&shared.stop))
		journal_sleep(shared.j,
			journal_tick(shared.j, FOLDER_NOW, clock_mono(), tell_count, NULL));
	return NULL;
}

#define PER_THREAD 6000

static void *writer_main(void *arg)
{
	struct journal_writer *w = arg;
	struct journal_hold h[8] = { { .open = false } };
	uint64_t from = w->index * PER_THREAD;

	for (uint64_t i = 0; i < PER_THREAD + 8; i++) {
		struct journal_hold *k = &h[i % 8];

		if (i >= 8)
			settle(w, k, from + i - 8);
		while (i < PER_THREAD && hold(w, k, from + i) != 0) {
			atomic_fetch_add(&shared.refused, 1);
			journal_turn_end(w);
			usleep(1000);
		}
		if (i % 5 == 0)
			journal_turn_end(w);
	}
	journal_turn_end(w);
	return NULL;
}

START_TEST(two_writers_and_the_ledger_thread)
{
	struct journal_options opt = folder_options(2);
	pthread_t t[3];
	struct folder_sum sum;
	struct journal_stats st;

	opt.interval_us = 1000;
	shared.j = folder_open(&opt);
	ck_assert_int_eq(pthread_create(&t[2], NULL, ledger_main, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(
			pthread_create(&t[i], NULL, writer_main, journal_writer_at(shared.j, i)),
			0);
	do { /* figures are read meanwhile, from a third thread */
		journal_stats_get(shared.j, &st);
		usleep(1000);
	} while (st.open_holds > 0 || st.records < 4 * PER_THREAD || st.unsynced_bytes > 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	atomic_store(&shared.stop, true);
	journal_wake(shared.j);
	pthread_join(t[2], NULL);
	mono.us = clock_mono().us + 1000000;
	while (journal_tick(shared.j, FOLDER_NOW, mono, tell_count, NULL) == 0)
		;
	ck_assert_uint_eq(shared.told, 2 * PER_THREAD);
	journal_close(shared.j, FOLDER_NOW);
	sum = folder_read();
	for (unsigned i = 0; i < 2 * PER_THREAD; i++)
		ck_assert(sum.ids[i].holds == 1 && sum.ids[i].settles == 1);
	ck_assert(sum.unknown == 0 && sum.holes == 0);
	folder_sum_free(&sum);
}
END_TEST

/* Asleep for an hour, it is woken by a turn that wrote: the test would hang otherwise. */
START_TEST(a_turn_that_wrote_wakes_the_ledger_thread)
{
	struct journal_options opt = folder_options(1);
	struct journal_hold h = { .open = false };
	struct journal_writer *w;
	pthread_t t;

	shared.j = folder_open(&opt);
	w = journal_writer_at(shared.j, 0);
	journal_turn_end(w); /* the first one, for OPEN */
	for (unsigned i = 0; i < 3; i++)
		tick(shared.j);
	ck_assert_int_eq(pthread_create(&t, NULL, ledger_main, NULL), 0);
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(hold(w, &h, i), 0);
		settle(w, &h, i);
		journal_turn_end(w);
		while (!journal_synced(w, h.position))
			usleep(100);
	}
	atomic_store(&shared.stop, true);
	journal_wake(shared.j);
	pthread_join(t, NULL);
	ck_assert_uint_eq(shared.told, 20);
	journal_close(shared.j, FOLDER_NOW);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_record_is_told_once_and_kept);
	tcase_add_test(tc, the_consumer_says_what_it_wants);
	tcase_add_test(tc, nothing_is_told_before_it_is_durable);
	tcase_add_test(tc, strict_syncs_at_once_and_says_so);
	tcase_add_test(tc, open_holds_are_carried_through_every_segment);
	tcase_add_test(tc, fronts_grow_with_what_is_open);
	tcase_add_test(tc, fronts_grow_before_they_are_full);
	tcase_add_test(tc, fronts_take_turns);
	tcase_add_test(tc, a_settlement_always_fits);
	tcase_add_test(tc, finished_segments_are_compressed);
	tcase_add_test(tc, compression_rests_between_slices);
	tcase_add_test(tc, old_segments_are_deleted_when_their_consumer_is_safe);
	tcase_add_test(tc, one_process_at_a_time);
	tcase_add_test(tc, a_folder_that_cannot_be_is_named);
	tcase_add_test(tc, numbers_rise_over_incarnations);
	tcase_add_test(tc, two_writers_and_the_ledger_thread);
	tcase_add_test(tc, a_turn_that_wrote_wakes_the_ledger_thread);
}

UNIT_MAIN("journal", tests)
