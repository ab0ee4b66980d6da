/*
 * journal.c: opening a ledger's folder and closing it. One process at a time owns it (the lock);
 * each is an incarnation with a number of its own. No thread of the journal's own: whoever opens
 * plays the writers' and the ledger thread's parts until they start.
 *
 *	lock -> scan what was left -> what only fronts have, to a segment
 *	     -> new fronts, a new segment: OPEN, SETTLE what was open -> sync
 *	     -> old fronts go -> old segments are sealed
 *
 * In this order, because a crash anywhere must find what it needs: old segments are unsealed, and
 * with them what was open, until the settlements are on disk; and unsealed segments say what of a
 * front has arrived, so they are sealed when it is gone.
 */
#include "ledger/journal_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <dirent.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/log.h"
#include "ledger/recover.h"

static int fail(char *err, size_t err_len, const char *path, const char *doing)
{
	snprintf(err, err_len, "%s: cannot be %s: %s", path, doing, strerror(errno));
	return -1;
}

/* ---- the folder */

static int make_folder(const char *path, char *err, size_t err_len)
{
	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		return fail(err, err_len, path, "made");
	return 0;
}

static int refuse_lock(int fd, const char *path, char *err, size_t err_len)
{
	char pid[32] = "?";
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

	if (n > 0)
		pid[strcspn(pid, "\n")] = 0;
	snprintf(err, err_len,
		"%s: held by process %s: another gateway writes this ledger. Stop it, or give this "
		"one a "
		"folder of its own",
		path, pid);
	return -1;
}

static int lock_file(int fd, const char *path, char *err, size_t err_len)
{
	char pid[32];
	int n;

	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? refuse_lock(fd, path, err, err_len)
					    : fail(err, err_len, path, "locked");
	n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return fail(err, err_len, path, "written");
	return 0;
}

