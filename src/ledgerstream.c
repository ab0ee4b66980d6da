/*
 * ledgerstream.c: see ctl/ledger_stream.h. tgctl's one thread:
 *
 *	up --> XINFO STREAM: the last id --> XRANGE, a piece after the other, beside the journal
 *
 * Both are in the order of their positions, so one pass over the two says what either lacks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "ctl/ledger_stream.h"
#include "io/resolve.h"
#include "ledger/export.h"
#include "ledger/follow.h"
#include "redisconf.h"

#define PIECE      "128"
#define PIECE_N    128
#define CALL_US    10000000
#define PATIENCE_S 10

struct reading {
	struct ledger_stream *out;
	struct event_base *base;
	struct redis_node *node;
	struct redis *redis;
	struct follow follow;
	struct journal_position last; /* of the stream */
	struct journal_position at;   /* of the charge that is next in the journal */
	struct outbuf text;           /* as JSON */
	bool charge;                  /* there is one */
	uint64_t oldest;              /* segment of the journal; 0: it is empty */
	bool done;
	char *err;
	size_t err_len;
};

static void end(struct reading *r, const char *why, struct str more)
{
	if (why != NULL)
		snprintf(r->err, r->err_len, "%s: %s %.*s", r->out->key, why,
			(int)TG_MIN(more.n, (size_t)200), more.p);
	r->done = why == NULL && r->err[0] == '\0';
	event_base_loopbreak(r->base);
}

static void find(struct reading *r, uint64_t *count, const char *what, struct journal_position at)
{
	++*count;
	if (r->out->n_findings < LEDGER_STREAM_FINDINGS)
		snprintf(r->out->finding[r->out->n_findings++], sizeof r->out->finding[0],
			"%llu-%llu %s", (unsigned long long)at.segment,
			(unsigned long long)at.offset, what);
}

/* ---- the journal */

/* The next charge up to the stream's last id. */
static void journal_next(struct reading *r)
{
	char err[256];
	struct rec rec;

	for (;;) {
		struct journal_position before = r->follow.at;
		enum walk_rc rc = follow_next(&r->follow, r->last, &rec, err, sizeof err);

		r->charge = rc == WALK_RECORD && !(rec.flags & REC_CARRIED) && export_has(&rec);
		if (rc == WALK_ERROR && !follow_before(before, r->follow.at)) {
			r->charge = false;
			end(r, "the journal cannot be read:", str_z(err));
			return;
		}
		if (rc == WALK_ERROR)
			find(r, &r->out->damaged, "of the journal cannot be read", r->follow.at);
		if (rc == WALK_END)
			return;
		if (r->oldest == 0)
			r->oldest = r->follow.at.segment;
		if (!r->charge)
			continue;
		r->at = r->follow.at;
		r->text.n = 0;
		export_json(&r->text, follow_info(&r->follow), &rec);
		return;
	}
}

/* Whoever shipped it may have known fewer members: those are at the end. */
static bool is_same(const struct reading *r, struct str entry)
{
	struct str own = str_mk(r->text.p, r->text.n - 1);

	if (str_eq(own, entry))
		return true;
	return entry.n > 2 && entry.n < own.n && entry.p[entry.n - 1] == '}' &&
	       own.p[entry.n - 1] == ',' && memcmp(own.p, entry.p, entry.n - 1) == 0;
}

/* What the journal has before `at`, and the stream does not. */
static void journal_until(struct reading *r, struct journal_position at)
{
	while (r->charge && follow_before(r->at, at)) {
		if (r->out->entries == 0)
			r->out->trimmed++;
		else
			find(r, &r->out->missing, "is not in the stream", r->at);
		journal_next(r);
	}
}

static void entry(struct reading *r, struct journal_position at, struct str text)
{
	struct ledger_stream *o = r->out;

	journal_until(r, at);
	o->entries++;
	if (!r->charge || follow_before(at, r->at)) {
		if (at.segment < r->oldest || r->oldest == 0)
			o->kept++;
		else
			find(r, &o->foreign, "is in the stream, and no charge of the journal", at);
		return;
	}
	if (is_same(r, text))
		o->same++;
	else
		find(r, &o->different, "says something else in the stream", at);
	journal_next(r);
}

/* ---- the stream */

static int id_parse(struct str id, struct journal_position *out)
{
	size_t dash = str_chr(id, '-');

	if (dash == (size_t)-1 || num_parse_u64(str_mk(id.p, dash), &out->segment) != 0)
		return -1;
	return num_parse_u64(str_skip(id, dash + 1), &out->offset);
}

static void on_piece(const struct redis_value *reply, const char *why, void *arg);

static void ask_piece(struct reading *r, struct journal_position after)
{
	char from[48], to[48];
	int n = snprintf(from, sizeof from, "(%llu-%llu", (unsigned long long)after.segment,
		    (unsigned long long)after.offset),
	    m = snprintf(to, sizeof to, "%llu-%llu", (unsigned long long)r->last.segment,
		    (unsigned long long)r->last.offset);
	const struct str argv[] = { STR("XRANGE"), str_z(r->out->key),
		after.segment == 0 ? STR("-") : str_mk(from, (size_t)n), str_mk(to, (size_t)m),
		STR("COUNT"), STR(PIECE) };

	if (redis_node_call(r->node, argv, TG_ARRAY_LEN(argv), CALL_US, on_piece, r) != 0)
		end(r, "the connection is gone", STR(""));
}

