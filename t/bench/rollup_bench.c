/*
 * rollup_bench.c: what rollups and reports cost: a record added to rows that are there, and reports
 * over a month of days' files.
 *
 *	rollup_bench [--rows N] [--records N] [--folder DIR] [--json]
 *
 * It makes a ledger in a folder of its own under /tmp (or DIR, which then stays) with N rows (one
 * million) that N records (ten million) add up to, spread over the 30 days of November 2026.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "ledger/report.h"

#define DAYS      30
#define FIRST_DAY 20758 /* 2026-11-01 */
#define HOUR_US   INT64_C(3600000000)
#define ERR_LEN   512

struct bench {
	uint64_t rows, records;
	const char *folder; /* NULL: a temporary one */
	bool json;
	char path[256];
};

_Noreturn static void die(const char *what, const char *err)
{
	fprintf(stderr, "rollup_bench: %s: %s\n", what, err);
	exit(1);
}

static void report(const struct bench *b, const char *name, const char *unit, int64_t value)
{
	if (b->json)
		printf("{\"case\":\"%s\",\"unit\":\"%s\",\"value\":%lld}\n", name, unit,
			(long long)value);
	else
		printf("%-44s %10lld %s\n", name, (long long)value, unit);
}

/* The row-th row of a day: 24 hours, then tenants with keys, models, tag sets. */
struct names {
	char tenant[32], key[32], model[32], tags[96], target[32];
};

static struct rec record(uint64_t day, uint64_t row, struct names *n)
{
	uint64_t of_hour = row / 24;
	struct rec r = { .type = REC_SETTLE };
	struct rec_settle *s = &r.u.settle;

	snprintf(n->tenant, sizeof n->tenant, "tenant-%llu", (unsigned long long)of_hour % 40);
	snprintf(n->key, sizeof n->key, "key-%llu", (unsigned long long)of_hour % 160);
	snprintf(n->model, sizeof n->model, "model-%llu-2026-08-06",
		(unsigned long long)of_hour / 160 % 4);
	snprintf(n->target, sizeof n->target, "target-%llu", (unsigned long long)of_hour / 640 % 2);
	snprintf(n->tags, sizeof n->tags,
		"{\"team\":\"team-%llu\",\"env\":\"prod\",\"app\":\"a%llu\"}",
		(unsigned long long)of_hour % 7, (unsigned long long)of_hour / 1280);
	s->start.us = ((int64_t)(FIRST_DAY + day) * 24 + (int64_t)(row % 24)) * HOUR_US;
	r.time.us = s->start.us + 2000000;
	s->status = 200;
	s->legs = 1;
	s->who = (struct rec_who){ .org = STR("acme"),
		.tenant = str_z(n->tenant),
		.tier = STR("gold"),
		.key = str_z(n->key),
		.tags = str_z(n->tags) };
	s->what = (struct rec_what){ .endpoint = STR("chat"),
		.model = str_z(n->model),
		.provider = STR("openai"),
		.target = str_z(n->target),
		.region = STR("eu"),
		.target_model = str_z(n->model) };
	s->service_tier = STR("default");
	s->usage.n[USAGE_IN] = 1000 + row % 977;
	s->usage.n[USAGE_IN_CACHE_READ] = row % 300;
	s->usage.n[USAGE_OUT] = 300 + row % 97;
	s->money = (struct rec_money){ .list = 4000000 + (int64_t)row,
		.contracted = 3600000 + (int64_t)row,
		.billed = 4400000 + (int64_t)row };
	return r;
}

/* One day's rows, each with its share of the records; nanoseconds a record that meets its row. */
static int64_t fill_day(struct rollup *r, const struct bench *b, uint64_t day, uint64_t *offset)
{
	uint64_t rows = b->rows / DAYS, again = b->records / b->rows;
	struct names *names = calloc(rows, sizeof *names);
	struct rec *recs = calloc(rows, sizeof *recs);
	mono_us begin;
	int64_t ns;

	if (names == NULL || recs == NULL)
		die("memory", strerror(errno));
	for (uint64_t i = 0; i < rows; i++)
		recs[i] = record(day, i, &names[i]);
	for (uint64_t i = 0; i < rows; i++)
		rollup_add(r, &recs[i], (struct journal_position){ 1, *offset += 8 });
	begin = clock_mono();
	for (uint64_t n = 1; n < again; n++)
		for (uint64_t i = 0; i < rows; i++)
			rollup_add(r, &recs[i], (struct journal_position){ 1, *offset += 8 });
	ns = mono_since(clock_mono(), begin) * 1000 / (int64_t)TG_MAX(rows * (again - 1), 1u);
	free(recs);
	free(names);
	return ns;
}

