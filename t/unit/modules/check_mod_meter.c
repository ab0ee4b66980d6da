/*
 * check_mod_meter.c: the sink that meters: the client gets the provider's bytes whatever pieces
 * they came in, less the usage chunk it did not ask for; usage and cost are there when the last
 * byte is handed on, exactly once; and an answer that broke off, or that nobody can read, is not
 * free.
 */
#include "core/ratio.h"
#include "unit/core/fake.h"

#include "mod_meter.c"

static struct fake f;

static void setup(void)
{
	fake_init(&f, "listen: 127.0.0.1:0\n"
		      "targets:\n"
		      "  a: { provider: openai, base_url: http://127.0.0.1:9 }\n"
		      "  b: { provider: anthropic, base_url: http://127.0.0.1:9 }\n"
		      "models:\n"
		      "  fast: { targets: [ { target: a, model: gpt-4o-mini } ] }\n"
		      "  odd: { targets: [ { target: a, model: no-such-model } ] }\n"
		      "  claude: { targets: [ { target: b, model: claude-sonnet-4-5 } ] }\n"
		      "tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n");
}

static void teardown(void)
{
	fake_fini(&f);
}

/* Behind the meter: what the client gets, and what was known when its last byte came. */
static struct {
	struct sink sink;
	char got[1 << 16];
	size_t n;
	int fins, aborts, fail_at, writes;
	struct leg leg;
} end;

static int end_write(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	ck_assert_int_eq(end.fins, 0);
	if (++end.writes == end.fail_at)
		return -1;
	for (int i = 0; i < n; i++) {
		memcpy(end.got + end.n, iov[i].iov_base, iov[i].iov_len);
		end.n += iov[i].iov_len;
	}
	if (fin) {
		end.fins++;
		end.leg = s->req->leg;
	}
	return 0;
}

static void end_abort(struct sink *s)
{
	(void)s;
	end.aborts++;
}

static const struct sink_ops end_ops = { .name = "end", .write = end_write, .abort = end_abort };

/* A request whose answer has begun: up to and with the meter's part of respond_begin. */
static struct req *answering(const char *method, const char *path, const char *model, int status,
	bool sse, bool added_usage)
{
	char head[256];
	struct req *r;

	snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nhost: gw\r\n\r\n", method, path);
	r = fake_req(&f, fake_conn(&f), head);
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->model_asked = str_z(model);
	r->model = plan_find_model(f.conf, r->model_asked);
	r->path_route.target = &f.conf->targets[0];
	r->route = r->model != NULL ? &r->model->route[0] : &r->path_route;
	r->path_route.ratio = ratio_of_none();
	r->n_attempts = 1;
	r->status = status;
	r->bound.input_bytes = 4000;
	leg_begin(r);
	r->leg.sent = r->leg.sent_whole = true;
	r->leg.status = status;
	r->added_usage = added_usage;
	r->respond = arena_zalloc(&r->arena, sizeof *r->respond);
	r->respond->req = r;
	r->respond->sse = sse;
	r->respond->from_sse = sse;
	memset(&end, 0, sizeof end);
	sink_push(r, &end.sink, &end_ops);
	ck_assert_int_eq(meter_response_head(r), 0);
	return r;
}

/* The answer is over: nothing of it is left for the engine. */
static void over(struct req *r)
{
	r->sinks = NULL;
	r->respond = NULL;
	fake_drop(&f);
}

static void put(struct req *r, const char *bytes, size_t n, bool fin)
{
	struct iovec iov = { (char *)(uintptr_t)bytes, n };

	r->leg.complete = fin;
	ck_assert_int_eq(sink_write(r->sinks, &iov, n > 0 ? 1 : 0, fin), 0);
}

/* ---- which answers are metered */

static const struct {
	const char *method, *path, *model;
	int status;
	bool metered, read; /* billed; and its usage is looked for */
} answers[] = {
	{ "POST", "/v1/chat/completions", "fast", 200, true, true },
	{ "POST", "/v1/responses", "fast", 200, true, true },
	{ "POST", "/v1/completions", "fast", 200, true, true },
	{ "POST", "/v1/embeddings", "fast", 200, true, true },
	{ "POST", "/v1/images/generations", "fast", 200, true, true },
	{ "POST", "/v1/audio/speech", "fast", 200, true, true },
	{ "POST", "/v1/messages", "claude", 200, true, true },
	/* an error costs nothing */
	{ "POST", "/v1/chat/completions", "fast", 400, false, false },
	{ "POST", "/v1/chat/completions", "fast", 429, false, false },
	{ "POST", "/v1/chat/completions", "fast", 500, false, false },
	{ "POST", "/v1/chat/completions", "fast", 302, false, false },
	/* nor does looking */
	{ "POST", "/v1/messages/count_tokens", "claude", 200, false, false },
	{ "POST", "/v1/responses/input_tokens", "fast", 200, false, false },
	{ "GET", "/v1/files", "", 200, false, false },
	{ "POST", "/v1/files", "", 200, false, false },
	{ "GET", "/v1/responses/resp_1", "", 200, false, false },
	{ "GET", "/v1/batches", "", 200, false, false },
	/* billed, and not read: unpriced, not unseen */
	{ "POST", "/v1/batches", "", 200, true, false },
	{ "POST", "/v1/videos", "", 200, true, false },
	{ "POST", "/v1/batches", "", 400, false, false },
};

