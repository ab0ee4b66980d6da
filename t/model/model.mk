# The models of the quota protocol; the library is what their tests link.
EXTRA_LIBRARIES += t/model/libmodel.a
t_model_libmodel_a_SOURCES = t/model/search.c t/model/search.h t/model/store.c t/model/store.h
CLEANFILES += t/model/libmodel.a

UNIT_TESTS += t/unit/model/check_search
t_unit_model_check_search_LDADD = t/model/libmodel.a $(LDADD)
