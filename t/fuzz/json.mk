FUZZERS += \
	t/fuzz/fuzz_json_edit \
	t/fuzz/fuzz_json_scan \
	t/fuzz/fuzz_json_tap \
	t/fuzz/fuzz_json_tree \
	t/fuzz/fuzz_sse
t_fuzz_fuzz_json_scan_SOURCES = \
	t/fuzz/fuzz_json_scan.c t/fuzz/json_oracle.c t/fuzz/json_oracle.h
