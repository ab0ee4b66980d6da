/*
 * segment.h: one file of the journal.
 *
 *	DIR/journal/0000000000000042.tgj	header, then records; preallocated, cut to its
 *length when sealed
 *	DIR/journal/0000000000000042.tgj.zst	sealed, consumed, compressed: the same bytes
 *
 * Numbers rise over all writers and incarnations; none that ever held a record is used again.
 * A segment has the records of one incarnation, of all its writers, each one's in order: a
 * REC_WRITER says whose those behind it are, and every segment begins with one of each writer.
 * (Files made before there were REC_WRITERs have one writer's, named in the header, and are read
 * like all others.) `synced` in the header says up to where fdatasync has succeeded: a record
 * before it that cannot be read is corruption; behind it, it is what a power cut leaves.
 *
 * Header (little-endian, zeros up to SEGMENT_HEAD):
 *	"TGJ1" | u32 version | u64 number | u64 incarnation | u32 writer | u32 0 | i64 created (us)
 *| member[64] | u32 crc32c of all before it | u32 0 | u64 synced | u64 sealed
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

/* Where the header's two changing fields are. */
#define SEGMENT_AT_SYNCED 112
#define SEGMENT_AT_SEALED 120

/* What its records carry in their heads, so that bytes of a string never pass for a record. */
static inline uint32_t segment_stamp(uint64_t number, uint64_t incarnation)
{
	return (uint32_t)(incarnation ^ incarnation >> 32 ^ number);
}

void segment_head_put(char out[SEGMENT_HEAD], const struct segment_info *info);
/* -1: not a header (of a version that is known). */
int segment_head_get(const char in[SEGMENT_HEAD], struct segment_info *info) TG_MUST_CHECK;

#define SEGMENT_PATH_MAX 512
/* "FOLDER/0000000000000042.tgj" and suffix ("", ".zst", ".tmp"); -1: too long. */
int segment_path(char out[SEGMENT_PATH_MAX], const char *folder, uint64_t number,
	const char *suffix) TG_MUST_CHECK;

/*
 * A segment for reading: a sealed one is mapped, a compressed one unpacked into memory. Of one that
 * may still grow (its file will be cut when it is sealed) the bytes are a copy: open it again to
 * see more.
 */
struct segment_read {
	struct segment_info info;
	struct str bytes; /* up to the last that can hold a record; records begin at SEGMENT_HEAD */
	size_t map_bytes; /* to be unmapped */
	bool mapped;      /* the file itself */
	bool own;         /* the rest is for segment_fetch */
	int fd;
	uint64_t fetched;
};

/*
 * path as listed; when it was compressed meanwhile, that is read. -1 with err (a file that vanished
 * altogether: errno ENOENT and err empty).
 */
int segment_read_open(
	struct segment_read *s, const char *path, char *err, size_t err_len) TG_MUST_CHECK;
/*
 * The same for whoever holds the journal's lock: one that may grow is mapped, too. Its bytes are to
 * be fetched before they are looked at, so that the disk reads ahead of the walk.
 */
int segment_read_open_own(
	struct segment_read *s, const char *path, char *err, size_t err_len) TG_MUST_CHECK;
/* The bytes before `to` can be looked at. -1 with errno: the disk cannot read them. */
int segment_fetch(struct segment_read *s, uint64_t to) TG_MUST_CHECK;
void segment_read_close(struct segment_read *s);

/*
 * Walk. *at starts as SEGMENT_HEAD (or where an earlier walk of the same segment ended: it may have
 * grown), and moves past what is OK or BAD. END: nothing (more) now. TORN: unreadable bytes at *at;
 * segment_resync finds what is behind them.
 */
enum rec_read segment_next(const struct segment_read *s, uint64_t *at, struct rec *r);
/* The same with rec_glance. */
enum rec_read segment_glance(
	const struct segment_read *s, uint64_t *at, struct rec_head *head, struct rec_id *id);
/*
 * From the unreadable place *at on: moves *at to the next valid record of this segment with a
 * higher seq than last_seq; false when there is none (*at stays). Also behind END: what a power cut
 * left there.
 */
bool segment_resync(const struct segment_read *s, uint64_t *at, uint64_t last_seq);

/* All segments of a journal folder, ascending by number; a number that exists raw and compressed is
 * listed raw. */
struct segment_list {
	struct segment_entry {
		uint64_t number;
		bool compressed;
		char path[SEGMENT_PATH_MAX];
	} * v;
	size_t n;
};
int segment_list_read(
	struct segment_list *l, const char *folder, char *err, size_t err_len) TG_MUST_CHECK;
void segment_list_free(struct segment_list *l);

#endif
