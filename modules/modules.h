/*
 * modules.h: the modules and providers of this build, for modules.c.
 */
#ifndef TG_MODULES_H
#define TG_MODULES_H

#include "core/refusal_quota.h"

struct tg_module;
struct provider;
struct worker;

extern const struct tg_module mod_geo, mod_geo_lists, mod_guard, mod_auth, mod_tags, mod_models,
	mod_classify, mod_route, mod_budget, mod_ceiling, mod_translate, mod_deframe, mod_meter,
	mod_ledger, mod_quota, mod_shadow, mod_hedge, mod_limits, mod_accesslog;
extern const struct provider provider_openai, provider_anthropic, provider_azure, provider_gemini,
	provider_vertex, provider_bedrock, provider_cohere;
/* Hosts that speak OpenAI's API (providers/hosts.c). */
#define X(id, url, has, ways, limit) extern const struct provider provider_##id;
#include "providers/tbl/hosts.h"
#undef X

/* mod_quota.c: before a leg is sent, whose bound is known. Answers nothing: refusal_quota does.
 * QUOTA_PARKED: the request is resumed later, and calls it again with the same bound. */
struct req;
struct quota_denied;
enum quota_admitted quota_admit(struct req *r, struct quota_denied *denied);
/* The leg's bound was raised while its answer comes: is there room for that? False: not now. */
bool quota_extend_leg(struct req *r, struct quota_denied *denied);
/* Is a limit on money among what was held? */
bool quota_holds_money(struct req *r);
/* mod_ledger.c: the same into the journal. False: it takes nothing more now. */
bool ledger_extend(struct req *r);
/* Nano-USD out of credits and overdrafts: of what is held; of what the request was, before that is
 * settled. */
void quota_drawn_held(struct req *r, uint64_t *tenant, uint64_t *org);
void quota_drawn(struct req *r, uint64_t *tenant, uint64_t *org);
/* mod_ledger.c: the disk has what w wrote up to some place: requests that wait for it go on. */
void ledger_on_synced(struct worker *w);

#endif
