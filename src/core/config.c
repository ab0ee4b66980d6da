/*
 * config.c: the directive tables: every key of tollgate.yaml with its type, bounds, default and
 * help. Loader,
 * `-T`, `--schema` and docs/reference/configuration.md come from here. The checks are in
 * config_check.c.
 */
#include "core/config.h"

#include "core/config_check.h"
#include "core/hold_mode.h"

#define MS                1000LL
#define SEC               (1000 * MS)
#define MIN               (60 * SEC)
#define HOUR              (60 * MIN)
#define DAY               (24 * HOUR)
#define KB                1024LL
#define MB                (1024 * KB)
#define GB                (1024 * MB)

#define CONFIG_MAX_TOKENS 1000000000

#define AT(type, member)  .offset = offsetof(struct type, member)
#define POS_OF(type)      .pos_offset_plus1 = offsetof(struct type, pos) + 1

static const char *const on_missing_words[] = { "ignore", "warn", "reject", NULL };
static const char *const output_limit_words[] = { "auto", "max_tokens", "max_completion_tokens",
	NULL };
static const char *const chat_api_words[] = { "completions", "responses", NULL };
static const char *const level_words[] = { "debug", "info", "notice", "warn", "error", NULL };

static const struct conf_directive limits_directives[] = {
	{ .name = "head",
		.type = CONF_SIZE,
		AT(cfg_limits, head_bytes),
		.def = "32k",
		.min = KB,
		.max = 64 * KB - 1,
		.help = "Largest request line with all header fields; more is a 431." },
	{ .name = "body",
		.type = CONF_SIZE,
		AT(cfg_limits, body_bytes),
		.def = "512m",
		.min = KB,
		.max = 1024 * GB,
		.help = "Largest request body of any kind; uploads are streamed. More is a 413." },
	{ .name = "json_body",
		.type = CONF_SIZE,
		AT(cfg_limits, json_bytes),
		.def = "32m",
		.min = KB,
		.max = GB,
		.help = "Largest JSON request body; these are held in memory as a whole." },
	{ .name = "held_response",
		.type = CONF_SIZE,
		AT(cfg_limits, hold_bytes),
		.def = "2m",
		.max = GB,
		.help = "Largest JSON answer that is held back until its cost is known and can be "
			"told in a "
			"header; larger ones are streamed." },
	{ .name = "memory",
		.type = CONF_SIZE,
		AT(cfg_limits, memory_bytes),
		.def = "1g",
		.min = 16 * MB,
		.max = 1024 * GB,
		.help = "Bytes of requests and answers in memory at once, over all workers; beyond "
			"it new "
			"requests get a 503." },
	{ .name = "connections",
		.type = CONF_INT,
		AT(cfg_limits, connections),
		.def = "65536",
		.min = 0,
		.max = 10000000,
		.help = "Client connections at once, over all workers; 0: no limit." },
	{ .name = "connections_per_address",
		.type = CONF_INT,
		AT(cfg_limits, connections_per_address),
		.def = "0",
		.min = 0,
		.max = 10000000,
		.help = "Client connections at once from one address; 0: no limit." },
	{ .name = "sessions",
		.type = CONF_INT,
		AT(cfg_limits, sessions),
		.def = "65536",
		.min = 16,
		.max = 4194304,
		.help = "How many limits of sessions and end users are counted at once; beyond, "
			"the one "
			"that was not used for longest is forgotten. Read at the start." },
	{ .name = "requests_per_connection",
		.type = CONF_INT,
		AT(cfg_limits, requests_per_connection),
		.def = "0",
		.min = 0,
		.max = 1000000000,
		.help = "Requests after which a client connection is closed; 0: no limit." },
	{ .name = NULL },
};
static const struct conf_block limits_block = {
	.name = "limits",
	.help = "How much clients may ask of this process.",
	.size = sizeof(struct cfg_limits),
	.directives = limits_directives,
	.check = config_check_limits,
};

