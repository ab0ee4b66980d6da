/*
 * plan_keys.c: the key table: open addressing over the first 8 bytes of SHA-256(key), which an
 * attacker cannot choose without knowing a key; the whole hash is then compared in constant time.
 * Built at load, read by workers.
 */
#include <string.h>

#include "core/label.h"
#include "core/plan.h"
#include "core/plan_keys.h"
#include "core/tags.h"
#include "proto/json_scan.h"

static uint64_t key_hash(const uint8_t sha[SHA256_LEN])
{
	uint64_t h;

	memcpy(&h, sha, sizeof(h));
	return h;
}

static void key_insert(struct tg_conf *c, struct key *k)
{
	size_t i = key_hash(k->cfg->sha256) & (c->key_cap - 1);

	while (c->key_slots[i] != NULL)
		i = (i + 1) & (c->key_cap - 1);
	c->key_slots[i] = k;
}

static void *keys_alloc(struct tg_conf *c, size_t n)
{
	void *p = arena_zalloc(&c->arena, n > 0 ? n : 1);

	tg_assert(p != NULL);
	return p;
}

static void bits_set_names(struct tg_conf *c, uint64_t *bits, const struct conf_strings *names)
{
	struct model *m;

	for (size_t i = 0; i < names->n; i++)
		if ((m = plan_find_model(c, names->v[i])) != NULL)
			bits[m->index / 64] |= UINT64_C(1) << (m->index % 64);
}

/* What both the tier and the key allow; NULL when neither says anything. */
static uint64_t *key_models(
	struct tg_conf *c, const struct cfg_tier *tier, const struct cfg_key *key)
{
	size_t words = (c->n_models + 63) / 64;
	bool by_tier = tier != NULL && tier->models.n > 0, by_key = key->models.n > 0;
	uint64_t *bits, *more;

	if (!by_tier && !by_key)
		return NULL;
	bits = keys_alloc(c, words * sizeof(*bits));
	bits_set_names(c, bits, by_tier ? &tier->models : &key->models);
	if (by_tier && by_key) {
		more = keys_alloc(c, words * sizeof(*more));
		bits_set_names(c, more, &key->models);
		for (size_t i = 0; i < words; i++)
			bits[i] &= more[i];
	}
	return bits;
}

