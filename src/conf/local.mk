# libtg_conf: YAML, directive tables, and what is printed from them
noinst_LIBRARIES += libtg_conf.a
libtg_conf_a_SOURCES = \
	src/conf/build.c \
	src/conf/changed.c \
	src/conf/conf.h \
	src/conf/dump.c \
	src/conf/load.c src/conf/load.h \
	src/conf/reference.c \
	src/conf/schema.c \
	src/conf/secret.c \
	src/conf/types.c src/conf/types.h \
	src/conf/yaml.c src/conf/yaml.h
dist_man_MANS += docs/man/tollgate.yaml.5
