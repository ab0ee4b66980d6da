# Features and providers: one const object each, named only in modules/modules.c.
noinst_LIBRARIES += libtg_modules.a
libtg_modules_a_SOURCES = \
	modules/modules.c modules/modules.h \
	modules/mod_accesslog.c modules/mod_auth.c modules/mod_deframe.c modules/mod_budget.c modules/mod_ceiling.c modules/mod_classify.c modules/mod_geo.c modules/mod_guard.c \
	modules/mod_ledger.c \
	modules/mod_limits.c \
	modules/mod_quota.c modules/mod_shadow.c modules/mod_hedge.c \
	modules/mod_meter.c modules/mod_models.c modules/mod_route.c modules/mod_tags.c modules/mod_translate.c \
	modules/providers/anthropic.c modules/providers/azure.c modules/providers/bedrock.c modules/providers/cohere.c modules/providers/gemini.c \
	modules/providers/openai.c \
	modules/providers/hosts.c modules/providers/tbl/hosts.h modules/providers/verdicts.h
