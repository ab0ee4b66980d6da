FUZZERS += t/fuzz/fuzz_hints t/fuzz/fuzz_prompt_kind
