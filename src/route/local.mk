# Choosing a target: what is known of candidates, how dear they are, and one of them. Pure: time and chance are arguments.
noinst_LIBRARIES += libtg_route.a
libtg_route_a_SOURCES = \
	src/route/budget.h \
	src/route/capacity.c src/route/capacity.h \
	src/route/circuit.c src/route/circuit.h \
	src/route/decay.h \
	src/route/hints.c src/route/hints.h \
	src/route/pick.c src/route/pick.h \
	src/route/prompt_kind.c src/route/prompt_kind.h src/route/tbl/languages.h src/route/tbl/scripts.h \
	src/route/score.c src/route/score.h \
	src/route/spot.c src/route/spot.h
