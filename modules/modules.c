/*
 * modules.c: the one place that names every module and provider. Order is order within a stage.
 */
#include "core/module.h"
#include "core/provider.h"
#include "modules.h"

const struct tg_module *const tg_modules[] = {
	&mod_geo,
	&mod_guard,
	&mod_auth,
	&mod_geo_lists,
	&mod_tags,
	&mod_ceiling,
	&mod_models,
	&mod_limits,
	&mod_classify,
	&mod_route,
	&mod_budget, /* behind the meter: the last to push a sink is the first to see */
	&mod_translate,
	&mod_meter,   /* in front of the translation: it reads what the provider says */
	&mod_deframe, /* in front of both: binary frames are events for them */
	&mod_ledger,
	&mod_quota,
	&mod_shadow, /* behind the ledger: what is copied is held */
	&mod_accesslog,
	&mod_hedge, /* behind the access log, which says whose twin it was */
	NULL,
};

const struct provider *const tg_providers[] = {
	&provider_openai,
	&provider_anthropic,
	&provider_azure,
	&provider_gemini,
	&provider_vertex,
#define X(id, url, has, ways, limit) &provider_##id,
#include "providers/tbl/hosts.h"
#undef X
	&provider_bedrock,
	&provider_cohere,
	NULL,
};

const struct provider *provider_find(struct str name)
{
	for (unsigned i = 0; tg_providers[i] != NULL; i++)
		if (str_eq(str_z(tg_providers[i]->name), name))
			return tg_providers[i];
	return NULL;
}
