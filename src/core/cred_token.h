/*
 * cred_token.h: bearer tokens from outside (io/cred.h): a file that somebody else writes anew
 * (token_file), or what a command prints (token_command). Both may be the token alone, or JSON as
 * token endpoints and command line tools print it: access_token, accessToken or token, with
 * expires_in, expires_on or expires_at.
 */
#ifndef TG_CORE_CRED_TOKEN_H
#define TG_CORE_CRED_TOKEN_H

#include "io/cred.h"

extern const struct cred_kind cred_token_file;    /* arg[0]: the file */
extern const struct cred_kind cred_token_command; /* arg[0]: a shell command; 60 s at most */

/*
 * A token from the text of a file, of a command or of a token endpoint, as cred_got_bearer, with
 * when it expires: by the JSON, or by the "exp" of a JSON web token. -1 with why.
 */
int cred_token_read(struct cred_got *g, struct str text) TG_MUST_CHECK;

#endif