static void on_piece(const struct redis_value *reply, const char *why, void *arg)
{
	struct journal_position at = { 0, 0 };
	struct reading *r = arg;

	if (reply == NULL || reply->kind != REDIS_ARRAY) {
		end(r, "XRANGE", reply == NULL ? str_z(why) : reply->text);
		return;
	}
	for (size_t i = 0; i < reply->n_items; i++) {
		const struct redis_value *e = redis_value_at(reply, i),
					 *text = redis_value_at(redis_value_at(e, 1), 1);

		if (id_parse(redis_value_at(e, 0)->text, &at) != 0 || text->kind != REDIS_STRING) {
			end(r, "it has entries that are none of a ledger", STR(""));
			return;
		}
		entry(r, at, text->text);
	}
	if (reply->n_items == PIECE_N) {
		ask_piece(r, at);
		return;
	}
	journal_until(r, (struct journal_position){ r->last.segment, r->last.offset + 1 });
	end(r, NULL, STR(""));
}

static void on_info(const struct redis_value *reply, const char *why, void *arg)
{
	struct reading *r = arg;

	if (reply == NULL || reply->kind != REDIS_ARRAY) {
		end(r, "XINFO STREAM", reply == NULL ? str_z(why) : reply->text);
		return;
	}
	for (size_t i = 0; i + 1 < reply->n_items; i += 2)
		if (str_eq(redis_value_at(reply, i)->text, STR("last-generated-id")) &&
			id_parse(redis_value_at(reply, i + 1)->text, &r->last) != 0)
			r->last.segment = 0;
	if (r->last.segment == 0) {
		end(r, "it is none of a ledger", STR(""));
		return;
	}
	journal_next(r);
	ask_piece(r, (struct journal_position){ 0, 0 });
}

static void on_up(struct redis_node *n, const struct redis_server *server, void *arg)
{
	struct reading *r = arg;
	const struct str argv[] = { STR("XINFO"), STR("STREAM"), str_z(r->out->key) };

	(void)server;
	if (r->node != NULL || n != redis_node_of(r->redis, argv[2]))
		return;
	r->node = n;
	if (redis_node_call(n, argv, TG_ARRAY_LEN(argv), CALL_US, on_info, r) != 0)
		end(r, "the connection is gone", STR(""));
}

static void on_down(struct redis_node *n, const char *why, void *arg)
{
	struct reading *r = arg;

	if (n == r->node)
		end(r, "redis", str_z(why));
}

/* Nobody is there. */
static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct reading *r = arg;
	struct redis_node *n = redis_node_of(r->redis, str_z(r->out->key));

	(void)fd;
	(void)what;
	if (r->node == NULL)
		end(r, "redis cannot be reached:",
			n != NULL ? str_z(redis_node_why(n)) : STR("no node serves it"));
}

static int read_all(struct reading *r, struct redis_conf *conf, struct resolver *res)
{
	static const struct redis_events events = { on_up, on_down, NULL };
	static const struct timeval patience = { PATIENCE_S, 0 };
	struct event *clock = evtimer_new(r->base, on_patience, r);

	tg_assert(clock != NULL && event_add(clock, &patience) == 0);
	r->redis = redis_new(r->base, res, conf, &events, r, r->err, r->err_len);
	if (r->redis != NULL) {
		event_base_dispatch(r->base);
		r->node = NULL; /* what is under way gets its NULL, and is heard no more */
		redis_free(r->redis);
	}
	event_free(clock);
	return r->done ? 0 : -1;
}

int ledger_stream_read(struct ledger_stream *out, const struct config *c, const char *ledger,
	char *err, size_t err_len)
{
	struct reading r = { .out = out, .err = err, .err_len = err_len };
	struct resolver *res;
	struct redis_conf conf;
	char folder[SEGMENT_PATH_MAX];
	int rc = -1;

	*out = (struct ledger_stream){ .entries = 0 };
	snprintf(out->key, sizeof out->key, "%.*s{l:%.*s}", STR_FMT(c->redis.prefix),
		STR_FMT(c->member));
	if ((size_t)snprintf(folder, sizeof folder, "%s/journal", ledger) >= sizeof folder) {
		snprintf(err, err_len, "the ledger's path is too long");
		return -1;
	}
	if (redisconf_open(c, &conf, err, err_len) != 0)
		return -1;
	res = resolver_new(0);
	r.base = event_base_new();
	tg_assert(r.base != NULL);
	follow_init(&r.follow, folder);
	follow_seek(&r.follow, (struct journal_position){ 0, 0 });
	outbuf_init(&r.text);
	rc = read_all(&r, &conf, res);
	out->damaged += out->damaged == 0 ? r.follow.damaged : 0;
	outbuf_fini(&r.text);
	follow_fini(&r.follow);
	event_base_free(r.base);
	resolver_free(res);
	redisconf_close(&conf);
	return rc;
}
