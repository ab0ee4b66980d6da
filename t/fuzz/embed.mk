FUZZERS += t/fuzz/fuzz_embed
