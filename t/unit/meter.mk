UNIT_TESTS += \
	t/unit/modules/check_meter \
	t/unit/modules/check_meter_estimate \
	t/unit/modules/check_meter_fixtures \
	t/unit/modules/check_meter_gemini \
	t/unit/modules/check_meter_usage \
	t/unit/modules/check_usage_cost \
	t/unit/money/check_estimate
