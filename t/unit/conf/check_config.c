/*
 * check_config.c: tollgate's own tables: defaults, references, duplicates and unsafe combinations,
 * each with its place; the shipped files; what is printed from the tables.
 */
#include "unit/conf/tables.h"

#include <jansson.h>

#include "base/log.h"

#define LISTEN "listen: 127.0.0.1:0\n"
#define HASH_A "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define HASH_B "1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014"

static const char *const providers[] = { "openai", "anthropic", NULL };

static void setup(void)
{
	arena_init(&arena, NULL, 0);
	memset(&err, 0, sizeof err);
	config_set_providers(providers);
	log_threshold = LOG_L_ERROR; /* a warning about tls_verify is meant */
	ck_assert_int_eq(setenv("OPENAI_API_KEY", "sk-from-env", 1), 0);
	ck_assert_int_eq(setenv("ANTHROPIC_API_KEY", "sk-ant-from-env", 1), 0);
}

static void teardown(void)
{
	arena_fini(&arena);
	config_set_providers(NULL);
}

#define TARGETS "targets: { openai: { provider: openai, base_url: https://api.openai.com } }\n"
#define MODELS  "models: { gpt-4o-mini: { targets: openai } }\n"

static const struct wrong {
	const char *yaml, *error;
} wrongs[] = {
	{ "workers: 1\n", "t.yaml:1:1: `listen` is missing at the top level: Where applications "
			  "connect; at least "
			  "one address." },
	{ "listen: []\n", "t.yaml:1:1: `listen` is empty at the top level: Where applications "
			  "connect; at least one "
			  "address." },
	{ "workers: 129\n" LISTEN,
		"t.yaml:1:10: `workers` must be auto or a whole number from 1 to 128, not `129`" },
	/* what people write who know other programs */
	{ LISTEN "server: { port: 1 }\n",
		"t.yaml:2:1: unknown directive `server` at the top level; "
		"write `listen: 127.0.0.1:4000`" },
	{ "listen: { port: 4000 }\n", "t.yaml:1:11: unknown directive `port` in the listen block; "
				      "write `address: 127.0.0.1:4000`" },
	{ LISTEN "targets: { a: { provider: openai, api_key: x } }\n",
		"t.yaml:2:35: unknown directive `api_key` in the target block; write `key`" },
	{ LISTEN "targets: { a: { provider: OpenAI } }\n",
		"t.yaml:2:27: unknown provider `OpenAI`; did you mean `openai`? known are: openai, "
		"anthropic" },
	{ LISTEN "targets: { a: { provider: openai, key: $OPENAI_API_KEY } }\n",
		"t.yaml:2:40: `key` is the text `$OPENAI_API_KEY`; the value of a variable is "
		"`${env:OPENAI_API_KEY}` (a secret that does look like this comes from "
		"`${file:/path}`)" },
	{ LISTEN "targets: { a: { provider: openai, key: '${OPENAI_API_KEY}' } }\n",
		"t.yaml:2:40: `key` has a `${` that is neither ${env:NAME} nor ${file:/path}; did "
		"you mean `${env:OPENAI_API_KEY}`?" },
	{ LISTEN TARGETS "models: { gpt: openai }\n",
		"t.yaml:3:16: `gpt` in `models` must be a map of directives such as `gpt: { "
		"targets: ... }`, not a single value" },
	{ LISTEN "models: [ gpt ]\n",
		"t.yaml:2:9: `models` must be a map of names to blocks such as `models: { NAME: { "
		"targets: ... } }`, not a list" },
	{ LISTEN "admin: 127.0.0.1:1\n",
		"t.yaml:2:8: `admin` must be a block of directives such as "
		"`admin: { address: ... }`, not a single value" },
	{ LISTEN "budgets: { team: { limits: { cost: 5 usd/day } } }\n",
		"t.yaml:2:12: `budgets` is a list of blocks, not a map: write `- { name: ... }` "
		"for each, instead of `team:`" },
	{ LISTEN "tenants: { a: { keys: { id: k, key: sk-x } } }\n",
		"t.yaml:2:32: unknown directive `key` in the key block; write `sha256`, the hash "
		"of the key: `tgctl keys create` prints both" },
	{ LISTEN "tenants: { a: { limits: { cost: $50/day } } }\n",
		"t.yaml:2:33: `$50/day`: an amount of money says its currency: `50 usd`, as in `50 "
		"usd/day`, `1000 usd/month`, `10 usd/24h`" },
	{ LISTEN "tenants: { a: { limits: { rpm: 60 } } }\n",
		"t.yaml:2:27: unknown directive `rpm` in the scope limits block; write `requests: "
		"600/m`" },
	{ LISTEN "log: { level: INFO }\n",
		"t.yaml:2:15: `level` must be one of debug, info, notice, "
		"warn, error, not `INFO`; did you mean `info`?" },
	{ LISTEN "log: { access: yes }\n",
		"t.yaml:2:16: `access` must be the name of a file, stdout or off, not `yes`" },
	{ LISTEN "redis: { host: h }\n",
		"t.yaml:2:10: unknown directive `host` in the redis block; "
		"write `url: redis://HOST:PORT`" },
	/* later versions */
	{ LISTEN "notify: {}\n", "t.yaml:2:1: `notify` is not part of this version yet" },
	{ LISTEN "cache: {}\n", "t.yaml:2:1: `cache` is not part of this version yet" },
	{ LISTEN "tiers: { a: { quality: {} } }\n",
		"t.yaml:2:15: `quality` is not part of this version yet" },
	{ LISTEN "tiers: { a: { batch: {} } }\n",
		"t.yaml:2:15: `batch` is not part of this version yet" },
	{ LISTEN "tiers: { a: { cache: {} } }\n",
		"t.yaml:2:15: `cache` is not part of this version yet" },
	{ LISTEN "orgs: { a: { currency: eur } }\n",
		"t.yaml:2:14: `currency` is not part of this version yet" },
	{ LISTEN "target: {}\n", "t.yaml:2:1: unknown directive `target` at the top level; did you "
				 "mean `targets`?" },
	/* addresses */
	{ "listen: [ a:1, b:2, a:1 ]\n",
		"t.yaml:1:21: `a:1` is listened on twice, also at t.yaml:1:11" },
	{ "listen: a:1\nadmin: { address: a:1, token: x }\n",
		"t.yaml:1:9: `a:1` is the address of `admin`" },
	{ LISTEN "admin: { address: 0.0.0.0:4001 }\n",
		"t.yaml:2:19: `admin` on 0.0.0.0:4001 can be reached from other machines and has "
		"no `token`; add "
		"`token: ${env:TOLLGATE_ADMIN_TOKEN}`, or use 127.0.0.1 or unix:/path" },
	{ LISTEN "admin: { address: '[::]:1' }\n",
		"t.yaml:2:19: `admin` on [::]:1 can be reached from other machines and has no "
		"`token`; add "
		"`token: ${env:TOLLGATE_ADMIN_TOKEN}`, or use 127.0.0.1 or unix:/path" },
	{ LISTEN "admin: { address: '*:1' }\n",
		"t.yaml:2:19: `admin` on *:1 can be reached from other machines and has no "
		"`token`; add "
		"`token: ${env:TOLLGATE_ADMIN_TOKEN}`, or use 127.0.0.1 or unix:/path" },
	{ LISTEN "admin: { address: 127.evil.example:1 }\n",
		"t.yaml:2:19: `admin` on 127.evil.example:1 can be reached from other machines and "
		"has no `token`; "
		"add `token: ${env:TOLLGATE_ADMIN_TOKEN}`, or use 127.0.0.1 or unix:/path" },
	{ "listen: { address: a:1, tls: { certificate: x } }\n",
		"t.yaml:1:30: `key` is missing in the certificate block: PEM file with the private "
		"key." },
	/* limits */
	{ LISTEN "limits: { head: 64k }\n", "t.yaml:2:17: `head` must be a size such as 512, 64k, "
					    "8m or 1g, from 1k to 65535, not `64k`" },
	{ LISTEN "limits: { json_body: 33m, body: 1m }\n",
		"t.yaml:2:22: `json_body` must not be larger than `body`" },
	{ LISTEN "limits: { body: 1m }\n",
		"t.yaml:2:9: `json_body` must not be larger than `body`" },
	{ LISTEN "limits:\n  memory: 16m\n  json_body: 1m\n  held_response: 17m\n",
		"t.yaml:5:18: `held_response` must not be larger than `memory`" },
	{ LISTEN "timeouts: { idle: 75 }\n", "t.yaml:2:19: `idle` needs a unit: write `75s` for "
					     "seconds (units: ms, s, m, h, d)" },
/* redis */
#define MEMBERS "members: [ a, b ]"
#define REDIS   LISTEN "member: a\nredis: "
	{ REDIS "{ " MEMBERS " }\n",
		"t.yaml:3:8: `url` says where Redis is, and `members` who shares the limits: both "
		"are needed" },
	{ REDIS "{ url: 'redis://h' }\n",
		"t.yaml:3:8: `url` says where Redis is, and `members` who shares the limits: both "
		"are needed" },
	{ REDIS "{ url: 'http://h', " MEMBERS " }\n",
		"t.yaml:3:15: `url` is redis://HOST:PORT/DATABASE, rediss:// (TLS) or unix:/PATH, "
		"not `http://h`" },
	{ REDIS "{ url: 'redis://u:p@h', " MEMBERS " }\n",
		"t.yaml:3:15: a password in `url` would be shown where the configuration is; write "
		"`username:` and `password: ${env:NAME}` beside it" },
	{ REDIS "{ url: 'redis://h', tls: { ca: x }, " MEMBERS " }\n",
		"t.yaml:3:15: `tls` is given, but this is not rediss://" },
	{ REDIS "{ url: [ 'redis://h', 'redis://i' ], " MEMBERS " }\n",
		"t.yaml:3:15: several addresses are the nodes of a cluster or the sentinels: say "
		"`mode: cluster` or `mode: sentinel`" },
	{ REDIS "{ url: 'unix:/x', mode: cluster, " MEMBERS " }\n",
		"t.yaml:3:15: `unix:` is for `mode: standalone`" },
	{ REDIS "{ url: 'redis://h', mode: sentinel, " MEMBERS " }\n",
		"t.yaml:3:8: `primary` is the name that sentinels know the primary by, and belongs "
		"to `mode: sentinel`" },
	{ REDIS "{ url: 'redis://h', username: u, " MEMBERS " }\n",
		"t.yaml:3:38: a `username` without a `password`" },
	{ REDIS "{ url: 'redis://h', sentinel_password: p, " MEMBERS " }\n",
		"t.yaml:3:47: `sentinel_password` belongs to `mode: sentinel`" },
	{ REDIS "{ url: 'redis://h', mode: sentinel, primary: p, sentinel_username: u, " MEMBERS
		" }\n",
		"t.yaml:3:75: a `sentinel_username` without a `sentinel_password`" },
	{ REDIS "{ url: 'rediss://h', tls: { key: k }, " MEMBERS " }\n",
		"t.yaml:3:34: `certificate` and `key` belong together" },
	{ REDIS "{ url: 'redis://h', prefix: 'a{b}', " MEMBERS " }\n",
		"t.yaml:3:36: `prefix` has letters, digits and . _ : - in it, not `a{b}`" },
	{ REDIS "{ url: 'redis://h', members: [ a, 'b,c' ] }\n",
		"t.yaml:3:42: a member's name is 1 to 32 letters, digits and . _ -, not `b,c`" },
	{ REDIS "{ url: 'redis://h', members: [ a, b, a ] }\n",
		"t.yaml:3:45: the member `a` is named twice" },
	{ REDIS "{ url: 'redis://h', members: [ b ] }\n",
		"t.yaml:3:37: `member` is `a`, which is not among `redis.members`: each process "
		"has a name of its own there" },
	{ REDIS "{ url: 'redis://h', " MEMBERS " }\nledger: { path: none }\n",
		"t.yaml:3:8: `redis` needs a ledger: what this process has spent and which epochs "
		"it knows are kept there; `ledger.path` is none" },
	{ REDIS "{ url: 'redis://h', " MEMBERS " }\norgs: { o: { limits: { cost: 9000001 "
		"usd/month } } }\n",
		"t.yaml:4:22: a limit that is shared through `redis` ends at 9,000,000 USD (or 9 * "
		"10^15 of anything else)" },
	/* targets */
	{ LISTEN "targets:\n  a: { base_url: https://x }\n",
		"t.yaml:3:6: `provider` is missing in the target block: Whose dialect the target "
		"speaks, such as openai "
		"or anthropic." },
	{ LISTEN "targets: { a: { provider: opnai, base_url: https://x } }\n",
		"t.yaml:2:27: unknown provider `opnai`; did you mean `openai`? known are: openai, "
		"anthropic" },
	{ LISTEN "targets: { a: { provider: zzzzzzzzzz, base_url: https://x } }\n",
		"t.yaml:2:27: unknown provider `zzzzzzzzzz`; known are: openai, anthropic" },
	{ LISTEN "targets: { a/b: { provider: openai, base_url: https://x } }\n",
		"t.yaml:2:12: the name of a target has letters, digits and . _ : @ - in it, not "
		"`a/b`" },
	{ LISTEN "targets: { a: { provider: openai, base_url: http://10.0.0.1, key: k } }\n",
		"t.yaml:2:45: unsafe combination: the `key` of `a` would go to 10.0.0.1 "
		"unencrypted; use https://, or "
		"say `allow_plaintext: true` if the network in between is yours" },
	{ LISTEN "targets: { a: { provider: openai, base_url: http://127.0.0.1.evil.example, key: "
		 "k } }\n",
		"t.yaml:2:45: unsafe combination: the `key` of `a` would go to "
		"127.0.0.1.evil.example unencrypted; "
		"use https://, or say `allow_plaintext: true` if the network in between is yours" },
	{ LISTEN "targets: { a: { provider: openai, base_url: https://x, weight: 1001 } }\n",
		"t.yaml:2:64: `weight` must be a whole number from 0 to 1000, not `1001`" },
	{ LISTEN "targets: { a: { provider: openai, base_url: https://x, timeouts: { conect: 1s } "
		 "} }\n",
		"t.yaml:2:68: unknown directive `conect` in the target timeouts block; did you "
		"mean `connect`?" },
	{ LISTEN "targets: { a: { provider: openai, base_url: https://x, region: '${env:HOME}' } "
		 "}\n",
		"t.yaml:2:64: `${env:...}` and `${file:...}` are allowed in secret directives "
		"only, and `region` is "
		"none; write the value itself" },
	/* references */
	{ LISTEN TARGETS "models:\n  a: { targets: opnai }\n",
		"t.yaml:4:17: there is no target `opnai`; did you mean `openai`?" },
	{ LISTEN TARGETS "models:\n  a:\n    targets: [ openai, { model: x, target: zzzz } ]\n",
		"t.yaml:5:44: there is no target `zzzz`; define it under `targets`" },
	{ LISTEN "models: { a: {} }\n", "t.yaml:2:14: `targets` is missing in the model block: "
					"Where the model is served; at least one." },
	{ LISTEN "models: { a: { targets: [] } }\n",
		"t.yaml:2:16: `targets` is empty in the model block: Where the model is served; at "
		"least one." },
	{ LISTEN TARGETS "models: { 'a b': { targets: openai } }\n",
		"t.yaml:3:11: the name of a model is printable ASCII without spaces, not `a b`" },
	{ LISTEN TARGETS MODELS "tiers: { t: { models: [ gpt-4o-mini, gpt-4-mini ] } }\n",
		"t.yaml:4:38: there is no model `gpt-4-mini`; did you mean `gpt-4o-mini`?" },
	{ LISTEN "tiers: { pro: {} }\ntenants:\n  a: { tier: prp }\n",
		"t.yaml:4:14: there is no tier `prp`; did you mean `pro`?" },
	{ LISTEN "tenants:\n  a: { org: acme }\n",
		"t.yaml:3:13: there is no org `acme`; define it under `orgs`" },
	{ LISTEN TARGETS MODELS "tenants:\n  a:\n    keys:\n      - { id: k, sha256: " HASH_A
				", models: [ gpt ] }\n",
		"t.yaml:7:102: there is no model `gpt`; define it under `models`" },
	/* keys */
	{ LISTEN "tenants: { a: { keys: [ { id: k } ] } }\n",
		"t.yaml:2:25: `sha256` is missing in the key block: SHA-256 of the key as 64 hex "
		"digits; `tgctl keys "
		"create` prints key and line." },
	{ LISTEN "tenants: { a: { keys: k } }\n",
		"t.yaml:2:23: `sha256` is missing in the key block: SHA-256 of the key as 64 hex "
		"digits; `tgctl keys "
		"create` prints key and line." },
	{ LISTEN "tenants:\n  a: { keys: { id: k, sha256: " HASH_A
		 " } }\n  b: { keys: { id: k, sha256: " HASH_B " } }\n",
		"t.yaml:4:20: duplicate key id `k`; first given at t.yaml:3:20" },
	{ LISTEN "tenants:\n  a: { keys: { id: k, sha256: " HASH_A
		 " } }\n  b: { keys: { id: m, sha256: " HASH_A " } }\n",
		"t.yaml:4:31: the same key twice: `k` has this `sha256` too, at t.yaml:3:31" },
	{ LISTEN "tenants: { a: { keys: { id: k, sha256: tg-oops } } }\n",
		"t.yaml:2:40: `sha256` must be a SHA-256 as 64 hex digits (`tgctl keys hash` "
		"prints it), not 7 "
		"characters" },
	{ LISTEN "tenants: { a: { keys: { id: k, sha256: " HASH_A ", expires: 2027-02-30 } } }\n",
		"t.yaml:2:115: `expires` must be a date such as 2027-01-31 or "
		"2027-01-31T18:00:00Z, not `2027-02-30`" },
	/* places and regions */
	{ LISTEN "geoip: {}\n",
		"t.yaml:2:8: `geoip` names no database: give `country`, `asn` or both" },
	{ LISTEN "geoip: { asn: /x, tag: country }\n",
		"t.yaml:2:24: `tag` needs a database of countries: give `country`" },
	{ LISTEN "geoip: { country: /x, tag: 'a b' }\n",
		"t.yaml:2:28: a tag's name has letters, digits and . _ - in it, not `a b`" },
	{ LISTEN "geo: { deny: [ KP, UK ] }\n",
		"t.yaml:2:20: `UK`: the code of the United Kingdom is GB" },
	{ LISTEN "geo: { allow: [] }\n",
		"t.yaml:2:15: an empty list: name at least one place, or leave it out" },
	{ LISTEN "geo: { deny: [ KP ] }\n",
		"t.yaml:2:16: `KP` needs a database: give `geoip: { country: FILE }`" },
	{ LISTEN "geoip: { country: /x }\ntiers: { t: { geo: { deny: AS1 } } }\n",
		"t.yaml:3:28: `AS1` needs a database: give `geoip: { asn: FILE }`" },
	{ LISTEN TARGETS "tenants: { a: { regions: [ ue ] } }\n",
		"t.yaml:3:28: no target has the `region` `ue`: say where your targets are, such as "
		"`region: eu`" },
	{ LISTEN "targets: { o: { provider: openai, base_url: 'https://a.b', region: europe } }\n"
		 "tenants: { a: { regions: [ eurpe ] } }\n",
		"t.yaml:3:28: no target has the `region` `eurpe`; did you mean `europe`?" },
	{ LISTEN "tenants: { a: { regions: [] } }\n",
		"t.yaml:2:26: an empty list: name at least one region, or leave it out to allow "
		"all" },
	{ LISTEN "trusted_proxies: [ 10.0.0.1/8 ]\n",
		"t.yaml:2:20: `10.0.0.1/8` has bits set behind its length: a smaller or a larger "
		"network was meant" },
	{ LISTEN "trusted_proxies: lan\n",
		"t.yaml:2:18: `lan` is no network such as 10.0.0.0/8 or 2001:db8::/32" },
	{ LISTEN "client_header: x-real-ip\n",
		"t.yaml:2:16: `client_header` must be one of x-forwarded-for, forwarded, not "
		"`x-real-ip`" },
/* shadows: SHADOW is of m, to n */
#define SHADOW(words, lab)                                                                 \
	LISTEN "targets: { o: { provider: openai, base_url: 'https://a.b' } }\n"           \
	       "tiers: { soft: { hold: expected, limits: { cost: 1 usd/day } } }\n"        \
	       "models: { n: { targets: o }, m: { targets: o, shadow: { " words " } } }\n" \
	       "tenants: { lab: { " lab "keys: [ { id: l, sha256: " HASH_A " } ] } }\n"
	{ SHADOW("to: n, key: l", ""),
		"t.yaml:4:55: `share` is missing in the shadow block: So many of the requests "
		"are copied." },
	{ SHADOW("to: n, key: l, share: 0%", ""),
		"t.yaml:4:79: a share of 0%: leave the shadow out, or say how many of the requests "
		"are copied, such as 5%" },
	{ SHADOW("to: x, key: l, share: 5%", ""),
		"t.yaml:4:61: there is no model `x`; define it under `models`" },
	{ SHADOW("to: m, key: l, share: 5%", ""), "t.yaml:4:61: `m` cannot be its own shadow" },
	{ SHADOW("to: n, key: x, share: 5%", ""), "t.yaml:4:69: there is no key with the id `x`; "
						  "define it under a tenant of its own, "
						  "whose limits are the budget" },
	{ SHADOW("to: n, key: l, share: 5%", "limits: { tokens: 5/day }, "),
		"t.yaml:4:69: neither key `l` nor its tenant or tier has a limit on cost; what "
		"shadows may spend is to be said: `limits: { cost: 10 usd/day }`" },
	{ SHADOW("to: n, key: l, share: 5%", "tier: soft, "),
		"t.yaml:4:69: tier `soft` of key `l` does not hold all that a request may cost "
		"(`hold`), and a shadow's budget is a hard one: take full or incremental" },
	{ LISTEN "targets: { o: { provider: openai, base_url: 'https://a.b' } }\n"
		 "models: { m: { targets: o, hedge: { after: soon } } }\n",
		"t.yaml:3:44: `after` must be p95, or a duration such as 800ms, not `soon`" },
	/* tags */
	{ LISTEN "tags: { required: [ team ] }\ntenants: { a: { tags: { tem: x } } }\n",
		"t.yaml:3:25: the tag `tem` is in neither `tags.required` nor `tags.optional`; did "
		"you mean `team`?" },
	{ LISTEN "tenants: { a: { tags: { 'a,b': x } } }\n",
		"t.yaml:2:25: a tag's name has letters, digits and . _ - in it, not `a,b`" },
	{ LISTEN "tags: { optional: [ 'a=b' ] }\n",
		"t.yaml:2:21: a tag's name has letters, digits and . _ - in it, not `a=b`" },
	{ LISTEN "tags: { on_missing: rejct }\n",
		"t.yaml:2:21: `on_missing` must be one of ignore, warn, reject, not `rejct`; did "
		"you mean `reject`?" },
	/* pages */
	{ LISTEN "cors: { origins: [ '*', https://a.example/ ] }\n",
		"t.yaml:2:25: an origin is `*` or scheme://host[:port] without a path, not "
		"`https://a.example/`" },
	{ LISTEN "cors: { origins: '*.example.com' }\n",
		"t.yaml:2:18: an origin is `*` or scheme://host[:port] without a path, not "
		"`*.example.com`" },
	{ LISTEN "cors: { headers: [ 'a b' ] }\n", "t.yaml:2:20: `a b` is no header name" },
};

