/*
 * conn_count.c: connections per client address, over all workers. A table of counters by hash,
 * under a mutex: taken once per connection, not per request. Different addresses that share a slot
 * share a count, which errs on the safe side only for addresses whose 64 bit hashes agree.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/conn.h"

#define COUNT_MIN_CAP 1024

static struct {
	pthread_mutex_t lock;
	struct {
		uint64_t hash; /* 0: free */
		unsigned n;
	} * slot;
	size_t cap, used;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t count_find(uint64_t hash)
{
	size_t i = hash & (table.cap - 1);

	while (table.slot[i].hash != 0 && table.slot[i].hash != hash)
		i = (i + 1) & (table.cap - 1);
	return i;
}

/* A new table without the addresses that have no connection left. */
static void count_rebuild(size_t cap)
{
	typeof(table.slot) old = table.slot;
	size_t old_cap = table.cap, at;

	table.slot = calloc(cap, sizeof(*table.slot));
	tg_assert(table.slot != NULL);
	table.cap = cap;
	table.used = 0;
	for (size_t i = 0; i < old_cap; i++) {
		if (old[i].hash == 0 || old[i].n == 0)
			continue;
		at = count_find(old[i].hash);
		table.slot[at] = old[i];
		table.used++;
	}
	free(old);
}

uint64_t conn_addr_hash(struct str text)
{
	return str_hash(text) | 1;
}

unsigned conn_addr_count_add(uint64_t addr_hash, int delta)
{
	worker_connections_add(delta);
	return conn_addr_count_more(addr_hash, delta);
}

unsigned conn_addr_count_more(uint64_t addr_hash, int delta)
{
	unsigned n;
	size_t i;

	if (addr_hash == 0)
		return 0;
	pthread_mutex_lock(&table.lock);
	if (table.cap == 0)
		count_rebuild(COUNT_MIN_CAP);
	if (table.used * 2 >= table.cap) {
		count_rebuild(table.cap);
		if (table.used * 4 >= table.cap)
			count_rebuild(table.cap * 2);
	}
	i = count_find(addr_hash);
	if (table.slot[i].hash == 0) {
		table.slot[i].hash = addr_hash;
		table.used++;
	}
	n = table.slot[i].n += (unsigned)delta;
	pthread_mutex_unlock(&table.lock);
	return n;
}
