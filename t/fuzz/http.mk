FUZZERS += \
	t/fuzz/fuzz_eventstream \
	t/fuzz/fuzz_http1_head \
	t/fuzz/fuzz_http1_body \
	t/fuzz/fuzz_url \
	t/fuzz/fuzz_multipart