START_TEST(errors_have_their_place)
{
	ck_assert_msg(load(wrongs[_i].yaml) == -1, "%s was taken", wrongs[_i].yaml);
	ck_assert_str_eq(err.text, wrongs[_i].error);
}
END_TEST

static const char *const rights[] = {
	SHADOW("to: n, key: l, share: 5%", "limits: { cost: 1 usd/day }, "),
	"listen: [ 127.0.0.1:0, 127.0.0.1:0, unix:/x ]\n",
	LISTEN "admin: { address: 127.1.2.3:1 }\n",
	LISTEN "admin: { address: '[::1]:1' }\n",
	LISTEN "admin: { address: localhost:1 }\n",
	LISTEN "admin: { address: unix:/run/x }\n",
	LISTEN "admin: { address: 0.0.0.0:1, token: t }\n",
	LISTEN "targets: { a: { provider: openai, base_url: http://127.0.0.1:8000, key: k } }\n",
	LISTEN "targets: { a: { provider: openai, base_url: 'http://[::1]:8000', key: k } }\n",
	LISTEN "targets: { a: { provider: openai, base_url: http://localhost:8000, key: k } }\n",
	LISTEN "targets: { a: { provider: openai, base_url: http://10.0.0.1 } }\n",
	LISTEN "targets: { a: { provider: openai, base_url: http://10.0.0.1, key: k, "
	       "allow_plaintext: true } }\n",
	LISTEN "targets: { a: { provider: openai, base_url: https://x, tls_verify: false } }\n",
	LISTEN "targets: { a: { provider: openai, base_url: https://x, proxy: http://p:3128 } }\n",
	LISTEN TARGETS MODELS
	"tiers: { t: { models: gpt-4o-mini } }\ntenants: { a: { tier: t } }\n",
	LISTEN "tags: { optional: [ team ] }\ntenants: { a: { tags: { team: 'a,b' } } }\n",
	LISTEN "tenants: { a: { tags: { anything: x } } }\n",
	LISTEN
	"cors: { origins: [ https://a.example:8443, 'http://[::1]:3000', tauri://localhost ] }\n",
};

