/*
 * segment.h: one file of the journal.
 *
 *	DIR/journal/0000000000000042.tgj	SEGMENT_HEAD bytes of header, then records;
 *preallocated, mapped shared while it is written DIR/journal/0000000000000042.tgj.zst	sealed,
 *consumed, compressed: the same bytes
 *
 * Numbers rise over all writers and incarnations and are never reused. Within a segment one writer
 * wrote, in one incarnation. `synced` in the header says up to where fdatasync has succeeded: a
 * record before it that cannot be read is corruption; behind it, it is what a power cut leaves.
 */
#ifndef TG_LEDGER_SEGMENT_H
#define TG_LEDGER_SEGMENT_H

#include "ledger/record.h"

#define SEGMENT_HEAD  256
#define SEGMENT_MAGIC "TGJ1"

struct segment_info { /* the header */
	uint64_t number, incarnation;
	uint32_t writer; /* index of the worker */
	wall_us created;
	char member[64]; /* NUL-terminated */
	uint64_t synced; /* offset; a lower bound */
	uint64_t sealed; /* offset of the end once nothing more will be written; 0: may grow */
};

/* A segment for reading: raw files are mapped, compressed ones are unpacked into memory. */
struct segment_read {
	struct segment_info info;
	struct str bytes; /* the whole file; records begin at SEGMENT_HEAD */
	bool mapped;
};

/* path as listed; -1 with err (a file that vanished meanwhile: errno ENOENT and err empty). */
int segment_read_open(
	struct segment_read *s, const char *path, char *err, size_t err_len) TG_MUST_CHECK;
void segment_read_close(struct segment_read *s);

/*
 * Walk. *at starts as SEGMENT_HEAD (or an earlier *at: a segment may grow). END: nothing (more)
 * now. TORN: unreadable bytes at *at; segment_resync finds what is behind them.
 */
enum rec_read segment_next(const struct segment_read *s, uint64_t *at, struct rec *r);
/* From the unreadable place *at on: moves *at to the next valid record with a higher seq than
 * last_seq; false when there is none. */
bool segment_resync(const struct segment_read *s, uint64_t *at, uint64_t last_seq);

/* All segments of a journal folder, ascending by number; a number that exists raw and compressed is
 * listed raw. */
struct segment_list {
	struct segment_entry {
		uint64_t number;
		bool compressed;
		char path[512];
	} * v;
	size_t n;
};
int segment_list_read(
	struct segment_list *l, const char *folder, char *err, size_t err_len) TG_MUST_CHECK;
void segment_list_free(struct segment_list *l);

#endif
