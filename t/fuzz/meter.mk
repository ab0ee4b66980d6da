FUZZERS += t/fuzz/fuzz_meter