START_TEST(what_is_safe_is_taken)
{
	ck_assert_msg(load(rights[_i]) == 0, "%s: %s", rights[_i], err.text);
}
END_TEST

START_TEST(urls_are_checked)
{
	static const char *const bad_url[] = { "api.openai.com", "ftp://x", "https://",
		"https://u:p@x", "https://x?q=1", "https://x#f" };
	static const char *const bad_proxy[] = { "https://p:1", "http://p:1/path", "p:1" };
	char yaml[256];

	for (size_t i = 0; i < TG_ARRAY_LEN(bad_url); i++) {
		snprintf(yaml, sizeof yaml,
			LISTEN "targets: { a: { provider: openai, base_url: '%s' } }\n",
			bad_url[i]);
		ck_assert_msg(load(yaml) == -1, "%s was taken", bad_url[i]);
		ck_assert_ptr_eq(strstr(err.text, "t.yaml:2:45: `base_url` must be a URL such as "),
			err.text);
	}
	for (size_t i = 0; i < TG_ARRAY_LEN(bad_proxy); i++) {
		snprintf(yaml, sizeof yaml,
			LISTEN
			"targets: { a: { provider: openai, base_url: https://x, proxy: '%s' } }\n",
			bad_proxy[i]);
		ck_assert_msg(load(yaml) == -1, "%s was taken", bad_proxy[i]);
		ck_assert_ptr_eq(
			strstr(err.text, "t.yaml:2:63: `proxy` must be http://host:port: "),
			err.text);
	}
}
END_TEST

