# tgctl: the operator's command line, a file per command group
bin_PROGRAMS += tgctl
tgctl_SOURCES = \
	src/ctl/cmd_keys.c \
	src/ctl/ctl.h \
	src/ctl/tgctl.c
tgctl_LDADD = $(TG_LIBS)
dist_man_MANS += docs/man/tgctl.1
