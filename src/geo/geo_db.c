/*
 * geo_db.c: see geo_db.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <maxminddb.h>

#include "geo/geo_db.h"

#define GEO_DB_MAGIC 0x47454f44
#define FILE_MAX     (INT64_C(1) << 30) /* of today's, the largest has 0.1 GB */

struct geo_file {
	char *path; /* NULL: none of that kind */
	struct stat st;
	struct mmdb_facts facts;
	MMDB_s mmdb;
	bool open;
};

struct geo_db {
	unsigned magic;
	_Atomic int refs;
	struct geo_file file[GEO_DB__MAX];
};

const char *geo_db_kind_name(enum geo_db_kind kind)
{
	return kind == GEO_DB_COUNTRY ? "country" : "asn";
}

static int file_fail(const struct geo_file *f, char *err, size_t err_len, const char *what)
{
	snprintf(err, err_len, "%.200s: %s", f->path, what);
	return -1;
}

/* All of the file into out, which is as long then. */
static int file_copy(struct geo_file *f, int in, int out, char *err, size_t err_len)
{
	static char buf[256 * 1024]; /* control thread only */
	struct stat after;
	off_t sum = 0;
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0) {
		sum += n;
		if (sum > f->st.st_size || write(out, buf, (size_t)n) != n)
			break;
	}
	if (n < 0)
		return file_fail(f, err, err_len, strerror(errno));
	if (fstat(in, &after) != 0 || after.st_size != f->st.st_size || sum != f->st.st_size ||
		after.st_mtim.tv_sec != f->st.st_mtim.tv_sec ||
		after.st_mtim.tv_nsec != f->st.st_mtim.tv_nsec)
		return file_fail(f, err, err_len, "it was written to while it was read");
	return 0;
}

static int file_check(struct geo_file *f, int fd, enum geo_db_kind kind, char *err, size_t err_len)
{
	size_t n = (size_t)f->st.st_size;
	char why[200], text[320];
	uint8_t *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	int rc;

	if (p == MAP_FAILED)
		return file_fail(f, err, err_len, strerror(errno));
	rc = mmdb_check(p, n, &f->facts, why, sizeof(why));
	munmap(p, n);
	if (rc != 0)
		return file_fail(f, err, err_len, why);
	if (kind == GEO_DB_COUNTRY ? f->facts.has_country : f->facts.has_asn)
		return 0;
	snprintf(text, sizeof(text), "it is a database of `%s`: no record in it has a member `%s`",
		f->facts.type, kind == GEO_DB_COUNTRY ? "country" : "autonomous_system_number");
	return file_fail(f, err, err_len, text);
}

/* By its descriptor, since the library knows paths only: the path may be another file by now. */
static int file_map(struct geo_file *f, int fd, char *err, size_t err_len)
{
	char path[64], text[256];
	int rc;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = MMDB_open(path, MMDB_MODE_MMAP, &f->mmdb);
	if (rc != MMDB_SUCCESS) {
		snprintf(
			text, sizeof(text), "libmaxminddb does not take it: %s", MMDB_strerror(rc));
		return file_fail(f, err, err_len, text);
	}
	f->open = true;
	return 0;
}

static int file_load(struct geo_file *f, int in, enum geo_db_kind kind, char *err, size_t err_len)
{
	int rc, copy;

	if (fstat(in, &f->st) != 0)
		return file_fail(f, err, err_len, strerror(errno));
	if (!S_ISREG(f->st.st_mode) || f->st.st_size == 0 || f->st.st_size > FILE_MAX)
		return file_fail(f, err, err_len, "it is no file of 1 byte to 1 GB");
	copy = memfd_create("tollgate-geoip", MFD_CLOEXEC);
	if (copy < 0)
		return file_fail(f, err, err_len, strerror(errno));
	rc = file_copy(f, in, copy, err, err_len);
	if (rc == 0)
		rc = file_check(f, copy, kind, err, err_len);
	if (rc == 0)
		rc = file_map(f, copy, err, err_len);
	close(copy); /* it stays as long as it is mapped */
	return rc;
}

static int file_open(
	struct geo_file *f, struct str path, enum geo_db_kind kind, char *err, size_t err_len)
{
	int fd, rc;

	f->path = str_dup(path);
	fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return file_fail(f, err, err_len, strerror(errno));
	rc = file_load(f, fd, kind, err, err_len);
	close(fd);
	return rc;
}

static void db_free(struct geo_db *db)
{
	for (int i = 0; i < GEO_DB__MAX; i++) {
		if (db->file[i].open)
			MMDB_close(&db->file[i].mmdb);
		free(db->file[i].path);
	}
	FINI_OBJ(db);
	free(db);
}

struct geo_db *geo_db_open(const struct str path[GEO_DB__MAX], char *err, size_t err_len)
{
	struct geo_db *db = calloc(1, sizeof(*db));

