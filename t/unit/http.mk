UNIT_TESTS += \
	t/unit/http/check_http1_head \
	t/unit/http/check_http1_body \
	t/unit/http/check_http1_out \
	t/unit/http/check_url \
	t/unit/http/check_multipart
