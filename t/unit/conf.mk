UNIT_TESTS += \
	t/unit/conf/check_config \
	t/unit/conf/check_config_money \
	t/unit/conf/check_config_quota \
	t/unit/conf/check_load \
	t/unit/conf/check_types \
	t/unit/ctl/check_keys
# tgctl asks Redis as the daemon does, by files that are in no library
t_unit_ctl_check_keys_SOURCES = t/unit/ctl/check_keys.c src/ledgerstream.c src/redisconf.c src/redisconf.h
EXTRA_DIST += t/unit/conf/tables.h

# Prints the reference page, the schema or an understood file, without the gateway
noinst_PROGRAMS += t/tools/conf_print
t_tools_conf_print_LDADD = $(TG_LIBS)
