# The daemon: process, threads, signals.
sbin_PROGRAMS += tollgate
tollgate_SOURCES = \
	src/main.c \
	src/control.c src/control.h src/control_int.h src/control_admin.c \
	src/geod.c src/geod.h \
	src/ledgerd.c src/ledgerd.h \
	src/listeners.c src/listeners.h \
	src/logwriter.c src/logwriter.h \
	src/ledgership.c src/ledgership.h \
	src/redisconf.c src/redisconf.h \
	src/quotad.c src/quotad.h \
	src/quotastate.c src/quotastate.h \
	src/quotasync.c src/quotasync.h src/quotasync_int.h src/quotasync_fence.c src/quotasync_redis.c src/quotasync_replicas.c src/quotasync_share.c src/quotasync_say.c src/quotasync_targets.c \
	src/quotaops.c src/quotaops.h src/quotaops_file.c src/quotaops_file.h
tollgate_LDADD = $(TG_LIBS)

dist_man_MANS += docs/man/tollgate.8
