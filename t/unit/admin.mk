UNIT_TESTS += t/unit/admin/check_metrics t/unit/admin/check_admin t/unit/admin/check_admin_job \
	t/unit/admin/check_metrics_page t/unit/admin/check_usage_page
t_unit_admin_check_admin_SOURCES = t/unit/admin/check_admin.c t/unit/admin/client.h
t_unit_admin_check_admin_job_SOURCES = t/unit/admin/check_admin_job.c t/unit/admin/client.h
