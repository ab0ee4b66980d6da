/*
 * cred_aws.c: see cred_aws.h. Runs on the threads of credentials: files and the container's
 * endpoint are read there, never on a worker's.
 */
#include "core/cred_aws.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/json_scan.h"
#include "proto/url.h"

#define SECOND_US   INT64_C(1000000)
#define REFRESH_US  (60 * SECOND_US) /* of files, which somebody else writes anew */
#define ENDPOINT_US (5 * SECOND_US)
#define LOOK_MS     100
#define CONTAINER   "http://169.254.170.2"

static struct str env(const char *name)
{
	return str_z(getenv(name));
}

static int put(struct cred_got *g, struct str id, struct str secret, struct str session)
{
	if (id.n == 0 || secret.n == 0)
		return cred_fail(g, "an access key id or its secret is missing");
	if (cred_got_part(g, CRED_AWS_ID, id) != 0 ||
		cred_got_part(g, CRED_AWS_SECRET, secret) != 0 ||
		cred_got_part(g, CRED_AWS_SESSION, session) != 0)
		return cred_fail(g, "a key is longer than any, or has control characters in it");
	return 0;
}

/* ---- the shared credentials file: [profile] and name = value */

static bool is_section(struct str line, struct str profile)
{
	struct str name = str_trim(str_mk(line.p + 1, line.n - 2));

	if (str_starts(name, STR("profile ")))
		name = str_trim(str_skip(name, 8));
	return str_eq(name, profile);
}

int cred_aws_read_profile(struct cred_got *g, struct str text, struct str profile)
{
	struct str line, id = STR_NONE, secret = STR_NONE, session = STR_NONE;
	bool mine = false, found = false;

	while (str_split(&text, '\n', &line)) {
		size_t eq;
		struct str name, value;

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		line = str_trim(line);
		if (line.n == 0 || *line.p == '#' || *line.p == ';')
			continue;
		if (*line.p == '[' && line.p[line.n - 1] == ']') {
			mine = is_section(line, profile);
			found |= mine;
			continue;
		}
		eq = str_chr(line, '=');
		if (!mine || eq == (size_t)-1)
			continue;
		name = str_trim(str_mk(line.p, eq));
		value = str_trim(str_skip(line, eq + 1));
		if (str_eq(name, STR("aws_access_key_id")))
			id = value;
		else if (str_eq(name, STR("aws_secret_access_key")))
			secret = value;
		else if (str_eq(name, STR("aws_session_token")))
			session = value;
	}
	if (!found)
		return cred_fail(
			g, "there is no profile [%.*s]", (int)TG_MIN(profile.n, 64), profile.p);
	return put(g, id, secret, session);
}