int journal_lock(const char *ledger, char *err, size_t err_len)
{
	char path[SEGMENT_PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/lock", ledger), fd;

	tg_assert(n > 0 && (size_t)n < sizeof path);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0640);
	if (fd < 0)
		return fail(err, err_len, path, "opened");
	if (lock_file(fd, path, err, err_len) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int lock_folder(struct journal *j, char *err, size_t err_len)
{
	j->lock_fd = journal_lock(j->path, err, err_len);
	return j->lock_fd < 0 ? -1 : 0;
}

/* What a crash left half made. */
static void remove_tmp(struct journal *j)
{
	DIR *dir = opendir(j->folder);
	const struct dirent *d;

	if (dir == NULL)
		return;
	while ((d = readdir(dir)) != NULL)
		if (str_ends(str_z(d->d_name), STR(".tmp")))
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
}

static int open_folder(struct journal *j, char *err, size_t err_len)
{
	/* room for a segment's name behind it */
	int n = snprintf(j->folder, sizeof j->folder, "%s/journal", j->path);

	if (n < 0 || (size_t)n + 40 >= sizeof j->folder) {
		snprintf(err, err_len, "a ledger's path is too long, at most %zu bytes: %s",
			sizeof j->folder - 50, j->path);
		return -1;
	}
	if (make_folder(j->path, err, err_len) != 0 || lock_folder(j, err, err_len) != 0 ||
		make_folder(j->folder, err, err_len) != 0)
		return -1;
	j->folder_fd = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->folder_fd < 0)
		return fail(err, err_len, j->folder, "opened");
	remove_tmp(j);
	return 0;
}

/* ---- what was there */

/* Sealed ones, for compression and retirement; unsealed ones follow when they are sealed. */
static int list_sealed(struct journal *j, const struct recover_report *r, char *err, size_t err_len)
{
	struct segment_list l;
	size_t u = 0;
	int rc = 0;

	if (segment_list_read(&l, j->folder, err, err_len) != 0)
		return -1;
	for (size_t i = 0; i < l.n && rc == 0; i++) {
		struct stat st;

		stat_add(&j->segments, 1);
		while (u < r->n_unsealed && r->unsealed[u].info.number < l.v[i].number)
			u++;
		if (u < r->n_unsealed && r->unsealed[u].info.number == l.v[i].number)
			continue;
		if (stat(l.v[i].path, &st) == 0)
			rc = journal_archive_add(j, l.v[i].number, l.v[i].compressed,
				st.st_mtim.tv_sec * INT64_C(1000000) + st.st_mtim.tv_nsec / 1000);
	}
	segment_list_free(&l);
	return rc != 0 ? fail(err, err_len, j->folder, "listed") : 0;
}

static int retire_old(struct journal *j, const struct recovered_segment *s)
{
	char bad[SEGMENT_PATH_MAX + 8];

	if (s->damaged) { /* salvage: out of every reader's way, but kept */
		snprintf(bad, sizeof bad, "%s.bad", s->path);
		return rename(s->path, bad);
	}
	return journal_seal(j, s->info.number, s->end, s->whole);
}

static int seal_old(struct journal *j, const struct recover_report *r, char *err, size_t err_len)
{
	for (size_t i = 0; i < r->n_unsealed; i++)
		if (retire_old(j, &r->unsealed[i]) != 0)
			return fail(err, err_len, r->unsealed[i].path, "sealed");
	return journal_sync_folder(j) != 0 ? fail(err, err_len, j->folder, "synced") : 0;
}

/* ---- the fronts that were there */

static int remove_fronts(
	struct journal *j, const struct recover_report *r, char *err, size_t err_len)
{
	char path[SEGMENT_PATH_MAX];

	for (size_t i = 0; i < r->fronts.n; i++) {
		tg_assert(front_path(path, j->folder, r->fronts.v[i]) == 0);
		if (unlink(path) != 0 && errno != ENOENT)
			return fail(err, err_len, path, "removed");
	}
	return journal_sync_folder(j) != 0 ? fail(err, err_len, j->folder, "synced") : 0;
}

/* ---- the new incarnation */

static int first_front(struct journal *j, unsigned i, char *err, size_t err_len)
{
	struct journal_writer *w = &j->writers[i];
	struct rec_open open = { .member = str_z(j->member),
		.build = str_z(j->build),
		.incarnation = j->incarnation,
		.generation = j->opt.generation };
	struct journal_front *f = journal_front_new(w, journal_front_bytes(w));

	if (f == NULL)
		return fail(err, err_len, j->folder, "given a new file");
	journal_writer_begin(w, f);
	journal_append(w, REC_OPEN, &open, j->now);
	return 0;
}

static int flush_new(struct journal *j, char *err, size_t err_len)
{
	if (journal_flush_all(j) == 0)
		return 0;
	snprintf(err, err_len, "%s", j->why);
	return -1;
}

/* By writer 0. */
static int settle_open(struct journal *j, const struct recover_report *r, char *err, size_t err_len)
{
	struct journal_writer *w = &j->writers[0];

	for (size_t i = 0; i < r->n_holds; i++) {
		const struct rec_settle *s = &r->holds[i].settle;

		if (!journal_writer_fits(w, rec_bound(REC_SETTLE, s))) {
			if (flush_new(j, err, err_len) != 0)
				return -1;
			journal_writer_rewind(w);
		}
		journal_append(w, REC_SETTLE, s, j->now);
	}
	stat_add(&j->recovered_holds, r->n_holds);
	return flush_new(j, err, err_len);
}

/* Up to here nothing has changed for the next one who opens: what is new can go again. */
static int begin_new(struct journal *j, struct recover_report *r, char *err, size_t err_len)
{
	if (journal_fold(j, r) != 0)
		return fail(err, err_len, j->folder, "given a new segment");
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		if (first_front(j, i, err, err_len) != 0)
			return -1;
	return settle_open(j, r, err, err_len);
}

static void drop_new(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		list_foreach_safe (it, tmp, &j->writers[i].fronts)
			journal_front_free(list_entry(it, struct journal_front, node), true);
	if (j->n_full == 0) /* else its settlements count */
		journal_out_drop(j, &j->out);
	journal_out_drop(j, &j->spare);
}

static int begin(struct journal *j, struct recover_report *r, char *err, size_t err_len)
{
	j->next_number = r->next_segment;
	j->next_front = r->fronts.n > 0 ? r->fronts.v[r->fronts.n - 1] + 1 : 1;
	if (list_sealed(j, r, err, err_len) != 0)
		return -1;
	if (begin_new(j, r, err, err_len) != 0) {
		drop_new(j);
		return -1;
	}
	if (remove_fronts(j, r, err, err_len) != 0 || seal_old(j, r, err, err_len) != 0)
		return -1;
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		j->writers[i].carried_to = j->out.number;
	stat_add(&j->torn_bytes, r->torn_bytes);
	if (r->n_holds > 0 || r->torn_bytes > 0)
		log_notice("ledger recovered",
			"open_requests=%zu torn_bytes=%" PRIu64 " records_read=%" PRIu64,
			r->n_holds, r->torn_bytes, r->records);
	return 0;
}

static int recover_and_begin(struct journal *j, char *err, size_t err_len)
{
	struct recover_report r;
	int rc = recover_scan(j->folder, j->opt.salvage, &r, err, err_len);

	if (rc == 0)
		rc = begin(j, &r, err, err_len);
	recover_report_free(&r);
	return rc;
}

/* ---- opening and closing */

static struct journal *journal_new(const struct journal_options *opt, wall_us now)
{
	struct journal *j = calloc(1, sizeof *j);
	size_t n = opt->n_writers * sizeof *j->writers;

	tg_assert(j != NULL && opt->n_writers > 0);
	j->magic = JOURNAL_MAGIC;
	j->opt = *opt;
	j->opt.segment_bytes = TG_MAX(opt->segment_bytes, JOURNAL_MIN_BYTES);
	j->opt.told = opt->told != 0 ? opt->told : UINT32_MAX;
	j->path = str_dup(str_z(opt->path));
	j->build = str_dup(str_z(opt->build != NULL ? opt->build : ""));
	memcpy(j->member, opt->member.p, TG_MIN(opt->member.n, sizeof j->member - 1));
	j->opt.path = j->path;
	j->opt.build = j->build;
	j->opt.member = str_z(j->member);
	j->lock_fd = j->folder_fd = -1;
	j->now = now;
	j->mono = clock_mono();
	j->out.fd = j->spare.fd = -1;
	digest_random(&j->incarnation, sizeof j->incarnation);
	pthread_mutex_init(&j->why_lock, NULL);
	j->writers = aligned_alloc(
		TG_CACHE_LINE, (n + TG_CACHE_LINE - 1) & ~(size_t)(TG_CACHE_LINE - 1));
	tg_assert(j->writers != NULL);
	memset(j->writers, 0, n);
	for (unsigned i = 0; i < opt->n_writers; i++) {
		struct journal_writer *w = &j->writers[i];

		w->magic = JOURNAL_WRITER_MAGIC;
		w->index = i;
		w->j = j;
		w->come = 1;
		w->stamp = front_stamp(
			&(struct front_info){ .incarnation = j->incarnation, .writer = i });
		list_init(&w->open);
		list_init(&w->copies);
		list_init(&w->free_copies);
		list_init(&w->fronts);
	}
	return j;
}

static void journal_free(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++) {
		list_foreach_safe (it, tmp, &j->writers[i].fronts)
			journal_front_free(list_entry(it, struct journal_front, node), false);
		journal_writer_fini(&j->writers[i]);
	}
	journal_out_close(&j->out);
	journal_out_close(&j->spare);
	free(j->batch);
	free(j->extents);
	journal_archive_close(j);
	if (j->folder_fd >= 0)
		close(j->folder_fd);
	if (j->lock_fd >= 0)
		close(j->lock_fd);
	pthread_mutex_destroy(&j->why_lock);
	free(j->writers);
	free(j->path);
	free(j->build);
	FINI_OBJ(j);
	free(j);
}

