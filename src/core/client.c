/*
 * client.c: see client.h. Runs on the request's worker.
 */
#include "core/client.h"
#include "core/plan.h"
#include "core/req.h"
#include "proto/forwarded.h"

static bool is_trusted(const void *arg, struct ip a)
{
	return plan_geo_trusts(arg, a);
}

/* What the header says that is read. -1: it is malformed. */
static int client_said(const struct req *r, struct forwarded *f)
{
	bool rfc = r->conf->cfg.client_header == CLIENT_HEADER_FORWARDED;
	enum http_name name = rfc ? HTTP_N_FORWARDED : HTTP_N_X_FORWARDED_FOR;
	const struct http_head *h = &r->head;

	if (h->first[name] == 0)
		return 0;
	for (unsigned i = h->first[name] - 1u; i < h->n_fields; i++) {
		if (h->field[i].id != name)
			continue;
		if (!rfc)
			forwarded_add_xff(f, http_field_value(h, i));
		else if (forwarded_add_rfc7239(f, http_field_value(h, i)) != 0)
			return -1;
	}
	return 0;
}

static enum tg_error client_count(struct req *r)
{
	int64_t most = r->conf->cfg.limits.connections_per_address;
	struct str text = str_mk(r->client_text, strlen(r->client_text));

	if (most == 0)
		return TG_E_NONE;
	r->client_hash = conn_addr_hash(text);
	return conn_addr_count_more(r->client_hash, 1) <= (uint64_t)most
		       ? TG_E_NONE
		       : TG_E_TOO_MANY_CONNECTIONS;
}

enum tg_error client_enter(struct req *r)
{
	const struct plan_geo *g = &r->conf->geo;
	const struct conn *c = r->conn;
	struct forwarded f;

	f.n = 0;
	r->client = c->ip;
	memcpy(r->client_text, c->addr, c->addr_len);
	if (c->unix_socket ? !g->trust_unix : !plan_geo_trusts(g, c->ip))
		return TG_E_NONE;
	if (client_said(r, &f) != 0)
		return TG_E_BAD_REQUEST;
	if (!forwarded_client(&f, is_trusted, g, &r->client))
		return TG_E_NONE;
	memset(r->client_text, 0, sizeof(r->client_text));
	ip_format(r->client, r->client_text);
	return client_count(r);
}

void client_leave(struct req *r)
{
	if (r->client_hash != 0)
		(void)conn_addr_count_more(r->client_hash, -1);
	r->client_hash = 0;
}
