/*
 * redis_info.c: see redis_info.h.
 */
#include "redis/redis_info.h"

#include "base/num.h"

/* It goes into logs: what does not belong there is left out. */
static void copy(char *out, size_t cap, struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n + 1 < cap; i++)
		if (s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '"')
			out[n++] = s.p[i];
	out[n] = '\0';
}

/* "7.0.15" is 7000; what is no version is 0. */
static unsigned version_of(struct str text)
{
	struct str major, minor;
	uint64_t a, b;

	if (!str_split(&text, '.', &major) || !str_split(&text, '.', &minor) ||
		num_parse_u64(major, &a) != 0 || num_parse_u64(minor, &b) != 0 || a > 1000000)
		return 0;
	return REDIS_VERSION((unsigned)a, (unsigned)TG_MIN(b, 999u));
}

static bool is_run_id_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_run_id(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_run_id_char(s.p[i]))
			return false;
	return s.n > 0 && s.n < REDIS_RUN_ID_MAX;
}

static void take(struct redis_info *out, struct str name, struct str value)
{
	struct redis_server *s = &out->server;
	uint64_t n;

	if (str_eq(name, STR("run_id")) && is_run_id(value)) {
		copy(s->run_id, sizeof s->run_id, value);
	} else if (str_eq(name, STR("redis_version"))) {
		copy(s->version_text, sizeof s->version_text, value);
		s->version = version_of(value);
	} else if (str_eq(name, STR("role"))) {
		s->is_primary = str_eq(value, STR("master"));
	} else if (str_eq(name, STR("loading"))) {
		out->loading = !str_eq(value, STR("0"));
	} else if (str_eq(name, STR("maxmemory_policy"))) {
		copy(s->policy, sizeof s->policy, value);
		s->may_evict = !str_eq(value, STR("noeviction"));
	} else if (str_eq(name, STR("maxmemory")) && num_parse_u64(value, &n) == 0) {
		s->maxmemory = n;
	}
}

int redis_info_parse(struct str text, struct redis_info *out, const char **why)
{
	struct str line;

	memset(out, 0, sizeof *out);
	while (str_split(&text, '\n', &line)) {
		size_t colon = str_chr(line, ':');

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (colon == (size_t)-1 || colon >= line.n)
			continue;
		take(out, str_mk(line.p, colon), str_skip(line, colon + 1));
	}
	*why = "INFO has no run_id";
	if (out->server.run_id[0] == '\0')
		return -1;
	*why = "INFO has no redis_version";
	return out->server.version != 0 ? 0 : -1;
}
