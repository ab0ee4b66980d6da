/*
 * redis_conn.c: see redis_conn.h.
 *
 *	redis_conn_call -> out, calls --flush, once a turn--> stream
 *	stream -> reader -> the oldest of calls -> its callback
 */
#include "redis/redis_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/resolve.h"
#include "redis/redis_info.h"

#define READ_BYTES      16384
#define READS_A_TURN    8
#define OUT_KEEP_BYTES  65536
#define RESOLVE_POLL_US 10000

struct redis_request {
	struct list node;
	int64_t until_us;
	redis_reply_f *f;
	void *arg;
};

static void conn_on_ready(struct stream *s, unsigned ready, void *arg);
static void conn_on_timer(evutil_socket_t fd, short what, void *arg);
static void conn_on_flush(evutil_socket_t fd, short what, void *arg);
static void conn_try_address(struct redis_conn *c, const char *why);

static int64_t now_us(void)
{
	return clock_mono().us;
}

/* ---- the one timer */

static void conn_wake_at(struct redis_conn *c, int64_t at_us)
{
	int64_t in_us;
	struct timeval tv;

	if (c->wake_us != 0 && c->wake_us <= at_us)
		return;
	in_us = TG_MAX(at_us - now_us(), 0) + 500; /* never a little early */
	tv = (struct timeval){ .tv_sec = in_us / 1000000, .tv_usec = in_us % 1000000 };
	tg_assert(event_add(&c->timer, &tv) == 0);
	c->wake_us = at_us;
}

/* ---- ends */

void redis_conn_init(struct redis_conn *c, struct redis_env *env,
	const struct redis_conn_events *events, void *owner)
{
	INIT_OBJ(c, REDIS_CONN_MAGIC);
	c->env = env;
	c->events = events;
	c->owner = owner;
	list_init(&c->calls);
	tg_assert(event_assign(&c->timer, env->base, -1, 0, conn_on_timer, c) == 0);
	tg_assert(event_assign(&c->flush, env->base, -1, 0, conn_on_flush, c) == 0);
}

/* One callback of the user, counted: redis_free must not run inside. */
static void request_answer(
	struct redis_conn *c, struct redis_request *q, const struct redis_value *v, const char *why)
{
	struct redis_request copy = *q;

	free(q);
	c->env->depth++;
	copy.f(v, why, copy.arg);
	c->env->depth--;
}

/* Everything but the reader, which the callback that led here may still look into. */
static void conn_reset(struct redis_conn *c, const char *why)
{
	struct list calls, *n;

	if (c->state >= REDIS_CONN_CONNECTING)
		stream_close(&c->s);
	c->state = REDIS_CONN_IDLE;
	event_del(&c->timer);
	event_del(&c->flush);
	c->wake_us = 0;
	c->out_at = c->out_n = 0;
	c->want_drop = false;
	if (c->name != NULL)
		resolve_name_put(c->env->resolver, c->name);
	c->name = NULL;
	/* What a callback sends now is refused: this list does not grow. */
	list_insert_after(&c->calls, &calls);
	list_del(&c->calls);
	while ((n = list_pop_front(&calls)) != NULL)
		request_answer(c, list_entry(n, struct redis_request, node), NULL, why);
}

void redis_conn_close(struct redis_conn *c, const char *why)
{
	char text[sizeof c->why];

	CHECK_OBJ(c, REDIS_CONN_MAGIC);
	if (c->state == REDIS_CONN_IDLE)
		return;
	snprintf(text, sizeof text, "%s", why); /* it may be c->why, or in the reader */
	snprintf(c->why, sizeof c->why, "%s", text);
	conn_reset(c, text);
	if (c->state == REDIS_CONN_IDLE)
		c->events->on_down(c, text);
}

void redis_conn_close_after(struct redis_conn *c, const char *why)
{
	snprintf(c->why, sizeof c->why, "%s", why);
	c->want_drop = true;
}

void redis_conn_fini(struct redis_conn *c, const char *why)
{
	CHECK_OBJ(c, REDIS_CONN_MAGIC);
	conn_reset(c, why);
	if (c->has_reader)
		redis_reader_fini(&c->reader);
	free(c->out);
	FINI_OBJ(c);
}

/* ---- sending */

static int out_room(struct redis_conn *c, size_t n)
{
	size_t queued = c->out_n - c->out_at, cap = c->out_cap;

	if (n > c->env->queue_max_bytes || queued > c->env->queue_max_bytes - n)
		return -1;
	if (c->out_at > 0 && c->out_n + n > c->out_cap) {
		memmove(c->out, c->out + c->out_at, queued);
		c->out_at = 0;
		c->out_n = queued;
	}
	if (queued + n <= c->out_cap)
		return 0;
	cap = TG_MAX(TG_MAX(2 * cap, queued + n), (size_t)1024);
	c->out = realloc(c->out, cap);
	tg_assert(c->out != NULL);
	c->out_cap = cap;
	return 0;
}

