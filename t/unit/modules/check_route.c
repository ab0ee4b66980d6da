/*
 * check_route.c: which target is asked: by weight, healthy ones first, each once, only those that
 * speak the path's dialect, and no other than a forced one; forms are renamed for it.
 */
#include "unit/core/fake.h"

#include "core/attempt.h"
#include "core/spots.h"
#include "core/upload.h"

#include "mod_route.c"

static struct fake f;

static const char yaml[] =
	"listen: 127.0.0.1:0\n"
	"targets:\n"
	"  a: { provider: openai, base_url: http://127.0.0.1:9, weight: 1 }\n"
	"  b: { provider: openai, base_url: http://127.0.0.1:9, weight: 3 }\n"
	"  c: { provider: openai, base_url: http://127.0.0.1:9, weight: 6 }\n"
	"  x: { provider: anthropic, base_url: http://127.0.0.1:9, weight: 1000 }\n"
	"  s: { provider: openai, base_url: http://127.0.0.1:9, weight: 0 }\n"
	"  t: { provider: openai, base_url: http://127.0.0.1:9, weight: 0 }\n"
	"models:\n"
	"  m: { targets: [ a, x, b, c ] }\n"
	"  heavy: { targets: [ { target: a, weight: 1000 }, { target: c, weight: 1 } ] }\n"
	"  names: { targets: [ { target: a, model: one }, { target: b, model: second-name } ] }\n"
	"  spares: { targets: [ s, a, t, b ] }\n"
	"  only-spares: { targets: [ t, s ] }\n"
	"  only-x: { targets: x }\n"
	"tenants: { me: { keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n";

static void setup(void)
{
	fake_init(&f, yaml);
}

static void teardown(void)
{
	fake_fini(&f);
}

static struct req *request(const char *path, const char *model)
{
	char head[512];
	struct req *r;

	snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n",
		path);
	r = fake_req(&f, fake_conn(&f), head);
	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->model = model != NULL ? plan_find_model(f.conf, str_z(model)) : NULL;
	return r;
}

static unsigned at(const struct req *r)
{
	return r->route->target->index;
}

static struct target *target(const char *name)
{
	return map_get(&f.conf->target_by_name, str_z(name));
}

/* Every model's circuit at t opens. */
static void take_down(struct target *t)
{
	for (unsigned i = 0; i < f.conf->n_models; i++)
		for (unsigned k = 0; k < f.conf->models[i].n_routes; k++)
			if (f.conf->models[i].route[k].target == t)
				(void)circuit_failure(&f.conf->models[i].route[k].spot->circuit,
					worker_now(&f.w), 2, true, 0);
}

#define DRAWS 60000

/* Counts per target of many first choices. */
static void draw(struct req *r, unsigned count[4])
{
	memset(count, 0, 4 * sizeof *count);
	f.w.rng = 12345; /* the same draws in every run */
	for (unsigned i = 0; i < DRAWS; i++) {
		r->tried = 0;
		ck_assert_int_eq(route(r), STEP_NEXT);
		ck_assert_uint_eq((unsigned)__builtin_popcountll(r->tried), 1);
		count[at(r)]++;
	}
}

/*
 * want: expected shares in 1/10000. Five standard deviations of a binomial with these draws are at
 * most 5 * sqrt(0.25 / 60000) = 1.03 %.
 */
static void shares(const unsigned count[4], const unsigned want[4])
{
	for (unsigned i = 0; i < 4; i++) {
		double got = 10000.0 * count[i] / DRAWS;

		ck_assert_msg(got > want[i] - 103.0 && got < want[i] + 103.0,
			"target %u: %.0f of 10000, not %u", i, got, want[i]);
		ck_assert_msg((count[i] == 0) == (want[i] == 0), "target %u: %u", i, count[i]);
	}
}

START_TEST(weights)
{
	struct req *r = request("/v1/completions", "m");
	unsigned count[4];

	draw(r, count);
	shares(count, (unsigned[]){ 1000, 3000, 6000, 0 });
	/* The model's own weights come before the targets'. */
	r->model = plan_find_model(f.conf, STR("heavy"));
	draw(r, count);
	shares(count, (unsigned[]){ 9990, 0, 10, 0 });
	/* One that is down leaves its share to the others in proportion. */
	r->model = plan_find_model(f.conf, STR("m"));
	take_down(target("c"));
	draw(r, count);
	shares(count, (unsigned[]){ 2500, 7500, 0, 0 });
	take_down(target("b"));
	draw(r, count);
	shares(count, (unsigned[]){ 10000, 0, 0, 0 });
	/* All down: asked all the same, by weight. */
	take_down(target("a"));
	draw(r, count);
	shares(count, (unsigned[]){ 1000, 3000, 6000, 0 });
	fake_drop(&f);
}
END_TEST

/* A spare is asked when no other is up, the first of several; when all are down as the last. */
START_TEST(spares)
{
	static const char *const order[] = { "s", "t" };
	struct req *r = request("/v1/completions", "spares");

	for (int down = 0; down < 2; down++) {
		for (unsigned i = 0; i < 1000; i++) {
			r->tried = 0;
			ck_assert_int_eq(route(r), STEP_NEXT);
			ck_assert(r->route->weight > 0);
		}
		take_down(target(down == 0 ? "a" : "b"));
	}
	/* both others down: the spares in order, then those */
	r->tried = 0;
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(route(r), STEP_NEXT);
		if (i < 2)
			UNIT_STR_EQ(r->route->target->name, str_z(order[i]));
		else
			ck_assert(r->route->weight > 0);
	}
	/* everything down: as if everything were up */
	take_down(target("s"));
	take_down(target("t"));
	for (unsigned i = 0; i < 1000; i++) {
		r->tried = 0;
		ck_assert_int_eq(route(r), STEP_NEXT);
		ck_assert(r->route->weight > 0);
	}
	r->model = plan_find_model(f.conf, STR("only-spares"));
	r->tried = 0;
	ck_assert_int_eq(route(r), STEP_NEXT);
	UNIT_STR_EQ(r->route->target->name, STR("t")); /* the model's order, not the targets' */
	fake_drop(&f);
}
END_TEST

