/*
 * pricebook_builtin.c: conf/prices.json inside the program, so that a fresh installation prices
 * requests without a file. The build turns the file into string literals (local.mk), in the build
 * directory.
 */
#include "money/pricebook.h"

static const char text[] =
#include "src/money/prices_builtin.inc"
	;

struct str pricebook_builtin(void)
{
	return str_mk(text, sizeof text - 1);
}
