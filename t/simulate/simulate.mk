# The lease protocol, simulated: `make t/simulate/simulate`, run by ./dev simulate; the library is also what its test links.
# It has the members' calls with test switches; what else it needs comes from the other libraries.
if HAVE_LUA
EXTRA_LIBRARIES += t/simulate/libsimulate.a
t_simulate_libsimulate_a_SOURCES = t/simulate/member.c t/simulate/mutants.c t/simulate/ops.h t/simulate/oracle.c \
	t/simulate/schedule.c t/simulate/seeds.h t/simulate/server.c t/simulate/shrink.c t/simulate/sim.h \
	t/simulate/world.c src/quota/lease_call.c
t_simulate_libsimulate_a_CPPFLAGS = $(AM_CPPFLAGS) $(LUA_CFLAGS) -DTG_TEST_SWITCHES
EXTRA_PROGRAMS += t/simulate/simulate
t_simulate_simulate_SOURCES = t/simulate/main.c
t_simulate_simulate_LDADD = t/simulate/libsimulate.a $(TG_LIBS) $(LUA_LIBS)
CLEANFILES += t/simulate/libsimulate.a

UNIT_TESTS += t/unit/simulate/check_simulate t/unit/simulate/check_share
t_unit_simulate_check_share_LDADD = t/simulate/libsimulate.a $(LDADD) $(LUA_LIBS)
t_unit_simulate_check_simulate_LDADD = t/simulate/libsimulate.a $(LDADD) $(LUA_LIBS)
endif
