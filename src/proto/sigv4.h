/*
 * sigv4.h: AWS Signature Version 4 (AWS General Reference, "Signing AWS API requests") for the
 * header fields of one request. Pure: the time is an argument, memory comes from the caller's
 * arena.
 *
 * The path is given as it goes over the wire, encoded once: its canonical form is encoded again,
 * as all services but S3 want it ("...-v1:0" goes as "v1%3A0" and is signed as "v1%253A0").
 */
#ifndef TG_PROTO_SIGV4_H
#define TG_PROTO_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct sigv4_field {
	struct str name; /* any case */
	struct str value;
};

struct sigv4_request {
	struct str method;
	struct str path;  /* of the target, without its query */
	struct str query; /* without '?', as sent */
	/* The fields that are signed, x-amz-date and host among them; any order. */
	const struct sigv4_field *field;
	size_t n_fields;
	char payload_hash[64]; /* hex SHA-256 of the exact body */
	bool keep_path;        /* dot segments and double slashes are signed as they are */
};

struct sigv4_key {
	struct str access, secret;
	struct str region, service;
};

#define SIGV4_FIELDS 32
#define SIGV4_PARAMS 32

/* "20260102T030405Z" of unix seconds, with a NUL. */
void sigv4_time(int64_t unix_s, char out[17]);
/* Unix seconds of such a text; -1: it is none. For the verifying side. */
int64_t sigv4_time_parse(struct str text);
void sigv4_hash_payload(struct str body, char out[64]);

/* The texts that are signed. p == NULL: no memory, or more fields or parameters than there is room
 * for. *signed_fields gets "content-type;host;...". */
struct str sigv4_canonical(
	struct arena *a, const struct sigv4_request *r, struct str *signed_fields);
struct str sigv4_string_to_sign(
	struct arena *a, const struct sigv4_key *k, const char time[17], struct str canonical);
void sigv4_signature(
	const struct sigv4_key *k, const char time[17], struct str string_to_sign, char out[64]);

/* The value of the authorization field; p == NULL as above. `time` is the x-amz-date that is among
 * the fields. */
struct str sigv4_authorization(struct arena *a, const struct sigv4_request *r,
	const struct sigv4_key *k, const char time[17]);

/* What an authorization field says, as spans of it. */
struct sigv4_claim {
	struct str access, date, region, service;
	struct str signed_fields;
	struct str signature;
};
/* -1: not of this form. */
int sigv4_claim_parse(struct str authorization, struct sigv4_claim *out) TG_MUST_CHECK;

#endif
