/*
 * fuzz_redis.c: what a Redis server may send. The first byte says how large the pieces are that the
 * rest arrives in. Whatever it is: replies keep to their limits and end where they are cut
 * elsewhere, and what is read out of them (INFO, slots of a cluster, redirections, a primary's
 * address) stays inside its bounds. No connection is made: the loop never turns.
 */
#include <stdlib.h>

#include "redis/redis_codec.h"
#include "redis/redis_info.h"
#include "redis/redis_int.h"
#include "redis/redis_slot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct redis_limits limits = { 20000, 500 };

struct seen {
	size_t n_replies, n_bytes, n_items;
	uint64_t hash;
	enum redis_read end;
};

static void mix(struct seen *s, struct str bytes, uint64_t what)
{
	s->hash = (s->hash ^ str_hash(bytes) ^ what) * 0x9e3779b97f4a7c15u;
}

/* Every byte is read. */
static void walk(
	struct seen *s, const struct redis_value *v, size_t *bytes, size_t *items, unsigned depth)
{
	int64_t number;

	tg_assert(depth < 16);
	mix(s, v->text, (uint64_t)v->kind * 31 + (uint64_t)v->number + v->n_items);
	*bytes += v->text.n;
	*items += v->n_items;
	tg_assert(v->kind == REDIS_ARRAY || v->n_items == 0);
	if (redis_value_i64(v, &number) == 0)
		tg_assert(v->kind == REDIS_INT || v->kind == REDIS_STRING);
	for (size_t i = 0; i < v->n_items; i++)
		walk(s, redis_value_at(v, i), bytes, items, depth + 1);
	tg_assert(redis_value_at(v, v->n_items)->kind == REDIS_NIL);
}

static void read_as_info(const struct redis_value *v)
{
	struct redis_info info;
	const char *why = NULL;

	if (redis_info_parse(v->text, &info, &why) != 0)
		return;
	tg_assert(info.server.run_id[0] != '\0' && info.server.version > 0);
	tg_assert(strlen(info.server.run_id) < sizeof info.server.run_id);
	tg_assert(strlen(info.server.version_text) < sizeof info.server.version_text);
	tg_assert(strlen(info.server.policy) < sizeof info.server.policy);
}

static void read_as_address(const struct redis_value *v)
{
	struct redis_url u = { .tls = true };

	if (redis_sentinel_address(v, &u) == 0)
		tg_assert(u.port > 0 && u.host[0] != '\0' && strlen(u.host) < sizeof u.host);
}

static void on_node(struct redis_node *n, const char *why, void *arg)
{
	(void)n;
	(void)why;
	(void)arg;
}

static void on_server(struct redis_node *n, const struct redis_server *s, void *arg)
{
	(void)n;
	(void)s;
	(void)arg;
}

static void read_as_slots(struct redis *r, const struct redis_value *v)
{
	const char *why = NULL;
	bool taken = redis_cluster_take(r, v, &r->seeds[0], &why) == 0;

	tg_assert(taken || why != NULL);
	for (unsigned slot = 0; taken && slot < REDIS_SLOTS; slot++) {
		struct redis_node *n = redis_node_of_slot(r, slot);

		tg_assert(n == NULL || n->used);
	}
	if (v->kind == REDIS_ERROR)
		redis_cluster_on_error(list_empty(&r->nodes)
					       ? redis_node_new(r)
					       : list_entry(r->nodes.next, struct redis_node, node),
			v);
}

static struct redis *cluster_new(struct event_base *base)
{
	static const struct redis_events events = { on_server, on_node, NULL };
	struct redis_conf conf = {
		.mode = REDIS_CLUSTER, .n_urls = 1, .urls[0] = STR("redis://:p@[::1]:1")
	};
	char err[200];

	return redis_new(base, NULL, &conf, &events, NULL, err, sizeof err);
}

static void take(struct seen *s, const struct redis_value *v, struct redis *r)
{
	size_t bytes = 0, items = 0;

	walk(s, v, &bytes, &items, 0);
	tg_assert(bytes <= limits.max_bytes && items <= limits.max_items);
	s->n_replies++;
	s->n_bytes += bytes;
	s->n_items += items;
	if (r == NULL)
		return;
	read_as_info(v);
	read_as_address(v);
	read_as_slots(r, v);
}

/* In pieces of that size; r: look into replies too. */
static struct seen run(const char *p, size_t n, size_t piece, struct redis *r)
{
	struct seen s = { .end = REDIS_READ_MORE };
	const struct redis_value *v;
	struct redis_reader reader;

	redis_reader_init(&reader, limits);
	for (size_t at = 0; at < n && s.end == REDIS_READ_MORE; at += piece) {
		size_t len = TG_MIN(piece, n - at);

		if (redis_reader_feed(&reader, p + at, len) != 0) {
			s.end = REDIS_READ_BAD;
			break;
		}
		while ((s.end = redis_reader_next(&reader, &v)) == REDIS_READ_REPLY)
			take(&s, v, r);
	}
	tg_assert((s.end == REDIS_READ_BAD) == (reader.error[0] != '\0'));
	redis_reader_fini(&reader);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base; /* one for all: its descriptors are what is slow */
	struct redis *r;
	struct seen a, b;
	char *copy;

	if (size < 2)
		return 0;
	copy = malloc(size - 1);
	if (base == NULL)
		base = event_base_new();
	r = base != NULL ? cluster_new(base) : NULL;
	tg_assert(copy != NULL && r != NULL);
	memcpy(copy, data + 1, size - 1);
	a = run(copy, size - 1, (size_t)data[0] + 1, r);
	b = run(copy, size - 1, 100000, NULL);
	/* Cut elsewhere it is the same, unless it was too long in one way and not in the other. */
	if (size < limits.max_bytes && size < REDIS_LINE_MAX)
		tg_assert(a.n_replies == b.n_replies && a.hash == b.hash && a.end == b.end);
	redis_free(r);
	free(copy);
	return 0;
}
