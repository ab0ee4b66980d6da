/*
 * export_parts.h: how parts of records are written in exports, dumps and reports.
 */
#ifndef TG_LEDGER_EXPORT_PARTS_H
#define TG_LEDGER_EXPORT_PARTS_H

#include "ledger/record.h"
#include "proto/outbuf.h"

void put_number(struct outbuf *b, uint64_t v);
void put_time(struct outbuf *b, wall_us t); /* RFC 3339, microseconds */
void put_usd(struct outbuf *b, pico_usd v); /* "0.0000315" without quotes */

void json_version(struct outbuf *b, uint64_t v);          /* of a price: 16 hex digits, or null */
void json_units(struct outbuf *b, const struct usage *u); /* an object; what is 0 is left out */
void json_flags(struct outbuf *b, uint32_t flags);        /* of rec_money: an array of names */
void json_tags(struct outbuf *b, struct str tags);        /* an object, whatever they are */

#endif
