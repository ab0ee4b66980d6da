FUZZERS += \
	t/fuzz/fuzz_mmdb \
	t/fuzz/fuzz_proxy_head \
	t/fuzz/fuzz_forwarded
