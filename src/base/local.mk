noinst_LIBRARIES += libtg_base.a
libtg_base_a_SOURCES = \
	src/base/arena.c src/base/arena.h \
	src/base/bufq.c src/base/bufq.h \
	src/base/clock.c src/base/clock_parse.c src/base/clock.h \
	src/base/defs.h \
	src/base/digest.c src/base/digest.h \
	src/base/ip.c src/base/ip.h \
	src/base/list.h \
	src/base/log.c src/base/log.h \
	src/base/map.c src/base/map.h \
	src/base/num.c src/base/num.h \
	src/base/panic.c \
	src/base/ring.c src/base/ring.h \
	src/base/slab.c src/base/slab.h \
	src/base/stats.c src/base/stats.h \
	src/base/str.c src/base/str.h \
	src/base/test_switch.c src/base/test_switch.h src/base/tbl/test_switches.h
