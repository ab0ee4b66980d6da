UNIT_TESTS += \
	t/unit/core/check_endpoint \
	t/unit/core/check_errors \
	t/unit/core/check_fields
