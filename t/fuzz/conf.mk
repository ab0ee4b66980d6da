FUZZERS += t/fuzz/fuzz_yaml