static int read_file(struct cred_got *g, const char *path, char *buf, size_t cap, struct str *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return cred_fail(g, "%.150s: %s", path, strerror(errno));
	while (n < cap && (got = read(fd, buf + n, cap - n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	if (n == 0 || n == cap)
		return cred_fail(g, "%.150s is empty, unreadable or too large", path);
	*text = str_mk(buf, n);
	return 0;
}

static int fetch_file(struct cred_got *g, struct str profile, const char *path)
{
	char *buf = malloc(CRED_MAX * 4);
	struct str text;
	int rc = -1;

	if (buf == NULL)
		return cred_fail(g, "no memory");
	if (read_file(g, path, buf, CRED_MAX * 4, &text) == 0)
		rc = cred_aws_read_profile(g, text, profile);
	explicit_bzero(buf, CRED_MAX * 4);
	free(buf);
	return rc;
}

/* ---- the container's endpoint */

int cred_aws_read_json(struct cred_got *g, struct str text)
{
	struct json_watch w[] = {
		{ .key = STR("AccessKeyId") },
		{ .key = STR("SecretAccessKey") },
		{ .key = STR("Token") },
		{ .key = STR("Expiration") },
	};
	struct str got[TG_ARRAY_LEN(w)];
	struct json_fail f;
	int rc;

	if (json_scan_object(text, w, TG_ARRAY_LEN(w), &f) != 0)
		return cred_fail(g, "the answer is not valid JSON: %s at byte %zu",
			json_error_text(f.err), f.offset);
	for (size_t i = 0; i < TG_ARRAY_LEN(w); i++)
		if (json_get_plain(&w[i].val, &got[i]) != 0)
			got[i] = STR_NONE;
	rc = put(g, got[0], got[1], got[2]);
	if (rc == 0 && got[3].n > 0 && clock_parse(got[3], &g->expires) != 0)
		return cred_fail(g, "the answer's Expiration is no time");
	return rc;
}

/* Is there something to read (write)? -1: not in time. */
static int wait_for(struct cred_got *g, int fd, short what, mono_us until)
{
	struct pollfd p = { .fd = fd, .events = what };

	for (;;) {
		if (cred_stopping(g) || clock_mono().us > until.us)
			return cred_fail(g, "the container's endpoint took too long");
		if (poll(&p, 1, LOOK_MS) > 0)
			return 0;
	}
}

/* Addresses only: what AWS sends tokens to without TLS is this machine, or its link. */
static int dial(struct cred_got *g, const struct url *u, mono_us until)
{
	struct addrinfo hint = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM },
			*a = NULL;
	struct str name = str_eq_ci(u->host, STR("localhost")) ? STR("127.0.0.1") : u->host;
	char host[64], port[8];
	int fd, error = 0;
	socklen_t len = sizeof error;

	snprintf(host, sizeof host, "%.*s", (int)TG_MIN(name.n, sizeof host - 1), name.p);
	snprintf(port, sizeof port, "%u", u->port);
	if (getaddrinfo(host, port, &hint, &a) != 0)
		return cred_fail(g, "the container's endpoint must be an address: %s", host);
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS)
		error = errno;
	freeaddrinfo(a);
	if (fd >= 0 && error == 0 && wait_for(g, fd, POLLOUT, until) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	if (error != 0)
		cred_fail(g, "the container's endpoint %s:%s: %s", host, port, strerror(error));
	return -1;
}

static int send_all(struct cred_got *g, int fd, struct str s, mono_us until)
{
	while (s.n > 0) {
		ssize_t n;

		if (wait_for(g, fd, POLLOUT, until) != 0)
			return -1;
		n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n > 0)
			s = str_skip(s, (size_t)n);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return cred_fail(g, "the container's endpoint: %s", strerror(errno));
	}
	return 0;
}

/* The body of an answer with status 200, until the endpoint closes (it is asked in HTTP/1.0). */
static int read_answer(
	struct cred_got *g, int fd, char *buf, size_t cap, mono_us until, struct str *body)
{
	size_t n = 0, at;

	for (;;) {
		ssize_t got;

		if (wait_for(g, fd, POLLIN, until) != 0)
			return -1;
		got = recv(fd, buf + n, cap - n, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got < 0)
			return cred_fail(g, "the container's endpoint: %s", strerror(errno));
		if (got == 0)
			break;
		n += (size_t)got;
		if (n == cap)
			return cred_fail(g, "the container's endpoint says too much");
	}
	at = str_find(str_mk(buf, n), STR("\r\n\r\n"));
	if (at == (size_t)-1 || n < 12 || memcmp(buf, "HTTP/1.", 7) != 0)
		return cred_fail(g, "the container's endpoint does not speak HTTP");
	if (memcmp(buf + 8, " 200", 4) != 0)
		return cred_fail(g, "the container's endpoint answers with status %.3s", buf + 9);
	*body = str_skip(str_mk(buf, n), at + 4);
	return 0;
}

/* The container's own token, which shows whose credentials are wanted. */
static int container_token(struct cred_got *g, char *buf, size_t cap, struct str *token)
{
	const char *file = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");

	*token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	if (file != NULL && file[0] != '\0' && read_file(g, file, buf, cap, token) != 0)
		return -1;
	while (token->n > 0 && strchr("\r\n \t", token->p[token->n - 1]) != NULL)
		token->n--;
	for (size_t i = 0; i < token->n; i++)
		if ((unsigned char)token->p[i] < 0x20)
			return cred_fail(g, "the container's token has control characters in it");
	return 0;
}

static int ask_container(struct cred_got *g, const struct url *u, char *buf, size_t cap)
{
	mono_us until = { clock_mono().us + ENDPOINT_US };
	char token_buf[4096], head[8192];
	struct str token, body;
	int fd, n, rc = -1;

	if (container_token(g, token_buf, sizeof token_buf, &token) != 0)
		return -1;
	n = snprintf(head, sizeof head, "GET %.*s HTTP/1.0\r\nhost: %.*s\r\n%s%.*s%s\r\n",
		STR_FMT(u->path), STR_FMT(u->host), token.n > 0 ? "authorization: " : "",
		(int)token.n, token.n > 0 ? token.p : "", token.n > 0 ? "\r\n" : "");
	if (n < 0 || (size_t)n >= sizeof head)
		return cred_fail(g, "the container endpoint's address is too long");
	fd = dial(g, u, until);
	if (fd < 0)
		return -1;
	if (send_all(g, fd, str_mk(head, (size_t)n), until) == 0 &&
		read_answer(g, fd, buf, cap, until, &body) == 0)
		rc = cred_aws_read_json(g, body);
	close(fd);
	explicit_bzero(head, sizeof head);
	explicit_bzero(token_buf, sizeof token_buf);
	return rc;
}

static int fetch_container(struct cred_got *g, struct str relative, struct str full)
{
	char text[1024], *buf;
	const char *why = NULL;
	struct url u;
	int rc;

	snprintf(text, sizeof text, "%s%.*s", relative.n > 0 ? CONTAINER : "",
		(int)TG_MIN(relative.n > 0 ? relative.n : full.n, (size_t)900),
		relative.n > 0 ? relative.p : full.p);
	if (url_parse(str_z(text), &u, &why) != 0)
		return cred_fail(g, "the container endpoint's address: %s", why);
	if (u.tls)
		return cred_fail(g, "the container's endpoint must be http:// on this machine");
	buf = malloc(CRED_MAX);
	if (buf == NULL)
		return cred_fail(g, "no memory");
	rc = ask_container(g, &u, buf, CRED_MAX);
	explicit_bzero(buf, CRED_MAX);
	free(buf);
	return rc;
}

/* ---- one after the other */

static struct str credentials_path(char *buf, size_t cap)
{
	struct str path = env("AWS_SHARED_CREDENTIALS_FILE"), home = env("HOME");
	int n;

	if (path.n > 0)
		return path;
	if (home.n == 0)
		return STR_NONE;
	n = snprintf(buf, cap, "%s/.aws/credentials", home.p);
	return n > 0 && (size_t)n < cap ? str_mk(buf, (size_t)n) : STR_NONE;
}

static int fetch(const struct str arg[CRED_ARGS], struct cred_got *out)
{
	struct str profile = arg[0], relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
		   full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI"), path;
	char buf[4096];

	if (profile.n == 0 && env("AWS_ACCESS_KEY_ID").n > 0)
		return put(out, env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"),
			env("AWS_SESSION_TOKEN"));
	if (profile.n == 0)
		profile = env("AWS_PROFILE");
	path = credentials_path(buf, sizeof buf);
	if (profile.n > 0 || (path.n > 0 && access(path.p, F_OK) == 0)) {
		if (path.n == 0)
			return cred_fail(out, "there is no HOME to have .aws/credentials in");
		return fetch_file(out, profile.n > 0 ? profile : STR("default"), path.p);
	}
	if (relative.n + full.n > 0)
		return fetch_container(out, relative, full);
	return cred_fail(out, "neither AWS_ACCESS_KEY_ID, nor a shared credentials file, nor a "
			      "container's endpoint is there");
}

const struct cred_kind cred_aws = {
	.name = "aws",
	.refresh_us = REFRESH_US,
	.fetch = fetch,
};

/* ---- regions */

static bool is_region(struct str s)
{
	unsigned dashes = 0;

	for (size_t i = 0; i < s.n; i++) {
		dashes += s.p[i] == '-';
		if ((s.p[i] < 'a' || s.p[i] > 'z') && (s.p[i] < '0' || s.p[i] > '9') &&
			s.p[i] != '-')
			return false;
	}
	return dashes >= 2 && s.n > 0 && s.p[s.n - 1] >= '0' && s.p[s.n - 1] <= '9';
}

struct str cred_aws_region_of(struct str host)
{
	struct str rest = host, part;
	bool service = false;

	if (str_find(host, STR(".amazonaws.com")) == (size_t)-1 &&
		str_find(host, STR(".api.aws")) == (size_t)-1)
		return STR_NONE;
	while (str_split(&rest, '.', &part)) {
		if (service && is_region(part))
			return part;
		service |= str_starts(part, STR("bedrock-runtime"));
	}
	return STR_NONE;
}
