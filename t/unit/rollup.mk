# src/ledger: rollups and reports
UNIT_TESTS += t/unit/ledger/check_rollup
EXTRA_DIST += t/unit/ledger/journal_fake.h

# A ledger made by hand, for t/e2e
noinst_PROGRAMS += t/tools/ledger_make
t_tools_ledger_make_LDADD = $(TG_LIBS)
