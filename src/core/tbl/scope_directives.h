/*
 * What a tier, a tenant and a key may each say of requests: X(name, TYPE, member, the rest of the directive). SESSIONS and
 * CLIENTS are texts of the help: what sessions use, and whose clients these are.
 */
X(session, BLOCK, session, .block = &config_guest_block,
	.help = "What each session may use" SESSIONS ": requests with the same `x-tollgate-session`.")
X(end_user, BLOCK, end_user, .block = &config_guest_block,
	.help = "What each end user may use" SESSIONS ": requests with the same `x-tollgate-end-user`.")
X(max_tokens, INT, max_tokens, .min = 1, .max = CONFIG_MAX_TOKENS,
	.help = "Tokens that an answer to " CLIENTS " may have at most; a request that asks for more, or sets no limit, is sent "
		"with this one. Absent: any number.")
X(max_cost, MONEY, max_cost,
	.help = "What a single request may cost at most; a dearer one is answered with 402 `cost_ceiling`. Absent: any amount.")
X(geo, BLOCK, geo, .block = &config_geo_block,
	.help = "Where " CLIENTS " may be.")
X(regions, STRINGS, regions,
	.help = "Regions of targets (`[ eu, eu-* ]`): no target elsewhere, and none without a `region`, ever serves " CLIENTS
		"; absent: all do.")
