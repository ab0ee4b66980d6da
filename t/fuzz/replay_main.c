/*
 * replay_main.c: main() of a fuzz harness when libFuzzer is not there. Gives every file named on
 * the command line, and every file of the directories named there, to LLVMFuzzerTestOneInput once.
 * Arguments that start with '-' are libFuzzer's and are passed over. Fails when there was nothing
 * to replay: a corpus that is empty or not found must not look like success.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly the input's size, so that a sanitizer sees one byte too far. */
static int replay_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1);
	int rc = -1;

	if (f != NULL && data != NULL && fread(data, 1, size, f) == size) {
		LLVMFuzzerTestOneInput(data, size);
		rc = 0;
	} else {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	}
	free(data);
	if (f != NULL)
		fclose(f);
	return rc;
}

static int replay_path(const char *path, unsigned *count);

static int replay_dir(const char *path, unsigned *count)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int rc = 0;

	if (dir == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		char child[4096];

		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) >=
			sizeof(child))
			rc = -1;
		else
			rc = replay_path(child, count);
	}
	closedir(dir);
	return rc;
}

static int replay_path(const char *path, unsigned *count)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return replay_dir(path, count);
	*count += 1;
	return replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' && replay_path(argv[i], &count) != 0)
			return 1;
	}
	if (count == 0) {
		fprintf(stderr, "%s: nothing to replay\n", argv[0]);
		return 1;
	}
	printf("%u inputs replayed\n", count);
	return 0;
}
