/*
 * check_mod_ledger.c: a request's records in a real journal: HOLD before anything is sent, LEG
 * between two targets, one SETTLE or VOID whatever ends it. check_mod_ledger_room.c: what the
 * journal refuses, what waits for it, and PROGRESS.
 */
#include "unit/modules/ledger_fixture.h"

/* ---- one leg */

START_TEST(hold_and_settle)
{
	struct req *r = asking(POST, "fast");
	struct rec_id id = r->rec_id;
	const struct rec_hold *h;
	const struct rec_settle *s;

	r->stream = true;
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	ck_assert(r->hold.open);
	ck_assert_str_eq(types(), "hold");
	h = &seen[0].r.u.hold;
	ck_assert(rec_id_eq(h->id, id));
	ck_assert_int_eq(h->start.us, r->start_wall.us);
	UNIT_STR_EQ(h->who.org, STR("acme"));
	UNIT_STR_EQ(h->who.tenant, STR("me"));
	UNIT_STR_EQ(h->who.key, STR("k"));
	UNIT_STR_EQ(h->who.tags, STR("{\"team\":\"search\"}"));
	UNIT_STR_EQ(h->what.endpoint, STR("chat"));
	UNIT_STR_EQ(h->what.model, STR("fast"));
	UNIT_STR_EQ(h->what.target, STR("a"));
	UNIT_STR_EQ(h->what.target_model, STR("tiny"));
	UNIT_STR_EQ(h->what.region, STR("eu"));
	ck_assert(h->what.stream);
	ck_assert_uint_eq(h->bound.n[USAGE_IN], 100);
	ck_assert_uint_eq(h->bound.n[USAGE_OUT], 100);
	ck_assert_int_eq(h->money.list, 400);
	ck_assert_uint_eq(h->legs_over, 0);

	answered(r, 10, 5);
	r->model_served = STR("tiny-2026-01-31");
	r->service_tier = STR("default");
	r->leg.provider_request_id = STR("up-1");
	r->at.first_byte = 1234;
	req_finish(r, END_OK);
	ck_assert(!r->hold.open);
	ck_assert_str_eq(types(), "settle");
	s = &seen[0].r.u.settle;
	ck_assert(rec_id_eq(s->id, id));
	ck_assert_uint_eq(s->legs, 1);
	ck_assert_uint_eq(s->status, 200);
	ck_assert_uint_eq(s->end, END_OK);
	ck_assert_uint_eq(s->quality, QUALITY_EXACT);
	ck_assert_uint_eq(s->first_byte_us, 1234);
	ck_assert_uint_gt(s->done_us, 0);
	ck_assert_uint_eq(s->usage.n[USAGE_IN], 10);
	ck_assert_uint_eq(s->usage.n[USAGE_OUT], 5);
	ck_assert_int_eq(s->money.list, 25);
	ck_assert_int_eq(s->money.billed, 25);
	ck_assert_int_eq(s->bound, 400);
	UNIT_STR_EQ(s->model_served, STR("tiny-2026-01-31"));
	UNIT_STR_EQ(s->service_tier, STR("default"));
	UNIT_STR_EQ(s->provider_request_id, STR("up-1"));
	UNIT_STR_EQ(s->who.session, STR("s-1"));
	UNIT_STR_EQ(s->who.end_user, STR("u-1"));
	UNIT_STR_EQ(s->what.target, STR("a"));
	ck_assert_str_eq(types(), "");
}
END_TEST

/* Times that no counter holds. */
START_TEST(times)
{
	static const struct {
		int64_t us;
		uint32_t want;
	} rows[] = { { -1, 0 }, { 0, 0 }, { UINT32_MAX, UINT32_MAX },
		{ INT64_C(1) << 32, UINT32_MAX }, { INT64_MAX, UINT32_MAX } };

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		struct req *r = asking(POST, "fast");

		send_it(r);
		answered(r, 1, 1);
		r->at.first_byte = rows[i].us;
		req_finish(r, END_OK);
		ck_assert_str_eq(types(), "hold settle");
		ck_assert_uint_eq(seen[1].r.u.settle.first_byte_us, rows[i].want);
	}
}
END_TEST

static const struct {
	const char *what;
	bool sent, whole;
	int status;
	enum req_end end;
	bool voided;
	uint16_t client; /* what it was told */
	pico_usd list;
} ends[] = {
	{ "nothing was sent", false, false, 0, END_FAILED, true, 0, 0 },
	{ "the client left before that", false, false, 0, END_CLIENT_GONE, true, 499, 0 },
	{ "a head was cut", true, false, 0, END_FAILED, false, 0, 0 },
	{ "no status", true, true, 0, END_FAILED, false, 0, 0 },
	{ "refused", true, true, 429, END_OK, false, 0, 0 },
	{ "the client left", true, true, 0, END_CLIENT_GONE, false, 499, 400 },
	{ "the drain's end", true, true, 0, END_CUT_OFF, false, 499, 400 },
};

