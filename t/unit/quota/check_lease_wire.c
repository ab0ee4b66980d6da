/*
 * check_lease_wire.c: calls as keys and arguments, word by word; replies, right ones and everything
 * that is none.
 */
#include "quota/lease_wire.h"
#include "unit/unit.h"

/* ---- a reply from text: "ok,1.1.1.n,0,,5,[ok 1 2 3 4 5 6]"; a word ~ is no text */

struct value {
	bool list, none;
	struct str text;
	size_t n;
	struct value *item;
};

static struct value pool[2000];
static size_t pooled;

static struct value *parse_list(struct str text, char sep)
{
	struct value *v = &pool[pooled++];
	struct str rest = text, part;
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == sep;
	*v = (struct value){ .list = true, .item = &pool[pooled] };
	pooled += n;
	ck_assert_uint_lt(pooled, TG_ARRAY_LEN(pool) - 100);
	for (size_t at = 0; v->n < n; v->n++) {
		struct value *to = &v->item[v->n];
		size_t end = at;

		while (end < rest.n && rest.p[end] != sep)
			end++;
		part = str_mk(rest.p + at, end - at);
		at = end + 1;
		if (part.n >= 2 && part.p[0] == '[')
			*to = *parse_list(str_mk(part.p + 1, part.n - 2), ' ');
		else
			*to = (struct value){ .none = str_eq(part, STR("~")), .text = part };
	}
	return v;
}

static size_t value_items(const void *value)
{
	return ((const struct value *)value)->n;
}

static const void *value_item(const void *value, size_t i)
{
	return &((const struct value *)value)->item[i];
}

static bool value_text(const void *value, struct str *out)
{
	const struct value *v = value;

	*out = v->text;
	return !v->list && !v->none;
}

static const struct lease_reader reader = { value_items, value_item, value_text };

static int parse(const char *text, unsigned n, struct lease_answer *out, char err[200])
{
	pooled = 0;
	err[0] = '\0';
	return lease_answer_parse(&reader, parse_list(str_z(text), ','), n, out, err, 200);
}

/* ---- calls */

START_TEST(a_call)
{
	static const char *const want[] = { "p:{b5}:b", "p:{b5}:a:tenant:a/cost/day", "p:{b5}:a:x",
		"gw-1", "7", "run", "3.1.2.n", "gw-1,gw-2", "99", "a", "30064771073", "10", "20",
		"5", "30", "1000", "86400", "172800", "", "30064771074", "1", "9", "0", "0", "50",
		"0", "0", "r" };
	struct lease_call call = { .bucket = 5,
		.member = STR("gw-1"),
		.run_id = STR("run"),
		.epoch = STR("3.1.2.n"),
		.members = STR("gw-1,gw-2"),
		.incarnation = 7,
		.version = 99,
		.asserts = true,
		.n = 2 };
	struct lease_args args;

	call.item[0] = (struct lease_item){ .name = STR("tenant:a/cost/day"),
		.op_seq = UINT64_C(7) << 32 | 1,
		.s = 10,
		.g = 20,
		.need = 5,
		.want = 30,
		.limit = 1000,
		.ps = 86400,
		.pe = 172800 };
	call.item[1] = (struct lease_item){ .name = STR("x"),
		.op_seq = UINT64_C(7) << 32 | 2,
		.s = 1,
		.g = 9,
		.limit = 50,
		.returns = true,
		.tells = true };
	lease_args_init(&args);
	for (int again = 0; again < 2; again++) {
		lease_args_sync(&args, STR("p:"), &call);
		ck_assert_uint_eq(args.n_keys, 3);
		ck_assert_uint_eq(args.n, TG_ARRAY_LEN(want));
		for (size_t i = 0; i < TG_ARRAY_LEN(want); i++)
			UNIT_STR_EQ(args.v[i], str_z(want[i]));
	}
	call.n = 0;
	call.asserts = false;
	call.instance = STR("0123456789abcdef");
	lease_args_sync(&args, STR(""), &call);
	ck_assert_uint_eq(args.n, 8);
	UNIT_STR_EQ(args.v[2], STR("7-0123456789abcdef"));
	UNIT_STR_EQ(args.v[0], STR("{b5}:b"));
	UNIT_STR_EQ(args.v[7], STR(""));
	lease_args_fini(&args);
}
END_TEST

START_TEST(largest_call)
{
	static char name[600];
	struct lease_call call = { .bucket = 63,
		.n = LEASE_CALL_MAX,
		.version = LEASE_AMOUNT_MAX,
		.incarnation = LEASE_INCARNATION_MAX };
	struct lease_args args;

	memset(name, 'n', sizeof name);
	for (unsigned i = 0; i < call.n; i++)
		call.item[i] = (struct lease_item){ .name = str_mk(name, sizeof name),
			.op_seq = LEASE_INCARNATION_MAX << 32 | UINT32_MAX,
			.s = LEASE_AMOUNT_MAX,
			.g = LEASE_AMOUNT_MAX,
			.need = LEASE_AMOUNT_MAX,
			.want = LEASE_AMOUNT_MAX,
			.limit = LEASE_AMOUNT_MAX,
			.ps = LEASE_AMOUNT_MAX,
			.pe = LEASE_AMOUNT_MAX };
	lease_args_init(&args);
	lease_args_sync(&args, STR("a-prefix-of-some-length:"), &call);
	ck_assert_uint_eq(args.n, 1 + 64 + 7 + 64 * 9);
	UNIT_STR_EQ(args.v[args.n - 2], STR("9007199254740991"));
	lease_args_fini(&args);
}
END_TEST

