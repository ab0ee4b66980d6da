/*
 * modules.h: the modules and providers of this build, for modules.c.
 */
#ifndef TG_MODULES_H
#define TG_MODULES_H

struct tg_module;
struct provider;

extern const struct tg_module mod_guard, mod_auth, mod_tags, mod_models, mod_classify, mod_route,
	mod_meter, mod_accesslog;
extern const struct provider provider_openai, provider_anthropic;

#endif
