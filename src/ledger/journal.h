/*
 * journal.h: the write-ahead ledger while the process runs. Each worker writes to a file that is
 * mapped into memory, its front (front.h): by memory copy, what is copied survives kill -9. The
 * ledger thread brings what all have written to one segment (segment.h), durable in groups.
 *
 *	worker:  journal_hold -> [leg, progress, extend] -> settle | void      memory copies, no
 *system call ledger:  journal_tick every 10 ms, or when woken: one write and fdatasync for all,
 *consumed (rollup); segments made ready, sealed, compressed, retired
 *
 * A hold reserves room in its front for its own settlement: a settle never fails. While nothing can
 * be made durable (no space left on the disk, an I/O error, a read-only file system) holds are
 * refused, and admitted again without a restart when the disk takes data again. What could not be
 * written is still in the fronts and is written then: nothing is lost.
 */
#ifndef TG_LEDGER_JOURNAL_H
#define TG_LEDGER_JOURNAL_H

#include <stdatomic.h>

#include "base/list.h"
#include "ledger/record.h"

enum journal_durability {
	JOURNAL_GROUP,  /* fdatasync every interval; a hold does not wait */
	JOURNAL_STRICT, /* a hold waits for its fdatasync */
	JOURNAL_OFF,    /* no fdatasync: tests */
};

struct journal_options {
	const char *path; /* the ledger's folder; made when missing */
	struct str member;
	unsigned n_writers;
	uint64_t segment_bytes;
	enum journal_durability durability;
	int64_t interval_us; /* group: 10 ms */
	int64_t retain_us;   /* sealed segments older than this are deleted; 0: never */
	uint32_t told;       /* bits 1 << REC_x: records that `consume` wants; 0: all */
	uint32_t generation;
	const char *build; /* version text */
	bool salvage;      /* start although records that were on disk cannot be read any more */
};

struct journal;
struct journal_writer;

struct journal_copy;

struct journal_hold {     /* embedded in the request; zeroed at its start */
	struct list node; /* among the writer's open holds, while open */
	struct rec_id id;
	struct journal_copy *copy; /* of its records, to be carried into newer segments */
	uint32_t copy_bytes, progress_bytes;
	uint32_t reserved; /* for its settlement */
	uint64_t position; /* for journal_synced */
	bool open;
};

/* How far consumers have come: every record before it is in. Segments below `floor` are done. */
struct journal_position {
	uint64_t segment, offset;
};

/*
 * The lock of whoever writes to a ledger, without opening its journal: a descriptor to close, which
 * unlocks. -1 with err: another process (named) has it.
 */
int journal_lock(const char *ledger, char *err, size_t err_len) TG_MUST_CHECK;
/*
 * Lock the folder (another process: -1 naming its pid), recover (see recover.h), begin a new
 * incarnation. -1 with err that says what to do. Before workers start; any thread. What recovery
 * settled is in the new incarnation's first segment when this returns: for who reads the files, not
 * told to `consume`. SIGBUS is handled from here on for the journal's own mappings (elsewhere it
 * does what it did before), SIGXFSZ ignored when nobody handles it.
 */
int journal_open(struct journal **out, const struct journal_options *opt, wall_us now, char *err,
	size_t err_len) TG_MUST_CHECK;
/*
 * Every writer has stopped: CLOSE, sync, seal, unlock, free. Records that no journal_tick has
 * handed over stay in the files. Holds that are still open are settled by the next start.
 */
void journal_close(struct journal *j, wall_us now);
struct journal_writer *journal_writer_at(struct journal *j, unsigned i);
uint64_t journal_incarnation(const struct journal *j);

/* ---- the writer's thread */

/* -1: refused, no room can be had now. rec fills h; h must stay put until it is closed. */
int journal_hold(struct journal_writer *w, struct journal_hold *h, const struct rec_hold *rec,
	wall_us now) TG_MUST_CHECK;
/* -1: refused (the reservation has to grow): the next leg must not be sent. */
int journal_leg(struct journal_writer *w, struct journal_hold *h, const struct rec_leg *rec,
	wall_us now) TG_MUST_CHECK;
/* Dropped when there is no room: it only sharpens recovery. */
void journal_progress(struct journal_writer *w, struct journal_hold *h,
	const struct rec_progress *rec, wall_us now);
/* -1: refused, no room can be had now: no more of the answer may be let come than was held. */
int journal_extend(struct journal_writer *w, struct journal_hold *h, const struct rec_extend *rec,
	wall_us now) TG_MUST_CHECK;
/* Never fail. h is closed. */
void journal_settle(struct journal_writer *w, struct journal_hold *h, const struct rec_settle *rec,
	wall_us now);
void journal_void(
	struct journal_writer *w, struct journal_hold *h, const struct rec_void *rec, wall_us now);
/* Would a hold be taken now? (for refusing before work is done) */
bool journal_ready(const struct journal_writer *w);
/* Does a hold wait for its fdatasync? */
bool journal_is_strict(const struct journal_writer *w);
/* strict: is everything up to h->position on disk? */
bool journal_synced(const struct journal_writer *w, uint64_t position);
/* Since the last call something was written: wakes the ledger thread when it sleeps. At the end of
 * the worker's turn. */
void journal_turn_end(struct journal_writer *w);

/* ---- the ledger thread */

/*
 * Each new record once, in the order of its segment, after it is durable (group, strict), and the
 * position behind it: records of options.told. Carried copies are not told.
 */
typedef void journal_consume_f(void *arg, const struct rec *r, struct journal_position at);
/*
 * One round: make ready what will be needed, write and fdatasync what is new, hand its records to
 * `consume`, seal, compress a slice, retire. Returns microseconds until it wants to run again when
 * nobody wakes it.
 */
int64_t journal_tick(
	struct journal *j, wall_us now, mono_us mono, journal_consume_f *consume, void *arg);
/* Sleep until woken by a writer (or journal_wake) or for us microseconds. */
void journal_sleep(struct journal *j, int64_t us);
void journal_wake(struct journal *j);
/*
 * fn is called on the ledger thread when what writer i wrote is on disk (strict), and when the
 * writer should take a turn (and with it call journal_turn_end): its open holds have to be carried
 * on.
 */
void journal_on_synced(struct journal *j, void (*fn)(void *arg, unsigned writer), void *arg);
/*
 * Where consumption stands: every record in segments below is with `consume`, or was in the files
 * before the first journal_tick. And back: whatever the consumer made of segments
 * below floor is on disk. Only those are ever deleted, once they are old enough; until the first
 * call none is.
 */
uint64_t journal_consumed_floor(const struct journal *j);
void journal_consumed_durable(struct journal *j, uint64_t floor);

struct journal_stats { /* any thread; figures of slightly different moments */
	uint64_t bytes, records, syncs, sync_us, failures, refused, segments, open_holds;
	uint64_t recovered_holds, torn_bytes;
	int64_t unsynced_bytes;
	bool failing;
	char why[160]; /* when failing */
};
void journal_stats_get(struct journal *j, struct journal_stats *out);

#endif
