/*
 * quota_page.h: GET /admin/v1/quota: every limit of the configuration, and what is left of it.
 */
#ifndef TG_ADMIN_QUOTA_PAGE_H
#define TG_ADMIN_QUOTA_PAGE_H

#include "admin/admin.h"

struct tg_conf;

/* query: scope=tenant:acme (or org:, key:, budget:), dimension=cost; absent: all. Control thread.
 */
void quota_page(struct admin_reply *r, struct str query, const struct tg_conf *c);

#endif
