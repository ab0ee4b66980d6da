/*
 * names.h: words for numbers that stand in records: exports, dumps and the access log use the same.
 */
#ifndef TG_LEDGER_NAMES_H
#define TG_LEDGER_NAMES_H

#include "ledger/record.h"

/* tbl/ends.h; "?" for a number of a later version. */
const char *rec_end_name(unsigned end);

/* The name of the flag whose bit is 1 << i: NULL when there is none. */
const char *rec_money_flag_name(unsigned i);

#endif