static const struct conf_directive timeouts_directives[] = {
	{ .name = "idle",
		.type = CONF_DURATION,
		AT(cfg_timeouts, idle_us),
		.def = "75s",
		.min = 100 * MS,
		.max = DAY,
		.help = "Between two requests of a connection." },
	{ .name = "head",
		.type = CONF_DURATION,
		AT(cfg_timeouts, head_us),
		.def = "10s",
		.min = 100 * MS,
		.max = HOUR,
		.help = "From the first byte of a request's head to its end." },
	{ .name = "body",
		.type = CONF_DURATION,
		AT(cfg_timeouts, body_us),
		.def = "30s",
		.min = 100 * MS,
		.max = HOUR,
		.help = "Without a byte of the request's body." },
	{ .name = "body_rate",
		.type = CONF_SIZE,
		AT(cfg_timeouts, body_rate),
		.def = "256",
		.max = GB,
		.help = "Bytes a second that a request body must average once `body` has passed; "
			"0: any rate." },
	{ .name = "send",
		.type = CONF_DURATION,
		AT(cfg_timeouts, send_us),
		.def = "60s",
		.min = 100 * MS,
		.max = DAY,
		.help = "Without the client taking a byte of the answer." },
	{ .name = "send_rate",
		.type = CONF_SIZE,
		AT(cfg_timeouts, send_rate),
		.def = "256",
		.max = GB,
		.help = "Bytes a second that a client must take on average over `send`, counted "
			"only while an answer waits for it; 0: any rate." },
	{ .name = "drain",
		.type = CONF_DURATION,
		AT(cfg_timeouts, drain_us),
		.def = "10m",
		.max = DAY,
		.help = "For running requests to finish after SIGTERM." },
	{ .name = NULL },
};
static const struct conf_block timeouts_block = {
	.name = "timeouts",
	.help = "Clocks towards clients.",
	.size = sizeof(struct cfg_timeouts),
	.directives = timeouts_directives,
};

/* The same directives twice: with defaults, and per target without, where absent means inherited.
 */
#define UPSTREAM_DIRECTIVES(D)                                                                  \
	{ .name = "connect",                                                                    \
		.type = CONF_DURATION,                                                          \
		AT(cfg_upstream, connect_us),                                                   \
		.def = D("5s"),                                                                 \
		.min = 10 * MS,                                                                 \
		.max = 10 * MIN,                                                                \
		.help = "To connect, TLS included, for each address." },                        \
		{ .name = "first_byte",                                                         \
			.type = CONF_DURATION,                                                  \
			AT(cfg_upstream, first_byte_us),                                        \
			.def = D("10m"),                                                        \
			.min = 10 * MS,                                                         \
			.max = DAY,                                                             \
			.help = "From the end of the request to the first byte of the answer; " \
				"reasoning models "                                             \
				"think long." },                                                \
		{ .name = "between_bytes",                                                      \
			.type = CONF_DURATION,                                                  \
			AT(cfg_upstream, between_bytes_us),                                     \
			.def = D("2m"),                                                         \
			.min = 10 * MS,                                                         \
			.max = DAY,                                                             \
			.help = "Between two bytes of the answer." },                           \
		{ .name = "send",                                                               \
			.type = CONF_DURATION,                                                  \
			AT(cfg_upstream, send_us),                                              \
			.def = D("30s"),                                                        \
			.min = 10 * MS,                                                         \
			.max = DAY,                                                             \
			.help = "Without the provider taking a byte of the request." },         \
		{ .name = "total",                                                              \
			.type = CONF_DURATION,                                                  \
			AT(cfg_upstream, total_us),                                             \
			.def = D("60m"),                                                        \
			.min = 10 * MS,                                                         \
			.max = 7 * DAY,                                                         \
			.help = "For the whole exchange with the provider." },                  \
		{ .name = "keep_alive",                                                         \
			.type = CONF_DURATION,                                                  \
			AT(cfg_upstream, idle_us),                                              \
			.def = D("60s"),                                                        \
			.min = 10 * MS,                                                         \
			.max = DAY,                                                             \
			.help = "An idle connection is kept this long." },                      \
		{ .name = "pool",                                                               \
			.type = CONF_INT,                                                       \
			AT(cfg_upstream, pool),                                                 \
			.def = D("64"),                                                         \
			.min = 1,                                                               \
			.max = 65536,                                                           \
			.help = "Idle connections kept, for each target and worker." },         \
		{ .name = NULL },
#define WITH(def)    def
#define WITHOUT(def) NULL

/* clang-format off */
static const struct conf_directive upstream_directives[] = { UPSTREAM_DIRECTIVES(WITH) };
static const struct conf_directive target_timeouts_directives[] = { UPSTREAM_DIRECTIVES(WITHOUT) };
/* clang-format on */

