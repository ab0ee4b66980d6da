/* segment.c, segment_open.c: headers, lists, the walk over whole, growing, damaged and packed ones.
 */
#include "unit/unit.h"
#include "unit/ledger/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "ledger/segment.h"

static char folder[64];
static char path[SEGMENT_PATH_MAX];

static void setup(void)
{
	strcpy(folder, "/tmp/tg-segment-XXXXXX");
	ck_assert(mkdtemp(folder) != NULL);
}

static void teardown(void)
{
	char cmd[128];

	snprintf(cmd, sizeof cmd, "rm -rf %s", folder);
	ck_assert_int_eq(system(cmd), 0);
}

static struct segment_info info_of(uint64_t number)
{
	return (struct segment_info){ .number = number,
		.incarnation = 0x1122334455667788,
		.writer = 3,
		.created = { 1764288000000000 },
		.member = "gw-1",
		.synced = SEGMENT_HEAD };
}

#define ROWS 6
static uint64_t row_at[ROWS + 1]; /* where each record begins, and their end */

/* A segment of ROWS holds in `size` bytes of zeros. To be freed. */
static char *build(const struct segment_info *info, size_t size)
{
	char *p = aligned_alloc(8, size);
	uint64_t at = SEGMENT_HEAD;

	memset(p, 0, size);
	segment_head_put(p, info);
	for (unsigned i = 0; i < ROWS; i++) {
		struct rec r = { .type = REC_HOLD, .seq = i + 1, .u.hold = sample_hold(i) };

		r.stamp = segment_stamp(info->number, info->incarnation);
		row_at[i] = at;
		at += rec_encode(p + at, &r);
	}
	row_at[ROWS] = at;
	return p;
}

static void put_file(const char *bytes, size_t n, uint64_t number, const char *suffix)
{
	int fd;

	ck_assert_int_eq(segment_path(path, folder, number, suffix), 0);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static struct segment_read open_ok(void)
{
	struct segment_read s;
	char err[256];

	ck_assert_msg(segment_read_open(&s, path, err, sizeof err) == 0, "%s", err);
	return s;
}

/* Records from *at on until one is not OK. */
static unsigned walk(const struct segment_read *s, uint64_t *at, enum rec_read *rc)
{
	struct rec r;
	unsigned n = 0;

	while ((*rc = segment_next(s, at, &r)) == REC_READ_OK)
		n++;
	return n;
}

START_TEST(a_header_is_read_as_it_was_written)
{
	struct segment_info in = info_of(42), out;
	char head[SEGMENT_HEAD];

	in.sealed = 4096;
	segment_head_put(head, &in);
	ck_assert_int_eq(segment_head_get(head, &out), 0);
	ck_assert(out.number == 42 && out.incarnation == in.incarnation && out.writer == 3);
	ck_assert(out.created.us == in.created.us && out.synced == SEGMENT_HEAD &&
		  out.sealed == 4096);
	ck_assert_str_eq(out.member, "gw-1");
	for (unsigned i = 0; i < SEGMENT_AT_SYNCED - 4; i++) {
		head[i] ^= 0x10;
		ck_assert_int_eq(segment_head_get(head, &out), -1);
		head[i] ^= 0x10;
	}
}
END_TEST

/* Sealed (mapped), growing (copied) and packed ones show the same records. */
START_TEST(three_forms_of_one_segment)
{
	static const size_t size = 64 * 1024;
	struct segment_info info = info_of(1);
	char *p = build(&info, size), packed[16384], err[256];
	struct segment_read s;
	enum rec_read rc;
	uint64_t at = SEGMENT_HEAD;
	size_t n;

	put_file(p, size, 1, "");
	s = open_ok();
	ck_assert(!s.mapped && s.info.sealed == 0);
	ck_assert_uint_eq(walk(&s, &at, &rc), ROWS);
	ck_assert(rc == REC_READ_END && at == row_at[ROWS]);
	segment_read_close(&s);

	info.sealed = info.synced = row_at[ROWS];
	segment_head_put(p, &info);
	put_file(p, row_at[ROWS], 1, "");
	s = open_ok();
	ck_assert(s.mapped && s.bytes.n == row_at[ROWS]);
	at = SEGMENT_HEAD;
	ck_assert_uint_eq(walk(&s, &at, &rc), ROWS);
	ck_assert(rc == REC_READ_END);
	segment_read_close(&s);

	n = ZSTD_compress(packed, sizeof packed, p, row_at[ROWS], 1);
	ck_assert(!ZSTD_isError(n));
	put_file(packed, n, 1, ".zst");
	ck_assert_int_eq(segment_path(path, folder, 1, ""), 0);
	ck_assert_int_eq(unlink(path), 0); /* listed raw, packed meanwhile */
	s = open_ok();
	ck_assert(s.info.number == 1 && s.info.sealed == row_at[ROWS]);
	at = SEGMENT_HEAD;
	ck_assert_uint_eq(walk(&s, &at, &rc), ROWS);
	segment_read_close(&s);

	put_file(packed, n / 2, 1, ".zst");
	ck_assert_int_eq(segment_read_open(&s, path, err, sizeof err), -1);
	ck_assert_msg(strstr(err, "cannot be unpacked") != NULL, "%s", err);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(segment_read_open(&s, path, err, sizeof err), -1);
	ck_assert(errno == ENOENT && err[0] == 0);
	free(p);
}
END_TEST

START_TEST(what_is_no_segment_is_refused)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *suffix, *want;
	} cases[] = {
		{ "", 0, "", "header is damaged" },
		{ "TGJ1", 4, "", "header is damaged" },
		{ "", 0, ".zst", "empty" },
		{ "no zstd at all", 14, ".zst", "not a compressed journal segment" },
	};
	struct segment_read s;
	char err[256], zeros[1024] = { 0 };

	for (unsigned i = 0; i < TG_ARRAY_LEN(cases); i++) {
		put_file(cases[i].bytes, cases[i].n, 5, cases[i].suffix);
		ck_assert_int_eq(segment_read_open(&s, path, err, sizeof err), -1);
		ck_assert_msg(strstr(err, cases[i].want) != NULL, "%s", err);
		ck_assert(strstr(err, path) != NULL);
	}
	put_file(zeros, sizeof zeros, 5, "");
	ck_assert_int_eq(segment_read_open(&s, path, err, sizeof err), -1);
}
END_TEST

