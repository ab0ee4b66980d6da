UNIT_TESTS += t/unit/quota/check_zone t/unit/quota/check_period
EXTRA_DIST += t/unit/quota/zones.h
