# src/redis: replies, URLs, slots, connections
UNIT_TESTS += \
	t/unit/redis/check_redis_codec \
	t/unit/redis/check_redis_info \
	t/unit/redis/check_redis_slot \
	t/unit/redis/check_redis_url \
	t/unit/redis/check_redis_value

# What t/e2e/test_redis.py drives the client with
noinst_PROGRAMS += t/tools/redis_drive
t_tools_redis_drive_LDADD = $(TG_LIBS)
