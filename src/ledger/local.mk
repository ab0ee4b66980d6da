noinst_LIBRARIES += libtg_ledger.a
libtg_ledger_a_SOURCES = \
	src/ledger/record.c src/ledger/record_read.c src/ledger/record.h src/ledger/tbl/records.h \
	src/ledger/segment.c src/ledger/segment_open.c src/ledger/segment.h
