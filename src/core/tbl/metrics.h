/*
 * Every metric of /metrics: X(ENUM_SUFFIX, "name", type, "help"). The exposition (admin/metrics_page.c) walks
 * this table; docs/reference/metrics.md lists the same names.
 */
X(REQUESTS, "tollgate_requests_total", counter, "Requests settled, by tenant, model, target and status class.")
X(TOKENS, "tollgate_tokens_total", counter, "Tokens used, by tenant, model, target and bucket.")
X(UNITS, "tollgate_units_total", counter, "Other than tokens used (images, seconds, searches), by tenant, model, target and unit.")
X(COST, "tollgate_cost_usd_total", counter, "Cost in USD (exact): what the operator pays, by tenant, model and target.")
X(BILLED, "tollgate_billed_usd_total", counter, "What tenants are billed in USD (exact), by tenant, model and target.")
X(UNPRICED, "tollgate_unpriced_requests_total", counter,
	"Requests whose model has no price: a stated one stood in, by tenant, model and target.")
X(ESTIMATED, "tollgate_estimated_requests_total", counter,
	"Requests charged by an estimate, for want of the provider's figures, by tenant, model and target.")
X(DURATION, "tollgate_request_duration_seconds", histogram, "First byte in to last byte out, by target.")
X(FIRST_BYTE, "tollgate_first_byte_seconds", histogram,
	"Request sent to first byte of the provider's answer, by target.")
X(OVERHEAD, "tollgate_overhead_seconds", histogram,
	"Time a request spent in the gateway before it was sent to a provider, without waiting for its body.")
X(CONNECTIONS, "tollgate_connections", gauge, "Client connections open now.")
X(CONNECTIONS_TOTAL, "tollgate_connections_total", counter, "Client connections accepted.")
X(CONNECTIONS_REFUSED, "tollgate_connections_refused_total", counter, "Client connections refused at a limit.")
X(PROXY_REFUSED, "tollgate_proxy_header_refused_total", counter,
	"Client connections closed because their PROXY header was missing or malformed.")
X(GEO_REFUSED, "tollgate_geo_refused_total", counter,
	"Requests refused because of the country or network of the client.")
X(IN_FLIGHT, "tollgate_requests_in_flight", gauge, "Requests being worked on now.")
X(BAD_REQUESTS, "tollgate_bad_requests_total", counter, "Requests refused as malformed HTTP.")
X(CLIENT_TIMEOUTS, "tollgate_client_timeouts_total", counter, "Clients ended because they were too slow.")
X(UP_CONNECTS, "tollgate_upstream_connects_total", counter, "Connections opened to providers.")
X(UP_REUSES, "tollgate_upstream_reuses_total", counter, "Requests sent on a kept-alive provider connection.")
X(UP_FREE_RETRIES, "tollgate_upstream_free_retries_total", counter,
	"Requests sent again because a reused connection died before its first byte.")
X(UP_FAILOVERS, "tollgate_upstream_failovers_total", counter, "Requests moved on to another target.")
X(UP_KEY_SWITCHES, "tollgate_upstream_key_switches_total", counter,
	"Requests sent once more to the same target, with another of its `keys`.")
X(UP_FALLBACKS, "tollgate_upstream_fallbacks_total", counter, "Requests moved on to another model, of its `fallback`.")
X(DEGRADED, "tollgate_degraded_total", counter, "Requests that a guardrail had served by a cheaper model.")
X(UP_RETRIES_REFUSED, "tollgate_upstream_retries_refused_total", counter,
	"Failed exchanges that were not tried elsewhere: the budget for retries was used up.")
X(UP_ERRORS, "tollgate_upstream_errors_total", counter,
	"Exchanges with providers that failed below HTTP, were malformed, broke off, or could not be translated.")
X(UP_TIMEOUTS, "tollgate_upstream_timeouts_total", counter, "Exchanges with providers ended by a clock.")
X(UP_IDLE, "tollgate_upstream_idle_connections", gauge, "Kept-alive provider connections waiting in the pools.")
X(UP_ACTIVE, "tollgate_upstream_active_connections", gauge, "Provider connections in use.")
X(SHADOWS_IN_FLIGHT, "tollgate_shadows_in_flight", gauge, "Copies of requests (`shadow` of a model) under way.")
X(SHADOWS_SENT, "tollgate_shadows_sent_total", counter, "Copies that were held and sent to a provider.")
X(SHADOWS_FAILED, "tollgate_shadows_failed_total", counter, "Of them, those without a whole answer of 2xx.")
X(SHADOWS_REFUSED, "tollgate_shadows_refused_total", counter, "Copies not sent because a limit of the key that pays is spent.")
X(SHADOWS_DROPPED, "tollgate_shadows_dropped_total", counter,
	"Copies not sent for another reason: too long, too many under way, no target or half of its capacity in use, a reload or the end.")