static int conn_send(struct redis_conn *c, const struct str *argv, size_t argc, int64_t until_us,
	redis_reply_f *f, void *arg)
{
	size_t n = redis_command_size(argv, argc);
	struct redis_request *q;

	if (out_room(c, n) != 0)
		return -1;
	redis_command_put(c->out + c->out_n, argv, argc);
	c->out_n += n;
	q = malloc(sizeof *q);
	tg_assert(q != NULL);
	*q = (struct redis_request){ .until_us = until_us, .f = f, .arg = arg };
	list_push_back(&c->calls, &q->node);
	conn_wake_at(c, until_us);
	event_active(&c->flush, EV_TIMEOUT, 0);
	return 0;
}

int redis_conn_call(struct redis_conn *c, const struct str *argv, size_t argc, int64_t timeout_us,
	redis_reply_f *f, void *arg)
{
	CHECK_OBJ(c, REDIS_CONN_MAGIC);
	tg_assert(argc > 0 && timeout_us > 0 && f != NULL);
	if (c->state != REDIS_CONN_UP || c->want_drop)
		return -1;
	return conn_send(c, argv, argc, now_us() + timeout_us, f, arg);
}

static void conn_flush(struct redis_conn *c)
{
	while (c->out_at < c->out_n) {
		struct iovec iov = { c->out + c->out_at, c->out_n - c->out_at };
		ssize_t n = stream_writev(&c->s, &iov, 1);

		if (n == STREAM_AGAIN)
			break;
		if (n < 0) {
			redis_conn_close(c, stream_error_text(&c->s));
			return;
		}
		c->out_at += (size_t)n;
	}
	if (c->out_at == c->out_n) {
		c->out_at = c->out_n = 0;
		if (c->out_cap > OUT_KEEP_BYTES) {
			free(c->out);
			c->out = NULL;
			c->out_cap = 0;
		}
	}
	stream_want(&c->s, true, c->out_n > 0);
}

static void conn_on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct redis_conn *c = arg;

	(void)fd;
	(void)what;
	CHECK_OBJ(c, REDIS_CONN_MAGIC);
	if (c->state >= REDIS_CONN_GREETING)
		conn_flush(c);
}

/* ---- receiving */

/* The oldest call's reply. False: the connection is not what it was. */
static bool conn_take_reply(struct redis_conn *c, const struct redis_value *v)
{
	uint64_t generation = c->generation;
	bool greeting = c->state != REDIS_CONN_UP;

	if (list_empty(&c->calls)) {
		redis_conn_close(c, "the server has sent what nobody asked for");
		return false;
	}
	c->n_replies += !greeting;
	/* The owner may close: then this call is one of those that are lost. */
	if (!greeting && v->kind == REDIS_ERROR && c->events->on_error != NULL)
		c->events->on_error(c, v);
	if (c->state == REDIS_CONN_IDLE || c->generation != generation)
		return false;
	request_answer(
		c, list_entry(list_pop_front(&c->calls), struct redis_request, node), v, NULL);
	if (c->state == REDIS_CONN_IDLE || c->generation != generation)
		return false;
	if (!c->want_drop)
		return true;
	redis_conn_close(c, c->why);
	return false;
}

static bool conn_take_bytes(struct redis_conn *c, const char *p, size_t n)
{
	const struct redis_value *v;
	enum redis_read rc;

	if (redis_reader_feed(&c->reader, p, n) != 0) {
		redis_conn_close(c, c->reader.error);
		return false;
	}
	while ((rc = redis_reader_next(&c->reader, &v)) == REDIS_READ_REPLY)
		if (!conn_take_reply(c, v))
			return false;
	if (rc == REDIS_READ_MORE)
		return true;
	redis_conn_close(c, c->reader.error);
	return false;
}

static void conn_read(struct redis_conn *c)
{
	char buf[READ_BYTES];

	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = stream_read(&c->s, buf, sizeof buf);

		if (n == STREAM_AGAIN)
			return;
		if (n <= 0) {
			redis_conn_close(c, n == STREAM_EOF ? "the server closed the connection"
							    : stream_error_text(&c->s));
			return;
		}
		if (!conn_take_bytes(c, buf, (size_t)n))
			return;
	}
}

/* ---- greeting */

