/*
 * check_mod_translate.c: streams that are translated, whatever pieces they come in. Every golden
 * stream of t/unit/chat/pairs goes through the sinks as its provider frames it (events of text,
 * Gemini's with CRLF; Bedrock's messages, which mod_deframe takes apart), whole, cut in two at
 * every byte, and byte by byte: what comes out is the golden text. Includes the .c files: the sinks
 * are fed without a gateway around them.
 */
#include "modules/mod_deframe.c"   /* NOLINT */
#include "modules/mod_translate.c" /* NOLINT */

#include "unit/chat/pairs.h"

static glob_t found;

/* ---- what the provider sends */

struct bytes {
	char *p;
	size_t n;
};

/* {"contentBlockDelta":{..}} or {"exception":"throttlingException","detail":{..}} */
static void frame_message(FILE *f, struct arena *a, struct str line)
{
	const struct json_node *root = chat_unit_parse(a, arena_dup(a, line).p), *v = root->child;
	bool event = !str_eq(v->key, STR("exception"));
	struct str name = event ? v->key : json_jstr(v),
		   payload = (event ? v : json_get(root, STR("detail")))->raw;
	enum evs_type type = event ? EVS_EVENT : EVS_EXCEPTION;
	size_t n = evs_write(NULL, 0, type, name, STR("application/json"), payload);
	char *p = malloc(n);

	ck_assert_ptr_nonnull(p);
	evs_write(p, n, type, name, STR("application/json"), payload);
	fwrite(p, 1, n, f);
	free(p);
}

static void frame_event(FILE *f, struct str line, const char *end)
{
	if (line.p[0] == '!')
		fprintf(f, "event: %.*s%s", STR_FMT(str_skip(line, 1)), end);
	else
		fprintf(f, "data: %.*s%s%s", STR_FMT(line), end, end);
}

static struct bytes frame(const struct saying *s)
{
	bool binary = str_eq(s->from, STR("converse"));
	const char *end = str_eq(s->from, STR("gemini")) ? "\r\n" : "\n";
	struct bytes b = { .n = 0 };
	FILE *f = open_memstream(&b.p, &b.n);
	struct str rest = s->in, line;
	struct arena a;

	arena_init(&a, NULL, 0);
	ck_assert_ptr_nonnull(f);
	while (str_split(&rest, '\n', &line))
		if (binary)
			frame_message(f, &a, line);
		else
			frame_event(f, line, end);
	fclose(f);
	arena_fini(&a);
	return b;
}

/* ---- the sinks */

struct end { /* the sink behind */
	struct sink sink;
	char text[1 << 16];
	size_t n;
	bool fin;
};

static int end_write(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	struct end *e = TG_CONTAINER_OF(s, struct end, sink);

	ck_assert(!e->fin);
	for (int i = 0; i < n; i++) {
		ck_assert_uint_lt(e->n + iov[i].iov_len, sizeof e->text);
		memcpy(e->text + e->n, iov[i].iov_base, iov[i].iov_len);
		e->n += iov[i].iov_len;
	}
	e->fin |= fin;
	return 0;
}

static const struct sink_ops end_ops = { .name = "end", .write = end_write };

/* A request in work, as far as the sinks look at it. */
struct bench {
	struct worker w;
	struct conn conn;
	struct target target;
	struct route_target route;
	struct req r;
	struct translate t;
	struct end end;
	const struct saying *s;
	const struct pair_target *to;
};

static void bench_begin(struct bench *b, struct mod_translate *x, struct mod_deframe *d)
{
	struct translate *t = &b->t;

	memset(x, 0, sizeof *x);
	memset(d, 0, sizeof *d);
	memset(t, 0, sizeof *t);
	b->end.n = 0;
	b->end.fin = false;
	arena_init(&t->mem, &b->w.blocks, 0);
	arena_init(&t->kept, &b->w.blocks, 0);
	t->client = pair_codec(b->to->to);
	t->provider = pair_codec(b->s->from);
	t->request = (struct chat_request){ .stream = true, .stream_usage = true };
	t->cx = (struct chat_context){ .arena = &t->mem,
		.model = b->to->model,
		.id = STR("id_of_ours"),
		.created = 1700000000,
		.input_estimate = 11 };
	x->mode = MODE_EVENTS;
	x->sink = (struct sink){ &translate_sink, &b->end.sink, &b->r };
	d->sink = (struct sink){ &deframe_sink, &x->sink, &b->r };
	evs_init(&d->stream);
	ck_assert_int_eq(translate_open(x), 0);
}

static void bench_end(struct bench *b)
{
	arena_fini(&b->t.mem);
	arena_fini(&b->t.kept);
}

/* n bytes in pieces of `size`, the first of `first`. */
static void feed(struct bench *b, const char *p, size_t n, size_t first, size_t size)
{
	struct mod_translate x;
	struct mod_deframe d;
	struct sink *sink;
	bool binary = str_eq(b->s->from, STR("converse"));

	bench_begin(b, &x, &d);
	sink = binary ? &d.sink : &x.sink;
	for (size_t at = 0, take = first; at < n; at += take, take = TG_MIN(size, n - at)) {
		char *own = unit_copy(p + at, take);
		struct iovec iov = { own, take };

		ck_assert_int_eq(sink_write(sink, &iov, 1, false), 0);
		free(own);
	}
	ck_assert_int_eq(sink_write(sink, NULL, 0, true), 0);
	ck_assert(b->end.fin);
	ck_assert_msg(str_eq(str_mk(b->end.text, b->end.n), b->to->text),
		"%s to %.*s, pieces of %zu and %zu of %zu bytes:\n%.*s", b->s->path,
		STR_FMT(b->to->to), first, size, n, (int)b->end.n, b->end.text);
	bench_end(b);
}

static struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof *b);

	ck_assert_ptr_nonnull(b);
	log_threshold = LOG_L_ERROR; /* that an answer broke off */
	block_pool_init(&b->w.blocks, 64 << 20);
	b->end.sink.ops = &end_ops;
	b->target.name = STR("t");
	b->route.target = &b->target;
	b->r.w = &b->w;
	b->r.conn = &b->conn;
	b->r.route = &b->route;
	b->r.wire.translate = &b->t;
	return b;
}

static void bench_free(struct bench *b)
{
	ck_assert_uint_eq(b->w.blocks.out_bytes, 0);
	block_pool_fini(&b->w.blocks);
	free(b);
}

START_TEST(whatever_the_pieces)
{
	struct bench *b = bench_new();
	struct saying s;
	struct bytes in;

	pair_read(&s, found.gl_pathv[_i]);
	in = frame(&s);
	b->s = &s;
	for (unsigned i = 0; i < s.n; i++) {
		b->to = &s.target[i];
		feed(b, in.p, in.n, in.n, in.n);
		feed(b, in.p, in.n, 1, 1);
		for (size_t at = 1; at < in.n; at++)
			feed(b, in.p, in.n, at, in.n);
	}
	free(in.p);
	free(s.file);
	bench_free(b);
}
END_TEST

static void tests(TCase *tc)
{
	pairs_find(&found, "stream_");
	tcase_add_loop_test(tc, whatever_the_pieces, 0, (int)TG_MAX(found.gl_pathc, 1));
}

UNIT_MAIN("mod_translate", tests)
