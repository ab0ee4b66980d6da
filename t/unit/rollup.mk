# src/ledger: rollups and reports
UNIT_TESTS += t/unit/ledger/check_rollup
EXTRA_DIST += t/unit/ledger/journal_fake.h