static const struct cfg_tier *tier_find(const struct tg_conf *c, struct str name)
{
	const struct cfg_tier *v = c->cfg.tiers.v;

	for (size_t i = 0; name.n > 0 && i < c->cfg.tiers.n; i++)
		if (str_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

/* Who it is, as the access log says it: composed once. */
static struct str key_log_text(struct tg_conf *c, const struct key *k)
{
	const struct {
		struct str name, value;
	} rows[] = { { STR(",\"tenant\":"), k->tenant->name }, { STR(",\"org\":"), k->tenant->org },
		{ STR(",\"tier\":"), k->tenant->tier }, { STR(",\"key\":"), k->id } };
	size_t cap = 1, n = 0;
	char *out;

	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++)
		cap += rows[i].name.n + 6 * rows[i].value.n + 2;
	out = keys_alloc(c, cap);
	for (size_t i = 0; i < TG_ARRAY_LEN(rows); i++) {
		if (rows[i].value.n == 0)
			continue;
		memcpy(out + n, rows[i].name.p, rows[i].name.n);
		n += rows[i].name.n;
		n += json_quote(out + n, cap - n, rows[i].value);
	}
	return str_mk(out, n);
}

/* The least that is stated; 0: none is. */
static uint64_t key_max_tokens(const struct key *k)
{
	const struct cfg_tier *tier = k->tenant->tier_cfg;
	const int64_t stated[] = { k->cfg->max_tokens, k->tenant->cfg->max_tokens,
		tier != NULL ? tier->max_tokens : 0 };
	int64_t least = 0;

	for (size_t i = 0; i < TG_ARRAY_LEN(stated); i++)
		if (stated[i] > 0 && (least == 0 || stated[i] < least))
			least = stated[i];
	return (uint64_t)least;
}

static struct ceiling key_ceiling(const struct key *k)
{
	const struct cfg_tier *tier = k->tenant->tier_cfg;
	struct ceiling c = { .whose = CEILING_NONE };

	ceiling_lower(&c, CEILING_KEY, k->cfg->max_cost);
	ceiling_lower(&c, CEILING_TENANT, k->tenant->cfg->max_cost);
	ceiling_lower(&c, CEILING_TIER, tier != NULL ? tier->max_cost : 0);
	return c;
}

static void key_geo(struct tg_conf *c, struct key *k)
{
	const struct cfg_tier *tier = k->tenant->tier_cfg;

	if (tier != NULL)
		plan_geo_lists(c, &k->geo[0], &tier->geo);
	plan_geo_lists(c, &k->geo[1], &k->tenant->cfg->geo);
	plan_geo_lists(c, &k->geo[2], &k->cfg->geo);
	k->targets = plan_geo_targets(c, k);
}

static void plan_tenant(struct tg_conf *c, struct tenant *t, const struct cfg_tenant *cfg)
{
	const struct cfg_key *v = cfg->keys.v;
	struct key *k = keys_alloc(c, cfg->keys.n * sizeof(*k));

	t->name = cfg->name;
	t->tier = cfg->tier;
	t->org = cfg->org;
	t->cfg = cfg;
	t->tier_cfg = tier_find(c, cfg->tier);
	t->label = label_intern(cfg->name);
	for (size_t i = 0; i < cfg->keys.n; i++, k++) {
		k->id = v[i].id;
		k->cfg = &v[i];
		k->tenant = t;
		k->models = key_models(c, t->tier_cfg, &v[i]);
		k->tags = tags_merge(&c->arena, &cfg->tags, &v[i].tags);
		k->log_text = key_log_text(c, k);
		k->tags_json = tags_json(&c->arena, &k->tags);
		k->max_tokens = key_max_tokens(k);
		k->ceiling = key_ceiling(k);
		key_geo(c, k);
		key_insert(c, k);
	}
}

int plan_keys(struct tg_conf *c)
{
	const struct cfg_tenant *v = c->cfg.tenants.v;
	size_t n = 0;

	for (size_t i = 0; i < c->cfg.tenants.n; i++)
		n += v[i].keys.n;
	for (c->key_cap = 16; c->key_cap < 2 * n; c->key_cap *= 2)
		;
	c->key_slots = keys_alloc(c, c->key_cap * sizeof(struct key *));
	c->n_tenants = (unsigned)c->cfg.tenants.n;
	c->tenants = keys_alloc(c, c->n_tenants * sizeof(*c->tenants));
	for (unsigned i = 0; i < c->n_tenants; i++)
		plan_tenant(c, &c->tenants[i], &v[i]);
	return 0;
}

const struct key *plan_find_key(const struct tg_conf *c, struct str presented)
{
	uint8_t sha[SHA256_LEN];
	const struct key *k;

	digest_sha256(presented, sha);
	for (size_t i = key_hash(sha) & (c->key_cap - 1); (k = c->key_slots[i]) != NULL;
		i = (i + 1) & (c->key_cap - 1))
		if (digest_equal(k->cfg->sha256, sha, SHA256_LEN))
			return k;
	return NULL;
}

const struct key *plan_key_by_id(const struct tg_conf *c, struct str id)
{
	for (size_t i = 0; i < c->key_cap; i++)
		if (c->key_slots[i] != NULL && str_eq(c->key_slots[i]->id, id))
			return c->key_slots[i];
	return NULL;
}

bool key_may_use(const struct key *k, const struct model *m)
{
	return k->models == NULL || (k->models[m->index / 64] >> (m->index % 64) & 1) != 0;
}
