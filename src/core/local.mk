# The engine: connections, requests, attempts, the step loop; and the configuration's tables and plan.
noinst_LIBRARIES += libtg_core.a
libtg_core_a_SOURCES = \
	src/core/attempt.c src/core/attempt.h \
	src/core/attempt_build.c src/core/attempt_build.h \
	src/core/attempt_look.c src/core/attempt_look.h \
	src/core/attempt_int.h src/core/attempt_receive.c src/core/attempt_send.c \
	src/core/body.c \
	src/core/bound_gemini.c \
	src/core/bound.c src/core/bound.h src/core/bound_estimate.c src/core/bound_int.h src/core/bound_parts.c \
	src/core/capable.c src/core/capable.h \
	src/core/ceiling.c src/core/ceiling.h \
	src/core/choice.c src/core/choice.h src/core/choice_text.c src/core/choice_int.h \
	src/core/choice_known.c src/core/choice_beside.c \
	src/core/clamp.c src/core/clamp.h \
	src/core/client.c src/core/client.h \
	src/core/config.c src/core/config.h src/core/config_table.h \
	src/core/config_check.c src/core/config_check.h src/core/config_whole.c \
	src/core/config_listen.c src/core/config_limits.c src/core/config_geo.c \
	src/core/config_upstream.c src/core/config_target.c src/core/config_model.c \
	src/core/config_route.c src/core/config_route.h src/core/config_rule.c \
	src/core/config_tier.c src/core/config_tenant.c src/core/config_quota.c src/core/config_sources.c src/core/config_guardrail.c \
	src/core/config_offline.c src/core/config_redis.c src/core/config_money.c src/core/config_prices.c \
	src/core/conn.c src/core/conn.h \
	src/core/conn_count.c src/core/conn_in.c src/core/conn_int.h src/core/conn_out.c src/core/conn_proxy.c \
	src/core/cors.c src/core/cors.h \
	src/core/cred_google.c src/core/cred_google.h \
	src/core/cred_aws.c src/core/cred_aws.h \
	src/core/cred_token.c src/core/cred_token.h \
	src/core/endpoint.c src/core/endpoint.h \
	src/core/error_class.c src/core/error_class.h \
	src/core/errors.c src/core/errors.h \
	src/core/event_hold.c src/core/event_hold.h \
	src/core/fields.c src/core/fields.h \
	src/core/geo.c src/core/geo.h src/core/plan_geo.c \
	src/core/guardrail.c src/core/guardrail.h src/core/guardrail_told.c \
	src/core/health.c src/core/health.h \
	src/core/health_check.c src/core/health_check.h \
	src/core/hold_mode.c src/core/hold_mode.h \
	src/core/key_pool.c src/core/key_pool.h \
	src/core/label.c src/core/label.h \
	src/core/meter_api.h \
	src/core/http_fetch.c src/core/http_fetch.h \
	src/core/leg.c src/core/leg.h \
	src/core/model_check.c src/core/model_check.h \
	src/core/module.h \
	src/core/peers.c src/core/peers.h src/core/peers_int.h src/core/peers_wire.c \
	src/core/plan.c src/core/plan.h \
	src/core/plan_keys.c src/core/plan_keys.h \
	src/core/plan_prices.c src/core/plan_prices.h \
	src/core/quota_ledger.c src/core/quota_ledger.h src/core/quota_guest_ledger.c src/core/quota_guest_ledger.h \
	src/core/plan_quota.c src/core/plan_quota.h src/core/plan_quota_accounts.c src/core/plan_quota_amount.c \
	src/core/plan_quota_guests.c src/core/plan_quota_match.c src/core/plan_quota_path.c src/core/plan_quota_sources.c \
	src/core/plan_route.c src/core/plan_route.h \
	src/core/prompt_text.c src/core/prompt_text.h \
	src/core/provider.h \
	src/core/quota_line.c src/core/quota_line.h \
	src/core/quota_stats.h src/core/ship_stats.h \
	src/core/quota_text.c src/core/quota_text.h \
	src/core/ratio.c src/core/ratio.h \
	src/core/refusal.c src/core/refusal.h \
	src/core/refusal_quota.c src/core/refusal_quota.h \
	src/core/reply.c src/core/reply.h \
	src/core/req.c src/core/req.h \
	src/core/respond.c src/core/respond.h \
	src/core/rules.c src/core/rules.h \
	src/core/run.c \
	src/core/shadow.c src/core/shadow.h src/core/hedge.c src/core/hedge.h \
	src/core/settle.c src/core/settle.h \
	src/core/sink.h \
	src/core/spots.c src/core/spots.h \
	src/core/stream_end.c src/core/stream_end.h \
	src/core/stats.c src/core/stats.h \
	src/core/tags.c src/core/tags.h \
	src/core/translate.c src/core/translate.h src/core/translate_embed.c \
	src/core/upload.c src/core/upload.h \
	src/core/uppool.c src/core/uppool.h \
	src/core/usage_text.c src/core/usage_text.h \
	src/core/worker.c src/core/worker.h \
	src/core/tbl/bound_keys.h src/core/tbl/choice_skips.h src/core/tbl/credit_directives.h src/core/tbl/geo_directives.h src/core/tbl/scope_directives.h src/core/tbl/upstream_directives.h src/core/tbl/error_words.h src/core/tbl/rule_words.h src/core/tbl/endpoints.h src/core/tbl/errors.h src/core/tbl/headers.h \
	src/core/tbl/match_words.h src/core/tbl/metrics.h src/core/tbl/stages.h
