# src/redis: replies, URLs, slots, connections
UNIT_TESTS += t/unit/redis/check_redis_value
