# The models of the quota protocol: `make t/model/model`, run by ./dev model; the library is also what its tests link.
MODEL_SOURCES = t/model/lease.c t/model/lease.h t/model/lease_member.c t/model/lease_redis.c t/model/lease_same.c \
	t/model/lease_say.c t/model/limit.c t/model/limit.h t/model/lower.c t/model/lower.h t/model/members.c \
	t/model/members.h t/model/period.c t/model/period.h t/model/post.c t/model/post.h t/model/search.c \
	t/model/search.h t/model/store.c t/model/store.h t/model/table.c t/model/table.h
EXTRA_LIBRARIES += t/model/libmodel.a
t_model_libmodel_a_SOURCES = $(MODEL_SOURCES)
EXTRA_PROGRAMS += t/model/model
t_model_model_SOURCES = t/model/main.c
t_model_model_LDADD = t/model/libmodel.a
# The model's Redis as a process, beside which t/e2e/test_quota_model.py runs quota.lua
noinst_PROGRAMS += t/model/serve
t_model_serve_SOURCES = t/model/serve.c
t_model_serve_LDADD = t/model/libmodel.a
CLEANFILES += t/model/libmodel.a

UNIT_TESTS += t/unit/model/check_search t/unit/model/check_variants
t_unit_model_check_search_LDADD = t/model/libmodel.a $(LDADD)
t_unit_model_check_variants_LDADD = t/model/libmodel.a $(LDADD)
