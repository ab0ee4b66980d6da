# tgctl: the operator's command line, a file per command group. All but main() is a library, so that tests have it too.
noinst_LIBRARIES += libtg_ctl.a
libtg_ctl_a_SOURCES = \
	src/ctl/cmd_keys.c \
	src/ctl/cmd_prices.c \
	src/ctl/decimal.c src/ctl/decimal.h \
	src/ctl/import.c src/ctl/prices_import.h \
	src/ctl/import_complete.c src/ctl/import_merge.c src/ctl/import_write.c \
	src/ctl/litellm.c src/ctl/litellm_names.c \
	src/ctl/tbl/litellm_keys.h src/ctl/tbl/litellm_providers.h \
	src/ctl/prices_json.c src/ctl/prices_json.h \
	src/ctl/prices_view.c src/ctl/prices_view.h \
	src/ctl/cmd_usage.c src/ctl/cmd_export.c \
	src/ctl/cmd_ledger.c src/ctl/ledger_cmds.h src/ctl/ledger_dump.c src/ctl/ledger_tail.c \
	src/ctl/ledger_verify.c src/ctl/ledger_reconcile.c src/ctl/ledger_shipped.c src/ctl/ledger_stream.h \
	src/ctl/cmd_quota.c src/ctl/quota_cmds.h src/ctl/quota_options.c src/ctl/quota_show.c src/ctl/quota_change.c \
	src/ctl/quota_explain.c src/ctl/quota_verify.c src/ctl/quota_verify.h src/ctl/quota_verify_page.c \
	src/ctl/quota_verify_ledger.c src/ctl/tbl/quota_rules.h src/ctl/admin_client.c src/ctl/admin_client.h \
	src/ctl/ledger_path.c src/ctl/ledger_path.h src/ctl/table.c src/ctl/table.h src/ctl/drain.c src/ctl/drain.h \
	src/ctl/cmd_route.c \
	src/ctl/ctl.h

bin_PROGRAMS += tgctl
tgctl_SOURCES = src/ctl/tgctl.c src/ledgerstream.c src/redisconf.c src/redisconf.h
tgctl_LDADD = $(TG_LIBS)
dist_man_MANS += docs/man/tgctl.1

bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/vendor-completions
zshcompletion_DATA = packaging/completion/_tgctl
EXTRA_DIST += packaging/completion/tgctl.bash packaging/completion/_tgctl
# under the command's name, which is the program's already in the build tree
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(bashcompletiondir)
	$(INSTALL_DATA) $(srcdir)/packaging/completion/tgctl.bash $(DESTDIR)$(bashcompletiondir)/tgctl
uninstall-local:
	rm -f $(DESTDIR)$(bashcompletiondir)/tgctl
