/*
 * config_target.c: the directive tables of targets, which are accounts at providers: where they
 * are, whose dialect they speak, their keys and tokens; and the combinations that would leak one.
 * Part of config.c's tables.
 */
#include "core/config_table.h"

#include "base/log.h"
#include "core/key_pool.h"
#include "proto/url.h"

static const char *const *known_providers;

void config_set_providers(const char *const *names)
{
	known_providers = names;
}

/* ---- one of several keys */

static int check_target_key(struct conf_load *l, void *obj)
{
	const struct cfg_target_key *k = obj;

	return config_check_name(l, "key", &k->id);
}

static const struct conf_directive target_key_directives[] = {
	{ .name = "id",
		.type = CONF_STRING,
		AT(cfg_target_key, id),
		.flags = CONF_REQUIRED,
		.help = "What logs and metrics call it; unique in the target." },
	{ .name = "key",
		.type = CONF_SECRET,
		AT(cfg_target_key, key),
		.flags = CONF_REQUIRED,
		.help = "The API key." },
	{ .name = "weight",
		.type = CONF_INT,
		AT(cfg_target_key, weight),
		.def = "1",
		.min = 1,
		.max = 1000,
		.help = "Its share of the target's requests." },
	{ .name = NULL },
};
static const struct conf_block target_keys_block = {
	.name = "target key",
	.help = "One of several keys of a target.",
	.size = sizeof(struct cfg_target_key),
	.directives = target_key_directives,
	POS_OF(cfg_target_key),
	.check = check_target_key,
};

/* ---- keys and tokens */

static bool is_version_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static int check_target_keys(struct conf_load *l, const struct cfg_target *t)
{
	const struct cfg_target_key *v = t->keys.v;

	if (t->keys.n > KEY_POOL_MAX)
		return conf_fail_at(l, &t->keys, "`%.*s` has %zu keys; at most %d are possible",
			STR_FMT(t->name), t->keys.n, KEY_POOL_MAX);
	for (size_t i = 0; i < t->keys.n; i++) {
		if (v[i].key.n == 0)
			return conf_fail_at(l, &v[i].key,
				"key `%.*s` of `%.*s` is empty: a request with it would be refused",
				STR_FMT(v[i].id), STR_FMT(t->name));
		for (size_t k = 0; k < i; k++)
			if (str_eq(v[k].id, v[i].id))
				return conf_fail_at(l, &v[i].id,
					"`%.*s` has two keys called `%.*s`; logs and metrics tell "
					"them apart by `id`",
					STR_FMT(t->name), STR_FMT(v[i].id));
	}
	return 0;
}

static int check_token(struct conf_load *l, const struct cfg_target *t)
{
	int n = (t->key.n > 0) + (t->token_file.n > 0) + (t->token_command.n > 0) + (t->keys.n > 0);

	if (n > 1)
		return conf_fail_at(l,
			t->token_file.n > 0      ? (const void *)&t->token_file
			: t->token_command.n > 0 ? (const void *)&t->token_command
						 : (const void *)&t->keys,
			"`%.*s` has more than one of `key`, `keys`, `token_file` and "
			"`token_command`; say which one it is",
			STR_FMT(t->name));
	if (check_target_keys(l, t) != 0)
		return -1;
	if (t->token_file.n > 0 && t->token_file.p[0] != '/')
		return conf_fail_at(l, &t->token_file,
			"`token_file` must be an absolute path, such as /run/secrets/token");
	for (size_t i = 0; i < t->api_version.n; i++)
		if (!is_version_char(t->api_version.p[i]))
			return conf_fail_at(l, &t->api_version,
				"`api_version` must be a date such as 2024-10-21, preview or v1");
	return 0;
}

/* ---- targets */

static int check_provider(struct conf_load *l, const struct str *provider)
{
	char all[256] = "";
	size_t n = 0, len = 0;
	const char *near;

	if (known_providers == NULL)
		return 0;
	for (; known_providers[n] != NULL; n++) {
		if (str_eq(*provider, str_z(known_providers[n])))
			return 0;
		if (len < sizeof all)
			len += (size_t)snprintf(all + len, sizeof all - len, "%s%s",
				n > 0 ? ", " : "", known_providers[n]);
	}
	near = str_nearest(*provider, known_providers, n);
	if (near != NULL)
		return conf_fail_at(l, provider,
			"unknown provider `%.*s`; did you mean `%s`? known are: %s",
			STR_FMT(*provider), near, all);
	return conf_fail_at(
		l, provider, "unknown provider `%.*s`; known are: %s", STR_FMT(*provider), all);
}

static int check_proxy(struct conf_load *l, const struct str *proxy)
{
	const char *why = "it must begin with http:// and end after the port";
	struct url u;

	if (proxy->n == 0)
		return 0;
	if (url_parse(*proxy, &u, &why) == 0 && !u.tls && u.path.n == 0)
		return 0;
	return conf_fail_at(l, proxy, "`proxy` must be http://host:port: %s", why);
}

