/*
 * plan_quota.h: for tests of paths and accounts of a plan: a plan from YAML text, a table, a
 * made-up clock, and a path as text. It includes plan_quota_path.c, to be between a worker's looks
 * at a slot.
 */
#ifndef TG_UNIT_PLAN_QUOTA_H
#define TG_UNIT_PLAN_QUOTA_H

#include "unit/core/fake.h"

#include <stdatomic.h>

#include "core/plan_quota.h"

/* ---- what happens between a worker's looks at a slot, which are the only ones of that order */

static void (*before_look)(void);
static unsigned look_at;

static int looking(void)
{
	if (before_look != NULL && --look_at == 0)
		before_look();
	return __ATOMIC_ACQUIRE;
}

#define memory_order_acquire looking()
#include "core/plan_quota_path.c"
#undef memory_order_acquire

#define SEC INT64_C(1000000)
#define HR  (3600 * SEC)
#define DAY (24 * HR)
/* 2026-11-28 00:00 UTC, a Saturday */
#define TODAY (INT64_C(20785) * DAY)

static struct fake f;
static struct quota_table *table;
static struct quota_time now;

#define BASE                                                                   \
	"listen: 127.0.0.1:0\n"                                                \
	"targets: { a: { provider: openai, base_url: http://127.0.0.1:9 } }\n" \
	"models: { m: { targets: a } }\n"
#define KEY "keys: [ { id: k, sha256: " FAKE_KEY_SHA " } ]"

static void at(int64_t us)
{
	now = (struct quota_time){ { us }, { us - TODAY + DAY } };
}

static void setup(void)
{
	table = quota_table_new(1024);
	ck_assert_ptr_nonnull(table);
	at(TODAY + 12 * HR);
}

/* Every reference is back: an account has its table's alone, and the buckets of a window that is
 * there the ring's. */
static void teardown(void)
{
	struct quota_account *a;

	for (size_t i = 0; (a = quota_table_next(table, &i)) != NULL;) {
		uint64_t refs = atomic_load(&a->refs) & 0xffffffff;

		ck_assert_msg(refs == 2 || (refs == 3 && a->leaves.us > a->end.us), "%.*s: %llu",
			STR_FMT(a->name), (unsigned long long)refs);
		quota_account_put(a);
	}
	quota_table_free(table);
}

static void begin(const char *yaml)
{
	fake_init(&f, yaml);
}

static void done(void)
{
	fake_drop(&f);
	fake_fini(&f);
}

/* ---- the accounts that were new */

static char fresh_text[32768], visited[65536];
static size_t fresh_n;

/* Those that were not there at an earlier visit. */
static void fresh(void *arg, const struct quota_slot *s, struct quota_account *a)
{
	char name[512];

	ck_assert_ptr_eq(arg, &fresh_n);
	snprintf(name, sizeof name, " %.*s ", STR_FMT(a->name));
	if (strstr(visited, name) != NULL)
		return;
	ck_assert_uint_lt(strlen(visited), sizeof visited - sizeof name);
	strcat(visited, name);
	ck_assert(str_starts(a->name, s->scope));
	ck_assert_int_eq(a->kind, QUOTA_STOCK);
	ck_assert_uint_lt(fresh_n, sizeof fresh_text - 256);
	fresh_n += (size_t)snprintf(fresh_text + fresh_n, sizeof fresh_text - fresh_n, "%s%.*s",
		fresh_n > 0 ? " " : "", STR_FMT(a->name));
}

/* Their names. */
static const char *open_plan(struct tg_conf *c)
{
	char why[256] = "";

	fresh_n = 0;
	fresh_text[0] = '\0';
	ck_assert_msg(
		plan_quota_open(c, table, now, fresh, &fresh_n, why, sizeof why) == 0, "%s", why);
	plan_quota_apply(c);
	return fresh_text;
}

static inline struct tg_conf *another(const char *yaml)
{
	struct conf_error err = { { 0 } };
	struct tg_conf *c = fake_plan(f.resolver, yaml, 2, &err);

	ck_assert_msg(c != NULL, "%s", err.text);
	return c;
}

/* ---- the path of a request with the key */

/* Model and target "": a path of neither. */
static inline const char *path_for(
	struct tg_conf *c, const char *tags, const char *model, const char *to)
{
	static char text[2048];
	struct conf_ref ref = { .conf = c };
	struct target target = { .name = str_z(to) };
	struct route_target route = { .target = &target };
	static struct worker w;
	struct req r = { .conf = c, .model_asked = str_z(model), .w = &w };
	struct quota_path path;
	size_t n = 0;

	w.conf = &ref;
	if (*to != '\0')
		r.leg.route = &route;
	r.key = plan_find_key(c, STR(FAKE_KEY));
	ck_assert_ptr_nonnull(r.key);
	r.tags_json = *tags != '\0' ? str_z(tags) : r.key->tags_json;
	r.tenant = r.key->tenant;
	text[0] = '\0';
	if (plan_quota_path(&r, now.wall, &path) != 0)
		return "missing";
	for (unsigned i = 0; i < path.n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%.*s=%lld", i > 0 ? " " : "",
			i == path.lasting ? "; " : "", STR_FMT(path.account[i]->name),
			(long long)atomic_load(&path.account[i]->limit));
	return text;
}

static inline const char *path_of(struct tg_conf *c, const char *tags)
{
	return path_for(c, tags, "", "");
}

#define D "/2026-11-28"
/* May be had again: texts of a path are made anew. */
#define PATH_IS(text) ck_assert_str_eq(path_of(f.conf, ""), text)

#endif
