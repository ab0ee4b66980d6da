# a Redis client on our streams; hiredis parses replies
noinst_LIBRARIES += libtg_redis.a
libtg_redis_a_SOURCES = \
	src/redis/redis.h \
	src/redis/redis_script.h \
	src/redis/redis_value.c src/redis/redis_value.h
