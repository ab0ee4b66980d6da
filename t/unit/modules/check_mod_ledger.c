/*
 * check_mod_ledger.c: a request's records in a real journal: HOLD before anything is sent, LEG
 * between two targets, one SETTLE or VOID whatever ends it; nothing is sent that the journal does
 * not take; strict: nothing before the disk has it. The ledger thread's rounds are taken by hand.
 */
#include "core/ratio.h"
#include "unit/core/fake.h"
#include "unit/ledger/folder.h"

#include "mod_ledger.c"

static struct fake f;
static struct journal *journal;

/* ---- the pipeline, from the ledger's step on: what would be sent is counted */

static unsigned ledger_step, n_sent;
static mono_us mono; /* the ledger thread's */

static enum step_rc sent(struct req *r)
{
	(void)r;
	n_sent++;
	return STEP_WAIT;
}

static void setup(void)
{
	fake_init(&f,
		"listen: 127.0.0.1:0\n"
		"targets:\n"
		"  a: { provider: openai, base_url: http://127.0.0.1:9, region: eu }\n"
		"  b: { provider: openai, base_url: http://127.0.0.1:9, discount: 50% }\n"
		"models:\n"
		"  fast: { targets: [ { target: a, model: tiny }, { target: b, model: wide } ] }\n"
		"  mixed: { targets: [ { target: a, model: tiny }, { target: b, model: none } ] }\n"
		"  odd: { targets: [ { target: a, model: no-such-model } ] }\n"
		"orgs: { acme: {} }\n"
		"tenants: { me: { org: acme, keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ] } }\n"
		"price_overrides:\n"
		"  - { provider: openai, model: tiny, max_output: 100,\n"
		"      per_mtok: { input: 0.000001, output: 0.000003 } }\n"
		"  - { provider: openai, model: wide, max_output: 10,\n"
		"      per_mtok: { input: 0.000002, output: 0.000004 } }\n");
	for (ledger_step = 0; tg_steps[ledger_step].module != &mod_ledger; ledger_step++)
		ck_assert_uint_lt(ledger_step + 1, tg_n_steps);
	tg_steps[ledger_step + 1].run = sent;
	n_sent = 0;
	mono = clock_mono();
	folder_setup();
}

static void open_journal(enum journal_durability d)
{
	struct journal_options opt = folder_options(1);

	opt.durability = d;
	journal = folder_open(&opt);
	f.w.journal = journal_writer_at(journal, 0);
}

static void setup_group(void)
{
	setup();
	open_journal(JOURNAL_GROUP);
}

static void setup_strict(void)
{
	setup();
	open_journal(JOURNAL_STRICT);
}

/* ---- what the journal tells: copies of the records */

static struct seen {
	union {
		char bytes[4096];
		uint64_t align;
	};
	struct rec r;
} seen[64];
static unsigned n_seen;

static void see(void *arg, const struct rec *r, struct journal_position at)
{
	struct seen *s = &seen[n_seen];
	size_t n;

	(void)arg;
	(void)at;
	if (r->type == REC_OPEN || r->type == REC_CLOSE || r->type == REC_CHECKPOINT)
		return;
	ck_assert_uint_lt(n_seen, TG_ARRAY_LEN(seen));
	ck_assert_uint_le(rec_size(r), sizeof s->bytes);
	n = rec_encode(s->bytes, r);
	ck_assert_int_eq(rec_decode(str_mk(s->bytes, n), &s->r, &n), REC_READ_OK);
	n_seen++;
}

static void tick(void)
{
	mono.us += 20000;
	worker_turn_end(&f.w);
	(void)journal_tick(journal, FOLDER_NOW, mono, see, NULL);
}

/* All that was written since the last time: "hold settle". */
static const char *types(void)
{
	static char text[256];
	size_t at = 0;

	n_seen = 0;
	tick();
	text[0] = '\0';
	for (unsigned i = 0; i < n_seen; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? " " : "",
			rec_type_name(seen[i].r.type));
	return text;
}

