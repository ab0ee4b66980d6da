/*
 * admin_client.c: see admin_client.h.
 */
#include "ctl/admin_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/arena.h"
#include "core/config.h"
#include "io/listen.h"
#include "proto/http1_head.h"
#include "proto/outbuf.h"

#define ANSWER_MAX (64u * 1024 * 1024)
#define READ_BYTES 65536

/* ---- where */

struct listener {
	struct sockaddr_any addr;
	char text[256];
	char token[512]; /* empty: none */
};

static int token_of(const char *command, const struct config *c, struct listener *l)
{
	if (c->admin.token.n >= sizeof l->token) {
		ctl_failed(command, "the admin token is too long");
		return -1;
	}
	snprintf(l->token, sizeof l->token, "%.*s", STR_FMT(c->admin.token));
	return 0;
}

static int address_set(const char *command, struct str address, struct listener *l)
{
	char err[256];

	if (str_starts(address, STR("http://"))) /* as its URLs begin */
		address = str_skip(address, sizeof("http://") - 1);
	if (address.n == 0) {
		ctl_failed(command, "the configuration has no admin listener (admin: address)");
		return -1;
	}
	if (sockaddr_parse(address, &l->addr, err, sizeof err) != 0) {
		ctl_failed(command, "the admin listener's address: %s", err);
		return -1;
	}
	snprintf(l->text, sizeof l->text, "%.*s", STR_FMT(address));
	return 0;
}

/* --admin alone is enough where no token is asked for: then there need be no configuration. */
static int find(const char *command, const struct admin_where *where, struct listener *l)
{
	const char *path = where->config != NULL ? where->config : CTL_DEFAULT_CONFIG;
	struct conf_error err = { "" };
	struct config config;
	struct arena arena;
	int rc = -1;

	if (where->admin != NULL && address_set(command, str_z(where->admin), l) != 0)
		return -1;
	if (where->admin != NULL && where->config == NULL && access(CTL_DEFAULT_CONFIG, R_OK) != 0)
		return 0;
	arena_init(&arena, NULL, 0);
	if (conf_load_file(path, &config_root, &arena, &config, &err) != 0)
		ctl_failed(command,
			"%s\n--admin ADDRESS names the admin listener without a "
			"configuration",
			err.text);
	else if (token_of(command, &config, l) == 0 &&
		 (where->admin != NULL || address_set(command, config.admin.address, l) == 0))
		rc = 0;
	arena_fini(&arena);
	return rc;
}

/* ---- the exchange */

static int client_connect(const char *command, const struct listener *l)
{
	const struct timeval clock = { ADMIN_CLIENT_TIMEOUT_S, 0 };
	int fd = socket(l->addr.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &clock, sizeof clock) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &clock, sizeof clock) != 0 ||
		connect(fd, &l->addr.u.sa, l->addr.len) != 0) {
		ctl_failed(command, "the gateway's admin listener at %s: %s", l->text,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static int client_send(int fd, struct str text)
{
	while (text.n > 0) {
		ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text = str_skip(text, (size_t)n);
	}
	return 0;
}

static int client_read_all(int fd, struct outbuf *in)
{
	for (;;) {
		char *room = in->n < ANSWER_MAX ? outbuf_room(in, READ_BYTES) : NULL;
		ssize_t n;

		if (room == NULL) {
			errno = EMSGSIZE;
			return -1;
		}
		n = recv(fd, room, READ_BYTES, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		in->n += (size_t)n;
	}
}

static void request_put(struct outbuf *b, const struct listener *l, const char *method,
	const char *target, const json_t *body)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

	outbuf_printf(
		b, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, target);
	if (l->token[0] != '\0')
		outbuf_printf(b, "Authorization: Bearer %s\r\n", l->token);
	if (text != NULL)
		outbuf_printf(b, "Content-Type: application/json\r\n");
	if (text != NULL || strcmp(method, "POST") == 0)
		outbuf_printf(b, "Content-Length: %zu\r\n", text != NULL ? strlen(text) : 0);
	outbuf_printf(b, "\r\n%s", text != NULL ? text : "");
	free(text);
}

static int exchange(
	const char *command, const struct listener *l, struct str request, struct outbuf *answer)
{
	int fd = client_connect(command, l), rc;

	if (fd < 0)
		return -1;
	rc = client_send(fd, request) == 0 ? client_read_all(fd, answer) : -1;
	if (rc != 0)
		ctl_failed(command, "the gateway's admin listener at %s: %s", l->text,
			strerror(errno));
	close(fd);
	return rc;
}

/* ---- the answer */

static struct str body_of(struct str answer, struct http_head *h)
{
	enum http_error e;
	size_t resume = 0;
	long n = http1_head_end(answer.p, answer.n, &resume, HTTP_MAX_HEAD, &e);

	if (n <= 0 || http1_response_parse(answer.p, (size_t)n, HTTP_M_GET, h, &e) != 0)
		return STR_NONE;
	return str_skip(answer, (size_t)n);
}

static enum ctl_exit refused(const char *command, const struct http_head *h, const json_t *body)
{
	const char *why =
		json_string_value(json_object_get(json_object_get(body, "error"), "message"));

	return ctl_failed(command, "the gateway answers %u%s%s", h->status, why != NULL ? ": " : "",
		why != NULL ? why : "");
}

static enum ctl_exit answer_read(const char *command, struct str answer, json_t **out)
{
	static struct http_head h;
	struct str body = body_of(answer, &h);
	json_t *j = body.n > 0 ? json_loadb(body.p, body.n, 0, NULL) : NULL;
	enum ctl_exit rc;

	if (body.p == NULL || (j == NULL && h.status / 100 == 2))
		return ctl_failed(command, "what answers there is no admin listener of tollgate");
	if (h.status / 100 == 2) {
		*out = j;
		return CTL_OK;
	}
	rc = refused(command, &h, j);
	json_decref(j);
	return rc;
}

enum ctl_exit admin_client_ask(const char *command, const struct admin_where *where,
	const char *method, const char *target, const json_t *body, json_t **out)
{
	static struct listener l;
	struct outbuf request, answer;
	enum ctl_exit rc = CTL_FAILED;

	if (find(command, where, &l) != 0)
		return CTL_FAILED;
	outbuf_init(&request);
	outbuf_init(&answer);
	request_put(&request, &l, method, target, body);
	if (exchange(command, &l, outbuf_text(&request), &answer) == 0)
		rc = answer_read(command, outbuf_text(&answer), out);
	outbuf_fini(&request);
	outbuf_fini(&answer);
	return rc;
}