static const struct conf_block upstream_block = {
	.name = "upstream",
	.help = "Clocks and connection pool towards providers, for every target that does not say "
		"otherwise.",
	.size = sizeof(struct cfg_upstream),
	.directives = upstream_directives,
};
static const struct conf_block target_timeouts_block = {
	.name = "target timeouts",
	.help = "The same as the block `upstream`, for one target. What is absent comes from "
		"there.",
	.size = sizeof(struct cfg_upstream),
	.directives = target_timeouts_directives,
};

static const struct conf_directive target_directives[] = {
	{ .name = "provider",
		.type = CONF_STRING,
		AT(cfg_target, provider),
		.flags = CONF_REQUIRED,
		.help = "Whose dialect the target speaks, such as openai or anthropic." },
	{ .name = "base_url",
		.type = CONF_STRING,
		AT(cfg_target, base_url),
		.help = "https:// or http:// URL in front of the vendor's paths, such as "
			"https://api.openai.com; absent: where the provider is for everybody." },
	{ .name = "key",
		.type = CONF_SECRET,
		AT(cfg_target, key),
		.help = "The account's API key; without it none is sent (local servers). At Vertex "
			"also what Google hands out as a file: "
			"`${file:/etc/tollgate/account.json}`, a "
			"service account's key or a user's refresh token; tokens are fetched with "
			"it." },
	{ .name = "keys",
		.type = CONF_LIST,
		AT(cfg_target, keys),
		.block = &config_target_keys_block,
		.help = "Instead of `key`: several of the same account or of others. Each request "
			"takes one, by weight, of those that the provider neither refuses nor "
			"tells to wait." },
	{ .name = "token_file",
		.type = CONF_STRING,
		AT(cfg_target, token_file),
		.help = "Instead of a key: a file with a bearer token that somebody else keeps "
			"fresh, alone or as JSON (access_token, expires_on). Read every 30 "
			"seconds, or ahead of its end." },
	{ .name = "token_command",
		.type = CONF_STRING,
		AT(cfg_target, token_command),
		.help = "Instead of a key: a shell command that prints a bearer token, such as az "
			"account get-access-token. Run every 5 minutes, or ahead of the token's "
			"end; one that fails keeps the old token until it expires." },
	{ .name = "profile",
		.type = CONF_STRING,
		AT(cfg_target, profile),
		.help = "Bedrock, without a key: which profile of the shared credentials file "
			"signs; "
			"absent: AWS_ACCESS_KEY_ID and the like, AWS_PROFILE, or the container's "
			"own "
			"credentials. Read every minute, or ahead of their end." },
	{ .name = "api_version",
		.type = CONF_STRING,
		AT(cfg_target, api_version),
		.help = "Azure: the version of its API. A date (2024-10-21) asks by deployment, "
			"under the model's name; preview, v1 or none ask under /openai/v1." },
	{ .name = "region",
		.type = CONF_STRING,
		AT(cfg_target, region),
		.help = "Where the provider works, as its price list calls it (eu, us-gov-west-1): "
			"some "
			"models cost more there. Told in the access log." },
	{ .name = "weight",
		.type = CONF_INT,
		AT(cfg_target, weight),
		.def = "1",
		.max = 1000,
		.help = "Share of the requests among the targets of a model; 0: a spare, asked "
			"when no other is up." },
	{ .name = "discount",
		.type = CONF_PERCENT,
		AT(cfg_target, discount_bp),
		.max = 10000,
		.help = "What this account pays less than the list price." },
	{ .name = "on_client_abort",
		.type = CONF_ENUM,
		AT(cfg_target, on_client_abort),
		.def = "auto",
		.words = config_abort_words,
		.help = "When a client goes in the middle of a streamed answer: cancel_estimate "
			"(cancel, and charge an estimate of what had come), drain (read to the "
			"end: the provider bills all of it anyway), cancel_free (cancel: the "
			"provider bills nothing). auto: as the provider is known to bill. An "
			"answer that is not a stream is read on unless it is cancel_free." },
	{ .name = "ca",
		.type = CONF_STRING,
		AT(cfg_target, ca),
		.help = "PEM file of certificate authorities to trust instead of the system's." },
	{ .name = "tls_verify",
		.type = CONF_BOOL,
		AT(cfg_target, tls_verify),
		.def = "true",
		.help = "Verify the provider's certificate and name; false is for tests only and "
			"is warned about." },
	{ .name = "allow_plaintext",
		.type = CONF_BOOL,
		AT(cfg_target, allow_plaintext),
		.def = "false",
		.help = "Let the key go over plain http to another host." },
	{ .name = "chat_api",
		.type = CONF_ENUM,
		AT(cfg_target, chat_api),
		.def = "completions",
		.words = chat_api_words,
		.help = "Of provider openai. responses: chats are asked for at /v1/responses." },
	{ .name = "output_limit",
		.type = CONF_ENUM,
		AT(cfg_target, output_limit),
		.def = "auto",
		.words = output_limit_words,
		.help = "The member by which a chat request's `max_tokens` of the tier, tenant or "
			"key is told when the client gave none. auto: max_completion_tokens at "
			"OpenAI and Azure and for models that think (o1, gpt-5), max_tokens "
			"elsewhere." },
	{ .name = "pass_fields",
		.type = CONF_STRINGS,
		AT(cfg_target, pass),
		.help = "Header fields of the client's that go along with a request that is "
			"translated into this target's API: user-agent, traceparent and tracestate "
			"always do. A request in the target's own API keeps its fields." },
	{ .name = "proxy",
		.type = CONF_STRING,
		AT(cfg_target, proxy),
		.help = "http://host:port of a proxy to reach the provider through." },
	{ .name = "timeouts",
		.type = CONF_BLOCK,
		AT(cfg_target, timeouts),
		.block = &target_timeouts_block,
		.help = "Clocks and pool of this target." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_target, limits),
		.block = &config_target_limits_block,
		.help = "What it may be asked for; absent: anything." },
	{ .name = "capabilities",
		.type = CONF_TAGS,
		AT(cfg_target, capabilities),
		.help = "What every model there can do (true) or cannot (false): vision, tools, "
			"json_schema, documents, audio, reasoning; goes before the price book." },
	{ .name = "health_check",
		.type = CONF_BLOCK,
		AT(cfg_target, health_check),
		.block = &config_health_check_block,
		.help = "Ask it now and then whether it is well; absent: what requests meet "
			"says it." },
	{ .name = NULL },
};
static const struct conf_block target_block = {
	.name = "target",
	.help = "An account at a provider, under a name of your choice.",
	.size = sizeof(struct cfg_target),
	.directives = target_directives,
	POS_OF(cfg_target),
	.check = config_check_target,
};

