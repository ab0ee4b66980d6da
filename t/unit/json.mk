UNIT_TESTS += \
	t/unit/proto/check_eventstream \
	t/unit/proto/check_sigv4 \
	t/unit/proto/check_json_edit \
	t/unit/proto/check_json_scan \
	t/unit/proto/check_json_out \
	t/unit/proto/check_json_tree \
	t/unit/proto/check_json_tap \
	t/unit/proto/check_json_text \
	t/unit/proto/check_outbuf \
	t/unit/proto/check_sse
