/*
 * zones.h: every zone of this machine once: names that lead to the same file count as one.
 */
#ifndef TG_UNIT_QUOTA_ZONES_H
#define TG_UNIT_QUOTA_ZONES_H

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "quota/zone.h"
#include "unit/unit.h"

#define ZONES_MAX 1500

/* ck_assert_msg tells its parent process at every call: too slow for millions. */
#define ZONES_CHECK(e, ...)                        \
	do {                                       \
		if (!(e))                          \
			ck_abort_msg(__VA_ARGS__); \
	} while (0)

struct zones {
	size_t n;
	struct {
		ino_t inode;
		char name[ZONE_NAME_MAX + 1];
	} v[ZONES_MAX];
};

/* Without right/ (leap seconds), posix/ (the same again) and what is no zone (names with a point).
 */
static inline void zones_find(struct zones *z, const char *below)
{
	char path[512];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof path, "%s/%s", ZONE_FOLDER, below);
	dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s is missing: the package tzdata has it", path);
	while ((e = readdir(dir)) != NULL) {
		char name[300];
		struct stat st;
		bool seen = false;

		snprintf(
			name, sizeof name, "%s%s%s", below, below[0] != '\0' ? "/" : "", e->d_name);
		snprintf(path, sizeof path, "%s/%s", ZONE_FOLDER, name);
		if (strchr(e->d_name, '.') != NULL || stat(path, &st) != 0 ||
			strncmp(name, "right", 5) == 0 || strcmp(name, "posix") == 0 ||
			strcmp(name, "leapseconds") == 0 || strlen(name) > ZONE_NAME_MAX)
			continue;
		if (S_ISDIR(st.st_mode)) {
			zones_find(z, name);
			continue;
		}
		for (size_t i = 0; i < z->n; i++)
			seen |= z->v[i].inode == st.st_ino;
		if (seen)
			continue;
		ck_assert_uint_lt(z->n, ZONES_MAX);
		z->v[z->n].inode = st.st_ino;
		memcpy(z->v[z->n++].name, name, strlen(name) + 1);
	}
	closedir(dir);
}

/* Sanitizers cost a factor of ten: there every so manieth zone. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ZONES_STEP 9
#else
#define ZONES_STEP 1
#endif

static inline struct zone *zones_load(const char *name)
{
	char err[512] = "";
	struct zone *z = zone_load(str_z(name), NULL, err, sizeof err);

	ck_assert_msg(z != NULL, "%s: %s", name, err);
	return z;
}

#endif