static const char *const without_ledger_words[] = { "closed", "open", NULL };

static const struct conf_directive tier_directives[] = {
	{ .name = "models",
		.type = CONF_STRINGS,
		AT(cfg_tier, models),
		.help = "The models that tenants of this tier may use; absent: all." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_tier, limits),
		.block = &config_quota_block,
		.help = "What each of its tenants may use." },
	{ .name = "session",
		.type = CONF_BLOCK,
		AT(cfg_tier, session),
		.block = &config_guest_block,
		.help = "What each session may use of each tenant: requests with the same "
			"`x-tollgate-session`." },
	{ .name = "end_user",
		.type = CONF_BLOCK,
		AT(cfg_tier, end_user),
		.block = &config_guest_block,
		.help = "What each end user may use of each tenant: requests with the same "
			"`x-tollgate-end-user`." },
	{ .name = "pool",
		.type = CONF_BLOCK,
		AT(cfg_tier, pool),
		.block = &config_pool_block,
		.help = "What its tenants may use together." },
	{ .name = "hold",
		.type = CONF_ENUM,
		AT(cfg_tier, hold),
		.def = "full",
		.words = hold_mode_words,
		.help = "How much of a request limits hold while it runs: full (all that it may "
			"use), incremental (a slice of a streamed answer at a time; it is cut off "
			"where there is no room for more), expected (what is likely; more is "
			"charged all the same), post (next to nothing)." },
	{ .name = "without_redis",
		.type = CONF_BLOCK,
		AT(cfg_tier, without_redis),
		.block = &config_without_redis_block,
		.help = "What shared limits do, by dimension, while nobody can say what is left of "
			"them." },
	{ .name = "offline_allowance",
		.type = CONF_BLOCK,
		AT(cfg_tier, allowance),
		.block = &config_allowance_block,
		.help = "How much is served where `without_redis` says open." },
	{ .name = "without_ledger",
		.type = CONF_ENUM,
		AT(cfg_tier, without_ledger),
		.def = "closed",
		.words = without_ledger_words,
		.help = "While the ledger's disk takes nothing: closed (503 "
			"`ledger_unavailable`), or open: requests that no limit on cost counts are "
			"served all the same. They are in the access log and in "
			"`tollgate_ledger_unrecorded_total`, in no report and no bill." },
	{ .name = "generation_price",
		.type = CONF_MONEY,
		AT(cfg_tier, generation_price),
		.help = "What tenants of this tier pay for an image, a video or a speech; absent: "
			"what it cost and their markup." },
	{ .name = "max_tokens",
		.type = CONF_INT,
		AT(cfg_tier, max_tokens),
		.min = 1,
		.max = CONFIG_MAX_TOKENS,
		.help = "Tokens that an answer for its tenants may have at most; a request that "
			"asks "
			"for more, or sets no limit, is sent with this one. Absent: any number." },
	{ .name = "max_cost",
		.type = CONF_MONEY,
		AT(cfg_tier, max_cost),
		.help = "What a single request may cost at most; a dearer one is answered with 402 "
			"`cost_ceiling`. Absent: any amount." },
	{ .name = "geo",
		.type = CONF_BLOCK,
		AT(cfg_tier, geo),
		.block = &config_geo_block,
		.help = "Where clients of its tenants may be." },
	{ .name = "regions",
		.type = CONF_STRINGS,
		AT(cfg_tier, regions),
		.help = "Regions of targets (`[ eu, eu-* ]`): no target elsewhere, and none "
			"without a "
			"`region`, ever serves its tenants; absent: all do." },
	{ .name = "may_degrade",
		.type = CONF_BOOL,
		AT(cfg_tier, may_degrade),
		.def = "false",
		.help = "Guardrails may have requests of its tenants served by a cheaper model." },
	{ .name = NULL },
};
static const char *const tier_later[] = { "quality", "batch", "cache", NULL };
static const struct conf_block tier_block = {
	.name = "tier",
	.help = "What a class of tenants may do.",
	.size = sizeof(struct cfg_tier),
	.directives = tier_directives,
	POS_OF(cfg_tier),
	.check = config_check_tier,
	.later = tier_later,
};

