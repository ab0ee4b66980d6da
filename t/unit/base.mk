UNIT_TESTS += \
	t/unit/base/check_arena \
	t/unit/base/check_bufq \
	t/unit/base/check_clock \
	t/unit/base/check_digest \
	t/unit/base/check_ip \
	t/unit/base/check_list \
	t/unit/base/check_log \
	t/unit/base/check_map \
	t/unit/base/check_num \
	t/unit/base/check_panic \
	t/unit/base/check_ring \
	t/unit/base/check_slab \
	t/unit/base/check_stats \
	t/unit/base/check_str
