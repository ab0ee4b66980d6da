/*
 * check_sim_ledger.c: request fields become knobs, and a request becomes a line that says what it
 * would have been charged.
 */
#include <stdio.h>

#include "proto/http1_head.h"
#include "sim/sim_ledger.h"
#include "sim/sim_req.h"
#include "sim/sim_serve.h"
#include "sim/sim_store.h"

#include "unit/unit.h"

#define LINE "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"

struct made { /* a worker's parts, without its loop and threads */
	struct sim_conf conf;
	struct sim_worker *w;
};

static void make(struct made *m)
{
	*m = (struct made){ .conf = { .seed = 1, .no_record = true } };
	ck_assert_int_eq(sim_ledger_open(&m->conf.ledger, NULL), 0);
	m->conf.store = sim_store_new();
	m->w = calloc(1, sizeof *m->w);
	ck_assert_ptr_nonnull(m->w);
	m->w->conf = &m->conf;
}

static void unmake(struct made *m)
{
	for (unsigned i = 0; i < m->w->n_spare; i++)
		sim_buf_fini(&m->w->spare[i]);
	free(m->w);
	sim_ledger_close(m->conf.ledger);
	sim_store_free(m->conf.store);
}

static struct sim_req *begin(struct made *m, const char *fields)
{
	enum http_error err = HTTP_E_NONE;
	char head[1024];
	int n = snprintf(head, sizeof head, LINE "%s\r\n", fields);
	struct sim_req *r = sim_req_begin(m->w, str_mk(head, (size_t)n), &err);

	ck_assert_ptr_nonnull(r);
	return r;
}

/* The last line of the ledger, as JSON text in b. */
static struct str last_line(struct made *m, struct sim_buf *b)
{
	size_t at;
	struct str s;

	b->n = 0;
	sim_ledger_totals(m->conf.ledger, 1, b);
	s = sim_buf_str(b);
	at = str_find(s, STR("\"entries\":["));
	ck_assert(at != (size_t)-1);
	s = str_skip(s, at + strlen("\"entries\":["));
	s.n -= strlen("]}\n");
	return s;
}

static void expect(struct str line, const char *name, const char *raw)
{
	struct json_watch w = { str_z(name), { 0 } };
	struct json_fail fail;

	ck_assert_int_eq(json_scan_object(line, &w, 1, &fail), 0);
	ck_assert_msg(
		str_eq(w.val.raw, str_z(raw)), "%s is %.*s, not %s", name, STR_FMT(w.val.raw), raw);
}

struct member {
	const char *name, *raw;
};

/* One chat request with these fields, answered whole; then the members its line has. */
static const struct {
	const char *fields, *body;
	struct member want[12];
} lines[] = {
	{ "x-sim-tag: t-1\r\n", "{\"model\":\"m\",\"messages\":[]}",
		{ { "tag", "\"t-1\"" }, { "status", "200" }, { "served", "true" },
			{ "output", "32" }, { "model_served", "\"m\"" },
			{ "service_tier", "\"default\"" }, { "cost", "null" },
			{ "cost_ticks", "null" }, { "usage_delivered", "true" } } },
	{ "x-sim-tag: a\"b\r\nx-sim-model: m-2026\r\nx-sim-service-tier: priority\r\n",
		"{\"model\":\"m\",\"messages\":[],\"service_tier\":\"flex\"}",
		{ { "tag", "\"a\\\"b\"" }, { "model", "\"m\"" }, { "model_served", "\"m-2026\"" },
			{ "service_tier", "\"priority\"" } } },
	{ "", "{\"model\":\"m\",\"messages\":[],\"service_tier\":\"flex\"}",
		{ { "tag", "\"\"" }, { "service_tier", "\"flex\"" } } },
	{ "", "{\"model\":\"m\",\"messages\":[],\"service_tier\":\"auto\"}",
		{ { "service_tier", "\"default\"" } } },
	{ "x-sim-cost: 1.25e-05\r\nx-sim-cost-ticks: 0\r\n", "{\"model\":\"m\",\"messages\":[]}",
		{ { "cost", "\"1.25e-05\"" }, { "cost_ticks", "0" } } },
	{ "x-sim-fault: wrong-usage\r\nx-sim-output-tokens: 5\r\n",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"12345678\"}]}",
		{ { "input", "2" }, { "output", "5" }, { "reported_input", "11" },
			{ "reported_output", "26" }, { "fault", "\"wrong-usage\"" } } },
	{ "x-sim-fault: 500\r\nx-sim-cost: 1\r\n", "{\"model\":\"m\",\"messages\":[]}",
		{ { "status", "500" }, { "served", "true" }, { "input", "0" }, { "output", "0" },
			{ "cost", "null" }, { "usage_delivered", "false" } } },
	/* a fault that is for another account */
	{ "authorization: Bearer sk-secret-one\r\nx-sim-fault: 500\r\nx-sim-fault-key: two\r\n",
		"{\"model\":\"m\",\"messages\":[]}",
		{ { "status", "200" }, { "fault", "\"\"" }, { "key", "\"cret-one\"" } } },
	{ "authorization: Bearer sk-secret-two\r\nx-sim-fault: 500\r\nx-sim-fault-key: two\r\n",
		"{\"model\":\"m\",\"messages\":[]}",
		{ { "status", "500" }, { "fault", "\"500\"" } } },
	{ "x-sim-cost: 0x1\r\n", "{\"model\":\"m\",\"messages\":[]}", { { "status", "400" } } },
	{ "x-sim-cost: 1,2\r\n", "{\"model\":\"m\",\"messages\":[]}", { { "status", "400" } } },
	{ "x-sim-cost: \"1\"\r\n", "{\"model\":\"m\",\"messages\":[]}", { { "status", "400" } } },
	{ "x-sim-nothing: 1\r\n", "{\"model\":\"m\",\"messages\":[]}", { { "status", "200" } } },
};