static const struct conf_directive key_directives[] = {
	{ .name = "id",
		.type = CONF_STRING,
		AT(cfg_key, id),
		.flags = CONF_REQUIRED,
		.help = "Name of the key in logs and metrics, unique in the whole configuration." },
	{ .name = "sha256",
		.type = CONF_SHA256,
		AT(cfg_key, sha256),
		.flags = CONF_REQUIRED,
		.help = "SHA-256 of the key as 64 hex digits; `tgctl keys create` prints key and "
			"line." },
	{ .name = "models",
		.type = CONF_STRINGS,
		AT(cfg_key, models),
		.help = "The models this key may use; absent: all that the tier allows." },
	{ .name = "expires",
		.type = CONF_DATE,
		AT(cfg_key, expires_us),
		.help = "The key is refused from this time on; absent: never." },
	{ .name = "disabled",
		.type = CONF_BOOL,
		AT(cfg_key, disabled),
		.def = "false",
		.help = "Refuse the key without forgetting it." },
	{ .name = "tags",
		.type = CONF_TAGS,
		AT(cfg_key, tags),
		.help = "Tags of the requests with this key, over those of the tenant." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_key, limits),
		.block = &config_quota_block,
		.help = "What may be used with this key, within the tenant's limits." },
	{ .name = "session",
		.type = CONF_BLOCK,
		AT(cfg_key, session),
		.block = &config_guest_block,
		.help = "What each session may use with this key: requests with the same "
			"`x-tollgate-session`." },
	{ .name = "end_user",
		.type = CONF_BLOCK,
		AT(cfg_key, end_user),
		.block = &config_guest_block,
		.help = "What each end user may use with this key: requests with the same "
			"`x-tollgate-end-user`." },
	{ .name = "increases",
		.type = CONF_LIST,
		AT(cfg_key, increases),
		.block = &config_increase_block,
		.help = "More of its limits, for a time." },
	{ .name = "max_tokens",
		.type = CONF_INT,
		AT(cfg_key, max_tokens),
		.min = 1,
		.max = CONFIG_MAX_TOKENS,
		.help = "Tokens that an answer may have at most; a request that asks "
			"for more, or sets no limit, is sent with this one. Absent: any number." },
	{ .name = "max_cost",
		.type = CONF_MONEY,
		AT(cfg_key, max_cost),
		.help = "What a single request may cost at most; a dearer one is answered with 402 "
			"`cost_ceiling`. Absent: any amount." },
	{ .name = "geo",
		.type = CONF_BLOCK,
		AT(cfg_key, geo),
		.block = &config_geo_block,
		.help = "Where clients with this key may be." },
	{ .name = "regions",
		.type = CONF_STRINGS,
		AT(cfg_key, regions),
		.help = "Regions of targets (`[ eu, eu-* ]`): no target elsewhere, and none "
			"without a "
			"`region`, ever serves it; absent: all do." },
	{ .name = NULL },
};
static const struct conf_block key_block = {
	.name = "key",
	.help = "A client key, known by its hash only.",
	.size = sizeof(struct cfg_key),
	.directives = key_directives,
	POS_OF(cfg_key),
	.check = config_check_key,
};