	tg_assert(db != NULL);
	INIT_OBJ(db, GEO_DB_MAGIC);
	atomic_store(&db->refs, 1);
	for (int i = 0; i < GEO_DB__MAX; i++)
		if (path[i].n > 0 && file_open(&db->file[i], path[i], i, err, err_len) != 0) {
			db_free(db);
			return NULL;
		}
	return db;
}

void geo_db_get(struct geo_db *db)
{
	CHECK_OBJ(db, GEO_DB_MAGIC);
	atomic_fetch_add_explicit(&db->refs, 1, memory_order_relaxed);
}

void geo_db_put(struct geo_db *db)
{
	CHECK_OBJ(db, GEO_DB_MAGIC);
	if (atomic_fetch_sub_explicit(&db->refs, 1, memory_order_acq_rel) == 1)
		db_free(db);
}

/* ---- asking */

static bool entry_find(const struct geo_file *f, struct ip a, MMDB_entry_s *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	MMDB_lookup_result_s got;
	int err = MMDB_SUCCESS;

	memcpy(&v4.sin_addr, a.b + 12, 4);
	memcpy(&v6.sin6_addr, a.b, 16);
	got = MMDB_lookup_sockaddr(&f->mmdb,
		ip_is_v4(a) ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6, &err);
	*out = got.entry;
	return err == MMDB_SUCCESS && got.found_entry;
}

static bool entry_get(MMDB_entry_s *e, const char *const *path, MMDB_entry_data_s *out)
{
	return MMDB_aget_value(e, out, path) == MMDB_SUCCESS && out->has_data;
}

static void find_country(const struct geo_file *f, struct ip a, struct geo_place *out)
{
	static const char *const code[] = { "country", "iso_code", NULL };
	static const char *const eu[] = { "country", "is_in_european_union", NULL };
	MMDB_entry_data_s d;
	MMDB_entry_s e;
	const char *c;
	bool flag;

	if (!entry_find(f, a, &e) || !entry_get(&e, code, &d) ||
		d.type != MMDB_DATA_TYPE_UTF8_STRING || d.data_size != 2)
		return;
	c = d.utf8_string;
	if (c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z')
		return;
	memcpy(out->country, c, 2);
	flag = entry_get(&e, eu, &d) && d.type == MMDB_DATA_TYPE_BOOLEAN && d.boolean;
	out->eu = geo_is_eu(out->country, flag);
}

static void find_asn(const struct geo_file *f, struct ip a, struct geo_place *out)
{
	static const char *const number[] = { "autonomous_system_number", NULL };
	MMDB_entry_data_s d;
	MMDB_entry_s e;

	if (!entry_find(f, a, &e) || !entry_get(&e, number, &d))
		return;
	if (d.type == MMDB_DATA_TYPE_UINT32)
		out->asn = d.uint32;
	else if (d.type == MMDB_DATA_TYPE_UINT16)
		out->asn = d.uint16;
}

void geo_db_find(const struct geo_db *db, struct ip a, struct geo_place *out)
{
	CHECK_OBJ(db, GEO_DB_MAGIC);
	memset(out, 0, sizeof(*out));
	if (!ip_is_set(a))
		return;
	if (db->file[GEO_DB_COUNTRY].open)
		find_country(&db->file[GEO_DB_COUNTRY], a, out);
	if (db->file[GEO_DB_ASN].open)
		find_asn(&db->file[GEO_DB_ASN], a, out);
}

/* ---- changes */

static void stamp_of(const struct stat *st, uint64_t word[5])
{
	word[0] = (uint64_t)st->st_dev;
	word[1] = (uint64_t)st->st_ino;
	word[2] = (uint64_t)st->st_size;
	word[3] = (uint64_t)st->st_mtim.tv_sec;
	word[4] = (uint64_t)st->st_mtim.tv_nsec;
}

void geo_db_stamp(const struct geo_db *db, struct geo_stamp *out)
{
	struct stat st;

	CHECK_OBJ(db, GEO_DB_MAGIC);
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < GEO_DB__MAX; i++) {
		const struct geo_file *f = &db->file[i];

		if (f->path != NULL)
			stamp_of(stat(f->path, &st) == 0 ? &st : &f->st, out->word[i]);
	}
}

bool geo_db_changed(const struct geo_db *db)
{
	struct geo_stamp now, then = { 0 };

	geo_db_stamp(db, &now);
	for (int i = 0; i < GEO_DB__MAX; i++)
		if (db->file[i].path != NULL)
			stamp_of(&db->file[i].st, then.word[i]);
	return memcmp(&now, &then, sizeof(now)) != 0;
}

const struct mmdb_facts *geo_db_facts(const struct geo_db *db, enum geo_db_kind kind)
{
	CHECK_OBJ(db, GEO_DB_MAGIC);
	return db->file[kind].open ? &db->file[kind].facts : NULL;
}
