noinst_LIBRARIES += libtg_http.a
libtg_http_a_SOURCES = \
	src/proto/eventstream.c src/proto/eventstream.h \
	src/proto/forwarded.c src/proto/forwarded.h \
	src/proto/http_chars.h \
	src/proto/http_names.c \
	src/proto/http1_head.c src/proto/http1_head.h \
	src/proto/http1_body.c src/proto/http1_body.h \
	src/proto/http1_out.c src/proto/http1_out.h \
	src/proto/multipart.c src/proto/multipart.h \
	src/proto/sigv4.c src/proto/sigv4.h \
	src/proto/proxy_head.c src/proto/proxy_head.h \
	src/proto/url.c src/proto/url.h \
	src/proto/tbl/http_errors.h src/proto/tbl/http_names.h src/proto/tbl/http_status.h
