/*
 * journal_int.h: what the files of the journal share. Who touches what:
 *
 *	journal_writer.c   the writer's thread: records into the mapping, rotation
 *	journal_sync.c     the ledger thread: tick, fdatasync, consumption, sleeping and waking
 *	journal_files.c    the ledger thread: next segments, sealing
 *	journal_rescue.c   the ledger thread: what a disk refused is written again
 *	journal_archive.c  the ledger thread: compression, retirement
 *	journal_sigbus.c   the handler, on whichever thread faults
 *	journal.c          opening (with recovery) and closing, figures
 *
 *	writer's queue:   [finished, not sealed yet] ...  [current]  [next, prepared]
 *	                   ledger thread                   writer     writer's to take
 */
#ifndef TG_LEDGER_JOURNAL_INT_H
#define TG_LEDGER_JOURNAL_INT_H

#include <pthread.h>
#include <sys/types.h>

#include "base/stats.h"
#include "ledger/journal.h"
#include "ledger/segment.h"

#define JOURNAL_MAGIC        0x4a524e4cu
#define JOURNAL_WRITER_MAGIC 0x4a525752u
#define JOURNAL_MIN_BYTES    ((uint64_t)256 * 1024)
#define JOURNAL_CLOSE_BYTES  64 /* kept free in every segment: a CLOSE always fits */
#define JOURNAL_RETRY_MIN_US 100000
#define JOURNAL_RETRY_MAX_US 1000000
#define JOURNAL_POLL_US      10000    /* for a writer that has to leave its segment */
#define JOURNAL_COMPLAIN_US  10000000 /* between two attempts at what is not urgent */

struct journal_seg {      /* a segment that is not sealed yet */
	struct list node; /* its writer's queue, by number */
	struct journal_writer *w;
	int fd;
	uint64_t number, bytes;
	uint32_t stamp;
	char *map;
	int guard; /* its place among the mappings that SIGBUS is handled for; -1: none */

	/* The writer's; set before `end` moves. */
	uint64_t base;      /* position of its byte 0 among all that the writer wrote */
	uint64_t carry_end; /* behind the CHECKPOINT it begins with */

	_Atomic uint64_t end;  /* the records before it are whole */
	_Atomic bool finished; /* `end` is final: the writer has gone on to the next */
	_Atomic bool faulted;  /* SIGBUS: a page of the mapping is no longer the file's */

	/* The ledger thread's. */
	uint64_t synced, consumed;
	bool suspect; /* the disk lost some of it: to be rescued */
	char *shadow; /* suspect: a copy of [shadow_from, shadow_to) */
	uint64_t shadow_from, shadow_to;
};

struct journal_writer {
	unsigned magic;
	unsigned index;
	struct journal *j;

	/* The writer's thread. */
	struct journal_seg *seg;
	uint64_t at, seq;
	uint64_t reserved; /* for the settlements of open holds */
	uint64_t carry;    /* what carrying them takes */
	uint64_t typical;  /* what the last hold took */
	struct list open;
	bool wrote; /* since the last journal_turn_end */
	bool asked; /* woke the ledger thread for room, and has had none since */
	struct stat_counter records, bytes, refused, n_open;

	/* Between the two. */
	char apart[TG_CACHE_LINE];
	_Atomic(struct journal_seg *) next; /* given by the ledger thread, taken by the writer */
	_Atomic(struct journal_seg *) rejected; /* the way back, for one that is too small */
	_Atomic uint64_t next_bytes;            /* of `next`; a hint */
	_Atomic uint64_t load;   /* reserved + carry when last looked at: sizes the next segment */
	_Atomic bool blocked;    /* no hold before what was written is safe */
	_Atomic bool move;       /* leave the segment for the next one at the next occasion */
	_Atomic bool dirty;      /* something was written since the ledger thread last looked */
	_Atomic uint64_t synced; /* position up to which all is on disk */

	/* The ledger thread's. */
	struct list segs;
};

