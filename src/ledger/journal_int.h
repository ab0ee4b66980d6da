/*
 * journal_int.h: what the files of the journal share. Who touches what:
 *
 *	journal_writer.c   the writer's thread: records into its front, on to the next front
 *	journal_front.c    the ledger thread: fronts made, used again
 *	journal_out.c      the ledger thread: the segment that is written, its file
 *	journal_flush.c    the ledger thread: fronts to segment, to disk, to the consumer
 *	journal_tick.c     the ledger thread: its round, its sleep, what failed
 *	journal_archive.c  the ledger thread: sealing, retirement
 *	journal_pack.c     the ledger thread: compression
 *	journal_sigbus.c   the handler, on whichever thread faults
 *	journal_fold.c     opening: what dead writers left in their fronts
 *	journal.c          opening (with recovery) and closing, figures
 *
 *	writer 0  [finished] [current] [next] --+
 *	writer 1  [finished] [current] [next] --+--> one batch --> segment N    N - 1: to be sealed
 *	          fronts, mapped                     one fdatasync
 */
#ifndef TG_LEDGER_JOURNAL_INT_H
#define TG_LEDGER_JOURNAL_INT_H

#include <pthread.h>
#include <sys/types.h>

#include "base/stats.h"
#include "ledger/front.h"
#include "ledger/journal.h"
#include "ledger/recover.h"
#include "ledger/segment.h"

#define JOURNAL_MAGIC        0x4a524e4cu
#define JOURNAL_WRITER_MAGIC 0x4a525752u
#define JOURNAL_MIN_BYTES    ((uint64_t)256 * 1024)
#define JOURNAL_CLOSE_BYTES  64 /* kept free in every front: a CLOSE always fits */
#define JOURNAL_HOT_BYTES \
	((uint64_t)256 * 1024) /* of a front that are used, if the other is free */
#define JOURNAL_BATCH_BYTES  ((uint64_t)1 << 20)
#define JOURNAL_BLOCK        4096 /* direct I/O */
#define JOURNAL_RETRY_MIN_US 100000
#define JOURNAL_RETRY_MAX_US 1000000
#define JOURNAL_COMPLAIN_US  10000000 /* between two attempts at what is not urgent */
#define JOURNAL_PACK_AFTER_US \
	INT64_C(60000000) /* sealed segments are compressed when they are so old */

struct journal_front {
	struct list node; /* its writer's queue: finished ones, the current one, the next */
	struct journal_writer *w;
	int fd;
	uint64_t number, bytes;
	char *map;
	int guard;     /* its place among the mappings that SIGBUS is handled for; -1: none */
	uint64_t base; /* the writer's: position of its byte 0 among all that the writer wrote */

	_Atomic uint64_t end;  /* the records before it are whole */
	_Atomic bool finished; /* `end` is final: the writer has gone on to the next */
	_Atomic bool faulted;  /* SIGBUS: a page of the mapping is no longer the file's */

	/* The ledger thread's. */
	uint64_t flushed; /* on disk in segments */
	bool told;        /* that it faulted */
};

struct journal_copy {     /* a hold's HOLD and PROGRESS as they are to be carried */
	struct list node; /* of the writer's copies */
	uint32_t cap;
	_Alignas(8) char bytes[];
};

struct journal_writer {
	unsigned magic;
	unsigned index;
	struct journal *j;

	/* The writer's thread. */
	struct journal_front *front;
	uint64_t at, seq;
	uint32_t stamp;
	uint64_t reserved; /* for the settlements of open holds */
	uint64_t carry;    /* what carrying them takes */
	uint64_t typical;  /* what the last hold took */
	struct list open;
	struct list copies, free_copies;
	bool wrote; /* since the last journal_turn_end */
	bool asked; /* woke the ledger thread for room, and has had none since */
	struct stat_counter records, bytes, refused;
	_Atomic uint64_t n_open;

	/* Between the two. */
	char apart[TG_CACHE_LINE];
	_Atomic(struct journal_front *) next; /* given by the ledger thread, taken by the writer */
	_Atomic(struct journal_front *) rejected; /* the way back, for one that is too small */
	_Atomic uint64_t next_bytes;              /* of `next`; a hint */
	_Atomic uint64_t load; /* reserved and carried when last looked at: sizes the next front */
	_Atomic bool blocked;  /* nothing can be made durable: no holds */
	_Atomic bool checkpoint; /* carry what is open, at the next occasion */
	_Atomic bool dirty;      /* something was written since the ledger thread last looked */
	_Atomic uint64_t synced; /* position up to which all is on disk */

