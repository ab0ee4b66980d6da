/*
 * table.h: every variant that is checked, and what must come out.
 */
#ifndef TG_MODEL_TABLE_H
#define TG_MODEL_TABLE_H

#include "model/search.h"

extern const struct variant model_table[];
extern const size_t model_table_len;

/* NULL: no such name. */
const struct variant *model_table_find(const char *name);

#endif