static int check_target(struct conf_load *l, void *obj)
{
	const struct cfg_target *t = obj;
	const char *why = "";
	struct conf_pos pos;
	struct url u;

	if (config_check_name(l, "target", &t->name) != 0 || check_provider(l, &t->provider) != 0)
		return -1;
	if (check_token(l, t) != 0)
		return -1;
	/* Absent: its provider's own, to be had by TLS, or on this machine. */
	if (url_parse(t->base_url.n > 0 ? t->base_url : STR("https://localhost"), &u, &why) != 0)
		return conf_fail_at(l, &t->base_url,
			"`base_url` must be a URL such as https://api.example.com: %s", why);
	if (!u.tls && t->key.n + t->keys.n + t->token_file.n + t->token_command.n > 0 &&
		!t->allow_plaintext && !config_host_is_loopback(u.host))
		return conf_fail_at(l, &t->base_url,
			"unsafe combination: the %s of `%.*s` would go to %.*s unencrypted; use "
			"https://, or "
			"say `allow_plaintext: true` if the network in between is yours",
			t->key.n > 0    ? "`key`"
			: t->keys.n > 0 ? "`keys`"
					: "token",
			STR_FMT(t->name), STR_FMT(u.host));
	if (!t->tls_verify && u.tls) {
		pos = conf_pos_of(l, &t->tls_verify);
		log_warn("certificates of a provider are not verified", "target=%.*s at=%s:%u:%u",
			STR_FMT(t->name), pos.file, pos.line, pos.col);
	}
	if (config_check_capabilities(l, &t->capabilities) != 0)
		return -1;
	return config_check_health_check(l, t) != 0 ? -1 : check_proxy(l, &t->proxy);
}

static const char *const output_limit_words[] = { "auto", "max_tokens", "max_completion_tokens",
	NULL };
static const char *const chat_api_words[] = { "completions", "responses", NULL };

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
		.block = &target_keys_block,
		.help = "Instead of `key`: several of the same account or of others. Each request "
			"takes one, by weight, of those that the provider neither refuses nor "
			"tells to wait." },
	{ .name = "token_file",
		.type = CONF_STRING,
		AT(cfg_target, token_file),
		.help = "Instead of a key: a file with a bearer token that somebody else keeps "
			"fresh, alone or as JSON (access_token, expires_on). Read every 30 "
			"seconds, or ahead of its end. Absent: none." },
	{ .name = "token_command",
		.type = CONF_STRING,
		AT(cfg_target, token_command),
		.help = "Instead of a key: a shell command that prints a bearer token, such as az "
			"account get-access-token. Run every 5 minutes, or ahead of the token's "
			"end; one that fails keeps the old token until it expires. Absent: none." },
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
			"under the model's name; preview, v1 or none ask under /openai/v1. Absent: "
			"none." },
	{ .name = "region",
		.type = CONF_STRING,
		AT(cfg_target, region),
		.help = "Where the provider works, as its price list calls it (eu, us-gov-west-1): "
			"some "
			"models cost more there. Told in the access log. Absent: nowhere in "
			"particular." },
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
		.help = "What this account pays less than the list price. Absent: 0%." },
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
		.help = "PEM file of certificate authorities to trust; absent: the system's." },
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
			"always do. A request in the target's own API keeps its fields. Absent: no "
			"others." },
	{ .name = "proxy",
		.type = CONF_STRING,
		AT(cfg_target, proxy),
		.help = "http://host:port of a proxy to reach the provider through. Absent: "
			"none." },
	{ .name = "timeouts",
		.type = CONF_BLOCK,
		AT(cfg_target, timeouts),
		.block = &config_target_timeouts_block,
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
			"json_schema, documents, audio, reasoning; goes before the price book. "
			"What is absent is as the book says." },
	{ .name = "health_check",
		.type = CONF_BLOCK,
		AT(cfg_target, health_check),
		.block = &config_health_check_block,
		.help = "Ask it now and then whether it is well; absent: what requests meet "
			"says it." },
	{ .name = NULL },
};
static const struct conf_hint target_hints[] = {
	{ "api_key", "`key`" },
	{ "apikey", "`key`" },
	{ "token", "`key`, `token_file` or `token_command`" },
	{ "type", "`provider`" },
	{ "url", "`base_url`" },
	{ "api_base", "`base_url`" },
	{ "endpoint", "`base_url`" },
	{ "model", "`models` at the top level, with this target in its `targets`" },
	{ "models", "`models` at the top level, with this target in their `targets`" },
	{ "timeout", "`timeouts: { first_byte: ..., total: ... }`" },
	{ "rpm", "`limits: { requests: 600/m }`" },
	{ "tpm", "`limits: { tokens: 200000/m }`" },
	{ NULL, NULL },
};
const struct conf_block config_target_block = {
	.name = "target",
	.help = "An account at a provider, under a name of your choice.",
	.size = sizeof(struct cfg_target),
	.directives = target_directives,
	POS_OF(cfg_target),
	.check = check_target,
	.hints = target_hints,
};
