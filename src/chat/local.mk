noinst_LIBRARIES += libtg_chat.a
libtg_chat_a_SOURCES = \
	src/chat/chat.h src/chat/codec.h src/chat/model_traits.h src/chat/tbl/shapes.h src/chat/tbl/efforts.h \
	src/chat/chat.c