static const struct conf_directive tenant_directives[] = {
	{ .name = "org",
		.type = CONF_STRING,
		AT(cfg_tenant, org),
		.help = "Name of the organisation it belongs to." },
	{ .name = "tier",
		.type = CONF_STRING,
		AT(cfg_tenant, tier),
		.help = "Name of its tier; absent: every model is allowed." },
	{ .name = "disabled",
		.type = CONF_BOOL,
		AT(cfg_tenant, disabled),
		.def = "false",
		.help = "Refuse all of its keys." },
	{ .name = "tags",
		.type = CONF_TAGS,
		AT(cfg_tenant, tags),
		.help = "Tags of all of its requests; clients cannot change these." },
	{ .name = "markup",
		.type = CONF_PERCENT,
		AT(cfg_tenant, markup_bp),
		.max = 100000,
		.help = "Added to the provider's price on its bills. Answers, access log and "
			"metrics tell "
			"the provider's price." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_tenant, limits),
		.block = &config_quota_block,
		.help = "What it may use besides its tier's limits; one of the same dimension and "
			"period replaces the tier's." },
	{ .name = "session",
		.type = CONF_BLOCK,
		AT(cfg_tenant, session),
		.block = &config_guest_block,
		.help = "What each session may use: requests with the same "
			"`x-tollgate-session`." },
	{ .name = "end_user",
		.type = CONF_BLOCK,
		AT(cfg_tenant, end_user),
		.block = &config_guest_block,
		.help = "What each end user may use: requests with the same "
			"`x-tollgate-end-user`." },
	{ .name = "increases",
		.type = CONF_LIST,
		AT(cfg_tenant, increases),
		.block = &config_increase_block,
		.help = "More of its limits, or of its tier's for it alone, for a time." },
	{ .name = "credits",
		.type = CONF_LIST,
		AT(cfg_tenant, credits),
		.block = &config_credit_block,
		.help = "Prepaid money, drawn on when a limit on cost here is used up: what "
			"expires "
			"first is drawn first." },
	{ .name = "overdraft",
		.type = CONF_MONEY,
		AT(cfg_tenant, overdraft),
		.help = "How much may be used beyond limits and credits, over all time." },
	{ .name = "max_tokens",
		.type = CONF_INT,
		AT(cfg_tenant, max_tokens),
		.min = 1,
		.max = CONFIG_MAX_TOKENS,
		.help = "Tokens that an answer may have at most; a request that asks "
			"for more, or sets no limit, is sent with this one. Absent: any number." },
	{ .name = "max_cost",
		.type = CONF_MONEY,
		AT(cfg_tenant, max_cost),
		.help = "What a single request may cost at most; a dearer one is answered with 402 "
			"`cost_ceiling`. Absent: any amount." },
	{ .name = "timezone",
		.type = CONF_STRING,
		AT(cfg_tenant, timezone),
		.help = "IANA time zone in which its days and months begin; absent: that of its "
			"org." },
	{ .name = "keys",
		.type = CONF_LIST,
		AT(cfg_tenant, keys),
		.block = &key_block,
		.help = "Its client keys." },
	{ .name = "geo",
		.type = CONF_BLOCK,
		AT(cfg_tenant, geo),
		.block = &config_geo_block,
		.help = "Where its clients may be." },
	{ .name = "regions",
		.type = CONF_STRINGS,
		AT(cfg_tenant, regions),
		.help = "Regions of targets (`[ eu, eu-* ]`): no target elsewhere, and none "
			"without a "
			"`region`, ever serves it; absent: all do." },
	{ .name = "may_degrade",
		.type = CONF_BOOL,
		AT(cfg_tenant, may_degrade),
		.def = "false",
		.help = "As of its tier: one of them suffices." },
	{ .name = NULL },
};
static const struct conf_block tenant_block = {
	.name = "tenant",
	.help = "Somebody who sends requests and is charged for them.",
	.size = sizeof(struct cfg_tenant),
	.directives = tenant_directives,
	POS_OF(cfg_tenant),
	.check = config_check_tenant,
};

