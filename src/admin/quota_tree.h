/*
 * quota_tree.h: which scopes of limits contain which, for GET /admin/v1/quota?tree=yes.
 */
#ifndef TG_ADMIN_QUOTA_TREE_H
#define TG_ADMIN_QUOTA_TREE_H

#include "proto/outbuf.h"

struct tg_conf;

/* [{"scope": "org:acme", "below": [{"scope": "tenant:a", "below": [...]}]}]: budgets, orgs with
 * their tenants, tenants without an org; keys below their tenants. Control thread. */
void quota_tree_json(struct outbuf *b, const struct tg_conf *c);

#endif
