noinst_LIBRARIES += libtg_meter.a
libtg_meter_a_SOURCES = \
	modules/providers/meter.c modules/providers/meter.h \
	modules/providers/meter_int.h modules/providers/meter_read.c \
	modules/providers/meter_probe.c modules/providers/meter_probe.h \
	modules/providers/meter_estimate.c modules/providers/meter_estimate.h \
	modules/providers/meter_tally.c modules/providers/meter_tally.h \
	modules/providers/meter_gemini.c modules/providers/meter_hosts.c \
	modules/providers/usage_bedrock.c modules/providers/usage_bedrock.h \
	modules/providers/usage_cohere.c modules/providers/usage_cohere.h \
	modules/providers/usage_anthropic.c modules/providers/usage_anthropic.h \
	modules/providers/usage_cost.c modules/providers/usage_cost.h \
	modules/providers/usage_openai.c modules/providers/usage_openai.h