START_TEST(a_request_is_a_line)
{
	struct sim_buf out = { 0 }, page = { 0 };
	struct made m;

	make(&m);
	for (size_t i = 0; i < TG_ARRAY_LEN(lines); i++) {
		struct sim_req *r = begin(&m, lines[i].fields);
		struct sim_outcome o = { .completed = true };

		sim_req_body(r, str_z(lines[i].body));
		out.n = 0;
		sim_req_serve(r, &out);
		o.usage_delivered = r->shows_usage;
		o.sent = out.n;
		sim_req_end(r, &o);
		for (const struct member *w = lines[i].want; w->name != NULL; w++)
			expect(last_line(&m, &page), w->name, w->raw);
		expect(last_line(&m, &page), "path", "\"/v1/chat/completions\"");
	}
	sim_buf_fini(&out);
	sim_buf_fini(&page);
	unmake(&m);
}
END_TEST

START_TEST(what_ends_before_an_answer_is_a_line)
{
	struct sim_outcome o = { .cancelled = true };
	struct sim_buf page = { 0 };
	struct made m;
	struct sim_req *r;

	make(&m);
	r = begin(&m, "x-sim-tag: gone\r\ncontent-length: 100\r\n");
	sim_req_body(r, STR("{\"model\":"));
	sim_req_end(r, &o);
	expect(last_line(&m, &page), "tag", "\"gone\"");
	expect(last_line(&m, &page), "status", "0");
	expect(last_line(&m, &page), "served", "false");
	expect(last_line(&m, &page), "cancelled", "true");
	expect(last_line(&m, &page), "received", "9");
	expect(last_line(&m, &page), "billed_input", "0");
	sim_buf_fini(&page);
	unmake(&m);
}
END_TEST

START_TEST(the_answer_says_what_the_line_says)
{
	static const struct {
		const char *path, *fields, *body, *has;
	} rows[] = {
		{ "/v1/chat/completions", "x-sim-cost: 0.00123",
			"{\"model\":\"m\",\"messages\":[]}", ",\"cost\":0.00123," },
		{ "/v1/responses", "x-sim-cost-ticks: 37756000", "{\"model\":\"m\",\"input\":\"\"}",
			",\"cost_in_usd_ticks\":37756000}" },
		{ "/v1/responses", "x-sim-model: other", "{\"model\":\"m\",\"input\":\"\"}",
			"\"model\":\"other\"" },
		{ "/v1/responses", "x-sim-service-tier: flex", "{\"model\":\"m\",\"input\":\"\"}",
			"\"service_tier\":\"flex\"" },
		{ "/v1/responses", "x-sim-web-searches: 1", "{\"model\":\"m\",\"input\":\"\"}",
			"\"type\":\"web_search_call\",\"status\":\"completed\"" },
		{ "/v1/messages", "x-sim-web-searches: 3",
			"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}",
			"\"server_tool_use\":{\"web_search_requests\":3" },
		{ "/v1/messages", "x-sim-service-tier: priority",
			"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}",
			"\"service_tier\":\"priority\"" },
		{ "/v1/messages", "x-a: b",
			"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[],\"service_tier\":"
			"\"auto\"}",
			"\"service_tier\":\"standard\"" },
		{ "/v1/embeddings", "x-sim-cost: 1e-7", "{\"model\":\"m\",\"input\":\"a\"}",
			",\"cost\":1e-7," },
		{ "/v1/images/generations", "x-sim-cost: 0.04",
			"{\"model\":\"m\",\"prompt\":\"a\"}", ",\"cost\":0.04," },
	};
	struct sim_buf out = { 0 };
	struct made m;

	make(&m);
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		enum http_error err = HTTP_E_NONE;
		struct sim_outcome o = { .completed = true };
		char head[512];
		int n = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nhost: x\r\n%s\r\n\r\n",
			rows[i].path, rows[i].fields);
		struct sim_req *r = sim_req_begin(m.w, str_mk(head, (size_t)n), &err);

		ck_assert_ptr_nonnull(r);
		sim_req_body(r, str_z(rows[i].body));
		out.n = 0;
		sim_req_serve(r, &out);
		ck_assert_msg(str_find(sim_buf_str(&out), str_z(rows[i].has)) != (size_t)-1,
			"row %zu: %.*s", i, STR_FMT(sim_buf_str(&out)));
		sim_req_end(r, &o);
	}
	sim_buf_fini(&out);
	unmake(&m);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, a_request_is_a_line);
	tcase_add_test(tc, what_ends_before_an_answer_is_a_line);
	tcase_add_test(tc, the_answer_says_what_the_line_says);
}

UNIT_MAIN("sim_ledger", tests)
