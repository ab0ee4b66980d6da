/*
 * ledger_tail.c: `tgctl ledger tail`: the last charges, and with -f those that come. Segments that
 * may grow are read on from where they ended, by offset: their files are large and mostly empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "ctl/ledger_cmds.h"
#include "ctl/ledger_path.h"
#include "ledger/export.h"
#include "ledger/walk.h"

#define TAIL_LINES 10
#define TAIL_MAX   100000
#define POLL_US    200000
#define READ_BYTES (8 * REC_MAX_BYTES)

struct options {
	struct ledger_where where;
	uint64_t lines;
	bool json, follow;
};

enum { OPT_LEDGER = 256, OPT_JSON };

static enum ctl_exit read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "ledger", required_argument, NULL, OPT_LEDGER },
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "follow", no_argument, NULL, 'f' },
		{ "lines", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:fn:", table, NULL)) != -1)
		switch (c) {
		case 'c': o->where.config = optarg; break;
		case 'f': o->follow = true; break;
		case OPT_LEDGER: o->where.ledger = optarg; break;
		case OPT_JSON: o->json = true; break;
		case 'n':
			if (num_parse_u64(str_z(optarg), &o->lines) != 0 || o->lines > TAIL_MAX)
				return ctl_usage("ledger", "-n takes a number up to %d, not `%s`",
					TAIL_MAX, optarg);
			break;
		case ':': return ctl_usage("ledger", "%s needs a value", argv[optind - 1]);
		default: return ctl_usage("ledger", "unknown option %s", argv[optind - 1]);
		}
	if (optind < argc)
		return ctl_usage("ledger", "`%s` is one argument too many", argv[optind]);
	return CTL_OK;
}

/* ---- lines, in the order of their records' times */

struct lines {
	struct line {
		int64_t us;
		char *text;
	} * v;
	size_t n, cap;
};

static void lines_add(struct lines *l, const struct options *o, const struct segment_info *info,
	const struct rec *r)
{
	struct outbuf b;

	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 64;
		l->v = realloc(l->v, l->cap * sizeof *l->v);
		tg_assert(l->v != NULL);
	}
	outbuf_init(&b);
	if (o->json)
		export_json(&b, info, r);
	else
		export_short(&b, info, r);
	l->v[l->n++] = (struct line){ r->time.us, str_dup(outbuf_text(&b)) };
	outbuf_fini(&b);
}

static int line_cmp(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return (x->us > y->us) - (x->us < y->us);
}

/* Keeps the last n. */
static void lines_cut(struct lines *l, size_t n)
{
	size_t gone = l->n > n ? l->n - n : 0;

	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, line_cmp);
	for (size_t i = 0; i < gone; i++)
		free(l->v[i].text);
	if (gone > 0)
		memmove(l->v, l->v + gone, (l->n - gone) * sizeof *l->v);
	l->n -= gone;
}

static void lines_print(struct lines *l)
{
	lines_cut(l, l->n);
	for (size_t i = 0; i < l->n; i++) {
		fputs(l->v[i].text, stdout);
		free(l->v[i].text);
	}
	l->n = 0;
	fflush(stdout);
}

static void lines_fini(struct lines *l)
{
	lines_cut(l, 0);
	free(l->v);
}

/* ---- segments that may grow */

struct growing {
	uint64_t number, at;
	int fd;
	struct segment_info info;
};

struct tail {
	const struct options *o;
	char journal[LEDGER_PATH_MAX + 16];
	struct lines lines;
	struct growing *v;
	size_t n;
	uint64_t newest; /* every segment up to this one has been looked at */
	char *buf;       /* READ_BYTES */
};

static int growing_add(struct tail *t, const char *path, uint64_t number, uint64_t at)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	t->v = realloc(t->v, (t->n + 1) * sizeof *t->v);
	tg_assert(t->v != NULL);
	t->v[t->n++] = (struct growing){ .number = number, .at = at, .fd = fd };
	return 0;
}

static bool read_head(struct growing *g)
{
	char head[SEGMENT_HEAD];

	return pread(g->fd, head, sizeof head, 0) == (ssize_t)sizeof head &&
	       segment_head_get(head, &g->info) == 0;
}

/* What came since. A record that does not check yet is being written: next time. */
static void read_on(struct tail *t, struct growing *g)
{
	for (;;) {
		ssize_t got = pread(g->fd, t->buf, READ_BYTES, (off_t)g->at);
		struct str rest = str_mk(t->buf, (size_t)TG_MAX(got, 0));
		uint64_t begin = g->at;
		struct rec r;
		size_t len;

		while (rec_decode(rest, &r, &len) == REC_READ_OK) {
			if (export_has(&r))
				lines_add(&t->lines, t->o, &g->info, &r);
			rest = str_skip(rest, len);
			g->at += len;
		}
		if (g->at == begin)
			return;
	}
}

