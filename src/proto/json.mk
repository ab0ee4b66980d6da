noinst_LIBRARIES += libtg_json.a
libtg_json_a_SOURCES = \
	src/proto/json_edit.c src/proto/json_edit.h \
	src/proto/json_lex.h \
	src/proto/json_out.c src/proto/json_out.h \
	src/proto/json_run.c src/proto/json_run.h \
	src/proto/json_scan.c src/proto/json_scan.h \
	src/proto/json_tap.c src/proto/json_tap.h \
	src/proto/json_text.c \
	src/proto/json_tree.c src/proto/json_tree.h \
	src/proto/outbuf.c src/proto/outbuf.h \
	src/proto/sse.c src/proto/sse.h
