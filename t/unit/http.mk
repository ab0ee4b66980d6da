UNIT_TESTS += \
	t/unit/http/check_http1_head \
	t/unit/http/check_http1_body \
	t/unit/http/check_http1_out \
	t/unit/http/check_url \
	t/unit/http/check_forwarded \
	t/unit/http/check_proxy_head \
	t/unit/http/check_multipart

# The head parser against node's
EXTRA_DIST += t/differential/heads t/differential/heads.mjs
if FUZZING
else
check_PROGRAMS += t/differential/head_driver
t_differential_head_driver_SOURCES = t/differential/head_driver.c
t_differential_head_driver_LDADD = $(TG_LIBS)
TESTS += t/differential/heads
endif
