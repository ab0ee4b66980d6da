/*
 * fields.c: the two lists of header fields that stay behind. Pure.
 */
#include "core/fields.h"

enum { DROP_REQUEST = 1, DROP_RESPONSE = 2, DROP_BOTH = 3 };

static const unsigned char drop[HTTP_N__MAX] = {
	/* hop-by-hop, framing: we write our own */
	[HTTP_N_CONNECTION] = DROP_BOTH,
	[HTTP_N_KEEP_ALIVE] = DROP_BOTH,
	[HTTP_N_PROXY_CONNECTION] = DROP_BOTH,
	[HTTP_N_PROXY_AUTHENTICATE] = DROP_BOTH,
	[HTTP_N_PROXY_AUTHORIZATION] = DROP_BOTH,
	[HTTP_N_TE] = DROP_BOTH,
	[HTTP_N_TRAILER] = DROP_BOTH,
	[HTTP_N_TRANSFER_ENCODING] = DROP_BOTH,
	[HTTP_N_UPGRADE] = DROP_BOTH,
	[HTTP_N_CONTENT_LENGTH] = DROP_BOTH,
	[HTTP_N_HOST] = DROP_REQUEST,
	[HTTP_N_EXPECT] = DROP_REQUEST,
	[HTTP_N_ACCEPT_ENCODING] = DROP_REQUEST,
	[HTTP_N_CONTENT_ENCODING] = DROP_BOTH,
	/* credentials and what identifies the client to the provider, or the operator's account to
	   the client */
	[HTTP_N_AUTHORIZATION] = DROP_BOTH,
	[HTTP_N_X_API_KEY] = DROP_BOTH,
	[HTTP_N_API_KEY] = DROP_BOTH,
	[HTTP_N_X_GOOG_API_KEY] = DROP_BOTH,
	[HTTP_N_COOKIE] = DROP_REQUEST,
	[HTTP_N_SET_COOKIE] = DROP_RESPONSE,
	[HTTP_N_ORIGIN] = DROP_REQUEST,
	[HTTP_N_FORWARDED] = DROP_REQUEST,
	[HTTP_N_X_FORWARDED_FOR] = DROP_REQUEST,
	[HTTP_N_X_FORWARDED_PROTO] = DROP_REQUEST,
	[HTTP_N_X_FORWARDED_HOST] = DROP_REQUEST,
	[HTTP_N_X_REAL_IP] = DROP_REQUEST,
	[HTTP_N_VIA] = DROP_BOTH,
	[HTTP_N_OPENAI_ORGANIZATION] = DROP_BOTH,
	[HTTP_N_OPENAI_PROJECT] = DROP_BOTH,
	[HTTP_N_ANTHROPIC_ORGANIZATION_ID] = DROP_BOTH,
	[HTTP_N_ANTHROPIC_WORKSPACE_ID] = DROP_BOTH,
	/* about the provider's front, not about this answer */
	[HTTP_N_SERVER] = DROP_RESPONSE,
	[HTTP_N_DATE] = DROP_BOTH,
	[HTTP_N_ALT_SVC] = DROP_RESPONSE,
	[HTTP_N_STRICT_TRANSPORT_SECURITY] = DROP_RESPONSE,
	[HTTP_N_X_TOLLGATE_TAGS] = DROP_BOTH,
	[HTTP_N_X_TOLLGATE_SESSION] = DROP_BOTH,
	[HTTP_N_X_TOLLGATE_END_USER] = DROP_BOTH,
	[HTTP_N_X_TOLLGATE_MAX_COST] = DROP_BOTH,
	[HTTP_N_X_TOLLGATE_ROUTE] = DROP_BOTH,
	[HTTP_N_X_TOLLGATE_EXPLAIN] = DROP_BOTH,
};

/* Families of names: rate limits of the account shared by all tenants, our own namespace, CORS
 * (ours to decide). */
