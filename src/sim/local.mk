# files of this folder
noinst_LIBRARIES += libtg_sim.a
libtg_sim_a_SOURCES = \
	src/sim/dialect.h \
	src/sim/dialect_anthropic.c src/sim/dialect_bedrock.c src/sim/dialect_bedrock.h src/sim/dialect_bedrock_ask.c \
	src/sim/dialect_cohere.c \
	src/sim/dialect_azure.c src/sim/dialect_embed.c src/sim/dialect_hosts.c src/sim/dialect_gemini.c src/sim/dialect_gemini.h \
	src/sim/dialect_gemini_misc.c src/sim/dialect_gemini_walk.c \
	src/sim/dialect_openai.c \
	src/sim/dialect_openai_chat.c \
	src/sim/dialect_openai_files.c \
	src/sim/dialect_openai_media.c \
	src/sim/dialect_openai_misc.c \
	src/sim/dialect_responses.c \
	src/sim/dialect_routes.c \
	src/sim/sim_answer.c \
	src/sim/sim_buf.c src/sim/sim_buf.h \
	src/sim/sim_conf.h \
	src/sim/sim_conn.c src/sim/sim_conn.h \
	src/sim/sim_control.c \
	src/sim/sim_fault.c src/sim/sim_fault.h src/sim/tbl/faults.h \
	src/sim/sim_form.c src/sim/sim_form.h \
	src/sim/sim_json.c src/sim/sim_json.h \
	src/sim/sim_ledger.c src/sim/sim_ledger.h \
	src/sim/sim_plan.c \
	src/sim/sim_req.h src/sim/sim_request.c src/sim/tbl/knobs.h \
	src/sim/sim_serve.c src/sim/sim_serve.h \
	src/sim/sim_server.c src/sim/sim_server.h \
	src/sim/sim_shape.c \
	src/sim/sim_store.c src/sim/sim_store.h \
	src/sim/sim_text.c src/sim/sim_text.h

bin_PROGRAMS += tollgate-sim
tollgate_sim_SOURCES = src/sim/sim_main.c
tollgate_sim_LDADD = $(TG_LIBS)
dist_man_MANS += docs/man/tollgate-sim.1
