/*
 * rollup_int.h: what the files of the rollup share: a day in memory, and its file.
 */
#ifndef TG_LEDGER_ROLLUP_INT_H
#define TG_LEDGER_ROLLUP_INT_H

#include "ledger/intern.h"
#include "ledger/positions.h"
#include "ledger/rollup.h"

#define ROLLUP_MAGIC     0x524f4c4c
#define ROLLUP_DAY_MAGIC 0x52444159
#define ROLLUP_DAY_LAST  2932896 /* 9999-12-31, in days since 1970 */
#define ROLLUP_NAME_LEN  16      /* "2026-11-28.tgr", "positions" and a NUL */

/* What rows are looked up by: lengths, hour and texts in one piece. */
#define ROLLUP_BLOB_HEAD (2 * ROLLUP__TEXTS + 1)
#define ROLLUP_BLOB_MAX  (ROLLUP_BLOB_HEAD + ROLLUP__TEXTS * REC_TAGS_MAX)

struct rollup_row {
	struct rollup_value value;
	uint32_t id[ROLLUP__TEXTS]; /* of the day's strings */
	uint32_t blob_bytes;
	char blob[];
};

struct rollup_day {
	unsigned magic;
	int64_t day; /* since 1970 UTC */
	struct rollup_day *next;
	struct arena arena; /* rows and strings */
	struct intern strings;
	struct rollup_slot { /* open addressing, at most half full */
		uint64_t hash;
		struct rollup_row *row; /* NULL: free */
	} * slots;
	size_t n_rows, n_slots;
	struct positions in; /* of its file: what of the journal is in there */
	uint64_t *sources;   /* segments with a record of this day, ascending */
	size_t n_sources, cap_sources;
	bool changed;           /* not as its file is */
	wall_us touched;        /* when the newest of its records was written */
	char broken[512];       /* why its file cannot be read; empty: it could, or there is none */
	struct positions since; /* what rollup.in was when that was found */
};

struct rollup {
	unsigned magic;
	size_t max_rows;
	char *folder, *journal_folder; /* NULL: not open, not known */
	struct positions in;           /* of every record that rollup_add was given */
	bool moved;                    /* `in` is not as in the positions file */
	struct rollup_day *days;       /* the one that was used last first */
	wall_us latest;                /* of the records' times */
	size_t folded;
	uint64_t added;
	bool flushing;
	const char *replay_folder; /* while rollup_replay runs: corrupt days are made anew */
	bool salvage;
	char io_err[512]; /* of a day's file, while it runs */
	char blob[ROLLUP_BLOB_MAX];
};

/* ---- rollup.c: days in memory */

struct rollup_day *rollup_day_new(int64_t day);
void rollup_day_free(struct rollup_day *d);
/* The value of the row of this key, made when there is none. blob: scratch of ROLLUP_BLOB_MAX
 * bytes.
 */
struct rollup_value *rollup_day_value(
	struct rollup_day *d, const struct rollup_key *key, char *blob);
void rollup_day_source(struct rollup_day *d, uint64_t segment);
/* Add every row of from. */
void rollup_day_merge(struct rollup_day *to, const struct rollup_day *from, char *blob);

/* ---- rollup_file.c: a day's file */

struct rollup_file { /* as read; strings point into bytes */
	struct str bytes;
	bool owned; /* bytes are freed by rollup_file_fini */
	int64_t day;
	struct positions in;
	uint64_t *sources;
	size_t n_sources;
	bool meta_ok; /* positions and sources could be read, whatever the rest says */
	struct str *strings;
	uint32_t n_strings, n_rows;
	uint32_t left;   /* rows not read yet */
	struct str rows; /* theirs */
};

struct rollup_file_row {
	unsigned hour; /* of the day */
	uint32_t id[ROLLUP__TEXTS];
	struct rollup_value value;
};

enum rollup_file_rc {
	ROLLUP_FILE_OK,
	ROLLUP_FILE_NONE,    /* there is none */
	ROLLUP_FILE_CORRUPT, /* err says what is wrong with it */
	ROLLUP_FILE_IO,      /* err says what the system said */
};

/* Checks everything but the rows' contents. bytes are not copied. f is to be finished whatever the
 * result. */
int rollup_file_parse(
	struct rollup_file *f, struct str bytes, char *err, size_t err_len) TG_MUST_CHECK;
/* 1 a row, 0 no more, -1 with err: corrupt. */
int rollup_file_next(struct rollup_file *f, struct rollup_file_row *row, char *err,
	size_t err_len) TG_MUST_CHECK;
/* The day's file in this folder; err names it. */
enum rollup_file_rc rollup_file_read(struct rollup_file *f, const char *folder, int64_t day,
	char *err, size_t err_len) TG_MUST_CHECK;
void rollup_file_fini(struct rollup_file *f);
/* "2026-11-28.tgr" */
void rollup_file_name(char out[ROLLUP_NAME_LEN], int64_t day);
/* -1: this is no day's file. */
int rollup_file_day(const char *name, int64_t *day) TG_MUST_CHECK;
/* Days that have a file, ascending; to be freed. -1 with err; no folder: none. */
int rollup_file_list(
	const char *folder, int64_t **days, size_t *n, char *err, size_t err_len) TG_MUST_CHECK;

struct rollup_image { /* a file that is to be */
	char name[ROLLUP_NAME_LEN];
	char *p;
	size_t n, cap;
};
void rollup_day_encode(
	const struct rollup_day *d, const struct positions *in, struct rollup_image *out);
void positions_encode(const struct positions *p, struct rollup_image *out);
/* DIR/rollup/positions. CORRUPT: p is empty, which means that the whole journal is to be read. */
enum rollup_file_rc positions_read(
	struct positions *p, const char *folder, char *err, size_t err_len) TG_MUST_CHECK;

/* ---- rollup_open.c */

/* The day, from its file when it is not in memory. Never fails: see rollup_day.broken. */
struct rollup_day *rollup_day_get(struct rollup *r, int64_t day);
/* A day with the rows of its file. NULL: rc says why. */
struct rollup_day *rollup_day_load(
	struct rollup *r, int64_t day, enum rollup_file_rc *rc, char *err, size_t err_len);

#endif
