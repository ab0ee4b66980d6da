/*
 * table.h: rows of text in columns, for people. Kept until it is printed, since widths come last.
 */
#ifndef TG_CTL_TABLE_H
#define TG_CTL_TABLE_H

#include <stdio.h>

#include "base/arena.h"

#define TABLE_COLUMNS_MAX 24

enum table_align {
	TABLE_LEFT,
	TABLE_RIGHT,
	TABLE_POINT, /* decimal numbers, by their point: zeros are added behind it */
};

struct table {
	struct arena arena;
	unsigned n_columns;
	enum table_align align[TABLE_COLUMNS_MAX];
	struct table_row {
		struct table_row *next;
		bool line; /* nothing but a line */
		struct str cell[];
	} * first, **last;
	unsigned filled; /* cells of the newest row */
	struct table_row *row;
};

void table_init(struct table *t);
void table_fini(struct table *t);
/* Before the first row. */
void table_column(struct table *t, const char *title, enum table_align align);
/* The next cell; rows fill up by themselves. Text is copied; bytes that would move a terminal's
 * cursor become '?'. */
void table_cell(struct table *t, struct str text);
void table_cell_u64(struct table *t, uint64_t v);
void table_line(struct table *t);
void table_print(struct table *t, FILE *f);

#endif
