/*
 * log.h: the error log: one structured line an event (logfmt) to standard error or a file.
 * Any thread may call it; a line is one write(2). Not for the access log (modules/mod_accesslog).
 * Secrets never go in: callers log ids.
 */
#ifndef TG_BASE_LOG_H
#define TG_BASE_LOG_H

#include <stdatomic.h>

#include "base/defs.h"

enum log_level { LOG_L_DEBUG, LOG_L_INFO, LOG_L_NOTICE, LOG_L_WARN, LOG_L_ERROR };

/* An enum log_level; a reload changes it under everyone's eyes. */
extern _Atomic int log_threshold;

/* path NULL: standard error. -1 with errno when it cannot be opened (the old one stays in use). */
int log_open(const char *path) TG_MUST_CHECK;
/* Reopen after rotation (SIGUSR1). */
int log_reopen(void) TG_MUST_CHECK;

/* `what` is a short constant phrase; the rest is printf'd "key=value ..." text. */
void log_line(enum log_level level, const char *what, const char *fmt, ...) TG_PRINTF(3, 4);

#define log_at(lvl, ...)                                                          \
	((int)(lvl) >= atomic_load_explicit(&log_threshold, memory_order_relaxed) \
			? log_line((lvl), __VA_ARGS__)                            \
			: (void)0)
#define log_debug(...)  log_at(LOG_L_DEBUG, __VA_ARGS__)
#define log_info(...)   log_at(LOG_L_INFO, __VA_ARGS__)
#define log_notice(...) log_at(LOG_L_NOTICE, __VA_ARGS__)
#define log_warn(...)   log_at(LOG_L_WARN, __VA_ARGS__)
#define log_error(...)  log_at(LOG_L_ERROR, __VA_ARGS__)

#endif
