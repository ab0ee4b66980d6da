/*
 * config.h: tollgate.yaml as C structs. config.c and its config_*.c
 * hold the directive tables that fill them, with the checks that need more than one directive
 * (dangling references, unsafe combinations). What the
 * engine derives from them (sockets, TLS contexts, maps) is the plan: plan.h. Immutable once
 * loaded.
 */
#ifndef TG_CORE_CONFIG_H
#define TG_CORE_CONFIG_H

#include "base/digest.h"
#include "conf/conf.h"
#include "core/config_route.h"
#include "money/pricebook.h"
#include "quota/limit.h"
#include "quota/offline.h"

struct cfg_cert { /* tls: { certificate, key } or a list of them (chosen by SNI) */
	struct str certificate, key;
	struct conf_pos pos;
};

struct cfg_listen {
	struct str address;    /* 127.0.0.1:4000, [::]:4000, *:4000, unix:/path; port 0: the kernel
				  chooses */
	struct conf_array tls; /* of cfg_cert; empty: plain HTTP */
	bool proxy_protocol;   /* a PROXY header comes first, and only then the client */
	struct conf_pos pos;
};

struct cfg_admin {
	struct str address; /* empty: no admin listener */
	struct str token;   /* required unless the address is loopback or unix */
	struct conf_pos pos;
};

/* client side limits and clocks */
struct cfg_limits {
	int64_t head_bytes; /* head: 32k, at most 64k-1 */
	int64_t body_bytes; /* body: 512m, any request body (uploads are streamed) */
	int64_t json_bytes; /* json_body: 32m, bodies that are read as a whole */
	int64_t hold_bytes; /* held_response: 2m, JSON answers held for the cost header; larger ones
			       stream */
	int64_t memory_bytes; /* memory: 1g, request and response bytes in memory over all workers
			       */
	int64_t connections;  /* over all workers; 0 none: default 65536 */
	int64_t connections_per_address; /* 0: no limit */
	int64_t requests_per_connection; /* 0: no limit */
	int64_t sessions;                /* and end users whose use is remembered: 65536 */
};

struct cfg_timeouts {      /* client clocks, microseconds */
	int64_t idle_us;   /* idle: 75s between requests */
	int64_t head_us;   /* head: 10s from first byte of a head to its end */
	int64_t body_us;   /* body: 30s without a byte of the request body */
	int64_t body_rate; /* body_rate: bytes a second averaged that a body must reach after
			      body_us; 0 off; CONF_SIZE */
	int64_t send_us;   /* send: 60s without the client taking a byte */
	int64_t send_rate; /* send_rate: bytes a second averaged over send_us that a client must
			      take while there are any for it; 0 off */
	int64_t drain_us;  /* drain: 10m */
};

struct cfg_upstream {             /* provider clocks and pool: a block of defaults and per target */
	int64_t connect_us;       /* 5s, per address */
	int64_t first_byte_us;    /* 10m: reasoning models think long */
	int64_t between_bytes_us; /* 2m */
	int64_t send_us;          /* 30s without the provider taking a byte */
	int64_t total_us;         /* 60m */
	int64_t idle_us;          /* keep_alive: 60s in the pool */
	int64_t pool;             /* idle connections kept per worker: 64 */
};

/* The defaults of the directives below: a check that was not written has these and no path. */
#define HEALTH_CHECK_INTERVAL 10000000
#define HEALTH_CHECK_TIMEOUT  2000000
#define HEALTH_CHECK_GOOD     2
#define HEALTH_CHECK_BAD      3
struct cfg_health_check { /* of a target; path empty: none */
	struct str path;
	int64_t interval_us, timeout_us;
	int64_t healthy, unhealthy; /* checks in a row */
	struct conf_pos pos;
};

struct cfg_target_key {
	struct str id;
	struct str key; /* secret */
	int64_t weight;
	struct conf_pos pos;
};

