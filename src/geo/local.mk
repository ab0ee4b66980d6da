# where clients are: databases by libmaxminddb, and sets of places
noinst_LIBRARIES += libtg_geo.a
libtg_geo_a_SOURCES = \
	src/geo/geo_db.c src/geo/geo_db.h \
	src/geo/geo_set.c src/geo/geo_set.h \
	src/geo/mmdb_check.c src/geo/mmdb_check.h
