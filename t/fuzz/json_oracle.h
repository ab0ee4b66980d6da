/*
 * json_oracle.h: jansson's opinion of a text's structure. Apart, because its names and
 * json_scan.h's clash.
 */
#ifndef TG_FUZZ_JSON_ORACLE_H
#define TG_FUZZ_JSON_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether jansson takes the text, apart from what strings hold and how large numbers are. */
bool json_oracle_accepts(const char *text, size_t n);

#endif
