noinst_LIBRARIES += libtg_money.a
libtg_money_a_SOURCES = \
	src/money/money.c src/money/money.h \
	src/money/capability.c src/money/capability.h src/money/tbl/capabilities.h \
	src/money/usage.c src/money/usage.h src/money/tbl/buckets.h \
	src/money/pricebook.c src/money/pricebook.h src/money/pricebook_int.h \
	src/money/pricebook_json.c src/money/price_json.c src/money/price_plan.c \
	src/money/service_tier.c src/money/tbl/service_tiers.h src/money/tbl/estimate_units.h \
	src/money/pricebook_builtin.c \
	src/money/price_cost.c \
	src/money/estimate.c src/money/estimate.h

# The price book as C string literals, one a line.
src/money/prices_builtin.inc: $(srcdir)/conf/prices.json
	@$(MKDIR_P) src/money
	$(AM_V_GEN)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' \
		$(srcdir)/conf/prices.json > $@.tmp && mv $@.tmp $@
src/money/pricebook_builtin.$(OBJEXT): src/money/prices_builtin.inc
CLEANFILES += src/money/prices_builtin.inc
