/* record.c, record_read.c: what was written is read back; nothing else is. */
#include "unit/unit.h"
#include "unit/ledger/sample.h"

#include "base/digest.h"

#define TYPES 10

/* One record of each type, filled in every field. */
static struct rec sample(unsigned i)
{
	struct rec r = {
		.flags = 0, .stamp = 0xabcdef01, .seq = 7 + i, .time = { 1764288123456789 }
	};

	switch (i) {
	case 0:
		r.type = REC_OPEN;
		r.u.open = (struct rec_open){ .member = STR("gw-1"),
			.build = STR("0.1.0"),
			.incarnation = 0xfedcba9876543210,
			.generation = 3 };
		break;
	case 1: r.type = REC_CLOSE; break;
	case 2:
		r.type = REC_HOLD;
		r.flags = REC_CARRIED;
		r.u.hold = sample_hold(2);
		r.u.hold.legs_over = 2;
		break;
	case 3:
		r.type = REC_LEG;
		r.u.leg = sample_leg(3, 1);
		break;
	case 4:
		r.type = REC_PROGRESS;
		r.u.progress = sample_progress(4);
		break;
	case 5:
		r.type = REC_SETTLE;
		r.u.settle = sample_settle(5);
		r.u.settle.money.reported = -12345;
		break;
	case 6:
		r.type = REC_VOID;
		r.u.voided = sample_void(6);
		break;
	case 7:
		r.type = REC_CHECKPOINT;
		r.u.checkpoint.open = 12;
		break;
	case 8:
		r.type = REC_EXTEND;
		r.u.extend = sample_extend(8);
		break;
	default:
		r.type = REC_WRITER;
		r.u.writer = (struct rec_writer){ 3, 0xfedcba9876543210 };
		break;
	}
	return r;
}

/* Encoded into memory of exactly its size. */
static struct str encoded(const struct rec *r)
{
	static _Alignas(8) char out[REC_MAX_BYTES];
	size_t n;

	memset(out, 0xee, sizeof out);
	n = rec_encode(out, r);
	ck_assert_uint_eq(n % 8, 0);
	ck_assert_uint_eq(n, rec_size(r));
	ck_assert_uint_le(n, rec_bound(r->type, &r->u));
	return str_mk(unit_copy(out, n), n);
}

static void same_who(const struct rec_who *a, const struct rec_who *b)
{
	UNIT_STR_EQ(a->org, b->org);
	UNIT_STR_EQ(a->tenant, b->tenant);
	UNIT_STR_EQ(a->tier, b->tier);
	UNIT_STR_EQ(a->key, b->key);
	UNIT_STR_EQ(a->tags, b->tags);
	UNIT_STR_EQ(a->session, b->session);
	UNIT_STR_EQ(a->end_user, b->end_user);
	UNIT_STR_EQ(a->rule, b->rule);
}

static void same_what(const struct rec_what *a, const struct rec_what *b)
{
	UNIT_STR_EQ(a->endpoint, b->endpoint);
	UNIT_STR_EQ(a->model, b->model);
	UNIT_STR_EQ(a->provider, b->provider);
	UNIT_STR_EQ(a->target, b->target);
	UNIT_STR_EQ(a->region, b->region);
	UNIT_STR_EQ(a->target_model, b->target_model);
	ck_assert(a->stream == b->stream);
}

static void same_usage(const struct usage *a, const struct usage *b)
{
	ck_assert_mem_eq(a->n, b->n, sizeof a->n);
	ck_assert_int_eq(a->source, b->source);
}

static void same_money(const struct rec_money *a, const struct rec_money *b)
{
	ck_assert_int_eq(a->list, b->list);
	ck_assert_int_eq(a->contracted, b->contracted);
	ck_assert_int_eq(a->billed, b->billed);
	ck_assert_int_eq(a->reported, b->reported);
	ck_assert_uint_eq(a->price_version, b->price_version);
	ck_assert_uint_eq(a->flags, b->flags);
}

