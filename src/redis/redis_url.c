/*
 * redis_url.c: see redis_url.h.
 */
#include "redis/redis_url.h"

#include <stdio.h>

#include "base/digest.h"
#include "base/num.h"

/* %XX decoded, NUL-terminated. -1: a bad escape, a control character, or longer than cap - 1. */
static int decode(struct str in, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];

		if (c == '%') {
			if (in.n - i < 3 || digest_unhex(str_mk(in.p + i + 1, 2), &c, 1) != 0)
				return -1;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= cap)
			return -1;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return 0;
}

static int set_db(struct redis_url *u, struct str text, const char **err)
{
	uint64_t db;

	if (num_parse_u64(text, &db) != 0 || db > REDIS_DB_MAX) {
		*err = "the database is a number from 0 to 65535";
		return -1;
	}
	u->db = (unsigned)db;
	u->has_db = true;
	return 0;
}

static int parse_unix(struct str rest, struct redis_url *u, const char **err)
{
	size_t q = str_chr(rest, '?');
	struct str path = q == (size_t)-1 ? rest : str_mk(rest.p, q);

	u->is_unix = true;
	if (path.n > REDIS_PATH_MAX || memchr(path.p, '\0', path.n) != NULL) {
		*err = "the path of a unix socket has at most 107 bytes";
		return -1;
	}
	memcpy(u->host, path.p, path.n);
	if (q == (size_t)-1)
		return 0;
	rest = str_skip(rest, q + 1);
	if (!str_starts(rest, STR("db="))) {
		*err = "after the path there may only be ?db=NUMBER";
		return -1;
	}
	return set_db(u, str_skip(rest, 3), err);
}

static int parse_login(struct str login, struct redis_url *u, const char **err)
{
	size_t colon = str_chr(login, ':');
	struct str user = colon == (size_t)-1 ? login : str_mk(login.p, colon);

	if (decode(user, u->user, sizeof u->user) != 0 ||
		(colon != (size_t)-1 &&
			decode(str_skip(login, colon + 1), u->password, sizeof u->password) != 0)) {
		*err = "user and password: percent-encoded, at most 127 and 511 bytes";
		return -1;
	}
	if (u->password[0] == '\0') {
		*err = "a user needs a password: user:password@ or :password@";
		return -1;
	}
	return 0;
}

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_';
}

static bool is_v6_char(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') ||
	       c == ':' || c == '.';
}

static bool all_of(struct str s, bool (*is)(char))
{
	for (size_t i = 0; i < s.n; i++)
		if (!is(s.p[i]))
			return false;
	return s.n > 0;
}

static int parse_host(struct str at, struct redis_url *u, const char **err)
{
	struct str host = at, port = STR_NONE;
	bool v6 = at.n > 0 && at.p[0] == '[';
	size_t end = str_chr(at, v6 ? ']' : ':');
	uint64_t no = REDIS_PORT;

	if (v6 && end != (size_t)-1) {
		host = str_mk(at.p + 1, end - 1);
		port = str_skip(at, end + 1);
	} else if (end != (size_t)-1) {
		host = str_mk(at.p, end);
		port = str_skip(at, end);
	}
	*err = "the host is a name, an IPv4 address or an IPv6 address in brackets, with :PORT";
	if (!all_of(host, v6 ? is_v6_char : is_host_char) || (v6 && end == (size_t)-1))
		return -1;
	if (port.n > 0 && (port.p[0] != ':' || num_parse_u64(str_skip(port, 1), &no) != 0))
		return -1;
	return redis_url_set_host(u, host, no);
}

int redis_url_parse(struct str text, struct redis_url *out, const char **err)
{
	size_t at, slash;
	struct str host;

	memset(out, 0, sizeof *out);
	*err = "a Redis URL is redis://HOST:PORT/DATABASE, rediss://... (TLS) or unix:/PATH";
	if (str_starts(text, STR("unix:/")))
		return parse_unix(str_skip(text, 5), out, err);
	out->tls = str_starts(text, STR("rediss://"));
	if (!out->tls && !str_starts(text, STR("redis://")))
		return -1;
	text = str_skip(text, out->tls ? 9 : 8);
	slash = str_chr(text, '/');
	host = slash == (size_t)-1 ? text : str_mk(text.p, slash);
	at = str_chr(host, '@');
	if (at != (size_t)-1) {
		if (parse_login(str_mk(host.p, at), out, err) != 0)
			return -1;
		host = str_skip(host, at + 1);
	}
	if (parse_host(host, out, err) != 0)
		return -1;
	if (slash == (size_t)-1 || slash + 1 == text.n)
		return 0;
	return set_db(out, str_skip(text, slash + 1), err);
}

void redis_url_text(const struct redis_url *u, char *out, size_t n)
{
	bool v6 = strchr(u->host, ':') != NULL;

	if (u->is_unix)
		snprintf(out, n, "unix:%s", u->host);
	else
		snprintf(out, n, v6 ? "[%s]:%u" : "%s:%u", u->host, (unsigned)u->port);
}

int redis_url_set_host(struct redis_url *u, struct str host, uint64_t port)
{
	if (host.n == 0 || host.n > REDIS_HOST_MAX || port == 0 || port > 65535 ||
		memchr(host.p, '\0', host.n) != NULL)
		return -1;
	memcpy(u->host, host.p, host.n);
	u->host[host.n] = '\0';
	u->port = (uint16_t)port;
	return 0;
}

bool redis_url_same(const struct redis_url *a, const struct redis_url *b)
{
	return a->port == b->port && a->is_unix == b->is_unix && a->tls == b->tls &&
	       strcmp(a->host, b->host) == 0;
}
