/*
 * export.h: charges as text, a line each: JSON and CSV with the same fields (tbl/export_fields.h).
 * Pure; any thread.
 */
#ifndef TG_LEDGER_EXPORT_H
#define TG_LEDGER_EXPORT_H

#include "ledger/segment.h"
#include "proto/outbuf.h"

/* Is the record a line of an export: a SETTLE, a VOID, or a LEG that was charged for? */
bool export_has(const struct rec *r);
/* Its line. export_has(r). */
void export_json(struct outbuf *b, const struct segment_info *info, const struct rec *r);
void export_csv_titles(struct outbuf *b);
void export_csv(struct outbuf *b, const struct segment_info *info, const struct rec *r);

/* Any record, for `tgctl ledger dump`: one JSON object and a line end. */
void export_any(struct outbuf *b, const struct segment_info *info, const struct rec *r);
/* The same as a short line for people. */
void export_short(struct outbuf *b, const struct segment_info *info, const struct rec *r);

#endif
