/*
 * sim_ledger.c: the billing ledger: JSON lines, batched appends, totals. One lock around all of it;
 * a line is formatted only when there is a file or someone may ask for it.
 */
#include "sim/sim_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define KEEP_LINES  512
#define FLUSH_BYTES (256 * 1024)

struct totals {
	uint64_t requests, completed, cancelled, failed, faulted, streams;
	struct sim_usage usage;
};

struct sim_ledger {
	pthread_mutex_t lock;
	int fd; /* -1: no file */
	uint64_t begun, ended;
	struct totals totals;
	struct sim_buf pending;
	struct sim_buf kept[KEEP_LINES]; /* ring of the last lines, without LF */
	uint64_t n_kept;
};

int sim_ledger_open(struct sim_ledger **out, const char *path)
{
	struct sim_ledger *l = calloc(1, sizeof *l);

	tg_assert(l != NULL);
	(void)pthread_mutex_init(&l->lock, NULL);
	l->fd = -1;
	if (path != NULL) {
		l->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
		if (l->fd < 0) {
			free(l);
			return -1;
		}
	}
	*out = l;
	return 0;
}

static void flush_locked(struct sim_ledger *l)
{
	size_t at = 0;

	while (l->fd >= 0 && at < l->pending.n) {
		ssize_t n = write(l->fd, l->pending.p + at, l->pending.n - at);

		if (n < 0 && errno == EINTR)
			continue;
		tg_assert(n > 0); /* an oracle that lost a line is worse than none */
		at += (size_t)n;
	}
	l->pending.n = 0;
}

void sim_ledger_flush(struct sim_ledger *l)
{
	(void)pthread_mutex_lock(&l->lock);
	flush_locked(l);
	(void)pthread_mutex_unlock(&l->lock);
}

