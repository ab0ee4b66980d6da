/*
 * url.c: request targets, query strings, base URLs and Host values (RFC 3986, RFC 9112
 * section 3.2). One spelling comes out for every way to write a path, so that what is matched is
 * what is sent. Pure, any thread.
 */
#include "proto/url.h"
#include "proto/http_chars.h"

static int parse_port(struct str s, uint16_t *port)
{
	unsigned v = 0;

	if (s.n == 0 || s.n > 5)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (!http_is(s.p[i], HTTP_C_DIGIT))
			return -1;
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	if (v == 0 || v > UINT16_MAX)
		return -1;
	*port = (uint16_t)v;
	return 0;
}

/* Inside the brackets: hex groups, "::" at most once, perhaps an IPv4 tail. The resolver has the
 * last word. */
static bool v6_plausible(struct str s)
{
	unsigned colons = 0, doubles = 0, group = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ':') {
			colons++;
			doubles += i > 0 && s.p[i - 1] == ':';
			group = 0;
		} else if (http_is(s.p[i], HTTP_C_HEX)) {
			group++;
		} else if (s.p[i] == '.') {
			group = 0;
		} else {
			return false;
		}
		if (group > 4)
			return false;
	}
	return colons >= 2 && colons <= 8 && doubles <= 1 &&
	       (colons == 7 || doubles == 1 || colons == 6);
}

/* host [":" port]; *host without brackets. Port 0 when absent. */
static int split_host(struct str s, struct str *host, uint16_t *port)
{
	size_t i = 0;

	*port = 0;
	if (s.n != 0 && s.p[0] == '[') {
		while (i < s.n && s.p[i] != ']')
			i++;
		if (i == s.n || !v6_plausible(str_mk(s.p + 1, i - 1)))
			return -1;
		*host = str_mk(s.p + 1, i - 1);
		i++;
	} else {
		while (i < s.n && http_is(s.p[i], HTTP_C_HOST))
			i++;
		*host = str_mk(s.p, i);
		if (i == 0 || i > 255 || s.p[0] == '.' || s.p[0] == '-')
			return -1;
	}
	if (i == s.n)
		return 0;
	return s.p[i] == ':' ? parse_port(str_skip(s, i + 1), port) : -1;
}

bool url_host_valid(struct str host)
{
	struct str name;
	uint16_t port;

	return split_host(host, &name, &port) == 0;
}

int url_parse(struct str text, struct url *out, const char **err)
{
	struct str rest = text;
	size_t slash = 0;

	*out = (struct url){ .tls = str_starts_ci(text, STR("https://")) };
	if (!out->tls && !str_starts_ci(text, STR("http://"))) {
		*err = "a URL begins with http:// or https://";
		return -1;
	}
	rest = str_skip(text, out->tls ? 8 : 7);
	while (slash < rest.n && rest.p[slash] != '/')
		slash++;
	if (memchr(rest.p, '@', slash) != NULL) {
		*err = "a URL with user and password is not allowed here; use the credentials "
		       "directive";
		return -1;
	}
	if (split_host(str_mk(rest.p, slash), &out->host, &out->port) != 0) {
		*err = "after the scheme comes a host name or [IPv6 address], and perhaps :port";
		return -1;
	}
	if (out->port == 0)
		out->port = out->tls ? 443 : 80;
	out->path = str_skip(rest, slash);
	for (size_t i = 0; i < out->path.n; i++) {
		char c = out->path.p[i];

		if (!http_is(c, HTTP_C_PATH) && c != '%') {
			*err = c == '?' || c == '#'
				       ? "a base URL has no query and no fragment"
				       : "the path has a byte that is not allowed in a URL";
			return -1;
		}
	}
	while (out->path.n != 0 && out->path.p[out->path.n - 1] == '/')
		out->path.n--;
	return 0;
}

/* %XX at s[i]: its byte, or -1. */
static int escape_at(struct str s, size_t i)
{
	if (i + 2 >= s.n || !http_is(s.p[i + 1], HTTP_C_HEX) || !http_is(s.p[i + 2], HTTP_C_HEX))
		return -1;
	return (int)(http_hex(s.p[i + 1]) << 4 | http_hex(s.p[i + 2]));
}

/* Copies the escape of byte c in its canonical spelling; -1 when it may not be in a path. */
static int put_escape(unsigned c, bool keep_slash, char *buf, size_t *n)
{
	static const char digits[] = "0123456789ABCDEF";

	if (c < 0x20 || c == 0x7f || c == '\\' || (c == '/' && !keep_slash))
		return -1;
	if (http_is((char)c, HTTP_C_UNRESERVED)) {
		buf[(*n)++] = (char)c;
		return 0;
	}
	buf[(*n)++] = '%';
	buf[(*n)++] = digits[c >> 4];
	buf[(*n)++] = digits[c & 15];
	return 0;
}

