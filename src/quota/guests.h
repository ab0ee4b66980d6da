/*
 * guests.h: accounts of those whom no configuration names: sessions and end users. Made by any
 * worker at their first request, at most so many at a time, whoever invents how many names.
 *
 *	key (secret seed, scope, id, limit, period) --hash--> a set of QUOTA_GUESTS_WAYS places
 *
 * Finding one takes no lock; of a set one thread at a time makes one. When a set is full the
 *account goes that has nothing to remember, or else the one that was not used for longest, and what
 *it had is forgotten; those of requests in work stay. All of them in work: there is no place.
 */
#ifndef TG_QUOTA_GUESTS_H
#define TG_QUOTA_GUESTS_H

#include <stddef.h>

#include "quota/account.h"

#define QUOTA_GUESTS_WAYS 16
#define QUOTA_GUESTS_MAX  (1u << 22)

struct quota_guests;

/* max: rounded up to a power of two; seed: random and secret. NULL: no memory. */
#define QUOTA_GUESTS_SEED 16
struct quota_guests *quota_guests_new(
	size_t max, const uint8_t seed[QUOTA_GUESTS_SEED]) TG_MUST_CHECK;
/* When nobody has a reference any more. */
void quota_guests_free(struct quota_guests *g);

struct quota_guest {
	struct str scope; /* "session:acme": name and limit make the account's name */
	struct str id;    /* any bytes */
	const struct quota_limit *limit;
	const struct period *period; /* of a stock; otherwise NULL */
};

/*
 * Any thread: the account, made when there is none, with a reference for the caller. Its limit is
 * the one given. NULL: no place, or no memory.
 */
struct quota_account *quota_guests_get(
	struct quota_guests *g, const struct quota_guest *who, struct quota_time now) TG_MUST_CHECK;
/* How many there are; how many were forgotten though they had something, ever. */
size_t quota_guests_count(const struct quota_guests *g);
uint64_t quota_guests_forgotten(const struct quota_guests *g);

#endif