/* Segments that are new, and what is new in the others. -1: the folder is gone. */
static int poll_once(struct tail *t, char *err, size_t err_len)
{
	struct segment_list l;
	size_t keep = 0;

	if (segment_list_read(&l, t->journal, err, err_len) != 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if (l.v[i].number <= t->newest)
			continue;
		t->newest = l.v[i].number;
		if (growing_add(t, l.v[i].path, l.v[i].number, SEGMENT_HEAD) != 0)
			snprintf(err, err_len, "%s: %s", l.v[i].path, strerror(errno));
	}
	segment_list_free(&l);
	for (size_t i = 0; i < t->n; i++) {
		struct growing *g = &t->v[i];
		bool known = read_head(g);

		if (known)
			read_on(t, g);
		if (known && g->info.sealed != 0 && g->at >= g->info.sealed)
			close(g->fd);
		else
			t->v[keep++] = *g;
	}
	t->n = keep;
	lines_print(&t->lines);
	return 0;
}

/* ---- the last ones */

/* One segment's charges; *sealed: nothing more will come. -1 with err. */
static int read_segment(
	struct tail *t, const struct segment_entry *e, bool *sealed, char *err, size_t err_len)
{
	struct journal_position at = { e->number, SEGMENT_HEAD };
	enum walk_rc rc;
	struct walk w;
	struct rec r;

	*sealed = true;
	if (walk_init(&w, t->journal, &(struct walk_options){ .salvage = true, .only = e->number },
		    err, err_len) != 0)
		return -1;
	while ((rc = walk_next(&w, &r, &at, err, err_len)) == WALK_RECORD) {
		*sealed = w.seg.info.sealed != 0;
		if (export_has(&r))
			lines_add(&t->lines, t->o, &w.seg.info, &r);
		if (t->lines.n > 2 * t->o->lines + 64)
			lines_cut(&t->lines, t->o->lines);
	}
	if (w.records == 0 && !e->compressed)
		*sealed = false; /* made ready, not used yet */
	walk_fini(&w);
	if (rc == WALK_END && !*sealed && t->o->follow &&
		growing_add(t, e->path, e->number, at.offset) != 0) {
		snprintf(err, err_len, "%s: %s", e->path, strerror(errno));
		return -1;
	}
	return rc == WALK_END ? 0 : -1;
}

/* When the file was written last: no record in it is newer. */
static int64_t written_us(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return INT64_MAX;
	return (int64_t)st.st_mtim.tv_sec * 1000000 + 1000000;
}

/* Are there enough lines, none of them older than a segment that was not read can be? */
static bool is_enough(struct tail *t, int64_t unread_us)
{
	lines_cut(&t->lines, t->o->lines);
	return t->lines.n == t->o->lines && (t->lines.n == 0 || t->lines.v[0].us >= unread_us);
}

/* From the newest segment back; writers' segments overlap in time. */
static int read_last(struct tail *t, char *err, size_t err_len)
{
	struct segment_list l;
	int64_t *until; /* of this segment and all before it */
	bool sealed = false;
	int rc = 0;

	if (segment_list_read(&l, t->journal, err, err_len) != 0)
		return -1;
	until = calloc(l.n + 1, sizeof *until);
	tg_assert(until != NULL);
	for (size_t i = 0; i < l.n; i++)
		until[i + 1] = TG_MAX(until[i], written_us(l.v[i].path));
	t->newest = l.n > 0 ? l.v[l.n - 1].number : 0;
	for (size_t i = l.n; rc == 0 && i > 0; i--) {
		if ((sealed || l.v[i - 1].compressed) && is_enough(t, until[i]))
			break;
		rc = read_segment(t, &l.v[i - 1], &sealed, err, err_len);
	}
	free(until);
	segment_list_free(&l);
	lines_cut(&t->lines, t->o->lines);
	lines_print(&t->lines);
	return rc;
}

enum ctl_exit ledger_tail(int argc, char **argv)
{
	struct options o = { .lines = TAIL_LINES };
	char path[LEDGER_PATH_MAX], err[1024] = "";
	struct tail t = { .o = &o };
	enum ctl_exit rc = read_options(argc, argv, &o);
	int failed;

	if (rc == CTL_OK)
		rc = ledger_path("ledger", &o.where, path);
	if (rc != CTL_OK)
		return rc;
	snprintf(t.journal, sizeof t.journal, "%s/journal", path);
	t.buf = malloc(READ_BYTES);
	tg_assert(t.buf != NULL);
	failed = read_last(&t, err, sizeof err);
	while (failed == 0 && o.follow && !ferror(stdout)) {
		usleep(POLL_US);
		failed = poll_once(&t, err, sizeof err);
	}
	for (size_t i = 0; i < t.n; i++)
		close(t.v[i].fd);
	free(t.v);
	free(t.buf);
	lines_fini(&t.lines);
	return failed == 0 ? CTL_OK : ctl_failed("ledger", "%s", err);
}