START_TEST(which)
{
	struct req *r = answering(answers[_i].method, answers[_i].path, answers[_i].model,
		answers[_i].status, false, false);

	ck_assert_int_eq(r->metered, answers[_i].metered);
	ck_assert_int_eq(r->sinks != &end.sink, answers[_i].read);
	put(r, "{}", 2, true);
	ck_assert_int_eq(end.fins, 1);
	if (answers[_i].read) {
		ck_assert(end.leg.charged);
		ck_assert_msg(end.leg.quality != QUALITY_EXACT, "nothing was said about usage");
		ck_assert_msg(end.leg.money.billed > 0 || r->ep.ep->meter == METER_OPENAI_IMAGES,
			"an answer that says nothing is not free");
	}
	over(r);
}
END_TEST

/* ---- what passes, and what is known */

#define CHAT                                                                                    \
	"{\"id\":\"x\",\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"message\":{"        \
	"\"content\":\"usage\"}}],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":500," \
	"\"total_tokens\":1500}}"
#define EVENT(text)                                                                     \
	"data: {\"model\":\"gpt-4o-mini\",\"choices\":[{\"delta\":{\"content\":\"" text \
	"\"}}],\"usage\":null}\n\n"
#define USAGE                                                        \
	"data: {\"model\":\"gpt-4o-mini\",\"choices\":[],\"usage\":" \
	"{\"prompt_tokens\":1000,\"completion_tokens\":500,\"total_tokens\":1500}}\n\n"
#define DONE "data: [DONE]\n\n"
#define MESSAGE                                                                          \
	"{\"type\":\"message\",\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[]," \
	"\"usage\":{\"input_tokens\":1000,\"output_tokens\":500}}"

static const struct {
	const char *path, *model, *in, *out; /* out NULL: as it came in */
	bool sse, added;
	bool known;   /* usage of 1000 and 500 was found */
	int64_t pico; /* -1: the cost is not exact */
} passing[] = {
	{ "/v1/chat/completions", "fast", CHAT, NULL, false, false, true, 450000000 },
	{ "/v1/chat/completions", "fast", EVENT("a") EVENT("b") USAGE DONE, NULL, true, false, true,
		450000000 },
	{ "/v1/chat/completions", "fast", EVENT("a") EVENT("b") USAGE DONE,
		EVENT("a") EVENT("b") DONE, true, true, true, 450000000 },
	/* the end marker is missing, or the blank line behind it */
	{ "/v1/chat/completions", "fast", EVENT("a") USAGE, EVENT("a"), true, true, true,
		450000000 },
	{ "/v1/chat/completions", "fast", EVENT("a") USAGE "data: [DONE]\n",
		EVENT("a") "data: [DONE]\n", true, true, true, 450000000 },
	/* what might have been the usage chunk, and is cut: it passes */
	{ "/v1/chat/completions", "fast", EVENT("a") "data: {\"choices\":[],\"mod", NULL, true,
		true, false, -1 },
	/* said by the provider, asked for in vain */
	{ "/v1/chat/completions", "fast", EVENT("a") DONE, NULL, true, true, false, -1 },
	{ "/v1/chat/completions", "fast", "{\"choices\":[]}", NULL, false, false, false, -1 },
	{ "/v1/chat/completions", "fast", "not JSON", NULL, false, false, false, -1 },
	{ "/v1/chat/completions", "fast", "", NULL, false, false, false, -1 },
	/* a model that nobody has a price for: by its own name */
	{ "/v1/chat/completions", "odd",
		"{\"model\":\"no-such-model\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,"
		"\"completion_tokens\":500}}",
		NULL, false, false, true, -1 },
	/* it does not say which it is: the one that was asked for */
	{ "/v1/chat/completions", "fast",
		"{\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":500}}",
		NULL, false, false, true, 450000000 },
	{ "/v1/messages", "claude", MESSAGE, NULL, false, false, true, 10500000000 },
};

static void check_passed(struct req *r, int i, size_t cut)
{
	const char *want = passing[i].out != NULL ? passing[i].out : passing[i].in;

	ck_assert_msg(str_eq(str_mk(end.got, end.n), str_z(want)), "cut at %zu: %.*s", cut,
		(int)end.n, end.got);
	ck_assert_int_eq(end.fins, 1);
	/* Known when the last byte goes out: it may be told in what follows. */
	ck_assert(end.leg.charged);
	ck_assert_int_eq(end.leg.usage.source == USAGE_PROVIDER, passing[i].known);
	ck_assert_int_eq(end.leg.quality == QUALITY_EXACT, passing[i].known);
	if (passing[i].known) {
		ck_assert_uint_eq(end.leg.usage.n[USAGE_IN], 1000);
		ck_assert_uint_eq(end.leg.usage.n[USAGE_OUT], 500);
	}
	if (passing[i].pico >= 0)
		ck_assert_int_eq(end.leg.money.contracted, passing[i].pico);
	else
		ck_assert_int_gt(end.leg.money.contracted, 0); /* never nothing */
	ck_assert_int_eq((end.leg.money.flags & MONEY_UNPRICED) != 0,
		passing[i].known && passing[i].pico < 0);
	ck_assert(r->metered);
}

