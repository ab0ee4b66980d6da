UNIT_TESTS += \
	t/unit/chat/check_chat
