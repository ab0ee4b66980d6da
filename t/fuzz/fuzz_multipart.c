/*
 * fuzz_multipart.c: the first line is a Content-Type, the rest a form: whole, byte by byte and in
 * pieces it must give the same outcome, and the value reported is what lies at the offsets
 * reported.
 */
#include "proto/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum multipart_rc rc;
	bool found;
	uint64_t from, to;
};

static int run(struct str type, struct str body, size_t step, struct outcome *o)
{
	struct multipart m;
	size_t used;

	*o = (struct outcome){ .rc = MULTIPART_MORE };
	if (multipart_init(&m, type, STR("model")) != 0)
		return -1;
	for (size_t at = 0; at < body.n && o->rc != MULTIPART_BAD; at += step) {
		struct str in = str_mk(body.p + at, TG_MIN(step, body.n - at));

		do {
			o->rc = multipart_feed(&m, in, &used);
			tg_assert(used <= in.n);
			in = str_skip(in, used);
			if (o->rc == MULTIPART_FOUND) {
				tg_assert(!o->found && m.value_to <= body.n);
				tg_assert(str_eq(
					m.value, str_mk(body.p + m.value_from,
							 (size_t)(m.value_to - m.value_from))));
				*o = (struct outcome){ o->rc, true, m.value_from, m.value_to };
			}
		} while (o->rc == MULTIPART_FOUND);
		tg_assert(o->rc == MULTIPART_BAD ? m.err != NULL : in.n == 0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_mk((const char *)data, size), type;
	struct outcome whole, other;

	if (!str_split(&in, '\n', &type))
		return 0;
	if (run(type, in, in.n != 0 ? in.n : 1, &whole) != 0)
		return 0;
	for (size_t step = 1; step <= 7; step += 3) {
		tg_assert(run(type, in, step, &other) == 0);
		tg_assert(whole.rc == other.rc && whole.found == other.found &&
			  whole.from == other.from && whole.to == other.to);
	}
	return 0;
}
