/*
 * logwriter.h: the log thread: takes access log lines out of the workers' rings and writes them.
 * Files are reopened on request; a slow disk fills the rings, never stops a worker.
 */
#ifndef TG_LOGWRITER_H
#define TG_LOGWRITER_H

#include "base/defs.h"

struct worker;

/* path: a file, "stdout" or "off". -1 with errno when it cannot be opened. */
int logwriter_start(const char *path, struct worker *workers, unsigned n) TG_MUST_CHECK;
/* After a reload: another path, or the same one reopened. Takes effect soon; a failure keeps the
 * old file. */
void logwriter_set_path(const char *path);
/* SIGUSR1. */
void logwriter_reopen(void);
/* Write out what is there and end the thread. */
void logwriter_stop(void);

#endif
