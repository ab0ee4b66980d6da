UNIT_TESTS += t/unit/http/check_http1_head
