UNIT_TESTS += \
	t/unit/chat/check_chat t/unit/chat/check_replay t/unit/chat/check_count \
	t/unit/chat/check_embed \
	t/unit/chat/check_anthropic \
	t/unit/chat/check_anthropic_stream \
	t/unit/chat/check_gemini \
	t/unit/chat/check_gemini_stream \
	t/unit/chat/check_usage_gemini \
	t/unit/chat/check_model_traits \
	t/unit/chat/check_pairs

EXTRA_DIST += t/unit/chat/chat_unit.h t/unit/chat/pairs.h t/unit/chat/pairs
UNIT_TESTS += t/unit/chat/check_converse t/unit/chat/check_cohere
UNIT_TESTS += t/unit/chat/check_openai t/unit/chat/check_openai_stream t/unit/chat/check_responses
