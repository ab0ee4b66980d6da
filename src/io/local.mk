# bytes in, bytes out: libevent for the loop, OpenSSL on the descriptor
noinst_LIBRARIES += libtg_io.a
libtg_io_a_SOURCES = \
	src/io/cred.c src/io/cred.h \
	src/io/listen.c src/io/listen.h \
	src/io/mailbox.c src/io/mailbox.h \
	src/io/resolve.c src/io/resolve.h \
	src/io/stream.c src/io/stream.h \
	src/io/stream_tls.c src/io/stream_tls.h \
	src/io/timer.c src/io/timer.h \
	src/io/tls.c src/io/tls.h
