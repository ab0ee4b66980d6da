/*
 * config_check.h: what the tables in config.c call once a block's own values are set.
 */
#ifndef TG_CORE_CONFIG_CHECK_H
#define TG_CORE_CONFIG_CHECK_H

#include "base/defs.h"
#include "conf/conf.h"

struct config;

/* obj is the struct of the block; -1 after conf_fail. */
int config_check_admin(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_limits(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_target(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_model(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_tier(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_org(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_budget(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_pool(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_tenant(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_key(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_tag_rules(struct conf_load *l, void *obj) TG_MUST_CHECK;
int config_check_cors(struct conf_load *l, void *obj) TG_MUST_CHECK;
/* `redis` with the rest of the configuration (config_redis.c). */
int config_check_redis(struct conf_load *l, struct config *c) TG_MUST_CHECK;
/* Places and regions with the rest of the configuration (config_geo.c). */
int config_check_places(struct conf_load *l, const struct config *c) TG_MUST_CHECK;
/* Is the target's region the pattern's, which may end in a star? */
bool config_region_has(struct str pattern, struct str region);
int config_check_tag_name(struct conf_load *l, const struct str *name) TG_MUST_CHECK;
/* config_offline.c: what a tier says of being without Redis; the members are not known yet. */
struct cfg_tier;
struct quota_offline;
void config_offline_of(const struct cfg_tier *t, struct quota_offline *out);
/* A dimension and a limit of it, which are not members of `limits`. */
struct quota_limit;
int config_check_limit(struct conf_load *l, const struct str *dimension, const struct str *text,
	struct quota_limit *out) TG_MUST_CHECK;
int config_check_capabilities(struct conf_load *l, const struct conf_tags *t) TG_MUST_CHECK;
/* Everything that needs the whole: references, duplicates. */
int config_check_root(struct conf_load *l, void *obj) TG_MUST_CHECK;

/* ---- tables that have a file of their own (config_money.c, config_prices.c, config_quota.c) */
extern const struct conf_block config_price_block, config_unpriced_block;
extern const struct conf_block config_ledger_block, config_abort_block;
/* config_quota.c */
extern const struct conf_block config_quota_block, config_budget_block, config_increase_block,
	config_pool_block, config_guest_block, config_credit_block, config_reserved_block;
extern const struct conf_block config_guardrail_block; /* config_guardrail.c */
extern const struct conf_block config_redis_block;     /* config_redis.c */
extern const struct conf_block config_without_redis_block, config_allowance_block;
extern const char *const config_abort_words[];
/* config_listen.c */
extern const struct conf_block config_listen_block, config_admin_block, config_cors_block;
/* config_geo.c */
extern const struct conf_block config_geoip_block, config_geo_block, config_geo_root_block;
extern const char *const config_client_header_words[];
extern const struct conf_block config_route_block, config_rule_block, config_target_limits_block,
	config_target_keys_block, config_health_check_block,
	config_model_block; /* config_route.c */
/* A name that goes into paths, headers and metrics labels. what: of which it is. */
int config_check_name(struct conf_load *l, const char *what, const struct str *name) TG_MUST_CHECK;

#endif
