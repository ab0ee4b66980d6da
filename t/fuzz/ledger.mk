FUZZERS += t/fuzz/fuzz_journal
