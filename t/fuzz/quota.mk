FUZZERS += t/fuzz/fuzz_zone t/fuzz/fuzz_limit t/fuzz/fuzz_lease
