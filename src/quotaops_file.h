/*
 * quotaops_file.h: the file of changes by hand: lines of JSON, appended and synced, read at the
 * start. Part of quotaops.c. Control thread.
 */
#ifndef TG_QUOTAOPS_FILE_H
#define TG_QUOTAOPS_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/defs.h"

/*
 * Calls visit for each line there is, oldest first; visit returns -1 for what is no change. No file
 * yet: no lines. A last line without an end is one whose write was cut off: it was never in force,
 * and is cut away. -1 with err: it cannot be read, or a line is no change.
 */
typedef int quotaops_line_f(void *arg, const json_t *line);
int quotaops_file_open(const char *ledger, quotaops_line_f *visit, void *arg, char *err,
	size_t err_len) TG_MUST_CHECK;
/* Is there one? */
bool quotaops_file_is_open(void);
/* On disk when it returns. -1 with err: it is not in the file. */
int quotaops_file_add(const json_t *line, char *err, size_t err_len) TG_MUST_CHECK;
void quotaops_file_close(void);

#endif