static void same_leg(const struct rec_leg *a, const struct rec_leg *b)
{
	ck_assert(rec_id_eq(a->id, b->id) && a->start.us == b->start.us);
	ck_assert(a->no == b->no && a->status == b->status && a->quality == b->quality &&
		  a->sent == b->sent);
	same_who(&a->who, &b->who);
	same_what(&a->what, &b->what);
	same_usage(&a->usage, &b->usage);
	same_money(&a->money, &b->money);
	same_what(&a->next, &b->next);
	same_usage(&a->next_bound, &b->next_bound);
	same_money(&a->next_money, &b->next_money);
	ck_assert_uint_eq(a->generations, b->generations);
	ck_assert_uint_eq(a->drawn_tenant, b->drawn_tenant);
	ck_assert_uint_eq(a->drawn_org, b->drawn_org);
}

static void same_settle(const struct rec_settle *a, const struct rec_settle *b)
{
	ck_assert(rec_id_eq(a->id, b->id) && a->start.us == b->start.us);
	ck_assert(a->quality == b->quality && a->end == b->end && a->legs == b->legs &&
		  a->status == b->status);
	ck_assert_uint_eq(a->first_byte_us, b->first_byte_us);
	ck_assert_uint_eq(a->done_us, b->done_us);
	same_who(&a->who, &b->who);
	same_what(&a->what, &b->what);
	UNIT_STR_EQ(a->model_served, b->model_served);
	UNIT_STR_EQ(a->service_tier, b->service_tier);
	UNIT_STR_EQ(a->provider_request_id, b->provider_request_id);
	same_usage(&a->usage, &b->usage);
	same_money(&a->money, &b->money);
	ck_assert_int_eq(a->bound, b->bound);
	ck_assert_uint_eq(a->generations, b->generations);
	ck_assert_uint_eq(a->drawn_tenant, b->drawn_tenant);
	ck_assert_uint_eq(a->drawn_org, b->drawn_org);
}

static void same_hold(const struct rec_hold *a, const struct rec_hold *b)
{
	ck_assert(rec_id_eq(a->id, b->id) && a->start.us == b->start.us);
	same_who(&a->who, &b->who);
	same_what(&a->what, &b->what);
	same_usage(&a->bound, &b->bound);
	same_money(&a->money, &b->money);
	ck_assert_uint_eq(a->legs_over, b->legs_over);
	ck_assert_uint_eq(a->generations, b->generations);
	ck_assert_uint_eq(a->drawn_tenant, b->drawn_tenant);
	ck_assert_uint_eq(a->drawn_org, b->drawn_org);
}

static void same(const struct rec *a, const struct rec *b)
{
	ck_assert_int_eq(a->type, b->type);
	ck_assert(a->flags == b->flags && a->stamp == b->stamp && a->seq == b->seq &&
		  a->time.us == b->time.us);
	switch (a->type) {
	case REC_OPEN:
		UNIT_STR_EQ(a->u.open.member, b->u.open.member);
		UNIT_STR_EQ(a->u.open.build, b->u.open.build);
		ck_assert_uint_eq(a->u.open.incarnation, b->u.open.incarnation);
		ck_assert_uint_eq(a->u.open.generation, b->u.open.generation);
		break;
	case REC_HOLD: same_hold(&a->u.hold, &b->u.hold); break;
	case REC_LEG: same_leg(&a->u.leg, &b->u.leg); break;
	case REC_PROGRESS:
		ck_assert(rec_id_eq(a->u.progress.id, b->u.progress.id));
		same_usage(&a->u.progress.usage, &b->u.progress.usage);
		same_money(&a->u.progress.money, &b->u.progress.money);
		break;
	case REC_EXTEND:
		ck_assert(rec_id_eq(a->u.extend.id, b->u.extend.id));
		same_usage(&a->u.extend.bound, &b->u.extend.bound);
		same_money(&a->u.extend.money, &b->u.extend.money);
		break;
	case REC_SETTLE: same_settle(&a->u.settle, &b->u.settle); break;
	case REC_VOID:
		ck_assert(rec_id_eq(a->u.voided.id, b->u.voided.id));
		ck_assert_int_eq(a->u.voided.start.us, b->u.voided.start.us);
		ck_assert(a->u.voided.end == b->u.voided.end &&
			  a->u.voided.status == b->u.voided.status);
		same_who(&a->u.voided.who, &b->u.voided.who);
		same_what(&a->u.voided.what, &b->u.voided.what);
		break;
	case REC_CHECKPOINT: ck_assert_uint_eq(a->u.checkpoint.open, b->u.checkpoint.open); break;
	case REC_WRITER:
		ck_assert_uint_eq(a->u.writer.index, b->u.writer.index);
		ck_assert_uint_eq(a->u.writer.seq, b->u.writer.seq);
		break;
	case REC_CLOSE: break;
	case REC_END: ck_abort(); break;
	}
}