static const struct conf_directive org_directives[] = {
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(cfg_org, limits),
		.block = &config_quota_block,
		.help = "What its tenants may use together." },
	{ .name = "increases",
		.type = CONF_LIST,
		AT(cfg_org, increases),
		.block = &config_increase_block,
		.help = "More of these limits, for a time." },
	{ .name = "credits",
		.type = CONF_LIST,
		AT(cfg_org, credits),
		.block = &config_credit_block,
		.help = "Prepaid money, drawn on when a limit on cost here is used up: what "
			"expires "
			"first is drawn first." },
	{ .name = "overdraft",
		.type = CONF_MONEY,
		AT(cfg_org, overdraft),
		.help = "How much may be used beyond limits and credits, over all time." },
	{ .name = "reserved",
		.type = CONF_LIST,
		AT(cfg_org, reserved),
		.block = &config_reserved_block,
		.help = "Parts of these limits that are kept for one tenant." },
	{ .name = "timezone",
		.type = CONF_STRING,
		AT(cfg_org, timezone),
		.def = "UTC",
		.help = "IANA time zone in which its days and months begin." },
	{ .name = NULL },
};
static const char *const org_later[] = { "currency", NULL };
static const struct conf_block org_block = {
	.name = "org",
	.help = "An organisation: a name that groups tenants.",
	.size = sizeof(struct cfg_org),
	.directives = org_directives,
	POS_OF(cfg_org),
	.check = config_check_org,
	.later = org_later,
};

static const struct conf_directive tags_directives[] = {
	{ .name = "required",
		.type = CONF_STRINGS,
		AT(cfg_tag_rules, required),
		.help = "Tags that every request must have, from its tenant, its key or "
			"`x-tollgate-tags`." },
	{ .name = "optional",
		.type = CONF_STRINGS,
		AT(cfg_tag_rules, optional),
		.help = "Other tags that are taken; when neither list is given any tag is." },
	{ .name = "on_missing",
		.type = CONF_ENUM,
		AT(cfg_tag_rules, on_missing),
		.def = "warn",
		.words = on_missing_words,
		.help = "What happens to a request without a required tag." },
	{ .name = NULL },
};
static const struct conf_block tags_block = {
	.name = "tags",
	.help = "Which tags requests have, for reports by team, feature or cost center.",
	.size = sizeof(struct cfg_tag_rules),
	.directives = tags_directives,
	.check = config_check_tag_rules,
};

static const struct conf_directive log_directives[] = {
	{ .name = "access",
		.type = CONF_STRING,
		AT(cfg_log, access),
		.def = "off",
		.help = "File for the access log, one JSON line a request; or stdout, or off." },
	{ .name = "error",
		.type = CONF_STRING,
		AT(cfg_log, error),
		.help = "File for the error log; absent: standard error." },
	{ .name = "level",
		.type = CONF_ENUM,
		AT(cfg_log, level),
		.def = "info",
		.words = level_words,
		.help = "The least severe events that the error log takes." },
	{ .name = NULL },
};
static const struct conf_block log_block = {
	.name = "log",
	.help = "Logs. Both files are opened again on SIGUSR1.",
	.size = sizeof(struct cfg_log),
	.directives = log_directives,
};

