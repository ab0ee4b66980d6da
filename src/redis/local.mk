# a Redis client on our streams; hiredis parses replies
noinst_LIBRARIES += libtg_redis.a
libtg_redis_a_SOURCES = \
	src/redis/redis.c src/redis/redis.h src/redis/redis_int.h \
	src/redis/redis_backoff.h \
	src/redis/redis_cluster.c \
	src/redis/redis_codec.c src/redis/redis_codec.h \
	src/redis/redis_conn.c src/redis/redis_conn.h \
	src/redis/redis_info.c src/redis/redis_info.h \
	src/redis/redis_node.c \
	src/redis/redis_probe.c \
	src/redis/redis_script.c src/redis/redis_script.h \
	src/redis/redis_sentinel.c \
	src/redis/redis_slot.c src/redis/redis_slot.h \
	src/redis/redis_url.c src/redis/redis_url.h \
	src/redis/redis_value.c src/redis/redis_value.h
