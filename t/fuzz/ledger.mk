FUZZERS += t/fuzz/fuzz_journal t/fuzz/fuzz_front
