/*
 * redisconf.c: see redisconf.h.
 */
#include "redisconf.h"

#include <stdlib.h>

#include "io/tls.h"

#define CONNECT_MIN 2000000

_Static_assert(CFG_REDIS_STANDALONE == (int)REDIS_STANDALONE &&
		       CFG_REDIS_SENTINEL == (int)REDIS_SENTINEL &&
		       CFG_REDIS_CLUSTER == (int)REDIS_CLUSTER,
	"one enum is the other");

static void redis_conf_of(const struct config *c, struct redis_conf *out)
{
	const struct cfg_redis *r = &c->redis;

	*out = (struct redis_conf){ .mode = (enum redis_mode)r->mode,
		.primary = r->primary,
		.username = r->username,
		.password = r->password,
		.sentinel_username = r->sentinel_username,
		.sentinel_password = r->sentinel_password,
		.client_name = c->member,
		.connect_timeout_us = TG_MAX(r->timeout_us, CONNECT_MIN),
		.call_timeout_us = r->timeout_us };
	for (size_t i = 0; i < r->url.n && i < REDIS_URLS_MAX; i++)
		out->urls[out->n_urls++] = r->url.v[i];
}

static char *file_name(struct str s)
{
	return s.n > 0 ? str_dup(s) : NULL;
}

/* NULL with err. */
static SSL_CTX *tls_of(const struct cfg_redis_tls *t, char *err, size_t err_len)
{
	char *ca = file_name(t->ca), *certificate = file_name(t->certificate),
	     *key = file_name(t->key);
	SSL_CTX *ctx = tls_client_ctx(ca, true, err, err_len);
	const struct tls_cert cert = { certificate, key };

	if (ctx != NULL && certificate != NULL &&
		tls_client_certificate(ctx, &cert, err, err_len) != 0) {
		tls_ctx_free(ctx);
		ctx = NULL;
	}
	free(ca);
	free(certificate);
	free(key);
	return ctx;
}

int redisconf_open(const struct config *c, struct redis_conf *out, char *err, size_t err_len)
{
	redis_conf_of(c, out);
	if (!redis_conf_tls(out))
		return 0;
	out->tls = tls_of(&c->redis.tls, err, err_len);
	return out->tls != NULL ? 0 : -1;
}

void redisconf_close(struct redis_conf *conf)
{
	if (conf->tls != NULL)
		tls_ctx_free(conf->tls);
	conf->tls = NULL;
}

static bool same_strings(const struct conf_strings *a, const struct conf_strings *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = str_eq(a->v[i], b->v[i]);
	return same;
}

bool redisconf_same(const struct cfg_redis *a, const struct cfg_redis *b)
{
	return same_strings(&a->url, &b->url) && a->mode == b->mode &&
	       a->timeout_us == b->timeout_us && a->wait_replicas == b->wait_replicas &&
	       str_eq(a->primary, b->primary) && str_eq(a->username, b->username) &&
	       str_eq(a->password, b->password) &&
	       str_eq(a->sentinel_username, b->sentinel_username) &&
	       str_eq(a->sentinel_password, b->sentinel_password) && str_eq(a->prefix, b->prefix) &&
	       str_eq(a->tls.ca, b->tls.ca) && str_eq(a->tls.certificate, b->tls.certificate) &&
	       str_eq(a->tls.key, b->tls.key);
}
