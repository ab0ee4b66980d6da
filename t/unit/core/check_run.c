/*
 * check_run.c: the step loop: modules in the order of their stages, a step that parks and is run
 * again, a resume from within, the one backward edge; and each module's own bytes of a request. The
 * steps are the test's.
 */
#include "unit/core/fake.h"

#include "core/run.c"

static struct fake f;

static void setup(void)
{
	fake_init(&f, "listen: 127.0.0.1:0\n"
		      "targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n"
		      "models: { m: { targets: a } }\n");
}

static void teardown(void)
{
	fake_fini(&f);
}

/* ---- the list of steps */

/* By stage, and within a stage as in modules.c; the core's own steps in their places. */
START_TEST(order)
{
	unsigned read = 0, send = 0, at = 0;

	for (unsigned i = 0; i < tg_n_steps; i++) {
		ck_assert(tg_steps[i].run != NULL);
		if (i > 0)
			ck_assert_int_ge((int)tg_steps[i].stage, (int)tg_steps[i - 1].stage);
		read += tg_steps[i].run == req_step_read;
		send += tg_steps[i].run == step_send;
		ck_assert_int_eq(tg_steps[i].run == req_step_read || tg_steps[i].run == step_send,
			tg_steps[i].module == NULL);
	}
	ck_assert_uint_eq(read, 1);
	ck_assert_uint_eq(send, 1);
	ck_assert_ptr_eq(tg_steps[tg_n_steps - 1].run, step_send);
	for (int s = 0; s < STAGE__MAX; s++) {
		if (s == STAGE_READ)
			at++;
		for (unsigned i = 0; tg_modules[i] != NULL; i++)
			if (tg_modules[i]->stage[s] != NULL)
				ck_assert_ptr_eq(tg_steps[at++].run, tg_modules[i]->stage[s]);
		if (s == STAGE_SEND)
			at++;
	}
	ck_assert_uint_eq(at, tg_n_steps);
	ck_assert_int_eq((int)tg_steps[step_route].stage, (int)STAGE_ROUTE);
	ck_assert_int_lt((int)tg_steps[step_route - 1].stage, (int)STAGE_ROUTE);
	/* Making it anew changes nothing. */
	modules_plan();
	ck_assert_uint_eq(at, tg_n_steps);
}
END_TEST

START_TEST(names)
{
	for (int s = 0; s < STAGE__MAX; s++)
		for (int k = 0; k < s; k++)
			ck_assert_str_ne(stage_name((enum stage)s), stage_name((enum stage)k));
	ck_assert_str_eq(stage_name(STAGE__MAX), "respond");
}
END_TEST

#define GET "GET / HTTP/1.1\r\nhost: gw\r\n\r\n"

/* Zeroed, aligned, and nobody else's. */
START_TEST(own_bytes)
{
	struct req *r = fake_req(&f, fake_conn(&f), GET);
	char *end = (char *)r + sizeof *r;

	for (unsigned i = 0; tg_modules[i] != NULL; i++) {
		char *p;

		if (tg_modules[i]->req_size == 0)
			continue;
		p = req_mod(r, tg_modules[i]);
		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		ck_assert(p >= end);
		for (size_t k = 0; k < tg_modules[i]->req_size; k++)
			ck_assert_int_eq(p[k], 0);
		memset(p, 0xff, tg_modules[i]->req_size); /* the next one's are still zero */
		end = p + tg_modules[i]->req_size;
	}
	ck_assert(end <= (char *)r + ((sizeof *r + 15) & ~(size_t)15) + tg_req_mod_bytes);
	for (unsigned i = 0; tg_modules[i] != NULL; i++)
		if (tg_modules[i]->req_size > 0)
			memset(req_mod(r, tg_modules[i]), 0, tg_modules[i]->req_size);
	fake_drop(&f);
}
END_TEST

/* ---- the loop */

static char trace[64];
static bool come; /* what the parked step waits for is there */

