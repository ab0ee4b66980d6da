FUZZERS += t/fuzz/fuzz_rollup_file t/fuzz/fuzz_reconcile
