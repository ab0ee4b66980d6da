/*
 * tags.h: attribution tags. A key's tags override its tenant's; a request may only add names that
 * neither has, so that a client cannot write another team's attribution.
 */
#ifndef TG_CORE_TAGS_H
#define TG_CORE_TAGS_H

#include "base/arena.h"
#include "conf/conf.h"

#define TAGS_MAX 32

struct conf_tags tags_merge(
	struct arena *a, const struct conf_tags *base, const struct conf_tags *over);
/* {"team":"research",...}; STR_NONE when memory is short. */
struct str tags_json(struct arena *a, const struct conf_tags *t);
bool tags_has(const struct conf_tags *t, struct str name);
/*
 * Parse "team=a,feature=b" (RFC 9110 list, names [A-Za-z0-9_.-]{1,64}, values visible ASCII up to
 * 256 bytes without comma) into *out. -1 with *bad the offending part.
 */
int tags_parse(
	struct arena *a, struct str text, struct conf_tags *out, struct str *bad) TG_MUST_CHECK;

#endif
