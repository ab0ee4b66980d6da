UNIT_TESTS += t/unit/modules/check_meter
