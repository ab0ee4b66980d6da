# where clients are: databases by libmaxminddb, and sets of places
noinst_LIBRARIES += libtg_geo.a
libtg_geo_a_SOURCES = \
	src/geo/geo_set.c src/geo/geo_set.h
