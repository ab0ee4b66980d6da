noinst_LIBRARIES += libtg_quota.a
libtg_quota_a_SOURCES = \
	src/quota/zone.c src/quota/zone_parse.c src/quota/zone_rule.c src/quota/zone.h src/quota/zone_int.h \
	src/quota/period.c src/quota/period.h src/quota/tbl/period_units.h \
	src/quota/limit.c src/quota/limit.h src/quota/tbl/dims.h \
	src/quota/account.c src/quota/account.h src/quota/account_int.h src/quota/account_lease.c src/quota/rate.c src/quota/window.c src/quota/window.h \
	src/quota/table.c src/quota/table.h \
	src/quota/guests.c src/quota/guests.h src/quota/fall.c src/quota/fall.h src/quota/hold.c src/quota/hold.h src/quota/share.c src/quota/share.h src/quota/offline.c src/quota/offline.h src/quota/tbl/offline.h \
	src/quota/lease.c src/quota/lease_call.c src/quota/lease_reply.c src/quota/lease_int.h \
	src/quota/lease_wire.c src/quota/lease.h src/quota/lease_wire.h src/quota/tbl/lease_status.h src/quota/tbl/lease_item_status.h \
	src/quota/tbl/lease_counts.h src/quota/tbl/unsure.h \
	src/quota/quota_lua.c src/quota/quota_lua.h

# What Redis runs, as C string literals, one a line.
src/quota/quota_lua.inc: $(srcdir)/src/quota/lua/quota.lua
	@$(MKDIR_P) src/quota
	$(AM_V_GEN)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' \
		$(srcdir)/src/quota/lua/quota.lua > $@.tmp && mv $@.tmp $@
src/quota/quota_lua.$(OBJEXT): src/quota/quota_lua.inc
CLEANFILES += src/quota/quota_lua.inc
EXTRA_DIST += src/quota/lua/quota.lua