static const struct conf_directive root_directives[] = {
	{ .name = "workers",
		.type = CONF_INT,
		AT(config, workers),
		.flags = CONF_ALLOW_AUTO,
		.def = "auto",
		.min = 1,
		.max = 256,
		.help = "Worker threads; auto: one for each core." },
	{ .name = "listen",
		.type = CONF_LIST,
		AT(config, listen),
		.flags = CONF_REQUIRED,
		.block = &config_listen_block,
		.help = "Where applications connect; at least one address." },
	{ .name = "admin",
		.type = CONF_BLOCK,
		AT(config, admin),
		.block = &config_admin_block,
		.help = "The admin listener." },
	{ .name = "member",
		.type = CONF_STRING,
		AT(config, member),
		.help = "Name of this process, in the metric `tollgate_info` and among "
			"`redis.members`; absent: the host's name." },
	{ .name = "prices",
		.type = CONF_STRINGS,
		AT(config, prices),
		.help = "Price files, later ones over earlier ones; absent: the built-in price "
			"book." },
	{ .name = "price_overrides",
		.type = CONF_LIST,
		AT(config, price_overrides),
		.block = &config_price_block,
		.help = "Prices of your own, over those of the files." },
	{ .name = "unpriced",
		.type = CONF_BLOCK,
		AT(config, unpriced),
		.block = &config_unpriced_block,
		.help = "Models without a price." },
	{ .name = "limits",
		.type = CONF_BLOCK,
		AT(config, limits),
		.block = &limits_block,
		.help = "Sizes and numbers." },
	{ .name = "timeouts",
		.type = CONF_BLOCK,
		AT(config, timeouts),
		.block = &timeouts_block,
		.help = "Clocks towards clients." },
	{ .name = "upstream",
		.type = CONF_BLOCK,
		AT(config, upstream),
		.block = &upstream_block,
		.help = "Clocks and pool towards providers." },
	{ .name = "targets",
		.type = CONF_MAP,
		AT(config, targets),
		.block = &target_block,
		.help = "Accounts at providers." },
	{ .name = "models",
		.type = CONF_MAP,
		AT(config, models),
		.block = &config_model_block,
		.help = "What clients may ask for." },
	{ .name = "routes",
		.type = CONF_MAP,
		AT(config, routes),
		.block = &config_route_block,
		.help = "How targets are chosen." },
	{ .name = "rules",
		.type = CONF_LIST,
		AT(config, rules),
		.block = &config_rule_block,
		.help = "Other models or routes for some requests; the first that matches." },
	{ .name = "tiers",
		.type = CONF_MAP,
		AT(config, tiers),
		.block = &tier_block,
		.help = "Classes of tenants." },
	{ .name = "orgs",
		.type = CONF_MAP,
		AT(config, orgs),
		.block = &org_block,
		.help = "Organisations." },
	{ .name = "budgets",
		.type = CONF_LIST,
		AT(config, budgets),
		.block = &config_budget_block,
		.help = "Limits on the requests of several tenants." },
	{ .name = "guardrails",
		.type = CONF_LIST,
		AT(config, guardrails),
		.block = &config_guardrail_block,
		.help = "What happens before limits are used up." },
	{ .name = "tenants",
		.type = CONF_MAP,
		AT(config, tenants),
		.block = &tenant_block,
		.help = "Who may ask, and with which keys." },
	{ .name = "tags",
		.type = CONF_BLOCK,
		AT(config, tags),
		.block = &tags_block,
		.help = "Which tags requests have." },
	{ .name = "cors",
		.type = CONF_BLOCK,
		AT(config, cors),
		.block = &config_cors_block,
		.help = "Requests from web pages." },
	{ .name = "log",
		.type = CONF_BLOCK,
		AT(config, log),
		.block = &log_block,
		.help = "Logs." },
	{ .name = "ledger",
		.type = CONF_BLOCK,
		AT(config, ledger),
		.block = &config_ledger_block,
		.help = "The write-ahead ledger." },
	{ .name = "redis",
		.type = CONF_BLOCK,
		AT(config, redis),
		.block = &config_redis_block,
		.help = "Limits shared by several processes." },
	{ .name = "client_abort",
		.type = CONF_BLOCK,
		AT(config, client_abort),
		.block = &config_abort_block,
		.help = "Clients that go before their answer is complete." },
	{ .name = "trusted_proxies",
		.type = CONF_STRINGS,
		AT(config, trusted_proxies),
		.help = "Networks (`10.0.0.0/8`, or `unix`) of proxies in front of this one, whose "
			"`client_header` is believed; absent: nobody's is." },
	{ .name = "client_header",
		.type = CONF_ENUM,
		AT(config, client_header),
		.def = "x-forwarded-for",
		.words = config_client_header_words,
		.help = "In which header trusted proxies tell who asked them. Only this one is "
			"read: the other may be the client's own." },
	{ .name = "geoip",
		.type = CONF_BLOCK,
		AT(config, geoip),
		.block = &config_geoip_block,
		.help = "Databases of where clients are." },
	{ .name = "geo",
		.type = CONF_BLOCK,
		AT(config, geo),
		.block = &config_geo_root_block,
		.help = "Where clients may be, and where they are served." },
	{ .name = NULL },
};
static const char *const root_later[] = { "notify", "cache", NULL };

const struct conf_block config_root = {
	.name = "top level",
	.help = "What stands at the top of the file.",
	.size = sizeof(struct config),
	.directives = root_directives,
	.check = config_check_root,
	.later = root_later,
};
