/*
 * settle.h: what is charged for one exchange with a provider (a leg), from how it ended. The one
 * table of terminal events; every end of every leg is decided here. Pure.
 */
#ifndef TG_CORE_SETTLE_H
#define TG_CORE_SETTLE_H

#include <stdbool.h>

#include "ledger/record.h"
#include "money/usage.h"

enum abort_policy {            /* what is done with a provider's answer whose client has gone */
	ABORT_AUTO,            /* as the provider is known to bill */
	ABORT_CANCEL_ESTIMATE, /* cancel: it bills what it made so far */
	ABORT_DRAIN,           /* read to the end: it bills the whole answer anyway */
	ABORT_CANCEL_FREE,     /* cancel: it bills nothing then */
};

enum indeterminate_policy {  /* a request was sent, and no status came back */
	INDETERMINATE_NONE,  /* nothing is charged */
	INDETERMINATE_INPUT, /* its input, estimated */
	INDETERMINATE_BOUND, /* all that it may have used */
};

enum settle_by {            /* who ended it */
	SETTLE_BY_PROVIDER, /* its answer was whole, or broke off, or never came */
	SETTLE_BY_CLIENT,   /* gone, or too slow */
	SETTLE_BY_GATEWAY,  /* the drain's end, or a refusal of ours; a clock, once an answer had
			       begun */
};

struct settle_in {
	bool sent;               /* bytes of the request went to the provider */
	bool sent_whole;         /* all of them */
	int status;              /* the provider's; 0: none came */
	bool complete;           /* the answer came whole, to its end marker where it has one */
	enum usage_source usage; /* what its figures are, of those that were read */
	bool billed;             /* a path that providers bill */
	bool read;               /* whose answers say what was used */
	bool stream;
	enum settle_by by;
	enum abort_policy policy; /* never ABORT_AUTO */
	enum indeterminate_policy indeterminate;
};

enum settle_charge {
	CHARGE_VOID,     /* nothing: the provider does not know of it */
	CHARGE_NOTHING,  /* nothing, and it was a request */
	CHARGE_USAGE,    /* the provider's figures */
	CHARGE_ESTIMATE, /* the whole answer, estimated */
	CHARGE_PARTIAL,  /* the input, and what of the answer had come */
	CHARGE_INPUT, /* the input, estimated; at its bound when the body does not show all of it */
	CHARGE_BOUND, /* the hold: it may have used all of that */
	CHARGE_UNREAD, /* a stated price: nobody reads what this path used */
};

struct settle_out {
	enum settle_charge charge;
	enum rec_quality quality;
};

struct settle_out settle_decide(const struct settle_in *in);

#endif
