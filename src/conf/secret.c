/*
 * secret.c: ${env:NAME} and ${file:/path} in secret directives. What they stand for is never part
 * of an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/load.h"

#define SECRET_MAX_BYTES 65536

bool conf_secret_referenced(struct str text)
{
	return str_find(text, STR("${env:")) != (size_t)-1 ||
	       str_find(text, STR("${file:")) != (size_t)-1;
}

static int read_env(
	struct conf_load *l, struct str name, const struct conf_pos *pos, struct str *out)
{
	struct str z = arena_dup(l->arena, name);
	const char *value;

	if (z.p == NULL)
		return conf_fail(l, pos, "out of memory");
	value = z.n > 0 ? getenv(z.p) : NULL;
	if (value == NULL)
		return conf_fail(l, pos, "the environment variable `%.*s` is not set",
			STR_FMT(conf_clip(name)));
	if (value[0] == '\0')
		return conf_fail(l, pos, "the environment variable `%.*s` is empty",
			STR_FMT(conf_clip(name)));
	*out = arena_dup(l->arena, str_z(value));
	return out->p != NULL ? 0 : conf_fail(l, pos, "out of memory");
}

/* All of a regular file, at most SECRET_MAX_BYTES; -1 with errno. */
static int slurp(const char *path, char *buf, size_t *len)
{
	struct stat st;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*len = 0;
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		errno = EINVAL;
		got = -1;
	}
	while (got >= 0 && *len < SECRET_MAX_BYTES) {
		got = read(fd, buf + *len, SECRET_MAX_BYTES - *len);
		if (got <= 0)
			break;
		*len += (size_t)got;
	}
	close(fd);
	return got < 0 ? -1 : 0;
}

static int read_secret_file(
	struct conf_load *l, struct str path, const struct conf_pos *pos, struct str *out)
{
	struct str z = arena_dup(l->arena, path);
	char *buf;
	size_t n;

	if (path.n == 0 || path.p[0] != '/')
		return conf_fail(l, pos,
			"`${file:%.*s}` must name an absolute path, such as ${file:/run/key}",
			STR_FMT(conf_clip(path)));
	buf = conf_zalloc(l, SECRET_MAX_BYTES);
	if (buf == NULL || z.p == NULL)
		return conf_fail(l, pos, "out of memory");
	if (slurp(z.p, buf, &n) != 0)
		return conf_fail(l, pos, "the secret file %.*s cannot be read: %s",
			STR_FMT(conf_clip(path)),
			errno == EINVAL ? "it is not a regular file" : strerror(errno));
	if (n == SECRET_MAX_BYTES)
		return conf_fail(l, pos, "the secret file %.*s is larger than 64 KB",
			STR_FMT(conf_clip(path)));
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	if (n == 0)
		return conf_fail(l, pos, "the secret file %.*s is empty", STR_FMT(conf_clip(path)));
	*out = str_mk(buf, n);
	return 0;
}

/* What a shell would take for the name of a variable, in the usual capitals. */
static bool is_variable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '_' ||
			    (i > 0 && s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
	return s.n > 0;
}

/* The reference at the front of *text ("${...}"), taken off. */
static int expand_one(struct conf_load *l, const struct conf_directive *d, struct str *text,
	const struct conf_pos *pos, struct str *out)
{
	size_t end = str_chr(*text, '}');
	struct str ref;

	if (end == (size_t)-1)
		return conf_fail(l, pos, "`%s` has a `${` without its `}`", d->name);
	ref = str_mk(text->p + 2, end - 2);
	*text = str_skip(*text, end + 1);
	if (str_starts(ref, STR("env:")))
		return read_env(l, str_skip(ref, 4), pos, out);
	if (str_starts(ref, STR("file:")))
		return read_secret_file(l, str_skip(ref, 5), pos, out);
	if (is_variable(ref))
		return conf_fail(l, pos,
			"`%s` has a `${` that is neither ${env:NAME} nor ${file:/path}; did you "
			"mean `${env:%.*s}`?",
			d->name, STR_FMT(conf_clip(ref)));
	return conf_fail(
		l, pos, "`%s` has a `${` that is neither ${env:NAME} nor ${file:/path}", d->name);
}

int conf_secret_expand(struct conf_load *l, const struct conf_directive *d, struct str text,
	const struct conf_pos *pos, struct str *out)
{
	struct str part, all = text;
	size_t at;

	/* sent as it stands it would be a wrong key, and nobody would see why */
	if (str_starts(text, STR("$")) && is_variable(str_skip(text, 1)))
		return conf_fail(l, pos,
			"`%s` is the text `%.*s`; the value of a variable is `${env:%.*s}` (a "
			"secret that does look like this comes from `${file:/path}`)",
			d->name, STR_FMT(conf_clip(text)), STR_FMT(conf_clip(str_skip(text, 1))));
	if (str_find(text, STR("${")) == (size_t)-1) {
		*out = text;
		return 0;
	}
	all.n = 0;
	while (text.n > 0) {
		at = str_find(text, STR("${"));
		part = str_mk(text.p, at == (size_t)-1 ? text.n : at);
		text = str_skip(text, part.n);
		if (part.n == 0 && expand_one(l, d, &text, pos, &part) != 0)
			return -1;
		all = arena_printf(l->arena, "%.*s%.*s", STR_FMT(all), STR_FMT(part));
		if (all.p == NULL)
			return conf_fail(l, pos, "out of memory");
	}
	*out = all;
	return 0;
}
