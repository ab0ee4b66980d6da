/*
 * check_table.c: columns of tables for people.
 */
#include "unit/unit.h"

#include "ctl/table.h"

static char out[4096];

static const char *print(struct table *t)
{
	FILE *f = tmpfile();

	table_print(t, f);
	rewind(f);
	out[fread(out, 1, sizeof out - 1, f)] = '\0';
	fclose(f);
	return out;
}

START_TEST(columns_are_as_wide_as_their_cells)
{
	struct table t;

	table_init(&t);
	table_column(&t, "name", TABLE_LEFT);
	table_column(&t, "n", TABLE_RIGHT);
	table_column(&t, "cost", TABLE_POINT);
	table_column(&t, "what", TABLE_LEFT);
	table_cell(&t, STR("caf\xc3\xa9 au lait"));
	table_cell_u64(&t, 7);
	table_cell(&t, STR("0.5"));
	table_cell(&t, STR("x"));
	table_cell(&t, STR("a\x1b[2J\tb"));
	table_cell_u64(&t, 123456);
	table_cell(&t, STR("1234"));
	table_cell(&t, STR(""));
	table_line(&t);
	table_cell(&t, STR("total"));
	table_cell_u64(&t, 0);
	table_cell(&t, STR("12.345678"));
	table_cell(&t, STR("-"));
	ck_assert_str_eq(print(&t), "name               n         cost  what\n"
				    "caf\xc3\xa9 au lait       7     0.500000  x\n"
				    "a?[2J?b       123456  1234.000000  -\n"
				    "---------------------------------------\n"
				    "total              0    12.345678  -\n");
	table_fini(&t);
}
END_TEST

START_TEST(money_has_cents_at_least)
{
	struct table t;

	table_init(&t);
	table_column(&t, "a long title", TABLE_POINT);
	table_cell(&t, STR("3"));
	table_cell(&t, STR("-10.5"));
	table_cell(&t, STR("-"));
	ck_assert_str_eq(print(&t), "a long title\n        3.00\n      -10.50\n           -\n");
	table_fini(&t);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, columns_are_as_wide_as_their_cells);
	tcase_add_test(tc, money_has_cents_at_least);
}

UNIT_MAIN("table", tests)
