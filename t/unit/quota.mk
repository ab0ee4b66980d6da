UNIT_TESTS += t/unit/quota/check_zone t/unit/quota/check_period t/unit/quota/check_limit t/unit/quota/check_account \
	t/unit/quota/check_rate t/unit/quota/check_window t/unit/quota/check_table t/unit/quota/check_hold t/unit/quota/check_fall t/unit/quota/check_guests t/unit/quota/check_lease t/unit/quota/check_lease_wire \
	t/unit/quota/check_account_lease t/unit/quota/check_offline t/unit/quota/check_quota_lua
EXTRA_DIST += t/unit/quota/fixture.h t/unit/quota/races.h t/unit/quota/zones.h
