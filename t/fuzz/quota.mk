FUZZERS += t/fuzz/fuzz_zone
