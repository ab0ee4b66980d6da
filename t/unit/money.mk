UNIT_TESTS += t/unit/money/check_money t/unit/money/check_capability t/unit/money/check_usage t/unit/money/check_price_cost t/unit/money/check_price_random \
	t/unit/money/check_pricebook t/unit/money/check_prices_json
EXTRA_DIST += t/unit/money/big.h
UNIT_TESTS += t/unit/ctl/check_decimal