struct cfg_target {
	struct str name;     /* must stay first: the map key */
	struct str provider; /* "openai", "anthropic" (dialect registry: modules/providers) */
	struct str base_url;
	struct str key;                       /* secret; may be empty (local servers) */
	struct conf_array keys;               /* struct cfg_target_key: instead, several */
	struct str token_file, token_command; /* instead: a bearer token that changes */
	struct str profile;                   /* Bedrock: of the shared credentials file */
	struct str api_version;               /* Azure; empty: its paths without versions */
	struct str region;
	int64_t weight;           /* 0..1000; 0: a spare */
	int64_t discount_bp;      /* contracted price = list price - this */
	int on_client_abort;      /* enum abort_policy */
	struct str ca;            /* PEM file: trust this instead of the system store */
	bool tls_verify;          /* default true */
	bool allow_plaintext;     /* a key may go over plain http to another host */
	int chat_api;             /* enum chat_api: where chats are asked for */
	int output_limit;         /* enum output_limit: what it calls the limit of an answer */
	struct conf_strings pass; /* fields of the client's that go with a translated request */
	struct str proxy; /* http://host:port: CONNECT (https) or absolute-form (http) through it */
	struct cfg_upstream timeouts; /* values of 0 inherit from config.upstream */
	struct cfg_target_limits limits;
	struct cfg_health_check health_check;
	struct conf_tags capabilities; /* vision: false */
	struct conf_pos pos;
};

struct cfg_ledger {
	struct str path; /* "none": no ledger */
	int durability;  /* enum journal_durability */
	int64_t interval_us, segment_bytes, retain_us;
	int indeterminate; /* enum indeterminate_policy */
	bool salvage;
};

#define CFG_WORKERS_MAX QUOTA_THREADS /* sums of accounts have room for so many */
#define CFG_MEMBERS_MAX 32
#define CFG_MEMBER_MAX  32                        /* characters of a member's name */
#define CFG_LEASED_MAX  INT64_C(9000000000000000) /* the largest limit that is shared */
enum cfg_redis_mode { CFG_REDIS_STANDALONE, CFG_REDIS_SENTINEL, CFG_REDIS_CLUSTER };
struct cfg_redis_tls {
	struct str ca, certificate, key;
};
struct cfg_redis {               /* limits shared by several processes */
	struct conf_strings url; /* empty: no redis */
	int mode;                /* enum cfg_redis_mode */
	struct str primary;
	struct conf_strings members;
	struct str username, password;
	struct str sentinel_username, sentinel_password;
	struct cfg_redis_tls tls;
	struct str prefix;
	int64_t timeout_us, revalidate_us;
	int64_t wait_replicas;
	bool share_targets; /* what is known of them */
	bool ship;          /* the ledger, to a stream */
	int64_t ship_keep, ship_retain_us;
	int64_t config_version; /* as given, or the newest file's time in ms */
	struct conf_pos pos;
};

struct cfg_abort { /* clients that go before their answer is complete */
	int64_t drain_us, drain_max;
};

struct cfg_model_target {  /* "openai" or { target: openai, model: gpt-4o, weight: 2 } */
	struct str target; /* scalar form fills this */
	struct str model;  /* upstream id; empty: the client's name */
	int64_t weight;    /* 0: the target's */
	struct conf_tags capabilities; /* over the target's */
	struct conf_pos pos;
};

enum on_unsupported { UNSUPPORTED_REFUSE, UNSUPPORTED_DROP };
struct cfg_shadow { /* of a model: copies of its requests */
	struct str to, key;
	int64_t share_bp;
	int64_t max_body, in_flight;
	struct conf_pos pos;
};

struct cfg_hedge {        /* of a model; after empty: none */
	struct str after; /* as written: p95 or a duration */
	int64_t after_us; /* what it says; 0: p95 */
	int64_t share_bp, max_body;
	struct conf_pos pos;
};

struct cfg_model {
	struct str name;
	struct conf_array targets;    /* of cfg_model_target, at least one */
	int on_unsupported;           /* enum on_unsupported */
	struct str route;             /* empty: split by weight */
	struct conf_strings fallback; /* models */
	struct conf_array shadow;     /* of cfg_shadow */
	struct cfg_hedge hedge;
	struct conf_pos pos;
};

#define CFG_QUOTA_LIMITS 16
#define CFG_GUEST_LIMITS 4
struct cfg_quota {                                /* what a scope may use */
	struct conf_strings text[QUOTA_DIM__MAX]; /* as written */
	struct quota_limit *limit;                /* what it says */
	unsigned n;
	struct conf_pos pos;
};

struct cfg_increase {                      /* more of a limit of the same scope, for a time */
	struct str dimension, text, until; /* as written */
	struct quota_limit limit;          /* so much more */
	struct conf_pos pos;
};

struct cfg_credit {               /* prepaid: when the limits on cost of its place are used up */
	struct str name;          /* empty: the day on which it expires */
	int64_t amount;           /* pico-USD */
	struct str from, expires; /* as written; empty: always, never */
	struct conf_pos pos;
};