struct journal_sealed {
	uint64_t number;
	int64_t mtime_us;
	bool compressed;
};

struct journal_packing; /* journal_archive.c */

struct journal {
	unsigned magic;
	struct journal_options opt;
	char folder[SEGMENT_PATH_MAX]; /* PATH/journal */
	char member[64];
	char *path, *build;
	int lock_fd, folder_fd;
	uint64_t incarnation, next_number;
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
	mono_us retire_at;
	int64_t retry_us; /* 0: nothing has failed */
	uint64_t floor_durable;
	void (*on_synced)(void *arg, unsigned writer);
	void *on_synced_arg;
	struct journal_sealed *sealed; /* by number */
	size_t n_sealed, cap_sealed;
	struct journal_packing *packing; /* being compressed */

	struct stat_counter syncs, sync_us, synced_bytes, failures, segments, recovered_holds,
		torn_bytes;
	_Atomic bool failing;
	pthread_mutex_t why_lock;
	char why[160];
};

/* The calls that can fail for reasons that tests have to make up. */
struct journal_sys {
	int (*fdatasync)(int fd);
	int (*fallocate)(int fd, off_t at, off_t n); /* an errno, as posix_fallocate */
};
extern struct journal_sys journal_sys;

/* journal_writer.c; before the writer's thread runs, too */
void journal_writer_begin(struct journal_writer *w, struct journal_seg *first);
/* The next segment becomes the current one, with room for `extra` behind what is carried. -1: there
 * is none, or it is too small. */
int journal_rotate(struct journal_writer *w, uint64_t extra, wall_us now) TG_MUST_CHECK;
void journal_append(struct journal_writer *w, enum rec_type type, const void *payload, wall_us now);

/* journal_files.c */
int journal_sync_folder(struct journal *j) TG_MUST_CHECK;
/* A new segment at the end of the writer's queue, header and all on disk; NULL with errno. */
struct journal_seg *journal_seg_new(struct journal_writer *w, uint64_t bytes);
/* Give the mapping and the file back; the file stays. */
void journal_seg_free(struct journal_seg *s);
/* And unlink it. */
void journal_seg_drop(struct journal *j, struct journal_seg *s);
/* Make the next segment ready where it is missing or too small. */
void journal_prepare(struct journal *j);
/* Cut to its length, marked, closed; goes to the archive. -1 with errno: as before. */
int journal_seal(struct journal *j, struct journal_seg *s) TG_MUST_CHECK;
/* The same of a file that an earlier process left: it ends at `end`. */
int journal_seal_file(struct journal *j, const struct segment_info *info, const char *path,
	uint64_t end, bool whole) TG_MUST_CHECK;
/* Store one of the header's changing fields (SEGMENT_AT_x) in the mapping. */
void journal_head_store(struct journal_seg *s, unsigned at, uint64_t v);

/* journal_sync.c */
/* fdatasync up to `end`: what failed becomes suspect. */
void journal_sync_seg(struct journal *j, struct journal_seg *s);
/* What holds depend on failed; tried again after a while. */
void journal_fail(struct journal *j, const char *doing, const char *path, int error);
/* The same of what can wait. */
void journal_complain(struct journal *j, const char *doing, const char *path, int error);

/* journal_rescue.c */
void journal_suspect(struct journal *j, struct journal_seg *s, const char *doing, int error);
void journal_shadow_grow(struct journal_seg *s);
/* Work on what is suspect; true when nothing is (any more). */
bool journal_rescue(struct journal *j);

/* journal_archive.c */
int journal_archive_add(
	struct journal *j, uint64_t number, bool compressed, int64_t mtime_us) TG_MUST_CHECK;
/* Compress a slice; true when there is more to do. */
bool journal_archive_slice(struct journal *j);
void journal_archive_retire(struct journal *j);
void journal_archive_close(struct journal *j);

/* journal_sigbus.c */
void journal_guard_install(void);
int journal_guard_add(struct journal_seg *s); /* -1: too many */
void journal_guard_remove(struct journal_seg *s);

#endif
