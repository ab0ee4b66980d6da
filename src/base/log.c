/*
 * log.c: the error log. A line is formatted on the caller's stack and leaves in one write(2), which
 * O_APPEND makes whole. The file's descriptor, once there, keeps its number: another file is put
 * behind it with dup3, so a thread in the middle of a line never writes into a stranger's
 * descriptor.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define LOG_LINE_MAX 2048

_Atomic int log_threshold = LOG_L_INFO;

static _Atomic int log_fd = STDERR_FILENO;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER; /* log_path, and who changes log_fd */
static char *log_path;

/* Puts fd behind log_fd. With log_lock held. */
static int log_switch(int fd)
{
	int cur = atomic_load(&log_fd);

	if (cur != STDERR_FILENO)
		return dup3(fd, cur, O_CLOEXEC) < 0 ? -1 : 0;
	if (fd == STDERR_FILENO)
		return 0;
	cur = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (cur < 0)
		return -1;
	atomic_store(&log_fd, cur);
	return 0;
}

static int log_switch_to(const char *path)
{
	int fd, rc, err;

	if (path == NULL)
		return log_switch(STDERR_FILENO);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -1;
	rc = log_switch(fd);
	err = errno;
	close(fd);
	errno = err;
	return rc;
}

int log_open(const char *path)
{
	int rc;

	pthread_mutex_lock(&log_lock);
	rc = log_switch_to(path);
	if (rc == 0) {
		free(log_path);
		log_path = path != NULL ? str_dup(str_z(path)) : NULL;
	}
	pthread_mutex_unlock(&log_lock);
	return rc;
}

int log_reopen(void)
{
	int rc;

	pthread_mutex_lock(&log_lock);
	rc = log_switch_to(log_path);
	pthread_mutex_unlock(&log_lock);
	return rc;
}

/* Callers may print what a peer sent: a line break in it must not begin a line of its own. */
static void blank_controls(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			p[i] = '?';
}

/* The whole line, its newline included, into line[LOG_LINE_MAX]; returns its length. */
static TG_PRINTF(4, 0) size_t
	line_format(char *line, enum log_level level, const char *what, const char *fmt, va_list ap)
{
	static const char *const names[] = { "debug", "info", "notice", "warn", "error" };
	char time[CLOCK_ISO_LEN];
	size_t n, max = LOG_LINE_MAX - 1; /* the newline has its place */
	int len;

	clock_iso(time, clock_wall());
	len = snprintf(line, max, "time=%.*s level=%s msg=\"%s\"", CLOCK_ISO_LEN, time,
		names[level], what);
	n = len < 0 ? 0 : TG_MIN((size_t)len, max - 1);
	if (fmt != NULL && fmt[0] != '\0' && n + 1 < max) {
		line[n++] = ' ';
		len = vsnprintf(line + n, max - n, fmt, ap);
		n += len < 0 ? 0 : TG_MIN((size_t)len, max - n - 1);
	}
	blank_controls(line, n);
	line[n++] = '\n';
	return n;
}

void log_line(enum log_level level, const char *what, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	int saved_errno = errno;
	ssize_t rc;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = line_format(line, level, what, fmt, ap);
	va_end(ap);
	do
		rc = write(atomic_load_explicit(&log_fd, memory_order_relaxed), line, n);
	while (rc < 0 && errno == EINTR);
	errno = saved_errno; /* a full disk must not change what the caller goes on to report */
}
