/*
 * config_listen.c: the directive tables of the listeners: for applications, the admin's, and which
 * web pages may ask (cors). Part of config.c's tables.
 */
#include "core/config_table.h"

/* What the OpenAI and Anthropic SDKs send from a browser, and our own. */
#define CORS_HEADERS                                                                            \
	"[authorization, content-type, x-api-key, api-key, x-goog-api-key, anthropic-version, " \
	"anthropic-beta, anthropic-dangerous-direct-browser-access, openai-organization, "      \
	"openai-project, "                                                                      \
	"openai-beta, idempotency-key, x-stainless-arch, x-stainless-lang, x-stainless-os, "    \
	"x-stainless-package-version, x-stainless-runtime, x-stainless-runtime-version, "       \
	"x-stainless-retry-count, x-stainless-timeout, x-stainless-helper-method, "             \
	"x-tollgate-tags, "                                                                     \
	"x-tollgate-session, x-tollgate-end-user, x-tollgate-max-cost, x-tollgate-route, "      \
	"x-tollgate-explain]"

static const struct conf_directive cert_directives[] = {
	{ .name = "certificate",
		.type = CONF_STRING,
		AT(cfg_cert, certificate),
		.flags = CONF_REQUIRED,
		.help = "PEM file with the certificate and its chain." },
	{ .name = "key",
		.type = CONF_STRING,
		AT(cfg_cert, key),
		.flags = CONF_REQUIRED,
		.help = "PEM file with the private key." },
	{ .name = NULL },
};
static const struct conf_block cert_block = {
	.name = "certificate",
	.help = "A certificate of a listener. Of several, the one whose name the client asks for "
		"(SNI) is used, "
		"otherwise the first. Files are read again on reload.",
	.size = sizeof(struct cfg_cert),
	.directives = cert_directives,
	POS_OF(cfg_cert),
};

static const struct conf_directive listen_directives[] = {
	{ .name = "address",
		.type = CONF_STRING,
		AT(cfg_listen, address),
		.flags = CONF_REQUIRED,
		.help = "Where to accept connections: 127.0.0.1:4000, [::]:4000, *:4000 or "
			"unix:/path; "
			"port 0 lets the system choose." },
	{ .name = "tls",
		.type = CONF_LIST,
		AT(cfg_listen, tls),
		.block = &cert_block,
		.help = "Certificates for TLS; without it plain HTTP is spoken." },
	{ .name = "proxy_protocol",
		.type = CONF_BOOL,
		AT(cfg_listen, proxy_protocol),
		.def = "false",
		.help = "Each connection begins with a PROXY header, version 1 or 2, of a load "
			"balancer, which says who the client is; one without is closed. Only the "
			"balancer may reach such an address." },
	{ .name = NULL },
};
static const struct conf_hint listen_hints[] = {
	{ "port", "`address: 127.0.0.1:4000`" },
	{ "host", "`address: 127.0.0.1:4000`" },
	{ "certificate", "`tls: { certificate: ..., key: ... }`" },
	{ NULL, NULL },
};
const struct conf_block config_listen_block = {
	.name = "listen",
	.help = "A listener for applications. A single address may stand for the block.",
	.size = sizeof(struct cfg_listen),
	.directives = listen_directives,
	POS_OF(cfg_listen),
	.hints = listen_hints,
};

/* ---- the admin listener */

/* The host of "host:port" or "[v6]:port". */
static struct str address_host(struct str address)
{
	size_t end;

	if (str_starts(address, STR("["))) {
		end = str_chr(address, ']');
		return end == (size_t)-1 ? STR_NONE : str_mk(address.p + 1, end - 1);
	}
	end = str_chr(address, ':');
	return str_mk(address.p, end == (size_t)-1 ? address.n : end);
}

static int check_admin(struct conf_load *l, void *obj)
{
	const struct cfg_admin *a = obj;

	if (a->address.n == 0 || a->token.n > 0 || str_starts(a->address, STR("unix:")))
		return 0;
	if (config_host_is_loopback(address_host(a->address)))
		return 0;
	return conf_fail_at(l, &a->address,
		"`admin` on %.*s can be reached from other machines and has no `token`; add "
		"`token: ${env:TOLLGATE_ADMIN_TOKEN}`, or use 127.0.0.1 or unix:/path",
		STR_FMT(a->address));
}

static const struct conf_directive admin_directives[] = {
	{ .name = "address",
		.type = CONF_STRING,
		AT(cfg_admin, address),
		.flags = CONF_AT_START,
		.help = "Where the admin listener (health, metrics) accepts connections; without "
			"it there is none." },
	{ .name = "token",
		.type = CONF_SECRET,
		AT(cfg_admin, token),
		.help = "Bearer token for the admin listener; required unless its address is "
			"loopback or a unix "
			"socket. Absent: none is asked for." },
	{ .name = NULL },
};
static const struct conf_hint admin_hints[] = {
	{ "port", "`address: 127.0.0.1:4001`" },
	{ "host", "`address: 127.0.0.1:4001`" },
	{ "listen", "`address`" },
	{ "password", "`token`" },
	{ NULL, NULL },
};
const struct conf_block config_admin_block = {
	.name = "admin",
	.help = "The admin listener: /livez, /readyz and /metrics.",
	.size = sizeof(struct cfg_admin),
	.directives = admin_directives,
	POS_OF(cfg_admin),
	.check = check_admin,
	.hints = admin_hints,
};

/* ---- web pages */

/* scheme://host[:port] as browsers send it (RFC 6454 section 6.2); schemes of apps count too */
static bool is_origin(struct str s)
{
	size_t at = str_find(s, STR("://"));
	struct str host;

	if (at == (size_t)-1 || at == 0)
		return false;
	host = str_skip(s, at + 3);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '*')
			return false;
	return host.n > 0 && strcspn(host.p, "/?#@") >= host.n;
}

static int check_cors(struct conf_load *l, void *obj)
{
	const struct cfg_cors *c = obj;

	for (size_t i = 0; i < c->origins.n; i++) {
		const struct str *o = &c->origins.v[i];

		if (!str_eq(*o, STR("*")) && !is_origin(*o))
			return conf_fail_at(l, o,
				"an origin is `*` or scheme://host[:port] without a path, not "
				"`%.*s`",
				STR_FMT(*o));
	}
	for (size_t i = 0; i < c->headers.n; i++) {
		const struct str *h = &c->headers.v[i];

		for (size_t k = 0; k < h->n; k++)
			if (!config_is_tag_char(h->p[k]))
				return conf_fail_at(l, h, "`%.*s` is no header name", STR_FMT(*h));
	}
	return 0;
}

static const struct conf_directive cors_directives[] = {
	{ .name = "origins",
		.type = CONF_STRINGS,
		AT(cfg_cors, origins),
		.help = "Origins whose pages may send requests, such as https://app.example.com, "
			"or `*`; absent: "
			"none." },
	{ .name = "headers",
		.type = CONF_STRINGS,
		AT(cfg_cors, headers),
		.def = CORS_HEADERS,
		.help = "Request headers that such pages may send." },
	{ .name = "max_age",
		.type = CONF_DURATION,
		AT(cfg_cors, max_age_us),
		.def = "2h",
		.max = DAY,
		.help = "How long a browser may remember the answer, in whole seconds." },
	{ .name = NULL },
};
const struct conf_block config_cors_block = {
	.name = "cors",
	.help = "Requests from web pages (cross-origin resource sharing).",
	.size = sizeof(struct cfg_cors),
	.directives = cors_directives,
	POS_OF(cfg_cors),
	.check = check_cors,
};