void sim_ledger_close(struct sim_ledger *l)
{
	sim_ledger_flush(l);
	if (l->fd >= 0)
		(void)close(l->fd);
	for (unsigned i = 0; i < KEEP_LINES; i++)
		sim_buf_fini(&l->kept[i]);
	sim_buf_fini(&l->pending);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

uint64_t sim_ledger_begin(struct sim_ledger *l)
{
	uint64_t seq;

	(void)pthread_mutex_lock(&l->lock);
	seq = ++l->begun;
	(void)pthread_mutex_unlock(&l->lock);
	return seq;
}

static void put_field(struct sim_buf *b, struct str name, uint64_t v)
{
	sim_buf_lit(b, ",\"");
	sim_buf_add(b, name);
	sim_buf_lit(b, "\":");
	sim_buf_u64(b, v);
}

static void put_bool(struct sim_buf *b, struct str name, bool v)
{
	sim_buf_lit(b, ",\"");
	sim_buf_add(b, name);
	sim_buf_add(b, v ? STR("\":true") : STR("\":false"));
}

static void put_text(struct sim_buf *b, struct str name, struct str v)
{
	sim_buf_lit(b, ",\"");
	sim_buf_add(b, name);
	sim_buf_lit(b, "\":");
	sim_buf_quote(b, v);
}

/* The buckets (the two cache write terms are apart and disjoint) and the billed sums. */
static void put_usage(struct sim_buf *b, const struct sim_usage *u)
{
	put_field(b, STR("input"), u->input);
	put_field(b, STR("cached_read"), u->cached_read);
	put_field(b, STR("cache_write"), u->cache_write);
	put_field(b, STR("cache_write_1h"), u->cache_write_1h);
	put_field(b, STR("output"), u->output);
	put_field(b, STR("reasoning"), u->reasoning);
	put_field(b, STR("characters"), u->characters);
	put_field(b, STR("seconds"), u->seconds);
	put_field(b, STR("images"), u->images);
	put_field(b, STR("web_searches"), u->web_searches);
	put_field(b, STR("billed_input"),
		u->input + u->cached_read + u->cache_write + u->cache_write_1h);
	put_field(b, STR("billed_output"), u->output + u->reasoning);
}

/* What the answer says of its own cost; null where it says nothing. */
static void put_cost(struct sim_buf *o, const struct sim_bill *b)
{
	if (b->cost.n != 0)
		put_text(o, STR("cost"), b->cost);
	else
		sim_buf_lit(o, ",\"cost\":null");
	if (b->cost_ticks != UINT64_MAX)
		put_field(o, STR("cost_ticks"), b->cost_ticks);
	else
		sim_buf_lit(o, ",\"cost_ticks\":null");
}

static void put_line(struct sim_buf *o, const struct sim_bill *b)
{
	char iso[CLOCK_ISO_LEN];

	sim_buf_lit(o, "{\"seq\":");
	sim_buf_u64(o, b->seq);
	put_text(o, STR("t"), str_mk(iso, clock_iso(iso, b->t)));
	put_text(o, STR("tag"), b->tag);
	put_text(o, STR("id"), b->id);
	put_text(o, STR("dialect"), b->dialect);
	put_text(o, STR("path"), b->path);
	put_text(o, STR("key"), b->key);
	put_text(o, STR("model"), b->model);
	put_text(o, STR("model_served"), b->model_served);
	put_text(o, STR("service_tier"), b->tier);
	put_field(o, STR("status"), (uint64_t)b->status);
	put_bool(o, STR("served"), b->served);
	put_bool(o, STR("stream"), b->stream);
	put_usage(o, &b->usage);
	put_field(o, STR("input_image"), b->input_image);
	put_field(o, STR("input_audio"), b->input_audio);
	put_field(o, STR("reported_input"), b->reported_input);
	put_field(o, STR("reported_output"), b->reported_output);
	put_cost(o, b);
	put_field(o, STR("received"), b->received);
	put_field(o, STR("sent"), b->sent);
	put_field(o, STR("head"), b->head);
	put_field(o, STR("delivered_events"), b->delivered_events);
	put_field(o, STR("delivered_tokens"), b->delivered_tokens);
	put_bool(o, STR("completed"), b->completed);
	put_bool(o, STR("cancelled"), b->cancelled);
	put_bool(o, STR("usage_delivered"), b->usage_delivered);
	put_text(o, STR("fault"), b->fault);
	sim_buf_lit(o, "}");
}

static void totals_add(struct totals *t, const struct sim_bill *b)
{
	const struct sim_usage *u = &b->usage;

	t->requests++;
	t->completed += b->completed;
	t->cancelled += b->cancelled;
	t->failed += b->status >= 400;
	t->faulted += b->fault.n != 0;
	t->streams += b->stream;
	t->usage.input += u->input;
	t->usage.cached_read += u->cached_read;
	t->usage.cache_write += u->cache_write;
	t->usage.cache_write_1h += u->cache_write_1h;
	t->usage.output += u->output;
	t->usage.reasoning += u->reasoning;
	t->usage.characters += u->characters;
	t->usage.seconds += u->seconds;
	t->usage.images += u->images;
	t->usage.web_searches += u->web_searches;
}

void sim_ledger_add(struct sim_ledger *l, const struct sim_bill *b)
{
	struct sim_buf *line;

	(void)pthread_mutex_lock(&l->lock);
	l->ended++;
	totals_add(&l->totals, b);
	line = &l->kept[l->n_kept++ % KEEP_LINES];
	line->n = 0;
	put_line(line, b);
	if (l->fd >= 0) {
		sim_buf_add(&l->pending, sim_buf_str(line));
		sim_buf_lit(&l->pending, "\n");
		if (l->pending.n >= FLUSH_BYTES)
			flush_locked(l);
	}
	(void)pthread_mutex_unlock(&l->lock);
}

void sim_ledger_totals(struct sim_ledger *l, unsigned last, struct sim_buf *o)
{
	const struct totals *t = &l->totals;
	uint64_t have;

	(void)pthread_mutex_lock(&l->lock);
	sim_buf_lit(o, "{\"requests\":");
	sim_buf_u64(o, t->requests);
	put_field(o, STR("completed"), t->completed);
	put_field(o, STR("cancelled"), t->cancelled);
	put_field(o, STR("failed"), t->failed);
	put_field(o, STR("faulted"), t->faulted);
	put_field(o, STR("streams"), t->streams);
	put_field(o, STR("in_flight"), l->begun - l->ended);
	put_usage(o, &t->usage);
	if (last != 0) {
		have = TG_MIN(l->n_kept, (uint64_t)TG_MIN(last, (unsigned)KEEP_LINES));
		sim_buf_lit(o, ",\"entries\":[");
		for (uint64_t i = l->n_kept - have; i < l->n_kept; i++) {
			if (i != l->n_kept - have)
				sim_buf_lit(o, ",");
			sim_buf_add(o, sim_buf_str(&l->kept[i % KEEP_LINES]));
		}
		sim_buf_lit(o, "]");
	}
	sim_buf_lit(o, "}\n");
	(void)pthread_mutex_unlock(&l->lock);
}

void sim_ledger_reset(struct sim_ledger *l)
{
	(void)pthread_mutex_lock(&l->lock);
	l->totals = (struct totals){ 0 };
	l->n_kept = 0;
	(void)pthread_mutex_unlock(&l->lock);
}
