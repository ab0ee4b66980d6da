/*
 * cred_aws.h: AWS credentials (io/cred.h), from the first of these that has any, as AWS' own tools
 * look for them: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; not
 * when a profile is named), the shared credentials file, the container's endpoint
 * (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI).
 */
#ifndef TG_CORE_CRED_AWS_H
#define TG_CORE_CRED_AWS_H

#include "io/cred.h"

enum { CRED_AWS_ID, CRED_AWS_SECRET, CRED_AWS_SESSION }; /* parts; the last may be empty */

extern const struct cred_kind cred_aws; /* arg[0]: the profile; empty: AWS_PROFILE, or default */

/* The profile's keys in the text of a shared credentials file. 0; -1 with why. */
int cred_aws_read_profile(struct cred_got *g, struct str text, struct str profile) TG_MUST_CHECK;
/* A container endpoint's answer: AccessKeyId, SecretAccessKey, Token, Expiration. 0; -1 with why.
 */
int cred_aws_read_json(struct cred_got *g, struct str text) TG_MUST_CHECK;
/* The region in a host's name (bedrock-runtime.us-east-1.amazonaws.com, VPC endpoints' and FIPS'
 * too); STR_NONE: there is none in it. Pure. */
struct str cred_aws_region_of(struct str host);

#endif
