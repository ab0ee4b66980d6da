/*
 * cred_google.h: tokens for Google's cloud (io/cred.h) from what Google hands out as a JSON file:
 * the key of a service account, which signs an assertion (RFC 7523) that its token endpoint takes,
 * or the refresh token of a user (gcloud auth application-default login).
 */
#ifndef TG_CORE_CRED_GOOGLE_H
#define TG_CORE_CRED_GOOGLE_H

#include <stdbool.h>

#include "io/cred.h"

extern const struct cred_kind cred_google; /* arg[0]: the file's text */

/* Is it such a text, rather than an API key? */
bool cred_google_is(struct str key);
/* Can it be used? -1 with why. */
int cred_google_check(struct str json, char *why, size_t why_len) TG_MUST_CHECK;

/*
 * The assertion of a service account, good from now on for an hour: three parts in base64url,
 * signed with RS256, into buf. STR_NONE with why.
 */
struct str cred_google_assertion(
	struct str json, wall_us now, char *buf, size_t cap, char *why, size_t why_len);

#endif
