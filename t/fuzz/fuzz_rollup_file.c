/*
 * fuzz_rollup_file.c: any bytes as a day's file of rollups: either an error with a text, or rows
 * that come to the same when they are written and read again. Tried as they are, and again with
 * every checksum made right, so that what is behind those is reached.
 */
#include <stdlib.h>

#include "base/digest.h"
#include "ledger/rollup_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static char blob[ROLLUP_BLOB_MAX];

/* The rows' sum, and the day in memory. NULL: the rows are damaged. */
static struct rollup_day *read_rows(struct rollup_file *f, struct rollup_value *total)
{
	struct rollup_day *d = rollup_day_new(f->day);
	struct rollup_file_row row;
	struct rollup_key key;
	char err[256] = "";
	int rc;

	*total = (struct rollup_value){ 0 };
	while ((rc = rollup_file_next(f, &row, err, sizeof err)) == 1) {
		key.hour = f->day * 24 + row.hour;
		for (size_t i = 0; i < ROLLUP__TEXTS; i++)
			key.text[i] = f->strings[row.id[i]];
		rollup_value_add(rollup_day_value(d, &key, blob), &row.value);
		rollup_value_add(total, &row.value);
	}
	if (rc == 0)
		return d;
	require(err[0] != '\0');
	rollup_day_free(d);
	return NULL;
}

static void write_and_read(struct rollup_file *f)
{
	struct rollup_value total, again;
	struct rollup_day *d = read_rows(f, &total), *d2;
	struct rollup_image image;
	struct rollup_file f2;
	char err[256];

	if (d == NULL)
		return;
	for (size_t i = 0; i < f->n_sources; i++)
		rollup_day_source(d, f->sources[i]);
	rollup_day_encode(d, &f->in, &image);
	require(rollup_file_parse(&f2, str_mk(image.p, image.n), err, sizeof err) == 0);
	require(f2.day == f->day && f2.n_sources == f->n_sources);
	require(positions_within(&f->in, &f2.in) && positions_within(&f2.in, &f->in));
	d2 = read_rows(&f2, &again);
	require(d2 != NULL && rollup_value_eq(&total, &again) && d2->n_rows == d->n_rows);
	rollup_day_free(d2);
	rollup_file_fini(&f2);
	free(image.p);
	rollup_day_free(d);
}

static void run(struct str bytes)
{
	struct rollup_file f;
	char err[256] = "";

	if (rollup_file_parse(&f, bytes, err, sizeof err) == 0)
		write_and_read(&f);
	else
		require(err[0] != '\0');
	rollup_file_fini(&f);
}

/* Offsets of rollup_file.c's head. */
static void make_right(char *p, size_t n)
{
	uint32_t meta, crc;
	uint64_t n64 = n, day;

	if (n < 64)
		return;
	memcpy(p, "TGR1\1\0\100\0", 8);
	memcpy(&day, p + 8, 8);
	day %= ROLLUP_DAY_LAST + 1;
	memcpy(p + 8, &day, 8);
	memcpy(p + 16, &n64, 8);
	memcpy(&meta, p + 48, 4);
	meta = meta <= n - 64 ? meta : 0;
	memcpy(p + 48, &meta, 4);
	crc = digest_crc32c(0, p + 64, meta);
	memcpy(p + 52, &crc, 4);
	crc = digest_crc32c(0, p + 64 + meta, n - 64 - meta);
	memcpy(p + 56, &crc, 4);
	crc = digest_crc32c(0, p, 60);
	memcpy(p + 60, &crc, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	require(copy != NULL);
	memcpy(copy, data, size);
	run(str_mk(copy, size));
	make_right(copy, size);
	run(str_mk(copy, size));
	free(copy);
	return 0;
}
