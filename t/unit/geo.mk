UNIT_TESTS += \
	t/unit/geo/check_geo_set
