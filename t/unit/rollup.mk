# src/ledger: rollups and reports
UNIT_TESTS += t/unit/ledger/check_rollup t/unit/ledger/check_report t/unit/ledger/check_export t/unit/ledger/check_verify \
	t/unit/ledger/check_reconcile t/unit/ledger/check_walk t/unit/ledger/check_follow t/unit/ledger/check_ledger t/unit/ctl/check_table
EXTRA_DIST += t/unit/ledger/journal_fake.h

# A ledger made by hand, for t/e2e
noinst_PROGRAMS += t/tools/ledger_make
t_tools_ledger_make_LDADD = $(TG_LIBS)
