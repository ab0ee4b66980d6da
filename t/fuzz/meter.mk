FUZZERS += t/fuzz/fuzz_meter t/fuzz/fuzz_bound