START_TEST(each_type_is_read_as_it_was_written)
{
	struct rec in = sample((unsigned)_i), out;
	struct str bytes = encoded(&in);
	struct rec_head head;
	struct rec_id id;
	size_t len = 0;

	ck_assert_int_eq(rec_decode(bytes, &out, &len), REC_READ_OK);
	ck_assert_uint_eq(len, bytes.n);
	same(&in, &out);
	len = 0;
	ck_assert_int_eq(rec_glance(bytes, &head, &id, &len), REC_READ_OK);
	ck_assert_uint_eq(len, bytes.n);
	ck_assert(head.type == in.type && head.seq == in.seq && head.stamp == in.stamp);
	if (in.type == REC_SETTLE)
		ck_assert(rec_id_eq(id, in.u.settle.id));
	free((void *)(uintptr_t)bytes.p);
}
END_TEST

/* A write that stopped after any byte: the rest of the segment is still zeros. */
START_TEST(a_torn_write_is_never_a_record)
{
	struct rec in = sample((unsigned)_i), out;
	struct str bytes = encoded(&in);

	for (size_t n = 0; n < bytes.n; n++) {
		char *cut = unit_copy(bytes.p, n), *torn = calloc(1, bytes.n);
		size_t len = 0, zeros = bytes.n;
		uint32_t length;
		enum rec_read rc = rec_decode(str_mk(cut, n), &out, &len);

		ck_assert(rc == (n < REC_HEAD_BYTES ? REC_READ_END : REC_READ_TORN));
		while (zeros > 0 && bytes.p[zeros - 1] == 0)
			zeros--; /* padding is as good as written */
		memcpy(torn, bytes.p, n);
		rc = rec_decode(str_mk(torn, bytes.n), &out, &len);
		memcpy(&length, torn + 4, sizeof length);
		if (length == 0)
			ck_assert(rc == REC_READ_END);
		else if (n < zeros)
			ck_assert(rc == REC_READ_TORN);
		else
			ck_assert(rc == REC_READ_OK);
		free(cut);
		free(torn);
	}
	free((void *)(uintptr_t)bytes.p);
}
END_TEST

START_TEST(no_flipped_bit_goes_unseen)
{
	struct rec in = sample((unsigned)_i), out;
	struct str bytes = encoded(&in);
	char *p = (char *)(uintptr_t)bytes.p;

	for (size_t bit = 0; bit < bytes.n * 8; bit++) {
		size_t len = 0;

		p[bit / 8] ^= (char)(1 << bit % 8);
		ck_assert(rec_decode(bytes, &out, &len) != REC_READ_OK);
		p[bit / 8] ^= (char)(1 << bit % 8);
	}
	free(p);
}
END_TEST

/* The checksum of bytes made by hand. */
static void stamp_crc(char *p)
{
	uint32_t len, crc;

	memcpy(&len, p + 4, 4);
	crc = digest_crc32c(0, p + 4, len - 4);
	memcpy(p, &crc, 4);
}

/* A payload cut short although its checksum fits: every length, for every type. */
/* What a type had before it was added to; NULL: nothing was. */
static struct added {
	uint32_t *generations;
	uint64_t *drawn_tenant, *drawn_org;
	struct str *rule;
} added(struct rec *r)
{
#define OF(member)                                                                           \
	{                                                                                    \
		&r->u.member.generations, &r->u.member.drawn_tenant, &r->u.member.drawn_org, \
			&r->u.member.who.rule                                                \
	}
	switch (r->type) {
	case REC_HOLD: return (struct added)OF(hold);
	case REC_LEG: return (struct added)OF(leg);
	case REC_SETTLE: return (struct added)OF(settle);
	case REC_VOID: return (struct added){ .rule = &r->u.voided.who.rule };
	default: return (struct added){ .rule = NULL };
	}
#undef OF
}

