noinst_LIBRARIES += libtg_ledger.a
libtg_ledger_a_SOURCES = \
	src/ledger/record.c src/ledger/record_read.c src/ledger/record.h src/ledger/tbl/records.h \
	src/ledger/segment.c src/ledger/segment_open.c src/ledger/segment.h \
	src/ledger/journal.c src/ledger/journal.h src/ledger/journal_int.h \
	src/ledger/journal_writer.c src/ledger/journal_sync.c src/ledger/journal_files.c \
	src/ledger/journal_rescue.c src/ledger/journal_archive.c src/ledger/journal_sigbus.c \
	src/ledger/recover.c src/ledger/recover.h
