/*
 * fake.h: an engine for tests, in this process and without a network: a worker with a plan built
 * from YAML text, client connections over socket pairs, turns taken by hand, and requests that were
 * parsed but have not begun. It includes worker.c and req.c for their static halves: one test
 * program, one use.
 */
#ifndef TG_FAKE_H
#define TG_FAKE_H

#include "unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "core/config.h"
#include "io/resolve.h"

#include "core/req.c"
#include "core/worker.c"

/* The key `tg-example`, as tgctl prints it. */
#define FAKE_KEY_SHA "da0c916dc50a298a6f3e26826c119601701640c14d1013c544afbce1ececa0fc"
#define FAKE_KEY     "tg-example"

struct fake {
	struct resolver *resolver;
	struct tg_conf *conf;
	struct worker w;
	int client;        /* our end of the newest connection */
	char got[1 << 20]; /* what fake_read has read, with a NUL behind it */
	size_t got_n;
};

/* A plan from text, by way of a file of its own. NULL with err. */
static inline struct tg_conf *fake_plan(
	struct resolver *res, const char *yaml, unsigned generation, struct conf_error *err)
{
	static const char *const providers[] = { "openai", "anthropic", "azure", "mistral",
		"perplexity", "deepseek", "gemini", NULL };
	const char *dir = getenv("TMPDIR");
	struct tg_conf *conf;
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/check_core_XXXXXX", dir != NULL ? dir : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	close(fd);
	config_set_providers(providers);
	log_threshold = LOG_L_ERROR;
	conf = plan_load(path, res, generation, err);
	unlink(path);
	return conf;
}

static inline void fake_init(struct fake *f, const char *yaml)
{
	struct conf_error err = { { 0 } };

	memset(f, 0, sizeof *f);
	f->client = -1;
	f->resolver = resolver_new(0);
	ck_assert(f->resolver != NULL);
	f->conf = fake_plan(f->resolver, yaml, 1, &err);
	ck_assert_msg(f->conf != NULL, "%s", err.text);
	modules_plan();
	ck_assert_int_eq(worker_init(&f->w, 1, f->conf), 0);
	tg_worker = &f->w;
	worker_read_clock(&f->w);
}

static inline void fake_fini(struct fake *f)
{
	worker_cut_off(&f->w);
	worker_turn_end(&f->w);
	ck_assert_uint_eq(f->w.n_conns, 0);
	ck_assert_uint_eq(f->w.n_reqs, 0);
	ck_assert_uint_eq(f->w.blocks.out_bytes, 0);
	worker_fini(&f->w);
	plan_put(f->conf);
	resolver_free(f->resolver);
	if (f->client >= 0)
		close(f->client);
	tg_worker = NULL;
}

/* A client connects; f->client is its end. */
static inline struct conn *fake_conn(struct fake *f)
{
	struct sockaddr_any peer;
	int fd[2];

	memset(&peer, 0, sizeof peer);
	peer.u.sa.sa_family = AF_UNIX;
	if (f->client >= 0)
		close(f->client);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	conn_open(&f->w, fd[0], &peer, NULL, false);
	f->client = fd[1];
	ck_assert(!list_empty(&f->w.conns));
	return list_entry(f->w.conns.prev, struct conn, node);
}

static inline void fake_turn(struct fake *f)
{
	ck_assert_int_ge(event_base_loop(f->w.base, EVLOOP_NONBLOCK), 0);
	worker_turn_end(&f->w);
}

static inline void fake_send(struct fake *f, const char *bytes, size_t n)
{
	ck_assert_int_eq(write(f->client, bytes, n), (ssize_t)n);
}

/* Everything the gateway has written, behind what was read; true when it has closed its side. */
static inline bool fake_read_more(struct fake *f)
{
	ssize_t n;

	while ((n = read(f->client, f->got + f->got_n, sizeof f->got - 1 - f->got_n)) > 0)
		f->got_n += (size_t)n;
	f->got[f->got_n] = '\0';
	return n == 0;
}

static inline bool fake_read(struct fake *f)
{
	f->got_n = 0;
	return fake_read_more(f);
}

/* The same, with turns in between until no more comes. */
static inline bool fake_pump(struct fake *f)
{
	size_t before;
	bool closed;

	f->got_n = 0;
	do {
		before = f->got_n;
		fake_turn(f);
		closed = fake_read_more(f);
	} while (f->got_n > before);
	return closed;
}

/* Status of what was read, 0 when it is no answer. */
static inline int fake_status(const struct fake *f)
{
	int status = 0;

	return sscanf(f->got, "HTTP/1.1 %3d", &status) == 1 ? status : 0;
}

/* The value of a field in the answer's head, or NULL. */
static inline const char *fake_field(const struct fake *f, const char *name)
{
	static char value[8][2048];
	static unsigned next;
	char *out = value[next++ % 8];
	const char *line = f->got, *end = strstr(f->got, "\r\n\r\n");

	while (end != NULL && (line = strstr(line, "\r\n")) != NULL && line < end) {
		line += 2;
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
			line += strlen(name) + 1;
			line += strspn(line, " ");
			snprintf(out, 2048, "%.*s", (int)strcspn(line, "\r"), line);
			return out;
		}
	}
	return NULL;
}

static inline const char *fake_body_of(const struct fake *f)
{
	const char *end = strstr(f->got, "\r\n\r\n");

	ck_assert_msg(end != NULL, "no head in \"%s\"", f->got);
	return end + 4;
}

/* A request of c whose head was parsed: the pipeline has not begun. */
static inline struct req *fake_req(struct fake *f, struct conn *c, const char *head)
{
	enum http_error err = HTTP_E_NONE;
	size_t n = strlen(head);
	struct req *r = req_new(c, str_mk(head, n));

	ck_assert(r != NULL);
	ck_assert_msg(http1_request_parse(r->head.base, n, &r->head, &err) == 0, "%s: %s", head,
		http_error_text(err));
	r->start = worker_now(&f->w);
	r->start_wall = r->charged_at = f->w.wall;
	r->keep_alive = r->head.keep_alive;
	http1_body_init(&r->body_in, &r->head);
	r->body_done = http1_body_done(&r->body_in);
	f->w.n_reqs++;
	wc_add(&f->w.stats, WC_IN_FLIGHT, 1);
	conn_begin_request(c, r);
	ck_assert_int_eq(req_locate(r), 0);
	return r;
}

/* Its body, whole. */
static inline void fake_body(struct req *r, const char *body)
{
	r->body_len = strlen(body);
	r->body = arena_alloc(&r->arena, r->body_len + 1);
	ck_assert(r->body != NULL);
	memcpy(r->body, body, r->body_len);
	r->body_kind = BODY_KIND_JSON;
	r->body_done = true;
}

/* The request's turn is over: whatever became of it, the connection is closed and all is freed. */
static inline void fake_drop(struct fake *f)
{
	worker_cut_off(&f->w);
	worker_turn_end(&f->w);
}

#endif
