noinst_LIBRARIES += libtg_chat.a
libtg_chat_a_SOURCES = \
	src/chat/chat.h src/chat/codec.h src/chat/model_traits.h src/chat/tbl/shapes.h src/chat/tbl/efforts.h \
	src/chat/chat.c src/chat/chat_count.c src/chat/chat_count.h src/chat/chat_replay.c src/chat/chat_replay.h \
	src/chat/embed.c src/chat/embed.h src/chat/embed_cohere.c src/chat/embed_gemini.c src/chat/embed_openai.c src/chat/embed_vertex.c \
	src/chat/anthropic.h src/chat/tbl/anthropic_errors.h \
	src/chat/anthropic_answer.c src/chat/anthropic_error.c src/chat/anthropic_media.c src/chat/anthropic_parts_write.c \
	src/chat/anthropic_request_read.c src/chat/anthropic_request_write.c src/chat/anthropic_stream_read.c \
	src/chat/anthropic_schema.c src/chat/anthropic_stream_write.c src/chat/anthropic_usage.c \
	src/chat/model_traits.c src/chat/tbl/model_traits.h

# OpenAI's chat completions
libtg_chat_a_SOURCES += \
	src/chat/openai.c src/chat/openai_int.h src/chat/openai_members.c src/chat/openai_media.c \
	src/chat/openai_request_read.c src/chat/openai_request_write.c src/chat/openai_answer.c \
	src/chat/openai_stream_read.c src/chat/openai_stream_write.c src/chat/openai_usage.c \
	src/chat/openai_words.c src/chat/tbl/openai_finish.h

# OpenAI's Responses
libtg_chat_a_SOURCES += \
	src/chat/responses.c src/chat/responses_int.h src/chat/responses_request.c src/chat/responses_item.c \
	src/chat/responses_answer.c src/chat/responses_stream.c src/chat/responses_request_write.c \
	src/chat/responses_read.c src/chat/responses_space.c

# Gemini's generateContent
libtg_chat_a_SOURCES += \
	src/chat/gemini_answer.c src/chat/gemini_error.c src/chat/gemini_int.h \
	src/chat/gemini_partial.c src/chat/gemini_partial.h \
	src/chat/gemini_request_read.c src/chat/gemini_request_write.c src/chat/gemini_schema.c \
	src/chat/gemini_stream_read.c src/chat/gemini_stream_write.c \
	src/chat/tbl/gemini_finish.h src/chat/tbl/gemini_status.h \
	src/chat/usage_gemini.c src/chat/usage_gemini.h

# Bedrock's Converse, Cohere's v2 chat: providers' dialects
libtg_chat_a_SOURCES += \
	src/chat/converse.h src/chat/tbl/converse_errors.h src/chat/converse_answer.c src/chat/converse_parts.c \
	src/chat/converse_request.c src/chat/converse_stream.c \
	src/chat/cohere.h src/chat/cohere_answer.c src/chat/cohere_request.c src/chat/cohere_stream.c
