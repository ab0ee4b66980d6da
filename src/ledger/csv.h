/*
 * csv.h: fields of a CSV line (RFC 4180) into an outbuf.
 */
#ifndef TG_LEDGER_CSV_H
#define TG_LEDGER_CSV_H

#include "proto/outbuf.h"

/*
 * A text that others have chosen: quoted where it has to be; one that a spreadsheet would take for
 * a formula (= + - @, tab or CR in front) gets a ' in front of it.
 */
void csv_text(struct outbuf *b, struct str s);

#endif
