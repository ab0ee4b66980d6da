/*
 * recover_int.h: what recover.c (segments, what is open) and recover_fronts.c (fronts) share.
 */
#ifndef TG_LEDGER_RECOVER_INT_H
#define TG_LEDGER_RECOVER_INT_H

#include "ledger/recover.h"

struct recover_come { /* how far a writer's records have come, as unsealed segments say */
	uint64_t incarnation;
	uint32_t writer;
	uint64_t next; /* seq of the first that has not */
};

/*
 * All that segments say. Behind a hole it is not known whose records are read until the next
 * REC_WRITER: those are known again by what is in them (`strays`).
 */
struct recover_known {
	struct recover_come *v;
	size_t n, cap;
	size_t current; /* whose records are being read; n: nobody's */
	uint64_t *strays;
	size_t n_strays, cap_strays;
	bool behind_hole;
};

struct recover_scan {
	struct recover_report *out;
	struct recover_known known;
	struct open_table *open;
	bool salvage;
	char *err;
	size_t err_len;
};

/* recover.c: a record, in the order that its writer wrote it in. The bytes live on. */
void recover_take(
	struct recover_scan *sc, const struct rec_head *head, struct rec_id id, const char *bytes);

/* recover_fronts.c */
/* A segment begins; something in it could not be read; a record of it. */
void recover_known_begin(struct recover_known *k);
void recover_known_hole(struct recover_known *k);
void recover_known_record(struct recover_known *k, uint64_t incarnation,
	const struct rec_head *head, struct str bytes);
void recover_known_free(struct recover_known *k);
/* All fronts, when all unsealed segments have been read. -1 with err. */
int recover_fronts(struct recover_scan *sc, const char *folder) TG_MUST_CHECK;

#endif
