/*
 * check_shadow.c: copies of requests: what is copied and what of it, how many at once, when one
 * does not begin; whoever it is of never sees more of it than a counter.
 */
#include "unit/core/fake.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/shadow.h"
#include "quota/table.h"

#define YAML(shadow)                                                                      \
	"listen: 127.0.0.1:0\nledger: { path: none }\n"                                   \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 },\n"             \
	"  b: { provider: openai, base_url: http://127.0.0.1:9 } }\n"                     \
	"models: { m: { targets: a, shadow: " shadow " }, next: { targets: b } }\n"       \
	"tenants:\n"                                                                      \
	"  me: { tags: { team: x }, keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] }\n"    \
	"  lab: { tags: { team: lab }, limits: { cost: 99 usd/day }, keys: [ { id: lab, " \
	"sha256: 0000000000000000000000000000000000000000000000000000000000000001 } ] }\n"

#define ALL "{ to: next, key: lab, share: 100%, max_body: 1k, in_flight: 2 }"

static struct fake f;

static struct quota_table *table;

static void teardown(void)
{
	fake_fini(&f);
	if (table != NULL)
		quota_table_free(table);
	table = NULL;
}

static uint64_t count(enum worker_counter c)
{
	return stat_get(&f.w.stats.c[c]);
}

static void not_new(void *arg, const struct quota_slot *s, struct quota_account *a)
{
	(void)arg;
	(void)s;
	(void)a;
}

/* The limits' accounts are there. */
static void open_accounts(void)
{
	const struct quota_time now = { clock_wall(), clock_mono() };
	char why[256] = "";

	table = quota_table_new(64);
	ck_assert_msg(plan_quota_open(f.conf, table, now, not_new, NULL, why, sizeof why) == 0,
		"%s", why);
}

/* A request as it is when it was held. */
static struct req *request(const char *head, const char *body)
{
	struct req *r = fake_req(&f, fake_conn(&f), head);

	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->model = plan_find_model(f.conf, STR("m"));
	memcpy(r->client_text, "192.0.2.7", 10);
	fake_body(r, body);
	return r;
}

#define CHAT                                                                                     \
	"POST /v1/chat/completions?a=1&key=" FAKE_KEY "&b=2 HTTP/1.1\r\nhost: gw\r\n"            \
	"authorization: Bearer " FAKE_KEY "\r\nX-App:one\r\nx-tollgate-tags: team=y\r\ncookie: " \
	"c\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n"
#define BODY "{\"model\":\"m\"}"

static struct conn *copy_at(unsigned i)
{
	struct list *n = f.w.again.next;

	while (i-- > 0)
		n = n->next;
	return list_entry(n, struct conn, again);
}

/* All that a provider would be told, and no credential; the plan's tags beside the key's. */
START_TEST(what_is_copied)
{
	static const char want[] = "POST /v1/chat/completions?a=1&b=2 HTTP/1.1\r\nhost: shadow\r\n"
				   "X-App: one\r\ncontent-type: application/json\r\n"
				   "content-length: 13\r\n\r\n" BODY;
	struct conn *c;
	struct req *r;

	fake_init(&f, YAML(ALL));
	r = request(CHAT, BODY);
	shadow_copies(r);
	ck_assert_uint_eq(count(WC_SHADOWS_IN_FLIGHT), 1);
	ck_assert(!list_empty(&f.w.again));
	c = copy_at(0);
	UNIT_STR_EQ(str_mk(c->in, c->in_len), str_z(want));
	UNIT_STR_EQ(str_mk(c->addr, c->addr_len), STR("192.0.2.7"));
	ck_assert_ptr_eq(c->shadow->key, r->key);
	ck_assert(rec_id_eq(c->shadow->of, r->rec_id));
	UNIT_STR_EQ(c->shadow->shadow->tags_json, STR("{\"team\":\"lab\",\"shadow_of\":\"m\"}"));
	fake_drop(&f);
}
END_TEST

/* A provider that takes connections and says nothing; its address in place of b's. */
static int listen_as_b(char *yaml, size_t cap)
{
	static const char all[] = YAML(ALL), at[] = "127.0.0.1:9 } }";
	const char *b = strstr(all, at);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	ck_assert_ptr_nonnull(b);
	snprintf(yaml, cap, "%.*s127.0.0.1:%u } }%s", (int)(b - all), all, ntohs(in.sin_port),
		b + sizeof at - 1);
	return fd;
}

/* It runs the pipeline by itself, is somebody else's, and fails by itself. */
START_TEST(it_runs)
{
	char yaml[1024];
	int fd = listen_as_b(yaml, sizeof yaml);
	struct conn *c;
	struct req *r;

	fake_init(&f, yaml);
	open_accounts();
	shadow_copies(request(CHAT, BODY));
	c = copy_at(0);
	list_del(&c->again);
	conn_run_again(c);
	r = c->req;
	ck_assert_ptr_nonnull(r);
	UNIT_STR_EQ(r->key->id, STR("lab"));
	UNIT_STR_EQ(r->tenant->name, STR("lab"));
	UNIT_STR_EQ(r->model->name, STR("next"));
	UNIT_STR_EQ(r->model_asked, STR("next"));
	UNIT_STR_EQ(r->tags_json, c->shadow->shadow->tags_json);
	ck_assert_uint_eq(r->leg.no, 1);
	ck_assert(r->leg.bound_money.billed > 0);
	/* none of its own, no other try, no other model */
	ck_assert(r->shadow != NULL && !req_may_retry(r) && !req_has_fallback(r));
	shadow_copies(r);
	ck_assert_uint_eq(count(WC_SHADOWS_IN_FLIGHT), 1);
	fake_drop(&f);
	ck_assert_uint_eq(count(WC_SHADOWS_SENT), 1);
	ck_assert_uint_eq(count(WC_SHADOWS_FAILED), 1);
	ck_assert_uint_eq(count(WC_SHADOWS_DROPPED), 0);
	ck_assert_uint_eq(count(WC_SHADOWS_IN_FLIGHT), 0);
	ck_assert_uint_eq(count(WC_CONNECTIONS), 0);
	close(fd);
}
END_TEST

/* Nobody can say what is left of its budget: it is not sent. */
START_TEST(it_is_refused)
{
	fake_init(&f, YAML(ALL));
	shadow_copies(request(CHAT, BODY));
	worker_turn_end(&f.w);
	ck_assert_uint_eq(count(WC_SHADOWS_REFUSED), 1);
	ck_assert_uint_eq(count(WC_SHADOWS_SENT) + count(WC_SHADOWS_DROPPED), 0);
	ck_assert_uint_eq(count(WC_SHADOWS_IN_FLIGHT), 0);
	fake_drop(&f);
}
END_TEST

START_TEST(not_too_many_and_not_too_long)
{
	static char body[1100];
	struct req *r;

	fake_init(&f, YAML(ALL));
	memset(body, ' ', sizeof body - 1);
	memcpy(body, "{}", 2);
	shadow_copies(request(CHAT, body));
	ck_assert_uint_eq(count(WC_SHADOWS_DROPPED), 1);
	body[1024] = '\0';
	r = request(CHAT, body);
	for (unsigned i = 0; i < 4; i++)
		shadow_copies(r);
	ck_assert_uint_eq(count(WC_SHADOWS_DROPPED), 3);
	ck_assert_uint_eq(count(WC_SHADOWS_IN_FLIGHT), 2);
	ck_assert_uint_eq(r->model->shadow->in_flight, 2);
	fake_drop(&f);
	ck_assert_uint_eq(count(WC_SHADOWS_IN_FLIGHT), 0);
}
END_TEST

/* A worker that ends, or is on another configuration: what the copy leads to is gone or old. */
START_TEST(one_that_does_not_begin)
{
	struct conf_ref other = { .conf = NULL }, *own;
	struct shadow_job job = { .conf = NULL };

	fake_init(&f, YAML(ALL));
	job.conf = own = f.w.conf;
	ck_assert(shadow_may_begin(&f.w, &job));
	f.w.conf = &other;
	ck_assert(!shadow_may_begin(&f.w, &job));
	f.w.conf = own;
	shadow_copies(request(CHAT, BODY));
	f.w.draining = true;
	f.w.drain_deadline_us = INT64_MAX;
	worker_turn_end(&f.w);
	ck_assert_uint_eq(count(WC_SHADOWS_DROPPED), 1);
	ck_assert_uint_eq(count(WC_SHADOWS_IN_FLIGHT), 0);
	shadow_copies(request(CHAT, BODY)); /* nor is one made then */
	ck_assert_uint_eq(count(WC_SHADOWS_DROPPED), 2);
}
END_TEST

static const struct {
	const char *head;
	bool forced, form;
} rows[] = {
	{ "POST /v1/messages/count_tokens HTTP/1.1\r\nhost: gw\r\ncontent-length: 13\r\n\r\n",
		false, false }, /* costs nothing, and says nothing */
	{ "POST /v1/batches HTTP/1.1\r\nhost: gw\r\ncontent-length: 13\r\n\r\n", false, false },
	{ CHAT, true, false },
	{ CHAT, false, true },
};

START_TEST(what_is_not_copied)
{
	struct req *r;

	fake_init(&f, YAML(ALL));
	r = request(rows[_i].head, BODY);
	r->forced = rows[_i].forced ? &f.conf->targets[0] : NULL;
	if (rows[_i].form)
		r->body_kind = BODY_KIND_FORM;
	shadow_copies(r);
	ck_assert_uint_eq(count(WC_SHADOWS_IN_FLIGHT), 0);
	ck_assert_uint_eq(count(WC_SHADOWS_DROPPED), 0);
	fake_drop(&f);
}
END_TEST

/* So many of them, within five standard deviations; and several shadows of one model. */
START_TEST(share)
{
	struct req *r;
	uint64_t n;

	fake_init(&f, YAML("[ { to: next, key: lab, share: 10%, in_flight: 10000 }, { to: next, "
			   "key: lab, share: 0.01%, in_flight: 1 } ]"));
	r = request(CHAT, BODY);
	ck_assert_uint_eq(r->model->n_shadows, 2);
	for (unsigned i = 0; i < 4000; i++)
		shadow_copies(r);
	n = r->model->shadow[0].in_flight;
	ck_assert_uint_gt(n, 400 - 95);
	ck_assert_uint_lt(n, 400 + 95);
	ck_assert_uint_le(r->model->shadow[1].in_flight, 1);
	fake_drop(&f);
}
END_TEST

START_TEST(a_key_that_may_not)
{
	struct conf_error err = { { 0 } };

	fake_init(&f, YAML(ALL));
	ck_assert_ptr_null(fake_plan(f.resolver,
		"listen: 127.0.0.1:0\n"
		"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
		"models: { m: { targets: a, shadow: { to: next, key: lab, share: 1% } }, next: { "
		"targets: a } }\n"
		"tenants: { lab: { limits: { cost: 1 usd/day }, keys: [ { id: lab, models: [ m ], "
		"sha256: " FAKE_KEY_SHA " } ] } }\n",
		1, &err));
	ck_assert_ptr_nonnull(strstr(
		err.text, ":3:36: key 'lab' pays for the shadow and may not use model 'next'"));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, what_is_copied);
	tcase_add_test(tc, it_runs);
	tcase_add_test(tc, it_is_refused);
	tcase_add_test(tc, not_too_many_and_not_too_long);
	tcase_add_test(tc, one_that_does_not_begin);
	tcase_add_loop_test(tc, what_is_not_copied, 0, sizeof rows / sizeof *rows);
	tcase_add_test(tc, share);
	tcase_add_test(tc, a_key_that_may_not);
}

UNIT_MAIN("shadow", tests)
