noinst_LIBRARIES += libtg_admin.a
libtg_admin_a_SOURCES = \
	src/admin/admin.c src/admin/admin.h src/admin/admin_int.h \
	src/admin/admin_conn.c src/admin/admin_job.c src/admin/admin_route.c src/admin/admin_reply.c \
	src/admin/metrics.c src/admin/metrics.h \
	src/admin/quota_tree.c src/admin/quota_tree.h src/admin/quota_page.c src/admin/quota_page.h \
	src/admin/targets_page.c src/admin/targets_page.h \
	src/admin/usage_page.c src/admin/usage_page.h \
	src/admin/metrics_quota.c src/admin/metrics_quota.h src/admin/metrics_page.c src/admin/metrics_page.h \
	src/admin/metrics_page_int.h src/admin/metrics_page_series.c src/admin/metrics_page_targets.c