/* The same walk goes on where it ended when the segment has grown. */
START_TEST(a_walk_goes_on_when_the_segment_grows)
{
	static const size_t size = 64 * 1024;
	struct segment_info info = info_of(2);
	char *p = build(&info, size);
	uint64_t at = SEGMENT_HEAD, keep;
	struct segment_read s;
	enum rec_read rc;

	keep = row_at[2];
	put_file(p, keep, 2, "");
	ck_assert_int_eq(truncate(path, (off_t)size), 0);
	s = open_ok();
	ck_assert_uint_eq(walk(&s, &at, &rc), 2);
	ck_assert(rc == REC_READ_END && at == keep);
	segment_read_close(&s);
	put_file(p, size, 2, "");
	s = open_ok();
	ck_assert_uint_eq(walk(&s, &at, &rc), ROWS - 2);
	ck_assert(rc == REC_READ_END && at == row_at[ROWS]);
	segment_read_close(&s);
	free(p);
}
END_TEST

/* Cut at every byte of the last record: the walk ends before it. */
START_TEST(a_torn_tail_ends_the_walk)
{
	static const size_t size = 16 * 1024;
	struct segment_info info = info_of(3);
	char *p = build(&info, size);

	for (uint64_t cut = row_at[ROWS - 1]; cut < row_at[ROWS]; cut++) {
		uint64_t at = SEGMENT_HEAD, behind;
		struct segment_read s;
		enum rec_read rc;

		put_file(p, cut, 3, "");
		ck_assert_int_eq(truncate(path, (off_t)size), 0);
		s = open_ok();
		ck_assert_uint_ge(walk(&s, &at, &rc), ROWS - 1);
		if (at == row_at[ROWS - 1]) {
			ck_assert(rc == REC_READ_END || rc == REC_READ_TORN);
			behind = at;
			ck_assert(!segment_resync(&s, &behind, ROWS - 1) && behind == at);
		} else { /* nothing but zeros was missing */
			ck_assert(rc == REC_READ_END && at == row_at[ROWS]);
			for (uint64_t i = cut; i < at; i++)
				ck_assert_int_eq(p[i], 0);
		}
		segment_read_close(&s);
	}
	free(p);
}
END_TEST

/* Record `hole` is damaged or zeros: what is behind is found again, and zeros before `synced` are
 * damage. */
