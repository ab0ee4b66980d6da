/*
 * rollup_file.c: the bytes of DIR/rollup: a day's rows, and the positions (docs/reference/ledger.md
 * has the format). Reading trusts nothing: a file may be cut, old, or of a later version. Pure but
 * for the functions that name a folder; any thread.
 */
#include "ledger/rollup_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/num.h"
#include "ledger/varint.h"

#define DAY_MAGIC       "TGR1"
#define POSITIONS_MAGIC "TGP1"
#define FILE_VERSION    1
#define DAY_US          INT64_C(86400000000)
#define HOURS_A_DAY     24

/* Offsets in a day file's head; all numbers little-endian. */
enum {
	H_MAGIC = 0,
	H_VERSION = 4,
	H_HEAD_BYTES = 6,
	H_DAY = 8,
	H_FILE_BYTES = 16,
	H_FLOOR = 24,
	H_POSITIONS = 32,
	H_SOURCES = 36,
	H_STRINGS = 40,
	H_ROWS = 44,
	H_META_BYTES = 48,
	H_META_CRC = 52,
	H_BODY_CRC = 56,
	H_HEAD_CRC = 60,
	DAY_HEAD = 64
};

/* And in the positions file's: the entries (segment, offset) follow. */
enum {
	P_MAGIC = 0,
	P_VERSION = 4,
	P_N = 8,
	P_CRC = 12, /* of the entries, then the floor */
	P_FLOOR = 16,
	P_HEAD = 24,
	P_ENTRY = 16
};

/* A row is at most: its length, hour, ids, counts, units with their codes, sums, qualities. */
#define ROW_MAX                                                                            \
	(VARINT_MAX + 1 +                                                                  \
		VARINT_MAX * (ROLLUP__TEXTS + 5 + 1 + 1 + QUALITY__MAX + 1 + USAGE__MAX) + \
		USAGE__MAX + 4 * VARINT_MAX_PICO)