int journal_open(struct journal **out, const struct journal_options *opt, wall_us now, char *err,
	size_t err_len)
{
	struct journal *j = journal_new(opt, now);

	journal_guard_install();
	if (open_folder(j, err, err_len) != 0 || recover_and_begin(j, err, err_len) != 0) {
		journal_free(j);
		return -1;
	}
	journal_front_prepare(j); /* when there is no room now: the ledger thread goes on trying */
	*out = j;
	return 0;
}

/* Not all could be written: the fronts are what the next start goes on from. */
static void keep_fronts(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		list_foreach (it, &j->writers[i].fronts)
			/* if that fails too, they are good for a start before the machine's next */
			(void)fdatasync(list_entry(it, struct journal_front, node)->fd);
	log_error("ledger closed with records that are in no segment yet",
		"why=\"%s\" effect=\"the next start writes them\"", j->why);
}

static void remove_own_fronts(struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		list_foreach_safe (it, tmp, &j->writers[i].fronts)
			journal_front_free(list_entry(it, struct journal_front, node), true);
}

static bool any_open(const struct journal *j)
{
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		if (atomic_load(&j->writers[i].n_open) > 0)
			return true;
	return false;
}

void journal_close(struct journal *j, wall_us now)
{
	CHECK_OBJ(j, JOURNAL_MAGIC);
	j->now = now;
	j->mono = clock_mono();
	j->on_synced = NULL; /* the writers are gone */
	for (unsigned i = 0; i < j->opt.n_writers; i++)
		journal_append(&j->writers[i], REC_CLOSE, NULL, now);
	if (journal_flush_all(j) != 0) {
		keep_fronts(j);
	} else {
		remove_own_fronts(j);
		journal_archive_full(j, j->out.number, j->out.synced);
		journal_out_drop(j, &j->spare); /* made meanwhile */
		/* What holds still are open in is the next start's to settle. */
		if (journal_sync_folder(j) != 0 ||
			(!any_open(j) && journal_archive_seal_all(j) != 0))
			journal_complain(j, "seal segments in", j->folder, errno);
	}
	journal_free(j);
}