static void set_added(struct rec *r, uint32_t generations, uint64_t tenant, uint64_t org)
{
	struct added a = added(r);

	if (a.rule != NULL)
		*a.rule = STR_NONE;
	if (a.generations == NULL)
		return;
	*a.generations = generations;
	*a.drawn_tenant = tenant;
	*a.drawn_org = org;
}

START_TEST(a_short_payload_is_bad)
{
	struct rec in = sample((unsigned)_i), out;
	struct str bytes;

	set_added(&in, 0, 0, 0); /* what is cut then is one of before */
	bytes = encoded(&in);

	for (uint32_t n = REC_HEAD_BYTES; n < bytes.n; n += 8) {
		char *p = unit_copy(bytes.p, n);
		size_t len = 0;

		memcpy(p + 4, &n, 4);
		stamp_crc(p);
		if (n + 24 >= bytes.n && rec_decode(str_mk(p, n), &out, &len) == REC_READ_OK)
			same(&in, &out);
		else
			ck_assert_int_eq(rec_decode(str_mk(p, n), &out, &len), REC_READ_BAD);
		ck_assert_uint_eq(len, n);
		free(p);
	}
	free((void *)(uintptr_t)bytes.p);
}
END_TEST

/* Records of before have nothing where a field was added, whatever padding there is. */
START_TEST(an_earlier_version_lacks_fields)
{
	for (unsigned i = 0; i < 24; i++) {
		/* all of them, or those that were added later, or last */
		bool all = i < 8, none = i >= 16;
		struct rec in = sample((unsigned)_i), out;
		const struct str session = str_mk("0123456789", i % 8);
		struct str bytes;
		size_t len = 0, end;
		uint32_t n;
		char *p;

		if (added(&in).generations == NULL)
			return;
		set_added(&in, 0xa1b2c3d4, 1, UINT64_MAX);
		if (in.type == REC_HOLD)
			in.u.hold.who.session = session;
		else if (in.type == REC_LEG)
			in.u.leg.who.session = session;
		else
			in.u.settle.who.session = session;
		bytes = encoded(&in);
		for (end = bytes.n; bytes.p[end - 1] == 0;)
			end--;
		end -= all ? 20 : none ? 0 : 16;
		n = (uint32_t)(end + 7) & ~7u;
		p = calloc(1, n);
		memcpy(p, bytes.p, end);
		memcpy(p + 4, &n, 4);
		stamp_crc(p);
		ck_assert_msg(rec_decode(str_mk(p, n), &out, &len) == REC_READ_OK, "%u", i);
		ck_assert_uint_eq(len, n);
		set_added(&in, all ? 0 : 0xa1b2c3d4, none ? 1 : 0, none ? UINT64_MAX : 0);
		same(&in, &out);
		free(p);
		free((void *)(uintptr_t)bytes.p);
	}
}
END_TEST

START_TEST(a_later_version_may_add_fields)
{
	struct rec in = sample((unsigned)_i), out;
	struct str bytes = encoded(&in);
	uint32_t n = (uint32_t)bytes.n + 16;
	char *p = malloc(n);
	size_t len = 0;

	memcpy(p, bytes.p, bytes.n);
	memset(p + bytes.n, 0x5a, 16);
	memcpy(p + 4, &n, 4);
	p[9] = 2;
	stamp_crc(p);
	ck_assert_int_eq(rec_decode(str_mk(p, n), &out, &len), REC_READ_OK);
	ck_assert_uint_eq(len, n);
	same(&in, &out);
	free(p);
	free((void *)(uintptr_t)bytes.p);
}
END_TEST

