UNIT_TESTS += t/unit/admin/check_metrics t/unit/admin/check_admin t/unit/admin/check_metrics_page