static void teardown(void)
{
	fake_drop(&f);
	f.w.journal = NULL;
	if (journal != NULL)
		journal_close(journal, FOLDER_NOW);
	journal = NULL;
	fake_fini(&f);
	folder_teardown();
}

/* ---- requests */

#define POST "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\n\r\n"

/* Routed to the first target; the ledger has not seen it. */
static struct req *asking(const char *head, const char *model)
{
	struct req *r = fake_req(&f, fake_conn(&f), head);

	r->key = plan_find_key(f.conf, STR(FAKE_KEY));
	r->tenant = r->key->tenant;
	r->tags_json = STR("{\"team\":\"search\"}");
	r->session = STR("s-1");
	r->end_user = STR("u-1");
	r->model_asked = str_z(model);
	r->model = plan_find_model(f.conf, r->model_asked);
	r->path_route =
		(struct route_target){ .target = &f.conf->targets[0], .ratio = ratio_of_none() };
	r->route = r->model != NULL ? &r->model->route[0] : &r->path_route;
	r->bound.n = 1;
	r->bound.input_bytes = 36; /* 100 tokens */
	r->dialect = DIALECT_OPENAI;
	return r;
}

/* The steps from the ledger's on. */
static void send_it(struct req *r)
{
	r->step = ledger_step;
	req_run(r);
}

/* Its bytes are with the provider, who has said this (0: nothing). */
static void reached(struct req *r, int status)
{
	r->leg.sent = r->leg.sent_whole = true;
	r->leg.status = status;
}

/* The other target. */
static void reroute(struct req *r)
{
	r->route = &r->model->route[1];
	send_it(r);
}

/* What reads the answer. */
static struct usage figures;
static enum usage_source source;

static enum usage_source told_source(const struct req *r)
{
	(void)r;
	return source;
}

static bool told_whole(const struct req *r)
{
	(void)r;
	return true;
}

static void told_usage(struct req *r, bool estimate, struct usage *out)
{
	(void)r;
	(void)estimate;
	*out = figures;
}

static bool told_counted(const struct usage *u)
{
	(void)u;
	return false;
}

static const struct req_meter told_meter = { told_source, told_whole, told_usage, told_counted };

/* A whole answer with figures. */
static void answered(struct req *r, uint64_t in, uint64_t out)
{
	reached(r, 200);
	r->leg.complete = true;
	r->meter = &told_meter;
	source = USAGE_PROVIDER;
	figures = (struct usage){ .n = { [USAGE_IN] = in, [USAGE_OUT] = out },
		.source = USAGE_PROVIDER };
	r->status = 200;
}

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

/* ---- the journal has no room */

enum { FILL = 4000 };
static struct journal_hold fill[FILL];

/* Holds of others until there is no room for one more, nor for the smallest record. */
static unsigned fill_up(void)
{
	struct rec_progress rec = sample_progress(0);
	unsigned n = 0;
	uint64_t at;

	for (;; n++) {
		struct rec_hold hold = sample_hold(n);

		ck_assert_uint_lt(n, FILL);
		if (journal_hold(f.w.journal, &fill[n], &hold, FOLDER_NOW) != 0)
			break;
	}
	do {
		at = fill[0].progress;
		journal_progress(f.w.journal, &fill[0], &rec, FOLDER_NOW);
	} while (fill[0].progress != at);
	return n;
}

static void empty(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rec_void rec = sample_void(i);

		journal_void(f.w.journal, &fill[i], &rec, FOLDER_NOW);
	}
}

/* Consumes what there is, and makes room. */
static void drop_record(void *arg, const struct rec *r, struct journal_position at)
{
	(void)arg;
	(void)r;
	(void)at;
}

static void make_room(void)
{
	for (int i = 0; i < 3; i++) {
		mono.us += 1000000;
		worker_turn_end(&f.w);
		(void)journal_tick(journal, FOLDER_NOW, mono, drop_record, NULL);
	}
}

