# src/io: timers, mail, sockets, TLS, names
UNIT_TESTS += \
	t/unit/io/check_cred \
	t/unit/io/check_listen \
	t/unit/io/check_mailbox \
	t/unit/io/check_resolve \
	t/unit/io/check_stream \
	t/unit/io/check_stream_tls \
	t/unit/io/check_timer \
	t/unit/io/check_tls
t_unit_io_check_stream_SOURCES = t/unit/io/check_stream.c t/unit/io/pair.h
t_unit_io_check_stream_tls_SOURCES = t/unit/io/check_stream_tls.c t/unit/io/pair.h t/unit/io/certs.h
t_unit_io_check_tls_SOURCES = t/unit/io/check_tls.c t/unit/io/pair.h t/unit/io/certs.h