/* The usual case: few rows, which stay in the processor's caches. */
static void bench_hot(const struct bench *b)
{
	struct rollup *r = rollup_new(100000);
	uint64_t offset = 256, n = 2000000;
	struct names names[64];
	struct rec recs[64];
	mono_us begin;

	for (uint64_t i = 0; i < TG_ARRAY_LEN(recs); i++)
		recs[i] = record(0, i * 24, &names[i]);
	begin = clock_mono();
	for (uint64_t i = 0; i < n; i++)
		rollup_add(r, &recs[i % TG_ARRAY_LEN(recs)],
			(struct journal_position){ 1, offset += 8 });
	report(b, "add a record, 64 rows", "ns",
		mono_since(clock_mono(), begin) * 1000 / (int64_t)n);
	rollup_free(r);
}

static void make_ledger(const struct bench *b)
{
	struct rollup *r = rollup_new(b->rows + 1);
	char folder[300], err[ERR_LEN];
	int64_t add_ns = 0, flush_us = 0, encode_us = 0;
	uint64_t offset = 256;

	snprintf(folder, sizeof folder, "%s/journal", b->path);
	if (mkdir(folder, 0750) != 0 && errno != EEXIST)
		die(folder, strerror(errno));
	snprintf(folder, sizeof folder, "%s/rollup", b->path);
	if (rollup_open(r, folder, err, sizeof err) != 0)
		die(folder, err);
	for (uint64_t day = 0; day < DAYS; day++) {
		struct rollup_flush *f;
		mono_us begin;

		add_ns += fill_day(r, b, day, &offset);
		begin = clock_mono();
		f = rollup_flush_begin(r);
		encode_us += mono_since(clock_mono(), begin);
		rollup_flush_write(f);
		if (rollup_flush_end(r, f, err, sizeof err) != 0)
			die("flush", err);
		flush_us += mono_since(clock_mono(), begin);
	}
	rollup_free(r);
	report(b, "add a record, all rows of a day", "ns", add_ns / DAYS);
	report(b, "flush a day: encode", "us", encode_us / DAYS);
	report(b, "flush a day: in all, durable", "us", flush_us / DAYS);
}

static void bench_report(const struct bench *b, const char *by)
{
	struct report_query q;
	struct report r;
	char err[ERR_LEN], name[128];
	wall_us now = { INT64_C(1796000000000000) };
	mono_us begin;

	report_query_init(&q, now);
	if (report_query_set(&q, STR("month"), STR("2026-11"), now, err, sizeof err) != 0 ||
		report_query_set(&q, STR("by"), str_z(by), now, err, sizeof err) != 0)
		die(by, err);
	begin = clock_mono();
	if (report_run(b->path, &q, &r, err, sizeof err) != 0)
		die("report", err);
	snprintf(name, sizeof name, "report by %s (%zu rows)", by, r.n_rows);
	report(b, name, "ms", mono_since(clock_mono(), begin) / 1000);
	if (r.total.requests != b->rows / DAYS * DAYS * TG_MAX(b->records / b->rows, 1u))
		die("report", "it has not every record");
	report_free(&r);
}

static void read_options(int argc, char **argv, struct bench *b)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--json") == 0)
			b->json = true;
		else if (strcmp(argv[i], "--folder") == 0 && value[0] != '\0')
			b->folder = argv[++i];
		else if (strcmp(argv[i], "--rows") == 0 &&
			 num_parse_u64(str_z(value), &b->rows) == 0 && b->rows >= DAYS * 24)
			i++;
		else if (strcmp(argv[i], "--records") == 0 &&
			 num_parse_u64(str_z(value), &b->records) == 0)
			i++;
		else
			die(argv[i], "usage: rollup_bench [--rows N] [--records N] [--folder DIR] "
				     "[--json]; 720 rows at least");
	}
	b->records = TG_MAX(b->records, b->rows);
}

static void remove_folder(const char *path)
{
	char name[300];

	for (unsigned day = 1; day <= DAYS; day++) {
		snprintf(name, sizeof name, "%s/rollup/2026-11-%02u.tgr", path, day);
		unlink(name);
	}
	snprintf(name, sizeof name, "%s/rollup/positions", path);
	unlink(name);
	snprintf(name, sizeof name, "%s/rollup", path);
	rmdir(name);
	snprintf(name, sizeof name, "%s/journal", path);
	rmdir(name);
	rmdir(path);
}

int main(int argc, char **argv)
{
	struct bench b = { .rows = 1000000, .records = 10000000 };

	read_options(argc, argv, &b);
	snprintf(b.path, sizeof b.path, "%s",
		b.folder != NULL ? b.folder : "/tmp/tg-rollup-bench-XXXXXX");
	if (b.folder == NULL && mkdtemp(b.path) == NULL)
		die(b.path, strerror(errno));
	bench_hot(&b);
	make_ledger(&b);
	bench_report(&b, "tenant,model");
	bench_report(&b, "day,tenant,key,model");
	bench_report(&b, "tag:team");
	bench_report(&b, "hour,tenant,key,model,target,tags");
	if (b.folder == NULL)
		remove_folder(b.path);
	return 0;
}