struct journal_writer *journal_writer_at(struct journal *j, unsigned i)
{
	CHECK_OBJ(j, JOURNAL_MAGIC);
	tg_assert(i < j->opt.n_writers);
	return &j->writers[i];
}

uint64_t journal_incarnation(const struct journal *j)
{
	return j->incarnation;
}

void journal_stats_get(struct journal *j, struct journal_stats *out)
{
	CHECK_OBJ(j, JOURNAL_MAGIC);
	*out = (struct journal_stats){ .syncs = stat_get(&j->syncs),
		.sync_us = stat_get(&j->sync_us),
		.failures = stat_get(&j->failures),
		.segments = stat_get(&j->segments),
		.recovered_holds = stat_get(&j->recovered_holds),
		.torn_bytes = stat_get(&j->torn_bytes),
		.failing = atomic_load(&j->failing) };
	for (unsigned i = 0; i < j->opt.n_writers; i++) {
		struct journal_writer *w = &j->writers[i];

		out->bytes += stat_get(&w->bytes);
		out->records += stat_get(&w->records);
		out->refused += stat_get(&w->refused);
		out->open_holds += atomic_load(&w->n_open);
	}
	out->unsynced_bytes =
		(int64_t)(out->bytes - TG_MIN(out->bytes, stat_get(&j->synced_bytes)));
	pthread_mutex_lock(&j->why_lock);
	memcpy(out->why, j->why, sizeof out->why);
	pthread_mutex_unlock(&j->why_lock);
	if (!out->failing)
		out->why[0] = 0;
}
