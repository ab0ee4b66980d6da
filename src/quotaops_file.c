/*
 * quotaops_file.c: see quotaops_file.h.
 */
#include "quotaops_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 512
#define FILE_MAX       (64 * 1024 * 1024)

static struct {
	int fd; /* -1: none */
	off_t end;
	char path[PATH_MAX_BYTES];
} file = { .fd = -1 };

static int file_fail(char *err, size_t err_len, const char *why)
{
	snprintf(err, err_len, "%s: %s", file.path, why);
	return -1;
}

static int read_lines(
	char *text, size_t n, quotaops_line_f *visit, void *arg, char *err, size_t err_len)
{
	unsigned no = 0;

	for (char *at = text, *end; (end = memchr(at, '\n', n - (size_t)(at - text))) != NULL;
		at = end + 1) {
		json_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);
		int rc = line != NULL ? visit(arg, line) : -1;

		json_decref(line);
		no++;
		if (rc != 0) {
			snprintf(err, err_len,
				"%s:%u: this is no change of a limit; mend or remove the line",
				file.path, no);
			return -1;
		}
		file.end = end + 1 - text;
	}
	return 0;
}

/* All of the file, with the last line cut away if it has no end. */
static int load(quotaops_line_f *visit, void *arg, char *err, size_t err_len)
{
	struct stat st;
	char *text;
	ssize_t n;
	int rc;

	if (fstat(file.fd, &st) != 0)
		return file_fail(err, err_len, strerror(errno));
	if (st.st_size > FILE_MAX)
		return file_fail(err, err_len, "is larger than 64 MB; move old lines away");
	text = malloc((size_t)st.st_size + 1);
	tg_assert(text != NULL);
	n = pread(file.fd, text, (size_t)st.st_size, 0);
	if (n != st.st_size) {
		free(text);
		return file_fail(err, err_len, n < 0 ? strerror(errno) : "it became shorter");
	}
	rc = read_lines(text, (size_t)n, visit, arg, err, err_len);
	free(text);
	if (rc == 0 && file.end < st.st_size && ftruncate(file.fd, file.end) != 0)
		return file_fail(err, err_len, strerror(errno));
	return rc;
}

/* A new file is there after a power cut only when its folder was synced. */
static int sync_folder(const char *ledger)
{
	int fd = open(ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

int quotaops_file_open(
	const char *ledger, quotaops_line_f *visit, void *arg, char *err, size_t err_len)
{
	tg_assert(file.fd < 0);
	file.end = 0;
	if ((size_t)snprintf(file.path, sizeof file.path, "%s/quota.changes", ledger) >=
		sizeof file.path)
		return file_fail(err, err_len, "the path is too long");
	file.fd = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (file.fd < 0)
		return file_fail(err, err_len, strerror(errno));
	if (sync_folder(ledger) != 0) {
		file_fail(err, err_len, strerror(errno));
		quotaops_file_close();
		return -1;
	}
	if (load(visit, arg, err, err_len) == 0)
		return 0;
	quotaops_file_close();
	return -1;
}

bool quotaops_file_is_open(void)
{
	return file.fd >= 0;
}

int quotaops_file_add(const json_t *line, char *err, size_t err_len)
{
	char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
	size_t n;
	ssize_t done;

	tg_assert(text != NULL && file.fd >= 0);
	n = strlen(text);
	text[n++] = '\n'; /* in the place of its NUL */
	done = pwrite(file.fd, text, n, file.end);
	free(text);
	if (done == (ssize_t)n && fdatasync(file.fd) == 0) {
		file.end += (off_t)n;
		return 0;
	}
	file_fail(err, err_len,
		done >= 0 && done < (ssize_t)n ? "the disk is full" : strerror(errno));
	(void)!ftruncate(file.fd, file.end);
	return -1;
}

void quotaops_file_close(void)
{
	if (file.fd >= 0)
		close(file.fd);
	file.fd = -1;
}
