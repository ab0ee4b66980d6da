/*
 * lease_wire.c: see lease_wire.h.
 */
#include "quota/lease_wire.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

#define HEAD_ARGS  7
#define ITEM_ARGS  9
#define HEAD_WORDS 5 /* of a reply */
#define ITEM_WORDS 7

/* ---- calls */

void lease_args_init(struct lease_args *args)
{
	*args = (struct lease_args){ .n = 0 };
}

void lease_args_fini(struct lease_args *args)
{
	free(args->v);
	free(args->text);
	lease_args_init(args);
}

size_t lease_key_bucket(char *out, struct str prefix, unsigned bucket)
{
	size_t n = prefix.n;

	tg_assert(bucket < LEASE_BUCKETS);
	if (n > 0)
		memcpy(out, prefix.p, n);
	memcpy(out + n, "{b", 2);
	n += 2;
	n += num_put_u64(out + n, bucket);
	memcpy(out + n, "}:b", 3);
	return n + 3;
}

/* Room for everything, so that nothing moves while views of it are made. */
static void reserve(struct lease_args *args, struct str prefix, const struct lease_call *call)
{
	unsigned n = 1 + HEAD_ARGS + call->n * (1 + ITEM_ARGS);
	size_t size = LEASE_KEY_MAX(prefix.n) + HEAD_ARGS * NUM_U64_MAX_LEN + 1 + call->instance.n;

	for (unsigned i = 0; i < call->n; i++)
		size += LEASE_KEY_MAX(prefix.n) + 1 + call->item[i].name.n +
			ITEM_ARGS * NUM_U64_MAX_LEN;
	if (n > args->cap) {
		args->v = realloc(args->v, n * sizeof *args->v);
		args->cap = n;
	}
	if (size > args->size) {
		args->text = realloc(args->text, size);
		args->size = size;
	}
	tg_assert(args->v != NULL && args->text != NULL);
	args->n = args->n_keys = 0;
	args->used = 0;
}

static void put_str(struct lease_args *args, struct str s)
{
	tg_assert(args->n < args->cap);
	args->v[args->n++] = s;
}

static void put_text(struct lease_args *args, size_t n)
{
	tg_assert(args->used + n <= args->size);
	put_str(args, str_mk(args->text + args->used, n));
	args->used += n;
}

static void put_number(struct lease_args *args, int64_t v)
{
	tg_assert(v >= 0 && v <= LEASE_AMOUNT_MAX);
	put_text(args, num_put_u64(args->text + args->used, (uint64_t)v));
}

/* "7", or "7-INSTANCE" */
static void put_incarnation(struct lease_args *args, const struct lease_call *call)
{
	char *at = args->text + args->used;
	size_t n = num_put_u64(at, call->incarnation);

	if (call->instance.n > 0) {
		at[n++] = '-';
		memcpy(at + n, call->instance.p, call->instance.n);
		n += call->instance.n;
	}
	put_text(args, n);
}

static void put_keys(struct lease_args *args, struct str prefix, const struct lease_call *call)
{
	put_text(args, lease_key_bucket(args->text + args->used, prefix, call->bucket));
	for (unsigned i = 0; i < call->n; i++) {
		char *at = args->text + args->used;
		size_t n = lease_key_bucket(at, prefix, call->bucket);

		at[n - 1] = 'a';
		at[n++] = ':';
		memcpy(at + n, call->item[i].name.p, call->item[i].name.n);
		put_text(args, n + call->item[i].name.n);
	}
	args->n_keys = args->n;
}

static void put_item(struct lease_args *args, const struct lease_item *item)
{
	const int64_t numbers[] = { (int64_t)item->op_seq, item->s, item->g, item->need, item->want,
		item->limit, item->ps, item->pe };

	tg_assert(!item->returns || (item->need == 0 && item->want == 0));
	for (size_t i = 0; i < TG_ARRAY_LEN(numbers); i++)
		put_number(args, numbers[i]);
	put_str(args, item->returns ? STR("r") : item->tells ? STR("p") : STR(""));
}

void lease_args_sync(struct lease_args *args, struct str prefix, const struct lease_call *call)
{
	reserve(args, prefix, call);
	put_keys(args, prefix, call);
	put_str(args, call->member);
	put_incarnation(args, call);
	put_str(args, call->run_id);
	put_str(args, call->epoch);
	put_str(args, call->members);
	put_number(args, call->version);
	put_str(args, call->asserts ? STR("a") : STR(""));
	for (unsigned i = 0; i < call->n; i++)
		put_item(args, &call->item[i]);
}

