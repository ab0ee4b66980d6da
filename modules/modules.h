/*
 * modules.h: the modules and providers of this build, for modules.c.
 */
#ifndef TG_MODULES_H
#define TG_MODULES_H

struct tg_module;
struct provider;
struct worker;

extern const struct tg_module mod_guard, mod_auth, mod_tags, mod_models, mod_classify, mod_route,
	mod_meter, mod_ledger, mod_accesslog;
extern const struct provider provider_openai, provider_anthropic;

/* mod_ledger.c: the disk has what w wrote up to some place: requests that wait for it go on. */
void ledger_on_synced(struct worker *w);

#endif