START_TEST(a_hold_is_refused)
{
	unsigned n = fill_up();
	struct req *r = asking(POST, "fast");

	send_it(r);
	ck_assert_uint_eq(n_sent, 0);
	ck_assert(!r->hold.open);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert_ptr_nonnull(strstr(f.got, "ledger_unavailable"));
	ck_assert_ptr_nonnull(fake_field(&f, "retry-after"));
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_LEDGER_REFUSED]), 1);
	fake_drop(&f);
	empty(n);
	make_room();
	/* and the same process goes on */
	r = asking(POST, "fast");
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	req_finish(r, END_FAILED);
	ck_assert_str_eq(types(), "hold void");
}
END_TEST

/* The second target is not asked; what the first one cost is charged, once. */
START_TEST(a_leg_is_refused)
{
	struct req *r = asking(POST, "fast");
	struct folder_sum sum;
	unsigned n;

	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	send_it(r);
	reached(r, 0);
	ck_assert_str_eq(types(), "hold");
	n = fill_up();
	reroute(r);
	ck_assert_uint_eq(n_sent, 1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 503);
	ck_assert_int_eq(r->leg.no, 1);
	ck_assert_int_eq(r->leg.money.list, 14);
	ck_assert_int_eq(r->spent.list, 0);
	ck_assert_uint_eq(stat_get(&f.w.stats.c[WC_LEDGER_REFUSED]), 1);
	fake_drop(&f);
	empty(n);
	make_room();
	f.w.journal = NULL;
	journal_close(journal, FOLDER_NOW);
	journal = NULL;
	sum = folder_read();
	ck_assert_uint_eq(sum.unknown, 2); /* a HOLD and a SETTLE: ours */
	folder_sum_free(&sum);
}
END_TEST

START_TEST(no_price)
{
	struct req *r = asking(POST, "odd");

	f.conf->cfg.unpriced.action = UNPRICED_REJECT;
	send_it(r);
	ck_assert_uint_eq(n_sent, 0);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 400);
	ck_assert_ptr_nonnull(strstr(f.got, "'no-such-model' at target 'a'"));
	ck_assert_str_eq(types(), "");

	/* nor at the second target: what was sent to the first is settled */
	r = asking(POST, "mixed");
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	reached(r, 503);
	reroute(r);
	ck_assert_uint_eq(n_sent, 1);
	fake_read(&f);
	ck_assert_int_eq(fake_status(&f), 400);
	ck_assert_str_eq(types(), "hold leg settle");
	n_sent = 0;

	/* what nobody could price anyhow passes, and what is free of charge */
	r = asking("POST /v1/batches HTTP/1.1\r\nhost: gw\r\n\r\n", "");
	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	r = asking("GET /v1/files HTTP/1.1\r\nhost: gw\r\n\r\n", "");
	send_it(r);
	ck_assert_uint_eq(n_sent, 2);
}
END_TEST

/* ---- strict */

START_TEST(strict_waits_for_the_disk)
{
	struct req *one = asking(POST, "fast"), *two;

	send_it(one);
	ck_assert_uint_eq(n_sent, 0);
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 0);
	req_resume(one); /* by more of its body: it waits on */
	ck_assert_uint_eq(n_sent, 0);
	ck_assert(timer_armed(&one->total)); /* not for ever */
	tick();
	two = asking(POST, "fast");
	send_it(two);
	ledger_on_synced(&f.w); /* the first is there, the second is not */
	ck_assert_uint_eq(n_sent, 1);
	ck_assert(one->step == ledger_step + 1);
	ck_assert(two->step == ledger_step);
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 1);
	tick();
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 2);
	ck_assert(list_empty(&f.w.ledger_waiters));

	/* the disk has it, and its body is quicker to say so */
	tick();
	reached(one, 503);
	reroute(one);
	tick();
	req_resume(one);
	ck_assert_uint_eq(n_sent, 3);
	ck_assert(list_empty(&f.w.ledger_waiters));
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 3);

	/* a second leg waits like the first */
	reached(two, 503);
	reroute(two);
	ck_assert_uint_eq(n_sent, 3);
	tick();
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 4);
	ck_assert_int_eq(two->leg.no, 2);
	fake_drop(&f);
}
END_TEST