static bool dropped_by_prefix(struct str name, bool response)
{
	static const struct str both[] = { { "x-tollgate-", 11 }, { "server-timing", 13 } };
	static const struct str to_provider[] = { { "x-forwarded-", 12 } };
	static const struct str to_client[] = { { "x-ratelimit-", 12 },
		{ "anthropic-ratelimit-", 20 }, { "anthropic-priority-", 19 }, { "ratelimit", 9 },
		{ "access-control-", 15 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(both); i++)
		if (str_starts_ci(name, both[i]))
			return true;
	for (size_t i = 0; response && i < TG_ARRAY_LEN(to_client); i++)
		if (str_starts_ci(name, to_client[i]))
			return true;
	for (size_t i = 0; !response && i < TG_ARRAY_LEN(to_provider); i++)
		if (str_starts_ci(name, to_provider[i]))
			return true;
	return false;
}

/* Does Connection say more than what this connection does next? Several lines are one list. */
static bool connection_lists(const struct http_head *h)
{
	for (unsigned i = h->first[HTTP_N_CONNECTION]; i > 0 && i <= h->n_fields; i++) {
		struct str v = http_field_value(h, i - 1);

		if (h->field[i - 1].id == HTTP_N_CONNECTION && v.n > 0 &&
			!str_eq_ci(v, STR("keep-alive")) && !str_eq_ci(v, STR("close")))
			return true;
	}
	return false;
}

static bool connection_has(const struct http_head *h, struct str name)
{
	for (unsigned i = h->first[HTTP_N_CONNECTION]; i <= h->n_fields; i++)
		if (h->field[i - 1].id == HTTP_N_CONNECTION &&
			http_list_has(http_field_value(h, i - 1), name))
			return true;
	return false;
}

static void fields_copy(struct http_out *o, const struct http_head *h, unsigned char side)
{
	bool listing = connection_lists(h);
	struct str name;

	for (unsigned i = 0; i < h->n_fields; i++) {
		if ((drop[h->field[i].id] & side) != 0)
			continue;
		name = http_field_name(h, i);
		if (h->field[i].id == HTTP_N_OTHER &&
			dropped_by_prefix(name, side == DROP_RESPONSE))
			continue;
		if (listing && connection_has(h, name))
			continue;
		http_out_field(o, name, http_field_value(h, i));
	}
}

void fields_to_provider(struct http_out *o, const struct http_head *h)
{
	fields_copy(o, h, DROP_REQUEST);
}

static bool translated_passes(struct str name, const struct conf_strings *more)
{
	static const struct str always[] = { { "user-agent", 10 }, { "traceparent", 11 },
		{ "tracestate", 10 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(always); i++)
		if (str_eq_ci(name, always[i]))
			return true;
	for (size_t i = 0; i < more->n; i++)
		if (str_eq_ci(name, more->v[i]))
			return true;
	return false;
}

void fields_to_translated(
	struct http_out *o, const struct http_head *h, const struct conf_strings *more)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct str name = http_field_name(h, i);

		if (h->field[i].id != HTTP_N_CONTENT_TYPE &&
			(drop[h->field[i].id] & DROP_REQUEST) == 0 &&
			!dropped_by_prefix(name, false) && translated_passes(name, more))
			http_out_field(o, name, http_field_value(h, i));
	}
}

void fields_to_client(struct http_out *o, const struct http_head *h)
{
	fields_copy(o, h, DROP_RESPONSE);
}

/* Names, or how they begin, that mean something else when they come late. */
static bool not_in_trailer(struct str name)
{
	static const struct str names[] = { { "content-", 8 }, { "www-authenticate", 16 },
		{ "cache-control", 13 }, { "age", 3 }, { "expires", 7 }, { "location", 8 },
		{ "vary", 4 }, { "pragma", 6 }, { "warning", 7 }, { "max-forwards", 12 } };

	for (size_t i = 0; i < TG_ARRAY_LEN(names); i++)
		if (i == 0 ? str_starts_ci(name, names[i]) : str_eq_ci(name, names[i]))
			return true;
	return false;
}

void fields_to_trailer(struct http_out *o, const struct http_head *h)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct str name = http_field_name(h, i);

		if (h->field[i].id == HTTP_N_OTHER && !dropped_by_prefix(name, true) &&
			!not_in_trailer(name))
			http_out_field(o, name, http_field_value(h, i));
	}
}