START_TEST(settle_or_void)
{
	for (size_t i = 0; i < TG_ARRAY_LEN(ends); i++) {
		struct req *r = asking(POST, "fast");
		struct rec_id id = r->rec_id;

		send_it(r);
		r->leg.sent = ends[i].sent;
		r->leg.sent_whole = ends[i].whole;
		r->leg.status = ends[i].status;
		if (ends[i].client == 0)
			req_finish(r, ends[i].end);
		else
			req_abort(r, ends[i].end);
		ck_assert_msg(strcmp(types(), ends[i].voided ? "hold void" : "hold settle") == 0,
			"%s: %s", ends[i].what, types());
		if (ends[i].voided) {
			ck_assert(rec_id_eq(seen[1].r.u.voided.id, id));
			ck_assert_uint_eq(seen[1].r.u.voided.end, ends[i].end);
			ck_assert_uint_eq(seen[1].r.u.voided.status, ends[i].client);
			UNIT_STR_EQ(seen[1].r.u.voided.who.tenant, STR("me"));
			UNIT_STR_EQ(seen[1].r.u.voided.what.target, STR("a"));
		} else {
			ck_assert_uint_eq(seen[1].r.u.settle.end, ends[i].end);
			ck_assert_uint_eq(seen[1].r.u.settle.status, ends[i].client);
			ck_assert_msg(seen[1].r.u.settle.money.list == ends[i].list, "%s: %lld",
				ends[i].what, (long long)seen[1].r.u.settle.money.list);
		}
	}
}
END_TEST

/* What never came to be sent leaves nothing. */
START_TEST(before_the_ledger)
{
	struct req *r = asking(POST, "fast");

	req_abort(r, END_CLIENT_GONE);
	ck_assert_str_eq(types(), "");
}
END_TEST

/* ---- another leg */

START_TEST(two_legs)
{
	struct req *r = asking(POST, "fast");
	const struct rec_leg *l;
	const struct rec_settle *s;

	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	send_it(r);
	reached(r, 0);
	reroute(r);
	ck_assert_uint_eq(n_sent, 2);
	ck_assert_int_eq(r->leg.no, 2);
	ck_assert_int_eq(r->spent.list, 14);
	ck_assert_str_eq(types(), "hold leg");
	l = &seen[1].r.u.leg;
	ck_assert(rec_id_eq(l->id, r->rec_id));
	ck_assert_uint_eq(l->no, 1);
	ck_assert_uint_eq(l->status, 0);
	ck_assert_uint_eq(l->quality, QUALITY_INDETERMINATE);
	ck_assert(l->sent);
	ck_assert_uint_eq(l->usage.n[USAGE_IN], 14);
	ck_assert_uint_eq(l->usage.n[USAGE_OUT], 0);
	ck_assert_int_eq(l->money.contracted, 14);
	UNIT_STR_EQ(l->what.target, STR("a"));
	UNIT_STR_EQ(l->what.target_model, STR("tiny"));
	UNIT_STR_EQ(l->next.target, STR("b"));
	UNIT_STR_EQ(l->next.target_model, STR("wide"));
	ck_assert_uint_eq(l->next.region.n, 0);
	UNIT_STR_EQ(l->who.tenant, STR("me"));
	ck_assert_int_eq(l->start.us, r->start_wall.us);
	ck_assert_uint_eq(l->next_bound.n[USAGE_OUT], 10);
	ck_assert_int_eq(l->next_money.list, 240);
	ck_assert_int_eq(l->next_money.contracted, 120);

	answered(r, 10, 5);
	req_finish(r, END_OK);
	ck_assert_str_eq(types(), "settle");
	s = &seen[0].r.u.settle;
	ck_assert_uint_eq(s->legs, 2);
	ck_assert_int_eq(s->money.list, 40); /* of the last leg alone */
	ck_assert_int_eq(s->money.contracted, 20);
	ck_assert_int_eq(s->bound, 120);
	UNIT_STR_EQ(s->what.target, STR("b"));
}
END_TEST

/* Two legs: VOID only when nothing of either had been sent. */
START_TEST(two_legs_in_vain)
{
	for (unsigned bits = 0; bits < 4; bits++) {
		struct req *r = asking(POST, "fast");

		send_it(r);
		if ((bits & 1) != 0)
			reached(r, 503);
		reroute(r);
		if ((bits & 2) != 0)
			reached(r, 503);
		req_finish(r, END_FAILED);
		ck_assert_str_eq(types(), bits == 0 ? "hold leg void" : "hold leg settle");
		ck_assert(seen[1].r.u.leg.sent == ((bits & 1) != 0));
		ck_assert_uint_eq(seen[1].r.u.leg.status, (bits & 1) != 0 ? 503 : 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mod_ledger");
	TCase *group = with(suite, "group", setup_group);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(group, hold_and_settle);
	tcase_add_test(group, times);
	tcase_add_test(group, settle_or_void);
	tcase_add_test(group, before_the_ledger);
	tcase_add_test(group, two_legs);
	tcase_add_test(group, two_legs_in_vain);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