START_TEST(defaults_are_the_documented_ones)
{
	const struct cfg_target *t;

	ck_assert_msg(load(LISTEN TARGETS) == 0, "%s", err.text);
	ck_assert_int_eq(config.workers, 0);
	ck_assert_int_eq(config.limits.head_bytes, 32 << 10);
	ck_assert_int_eq(config.limits.body_bytes, 512 << 20);
	ck_assert_int_eq(config.limits.json_bytes, 32 << 20);
	ck_assert_int_eq(config.limits.hold_bytes, 2 << 20);
	ck_assert_int_eq(config.limits.memory_bytes, 1 << 30);
	ck_assert_int_eq(config.limits.connections, 65536);
	ck_assert_int_eq(config.timeouts.idle_us, 75000000);
	ck_assert_int_eq(config.timeouts.drain_us, 600000000);
	ck_assert_int_eq(config.upstream.first_byte_us, 600000000);
	ck_assert_int_eq(config.upstream.total_us, 3600000000);
	ck_assert_int_eq(config.upstream.pool, 64);
	ck_assert_int_eq(config.tags.on_missing, CFG_MISSING_WARN);
	ck_assert_int_eq(config.log.level, LOG_L_INFO);
	UNIT_STR_EQ(config.log.access, STR("off"));
	ck_assert_uint_gt(config.member.n, 0);
	ck_assert_uint_gt(config.cors.headers.n, 10);
	ck_assert_uint_eq(config.cors.origins.n, 0);
	t = config.targets.v;
	ck_assert(t->tls_verify);
	ck_assert(!t->allow_plaintext);
	ck_assert_int_eq(t->weight, 1);
	ck_assert_int_eq(t->timeouts.connect_us, 0); /* inherited */
	ck_assert_int_eq(t->timeouts.pool, 0);
}
END_TEST

