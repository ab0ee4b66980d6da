UNIT_TESTS += t/unit/route/check_circuit t/unit/route/check_spot t/unit/route/check_score t/unit/route/check_pick \
	t/unit/route/check_capacity t/unit/route/check_hints t/unit/route/check_simulation t/unit/route/check_prompt_kind