static bool is_dots(const char *p, size_t n)
{
	return (n == 1 || n == 2) && p[0] == '.' && p[n - 1] == '.';
}

/* The segment that begins at `start` (behind a slash) is complete: drop "." and "..". `part`: what
 * follows its last %2F; whoever decodes that slash before the dots would see another path. */
static int end_segment(char *buf, size_t start, size_t part, size_t *n)
{
	size_t len = *n - start;

	if (part > start && is_dots(buf + part, *n - part))
		return -1;
	if (len == 1 && buf[start] == '.') {
		*n = start;
	} else if (len == 2 && buf[start] == '.' && buf[start + 1] == '.') {
		if (start == 1)
			return -1;
		for (*n = start - 1; buf[*n - 1] != '/'; (*n)--)
			;
	}
	return 0;
}

/* path begins with '/'. Segments are resolved as they are written, so escaped dots count as dots.
 */
static int normalise_path(struct str path, bool keep_slash, char *buf, struct str *out)
{
	size_t n = 1, start = 1, part = 1;

	buf[0] = '/';
	for (size_t i = 1; i < path.n; i++) {
		char c = path.p[i];

		if (c == '%') {
			int byte = escape_at(path, i);

			if (byte < 0 || put_escape((unsigned)byte, keep_slash, buf, &n) != 0)
				return -1;
			i += 2;
			if (byte == '/') {
				if (is_dots(buf + part, n - 3 - part))
					return -1;
				part = n;
			}
		} else if (c == '/') {
			if (end_segment(buf, start, part, &n) != 0)
				return -1;
			if (buf[n - 1] != '/')
				buf[n++] = '/';
			start = part = n;
		} else if (http_is(c, HTTP_C_PATH)) {
			buf[n++] = c;
		} else {
			return -1;
		}
	}
	if (end_segment(buf, start, part, &n) != 0)
		return -1;
	*out = str_mk(buf, n);
	return 0;
}

static bool query_valid(struct str q)
{
	for (size_t i = 0; i < q.n; i++)
		if (!http_is(q.p[i], HTTP_C_VCHAR) || q.p[i] == '#')
			return false;
	return true;
}

/* Drops scheme and authority: what remains begins with '/' or '?', or is empty. */
static int origin_form(struct str *t)
{
	struct str rest;
	size_t n = 0;

	if (t->n != 0 && t->p[0] == '/')
		return 0;
	if (str_starts_ci(*t, STR("http://")))
		rest = str_skip(*t, 7);
	else if (str_starts_ci(*t, STR("https://")))
		rest = str_skip(*t, 8);
	else
		return -1;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	if (!url_host_valid(str_mk(rest.p, n)))
		return -1;
	*t = str_skip(rest, n);
	return 0;
}

int url_target_normalise(struct str target, bool keep_slash, char *buf, struct url_target *out)
{
	const char *mark;

	*out = (struct url_target){ .query = STR("") };
	if (str_eq(target, STR("*"))) {
		out->path = str_mk("*", 1);
		out->asterisk = true;
		return 0;
	}
	if (origin_form(&target) != 0)
		return -1;
	mark = target.n != 0 ? memchr(target.p, '?', target.n) : NULL;
	if (mark != NULL) {
		out->query = str_skip(target, (size_t)(mark - target.p) + 1);
		target.n = (size_t)(mark - target.p);
		if (!query_valid(out->query))
			return -1;
	}
	return normalise_path(target, keep_slash, buf, &out->path);
}

bool url_query_next(struct str *rest, struct str *name, struct str *value)
{
	struct str part;
	size_t eq = 0;

	do {
		if (!str_split(rest, '&', &part))
			return false;
	} while (part.n == 0);
	while (eq < part.n && part.p[eq] != '=')
		eq++;
	*name = str_mk(part.p, eq);
	*value = eq < part.n ? str_skip(part, eq + 1) : str_skip(part, eq);
	return true;
}

struct str url_query_get(struct str query, struct str name)
{
	struct str n, v;

	while (url_query_next(&query, &n, &v))
		if (str_eq(n, name))
			return v;
	return STR_NONE;
}

int url_decode(struct str in, char *buf, size_t cap, struct str *out)
{
	size_t n = 0;

	if (cap < in.n)
		return -1;
	for (size_t i = 0; i < in.n; i++) {
		int c = (uint8_t)in.p[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			c = escape_at(in, i);
			i += 2;
		}
		if (c <= 0)
			return -1;
		buf[n++] = (char)c;
	}
	*out = str_mk(buf, n);
	return 0;
}

struct str url_query_without(struct str query, struct str name, char *buf)
{
	struct str n, v;
	size_t len = 0;

	while (url_query_next(&query, &n, &v)) {
		size_t part = (size_t)(v.p + v.n - n.p);

		if (str_eq(n, name))
			continue;
		if (len != 0)
			buf[len++] = '&';
		memcpy(buf + len, n.p, part);
		len += part;
	}
	return str_mk(buf, len);
}