X(HEDGES_SENT, "tollgate_hedges_sent_total", counter, "Second tries beside a slow first one (`hedge` of a model) that were held and sent.")
X(HEDGES_WON, "tollgate_hedges_won_total", counter, "Of them, those that answered first.")
X(HEDGES_REFUSED, "tollgate_hedges_refused_total", counter,
	"Slow requests without a second try: the share is used up, a limit is spent, or no other target is there.")
X(BYTES_IN, "tollgate_received_bytes_total", counter, "Bytes received from clients.")
X(BYTES_OUT, "tollgate_sent_bytes_total", counter, "Bytes sent to clients.")
X(LOG_DROPPED, "tollgate_log_dropped_total", counter, "Access log lines dropped because the writer fell behind.")
X(SERIES_OVERFLOW, "tollgate_series_overflow_total", counter,
	"Requests counted without labels because a worker's table of label sets was full.")
X(MEMORY, "tollgate_buffer_bytes", gauge, "Bytes of buffers in use.")
X(OVER_BOUND, "tollgate_over_bound_total", counter, "Requests that cost more than their bound before the call.")
X(DRAINED, "tollgate_drained_requests", gauge, "Answers read on to learn their cost, the client being gone.")
X(LEDGER_REFUSED, "tollgate_ledger_refused_total", counter, "Requests refused because the ledger could not be written.")
X(LEDGER_UNRECORDED, "tollgate_ledger_unrecorded_total", counter,
	"Requests served although the ledger could not be written (without_ledger of their tier).")
X(QUOTA_DENIED, "tollgate_quota_denied_total", counter, "Requests refused by a limit.")
X(QUOTA_EXTENDED, "tollgate_quota_extended_total", counter,
	"Times that more of a streamed answer was held while it came (hold: incremental).")
X(QUOTA_CUT, "tollgate_quota_cut_total", counter, "Streamed answers cut off because a limit had no room for more.")
X(QUOTA_OFFLINE, "tollgate_quota_offline_total", counter,
	"Requests let in although nobody could say what is left of a limit (without_redis of their tier).")
X(QUOTA_PARKED, "tollgate_quota_parked_total", counter, "Requests that waited for a grant of a shared limit.")
X(GUARDRAILS_TOLD, "tollgate_guardrail_crossed_total", counter,
	"Limits that came to a threshold of a guardrail: each is told once a period.")
X(TARGET_UP, "tollgate_target_up", gauge, "1 while a target is asked: not drained, not refused, no circuit open, by target and model.")
X(TARGET_IN_FLIGHT, "tollgate_target_in_flight", gauge, "Requests at a target now, by target and model.")
X(TARGET_OPENED, "tollgate_target_circuit_opened_total", counter, "Times that a circuit of a target opened, by target.")
X(TARGET_REFUSED, "tollgate_target_refused_total", counter,
	"Times that a provider refused a target's account (credentials, money), by target.")
X(TARGET_LIMITED, "tollgate_target_limited_total", counter, "Answers of 429, by target.")
X(TARGET_CHECK_UP, "tollgate_target_health_check_up", gauge,
	"1 while the `health_check` of a target says that it is well, by target.")
X(TARGET_CHECKS_FAILED, "tollgate_target_health_checks_failed_total", counter,
	"Checks of a target with `health_check` that failed, by target.")
X(TARGET_KEY_UP, "tollgate_target_key_up", gauge,
	"1 while a key of a target with several is used: neither refused nor told to wait, by target and key.")
X(TARGET_KEY_REFUSED, "tollgate_target_key_refused_total", counter,
	"Times that a provider refused a key of several (credentials, money), by target and key.")
X(TARGET_KEY_LIMITED, "tollgate_target_key_limited_total", counter,
	"Answers of 429 to a key of several, by target and key.")
X(QUOTA_LIMIT, "tollgate_quota_limit", gauge,
	"Limits, of the 50 nearest to their end: USD of cost, otherwise numbers, by scope, dimension and period.")
X(QUOTA_USED, "tollgate_quota_used", gauge, "What they have used.")
X(QUOTA_HELD, "tollgate_quota_held", gauge, "What requests at work hold of them here.")
X(QUOTA_GRANTED, "tollgate_quota_granted", gauge, "What this process may commit of them.")
X(QUOTA_OVER, "tollgate_quota_over", gauge, "What was used of them beyond what had been held.")
X(QUOTA_UNAVAILABLE, "tollgate_quota_unavailable_total", counter,
	"Requests refused because nobody could say what is left of a limit, by reason.")
