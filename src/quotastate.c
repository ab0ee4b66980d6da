/*
 * quotastate.c: see quotastate.h.
 */
#include "quotastate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/digest.h"

#define FILE_NAME "quota.state"
#define ASIDE     FILE_NAME ".new"
#define FILE_MAX  (64 * 1024)

static const char head[] = "tollgate quota state 1\n";
static const char end_word[] = "end ";

_Static_assert(QUOTASTATE_BUCKETS *(QUOTASTATE_EPOCH + 16) + 256 < FILE_MAX, "it fits");

/* ---- text */

/* The next line without its end; -1: there is none. */
static int line(struct str *rest, struct str *out)
{
	size_t n = str_chr(*rest, '\n');

	if (n == (size_t)-1)
		return -1;
	*out = str_mk(rest->p, n);
	*rest = str_skip(*rest, n + 1);
	return 0;
}

static int number(struct str *s, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;
	size_t n = 0;

	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9' && v <= max)
		v = v * 10 + (uint64_t)(s->p[n++] - '0');
	*s = str_skip(*s, n);
	*out = (uint32_t)v;
	return n > 0 && v <= max ? 0 : -1;
}

/* "3 12.17.4.gw-1" */
static int epoch(struct quotastate *s, struct str l)
{
	uint32_t bucket;

	if (number(&l, QUOTASTATE_BUCKETS - 1, &bucket) != 0 || !str_starts(l, STR(" ")))
		return -1;
	l = str_skip(l, 1);
	if (l.n == 0 || l.n >= QUOTASTATE_EPOCH || memchr(l.p, '\0', l.n) != NULL)
		return -1;
	memcpy(s->epoch[bucket], l.p, l.n);
	s->epoch[bucket][l.n] = '\0';
	return 0;
}

static int directive(struct quotastate *s, struct str l)
{
	const struct str incarnation = STR("incarnation "), word = STR("epoch ");

	if (str_starts(l, word))
		return epoch(s, str_skip(l, word.n));
	if (!str_starts(l, incarnation))
		return -1;
	l = str_skip(l, incarnation.n);
	return number(&l, QUOTASTATE_INCARNATION_MAX, &s->incarnation) == 0 && l.n == 0 ? 0 : -1;
}

int quotastate_parse(struct quotastate *s, struct str text)
{
	struct str rest = text, l;
	char sum[16];

	s->incarnation = 0;
	memset(s->epoch, 0, sizeof s->epoch);
	if (!str_starts(text, str_z(head)))
		return -1;
	rest = str_skip(text, sizeof head - 1);
	while (line(&rest, &l) == 0) {
		if (str_starts(l, str_z(end_word))) {
			snprintf(sum, sizeof sum, "%08x",
				digest_crc32c(0, text.p, (size_t)(l.p - text.p)));
			return rest.n == 0 && s->incarnation > 0 &&
					       str_eq(str_skip(l, sizeof end_word - 1), str_z(sum))
				       ? 0
				       : -1;
		}
		if (directive(s, l) != 0)
			return -1;
	}
	return -1;
}

static size_t compose(const struct quotastate *s, char text[FILE_MAX])
{
	size_t n = (size_t)snprintf(text, FILE_MAX, "%sincarnation %u\n", head, s->incarnation);

	for (unsigned i = 0; i < QUOTASTATE_BUCKETS; i++)
		if (s->epoch[i][0] != '\0')
			n += (size_t)snprintf(
				text + n, FILE_MAX - n, "epoch %u %s\n", i, s->epoch[i]);
	return n + (size_t)snprintf(
			   text + n, FILE_MAX - n, "%s%08x\n", end_word, digest_crc32c(0, text, n));
}

/* ---- file */

static int bad(const struct quotastate *s, const char *what, char *err, size_t err_len)
{
	snprintf(err, err_len, "%.3000s/%s %s: %s", s->folder, FILE_NAME, what, strerror(errno));
	return -1;
}

static int write_aside(int folder, const char *text, size_t n)
{
	int fd = openat(folder, ASIDE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640), saved;
	ssize_t got = fd >= 0 ? write(fd, text, n) : -1;
	bool good = got == (ssize_t)n && fsync(fd) == 0;

	if (got >= 0 && got != (ssize_t)n)
		errno = ENOSPC;
	saved = errno;
	if (fd >= 0 && close(fd) != 0 && good)
		return -1;
	errno = saved;
	return good ? 0 : -1;
}

int quotastate_save(const struct quotastate *s, char *err, size_t err_len)
{
	int folder = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1, saved;
	char text[FILE_MAX];

	if (folder < 0)
		return bad(s, "cannot be written", err, err_len);
	if (write_aside(folder, text, compose(s, text)) == 0 &&
		renameat(folder, ASIDE, folder, FILE_NAME) == 0)
		rc = fsync(folder);
	saved = errno;
	close(folder);
	errno = saved;
	return rc == 0 ? 0 : bad(s, "cannot be written", err, err_len);
}

/* 1: there is none. */
static int read_file(struct quotastate *s, char *err, size_t err_len)
{
	char path[sizeof s->folder + 32], text[FILE_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/%s", s->folder, FILE_NAME);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 1;
	n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return bad(s, "cannot be read", err, err_len);
	if (quotastate_parse(s, str_mk(text, (size_t)n)) == 0)
		return 0;
	snprintf(err, err_len,
		"%.3000s is damaged: it holds which messages to Redis are from before. Restore it, "
		"or give this process another name in `member` and `redis.members` and remove it",
		path);
	return -1;
}

int quotastate_open(struct quotastate *s, const char *folder, char *err, size_t err_len)
{
	int rc;

	*s = (struct quotastate){ .incarnation = 0 };
	if (snprintf(s->folder, sizeof s->folder, "%s", folder) >= (int)sizeof s->folder) {
		snprintf(err, err_len, "the ledger's folder has too long a name");
		return -1;
	}
	rc = read_file(s, err, err_len);
	if (rc < 0)
		return -1;
	if (s->incarnation == QUOTASTATE_INCARNATION_MAX) {
		snprintf(err, err_len,
			"%.3000s/%s: this member has been started a million times; give it another "
			"name in `member` and `redis.members`, and remove the file",
			s->folder, FILE_NAME);
		return -1;
	}
	s->incarnation++;
	return quotastate_save(s, err, err_len);
}