START_TEST(words_match_the_enums)
{
	static const struct {
		const char *word;
		int level;
	} levels[] = { { "debug", LOG_L_DEBUG }, { "info", LOG_L_INFO }, { "notice", LOG_L_NOTICE },
		{ "warn", LOG_L_WARN }, { "error", LOG_L_ERROR } };
	char yaml[128];

	for (size_t i = 0; i < TG_ARRAY_LEN(levels); i++) {
		snprintf(yaml, sizeof yaml, LISTEN "log: { level: %s }\n", levels[i].word);
		ck_assert_int_eq(load(yaml), 0);
		ck_assert_int_eq(config.log.level, levels[i].level);
	}
	ck_assert_int_eq(load(LISTEN "tags: { on_missing: ignore }\n"), 0);
	ck_assert_int_eq(config.tags.on_missing, CFG_MISSING_IGNORE);
	ck_assert_int_eq(load(LISTEN "tags: { on_missing: reject }\n"), 0);
	ck_assert_int_eq(config.tags.on_missing, CFG_MISSING_REJECT);
}
END_TEST

/* ---- printing
 * --------------------------------------------------------------------------------------- */

static void put_reference(FILE *f)
{
	conf_reference(f, &config_root);
}

/* The dump loads, and prints the same again. Returns it. */
static char *dump_twice(void)
{
	char *first = print(put_dump), *second;

	ck_assert_msg(load(first) == 0, "%s\n%s", err.text, first);
	second = print(put_dump);
	ck_assert_str_eq(first, second);
	free(second);
	return first;
}

