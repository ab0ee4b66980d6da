noinst_LIBRARIES += libtg_ledger.a
libtg_ledger_a_SOURCES = \
	src/ledger/record.c src/ledger/record_read.c src/ledger/record.h src/ledger/copy_short.h src/ledger/tbl/records.h \
	src/ledger/segment.c src/ledger/segment_open.c src/ledger/segment.h \
	src/ledger/front.c src/ledger/front.h \
	src/ledger/journal.c src/ledger/journal.h src/ledger/journal_int.h \
	src/ledger/journal_writer.c src/ledger/journal_front.c src/ledger/journal_out.c \
	src/ledger/journal_flush.c src/ledger/journal_tick.c src/ledger/journal_archive.c \
	src/ledger/journal_fold.c src/ledger/journal_pack.c src/ledger/journal_sigbus.c \
	src/ledger/recover.c src/ledger/recover_fronts.c src/ledger/recover.h src/ledger/recover_int.h
