UNIT_TESTS += t/unit/quota/check_zone
EXTRA_DIST += t/unit/quota/zones.h
