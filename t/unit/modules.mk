UNIT_TESTS += \
	t/unit/modules/check_accesslog \
	t/unit/modules/check_admit \
	t/unit/modules/check_azure \
	t/unit/modules/check_clamp \
	t/unit/modules/check_classify \
	t/unit/modules/check_hosts \
	t/unit/modules/check_mod_budget \
	t/unit/modules/check_mod_ledger \
	t/unit/modules/check_mod_ledger_room \
	t/unit/modules/check_mod_meter \
	t/unit/modules/check_mod_quota \
	t/unit/modules/check_mod_quota_park \
	t/unit/modules/check_mod_deframe \
	t/unit/modules/check_mod_translate \
	t/unit/modules/check_route
t_unit_modules_check_accesslog_SOURCES = t/unit/modules/check_accesslog.c t/unit/core/fake.h
t_unit_modules_check_admit_SOURCES = t/unit/modules/check_admit.c t/unit/core/fake.h
t_unit_modules_check_azure_SOURCES = t/unit/modules/check_azure.c t/unit/core/fake.h
t_unit_modules_check_clamp_SOURCES = t/unit/modules/check_clamp.c t/unit/core/fake.h
t_unit_modules_check_classify_SOURCES = t/unit/modules/check_classify.c t/unit/core/fake.h
t_unit_modules_check_mod_budget_SOURCES = t/unit/modules/check_mod_budget.c \
	t/unit/modules/ledger_fixture.h t/unit/core/fake.h
t_unit_modules_check_mod_ledger_SOURCES = t/unit/modules/check_mod_ledger.c \
	t/unit/modules/ledger_fixture.h t/unit/core/fake.h
t_unit_modules_check_mod_ledger_room_SOURCES = t/unit/modules/check_mod_ledger_room.c \
	t/unit/modules/ledger_fixture.h t/unit/core/fake.h
t_unit_modules_check_mod_meter_SOURCES = t/unit/modules/check_mod_meter.c t/unit/core/fake.h
t_unit_modules_check_mod_quota_SOURCES = t/unit/modules/check_mod_quota.c \
	t/unit/modules/ledger_fixture.h t/unit/core/fake.h
t_unit_modules_check_mod_quota_park_SOURCES = t/unit/modules/check_mod_quota_park.c \
	t/unit/modules/ledger_fixture.h t/unit/core/fake.h
t_unit_modules_check_route_SOURCES = t/unit/modules/check_route.c t/unit/core/fake.h