/* ---- replies */

START_TEST(right_replies)
{
	struct lease_answer a = { .unsafe = true };
	char err[200];

	ck_assert_int_eq(parse("ok,3.1.2.n,0,,1795867200000,[ok 20 10 30 15 1000 0],"
			       "[closed 1 2 3 4 5 2000]",
				 2, &a, err),
		0);
	ck_assert_int_eq(a.status, LEASE_OK);
	UNIT_STR_EQ(a.epoch, STR("3.1.2.n"));
	ck_assert(!a.learning);
	ck_assert(!a.unsafe);
	ck_assert_int_eq(a.time_ms, 1795867200000);
	ck_assert_uint_eq(a.n, 2);
	ck_assert_int_eq(a.item[0].g, 20);
	ck_assert_int_eq(a.item[0].s, 10);
	ck_assert_int_eq(a.item[0].sum_g, 30);
	ck_assert_int_eq(a.item[0].sum_s, 15);
	ck_assert_int_eq(a.item[0].limit, 1000);
	ck_assert_int_eq(a.item[1].status, LEASE_ITEM_CLOSED);
	ck_assert_int_eq(a.item[1].recall_ms, 2000);
	ck_assert_int_eq(parse("learn,3.1.2.n,1,a;b,5", 64, &a, err), 0);
	ck_assert_int_eq(a.status, LEASE_LEARN);
	ck_assert(a.learning);
	UNIT_STR_EQ(a.awaited, STR("a;b"));
	ck_assert_uint_eq(a.n, 0);
	ck_assert_int_eq(parse("fenced,,0,,9007199254740991", 3, &a, err), 0);
	ck_assert_int_eq(parse("stale,,0,,0", 3, &a, err), 0);
	ck_assert_int_eq(parse("members,,0,,0", 3, &a, err), 0);
}
END_TEST

static const char *const wrong[] = {
	"",
	"ok",
	"ok,3.1.2.n,0,",
	"fine,3.1.2.n,0,,5,[ok 1 1 1 1 1 0]",
	"~,3.1.2.n,0,,5,[ok 1 1 1 1 1 0]",
	"ok,~,0,,5,[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,2,,5,[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,,,5,[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,0,~,5,[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,0,,,[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,0,,-5,[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,0,,5x,[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,0,,9007199254740992,[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,0,,5",
	"ok,3.1.2.n,0,,5,ok",
	"ok,3.1.2.n,0,,5,[ok 1 1 1 1 1]",
	"ok,3.1.2.n,0,,5,[ok 1 1 1 1 1 0 0]",
	"ok,3.1.2.n,0,,5,[ok 1 1 1 1 1 0],[ok 1 1 1 1 1 0]",
	"ok,3.1.2.n,0,,5,[okay 1 1 1 1 1 0]",
	"ok,3.1.2.n,0,,5,[ok -1 1 1 1 1 0]",
	"ok,3.1.2.n,0,,5,[ok 1 1.5 1 1 1 0]",
	"ok,3.1.2.n,0,,5,[ok 1 1 1e3 1 1 0]",
	"ok,3.1.2.n,0,,5,[ok 1 1 1 9007199254740992 1 0]",
	"ok,3.1.2.n,0,,5,[ok 1 1 1 1 18446744073709551617 0]",
	"ok,3.1.2.n,0,,5,[ok 1 1 1 1 1 ]",
	"ok,3.1.2.n,0,,5,[ok 1 1 1 1 1 ~]",
	"learn,3.1.2.n,1,,5,[ok 1 1 1 1 1 0]",
};

START_TEST(wrong_replies)
{
	struct lease_answer a;
	char err[200], text[2 * LEASE_EPOCH_MAX];

	ck_assert_int_eq(parse(wrong[_i], 1, &a, err), -1);
	ck_assert_str_ne(err, "");
	/* an epoch that would not fit */
	memset(text, '1', sizeof text);
	memcpy(text, "learn,", 6);
	strcpy(text + LEASE_EPOCH_MAX + 7, ",1,,5");
	ck_assert_int_eq(parse(text, 0, &a, err), -1);
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_test(tc, a_call);
	tcase_add_test(tc, largest_call);
	tcase_add_test(tc, right_replies);
	tcase_add_loop_test(tc, wrong_replies, 0, (int)TG_ARRAY_LEN(wrong));
}

UNIT_MAIN("lease_wire", tests)