static inline void put32(char *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline void put64(char *p, uint64_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline uint16_t get16(const char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint64_t get64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files are little-endian");

static int TG_PRINTF(3, 4) fail(char *err, size_t err_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, err_len, fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- writing */

static char *room(struct rollup_image *o, size_t n)
{
	if (o->n + n > o->cap) {
		o->cap = TG_MAX(2 * o->cap, o->n + n);
		o->p = realloc(o->p, o->cap);
		tg_assert(o->p != NULL);
	}
	return o->p + o->n;
}

static void claim(struct rollup_image *o, const char *end)
{
	o->n = (size_t)(end - o->p);
	tg_assert(o->n <= o->cap);
}

static void put_meta(
	struct rollup_image *o, const struct positions *in, const uint64_t *sources, size_t n)
{
	char *p = room(o, 2 * VARINT_MAX * in->n + VARINT_MAX * n);
	uint64_t last = in->floor;

	for (size_t i = 0; i < in->n; i++) {
		p = varint_put(p, in->v[i].segment - last);
		p = varint_put(p, in->v[i].offset);
		last = in->v[i].segment;
	}
	last = 0;
	for (size_t i = 0; i < n; i++) {
		p = varint_put(p, sources[i] - last);
		last = sources[i];
	}
	claim(o, p);
}

static void put_strings(struct rollup_image *o, const struct intern *t)
{
	char *p = room(o, t->bytes + (size_t)VARINT_MAX * t->n);

	for (uint32_t i = 0; i < t->n; i++) {
		struct str s = intern_text(t, i);

		p = varint_put(p, s.n);
		if (s.n > 0)
			memcpy(p, s.p, s.n);
		p += s.n;
	}
	claim(o, p);
}

static char *put_units(char *p, const uint64_t *units)
{
	unsigned n = 0;

	for (unsigned b = 0; b < USAGE__MAX; b++)
		n += units[b] != 0;
	p = varint_put(p, n);
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		if (units[b] == 0)
			continue;
		*p++ = (char)usage_bucket_code((enum usage_bucket)b);
		p = varint_put(p, units[b]);
	}
	return p;
}

static char *put_fields(char *p, const struct rollup_row *row)
{
	const struct rollup_value *v = &row->value;

	*p++ = row->blob[2 * ROLLUP__TEXTS]; /* the hour of the day */
	for (size_t i = 0; i < ROLLUP__TEXTS_FIRST; i++)
		p = varint_put(p, row->id[i]);
#define X(member) p = varint_put(p, v->member);
#include "ledger/tbl/rollup_counts.h"
#undef X
#define X(member, name) p = varint_put_pico(p, v->member);
#include "ledger/tbl/rollup_sums.h"
#undef X
	p = put_units(p, v->units);
	p = varint_put(p, QUALITY__MAX);
	for (size_t i = 0; i < QUALITY__MAX; i++)
		p = varint_put(p, v->quality[i]);
#define X(member) p = varint_put(p, v->member);
#include "ledger/tbl/rollup_more.h"
#undef X
	for (size_t i = ROLLUP__TEXTS_FIRST; i < ROLLUP__TEXTS; i++)
		p = varint_put(p, row->id[i]);
	return p;
}

static void put_rows(struct rollup_image *o, const struct rollup_day *d)
{
	char fields[ROW_MAX];

	for (size_t i = 0; i < d->n_slots; i++) {
		size_t n;
		char *p;

		if (d->slots[i].row == NULL)
			continue;
		n = (size_t)(put_fields(fields, d->slots[i].row) - fields);
		p = varint_put(room(o, ROW_MAX), n);
		memcpy(p, fields, n);
		claim(o, p + n);
	}
}

void rollup_day_encode(
	const struct rollup_day *d, const struct positions *in, struct rollup_image *out)
{
	char *head;
	size_t meta_end;

	tg_assert(d->n_rows <= UINT32_MAX && d->n_sources <= UINT32_MAX && in->n <= UINT32_MAX);
	*out = (struct rollup_image){ .n = 0 };
	rollup_file_name(out->name, d->day);
	memset(room(out, DAY_HEAD + 128 * d->n_rows), 0, DAY_HEAD);
	out->n = DAY_HEAD;
	put_meta(out, in, d->sources, d->n_sources);
	meta_end = out->n;
	put_strings(out, &d->strings);
	put_rows(out, d);
	head = out->p;
	memcpy(head + H_MAGIC, DAY_MAGIC, 4);
	head[H_VERSION] = FILE_VERSION;
	head[H_HEAD_BYTES] = DAY_HEAD;
	put64(head + H_DAY, (uint64_t)d->day);
	put64(head + H_FILE_BYTES, out->n);
	put64(head + H_FLOOR, in->floor);
	put32(head + H_POSITIONS, (uint32_t)in->n);
	put32(head + H_SOURCES, (uint32_t)d->n_sources);
	put32(head + H_STRINGS, d->strings.n);
	put32(head + H_ROWS, (uint32_t)d->n_rows);
	put32(head + H_META_BYTES, (uint32_t)(meta_end - DAY_HEAD));
	put32(head + H_META_CRC, digest_crc32c(0, head + DAY_HEAD, meta_end - DAY_HEAD));
	put32(head + H_BODY_CRC, digest_crc32c(0, head + meta_end, out->n - meta_end));
	put32(head + H_HEAD_CRC, digest_crc32c(0, head, H_HEAD_CRC));
}

static uint32_t positions_crc(const char *p, size_t n)
{
	return digest_crc32c(digest_crc32c(0, p + P_HEAD, n - P_HEAD), p + P_FLOOR, 8);
}

void positions_encode(const struct positions *in, struct rollup_image *out)
{
	size_t n = P_HEAD + P_ENTRY * in->n;
	char *p;

	*out = (struct rollup_image){ .name = "positions" };
	p = room(out, n);
	memset(p, 0, n);
	memcpy(p + P_MAGIC, POSITIONS_MAGIC, 4);
	put32(p + P_VERSION, FILE_VERSION);
	put32(p + P_N, (uint32_t)in->n);
	put64(p + P_FLOOR, in->floor);
	for (size_t i = 0; i < in->n; i++) {
		put64(p + P_HEAD + P_ENTRY * i, in->v[i].segment);
		put64(p + P_HEAD + P_ENTRY * i + 8, in->v[i].offset);
	}
	put32(p + P_CRC, positions_crc(p, n));
	out->n = n;
}

/* ---- reading */

static int parse_meta(struct rollup_file *f, struct str meta, uint32_t n_positions)
{
	uint64_t segment = f->in.floor, source = 0;

	for (uint32_t i = 0; i < n_positions; i++) {
		uint64_t more, offset;

		if (!varint_get(&meta, &more) || !varint_get(&meta, &offset) ||
			(more == 0 && i > 0) || __builtin_add_overflow(segment, more, &segment))
			return -1;
		positions_set(&f->in, (struct journal_position){ segment, offset });
	}
	if (f->n_sources > meta.n)
		return -1;
	f->sources = calloc(f->n_sources + 1, sizeof *f->sources);
	tg_assert(f->sources != NULL);
	for (size_t i = 0; i < f->n_sources; i++) {
		uint64_t more;

		if (!varint_get(&meta, &more) || (more == 0 && i > 0) ||
			__builtin_add_overflow(source, more, &source))
			return -1;
		f->sources[i] = source;
	}
	return meta.n == 0 ? 0 : -1;
}

static int parse_strings(struct rollup_file *f, struct str *body)
{
	if (f->n_strings > body->n || f->n_strings == 0)
		return -1;
	f->strings = calloc(f->n_strings, sizeof *f->strings);
	tg_assert(f->strings != NULL);
	for (uint32_t i = 0; i < f->n_strings; i++) {
		uint64_t n;

		if (!varint_get(body, &n) || n > REC_TAGS_MAX || n > body->n)
			return -1;
		f->strings[i] = str_mk(body->p, (size_t)n);
		*body = str_skip(*body, (size_t)n);
	}
	return 0;
}

/* What is wrong with the head, or NULL. */
static const char *check_head(struct str b)
{
	if (b.n < DAY_HEAD)
		return "is cut short";
	if (memcmp(b.p + H_MAGIC, DAY_MAGIC, 4) != 0)
		return "is no day's file: its first bytes are not " DAY_MAGIC;
	if (digest_crc32c(0, b.p, H_HEAD_CRC) != get32(b.p + H_HEAD_CRC))
		return "has a damaged head";
	if (get16(b.p + H_VERSION) != FILE_VERSION || get16(b.p + H_HEAD_BYTES) != DAY_HEAD)
		return "was written by a later version of tollgate";
	if (get64(b.p + H_DAY) > ROLLUP_DAY_LAST)
		return "is of no day that can be";
	return NULL;
}

int rollup_file_parse(struct rollup_file *f, struct str b, char *err, size_t err_len)
{
	const char *wrong = check_head(b);
	size_t meta_bytes;
	struct str body;

	*f = (struct rollup_file){ .bytes = b };
	if (wrong != NULL)
		return fail(err, err_len, "%s", wrong);
	f->day = (int64_t)get64(b.p + H_DAY);
	f->in.floor = get64(b.p + H_FLOOR);
	f->n_sources = get32(b.p + H_SOURCES);
	f->n_strings = get32(b.p + H_STRINGS);
	f->n_rows = f->left = get32(b.p + H_ROWS);
	meta_bytes = get32(b.p + H_META_BYTES);
	if (meta_bytes > b.n - DAY_HEAD ||
		digest_crc32c(0, b.p + DAY_HEAD, meta_bytes) != get32(b.p + H_META_CRC) ||
		parse_meta(f, str_mk(b.p + DAY_HEAD, meta_bytes), get32(b.p + H_POSITIONS)) != 0)
		return fail(err, err_len, "has damaged positions");
	f->meta_ok = true;
	if (get64(b.p + H_FILE_BYTES) != b.n)
		return fail(err, err_len, "is %zu bytes long, not %llu as it says", b.n,
			(unsigned long long)get64(b.p + H_FILE_BYTES));
	body = str_skip(b, DAY_HEAD + meta_bytes);
	if (digest_crc32c(0, body.p, body.n) != get32(b.p + H_BODY_CRC) ||
		parse_strings(f, &body) != 0)
		return fail(err, err_len, "has damaged rows");
	f->rows = body;
	return 0;
}

static int parse_units(struct str *s, uint64_t *units)
{
	uint64_t n, v;

	if (!varint_get(s, &n) || n > s->n)
		return -1;
	for (; n > 0; n--) {
		enum usage_bucket b;

		if (s->n == 0)
			return -1;
		b = usage_bucket_of_code((uint8_t)s->p[0]);
		*s = str_skip(*s, 1);
		if (!varint_get(s, &v) || b == USAGE_NONE)
			return -1;
		units[b] = v;
	}
	return 0;
}

static int parse_ids(
	const struct rollup_file *f, struct str *s, uint32_t *id, size_t from, size_t to)
{
	uint64_t n;

	for (size_t i = from; i < to; i++) {
		if (!varint_get(s, &n) || n >= f->n_strings)
			return -1;
		id[i] = (uint32_t)n;
	}
	return 0;
}

/*
 * Fields behind those that are known are passed over: a row may grow at its end. One from before
 * `asked` has the provider's name for the model stand in, one from before `rule` has none.
 */
static int parse_row(const struct rollup_file *f, struct str s, struct rollup_file_row *row)
{
	struct rollup_value *v = &row->value;
	uint64_t n;

	memset(v, 0, sizeof *v);
	if (s.n == 0 || (row->hour = (unsigned char)s.p[0]) >= HOURS_A_DAY)
		return -1;
	s = str_skip(s, 1);
	if (parse_ids(f, &s, row->id, 0, ROLLUP__TEXTS_FIRST) != 0)
		return -1;
#define X(member)                        \
	if (!varint_get(&s, &v->member)) \
		return -1;
#include "ledger/tbl/rollup_counts.h"
#undef X
#define X(member, name)                       \
	if (!varint_get_pico(&s, &v->member)) \
		return -1;
#include "ledger/tbl/rollup_sums.h"
#undef X
	if (parse_units(&s, v->units) != 0 || !varint_get(&s, &n) || n > QUALITY__MAX)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!varint_get(&s, &v->quality[i]))
			return -1;
#define X(member)                                   \
	if (s.n > 0 && !varint_get(&s, &v->member)) \
		return -1;
#include "ledger/tbl/rollup_more.h"
#undef X
	row->id[ROLLUP_ASKED] = row->id[ROLLUP_MODEL];
	row->id[ROLLUP_RULE] = 0;
	for (size_t i = ROLLUP__TEXTS_FIRST; i < ROLLUP__TEXTS && s.n > 0; i++)
		if (parse_ids(f, &s, row->id, i, i + 1) != 0)
			return -1;
	return 0;
}

int rollup_file_next(struct rollup_file *f, struct rollup_file_row *row, char *err, size_t err_len)
{
	uint64_t n;

	if (f->left == 0)
		return f->rows.n == 0 ? 0 : fail(err, err_len, "has bytes behind its rows");
	if (!varint_get(&f->rows, &n) || n > f->rows.n ||
		parse_row(f, str_mk(f->rows.p, (size_t)n), row) != 0)
		return fail(err, err_len, "has a row (%u of %u) that cannot be read",
			f->n_rows - f->left + 1, f->n_rows);
	f->rows = str_skip(f->rows, (size_t)n);
	f->left--;
	return 1;
}

void rollup_file_fini(struct rollup_file *f)
{
	positions_fini(&f->in);
	free(f->sources);
	free(f->strings);
	if (f->owned)
		free((char *)(uintptr_t)f->bytes.p);
	*f = (struct rollup_file){ .n_rows = 0 };
}

/* The whole file, to be freed. NONE, or IO with err. */
static enum rollup_file_rc read_whole(const char *path, struct str *out, char *err, size_t err_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	size_t size, n = 0;
	struct stat st;
	ssize_t got = 0;
	char *p;

	if (fd < 0 && errno == ENOENT)
		return ROLLUP_FILE_NONE;
	if (fd < 0 || fstat(fd, &st) != 0) {
		fail(err, err_len, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return ROLLUP_FILE_IO;
	}
	size = (size_t)TG_MAX(st.st_size, 0);
	p = malloc(size + 1);
	tg_assert(p != NULL);
	while (n < size && (got = read(fd, p + n, size - n)) > 0)
		n += (size_t)got;
	saved = errno;
	close(fd);
	if (got < 0) {
		free(p);
		fail(err, err_len, "%s: %s", path, strerror(saved));
		return ROLLUP_FILE_IO;
	}
	*out = str_mk(p, n);
	return ROLLUP_FILE_OK;
}

enum rollup_file_rc rollup_file_read(
	struct rollup_file *f, const char *folder, int64_t day, char *err, size_t err_len)
{
	char name[ROLLUP_NAME_LEN], path[512], why[128];
	enum rollup_file_rc rc;
	struct str bytes;

	*f = (struct rollup_file){ .n_rows = 0 };
	rollup_file_name(name, day);
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
		fail(err, err_len, "%s: the path is too long", folder);
		return ROLLUP_FILE_IO;
	}
	rc = read_whole(path, &bytes, err, err_len);
	if (rc != ROLLUP_FILE_OK)
		return rc;
	if (rollup_file_parse(f, bytes, why, sizeof why) != 0)
		rc = ROLLUP_FILE_CORRUPT;
	else if (f->day != day) {
		fail(why, sizeof why, "is of another day");
		rc = ROLLUP_FILE_CORRUPT;
	}
	f->owned = true;
	if (rc != ROLLUP_FILE_OK)
		fail(err, err_len, "%s %s", path, why);
	return rc;
}

void rollup_file_name(char out[ROLLUP_NAME_LEN], int64_t day)
{
	char iso[CLOCK_ISO_LEN];

	tg_assert(day >= 0 && day <= ROLLUP_DAY_LAST);
	clock_iso(iso, (wall_us){ day * DAY_US });
	memcpy(out, iso, 10);
	memcpy(out + 10, ".tgr", 5);
}

int rollup_file_day(const char *name, int64_t *day)
{
	static const char form[] = "0000-00-00.tgr";
	char again[ROLLUP_NAME_LEN];
	uint64_t year, month, of_month;

	if (strlen(name) != sizeof form - 1 || name[4] != '-' || name[7] != '-' ||
		strcmp(name + 10, form + 10) != 0 || num_parse_u64(str_mk(name, 4), &year) != 0 ||
		num_parse_u64(str_mk(name + 5, 2), &month) != 0 ||
		num_parse_u64(str_mk(name + 8, 2), &of_month) != 0 || year < 1970 || month < 1 ||
		month > 12 || of_month < 1 || of_month > 31)
		return -1;
	*day = clock_days((int64_t)year, (int64_t)month, (int64_t)of_month);
	rollup_file_name(again, *day);
	return strcmp(again, name) == 0 ? 0 : -1; /* 2026-02-30 */
}

static int compare_days(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int rollup_file_list(const char *folder, int64_t **days, size_t *n, char *err, size_t err_len)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	size_t cap = 0;
	int64_t day;

	*days = NULL;
	*n = 0;
	if (dir == NULL)
		return errno == ENOENT ? 0 : fail(err, err_len, "%s: %s", folder, strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		if (rollup_file_day(entry->d_name, &day) != 0)
			continue;
		if (*n == cap) {
			cap = cap * 2 + 64;
			*days = realloc(*days, cap * sizeof **days);
			tg_assert(*days != NULL);
		}
		(*days)[(*n)++] = day;
	}
	closedir(dir);
	if (*n > 0)
		qsort(*days, *n, sizeof **days, compare_days);
	return 0;
}

static int positions_parse(struct positions *p, struct str b)
{
	size_t n;

	if (b.n < P_HEAD || memcmp(b.p, POSITIONS_MAGIC, 4) != 0 ||
		get32(b.p + P_VERSION) != FILE_VERSION)
		return -1;
	n = get32(b.p + P_N);
	if (b.n != P_HEAD + P_ENTRY * n || positions_crc(b.p, b.n) != get32(b.p + P_CRC))
		return -1;
	p->floor = get64(b.p + P_FLOOR);
	for (size_t i = 0; i < n; i++)
		positions_set(p, (struct journal_position){ get64(b.p + P_HEAD + P_ENTRY * i),
					 get64(b.p + P_HEAD + P_ENTRY * i + 8) });
	return 0;
}

enum rollup_file_rc positions_read(
	struct positions *p, const char *folder, char *err, size_t err_len)
{
	enum rollup_file_rc rc;
	char path[512];
	struct str bytes;

	positions_fini(p);
	if (snprintf(path, sizeof path, "%s/positions", folder) >= (int)sizeof path) {
		fail(err, err_len, "%s: the path is too long", folder);
		return ROLLUP_FILE_IO;
	}
	rc = read_whole(path, &bytes, err, err_len);
	if (rc != ROLLUP_FILE_OK)
		return rc;
	if (positions_parse(p, bytes) != 0) {
		positions_fini(p);
		fail(err, err_len, "%s is damaged", path);
		rc = ROLLUP_FILE_CORRUPT;
	}
	free((char *)(uintptr_t)bytes.p);
	return rc;
}
