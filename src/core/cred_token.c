/*
 * cred_token.c: see cred_token.h. Runs on the threads of credentials.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/cred_token.h"
#include "proto/json_scan.h"

#define COMMAND_US INT64_C(60000000)
#define LOOK_MS    200 /* at whether anybody still waits */
#define SECOND_US  INT64_C(1000000)

extern char **environ;

/* ---- what a text says */

enum { W_SNAKE, W_CAMEL, W_TOKEN, W_IN, W_ON, W_AT, W__N };

/* A number, or digits in a string (Azure's managed identities). */
static int read_seconds(const struct json_val *v, uint64_t *out)
{
	struct json_val number = *v;

	if (v->type == JSON_STRING && v->raw.n > 2)
		number = (struct json_val){ .type = JSON_NUMBER,
			.raw = str_mk(v->raw.p + 1, v->raw.n - 2) };
	for (size_t i = 0; i < number.raw.n; i++)
		if (number.raw.p[i] < '0' || number.raw.p[i] > '9')
			return -1;
	if (number.type != JSON_NUMBER || json_get_u64(&number, out) != 0)
		return -1;
	return *out <= INT64_MAX / SECOND_US / 2 ? 0 : -1;
}

/* The same, or a date of RFC 3339 with its offset. */
static int read_moment(const struct json_val *v, wall_us *out)
{
	struct str text;
	uint64_t s;

	if (read_seconds(v, &s) == 0) {
		out->us = (int64_t)s * SECOND_US;
		return 0;
	}
	return json_get_plain(v, &text) == 0 ? clock_parse(text, out) : -1;
}

/* Six bits; -1: none of base64url (RFC 4648 section 5). */
static int sextet(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* The payload of a JSON web token (RFC 7519 section 3) into buf; empty: it is none. */
static struct str jwt_payload(struct str token, char *buf, size_t cap)
{
	struct str part, rest = token;
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;
	int six;

	if (!str_split(&rest, '.', &part) || !str_split(&rest, '.', &part) || rest.n == 0 ||
		part.n / 4 * 3 + 3 > cap)
		return STR_NONE;
	for (size_t i = 0; i < part.n; i++) {
		six = sextet(part.p[i]);
		if (six < 0)
			return STR_NONE;
		bits = bits << 6 | (unsigned)six;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		buf[n++] = (char)(bits >> n_bits & 0xff);
	}
	return str_mk(buf, n);
}

/* When it says so itself. The signature is the provider's affair. */
static wall_us token_expires(struct str token)
{
	struct json_watch w[1] = { { STR("exp"), { 0 } } };
	char buf[CRED_MAX];
	struct str payload = jwt_payload(token, buf, sizeof buf);
	struct json_fail f;
	uint64_t s;

	if (payload.n == 0 || json_scan_object(payload, w, 1, &f) != 0 ||
		read_seconds(&w[0].val, &s) != 0)
		return (wall_us){ 0 };
	return (wall_us){ (int64_t)s * SECOND_US };
}

static int read_json(struct cred_got *g, struct str text, struct str *token)
{
	struct json_watch w[W__N] = {
		[W_SNAKE] = { STR("access_token"), { 0 } },
		[W_CAMEL] = { STR("accessToken"), { 0 } },
		[W_TOKEN] = { STR("token"), { 0 } },
		[W_IN] = { STR("expires_in"), { 0 } },
		[W_ON] = { STR("expires_on"), { 0 } },
		[W_AT] = { STR("expires_at"), { 0 } },
	};
	struct json_fail f;
	uint64_t s;

	if (json_scan_object(text, w, W__N, &f) != 0)
		return cred_fail(g, "it is not valid JSON: %s at byte %zu", json_error_text(f.err),
			f.offset);
	for (unsigned i = W_SNAKE; i <= W_TOKEN && token->n == 0; i++)
		if (json_get_plain(&w[i].val, token) != 0)
			*token = STR_NONE;
	if (token->n == 0)
		return cred_fail(
			g, "its JSON has no access_token, accessToken or token that is a string");
	if (read_moment(&w[W_ON].val, &g->expires) != 0 &&
		read_moment(&w[W_AT].val, &g->expires) != 0 && read_seconds(&w[W_IN].val, &s) == 0)
		g->expires.us = clock_wall().us + (int64_t)s * SECOND_US;
	return 0;
}

static struct str trim_lines(struct str s)
{
	while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ')
		s.n--;
	while (s.n > 0 && (unsigned char)*s.p <= ' ')
		s = str_skip(s, 1);
	return s;
}

int cred_token_read(struct cred_got *g, struct str text)
{
	struct str token = STR_NONE;

	g->expires.us = 0;
	text = trim_lines(text);
	if (text.n > 0 && *text.p == '{') {
		if (read_json(g, text, &token) != 0)
			return -1;
	} else {
		token = text;
	}
	if (g->expires.us == 0)
		g->expires = token_expires(token);
	return cred_got_bearer(g, token);
}

/* ---- a file */

/* All that comes until the end; -1 with why. `until`: and not later. */
static int read_all(
	struct cred_got *g, int fd, char *buf, size_t cap, mono_us until, struct str *out)
{
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (cred_stopping(g) || clock_mono().us > until.us)
			return cred_fail(g, "it took too long");
		if (poll(&p, 1, LOOK_MS) == 0)
			continue;
		got = read(fd, buf + n, cap - n);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return cred_fail(g, "%s", strerror(errno));
		if (got == 0)
			break;
		n += (size_t)got;
		if (n == cap)
			return cred_fail(g, "it has more than %zu bytes", cap - 1);
	}
	*out = str_mk(buf, n);
	return 0;
}