START_TEST(dumps_load_again)
{
	char *dump;

	ck_assert_msg(load(LISTEN "admin: { address: '*:1', token: admin-secret }\n"
				  "targets: { t: { provider: openai, base_url: https://x, key: "
				  "'${env:OPENAI_API_KEY}', tls_verify: no,\n"
				  "    timeouts: { connect: 1500ms } } }\n"
				  "models: { \"m:x\": { targets: [ t, { target: t, model: \"quoted "
				  "\\\" and \\\\\", weight: 7 } ] } }\n"
				  "tiers: { t: }\norgs: { o: {} }\n"
				  "tenants:\n  x: { org: o, tier: t, disabled: on, markup: 12.5%, "
				  "tags: { team: '- #: x', e: '' },\n"
				  "    keys: [ { id: k, sha256: " HASH_A
				  ", expires: 2027-01-01T12:00:00+01:00, models: m:x } ] }\n"
				  "cors: { headers: [] }\n") == 0,
		"%s", err.text);
	dump = dump_twice();
	ck_assert_ptr_null(strstr(dump, "secret"));
	ck_assert_ptr_null(strstr(dump, "sk-from-env"));
	ck_assert_ptr_nonnull(strstr(dump, "  token: \"********\"\n"));
	ck_assert_ptr_nonnull(strstr(dump, "    key: \"********\"\n"));
	ck_assert_ptr_nonnull(strstr(dump, "      connect: 1500ms\n"));
	ck_assert_ptr_nonnull(strstr(dump, "    tls_verify: false\n"));
	ck_assert_ptr_nonnull(strstr(dump, "        model: \"quoted \\\" and \\\\\"\n"));
	ck_assert_ptr_nonnull(strstr(dump, "  t:\n    hold: full\n"));
	ck_assert_ptr_nonnull(strstr(dump, "    markup: 12.5%\n"));
	ck_assert_ptr_nonnull(strstr(dump, "expires: 2027-01-01T11:00:00.000000Z\n"));
	ck_assert_ptr_nonnull(strstr(dump, "  headers: []\n"));
	ck_assert_ptr_nonnull(strstr(dump, "      e: \"\"\n"));
	free(dump);
}
END_TEST