/* Every usable target is tried once, healthy ones first; then it is over. */
START_TEST(each_once)
{
	take_down(target("c"));
	for (unsigned round = 0; round < 200; round++) {
		struct req *r = request("/v1/completions", "m");
		unsigned seen = 0;

		for (unsigned i = 0; i < 3; i++) {
			ck_assert_int_eq(route(r), STEP_NEXT);
			ck_assert_uint_eq(seen >> at(r) & 1, 0);
			seen |= 1u << at(r);
			if (i == 2)
				ck_assert_uint_eq(at(r), 2);
		}
		ck_assert_uint_eq(seen, 7);
		ck_assert_int_eq(route(r), STEP_REPLY);
		fake_read(&f);
		ck_assert_int_eq(fake_status(&f), 400);
		fake_drop(&f);
	}
}
END_TEST

START_TEST(dialects)
{
	struct req *r = request("/v1/messages", "m");

	ck_assert_int_eq(route(r), STEP_NEXT);
	UNIT_STR_EQ(r->route->target->name, STR("x"));
	fake_drop(&f);
	r = request("/v1/completions", "only-x"); /* no text in turns: not translated */
	ck_assert_int_eq(route(r), STEP_REPLY);
	fake_read(&f);
	ck_assert_msg(strstr(f.got, "unsupported_dialect") != NULL, "%s", f.got);
	fake_drop(&f);
}
END_TEST

START_TEST(forced)
{
	struct req *r = request("/v1/completions", "m");
	unsigned count[4];

	r->forced = target("a");
	draw(r, count);
	ck_assert_uint_eq(count[0], DRAWS);
	/* Also when it is down; and when it was asked there is no other. */
	take_down(target("a"));
	r->tried = 0;
	ck_assert_int_eq(route(r), STEP_NEXT);
	ck_assert_uint_eq(at(r), 0);
	ck_assert_int_eq(route(r), STEP_REPLY);
	fake_drop(&f);
	/* Not one of the model's */
	r = request("/v1/completions", "names");
	r->forced = target("c");
	ck_assert_int_eq(route(r), STEP_REPLY);
	fake_drop(&f);
	/* Without a model */
	r = request("/v1/files", NULL);
	r->forced = target("c");
	ck_assert_int_eq(route(r), STEP_NEXT);
	ck_assert_uint_eq(at(r), 2);
	ck_assert_uint_eq(r->route->model.n, 0);
	fake_drop(&f);
}
END_TEST

START_TEST(without_model)
{
	struct req *r = request("/v1/files", NULL);

	ck_assert_int_eq(route(r), STEP_NEXT);
	UNIT_STR_EQ(r->route->target->name, STR("a"));
	fake_drop(&f);
	r = request("/v1/messages", NULL);
	ck_assert_int_eq(route(r), STEP_NEXT);
	UNIT_STR_EQ(r->route->target->name, STR("x"));
	fake_drop(&f);
}
END_TEST

static const char form[] =
	"--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nnames\r\n"
	"--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nbytes\r\n--b--\r\n";

static void check_form(const struct upload *u, const char *model)
{
	char want[512], got[1024];
	struct iovec iov[8];
	size_t n = 0;
	int k = bufq_iov(&u->q, iov, 8);

	for (int i = 0; i < k; i++) {
		memcpy(got + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	snprintf(want, sizeof want, "%.*s%s%s", (int)(strstr(form, "names") - form), form, model,
		strstr(form, "names") + 5);
	UNIT_STR_EQ(str_mk(got, n), str_z(want));
	ck_assert_uint_eq(u->length, strlen(want));
}

/* A form whose first target failed before a byte was sent goes to the second under the second's
 * name. */
START_TEST(form_failover)
{
	char head[256];
	struct req *r;
	unsigned first;

	snprintf(head, sizeof head,
		"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: gw\r\ncontent-length: %zu\r\n"
		"content-type: multipart/form-data; boundary=b\r\n\r\n",
		sizeof form - 1);
	for (unsigned round = 0; round < 20; round++) {
		r = fake_req(&f, fake_conn(&f), head);
		r->body_kind = BODY_KIND_FORM;
		ck_assert_int_eq(upload_init(r), 0);
		ck_assert_int_eq(upload_take(r->upload, str_mk(form, sizeof form - 1)), 0);
		ck_assert_int_eq(upload_end(r->upload), 0);
		UNIT_STR_EQ(r->upload->model, STR("names"));
		r->model = plan_find_model(f.conf, r->upload->model);
		ck_assert_int_eq(route(r), STEP_NEXT);
		first = at(r);
		check_form(r->upload, first == 0 ? "one" : "second-name");
		ck_assert_int_eq(route(r), STEP_NEXT);
		ck_assert_uint_ne(at(r), first);
		check_form(r->upload, first == 0 ? "second-name" : "one");
		fake_drop(&f);
	}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, weights);
	tcase_add_test(tc, spares);
	tcase_add_test(tc, each_once);
	tcase_add_test(tc, dialects);
	tcase_add_test(tc, forced);
	tcase_add_test(tc, without_model);
	tcase_add_test(tc, form_failover);
}

UNIT_MAIN("route", tests)
