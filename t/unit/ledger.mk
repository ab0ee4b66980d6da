UNIT_TESTS += t/unit/ledger/check_record t/unit/ledger/check_segment t/unit/ledger/check_journal \
	t/unit/ledger/check_journal_faults t/unit/ledger/check_front t/unit/ledger/check_recover \
	t/unit/ledger/check_recover_fronts
EXTRA_DIST += t/unit/ledger/sample.h t/unit/ledger/folder.h t/unit/ledger/front_fake.h