struct cfg_reserved {                       /* of a limit of the same place: this tenant's alone */
	struct str tenant, dimension, text; /* as written */
	struct quota_limit limit;
	struct conf_pos pos;
};

struct cfg_pool { /* of a tier: shared by its tenants */
	struct cfg_quota limits;
	struct conf_array reserved;  /* of cfg_reserved */
	struct conf_array increases; /* of cfg_increase */
	struct str timezone;
	struct conf_pos pos;
};

struct cfg_geoip {               /* databases of where addresses are */
	struct str country, asn; /* files; empty: none */
	struct str tag;          /* name of the tag with the country; empty: none */
	struct conf_pos pos;
};

struct cfg_geo {                         /* where clients may be */
	struct conf_strings allow, deny; /* words of geo_set.h; absent: no list */
	struct conf_array residency;     /* of cfg_residency; at the top only */
	struct conf_pos pos;
};

struct cfg_residency {                 /* clients of some countries, */
	struct conf_strings countries; /* words of geo_set.h */
	struct conf_strings regions;   /* by these targets only */
	struct conf_pos pos;
};

/* Which header of trusted proxies says who the client is. */
enum client_header { CLIENT_HEADER_XFF, CLIENT_HEADER_FORWARDED };

struct cfg_without {
	int how[QUOTA_DIM__MAX]; /* enum quota_offline_how */
};
struct cfg_allowance {
	int64_t share_bp;
	int64_t amount[QUOTA_DIM__MAX]; /* pico-USD of cost; 0: not stated */
};

struct cfg_tier {
	struct str name;
	struct cfg_quota limits; /* of each of its tenants */
	struct cfg_pool pool;
	struct cfg_quota session, end_user; /* of each session and end user of each tenant */
	struct conf_strings models;         /* empty: all */
	int64_t generation_price; /* pico-USD: billed for an image, video or speech; 0: cost and
				     markup */
	int hold;                 /* enum hold_mode */
	struct cfg_without without_redis;
	struct cfg_allowance allowance;
	struct quota_offline offline; /* both, as limits know it */
	int without_ledger;           /* 0: closed; 1: open, where no limit is on money */
	int64_t max_tokens;           /* of an answer; 0: no limit */
	int64_t max_cost;             /* of a request, pico-USD; 0: no limit */
	struct cfg_geo geo;           /* where its tenants' clients may be */
	struct conf_strings regions;  /* of targets that may serve them; absent: all */
	bool may_degrade;             /* by guardrails */
	struct conf_pos pos;
};

struct cfg_key {
	struct str id;
	uint8_t sha256[SHA256_LEN];
	struct conf_strings models; /* empty: what the tier allows */
	int64_t expires_us;         /* 0: never */
	bool disabled;
	struct conf_tags tags;
	struct cfg_quota limits, session, end_user;
	struct conf_array increases;
	int64_t max_tokens, max_cost; /* a tier's */
	struct cfg_geo geo;
	struct conf_strings regions;
	struct conf_pos pos;
};

struct cfg_tenant {
	struct str name;
	struct str org, tier;
	bool disabled;
	struct conf_tags tags;
	int64_t markup_bp;
	struct cfg_quota limits;            /* beside the tier's, or instead of the same */
	struct cfg_quota session, end_user; /* beside the tier's */
	struct conf_array increases;        /* of cfg_increase; the tier's limits too */
	struct conf_array credits;          /* of cfg_credit */
	int64_t overdraft;                  /* pico-USD; 0: none */
	int64_t max_tokens, max_cost;       /* beside the tier's */
	struct cfg_geo geo;                 /* likewise */
	struct conf_strings regions;        /* likewise */
	bool may_degrade;                   /* likewise: one of them suffices */
	struct str timezone;                /* empty: the org's */
	struct conf_array keys;             /* of cfg_key */
	struct conf_pos pos;
};

struct cfg_org {
	struct str name;
	struct cfg_quota limits; /* of its tenants together */
	struct conf_array increases, reserved, credits;
	int64_t overdraft;
	struct str timezone;
	struct conf_pos pos;
};

struct cfg_budget {
	struct str name;
	struct conf_tags match; /* "tag.team" = "research", "tenant" = ...; none: every request */
	struct cfg_quota limits;
	struct conf_array increases;
	struct str timezone;
	struct conf_pos pos;
};

