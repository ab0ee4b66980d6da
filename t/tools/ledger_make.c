/*
 * ledger_make.c: a ledger made by hand, for tests of the commands that read one: what a gateway
 * with several workers leaves behind after some days, requests of all kinds, without running one.
 *
 *	ledger_make FOLDER [--requests N] [--days N] [--seed N] [--writers N] [--segment N]
 *		[--no-rollup]
 *
 * The days end with 2025-11-28. Old segments are sealed, the oldest of them compressed; each
 * writer's last one may grow and has a request in flight. Rollups have all but the last records.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/num.h"
#include "ledger/rollup.h"
#include "ledger/segment.h"

#define LAST_DAY    20420 /* 2025-11-28 */
#define DAY_US      INT64_C(86400000000)
#define WRITERS_MAX 8
#define INCARNATION UINT64_C(0x5eed000000000001)

struct writer {
	FILE *f;
	struct segment_info info;
	uint64_t seq, at;
	char path[SEGMENT_PATH_MAX];
	struct rec_hold open; /* in flight to the end */
	bool has_open;
};

struct make {
	const char *folder;
	uint64_t requests, days, seed, writers, segment_bytes;
	bool rollup;
	char journal[512];
	uint64_t next_number;
	struct writer w[WRITERS_MAX];
	char buf[REC_MAX_BYTES] __attribute__((aligned(8)));
	char tags[WRITERS_MAX][96];
};

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "ledger_make: %s: %s\n", what, why);
	exit(1);
}

