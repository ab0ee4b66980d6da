# What records add up to, and the questions asked of them
noinst_LIBRARIES += libtg_rollup.a
libtg_rollup_a_SOURCES = \
	src/ledger/names.c src/ledger/names.h src/ledger/tbl/ends.h
