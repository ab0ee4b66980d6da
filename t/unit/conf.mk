UNIT_TESTS += \
	t/unit/conf/check_config \
	t/unit/conf/check_config_money \
	t/unit/conf/check_config_quota \
	t/unit/conf/check_load \
	t/unit/conf/check_types \
	t/unit/ctl/check_keys
EXTRA_DIST += t/unit/conf/tables.h

# Prints the reference page, the schema or an understood file, without the gateway
noinst_PROGRAMS += t/tools/conf_print
t_tools_conf_print_LDADD = $(TG_LIBS)