START_TEST(a_type_of_a_later_version_is_passed_over)
{
	struct rec in = sample(7), out;
	struct str bytes = encoded(&in);
	char *p = (char *)(uintptr_t)bytes.p;
	size_t len = 0;

	p[8] = 99;
	stamp_crc(p);
	ck_assert_int_eq(rec_decode(bytes, &out, &len), REC_READ_OK);
	ck_assert_int_eq((int)out.type, 99);
	ck_assert_str_eq(rec_type_name(out.type), "unknown");
	p[8] = REC_END;
	stamp_crc(p);
	ck_assert_int_eq(rec_decode(bytes, &out, &len), REC_READ_BAD);
	free(p);
}
END_TEST

START_TEST(an_unknown_bucket_is_passed_over)
{
	struct rec in = sample(4), out;
	struct str bytes = encoded(&in);
	char *p = (char *)(uintptr_t)bytes.p;
	size_t len = 0;

	ck_assert_int_eq(p[REC_HEAD_BYTES + 12], 2); /* count, then the code of `input` */
	p[REC_HEAD_BYTES + 13] = (char)251;
	stamp_crc(p);
	ck_assert_int_eq(rec_decode(bytes, &out, &len), REC_READ_OK);
	ck_assert_uint_eq(out.u.progress.usage.n[USAGE_IN], 0);
	ck_assert_uint_eq(out.u.progress.usage.n[USAGE_OUT], 300);
	same_money(&out.u.progress.money, &in.u.progress.money);
	free(p);
}
END_TEST

START_TEST(every_bucket_and_every_width)
{
	struct rec in = sample(4), out;

	for (unsigned shift = 0; shift < 64; shift++) {
		struct str bytes;
		size_t len;

		for (unsigned b = 0; b < USAGE__MAX; b++)
			in.u.progress.usage.n[b] = (UINT64_MAX >> shift) - b;
		bytes = encoded(&in);
		ck_assert_int_eq(rec_decode(bytes, &out, &len), REC_READ_OK);
		same(&in, &out);
		free((void *)(uintptr_t)bytes.p);
	}
	for (unsigned b = 0; b < USAGE__MAX; b++) {
		struct str bytes;
		size_t len;

		in.u.progress.usage = (struct usage){ .source = USAGE_ESTIMATED };
		in.u.progress.usage.n[b] = 300;
		bytes = encoded(&in);
		ck_assert_int_eq(rec_decode(bytes, &out, &len), REC_READ_OK);
		same(&in, &out);
		free((void *)(uintptr_t)bytes.p);
	}
}
END_TEST

/* All strings at and beyond their limits: cut between characters, never longer than the bound. */
START_TEST(long_strings_are_cut)
{
	static char text[REC_TAGS_MAX + 1];
	struct str longest = { text, sizeof text }, bytes;
	struct rec in = { .type = REC_LEG, .seq = 1 }, out;
	struct rec_what all = { longest, longest, longest, longest, longest, longest, true };
	size_t len;

	memset(text, 'a', sizeof text);
	memcpy(text + REC_STR_MAX - 1, "\xc3\xa9", 2); /* one character over the limit */
	in.u.leg.who = (struct rec_who){ longest, longest, longest, longest, { text, REC_TAGS_MAX },
		longest, longest, longest };
	in.u.leg.what = in.u.leg.next = all;
	for (unsigned b = 0; b < USAGE__MAX; b++)
		in.u.leg.usage.n[b] = in.u.leg.next_bound.n[b] = UINT64_MAX;
	bytes = encoded(&in);
	ck_assert_uint_le(bytes.n, REC_MAX_BYTES);
	ck_assert_int_eq(rec_decode(bytes, &out, &len), REC_READ_OK);
	ck_assert_uint_eq(out.u.leg.who.org.n, REC_STR_MAX - 1);
	ck_assert_uint_eq(out.u.leg.next.target_model.n, REC_STR_MAX - 1);
	ck_assert_uint_eq(out.u.leg.who.tags.n, REC_TAGS_MAX);
	ck_assert_uint_eq(out.u.leg.who.rule.n, REC_NAME_MAX);
	free((void *)(uintptr_t)bytes.p);

	in.u.leg.who.tags = longest;
	bytes = encoded(&in);
	ck_assert_int_eq(rec_decode(bytes, &out, &len), REC_READ_OK);
	UNIT_STR_EQ(out.u.leg.who.tags, STR("{}"));
	free((void *)(uintptr_t)bytes.p);
}
END_TEST

