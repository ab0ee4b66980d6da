UNIT_TESTS += t/unit/quota/check_zone t/unit/quota/check_period t/unit/quota/check_limit
EXTRA_DIST += t/unit/quota/zones.h
