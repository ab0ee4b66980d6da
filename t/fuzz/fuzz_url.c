/*
 * fuzz_url.c: a normalised target is its own normal form, is never longer, and has no way up;
 * queries and escapes stay inside their buffers.
 */
#include <stdlib.h>

#include "proto/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *room(size_t n)
{
	char *p = malloc(n != 0 ? n : 1);

	tg_assert(p != NULL);
	return p;
}

static void check_target(struct str in, bool keep_slash)
{
	char *buf = room(in.n), *again;
	struct url_target t, u;

	if (url_target_normalise(in, keep_slash, buf, &t) == 0 && !t.asterisk) {
		tg_assert(t.path.n >= 1 && t.path.p[0] == '/');
		tg_assert(str_find(t.path, STR("/../")) == (size_t)-1);
		tg_assert(str_find(t.path, STR("/./")) == (size_t)-1);
		tg_assert(str_find(t.path, STR("//")) == (size_t)-1);
		tg_assert(!str_ends(t.path, STR("/..")) && !str_ends(t.path, STR("/.")));
		again = room(t.path.n);
		tg_assert(url_target_normalise(t.path, keep_slash, again, &u) == 0);
		tg_assert(str_eq(t.path, u.path) && u.query.n == 0);
		free(again);
	}
	free(buf);
}

static void check_query(struct str in)
{
	char *buf = room(in.n);
	struct str name, value, rest = in, without, out;
	size_t total = 0;

	while (url_query_next(&rest, &name, &value)) {
		total += name.n + value.n;
		without = url_query_without(in, name, buf);
		tg_assert(without.n <= in.n && url_query_get(without, name).p == NULL);
		tg_assert(url_query_get(in, name).p != NULL);
		if (in.n > 256)
			break; /* quadratic; long ones show nothing new */
	}
	tg_assert(total <= in.n);
	if (url_decode(in, buf, in.n, &out) == 0)
		tg_assert(out.n <= in.n && (out.n == 0 || memchr(out.p, '\0', out.n) == NULL));
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = room(size);
	struct str in = str_mk(copy, size);
	const char *err = NULL;
	struct url u;

	if (size != 0)
		memcpy(copy, data, size);
	check_target(in, false);
	check_target(in, true);
	check_query(in);
	(void)url_host_valid(in);
	if (url_parse(in, &u, &err) == 0)
		tg_assert(u.host.n > 0 && u.port != 0 && !str_ends(u.path, STR("/")));
	else
		tg_assert(err != NULL);
	free(copy);
	return 0;
}
