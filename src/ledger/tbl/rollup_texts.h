/*
 * What a rollup's row is known by, besides its hour: X(ENUM_SUFFIX, member, "name"). The order is that of the day
 * files (rollup_file.c): never change it.
 */
X(ORG, org, "org")
X(TENANT, tenant, "tenant")
X(TIER, tier, "tier")
X(KEY, key, "key")
X(MODEL, model, "model")
X(PROVIDER, provider, "provider")
X(TARGET, target, "target")
X(REGION, region, "region")
X(TAGS, tags, "tags")
X(SERVICE_TIER, service_tier, "service_tier")
/* From here on at the end of a file's row: files from before it have none. */
X(ASKED, asked, "asked")
X(RULE, rule, "rule")
