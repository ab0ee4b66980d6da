UNIT_TESTS += \
	t/unit/core/check_attempt \
	t/unit/core/check_attempt_build \
	t/unit/core/check_bound \
	t/unit/core/check_bound_gemini \
	t/unit/core/check_body \
	t/unit/core/check_ceiling \
	t/unit/core/check_client \
	t/unit/core/check_conn \
	t/unit/core/check_conn_count \
	t/unit/core/check_cred_google \
	t/unit/core/check_cred_aws \
	t/unit/core/check_cred_token \
	t/unit/core/check_endpoint \
	t/unit/core/check_errors \
	t/unit/core/check_event_hold \
	t/unit/core/check_fields \
	t/unit/core/check_geo \
	t/unit/core/check_capable t/unit/core/check_prompt_text t/unit/core/check_choice t/unit/core/check_error_class t/unit/core/check_rules \
	t/unit/core/check_health \
	t/unit/core/check_health_check \
	t/unit/core/check_hold_mode \
	t/unit/core/check_http_fetch \
	t/unit/core/check_key_pool \
	t/unit/core/check_leg \
	t/unit/core/check_leg_rate \
	t/unit/core/check_peers \
	t/unit/core/check_plan \
	t/unit/core/check_ratio \
	t/unit/core/check_refusal \
	t/unit/core/check_plan_prices \
	t/unit/core/check_plan_quota t/unit/core/check_guardrail \
	t/unit/core/check_plan_quota_match \
	t/unit/core/check_plan_quota_sources \
	t/unit/core/check_quota_line \
	t/unit/core/check_quota_text \
	t/unit/core/check_refusal_quota \
	t/unit/core/check_req \
	t/unit/core/check_respond \
	t/unit/core/check_run \
	t/unit/core/check_settle \
	t/unit/core/check_shadow t/unit/core/check_hedge \
	t/unit/core/check_stats \
	t/unit/core/check_stream_end \
	t/unit/core/check_tags \
	t/unit/core/check_upload \
	t/unit/core/check_uppool \
	t/unit/core/check_usage_text \
	t/unit/core/check_worker
t_unit_core_check_attempt_SOURCES = t/unit/core/check_attempt.c t/unit/core/upstream.h
t_unit_core_check_attempt_build_SOURCES = t/unit/core/check_attempt_build.c t/unit/core/fake.h
t_unit_core_check_capable_SOURCES = t/unit/core/check_capable.c t/unit/core/fake.h
t_unit_core_check_choice_SOURCES = t/unit/core/check_choice.c t/unit/core/fake.h
t_unit_core_check_rules_SOURCES = t/unit/core/check_rules.c t/unit/core/fake.h
t_unit_core_check_health_check_SOURCES = t/unit/core/check_health_check.c
t_unit_core_check_key_pool_SOURCES = t/unit/core/check_key_pool.c t/unit/core/upstream.h
t_unit_core_check_health_SOURCES = t/unit/core/check_health.c t/unit/core/upstream.h
t_unit_core_check_body_SOURCES = t/unit/core/check_body.c t/unit/core/fake.h
t_unit_core_check_ceiling_SOURCES = t/unit/core/check_ceiling.c t/unit/core/leg.h t/unit/core/fake.h
t_unit_core_check_client_SOURCES = t/unit/core/check_client.c t/unit/core/fake.h
t_unit_core_check_conn_SOURCES = t/unit/core/check_conn.c t/unit/core/fake.h
t_unit_core_check_geo_SOURCES = t/unit/core/check_geo.c t/unit/core/fake.h t/unit/geo/mmdb_make.h
t_unit_core_check_hold_mode_SOURCES = t/unit/core/check_hold_mode.c t/unit/core/leg.h t/unit/core/fake.h
t_unit_core_check_http_fetch_SOURCES = t/unit/core/check_http_fetch.c t/unit/io/certs.h
t_unit_core_check_leg_SOURCES = t/unit/core/check_leg.c t/unit/core/leg.h t/unit/core/fake.h
t_unit_core_check_leg_rate_SOURCES = t/unit/core/check_leg_rate.c t/unit/core/leg.h t/unit/core/fake.h
t_unit_core_check_shadow_SOURCES = t/unit/core/check_shadow.c t/unit/core/fake.h
t_unit_core_check_hedge_SOURCES = t/unit/core/check_hedge.c t/unit/core/fake.h
t_unit_core_check_worker_SOURCES = t/unit/core/check_worker.c t/unit/core/fake.h
t_unit_core_check_req_SOURCES = t/unit/core/check_req.c t/unit/core/fake.h
t_unit_core_check_run_SOURCES = t/unit/core/check_run.c t/unit/core/fake.h
t_unit_core_check_peers_SOURCES = t/unit/core/check_peers.c t/unit/core/fake.h
t_unit_core_check_plan_SOURCES = t/unit/core/check_plan.c t/unit/core/fake.h
t_unit_core_check_plan_prices_SOURCES = t/unit/core/check_plan_prices.c t/unit/core/fake.h
t_unit_core_check_guardrail_SOURCES = t/unit/core/check_guardrail.c t/unit/core/plan_quota.h t/unit/core/fake.h
t_unit_core_check_plan_quota_SOURCES = t/unit/core/check_plan_quota.c t/unit/core/plan_quota.h t/unit/core/fake.h
t_unit_core_check_plan_quota_match_SOURCES = t/unit/core/check_plan_quota_match.c t/unit/core/plan_quota.h t/unit/core/fake.h
t_unit_core_check_plan_quota_sources_SOURCES = t/unit/core/check_plan_quota_sources.c t/unit/core/plan_quota.h t/unit/core/fake.h
t_unit_core_check_refusal_quota_SOURCES = t/unit/core/check_refusal_quota.c t/unit/core/fake.h
t_unit_core_check_quota_line_SOURCES = t/unit/core/check_quota_line.c t/unit/core/fake.h
t_unit_core_check_respond_SOURCES = t/unit/core/check_respond.c t/unit/core/fake.h
t_unit_core_check_stream_end_SOURCES = t/unit/core/check_stream_end.c t/unit/core/fake.h
t_unit_core_check_upload_SOURCES = t/unit/core/check_upload.c t/unit/core/fake.h
t_unit_core_check_uppool_SOURCES = t/unit/core/check_uppool.c t/unit/core/upstream.h

# The daemon's own files (src/*.c) are in no library: their tests include them
UNIT_TESTS += t/unit/main/check_control t/unit/main/check_ledgerd t/unit/main/check_listeners t/unit/main/check_logwriter \
	t/unit/main/check_quotastate
t_unit_main_check_control_SOURCES = t/unit/main/check_control.c t/unit/core/fake.h \
	src/quotaops.c src/quotaops_file.c src/quotastate.c \
	src/quotasync.c src/quotasync_fence.c src/quotasync_redis.c src/quotasync_replicas.c src/quotasync_share.c src/quotasync_say.c src/quotasync_targets.c src/redisconf.c src/ledgership.c
t_unit_main_check_ledgerd_SOURCES = t/unit/main/check_ledgerd.c t/unit/core/fake.h
t_unit_main_check_listeners_SOURCES = t/unit/main/check_listeners.c t/unit/core/fake.h