/* The room that a hold reserves suffices for any settlement of it, and for voiding it. */
START_TEST(the_bound_of_a_settlement_holds)
{
	static char text[4096];
	struct rec in = sample(5);
	struct str bytes;

	memset(text, 'x', sizeof text);
	for (unsigned b = 0; b < USAGE__MAX; b++)
		in.u.settle.usage.n[b] = UINT64_MAX;
	in.u.settle.model_served = in.u.settle.service_tier = in.u.settle.provider_request_id =
		str_mk(text, sizeof text);
	in.u.settle.who.rule = str_mk(text, 100);
	bytes = encoded(&in);
	ck_assert_uint_le(bytes.n, rec_settle_bound(&in.u.settle.who, &in.u.settle.what));
	free((void *)(uintptr_t)bytes.p);
	in = sample(6);
	ck_assert_uint_le(rec_size(&in), rec_settle_bound(&in.u.voided.who, &in.u.voided.what));
}
END_TEST

START_TEST(a_copy_has_its_own_head)
{
	struct rec in = sample(2), out;
	struct str bytes = encoded(&in);
	struct rec_head head = { .type = REC_HOLD, .stamp = 5, .seq = 99, .time = { 77 } };
	char *p = malloc(bytes.n);
	size_t len;

	ck_assert_uint_eq(rec_copy(p, &head, bytes.p, bytes.n), bytes.n);
	ck_assert_int_eq(rec_decode(str_mk(p, bytes.n), &out, &len), REC_READ_OK);
	ck_assert(out.seq == 99 && out.stamp == 5 && out.time.us == 77 && out.flags == 0);
	same_hold(&in.u.hold, &out.u.hold);
	free(p);
	free((void *)(uintptr_t)bytes.p);
}
END_TEST

START_TEST(ids)
{
	struct rec_id id = { 0x0123456789abcdef, 0xfedcba98 }, back;
	char text[REC_ID_LEN];

	rec_id_text(text, id);
	UNIT_STR_EQ(str_mk(text, REC_ID_LEN), STR("req_0123456789abcdeffedcba98"));
	ck_assert_int_eq(rec_id_parse(str_mk(text, REC_ID_LEN), &back), 0);
	ck_assert(rec_id_eq(id, back));
	ck_assert_int_eq(rec_id_parse(STR("req_0123456789abcdeffedcba9"), &back), -1);
	ck_assert_int_eq(rec_id_parse(STR("rex_0123456789abcdeffedcba98"), &back), -1);
	ck_assert_int_eq(rec_id_parse(STR("req_0123456789abcdeffedcbag8"), &back), -1);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(rec_type_name(REC_SETTLE), "settle");
	ck_assert_str_eq(rec_quality_name(QUALITY_CRASH_WORST), "crash_worst");
	ck_assert_str_eq(rec_quality_name(QUALITY__MAX), "unknown");
}
END_TEST

static void tests(TCase *tc)
{
	tcase_add_loop_test(tc, each_type_is_read_as_it_was_written, 0, TYPES);
	tcase_add_loop_test(tc, a_torn_write_is_never_a_record, 0, TYPES);
	tcase_add_loop_test(tc, no_flipped_bit_goes_unseen, 0, TYPES);
	tcase_add_loop_test(tc, a_short_payload_is_bad, 2, 7);
	tcase_add_loop_test(tc, an_earlier_version_lacks_fields, 2, 7);
	tcase_add_loop_test(tc, a_later_version_may_add_fields, 0, TYPES);
	tcase_add_test(tc, a_type_of_a_later_version_is_passed_over);
	tcase_add_test(tc, an_unknown_bucket_is_passed_over);
	tcase_add_test(tc, every_bucket_and_every_width);
	tcase_add_test(tc, long_strings_are_cut);
	tcase_add_test(tc, the_bound_of_a_settlement_holds);
	tcase_add_test(tc, a_copy_has_its_own_head);
	tcase_add_test(tc, ids);
	tcase_add_test(tc, names);
}

UNIT_MAIN("record", tests)
