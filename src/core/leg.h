/*
 * leg.h: one exchange with a target as money sees it: what it may cost, how far it went, what it
 * cost. A request has one at a time; a retry is a new leg. In the request.
 */
#ifndef TG_CORE_LEG_H
#define TG_CORE_LEG_H

#include "core/hold_mode.h"
#include "core/meter_api.h"
#include "core/settle.h"
#include "ledger/record.h"

struct req;
struct price;
struct route_target;

struct leg {
	uint8_t no; /* from 1; 0: none has begun */
	const struct route_target *route;
	const struct price *price; /* in force when the request began; NULL: no entry */
	struct usage bound; /* at most this is let come: all that may, or what is held of it */
	struct rec_money bound_money;
	enum hold_mode mode;
	uint64_t most_output;                  /* tokens, whatever is held of it */
	pico_usd most_contracted, most_billed; /* the same */

	/* how far it went */
	bool sent, sent_whole, complete;
	bool by_gateway; /* a clock of ours ended it after the answer had begun, or while it was
			    read on without its client */
	int status;      /* the provider's; 0: none came */
	struct str provider_request_id;

	/* what it cost: once `charged` */
	bool charged;
	enum settle_charge charge;
	enum rec_quality quality;
	struct usage usage;
	struct rec_money money;
	struct str region; /* where it was served, as the answer or the target says */
};

/* Begin the next leg, to r->route: price and bound. */
void leg_begin(struct req *r);
/* The model of a form came behind its file, when the leg had begun: r->route is its now. The hold
 * stays as it was written. */
void leg_model_found(struct req *r);
/* Has its model no price, and is not to be served for that? */
bool leg_is_refused(const struct req *r);
/* Would it be, if it were sent to t, a route of its model? */
bool leg_would_be_refused(const struct req *r, const struct route_target *t);
/* It is over: decide, and rate. Once; later calls change nothing. */
void leg_charge(struct req *r, enum settle_by by);
/* Whose rules the leg in work is metered by: its endpoint's, or its provider's when translated. */
enum meter_api leg_api(const struct req *r);
/* Is this a path that providers bill (and not one of files, lists and counts)? */
bool leg_is_billed(const struct req *r);
/*
 * It is settled: did a provider work on the request? Its own errors and refusals for load are no
 * request of the tenant's: a leg before the last one, which ended so or there would be no other,
 * only when it cost something.
 */
bool leg_request_counts(const struct req *r);
/* Pictures, films, speeches: as many as were asked for, or came; 0: it makes none. */
uint32_t leg_generations(const struct req *r);
/* What the tenant would pay at most for such a usage, in nano-USD; for the question how much fits.
 */
int64_t leg_bound_billed(const struct req *r, const struct usage *worst);
/* The same in pico-USD, of a model without a price too. */
pico_usd leg_most_billed(const struct req *r, const struct usage *worst);
/* Bound to so many tokens of output from here on, and to the input that the provider has told. */
void leg_hold_output(struct req *r, uint64_t tokens);
/* The target's policy for clients that go, `auto` resolved. */
enum abort_policy leg_abort_policy(const struct req *r);

/* A PROGRESS: what was used so far, and what the leg costs at most now that this is known. */
void leg_progress(struct req *r, struct usage *seen, struct rec_money *most);

/* For records; strings are the request's. */
void leg_who(const struct req *r, struct rec_who *who);
void leg_what(const struct req *r, struct rec_what *what);

#endif
