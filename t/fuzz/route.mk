FUZZERS += t/fuzz/fuzz_hints