static void note(const struct req *r, char c)
{
	size_t n = strlen(trace);

	ck_assert_uint_lt(n, sizeof trace - 1);
	trace[n] = c;
	trace[n + 1] = '\0';
	ck_assert_ptr_eq(r->w->current, r); /* what a panic would print */
}

static enum step_rc a(struct req *r)
{
	note(r, 'a');
	return STEP_NEXT;
}

static enum step_rc b(struct req *r)
{
	note(r, 'b');
	return STEP_NEXT;
}

static enum step_rc waits(struct req *r)
{
	note(r, 'w');
	return come ? STEP_NEXT : STEP_WAIT;
}

/* What it asks for is there before it returns: its waiter is called from within. */
static enum step_rc resumes(struct req *r)
{
	note(r, 'r');
	if (come)
		return STEP_NEXT;
	come = true;
	req_resume(r);
	return STEP_WAIT;
}

/* Answers, as a refusal does. */
static enum step_rc replies(struct req *r)
{
	note(r, 'x');
	req_abort(r, END_CLIENT_GONE);
	return STEP_REPLY;
}

static struct req *with_steps(const char *names_)
{
	static const struct {
		char name;
		step_f *run;
	} all[] = { { 'a', a }, { 'b', b }, { 'w', waits }, { 'r', resumes }, { 'x', replies } };
	struct req *r;

	trace[0] = '\0';
	come = false;
	tg_n_steps = 0;
	for (const char *p = names_; *p != '\0'; p++)
		for (size_t i = 0; i < sizeof all / sizeof *all; i++)
			if (all[i].name == *p)
				step_add(all[i].run, NULL, STAGE_ADMIT);
	r = fake_req(&f, fake_conn(&f), GET);
	r->step = 0;
	return r;
}

static const struct {
	const char *steps;
	const char *first;  /* what runs at once */
	const char *second; /* and, with that, what after a resume */
	unsigned parked;    /* at which step in between */
} loops[] = {
	{ "ab", "ab", "ab", 2 },
	{ "awb", "aw", "awwb", 1 },
	{ "w", "w", "ww", 0 },
	{ "arb", "arrb", "arrb", 3 },
	{ "axb", "ax", "ax", 1 },
	{ "awxb", "aw", "awwx", 1 },
	{ "", "", "", 0 },
};

START_TEST(loop)
{
	struct req *r = with_steps(loops[_i].steps);

	req_run(r);
	ck_assert_str_eq(trace, loops[_i].first);
	ck_assert_uint_eq(r->step, loops[_i].parked);
	ck_assert(!r->running);
	ck_assert_ptr_null(f.w.current);
	come = true;
	req_resume(r);
	ck_assert_str_eq(trace, loops[_i].second);
	fake_drop(&f);
	modules_plan();
}
END_TEST

/* A step that parks for good is run once a resume, not in circles. */
START_TEST(parks_again)
{
	struct req *r = with_steps("aw");

	req_run(r);
	req_resume(r);
	req_resume(r);
	ck_assert_str_eq(trace, "awww");
	fake_drop(&f);
	modules_plan();
}
END_TEST

/* The dead are not run. */
START_TEST(settled)
{
	struct req *r = with_steps("aw");

	req_run(r);
	req_abort(r, END_CLIENT_GONE);
	req_resume(r);
	ck_assert_str_eq(trace, "aw");
	fake_drop(&f);
	modules_plan();
}
END_TEST

START_TEST(reroutes)
{
	struct req *r = with_steps("abw");

	step_route = 1;
	req_run(r);
	ck_assert_str_eq(trace, "abw");
	req_reroute(r);
	ck_assert_str_eq(trace, "abwbw");
	ck_assert_uint_eq(r->step, 2);
	fake_drop(&f);
	modules_plan();
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, order);
	tcase_add_test(tc, names);
	tcase_add_test(tc, own_bytes);
	tcase_add_loop_test(tc, loop, 0, sizeof loops / sizeof *loops);
	tcase_add_test(tc, parks_again);
	tcase_add_test(tc, settled);
	tcase_add_test(tc, reroutes);
}

UNIT_MAIN("run", tests)