X(QUOTA_WAITING, "tollgate_quota_waiting_requests", gauge, "Requests waiting for a grant now.")
X(QUOTA_LEASED, "tollgate_quota_leased_accounts", gauge, "Accounts of limits that are shared through Redis.")
X(QUOTA_SYNCS, "tollgate_quota_syncs_total", counter, "Calls to Redis about shared limits.")
X(QUOTA_SYNC_FAILURES, "tollgate_quota_sync_failures_total", counter, "Of them, those without a usable answer.")
X(QUOTA_UNREPLICATED, "tollgate_quota_unreplicated_total", counter,
	"Of them, those whose grants were not used because too few replicas had them (redis.wait_replicas).")
X(QUOTA_SYNC_SECONDS, "tollgate_quota_sync_seconds", histogram, "How long calls to Redis about shared limits took.")
X(QUOTA_LEARNING, "tollgate_quota_learning_buckets", gauge,
	"Buckets of shared limits, of 64, in which nothing is granted until all members have told what they have.")
X(REDIS_UP, "tollgate_redis_up", gauge, "1 while every bucket of shared limits has a connection to Redis.")
X(TARGET_PEERS, "tollgate_target_peers", gauge,
	"Other members that told what they know of targets within the last 5 s (redis.share_targets).")
X(TARGET_PEERS_REFUSED, "tollgate_target_peers_refused_total", counter,
	"Texts of theirs, and entries in them, that were not understood and not used.")
X(TARGET_PEERS_BORROWED, "tollgate_target_peers_borrowed_total", counter,
	"Times that a target or key was left alone for what another member had seen: a wait, an open circuit.")
X(LEDGER_BYTES, "tollgate_ledger_bytes_total", counter, "Bytes written to the journal.")
X(LEDGER_RECORDS, "tollgate_ledger_records_total", counter, "Records written to the journal.")
X(LEDGER_SYNCS, "tollgate_ledger_syncs_total", counter, "fdatasync calls of the journal.")
X(LEDGER_SYNC_SECONDS, "tollgate_ledger_sync_seconds_total", counter, "Time spent in them.")
X(LEDGER_FAILURES, "tollgate_ledger_failures_total", counter, "Errors of the ledger's disk.")
X(LEDGER_FAILING, "tollgate_ledger_failing", gauge, "1 while the ledger's disk does not take data.")
X(LEDGER_UNSYNCED, "tollgate_ledger_unsynced_bytes", gauge, "Bytes of the journal that are not on disk yet.")
X(LEDGER_OPEN, "tollgate_ledger_open_holds", gauge, "Requests held in the ledger and not settled yet.")
X(LEDGER_RECOVERED, "tollgate_ledger_recovered_holds", gauge,
	"Requests that a crash had left open, settled at their bound when this process began.")
X(SHIP_RECORDS, "tollgate_ledger_shipped_total", counter, "Charges that the member's stream in Redis has (redis.ship).")
X(SHIP_UNSHIPPED, "tollgate_ledger_unshipped_records", gauge,
	"Charges since the start that it is not known to have.")
X(SHIP_LAG, "tollgate_ledger_ship_lag_seconds", gauge, "Seconds since it had all of the ledger; 0: it has.")
X(SHIP_FAILURES, "tollgate_ledger_ship_failures_total", counter, "Times that shipping stopped and began again.")
X(SHIP_LOST, "tollgate_ledger_ship_lost_segments_total", counter,
	"Journal files that were deleted (ledger.retain) before they were shipped.")
X(CREDENTIAL_VALID, "tollgate_credential_valid", gauge,
	"1 while a credential that changes is there and has not expired, by the target that named it first.")
X(CREDENTIAL_EXPIRES, "tollgate_credential_expires_seconds", gauge,
	"When it expires, in seconds since 1970; absent while it does not say.")
X(CREDENTIAL_FETCHES, "tollgate_credential_fetches_total", counter, "How often it was fetched.")
X(CREDENTIAL_FAILURES, "tollgate_credential_failures_total", counter, "How often that failed.")
X(GEOIP_BUILT, "tollgate_geoip_built_timestamp_seconds", gauge,
	"When the database of where addresses are was built, by database: country, asn.")
X(GEOIP_FAILURES, "tollgate_geoip_reload_failures_total", counter,
	"Times that a database had changed and was refused: the old one stays in use.")
X(CONFIG_GENERATION, "tollgate_config_generation", gauge, "Configuration loads since start; 1 is the first.")
X(CONFIG_RELOAD_FAILURES, "tollgate_config_reload_failures_total", counter, "Reloads refused because of an error.")
X(INFO, "tollgate_info", gauge, "1; the version and the name of this process as labels.")
X(UPTIME, "tollgate_uptime_seconds", gauge, "Seconds since start.")
