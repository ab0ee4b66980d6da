/*
 * json_edit.c: a list of replaced ranges, sorted and cut into iovecs when asked.
 * Owns nothing; text and replacements belong to the caller. Pure functions; any thread.
 */
#include "proto/json_edit.h"

#include "base/defs.h"

void json_edit_init(struct json_edit *e, struct str text)
{
	e->text = text;
	e->n = 0;
}

/* Kept sorted by place; edits at one place stay in the order they were asked for. */
static int op_add(struct json_edit *e, struct json_edit_op op)
{
	unsigned at = e->n;

	if (e->n >= JSON_EDIT_MAX)
		return -1;
	for (; at > 0 && e->op[at - 1].from > op.from; at--)
		e->op[at] = e->op[at - 1];
	e->op[at] = op;
	e->n++;
	return 0;
}

static size_t offset_of(const struct json_edit *e, struct str span)
{
	tg_assert(span.p >= e->text.p && span.p + span.n <= e->text.p + e->text.n);
	return (size_t)(span.p - e->text.p);
}

int json_edit_replace(struct json_edit *e, const struct json_val *v, struct str with)
{
	size_t from = offset_of(e, v->raw);

	tg_assert(v->type != JSON_NONE);
	return op_add(
		e, (struct json_edit_op){ .from = from, .to = from + v->raw.n, .with = with });
}

static size_t after_space(struct str text, size_t i)
{
	while (i < text.n &&
		(text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\r' || text.p[i] == '\t'))
		i++;
	return i;
}

/* `open` is the offset of a '{'. */
static int insert_at(struct json_edit *e, size_t open, struct str member)
{
	size_t next;

	tg_assert(open < e->text.n && e->text.p[open] == '{');
	next = after_space(e->text, open + 1);
	return op_add(e, (struct json_edit_op){ .from = open + 1,
				 .to = open + 1,
				 .with = member,
				 .insert = true,
				 .last = next < e->text.n && e->text.p[next] == '}' });
}

int json_edit_insert(struct json_edit *e, struct str member)
{
	return insert_at(e, after_space(e->text, 0), member);
}

int json_edit_insert_in(struct json_edit *e, const struct json_val *obj, struct str member)
{
	tg_assert(obj->type == JSON_OBJECT);
	return insert_at(e, offset_of(e, obj->raw), member);
}

struct iov_out {
	struct iovec *iov;
	int n, max;
	size_t total;
};

static int iov_put(struct iov_out *o, const char *p, size_t n)
{
	if (n == 0)
		return 0;
	if (o->n >= o->max)
		return -1;
	o->iov[o->n].iov_base = (void *)(uintptr_t)p;
	o->iov[o->n].iov_len = n;
	o->n++;
	o->total += n;
	return 0;
}

/* Does another insertion at the same place follow? */
static bool more_inserted(const struct json_edit *e, unsigned i)
{
	unsigned next = i + 1;

	while (next < e->n && e->op[next].off)
		next++;
	return next < e->n && e->op[next].insert && e->op[next].from == e->op[i].from;
}

int json_edit_iov(struct json_edit *e, struct iovec *iov, int max, size_t *total)
{
	struct iov_out o = { iov, 0, max, 0 };
	size_t at = 0;

	for (unsigned i = 0; i < e->n; i++) {
		const struct json_edit_op *op = &e->op[i];
		bool more;

		if (op->off)
			continue;
		more = more_inserted(e, i);
		if (op->from < at)
			return -1;
		if (iov_put(&o, e->text.p + at, op->from - at) != 0 ||
			iov_put(&o, op->with.p, op->with.n) != 0)
			return -1;
		if (op->insert && (more || !op->last) && iov_put(&o, ",", 1) != 0)
			return -1;
		at = op->to;
	}
	if (iov_put(&o, e->text.p + at, e->text.n - at) != 0)
		return -1;
	*total = o.total;
	return o.n;
}
