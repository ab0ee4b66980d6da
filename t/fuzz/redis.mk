FUZZERS += t/fuzz/fuzz_redis