/* ---- answers */

static const char *const status_text[] = {
#define X(id, text) [LEASE_##id] = text,
#include "quota/tbl/lease_status.h"
#undef X
};

static const char *const item_status_text[] = {
#define X(id, text) [LEASE_ITEM_##id] = text,
#include "quota/tbl/lease_item_status.h"
#undef X
};

struct parse {
	const struct lease_reader *reader;
	const void *list;
	const char *of; /* what the list is, for messages */
	char *err;
	size_t err_size;
};

static int wrong(const struct parse *p, size_t i, const char *want)
{
	snprintf(p->err, p->err_size, "word %zu of the %s is not %s", i + 1, p->of, want);
	return -1;
}

static int text_at(const struct parse *p, size_t i, size_t max, struct str *out)
{
	if (!p->reader->text(p->reader->item(p->list, i), out))
		return wrong(p, i, "text");
	return out->n <= max ? 0 : wrong(p, i, "that short");
}

static int number_at(const struct parse *p, size_t i, int64_t *out)
{
	uint64_t v;
	struct str text;

	if (text_at(p, i, NUM_U64_MAX_LEN, &text) != 0)
		return -1;
	if (num_parse_u64(text, &v) != 0 || v > (uint64_t)LEASE_AMOUNT_MAX)
		return wrong(p, i, "a whole number below 2^53");
	*out = (int64_t)v;
	return 0;
}

static int word_at(
	const struct parse *p, size_t i, const char *const *words, unsigned n, unsigned *out)
{
	struct str text;

	if (text_at(p, i, LEASE_NAME_MAX, &text) != 0)
		return -1;
	for (*out = 0; *out < n; ++*out)
		if (str_eq(text, str_z(words[*out])))
			return 0;
	return wrong(p, i, "a status");
}

static int parse_item(const struct parse *p, struct lease_answer_item *out)
{
	int64_t *const numbers[] = { &out->g, &out->s, &out->sum_g, &out->sum_s, &out->limit,
		&out->recall_ms };
	unsigned status;

	if (p->reader->items(p->list) != ITEM_WORDS)
		return wrong(p, 0, "one of 7");
	if (word_at(p, 0, item_status_text, TG_ARRAY_LEN(item_status_text), &status) != 0)
		return -1;
	out->status = status;
	for (size_t i = 0; i < TG_ARRAY_LEN(numbers); i++)
		if (number_at(p, i + 1, numbers[i]) != 0)
			return -1;
	return 0;
}

static int parse_head(const struct parse *p, struct lease_answer *out)
{
	static const char *const yes_no[] = { "0", "1" };
	unsigned status, learning;

	if (word_at(p, 0, status_text, TG_ARRAY_LEN(status_text), &status) != 0 ||
		text_at(p, 1, LEASE_EPOCH_MAX, &out->epoch) != 0 ||
		word_at(p, 2, yes_no, TG_ARRAY_LEN(yes_no), &learning) != 0 ||
		text_at(p, 3, LEASE_MEMBERS_MAX * (LEASE_NAME_MAX + 1), &out->awaited) != 0 ||
		number_at(p, 4, &out->time_ms) != 0)
		return -1;
	out->status = status;
	out->learning = learning == 1;
	out->unsafe = false; /* that it does not say itself */
	return 0;
}

int lease_answer_parse(const struct lease_reader *reader, const void *reply, unsigned n,
	struct lease_answer *out, char *err, size_t err_size)
{
	struct parse p = { reader, reply, "reply", err, err_size };
	size_t words = reader->items(reply);

	tg_assert(n <= LEASE_CALL_MAX);
	if (words < HEAD_WORDS) {
		snprintf(err, err_size, "the reply is no list of %d words or more", HEAD_WORDS);
		return -1;
	}
	if (parse_head(&p, out) != 0)
		return -1;
	out->n = out->status == LEASE_OK ? n : 0;
	if (words != HEAD_WORDS + out->n) {
		snprintf(err, err_size, "the reply to %u accounts has %zu", n, words - HEAD_WORDS);
		return -1;
	}
	for (unsigned i = 0; i < out->n; i++) {
		struct parse item = { reader, reader->item(reply, HEAD_WORDS + i),
			"reply's account", err, err_size };

		if (parse_item(&item, &out->item[i]) != 0)
			return -1;
	}
	return 0;
}
