/*
 * check_settle.c: every terminal event of a leg, row by row: what is charged and how good that is.
 */
#include "unit/unit.h"

#include "core/settle.h"

enum { P = SETTLE_BY_PROVIDER, C = SETTLE_BY_CLIENT, G = SETTLE_BY_GATEWAY };
enum { EST = ABORT_CANCEL_ESTIMATE, DRAIN = ABORT_DRAIN, FREE = ABORT_CANCEL_FREE };

static const struct row {
	const char *what;
	struct settle_in in;
	enum settle_charge charge;
	enum rec_quality quality;
} rows[] = {
#define ROW(                                                                                     \
	what, sent_, whole_, status_, complete_, usage_, stream_, by_, policy_, charge, quality) \
	{ what,                                                                                  \
		{ .sent = sent_,                                                                 \
			.sent_whole = whole_,                                                    \
			.status = status_,                                                       \
			.complete = complete_,                                                   \
			.usage = USAGE_##usage_,                                                 \
			.billed = true,                                                          \
			.read = true,                                                            \
			.stream = stream_,                                                       \
			.by = (enum settle_by)by_,                                               \
			.policy = (enum abort_policy)policy_ },                                  \
		CHARGE_##charge, QUALITY_##quality },
	ROW("2xx with usage", 1, 1, 200, 1, PROVIDER, 0, P, EST, USAGE, EXACT) ROW(
		"a stream with usage", 1, 1, 200, 1, PROVIDER, 1, P, EST, USAGE,
		EXACT) ROW("usage, then the stream broke off", 1, 1, 200, 0, PROVIDER, 1, P, EST,
		USAGE, EXACT) ROW("usage, then the client left", 1, 1, 200, 0, PROVIDER, 1, C, EST,
		USAGE, EXACT) ROW("usage, then the client left for free", 1, 1, 200, 0, PROVIDER, 1,
		C, FREE, USAGE, EXACT) ROW("2xx without usage", 1, 1, 200, 1, ABSENT, 0, P, EST,
		ESTIMATE, ESTIMATED) ROW("a whole stream without usage", 1, 1, 200, 1, ABSENT, 1, P,
		EST, ESTIMATE, ESTIMATED) ROW("a whole stream, figures not final", 1, 1, 200, 1,
		PARTIAL, 1, P, EST, ESTIMATE, ESTIMATED) ROW("the provider broke a stream off", 1,
		1, 200, 0, PARTIAL, 1, P, EST, PARTIAL, PARTIAL) ROW("and bills all of it", 1, 1,
		200, 0, ABSENT, 1, P, DRAIN, PARTIAL, PARTIAL) ROW("a body broke off", 1, 1, 200, 0,
		ABSENT, 0, P, EST, PARTIAL, PARTIAL) ROW("we ended a stream", 1, 1, 200, 0, ABSENT,
		1, G, EST, PARTIAL, PARTIAL) ROW("we ended a stream that is billed whole", 1, 1,
		200, 0, ABSENT, 1, G, DRAIN, BOUND, ESTIMATED) ROW("the client left a stream", 1, 1,
		200, 0, ABSENT, 1, C, EST, PARTIAL, PARTIAL) ROW("that was read on in vain", 1, 1,
		200, 0, ABSENT, 1, C, DRAIN, BOUND, ESTIMATED) ROW("that is free then", 1, 1, 200,
		0, PARTIAL, 1, C, FREE, NOTHING, PARTIAL) ROW("the client left a body", 1, 1, 200,
		0, ABSENT, 0, C, EST, BOUND, ESTIMATED) ROW("the client left before the status", 1,
		1, 0, 0, ABSENT, 1, C, EST, INPUT, ESTIMATED) ROW("of a body", 1, 1, 0, 0, ABSENT,
		0, C, EST, BOUND, ESTIMATED) ROW("of a stream that is billed whole", 1, 1, 0, 0,
		ABSENT, 1, C, DRAIN, BOUND,
		ESTIMATED) ROW("of one that is free then", 1, 1, 0, 0, ABSENT, 0, C, FREE, NOTHING,
		PARTIAL) ROW("the client left in the middle of its request", 1, 0, 0, 0, ABSENT,
		1, C, EST, NOTHING, EXACT) ROW("nothing was sent", 0, 0, 0, 0, ABSENT, 0, P, EST,
		VOID, EXACT) ROW("nothing was sent, and the client left", 0, 0, 0, 0, ABSENT, 1, C,
		DRAIN, VOID, EXACT) ROW("reset before the status", 1, 1, 0, 0, ABSENT, 0, P, EST,
		NOTHING, INDETERMINATE) ROW("reset in the middle of the request", 1, 0, 0, 0,
		ABSENT, 0, P, EST, NOTHING, EXACT) ROW("cut off before the status", 1, 1, 0, 0,
		ABSENT, 1, G, EST, INPUT, ESTIMATED) ROW("400", 1, 1, 400, 1, ABSENT, 0, P, EST,
		NOTHING, EXACT) ROW("429", 1, 1, 429, 1, ABSENT, 1, P, DRAIN, NOTHING, EXACT)
		ROW("429 with usage", 1, 1, 429, 1, PROVIDER, 0, P, EST, USAGE, EXACT)
			ROW("301", 1, 1, 301, 1, ABSENT, 0, P, EST, NOTHING, EXACT)
				ROW("500", 1, 1, 500, 1, ABSENT, 0, P, EST, NOTHING, INDETERMINATE)
					ROW("529 while the client leaves", 1, 1, 529, 0, ABSENT, 1,
						C, DRAIN, NOTHING, INDETERMINATE)
#undef ROW
};