static void run_passing(const char *a, size_t an, const char *b, size_t bn, void *arg)
{
	const int i = *(int *)arg;
	struct req *r = answering(
		"POST", passing[i].path, passing[i].model, 200, passing[i].sse, passing[i].added);

	put(r, a, an, false);
	put(r, b, bn, true);
	check_passed(r, i, an);
	over(r);
}

START_TEST(passes)
{
	unit_split(passing[_i].in, strlen(passing[_i].in), run_passing, &_i);
}
END_TEST

/* The usual way of a short answer: all in one piece, or its end by itself. */
START_TEST(passes_at_once)
{
	for (int apart = 0; apart < 2; apart++) {
		struct req *r = answering("POST", passing[_i].path, passing[_i].model, 200,
			passing[_i].sse, passing[_i].added);

		put(r, passing[_i].in, strlen(passing[_i].in), !apart);
		if (apart)
			put(r, "", 0, true);
		check_passed(r, _i, 0);
		over(r);
	}
}
END_TEST

/* As many spans in one write as an event sink behind it may hand on, a byte each. */
START_TEST(many_spans)
{
	const char *in = passing[_i].in;
	size_t n = strlen(in), at = 0;
	struct req *r = answering("POST", passing[_i].path, passing[_i].model, 200, passing[_i].sse,
		passing[_i].added);

	do {
		struct iovec iov[32];
		int k = 0;

		while (k < 32 && at < n)
			iov[k++] = (struct iovec){ (char *)(uintptr_t)in + at++, 1 };
		ck_assert_int_eq(sink_write(r->sinks, iov, k, at == n), 0);
	} while (at < n);
	check_passed(r, _i, 1);
	over(r);
}
END_TEST

/* ---- ends that are none */

static const struct {
	const char *in;
	bool sse;
	bool known; /* the usage had come */
} broken[] = {
	{ EVENT("a") EVENT("b") USAGE, true, true },
	{ EVENT("a") EVENT("b"), true, false },
	{ "", true, false },
	{ "{\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":500},\"choi", false, true },
	{ "{\"choices\":[],\"usage\":{\"prompt_tok", false, false },
};

START_TEST(broken_off)
{
	struct req *r = answering(
		"POST", "/v1/chat/completions", "fast", 200, broken[_i].sse, broken[_i].sse);

	put(r, broken[_i].in, strlen(broken[_i].in), false);
	sink_abort_all(r);
	ck_assert_int_eq(end.aborts, 1);
	ck_assert_int_eq(end.fins, 0);
	leg_charge(r, SETTLE_BY_PROVIDER);
	ck_assert_int_eq(r->leg.quality, broken[_i].known ? QUALITY_EXACT : QUALITY_PARTIAL);
	if (broken[_i].known)
		ck_assert_uint_eq(r->leg.usage.n[USAGE_IN], 1000);
	ck_assert_int_gt(r->leg.money.contracted, 0);
	ck_assert(r->metered);
	over(r);
}
END_TEST

/* The client goes at whichever write: it is told back, and not tried again. */
START_TEST(client_gone)
{
	for (int at = 1; at <= 3; at++) {
		struct req *r = answering("POST", "/v1/chat/completions", "fast", 200, true, false);
		int rc = 0;

		end.fail_at = at;
		for (int i = 0; i < 3 && rc == 0; i++) {
			struct iovec iov = { (char *)(uintptr_t)EVENT("a"), strlen(EVENT("a")) };

			rc = sink_write(r->sinks, &iov, 1, i == 2);
		}
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(end.writes, at);
		over(r);
	}
}
END_TEST

START_TEST(short_of_memory)
{
	struct req *r = answering("GET", "/v1/files", "", 200, false, false);

	/* The next answer's meter finds no room: it is refused, not passed unmetered. */
	endpoint_match(STR("/v1/chat/completions"), arena_alloc(&r->arena, 64), &r->ep);
	r->head.method = HTTP_M_POST;
	f.w.blocks.max_out_bytes = f.w.blocks.out_bytes;
	while (arena_alloc(&r->arena, 512) != NULL)
		;
	ck_assert_int_eq(meter_response_head(r), -1);
	ck_assert(!r->metered);
	f.w.blocks.max_out_bytes = 0;
	over(r);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, which, 0, sizeof answers / sizeof *answers);
	tcase_add_loop_test(tc, passes, 0, sizeof passing / sizeof *passing);
	tcase_add_loop_test(tc, passes_at_once, 0, sizeof passing / sizeof *passing);
	tcase_add_loop_test(tc, many_spans, 0, sizeof passing / sizeof *passing);
	tcase_add_loop_test(tc, broken_off, 0, sizeof broken / sizeof *broken);
	tcase_add_test(tc, client_gone);
	tcase_add_test(tc, short_of_memory);
}

UNIT_MAIN("mod_meter", tests)