static int fetch_file(const struct str arg[CRED_ARGS], struct cred_got *out)
{
	mono_us until = { clock_mono().us + COMMAND_US };
	char buf[CRED_MAX];
	struct stat st;
	struct str text;
	int fd = open(arg[0].p, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = -1;

	if (fd < 0)
		return cred_fail(out, "%.150s: %s", arg[0].p, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		cred_fail(out, "%.150s is not a regular file", arg[0].p);
	else if (read_all(out, fd, buf, sizeof buf, until, &text) == 0)
		rc = cred_token_read(out, text);
	close(fd);
	explicit_bzero(buf, sizeof buf);
	return rc;
}

const struct cred_kind cred_token_file = {
	.name = "token_file",
	.fields = true,
	.refresh_us = 30 * SECOND_US, /* whoever writes it does so ahead of its end */
	.fetch = fetch_file,
};

/* ---- a command */

/* Its own process group, so that all of it can be ended; no signal blocked or ignored. */
static int command_start(struct cred_got *g, const char *command, int fd, pid_t *pid)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, (char *)(uintptr_t)command,
		NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, fd, 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	rc = posix_spawn(pid, "/bin/sh", &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc == 0 ? 0 : cred_fail(g, "the shell could not be started: %s", strerror(rc));
}

/* Waits for it, until then; what is left of it is ended. */
static int command_end(struct cred_got *g, pid_t pid, bool kill_it, mono_us until)
{
	const struct timespec look = { 0, 5000000 };
	int status = 0;
	pid_t rc;

	if (kill_it)
		kill(-pid, SIGKILL);
	while ((rc = waitpid(pid, &status, WNOHANG)) == 0) {
		if (!kill_it && (cred_stopping(g) || clock_mono().us > until.us)) {
			kill_it = true;
			kill(-pid, SIGKILL);
		}
		nanosleep(&look, NULL);
	}
	if (kill_it || rc < 0)
		return -1;
	if (WIFSIGNALED(status))
		return cred_fail(g, "the command was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return cred_fail(g, "the command failed with status %d", WEXITSTATUS(status));
	return 0;
}

static int fetch_command(const struct str arg[CRED_ARGS], struct cred_got *out)
{
	mono_us until = { clock_mono().us + COMMAND_US };
	char buf[CRED_MAX];
	struct str text = STR_NONE;
	int ends[2], rc;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return cred_fail(out, "no pipe: %s", strerror(errno));
	rc = command_start(out, arg[0].p, ends[1], &pid);
	close(ends[1]);
	if (rc == 0) {
		rc = read_all(out, ends[0], buf, sizeof buf, until, &text);
		if (command_end(out, pid, rc != 0, until) != 0)
			rc = -1;
	}
	close(ends[0]);
	if (rc == 0)
		rc = cred_token_read(out, text);
	explicit_bzero(buf, sizeof buf);
	return rc;
}

const struct cred_kind cred_token_command = {
	.name = "token_command",
	.fields = true,
	.fetch = fetch_command,
};
