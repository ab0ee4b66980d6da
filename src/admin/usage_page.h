/*
 * usage_page.h: GET /admin/v1/usage: who spent what, as `tgctl usage --json` says it.
 */
#ifndef TG_ADMIN_USAGE_PAGE_H
#define TG_ADMIN_USAGE_PAGE_H

#include "admin/admin.h"

/*
 * query: by=tenant,model&since=7d&tag=team%3Dx ...: the options of `tgctl usage`. Reads the files
 * of the ledger at path: takes as long as that takes, on any thread.
 */
void usage_page(struct admin_reply *r, struct str query, const char *ledger_path);

#endif
