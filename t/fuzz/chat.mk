FUZZERS += t/fuzz/fuzz_chat
