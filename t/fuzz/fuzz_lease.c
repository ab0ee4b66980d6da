/*
 * fuzz_lease.c: any replies to a member's calls, one a line: words with commas between, accounts in
 * brackets. Whatever the centre says: what is let in was granted, figures only rise but by RETURN,
 * and what is refused says why.
 */
#include <stdlib.h>

#include "quota/lease_wire.h"
#include "quota/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS 64

struct value {
	bool list;
	struct str text;
	size_t n;
	struct value *item;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static size_t value_items(const void *value)
{
	return ((const struct value *)value)->n;
}

static const void *value_item(const void *value, size_t i)
{
	return &((const struct value *)value)->item[i];
}

static bool value_text(const void *value, struct str *out)
{
	const struct value *v = value;

	*out = v->text;
	return !v->list;
}

static const struct lease_reader reader = { value_items, value_item, value_text };

static struct value words[WORDS], inner[WORDS * WORDS];

static void parse_inner(struct value *v, struct str text, struct value *room)
{
	struct str part;

	*v = (struct value){ .list = true, .item = room };
	while (v->n < WORDS && str_split(&text, ' ', &part))
		room[v->n++] = (struct value){ .text = part };
}

static struct value parse_line(struct str line)
{
	struct value v = { .list = true, .item = words };
	struct str part;

	for (; v.n < WORDS && str_split(&line, ',', &part); v.n++)
		if (part.n > 0 && part.p[0] == '[')
			parse_inner(&words[v.n], str_skip(part, 1), inner + v.n * WORDS);
		else
			words[v.n] = (struct value){ .text = part };
	return v;
}

struct world {
	struct quota_table *table;
	struct lease_member *m;
	struct quota_account *a;
	struct quota_time now;
	int64_t last_g, held;
	unsigned bucket;
};

static void world_open(struct world *w)
{
	const struct str members[] = { STR("n1"), STR("n2") };
	const struct lease_config cfg = { .name = members[0],
		.members = members,
		.n_members = 2,
		.version = 1,
		.revalidate_us = 60000000 };
	const struct quota_limit limit = { .dim = QUOTA_COST, .kind = QUOTA_STOCK, .amount = 1000 };
	const struct period p = { INT64_MIN, INT64_MAX, INT64_MAX, "lifetime" };
	char err[200];

	*w = (struct world){ .table = quota_table_new(4), .now = { { 1 }, { 1000000 } } };
	w->m = lease_member_new(&cfg, 1, NULL, NULL);
	w->a = quota_table_make(
		w->table, STR("tenant:a/cost/lifetime"), &limit, &p, w->now, err, sizeof err);
	require(w->a != NULL);
	(void)lease_add(w->m, w->a, 1000, w->now.mono);
	w->bucket = lease_bucket_of(w->a->name);
	lease_bucket_up(w->m, w->bucket, STR("run"), w->now.mono);
}

static void world_close(struct world *w)
{
	if (w->held > 0)
		quota_account_settle(w->a, w->held, 0, w->now);
	lease_member_free(w->m);
	quota_account_put(w->a);
	quota_table_free(w->table);
}

/* A request comes, or the last one ends. */
static void request(struct world *w)
{
	struct quota_account *charged;
	enum quota_result r;

	if (w->held > 0) {
		quota_account_settle(w->a, w->held, w->held / 2, w->now);
		w->held = 0;
		return;
	}
	r = quota_account_take(w->a, 10, w->now, &charged);
	if (r == QUOTA_OK) {
		w->held = 10;
	} else if (r == QUOTA_ASK) {
		quota_account_wait(w->a, 10);
		lease_attend(w->m, w->now.mono);
		quota_account_unwait(w->a, 10);
	}
}

static void check(struct world *w)
{
	struct lease_info info;

	lease_look(lease_find(w->a), &info);
	require(atomic_load(&w->a->granted) <= info.g);
	require(info.g >= w->last_g);
	require(atomic_load(&w->a->settled) <= atomic_load(&w->a->committed));
	w->last_g = info.g;
}

static void reply(struct world *w, struct str line)
{
	static struct lease_call call;
	static struct lease_answer answer;
	static struct lease_outcome out;
	struct value v = parse_line(line);
	char err[300] = "";
	mono_us again;

	if (!lease_due(w->m, w->now.mono, &call, &again))
		return;
	for (unsigned i = 0; i < call.n; i++)
		if (call.item[i].returns)
			w->last_g = call.item[i].g;
	if (lease_answer_parse(&reader, &v, call.n, &answer, err, sizeof err) != 0 ||
		lease_reply(w->m, w->bucket, &answer, w->now.mono, &out, err, sizeof err) != 0) {
		require(err[0] != '\0');
		lease_bucket_down(w->m, w->bucket, w->now.mono);
		lease_bucket_up(w->m, w->bucket, STR("run"), w->now.mono);
	} else if (out.save_epoch) {
		lease_epoch_saved(w->m, w->bucket, w->now.mono);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_mk((const char *)data, size), line;
	struct world w;

	world_open(&w);
	while (str_split(&rest, '\n', &line)) {
		w.now.mono.us += 600000;
		reply(&w, line);
		check(&w);
		request(&w);
	}
	world_close(&w);
	return 0;
}