/* Several die while they wait, in every order: nothing of them was sent, and nobody wakes them. */
START_TEST(dies_while_it_waits)
{
	for (int first = 0; first < 3; first++) {
		struct req *r[3];

		n_sent = 0;
		for (int i = 0; i < 3; i++) {
			r[i] = asking(POST, "fast");
			send_it(r[i]);
		}
		req_abort(r[first], END_CLIENT_GONE);
		worker_turn_end(&f.w);
		ck_assert_str_eq(types(), "hold hold hold void");
		ck_assert_uint_eq(seen[3].r.u.voided.status, 499);
		ledger_on_synced(&f.w);
		ck_assert_uint_eq(n_sent, 2);
		for (int i = 0; i < 3; i++)
			if (i != first)
				req_finish(r[i], END_FAILED);
		ck_assert_str_eq(types(), "void void");
		ck_assert(list_empty(&f.w.ledger_waiters));
	}
}
END_TEST

/* Whether anybody waits is the journal's to say, as it was opened: it wakes no one otherwise, and a
 * reload changes the configuration alone. */
START_TEST(durability_of_a_later_configuration)
{
	struct req *r = asking(POST, "fast");

	f.conf->cfg.ledger.durability = _i == 0 ? JOURNAL_STRICT : JOURNAL_GROUP;
	if (_i == 1) {
		f.w.journal = NULL;
		journal_close(journal, FOLDER_NOW);
		open_journal(JOURNAL_STRICT);
	}
	send_it(r);
	ck_assert_uint_eq(n_sent, _i == 0 ? 1 : 0);
	tick();
	ledger_on_synced(&f.w);
	ck_assert_uint_eq(n_sent, 1);
	fake_drop(&f);
}
END_TEST

/* ---- progress */

static struct {
	struct sink sink;
	uint64_t bytes;
	unsigned writes, fins;
	bool gone;
} end;

static int end_write(struct sink *s, const struct iovec *iov, int n, bool fin)
{
	(void)s;
	for (int i = 0; i < n; i++)
		end.bytes += iov[i].iov_len;
	end.writes++;
	end.fins += fin;
	return end.gone ? -1 : 0;
}

static const struct sink_ops end_ops = { .name = "end", .write = end_write };

/* The answer to r begins. */
static void answering(struct req *r, bool sse)
{
	memset(&end, 0, sizeof end);
	reached(r, 200);
	r->status = 200;
	r->respond = arena_zalloc(&r->arena, sizeof *r->respond);
	r->respond->req = r;
	r->respond->sse = sse;
	sink_push(r, &end.sink, &end_ops);
	ck_assert_int_eq(ledger_response_head(r), 0);
}

/* It is over for the engine too. */
static void answer_ends(struct req *r)
{
	r->sinks = NULL;
	r->respond = NULL;
	fake_drop(&f);
}

static int put(struct req *r, size_t n, bool fin)
{
	static char bytes[PROGRESS_BYTES];
	struct iovec iov[2] = { { bytes, n / 2 }, { bytes, n - n / 2 } };

	return sink_write(r->sinks, iov, 2, fin);
}

static struct req *streaming(void)
{
	struct req *r = asking(POST, "fast");

	r->stream = true;
	send_it(r);
	r->meter = &told_meter;
	source = USAGE_PARTIAL;
	figures = (struct usage){ .n = { [USAGE_IN] = 10, [USAGE_OUT] = 5 },
		.source = USAGE_PARTIAL };
	answering(r, true);
	ck_assert(r->sinks != &end.sink);
	ck_assert_str_eq(types(), "hold");
	return r;
}

START_TEST(progress_by_bytes)
{
	struct req *r = streaming();

	ck_assert_int_eq(put(r, PROGRESS_BYTES - 1, false), 0);
	ck_assert_str_eq(types(), "");
	ck_assert_int_eq(put(r, 1, false), 0);
	ck_assert_str_eq(types(), "progress");
	ck_assert(rec_id_eq(seen[0].r.u.progress.id, r->rec_id));
	ck_assert_uint_eq(seen[0].r.u.progress.usage.n[USAGE_IN], 10);
	ck_assert_uint_eq(seen[0].r.u.progress.usage.n[USAGE_OUT], 5);
	ck_assert_int_eq(seen[0].r.u.progress.money.list, 10 + 300);
	ck_assert_int_eq(put(r, PROGRESS_BYTES - 1, false), 0);
	ck_assert_str_eq(types(), "");
	ck_assert_int_eq(put(r, 1, true), 0); /* the last ones: the settlement says it all */
	ck_assert_str_eq(types(), "");
	ck_assert_uint_eq(end.bytes, 2 * PROGRESS_BYTES);
	ck_assert_uint_eq(end.writes, 4);
	ck_assert_uint_eq(end.fins, 1);
	answer_ends(r);
	ck_assert_str_eq(types(), "settle");
}
END_TEST