static const char *source_file(const char *name)
{
	static char path[512];
	const char *top = getenv("TG_SRCDIR");

	snprintf(path, sizeof path, "%s/%s", top != NULL ? top : ".", name);
	return path;
}

START_TEST(shipped_files_load)
{
	static const char *const files[] = { "conf/minimal.yaml", "conf/tollgate.yaml" };

	for (size_t i = 0; i < TG_ARRAY_LEN(files); i++) {
		ck_assert_msg(conf_load_file(source_file(files[i]), &config_root, &arena, &config,
				      &err) == 0,
			"%s", err.text);
		ck_assert_uint_gt(config.tenants.n, 0);
		free(dump_twice());
	}
}
END_TEST

/* Every directive below b, by name. */
static void each_directive(const struct conf_block *b,
	void (*f)(const struct conf_block *, const struct conf_directive *, void *), void *arg)
{
	for (const struct conf_directive *d = b->directives; d->name != NULL; d++) {
		f(b, d, arg);
		if (d->block != NULL)
			each_directive(d->block, f, arg);
	}
}

static void in_schema(const struct conf_block *b, const struct conf_directive *d, void *arg)
{
	char name[64];
	json_t *block = arg, *p;

	snprintf(name, sizeof name, "%s", b->name);
	for (char *c = name; *c != '\0'; c++)
		if (*c == ' ')
			*c = '-';
	if (b != &config_root)
		block = json_object_get(json_object_get(arg, "$defs"), name);
	p = json_object_get(json_object_get(block, "properties"), d->name);
	ck_assert_msg(json_is_object(p), "%s of %s is not in the schema", d->name, b->name);
	ck_assert_str_eq(json_string_value(json_object_get(p, "description")), d->help);
	ck_assert_int_eq(json_object_get(p, "default") != NULL, d->def != NULL);
}

