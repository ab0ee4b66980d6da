UNIT_TESTS += \
	t/unit/geo/check_geo_db \
	t/unit/geo/check_geo_set \
	t/unit/geo/check_mmdb_check
t_unit_geo_check_geo_db_SOURCES = t/unit/geo/check_geo_db.c t/unit/geo/mmdb_make.h
t_unit_geo_check_mmdb_check_SOURCES = t/unit/geo/check_mmdb_check.c t/unit/geo/mmdb_make.h
