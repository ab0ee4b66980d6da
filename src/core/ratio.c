/*
 * ratio.c: see ratio.h. A list: it is searched at load only.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/defs.h"
#include "core/ratio.h"

struct ratio {
	struct ratio *next;
	struct str provider, model;
	struct est_ratio r;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ratio *first;

struct est_ratio *ratio_of(struct str provider, struct str model)
{
	struct ratio *e;

	pthread_mutex_lock(&lock);
	for (e = first; e != NULL; e = e->next)
		if (str_eq(e->model, model) && str_eq(e->provider, provider))
			break;
	if (e == NULL) {
		e = calloc(1, sizeof(*e));
		tg_assert(e != NULL);
		e->provider = str_mk(str_dup(provider), provider.n);
		e->model = str_mk(str_dup(model), model.n);
		e->next = first;
		first = e;
	}
	pthread_mutex_unlock(&lock);
	return &e->r;
}

struct est_ratio *ratio_of_none(void)
{
	static struct est_ratio none;

	return &none;
}
