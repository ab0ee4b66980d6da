/*
 * cred_aws.c: see cred_aws.h. Runs on the threads of credentials: files and the container's
 * endpoint are read there, never on a worker's.
 */
#include "core/cred_aws.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/http_fetch.h"
#include "proto/json_scan.h"
#include "proto/url.h"

#define SECOND_US   INT64_C(1000000)
#define REFRESH_US  (60 * SECOND_US) /* of files, which somebody else writes anew */
#define ENDPOINT_US (5 * SECOND_US)
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

/* Without TLS a token goes to this machine and its link only, as AWS' own tools have it. */
static bool is_near(struct str host)
{
	static const struct str near[] = { STR("localhost"), STR("::1"), STR("169.254.170.2"),
		STR("169.254.170.23"), STR("fd00:ec2::23") };

	for (size_t i = 0; i < TG_ARRAY_LEN(near); i++)
		if (str_eq_ci(host, near[i]))
			return true;
	return str_starts(host, STR("127."));
}

static int ask_container(struct cred_got *g, struct http_fetch *f, const char *uri)
{
	char token_buf[4096], field[4200];
	struct str token;
	int rc = -1, n;

	if (container_token(g, token_buf, sizeof token_buf, &token) != 0)
		return -1;
	n = snprintf(field, sizeof field, "authorization: %.*s\r\n", (int)token.n,
		token.n > 0 ? token.p : "");
	f->url = str_z(uri);
	f->method = "GET";
	f->fields = token.n > 0 ? str_mk(field, (size_t)n) : STR_NONE;
	f->timeout_us = ENDPOINT_US;
	if (http_fetch(f) != 0)
		cred_fail(g, "the container's endpoint: %s", f->why);
	else if (f->status != 200)
		cred_fail(g, "the container's endpoint answers with status %u", f->status);
	else
		rc = cred_aws_read_json(g, f->text);
	explicit_bzero(field, sizeof field);
	explicit_bzero(token_buf, sizeof token_buf);
	return rc;
}

static int fetch_container(struct cred_got *g, struct str relative, struct str full)
{
	struct http_fetch *f;
	const char *why = NULL;
	struct url u;
	char uri[1024];
	int rc;

	snprintf(uri, sizeof uri, "%s%.*s", relative.n > 0 ? CONTAINER : "",
		(int)TG_MIN(relative.n > 0 ? relative.n : full.n, (size_t)900),
		relative.n > 0 ? relative.p : full.p);
	if (url_parse(str_z(uri), &u, &why) != 0)
		return cred_fail(g, "the container endpoint's address: %s", why);
	if (!u.tls && !is_near(u.host))
		return cred_fail(
			g, "the container's endpoint must be https://, or on this machine");
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return cred_fail(g, "no memory");
	rc = ask_container(g, f, uri);
	explicit_bzero(f, sizeof *f);
	free(f);
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
