/*
 * label.c: the table of interned names. Grows under a lock at load; readers see a published count
 * and pointers that never move.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/defs.h"
#include "base/map.h"
#include "core/label.h"

#define LABEL_PAGE  1024
#define LABEL_PAGES 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map by_name; /* under the lock: the number, as a pointer */
static struct str *pages[LABEL_PAGES];
static _Atomic unsigned n_labels = 1; /* 0 is LABEL_NONE */

static struct str *label_slot(unsigned i)
{
	return &pages[i / LABEL_PAGE][i % LABEL_PAGE];
}

unsigned label_intern(struct str name)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = (unsigned)(uintptr_t)map_get(&by_name, name);
	if (n != LABEL_NONE) {
		pthread_mutex_unlock(&lock);
		return n;
	}
	n = atomic_load_explicit(&n_labels, memory_order_relaxed);
	tg_assert(n < LABEL_PAGE * LABEL_PAGES);
	if (pages[n / LABEL_PAGE] == NULL) {
		pages[n / LABEL_PAGE] = calloc(LABEL_PAGE, sizeof(struct str));
		tg_assert(pages[n / LABEL_PAGE] != NULL);
	}
	*label_slot(n) = str_mk(str_dup(name), name.n);
	map_put(&by_name, *label_slot(n), (void *)(uintptr_t)n);
	atomic_store_explicit(&n_labels, n + 1, memory_order_release);
	pthread_mutex_unlock(&lock);
	return n;
}

struct str label_text(unsigned label)
{
	if (label == LABEL_NONE || label >= atomic_load_explicit(&n_labels, memory_order_acquire))
		return STR_NONE;
	return *label_slot(label);
}
