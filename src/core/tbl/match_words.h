/*
 * What a budget matches requests by, besides tags: X(ENUM_SUFFIX, member). The member is the word of the configuration.
 */
X(TENANT, tenant)
X(ORG, org)
X(TIER, tier)
X(KEY, key)
X(MODEL, model)
X(TARGET, target)
