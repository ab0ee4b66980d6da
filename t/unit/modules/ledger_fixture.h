/*
 * ledger_fixture.h: what the tests of mod_ledger.c share: a gateway with priced targets, a real
 * journal whose ledger thread's rounds are taken by hand, and what the journal told.
 */
#ifndef TG_UNIT_MODULES_LEDGER_FIXTURE_H
#define TG_UNIT_MODULES_LEDGER_FIXTURE_H

#include "core/ratio.h"
#include "unit/core/fake.h"
#include "unit/ledger/folder.h"

#include "mod_ledger.c"

static struct fake f;
static struct journal *journal;

/* ---- the pipeline, from the ledger's step on: what would be sent is counted */

static unsigned ledger_step, n_sent;
static mono_us mono; /* the ledger thread's */

static inline enum step_rc sent(struct req *r)
{
	(void)r;
	n_sent++;
	return STEP_WAIT;
}

static inline void setup_with(const char *yaml)
{
	fake_init(&f, yaml);
	for (ledger_step = 0; tg_steps[ledger_step].module != &mod_ledger; ledger_step++)
		ck_assert_uint_lt(ledger_step + 1, tg_n_steps);
	tg_steps[ledger_step + 1].run = sent;
	n_sent = 0;
	mono = clock_mono();
	folder_setup();
}

static inline void setup(void)
{
	setup_with(
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
}

static inline void open_journal(enum journal_durability d)
{
	struct journal_options opt = folder_options(1);

	opt.durability = d;
	journal = folder_open(&opt);
	f.w.journal = journal_writer_at(journal, 0);
}

static inline void setup_group(void)
{
	setup();
	open_journal(JOURNAL_GROUP);
}

static inline void setup_strict(void)
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

static inline void see(void *arg, const struct rec *r, struct journal_position at)
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

static inline void tick(void)
{
	mono.us += 20000;
	worker_turn_end(&f.w);
	(void)journal_tick(journal, FOLDER_NOW, mono, see, NULL);
}

/* All that was written since the last time: "hold settle". */
static inline const char *types(void)
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

static inline void teardown(void)
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
static inline struct req *asking(const char *head, const char *model)
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
static inline void send_it(struct req *r)
{
	r->step = ledger_step;
	req_run(r);
}

/* Its bytes are with the provider, who has said this (0: nothing). */
static inline void reached(struct req *r, int status)
{
	r->leg.sent = r->leg.sent_whole = true;
	r->leg.status = status;
}

/* The other target. */
static inline void reroute(struct req *r)
{
	r->route = &r->model->route[1];
	send_it(r);
}

/* What reads the answer. */
static struct usage figures;
static enum usage_source source;

static inline enum usage_source told_source(const struct req *r)
{
	(void)r;
	return source;
}

static inline bool told_whole(const struct req *r)
{
	(void)r;
	return true;
}

static inline void told_usage(struct req *r, bool estimate, struct usage *out)
{
	(void)r;
	(void)estimate;
	*out = figures;
}

static inline bool told_counted(const struct usage *u)
{
	(void)u;
	return false;
}

static const struct req_meter told_meter = { told_source, told_whole, told_usage, told_counted };

/* A whole answer with figures. */
static inline void answered(struct req *r, uint64_t in, uint64_t out)
{
	reached(r, 200);
	r->leg.complete = true;
	r->meter = &told_meter;
	source = USAGE_PROVIDER;
	figures = (struct usage){ .n = { [USAGE_IN] = in, [USAGE_OUT] = out },
		.source = USAGE_PROVIDER };
	r->status = 200;
}

/* ---- a journal without room */

enum { FILL = 4000 };
static struct journal_hold fill[FILL];

/* Holds of others until there is no room for one more, nor for the smallest record. */
static inline unsigned fill_up(void)
{
	struct rec_progress rec = sample_progress(0);
	struct journal_stats before, after;
	unsigned n = 0;

	for (;; n++) {
		struct rec_hold hold = sample_hold(n);

		ck_assert_uint_lt(n, FILL);
		if (journal_hold(f.w.journal, &fill[n], &hold, FOLDER_NOW) != 0)
			break;
	}
	do {
		journal_stats_get(journal, &before);
		journal_progress(f.w.journal, &fill[0], &rec, FOLDER_NOW);
		journal_stats_get(journal, &after);
	} while (after.records != before.records);
	return n;
}

static inline void empty(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rec_void rec = sample_void(i);

		journal_void(f.w.journal, &fill[i], &rec, FOLDER_NOW);
	}
}

/* ---- the suite */

static inline TCase *with(Suite *suite, const char *name, void (*begin)(void))
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, UNIT_TIMEOUT_S);
	tcase_add_checked_fixture(tc, begin, teardown);
	suite_add_tcase(suite, tc);
	return tc;
}

#endif