START_TEST(records_behind_a_hole_are_found)
{
	static const size_t size = 16 * 1024;
	struct segment_info info = info_of(4);
	unsigned hole = (unsigned)_i / 2;
	bool zeros = _i % 2 == 1;

	for (unsigned synced = 0; synced < 2; synced++) {
		struct segment_read s;
		enum rec_read rc;
		uint64_t at = SEGMENT_HEAD;
		char *p;

		info.synced = synced ? row_at[ROWS] : SEGMENT_HEAD;
		p = build(&info, size);
		if (synced)
			info.synced = row_at[ROWS];
		segment_head_put(p, &info);
		if (zeros)
			memset(p + row_at[hole], 0, row_at[hole + 1] - row_at[hole]);
		else
			p[row_at[hole] + 40] ^= 1;
		put_file(p, size, 4, "");
		s = open_ok();
		ck_assert_uint_eq(walk(&s, &at, &rc), hole);
		ck_assert_uint_eq(at, row_at[hole]);
		ck_assert_int_eq(rc, zeros && !synced ? REC_READ_END : REC_READ_TORN);
		if (hole + 1 < ROWS) {
			ck_assert(segment_resync(&s, &at, hole));
			ck_assert_uint_eq(at, row_at[hole + 1]);
			ck_assert_uint_eq(walk(&s, &at, &rc), ROWS - hole - 1);
		} else {
			ck_assert(!segment_resync(&s, &at, hole));
		}
		segment_read_close(&s);
		free(p);
	}
}
END_TEST

/* A client's string that contains a whole record of this very form is no record. */
START_TEST(bytes_in_a_string_are_no_record)
{
	static const size_t size = 16 * 1024;
	struct segment_info info = info_of(6);
	char *p = build(&info, size);
	_Alignas(8) char fake[REC_MAX_BYTES];
	struct rec inner = { .type = REC_CHECKPOINT, .seq = 1000 }, r = { .type = REC_HOLD };
	uint64_t at = row_at[ROWS];
	struct segment_read s;
	enum rec_read rc;

	r.u.hold = sample_hold(9);
	for (unsigned shift = 0; shift < 8; shift++) { /* at each alignment */
		r.seq = ROWS + 1 + shift;
		r.stamp = segment_stamp(info.number, info.incarnation);
		memset(fake, 'x', 8);
		rec_encode(fake + 8, &inner);
		r.u.hold.who.session = str_mk(fake + shift, 8 - shift + REC_HEAD_BYTES + 8);
		at += rec_encode(p + at, &r);
		p[at - 1] ^= 1; /* each is damaged, so that its inside is looked at */
		p[at - 2] ^= 1;
	}
	put_file(p, size, 6, "");
	s = open_ok();
	at = SEGMENT_HEAD;
	ck_assert_uint_eq(walk(&s, &at, &rc), ROWS);
	ck_assert_int_eq(rc, REC_READ_TORN);
	ck_assert(!segment_resync(&s, &at, ROWS));
	segment_read_close(&s);
	free(p);
}
END_TEST

START_TEST(lists)
{
	static const struct {
		uint64_t number;
		const char *suffix;
	} files[] = { { 12, "" }, { 3, ".zst" }, { 3, "" }, { 7, ".zst" }, { 12, ".tmp" },
		{ 9007199254740993, "" } };
	static const uint64_t want[] = { 3, 7, 12, 9007199254740993 };
	struct segment_list l;
	char err[256];

	for (unsigned i = 0; i < TG_ARRAY_LEN(files); i++)
		put_file("x", 1, files[i].number, files[i].suffix);
	snprintf(path, sizeof path, "%s/notes.txt", folder);
	put_file("x", 1, 12, ".bak");
	ck_assert_int_eq(segment_list_read(&l, folder, err, sizeof err), 0);
	ck_assert_uint_eq(l.n, TG_ARRAY_LEN(want));
	for (unsigned i = 0; i < l.n; i++) {
		ck_assert_uint_eq(l.v[i].number, want[i]);
		ck_assert(l.v[i].compressed == (want[i] == 7));
		ck_assert(access(l.v[i].path, R_OK) == 0);
	}
	segment_list_free(&l);
	ck_assert_int_eq(segment_list_read(&l, "/nonexistent/journal", err, sizeof err), -1);
	ck_assert(strstr(err, "/nonexistent/journal") != NULL);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_header_is_read_as_it_was_written);
	tcase_add_test(tc, three_forms_of_one_segment);
	tcase_add_test(tc, what_is_no_segment_is_refused);
	tcase_add_test(tc, a_walk_goes_on_when_the_segment_grows);
	tcase_add_test(tc, a_torn_tail_ends_the_walk);
	tcase_add_loop_test(tc, records_behind_a_hole_are_found, 0, 2 * ROWS);
	tcase_add_test(tc, bytes_in_a_string_are_no_record);
	tcase_add_test(tc, lists);
}

UNIT_MAIN("segment", tests)