enum cfg_guard_what { GUARD_NOTIFY, GUARD_DEGRADE, GUARD_BLOCK };
struct cfg_degrade {
	struct str from, to; /* models */
	struct conf_pos pos;
};
struct cfg_guard {
	struct str budget, tier; /* one of them */
	struct conf_strings at, words;
	struct conf_array degrade; /* of cfg_degrade */
	int64_t cooldown_us;
	struct cfg_guard_step { /* what `at` and `do` say: at.n of them */
		int64_t bp;
		enum cfg_guard_what what;
	} * step;
	bool degrades;
	struct conf_pos pos;
};

struct cfg_tag_rules {
	struct conf_strings required, optional; /* both empty: any tag name is taken */
	int on_missing; /* enum cfg_on_missing: ignore, warn (default), reject */
};
enum chat_api { CHAT_API_COMPLETIONS, CHAT_API_RESPONSES };
enum output_limit { OUTPUT_LIMIT_AUTO, OUTPUT_LIMIT_MAX_TOKENS, OUTPUT_LIMIT_COMPLETION };
enum cfg_on_missing { CFG_MISSING_IGNORE, CFG_MISSING_WARN, CFG_MISSING_REJECT };

struct cfg_cors { /* absent origins: no CORS headers, OPTIONS gets 204 with Allow only */
	struct conf_strings origins; /* "*" or exact origins */
	struct conf_strings headers; /* allowed request headers; default: what the SDKs send */
	int64_t max_age_us;
	struct conf_pos pos;
};

struct cfg_log {
	struct str access; /* path, "stdout", or "off" (default off) */
	struct str error;  /* path; empty: standard error */
	int level;         /* enum log_level */
};

/* price_overrides: entries of a price file (docs/reference/prices.md), as they are written there */
struct cfg_price_step {
	int64_t above;
	struct conf_tags per_mtok;
};

struct cfg_price_rates { /* a service tier or variant */
	struct str name; /* must stay first: the map key; empty for service tiers */
	struct conf_tags per_mtok, per_unit;
	struct str per_request;
	struct conf_array tiers; /* of cfg_price_step */
};

struct cfg_price_region {
	struct cfg_price_rates plain; /* must stay first, with the name */
	struct cfg_price_rates service[SERVICE__MAX];
};

struct cfg_price {
	struct str provider, model;
	struct conf_strings aliases;
	bool free;
	struct cfg_price_rates plain, service[SERVICE__MAX]; /* [SERVICE_STANDARD] is not used */
	struct conf_array variants;                          /* of cfg_price_rates */
	struct conf_array regions;                           /* of cfg_price_region */
	struct conf_tags uplift;
	int64_t max_input, max_output; /* 0: not said */
	struct conf_tags capabilities; /* as written; config_price_block has checked them */
	struct str valid_from, source, date;
	struct conf_pos pos;
};

enum cfg_unpriced_action { UNPRICED_ESTIMATE, UNPRICED_REJECT };
struct cfg_unpriced { /* requests for models that no price file has */
	int action;
	pico_usd input, output; /* USD per million tokens, in pico */
	pico_usd request;       /* on top; 0: nothing */
};

struct config {
	int64_t workers; /* auto = 0 */
	struct conf_array listen;
	struct cfg_admin admin;
	struct str member;
	struct conf_strings prices;        /* files; empty: the built-in price book */
	struct conf_array price_overrides; /* of cfg_price */
	struct cfg_unpriced unpriced;
	struct cfg_limits limits;
	struct cfg_timeouts timeouts;
	struct cfg_upstream upstream;
	struct conf_array targets, models, tiers, orgs, tenants, budgets;
	struct conf_array guardrails;    /* of cfg_guard */
	struct conf_array routes, rules; /* of cfg_route, of cfg_rule */
	struct cfg_tag_rules tags;
	struct cfg_cors cors;
	struct cfg_log log;
	struct cfg_ledger ledger;
	struct cfg_redis redis;
	struct cfg_abort client_abort;
	struct conf_strings trusted_proxies; /* networks, or "unix" */
	int client_header;                   /* enum client_header */
	struct cfg_geoip geoip;
	struct cfg_geo geo;
};

/* The root table: for conf_load_file, conf_dump, conf_schema, conf_reference. */
extern const struct conf_block config_root;

/*
 * The providers a target may name, NULL-terminated; kept, not copied. Call before loading. Without
 * it any name is taken.
 */
void config_set_providers(const char *const *names);

#endif
