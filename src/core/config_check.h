/*
 * config_check.h: what the tables in config.c call once a block's own values are set.
 */
#ifndef TG_CORE_CONFIG_CHECK_H
#define TG_CORE_CONFIG_CHECK_H

#include "base/defs.h"
#include "conf/conf.h"
#include "conf/types.h"

struct config;

/* ---- config_check.c: what several tables ask; -1 after conf_fail */

/* A name that goes into paths, headers and metrics labels. what: of which it is. */
int config_check_name(struct conf_load *l, const char *what, const struct str *name) TG_MUST_CHECK;
int config_check_tag_name(struct conf_load *l, const struct str *name) TG_MUST_CHECK;
bool config_is_name_char(char c);
bool config_is_tag_char(char c);
/* There is such a zone; empty: another one's stands in. */
int config_check_timezone(struct conf_load *l, const struct str *name) TG_MUST_CHECK;
/* localhost, 127.0.0.0/8, ::1: nobody in between listens. */
bool config_host_is_loopback(struct str host);
/* "; did you mean `x`?" of the nearest of n words, for the end of an error; "" when none is near.
 */
const char *config_near(struct str text, const char *const *words, size_t n, struct conf_why *out);

/* ---- what one table's file checks for another's; -1 after conf_fail */

/* A dimension and a limit of it, which are not members of `limits` (config_quota.c). */
struct quota_limit;
int config_check_limit(struct conf_load *l, const struct str *dimension, const struct str *text,
	struct quota_limit *out) TG_MUST_CHECK;
/* config_model.c */
int config_check_capabilities(struct conf_load *l, const struct conf_tags *t) TG_MUST_CHECK;
/* A target's `health_check` with the rest of it (config_upstream.c). */
struct cfg_target;
int config_check_health_check(struct conf_load *l, const struct cfg_target *t) TG_MUST_CHECK;
/* What a tier says of being without Redis; the members are not known yet (config_offline.c). */
struct cfg_tier;
struct quota_offline;
void config_offline_of(const struct cfg_tier *t, struct quota_offline *out);

/* ---- what needs the whole configuration; -1 after conf_fail */

/* References, duplicates; calls the two below. obj: struct config (config_whole.c). */
int config_check_root(struct conf_load *l, void *obj) TG_MUST_CHECK;
/* `redis` (config_redis.c). */
int config_check_redis(struct conf_load *l, struct config *c) TG_MUST_CHECK;
/* Places and regions (config_geo.c). */
int config_check_places(struct conf_load *l, const struct config *c) TG_MUST_CHECK;
/* Is the target's region the pattern's, which may end in a star? */
bool config_region_has(struct str pattern, struct str region);

/* ---- tables that others point to, by their files */

/* config_listen.c */
extern const struct conf_block config_listen_block, config_admin_block, config_cors_block;
/* config_limits.c */
extern const struct conf_block config_limits_block, config_timeouts_block;
/* config_upstream.c */
extern const struct conf_block config_upstream_block, config_target_timeouts_block,
	config_target_limits_block, config_health_check_block;
/* config_target.c, config_model.c, config_route.c, config_rule.c */
extern const struct conf_block config_target_block, config_model_block, config_route_block,
	config_rule_block;
/* config_tier.c */
extern const struct conf_block config_tier_block;
/* config_tenant.c */
extern const struct conf_block config_tenant_block, config_org_block, config_tags_block;
/* config_quota.c */
extern const struct conf_block config_quota_block, config_budget_block, config_increase_block,
	config_pool_block, config_guest_block;
/* config_sources.c */
extern const struct conf_block config_credit_block, config_reserved_block;
/* config_guardrail.c */
extern const struct conf_block config_guardrail_block;
/* config_offline.c */
extern const struct conf_block config_without_redis_block, config_allowance_block;
/* config_redis.c */
extern const struct conf_block config_redis_block;
/* config_prices.c */
extern const struct conf_block config_price_block, config_unpriced_block;
/* config_money.c */
extern const struct conf_block config_ledger_block, config_abort_block;
extern const char *const config_abort_words[];
/* config_geo.c */
extern const struct conf_block config_geoip_block, config_geo_block, config_geo_root_block;
extern const char *const config_client_header_words[];

#endif