START_TEST(schema_is_json_with_every_directive)
{
	char *text = print(put_schema);
	json_error_t why;
	json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &why);

	ck_assert_msg(schema != NULL, "%d:%d: %s", why.line, why.column, why.text);
	each_directive(&config_root, in_schema, schema);
	ck_assert(
		json_is_object(json_object_get(json_object_get(schema, "properties"), "include")));
	json_decref(schema);
	free(text);
}
END_TEST

static char changed[400];

static void note_changed(const char *path)
{
	size_t n = strlen(changed);

	snprintf(changed + n, sizeof changed - n, "%s ", path);
}

START_TEST(what_only_a_restart_takes_up_is_told)
{
	static struct config was;

	ck_assert_int_eq(load(LISTEN "member: a\n"), 0);
	was = config;
	changed[0] = '\0';
	ck_assert_int_eq(load(LISTEN "member: a\nlog: { level: error, access: stdout }\n"
				     "admin: { token: x }\nlimits: { body: 1g }\n"),
		0);
	conf_changed_at_start(&config_root, &was, &config, note_changed);
	ck_assert_str_eq(changed, "");
	ck_assert_int_eq(
		load("listen: a:1\nworkers: 128\nmember: b\nadmin: { address: 'unix:/a' }\n"
		     "limits: { memory: 2g, sessions: 16 }\nlog: { error: /e }\n"
		     "ledger: { path: /l, durability: 'off', interval: 20ms, segment: 1m,\n"
		     "  retain: 1d, salvage: yes, indeterminate: input }\n"),
		0);
	conf_changed_at_start(&config_root, &was, &config, note_changed);
	ck_assert_str_eq(changed,
		"workers admin.address member limits.memory limits.sessions log.error ledger.path "
		"ledger.durability ledger.interval ledger.segment ledger.retain ledger.salvage ");
}
END_TEST

static void in_reference(const struct conf_block *b, const struct conf_directive *d, void *arg)
{
	char row[96];
	bool nested = d->type == CONF_BLOCK || d->type == CONF_LIST || d->type == CONF_MAP;

	snprintf(row, sizeof row, "\n| `%s` | ", d->name);
	ck_assert_msg(strstr(arg, row) != NULL, "%s has no row", d->name);
	ck_assert_msg(strstr(arg, d->help) != NULL, "the help of %s is missing", d->name);
	ck_assert_msg(
		d->help[strlen(d->help) - 1] == '.', "the help of %s is no sentence", d->name);
	if (d->def == NULL && (d->flags & CONF_REQUIRED) == 0 && !nested)
		ck_assert_msg(strstr(d->help, "bsent") != NULL || strstr(d->help, "0: ") != NULL ||
				      strstr(d->help, "ithout") != NULL ||
				      strstr(b->help, "absent") != NULL,
			"neither %s of %s nor its block says what holds where it is absent",
			d->name, b->name);
}

static void no_hint_for(const struct conf_block *b, const struct conf_directive *d, void *arg)
{
	(void)arg;
	for (const struct conf_hint *h = b->hints; h != NULL && h->name != NULL; h++)
		ck_assert_msg(strcmp(h->name, d->name) != 0,
			"`%s` is a directive of %s: its hint is never given", h->name, b->name);
}

START_TEST(hints_are_for_what_there_is_not)
{
	each_directive(&config_root, no_hint_for, NULL);
}
END_TEST

START_TEST(the_reference_page_is_current)
{
	char *text = print(put_reference), *page = malloc(1 << 20);
	FILE *f = fopen(source_file("docs/reference/configuration.md"), "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(page);
	n = fread(page, 1, (1 << 20) - 1, f);
	page[n] = '\0';
	fclose(f);
	each_directive(&config_root, in_reference, text);
	ck_assert_msg(strstr(page, text) != NULL,
		"docs/reference/configuration.md is not what the tables say: write the output of "
		"`t/tools/conf_print reference` there");
	free(page);
	free(text);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, errors_have_their_place, 0, TG_ARRAY_LEN(wrongs));
	tcase_add_loop_test(tc, what_is_safe_is_taken, 0, TG_ARRAY_LEN(rights));
	tcase_add_test(tc, urls_are_checked);
	tcase_add_test(tc, defaults_are_the_documented_ones);
	tcase_add_test(tc, words_match_the_enums);
	tcase_add_test(tc, dumps_load_again);
	tcase_add_test(tc, what_only_a_restart_takes_up_is_told);
	tcase_add_test(tc, shipped_files_load);
	tcase_add_test(tc, schema_is_json_with_every_directive);
	tcase_add_test(tc, hints_are_for_what_there_is_not);
	tcase_add_test(tc, the_reference_page_is_current);
}

UNIT_MAIN("config", tests)