START_TEST(each_end)
{
	const struct row *r = &rows[_i];
	struct settle_out o = settle_decide(&r->in);

	ck_assert_msg(o.charge == r->charge, "%s: charge %d", r->what, o.charge);
	ck_assert_msg(o.quality == r->quality, "%s: quality %d", r->what, o.quality);
}
END_TEST

START_TEST(what_is_charged_when_nobody_can_know)
{
	static const struct {
		enum indeterminate_policy policy;
		enum settle_charge charge;
	} want[] = { { INDETERMINATE_NONE, CHARGE_NOTHING }, { INDETERMINATE_INPUT, CHARGE_INPUT },
		{ INDETERMINATE_BOUND, CHARGE_BOUND } };
	struct settle_in in = { .sent = true,
		.sent_whole = true,
		.billed = true,
		.read = true,
		.policy = ABORT_CANCEL_ESTIMATE };

	for (size_t i = 0; i < TG_ARRAY_LEN(want); i++) {
		in.indeterminate = want[i].policy;
		ck_assert_int_eq(settle_decide(&in).charge, want[i].charge);
		ck_assert_int_eq(settle_decide(&in).quality, QUALITY_INDETERMINATE);
	}
}
END_TEST

/* Lists, files and counts cost nothing however they end; a batch costs a stated price. */
START_TEST(paths_that_nobody_reads)
{
	struct settle_in in = { .sent = true,
		.sent_whole = true,
		.status = 200,
		.complete = true,
		.policy = ABORT_CANCEL_ESTIMATE };

	ck_assert_int_eq(settle_decide(&in).charge, CHARGE_NOTHING);
	ck_assert_int_eq(settle_decide(&in).quality, QUALITY_EXACT);
	in.billed = true;
	ck_assert_int_eq(settle_decide(&in).charge, CHARGE_UNREAD);
	ck_assert_int_eq(settle_decide(&in).quality, QUALITY_ESTIMATED);
	in.status = 404;
	ck_assert_int_eq(settle_decide(&in).charge, CHARGE_NOTHING);
}
END_TEST

/* However a request ends: nothing is charged that was not sent, final figures are never replaced by
 * an estimate, and what is estimated says so. */
START_TEST(no_combination_breaks_the_rules)
{
	for (unsigned bits = 0; bits < 128; bits++)
		for (int by = P; by <= G; by++)
			for (int policy = EST; policy <= FREE; policy++)
				for (int status = 0; status < 600; status += 100) {
					struct settle_in in = { bits & 1, bits >> 1 & 1, status,
						bits >> 2 & 1, (enum usage_source)(bits >> 3 & 3),
						bits >> 5 & 1, bits >> 6 & 1, by == C,
						(enum settle_by)by, (enum abort_policy)policy,
						INDETERMINATE_NONE };
					struct settle_out o = settle_decide(&in);

					ck_assert((o.charge == CHARGE_VOID) == !in.sent);
					if (in.sent && in.billed && in.usage == USAGE_PROVIDER)
						ck_assert_int_eq(o.charge, CHARGE_USAGE);
					if (o.charge > CHARGE_USAGE)
						ck_assert_int_ne(o.quality, QUALITY_EXACT);
					if (!in.billed)
						ck_assert_int_le(o.charge, CHARGE_NOTHING);
				}
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, each_end, 0, TG_ARRAY_LEN(rows));
	tcase_add_test(tc, what_is_charged_when_nobody_can_know);
	tcase_add_test(tc, paths_that_nobody_reads);
	tcase_add_test(tc, no_combination_breaks_the_rules);
}

UNIT_MAIN("settle", tests)
