/*
 * recover_fronts.c: what fronts have and no segment. How far each writer's records have come is
 * counted while segments are read (struct recover_known); what its fronts have from there on, one
 * after the other and without gaps, was written after all of it. Reads only; one thread.
 */
#include "ledger/recover_int.h"

#include <errno.h>
#include <stdlib.h>

/* ---- how far records have come */

void recover_known_begin(struct recover_known *k)
{
	k->current = k->n;
	k->behind_hole = false;
}

void recover_known_hole(struct recover_known *k)
{
	recover_known_begin(k);
	k->behind_hole = true;
}

void recover_known_free(struct recover_known *k)
{
	free(k->v);
	free(k->strays);
	*k = (struct recover_known){ .n = 0 };
}

static size_t find(const struct recover_known *k, uint64_t incarnation, uint32_t writer)
{
	size_t i = 0;

	while (i < k->n && (k->v[i].incarnation != incarnation || k->v[i].writer != writer))
		i++;
	return i;
}

static void writer_goes_on(struct recover_known *k, uint64_t incarnation, struct str bytes)
{
	struct rec r;
	size_t len;

	if (rec_decode(bytes, &r, &len) != REC_READ_OK)
		return;
	k->current = find(k, incarnation, r.u.writer.index);
	if (k->current == k->cap) {
		k->cap = k->cap * 2 + 16;
		k->v = realloc(k->v, k->cap * sizeof *k->v);
		tg_assert(k->v != NULL);
	}
	k->n = TG_MAX(k->n, k->current + 1);
	k->v[k->current] = (struct recover_come){
		.incarnation = incarnation, .writer = r.u.writer.index, .next = r.u.writer.seq
	};
}

/* What a record is, wherever its copy stands. */
static uint64_t print_of(const char *p, size_t len)
{
	uint64_t time;

	memcpy(&time, p + 24, sizeof time);
	return str_hash(str_mk(p + REC_HEAD_BYTES, len - REC_HEAD_BYTES)) ^
	       (time ^ (uint64_t)(uint8_t)p[8] << 56) * 0x9e3779b97f4a7c15u;
}

static void stray_add(struct recover_known *k, struct str bytes)
{
	if (k->n_strays == k->cap_strays) {
		k->cap_strays = k->cap_strays * 2 + 256;
		k->strays = realloc(k->strays, k->cap_strays * sizeof *k->strays);
		tg_assert(k->strays != NULL);
	}
	k->strays[k->n_strays++] = print_of(bytes.p, bytes.n);
}

static int print_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool is_stray(const struct recover_known *k, const char *p, size_t len)
{
	uint64_t print;

	if (k->n_strays == 0)
		return false;
	print = print_of(p, len);
	return bsearch(&print, k->strays, k->n_strays, sizeof print, print_cmp) != NULL;
}

void recover_known_record(struct recover_known *k, uint64_t incarnation,
	const struct rec_head *head, struct str bytes)
{
	if (head->type == REC_WRITER)
		writer_goes_on(k, incarnation, bytes);
	else if (k->current < k->n)
		k->v[k->current].next++;
	else if (k->behind_hole)
		stray_add(k, bytes);
}

/* ---- fronts */

