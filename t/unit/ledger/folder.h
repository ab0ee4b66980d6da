/*
 * folder.h: what the journal's tests share: a ledger's folder that goes with the test, opening it,
 * and reading back every record that is in it, whatever form its segments have.
 */
#ifndef TG_UNIT_LEDGER_FOLDER_H
#define TG_UNIT_LEDGER_FOLDER_H

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/journal.h"
#include "ledger/recover.h"
#include "unit/ledger/sample.h"
#include "unit/unit.h"

#define FOLDER_SEGMENT ((uint64_t)256 * 1024)
#define FOLDER_NOW     ((wall_us){ 1764288000000000 })

static char folder[64]; /* the ledger's */
static char folder_journal[80];

static inline void folder_setup(void)
{
	strcpy(folder, "/tmp/tg-journal-XXXXXX");
	ck_assert(mkdtemp(folder) != NULL);
	snprintf(folder_journal, sizeof folder_journal, "%s/journal", folder);
}

static inline void folder_run(const char *what)
{
	char cmd[512];

	snprintf(cmd, sizeof cmd, "%s", what);
	ck_assert_int_eq(system(cmd), 0);
}

static inline void folder_teardown(void)
{
	char cmd[128];

	snprintf(cmd, sizeof cmd, "rm -rf %s", folder);
	folder_run(cmd);
}

static inline struct journal_options folder_options(unsigned writers)
{
	return (struct journal_options){ .path = folder,
		.member = STR("gw-1"),
		.n_writers = writers,
		.segment_bytes = FOLDER_SEGMENT,
		.durability = JOURNAL_GROUP,
		.interval_us = 10000,
		.generation = 1,
		.build = "test" };
}

static inline struct journal *folder_open(const struct journal_options *opt)
{
	struct journal *j = NULL;
	char err[512] = "";

	ck_assert_msg(journal_open(&j, opt, FOLDER_NOW, err, sizeof err) == 0, "%s", err);
	return j;
}

/* What `run` writes in a process that then dies without a word. */
static inline void in_dead_process(
	const struct journal_options *opt, void (*run)(struct journal *j))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		run(folder_open(opt));
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- what is in the files: counts by request */

#define FOLDER_IDS 65536

struct folder_seen { /* of sample_id(n) */
	unsigned holds, carried, legs, progress, extends, settles, crashed, voids;
	uint64_t bound_out; /* of the last HOLD or copy */
};

struct folder_sum {
	struct folder_seen *ids; /* FOLDER_IDS of them */
	unsigned opens, closes, checkpoints, writers, unknown;
	unsigned segments, compressed, holes;
	uint64_t records;
	struct rec_settle crash; /* the last CRASH_WORST one; no strings */
};

static inline void folder_count(struct folder_sum *sum, const struct rec *r)
{
	struct folder_seen *seen = &sum->ids[0];
	struct rec_id id = { .hi = 0 };

	sum->records += r->type != REC_WRITER;
	switch (r->type) {
	case REC_OPEN: sum->opens++; return;
	case REC_CLOSE: sum->closes++; return;
	case REC_CHECKPOINT: sum->checkpoints++; return;
	case REC_WRITER: sum->writers++; return;
	case REC_HOLD: id = r->u.hold.id; break;
	case REC_LEG: id = r->u.leg.id; break;
	case REC_PROGRESS: id = r->u.progress.id; break;
	case REC_EXTEND: id = r->u.extend.id; break;
	case REC_SETTLE: id = r->u.settle.id; break;
	case REC_VOID: id = r->u.voided.id; break;
	case REC_END: ck_abort(); break;
	}
	if (id.lo >= FOLDER_IDS || !rec_id_eq(id, sample_id(id.lo))) {
		sum->unknown++;
		return;
	}
	seen = &sum->ids[id.lo];
	seen->holds += r->type == REC_HOLD && !(r->flags & REC_CARRIED);
	seen->carried += r->type == REC_HOLD && (r->flags & REC_CARRIED);
	seen->legs += r->type == REC_LEG;
	seen->progress += r->type == REC_PROGRESS;
	seen->extends += r->type == REC_EXTEND;
	if (r->type == REC_HOLD)
		seen->bound_out = r->u.hold.bound.n[USAGE_OUT];
	seen->voids += r->type == REC_VOID;
	if (r->type == REC_SETTLE) {
		seen->settles++;
		if (r->u.settle.quality == QUALITY_CRASH_WORST) {
			seen->crashed++;
			sum->crash = r->u.settle;
		}
	}
}

/* To be freed with folder_sum_free. */
static inline struct folder_sum folder_read(void)
{
	struct folder_sum sum = { .ids = calloc(FOLDER_IDS, sizeof *sum.ids) };
	struct segment_list l;
	char err[512] = "";

	ck_assert_msg(segment_list_read(&l, folder_journal, err, sizeof err) == 0, "%s", err);
	for (size_t i = 0; i < l.n; i++) {
		struct segment_read s;
		uint64_t at = SEGMENT_HEAD, seq = 0;

		ck_assert_msg(segment_read_open(&s, l.v[i].path, err, sizeof err) == 0, "%s", err);
		ck_assert_uint_eq(s.info.number, l.v[i].number);
		sum.segments++;
		sum.compressed += l.v[i].compressed;
		for (;;) {
			struct rec r;
			enum rec_read rc = segment_next(&s, &at, &r);

			if (rc == REC_READ_OK) {
				ck_assert_uint_gt(r.seq, seq);
				seq = r.seq;
				folder_count(&sum, &r);
			} else if (segment_resync(&s, &at, seq)) {
				sum.holes++;
			} else {
				break;
			}
		}
		segment_read_close(&s);
	}
	segment_list_free(&l);
	return sum;
}

static inline void folder_sum_free(struct folder_sum *sum)
{
	free(sum->ids);
}

#endif