	/* The ledger thread's. */
	struct list fronts;
	uint64_t come;       /* seq of its next record to be brought to the segment */
	uint64_t carried_to; /* what is open is, or has a copy, in segments from this one on */
	uint64_t
		asked_for; /* the CHECKPOINT that was asked for will be for this one; 0: none was */
};

struct journal_out { /* the segment that is written; fd -1: none */
	int fd;
	bool direct;
	uint64_t number, bytes, seq;
	uint64_t synced;   /* all before it is on disk */
	uint64_t zeroed;   /* up to here blocks have been written to */
	uint64_t marked;   /* what its header says of that */
	mono_us marked_at; /* since when */
	char *first;       /* its first block, as on disk */
	unsigned failures; /* in a row */
};

struct journal_extent { /* of the batch: a part of a front */
	struct journal_front *f;
	uint64_t to;
	uint64_t next; /* seq of the writer's record behind it */
	uint64_t at;   /* in the segment */
};

struct journal_sealed {
	uint64_t number;
	int64_t mtime_us;
	bool compressed;
};

struct journal_full { /* a segment that is full and not sealed yet */
	uint64_t number, end;
};

struct journal_packing; /* journal_pack.c */

struct journal {
	unsigned magic;
	struct journal_options opt;
	char folder[SEGMENT_PATH_MAX]; /* PATH/journal */
	char member[64];
	char *path, *build;
	int lock_fd, folder_fd;
	uint64_t incarnation, next_number, next_front;
	struct journal_writer *writers;

	_Atomic uint32_t wake_word; /* futex: rises with each wake */
	_Atomic bool asleep;        /* the ledger thread wants to be woken by what is written */

	/* The ledger thread's. */
	uint32_t woken; /* wake_word when the tick began */
	bool idle;      /* nothing to do before something is written */
	wall_us now;
	mono_us mono, last_sync;
	mono_us retry_at; /* of what holds wait for */
	mono_us keep_at;  /* of sealing, compressing, deleting */
	mono_us retire_at, pack_at;
	int64_t retry_us; /* 0: nothing has failed */
	uint64_t floor_durable;
	void (*on_synced)(void *arg, unsigned writer);
	void *on_synced_arg;

	struct journal_out out, spare;
	/* The batch: from the block that out.synced is in, over the records, to the next block. */
	char *batch;
	uint64_t batch_n; /* bytes of records */
	bool batch_full, formed;
	bool stuck;    /* the last attempt failed */
	bool more;     /* the last round did not get to the end */
	unsigned turn; /* who is first in the next batch */
	struct journal_extent *extents;
	size_t n_extents, cap_extents;

	struct journal_full *full; /* by number */
	size_t n_full, cap_full;
	struct journal_sealed *sealed; /* by number */
	size_t n_sealed, cap_sealed;
	struct journal_packing *packing; /* being compressed */

	struct stat_counter syncs, sync_us, synced_bytes, failures, segments, recovered_holds;
	struct stat_counter torn_bytes;
	_Atomic bool failing;
	pthread_mutex_t why_lock;
	char why[160];
};

/* The calls that can fail for reasons that tests have to make up. */
struct journal_sys {
	int (*fdatasync)(int fd);
	ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t at); /* to segments */
	int (*fallocate)(int fd, off_t at, off_t n); /* an errno, as posix_fallocate */
};
extern struct journal_sys journal_sys;

/* journal_writer.c; before the writer's thread runs, too */
void journal_writer_begin(struct journal_writer *w, struct journal_front *first);
/* Its only front is on disk up to the end: from its beginning again. Without a ledger thread. */
void journal_writer_rewind(struct journal_writer *w);
void journal_writer_fini(struct journal_writer *w);
void journal_append(struct journal_writer *w, enum rec_type type, const void *payload, wall_us now);
/* Room for a record of n bytes, without reserving any. */
bool journal_writer_fits(const struct journal_writer *w, uint64_t n);