/* splitmix64 */
static uint64_t next(struct make *m)
{
	uint64_t z = m->seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void write_at(struct writer *w, const char *p, size_t n, uint64_t at)
{
	if (fseek(w->f, (long)at, SEEK_SET) != 0 || fwrite(p, 1, n, w->f) != n)
		die(w->path, strerror(errno));
}

static void put(struct make *m, struct writer *w, enum rec_type type, uint16_t flags,
	const void *payload, wall_us time)
{
	struct rec_head head = { .type = type,
		.flags = flags,
		.stamp = segment_stamp(w->info.number, INCARNATION),
		.seq = ++w->seq,
		.time = time };
	size_t n = rec_put(m->buf, &head, payload);

	write_at(w, m->buf, n, w->at);
	w->at += n;
}

static void put_head(struct make *m, struct writer *w)
{
	segment_head_put(m->buf, &w->info);
	write_at(w, m->buf, SEGMENT_HEAD, 0);
}

static void compress(const char *path)
{
	char to[SEGMENT_PATH_MAX + 8];
	FILE *f = fopen(path, "rb");
	size_t n, packed;
	struct stat st;
	char *in, *out;

	if (f == NULL || stat(path, &st) != 0)
		die(path, strerror(errno));
	n = (size_t)st.st_size;
	in = malloc(n);
	out = malloc(ZSTD_compressBound(n));
	if (in == NULL || out == NULL || fread(in, 1, n, f) != n)
		die(path, "cannot be read");
	fclose(f);
	packed = ZSTD_compress(out, ZSTD_compressBound(n), in, n, 3);
	snprintf(to, sizeof to, "%s.zst", path);
	f = fopen(to, "wb");
	if (ZSTD_isError(packed) || f == NULL || fwrite(out, 1, packed, f) != packed ||
		fclose(f) != 0 || remove(path) != 0)
		die(to, "cannot be written");
	free(in);
	free(out);
}

static void seal(struct make *m, struct writer *w)
{
	w->info.synced = w->info.sealed = w->at;
	put_head(m, w);
	if (fclose(w->f) != 0)
		die(w->path, strerror(errno));
	if (w->info.number <= m->writers)
		compress(w->path);
}

/* The next segment of a writer, with what is in flight. */
static void rotate(struct make *m, struct writer *w, unsigned i, wall_us now)
{
	struct rec_checkpoint checkpoint = { .open = w->has_open };

	if (w->f != NULL)
		seal(m, w);
	w->info = (struct segment_info){ .number = ++m->next_number,
		.incarnation = INCARNATION,
		.writer = i,
		.created = now,
		.member = "gw-test" };
	w->seq = 0;
	w->at = SEGMENT_HEAD;
	if (segment_path(w->path, m->journal, w->info.number, "") != 0)
		die(m->journal, "is too long");
	w->f = fopen(w->path, "w+b");
	if (w->f == NULL)
		die(w->path, strerror(errno));
	put_head(m, w);
	if (w->has_open)
		put(m, w, REC_HOLD, REC_CARRIED, &w->open, now);
	put(m, w, REC_CHECKPOINT, 0, &checkpoint, now);
}

static void make_who(struct make *m, unsigned i, struct rec_who *who)
{
	static const char *const tenants[] = { "research", "sales", "support", "lab" };
	static const char *const orgs[] = { "acme", "acme", "acme", "globex" };
	static const char *const keys[] = { "svc", "notebook", "ci" };
	static const char *const teams[] = { "search", "ads", "=cmd", "caf\xc3\xa9" };
	uint64_t t = next(m) % 4;

	*who = (struct rec_who){ .org = str_z(orgs[t]),
		.tenant = str_z(tenants[t]),
		.tier = t == 3 ? STR("free") : STR("gold"),
		.key = str_z(keys[next(m) % 3]),
		.session = STR("s, \"quoted\""),
		.end_user = STR("@user") };
	if (next(m) % 3 != 0) {
		snprintf(m->tags[i], sizeof m->tags[i], "{\"team\":\"%s\",\"env\":\"%s\"}",
			teams[next(m) % 4], next(m) % 2 ? "prod" : "test");
		who->tags = str_z(m->tags[i]);
	}
}

static void make_what(struct make *m, struct rec_what *what)
{
	static const struct {
		const char *model, *provider, *target, *target_model;
	} models[] = {
		{ "gpt-4o", "openai", "openai-eu", "gpt-4o-2024-08-06" },
		{ "gpt-4o-mini", "openai", "openai-us", "gpt-4o-mini" },
		{ "claude-sonnet-4", "anthropic", "anthropic", "claude-sonnet-4-20250514" },
	};
	uint64_t k = next(m) % 3;

	*what = (struct rec_what){ .endpoint = k == 2 ? STR("messages") : STR("chat"),
		.model = str_z(models[k].model),
		.provider = str_z(models[k].provider),
		.target = str_z(models[k].target),
		.target_model = str_z(models[k].target_model),
		.region = k == 0 ? STR("eu") : STR(""),
		.stream = next(m) % 2 };
}

static void make_cost(struct make *m, struct usage *u, struct rec_money *money)
{
	*u = (struct usage){ .source = USAGE_PROVIDER };
	u->n[USAGE_IN] = next(m) % 5000;
	u->n[USAGE_IN_CACHE_READ] = next(m) % 3 == 0 ? next(m) % 1000 : 0;
	u->n[USAGE_OUT] = next(m) % 2000;
	u->n[USAGE_WEB_SEARCHES] = next(m) % 50 == 0;
	money->list = (pico_usd)(u->n[USAGE_IN] * 2500007 + u->n[USAGE_IN_CACHE_READ] * 250001 +
				 u->n[USAGE_OUT] * 10000003);
	money->contracted = money->list - money->list / 10;
	money->billed = money->contracted + money->contracted / 20;
	money->price_version = 0x1234567890abcdefu;
	money->flags = next(m) % 40 == 0 ? MONEY_UNPRICED : 0;
	if (next(m) % 30 == 0) {
		money->flags |= MONEY_REPORTED;
		money->reported = money->contracted;
	}
}

static struct rec_hold make_hold(struct make *m, unsigned writer, uint64_t n, wall_us start)
{
	struct rec_hold h = { .id = { .hi = 0xabcdef0000000000u + writer, .lo = (uint32_t)n },
		.start = start };

	make_who(m, writer, &h.who);
	make_what(m, &h.what);
	h.bound.n[USAGE_IN] = 5000;
	h.bound.n[USAGE_OUT] = 4096;
	h.bound.source = USAGE_ESTIMATED;
	h.money.list = h.money.contracted = h.money.billed = INT64_C(60000000000);
	return h;
}

static struct rec_settle make_settle(struct make *m, const struct rec_hold *h, uint8_t legs)
{
	struct rec_settle s = { .id = h->id,
		.start = h->start,
		.legs = legs,
		.end = 1,
		.status = 200,
		.first_byte_us = 200000,
		.done_us = 1500000,
		.who = h->who,
		.what = h->what,
		.model_served = h->what.target_model,
		.service_tier = STR("default"),
		.provider_request_id = STR("-id"),
		.bound = h->money.contracted };

	make_cost(m, &s.usage, &s.money);
	switch (next(m) % 20) {
	case 0: s.quality = QUALITY_ESTIMATED; break;
	case 1:
		s.quality = QUALITY_PARTIAL;
		s.end = 3;
		break;
	case 2: /* an error of the provider's costs nothing */
		s.status = 429;
		s.usage = (struct usage){ .source = USAGE_PROVIDER };
		s.money = (struct rec_money){ .price_version = s.money.price_version };
		break;
	default: break;
	}
	return s;
}

static uint8_t put_leg(struct make *m, struct writer *w, struct rec_hold *h)
{
	struct rec_leg leg = { .id = h->id,
		.no = 1,
		.status = next(m) % 2 ? 503 : 0,
		.quality = QUALITY_INDETERMINATE,
		.sent = true,
		.who = h->who,
		.what = h->what,
		.start = h->start,
		.next_bound = h->bound,
		.next_money = h->money };

	if (next(m) % 2)
		make_cost(m, &leg.usage, &leg.money);
	h->what.target = STR("backup");
	leg.next = h->what;
	put(m, w, REC_LEG, 0, &leg, (wall_us){ h->start.us + 500000 });
	return 2;
}

static void put_request(struct make *m, struct writer *w, unsigned i, uint64_t n, wall_us start)
{
	struct rec_hold h = make_hold(m, i, n, start);
	struct rec_progress p = { .id = h.id, .usage = h.bound, .money = h.money };
	struct rec_void v = {
		.id = h.id, .start = start, .end = 3, .status = 0, .who = h.who, .what = h.what
	};
	struct rec_settle s;
	uint8_t legs = 1;

	put(m, w, REC_HOLD, 0, &h, start);
	if (next(m) % 15 == 0)
		legs = put_leg(m, w, &h);
	if (next(m) % 4 == 0)
		put(m, w, REC_PROGRESS, 0, &p, (wall_us){ start.us + 900000 });
	if (next(m) % 25 == 0) {
		put(m, w, REC_VOID, 0, &v, (wall_us){ start.us + 1000000 });
		return;
	}
	s = make_settle(m, &h, legs);
	put(m, w, REC_SETTLE, 0, &s, (wall_us){ start.us + 1500000 });
}

static void roll_up(struct make *m)
{
	struct rollup *r = rollup_new(100000);
	char folder[512], err[512];

	snprintf(folder, sizeof folder, "%s/rollup", m->folder);
	if (rollup_open(r, folder, err, sizeof err) != 0 ||
		rollup_replay(r, m->journal, false, err, sizeof err) != 0 ||
		rollup_flush(r, err, sizeof err) != 0)
		die("rollup", err);
	rollup_free(r);
}

static void sync_all(struct make *m)
{
	for (uint64_t i = 0; i < m->writers; i++) {
		m->w[i].info.synced = m->w[i].at;
		put_head(m, &m->w[i]);
		if (fflush(m->w[i].f) != 0)
			die(m->w[i].path, strerror(errno));
	}
}

static void run(struct make *m)
{
	int64_t first = (int64_t)(LAST_DAY + 1 - m->days) * DAY_US;
	int64_t step = (int64_t)m->days * DAY_US / (int64_t)TG_MAX(m->requests, 1u);
	struct rec_open open = { .member = STR("gw-test"),
		.build = STR("test"),
		.incarnation = INCARNATION,
		.generation = 1 };

	for (unsigned i = 0; i < m->writers; i++) {
		rotate(m, &m->w[i], i, (wall_us){ first });
		put(m, &m->w[i], REC_OPEN, 0, &open, (wall_us){ first });
	}
	for (uint64_t n = 0; n < m->requests; n++) {
		unsigned i = (unsigned)(next(m) % m->writers);
		wall_us start = { first + (int64_t)n * step };

		if (m->w[i].at > m->segment_bytes)
			rotate(m, &m->w[i], i, start);
		put_request(m, &m->w[i], i, n + 1, start);
		if (m->rollup && n == m->requests - m->requests / 20) {
			sync_all(m);
			roll_up(m);
		}
	}
	for (unsigned i = 0; i < m->writers; i++) {
		m->w[i].open = make_hold(m, i, m->requests + 1, (wall_us){ first });
		m->w[i].has_open = true;
		put(m, &m->w[i], REC_HOLD, 0, &m->w[i].open, (wall_us){ first });
		rotate(m, &m->w[i], i, (wall_us){ first });
		sync_all(m);
	}
	for (unsigned i = 0; i < m->writers; i++)
		fclose(m->w[i].f);
}

static void read_options(int argc, char **argv, struct make *m)
{
	const struct {
		const char *name;
		uint64_t *to, min, max;
	} numbers[] = { { "--requests", &m->requests, 1, 100000000 },
		{ "--days", &m->days, 1, 365 }, { "--seed", &m->seed, 0, UINT64_MAX },
		{ "--writers", &m->writers, 1, WRITERS_MAX },
		{ "--segment", &m->segment_bytes, 4096, 1 << 30 } };

	for (int i = 1; i < argc; i++) {
		bool found = false;

		if (strcmp(argv[i], "--no-rollup") == 0) {
			m->rollup = false;
			continue;
		}
		for (size_t k = 0; k < TG_ARRAY_LEN(numbers) && !found; k++) {
			uint64_t v;

			if (strcmp(argv[i], numbers[k].name) != 0)
				continue;
			if (i + 1 == argc || num_parse_u64(str_z(argv[++i]), &v) != 0 ||
				v < numbers[k].min || v > numbers[k].max)
				die(numbers[k].name, "no such number");
			*numbers[k].to = v;
			found = true;
		}
		if (!found && (argv[i][0] == '-' || m->folder != NULL))
			die(argv[i], "unknown option");
		if (!found)
			m->folder = argv[i];
	}
	if (m->folder == NULL || strlen(m->folder) > 400)
		die("usage",
			"ledger_make FOLDER [--requests N] [--days N] [--seed N] [--writers N] "
			"[--segment N] [--no-rollup]");
}

int main(int argc, char **argv)
{
	static struct make m = {
		.requests = 2000,
		.days = 4,
		.seed = 1,
		.writers = 2,
		.segment_bytes = 128 * 1024,
		.rollup = true,
	};

	read_options(argc, argv, &m);
	snprintf(m.journal, sizeof m.journal, "%s/journal", m.folder);
	if ((mkdir(m.folder, 0700) != 0 && errno != EEXIST) || mkdir(m.journal, 0700) != 0)
		die(m.folder, strerror(errno));
	run(&m);
	return 0;
}
