FUZZERS += t/fuzz/fuzz_prices t/fuzz/fuzz_price_map
