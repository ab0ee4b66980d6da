/*
 * check_list.c: order, removal while iterating, nodes that are on no list.
 */
#include "base/list.h"

#include "unit/unit.h"

struct item {
	char name;
	struct list link;
};

static struct list head;
static struct item items[5];

static void setup(void)
{
	list_init(&head);
	for (int i = 0; i < 5; i++) {
		items[i].name = (char)('a' + i);
		list_init(&items[i].link);
	}
}

/* The names in order, checked against the order backwards. */
static void assert_order(const char *want)
{
	char got[8] = "";
	size_t n = 0;

	list_foreach (it, &head)
		got[n++] = list_entry(it, struct item, link)->name;
	ck_assert_str_eq(got, want);
	for (struct list *it = head.prev; it != &head; it = it->prev)
		ck_assert_int_eq(list_entry(it, struct item, link)->name, got[--n]);
	ck_assert_uint_eq(n, 0);
}

START_TEST(order)
{
	ck_assert(list_empty(&head));
	list_push_back(&head, &items[1].link);
	list_push_back(&head, &items[2].link);
	list_push_front(&head, &items[0].link);
	list_insert_after(&items[1].link, &items[3].link);
	assert_order("abdc");
	ck_assert(list_pop_front(&head) == &items[0].link);
	assert_order("bdc");
	ck_assert(list_empty(&items[0].link));
}
END_TEST

START_TEST(removal)
{
	list_del(&items[0].link); /* on no list */
	for (int i = 0; i < 5; i++)
		list_push_back(&head, &items[i].link);
	list_del(&items[2].link);
	list_del(&items[2].link);
	assert_order("abde");
	list_foreach_safe (it, next, &head) {
		if (list_entry(it, struct item, link)->name != 'd')
			list_del(it);
	}
	assert_order("d");
	list_del(&items[3].link);
	ck_assert(list_empty(&head));
	ck_assert_ptr_null(list_pop_front(&head));
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, order);
	tcase_add_test(tc, removal);
}

UNIT_MAIN("list", tests)
