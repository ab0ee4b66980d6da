/*
 * quota_text.h: figures of limits as text, for whoever may see them. Any thread.
 */
#ifndef TG_CORE_QUOTA_TEXT_H
#define TG_CORE_QUOTA_TEXT_H

#include "core/plan_quota.h"
#include "proto/outbuf.h"

#define QUOTA_AMOUNT_LEN 32
/* Plain decimals: USD of a cost ("12.5"), a number of anything else. Returns the length, no NUL. */
size_t quota_amount_put(char out[QUOTA_AMOUNT_LEN], enum quota_dim dim, int64_t v);

/* Is the account the key's or the tenant's, whose figures they may see? */
bool quota_is_own(const struct quota_account *a);
/* "limit", "reserved", "credit", "overdraft". */
struct str quota_slot_source(const struct quota_slot *s);
/* {"scope":...,"dimension":...,"limit":...,"account":...,"used":...,"held":...,"free":...,"resets":...}.
 * Of a limit that others share `used` is theirs, too, as far as they have told. shares: also what
 * this process has of it, and what all have (control thread).
 */
void quota_slot_json(
	struct outbuf *b, const struct quota_slot *s, struct quota_time now, bool shares);

/*
 * Field lines about the narrowest own limit on requests and on tokens of these accounts: RateLimit
 * and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10), and the vendor's own. Returns the
 * length; 0: there are no such limits, or cap is too small.
 */
#define QUOTA_FIELDS_MAX 768
size_t quota_fields_put(char out[QUOTA_FIELDS_MAX], struct quota_account *const *account,
	unsigned n, bool anthropic, struct quota_time now);

#endif
