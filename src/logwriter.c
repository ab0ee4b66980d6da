/*
 * logwriter.c: see logwriter.h. One thread; wakes every LOG_INTERVAL_US.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/ring.h"
#include "core/worker.h"
#include "logwriter.h"

#define LOG_INTERVAL_US 50000

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool running, stop, reopen;
	char *path; /* under the lock */
	int fd;
	bool failing;
	struct worker *workers;
	unsigned n_workers;
} lw = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .fd = -1 };

/* fd of the path; -1 with errno, or -1 and errno 0 for "off". */
static int log_file_open(const char *path)
{
	errno = 0;
	if (strcmp(path, "off") == 0)
		return -1;
	if (strcmp(path, "stdout") == 0)
		return dup(STDOUT_FILENO);
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static void log_switch(const char *path)
{
	int fd = log_file_open(path);

	if (fd < 0 && errno != 0) {
		log_error("access log", "path=%s reason=\"%s\"", path, strerror(errno));
		return;
	}
	if (lw.fd >= 0)
		close(lw.fd);
	lw.fd = fd;
}

/* All of s; a failure is reported once and the lines are dropped. */
static void log_write(struct str s)
{
	ssize_t n;

	while (s.n > 0 && lw.fd >= 0) {
		n = write(lw.fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (!lw.failing)
				log_error("access log cannot be written", "reason=\"%s\"",
					strerror(errno));
			lw.failing = true;
			return;
		}
		lw.failing = false;
		s = str_skip(s, (size_t)n);
	}
}

static void log_drain(void)
{
	struct str s;

	for (unsigned i = 0; i < lw.n_workers; i++) {
		while ((s = ring_peek(&lw.workers[i].log_ring)).n > 0) {
			log_write(s);
			ring_consume(&lw.workers[i].log_ring, s.n);
		}
	}
}

static void *log_main(void *arg)
{
	struct timespec until;
	bool stop = false, reopen;
	char *path = NULL;

	(void)arg;
	while (!stop) {
		pthread_mutex_lock(&lw.lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOG_INTERVAL_US * 1000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (!lw.stop && !lw.reopen)
			pthread_cond_timedwait(&lw.wake, &lw.lock, &until);
		stop = lw.stop;
		reopen = lw.reopen;
		lw.reopen = false;
		if (reopen)
			path = strdup(lw.path);
		pthread_mutex_unlock(&lw.lock);
		log_drain();
		if (reopen && path != NULL) {
			log_switch(path);
			free(path);
		}
	}
	return NULL;
}

int logwriter_start(const char *path, struct worker *workers, unsigned n)
{
	lw.workers = workers;
	lw.n_workers = n;
	lw.path = strdup(path);
	lw.fd = log_file_open(path);
	if (lw.path == NULL || (lw.fd < 0 && errno != 0))
		return -1;
	if (pthread_create(&lw.thread, NULL, log_main, NULL) != 0)
		return -1;
	lw.running = true;
	return 0;
}

static void log_signal(const char *path, bool stop)
{
	pthread_mutex_lock(&lw.lock);
	if (path != NULL) {
		free(lw.path);
		lw.path = strdup(path);
		tg_assert(lw.path != NULL);
	}
	lw.reopen = !stop;
	lw.stop = stop;
	pthread_cond_signal(&lw.wake);
	pthread_mutex_unlock(&lw.lock);
}

void logwriter_set_path(const char *path)
{
	log_signal(path, false);
}

void logwriter_reopen(void)
{
	log_signal(NULL, false);
}

void logwriter_stop(void)
{
	if (!lw.running)
		return;
	log_signal(NULL, true);
	pthread_join(lw.thread, NULL);
	lw.running = false;
	if (lw.fd >= 0)
		close(lw.fd);
	lw.fd = -1;
	free(lw.path);
	lw.path = NULL;
}