static void conn_set_up(struct redis_conn *c)
{
	c->state = REDIS_CONN_UP;
	c->n_replies = 0;
	c->why[0] = '\0';
	c->events->on_up(c);
}

/* The reason why this server is of no use, or NULL. */
static const char *server_refuse(struct redis_conn *c, const struct redis_value *v)
{
	struct redis_info info;
	const char *why;

	if (v->kind != REDIS_STRING)
		return "INFO: not a text";
	if (redis_info_parse(v->text, &info, &why) != 0)
		return why;
	if (info.loading)
		return "the server is loading its data";
	if (!info.server.is_primary)
		return "the server is a replica";
	c->server = info.server;
	return NULL;
}

static void conn_on_greeted(const struct redis_value *v, const char *lost, void *arg)
{
	struct redis_conn *c = arg;
	const char *step, *why = NULL;
	char text[sizeof c->why];

	if (v == NULL) /* it is being closed: lost says why, and so will on_down */
		return;
	(void)lost;
	step = c->steps[c->step++];
	if (v->kind == REDIS_ERROR && strcmp(step, "CLIENT SETNAME") != 0) {
		snprintf(text, sizeof text, "%s: %.*s", step, (int)TG_MIN(v->text.n, (size_t)120),
			v->text.p);
		why = text;
	} else if (strcmp(step, "INFO") == 0) {
		why = server_refuse(c, v);
	}
	if (why != NULL)
		redis_conn_close(c, why);
	else if (c->step == c->n_steps)
		conn_set_up(c);
}

static void greet_step(struct redis_conn *c, const char *name, const struct str *argv, size_t argc)
{
	c->steps[c->n_steps++] = name;
	/* The queue is empty, and queue_max_bytes is larger than any greeting. */
	tg_assert(conn_send(c, argv, argc, c->open_until_us, conn_on_greeted, c) == 0);
}

static void conn_greet(struct redis_conn *c)
{
	const struct redis_url *t = &c->target;
	struct str user = str_z(t->user), password = str_z(t->password);
	char db[12];

	c->state = REDIS_CONN_GREETING;
	c->n_steps = c->step = 0;
	stream_want(&c->s, true, false);
	if (user.n > 0)
		greet_step(c, "AUTH", (struct str[]){ STR("AUTH"), user, password }, 3);
	else if (password.n > 0)
		greet_step(c, "AUTH", (struct str[]){ STR("AUTH"), password }, 2);
	if (c->primary && c->env->client_name[0] != '\0')
		greet_step(c, "CLIENT SETNAME",
			(struct str[]){ STR("CLIENT"), STR("SETNAME"), str_z(c->env->client_name) },
			3);
	if (c->primary && t->db != 0) {
		snprintf(db, sizeof db, "%u", t->db);
		greet_step(c, "SELECT", (struct str[]){ STR("SELECT"), str_z(db) }, 2);
	}
	if (c->primary)
		greet_step(c, "INFO", (struct str[]){ STR("INFO") }, 1);
	if (c->n_steps == 0)
		conn_set_up(c);
}

/* ---- connecting */

static void conn_secure(struct redis_conn *c)
{
	int rc = stream_handshake(&c->s);

	if (rc == 1)
		conn_greet(c);
	else if (rc != STREAM_AGAIN)
		conn_try_address(c, stream_error_text(&c->s));
}

static void conn_connected(struct redis_conn *c)
{
	int err = stream_connect_result(c->s.fd);
	const char *name = c->env->tls_name[0] != '\0' ? c->env->tls_name : c->target.host;

	if (err != 0) {
		conn_try_address(c, strerror(err));
		return;
	}
	stream_want(&c->s, false, false);
	if (!c->target.tls) {
		conn_greet(c);
		return;
	}
	c->state = REDIS_CONN_SECURING;
	if (stream_tls_connect(&c->s, c->env->tls, str_z(name), NULL) != 0)
		conn_try_address(c, stream_error_text(&c->s));
	else
		conn_secure(c);
}

static void conn_on_ready(struct stream *s, unsigned ready, void *arg)
{
	struct redis_conn *c = arg;
	uint64_t generation = c->generation;

	CHECK_OBJ(c, REDIS_CONN_MAGIC);
	(void)s;
	if (c->state == REDIS_CONN_CONNECTING) {
		conn_connected(c);
		return;
	}
	if (c->state == REDIS_CONN_SECURING) {
		conn_secure(c);
		return;
	}
	if ((ready & STREAM_CAN_READ) != 0)
		conn_read(c);
	if ((ready & STREAM_CAN_WRITE) != 0 && c->state >= REDIS_CONN_GREETING &&
		c->generation == generation)
		conn_flush(c);
}