START_TEST(progress_by_time)
{
	struct req *r = streaming();
	struct mod_ledger *m = req_mod(r, &mod_ledger);

	ck_assert_int_eq(put(r, 10, false), 0);
	m->noted.us -= PROGRESS_US;
	ck_assert_int_eq(put(r, 10, false), 0);
	ck_assert_str_eq(types(), "progress");
	ck_assert_int_eq(put(r, 10, false), 0); /* the clock runs anew */
	ck_assert_str_eq(types(), "");
	m->noted.us -= PROGRESS_US;
	ck_assert_int_eq(put(r, 10, true), 0);
	ck_assert_str_eq(types(), "");
	end.gone = true; /* told on */
	ck_assert_int_eq(put(r, 10, false), -1);
	answer_ends(r);
}
END_TEST

/* Short answers, answers that nobody reads, and what is in no ledger. */
START_TEST(no_progress)
{
	for (int i = 0; i < 3; i++) {
		struct req *r = asking(POST, "fast");

		if (i < 2)
			send_it(r);
		else
			leg_begin(r);
		r->meter = i == 1 ? NULL : &told_meter;
		answering(r, i > 0);
		ck_assert_msg(r->sinks == &end.sink, "%d", i);
		answer_ends(r);
	}
}
END_TEST

/* ---- no ledger */

START_TEST(without_a_journal)
{
	struct req *r = asking(POST, "fast");

	send_it(r);
	ck_assert_uint_eq(n_sent, 1);
	ck_assert(!r->hold.open);
	ck_assert_int_eq(r->leg.no, 1);
	ck_assert_int_eq(r->leg.bound_money.list, 400);
	f.conf->cfg.ledger.indeterminate = INDETERMINATE_INPUT;
	reached(r, 0);
	reroute(r);
	ck_assert_uint_eq(n_sent, 2);
	ck_assert_int_eq(r->leg.no, 2);
	ck_assert_int_eq(r->spent.list, 14);
	answered(r, 10, 5);
	answering(r, true);
	ck_assert(r->sinks == &end.sink);
	r->sinks = NULL;
	r->respond = NULL;
	req_finish(r, END_OK);
	ck_assert_int_eq(r->leg.money.list, 40);
	fake_drop(&f);
}
END_TEST

static TCase *with(Suite *suite, const char *name, void (*begin)(void))
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, UNIT_TIMEOUT_S);
	tcase_add_checked_fixture(tc, begin, teardown);
	suite_add_tcase(suite, tc);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("mod_ledger");
	TCase *group = with(suite, "group", setup_group),
	      *strict = with(suite, "strict", setup_strict), *none = with(suite, "none", setup);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(group, hold_and_settle);
	tcase_add_test(group, times);
	tcase_add_test(group, settle_or_void);
	tcase_add_test(group, before_the_ledger);
	tcase_add_test(group, two_legs);
	tcase_add_test(group, two_legs_in_vain);
	tcase_add_test(group, a_hold_is_refused);
	tcase_add_test(group, a_leg_is_refused);
	tcase_add_test(group, no_price);
	tcase_add_loop_test(group, durability_of_a_later_configuration, 0, 2);
	tcase_add_test(group, progress_by_bytes);
	tcase_add_test(group, progress_by_time);
	tcase_add_test(group, no_progress);
	tcase_add_test(strict, strict_waits_for_the_disk);
	tcase_add_test(strict, dies_while_it_waits);
	tcase_add_test(none, without_a_journal);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