/* journal_front.c */
/* How large the writer's next front should be. */
uint64_t journal_front_bytes(const struct journal_writer *w);
/* A new front at the end of the writer's queue; NULL with errno. */
struct journal_front *journal_front_new(struct journal_writer *w, uint64_t bytes);
/* Give the mapping and the file back; the file stays, or goes. */
void journal_front_free(struct journal_front *f, bool unlink_file);
/* Make the next front ready where it is missing. */
void journal_front_prepare(struct journal *j);
/* Finished ones that are on disk up to their end become the next, or go. */
void journal_front_recycle(struct journal *j);

/* journal_out.c */
int journal_sync_folder(struct journal *j) TG_MUST_CHECK;
int journal_sync_file(struct journal *j, int fd) TG_MUST_CHECK;
/* A new segment: blocks, header and name on disk. -1 with errno. */
int journal_out_make(struct journal *j, struct journal_out *o) TG_MUST_CHECK;
void journal_out_close(struct journal_out *o);
/* And the file goes: it never held a record. */
void journal_out_drop(struct journal *j, struct journal_out *o);
/* There is one to write to, and the next is made in time. What fails is said; -1: there is none. */
int journal_out_ready(struct journal *j) TG_MUST_CHECK;
/* It is full: the next one becomes the one that is written. */
void journal_out_next(struct journal *j);
/* The batch's blocks, and all on disk. -1 with errno: it can be tried again. */
int journal_out_write(struct journal *j) TG_MUST_CHECK;
/* The blocks that the next batches will go to. */
void journal_out_zero_ahead(struct journal *j);
/* The batch is over: the next one goes behind it. */
void journal_out_advance(struct journal *j);
/* The file is replaced by a copy of what is on disk, under the same name. -1 with errno: as before.
 */
int journal_out_replace(struct journal *j) TG_MUST_CHECK;

/* journal_flush.c */
enum journal_flushed {
	JOURNAL_FLUSH_NOTHING, /* there was nothing to be written */
	JOURNAL_FLUSH_DONE,    /* all that there was is on disk */
	JOURNAL_FLUSH_MORE,    /* a batch is, or the segment was full (is there another?) */
	JOURNAL_FLUSH_FAILED,  /* said, and to be tried again */
};
/* One batch into the segment that is written (there must be one). */
enum journal_flushed journal_flush(struct journal *j, journal_consume_f *consume, void *arg);
/* Is there anything that is not on disk? */
bool journal_is_dirty(const struct journal *j);

/* journal_fold.c */
/* What fronts alone have, to new segments: those follow in r->unsealed. -1 with errno. */
int journal_fold(struct journal *j, struct recover_report *r) TG_MUST_CHECK;

/* journal_tick.c */
/* All that there is, with a sync each batch, until it is on disk. -1: failed, and said. */
int journal_flush_all(struct journal *j) TG_MUST_CHECK;
/* What holds depend on failed; tried again after a while. */
void journal_fail(struct journal *j, const char *doing, const char *path, int error);
/* The same of what can wait. */
void journal_complain(struct journal *j, const char *doing, const char *path, int error);

/* journal_archive.c */
int journal_archive_add(
	struct journal *j, uint64_t number, bool compressed, int64_t mtime_us) TG_MUST_CHECK;
/* A segment of this incarnation that is written to its end, or of another. */
void journal_archive_full(struct journal *j, uint64_t number, uint64_t end);
/* Cut to its length and marked. whole: everything before `end` can be read. */
int journal_seal(struct journal *j, uint64_t number, uint64_t end, bool whole) TG_MUST_CHECK;
/* Seal one that nothing open is left in; then the same, whatever is open. */
void journal_archive_seal(struct journal *j);
int journal_archive_seal_all(struct journal *j) TG_MUST_CHECK;
void journal_archive_retire(struct journal *j);
void journal_archive_close(struct journal *j);

/* journal_pack.c */
/* Compress a slice when its time has come; true: j->pack_at is when it goes on. */
bool journal_pack(struct journal *j);
bool journal_pack_has(const struct journal *j, uint64_t number);
/* As if it had not begun. */
void journal_pack_drop(struct journal *j);

/* journal_sigbus.c */
void journal_guard_install(void);
int journal_guard_add(struct journal_front *f); /* -1: too many */
void journal_guard_remove(struct journal_front *f);

#endif
