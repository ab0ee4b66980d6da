UNIT_TESTS += t/unit/ledger/check_record t/unit/ledger/check_segment
EXTRA_DIST += t/unit/ledger/sample.h