/* The next address; none left: why the last one failed. Never after the greeting has begun. */
static void conn_try_address(struct redis_conn *c, const char *why)
{
	char text[sizeof c->why];

	snprintf(text, sizeof text, "%s", why);
	if (c->state >= REDIS_CONN_CONNECTING)
		stream_close(&c->s);
	c->state = REDIS_CONN_RESOLVING; /* nothing to close */
	while (c->addr_at < c->n_addrs) {
		const struct sockaddr_any *a = &c->addrs[c->addr_at++];
		int fd = stream_connect_fd(&a->u.sa, a->len);
		int64_t now = now_us();

		if (fd < 0) {
			snprintf(text, sizeof text, "%s", strerror(errno));
			continue;
		}
		c->try_until_us =
			now + (c->open_until_us - now) / (int64_t)(c->n_addrs - c->addr_at + 1);
		conn_wake_at(c, c->try_until_us);
		stream_init(&c->s, c->env->base, fd, conn_on_ready, c);
		c->state = REDIS_CONN_CONNECTING;
		stream_want(&c->s, false, true);
		return;
	}
	redis_conn_close(c, text);
}

static void conn_resolve(struct redis_conn *c)
{
	const char *err = NULL;

	c->n_addrs = resolve_name_addrs(c->name, c->addrs, &err);
	c->addr_at = 0;
	if (c->n_addrs > 0) {
		conn_try_address(c, "");
		return;
	}
	snprintf(c->why, sizeof c->why, "%s", err != NULL ? err : "no address");
	conn_wake_at(c, now_us() + RESOLVE_POLL_US);
}

void redis_conn_open(struct redis_conn *c, const struct redis_url *target, bool primary)
{
	CHECK_OBJ(c, REDIS_CONN_MAGIC);
	tg_assert(c->state == REDIS_CONN_IDLE && list_empty(&c->calls));
	c->target = *target;
	c->primary = primary;
	c->generation++;
	c->state = REDIS_CONN_RESOLVING;
	c->open_until_us = now_us() + c->env->connect_timeout_us;
	if (c->has_reader)
		redis_reader_fini(&c->reader);
	redis_reader_init(&c->reader, c->env->limits);
	c->has_reader = true;
	snprintf(c->why, sizeof c->why, "connecting");
	conn_wake_at(c, c->open_until_us);
	if (target->is_unix) {
		struct sockaddr_any *a = &c->addrs[0];

		*a = (struct sockaddr_any){ .len = sizeof a->u.un };
		a->u.un.sun_family = AF_UNIX;
		snprintf(a->u.un.sun_path, sizeof a->u.un.sun_path, "%.*s", REDIS_PATH_MAX,
			target->host);
		c->n_addrs = 1;
		c->addr_at = 0;
		conn_try_address(c, "");
		return;
	}
	c->name = resolve_name_get(c->env->resolver, str_z(target->host), target->port);
	conn_resolve(c);
}

/* ---- time */

static const char *timeout_text(const struct redis_conn *c)
{
	switch (c->state) {
	case REDIS_CONN_RESOLVING: return c->why; /* what the resolver says */
	case REDIS_CONN_CONNECTING: return "no connection in time";
	case REDIS_CONN_SECURING: return "no TLS in time";
	case REDIS_CONN_GREETING: return "no answer to the greeting in time";
	default: return "no answer in time";
	}
}

/* When the first of the calls must be answered; INT64_MAX: there is none. */
static int64_t calls_until_us(const struct redis_conn *c)
{
	int64_t first = INT64_MAX;

	list_foreach (it, &c->calls) {
		const struct redis_request *q = list_entry(it, struct redis_request, node);

		first = TG_MIN(first, q->until_us);
	}
	return first;
}

static void conn_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct redis_conn *c = arg;
	int64_t now = now_us(), until;

	(void)fd;
	(void)what;
	CHECK_OBJ(c, REDIS_CONN_MAGIC);
	c->wake_us = 0;
	if (c->state == REDIS_CONN_IDLE)
		return;
	until = c->state == REDIS_CONN_UP ? calls_until_us(c) : c->open_until_us;
	if (now >= until) {
		redis_conn_close(c, timeout_text(c));
		return;
	}
	if (until != INT64_MAX)
		conn_wake_at(c, until);
	if (c->state == REDIS_CONN_RESOLVING)
		conn_resolve(c);
	else if (c->state == REDIS_CONN_CONNECTING || c->state == REDIS_CONN_SECURING) {
		if (now >= c->try_until_us && c->addr_at < c->n_addrs)
			conn_try_address(c, timeout_text(c));
		else if (now < c->try_until_us)
			conn_wake_at(c, c->try_until_us);
	}
}