/* A writer's fronts follow each other. */
static int tail_cmp(const void *a, const void *b)
{
	const struct recovered_tail *x = a, *y = b;

	if (x->incarnation != y->incarnation)
		return x->incarnation < y->incarnation ? -1 : 1;
	if (x->writer != y->writer)
		return x->writer < y->writer ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static void tail_add(
	struct recover_report *out, const struct front_info *info, uint64_t seq, struct str bytes)
{
	struct recovered_tail *t;

	if (out->n_tails == out->cap_tails) {
		out->cap_tails = out->cap_tails * 2 + 16;
		out->tails = realloc(out->tails, out->cap_tails * sizeof *out->tails);
		tg_assert(out->tails != NULL);
	}
	t = &out->tails[out->n_tails++];
	*t = (struct recovered_tail){
		.incarnation = info->incarnation, .writer = info->writer, .seq = seq
	};
	memcpy(t->member, info->member, sizeof t->member);
	t->bytes = arena_dup(&out->arena, bytes);
	tg_assert(t->bytes.n == bytes.n);
}

/* What is in segments behind a hole is left out: a row ends there, and another one begins. */
static void add_rows(
	struct recover_scan *sc, const struct front_info *info, uint64_t seq, struct str bytes)
{
	size_t from = 0, at = 0;
	uint64_t first = seq;

	for (; at < bytes.n; seq++) {
		size_t len = rec_length(bytes.p + at);

		if (is_stray(&sc->known, bytes.p + at, len)) {
			if (at > from)
				tail_add(sc->out, info, first, str_mk(bytes.p + from, at - from));
			from = at + len;
			first = seq + 1;
		}
		at += len;
	}
	if (at > from)
		tail_add(sc->out, info, first, str_mk(bytes.p + from, at - from));
}

struct left { /* a front, with what it has from where its writer's records have come to on */
	struct front_read f;
	struct recover_come *come;
};

static int left_cmp(const void *a, const void *b)
{
	const struct left *x = a, *y = b;

	return (x->f.first > y->f.first) - (x->f.first < y->f.first);
}

/* -1 with err. f stays empty when there is nothing to be had from it. */
static int left_open(
	struct recover_scan *sc, const char *folder, uint64_t number, struct left *left)
{
	size_t i;

	*left = (struct left){ .come = NULL };
	if (front_read_open(&left->f, folder, number, sc->err, sc->err_len) != 0)
		return (errno == ENOENT && sc->err[0] == 0) || sc->salvage ? 0 : -1;
	i = find(&sc->known, left->f.info.incarnation, left->f.info.writer);
	if (i == sc->known.n) {
		front_read_close(&left->f);
		return 0;
	}
	left->come = &sc->known.v[i];
	return 0;
}

/* In the order of their numbers, so that each is asked for what follows the one before. */
static void take_left(struct recover_scan *sc, struct left *left)
{
	struct str rest;

	if (left->come->next < left->f.first || left->come->next > left->f.last)
		return;
	rest = front_records(&left->f.info, left->f.bytes, left->come->next);
	add_rows(sc, &left->f.info, left->come->next, rest);
	for (size_t at = 0; at < rest.n; at += rec_length(rest.p + at))
		left->come->next++;
}

static void take_tails(struct recover_scan *sc)
{
	struct recover_report *out = sc->out;

	if (out->n_tails > 0)
		qsort(out->tails, out->n_tails, sizeof *out->tails, tail_cmp);
	for (size_t i = 0; i < out->n_tails; i++) {
		struct str bytes = out->tails[i].bytes;
		struct rec_head head;
		struct rec_id id;
		size_t len;

		while (rec_glance(bytes, &head, &id, &len) == REC_READ_OK) {
			recover_take(sc, &head, id, bytes.p);
			out->records++;
			bytes = str_skip(bytes, len);
		}
	}
}

int recover_fronts(struct recover_scan *sc, const char *folder)
{
	struct front_list *l = &sc->out->fronts;
	struct left *left;
	size_t n = 0;
	int rc = 0;

	if (front_list_read(l, folder, sc->err, sc->err_len) != 0)
		return -1;
	left = calloc(l->n + 1, sizeof *left);
	tg_assert(left != NULL);
	for (size_t i = 0; i < l->n && rc == 0; i++) {
		rc = left_open(sc, folder, l->v[i], &left[n]);
		n += left[n].come != NULL;
	}
	if (n > 0)
		qsort(left, n, sizeof *left, left_cmp);
	if (sc->known.n_strays > 0)
		qsort(sc->known.strays, sc->known.n_strays, sizeof(uint64_t), print_cmp);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			take_left(sc, &left[i]);
		front_read_close(&left[i].f);
	}
	take_tails(sc);
	free(left);
	return rc;
}
