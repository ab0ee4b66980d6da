UNIT_TESTS += \
	t/unit/core/check_conn_count \
	t/unit/core/check_endpoint \
	t/unit/core/check_errors \
	t/unit/core/check_fields \
	t/unit/core/check_health \
	t/unit/core/check_stats \
	t/unit/core/check_tags \
	t/unit/core/check_usage_text
