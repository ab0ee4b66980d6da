/*
 * front.h: the file behind a writer's memory: what it wrote last, until a segment has it. Written
 * by memory copy, so that it survives the process's death.
 *
 *	DIR/journal/0000000000000043.tgf	header, then records, each with the writer's next
 *seq
 *
 * A front does not know what of it is in a segment: the segments say so (REC_WRITER names the
 * writer and the seq of the records behind it). What is behind the last of those is what only the
 * front has. A front is used again from its beginning: what is left behind its newest record has
 * lower numbers, and a row that is not without gaps ends there. So it may be read after anything,
 * also a power cut that left pages of different times.
 *
 * Header (little-endian, zeros up to FRONT_HEAD):
 *	"TGF1" | u32 version | u64 number | u64 incarnation | u32 writer | u32 0 | member[64] |
 *	u32 crc32c of all before it
 */
#ifndef TG_LEDGER_FRONT_H
#define TG_LEDGER_FRONT_H

#include "ledger/segment.h"

#define FRONT_HEAD   128
#define FRONT_SUFFIX ".tgf"

struct front_info { /* the header */
	uint64_t number, incarnation;
	uint32_t writer; /* index of the worker */
	char member[64]; /* NUL-terminated */
};

void front_head_put(char out[FRONT_HEAD], const struct front_info *info);
/* -1: not a header (of a version that is known). */
int front_head_get(const char in[FRONT_HEAD], struct front_info *info) TG_MUST_CHECK;

/* What its records carry in their heads, so that bytes of a string never pass for a record. */
static inline uint32_t front_stamp(const struct front_info *info)
{
	return segment_stamp(~(uint64_t)info->writer, info->incarnation);
}

/* "FOLDER/0000000000000043.tgf"; -1: too long. */
int front_path(char out[SEGMENT_PATH_MAX], const char *folder, uint64_t number) TG_MUST_CHECK;

struct front_list { /* ascending by number */
	uint64_t *v;
	size_t n;
};
int front_list_read(
	struct front_list *l, const char *folder, char *err, size_t err_len) TG_MUST_CHECK;
void front_list_free(struct front_list *l);

struct front_read { /* a front that somebody left: a copy */
	struct front_info info;
	struct str bytes;
	uint64_t first, last; /* numbers of its records; 0, 0: it has none */
};

/*
 * For whoever holds the journal's lock. -1 with err; errno ENOENT and err empty when there is none,
 * or nothing had been written to it.
 */
int front_read_open(struct front_read *f, const char *folder, uint64_t number, char *err,
	size_t err_len) TG_MUST_CHECK;
void front_read_close(struct front_read *f);

/*
 * The records from `seq` on, each the next one's neighbour: empty when it has none of that number.
 * bytes: all of the front.
 */
struct str front_records(const struct front_info *info, struct str bytes, uint64_t seq);

#endif
