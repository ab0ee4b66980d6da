# What records add up to, and the questions asked of them
noinst_LIBRARIES += libtg_rollup.a
libtg_rollup_a_SOURCES = \
	src/ledger/names.c src/ledger/names.h src/ledger/tbl/ends.h \
	src/ledger/intern.c src/ledger/intern.h \
	src/ledger/positions.c src/ledger/positions.h \
	src/ledger/value.c src/ledger/varint.h \
	src/ledger/rollup.c src/ledger/rollup.h src/ledger/rollup_int.h \
	src/ledger/rollup_file.c src/ledger/rollup_flush.c src/ledger/rollup_open.c \
	src/ledger/tbl/rollup_texts.h src/ledger/tbl/rollup_counts.h src/ledger/tbl/rollup_more.h src/ledger/tbl/rollup_sums.h \
	src/ledger/walk.c src/ledger/walk.h src/ledger/follow.c src/ledger/follow.h \
	src/ledger/csv.c src/ledger/csv.h \
	src/ledger/export.c src/ledger/export_parts.c src/ledger/export_parts.h src/ledger/dump.c src/ledger/export.h \
	src/ledger/tbl/export_fields.h \
	src/ledger/report.c src/ledger/report_query.c src/ledger/report_text.c src/ledger/report.h \
	src/ledger/verify.c src/ledger/verify_holds.c src/ledger/verify_holds.h src/ledger/verify_rebuild.c \
	src/ledger/verify_text.c src/ledger/verify.h src/ledger/tbl/verify_rules.h \
	src/ledger/reconcile.c src/ledger/reconcile_read.c src/ledger/reconcile.h
